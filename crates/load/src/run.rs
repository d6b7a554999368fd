//! A whole run: threads are started, begin together, and what they count becomes one report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sockeye_core::{Code, Fault};

use crate::clock::Clock;
use crate::histogram::Times;
use crate::plan::{Mode, Pace, Plan};
use crate::result::{Memory, Report, SECONDS, Second, VERSION};
use crate::shift::{self, Ended, News, Share, Stage};
use crate::tally::{Service, Tally};
use crate::usage;

/// How often it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(20);

/// How long threads have to begin together.
const NOTICE: u64 = 20_000_000;

/// From this share of a processor on, a thread of the generator is taken to be at its limit.
const BOUND: f64 = 0.9;

/// Who wants to know how a run gets on. Called on the thread that runs it.
pub trait Watch {
    /// A run gets on.
    fn moment(&self, moment: &Moment);
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub enum Moment {
    /// The first messages are asked, to learn what answers are like.
    Asking,
    /// Connections are being opened.
    Opening,
    /// It sends, and nothing counts yet. So long it will last, in seconds.
    Warming(f64),
    /// A second was measured, of so many in all.
    Second(Second, f64),
    /// Nothing more is sent; the last answers are waited for.
    Waiting,
}

/// Runs `plan`. Ends early, with what was measured until then, once `stop` is set.
pub fn run(plan: &Plan, stop: &Arc<AtomicBool>, watch: &dyn Watch) -> Result<Report, Fault> {
    usage::make_room(plan.connections, plan.threads)?;
    let before = usage::resident();
    let clock = Clock::start();
    let stage = Arc::new(Stage { stop: Arc::clone(stop), ..Stage::default() });
    watch.moment(&Moment::Opening);
    let (tell, news) = channel();
    let mut threads = Vec::new();
    for share in shares(plan) {
        let (plan, stage, tell) = (plan.clone(), Arc::clone(&stage), tell.clone());
        let work = move || shift::work(&plan, &share, clock, &stage, &tell);
        let started = thread::Builder::new().name("load".to_owned()).spawn(work);
        threads.push(started.map_err(|error| Fault::new(Code::Internal, "thread").detail(error))?);
    }
    drop(tell);
    let count = threads.len();
    let mut sum = Sum::new(plan, count);
    loop {
        match news.recv_timeout(LOOK) {
            Ok(News::Counted(second, tally)) => sum.counted(second, &tally, watch),
            Ok(News::Waits) => sum.waits(watch),
            Ok(News::Ended(ended)) => sum.ended(&ended),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let ready = stage.ready.load(Ordering::Acquire) == count;
        if ready && stage.go.load(Ordering::Relaxed) == 0 {
            sum.held(before, stage.open.load(Ordering::Relaxed));
            watch.moment(&Moment::Warming(plan.warmup.as_secs_f64()));
            stage.go.store(clock.now() + NOTICE, Ordering::Release);
        }
    }
    for thread in threads {
        match thread.join() {
            Ok(done) => done?,
            Err(_) => return Err(Fault::new(Code::Internal, "thread")),
        }
    }
    Ok(sum.report())
}

/// What each thread does: connections, rate and messages are shared out evenly.
fn shares(plan: &Plan) -> Vec<Share> {
    let threads = plan.threads.min(plan.connections).max(1);
    let cut = |index: usize, whole: u64| whole * index as u64 / threads as u64;
    let one = |index: usize| {
        let seats = cut(index, plan.connections as u64)..cut(index + 1, plan.connections as u64);
        let part = (seats.end - seats.start) as f64 / plan.connections as f64;
        Share {
            seats: usize::try_from(seats.start).unwrap_or(0)..usize::try_from(seats.end).unwrap_or(0),
            rate: match plan.pace {
                Pace::Closed => None,
                Pace::Rate(rate) => Some(rate * part),
            },
            phase: index as f64 / threads as f64,
            requests: plan.requests.map_or(u64::MAX, |all| cut(index + 1, all) - cut(index, all)),
        }
    };
    (0..threads).map(one).collect()
}

/// What all threads have counted so far.
struct Sum<'a> {
    plan: &'a Plan,
    threads: usize,
    service: Service,
    all: Tally,
    /// A second each: what was counted, and by how many threads.
    seconds: Vec<(Tally, usize)>,
    told: usize,
    waits: usize,
    measured: u64,
    unsent: u64,
    cpu: Vec<f64>,
    cut_short: bool,
    memory: Memory,
    began: f64,
}

impl<'a> Sum<'a> {
    fn new(plan: &'a Plan, threads: usize) -> Self {
        let service = if matches!(plan.pace, Pace::Rate(_)) { Service::Apart } else { Service::Same };
        Self {
            plan,
            threads,
            service,
            all: Tally::new(service),
            seconds: Vec::new(),
            told: 0,
            waits: 0,
            measured: 0,
            unsent: 0,
            cpu: Vec::new(),
            cut_short: false,
            memory: Memory::default(),
            began: 0.0,
        }
    }

    fn held(&mut self, before: u64, open: usize) {
        self.memory = Memory { before, held: usage::resident(), connections: open as u64 };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.began = (now + self.plan.warmup).as_secs_f64();
    }

    fn counted(&mut self, second: Option<usize>, tally: &Tally, watch: &dyn Watch) {
        self.all.add(tally);
        let Some(index) = second.map(|index| index.min(SECONDS - 1)) else { return };
        while self.seconds.len() <= index {
            self.seconds.push((Tally::new(self.service), 0));
        }
        let (sum, threads) = &mut self.seconds[index];
        sum.add(tally);
        *threads += 1;
        while self.told < self.seconds.len() && self.seconds[self.told].1 >= self.threads {
            let whole = self.plan.duration.as_secs_f64();
            watch.moment(&Moment::Second(self.second(self.told, 1.0), whole));
            self.told += 1;
        }
    }

    fn second(&self, index: usize, length: f64) -> Second {
        let tally = &self.seconds[index].0;
        let mut second = Second {
            at: index as f64,
            length,
            requests: tally.requests,
            errors: tally.failures(),
            ..Second::default()
        };
        second.tell(&tally.latency);
        second
    }

    fn waits(&mut self, watch: &dyn Watch) {
        self.waits += 1;
        if self.waits == self.threads {
            watch.moment(&Moment::Waiting);
        }
    }

    fn ended(&mut self, ended: &Ended) {
        self.measured = self.measured.max(ended.measured);
        self.unsent += ended.unsent;
        self.cut_short |= ended.cut_short;
        self.cpu.push((ended.cpu * 1000.0).round() / 1000.0);
    }

    fn report(self) -> Report {
        let plan = self.plan;
        let elapsed = self.measured as f64 / 1e9;
        let seconds: Vec<Second> = (0..self.seconds.len())
            .map(|index| self.second(index, (elapsed - index as f64).clamp(0.0, 1.0)))
            .filter(|second| second.length > 0.0 || second.requests > 0)
            .collect();
        Report {
            version: VERSION,
            endpoint: plan.endpoint.bare().to_string(),
            mode: plan.mode.word().to_owned(),
            framing: plan.lane.framing.spec(),
            connections: plan.connections,
            pipeline: plan.pipeline,
            threads: self.threads,
            machines: 1,
            asked: match plan.pace {
                Pace::Closed => None,
                Pace::Rate(rate) => Some(rate),
            },
            message_bytes: plan.sent.mean_size(),
            verified: plan.steps.as_ref().map_or(plan.answers.word(), |steps| steps.verified()).to_owned(),
            began: self.began,
            elapsed,
            warmup: plan.warmup.as_secs_f64(),
            cut_short: self.cut_short,
            requests: self.all.requests,
            rate: if elapsed > 0.0 { self.all.requests as f64 / elapsed } else { 0.0 },
            bytes_out: self.all.bytes_out,
            bytes_in: self.all.bytes_in,
            latency: Times::of(&self.all.latency),
            service: self.all.service.as_ref().map(Times::of),
            connecting: Times::of(&self.all.connecting),
            errors: self.all.errors.iter().map(|(code, count)| (code.word().to_owned(), *count)).collect(),
            samples: self.all.samples,
            steps_of: plan.steps.as_ref().map(|steps| steps.name().to_owned()),
            messages_out: self.all.messages_out,
            messages_in: self.all.messages_in,
            unsent: self.unsent,
            client_bound: self.cpu.iter().any(|share| *share >= BOUND),
            cpu: self.cpu,
            memory: (plan.mode == Mode::Idle).then_some(self.memory),
            seconds,
            steps: Vec::new(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::message::Deck;
    use crate::plan::{Answers, Parting};
    use sockeye_core::{Framing, Lane};

    pub(crate) fn plan() -> Plan {
        Plan {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            lane: Lane::stream(Framing::RAW),
            mode: Mode::Exchange,
            pace: Pace::Rate(1000.0),
            connections: 10,
            pipeline: 1,
            threads: 3,
            warmup: Duration::ZERO,
            duration: Duration::from_secs(1),
            requests: Some(100),
            timeout: Duration::from_secs(1),
            max: 1024,
            sent: Deck::given(Framing::RAW, b"x", 1024).unwrap(),
            answers: Answers::Echo,
            parting: Parting::Fin,
            steps: None,
        }
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let plan = plan();
        let shares = shares(&plan);
        assert_eq!(shares.iter().map(|share| share.seats.len()).collect::<Vec<_>>(), [3, 3, 4]);
        assert_eq!(shares.iter().map(|share| share.requests).sum::<u64>(), 100);
        assert!((shares.iter().filter_map(|share| share.rate).sum::<f64>() - 1000.0).abs() < 1e-6);
    }
}
