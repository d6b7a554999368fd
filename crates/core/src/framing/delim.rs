//! `delim:HEX`: a message ends at a mark of 1 to 8 bytes, which is stripped and added.
//!
//! The mark inside a message that is sent is not refused: the other end sees two messages.

use std::fmt;

use super::mark::{Mark, cut_before, rest_of};
use super::{Cut, Cutter, Entry, Example, Framing, Malformed, Rest, Unframeable, after};

/// Messages that end at a mark of the user's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delim(Mark);

pub(super) const ENTRY: Entry = Entry {
    name: "delim",
    words: &["delim"],
    syntax: "delim:HEX",
    parse: |text| after(text, "delim").map(|rest| parse(rest).ok_or(Malformed)),
    examples: &[
        Example { spec: "delim:7c", wire: b"one|two|", messages: &[b"one", b"two"] },
        Example { spec: "delim:2d2d3e", wire: b"a--->-->->-->", messages: &[b"a-", b"", b"->"] },
    ],
};

fn parse(parameters: &str) -> Option<Framing> {
    Mark::parse(parameters.strip_prefix(':')?).map(|mark| Framing::Delim(Delim(mark)))
}

impl Cutter for Delim {
    #[inline]
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        cut_before(self.0.as_slice(), bytes, 0, seen, max)
    }

    fn rest(&self, bytes: &mut [u8], _seen: usize, max: usize) -> Rest {
        rest_of(bytes, max)
    }

    #[inline]
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        to.extend_from_slice(message);
        to.extend_from_slice(self.0.as_slice());
        Ok(())
    }
}

impl fmt::Display for Delim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delim:{}", self.0)
    }
}
