//! `dgram`: each datagram is one message. The default on datagram transports, and of no use on a stream.

use std::fmt;

use super::{Cut, Cutter, Entry, Example, Framing, Rest, Unframeable, plain};

/// One datagram, one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dgram;

pub(super) const ENTRY: Entry = Entry {
    name: "dgram",
    words: &["dgram"],
    syntax: "dgram",
    parse: |text| plain(text, "dgram", Framing::Dgram(Dgram)),
    examples: &[Example { spec: "dgram", wire: b"one datagram", messages: &[b"one datagram"] }],
};

impl Cutter for Dgram {
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

impl fmt::Display for Dgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dgram")
    }
}
