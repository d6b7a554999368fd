//! A service: what a server answers with. It makes one conversation for each session.

use crate::conversation::Conversation;
use crate::note::Note;
use crate::peer::{Peer, SessionId};

/// What the operator did.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// A line typed or piped in, without its line ending.
    Line(&'a str),
    /// Stdin has ended.
    Eof,
}

/// What a service wants done with the operator's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Deliver [`Input::Command`](crate::Input::Command) with this text to this session.
    Tell(SessionId, Box<str>),
    /// Show this to the operator.
    Note(Note),
}

/// Makes conversations. One per listener, shared by the driver's threads.
pub trait Service: Send + Sync {
    /// Starts the conversation for a new session. Nothing may be sent yet: that is for `Input::Opened`.
    fn start(&self, peer: &Peer) -> Box<dyn Conversation>;

    /// Whether the service reads the operator's lines. Only one listener of a process gets them.
    fn reads_operator(&self) -> bool {
        false
    }

    /// Decides which session the operator's line is for.
    fn operator(&self, _said: Said<'_>, _orders: &mut Vec<Order>) {}
}
