//! `user`: who may come in through the layer `auth`. The file keeps verifiers and digests, never a password or token.

use std::io::{self, Read as _};
use std::path::Path;

use sockeye_core::endpoint::Secret;
use sockeye_core::{Code, Fault, Note};
use sockeye_net::random;
use sockeye_wire::auth::{FILE_MAX, Kind, Set, Token, Users};
use sockeye_wire::scram::{DEFAULT_ITERATIONS, MAX_ITERATIONS, MIN_ITERATIONS, Name, Password, Verifier};

use crate::bounds::bad_value;
use crate::cert::files;
use crate::secrets::Want;
use crate::views::Watcher;

/// The file, unless another is named.
pub const FILE: &str = "users.txt";

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Request {
    /// Give a user a password or token. A user who has one of the kind gets another.
    Add {
        /// Who, as typed.
        name: String,
        /// What.
        credential: Credential,
    },
    /// Say who is there.
    List,
    /// Take all that a user has away.
    Remove {
        /// Who, as typed.
        name: String,
    },
}

/// What a user gets.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A password.
    Password {
        /// How often it is hashed, as typed. `None`: [`DEFAULT_ITERATIONS`].
        iterations: Option<String>,
        /// The file whose first line it is. `None`: it is asked for.
        file: Option<String>,
    },
    /// A new token.
    Token,
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is written. What to tell, and the token, which is shown this once.
    Done(Note, Option<Secret>),
    /// Who is there, and what each has, in the file's order.
    Listed(Vec<(String, Kind)>),
}

/// Does it. `watcher` is asked for the password.
pub fn run(path: &str, request: &Request, watcher: &dyn Watcher) -> Result<Outcome, Fault> {
    match request {
        Request::List => {
            let users = read(path, Missing::IsBad)?;
            let list = users.list().map(|(name, kind)| (name.as_str().to_owned(), kind));
            Ok(Outcome::Listed(list.collect()))
        }
        Request::Remove { name: typed } => {
            let name = name(typed)?;
            let mut users = read(path, Missing::IsBad)?;
            if users.remove(&name) == 0 {
                return Err(Fault::new(Code::UnknownUser, "").arg("name", typed).arg("path", path));
            }
            write(path, &users)?;
            Ok(Outcome::Done(Note::new("user-removed").arg("name", typed).arg("path", path), None))
        }
        Request::Add { name: typed, credential } => add(path, typed, credential, watcher),
    }
}

fn add(path: &str, typed: &str, credential: &Credential, watcher: &dyn Watcher) -> Result<Outcome, Fault> {
    let name = name(typed)?;
    let mut users = read(path, Missing::IsEmpty)?;
    users.keep_decoy_secret(&random::bytes()?);
    let (set, token) = match credential {
        Credential::Password { iterations, file } => {
            let iterations = iterations.as_deref().map_or(Ok(DEFAULT_ITERATIONS), count)?;
            let password = password(typed, file.as_deref(), watcher)?;
            let verifier = Verifier::derive(&password, &random::bytes()?, iterations);
            (users.set_password(name, verifier), None)
        }
        Credential::Token => {
            let token = Token::from_random(random::bytes()?);
            let set = users.set_token(name, token.digest());
            (set, Some(Secret::new(token.reveal())))
        }
    };
    write(path, &users)?;
    let key = match (set, &token) {
        (Set::Added, None) => "user-added",
        (Set::Replaced, None) => "user-changed",
        (_, Some(_)) => "user-token",
    };
    Ok(Outcome::Done(Note::new(key).arg("name", typed).arg("path", path), token))
}

/// A password from a file, or asked for twice.
fn password(user: &str, file: Option<&str>, watcher: &dyn Watcher) -> Result<Password, Fault> {
    let text = if let Some(path) = file {
        sockeye_net::layer::first_line(path)?
    } else {
        let missing = || Fault::new(Code::NoPassword, "").arg("name", user);
        let first = watcher.secret(Want::Password { user }).ok_or_else(missing)?;
        let second = watcher.secret(Want::Again { user }).ok_or_else(missing)?;
        if first != second {
            return Err(Fault::new(Code::PasswordsDiffer, ""));
        }
        first
    };
    Password::new(text.reveal()).map_err(|error| bad_value("password", "***").detail(error))
}

fn name(typed: &str) -> Result<Name, Fault> {
    Name::new(typed).map_err(|error| bad_value("NAME", typed).detail(error))
}

fn count(text: &str) -> Result<u32, Fault> {
    let known = text.parse().ok().filter(|count| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(count));
    let range = format!("{MIN_ITERATIONS}-{MAX_ITERATIONS}");
    known.ok_or_else(|| bad_value("--iterations", text).detail(range))
}

/// What a file that is not there means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsBad,
    IsEmpty,
}

fn read(path: &str, missing: Missing) -> Result<Users, Fault> {
    let bad = |error: &dyn std::fmt::Display| Fault::new(Code::BadFile, "").arg("path", path).detail(error);
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::IsEmpty => {
            return Ok(Users::default());
        }
        opened => opened.map_err(|error| bad(&error))?,
    };
    let mut text = String::new();
    // One more than is taken, so that a longer file is refused and not cut.
    file.take(FILE_MAX as u64 + 1).read_to_string(&mut text).map_err(|error| bad(&error))?;
    Users::parse(&text).map_err(|error| bad(&error))
}

fn write(path: &str, users: &Users) -> Result<(), Fault> {
    let text = users.text();
    if text.len() > FILE_MAX {
        return Err(Fault::new(Code::Unwritable, "")
            .arg("path", path)
            .detail(sockeye_wire::auth::BadUsers::TooLong));
    }
    files::replace(Path::new(path), text.as_bytes())
}
