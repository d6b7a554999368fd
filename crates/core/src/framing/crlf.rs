//! `crlf`: a message ends at CRLF, which is stripped and added. A lone CR or LF is content.
//!
//! A CRLF inside a message that is sent is not refused: the other end sees two messages, which a tester may well want.

use std::fmt;

use super::mark::{cut_before, rest_of};
use super::{Cut, Cutter, Entry, Example, Framing, Rest, Unframeable, plain};

/// Messages that end at CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crlf;

pub(super) const ENTRY: Entry = Entry {
    name: "crlf",
    words: &["crlf"],
    syntax: "crlf",
    parse: |text| plain(text, "crlf", Framing::Crlf(Crlf)),
    examples: &[
        Example { spec: "crlf", wire: b"HELO a\r\nQUIT\r\n", messages: &[b"HELO a", b"QUIT"] },
        Example { spec: "crlf", wire: b"a\rb\nc\r\r\n\r\n", messages: &[b"a\rb\nc\r", b""] },
    ],
};

impl Cutter for Crlf {
    #[inline]
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        cut_before(b"\r\n", bytes, 0, seen, max)
    }

    fn rest(&self, bytes: &mut [u8], _seen: usize, max: usize) -> Rest {
        rest_of(bytes, max)
    }

    #[inline]
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        to.extend_from_slice(message);
        to.extend_from_slice(b"\r\n");
        Ok(())
    }
}

impl fmt::Display for Crlf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("crlf")
    }
}
