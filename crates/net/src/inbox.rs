//! Letters that come from other threads: put in by any of them, and handed out on the thread whose inbox it is.

use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sockeye_core::SessionId;
use tokio::sync::{Notify, watch};

use crate::post::Letter;
use crate::world::World;

/// One thread's. Its letters are few: the operator's lines, the server's end, who is to go for want of memory.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    letters: Mutex<Vec<Sent>>,
    ready: Notify,
}

/// What was put in.
#[derive(Debug)]
pub(crate) enum Sent {
    /// For one session, if it is here.
    One(SessionId, Letter),
    /// For all sessions here. The receiver is dropped when they have acted upon it.
    All(Letter, watch::Receiver<()>),
}

impl Inbox {
    /// A letter for one session.
    pub(crate) fn put(&self, session: SessionId, letter: Letter) {
        self.push(Sent::One(session, letter));
    }

    /// A letter for all sessions of the thread.
    pub(crate) fn put_all(&self, letter: Letter, heard: watch::Receiver<()>) {
        self.push(Sent::All(letter, heard));
    }

    /// What has come, in its order.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.letters())
    }

    fn push(&self, sent: Sent) {
        self.letters().push(sent);
        self.ready.notify_one();
    }

    fn letters(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out what comes, until the runtime ends.
pub(crate) async fn run(world: Rc<World>) {
    loop {
        world.inbox.ready.notified().await;
        for sent in world.inbox.take() {
            match sent {
                Sent::One(session, letter) => world.hand_over(session, letter),
                Sent::All(letter, heard) => {
                    world.hand_over_to_all(&letter);
                    // All sessions that are awake now take their turn before this goes on.
                    tokio::task::yield_now().await;
                    drop(heard);
                }
            }
        }
    }
}
