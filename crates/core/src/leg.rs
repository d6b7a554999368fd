//! The legs of a session, and how messages travel on them.

use crate::framing::Framing;

/// One connection of a session: [`PEER`], [`OPERATOR`], or one that the conversation opened (1..=254).
pub type Leg = u8;

/// The leg of the peer the session is with.
pub const PEER: Leg = 0;

/// The leg of the person (or pipe) at stdin. It is never written to: see [`Outbox::print`](crate::Outbox::print).
pub const OPERATOR: Leg = 255;

/// What a leg carries by itself, before any framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Bytes in order, without bounds, until an end.
    Bytes,
    /// Whole messages in order, until an end: a WebSocket.
    Messages,
    /// Whole messages that may be lost, and no end: UDP.
    Datagrams,
}

impl Medium {
    /// Whether each message is sent as one, and each one that comes is cut by itself.
    pub const fn has_bounds(self) -> bool {
        !matches!(self, Self::Bytes)
    }

    /// Whether messages may be lost, and nobody says that no more will come.
    pub const fn is_datagrams(self) -> bool {
        matches!(self, Self::Datagrams)
    }
}

/// How messages travel on one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// How bytes are cut into messages.
    pub framing: Framing,
    /// What carries them.
    pub medium: Medium,
}

impl Lane {
    /// A stream with this framing.
    pub const fn stream(framing: Framing) -> Self {
        Self { framing, medium: Medium::Bytes }
    }

    /// Datagrams, each one message.
    pub const DGRAM: Self = Self { framing: Framing::DGRAM, medium: Medium::Datagrams };

    /// Messages of a stream that has bounds of its own, each one message.
    pub const MESSAGES: Self = Self { framing: Framing::DGRAM, medium: Medium::Messages };

    /// Whether a message is what one read happened to give.
    pub const fn is_cut_anywhere(self) -> bool {
        self.framing.is_raw() && !self.medium.has_bounds()
    }
}
