//! `fixed:N`: every message is N bytes, with nothing between them. A message of another size is refused.

use std::fmt;

use super::{Cut, Cutter, Entry, Example, Framing, LONGEST, Malformed, Rest, Unframeable, after, number};

/// Messages of one size. The size is its own bound: whoever asks for it has said how much memory a message may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed(u32);

pub(super) const ENTRY: Entry = Entry {
    name: "fixed",
    words: &["fixed"],
    syntax: "fixed:N",
    parse: |text| after(text, "fixed").map(|rest| parse(rest).ok_or(Malformed)),
    examples: &[Example { spec: "fixed:3", wire: b"onetwo", messages: &[b"one", b"two"] }],
};

fn parse(parameters: &str) -> Option<Framing> {
    let size = number(parameters.strip_prefix(':')?)?;
    let known = (1..=LONGEST as u64).contains(&size);
    known.then_some(Framing::Fixed(Fixed(u32::try_from(size).ok()?)))
}

impl Fixed {
    /// The size of a message, in bytes: 1 to [`LONGEST`].
    #[inline]
    pub const fn size(&self) -> usize {
        self.0 as usize
    }
}

impl Cutter for Fixed {
    #[inline]
    fn cut(&self, bytes: &mut [u8], _seen: usize, _max: usize) -> Cut {
        if bytes.len() < self.size() {
            return Cut::More { seen: 0, keep: bytes.len() };
        }
        Cut::Message { start: 0, end: self.size(), used: self.size() }
    }

    fn rest(&self, _bytes: &mut [u8], _seen: usize, _max: usize) -> Rest {
        Rest::Truncated
    }

    #[inline]
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        if message.len() != self.size() {
            return Err(Unframeable);
        }
        to.extend_from_slice(message);
        Ok(())
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fixed:{}", self.0)
    }
}
