//! `user`: from its words to the use case, and the list of users as text.

use clap::ArgMatches;
use sockeye::core::{Fault, SessionId};
use sockeye::user::{self, Credential, Outcome, Request};
use sockeye::wire::auth::Kind;
use sockeye::{End, Views};

use crate::fault::safe;
use crate::grammar::{read, refuse, verbs};
use crate::ui::columns::padded;
use crate::ui::output::Output;
use crate::words::Words;

/// Runs `user` as it was typed.
pub(crate) fn run(matches: &ArgMatches, words: &Words, stdout: &Output, views: &Views) -> Result<End, Fault> {
    let Some((word, own)) = matches.subcommand() else {
        let choices = verbs::find("user").map(verbs::Verb::choices).unwrap_or_default();
        return Err(refuse::usage("user", "missing", &choices));
    };
    let text = |id| read::value(own, id).map(str::to_owned);
    let name = text("NAME").unwrap_or_default();
    let request = match word {
        "add" if read::has(own, "token") => Request::Add { name, credential: Credential::Token },
        "add" => {
            let (iterations, file) = (text("iterations"), text("password-file"));
            Request::Add { name, credential: Credential::Password { iterations, file } }
        }
        "remove" => Request::Remove { name },
        _ => Request::List,
    };
    let path = read::value(own, "users").unwrap_or(user::FILE);
    match user::run(path, &request, &*views.watcher)? {
        Outcome::Done(note, token) => {
            if let Some(token) = token {
                stdout.push(format!("{}\n", token.reveal()).as_bytes());
            }
            views.watcher.note(SessionId::default(), &note);
        }
        Outcome::Listed(list) => {
            for (name, kind) in list {
                let key = match kind {
                    Kind::Password => "user-password",
                    Kind::Token => "user-tokens",
                };
                let line = format!("{} {}\n", padded(&safe(&name), 24), words.plain(key));
                stdout.push(line.as_bytes());
            }
        }
    }
    Ok(End::Done)
}
