//! What a step expects.

use crate::data::Unfit;
use crate::vars::Vars;

/// What a message must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    bytes: Box<[u8]>,
}

/// How much of what came a pattern must account for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it: it is one message.
    Whole,
    /// Its beginning: it is a stream without framing, and more may come.
    Prefix,
    /// Its beginning, and no more will come.
    Last,
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first `used` bytes match.
    Match {
        /// So many bytes.
        used: usize,
    },
    /// What came fits so far, and is too short ([`Extent::Prefix`] only).
    More,
    /// It does not match.
    Differs(Difference),
}

/// Where what came differs from what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first byte that does, counted from 0; the length of what came if that ends too early.
    pub at: usize,
    /// What was expected, as far as it is known with the variables as they stand: literal bytes are themselves, and what
    /// may be anything is what came. Empty where nothing literal can be said (a regular expression).
    pub expected: Vec<u8>,
    /// Which part of the pattern was not met, as it is written.
    pub part: Box<str>,
}

impl Pattern {
    /// Exactly these bytes.
    pub fn literal(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into() }
    }

    /// Compares. What is captured goes to `captured`, and is whole only on a match.
    pub fn matches(&self, came: &[u8], _vars: &Vars, extent: Extent, _captured: &mut Vars) -> Verdict {
        let wanted = &*self.bytes;
        let same = wanted.iter().zip(came).take_while(|(wanted, came)| wanted == came).count();
        if same == wanted.len() && (came.len() == same || extent != Extent::Whole) {
            return Verdict::Match { used: same };
        }
        if same == came.len() && extent == Extent::Prefix {
            return Verdict::More;
        }
        let part = wanted.escape_ascii().to_string().into();
        Verdict::Differs(Difference { at: same, expected: wanted.to_vec(), part })
    }

    /// Appends a message that matches: what a mock says in the place of whom was recorded.
    pub fn sample(&self, _vars: &Vars, out: &mut Vec<u8>) -> Result<(), Unfit> {
        out.extend_from_slice(&self.bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_compared_whole_or_from_the_beginning() {
        let pattern = Pattern::literal(b"abc");
        let verdict =
            |came: &[u8], extent| pattern.matches(came, &Vars::default(), extent, &mut Vars::default());
        assert_eq!(verdict(b"abc", Extent::Whole), Verdict::Match { used: 3 });
        assert_eq!(verdict(b"abcd", Extent::Prefix), Verdict::Match { used: 3 });
        assert_eq!(verdict(b"ab", Extent::Prefix), Verdict::More);
        for (came, extent, at) in
            [(&b"abcd"[..], Extent::Whole, 3), (b"ab", Extent::Last, 2), (b"aXc", Extent::Prefix, 1)]
        {
            let Verdict::Differs(difference) = verdict(came, extent) else { panic!("{came:?}") };
            assert_eq!(difference.at, at);
        }
    }
}
