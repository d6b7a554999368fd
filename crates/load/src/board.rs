//! Which connections have something to do: one future drives them all, and each wakes it by its own waker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The list of those that were woken.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Woken>);

#[derive(Debug, Default)]
struct Woken {
    list: Vec<u32>,
    root: Option<Waker>,
}

/// One connection's mark on the board.
#[derive(Debug)]
pub(crate) struct Mark {
    index: u32,
    /// Whether it is on the list.
    listed: AtomicBool,
    board: Arc<Board>,
}

impl Board {
    /// Puts those that were woken into `list`, which is empty, and wakes `root` for those that will be.
    pub(crate) fn take(&self, root: &Waker, list: &mut Vec<u32>) {
        let mut woken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !woken.root.as_ref().is_some_and(|known| known.will_wake(root)) {
            woken.root = Some(root.clone());
        }
        std::mem::swap(&mut woken.list, list);
    }
}

impl Mark {
    /// The mark of the connection of this number.
    pub(crate) fn new(board: &Arc<Board>, index: u32) -> Arc<Self> {
        Arc::new(Self { index, listed: AtomicBool::new(false), board: Arc::clone(board) })
    }

    /// It is looked at now: from here on it can be woken again.
    pub(crate) fn clear(&self) {
        self.listed.store(false, Ordering::Release);
    }
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut woken = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        woken.list.push(self.index);
        if woken.list.len() == 1
            && let Some(root) = &woken.root
        {
            root.wake_by_ref();
        }
    }
}
