//! `reset`: the connection is cut with an RST, at once or after a time.

use std::time::Duration;

use sockeye_core::{Medium, Tick, quantity, quantity::Span};

use super::Entry;
use super::piece::{Cut, Passed, Piece, Stage, What};

pub(super) const ENTRY: Entry = Entry {
    name: "reset",
    syntax: "reset[:TIME]",
    fits: &[Medium::Bytes, Medium::Messages],
    instead: &["timeout", "loss"],
    examples: &["reset", "reset:2s", "reset:after=64k", "reset:on=/LOGIN/"],
    read: |value| {
        let after = if value.is_empty() { Duration::ZERO } else { quantity::duration("", value).ok()? };
        Some(Box::new(move |_, _| Box::new(Reset { after, due: None })))
    },
};

struct Reset {
    after: Duration,
    due: Option<Tick>,
}

impl Stage for Reset {
    fn begin(&mut self, at: Tick, passed: u64, out: &mut Passed) {
        if self.after.is_zero() {
            let detail = format!("byte={passed}");
            out.pass(at, What::Cut(Cut::Reset, ENTRY.name, detail));
        } else {
            self.due = Some(at + self.after);
        }
    }

    fn take(&mut self, piece: Piece, out: &mut Passed) {
        out.pieces.push(piece);
    }

    fn due(&self) -> Option<Tick> {
        self.due
    }

    fn wake(&mut self, now: Tick, out: &mut Passed) {
        self.due = None;
        let detail = format!("after={}", Span(self.after));
        out.pass(now, What::Cut(Cut::Reset, ENTRY.name, detail));
    }
}
