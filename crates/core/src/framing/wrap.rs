//! `wrap:HEX:HEX`: a message stands between a start mark and an end mark, 1 to 8 bytes each: `wrap:0b:1c0d` is HL7's
//! MLLP, `wrap:02:03` is STX and ETX.
//!
//! The start mark inside a message is content. The end mark inside a message that is sent is not refused: what follows
//! it is no frame to the other end.

use std::fmt;

use super::mark::{Mark, cut_before};
use super::{BadFrame, Cut, Cutter, Entry, Example, Framing, Malformed, Rest, Unframeable, after};

/// Messages between two marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrap {
    start: Mark,
    end: Mark,
}

pub(super) const ENTRY: Entry = Entry {
    name: "wrap",
    words: &["wrap"],
    syntax: "wrap:HEX:HEX",
    parse: |text| after(text, "wrap").map(|rest| parse(rest).ok_or(Malformed)),
    examples: &[
        Example { spec: "wrap:02:03", wire: b"\x02one\x03\x02\x02\x03", messages: &[b"one", b"\x02"] },
        Example { spec: "wrap:0b:1c0d", wire: b"\x0bMSH|\x1c\r\x0b\x1c\r", messages: &[b"MSH|", b""] },
    ],
};

fn parse(parameters: &str) -> Option<Framing> {
    let (start, end) = parameters.strip_prefix(':')?.split_once(':')?;
    Some(Framing::Wrap(Wrap { start: Mark::parse(start)?, end: Mark::parse(end)? }))
}

impl Cutter for Wrap {
    #[inline]
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        if let Some(at) = self.start.mismatch(bytes) {
            return Cut::Bad(BadFrame::Byte { at });
        }
        cut_before(self.end.as_slice(), bytes, self.start.len(), seen, max)
    }

    fn rest(&self, _bytes: &mut [u8], _seen: usize, _max: usize) -> Rest {
        Rest::Truncated
    }

    #[inline]
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        to.extend_from_slice(self.start.as_slice());
        to.extend_from_slice(message);
        to.extend_from_slice(self.end.as_slice());
        Ok(())
    }
}

impl fmt::Display for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrap:{}:{}", self.start, self.end)
    }
}
