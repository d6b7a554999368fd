//! `loss`: datagrams are lost. A stream loses nothing: what would be lost is sent again later, and all behind it waits,
//! so there it is a delay, and is called one.

use std::time::Duration;

use sockeye_core::{Medium, quantity::Span};

use super::Entry;
use super::piece::{Passed, Piece, Probability, Stage, What};
use crate::chance::Chance;

/// How long TCP takes to send again what was lost: the least that Linux waits (RFC 6298 section 2.4 says a second), twice
/// as long each further time (section 5.5).
const AGAIN: Duration = Duration::from_millis(200);

/// How often it is lost again, at most: the delay ends at 12.6 s.
const TIMES: u32 = 6;

pub(super) const ENTRY: Entry = Entry {
    name: "loss",
    syntax: "loss:P",
    fits: &[Medium::Bytes, Medium::Messages, Medium::Datagrams],
    instead: &[],
    examples: &["loss:0.3", "loss:1,dir=down,on=/^PONG/"],
    read: |value| {
        let odds = Probability::read(value)?;
        Some(Box::new(move |medium, chance| Box::new(Loss { odds, medium, chance, seen: 0, bytes: 0 })))
    },
};

struct Loss {
    odds: Probability,
    medium: Medium,
    chance: Chance,
    /// Pieces so far, and their bytes.
    seen: u64,
    bytes: u64,
}

impl Stage for Loss {
    fn take(&mut self, piece: Piece, out: &mut Passed) {
        let What::Data(bytes, mark) = piece.what else { return out.pass(piece.at, piece.what) };
        self.seen += 1;
        let from = self.bytes;
        self.bytes += bytes.len() as u64;
        if self.medium.is_datagrams() {
            if self.odds.hits(&mut self.chance) {
                out.tell(format!("datagram={} bytes={}", self.seen, bytes.len()));
            } else {
                out.pass(piece.at, What::Data(bytes, mark));
            }
            return;
        }
        let (mut late, mut times) = (Duration::ZERO, 0);
        while times < TIMES && self.odds.hits(&mut self.chance) {
            late += AGAIN * (1 << times);
            times += 1;
        }
        if times > 0 {
            let place = match self.medium {
                Medium::Bytes => format!("byte={from}"),
                _ => format!("message={}", self.seen),
            };
            out.tell(format!("{place} late={}", Span(late)));
        }
        out.pass(piece.at + late, What::Data(bytes, mark));
    }
}
