//! The output of a program, collected while it runs; whoever waits for something in it is woken when more comes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The screen's side of a terminal.
pub(super) struct Screen {
    pub(super) master: File,
}

impl Read for Screen {
    /// Reads what the screen is sent, and answers as a terminal does when it is asked where the cursor stands (the
    /// report of ECMA-48, CPR): a line editor waits for that.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.master.read(buffer)?;
        if holds(&buffer[..read], b"\x1b[6n") {
            self.master.write_all(b"\x1b[1;1R")?;
        }
        Ok(read)
    }
}

/// One output stream of a program, collected while it runs.
#[derive(Debug, Default)]
pub(super) struct Capture {
    so_far: Mutex<SoFar>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct SoFar {
    pub(super) bytes: Vec<u8>,
    closed: bool,
}

pub(super) enum Missing {
    Ended,
    Late,
}

impl Capture {
    pub(super) fn of(source: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let capture = Arc::new(Self::default());
        let Some(mut source) = source else {
            capture.lock().closed = true;
            return capture;
        };
        let theirs = Arc::clone(&capture);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = source.read(&mut buffer).unwrap_or(0);
                let mut so_far = theirs.lock();
                so_far.bytes.extend_from_slice(&buffer[..read]);
                so_far.closed = read == 0;
                theirs.changed.notify_all();
                if read == 0 {
                    break;
                }
            }
        });
        capture
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait<T>(
        &self,
        patience: Duration,
        mut found: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, Missing> {
        let until = Instant::now() + patience;
        let mut so_far = self.lock();
        loop {
            if let Some(found) = found(&so_far.bytes) {
                return Ok(found);
            }
            if so_far.closed {
                return Err(Missing::Ended);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Missing::Late);
            }
            so_far = self.changed.wait_timeout(so_far, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn closes(&self, patience: Duration) -> bool {
        matches!(self.wait(patience, |_| None::<()>), Err(Missing::Ended))
    }
}

pub(super) fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}
