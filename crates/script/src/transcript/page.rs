//! The text: lines, comments, bytes, and how long after each other things happened.

use std::fmt::Write as _;
use std::time::Duration;

use sockeye_core::Tick;
use sockeye_core::quantity::Span;
use sockeye_wire::Charset;
use sockeye_wire::escape::{Shape, escape};

use crate::write;

/// The line under construction, and the time up to which steps are written.
#[derive(Debug, Default)]
pub(super) struct Page {
    line: String,
    /// What the steps so far come to, counted from the first: their `after`s, so that rounding does not add up.
    clock: Option<Tick>,
}

impl Page {
    /// What a file begins with.
    pub(super) fn head(title: &str, seed: Option<u64>, out: &mut String) {
        for line in title.lines() {
            Self::comment(line, out);
        }
        if let Some(seed) = seed {
            let _ = writeln!(out, "@seed {seed}");
        }
    }

    /// A comment: one line, whatever the text has in it.
    pub(super) fn comment(text: &str, out: &mut String) {
        out.push_str("# ");
        escape(text, Shape::Line, out);
        out.push('\n');
    }

    /// Begins a step of the peer of this name.
    pub(super) fn begin(&mut self, name: &str) {
        self.line.clear();
        self.line.push_str(name);
    }

    /// An operation without data.
    pub(super) fn word(&mut self, word: &str) {
        self.line.push(' ');
        self.line.push_str(word);
    }

    /// An operation with data.
    pub(super) fn data(&mut self, sign: &str, bytes: &[u8], charset: Charset) {
        self.word(sign);
        self.word(&write::message_in(bytes, charset));
    }

    /// Ends the step: it happened at `at`.
    pub(super) fn end(&mut self, at: Tick, out: &mut String) {
        let clock = *self.clock.get_or_insert(at);
        let after = rounded(at.since(clock));
        if !after.is_zero() {
            let _ = write!(self.line, " after {}", Span(after));
            self.clock = Some(clock + after);
        }
        self.line.push('\n');
        out.push_str(&self.line);
        if self.line.capacity() > 1 << 16 {
            self.line = String::new();
        }
    }
}

/// A time as people write it: milliseconds below 10 s, then tenths of a second, then seconds.
fn rounded(time: Duration) -> Duration {
    let unit = match time.as_secs() {
        0..10 => 1,
        10..60 => 100,
        _ => 1000,
    };
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2);
    Duration::from_millis(millis / unit * unit)
}
