//! Marks: the 1 to 8 bytes that begin or end a frame, and the search for them that delimiters share. No framing by
//! itself.
//!
//! The search looks for the mark's last byte and then back. So whatever was looked at once needs no second look, however
//! the mark was cut apart on its way.

use std::fmt;

use memchr::{memchr, memchr_iter, memrchr};

use super::{BadFrame, Cut, Rest, Run};

/// Up to 8 bytes that stand before or after a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    len: u8,
    bytes: [u8; Self::LONGEST],
}

impl Mark {
    /// The longest mark, in bytes.
    pub const LONGEST: usize = 8;

    /// No bytes at all.
    pub const NONE: Self = Self { len: 0, bytes: [0; Self::LONGEST] };

    /// Reads 1 to 8 bytes of hex, in either case.
    pub fn parse(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        let len = digits.len() / 2;
        if !digits.len().is_multiple_of(2) || !(1..=Self::LONGEST).contains(&len) {
            return None;
        }
        let mut bytes = [0; Self::LONGEST];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self { len: u8::try_from(len).ok()?, bytes })
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len()]
    }

    /// How many bytes; 0 for [`Mark::NONE`] only.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The offset of the first of `bytes` that the mark does not have there. Bytes that have not come yet differ in
    /// nothing.
    #[inline]
    pub(super) fn mismatch(&self, bytes: &[u8]) -> Option<usize> {
        self.as_slice().iter().zip(bytes).position(|(mine, theirs)| mine != theirs)
    }
}

impl fmt::Display for Mark {
    /// Lower-case hex, as [`Mark::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The value of one hex digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Cuts the payload that starts at `head` and ends before `mark` (never empty).
#[inline]
pub(super) fn cut_before(mark: &[u8], bytes: &[u8], head: usize, seen: usize, max: usize) -> Cut {
    let last = mark[mark.len() - 1];
    let mut from = seen.max(head + mark.len() - 1);
    while let Some(found) = bytes.get(from..).and_then(|unseen| memchr(last, unseen)) {
        let used = from + found + 1;
        let end = used - mark.len();
        if bytes[end..used] == *mark {
            if end - head > max {
                return Cut::Bad(BadFrame::Oversize { size: (end - head) as u64 });
            }
            return Cut::Message { start: head, end, used };
        }
        from = used;
    }
    // All but one byte of the mark may be among the bytes that are here.
    let open = bytes.len().saturating_sub(head);
    if open >= max.saturating_add(mark.len()) {
        return Cut::Bad(BadFrame::Oversize { size: open as u64 });
    }
    Cut::More { seen: bytes.len(), keep: bytes.len() }
}

/// All frames at the start of `bytes` that end with this byte, if none of them can be too long.
#[inline]
pub(super) fn run_of(end: u8, bytes: &[u8], max: usize) -> Option<Run> {
    if bytes.len() > max {
        return None;
    }
    let used = memrchr(end, bytes)? + 1;
    Some(Run { used, messages: memchr_iter(end, &bytes[..used]).count() as u64 })
}

/// What bytes without their end mark are worth: a last message, if it is not too long.
pub(super) fn rest_of(bytes: &[u8], max: usize) -> Rest {
    if bytes.len() > max {
        return Rest::Bad(BadFrame::Oversize { size: bytes.len() as u64 });
    }
    Rest::Message { start: 0, end: bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_of_one_to_eight_bytes_is_a_mark() {
        assert_eq!(Mark::parse("0D0a").unwrap().as_slice(), b"\r\n");
        assert_eq!(Mark::parse("0D0a").unwrap().to_string(), "0d0a");
        for bad in ["", "0", "0g", "+1", "000000000000000000", "é"] {
            assert_eq!(Mark::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_mark_is_found_across_its_own_beginnings() {
        let cut = cut_before(b"aab", b"aaaab", 0, 0, 9);
        assert_eq!(cut, Cut::Message { start: 0, end: 2, used: 5 });
    }

    #[test]
    fn a_mark_within_the_head_does_not_count() {
        let cut = cut_before(b"aa", b"aaa", 2, 0, 9);
        assert_eq!(cut, Cut::More { seen: 3, keep: 3 });
    }
}
