//! `slow-close`: the end of a direction, its FIN or Close, comes late.

use sockeye_core::{Medium, quantity, quantity::Span};

use super::Entry;
use super::piece::{Passed, Piece, Stage, What};

pub(super) const ENTRY: Entry = Entry {
    name: "slow-close",
    syntax: "slow-close:TIME",
    fits: &[Medium::Bytes, Medium::Messages],
    instead: &["latency"],
    examples: &["slow-close:2s", "slow-close:500ms,dir=up"],
    read: |value| {
        let late = quantity::duration("", value).ok()?;
        Some(Box::new(move |_, _| Box::new(SlowClose(late))))
    },
};

struct SlowClose(std::time::Duration);

impl Stage for SlowClose {
    fn take(&mut self, mut piece: Piece, out: &mut Passed) {
        if piece.what == What::End {
            out.tell(Span(self.0).to_string());
            piece.at = piece.at + self.0;
        }
        out.pieces.push(piece);
    }
}
