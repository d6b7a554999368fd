//! Guessing is slow: a source whose logins keep failing is turned away for a while, each time for longer.

use std::time::Duration;

use sockeye_core::Tick;

use crate::guard::memory::Memory;
use crate::guard::source::Source;

/// How many failures are a person's slips.
const SLIPS: u32 = 4;

/// How long the first failure after those bars; each further one doubles it.
const FIRST: Duration = Duration::from_secs(1);

/// The longest that a failure bars.
const LONGEST: Duration = Duration::from_mins(5);

/// A source that has not failed for this long is a stranger again.
const FORGOTTEN: Duration = Duration::from_mins(15);

/// How many sources are remembered at least. Each of them has made a connection, so that none can be made up.
const REMEMBERED: usize = 8192;

/// Who has failed how often.
#[derive(Debug)]
pub(crate) struct Backoff(Memory<Record>);

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    failures: u32,
    last: Tick,
    until: Tick,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(Memory::new(REMEMBERED))
    }

    /// A login of this source has failed.
    pub(crate) fn failed(&mut self, source: Source, now: Tick) {
        let mut record = self.0.get(source);
        if now.since(record.last) >= FORGOTTEN {
            record = Record::default();
        }
        record.failures = record.failures.saturating_add(1);
        record.last = now;
        if let Some(more) = record.failures.checked_sub(SLIPS + 1) {
            record.until = now + LONGEST.min(FIRST * 1_u32.checked_shl(more).unwrap_or(u32::MAX));
        }
        self.0.set(source, record);
    }

    /// Whether the source has to wait.
    pub(crate) fn is_barred(&self, source: Source, now: Tick) -> bool {
        self.0.get(source).until > now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_core::Address;

    fn source(text: &str) -> Source {
        Source::of(&Address::Ip(text.parse().unwrap())).unwrap()
    }

    fn at(millis: u64) -> Tick {
        Tick::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn slips_are_forgiven_and_what_follows_bars_for_ever_longer() {
        let (mut backoff, one) = (Backoff::new(), source("192.0.2.1:1"));
        for _ in 0..4 {
            backoff.failed(one, at(0));
            assert!(!backoff.is_barred(one, at(0)));
        }
        let mut now = 0;
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            backoff.failed(one, at(now));
            assert!(backoff.is_barred(one, at(now + seconds * 1000 - 1)), "{seconds}");
            assert!(!backoff.is_barred(one, at(now + seconds * 1000)), "{seconds}");
            now += seconds * 1000;
        }
        assert!(!backoff.is_barred(source("192.0.2.2:1"), at(0)));
    }

    #[test]
    fn a_source_that_stops_is_forgotten() {
        let (mut backoff, one) = (Backoff::new(), source("[2001:db8::1]:1"));
        for _ in 0..8 {
            backoff.failed(one, at(0));
        }
        assert!(
            backoff.is_barred(source("[2001:db8::2]:1"), at(1)),
            "its neighbour in the /64 is the same host"
        );
        backoff.failed(one, at(15 * 60 * 1000));
        assert!(!backoff.is_barred(one, at(15 * 60 * 1000)));
    }

    #[test]
    fn a_flood_of_failures_does_not_overflow() {
        let (mut backoff, one) = (Backoff::new(), source("192.0.2.1:1"));
        for _ in 0..100 {
            backoff.failed(one, at(0));
        }
        assert!(backoff.is_barred(one, at(299_999)));
        assert!(!backoff.is_barred(one, at(300_000)));
    }
}
