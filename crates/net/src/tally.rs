//! Counts of what happens too often to be told each time, by word. Not a metric: what was told is forgotten.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts by word, in the order in which the words first came. The words are few: codes and reasons.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Vec<(&'static str, u64)>>);

/// What was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// In all.
    pub(crate) count: u64,
    /// By word: `rate 100, pending 20`.
    pub(crate) words: String,
}

impl Tally {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Counts one.
    pub(crate) fn add(&self, word: &'static str) {
        self.add_many(word, 1);
    }

    /// Counts so many, which may be none.
    pub(crate) fn add_many(&self, word: &'static str, more: u64) {
        let mut counts = self.counts();
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += more,
            None if more > 0 => counts.push((word, more)),
            None => {}
        }
    }

    /// Whether nothing was counted since the last time.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts().is_empty()
    }

    fn counts(&self) -> MutexGuard<'_, Vec<(&'static str, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted since the last time, if anything was.
    pub(crate) fn take(&self) -> Option<Counted> {
        let counts = std::mem::take(&mut *self.counts());
        if counts.is_empty() {
            return None;
        }
        let mut words = String::new();
        for (word, count) in &counts {
            let gap = if words.is_empty() { "" } else { ", " };
            let _ = write!(words, "{gap}{word} {count}");
        }
        Some(Counted { count: counts.iter().map(|(_, count)| count).sum(), words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told_by_word_and_forgotten() {
        let tally = Tally::default();
        assert_eq!(tally.take(), None);
        for word in ["rate", "pending", "rate"] {
            tally.add(word);
        }
        assert_eq!(tally.take(), Some(Counted { count: 3, words: "rate 2, pending 1".to_owned() }));
        assert_eq!(tally.take(), None);
    }
}
