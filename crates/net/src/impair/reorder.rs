//! `reorder`: a datagram is overtaken by the next. Where none follows, it is late and that is all.

use std::time::Duration;

use sockeye_core::{Medium, Tick};

use super::Entry;
use super::piece::{Passed, Piece, Probability, Stage, What};
use crate::chance::Chance;

/// How long the next is waited for.
const PATIENCE: Duration = Duration::from_millis(100);

pub(super) const ENTRY: Entry = Entry {
    name: "reorder",
    syntax: "reorder:P",
    fits: &[Medium::Datagrams],
    instead: &["loss", "latency"],
    examples: &["reorder:0.2", "reorder:0.5,dir=down"],
    read: |value| {
        let odds = Probability::read(value)?;
        Some(Box::new(move |_, chance| Box::new(Reorder { odds, chance, seen: 0, waiting: None })))
    },
};

struct Reorder {
    odds: Probability,
    chance: Chance,
    /// Datagrams so far.
    seen: u64,
    /// The one that is to be overtaken.
    waiting: Option<Piece>,
}

impl Reorder {
    fn give_up(&mut self, by: Tick, out: &mut Passed) {
        if let Some(piece) = self.waiting.take_if(|piece| piece.at + PATIENCE <= by) {
            out.pass(piece.at + PATIENCE, piece.what);
        }
    }
}

impl Stage for Reorder {
    fn take(&mut self, piece: Piece, out: &mut Passed) {
        if !matches!(piece.what, What::Data(..)) {
            out.pieces.extend(self.waiting.take());
            return out.pieces.push(piece);
        }
        self.seen += 1;
        // A draw for each, so that what becomes of one does not depend on those before it.
        let hit = self.odds.hits(&mut self.chance);
        self.give_up(piece.at, out);
        if let Some(late) = self.waiting.take() {
            out.tell(format!("datagram={} after={}", self.seen - 1, self.seen));
            let at = piece.at;
            out.pieces.push(piece);
            out.pass(at, late.what);
        } else if hit {
            self.waiting = Some(piece);
        } else {
            out.pieces.push(piece);
        }
    }

    fn due(&self) -> Option<Tick> {
        self.waiting.as_ref().map(|piece| piece.at + PATIENCE)
    }

    fn wake(&mut self, now: Tick, out: &mut Passed) {
        self.give_up(now, out);
    }

    fn held(&self) -> usize {
        // An empty datagram is something too.
        self.waiting.as_ref().map_or(0, |piece| match &piece.what {
            What::Data(bytes, _) => bytes.len() + 1,
            _ => 1,
        })
    }
}
