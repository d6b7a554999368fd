//! What a thread does from beginning to end: connections are opened, all threads begin together, a warm-up, what is
//! measured, and the wait for the last answers.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::task::{Context, Poll};

use sockeye_core::{Code, Fault};
use sockeye_net::dial::Target;

use crate::clock::Clock;
use crate::crew::{Crew, GLANCE};
use crate::desk::Desk;
use crate::plan::{Mode, Pace, Plan};
use crate::schedule::{Nanos, Schedule, messages};
use crate::tally::{Service, Tally};
use crate::{sources, usage};

/// Nanoseconds of a second.
const SECOND: Nanos = 1_000_000_000;

/// What all threads look at.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// Threads whose connections have come about, or failed.
    pub(crate) ready: AtomicUsize,
    /// Connections that are open then.
    pub(crate) open: AtomicUsize,
    /// When to begin; 0: not yet.
    pub(crate) go: AtomicU64,
    /// Whether to end.
    pub(crate) stop: Arc<AtomicBool>,
}

/// What a thread tells.
#[derive(Debug)]
pub(crate) enum News {
    /// What was counted in a second of the run; `None`: of the warm-up.
    Counted(Option<usize>, Box<Tally>),
    /// All that is sent is sent, and the last answers are waited for.
    Waits,
    /// It is over.
    Ended(Ended),
}

/// How a thread ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Nanoseconds that were measured.
    pub(crate) measured: Nanos,
    /// Share of a processor that it took.
    pub(crate) cpu: f64,
    /// Messages that were due and not sent.
    pub(crate) unsent: u64,
    /// It ended before its time.
    pub(crate) cut_short: bool,
}

/// The share of one thread.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// Which of all connections.
    pub(crate) seats: std::ops::Range<usize>,
    /// Messages a second.
    pub(crate) rate: Option<f64>,
    /// Where between two messages of the whole its own are, 0 to 1 of an interval of its own.
    pub(crate) phase: f64,
    /// Messages that are measured.
    pub(crate) requests: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Ready,
    Warming,
    Measuring,
    Draining,
}

/// Does a thread's share.
pub(crate) fn work(
    plan: &Plan,
    share: &Share,
    clock: Clock,
    stage: &Arc<Stage>,
    news: &Sender<News>,
) -> Result<(), Fault> {
    let broken = |error: std::io::Error| Fault::new(Code::Internal, "runtime").detail(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    let entered = runtime.enter();
    let endpoints = sources::endpoints(plan);
    let targets = endpoints.iter().map(|to| Target::new(to).map(Rc::new)).collect::<Result<Vec<_>, _>>()?;
    let plan = Rc::new(plan.clone());
    let service = if matches!(plan.pace, Pace::Rate(_)) { Service::Apart } else { Service::Same };
    let desk = Desk::new(Rc::clone(&plan), Tally::new(service));
    let crew = Crew::new(desk, clock, targets, share.seats.clone())?;
    let mut shift = Shift {
        plan,
        share: share.clone(),
        crew,
        stage: Arc::clone(stage),
        news: news.clone(),
        service,
        phase: Phase::Opening,
        told: 0,
        next: Nanos::MAX,
        cpu: (0, 0),
        ended: Ended { measured: 0, cpu: 0.0, unsent: 0, cut_short: false },
    };
    drop(entered);
    // The future does the work of many tasks, so one task's share of the runtime's turns is not enough for it.
    runtime.block_on(tokio::task::unconstrained(poll_fn(|cx| shift.poll(cx))));
    drop(runtime.enter());
    let ended =
        std::mem::replace(&mut shift.ended, Ended { measured: 0, cpu: 0.0, unsent: 0, cut_short: false });
    // Whoever no longer listens needs not be told.
    let _ = news.send(News::Ended(ended));
    let guard = runtime.enter();
    drop(shift);
    drop(guard);
    Ok(())
}

struct Shift {
    plan: Rc<Plan>,
    share: Share,
    crew: Crew,
    stage: Arc<Stage>,
    news: Sender<News>,
    service: Service,
    phase: Phase,
    /// Intervals that were told.
    told: usize,
    /// When the next thing happens by the clock.
    next: Nanos,
    /// When processor time was last asked for, and what it was.
    cpu: (Nanos, u64),
    ended: Ended,
}

impl Shift {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.crew.round(cx, self.next);
        let now = self.crew.clock.now();
        let stopped = self.stage.stop.load(Ordering::Relaxed);
        match self.phase {
            Phase::Opening | Phase::Ready if stopped => {
                self.tell(None);
                self.crew.part();
                self.ended.cut_short = true;
                return Poll::Ready(());
            }
            Phase::Opening if self.crew.is_settled() => {
                self.stage.open.fetch_add(self.crew.open(), Ordering::Relaxed);
                self.stage.ready.fetch_add(1, Ordering::Release);
                self.phase = Phase::Ready;
            }
            Phase::Ready => self.wait_for_go(cx, now),
            Phase::Warming if now >= self.next || stopped => self.measure(cx, now),
            Phase::Opening | Phase::Warming => {}
            Phase::Measuring => self.measuring(cx, now, stopped),
            Phase::Draining => {
                let patience = Nanos::try_from(self.plan.timeout.as_nanos()).unwrap_or(Nanos::MAX);
                let late = now >= self.crew.desk.until.saturating_add(patience).saturating_add(10 * GLANCE);
                if self.crew.is_quiet() || late || stopped {
                    self.close();
                    return Poll::Ready(());
                }
            }
        }
        Poll::Pending
    }

    fn wait_for_go(&mut self, cx: &mut Context<'_>, now: Nanos) {
        let go = self.stage.go.load(Ordering::Acquire);
        if go == 0 {
            return;
        }
        if now < go {
            if self.next != go {
                self.next = go;
                cx.waker().wake_by_ref();
            }
            return;
        }
        let length = |span: std::time::Duration| Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX);
        let from = go + length(self.plan.warmup);
        let desk = &mut self.crew.desk;
        desk.until = from.saturating_add(length(self.plan.duration));
        // What was counted while connections were opened is part of the run.
        desk.from = from;
        desk.allowance = u64::MAX;
        let rate = self.share.rate;
        let schedule = rate.map(|rate| {
            let warm = messages(rate, self.plan.warmup);
            Schedule::new(go, rate, self.share.phase, self.share.requests.saturating_add(warm))
        });
        self.phase = Phase::Warming;
        self.next = from;
        if self.plan.warmup.is_zero() && schedule.is_none() {
            desk.allowance = self.share.requests;
        }
        self.crew.begin(schedule);
        cx.waker().wake_by_ref();
    }

    fn measure(&mut self, cx: &mut Context<'_>, now: Nanos) {
        let desk = &mut self.crew.desk;
        if !self.plan.warmup.is_zero() {
            if self.share.rate.is_none() {
                desk.allowance = self.share.requests;
            }
            desk.tally.bytes_in = 0;
            desk.tally.bytes_out = 0;
            desk.tally.messages_in = 0;
            desk.tally.messages_out = 0;
        }
        self.cpu = (now, usage::thread_time());
        self.phase = Phase::Measuring;
        self.next = desk.from.saturating_add(SECOND).min(desk.until);
        cx.waker().wake_by_ref();
    }

    fn measuring(&mut self, cx: &mut Context<'_>, now: Nanos, stopped: bool) {
        let (from, until) = (self.crew.desk.from, self.crew.desk.until);
        let spent = self.crew.is_spent() && self.crew.is_quiet();
        let silent = self.is_deserted(now);
        if now >= until || stopped || spent || silent {
            // What is left of a run by number after its last answer is no part of it.
            let heard = self.crew.desk.heard;
            let last = if spent && heard > from { heard } else { now.min(until) };
            self.ended.measured = last.saturating_sub(from).max(1);
            self.ended.cut_short = stopped || silent;
            let used = usage::thread_time().saturating_sub(self.cpu.1);
            self.ended.cpu = used as f64 / now.saturating_sub(self.cpu.0).max(1) as f64;
            self.ended.unsent = self.crew.end(now.min(until.saturating_sub(1)));
            // What was due up to here counts, and nothing after.
            self.crew.desk.until = now.min(until);
            self.phase = Phase::Draining;
            self.next = Nanos::MAX;
            let _ = self.news.send(News::Waits);
            cx.waker().wake_by_ref();
        } else if now >= self.next {
            self.tell(Some(self.told));
            self.told += 1;
            self.next = from.saturating_add(SECOND * (self.told as Nanos + 1)).min(until);
            cx.waker().wake_by_ref();
        }
    }

    /// Whether nothing is answered any more, so that a number of messages would never be reached.
    fn is_deserted(&self, now: Nanos) -> bool {
        let patience = Nanos::try_from(self.plan.timeout.as_nanos()).unwrap_or(Nanos::MAX);
        let desk = &self.crew.desk;
        let silent = now.saturating_sub(desk.heard.max(desk.from));
        self.plan.requests.is_some()
            && self.plan.mode != Mode::Idle
            && self.share.rate.is_none()
            && silent > patience.saturating_mul(2).saturating_add(SECOND)
    }

    /// Tells what was counted, and begins to count anew.
    fn tell(&mut self, second: Option<usize>) {
        let tally = std::mem::replace(&mut self.crew.desk.tally, Tally::new(self.service));
        let _ = self.news.send(News::Counted(second, Box::new(tally)));
    }

    fn close(&mut self) {
        self.tell(Some(self.told));
        self.crew.part();
    }
}
