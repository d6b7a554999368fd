//! Why a play failed: plain data, everything a person needs to see what was expected, what came, and what else was going
//! on. The words are the caller's.

use std::time::Duration;

use sockeye_core::quantity::Span;
use sockeye_core::{Code, Direction, Fault, Tick};

use crate::data::Unfit;
use crate::play::{Side, Spot};
use crate::program::{Place, Program};

/// The most bytes kept of what was expected, and of what came: 64 KiB, around the first difference.
pub const SHOWN: usize = 64 << 10;

/// How many frames of the last that came and went are kept.
pub const FRAMES: usize = 16;

/// The most bytes kept of each of them.
pub const FRAME: usize = 1 << 10;

/// A step that did not happen as written.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where it is written.
    pub spot: Spot,
    /// Whose step it is.
    pub peer: Box<str>,
    /// Its operation, as written: `<`, `<eof`, `sleep`.
    pub op: &'static str,
    /// Which end was played: of a flipped step `>` is what was expected.
    pub side: Side,
    /// Which step, from 1, each round of a `repeat` counted.
    pub step: u64,
    /// How many there are in all.
    pub of: u64,
    /// What people call it.
    pub label: Option<Box<str>>,
    /// What went wrong.
    pub kind: Kind,
    /// What was expected and what came, where messages are the matter.
    pub mismatch: Option<Mismatch>,
    /// How long the step had been waiting.
    pub elapsed: Duration,
    /// How long it would have waited; `None`: for ever.
    pub patience: Option<Duration>,
    /// The connection.
    pub state: State,
    /// What had come and no step had looked at.
    pub unread: Unread,
    /// A frame that had begun to come, as the framing sees it.
    pub partial: Option<Partial>,
    /// The last that came and went, of all peers, oldest first.
    pub recent: Vec<Frame>,
    /// Our end of the connection and the peer's, if whoever drives the play knows them.
    pub addresses: Option<(String, String)>,
    /// What a driver says of it, if whoever drives the play knows: a refused connection.
    pub fault: Option<Box<Fault>>,
    /// What randomness was drawn from.
    pub seed: u64,
    /// When it failed, on the driver's clock.
    pub at: Tick,
}

impl Failure {
    /// A session came that nobody had recorded.
    pub(super) fn too_many(program: &Program, seed: u64, at: Tick) -> Self {
        Self {
            spot: Spot::of(program, Place::default()),
            peer: "".into(),
            op: "",
            side: Side::Flipped,
            step: 0,
            of: 0,
            label: None,
            kind: Kind::TooMany,
            mismatch: None,
            elapsed: Duration::ZERO,
            patience: None,
            state: State::Open,
            unread: Unread::default(),
            partial: None,
            recent: Vec::new(),
            addresses: None,
            fault: None,
            seed,
            at,
        }
    }

    /// The failure in one line, for whoever has room for no more.
    pub fn fault(&self) -> Fault {
        let place = format!("{}:{}", self.spot.path, self.spot.line);
        // What came too late is told by how long it was waited for, not by when somebody looked.
        let after = self.patience.filter(|_| self.kind == Kind::Timeout).unwrap_or(self.elapsed);
        let mut fault = Fault::new(Code::Unscripted, "")
            .arg("place", place)
            .arg("step", self.step)
            .arg("of", self.of)
            .arg("what", self.kind.word())
            .arg("after", Span(after));
        let (expected, actual) = self.mismatch.as_ref().map_or((&[][..], &[][..]), Mismatch::around);
        let part = self.mismatch.as_ref().and_then(|mismatch| mismatch.part.as_deref()).unwrap_or_default();
        let expected = if expected.is_empty() { part.to_owned() } else { shown(expected) };
        fault = fault.arg("expected", expected).arg("actual", shown(actual));
        let at = self.mismatch.as_ref().and_then(|mismatch| mismatch.at);
        fault = fault.arg("at", at.map_or_else(String::new, |at| at.to_string()));
        match &self.kind {
            Kind::Lost(code) | Kind::Connect(code) | Kind::Listen(code) | Kind::Secure(code) => {
                fault.arg("code", code.word())
            }
            Kind::CannotBuild(unfit) => fault.arg("code", "").detail(unfit),
            _ => fault.arg("code", ""),
        }
    }
}

/// The beginning of a message, in quotes; nothing for nothing.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 48;
    if bytes.is_empty() {
        return String::new();
    }
    let more = if bytes.len() > MOST { "…" } else { "" };
    format!("\"{}\"{more}", bytes[..bytes.len().min(MOST)].escape_ascii())
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message came that is not the one expected.
    Differs,
    /// What was expected did not come in time.
    Timeout,
    /// It came before it was allowed to (`within A..B`).
    TooEarly,
    /// A message came where the end of the connection was expected.
    Unexpected,
    /// A message came that must not (`<never`).
    Forbidden,
    /// A message came that no step was left for.
    Leftover,
    /// The peer ended its side too early, or in place of cutting the connection.
    EarlyEof,
    /// The peer cut the connection too early, or in place of ending its side.
    EarlyReset,
    /// The connection was lost otherwise: the code of why.
    Lost(Code),
    /// A step for a connection that was closed before, and not opened again.
    Closed,
    /// The peer took nothing of what was sent to it.
    NotTaken,
    /// The message could not be built.
    CannotBuild(Unfit),
    /// The endpoint could not be read.
    BadEndpoint(Box<Fault>),
    /// The connection could not be made: the code of why.
    Connect(Code),
    /// Nobody came to the listener.
    NeverCame,
    /// The listener could not be opened: the code of why.
    Listen(Code),
    /// TLS could not be put on the connection: the code of why.
    Secure(Code),
    /// What was captured is more than may be kept.
    TooMuch,
    /// More sessions came than were recorded.
    TooMany,
    /// The session was ended from outside before the conversation was.
    Abandoned,
}

impl Kind {
    /// The word: lower case with hyphens, never translated.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::Timeout => "timeout",
            Self::TooEarly => "too-early",
            Self::Unexpected => "unexpected",
            Self::Forbidden => "forbidden",
            Self::Leftover => "leftover",
            Self::EarlyEof => "early-eof",
            Self::EarlyReset => "early-reset",
            Self::Lost(_) => "lost",
            Self::Closed => "closed",
            Self::NotTaken => "not-taken",
            Self::CannotBuild(_) => "cannot-build",
            Self::BadEndpoint(_) => "bad-endpoint",
            Self::Connect(_) => "connect",
            Self::NeverCame => "never-came",
            Self::Listen(_) => "listen",
            Self::Secure(_) => "secure",
            Self::TooMuch => "too-much",
            Self::TooMany => "too-many",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What was expected beside what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was expected, as far as it is known; empty where nothing literal can be said.
    pub expected: Box<[u8]>,
    /// What came; empty if nothing did.
    pub actual: Box<[u8]>,
    /// Where `expected` and `actual` begin, in bytes of the whole messages.
    pub from: usize,
    /// How long what was expected is.
    pub expected_size: usize,
    /// How long what came is.
    pub actual_size: usize,
    /// The first byte of the whole messages that differs; `None` where nothing was compared.
    pub at: Option<usize>,
    /// Which part of the pattern was not met, as it is written.
    pub part: Option<Box<str>>,
}

impl Mismatch {
    /// Both, from a little before the difference on.
    fn around(&self) -> (&[u8], &[u8]) {
        const BEFORE: usize = 16;
        let start = self.at.unwrap_or(0).saturating_sub(self.from).saturating_sub(BEFORE);
        let cut = |bytes: &'_ [u8]| start.min(bytes.len());
        (&self.expected[cut(&self.expected)..], &self.actual[cut(&self.actual)..])
    }

    /// Keeps at most [`SHOWN`] bytes of each, around the difference.
    pub(super) fn new(expected: &[u8], actual: &[u8], at: Option<usize>, part: Option<&str>) -> Self {
        let longest = expected.len().max(actual.len());
        let before = at.unwrap_or(0).min(longest).saturating_sub(SHOWN / 2);
        let from = if longest <= SHOWN { 0 } else { before };
        let window = |bytes: &[u8]| -> Box<[u8]> {
            let start = from.min(bytes.len());
            bytes[start..bytes.len().min(start + SHOWN)].into()
        };
        Self {
            expected: window(expected),
            actual: window(actual),
            from,
            expected_size: expected.len(),
            actual_size: actual.len(),
            at,
            part: part.filter(|part| !part.is_empty()).map(Into::into),
        }
    }
}

/// How a peer's connection was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was never opened.
    Never,
    /// It was about to be opened.
    Opening,
    /// It was open both ways.
    Open,
    /// The peer had ended its side.
    Eof,
    /// The peer had cut it.
    Reset,
    /// It was lost otherwise.
    Lost(Code),
    /// We had closed it.
    Closed,
}

impl State {
    /// The word: never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Never => "never-opened",
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Eof => "fin",
            Self::Reset => "reset",
            Self::Lost(_) => "lost",
            Self::Closed => "closed",
        }
    }
}

/// What had come from a peer and no step had looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many messages; 0 on a stream without framing.
    pub messages: usize,
    /// How many bytes.
    pub bytes: usize,
    /// The first of them, at most [`FRAME`].
    pub first: Box<[u8]>,
}

/// A frame that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// How many bytes are there, framing included.
    pub have: usize,
    /// How many there must be, where the framing knows already.
    pub want: Option<usize>,
    /// The first bytes, at most 64.
    pub first: Box<[u8]>,
    /// The framing, as users write it.
    pub framing: String,
}

/// One message that came or went (on a stream without framing, what one read or write carried).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whose: an index of the program's peers.
    pub peer: u16,
    /// Which way.
    pub direction: Direction,
    /// When, on the driver's clock.
    pub at: Tick,
    /// The first bytes, at most [`FRAME`].
    pub data: Vec<u8>,
    /// How many there were.
    pub size: usize,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was sent.
    Sent,
    /// It waits for a step that looks at it.
    Waiting,
    /// A step expected it.
    Matched,
    /// A step passed it over (`<~`).
    Skipped,
    /// It may come at any time (`@ignore`).
    Ignored,
    /// It is what went wrong.
    Wrong,
}

impl Fate {
    /// The word: never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Waiting => "waiting",
            Self::Matched => "matched",
            Self::Skipped => "skipped",
            Self::Ignored => "ignored",
            Self::Wrong => "wrong",
        }
    }
}
