//! What travels on a line, and what a fault does to it.

use sockeye_core::{Medium, Tick};

use crate::chance::Chance;
use crate::layer::ws::socket::Sort;

/// Something on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// When it arrives: at a stage, or at the end of the line.
    pub(crate) at: Tick,
    /// What it is.
    pub(crate) what: What,
}

/// What can be on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Bytes of a stream, or one message or datagram, whole. A WebSocket's are marked.
    Data(Vec<u8>, Option<Sort>),
    /// The sender's end: a FIN, a Close.
    End,
    /// The connection's end, asked for by the fault of this name; then what people are told of it.
    Cut(Cut, &'static str, String),
}

/// How a fault ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// In order: what is owed is written, then a FIN.
    Close,
    /// With an RST.
    Reset,
}

/// Something was done to the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Struck {
    /// Which fault.
    pub(crate) name: &'static str,
    /// How much of it, in its own units.
    pub(crate) detail: String,
}

/// What a stage hands on.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Pieces, in the order in which they leave. Their ticks need not grow: the line sees to it.
    pub(crate) pieces: Vec<Piece>,
    /// What was done, for people.
    pub(crate) details: Vec<String>,
}

impl Passed {
    /// Hands a piece on.
    pub(crate) fn pass(&mut self, at: Tick, what: What) {
        self.pieces.push(Piece { at, what });
    }

    /// Tells of something that was done.
    pub(crate) fn tell(&mut self, detail: impl Into<String>) {
        self.details.push(detail.into());
    }
}

/// One fault at work on one direction of one session, from when it is armed.
pub(crate) trait Stage {
    /// It begins at `at`, after so many bytes that were not touched.
    fn begin(&mut self, _at: Tick, _passed: u64, _out: &mut Passed) {}

    /// A piece arrives.
    fn take(&mut self, piece: Piece, out: &mut Passed);

    /// When [`Stage::wake`] is wanted, if at all.
    fn due(&self) -> Option<Tick> {
        None
    }

    /// That time has come.
    fn wake(&mut self, _now: Tick, _out: &mut Passed) {}

    /// Until when more would only pile up before it.
    fn busy(&self) -> Tick {
        Tick::ZERO
    }

    /// Bytes that it holds.
    fn held(&self) -> usize {
        0
    }
}

/// Makes a stage for traffic of this kind, with chance of its own.
pub(crate) type Build = dyn Fn(Medium, Chance) -> Box<dyn Stage> + Send + Sync;

/// How likely something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probability(u64);

impl Probability {
    /// As many parts as a draw has values.
    const WHOLE: u64 = 1 << 53;

    /// It always is.
    pub(crate) const CERTAIN: Self = Self(Self::WHOLE);

    /// A number from 0 to 1, as people write it: `0.3`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let share = text.parse::<f64>().ok().filter(|share| plain && (0.0..=1.0).contains(share))?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and 2^53, where every whole number is a float"
        )]
        Some(Self((share * Self::WHOLE as f64) as u64))
    }

    /// Whether it happens this time. One draw, whatever comes of it.
    pub(crate) const fn hits(self, chance: &mut Chance) -> bool {
        chance.bits() >> 11 < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_from_nothing_to_certain() {
        for text in ["", ".", "1.1", "-0.1", "+0.5", "1e-3", "nan", "inf", "0,5", "50%", "0.5 "] {
            assert_eq!(Probability::read(text), None, "{text}");
        }
        let hits = |text: &str| {
            let (odds, mut chance) = (Probability::read(text).unwrap(), Chance::new(3));
            (0..10_000).filter(|_| odds.hits(&mut chance)).count()
        };
        assert_eq!((hits("0"), hits("1"), hits("1.0"), hits("0.0")), (0, 10_000, 10_000, 0));
        assert!((2900..3100).contains(&hits("0.3")) && (50..150).contains(&hits(".01")));
        assert_eq!(Probability::read("1"), Some(Probability::CERTAIN));
    }
}
