//! What happened in a session. Every view (screen, JSON, store, console, pcapng) is a fold over events.

use crate::fault::Fault;
use crate::leg::Leg;
use crate::note::Note;
use crate::peer::{Address, SessionId};
use crate::tick::Tick;
use crate::tls::Tls;

/// How a thing is known. Nothing is shown as more certain than it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Seen on the wire.
    Captured,
    /// Reported by the kernel or by the driver's own calls as it happened.
    Traced,
    /// Found when looking.
    Polled,
    /// Concluded from other facts.
    Inferred,
    /// Happened in a simulated network.
    Simulated,
    /// Made up to fill a format.
    Synthetic,
}

impl How {
    /// The word, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Traced => "traced",
            Self::Polled => "polled",
            Self::Inferred => "inferred",
            Self::Simulated => "simulated",
            Self::Synthetic => "synthetic",
        }
    }
}

/// Which way something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to us.
    In,
    /// From us to the peer.
    Out,
}

impl Direction {
    /// `in` or `out`, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// When.
    pub at: Tick,
    /// In which session; 0 for what belongs to none (a listener).
    pub session: SessionId,
    /// How it is known.
    pub how: How,
    /// What.
    pub kind: Kind<'a>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Kind<'a> {
    /// A listener is ready at `url`, answered by `service`.
    Listening {
        /// The endpoint with the real port.
        url: &'a str,
        /// The service's name.
        service: &'a str,
    },
    /// A peer came: a connection was accepted, or a first datagram arrived.
    Accepted {
        /// The transport's scheme.
        transport: &'a str,
        /// Our end.
        local: &'a Address,
        /// The peer's end.
        remote: &'a Address,
    },
    /// A name has these addresses, in the order they will be tried.
    Resolved {
        /// The name.
        name: &'a str,
        /// Its addresses.
        addresses: &'a [Address],
    },
    /// One address is being tried.
    Connecting {
        /// Which leg of the session.
        leg: Leg,
        /// The transport's scheme.
        transport: &'a str,
        /// The address.
        remote: &'a Address,
    },
    /// A connection stands. One that came to us, as the conversation had [asked](crate::Effect::Listen), was never
    /// `Connecting`.
    Connected {
        /// Which leg of the session.
        leg: Leg,
        /// The transport's scheme.
        transport: &'a str,
        /// Our end.
        local: &'a Address,
        /// The peer's end.
        remote: &'a Address,
    },
    /// TLS stands.
    Tls {
        /// Which leg of the session.
        leg: Leg,
        /// What was agreed on, and who the peer is.
        facts: &'a Tls,
    },
    /// The peer's direction of TLS ended with a FIN alone, without the `close_notify` that tells a whole stream from one
    /// that was cut short (RFC 8446 section 6.1). Simple peers do so all the time.
    TlsTruncated {
        /// Which leg of the session.
        leg: Leg,
    },
    /// A layer below the conversation stands: `ws`, `proxy1`, `proxy2`, `via`.
    Upgraded {
        /// Which leg of the session.
        leg: Leg,
        /// Which layer.
        to: &'a str,
        /// What was agreed, by name: `path`, `subprotocol`, `source`, ...
        facts: &'a [(&'static str, String)],
    },
    /// Somebody has proved who it is: the peer to a server, we to a peer.
    Authenticated {
        /// Which leg of the session.
        leg: Leg,
        /// The name that was proved.
        user: &'a str,
        /// How: `SCRAM-SHA-256`, `SCRAM-SHA-256-PLUS`, `BEARER`.
        mechanism: &'a str,
    },
    /// A message (or, on raw framing, what one read or write carried).
    Message {
        /// Which leg.
        leg: Leg,
        /// Which way.
        direction: Direction,
        /// Its payload.
        data: &'a [u8],
    },
    /// Bytes as the transport carries them, below every layer and framing. Shown to observers who
    /// [want](Observer::wants_wire) them alone.
    Wire {
        /// Which leg.
        leg: Leg,
        /// Which way.
        direction: Direction,
        /// The bytes: what one read or write moved, or one datagram.
        data: &'a [u8],
    },
    /// What reads a TLS connection: a line as in an SSLKEYLOGFILE. Shown to observers who
    /// [want](Observer::wants_wire) it alone.
    Secret {
        /// The line, without its end.
        line: &'a str,
    },
    /// Something was done to the traffic on purpose.
    Fault {
        /// Which leg.
        leg: Leg,
        /// Which way the traffic went.
        direction: Direction,
        /// What: `latency`, `reset`, `loss`, ... as `--fault` names it.
        name: &'a str,
        /// How much of it, in its own units: `200ms`, `byte=65536`.
        detail: &'a str,
    },
    /// One direction has ended with a FIN, or a WebSocket's with a Close.
    HalfClosed {
        /// Which leg.
        leg: Leg,
        /// `In`: the peer will send no more. `Out`: we will not.
        direction: Direction,
        /// What was said with it, where an end says something: a WebSocket's Close.
        farewell: Option<Farewell<'a>>,
    },
    /// The connection was cut with an RST.
    Reset {
        /// Which leg.
        leg: Leg,
        /// Who cut it: `In` the peer, `Out` we.
        direction: Direction,
    },
    /// A deadline passed.
    Timeout {
        /// Which: `idle`, `connect`, `reply`, `drain`, or the name of a layer.
        what: &'a str,
    },
    /// A connection was turned away.
    Refused {
        /// The peer.
        remote: &'a Address,
        /// The limit that refused it: `denied`, `backoff`, `sessions`, `per-address`, `rate`, `pending` or `max-sessions`.
        reason: &'a str,
    },
    /// The session is over.
    Closed {
        /// Messages in and out, then bytes in and out, of the peer's leg.
        totals: Totals,
    },
    /// The session is in the store, whole: a crash of the program takes nothing of it any more.
    Saved {
        /// Its number in the store.
        id: u64,
    },
    /// Something to tell a person.
    Note(&'a Note),
    /// Something went wrong.
    Error(&'a Fault),
}

impl Kind<'_> {
    /// The kind's word, as in `--json`; never translated.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Listening { .. } => "listening",
            Self::Accepted { .. } => "accepted",
            Self::Resolved { .. } => "resolved",
            Self::Connecting { .. } => "connecting",
            Self::Connected { .. } => "connected",
            Self::Tls { .. } => "tls",
            Self::TlsTruncated { .. } => "tls-truncated",
            Self::Upgraded { .. } => "upgraded",
            Self::Authenticated { .. } => "authenticated",
            Self::Message { .. } => "message",
            Self::Wire { .. } => "wire",
            Self::Secret { .. } => "secret",
            Self::Fault { .. } => "fault",
            Self::HalfClosed { .. } => "half-closed",
            Self::Reset { .. } => "reset",
            Self::Timeout { .. } => "timeout",
            Self::Refused { .. } => "refused",
            Self::Closed { .. } => "closed",
            Self::Saved { .. } => "saved",
            Self::Note(_) => "note",
            Self::Error(_) => "error",
        }
    }
}

/// What a WebSocket's Close says (RFC 6455, section 5.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell<'a> {
    /// Its code; 1005 where it has none, 1006 where there was no Close (section 7.4.1).
    pub code: u16,
    /// What the code is called; never translated.
    pub name: &'static str,
    /// Its sender's own words: at most 123 bytes, often none.
    pub reason: &'a str,
}

/// What a session came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages from the peer.
    pub messages_in: u64,
    /// Messages to the peer.
    pub messages_out: u64,
    /// Bytes from the peer, framing included.
    pub bytes_in: u64,
    /// Bytes to the peer, framing included.
    pub bytes_out: u64,
}

/// Somebody who wants to know. Called on the driver's thread, so it must be quick; a session without one pays nothing.
pub trait Observer: Send + Sync {
    /// Takes note of one event.
    fn event(&self, event: &Event<'_>);

    /// Whether bytes as the transport carries them, and what reads TLS, are wanted too. They cost a call each.
    fn wants_wire(&self) -> bool;

    /// Whether [`Kind::Message`] is wanted. Without it a relay may pass bytes on that nobody has looked at, and shows no
    /// event for them; other messages may be shown all the same.
    fn wants_messages(&self) -> bool {
        true
    }
}
