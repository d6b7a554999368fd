//! What to do: a run, all of whose values are checked.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Framing, Lane};

use crate::dialogue::Cast;
use crate::message::Deck;

/// The most connections.
pub const CONNECTIONS: usize = 100_000;

/// The most messages under way on one connection.
pub const PIPELINE: usize = 65_536;

/// The most threads.
pub const THREADS: usize = 256;

/// The longest run, and the longest warm-up.
pub const LONGEST: Duration = Duration::from_hours(24);

/// The longest time to wait for an answer.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// What is done with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They stand, and messages and answers pass.
    Exchange,
    /// Each carries one message and one answer, and is closed.
    Connect,
    /// They stand, and now and then one is asked whether it is alive.
    Idle,
    /// They stand, and messages are sent without waiting for an answer. Datagrams alone.
    OneWay,
}

impl Mode {
    /// Every mode by its word.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("exchange", Self::Exchange),
        ("connect", Self::Connect),
        ("idle", Self::Idle),
        ("one-way", Self::OneWay),
    ];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Connect => "connect",
            Self::Idle => "idle",
            Self::OneWay => "one-way",
        }
    }
}

/// When messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// The next as soon as there is an answer.
    Closed,
    /// So many a second in all, whatever comes back.
    Rate(f64),
}

/// What answers have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The message itself.
    Echo,
    /// As the first answer was.
    First(Deck),
    /// As the user says.
    Given(Deck),
    /// Anything. Without a framing, so many bytes.
    Any {
        /// How many, at least 1; of no meaning where something marks messages.
        size: usize,
    },
}

impl Answers {
    /// The word for reports.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::First(_) => "first",
            Self::Given(_) => "given",
            Self::Any { .. } => "none",
        }
    }
}

/// How we close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// With a FIN: our port stays taken for a while (TIME-WAIT, RFC 9293 section 3.6).
    Fin,
    /// With an RST: it is free at once.
    Reset,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to.
    pub endpoint: Endpoint,
    /// How messages travel there.
    pub lane: Lane,
    /// What is done with connections.
    pub mode: Mode,
    /// When messages are sent.
    pub pace: Pace,
    /// Connections in all, 1 to [`CONNECTIONS`].
    pub connections: usize,
    /// Messages under way on one connection at most, 1 to [`PIPELINE`].
    pub pipeline: usize,
    /// Threads, 1 to [`THREADS`], and at most as many as connections.
    pub threads: usize,
    /// What counts for nothing, at first.
    pub warmup: Duration,
    /// What is measured after that, unless `requests` come first.
    pub duration: Duration,
    /// How many messages are measured; `None`: as many as there is time for.
    pub requests: Option<u64>,
    /// How long an answer may take, and connecting.
    pub timeout: Duration,
    /// The longest message, in bytes, where the framing has no bound of its own.
    pub max: usize,
    /// What is sent.
    pub sent: Deck,
    /// What is to come back.
    pub answers: Answers,
    /// How connections are closed that we close.
    pub parting: Parting,
    /// Steps that are played in place of messages and answers: a round of them is what is counted, one at a time on a
    /// connection. What is sent and what is to come back have no meaning then.
    pub steps: Option<Arc<dyn Cast>>,
}

impl Plan {
    /// What answers are compared with; `None`: with nothing.
    #[inline]
    pub(crate) const fn expected(&self) -> Option<&Deck> {
        match &self.answers {
            Answers::Echo => Some(&self.sent),
            Answers::First(deck) | Answers::Given(deck) => Some(deck),
            Answers::Any { .. } => None,
        }
    }

    /// The bound on a message that comes.
    pub(crate) fn bound(&self) -> usize {
        self.lane.framing.max().unwrap_or(self.max)
    }

    /// Whether nothing marks where an answer ends but its length.
    pub(crate) const fn is_cut_by_length(&self) -> bool {
        self.lane.is_cut_anywhere()
    }

    /// The framing within a medium that has bounds of its own, if there is one.
    pub(crate) fn inner_framing(&self) -> Option<Framing> {
        let framing = self.lane.framing;
        (!framing.is_raw() && !framing.is_dgram()).then_some(framing)
    }
}
