//! Time of a run: nanoseconds since it began, and a timer that is exact. The runtime's own timers count milliseconds, of
//! which a message of a fixed rate would be late by half a one on average.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::schedule::Nanos;

/// When a run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since then; enough for 584 years.
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        let passed = self.0.elapsed();
        passed.as_secs() * 1_000_000_000 + Nanos::from(passed.subsec_nanos())
    }
}

/// Wakes the thread's future at a time.
#[derive(Debug)]
pub(crate) struct Timer {
    timer: AsyncFd<Descriptor>,
    /// When it is set to; 0: not at all.
    set: Nanos,
}

/// The timer as the runtime wants it.
#[derive(Debug)]
struct Descriptor(TimerFd);

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Timer {
    /// A timer of the runtime that is entered.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for descriptors that change; this one is the timer's own"
        )]
        let timer = AsyncFd::with_interest(Descriptor(timer), Interest::READABLE)?;
        Ok(Self { timer, set: 0 })
    }

    /// Has the task woken at `at`, or now if that has passed.
    pub(crate) fn wake_at(&mut self, cx: &mut Context<'_>, now: Nanos, at: Nanos) -> io::Result<()> {
        if self.set != at {
            // Zero would disarm it.
            let wait = Duration::from_nanos(at.saturating_sub(now).max(1));
            let expiration = Expiration::OneShot(TimeSpec::from_duration(wait));
            self.timer.get_ref().0.set(expiration, TimerSetTimeFlags::empty())?;
            self.set = at;
        }
        if at <= now {
            cx.waker().wake_by_ref();
            return Ok(());
        }
        while let Poll::Ready(ready) = self.timer.poll_read_ready(cx) {
            // Setting it anew takes the old expiration back, so it need not be read.
            ready?.clear_ready();
        }
        Ok(())
    }
}
