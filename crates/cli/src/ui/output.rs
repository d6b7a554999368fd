//! Stdout and stderr, each written by a thread of its own, so that a slow reader of either blocks no driver. What waits
//! is bounded: drivers read no more while [`Output::is_full`], and lines for people are left out beyond it.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What may wait before sessions are paused, and before lines for people are left out.
const FULL: usize = 1 << 20;

/// What waits to be written.
#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    writing: bool,
    /// Pieces written so far.
    written: u64,
    /// Nobody will take anything any more.
    gone: bool,
    ends_a_line: Option<bool>,
}

/// The process's stdout or stderr. One each per process.
#[derive(Clone)]
pub(crate) struct Output {
    shared: Arc<(Mutex<Queue>, Condvar)>,
}

impl Output {
    /// Starts the thread that writes stdout. `broken` is called on it, once, when stdout takes no more.
    pub(crate) fn stdout(broken: impl FnOnce(&io::Error) + Send + 'static) -> Self {
        Self::start(io::stdout(), broken)
    }

    /// Starts the thread that writes stderr. Nobody can be told that it takes no more.
    pub(crate) fn stderr() -> Self {
        Self::start(io::stderr(), |_| {})
    }

    fn start(mut to: impl Write + Send + 'static, broken: impl FnOnce(&io::Error) + Send + 'static) -> Self {
        let output = Self { shared: Arc::default() };
        let writer = output.clone();
        std::thread::spawn(move || {
            let error = writer.run(&mut to);
            broken(&error);
            let mut queue = writer.lock();
            queue.gone = true;
            queue.waiting.clear();
            writer.shared.1.notify_all();
        });
        output
    }

    /// Queues bytes.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        let mut queue = self.lock();
        if queue.gone {
            return;
        }
        queue.waiting.extend_from_slice(bytes);
        queue.ends_a_line = Some(*last == b'\n');
        drop(queue);
        self.shared.1.notify_all();
    }

    /// Queues text, unless so much waits that it must be left out: then `false`.
    pub(crate) fn offer(&self, text: &str) -> bool {
        let room = !self.is_full();
        if room {
            self.push(text.as_bytes());
        }
        room
    }

    /// Whether so much waits that nothing more should be read.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().waiting.len() >= FULL
    }

    /// Whether all is written, and more would be.
    pub(crate) fn is_done(&self) -> bool {
        let queue = self.lock();
        !queue.gone && !queue.writing && queue.waiting.is_empty()
    }

    /// Ends the last line, if something was written that did not end one.
    pub(crate) fn end_line(&self) {
        if self.lock().ends_a_line == Some(false) {
            self.push(b"\n");
        }
    }

    /// Waits until all is written. With `patience`, no longer than that without anything being taken: who wants the
    /// program to end does not wait for a reader that never reads.
    pub(crate) fn finish(&self, patience: Option<Duration>) {
        let mut queue = self.lock();
        let mut written = queue.written;
        while !queue.gone && (queue.writing || !queue.waiting.is_empty()) {
            let Some(patience) = patience else {
                queue = self.shared.1.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let waited = self.shared.1.wait_timeout(queue, patience);
            let (woken, time) = waited.unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if time.timed_out() && queue.written == written {
                return;
            }
            written = queue.written;
        }
    }

    fn run(&self, to: &mut dyn Write) -> io::Error {
        let mut taken = Vec::new();
        loop {
            let mut queue = self.lock();
            queue.writing = false;
            queue.written += 1;
            self.shared.1.notify_all();
            while queue.waiting.is_empty() {
                queue = self.shared.1.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            taken.clear();
            std::mem::swap(&mut taken, &mut queue.waiting);
            queue.writing = true;
            drop(queue);
            if let Err(error) = to.write_all(&taken).and_then(|()| to.flush()) {
                return error;
            }
            taken.shrink_to(FULL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_reader_that_never_reads_is_not_waited_for() {
        let (reader, writer) = io::pipe().unwrap();
        let output = Output::start(writer, |_| {});
        while output.offer(&"x".repeat(FULL)) {}
        output.finish(Some(Duration::from_millis(1)));
        drop(reader);
        output.finish(None);
    }

    #[test]
    fn all_is_written_before_the_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::start(writer, |_| {});
        output.push(b"one\ntwo");
        output.end_line();
        output.finish(None);
        let mut heard = [0; 8];
        reader.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"one\ntwo\n");
    }
}
