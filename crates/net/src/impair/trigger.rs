//! From when a fault is at work: from the start, after so many bytes, or from the first match of a pattern.

use regex::bytes::Regex;
use sockeye_core::Medium;

/// How far back a pattern sees on a stream, beyond what comes: a match that reads have split is found if all but its last
/// part lies within so many bytes.
const WINDOW: usize = 4 * 1024;

/// What arms one fault.
pub(crate) struct Trigger {
    on: Option<Regex>,
    /// Bytes that are still to pass first.
    after: u64,
    medium: Medium,
    /// The last bytes of a stream, in which a match may have begun.
    window: Vec<u8>,
}

impl Trigger {
    pub(crate) const fn new(on: Option<Regex>, after: u64, medium: Medium) -> Self {
        Self { on, after, medium, window: Vec::new() }
    }

    /// Whether the fault is at work from the start.
    pub(crate) const fn is_none(&self) -> bool {
        self.on.is_none() && self.after == 0
    }

    /// Looks at what comes next: how much of it passes before the fault is at work, or `None` if all of it does. A
    /// message or datagram passes whole or not at all.
    pub(crate) fn seek(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.medium.has_bounds() {
            return self.seek_whole(bytes);
        }
        let skipped = usize::try_from(self.after).unwrap_or(usize::MAX).min(bytes.len());
        self.after -= skipped as u64;
        let rest = &bytes[skipped..];
        let Some(on) = self.on.as_ref().filter(|_| self.after == 0) else {
            return (self.after == 0).then_some(skipped);
        };
        let before = self.window.len();
        self.window.extend_from_slice(rest);
        // The shortest match, so that where it ends does not depend on what has come already.
        if let Some(end) = on.shortest_match(&self.window) {
            self.window = Vec::new();
            return Some(skipped + end.saturating_sub(before));
        }
        self.window.drain(..self.window.len().saturating_sub(WINDOW));
        None
    }

    fn seek_whole(&mut self, bytes: &[u8]) -> Option<usize> {
        let is_early = self.after > 0;
        self.after = self.after.saturating_sub(bytes.len() as u64);
        let matches = self.on.as_ref().is_none_or(|on| on.is_match(bytes));
        (!is_early && matches).then_some(0)
    }

    /// Bytes that it holds.
    pub(crate) const fn held(&self) -> usize {
        self.window.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(on: &str, after: u64, medium: Medium) -> Trigger {
        Trigger::new(Some(on).filter(|on| !on.is_empty()).map(|on| Regex::new(on).unwrap()), after, medium)
    }

    /// Where a stream in pieces of this size arms it.
    fn at(mut trigger: Trigger, stream: &[u8], size: usize) -> Option<usize> {
        let mut passed = 0;
        for piece in stream.chunks(size) {
            if let Some(count) = trigger.seek(piece) {
                return Some(passed + count);
            }
            passed += piece.len();
        }
        None
    }

    #[test]
    fn a_stream_arms_it_at_the_same_byte_however_it_was_cut() {
        let stream = b"xx LOGIN lin\nLOGIN";
        for size in 1..=stream.len() {
            assert_eq!(at(trigger("LOGIN", 0, Medium::Bytes), stream, size), Some(8), "{size}");
            assert_eq!(at(trigger("LOGIN", 4, Medium::Bytes), stream, size), Some(18), "{size}");
            assert_eq!(at(trigger("(?i)login +l", 0, Medium::Bytes), stream, size), Some(10), "{size}");
            assert_eq!(at(trigger("", 5, Medium::Bytes), stream, size), Some(5), "{size}");
            assert_eq!(at(trigger("QUIT", 0, Medium::Bytes), stream, size), None);
        }
    }

    #[test]
    fn the_window_is_bounded() {
        let mut trigger = trigger("a.*b", 0, Medium::Bytes);
        assert_eq!(trigger.seek(b"a"), None);
        for _ in 0..100 {
            assert_eq!(trigger.seek(&[b'-'; 1000]), None);
            assert!(trigger.held() <= WINDOW);
        }
        assert_eq!(trigger.seek(b"b"), None, "its beginning is out of sight");
    }

    #[test]
    fn a_datagram_that_matches_is_the_first_that_has_it() {
        let mut matched = trigger("^PING$", 0, Medium::Datagrams);
        assert_eq!(
            [&b"PONG"[..], b"PI", b"NG", b"PING"].map(|it| matched.seek(it)),
            [None, None, None, Some(0)]
        );
        let mut after = trigger("", 5, Medium::Messages);
        assert_eq!([&b"abc"[..], b"def", b"g"].map(|it| after.seek(it)), [None, None, Some(0)]);
    }
}
