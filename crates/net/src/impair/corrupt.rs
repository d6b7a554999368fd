//! `corrupt`: bits flip, past every checksum. On a stream it is so likely for each byte, and the same bytes are hit however
//! the stream was cut; a message or datagram has one bit flipped, somewhere, if any.

use sockeye_core::Medium;

use super::Entry;
use super::piece::{Passed, Piece, Probability, Stage, What};
use crate::chance::Chance;

pub(super) const ENTRY: Entry = Entry {
    name: "corrupt",
    syntax: "corrupt:P",
    fits: &[Medium::Bytes, Medium::Messages, Medium::Datagrams],
    instead: &[],
    examples: &["corrupt:0.01", "corrupt:0.001,after=1k,dir=down"],
    read: |value| {
        let odds = Probability::read(value)?;
        Some(Box::new(move |medium, chance| Box::new(Corrupt { odds, medium, chance, seen: 0 })))
    },
};

struct Corrupt {
    odds: Probability,
    medium: Medium,
    chance: Chance,
    /// Bytes of a stream, or messages, so far.
    seen: u64,
}

impl Corrupt {
    fn flip(&mut self, byte: &mut u8) -> String {
        let before = *byte;
        *byte ^= 1 << self.chance.below(8);
        format!("{before:02x}->{byte:02x}")
    }
}

impl Stage for Corrupt {
    fn take(&mut self, mut piece: Piece, out: &mut Passed) {
        if let What::Data(bytes, _) = &mut piece.what {
            if self.medium.has_bounds() {
                self.seen += 1;
                if self.odds.hits(&mut self.chance) && !bytes.is_empty() {
                    let at = usize::try_from(self.chance.below(bytes.len() as u64)).unwrap_or_default();
                    let change = self.flip(&mut bytes[at]);
                    let what = if self.medium.is_datagrams() { "datagram" } else { "message" };
                    out.tell(format!("{what}={} byte={at} {change}", self.seen));
                }
            } else {
                for byte in bytes {
                    if self.odds.hits(&mut self.chance) {
                        let change = self.flip(byte);
                        out.tell(format!("byte={} {change}", self.seen));
                    }
                    self.seen += 1;
                }
            }
        }
        out.pieces.push(piece);
    }
}
