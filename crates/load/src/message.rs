//! What is sent and what is expected: frames made once, with a sequence number that is written into each copy.
//!
//! A [`Deck`] is made by the framing alone, before anything runs. While the load runs nothing is framed: a frame is
//! copied and its twelve digits are overwritten, and an answer that has exactly the bytes it should have needs no cutting.

use sockeye_core::framing::Cut;
use sockeye_core::{Code, Fault, Framing};

use crate::reel::Reel;

/// Digits of a sequence number.
pub const DIGITS: usize = 12;

/// Where a message has its sequence number, as users write it.
pub const MARK: &str = "{seq}";

/// The most memory a deck takes, in bytes.
const DECK: usize = 8 << 20;

/// The most frames of different sizes in a deck.
const FRAMES: usize = 256;

/// Letters that made-up messages consist of. No framing has one of them as a mark of its own, unless it is told to.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";

/// One message, and its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    wire: Box<[u8]>,
    payload: Box<[u8]>,
    /// Where the digits are, on the wire and in the payload.
    number: Option<(usize, usize)>,
}

/// Frames that are sent, or expected, one after the other and then again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deck {
    frames: Vec<Frame>,
    /// Of a deck of one frame: copies of it, if it is not too long.
    reel: Option<Reel>,
}

/// How messages are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The smallest payload, in bytes.
    pub least: usize,
    /// The largest.
    pub most: usize,
}

/// Whether messages are told apart by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Each has its own.
    Numbered,
    /// All are alike.
    Alike,
}

impl Frame {
    /// The frame of `payload`, whose digits are at `number`. Fails if the framing cannot carry it, or would make another
    /// message of it: a `line` with an LF in it.
    fn new(framing: Framing, payload: &[u8], number: Option<usize>, max: usize) -> Result<Self, Fault> {
        let wire = whole(framing, payload, max)?;
        let number = match number {
            None => None,
            Some(at) => {
                let mut other = payload.to_vec();
                other[at..at + DIGITS].fill(b'9');
                let other = whole(framing, &other, max)?;
                let differs = |(at, (one, two)): (usize, (&u8, &u8))| (one != two).then_some(at);
                let places: Vec<usize> = wire.iter().zip(&other).enumerate().filter_map(differs).collect();
                let first = places.first().copied().unwrap_or_default();
                let together = places.len() == DIGITS && places[DIGITS - 1] == first + DIGITS - 1;
                if !together || wire.len() != other.len() {
                    return Err(Fault::new(Code::Unframeable, "")
                        .arg("framing", framing.spec())
                        .arg("size", payload.len()));
                }
                Some((first, at))
            }
        };
        Ok(Self { wire: wire.into(), payload: payload.into(), number })
    }

    /// Bytes on the wire.
    pub fn wire_len(&self) -> usize {
        self.wire.len()
    }
}

/// The frame of one message, proved to come back as that message.
fn whole(framing: Framing, payload: &[u8], max: usize) -> Result<Vec<u8>, Fault> {
    let mut wire = Vec::new();
    framing.wrap(payload, &mut wire)?;
    if framing.is_raw() || framing.is_dgram() {
        return Ok(wire);
    }
    let mut bytes = wire.clone();
    let comes_back = matches!(framing.cut(&mut bytes, 0, max), Cut::Message { start, end, used }
        if used == wire.len() && bytes[start..end] == *payload);
    if comes_back {
        return Ok(wire);
    }
    Err(Fault::new(Code::Unframeable, "").arg("framing", framing.spec()).arg("size", payload.len()))
}

impl Deck {
    /// One message, given by the user; where it has [`MARK`], each copy has a number there.
    pub fn given(framing: Framing, payload: &[u8], max: usize) -> Result<Self, Fault> {
        let mark = MARK.as_bytes();
        let Some(at) = payload.windows(mark.len()).position(|window| window == mark) else {
            return Ok(Self::of(vec![Frame::new(framing, payload, None, max)?]));
        };
        let mut numbered = payload[..at].to_vec();
        numbered.extend([b'0'; DIGITS]);
        numbered.extend_from_slice(&payload[at + mark.len()..]);
        Ok(Self::of(vec![Frame::new(framing, &numbered, Some(at), max)?]))
    }

    /// One message exactly as it is, without a number.
    pub fn exactly(framing: Framing, payload: &[u8], max: usize) -> Result<Self, Fault> {
        Ok(Self::of(vec![Frame::new(framing, payload, None, max)?]))
    }

    /// Made-up letters of these sizes, drawn from `seed`. A message too short for a number has none.
    pub fn made_up(
        framing: Framing,
        sizes: Sizes,
        numbering: Numbering,
        seed: u64,
        max: usize,
    ) -> Result<Self, Fault> {
        let count = if sizes.least == sizes.most { 1 } else { (DECK / sizes.most.max(1)).clamp(1, FRAMES) };
        let mut state = seed;
        let mut frames = Vec::with_capacity(count);
        for _ in 0..count {
            let span = (sizes.most - sizes.least) as u64 + 1;
            let size = sizes.least + usize::try_from(draw(&mut state) % span).unwrap_or(0);
            let mut payload = Vec::with_capacity(size + 8);
            while payload.len() < size {
                let drawn = draw(&mut state);
                payload.extend(
                    (0..10).map(|letter| LETTERS[usize::try_from(drawn >> (6 * letter) & 63).unwrap_or(0)]),
                );
            }
            payload.truncate(size);
            let number = (numbering == Numbering::Numbered && size >= DIGITS).then(|| {
                payload[..DIGITS].fill(b'0');
                0
            });
            frames.push(Frame::new(framing, &payload, number, max)?);
        }
        Ok(Self::of(frames))
    }

    fn of(frames: Vec<Frame>) -> Self {
        let reel = match &frames[..] {
            [frame] => Reel::of(&frame.wire, frame.number.map(|(at, _)| at)),
            _ => None,
        };
        Self { frames, reel }
    }

    /// Whether every message has a number.
    pub fn is_numbered(&self) -> bool {
        self.frames.iter().all(|frame| frame.number.is_some())
    }

    /// Whether any message has a number, or there are several sizes, so that answers come in an order.
    pub fn is_varied(&self) -> bool {
        self.frames.len() > 1 || self.frames.iter().any(|frame| frame.number.is_some())
    }

    /// The longest frame, in bytes on the wire.
    pub fn longest(&self) -> usize {
        self.frames.iter().map(Frame::wire_len).max().unwrap_or(0)
    }

    /// Bytes of payload of a message, on average.
    pub fn mean_size(&self) -> f64 {
        let total: usize = self.frames.iter().map(|frame| frame.payload.len()).sum();
        total as f64 / self.frames.len() as f64
    }

    /// The same, as the face tells it of a deck of one: its payload.
    pub fn first(&self) -> &[u8] {
        &self.frames[0].payload
    }
}

/// The next number of a seeded sequence (SplitMix64).
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A place in an endless run through a deck. Two cursors that begin alike give the same messages.
#[derive(Clone, Debug)]
pub struct Cursor {
    digits: [u8; DIGITS],
    frame: u16,
    /// How often it went on, modulo 2³².
    pub(crate) step: u32,
}

/// How bytes compare with what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// A whole frame, that took so many of the bytes.
    Whole(usize),
    /// All bytes fit so far.
    Part,
    /// They differ.
    Differs,
}

impl Cursor {
    /// The beginning of a run whose first number is `number`.
    pub fn new(number: u64) -> Self {
        let mut digits = [b'0'; DIGITS];
        let mut left = number;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        Self { digits, frame: 0, step: 0 }
    }

    /// Appends the next frame to `out`; how many bytes it has.
    #[inline]
    pub(crate) fn put(&mut self, deck: &Deck, out: &mut Vec<u8>) -> usize {
        let frame = &deck.frames[usize::from(self.frame)];
        let from = out.len();
        out.extend_from_slice(&frame.wire);
        if let Some((at, _)) = frame.number {
            out[from + at..from + at + DIGITS].copy_from_slice(&self.digits);
        }
        self.go_on(deck);
        frame.wire.len()
    }

    /// Appends the next `count` frames to `out`.
    #[inline]
    pub(crate) fn put_all(&mut self, deck: &Deck, count: usize, out: &mut Vec<u8>) {
        let Some(reel) = &deck.reel else {
            (0..count).for_each(|_| _ = self.put(deck, out));
            return;
        };
        let mut left = count;
        while left > 0 {
            let now = left.min(reel.left(&self.digits));
            reel.put(&self.digits, now, out);
            self.skip(now);
            left -= now;
        }
    }

    /// How many whole frames at the start of these bytes are the next ones, as far as they can be compared together, and
    /// how many bytes they have. Goes on behind them. Those that are not are left as they are.
    #[inline]
    pub(crate) fn compare_all(&mut self, deck: &Deck, bytes: &mut [u8]) -> (usize, usize) {
        let Some(reel) = &deck.reel else { return (0, 0) };
        let (mut count, mut used) = (0, 0);
        loop {
            let now = ((bytes.len() - used) / reel.each()).min(reel.left(&self.digits));
            let end = used + now * reel.each();
            if now == 0 || !reel.is(&self.digits, &mut bytes[used..end]) {
                return (count, used);
            }
            self.skip(now);
            (count, used) = (count + now, end);
        }
    }

    /// Appends as many of the next frames as fit `room` bytes and can travel as one train, at most `most`: all as long as the
    /// first, but for the last, which may be shorter. How many there are, and how long the first is.
    #[inline]
    pub(crate) fn put_train(
        &mut self,
        deck: &Deck,
        room: impl Fn(usize) -> usize,
        most: usize,
        out: &mut Vec<u8>,
    ) -> (usize, usize) {
        let each = self.put(deck, out);
        let (room, mut bytes, mut count) = (room(each), each, 1);
        while count < most {
            let next = deck.frames[usize::from(self.frame)].wire_len();
            if !(1..=each).contains(&next) || bytes + next > room {
                break;
            }
            bytes += self.put(deck, out);
            count += 1;
            if next < each {
                break;
            }
        }
        (count, each)
    }

    /// Compares bytes that come after `at` bytes of the frame with it.
    #[inline]
    pub(crate) fn compare(&self, deck: &Deck, at: usize, bytes: &[u8]) -> Match {
        let frame = &deck.frames[usize::from(self.frame)];
        let need = frame.wire.len() - at;
        let take = need.min(bytes.len());
        let end = at + take;
        let same = match frame.number {
            None => frame.wire[at..end] == bytes[..take],
            Some((number, _)) if at == 0 && take == need => {
                let after = number + DIGITS;
                bytes[..number] == frame.wire[..number]
                    && bytes[number..after] == self.digits
                    && bytes[after..take] == frame.wire[after..]
            }
            Some((number, _)) => (at..end).all(|place| {
                let digit = place.checked_sub(number).and_then(|digit| self.digits.get(digit));
                bytes[place - at] == *digit.unwrap_or(&frame.wire[place])
            }),
        };
        match (same, take == need) {
            (false, _) => Match::Differs,
            (true, true) => Match::Whole(take),
            (true, false) => Match::Part,
        }
    }

    /// Whether `payload` is the message.
    pub(crate) fn is(&self, deck: &Deck, payload: &[u8]) -> bool {
        let frame = &deck.frames[usize::from(self.frame)];
        match frame.number {
            None => *payload == *frame.payload,
            Some((_, at)) => {
                let after = at + DIGITS;
                payload.len() == frame.payload.len()
                    && payload[..at] == frame.payload[..at]
                    && payload[at..after] == self.digits
                    && payload[after..] == frame.payload[after..]
            }
        }
    }

    /// The first `count` bytes of the frame on the wire.
    pub(crate) fn beginning(&self, deck: &Deck, count: usize) -> Vec<u8> {
        let mut frame = Vec::new();
        self.clone().put(deck, &mut frame);
        frame.truncate(count);
        frame
    }

    /// The whole frame on the wire.
    pub(crate) fn frame(&self, deck: &Deck) -> Vec<u8> {
        self.beginning(deck, usize::MAX)
    }

    /// The whole message.
    pub(crate) fn payload(&self, deck: &Deck) -> Vec<u8> {
        let frame = &deck.frames[usize::from(self.frame)];
        let mut payload = frame.payload.to_vec();
        if let Some((_, at)) = frame.number {
            payload[at..at + DIGITS].copy_from_slice(&self.digits);
        }
        payload
    }

    /// Goes on to the next message.
    #[inline]
    pub(crate) fn go_on(&mut self, deck: &Deck) {
        self.frame += 1;
        if usize::from(self.frame) == deck.frames.len() {
            self.frame = 0;
        }
        self.skip(1);
    }

    /// Goes on by so many numbers, at most a hundred.
    #[inline]
    fn skip(&mut self, count: usize) {
        let mut more = u8::try_from(count).unwrap_or_default();
        self.step = self.step.wrapping_add(u32::from(more));
        for digit in self.digits.iter_mut().rev() {
            let sum = *digit - b'0' + more;
            *digit = b'0' + sum % 10;
            more = sum / 10;
            if more == 0 {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 20;

    fn framing(spec: &str) -> Framing {
        Framing::parse(spec).unwrap()
    }

    #[test]
    fn numbers_stand_in_every_framing_that_can_carry_them() {
        for spec in ["raw", "line", "crlf", "u32be", "ascii4,magic:2323", "cobs", "slip", "wrap:02:03"] {
            let deck = Deck::given(framing(spec), b"a{seq}z", MAX).unwrap();
            let mut cursor = Cursor::new(98);
            let mut out = Vec::new();
            for number in ["000000000098", "000000000099", "000000000100"] {
                out.clear();
                let mut expected = Vec::new();
                framing(spec).wrap(format!("a{number}z").as_bytes(), &mut expected).unwrap();
                cursor.put(&deck, &mut out);
                assert_eq!(out, expected, "{spec}");
            }
        }
    }

    #[test]
    fn many_at_once_are_what_one_by_one_would_be() {
        for (spec, message) in [("line", "ab{seq}c"), ("raw", "all alike"), ("u16be", "{seq}")] {
            let deck = Deck::given(framing(spec), message.as_bytes(), MAX).unwrap();
            for first in [0, 7, 99, 999_999_999_930] {
                let (mut one, mut many, mut heard) =
                    (Cursor::new(first), Cursor::new(first), Cursor::new(first));
                for count in [1, 2, 32, 99, 100, 101, 350] {
                    let (mut expected, mut out) = (Vec::new(), Vec::new());
                    (0..count).for_each(|_| _ = one.put(&deck, &mut expected));
                    many.put_all(&deck, count, &mut out);
                    assert_eq!((&out, many.step), (&expected, one.step), "{spec} {first} {count}");
                    let whole = out.len();
                    out.extend_from_slice(b"a");
                    assert_eq!(heard.compare_all(&deck, &mut out), (count, whole), "{spec} {first} {count}");
                }
            }
        }
    }

    #[test]
    fn a_message_that_would_be_another_is_refused() {
        assert_eq!(Deck::given(framing("line"), b"a\nb", MAX).unwrap_err().code, Code::Unframeable);
        assert!(Deck::given(framing("crlf"), b"a\nb", MAX).is_ok());
        assert_eq!(Deck::given(framing("fixed:3"), b"four", MAX).unwrap_err().code, Code::Unframeable);
    }

    #[test]
    fn what_was_put_compares_whole_however_it_is_cut() {
        let deck = Deck::made_up(framing("line"), Sizes { least: 3, most: 60 }, Numbering::Numbered, 7, MAX)
            .unwrap();
        let (mut sent, mut heard) = (Cursor::new(5), Cursor::new(5));
        for _ in 0..600 {
            let mut out = Vec::new();
            let len = sent.put(&deck, &mut out);
            for cut in 0..len {
                if cut > 0 {
                    assert_eq!(heard.compare(&deck, 0, &out[..cut]), Match::Part);
                }
                assert_eq!(heard.compare(&deck, cut, &out[cut..]), Match::Whole(len - cut));
            }
            out[len / 2] ^= 0x80;
            assert_eq!(heard.compare(&deck, 0, &out), Match::Differs);
            heard.go_on(&deck);
        }
    }

    #[test]
    fn sizes_are_kept_and_a_seed_gives_the_same() {
        let sizes = Sizes { least: 10, most: 20 };
        let make = |seed| Deck::made_up(framing("line"), sizes, Numbering::Numbered, seed, MAX).unwrap();
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(1).frames.iter().all(|frame| (10..=20).contains(&frame.payload.len())));
        let one = Deck::made_up(framing("raw"), Sizes { least: 64, most: 64 }, Numbering::Alike, 1, MAX);
        assert_eq!((one.as_ref().unwrap().frames.len(), one.unwrap().longest()), (1, 64));
    }
}
