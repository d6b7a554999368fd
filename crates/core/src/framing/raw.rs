//! `raw`: no framing. A message is what one read gave, and bytes are sent as they are. The default on streams.

use std::fmt;

use super::{Cut, Cutter, Entry, Example, Framing, Rest, Unframeable, plain};

/// No framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw;

pub(super) const ENTRY: Entry = Entry {
    name: "raw",
    words: &["raw"],
    syntax: "raw",
    parse: |text| plain(text, "raw", Framing::Raw(Raw)),
    examples: &[Example { spec: "raw", wire: b"one read", messages: &[b"one read"] }],
};

impl Cutter for Raw {
    fn cut(&self, bytes: &mut [u8], _seen: usize, _max: usize) -> Cut {
        Cut::Message { start: 0, end: bytes.len(), used: bytes.len() }
    }

    fn rest(&self, bytes: &mut [u8], _seen: usize, _max: usize) -> Rest {
        Rest::Message { start: 0, end: bytes.len() }
    }

    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        to.extend_from_slice(message);
        Ok(())
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("raw")
    }
}
