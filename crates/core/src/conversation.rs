//! What every behaviour on a connection is: a state machine without I/O. Messages, time and commands go in; bytes,
//! effects and the next deadline come out.
//!
//! The call order a driver keeps: `Opened` for the peer, then any number of `Message`s, `Timeout`s and `Command`s, then
//! `Eof`, `Failed`. After [`Outbox::close`], [`Outbox::abort`] or [`Outbox::fail`] nothing more is delivered. A
//! conversation is made and kept on one thread.

use bytes::Bytes;

use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::tick::Tick;

/// What a driver tells a conversation.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The leg is connected and may be written to.
    Opened {
        /// Which leg.
        leg: Leg,
    },
    /// The leg that [`Effect::Listen`](crate::Effect::Listen) asked for listens, and waits for its peer.
    Listening {
        /// Which leg.
        leg: Leg,
        /// Where, with the real port.
        url: &'a str,
    },
    /// One whole message, cut out of the leg's bytes by its framing, or one datagram.
    Message {
        /// Where it came from.
        leg: Leg,
        /// Its payload, without what the framing added. Valid for this call only.
        data: &'a [u8],
    },
    /// A chunk published to a room this session is a member of.
    Shared(&'a Bytes),
    /// The leg will send no more (a FIN). It may still be written to.
    Eof {
        /// Which leg.
        leg: Leg,
    },
    /// The leg is gone, or could not be opened: `why` is a [`Code`](crate::Code) word such as `reset`. When it is the
    /// peer's leg (an RST, an idle peer that is forgotten, a limit), this is the last input of the session: what is
    /// then sent goes nowhere, effects are still carried out.
    Failed {
        /// Which leg.
        leg: Leg,
        /// The code word of the failure.
        why: &'a str,
    },
    /// All that was sent to the leg is written, as [`Outbox::more`] asked to be told.
    Drained {
        /// Which leg.
        leg: Leg,
    },
    /// The time that [`Conversation::deadline`] named has come.
    Timeout,
    /// A line typed by the operator, or the word of another session's [`Effect::Signal`](crate::Effect::Signal).
    Command(&'a str),
    /// The server is stopping. Sessions have the drain time to come to their own end, so a conversation that its peer
    /// ends goes on as ever; one that would go on by itself ends now.
    Stop,
}

/// A state machine that speaks one side of a session.
pub trait Conversation {
    /// Takes one input; whatever is to happen goes into `out`.
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox);

    /// When `Timeout` is wanted, if at all. Asked again after every `handle`. There is no default body on purpose:
    /// a wrapper that forgot to forward it would lose every timeout in silence.
    fn deadline(&self) -> Option<Tick>;

    /// What becomes of the peer's next messages, where that is the same whatever they say. A run of them may then be dealt
    /// with at once, and is not shown to `handle`. Asked before every run, and not where somebody watches.
    fn reflex(&self) -> Option<Reflex> {
        None
    }
}

/// What a conversation does with a message without looking at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflex {
    /// It is sent back.
    Echo,
    /// It is dropped.
    Drop,
}
