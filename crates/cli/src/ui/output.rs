//! Stdout and stderr, each written by a thread of its own, so that a slow reader of either blocks no driver. What waits
//! is bounded: drivers read no more while [`Output::is_full`], and lines for people are left out beyond it.
//!
//! A thread is started by the first who has something to write. A program that only says its version or why it cannot
//! begin needs none: see [`Output::hold`].

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What may wait before sessions are paused, and before lines for people are left out.
const FULL: usize = 1 << 20;

/// What a descriptor that can be written is sure to take without waiting: POSIX's `PIPE_BUF` on Linux.
const AT_ONCE: usize = 4096;

/// Where to write, as long as no thread does.
struct Idle {
    to: Box<dyn Take + Send>,
    broken: Box<dyn FnOnce(&io::Error) + Send>,
}

/// Something to write to that says whether it takes [`AT_ONCE`] bytes without waiting.
trait Take: Write {
    fn takes(&self) -> bool;
}

impl<T: Write + AsFd> Take for T {
    fn takes(&self) -> bool {
        let mut asked = [PollFd::new(self.as_fd(), PollFlags::POLLOUT)];
        // A terminal may have been stopped by who sits there.
        !self.as_fd().is_terminal() && poll(&mut asked, PollTimeout::ZERO) == Ok(1)
    }
}

/// What waits to be written.
#[derive(Default)]
struct Queue {
    /// There until a thread is started.
    idle: Option<Idle>,
    /// The program is at its end, and whoever ends it writes.
    held: bool,
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
    /// The process's stdout. `broken` is called on the thread that writes it, once, when it takes no more.
    pub(crate) fn stdout(broken: impl FnOnce(&io::Error) + Send + 'static) -> Self {
        Self::of(io::stdout(), broken)
    }

    /// The process's stderr. Nobody can be told that it takes no more.
    pub(crate) fn stderr() -> Self {
        Self::of(io::stderr(), |_| {})
    }

    fn of(to: impl Write + AsFd + Send + 'static, broken: impl FnOnce(&io::Error) + Send + 'static) -> Self {
        let idle = Idle { to: Box::new(to), broken: Box::new(broken) };
        let queue = Queue { idle: Some(idle), ..Queue::default() };
        Self { shared: Arc::new((Mutex::new(queue), Condvar::new())) }
    }

    fn start(&self, Idle { mut to, broken }: Idle) {
        let writer = self.clone();
        std::thread::spawn(move || {
            let error = writer.run(&mut *to);
            broken(&error);
            writer.lose();
        });
    }

    /// Nothing more will be taken.
    fn lose(&self) {
        let mut queue = self.lock();
        queue.gone = true;
        queue.writing = false;
        queue.waiting.clear();
        self.shared.1.notify_all();
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
        let idle = if queue.held { None } else { queue.idle.take() };
        drop(queue);
        match idle {
            Some(idle) => self.start(idle),
            None => self.shared.1.notify_all(),
        }
    }

    /// The program is at its end: what is pushed from now on waits for [`Output::settle`] or [`Output::finish`], unless a
    /// thread writes already.
    pub(crate) fn hold(&self) {
        self.lock().held = true;
    }

    /// Writes what waits, on this thread, if there is none for it and nobody has to be waited for. `false`: call
    /// [`Output::finish`], which may wait.
    pub(crate) fn settle(&self) -> bool {
        let mut queue = self.lock();
        let fits = queue.waiting.len() <= AT_ONCE;
        let Some(mut idle) = queue.idle.take() else { return false };
        if queue.waiting.is_empty() || !fits || !idle.to.takes() {
            queue.idle = Some(idle);
            return queue.waiting.is_empty();
        }
        let text = std::mem::take(&mut queue.waiting);
        queue.writing = true;
        drop(queue);
        if let Err(error) = idle.to.write_all(&text).and_then(|()| idle.to.flush()) {
            (idle.broken)(&error);
            self.lose();
            return true;
        }
        let mut queue = self.lock();
        queue.idle = Some(idle);
        queue.writing = false;
        self.shared.1.notify_all();
        true
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
        if !queue.waiting.is_empty()
            && let Some(idle) = queue.idle.take()
        {
            self.start(idle);
        }
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

    fn run(&self, to: &mut dyn Take) -> io::Error {
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
        let output = Output::of(writer, |_| {});
        while output.offer(&"x".repeat(FULL)) {}
        output.finish(Some(Duration::from_millis(1)));
        drop(reader);
        output.finish(None);
    }

    #[test]
    fn all_is_written_before_the_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::of(writer, |_| {});
        output.push(b"one\ntwo");
        output.end_line();
        output.finish(None);
        let mut heard = [0; 8];
        reader.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"one\ntwo\n");
    }

    #[test]
    fn the_end_is_written_without_a_thread_where_nobody_is_waited_for() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::of(writer, |_| {});
        output.hold();
        output.push(b"one\n");
        assert!(output.settle() && output.lock().idle.is_some());
        let mut heard = [0; 4];
        reader.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"one\n");
        while output.lock().idle.as_ref().is_some_and(|idle| idle.to.takes()) {
            output.push(&[b'x'; AT_ONCE]);
            assert!(output.settle());
        }
        output.push(b"x");
        assert!(!output.settle(), "the pipe is full");
        drop(reader);
        output.finish(None);
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_told_of() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (sender, told) = std::sync::mpsc::channel();
        let output = Output::of(writer, move |error| sender.send(error.kind()).unwrap());
        output.hold();
        output.push(b"one\n");
        assert!(output.settle());
        assert_eq!(told.try_recv(), Ok(io::ErrorKind::BrokenPipe));
        output.finish(None);
    }
}
