//! A thread that does nothing but take news of deaths off the kernel's hands, so that none are lost while the program
//! looks at sockets or writes. What waits is bounded; what is beyond is counted.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::deaths::Deaths;
use crate::sockets::{Protocol, Socket};

/// Deaths that may wait: about 40 MB.
const WAITING: usize = 65_536;

/// How long the thread goes on at most after nobody wants news any more.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
struct Waiting {
    deaths: VecDeque<Socket>,
    missed: u64,
    /// Why the thread has ended.
    broken: Option<io::Error>,
}

/// The other side of the thread.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<(Mutex<Waiting>, Condvar)>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    pub(crate) fn start(protocol: Option<Protocol>) -> io::Result<Self> {
        let mut deaths = Deaths::open(protocol)?;
        let reader = Self { shared: Arc::default(), stop: Arc::default() };
        let (shared, stop) = (Arc::clone(&reader.shared), Arc::clone(&reader.stop));
        std::thread::Builder::new().name("deaths".to_owned()).spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let (mut new, mut over) = (Vec::new(), 0);
                let keep = |socket| if new.len() < WAITING { new.push(socket) } else { over += 1 };
                let read = deaths.wait(LOOK).and_then(|_| deaths.take(keep));
                if let Ok(0) = read
                    && new.is_empty()
                {
                    continue;
                }
                let mut waiting = lock(&shared.0);
                waiting.missed += over;
                for socket in new {
                    if waiting.deaths.len() < WAITING {
                        waiting.deaths.push_back(socket);
                    } else {
                        waiting.missed += 1;
                    }
                }
                match read {
                    Ok(missed) => waiting.missed += missed,
                    Err(error) => {
                        waiting.broken = Some(error);
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                shared.1.notify_all();
            }
        })?;
        Ok(reader)
    }

    /// Waits until there is something to take, no longer than `patience`.
    pub(crate) fn wait(&self, patience: Duration) {
        let waiting = lock(&self.shared.0);
        if waiting.deaths.is_empty() && waiting.missed == 0 && waiting.broken.is_none() {
            let _ = self.shared.1.wait_timeout(waiting, patience);
        }
    }

    /// Takes what there is. How many deaths were missed meanwhile.
    pub(crate) fn take(&self, take: impl FnMut(Socket)) -> io::Result<u64> {
        let mut waiting = lock(&self.shared.0);
        if let Some(error) = waiting.broken.take() {
            return Err(error);
        }
        let deaths = std::mem::take(&mut waiting.deaths);
        let missed = std::mem::take(&mut waiting.missed);
        drop(waiting);
        deaths.into_iter().for_each(take);
        Ok(missed)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn lock(mutex: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
