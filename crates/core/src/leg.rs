//! The legs of a session, and how messages travel on them.

use crate::framing::Framing;

/// One connection of a session: [`PEER`], [`OPERATOR`], or one that the conversation opened (1..=254).
pub type Leg = u8;

/// The leg of the peer the session is with.
pub const PEER: Leg = 0;

/// The leg of the person (or pipe) at stdin. It is never written to: see [`Outbox::print`](crate::Outbox::print).
pub const OPERATOR: Leg = 255;

/// How messages travel on one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// How bytes are cut into messages.
    pub framing: Framing,
    /// Whether the leg carries datagrams: each message is sent as one, and each one that comes is cut by itself.
    pub datagrams: bool,
}

impl Lane {
    /// A stream with this framing.
    pub const fn stream(framing: Framing) -> Self {
        Self { framing, datagrams: false }
    }

    /// Datagrams, each one message.
    pub const DGRAM: Self = Self { framing: Framing::DGRAM, datagrams: true };
}
