//! What came of a play, for whoever began it: the play itself belongs to its driver.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::play::Failure;
use crate::vars::Vars;

/// A handle to what comes of a play. It may be asked at any time, from any thread.
#[derive(Clone, Debug)]
pub struct Outcome(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    done: AtomicU64,
    all: u64,
    ended: Mutex<Option<Ended>>,
}

/// What came of a play.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Whether everything happened as written.
    pub result: Result<(), Box<Failure>>,
    /// How many steps were done, each round of a `repeat` counted.
    pub steps: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Every variable: those set, and what was captured.
    pub captured: Vars,
}

impl Outcome {
    /// A handle to a play of so many steps.
    pub(super) fn new(all: u64) -> Self {
        Self(Arc::new(Shared { done: AtomicU64::new(0), all, ended: Mutex::new(None) }))
    }

    /// What came of it; `None` while it goes on, and once it was taken.
    pub fn take(&self) -> Option<Ended> {
        self.0.ended.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How many steps are done, and how many there are in all.
    pub fn progress(&self) -> (u64, u64) {
        (self.0.done.load(Ordering::Relaxed), self.0.all)
    }

    pub(super) fn advance(&self, done: u64) {
        self.0.done.store(done, Ordering::Relaxed);
    }

    pub(super) fn end(&self, ended: Ended) {
        *self.0.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
    }
}
