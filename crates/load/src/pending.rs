//! What was sent and is not answered, oldest first. Messages of one write are one entry.

use std::collections::VecDeque;

use crate::schedule::Nanos;

/// Messages that were due, and sent, at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) due: Nanos,
    pub(crate) sent: Nanos,
    pub(crate) count: u32,
}

/// All of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    batches: VecDeque<Batch>,
    waiting: usize,
}

impl Pending {
    /// How many messages are not answered.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.waiting
    }

    /// More were sent.
    #[inline]
    pub(crate) fn push(&mut self, due: Nanos, sent: Nanos, count: u32) {
        self.waiting += count as usize;
        match self.batches.back_mut() {
            Some(last) if last.due == due && last.sent == sent => last.count += count,
            _ => self.batches.push_back(Batch { due, sent, count }),
        }
    }

    /// One more was sent, to be answered before or after others.
    pub(crate) fn push_alone(&mut self, due: Nanos, sent: Nanos) {
        self.waiting += 1;
        self.batches.push_back(Batch { due, sent, count: 1 });
    }

    /// Takes up to `count` of the oldest that belong together; `None` if there are none.
    #[inline]
    pub(crate) fn pop(&mut self, count: u32) -> Option<Batch> {
        let first = self.batches.front_mut()?;
        let taken = Batch { count: first.count.min(count), ..*first };
        first.count -= taken.count;
        if first.count == 0 {
            self.batches.pop_front();
        }
        self.waiting -= taken.count as usize;
        Some(taken)
    }

    /// When the oldest was sent.
    pub(crate) fn oldest(&self) -> Option<Nanos> {
        self.batches.front().map(|batch| batch.sent)
    }

    /// Forgets all; what is left is given back, oldest first.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Batch> + '_ {
        self.waiting = 0;
        self.batches.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_first_is_answered_first() {
        let mut pending = Pending::default();
        pending.push(1, 1, 2);
        pending.push(1, 1, 1);
        pending.push(5, 6, 2);
        assert_eq!((pending.len(), pending.oldest()), (5, Some(1)));
        assert_eq!(pending.pop(10), Some(Batch { due: 1, sent: 1, count: 3 }));
        assert_eq!(pending.pop(1), Some(Batch { due: 5, sent: 6, count: 1 }));
        assert_eq!(pending.drain().map(|batch| batch.count).sum::<u32>(), 1);
        assert_eq!((pending.len(), pending.pop(1)), (0, None));
    }
}
