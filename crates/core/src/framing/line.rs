//! `line`: a message ends at LF, which is stripped and added. A CR before it stays in the message: see `crlf`.

use std::fmt;

use memchr::memchr;

use super::{BadFrame, Cut, Cutter, Entry, Example, Framing, Rest, Unframeable};

/// Messages that end at LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line;

pub(super) const ENTRY: Entry = Entry {
    name: "line",
    syntax: "line",
    parse: |text| (text == "line").then_some(Some(Framing::Line(Line))),
    examples: &[
        Example { spec: "line", wire: b"one\ntwo\n", messages: &[b"one", b"two"] },
        Example { spec: "line", wire: b"kept\r\n\n", messages: &[b"kept\r", b""] },
    ],
};

impl Cutter for Line {
    #[inline]
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        match memchr(b'\n', &bytes[seen..]) {
            Some(at) if seen + at <= max => Cut::Message { start: 0, end: seen + at, used: seen + at + 1 },
            None if bytes.len() <= max => Cut::More { seen: bytes.len() },
            _ => Cut::Bad(BadFrame::Oversize { size: bytes.len() as u64 }),
        }
    }

    fn rest(&self, bytes: &mut [u8], _max: usize) -> Rest {
        Rest::Message { start: 0, end: bytes.len() }
    }

    #[inline]
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        to.extend_from_slice(message);
        to.push(b'\n');
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("line")
    }
}
