//! What a thread has counted since it was last asked.

use hdrhistogram::Histogram;
use sockeye_core::Code;

use crate::histogram::empty;
use crate::sample::{self, Sample};
use crate::schedule::Nanos;

/// Counts of one interval.
#[derive(Debug)]
pub(crate) struct Tally {
    /// From when a message was due to its answer.
    pub(crate) latency: Histogram<u64>,
    /// From when it was sent, where that differs.
    pub(crate) service: Option<Histogram<u64>>,
    /// How long connecting took.
    pub(crate) connecting: Histogram<u64>,
    /// Right answers.
    pub(crate) requests: u64,
    /// By what happened; there are few.
    pub(crate) errors: Vec<(Code, u64)>,
    pub(crate) bytes_out: u64,
    pub(crate) bytes_in: u64,
    /// Messages that steps sent, and that came for them.
    pub(crate) messages_out: u64,
    pub(crate) messages_in: u64,
    /// The first of each class of errors.
    pub(crate) samples: Vec<Sample>,
}

/// Whether the time of sending is told apart from the time that was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Apart,
    Same,
}

impl Tally {
    pub(crate) fn new(service: Service) -> Self {
        Self {
            latency: empty(),
            service: (service == Service::Apart).then(empty),
            connecting: empty(),
            requests: 0,
            errors: Vec::new(),
            bytes_out: 0,
            bytes_in: 0,
            messages_out: 0,
            messages_in: 0,
            samples: Vec::new(),
        }
    }

    /// `count` right answers to what was due and sent then.
    #[inline]
    pub(crate) fn answered(&mut self, due: Nanos, sent: Nanos, now: Nanos, count: u64) {
        self.requests += count;
        self.latency.saturating_record_n(now.saturating_sub(due), count);
        if let Some(service) = &mut self.service {
            service.saturating_record_n(now.saturating_sub(sent), count);
        }
    }

    /// `count` times this happened.
    pub(crate) fn failed(&mut self, code: Code, count: u64) {
        if count == 0 {
            return;
        }
        match self.errors.iter_mut().find(|(known, _)| *known == code) {
            Some((_, times)) => *times += count,
            None => self.errors.push((code, count)),
        }
    }

    /// How many errors there are.
    pub(crate) fn failures(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }

    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        // All have the bounds of `empty`.
        let _ = self.latency.add(&other.latency);
        let _ = self.connecting.add(&other.connecting);
        if let (Some(mine), Some(theirs)) = (&mut self.service, &other.service) {
            let _ = mine.add(theirs);
        }
        self.requests += other.requests;
        self.bytes_out += other.bytes_out;
        self.bytes_in += other.bytes_in;
        self.messages_out += other.messages_out;
        self.messages_in += other.messages_in;
        sample::keep(&mut self.samples, &other.samples);
        for (code, count) in &other.errors {
            self.failed(*code, *count);
        }
    }
}
