//! What a step expects.

use crate::data::{Data, Unfit};
use crate::message::Message;
use crate::vars::Vars;

/// What a message must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    message: Message,
    like: Option<Box<Data>>,
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
    /// Which part of the pattern was not met, as it is written; of JSON the clause, which names the path. Empty where the
    /// message should have ended.
    pub part: Box<str>,
}

impl Pattern {
    /// Exactly these bytes.
    pub fn literal(bytes: &[u8]) -> Self {
        Self { message: Message::literal(bytes), like: None }
    }

    pub(crate) const fn of(message: Message, like: Option<Box<Data>>) -> Self {
        Self { message, like }
    }

    /// Compares. What is captured goes to `captured`, and is whole only on a match.
    ///
    /// With [`Extent::Prefix`] a part at the end that takes any number of bytes takes what is there, once at least one
    /// byte came. The same stream gives the same match however it comes, but for such a part, and for a regular expression
    /// that what comes later would lengthen.
    ///
    /// Work is bounded: what takes more than 2²² tries, each a part met or 32 bytes searched, counts as no match.
    pub fn matches(&self, came: &[u8], vars: &Vars, extent: Extent, captured: &mut Vars) -> Verdict {
        self.message.compare(came, vars, extent, captured)
    }

    /// Appends a message that matches: what a mock says in the place of whom was recorded. That is what `like` says, where
    /// the step has one. It captures nothing: who wants to know what its parts are called compares it.
    pub fn sample(&self, vars: &Vars, out: &mut Vec<u8>) -> Result<(), Unfit> {
        match &self.like {
            Some(like) => like.build(vars, out),
            None => self.message.build(vars, out),
        }
    }

    /// The first part for which a mock could say nothing, as it is written: [`Pattern::sample`] is bound to be refused.
    pub fn open(&self) -> Option<Box<str>> {
        if self.like.is_some() { None } else { self.message.open() }
    }

    /// Whether one message alone matches, once its variables are known.
    pub(crate) fn is_plain(&self) -> bool {
        self.message.open().is_none()
    }

    /// What is said in its place by a mock.
    pub fn like(&self) -> Option<&Data> {
        self.like.as_deref()
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
