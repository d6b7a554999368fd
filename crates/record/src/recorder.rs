//! The observer that records. On the driver's thread an event is put on a tape, and that is all; a thread of its own
//! takes the tape, in blocks, and feeds every recording.
//!
//! In the mode that loses nothing, [`Recorder::is_full`] says when so much waits that sessions must be read no further:
//! the driver asks before it reads. In the other mode events beyond the bound are left out, and counted.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use sockeye_core::{Code, Event, Fault, How, Kind, Note, Observer, SessionId, Tick};

use crate::sink::{Report, Sink};
use crate::tape::{Reader, Writer};

/// How long a block of events gets.
const BLOCK: usize = 256 * 1024;

/// How long an event waits, at most, before recordings are fed with it.
const PATIENCE: Duration = Duration::from_millis(50);

/// How much may wait to be recorded: the bound of memory, in bytes.
pub const BOUND: usize = 64 << 20;

/// Memory of blocks that is kept for the next ones.
const SPARE: usize = 4;

/// What happens when more comes than recordings can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Sessions wait: nothing is lost.
    #[default]
    Hold,
    /// Events are left out, and counted.
    Drop,
}

/// One recording: its name for people, and what writes it.
pub struct Target {
    /// The file, or `store`.
    pub name: String,
    /// What writes it.
    pub sink: Box<dyn Sink>,
}

/// Records every event it is shown, until it is told to end.
pub struct Recorder {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    when_full: WhenFull,
    bound: usize,
    wants_wire: bool,
    state: Mutex<State>,
    /// Told when there is something to write, and when all is written.
    changed: Condvar,
    /// Bytes that wait or are being written.
    held: AtomicUsize,
    /// Nobody writes any more.
    over: AtomicBool,
}

#[derive(Default)]
struct State {
    tape: Writer,
    /// The moment of tick zero, once an event has told it.
    zero: Option<u64>,
    waiting: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    lost: u64,
    ending: bool,
}

impl Recorder {
    /// Starts the thread that writes. At most `bound` bytes wait for it.
    pub fn start(targets: Vec<Target>, when_full: WhenFull, bound: usize, report: Arc<dyn Report>) -> Self {
        let shared = Arc::new(Shared {
            when_full,
            bound,
            wants_wire: targets.iter().any(|target| target.sink.wants_wire()),
            state: Mutex::default(),
            changed: Condvar::new(),
            held: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let desk = Desk { shared: Arc::clone(&shared), targets, report, told: 0, last: Tick::ZERO };
        let thread = std::thread::spawn(move || desk.work());
        Self { shared, thread: Mutex::new(Some(thread)) }
    }

    /// Whether so much waits that sessions are to be read no further.
    pub fn is_full(&self) -> bool {
        let shared = &self.shared;
        shared.when_full == WhenFull::Hold && shared.held.load(Ordering::Relaxed) >= shared.bound
    }

    /// Writes what waits and ends all recordings; waits no longer than `limit` for that. Whether all was written.
    pub fn finish(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.shared.lock();
        state.ending = true;
        self.shared.changed.notify_all();
        while !self.shared.over.load(Ordering::Acquire) {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return false };
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.is_none_or(|thread| thread.join().is_ok())
    }
}

impl Observer for Recorder {
    fn event(&self, event: &Event<'_>) {
        let shared = &*self.shared;
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        let held = shared.held.load(Ordering::Relaxed);
        let mut state = shared.lock();
        if state.ending {
            return;
        }
        if shared.when_full == WhenFull::Drop && held >= shared.bound {
            state.lost += 1;
            return;
        }
        if state.zero.is_none() {
            state.zero = Some(wall().saturating_sub(event.at.0));
        }
        let before = state.tape.len();
        state.tape.push(event);
        let after = state.tape.len();
        shared.held.fetch_add(after - before, Ordering::Relaxed);
        if after >= BLOCK {
            let memory = state.spare.pop().unwrap_or_default();
            let block = state.tape.take(memory);
            state.waiting.push_back(block);
        }
        let wake = before == 0 || after >= BLOCK;
        drop(state);
        if wake {
            shared.changed.notify_all();
        }
    }

    fn wants_wire(&self) -> bool {
        self.shared.wants_wire
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nanoseconds since 1970-01-01T00:00:00Z.
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// What the writer's thread took at once.
struct Batch {
    blocks: Vec<Vec<u8>>,
    zero: u64,
    lost: u64,
    is_last: bool,
}

/// The writer's thread.
struct Desk {
    shared: Arc<Shared>,
    targets: Vec<Target>,
    report: Arc<dyn Report>,
    /// Losses that recordings were told of.
    told: u64,
    last: Tick,
}

impl Desk {
    fn work(mut self) {
        // Whatever happens here, those who wait for the end are told of it, and the sessions go on.
        let _over = Over(Arc::clone(&self.shared));
        let mut started = false;
        loop {
            let batch = self.next();
            if !started && !batch.blocks.is_empty() {
                started = true;
                self.feed(|sink| sink.start(batch.zero));
            }
            for block in &batch.blocks {
                self.play(block);
            }
            self.tell_lost(batch.lost);
            self.feed(|sink| sink.flush());
            self.give_back(batch.blocks);
            if batch.is_last {
                break;
            }
        }
        // Where nothing has happened there is no recording: the files that it would have overwritten are left alone.
        if started {
            self.feed(|sink| sink.end());
        }
        if self.told > 0 {
            self.report.lost(self.told);
        }
    }

    /// Waits for something to write: a block, or what has come since [`PATIENCE`].
    fn next(&self) -> Batch {
        let mut state = self.shared.lock();
        while state.tape.is_empty() && state.waiting.is_empty() && state.lost == self.told && !state.ending {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + PATIENCE;
        while state.waiting.is_empty() && !state.ending {
            let Some(left) = until.checked_duration_since(Instant::now()) else { break };
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut blocks: Vec<_> = state.waiting.drain(..).collect();
        if !state.tape.is_empty() {
            let memory = state.spare.pop().unwrap_or_default();
            blocks.push(state.tape.take(memory));
        }
        Batch { blocks, zero: state.zero.unwrap_or(0), lost: state.lost, is_last: state.ending }
    }

    /// Shows the events of a block to every recording.
    fn play(&mut self, block: &[u8]) {
        let mut last = self.last;
        self.feed(|sink| {
            let wire = sink.wants_wire();
            let mut reader = Reader::new(block);
            let mut give = |event: &Event<'_>| {
                last = event.at;
                let is_wire = matches!(event.kind, Kind::Wire { .. } | Kind::Secret { .. });
                if is_wire && !wire { Ok(()) } else { sink.event(event) }
            };
            while let Some(taken) = reader.next(&mut give).map_err(internal)? {
                taken?;
            }
            Ok(())
        });
        self.last = last;
    }

    /// Puts into every recording how much of it is missing here.
    fn tell_lost(&mut self, lost: u64) {
        let more = lost - self.told;
        if more == 0 {
            return;
        }
        if self.told == 0 {
            self.report.lost(lost);
        }
        self.told = lost;
        let note = Note::new("events-lost").arg("count", more);
        let (at, session) = (self.last, SessionId::default());
        let event = Event { at, session, how: How::Synthetic, kind: Kind::Note(&note) };
        self.feed(|sink| sink.event(&event));
    }

    /// Does one thing with every recording. One that fails, or panics, is told of and left out from then on.
    fn feed(&mut self, mut act: impl FnMut(&mut dyn Sink) -> Result<(), Fault>) {
        let report = &self.report;
        self.targets.retain_mut(|target| {
            let done = catch_unwind(AssertUnwindSafe(|| act(&mut *target.sink)));
            let fault = match done {
                Ok(Ok(())) => return true,
                Ok(Err(fault)) => stopped(&target.name, fault),
                Err(_) => stopped(&target.name, internal("panic")),
            };
            report.stopped(&fault);
            false
        });
    }

    fn give_back(&self, blocks: Vec<Vec<u8>>) {
        let held: usize = blocks.iter().map(Vec::len).sum();
        let mut state = self.shared.lock();
        self.shared.held.fetch_sub(held, Ordering::Relaxed);
        for block in blocks {
            if state.spare.len() < SPARE && block.capacity() <= 2 * BLOCK {
                state.spare.push(block);
            }
        }
    }
}

/// Says that the writer's thread is gone, however it went.
struct Over(Arc<Shared>);

impl Drop for Over {
    fn drop(&mut self) {
        // What nobody will write takes no room, and holds nobody up.
        let mut state = self.0.lock();
        state.waiting.clear();
        self.0.held.store(0, Ordering::Relaxed);
        self.0.over.store(true, Ordering::Release);
        drop(state);
        self.0.changed.notify_all();
    }
}

fn internal(what: impl ToString) -> Fault {
    Fault::new(Code::Internal, "").detail(what)
}

/// The fault of a recording that stops because of another one.
fn stopped(name: &str, fault: Fault) -> Fault {
    let why = fault.detail.unwrap_or_else(|| fault.code.word().to_owned());
    Fault::new(Code::RecordingStopped, format!("record {name}")).arg("path", name).detail(why)
}

#[cfg(test)]
mod tests;
