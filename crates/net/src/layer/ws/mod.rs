//! WebSocket (RFC 6455): the upgrade, for either side, and then whole messages. The frames are tungstenite's work; what
//! is said before them is ours, since it must be bounded, strict, and explain itself.
//!
//! Read `admit.rs` for what a client must send, `socket.rs` for what becomes of the connection.

mod admit;
pub(crate) mod close;
mod counted;
mod head;
mod offer;
mod origin;
mod pulse;
pub(crate) mod socket;
mod target;

use std::time::Duration;

use sockeye_core::limits::Handshakes;
use sockeye_core::{Code, Endpoint, Fault, Kind};
use sockeye_wire::escape::{Shape, escape_bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::Role as Side;

use self::admit::{Refusal, Rules};
use self::head::{From, Request, Response, Unread};
use self::offer::{BODY, Offer};
use self::socket::Socket;
use super::{Entry, Layer, Link, Scene, Shape as Makes, Wrapping, shake};
use crate::errno;
use crate::stream::Stream;
use crate::transport::Role;

pub(super) const ENTRY: Entry = Entry {
    name: "ws",
    shape: Makes::Messages,
    connects_with: &["path", "header", "subprotocol", "origin"],
    listens_with: &["path", "subprotocol", "origin"],
    examples: &[
        "ws://127.0.0.1:9000/chat",
        "wss://example.org:443/chat",
        "ws+unix:///run/chat.sock?path=/chat",
        "ws://:9000?subprotocol=chat.v2,chat",
    ],
    prepare: |endpoint, role| Ok(Box::new(Ws::read(endpoint, role)?)),
};

/// How long the body of a refusal is waited for.
const BODY_TIME: Duration = Duration::from_millis(500);

/// How many first bytes of what is no HTTP are shown.
const SHOWN: usize = 64;

/// The layer, ready for any number of connections.
enum Ws {
    Connects(Offer),
    Listens(Rules),
}

impl Ws {
    fn read(endpoint: &Endpoint, role: Role) -> Result<Self, Fault> {
        Ok(match role {
            Role::Connect => Self::Connects(Offer::read(endpoint)?),
            Role::Listen => Self::Listens(Rules::read(endpoint)?),
        })
    }
}

impl Layer for Ws {
    fn name(&self) -> &'static str {
        "ws"
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.header
    }

    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            match self {
                Self::Connects(offer) => connect(offer, link, scene).await,
                Self::Listens(rules) => accept(rules, link, scene).await,
            }
        })
    }
}

/// What a listener at `endpoint` answers to a request that comes in these chunks: the whole head of its answer, and a body
/// where it says no. `None`: the request is not whole, or no HTTP, and is answered by nothing. Opens nothing: for those
/// who want to try many requests. `endpoint` is one that a server could be told.
pub fn answer<'a>(endpoint: &Endpoint, chunks: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let rules = Rules::read(endpoint).ok()?;
    let head = head::gather(chunks, From::Client).transpose()?;
    let judged = match head.and_then(|head| Request::parse(&head)) {
        Ok(request) => rules.judge(&request),
        Err(unread) => Err(Refusal::of(&unread)?),
    };
    Some(judged.map_or_else(|refusal| rules.answer(&refusal), |grant| grant.answer()))
}

/// Whether a client that asked for `endpoint` takes what comes in these chunks for the upgrade, its key being `key`. Opens
/// nothing, as [`answer`].
pub fn takes<'a>(endpoint: &Endpoint, key: &str, chunks: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let head = head::gather(chunks, From::Server).ok().flatten();
    let answer = head.and_then(|head| Response::parse(&head).ok());
    let offer = Offer::read(endpoint).ok();
    let both = answer.zip(offer);
    both.is_some_and(|(answer, offer)| answer.status == 101 && offer.check(key, &answer, "").is_ok())
}

/// Asks for the upgrade.
async fn connect(offer: &Offer, mut link: Link, scene: &Scene<'_>) -> Result<Link, Fault> {
    let key = generate_key();
    let broken = |error: std::io::Error| errno::connecting(&error, scene.subject, Duration::ZERO);
    link.stream.write_all(offer.request(&key).as_bytes()).await.map_err(broken)?;
    link.stream.flush().await.map_err(broken)?;
    let read = head::read(&mut link.stream, From::Server).await;
    let parsed = read.and_then(|(head, rest)| Ok((Response::parse(&head)?, rest)));
    let (answer, rest) = parsed.map_err(|unread| not_http(unread, scene.subject))?;
    if answer.status != 101 {
        let body = body(&mut link.stream, rest).await;
        return Err(offer::refused(&answer, &body, scene.subject));
    }
    let facts = offer.check(&key, &answer, scene.subject)?;
    (scene.on_event)(Kind::Upgraded { leg: scene.leg, to: "ws", facts: &facts });
    Ok(opened(link, rest, Side::Client, scene).await)
}

/// Answers the request for the upgrade.
async fn accept(rules: &Rules, mut link: Link, scene: &Scene<'_>) -> Result<Link, Fault> {
    let broken = |error: std::io::Error| errno::running(&error, scene.subject);
    let read = head::read(&mut link.stream, From::Client).await;
    let parsed = read.and_then(|(head, rest)| Ok((Request::parse(&head)?, rest)));
    let judged = match parsed {
        Ok((request, rest)) => rules.judge(&request).map(|grant| (grant, rest)),
        Err(unread) => match Refusal::of(&unread) {
            Some(refusal) => Err(refusal),
            None => return Err(not_http(unread, scene.subject)),
        },
    };
    let (grant, rest) = match judged {
        Ok(granted) => granted,
        Err(refusal) => {
            shake::part(link.stream, &mut rules.answer(&refusal).into_bytes()).await;
            return Err(refusal.fault(scene.subject));
        }
    };
    link.stream.write_all(grant.answer().as_bytes()).await.map_err(broken)?;
    link.stream.flush().await.map_err(broken)?;
    (scene.on_event)(Kind::Upgraded { leg: scene.leg, to: "ws", facts: &grant.facts });
    Ok(opened(link, rest, Side::Server, scene).await)
}

async fn opened(link: Link, rest: Vec<u8>, side: Side, scene: &Scene<'_>) -> Link {
    let Link { stream, local, remote, user } = link;
    let socket = Socket::new(stream, rest, side, scene.message).await;
    Link { stream: Stream::Ws(Box::new(socket)), local, remote, user }
}

/// The beginning of a refusal's body.
async fn body(stream: &mut Stream, mut body: Vec<u8>) -> Vec<u8> {
    let reading = async {
        let mut chunk = [0; 512];
        while body.len() < BODY {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => break,
                Ok(count) => body.extend_from_slice(&chunk[..count]),
            }
        }
    };
    let _result = timeout(BODY_TIME, reading).await;
    body.truncate(BODY);
    body
}

/// The fault of a peer that does not answer as a WebSocket's would.
fn not_http(unread: Unread, subject: &str) -> Fault {
    let fault = Fault::new(Code::NotWebsocket, subject);
    let (what, bytes) = match unread {
        Unread::Foreign(bytes) if bytes.starts_with(&[0x16, 3]) => ("tls", bytes),
        // An alert: a TLS server's answer to what is no TLS.
        Unread::Foreign(bytes) if bytes.starts_with(&[0x15, 3]) => ("tls", bytes),
        Unread::Foreign(bytes) => ("other", bytes),
        Unread::Ended(bytes) if bytes.is_empty() => ("silence", bytes),
        Unread::Ended(bytes) => ("cut", bytes),
        Unread::Malformed(what) => return fault.arg("what", "malformed").arg("bytes", what),
        Unread::TooLong => return fault.arg("what", "long").arg("max", head::LONGEST),
        Unread::Broken(error) => return errno::connecting(&error, subject, Duration::ZERO),
    };
    let mut shown = String::new();
    escape_bytes(&bytes[..bytes.len().min(SHOWN)], Shape::Line, &mut shown);
    fault.arg("what", what).arg("bytes", shown)
}
