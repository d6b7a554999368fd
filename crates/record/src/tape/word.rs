//! Words that events hold as `&'static str`, read back from bytes: names of arguments, keys of notes, names of codes.
//! There are few of them in the program; how many a file may bring is bounded.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// How many different words are kept for as long as the program runs.
const MOST: usize = 4096;

/// The longest word.
const LONGEST: usize = 64;

static KNOWN: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

/// The word of this text, kept for good; `None` for what no word of the program can be, or if there are too many.
pub(super) fn kept(text: &str) -> Option<&'static str> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = known.get(text) {
        return Some(word);
    }
    if text.len() > LONGEST || known.len() >= MOST {
        return None;
    }
    let word: &'static str = Box::leak(text.into());
    known.insert(word);
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_kept_once_and_a_long_one_never() {
        let once = kept("subprotocol").unwrap();
        assert_eq!(once.as_ptr(), kept("subprotocol").unwrap().as_ptr());
        assert_eq!(kept(&"x".repeat(LONGEST + 1)), None);
    }
}
