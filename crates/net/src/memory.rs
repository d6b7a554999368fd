//! How much all sessions hold together, and who holds most of it: when it is too much, that one goes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sockeye_core::SessionId;

/// What is less is counted, but its holder is not remembered: a session of many that hold little.
const NOTABLE: usize = 16 * 1024;

/// Bytes that sessions hold: what waits to be written to peers, and messages that are not whole yet.
#[derive(Debug)]
pub(crate) struct Memory {
    most: usize,
    total: AtomicUsize,
    /// Of these, what sessions hold that were told to go. Changed under the lock of `holders`.
    leaving: AtomicUsize,
    holders: Mutex<HashMap<SessionId, Holder>>,
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    bytes: usize,
    leaves: bool,
}

impl Memory {
    /// At most `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, total: AtomicUsize::new(0), leaving: AtomicUsize::new(0), holders: Mutex::default() }
    }

    /// What may be held in all.
    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    /// What is held in all.
    pub(crate) fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    fn leaving(&self) -> usize {
        self.leaving.load(Ordering::Relaxed)
    }

    fn holders(&self) -> MutexGuard<'_, HashMap<SessionId, Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session holds `now` bytes, where it held `before`.
    pub(crate) fn book(&self, session: SessionId, before: usize, now: usize) {
        // Several threads add and take: each its own difference, so that none is lost.
        if now >= before {
            self.total.fetch_add(now - before, Ordering::Relaxed);
        } else {
            self.total.fetch_sub(before - now, Ordering::Relaxed);
        }
        if before.max(now) < NOTABLE {
            return;
        }
        let mut holders = self.holders();
        let leaves = holders.get(&session).is_some_and(|holder| holder.leaves);
        if leaves {
            self.leaving.store(self.leaving() - before.max(NOTABLE) + now.max(NOTABLE), Ordering::Relaxed);
        }
        if now < NOTABLE {
            if leaves {
                self.leaving.store(self.leaving() - NOTABLE, Ordering::Relaxed);
            }
            holders.remove(&session);
        } else {
            holders.insert(session, Holder { bytes: now, leaves });
        }
    }

    /// Who must go so that no more is held than may be: `asking`, or another one that holds more. Nobody is named
    /// twice, and nobody while those who were named are still to go.
    #[inline]
    pub(crate) fn who_goes(&self, asking: SessionId) -> Option<SessionId> {
        let staying = self.total().saturating_sub(self.leaving());
        if staying <= self.most { None } else { self.choose(asking) }
    }

    #[cold]
    fn choose(&self, asking: SessionId) -> Option<SessionId> {
        let mut holders = self.holders();
        // Another thread may have named one meanwhile.
        if self.total().saturating_sub(self.leaving()) <= self.most {
            return None;
        }
        let staying = holders.iter_mut().filter(|(_, holder)| !holder.leaves);
        let Some((session, holder)) = staying.max_by_key(|(session, holder)| (holder.bytes, session.0))
        else {
            return Some(asking);
        };
        holder.leaves = true;
        self.leaving.store(self.leaving() + holder.bytes, Ordering::Relaxed);
        Some(*session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: usize = 1024;

    #[test]
    fn the_one_that_holds_most_goes_and_nobody_after_it() {
        let memory = Memory::new(1000 * K);
        for (session, bytes) in [(1, 300), (2, 500), (3, 190)] {
            memory.book(SessionId(session), 0, bytes * K);
        }
        assert_eq!(memory.who_goes(SessionId(3)), None);
        memory.book(SessionId(3), 190 * K, 300 * K);
        assert_eq!(memory.who_goes(SessionId(3)), Some(SessionId(2)));
        assert_eq!(memory.who_goes(SessionId(3)), None, "it is still to go");
        memory.book(SessionId(2), 500 * K, 0);
        assert_eq!((memory.total(), memory.leaving()), (600 * K, 0));
        assert_eq!(memory.who_goes(SessionId(3)), None);
    }

    #[test]
    fn one_that_leaves_may_still_move() {
        let memory = Memory::new(100 * K);
        memory.book(SessionId(1), 0, 150 * K);
        assert_eq!(memory.who_goes(SessionId(2)), Some(SessionId(1)));
        for (before, now) in [(150, 160), (160, 20), (20, 3), (3, 0)] {
            memory.book(SessionId(1), before * K, now * K);
        }
        assert_eq!((memory.total(), memory.leaving()), (0, 0));
        assert!(memory.holders().is_empty());
    }

    #[test]
    fn where_all_hold_little_the_one_that_asks_goes() {
        let memory = Memory::new(100 * K);
        for session in 1..=30 {
            memory.book(SessionId(session), 0, 4 * K);
        }
        assert_eq!(memory.who_goes(SessionId(7)), Some(SessionId(7)));
    }
}
