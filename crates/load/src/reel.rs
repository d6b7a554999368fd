//! Frames made ahead, so that what a turn sends is copied, and what a read gave is compared, all at once.
//!
//! A reel has a hundred copies of one frame, in the order of the last two digits of their numbers. The other digits are zero
//! on the reel: they are written into copies, and are taken out of what came before it is compared.

use crate::message::DIGITS;

/// Copies on a reel: as many as two digits tell apart.
const COPIES: usize = 100;

/// The digits that are alike on all of a reel.
const HIGH: usize = DIGITS - 2;

/// The longest frame that is put on a reel, in bytes: copying a longer one costs more than its digits.
const LONGEST: usize = 2048;

/// A hundred frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reel {
    frames: Box<[u8]>,
    /// Bytes of each.
    each: usize,
    /// Where the digits are, if there are any.
    number: Option<usize>,
}

impl Reel {
    /// Copies of a frame whose digits are at `number`; none of a frame that is too long, or empty.
    pub(crate) fn of(frame: &[u8], number: Option<usize>) -> Option<Self> {
        if frame.is_empty() || frame.len() > LONGEST {
            return None;
        }
        let mut frames = frame.repeat(COPIES);
        if let Some(at) = number {
            for (copy, frame) in (0_u8..).zip(frames.chunks_exact_mut(frame.len())) {
                frame[at..at + HIGH].fill(b'0');
                frame[at + HIGH] = b'0' + copy / 10;
                frame[at + HIGH + 1] = b'0' + copy % 10;
            }
        }
        Some(Self { frames: frames.into(), each: frame.len(), number })
    }

    /// Bytes of a frame.
    #[inline]
    pub(crate) const fn each(&self) -> usize {
        self.each
    }

    /// How many frames there are from the one with these digits to the end of the reel.
    #[inline]
    pub(crate) fn left(&self, digits: &[u8; DIGITS]) -> usize {
        COPIES - self.place(digits)
    }

    fn place(&self, digits: &[u8; DIGITS]) -> usize {
        if self.number.is_none() {
            return 0;
        }
        let digit = |at: usize| usize::from(digits[at].wrapping_sub(b'0')).min(9);
        digit(HIGH) * 10 + digit(HIGH + 1)
    }

    /// Appends so many frames, of which the first has these digits; there are as many [left](Self::left).
    #[inline]
    pub(crate) fn put(&self, digits: &[u8; DIGITS], count: usize, out: &mut Vec<u8>) {
        let (place, from) = (self.place(digits) * self.each, out.len());
        out.extend_from_slice(&self.frames[place..place + count * self.each]);
        if let Some(at) = self.number {
            write_high(out[from..].chunks_exact_mut(self.each), at, &high(digits));
        }
    }

    /// Whether these bytes, whole frames of which as many are [left](Self::left), are those from the one with these digits
    /// on. They are as they were afterwards if they are not.
    #[inline]
    pub(crate) fn is(&self, digits: &[u8; DIGITS], bytes: &mut [u8]) -> bool {
        let place = self.place(digits) * self.each;
        let frames = &self.frames[place..place + bytes.len()];
        let Some(at) = self.number else { return *bytes == *frames };
        let high = high(digits);
        let mut same = 0;
        for frame in bytes.chunks_exact_mut(self.each) {
            let digits = &mut frame[at..at + HIGH];
            if digits != high {
                break;
            }
            digits.copy_from_slice(&[b'0'; HIGH]);
            same += 1;
        }
        if same * self.each == bytes.len() && *bytes == *frames {
            return true;
        }
        write_high(bytes.chunks_exact_mut(self.each).take(same), at, &high);
        false
    }
}

#[inline]
fn write_high<'a>(frames: impl Iterator<Item = &'a mut [u8]>, at: usize, high: &[u8; HIGH]) {
    for frame in frames {
        frame[at..at + HIGH].copy_from_slice(high);
    }
}

#[inline]
fn high(digits: &[u8; DIGITS]) -> [u8; HIGH] {
    let mut high = [0; HIGH];
    high.copy_from_slice(&digits[..HIGH]);
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &[u8; DIGITS] = b"000000123498";

    #[test]
    fn copies_have_their_numbers_and_are_known_again() {
        let reel = Reel::of(b"<............>\n", Some(1)).unwrap();
        assert_eq!((reel.left(FIRST), reel.each()), (2, 15));
        let mut out = b"before".to_vec();
        reel.put(FIRST, 2, &mut out);
        assert_eq!(out, b"before<000000123498>\n<000000123499>\n");
        assert!(reel.is(FIRST, &mut out[6..]));
    }

    #[test]
    fn any_other_byte_is_seen_and_left_as_it_was() {
        for number in [None, Some(2)] {
            let reel = Reel::of(b"ab............yz\n", number).unwrap();
            let digits = if number.is_some() { b"987654321007" } else { FIRST };
            let mut right = Vec::new();
            reel.put(digits, 3, &mut right);
            for at in 0..right.len() {
                let mut wrong = right.clone();
                wrong[at] ^= 1;
                let before = wrong.clone();
                assert!(!reel.is(digits, &mut wrong), "{at}");
                assert_eq!(wrong, before, "{at}");
            }
        }
    }

    #[test]
    fn a_frame_that_is_long_or_empty_has_no_reel() {
        assert_eq!(Reel::of(b"", None), None);
        assert_eq!(Reel::of(&[0; LONGEST + 1], None), None);
    }
}
