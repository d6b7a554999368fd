//! `cobs`: consistent overhead byte stuffing (Cheshire and Baker, 1999). Zero bytes are coded away, and a zero byte ends
//! each frame. Costs one byte in 254.
//!
//! A frame with nothing before its zero is skipped: senders use it to begin afresh. An empty message is `01 00`.

use std::fmt;

use memchr::memchr;

use super::mark::rest_of;
use super::{BadFrame, Cut, Cutter, Entry, Example, Framing, Rest, Unframeable, plain};

/// The code of a block of 254 bytes that no zero follows.
const FULL: u8 = 0xff;

/// Messages without zero bytes on the wire, ended by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cobs;

pub(super) const ENTRY: Entry = Entry {
    name: "cobs",
    words: &["cobs"],
    syntax: "cobs",
    parse: |text| plain(text, "cobs", Framing::Cobs(Cobs)),
    examples: &[
        Example { spec: "cobs", wire: b"\x04one\0\x02a\x02b\0", messages: &[b"one", b"a\0b"] },
        Example { spec: "cobs", wire: b"\0\x01\0\x01\x01\0", messages: &[b"", b"\0"] },
    ],
};

impl Cutter for Cobs {
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        let found = memchr(0, &bytes[seen..]);
        let end = found.map_or(bytes.len(), |found| seen + found);
        // The most that `max` bytes can take is a code for each 254, and one more. Asked before the codes are read, so
        // that a bad frame is the same fault however it was cut.
        if end > max.saturating_add(max / 254 + 1) {
            return Cut::Bad(BadFrame::Oversize { size: end as u64 });
        }
        if found.is_none() {
            return Cut::More { seen: end, keep: end };
        }
        if end == 0 {
            return Cut::Skip { used: 1 };
        }
        match measure(&bytes[..end]) {
            Err(at) => Cut::Bad(BadFrame::Byte { at }),
            Ok(size) if size > max => Cut::Bad(BadFrame::Oversize { size: size as u64 }),
            Ok(size) => {
                decode(&mut bytes[..end]);
                Cut::Message { start: 0, end: size, used: end + 1 }
            }
        }
    }

    fn rest(&self, bytes: &mut [u8], _seen: usize, max: usize) -> Rest {
        let Ok(size) = measure(bytes) else { return Rest::Truncated };
        decode(bytes);
        rest_of(&bytes[..size], max)
    }

    fn wrap(&self, mut message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        loop {
            let window = &message[..message.len().min(usize::from(FULL) - 1)];
            let zero = memchr(0, window);
            let run = zero.unwrap_or(window.len());
            to.push(u8::try_from(run + 1).unwrap_or(FULL));
            to.extend_from_slice(&message[..run]);
            message = &message[run + usize::from(zero.is_some())..];
            if zero.is_none() && message.is_empty() {
                break;
            }
        }
        to.push(0);
        Ok(())
    }
}

/// The size of what `coded` (no zeros in it) stands for, or the offset of a code that points beyond its end.
fn measure(coded: &[u8]) -> Result<usize, usize> {
    let (mut at, mut size) = (0, 0);
    while at < coded.len() {
        let code = coded[at];
        let next = at + usize::from(code);
        if code == 0 || next > coded.len() {
            return Err(at);
        }
        size += usize::from(code) - usize::from(code == FULL || next == coded.len());
        at = next;
    }
    Ok(size)
}

/// Decodes in place what [`measure`] found good. Writing never overtakes reading: a block is shorter than its code says.
fn decode(coded: &mut [u8]) {
    let (mut at, mut write) = (0, 0);
    while at < coded.len() {
        let code = coded[at];
        let next = at + usize::from(code);
        coded.copy_within(at + 1..next, write);
        write += next - at - 1;
        if code != FULL && next < coded.len() {
            coded[write] = 0;
            write += 1;
        }
        at = next;
    }
}

impl fmt::Display for Cobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cobs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(message: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        Cobs.wrap(message, &mut wire).unwrap();
        wire
    }

    #[test]
    fn blocks_of_254_bytes_need_no_code_after_them() {
        let full = [7; 254];
        assert_eq!(wrapped(&full), [&[0xff][..], &full, &[0]].concat());
        assert_eq!(wrapped(&[7; 255]), [&[0xff][..], &full, &[2, 7, 0]].concat());
        let mut ended = [7; 255];
        ended[254] = 0;
        assert_eq!(wrapped(&ended), [&[0xff][..], &full, &[1, 1, 0]].concat());
    }

    #[test]
    fn every_size_around_a_block_comes_back() {
        for size in 250..260 {
            for zero in [0, size / 2, size - 1, size] {
                let message: Vec<u8> = (0..size).map(|at| u8::from(at != zero)).collect();
                let mut wire = wrapped(&message);
                let used = wire.len();
                assert_eq!(Cobs.cut(&mut wire, 0, size), Cut::Message { start: 0, end: size, used });
                assert_eq!(wire[..size], message);
            }
        }
    }

    #[test]
    fn a_code_beyond_the_end_is_named() {
        assert_eq!(Cobs.cut(&mut [2, 7, 9, 7, 0], 0, 9), Cut::Bad(BadFrame::Byte { at: 2 }));
        assert_eq!(Cobs.rest(&mut [9, 7], 0, 9), Rest::Truncated);
    }
}
