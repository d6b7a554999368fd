//! Pauses between attempts: they double, and vary, so that many clients of one server do not come back all at once.

use std::time::Duration;

/// The first pause, at the most.
const FIRST: Duration = Duration::from_millis(500);

/// The longest.
const LONGEST: Duration = Duration::from_secs(30);

/// Where pauses come from. The same seed gives the same.
pub(crate) struct Backoff {
    state: u64,
}

impl Backoff {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The pause before an attempt, counted from 1: between half and all of 0.5 s, 1 s, 2 s, … 30 s.
    pub(crate) fn pause(&mut self, attempt: u32) -> Duration {
        let most = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST);
        let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(2);
        Duration::from_millis(millis / 2 + self.random() % (millis / 2 + 1))
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_are_the_seeds() {
        let pauses = |seed| {
            let mut backoff = Backoff::new(seed);
            (1..40).map(|attempt| backoff.pause(attempt)).collect::<Vec<_>>()
        };
        for (at, pause) in pauses(7).iter().enumerate() {
            let most = FIRST.saturating_mul(1 << at.min(16)).min(LONGEST);
            assert!(*pause >= most / 2 && *pause <= most, "{at}: {pause:?}");
        }
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
    }
}
