//! The server's side of `auth`: who may come in stands in a users file, which is read again when it has changed.

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sockeye_core::limits::Handshakes;
use sockeye_core::{Code, Endpoint, Fault, Kind};
use sockeye_wire::auth::{FILE_MAX, Kind as Credential, Reason, Refusal, Server, Users};
use sockeye_wire::scram::{self, ChannelBinding, DecoySecret};

use super::{At, ENTRY, fault, nonce};
use crate::errno;
use crate::layer::shake::{Failed, Here, Lines, part, shake};
use crate::layer::{Layer, Link, Prepared, Scene, Wrapping};
use crate::random;

/// Who may come in.
struct Gatekeeper {
    path: String,
    /// Makes up salts for users that do not exist. One for all connections, so that asking twice tells nothing.
    secret: DecoySecret,
    known: RefCell<Known>,
    /// When the file was found not to be readable as it now is, so that it is told once.
    told: Cell<Option<Stamp>>,
}

/// The users of a file as it was.
struct Known {
    stamp: Stamp,
    all: Arc<Users>,
    /// Those without tokens, for connections on which a token could be overheard.
    covert: Arc<Users>,
}

/// When a file was written, and its size.
type Stamp = (SystemTime, u64);

pub(super) fn prepare(endpoint: &Endpoint) -> Prepared {
    let Some(path) = &endpoint.params.users else {
        return Err(Fault::new(Code::Needed, "").arg("layer", ENTRY.name).arg("name", "users"));
    };
    let known = RefCell::new(read(path)?);
    // A file written by hand may have none; then it lasts as long as this server.
    let secret =
        known.borrow().all.decoy_secret().map_or_else(|| random::bytes().map(DecoySecret::new), Ok)?;
    Ok(Box::new(Gatekeeper { path: path.clone(), secret, known, told: Cell::new(None) }))
}

/// Reads the users.
fn read(path: &str) -> Result<Known, Fault> {
    let bad = |error: &dyn std::fmt::Display| Fault::new(Code::BadFile, "").arg("path", path).detail(error);
    let file = std::fs::File::open(path).map_err(|error| bad(&error))?;
    let about = file.metadata().map_err(|error| bad(&error))?;
    let stamp = (about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len());
    let mut text = String::new();
    // One more than is taken, so that a longer file is refused and not cut.
    file.take(FILE_MAX as u64 + 1).read_to_string(&mut text).map_err(|error| bad(&error))?;
    let all = Users::parse(&text).map_err(|error| bad(&error))?;
    let covert = Arc::new(all.without(Credential::Token));
    Ok(Known { stamp, all: Arc::new(all), covert })
}

impl Gatekeeper {
    /// The users of now. A file that cannot be read any more changes nothing, and is told once.
    fn users(&self, private: bool, scene: &Scene<'_>) -> Arc<Users> {
        let about = std::fs::metadata(&self.path);
        let stamp = about.map(|it| (it.modified().unwrap_or(SystemTime::UNIX_EPOCH), it.len())).ok();
        if stamp != Some(self.known.borrow().stamp) {
            match read(&self.path) {
                Ok(known) => {
                    self.known.replace(known);
                }
                Err(fault) if self.told.replace(stamp) != stamp || stamp.is_none() => {
                    (scene.on_event)(Kind::Error(&fault));
                }
                Err(_) => {}
            }
        }
        let known = self.known.borrow();
        Arc::clone(if private { &known.all } else { &known.covert })
    }
}

impl Layer for Gatekeeper {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.auth
    }

    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            let Link { stream, local, remote, .. } = link;
            if scene.door.is_barred(&remote) {
                part(stream, &mut Reason::Later.line().into_bytes()).await;
                return Err(Fault::new(Code::AuthLater, scene.subject));
            }
            let users = self.users(stream.is_private() || remote.is_local(), scene);
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
