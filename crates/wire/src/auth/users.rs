//! The users file: who may come in, one credential a line, as `sockeye user` writes it and people may edit it.
//!
//! ```text
//! # decoy: BASE64(32 random bytes)
//! # other comments and empty lines stay where they are
//! alice:SCRAM-SHA-256$600000:SALT$STOREDKEY:SERVERKEY
//! robot:BEARER$BASE64(SHA-256 of the token)
//! ```
//!
//! A verifier is written as PostgreSQL writes it, with base64 for keys and salt. In a name, `%XX` stands for a byte;
//! `%`, `:`, `#`, white space and what is not seen are written so. A user has at most one password and one token. Lines
//! of a kind that is not known here are kept, and let nobody in.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

use super::token::{Token, TokenDigest};
use crate::escape::is_safe;
use crate::scram::{DecoySecret, MAX_ITERATIONS, MIN_ITERATIONS, Name, SALT_MAX, Verifier};

/// The longest file that is read, in bytes: 4 MiB, about 25,000 users.
pub const FILE_MAX: usize = 4 << 20;

const SCRAM: &str = "SCRAM-SHA-256";
const BEARER: &str = "BEARER";

/// A comment to whoever does not know better.
const DECOY: &str = "# decoy: ";

/// What a line lets a user in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A password, kept as a verifier.
    Password,
    /// A token, kept as a digest.
    Token,
}

/// What setting a credential did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// The user had none of its kind.
    Added,
    /// It took the place of another.
    Replaced,
}

/// Why a text is no users file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadUsers {
    /// It is longer than [`FILE_MAX`].
    #[error("over {FILE_MAX} bytes")]
    TooLong,
    /// A line that cannot be read.
    #[error("line {line}: {what}")]
    Line {
        /// Which, counted from 1.
        line: usize,
        /// What is wrong.
        what: BadLine,
    },
}

macro_rules! bad_lines {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What is wrong with a line of a users file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum BadLine { $($(#[$doc])* $name,)* }

        impl BadLine {
            /// All there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word for it: lower case with hyphens, never translated.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

bad_lines! {
    /// There is no colon after a name.
    NoColon = "no-colon";
    /// The name has a `%` without two hex digits, or is not UTF-8.
    NameEscape = "name-escape";
    /// The name is empty, too long, or has characters that no name can have.
    Name = "bad-name";
    /// There is no `$` after the kind of credential.
    NoKind = "no-kind";
    /// The digest of a token is no base64 of 32 bytes.
    Digest = "bad-digest";
    /// A verifier that is not `ITERATIONS:SALT$STOREDKEY:SERVERKEY`.
    Shape = "bad-verifier";
    /// The iterations are no number from [`MIN_ITERATIONS`] to [`MAX_ITERATIONS`].
    Iterations = "bad-iterations";
    /// The salt is no base64 of 1 to [`SALT_MAX`] bytes.
    Salt = "bad-salt";
    /// A key is no base64 of 32 bytes.
    Key = "bad-key";
    /// The user stands in the file already, with a credential of this kind.
    Repeated = "repeated-user";
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The users of a server.
#[derive(Clone, Debug, Default)]
pub struct Users {
    lines: Vec<Line>,
    /// Where each user's password is.
    passwords: BTreeMap<Name, usize>,
    /// The same places in the order of the file.
    places: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Line {
    /// A comment, an empty line, or a kind that is not known: as it stands.
    Other(String),
    Password(Name, Verifier),
    Token(Name, TokenDigest),
}

impl Line {
    fn credential(&self) -> Option<(&Name, Kind)> {
        match self {
            Self::Other(_) => None,
            Self::Password(name, _) => Some((name, Kind::Password)),
            Self::Token(name, _) => Some((name, Kind::Token)),
        }
    }
}

impl Users {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, BadUsers> {
        if text.len() > FILE_MAX {
            return Err(BadUsers::TooLong);
        }
        let mut users = Self::default();
        let mut tokens = BTreeMap::new();
        // Editors put a mark before UTF-8, and a CR before LF, or before nothing.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (at, text) in text.lines().enumerate() {
            let text = text.trim_end_matches('\r');
            let bad = |what| BadUsers::Line { line: at + 1, what };
            let line = read_line(text).map_err(bad)?;
            let again = match &line {
                Line::Other(_) => false,
                Line::Password(name, _) => users.passwords.insert(name.clone(), at).is_some(),
                Line::Token(name, _) => tokens.insert(name.clone(), at).is_some(),
            };
            if again {
                return Err(bad(BadLine::Repeated));
            }
            users.lines.push(line);
        }
        users.index();
        Ok(users)
    }

    /// The file's text. What [`parse`](Self::parse) read comes out in the same order.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.lines.len() * 256));
        for line in &self.lines {
            // Writing to memory does not fail.
            let _ = match line {
                Line::Other(other) => writeln!(text, "{other}"),
                Line::Password(name, verifier) => {
                    let Verifier { salt, iterations, stored, server } = verifier;
                    let (salt, stored, server) = (encode(salt), encode(stored), encode(server));
                    let name = escaped(name);
                    writeln!(text, "{name}:{SCRAM}${iterations}:{}${}:{}", *salt, *stored, *server)
                }
                Line::Token(name, digest) => {
                    writeln!(text, "{}:{BEARER}${}", escaped(name), *encode(&digest.0))
                }
            };
        }
        text
    }

    /// What salts of users that do not exist are made from. It stands in the file, so that they stay the same when a
    /// server starts anew, as those of real users do.
    pub fn decoy_secret(&self) -> Option<DecoySecret> {
        let bytes = self.lines.iter().find_map(|line| match line {
            Line::Other(text) => key(text.strip_prefix(DECOY)?),
            _ => None,
        });
        bytes.map(DecoySecret::new)
    }

    /// Puts 32 random bytes into the file to make such salts from, unless there are some.
    pub fn keep_decoy_secret(&mut self, bytes: &[u8; 32]) {
        if self.decoy_secret().is_none() {
            self.lines.insert(0, Line::Other(format!("{DECOY}{}", *encode(bytes))));
            self.index();
        }
    }

    /// Who has what, in the order of the file.
    pub fn list(&self) -> impl Iterator<Item = (&Name, Kind)> {
        self.lines.iter().filter_map(Line::credential)
    }

    /// Gives a user a password.
    pub fn set_password(&mut self, name: Name, verifier: Verifier) -> Set {
        self.set(Line::Password(name, verifier))
    }

    /// Gives a user a token.
    pub fn set_token(&mut self, name: Name, digest: TokenDigest) -> Set {
        self.set(Line::Token(name, digest))
    }

    /// Takes all of a user's credentials away; says how many there were.
    pub fn remove(&mut self, name: &Name) -> usize {
        let before = self.lines.len();
        self.lines.retain(|line| line.credential().is_none_or(|(other, _)| other != name));
        self.index();
        before - self.lines.len()
    }

    /// The same users without their credentials of one kind.
    #[must_use]
    pub fn without(&self, kind: Kind) -> Self {
        let stays = |line: &&Line| line.credential().is_none_or(|(_, other)| other != kind);
        let mut users = Self { lines: self.lines.iter().filter(stays).cloned().collect(), ..Self::default() };
        users.index();
        users
    }

    /// A user's verifier.
    pub fn verifier(&self, name: &Name) -> Option<&Verifier> {
        match self.lines.get(*self.passwords.get(name)?) {
            Some(Line::Password(_, verifier)) => Some(verifier),
            _ => None,
        }
    }

    /// Whose token it is. Looks at all of them, so that the time tells nothing.
    pub fn bearer(&self, token: &Token) -> Option<&Name> {
        let digest = token.digest();
        let mut found = None;
        for (name, other) in self.tokens() {
            if digest.fits(other) {
                found = Some(name);
            }
        }
        found
    }

    pub(super) fn verifiers(&self) -> impl Iterator<Item = &Verifier> {
        self.places.iter().filter_map(|at| match self.lines.get(*at) {
            Some(Line::Password(_, verifier)) => Some(verifier),
            _ => None,
        })
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = (&Name, &TokenDigest)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Token(name, digest) => Some((name, digest)),
            _ => None,
        })
    }

    /// A user's verifier, or one that looks like a user's. Both take the same work.
    pub(super) fn verifier_or_decoy(&self, name: &Name, secret: &DecoySecret) -> Verifier {
        let like = self.places.get(secret.pick(name, self.places.len()));
        let like = like.and_then(|at| match self.lines.get(*at) {
            Some(Line::Password(_, verifier)) => Some(verifier),
            _ => None,
        });
        let decoy = Verifier::decoy(secret, name, like);
        self.verifier(name).unwrap_or(&decoy).clone()
    }

    fn set(&mut self, new: Line) -> Set {
        let same = |line: &&mut Line| line.credential() == new.credential();
        let set = if let Some(line) = self.lines.iter_mut().find(same) {
            *line = new;
            Set::Replaced
        } else {
            self.lines.push(new);
            Set::Added
        };
        self.index();
        set
    }

    fn index(&mut self) {
        let passwords = self.lines.iter().enumerate().filter_map(|(at, line)| match line {
            Line::Password(name, _) => Some((name.clone(), at)),
            _ => None,
        });
        self.passwords = passwords.collect();
        self.places = self.passwords.values().copied().collect();
        self.places.sort_unstable();
    }
}

fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE64_STANDARD.encode(bytes))
}

fn read_line(text: &str) -> Result<Line, BadLine> {
    let line = text.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(Line::Other(text.to_owned()));
    }
    let (name, credential) = line.split_once(':').ok_or(BadLine::NoColon)?;
    let name = unescaped(name).ok_or(BadLine::NameEscape)?;
    let name = Name::new(&name).map_err(|_| BadLine::Name)?;
    let (kind, value) = credential.split_once('$').ok_or(BadLine::NoKind)?;
    match kind {
        SCRAM => Ok(Line::Password(name, read_verifier(value)?)),
        BEARER => {
            let digest = key(value).ok_or(BadLine::Digest)?;
            Ok(Line::Token(name, TokenDigest(digest)))
        }
        _ => Ok(Line::Other(text.to_owned())),
    }
}

/// Reads `ITER:SALT$STOREDKEY:SERVERKEY`.
fn read_verifier(text: &str) -> Result<Verifier, BadLine> {
    let (head, keys) = text.split_once('$').ok_or(BadLine::Shape)?;
    let (iterations, salt) = head.split_once(':').ok_or(BadLine::Shape)?;
    let (stored, server) = keys.split_once(':').ok_or(BadLine::Shape)?;
    let iterations = Some(iterations)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|count| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(count))
        .ok_or(BadLine::Iterations)?;
    let salt = BASE64_STANDARD.decode(salt).ok().filter(|salt| (1..=SALT_MAX).contains(&salt.len()));
    Ok(Verifier {
        salt: salt.ok_or(BadLine::Salt)?,
        iterations,
        stored: key(stored).ok_or(BadLine::Key)?,
        server: key(server).ok_or(BadLine::Key)?,
    })
}

fn key(text: &str) -> Option<[u8; 32]> {
    Zeroizing::new(BASE64_STANDARD.decode(text).ok()?).as_slice().try_into().ok()
}

/// A name as the file has it.
fn escaped(name: &Name) -> String {
    let mut text = String::new();
    for character in name.as_str().chars() {
        let mut buffer = [0; 4];
        let plain = character.encode_utf8(&mut buffer);
        if matches!(character, '%' | ':' | '#') || character.is_whitespace() || !is_safe(plain) {
            for byte in plain.bytes() {
                let _ = write!(text, "%{byte:02X}");
            }
        } else {
            text.push(character);
        }
    }
    text
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        bytes.push(u8::try_from(digit(0)? << 4 | digit(1)?).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}
