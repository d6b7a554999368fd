//! What a server counts for those who watch it: read by Prometheus at `--metrics`, and nothing at all without it.
//!
//! Counters are shared by all threads, without locks. A session adds what has come and gone since it last did at the end
//! of each poll, so a message touches no counter, takes no lock and allocates nothing. No series is about one peer: their
//! number does not grow with the peers'. [`text`] writes them down, [`responder`] answers who asks.

mod histogram;
mod http;
pub(crate) mod responder;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sockeye_core::Tick;
use sockeye_core::event::Totals;

use self::histogram::{Histogram, Reading};
use crate::clock::wall;
use crate::guard::{Guard, Reason};
use crate::shared::Shared;

/// Buckets for handshakes, up to the longest that is waited for by default.
const HANDSHAKE: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Buckets for sessions: 10 ms to a day.
const SESSION: [f64; 9] = [0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0];

/// Buckets for answers: 10 µs to a second.
const SERVICE: [f64; 12] =
    [1e-5, 2.5e-5, 5e-5, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1.0];

/// Everything that is counted and not known elsewhere.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// When the server came into being, in seconds since 1970.
    started: f64,
    messages_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    dropped_in: AtomicU64,
    dropped_out: AtomicU64,
    session_seconds: Histogram<9>,
    service_seconds: Histogram<12>,
    layers: Mutex<Vec<Layer>>,
}

/// The handshakes of one layer.
#[derive(Debug)]
struct Layer {
    name: &'static str,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    seconds: Histogram<13>,
}

/// How a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It took too long.
    Late,
}

impl Outcome {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Done, "ok"), (Self::Failed, "failed"), (Self::Late, "timeout")];
}

/// What one session has told so far.
#[derive(Debug)]
pub(crate) struct Meter {
    told: Totals,
    began: Tick,
    /// When a message came that is not answered yet, and the bytes that had gone out by then.
    asked: Option<(Tick, u64)>,
}

impl Meter {
    pub(crate) fn new(now: Tick) -> Self {
        Self { told: Totals::default(), began: now, asked: None }
    }

    /// Something came, when so many bytes had gone out.
    pub(crate) fn asked(&mut self, now: Tick, bytes_out: u64) {
        self.asked.get_or_insert((now, bytes_out));
    }

    /// The time from what came to the answer, if that has gone out now.
    pub(crate) fn answered(&mut self, now: Tick, bytes_out: u64) -> Option<Duration> {
        let (asked, before) = self.asked?;
        if bytes_out == before {
            return None;
        }
        self.asked = None;
        Some(now.since(asked))
    }

    /// What is not answered by now is answered later by something else, and its time would say nothing.
    pub(crate) fn waits_no_longer(&mut self) {
        self.asked = None;
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            started: Duration::from_nanos(wall()).as_secs_f64(),
            messages_in: zero(),
            messages_out: zero(),
            bytes_in: zero(),
            bytes_out: zero(),
            dropped_in: zero(),
            dropped_out: zero(),
            session_seconds: Histogram::new(&SESSION),
            service_seconds: Histogram::new(&SERVICE),
            layers: Mutex::default(),
        }
    }

    /// A session stands here now.
    pub(crate) fn session(&self, meter: &mut Meter, now: Totals) {
        let told = std::mem::replace(&mut meter.told, now);
        for (count, now, told) in [
            (&self.messages_in, now.messages_in, told.messages_in),
            (&self.messages_out, now.messages_out, told.messages_out),
            (&self.bytes_in, now.bytes_in, told.bytes_in),
            (&self.bytes_out, now.bytes_out, told.bytes_out),
        ] {
            // Most polls bring nothing new of some, and a line that is not written stays in every core's cache.
            if now != told {
                count.fetch_add(now - told, Ordering::Relaxed);
            }
        }
    }

    /// What has come and gone in all sessions.
    fn totals(&self) -> Totals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            messages_in: read(&self.messages_in),
            messages_out: read(&self.messages_out),
            bytes_in: read(&self.bytes_in),
            bytes_out: read(&self.bytes_out),
        }
    }

    fn layers(&self) -> MutexGuard<'_, Vec<Layer>> {
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session is over.
    pub(crate) fn session_ended(&self, meter: &Meter, now: Tick) {
        self.session_seconds.observe(now.since(meter.began));
    }

    /// A message was answered after this time.
    pub(crate) fn answered(&self, after: Duration) {
        self.service_seconds.observe(after);
    }

    /// A datagram from a peer was lost here.
    pub(crate) fn dropped_in(&self) {
        self.dropped_in.fetch_add(1, Ordering::Relaxed);
    }

    /// A datagram to a peer was lost here.
    pub(crate) fn dropped_out(&self) {
        self.dropped_out.fetch_add(1, Ordering::Relaxed);
    }

    /// A handshake of this layer has ended.
    pub(crate) fn handshake(&self, name: &'static str, outcome: Outcome, took: Duration) {
        let mut layers = self.layers();
        let at = layers.iter().position(|layer| layer.name == name).unwrap_or_else(|| {
            let outcomes = std::array::from_fn(|_| AtomicU64::new(0));
            layers.push(Layer { name, outcomes, seconds: Histogram::new(&HANDSHAKE) });
            layers.len() - 1
        });
        layers[at].outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        layers[at].seconds.observe(took);
    }
}

/// All of it at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    started: f64,
    sessions_open: usize,
    sessions: u64,
    pending: usize,
    waiting: usize,
    memory: usize,
    totals: Totals,
    dropped: [(&'static str, u64); 2],
    refused: Vec<(Reason, u64)>,
    handshakes: Vec<(&'static str, &'static str, u64)>,
    handshake_seconds: Vec<(&'static str, Reading)>,
    session_seconds: Reading,
    service_seconds: Reading,
}

impl Snapshot {
    /// How a server stands.
    pub(crate) fn of(metrics: &Metrics, shared: &Shared, guard: &Guard) -> Self {
        let layers = metrics.layers();
        let outcomes = layers.iter().flat_map(|layer| {
            let counts = layer.outcomes.iter().map(|count| count.load(Ordering::Relaxed));
            Outcome::ALL.iter().zip(counts).map(|((_, word), count)| (layer.name, *word, count))
        });
        Self {
            started: metrics.started,
            sessions_open: guard.live(),
            sessions: guard.begun(),
            pending: guard.pending(),
            waiting: shared.waiting(),
            memory: shared.memory.total(),
            totals: metrics.totals(),
            dropped: [
                ("in", metrics.dropped_in.load(Ordering::Relaxed)),
                ("out", metrics.dropped_out.load(Ordering::Relaxed)),
            ],
            refused: shared.refusals.counts().collect(),
            handshakes: outcomes.collect(),
            handshake_seconds: layers.iter().map(|layer| (layer.name, layer.seconds.read())).collect(),
            session_seconds: metrics.session_seconds.read(),
            service_seconds: metrics.service_seconds.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_tells_what_is_new_since_it_last_told() {
        let (metrics, mut meter) = (Metrics::new(), Meter::new(Tick::ZERO));
        for round in 1..=3 {
            let now = Totals { messages_in: round, messages_out: 0, bytes_in: round * 10, bytes_out: 7 };
            metrics.session(&mut meter, now);
        }
        let sum = Totals { messages_in: 3, messages_out: 0, bytes_in: 30, bytes_out: 7 };
        assert_eq!(metrics.totals(), sum);
        metrics.session(&mut Meter::new(Tick::ZERO), sum);
        assert_eq!(metrics.totals().bytes_in, 60);
    }

    #[test]
    fn an_answer_is_timed_from_the_first_message_it_answers() {
        let mut meter = Meter::new(Tick::ZERO);
        assert_eq!(meter.answered(Tick(5), 9), None);
        meter.asked(Tick(10), 9);
        meter.asked(Tick(20), 9);
        assert_eq!(meter.answered(Tick(30), 9), None);
        assert_eq!(meter.answered(Tick(40), 10), Some(Duration::from_nanos(30)));
        meter.asked(Tick(50), 10);
        meter.waits_no_longer();
        assert_eq!(meter.answered(Tick(60), 20), None);
    }

    #[test]
    fn outcomes_are_in_order() {
        for (at, (outcome, _)) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(at, outcome as usize);
        }
    }
}
