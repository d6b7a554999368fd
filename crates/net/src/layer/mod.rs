//! The registry of layers: what wraps a stream before the conversation sees it. One is one file (or folder) here and one
//! word in [`ALL`].
//!
//! An endpoint names its layers outermost first; they are put on from the last to the first. A layer that is to be used
//! is prepared once (`Layers::prepare`: files are read and values checked), and then wraps any number of connections.
//! Each wrapping is a handshake with a deadline of its own. None of this is on a session's hot path: what a layer leaves
//! behind is a [`Stream`].

mod auth;
mod proxy;
mod shake;
pub mod tls;
pub(crate) mod via;
pub mod ws;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sockeye_core::fault::nearest;
use sockeye_core::limits::Handshakes;
use sockeye_core::quantity::Span;
use sockeye_core::{Address, Code, Endpoint, Fault, Kind, Leg, Note};
use tokio::time::Instant;

pub use auth::first_line;

use crate::guard::{Logins, Reason};
use crate::metrics::Outcome;
use crate::stream::Stream;
use crate::transport::Role;

/// Every layer, in the order `list` shows them.
pub const ALL: &[&Entry] = &[&tls::ENTRY, &ws::ENTRY, &auth::ENTRY, &proxy::ENTRY_1, &proxy::ENTRY_2];

/// What a layer makes of what it wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Bytes without bounds, whatever is below.
    Bytes,
    /// Messages, each whole by itself.
    Messages,
    /// What is below.
    Same,
}

/// One layer.
pub struct Entry {
    /// Its word in an endpoint; its sentence in the catalogue is `layer-NAME`.
    pub name: &'static str,
    /// What it makes of what it wraps.
    pub shape: Shape,
    /// Endpoint parameters it takes when connecting.
    pub connects_with: &'static [&'static str],
    /// Endpoint parameters it takes when listening.
    pub listens_with: &'static [&'static str],
    /// Endpoints, as users write them.
    pub examples: &'static [&'static str],
    pub(crate) prepare: fn(&Endpoint, Role) -> Prepared,
}

impl Entry {
    /// The key of its sentence in the catalogue.
    pub fn key(&self) -> String {
        format!("layer-{}", self.name)
    }

    /// Whether a parameter means something to it.
    pub fn takes(&self, parameter: &str, role: Role) -> bool {
        let own = match role {
            Role::Connect => self.connects_with,
            Role::Listen => self.listens_with,
        };
        own.contains(&parameter)
    }
}

/// What preparing a layer comes to.
pub(crate) type Prepared = Result<Box<dyn Layer>, Fault>;

/// The layer of this name.
pub fn find(name: &str) -> Result<&'static Entry, Fault> {
    ALL.iter().copied().find(|entry| entry.name == name).ok_or_else(|| {
        let near = nearest(name, ALL.iter().map(|entry| entry.name)).unwrap_or_default();
        Fault::new(Code::UnknownLayer, "").arg("name", name).arg("near", near)
    })
}

/// A connection while layers are put on it.
pub(crate) struct Link {
    /// What carries its bytes.
    pub(crate) stream: Stream,
    /// Our end.
    pub(crate) local: Address,
    /// The peer's end: as the PROXY protocol tells it, where a peer was asked to; the target, where a proxy connects to
    /// it, and the unspecified address with its port if only the proxy knows more than its name.
    pub(crate) remote: Address,
    /// Who the peer has proved to be.
    pub(crate) user: Option<Box<str>>,
}

impl Link {
    /// A connection without layers.
    pub(crate) fn new(stream: Stream, remote: Address) -> Self {
        let local = stream.local().unwrap_or(Address::Unix(None));
        Self::between(stream, local, remote)
    }

    /// A connection without layers whose ends are known.
    pub(crate) fn between(stream: Stream, local: Address, remote: Address) -> Self {
        Self { stream, local, remote, user: None }
    }
}

/// Where a handshake takes place.
pub(crate) struct Scene<'a> {
    /// Which leg of the session.
    pub(crate) leg: Leg,
    /// Whom we connect for, where we relay: the client's end, and the one it came to.
    pub(crate) behalf: Option<(Address, Address)>,
    /// The longest message a layer that carries messages takes, in bytes.
    pub(crate) message: usize,
    /// Who asks the questions at a server's door.
    pub(crate) door: &'a dyn Door,
    /// What its faults are about: `connect tls://…`, or the peer's address.
    pub(crate) subject: &'a str,
    /// Who is told of `Tls`, `Upgraded` and `Authenticated`.
    pub(crate) on_event: &'a dyn Fn(Kind<'_>),
}

/// What layers tell of a newcomer, and whether it may go on. See [`crate::guard`] for the questions.
pub(crate) trait Door {
    /// Whether a peer is to be turned away for now, as it failed to log in again and again.
    fn is_barred(&self, remote: &Address) -> bool;

    /// A login from there has failed.
    fn failed(&self, remote: &Address);

    /// A layer has told who the peer is. An error: it may not come in, for this reason.
    fn is_really(&self, remote: &Address) -> Result<(), Reason>;

    /// The handshake of a layer has ended, after this time.
    fn has_wrapped(&self, layer: &'static str, outcome: Outcome, took: Duration);
}

/// The door of a client: it lets in whom it has called.
pub(crate) struct Open;

impl Door for Open {
    fn is_barred(&self, _remote: &Address) -> bool {
        false
    }

    fn failed(&self, _remote: &Address) {}

    fn is_really(&self, _remote: &Address) -> Result<(), Reason> {
        Ok(())
    }

    fn has_wrapped(&self, _layer: &'static str, _outcome: Outcome, _took: Duration) {}
}

/// What a wrapping is.
pub(crate) type Wrapping<'a> = Pin<Box<dyn Future<Output = Result<Link, Fault>> + 'a>>;

/// A layer that is ready to be put on connections.
pub(crate) trait Layer: Send + Sync {
    /// Its word, for people.
    fn name(&self) -> &'static str;

    /// How long its handshake may take.
    fn patience(&self, limits: &Handshakes) -> Duration;

    /// Whether the peer's address is what this layer says ([`Link::remote`]), as with the PROXY protocol. Guards ask about
    /// no address before it.
    fn tells_remote(&self) -> bool {
        false
    }

    /// What to tell people before the first connection: a certificate that was made, safety that was given up. `url` is
    /// where it listens or connects to.
    fn announce(&self, url: &str) -> Vec<Note> {
        let _ = url;
        Vec::new()
    }

    /// What it says, in place of all else, to somebody who is to come again later. `None`: there is no word for that, or it
    /// is the peer who speaks first.
    fn come_later(&self) -> Option<&'static [u8]> {
        None
    }

    /// Makes the handshake. Dropping the future gives up.
    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a>;
}

/// All layers of an endpoint, ready to be put on.
pub(crate) struct Layers(Vec<Box<dyn Layer>>);

impl Layers {
    /// Reads what the layers need. The endpoint fits, see [`crate::transport::fit`].
    pub(crate) fn prepare(endpoint: &Endpoint, role: Role) -> Result<Self, Fault> {
        let entries = endpoint.layers.iter().rev().map(|name| find(name));
        entries.map(|entry| (entry?.prepare)(endpoint, role)).collect::<Result<_, _>>().map(Self)
    }

    /// Puts one below all others.
    pub(crate) fn innermost(&mut self, layer: Box<dyn Layer>) {
        self.0.insert(0, layer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them tells who the peer is.
    pub(crate) fn tell_remote(&self) -> bool {
        self.0.iter().any(|layer| layer.tells_remote())
    }

    /// Their words, outermost first.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().rev().map(|layer| layer.name()).collect();
        names.join("+")
    }

    /// What to tell people before the first connection.
    pub(crate) fn announce(&self, url: &str) -> Vec<Note> {
        self.0.iter().flat_map(|layer| layer.announce(url)).collect()
    }

    /// Whether peers log in as the first thing here. Where another layer comes before, the login itself turns those away
    /// who have failed too often: only then can they be told so.
    pub(crate) fn logins(&self) -> Logins {
        if self.come_later().is_some() { Logins::Here } else { Logins::Nowhere }
    }

    /// What a peer is told that is to come again later, before any of them is on.
    pub(crate) fn come_later(&self) -> Option<&'static [u8]> {
        self.0.first().and_then(|layer| layer.come_later())
    }

    /// Puts all of them on.
    pub(crate) async fn wrap(
        &self,
        mut link: Link,
        scene: &Scene<'_>,
        limits: &Handshakes,
    ) -> Result<Link, Fault> {
        for layer in &self.0 {
            let patience = layer.patience(limits);
            let began = Instant::now();
            let wrapped = tokio::time::timeout(patience, layer.wrap(link, scene)).await;
            let outcome = match &wrapped {
                Ok(Ok(_)) => Outcome::Done,
                Ok(Err(_)) => Outcome::Failed,
                Err(_) => Outcome::Late,
            };
            scene.door.has_wrapped(layer.name(), outcome, began.elapsed());
            let Ok(wrapped) = wrapped else {
                (scene.on_event)(Kind::Timeout { what: layer.name() });
                let fault = Fault::new(Code::HandshakeTimeout, scene.subject);
                return Err(fault.arg("layer", layer.name()).arg("after", Span(patience)));
            };
            link = wrapped.map_err(|fault| fault.doing(scene.subject))?;
            if layer.tells_remote() {
                scene.door.is_really(&link.remote).map_err(|reason| {
                    Fault::new(Code::OverLimit, scene.subject).arg("limit", reason.word())
                })?;
            }
        }
        Ok(link)
    }
}
