//! `dup`: a datagram arrives twice.

use sockeye_core::Medium;

use super::Entry;
use super::piece::{Passed, Piece, Probability, Stage, What};
use crate::chance::Chance;

pub(super) const ENTRY: Entry = Entry {
    name: "dup",
    syntax: "dup:P",
    fits: &[Medium::Datagrams],
    instead: &["loss", "latency"],
    examples: &["dup:0.1", "dup:1,dir=up"],
    read: |value| {
        let odds = Probability::read(value)?;
        Some(Box::new(move |_, chance| Box::new(Dup { odds, chance, seen: 0 })))
    },
};

struct Dup {
    odds: Probability,
    chance: Chance,
    /// Datagrams so far.
    seen: u64,
}

impl Stage for Dup {
    fn take(&mut self, piece: Piece, out: &mut Passed) {
        if let What::Data(bytes, _) = &piece.what {
            self.seen += 1;
            if self.odds.hits(&mut self.chance) {
                out.tell(format!("datagram={} bytes={}", self.seen, bytes.len()));
                out.pieces.push(piece.clone());
            }
        }
        out.pieces.push(piece);
    }
}
