//! The one shape of every handshake: what two ends say to each other before the bytes of a session begin.
//!
//! A [`Handshake`] is a state machine without I/O. A driver sends what it appends to `out`, feeds it what the peer says
//! in whatever pieces it comes, and stops at the first [`Gate::Done`] or `Err`. Time is the driver's: a peer that says
//! nothing is its to give up. The machines are [`auth`](mod@crate::auth), [`proxy`](mod@crate::proxy) and
//! [`via`](mod@crate::via).

mod line;
mod start;

use std::error::Error;

pub(crate) use line::{Line, Pushed, trimmed};
pub use start::{SHOWN, Start};

/// How far a handshake has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate<T> {
    /// The chunk is used up, and the peer has more to say.
    More,
    /// Open.
    Done {
        /// How many bytes of the chunk just given belong to the handshake. What follows them belongs to the next layer.
        used: usize,
        /// What was agreed.
        outcome: T,
    },
}

impl<T> Gate<T> {
    /// The same gate with another outcome.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Gate<U> {
        match self {
            Self::More => Gate::More,
            Self::Done { used, outcome } => Gate::Done { used, outcome: change(outcome) },
        }
    }
}

/// One side of a handshake.
///
/// Order of calls: [`start`](Self::start) once, [`bytes`](Self::bytes) until it is `Done` or `Err`, and
/// [`end`](Self::end) if the stream ends before that. A machine that is done or has refused keeps nothing; it answers
/// whatever it is fed with a refusal. How the peer's bytes are cut into chunks never changes what comes of them, except
/// for how many of them a refusal can show.
pub trait Handshake {
    /// What is agreed when it is done.
    type Outcome;
    /// Why it cannot be done.
    type Refusal: Error;

    /// Appends what this side says before it has heard anything: for many, nothing.
    fn start(&mut self, out: &mut Vec<u8>);

    /// Takes what the peer said and appends what to send to `out`. On `Err`, `out` may hold a last word to be sent
    /// before closing.
    fn bytes(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<Gate<Self::Outcome>, Self::Refusal>;

    /// What it means that the stream ended here.
    fn end(&self) -> Self::Refusal;

    /// How many bytes of the peer's are kept at this moment. Each module states the most it can be.
    fn held(&self) -> usize;
}
