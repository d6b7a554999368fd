//! What all threads of one server share: books that must be right over all of them, and a way to reach one another's
//! sessions. What a message touches is in [`crate::world::World`], one a thread; nothing here is touched by one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sockeye_core::{Limits, SessionId};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::complaints::Complaints;
use crate::inbox::Inbox;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::post::Letter;
use crate::refusals::Refusals;

/// One server's, or one client's.
pub(crate) struct Shared {
    /// One clock, so that times of different threads can be compared.
    pub(crate) clock: Clock,
    /// What sessions hold, and who holds it.
    pub(crate) memory: Memory,
    /// What is counted, if somebody wants to know.
    pub(crate) metrics: OnceLock<Metrics>,
    /// Who was turned away.
    pub(crate) refusals: Refusals,
    /// What went wrong with peers, by [`crate::complaints::About`].
    pub(crate) complaints: [Complaints; 2],
    /// Becomes true when the server ends: handshakes are given up then.
    pub(crate) ending: watch::Sender<bool>,
    /// Bytes waiting to be written, in all sessions.
    waiting: AtomicUsize,
    /// Which of the services that read the operator's lines was heard last.
    desk: AtomicUsize,
    /// One a thread.
    inboxes: Mutex<Vec<Arc<Inbox>>>,
}

impl Shared {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            clock: Clock::start(),
            memory: Memory::new(limits.memory),
            metrics: OnceLock::new(),
            refusals: Refusals::default(),
            complaints: Complaints::all(),
            ending: watch::Sender::new(false),
            waiting: AtomicUsize::new(0),
            desk: AtomicUsize::new(0),
            inboxes: Mutex::default(),
        })
    }

    /// A further thread takes part, with an inbox of its own.
    pub(crate) fn join(&self) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox::default());
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&inbox));
        inbox
    }

    /// All inboxes but that of the thread that asks.
    pub(crate) fn others(&self, own: &Arc<Inbox>) -> Vec<Arc<Inbox>> {
        let all = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|inbox| !Arc::ptr_eq(inbox, own)).map(Arc::clone).collect()
    }

    /// Sends a letter to a session that is not on the thread that asks: nobody knows which thread has it, so all are
    /// asked. One to a session that has ended is lost, as it should be.
    #[cold]
    pub(crate) fn forward(&self, own: &Arc<Inbox>, session: SessionId, letter: &Letter) {
        for inbox in self.others(own) {
            inbox.put(session, letter.clone());
        }
    }

    /// Bytes that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// So many more bytes wait.
    pub(crate) fn waits(&self, count: usize) {
        self.waiting.fetch_add(count, Ordering::Relaxed);
    }

    /// So many of them wait no longer.
    pub(crate) fn waits_no_longer(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }

    /// Which service the operator's lines are for: the one that was heard last.
    pub(crate) fn desk(&self) -> usize {
        self.desk.load(Ordering::Relaxed)
    }

    /// A session of this service was heard.
    pub(crate) fn heard(&self, desk: usize) {
        self.desk.store(desk, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_reaches_every_other_thread_once() {
        let shared = Shared::new(&Limits::default());
        let [here, there, yonder] = [(); 3].map(|()| shared.join());
        shared.forward(&here, SessionId(7), &Letter::Cut);
        assert!(here.take().is_empty());
        for inbox in [there, yonder] {
            assert_eq!(inbox.take().len(), 1);
        }
    }
}
