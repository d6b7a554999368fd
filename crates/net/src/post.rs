//! Letters to sessions: how a timer, the operator, another session or the server's end reaches a session that sleeps.

use std::cell::RefCell;
use std::task::Waker;

use sockeye_core::SessionId;

/// What a session can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    /// A time it asked for has come.
    Due,
    /// Deliver this to the conversation.
    Command(Box<str>),
    /// The server is stopping: finish what is under way.
    Stop,
    /// The server is ending: close now.
    Close,
    /// All sessions hold too much memory together, and this one most of it.
    Cut,
}

/// A mailbox of one session, or of all sessions of a datagram socket.
#[derive(Debug, Default)]
pub(crate) struct Post {
    letters: RefCell<Vec<(SessionId, Letter)>>,
    waker: RefCell<Option<Waker>>,
}

impl Post {
    /// Puts a letter in and wakes whoever listens.
    pub(crate) fn send(&self, to: SessionId, letter: Letter) {
        self.letters.borrow_mut().push((to, letter));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Takes all letters out.
    pub(crate) fn take(&self) -> Vec<(SessionId, Letter)> {
        std::mem::take(&mut *self.letters.borrow_mut())
    }

    /// Whether there is nothing to take.
    pub(crate) fn is_empty(&self) -> bool {
        self.letters.borrow().is_empty()
    }

    /// Whom to wake.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }
}
