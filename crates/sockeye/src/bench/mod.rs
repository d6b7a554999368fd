//! `bench`: load an endpoint, and tell how it bears that.
//!
//! [`run`] checks the request, asks the endpoint what its answers are like, runs the load, or several to find the highest
//! rate that keeps a promise, and gives an [`Outcome`]. [`merge`] puts results of several machines together.

mod order;
mod steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use sockeye_core::{Code, Fault};
use sockeye_load::Plan;
use sockeye_load::plan::Pace;
use sockeye_load::search::{Search, round};
use sockeye_net::signals;
use sockeye_script::Vars;

use crate::bounds::Bounds;
use crate::given::Params;
use crate::script::Unreadable;
use crate::secrets;
use crate::views::Views;

pub use sockeye_load::histogram::Times;
pub use sockeye_load::promise::Metric;
pub use sockeye_load::result::{Report, Second, Step};
pub use sockeye_load::sample::{Piece, Sample};
pub use sockeye_load::{Condition, Moment, Watch as LoadWatch};

/// How long is measured unless told otherwise.
pub const DURATION: Duration = Duration::from_secs(10);

/// How long each rate of a search is measured unless told otherwise.
pub const STEP: Duration = Duration::from_secs(3);

/// The warm-up unless told otherwise, where time and not a number of messages ends the run.
pub const WARMUP: Duration = Duration::from_secs(1);

/// How long an answer may take unless told otherwise: a datagram that is not answered by then is lost.
pub const TIMEOUT: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(1));

/// Bytes of a message unless told otherwise.
pub const SIZE: usize = 64;

/// The longest made-up message, in bytes: 64 MiB.
pub const LARGEST: usize = 64 << 20;

/// How long the closed loop before a search takes.
const ESTIMATE: Duration = Duration::from_secs(1);

/// The share of a rate that has to be reached for it to count as reached.
const REACHED: f64 = 0.99;

/// What to do.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The endpoint, as written.
    pub endpoint: String,
    /// Endpoint parameters given as flags.
    pub params: Params,
    /// The message as in `ask`; `None`: made up.
    pub message: Option<String>,
    /// The message is what is in this file.
    pub file: Option<String>,
    /// Each connection plays the steps of this conversation file instead, over and over.
    pub script: Option<String>,
    /// Its variables from outside.
    pub vars: Vars,
    /// Messages are hex.
    pub hex: bool,
    /// Sizes of made-up messages.
    pub size: Option<String>,
    /// What every answer has to be, as in `ask`.
    pub expect: Option<String>,
    /// Whether answers are not compared with anything.
    pub verify: Verify,
    /// `exchange`, `connect`, `idle` or `one-way`.
    pub mode: Option<String>,
    /// `10k`, or `@p99=20ms`.
    pub rate: Option<String>,
    /// Connections.
    pub connections: Option<u64>,
    /// Messages under way on each.
    pub pipeline: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// How long is measured.
    pub duration: Option<String>,
    /// How much before that counts for nothing.
    pub warmup: Option<String>,
    /// How many messages are measured.
    pub requests: Option<u64>,
    /// Conditions under which the run has failed.
    pub fail_if: Vec<String>,
    /// How connections are closed.
    pub parting: Closing,
    /// Where randomness starts.
    pub seed: u64,
    /// Bounds.
    pub bounds: Bounds,
}

/// Whether answers are compared with what they should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Byte for byte.
    #[default]
    Bytes,
    /// They are only counted.
    Nothing,
}

/// How connections are closed that we close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Closing {
    /// With a FIN.
    #[default]
    Fin,
    /// With an RST.
    Reset,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The run; of a search, the one at the highest rate that kept the promise.
    pub report: Report,
    /// What became of each condition, in the order in which they were given.
    pub verdicts: Vec<Verdict>,
    /// The promise, and whether any rate kept it, where a rate was searched.
    pub promise: Option<(Condition, Option<f64>)>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// What became of a condition.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The condition.
    pub condition: Condition,
    /// What the run came to, in the condition's unit; infinite where nothing was answered.
    pub actual: f64,
    /// Whether it is met, and so the run has failed.
    pub met: bool,
}

impl Outcome {
    /// Whether a condition of failing is met, or no rate keeps what is promised.
    pub fn has_failed(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.met) || matches!(self.promise, Some((_, None)))
    }

    /// Why nothing at all was answered, if that is so: the code that was met most.
    pub fn nothing(&self) -> Option<Code> {
        let most = self.report.errors.iter().max_by_key(|(_, count)| **count);
        most.filter(|_| self.report.requests == 0).and_then(|(word, _)| Code::of(word))
    }
}

/// Who wants to know how it gets on. Called on the thread of the run.
pub trait Watch: sockeye_load::Watch {
    /// A rate of a search is tried.
    fn trying(&self, rate: f64);

    /// That came of it.
    fn tried(&self, step: &Step, promise: &Condition);
}

/// Runs the load. A signal ends it early, and what was measured until then is told. A conversation file with mistakes is
/// given back to be shown.
pub fn run(request: &Request, watch: &dyn Watch, views: &Views) -> Result<Outcome, Unreadable> {
    let subject = format!("bench {}", request.endpoint);
    let mut order = order::order(request).map_err(|bad| match bad {
        Unreadable::Fault(fault) => Unreadable::Fault(fault.doing(&subject)),
        other => other,
    })?;
    secrets::fill(&mut order.plan.endpoint, &*views.watcher);
    let stop = Arc::new(AtomicBool::new(false));
    let signal = Arc::new(AtomicI32::new(0));
    let (told, ending) = (Arc::clone(&signal), Arc::clone(&stop));
    signals::on_next(move |number| {
        told.store(number, Ordering::Relaxed);
        ending.store(true, Ordering::Relaxed);
    });
    watch.moment(&Moment::Asking);
    match order.wish {
        // Nobody answers, and nobody is there to be reached.
        _ if order.plan.mode == sockeye_load::plan::Mode::OneWay => {}
        Some(wish) => sockeye_load::learn(&mut order.plan, wish, &stop)?,
        None => sockeye_load::reach(&order.plan, &stop)?,
    }
    let (report, promise) = match order.promise {
        None => (sockeye_load::run(&order.plan, &stop, &Through(watch))?, None),
        Some(promise) => {
            let (report, best) = search(&order.plan, &promise, &stop, watch)?;
            (report, Some((promise, best)))
        }
    };
    let signal = Some(signal.load(Ordering::Relaxed)).filter(|number| *number != 0);
    Ok(Outcome { verdicts: judge(&order.conditions, &report), report, promise, signal })
}

/// The results of several machines as one, held against the conditions.
pub fn merge(reports: &[Report], fail_if: &[String]) -> Result<Outcome, Fault> {
    let conditions = order::conditions(fail_if)?;
    let report = Report::merge(reports)?;
    Ok(Outcome { verdicts: judge(&conditions, &report), report, promise: None, signal: None })
}

/// A run as an HdrHistogram log, an interval a second.
pub fn hdr_log(report: &Report) -> Vec<u8> {
    let began = UNIX_EPOCH + Duration::try_from_secs_f64(report.began).unwrap_or_default();
    sockeye_load::histogram::log(began, &report.seconds, "sockeye bench")
}

fn judge(conditions: &[Condition], report: &Report) -> Vec<Verdict> {
    let one = |condition: &Condition| Verdict {
        condition: condition.clone(),
        actual: condition.actual(report),
        met: condition.holds(report),
    };
    conditions.iter().map(one).collect()
}

/// Tries rates. What is given back is the run at the best of them, or the last if none keeps the promise.
fn search(
    plan: &Plan,
    promise: &Condition,
    stop: &Arc<AtomicBool>,
    watch: &dyn Watch,
) -> Result<(Report, Option<f64>), Fault> {
    let mut plan = Plan { warmup: plan.warmup.min(ESTIMATE / 2), ..plan.clone() };
    let estimate = Plan { pace: Pace::Closed, duration: ESTIMATE, ..plan.clone() };
    let estimate = sockeye_load::run(&estimate, stop, &Through(watch))?;
    let mut rates = Search::new(round(estimate.rate / 2.0));
    let mut best: Option<Report> = None;
    let mut last = estimate;
    let mut tried = Vec::new();
    while let Some(rate) = rates.next().filter(|_| !stop.load(Ordering::Relaxed)) {
        plan.pace = Pace::Rate(rate);
        watch.trying(rate);
        let report = sockeye_load::run(&plan, stop, &Through(watch))?;
        if report.cut_short {
            break;
        }
        let reached = report.rate >= rate * REACHED;
        let held = reached && !promise.holds(&report);
        let one = Step {
            asked: rate,
            rate: report.rate,
            actual: Some(promise.actual(&report)).filter(|actual| actual.is_finite()),
            held,
            client_bound: report.client_bound,
        };
        watch.tried(&one, promise);
        tried.push(one);
        if held {
            rates.held();
            if best.as_ref().is_none_or(|best| best.asked < report.asked) {
                best = Some(report);
            }
        } else {
            rates.broke();
            last = report;
        }
    }
    let mut report = best.unwrap_or(last);
    report.steps = tried;
    Ok((report, rates.best()))
}

/// Hands on what a run tells.
struct Through<'a>(&'a dyn Watch);

impl sockeye_load::Watch for Through<'_> {
    fn moment(&self, moment: &Moment) {
        self.0.moment(moment);
    }
}
