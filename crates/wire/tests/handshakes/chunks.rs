//! Feeds machines in pieces and holds them to the laws that all of them share.

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sockeye_wire::{Gate, Handshake, auth, proxy, via};

/// What came of some bytes: the outcome (`None` if more is needed) or the refusal, how many bytes were used, and what was
/// said.
#[derive(Debug, PartialEq)]
pub(crate) struct Run<T> {
    pub(crate) result: Result<Option<T>, String>,
    pub(crate) used: usize,
    pub(crate) out: Vec<u8>,
}

/// What a refusal says however the bytes were cut: all but the peer's first bytes, of which more or fewer have come.
pub(crate) trait Said {
    fn said(&self) -> String;
}

impl Said for proxy::Refusal {
    fn said(&self) -> String {
        if let Self::Absent { .. } = self { "absent".into() } else { self.to_string() }
    }
}

impl Said for auth::Refusal {
    fn said(&self) -> String {
        if let Self::Foreign { .. } = self { "foreign".into() } else { self.to_string() }
    }
}

impl Said for via::Refusal {
    fn said(&self) -> String {
        if let Self::Foreign { .. } = self { "foreign".into() } else { self.to_string() }
    }
}

/// Feeds a machine pieces one after the other, and holds it to its bound.
pub(crate) fn run<'a, H>(
    mut machine: H,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    max: usize,
) -> Run<H::Outcome>
where
    H: Handshake<Refusal: Said>,
{
    let (mut out, mut used) = (Vec::new(), 0);
    machine.start(&mut out);
    for piece in pieces {
        let result = machine.bytes(piece, &mut out);
        assert!(machine.held() <= max, "it keeps {} bytes, more than {max}", machine.held());
        let result = match result {
            Ok(Gate::More) => {
                used += piece.len();
                continue;
            }
            Ok(Gate::Done { used: of_piece, outcome }) => {
                assert!(of_piece <= piece.len());
                used += of_piece;
                Ok(Some(outcome))
            }
            Err(refusal) => {
                used = 0;
                Err(refusal.said())
            }
        };
        let said = out.len();
        assert_eq!(machine.held(), 0);
        assert!(machine.bytes(b"x", &mut out).is_err(), "it goes on after its end");
        assert_eq!(out.len(), said, "it speaks after its end");
        return Run { result, used, out };
    }
    Run { result: Ok(None), used, out }
}

/// Whole, byte by byte, and cut once at each place `step` apart: always the same. Gives what it is.
pub(crate) fn any_cut<H>(make: impl Fn() -> H, bytes: &[u8], max: usize, step: usize) -> Run<H::Outcome>
where
    H: Handshake<Refusal: Said, Outcome: Debug + PartialEq>,
{
    let whole = run(make(), [bytes], max);
    assert_eq!(run(make(), bytes.chunks(1), max), whole);
    for at in (0..=bytes.len()).step_by(step) {
        let (first, second) = bytes.split_at(at);
        assert_eq!(run(make(), [first, second], max), whole, "cut at {at}");
    }
    whole
}

/// The same under these cuts as whole.
pub(crate) fn these_cuts<H>(make: impl Fn() -> H, bytes: &[u8], max: usize, cuts: &[Index])
where
    H: Handshake<Refusal: Said, Outcome: Debug + PartialEq>,
{
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let (mut pieces, mut rest, mut done) = (Vec::new(), bytes, 0);
    for place in places {
        let (piece, after) = rest.split_at(place - done);
        pieces.push(piece);
        (rest, done) = (after, place);
    }
    pieces.push(rest);
    assert_eq!(run(make(), pieces, max), run(make(), [bytes], max));
}

/// Bytes near a good transcript, and bytes that are near nothing.
pub(crate) fn hostile(good: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let mutated = (any::<Index>(), vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..5)).prop_map(
        move |(which, changes)| {
            let mut bytes = which.get(&good).clone();
            for (at, byte, what) in changes {
                let at = at.index(bytes.len() + 1);
                match what {
                    0 => bytes.insert(at, byte),
                    1 if at < bytes.len() => bytes[at] = byte,
                    _ if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.push(byte),
                }
            }
            bytes
        },
    );
    prop_oneof![4 => mutated, 1 => vec(any::<u8>(), 0..6000), 1 => vec(b'a'..=b'c', 0..20_000)]
}

/// Where to cut.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..6)
}
