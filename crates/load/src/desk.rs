//! What the connections of a thread share: buffers, counts, and whether messages are still sent.

use std::rc::Rc;

use sockeye_core::Code;

use crate::pending::Batch;
use crate::plan::Plan;
use crate::sample::Sample;
use crate::schedule::Nanos;
use crate::tally::Tally;

/// Bytes of the buffer that every read uses.
const READ: usize = 256 * 1024;

/// What connections share.
pub(crate) struct Desk {
    pub(crate) plan: Rc<Plan>,
    /// What was read.
    pub(crate) buffer: Vec<u8>,
    /// What is about to be written, where nothing waits before it.
    pub(crate) scratch: Vec<u8>,
    pub(crate) tally: Tally,
    /// Messages that are due from here to there count.
    pub(crate) from: Nanos,
    pub(crate) until: Nanos,
    /// Whether messages are sent.
    pub(crate) sending: bool,
    /// How many more may be sent.
    pub(crate) allowance: u64,
    /// Messages without an answer yet, of all connections.
    pub(crate) waiting: u64,
    /// When the last right answer came, or one way the last message went.
    pub(crate) heard: Nanos,
    /// Classes of errors of which there is a sample.
    sampled: Vec<Code>,
}

impl Desk {
    pub(crate) fn new(plan: Rc<Plan>, tally: Tally) -> Self {
        Self {
            plan,
            buffer: vec![0; READ],
            scratch: Vec::new(),
            tally,
            from: Nanos::MAX,
            until: Nanos::MAX,
            sending: false,
            allowance: 0,
            waiting: 0,
            heard: 0,
            sampled: Vec::new(),
        }
    }

    /// Whether what was due then counts.
    #[inline]
    pub(crate) const fn counts(&self, due: Nanos) -> bool {
        due >= self.from && due < self.until
    }

    /// These have their right answer.
    #[inline]
    pub(crate) fn answered(&mut self, batch: Batch, now: Nanos) {
        self.waiting -= u64::from(batch.count);
        self.heard = now;
        if self.counts(batch.due) {
            self.tally.answered(batch.due, batch.sent, now, u64::from(batch.count));
        }
    }

    /// So many were sent, to which there is no answer. None is made after the end, so what is sent then was late and counts.
    #[inline]
    pub(crate) fn sent(&mut self, count: u64, bytes: u64, now: Nanos) {
        self.waiting -= count;
        self.heard = now;
        if now >= self.from {
            self.tally.requests += count;
            self.tally.bytes_out += bytes;
        }
    }

    /// These will have none.
    pub(crate) fn failed(&mut self, batch: Batch, code: Code) {
        self.waiting -= u64::from(batch.count);
        if self.counts(batch.due) {
            self.tally.failed(code, u64::from(batch.count));
        }
    }

    /// Whether nothing of this class was shown yet.
    pub(crate) fn wants(&self, code: Code) -> bool {
        !self.sampled.contains(&code)
    }

    /// Shows the first of its class.
    pub(crate) fn show(&mut self, code: Code, sample: Sample, now: Nanos) {
        if self.wants(code) {
            self.sampled.push(code);
            let at = now.saturating_sub(self.from) as f64 / 1e9;
            self.tally.samples.push(Sample { class: code.word().to_owned(), at, ..sample });
        }
    }

    /// Takes the right to send up to `wanted` messages.
    #[inline]
    pub(crate) fn allow(&mut self, wanted: usize) -> usize {
        if !self.sending {
            return 0;
        }
        let allowed = usize::try_from(self.allowance).unwrap_or(usize::MAX).min(wanted);
        self.allowance -= allowed as u64;
        allowed
    }
}
