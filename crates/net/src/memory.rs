//! How much all sessions hold together, and who holds most of it: when it is too much, that one goes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use sockeye_core::SessionId;

/// What is less is counted, but its holder is not remembered: a session of many that hold little.
const NOTABLE: usize = 16 * 1024;

/// Bytes that sessions hold: what waits to be written to peers, and messages that are not whole yet.
#[derive(Debug)]
pub(crate) struct Memory {
    most: usize,
    total: Cell<usize>,
    /// Of these, what sessions hold that were told to go.
    leaving: Cell<usize>,
    holders: RefCell<HashMap<SessionId, Holder>>,
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    bytes: usize,
    leaves: bool,
}

impl Memory {
    /// At most `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, total: Cell::new(0), leaving: Cell::new(0), holders: RefCell::default() }
    }

    /// What may be held in all.
    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    /// What is held in all.
    pub(crate) fn total(&self) -> usize {
        self.total.get()
    }

    /// The session holds `now` bytes, where it held `before`.
    pub(crate) fn book(&self, session: SessionId, before: usize, now: usize) {
        self.total.set(self.total.get() - before + now);
        if before.max(now) < NOTABLE {
            return;
        }
        let mut holders = self.holders.borrow_mut();
        let leaves = holders.get(&session).is_some_and(|holder| holder.leaves);
        if leaves {
            self.leaving.set(self.leaving.get() - before.max(NOTABLE) + now.max(NOTABLE));
        }
        if now < NOTABLE {
            if leaves {
                self.leaving.set(self.leaving.get() - NOTABLE);
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
        let staying = self.total.get().saturating_sub(self.leaving.get());
        if staying <= self.most { None } else { Some(self.choose(asking)) }
    }

    #[cold]
    fn choose(&self, asking: SessionId) -> SessionId {
        let mut holders = self.holders.borrow_mut();
        let staying = holders.iter_mut().filter(|(_, holder)| !holder.leaves);
        let Some((session, holder)) = staying.max_by_key(|(session, holder)| (holder.bytes, session.0))
        else {
            return asking;
        };
        holder.leaves = true;
        self.leaving.set(self.leaving.get() + holder.bytes);
        *session
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
        assert_eq!((memory.total(), memory.leaving.get()), (600 * K, 0));
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
        assert_eq!((memory.total(), memory.leaving.get()), (0, 0));
        assert!(memory.holders.borrow().is_empty());
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
