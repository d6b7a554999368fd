//! New connections a second from one source: a token bucket that holds one second's worth.
//!
//! It is kept as one number, the time by which all that came is paid for (the generic cell rate algorithm, ITU-T I.371).

use std::time::Duration;

use sockeye_core::Tick;

use crate::guard::memory::Memory;
use crate::guard::source::Source;

/// How many sources are remembered at least. What one second can bring is what matters.
const REMEMBERED: usize = 32_768;

/// When each source has paid.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Between two connections; `None` is no bound.
    every: Option<Duration>,
    paid: Memory<Tick>,
}

impl Rate {
    /// At most `each_second`; 0 is no bound.
    pub(crate) fn new(each_second: u32) -> Self {
        let every = (each_second > 0).then(|| Duration::from_secs(1) / each_second);
        Self { every, paid: Memory::new(REMEMBERED) }
    }

    /// Counts a connection if it may come. One that may not costs its source nothing.
    pub(crate) fn admits(&mut self, source: Source, now: Tick) -> bool {
        let Some(every) = self.every else { return true };
        let paid = self.paid.get(source).max(now);
        if paid.since(now) + every > Duration::from_secs(1) {
            return false;
        }
        self.paid.set(source, paid + every);
        true
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
    fn a_seconds_worth_comes_at_once_and_the_rest_one_by_one() {
        let (mut rate, one) = (Rate::new(10), source("192.0.2.1:1"));
        let mut admitted = |millis, times| (0..times).filter(|_| rate.admits(one, at(millis))).count();
        assert_eq!(admitted(0, 50), 10);
        assert_eq!(admitted(99, 5), 0);
        assert_eq!(admitted(100, 5), 1);
        assert_eq!(admitted(600, 50), 5);
        assert_eq!(admitted(60_000, 50), 10);
    }

    #[test]
    fn sources_do_not_share_a_bucket_and_zero_is_no_bound() {
        let mut rate = Rate::new(1);
        assert!(rate.admits(source("192.0.2.1:1"), at(0)));
        assert!(!rate.admits(source("192.0.2.1:2"), at(999)));
        assert!(rate.admits(source("192.0.2.2:1"), at(0)));
        assert!(rate.admits(source("192.0.2.1:3"), at(1000)));
        let mut free = Rate::new(0);
        assert!((0..1000).all(|_| free.admits(source("192.0.2.1:1"), at(0))));
    }
}
