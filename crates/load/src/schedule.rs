//! The open loop: when each message of a fixed rate is to be sent, whatever became of those before it.
//!
//! A message that cannot be sent when it is due keeps its time. So its latency, measured from then, contains what it
//! had to wait for: without that, a peer that stalls would be asked less often just while it stalls, and the figures
//! would leave out the worst ("coordinated omission").

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times and counts are positive, and such a cast ends at the largest number there is"
)]

use std::time::Duration;

/// Nanoseconds of the thread's clock.
pub type Nanos = u64;

/// How many messages are due in `span` at `rate` a second.
pub fn messages(rate: f64, span: Duration) -> u64 {
    (span.as_secs_f64() * rate) as u64
}

/// When messages are due.
#[derive(Clone, Debug)]
pub struct Schedule {
    start: Nanos,
    /// Nanoseconds between two.
    interval: f64,
    taken: u64,
    /// How many there are in all.
    limit: u64,
}

impl Schedule {
    /// Messages at `rate` a second from `start` on, the first after `phase` (0 to 1) of an interval, so that several
    /// threads take turns. At most `limit`.
    pub fn new(start: Nanos, rate: f64, phase: f64, limit: u64) -> Self {
        let interval = 1e9 / rate;
        Self { start: start + (interval * phase) as Nanos, interval, taken: 0, limit }
    }

    /// When the next message is due; `None` after the last.
    #[inline]
    pub fn next(&self) -> Option<Nanos> {
        // Multiplied, never summed up: a sum would drift.
        (self.taken < self.limit).then(|| self.start + (self.taken as f64 * self.interval) as Nanos)
    }

    /// Takes the next message if it is due: when it was to be sent.
    #[inline]
    pub fn take(&mut self, now: Nanos) -> Option<Nanos> {
        let due = self.next().filter(|due| *due <= now)?;
        self.taken += 1;
        Some(due)
    }

    /// How many are due and not taken.
    pub fn behind(&self, now: Nanos) -> u64 {
        let Some(passed) = now.checked_sub(self.start) else { return 0 };
        let due = (passed as f64 / self.interval) as u64 + 1;
        due.min(self.limit).saturating_sub(self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_due_at_even_times_and_late_ones_keep_theirs() {
        let mut schedule = Schedule::new(1000, 1e6, 0.0, u64::MAX);
        assert_eq!((schedule.take(999), schedule.behind(999)), (None, 0));
        assert_eq!(schedule.take(1000), Some(1000));
        // A stall of five intervals.
        assert_eq!(schedule.behind(6000), 5);
        let late: Vec<_> = std::iter::from_fn(|| schedule.take(6000)).collect();
        assert_eq!(late, [2000, 3000, 4000, 5000, 6000]);
        assert_eq!(schedule.next(), Some(7000));
    }

    #[test]
    fn it_does_not_drift_and_it_ends() {
        let mut schedule = Schedule::new(0, 3.0, 0.5, 3_000_000);
        let mut last = 0;
        while let Some(due) = schedule.take(u64::MAX) {
            last = due;
        }
        let exact = (3_000_000.0 - 1.0 + 0.5) / 3.0 * 1e9;
        assert!((last as f64 - exact).abs() < 10.0);
        assert_eq!((schedule.next(), schedule.behind(u64::MAX)), (None, 0));
    }
}
