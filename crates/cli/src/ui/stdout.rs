//! Stdout, written by a thread of its own, so that a slow reader of it blocks no driver. What waits is bounded: drivers
//! read no more while [`Stdout::is_full`].

use std::io::{ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sockeye::core::{Code, Fault};
use sockeye::{End, signals};

use crate::exit;

/// What may wait before sessions that print are paused.
const FULL: usize = 1 << 20;

/// How long a reader of stdout may take for the last bytes before anything is done about it.
const PROMPT: Duration = Duration::from_millis(50);

/// What waits to be written.
#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    writing: bool,
    ends_a_line: Option<bool>,
    failure: Option<Fault>,
    hurried: bool,
}

/// The process's stdout. One per process.
#[derive(Clone)]
pub(crate) struct Stdout {
    shared: Arc<(Mutex<Queue>, Condvar)>,
}

impl Stdout {
    /// Starts the thread that writes.
    pub(crate) fn start() -> Self {
        let stdout = Self { shared: Arc::default() };
        let writer = stdout.clone();
        std::thread::spawn(move || writer.run());
        stdout
    }

    /// Queues bytes.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        let mut queue = self.lock();
        queue.waiting.extend_from_slice(bytes);
        queue.ends_a_line = Some(*last == b'\n');
        drop(queue);
        self.shared.1.notify_all();
    }

    /// Whether so much waits that nothing more should be read.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().waiting.len() >= FULL
    }

    /// Ends the last line, if something was written that did not end one.
    pub(crate) fn end_line(&self) {
        if self.lock().ends_a_line == Some(false) {
            self.push(b"\n");
        }
    }

    /// Lets [`Stdout::finish`] wait no longer than a reader needs that is there: a second signal ends at once.
    pub(crate) fn hurry(&self) {
        self.lock().hurried = true;
    }

    /// Waits until all is written, or a signal ends the program.
    pub(crate) fn finish(&self) {
        let owes = |queue: &mut Queue| queue.writing || !queue.waiting.is_empty();
        let waited = self.shared.1.wait_timeout_while(self.lock(), PROMPT, owes);
        let (mut queue, late) = waited.unwrap_or_else(PoisonError::into_inner);
        if late.timed_out() {
            if queue.hurried {
                return;
            }
            // Whoever took over the signals has ended, and a reader that reads no more must not hold the program.
            std::thread::spawn(|| {
                if let Some(number) = signals::wait() {
                    leave(exit::of_end(End::Signal(number)));
                }
            });
        }
        while owes(&mut queue) {
            queue = self.shared.1.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Why some of it could not be written: a full disk, say.
    pub(crate) fn failure(&self) -> Option<Fault> {
        self.lock().failure.take()
    }

    fn run(&self) {
        let mut taken = Vec::new();
        loop {
            let mut queue = self.lock();
            queue.writing = false;
            self.shared.1.notify_all();
            while queue.waiting.is_empty() {
                queue = self.shared.1.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            taken.clear();
            std::mem::swap(&mut taken, &mut queue.waiting);
            queue.writing = true;
            drop(queue);
            let mut stdout = std::io::stdout().lock();
            match stdout.write_all(&taken).and_then(|()| stdout.flush()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => closed(),
                Err(error) => {
                    let fault = Fault::new(Code::Broken, "stdout").detail(error);
                    self.lock().failure.get_or_insert(fault);
                }
            }
            taken.shrink_to(FULL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody reads stdout any more, so nothing is left to do, and that is no error: `sockeye … | head -1`.
fn closed() -> ! {
    leave(exit::OK)
}

#[expect(clippy::exit, reason = "sessions are under way on other threads, and none has a reader any more")]
fn leave(code: u8) -> ! {
    std::process::exit(i32::from(code))
}
