//! `line`: a message ends at LF, which is stripped and added. A CR before it stays in the message: see `crlf`.
//!
//! An LF inside a message that is sent is not refused: the other end sees two messages.

use std::fmt;

use super::mark::{cut_before, rest_of, run_of};
use super::{Cut, Cutter, Entry, Example, Framing, Rest, Run, Unframeable, plain};

/// Messages that end at LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line;

pub(super) const ENTRY: Entry = Entry {
    name: "line",
    words: &["line"],
    syntax: "line",
    parse: |text| plain(text, "line", Framing::Line(Line)),
    examples: &[
        Example { spec: "line", wire: b"one\ntwo\n", messages: &[b"one", b"two"] },
        Example { spec: "line", wire: b"kept\r\n\n", messages: &[b"kept\r", b""] },
    ],
};

impl Cutter for Line {
    #[inline]
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        cut_before(b"\n", bytes, 0, seen, max)
    }

    fn rest(&self, bytes: &mut [u8], _seen: usize, max: usize) -> Rest {
        rest_of(bytes, max)
    }

    #[inline]
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        to.extend_from_slice(message);
        to.push(b'\n');
        Ok(())
    }

    #[inline]
    fn run(&self, bytes: &[u8], max: usize) -> Option<Run> {
        run_of(b'\n', bytes, max)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("line")
    }
}
