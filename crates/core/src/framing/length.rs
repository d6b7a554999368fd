//! `LEN,...`: a length stands before the payload.
//!
//! On the wire: magic, `off` bytes, length, payload, tail. Magic, length and tail are stripped and added. The `off` bytes
//! are no payload, but stay as the message's first bytes. The payload is as long as the length says, plus `adj`: so
//! `u16be,adj:-2` counts its own two bytes. `max` bounds the payload of frames that come, in place of the session's own
//! bound; what is sent is bounded by what the length can say, so that a peer's bound can be tried.

use std::fmt;

use super::field::{Field, Reading};
use super::mark::Mark;
use super::{BadFrame, Cut, Cutter, Entry, Example, Framing, LONGEST, Malformed, Rest, Unframeable, number};
use crate::quantity::{self, Size};

/// Messages with a length before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    field: Field,
    magic: Mark,
    tail: Mark,
    off: u16,
    adj: i32,
    /// 0: the session's bound holds.
    max: u32,
}

pub(super) const ENTRY: Entry = Entry {
    name: "length",
    words: &["u8", "u16be", "u16le", "u24be", "u32be", "u32le", "u64be", "varint", "ascii4"],
    syntax: "u8|u16be|u16le|u24be|u32be|u32le|u64be|varint|asciiN[,off:N][,adj:±N][,magic:HEX][,tail:HEX][,max:SIZE]",
    parse,
    examples: &[
        Example { spec: "u8", wire: b"\x03one\0\x03two", messages: &[b"one", b"", b"two"] },
        Example { spec: "u16be,adj:-2", wire: b"\0\x05one\0\x02", messages: &[b"one", b""] },
        Example { spec: "u16le,max:64k", wire: b"\x03\0one\x03\0two", messages: &[b"one", b"two"] },
        Example { spec: "u24be", wire: b"\0\0\x03one", messages: &[b"one"] },
        Example { spec: "u32be,magic:cafe", wire: b"\xca\xfe\0\0\0\x03one", messages: &[b"one"] },
        Example { spec: "u32le,tail:0d0a", wire: b"\x03\0\0\0one\r\n", messages: &[b"one"] },
        Example { spec: "u8,off:1", wire: b"A\x03oneB\0", messages: &[b"Aone", b"B"] },
        Example { spec: "u64be,adj:+1", wire: b"\0\0\0\0\0\0\0\x02one", messages: &[b"one"] },
        Example { spec: "varint", wire: b"\x03one\x83\0two", messages: &[b"one", b"two"] },
        Example { spec: "ascii4,magic:2323", wire: b"##0003one##0000", messages: &[b"one", b""] },
    ],
};

fn parse(text: &str) -> Option<Result<Framing, Malformed>> {
    let end = text.find([',', ':']).unwrap_or(text.len());
    let field = Field::parse(&text[..end])?;
    Some(field.and_then(|field| Length::new(field, &text[end..]).ok_or(Malformed)).map(Framing::Length))
}

/// The parts of a frame whose length is known.
struct Head {
    /// Where the payload starts.
    start: usize,
    /// How long it is.
    payload: usize,
}

impl Length {
    fn new(field: Field, mut options: &str) -> Option<Self> {
        let mut new = Self { field, magic: Mark::NONE, tail: Mark::NONE, off: 0, adj: 0, max: 0 };
        let mut given = Vec::new();
        while !options.is_empty() {
            let option = options.strip_prefix(',')?;
            let end = option.find(',').unwrap_or(option.len());
            let (name, value) = option[..end].split_once(':')?;
            if given.contains(&name) {
                return None;
            }
            given.push(name);
            new.set(name, value)?;
            options = &option[end..];
        }
        Some(new)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "off" => self.off = u16::try_from(number(value)?).ok()?,
            "adj" => {
                let (sign, digits) = match value.strip_prefix('-') {
                    Some(digits) => (-1, digits),
                    None => (1, value.strip_prefix('+').unwrap_or(value)),
                };
                self.adj = sign * i32::try_from(number(digits)?).ok()?;
            }
            "magic" => self.magic = Mark::parse(value)?,
            "tail" => self.tail = Mark::parse(value)?,
            "max" => {
                let size = quantity::size("max", value).ok()?;
                self.max = u32::try_from(size).ok().filter(|max| (1..=LONGEST).contains(&(*max as usize)))?;
            }
            _ => return None,
        }
        Some(())
    }

    /// The framing's own bound on a payload, in bytes.
    pub const fn max(&self) -> Option<usize> {
        if self.max == 0 { None } else { Some(self.max as usize) }
    }

    /// How long the whole frame is, if its length has come.
    pub(super) fn announced(&self, first: &[u8]) -> Option<usize> {
        let head = self.head(first, LONGEST).ok()??;
        Some(head.start + head.payload + self.tail.len())
    }

    /// Reads what stands before the payload. `Ok(None)`: it is not all there yet.
    #[inline]
    fn head(&self, bytes: &[u8], max: usize) -> Result<Option<Head>, BadFrame> {
        if let Some(at) = self.magic.mismatch(bytes) {
            return Err(BadFrame::Byte { at });
        }
        let before = self.magic.len() + usize::from(self.off);
        let Some(field) = bytes.get(before..) else { return Ok(None) };
        let (value, size) = match self.field.read(field) {
            Ok(Reading::Value(value, size)) => (value, size),
            Ok(Reading::More) => return Ok(None),
            Err(BadFrame::Byte { at }) => return Err(BadFrame::Byte { at: before + at }),
            Err(bad) => return Err(bad),
        };
        let announced = value.checked_add_signed(i64::from(self.adj)).ok_or(BadFrame::Length)?;
        match usize::try_from(announced) {
            Ok(payload) if payload <= self.max().unwrap_or(max) => {
                Ok(Some(Head { start: before + size, payload }))
            }
            _ => Err(BadFrame::Oversize { size: announced }),
        }
    }
}

impl Cutter for Length {
    #[inline]
    fn cut(&self, bytes: &mut [u8], _seen: usize, max: usize) -> Cut {
        let Head { start, payload } = match self.head(bytes, max) {
            Ok(Some(head)) => head,
            Ok(None) => return Cut::More { seen: 0, keep: bytes.len() },
            Err(bad) => return Cut::Bad(bad),
        };
        let end = start + payload;
        let used = end + self.tail.len();
        if bytes.len() < used {
            return Cut::More { seen: 0, keep: bytes.len() };
        }
        if let Some(at) = self.tail.mismatch(&bytes[end..]) {
            return Cut::Bad(BadFrame::Byte { at: end + at });
        }
        let off = usize::from(self.off);
        if off > 0 {
            let from = self.magic.len();
            bytes.copy_within(from..from + off, start - off);
        }
        Cut::Message { start: start - off, end, used }
    }

    fn rest(&self, _bytes: &mut [u8], _seen: usize, _max: usize) -> Rest {
        Rest::Truncated
    }

    #[inline]
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        let (before, payload) = message.split_at_checked(usize::from(self.off)).ok_or(Unframeable)?;
        let value = (payload.len() as u64).checked_add_signed(-i64::from(self.adj)).ok_or(Unframeable)?;
        to.extend_from_slice(self.magic.as_slice());
        to.extend_from_slice(before);
        self.field.write(value, to)?;
        to.extend_from_slice(payload);
        to.extend_from_slice(self.tail.as_slice());
        Ok(())
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.field.fmt(f)?;
        if self.off != 0 {
            write!(f, ",off:{}", self.off)?;
        }
        if self.adj != 0 {
            write!(f, ",adj:{:+}", self.adj)?;
        }
        for (name, mark) in [("magic", self.magic), ("tail", self.tail)] {
            if !mark.is_empty() {
                write!(f, ",{name}:{mark}")?;
            }
        }
        match self.max() {
            Some(max) => write!(f, ",max:{}", Size(max as u64)),
            None => Ok(()),
        }
    }
}
