//! `slicer`: a stream comes in small parts, which its reader was right never to trust to be messages.

use std::time::Duration;

use sockeye_core::quantity::{Size, Span};
use sockeye_core::{Medium, Tick, quantity};

use super::Entry;
use super::piece::{Passed, Piece, Stage, What};
use crate::chance::Chance;

pub(super) const ENTRY: Entry = Entry {
    name: "slicer",
    syntax: "slicer:SIZE[~JITTER][@DELAY]",
    fits: &[Medium::Bytes],
    instead: &["latency", "bandwidth"],
    examples: &["slicer:1", "slicer:64~16", "slicer:64~16@10ms,dir=down"],
    read: |value| {
        let cut = Slices::read(value)?;
        Some(Box::new(move |_, chance| Box::new(Slicer { cut, chance, left: 0, free: Tick::ZERO })))
    },
};

/// How parts are cut.
#[derive(Clone, Copy)]
struct Slices {
    /// Bytes of one part, at least 1; give or take the jitter, which is less.
    size: u64,
    jitter: u64,
    /// The time from one part to the next.
    delay: Duration,
}

impl Slices {
    fn read(value: &str) -> Option<Self> {
        let (sizes, delay) = match value.split_once('@') {
            Some((sizes, delay)) => (sizes, quantity::duration("", delay).ok()?),
            None => (value, Duration::ZERO),
        };
        let (size, jitter) = sizes.split_once('~').map_or((sizes, "0"), |(size, jitter)| (size, jitter));
        let (size, jitter) = (quantity::size("", size).ok()?, quantity::size("", jitter).ok()?);
        (jitter < size).then_some(Self { size, jitter, delay })
    }
}

struct Slicer {
    cut: Slices,
    chance: Chance,
    /// Bytes until the part under way is whole.
    left: u64,
    /// When the next part may leave.
    free: Tick,
}

impl Stage for Slicer {
    fn begin(&mut self, _at: Tick, _passed: u64, out: &mut Passed) {
        let Slices { size, jitter, delay } = self.cut;
        let jitter = if jitter == 0 { String::new() } else { format!("~{}", Size(jitter)) };
        let delay = if delay.is_zero() { String::new() } else { format!("@{}", Span(delay)) };
        out.tell(format!("{}{jitter}{delay}", Size(size)));
    }

    fn take(&mut self, piece: Piece, out: &mut Passed) {
        let What::Data(bytes, mark) = piece.what else { return out.pieces.push(piece) };
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let begins = self.left == 0;
            if begins {
                let Slices { size, jitter, .. } = self.cut;
                self.left = self.chance.between(size - jitter, size + jitter);
                self.free = self.free.max(piece.at);
            }
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at(count);
            self.left -= count as u64;
            rest = after;
            out.pass(self.free.max(piece.at), What::Data(part.to_vec(), mark));
            if self.left == 0 {
                self.free = self.free.max(piece.at) + self.cut.delay;
            }
        }
    }

    fn busy(&self) -> Tick {
        // Without a delay it never is.
        if self.cut.delay.is_zero() { Tick::ZERO } else { self.free }
    }
}
