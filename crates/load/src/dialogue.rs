//! What a connection says and hears where that is more than a message and its answer: steps, played over and over. This
//! crate knows neither how they are written nor how they are compared; whoever makes a [`Plan`](crate::Plan) brings a
//! [`Cast`] that does.

use std::collections::VecDeque;
use std::fmt::Debug;

use sockeye_core::Code;

use crate::schedule::Nanos;

/// Makes a dialogue for each connection. All threads share it.
pub trait Cast: Debug + Send + Sync {
    /// Where the steps are written, for people.
    fn name(&self) -> &str;

    /// How what comes is verified, as a word of [`Report::verified`](crate::Report::verified).
    fn verified(&self) -> &'static str;

    /// What the connection of this number (from 1) says and hears. It is made anew whenever the connection is.
    fn dialogue(&self, connection: u64) -> Box<dyn Dialogue>;
}

/// One connection's steps. The order of calls: [`Dialogue::open`], then a round, which begins with [`Dialogue::begin`] and
/// is over with any other standing than [`Standing::Within`], then the next one. A round that went wrong is the last.
pub trait Dialogue {
    /// The connection stands.
    fn open(&mut self, now: Nanos, say: &mut Say);

    /// The round of this number begins.
    fn begin(&mut self, now: Nanos, number: u64, say: &mut Say) -> Standing;

    /// Something happened. Between two rounds it is kept for the next one.
    fn hear(&mut self, now: Nanos, heard: Heard<'_>, say: &mut Say) -> Standing;

    /// When [`Heard::Time`] is wanted.
    fn deadline(&self) -> Option<Nanos>;
}

/// What happened.
#[derive(Debug)]
pub enum Heard<'a> {
    /// These bytes of a stream came.
    Bytes(&'a mut [u8]),
    /// This message of a medium with bounds came.
    Message(&'a mut [u8]),
    /// The peer says no more.
    End,
    /// The connection is lost, for this reason.
    Lost(Code),
    /// All that was said is written, as [`Say::tells`] asked.
    Written,
    /// It is as late as [`Dialogue::deadline`] said.
    Time,
}

/// How a round stands.
#[derive(Debug)]
pub enum Standing {
    /// It goes on, or none is under way.
    Within,
    /// It went as it should, to its end.
    Done,
    /// It did not.
    Wrong(Box<Wrong>),
}

/// What went wrong with a round.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// As what it is counted.
    pub code: Code,
    /// Which step, for people.
    pub place: Option<String>,
    /// What was expected, as far as it is known.
    pub expected: Option<Extract>,
    /// What came, if anything did.
    pub got: Option<Extract>,
    /// The first byte of the whole messages that differs.
    pub differs: Option<usize>,
}

/// A part of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extract {
    /// The part.
    pub bytes: Vec<u8>,
    /// How many bytes come before it.
    pub from: usize,
    /// How long the whole message is.
    pub size: usize,
}

/// What a dialogue wants done.
#[derive(Debug, Default)]
pub struct Say {
    /// Bytes to be written, after those that are there.
    pub bytes: Vec<u8>,
    /// On a medium with bounds: how long each message in `bytes` is.
    pub lengths: VecDeque<usize>,
    /// Messages that were said, and that came, since somebody last looked.
    pub messages: (u64, u64),
    /// How the connection is ended once all is written.
    pub end: Option<End>,
    /// The peer is read no further for now.
    pub pauses: bool,
    /// [`Heard::Written`] is wanted.
    pub tells: bool,
}

/// How a dialogue ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing more is said; what the peer says is still heard.
    Half,
    /// It is closed.
    Close,
    /// It is cut.
    Cut,
}
