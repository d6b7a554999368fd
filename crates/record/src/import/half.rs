//! One direction of a TCP connection: bytes in the order they were sent, from segments in the order they were captured.

use std::collections::BTreeMap;

use super::HELD_MAX;

/// Where counting begins: high enough that what lies before the first segment is no negative number.
const START: u64 = 1 << 32;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// The number of its first byte, as far as it was captured.
    first: Option<u32>,
    /// The place of the next byte, in sequence numbers that do not wrap. `None`: nothing is known yet.
    next: Option<u64>,
    /// What came before its turn, by its place.
    held: BTreeMap<u64, Box<[u8]>>,
    bytes: usize,
    /// Where the FIN is.
    fin: Option<u64>,
    /// How far the other side has said that it came.
    acked: u64,
    /// Whether the FIN's turn has come.
    pub(super) ended: bool,
}

/// What comes of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Bytes, the next ones.
    Data(&'a [u8]),
    /// So many bytes are not in the capture.
    Hole(u64),
    /// The end.
    Fin,
}

impl Half {
    /// Whether anything is known of it.
    pub(super) const fn is_known(&self) -> bool {
        self.next.is_some()
    }

    /// The next byte is the one of this number, unless that is known already.
    pub(super) fn expect(&mut self, sequence: u32) {
        self.next.get_or_insert(START + u64::from(sequence));
        self.first.get_or_insert(sequence);
    }

    /// Whether a SYN of this number is that of another connection, and no repetition.
    pub(super) fn begins_elsewhere(&self, syn: u32) -> bool {
        self.first.is_some_and(|first| first != syn.wrapping_add(1))
    }

    /// The other side has all bytes before this one.
    pub(super) fn acknowledged(&mut self, sequence: u32) {
        if let Some(place) = self.place(sequence) {
            self.acked = self.acked.max(place);
        }
    }

    /// Whether the other side has all of it, though not all of it was captured.
    pub(super) fn lacks_what_arrived(&self) -> bool {
        !self.ended && self.fin.is_some_and(|fin| self.acked > fin)
    }

    /// Takes the data of a segment in, and `fin` if it has one.
    pub(super) fn segment(&mut self, sequence: u32, data: &[u8], fin: bool, out: &mut dyn FnMut(Piece<'_>)) {
        self.expect(sequence);
        let (Some(place), Some(next)) = (self.place(sequence), self.next) else { return };
        if fin && self.fin.is_none() {
            self.fin = Some(place + data.len() as u64);
        }
        if place <= next {
            self.pass(place, data, out);
        } else if !data.is_empty() {
            self.hold(place, data);
            // What was acknowledged did arrive, and was not captured: later bytes of the same side are here already.
            if self.acked > next {
                self.skip(out);
            }
            while self.bytes > HELD_MAX {
                self.skip(out);
            }
        }
        self.release(out);
    }

    /// Nothing follows: what waits for bytes that did not come is handed out after the hole.
    pub(super) fn end(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        while !self.held.is_empty() {
            self.skip(out);
            self.release(out);
        }
        let Some(next) = self.next else { return };
        let last = self.fin.unwrap_or(self.acked);
        if !self.ended && last > next {
            out(Piece::Hole(last - next));
            self.next = Some(last);
        }
        self.release(out);
    }

    /// The place of a sequence number: the one nearest to where things are.
    fn place(&self, sequence: u32) -> Option<u64> {
        let next = self.next?;
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers are the lower half")]
        let ahead = sequence.wrapping_sub(next as u32).cast_signed();
        Some(next.saturating_add_signed(i64::from(ahead)))
    }

    /// Hands out what of `data` is new.
    fn pass(&mut self, place: u64, data: &[u8], out: &mut dyn FnMut(Piece<'_>)) {
        let Some(next) = self.next else { return };
        let known = usize::try_from(next - place).unwrap_or(usize::MAX);
        if let Some(new) = data.get(known..).filter(|new| !new.is_empty() && !self.ended) {
            self.next = Some(next + new.len() as u64);
            out(Piece::Data(new));
        }
    }

    fn hold(&mut self, place: u64, data: &[u8]) {
        let shorter = self.held.get(&place).is_none_or(|held| held.len() < data.len());
        if shorter {
            self.bytes += data.len();
            self.bytes -= self.held.insert(place, data.into()).map_or(0, |held| held.len());
        }
    }

    /// Hands out what waited, as far as there is no hole before it, and the end.
    fn release(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        while let (Some(next), Some(first)) = (self.next, self.held.first_entry()) {
            if *first.key() > next {
                break;
            }
            let (place, data) = first.remove_entry();
            self.bytes -= data.len();
            self.pass(place, &data, out);
        }
        if !self.ended && self.fin.is_some() && self.fin <= self.next {
            self.ended = true;
            self.next = self.next.map(|next| next + 1);
            out(Piece::Fin);
        }
    }

    /// Gives up the first hole.
    fn skip(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        let (Some(next), Some((first, _))) = (self.next, self.held.first_key_value()) else { return };
        if *first > next {
            out(Piece::Hole(first - next));
            self.next = Some(*first);
        }
        self.release(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn collect(half: &mut Half, segments: &[(u32, &[u8], bool)]) -> (Vec<u8>, Vec<u64>, usize) {
        let (mut bytes, mut holes, mut fins) = (Vec::new(), Vec::new(), 0);
        let mut out = |piece: Piece<'_>| match piece {
            Piece::Data(data) => bytes.extend_from_slice(data),
            Piece::Hole(count) => holes.push(count),
            Piece::Fin => fins += 1,
        };
        for (sequence, data, fin) in segments {
            half.segment(*sequence, data, *fin, &mut out);
        }
        half.end(&mut out);
        (bytes, holes, fins)
    }

    fn started(sequence: u32) -> Half {
        let mut half = Half::default();
        half.expect(sequence);
        half
    }

    #[test]
    fn segments_come_in_any_order_and_twice() {
        let segments: &[(u32, &[u8], bool)] =
            &[(5, b"fgh", true), (0, b"abc", false), (0, b"abcde", false), (2, b"cdef", false)];
        assert_eq!(collect(&mut started(0), segments), (b"abcdefgh".to_vec(), vec![], 1));
    }

    #[test]
    fn sequence_numbers_wrap() {
        let segments: &[(u32, &[u8], bool)] =
            &[(1, b"def", false), (u32::MAX - 1, b"abc", false), (4, b"", true)];
        assert_eq!(collect(&mut started(u32::MAX - 1), segments), (b"abcdef".to_vec(), vec![], 1));
    }

    #[test]
    fn a_hole_is_told_and_what_follows_it_is_not_lost() {
        let segments: &[(u32, &[u8], bool)] = &[(0, b"ab", false), (5, b"fg", true)];
        assert_eq!(collect(&mut started(0), segments), (b"abfg".to_vec(), vec![3], 1));
        let mut half = started(0);
        half.acknowledged(10);
        assert_eq!(collect(&mut half, &[(0, b"ab", false)]), (b"ab".to_vec(), vec![8], 0));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut half = started(0);
        let block = vec![7; 1 << 16];
        let mut holes = 0;
        for at in 1..400_u32 {
            half.segment(at * 70_000, &block, false, &mut |piece| {
                holes += u32::from(matches!(piece, Piece::Hole(_)));
            });
            assert!(half.bytes <= HELD_MAX);
        }
        assert!(holes > 0);
    }

    proptest! {
        #[test]
        fn a_stream_cut_doubled_and_mixed_is_the_same_bytes(
            stream in proptest::collection::vec(any::<u8>(), 1..600),
            cuts in proptest::collection::vec((0_usize..600, 0_usize..200, any::<u16>()), 0..40),
            base in any::<u32>(),
        ) {
            let at = |place: usize| base.wrapping_add(u32::try_from(place).unwrap());
            // Every byte is in some segment; others overlap them at will.
            let mut segments: Vec<(u16, u32, &[u8], bool)> = stream
                .chunks(37)
                .enumerate()
                .map(|(index, chunk)| (u16::try_from(index * 7919 % 65_521).unwrap(), at(index * 37), chunk, false))
                .collect();
            for (start, length, rank) in &cuts {
                let start = start % stream.len();
                let end = (start + length).min(stream.len());
                segments.push((*rank, at(start), &stream[start..end], end == stream.len()));
            }
            segments.push((30_000, at(stream.len()), b"", true));
            segments.sort_by_key(|segment| segment.0);
            let ordered: Vec<_> = segments.iter().map(|segment| (segment.1, segment.2, segment.3)).collect();
            prop_assert_eq!(collect(&mut started(base), &ordered), (stream.clone(), vec![], 1));
        }
    }
}
