//! `bandwidth`: so many bytes a second, and what is sent faster waits its turn.

use std::time::Duration;

use sockeye_core::{Medium, Tick, quantity, quantity::Size};

use super::Entry;
use super::piece::{Passed, Piece, Stage, What};

/// A stream is handed on in parts that take so long.
const PART: Duration = Duration::from_millis(50);

pub(super) const ENTRY: Entry = Entry {
    name: "bandwidth",
    syntax: "bandwidth:SIZE",
    fits: &[Medium::Bytes, Medium::Messages, Medium::Datagrams],
    instead: &[],
    examples: &["bandwidth:64k", "bandwidth:1m,dir=down"],
    read: |value| {
        let rate = quantity::size("", value).ok().filter(|rate| *rate > 0)?;
        Some(Box::new(move |medium, _| Box::new(Bandwidth { rate, medium, free: Tick::ZERO, rest: 0 })))
    },
};

struct Bandwidth {
    /// Bytes a second.
    rate: u64,
    medium: Medium,
    /// When all that came so far is through.
    free: Tick,
    /// What is left of a nanosecond, in parts of the rate.
    rest: u128,
}

impl Bandwidth {
    fn send(&mut self, bytes: usize) {
        let (work, rate) = (bytes as u128 * 1_000_000_000 + self.rest, u128::from(self.rate));
        self.rest = work % rate;
        self.free = self.free + Duration::from_nanos(u64::try_from(work / rate).unwrap_or(u64::MAX));
    }
}

impl Stage for Bandwidth {
    fn begin(&mut self, _at: Tick, _passed: u64, out: &mut Passed) {
        out.tell(format!("{}/s", Size(self.rate)));
    }

    fn take(&mut self, piece: Piece, out: &mut Passed) {
        self.free = self.free.max(piece.at);
        let What::Data(bytes, mark) = piece.what else { return out.pass(self.free, piece.what) };
        if self.medium.has_bounds() {
            self.send(bytes.len());
            return out.pass(self.free, What::Data(bytes, mark));
        }
        let part = self.rate / (1_000_000_000 / u64::try_from(PART.as_nanos()).unwrap_or(1)).max(1);
        for part in bytes.chunks(usize::try_from(part.max(1)).unwrap_or(usize::MAX)) {
            self.send(part.len());
            out.pass(self.free, What::Data(part.to_vec(), mark));
        }
    }

    fn busy(&self) -> Tick {
        // The next comes while the last part is on its way.
        Tick(self.free.0.saturating_sub(u64::try_from(PART.as_nanos()).unwrap_or_default()))
    }
}
