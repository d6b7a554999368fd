//! The server's side of `auth`: who may come in stands in a users file, which is read again when it has changed.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sockeye_core::limits::Handshakes;
use sockeye_core::{Code, Endpoint, Fault, Kind};
use sockeye_wire::auth::{FILE_MAX, Kind as Credential, Reason, Refusal, Server, Users};
use sockeye_wire::scram::{self, ChannelBinding, DecoySecret};

use super::{At, ENTRY, Wire, fault, nonce};
use crate::errno;
use crate::layer::shake::{Failed, Here, Lines, part, shake};
use crate::layer::{Layer, Link, Prepared, Scene, Wrapping};
use crate::random;

/// Who may come in.
struct Gatekeeper {
    path: String,
    /// Makes up salts for users that do not exist. One for all connections, so that asking twice tells nothing.
    secret: DecoySecret,
    file: Mutex<UsersFile>,
}

/// The users file as it was last seen.
struct UsersFile {
    known: Known,
    /// As what the file was last found to be of no use, so that it is told, and read, once.
    useless: Option<State>,
}

/// The users of a file as it was.
struct Known {
    state: State,
    all: Arc<Users>,
    /// Those without tokens, for connections on which a token could be overheard.
    covert: Arc<Users>,
}

/// What tells a file from what it was before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is not there, or not to be seen.
    Missing,
    /// Which file it is, when it or its rights were last changed, and its size. The time alone has steps of some
    /// milliseconds, and a file that takes another's place may be older.
    There { device: u64, inode: u64, changed: (i64, i64), size: u64 },
}

impl State {
    fn of(about: &Metadata) -> Self {
        let changed = (about.ctime(), about.ctime_nsec());
        Self::There { device: about.dev(), inode: about.ino(), changed, size: about.len() }
    }
}

pub(super) fn prepare(endpoint: &Endpoint) -> Prepared {
    let Some(path) = &endpoint.params.users else {
        return Err(Fault::new(Code::Needed, "").arg("layer", ENTRY.name).arg("name", "users"));
    };
    let known = read(path)?;
    // A file written by hand may have none; then it lasts as long as this server.
    let secret = known.all.decoy_secret().map_or_else(|| random::bytes().map(DecoySecret::new), Ok)?;
    Ok(Box::new(Gatekeeper {
        path: path.clone(),
        secret,
        file: Mutex::new(UsersFile { known, useless: None }),
    }))
}

/// Reads the users.
fn read(path: &str) -> Result<Known, Fault> {
    let bad = |error: &dyn std::fmt::Display| Fault::new(Code::BadFile, "").arg("path", path).detail(error);
    let file = File::open(path).map_err(|error| bad(&error))?;
    let state = State::of(&file.metadata().map_err(|error| bad(&error))?);
    let mut text = String::new();
    // One more than is taken, so that a longer file is refused and not cut.
    file.take(FILE_MAX as u64 + 1).read_to_string(&mut text).map_err(|error| bad(&error))?;
    let all = Users::parse(&text).map_err(|error| bad(&error))?;
    let covert = Arc::new(all.without(Credential::Token));
    Ok(Known { state, all: Arc::new(all), covert })
}

impl Gatekeeper {
    /// The users of now. A file that cannot be read any more changes nothing, and is told once.
    fn users(&self, wire: Wire, scene: &Scene<'_>) -> Arc<Users> {
        let state = std::fs::metadata(&self.path).map_or(State::Missing, |about| State::of(&about));
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if state != file.known.state && file.useless != Some(state) {
            match read(&self.path) {
                Ok(known) => *file = UsersFile { known, useless: None },
                Err(fault) => {
                    file.useless = Some(state);
                    let fault = Fault { code: Code::UsersKept, ..fault };
                    (scene.on_event)(Kind::Error(&fault));
                }
            }
        }
        Arc::clone(match wire {
            Wire::Private => &file.known.all,
            Wire::Open => &file.known.covert,
        })
    }
}

impl Layer for Gatekeeper {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.auth
    }

    fn come_later(&self) -> Option<&'static [u8]> {
        Some(b"no later\n")
    }

    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            let Link { stream, local, remote, .. } = link;
            if scene.door.is_barred(&remote) {
                part(stream, &mut Reason::Later.line().into_bytes()).await;
                return Err(Fault::new(Code::AuthLater, scene.subject));
            }
            let users = self.users(Wire::of(&stream, &remote), scene);
            let binding = stream.binding().map(ChannelBinding);
            let server = Here(Server::new(users, self.secret.clone(), nonce()?, binding));
            let lines = stream.is_messages();
            let shaken = if lines { shake(stream, Lines(server)).await } else { shake(stream, server).await };
            let (stream, who) = shaken.map_err(|failed| match failed {
                Failed::Refused(refusal) => {
                    if refusal.reason() == Reason::Credentials {
                        scene.door.failed(&remote);
                    }
                    fault(&refusal, At::Server, claimed(&refusal), scene.subject)
                }
                Failed::Broke(error) => errno::running(&error, scene.subject),
            })?;
            let name = who.name.as_ref().map_or("", scram::Name::as_str);
            let kind = Kind::Authenticated { leg: scene.leg, user: name, mechanism: who.mechanism.word() };
            (scene.on_event)(kind);
            let user = Some(name.into());
            Ok(Link { stream, local, remote, user })
        })
    }
}

/// Who the client said it was.
fn claimed(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Scram { name: Some(name), .. } => name.as_str(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_a_guesser_is_a_line_of_the_protocol() {
        let path = std::env::temp_dir().join(format!("sockeye-later-{}", std::process::id()));
        std::fs::write(&path, "").unwrap();
        let endpoint = format!("auth+tcp://:0?users={}", path.display()).parse().unwrap();
        let prepared = prepare(&endpoint).map(|layer| layer.come_later());
        std::fs::remove_file(path).unwrap();
        assert_eq!(prepared.ok().flatten(), Some(Reason::Later.line().as_bytes()));
    }
}
