//! `timeout`: nothing passes, not even the end; after a time the connection is closed, if a time was given.

use std::time::Duration;

use sockeye_core::{Medium, Tick, quantity, quantity::Span};

use super::Entry;
use super::piece::{Cut, Passed, Piece, Stage, What};

pub(super) const ENTRY: Entry = Entry {
    name: "timeout",
    syntax: "timeout[:TIME]",
    fits: &[Medium::Bytes, Medium::Messages, Medium::Datagrams],
    instead: &[],
    examples: &["timeout", "timeout:5s", "timeout,dir=down,on=/^GET/"],
    read: |value| {
        let after = if value.is_empty() { Duration::ZERO } else { quantity::duration("", value).ok()? };
        Some(Box::new(move |_, _| Box::new(Timeout { after, due: None })))
    },
};

struct Timeout {
    /// Zero: never.
    after: Duration,
    due: Option<Tick>,
}

impl Stage for Timeout {
    fn begin(&mut self, at: Tick, _passed: u64, out: &mut Passed) {
        if self.after.is_zero() {
            return out.tell("after=never");
        }
        out.tell(Span(self.after).to_string());
        self.due = Some(at + self.after);
    }

    fn take(&mut self, piece: Piece, out: &mut Passed) {
        if matches!(piece.what, What::Cut(..)) {
            out.pieces.push(piece);
        }
    }

    fn due(&self) -> Option<Tick> {
        self.due
    }

    fn wake(&mut self, now: Tick, out: &mut Passed) {
        self.due = None;
        let detail = format!("after={}", Span(self.after));
        out.pass(now, What::Cut(Cut::Close, ENTRY.name, detail));
    }
}
