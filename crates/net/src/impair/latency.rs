//! `latency`: everything takes longer. The delay counts from when something came, so that what follows closely is not
//! delayed once more, and a fast stream stays as fast as what may be under way allows.

use std::time::Duration;

use sockeye_core::{Medium, Tick, quantity, quantity::Span};

use super::Entry;
use super::piece::{Passed, Piece, Stage, What};
use crate::chance::Chance;

pub(super) const ENTRY: Entry = Entry {
    name: "latency",
    syntax: "latency:TIME[~JITTER]",
    fits: &[Medium::Bytes, Medium::Messages, Medium::Datagrams],
    instead: &[],
    examples: &["latency:200ms", "latency:200ms~50ms", "latency:1s,dir=down"],
    read: |value| {
        let (time, jitter) = spread(value)?;
        Some(Box::new(move |_, chance| Box::new(Latency { time, jitter, chance })))
    },
};

struct Latency {
    time: Duration,
    jitter: Duration,
    chance: Chance,
}

/// `TIME[~JITTER]`, of which the jitter is at most the time.
fn spread(value: &str) -> Option<(Duration, Duration)> {
    let read = |text| quantity::duration("", text).ok();
    let (time, jitter) = value.split_once('~').map_or((value, "0"), |(time, jitter)| (time, jitter));
    let (time, jitter) = (read(time)?, read(jitter)?);
    (jitter <= time).then_some((time, jitter))
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Stage for Latency {
    fn begin(&mut self, _at: Tick, _passed: u64, out: &mut Passed) {
        let (time, jitter) = (Span(self.time), Span(self.jitter));
        out.tell(if self.jitter.is_zero() { time.to_string() } else { format!("{time}~{jitter}") });
    }

    fn take(&mut self, piece: Piece, out: &mut Passed) {
        let late = match piece.what {
            What::Data(..) if !self.jitter.is_zero() => {
                let (time, jitter) = (nanos(self.time), nanos(self.jitter));
                let (low, high) = (time.saturating_sub(jitter), time.saturating_add(jitter));
                Duration::from_nanos(self.chance.between(low, high))
            }
            What::Data(..) | What::End => self.time,
            What::Cut(..) => Duration::ZERO,
        };
        out.pass(piece.at + late, piece.what);
    }
}
