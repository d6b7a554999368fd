//! `nul`: a message ends at a zero byte, which is stripped and added.
//!
//! A zero byte inside a message that is sent is not refused: the other end sees two messages.

use std::fmt;

use super::mark::{cut_before, rest_of, run_of};
use super::{Cut, Cutter, Entry, Example, Framing, Rest, Run, Unframeable, plain};

/// Messages that end at a zero byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nul;

pub(super) const ENTRY: Entry = Entry {
    name: "nul",
    words: &["nul"],
    syntax: "nul",
    parse: |text| plain(text, "nul", Framing::Nul(Nul)),
    examples: &[Example { spec: "nul", wire: b"one\0two\n\0\0", messages: &[b"one", b"two\n", b""] }],
};

impl Cutter for Nul {
    #[inline]
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        cut_before(b"\0", bytes, 0, seen, max)
    }

    fn rest(&self, bytes: &mut [u8], _seen: usize, max: usize) -> Rest {
        rest_of(bytes, max)
    }

    #[inline]
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        to.extend_from_slice(message);
        to.push(0);
        Ok(())
    }

    #[inline]
    fn run(&self, bytes: &[u8], max: usize) -> Option<Run> {
        run_of(0, bytes, max)
    }
}

impl fmt::Display for Nul {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nul")
    }
}
