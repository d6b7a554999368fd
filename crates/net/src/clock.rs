//! The one place that reads clocks: ticks for sessions, wall time for those who ask.

use std::time::{Duration, Instant, SystemTime};

use sockeye_core::Tick;

/// Mints ticks: nanoseconds since the driver started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Tick {
        Tick(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The moment of a tick, for the runtime's timer.
    pub(crate) fn instant(self, tick: Tick) -> tokio::time::Instant {
        let far = Duration::from_hours(365 * 24);
        tokio::time::Instant::from_std(self.0 + Duration::from_nanos(tick.0).min(far))
    }
}

/// Seconds since 1970-01-01T00:00:00Z, as certificates count them.
pub(crate) fn seconds() -> i64 {
    i64::try_from(wall() / 1_000_000_000).unwrap_or(i64::MAX)
}

/// Nanoseconds since 1970-01-01T00:00:00Z; 0 if the machine's clock stands before that.
pub(crate) fn wall() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
