//! Lines for people: to stderr, or above the line that is being edited while an editor is open.
//!
//! An editor takes text only when it looks, and may close while text waits. So text waits here, and a thread hands it
//! over in one piece that is either shown by the editor or comes back; nothing that was told is lost.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::output::Output;

/// Bytes that may wait for the editor. Who tells more waits, which is how a terminal holds back a flood.
const FULL: usize = 1 << 20;

/// Clears the line that a closed editor has left (ECMA-48 CR and EL).
const CLEAR: &str = "\r\x1b[K";

/// Where lines for people go.
#[derive(Clone)]
pub(crate) struct Screen {
    shared: Arc<(Mutex<State>, Condvar)>,
    stderr: Output,
    /// Lines left out so far because nobody read stderr, and what to say of them.
    lost: Arc<Mutex<u64>>,
    left_out: Arc<dyn Fn(u64) -> String + Send + Sync>,
}

#[derive(Default)]
struct State {
    /// Whether an editor has the terminal.
    open: bool,
    /// Whole lines for above it.
    waiting: String,
    /// Makes the editor go away.
    close: Option<Box<dyn FnOnce() + Send>>,
    /// Whether it was told to.
    closing: bool,
}

impl Screen {
    /// Lines go to `stderr`. `left_out` says how many were left out.
    pub(crate) fn new(stderr: Output, left_out: impl Fn(u64) -> String + Send + Sync + 'static) -> Self {
        Self { shared: Arc::default(), stderr, lost: Arc::default(), left_out: Arc::new(left_out) }
    }

    /// Whether so many lines wait that no more should be told.
    pub(crate) fn is_full(&self) -> bool {
        self.stderr.is_full()
    }

    /// From now on lines go to `editor`, until it no longer takes any. A piece sent there must be shown if it was
    /// taken, so its channel holds none. `close` makes the editor go away.
    pub(crate) fn share_with(&self, editor: SyncSender<String>, close: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        state.open = true;
        state.close = Some(Box::new(close));
        drop(state);
        let screen = self.clone();
        std::thread::spawn(move || screen.hand_over(&editor));
    }

    /// Writes whole lines; `text` has no newline at its end.
    pub(crate) fn line(&self, text: &str) {
        if !self.above(text) {
            self.direct(&format!("{text}\n"));
        }
    }

    /// Writes `text` above the editor's line. `false`: there is no editor, or no more.
    pub(crate) fn above(&self, text: &str) -> bool {
        let mut state = self.lock();
        while state.open && state.waiting.len() >= FULL {
            state = self.wait(state);
        }
        if state.open {
            state.waiting.push_str(text);
            state.waiting.push('\n');
            self.shared.1.notify_all();
        }
        state.open
    }

    /// Waits until the lines so far are written.
    pub(crate) fn flush(&self) {
        self.stderr.finish(None);
    }

    /// Closes the editor if there is one, and waits until all is shown; with `patience`, no longer than that without
    /// progress.
    pub(crate) fn finish(&self, patience: Option<Duration>) {
        self.close();
        self.stderr.finish(patience);
        self.count_lost();
        self.stderr.finish(patience);
    }

    fn close(&self) {
        let mut state = self.lock();
        if let Some(close) = state.close.take() {
            close();
            state.closing = true;
            self.shared.1.notify_all();
        }
        while state.open {
            state = self.wait(state);
        }
    }

    fn hand_over(&self, editor: &SyncSender<String>) {
        let mut state = self.lock();
        loop {
            // An editor that is closing is handed pieces, if empty ones, until it takes none: then it has set the
            // terminal as it was and kept its history.
            while state.waiting.is_empty() && !state.closing {
                state = self.wait(state);
            }
            let piece = std::mem::take(&mut state.waiting);
            self.shared.1.notify_all();
            drop(state);
            let back = editor.send(piece).err();
            state = self.lock();
            if let Some(back) = back {
                state.open = false;
                let rest = std::mem::take(&mut state.waiting);
                self.direct(&format!("{CLEAR}{}{rest}", back.0));
                self.shared.1.notify_all();
                return;
            }
        }
    }

    /// A peer can make errors without end; who does not read them must not stop the program.
    fn direct(&self, lines: &str) {
        self.count_lost();
        if !self.stderr.offer(lines) {
            *self.lost.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }

    fn count_lost(&self) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if *lost > 0 && self.stderr.offer(&format!("{}\n", (self.left_out)(*lost))) {
            *lost = 0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}
