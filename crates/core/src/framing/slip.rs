//! `slip` (RFC 1055): a message ends at END (c0); END and ESC (db) inside it are sent as `db dc` and `db dd`.
//!
//! A frame is unescaped as it comes, not when it is whole: so what is kept of it never exceeds `max`, though every byte
//! may take two on the wire. Empty frames are skipped, as the RFC advises, since some senders begin frames with END too;
//! this one does not. An empty message therefore cannot be carried: its END is skipped by the other end.

use std::fmt;

use memchr::{memchr2, memchr2_iter};

use super::mark::rest_of;
use super::{BadFrame, Cut, Cutter, Entry, Example, Framing, Rest, Unframeable, plain};

const END: u8 = 0xc0;
const ESC: u8 = 0xdb;
const ESC_END: u8 = 0xdc;
const ESC_ESC: u8 = 0xdd;

/// Messages with escapes that end at END.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slip;

pub(super) const ENTRY: Entry = Entry {
    name: "slip",
    words: &["slip"],
    syntax: "slip",
    parse: |text| plain(text, "slip", Framing::Slip(Slip)),
    examples: &[
        Example { spec: "slip", wire: b"\xc0one\xc0\xc0two\xc0", messages: &[b"one", b"two"] },
        Example { spec: "slip", wire: b"\xdb\xdca\xdb\xddb\xc0", messages: &[b"\xc0a\xdbb"] },
    ],
};

impl Cutter for Slip {
    /// `bytes[..seen]` is unescaped already.
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        let (mut read, mut write) = (seen, seen);
        loop {
            let found = memchr2(END, ESC, &bytes[read..]);
            let stop = found.map_or(bytes.len(), |found| read + found);
            if read != write {
                bytes.copy_within(read..stop, write);
            }
            write += stop - read;
            if write > max {
                return Cut::Bad(BadFrame::Oversize { size: write as u64 });
            }
            match bytes.get(stop) {
                None => return Cut::More { seen: write, keep: write },
                Some(&END) if write == 0 => return Cut::Skip { used: stop + 1 },
                Some(&END) => return Cut::Message { start: 0, end: write, used: stop + 1 },
                Some(_) => {}
            }
            let plain = match bytes.get(stop + 1) {
                Some(&ESC_END) => END,
                Some(&ESC_ESC) => ESC,
                Some(_) => return Cut::Bad(BadFrame::Byte { at: stop + 1 }),
                None => {
                    bytes[write] = ESC;
                    return Cut::More { seen: write, keep: write + 1 };
                }
            };
            bytes[write] = plain;
            write += 1;
            read = stop + 2;
        }
    }

    fn rest(&self, bytes: &mut [u8], seen: usize, max: usize) -> Rest {
        if seen < bytes.len() {
            return Rest::Truncated;
        }
        rest_of(bytes, max)
    }

    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
        let mut done = 0;
        for at in memchr2_iter(END, ESC, message) {
            to.extend_from_slice(&message[done..at]);
            to.extend_from_slice(&[ESC, if message[at] == END { ESC_END } else { ESC_ESC }]);
            done = at + 1;
        }
        to.extend_from_slice(&message[done..]);
        to.push(END);
        Ok(())
    }
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("slip")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_escape_is_named_and_a_cut_off_one_is_truncated() {
        assert_eq!(Slip.cut(&mut [b'a', ESC, b'b'], 0, 9), Cut::Bad(BadFrame::Byte { at: 2 }));
        assert_eq!(Slip.cut(&mut [b'a', ESC], 0, 9), Cut::More { seen: 1, keep: 2 });
        assert_eq!(Slip.rest(&mut [b'a', ESC], 1, 9), Rest::Truncated);
    }

    #[test]
    fn a_message_of_max_bytes_passes_however_many_escapes_it_takes() {
        let mut wire = Vec::new();
        Slip.wrap(&[END; 4], &mut wire).unwrap();
        assert_eq!(Slip.cut(&mut wire.clone(), 0, 4), Cut::Message { start: 0, end: 4, used: 9 });
        assert_eq!(Slip.cut(&mut wire, 0, 3), Cut::Bad(BadFrame::Oversize { size: 4 }));
    }
}
