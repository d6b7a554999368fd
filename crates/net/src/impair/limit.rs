//! `limit`: the connection is closed after so many bytes. A message that would be beyond them does not pass.

use sockeye_core::{Medium, quantity};

use super::Entry;
use super::piece::{Cut, Passed, Piece, Stage, What};

pub(super) const ENTRY: Entry = Entry {
    name: "limit",
    syntax: "limit:SIZE",
    fits: &[Medium::Bytes, Medium::Messages],
    instead: &["timeout", "loss"],
    examples: &["limit:64k", "limit:1,dir=down"],
    read: |value| {
        let most = quantity::size("", value).ok().filter(|most| *most > 0)?;
        Some(Box::new(move |medium, _| Box::new(Limit { left: most, most, medium })))
    },
};

struct Limit {
    left: u64,
    most: u64,
    medium: Medium,
}

impl Stage for Limit {
    fn take(&mut self, mut piece: Piece, out: &mut Passed) {
        let at = piece.at;
        let What::Data(bytes, _) = &mut piece.what else { return out.pieces.push(piece) };
        let count = bytes.len() as u64;
        if count < self.left {
            self.left -= count;
            return out.pieces.push(piece);
        }
        // A stream is cut at the byte, messages between two.
        if count == self.left || !self.medium.has_bounds() {
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            out.pieces.push(piece);
        }
        out.pass(at, What::Cut(Cut::Close, ENTRY.name, format!("byte={}", self.most)));
    }
}
