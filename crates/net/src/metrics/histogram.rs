//! How often something took how long, in a few buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of durations, each in the first bucket that it does not exceed.
#[derive(Debug)]
pub(crate) struct Histogram<const N: usize> {
    /// Upper bounds in seconds, ascending.
    bounds: &'static [f64; N],
    counts: [AtomicU64; N],
    /// What exceeds all bounds.
    beyond: AtomicU64,
    nanos: AtomicU64,
}

/// A histogram at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Upper bounds in seconds, the last of which is infinite, and how many came into that bucket alone.
    pub(crate) buckets: Vec<(f64, u64)>,
    /// All of them, in seconds.
    pub(crate) sum: f64,
    /// How many there were.
    pub(crate) count: u64,
}

impl<const N: usize> Histogram<N> {
    pub(crate) fn new(bounds: &'static [f64; N]) -> Self {
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Self { bounds, counts, beyond: AtomicU64::new(0), nanos: AtomicU64::new(0) }
    }

    /// Counts one.
    pub(crate) fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = self.bounds.iter().position(|bound| seconds <= *bound);
        let count = bucket.map_or(&self.beyond, |at| &self.counts[at]);
        count.fetch_add(1, Ordering::Relaxed);
        // Wraps after 584 years of sessions.
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How it stands.
    pub(crate) fn read(&self) -> Reading {
        let counts = self.counts.iter().chain([&self.beyond]).map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = self.bounds.iter().copied().chain([f64::INFINITY]).zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Reading {
            buckets,
            sum: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64(),
            count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(&[0.1, 1.0]);
        for millis in [1, 100, 101, 1000, 1001, 60_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let reading = histogram.read();
        assert_eq!(reading.buckets, [(0.1, 2), (1.0, 2), (f64::INFINITY, 2)]);
        assert_eq!(reading.count, 6);
        assert!((reading.sum - 62.203).abs() < 1e-9, "{}", reading.sum);
    }
}
