//! `bench`: load an endpoint, and tell how it bears that.
//!
//! [`run`] checks the request, asks the endpoint what its answers are like, runs the load, or several to find the highest
//! rate that keeps a promise, and gives an [`Outcome`]. [`merge`] puts results of several machines together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use sockeye_core::endpoint::Endpoint;
use sockeye_core::limits::DATAGRAM;
use sockeye_core::{Code, Fault, Lane};
use sockeye_load::message::{Deck, Numbering, Sizes};
use sockeye_load::plan::{Answers, CONNECTIONS, LONGEST, Mode, PATIENCE, PIPELINE, Pace, Parting, THREADS};
use sockeye_load::probe::Wish;
use sockeye_load::search::{Search, round};
use sockeye_load::{Plan, figure};
use sockeye_net::signals;
use sockeye_net::transport::Role;
use sockeye_wire::notation;

use crate::bounds::{Bounds, bad_value};
use crate::given::{self, Params};
use crate::secrets;
use crate::views::Views;

pub use sockeye_load::histogram::Times;
pub use sockeye_load::promise::Metric;
pub use sockeye_load::result::{Report, Second, Step};
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

/// How often each connection of an idle crowd is asked whether it is alive, unless a rate is given.
const ALIVE: f64 = 60.0;

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

/// What a request comes to once it is checked.
struct Order {
    plan: Plan,
    wish: Wish,
    conditions: Vec<Condition>,
    promise: Option<Condition>,
}

/// Runs the load. A signal ends it early, and what was measured until then is told.
pub fn run(request: &Request, watch: &dyn Watch, views: &Views) -> Result<Outcome, Fault> {
    let subject = format!("bench {}", request.endpoint);
    let mut order = order(request).map_err(|fault| fault.doing(&subject))?;
    secrets::fill(&mut order.plan.endpoint, &*views.watcher);
    let stop = Arc::new(AtomicBool::new(false));
    let signal = Arc::new(AtomicI32::new(0));
    let (told, ending) = (Arc::clone(&signal), Arc::clone(&stop));
    signals::on_next(move |number| {
        told.store(number, Ordering::Relaxed);
        ending.store(true, Ordering::Relaxed);
    });
    if order.plan.mode != Mode::OneWay {
        sockeye_load::learn(&mut order.plan, order.wish)?;
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
    let conditions = conditions(fail_if)?;
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

fn conditions(fail_if: &[String]) -> Result<Vec<Condition>, Fault> {
    fail_if.iter().map(|text| Condition::parse("--fail-if", text)).collect()
}

/// Checks a request.
fn order(request: &Request) -> Result<Order, Fault> {
    let endpoint = given::endpoint(&request.endpoint, &request.params)?;
    let lane = given::lane(&endpoint, Role::Connect)?;
    let mode = mode(request.mode.as_deref())?;
    let connections = count("--connections", request.connections, 1, CONNECTIONS)?;
    let pipeline = count("--pipeline", request.pipeline, 1, PIPELINE)?;
    if pipeline > 1 && mode != Mode::Exchange {
        return Err(contradiction("--pipeline", &format!("--mode {}", mode.word())));
    }
    let (pace, promise) = pace(request, mode, connections)?;
    one_way(request, mode, lane, &endpoint)?;
    let span = |name: &str, text: &Option<String>, usual: Duration| -> Result<Duration, Fault> {
        let Some(text) = text else { return Ok(usual) };
        let span = figure::time(name, text)?;
        if span > LONGEST { Err(bad_value(name, text).detail("0-24h")) } else { Ok(span) }
    };
    let by_number = request.requests.is_some();
    if request.requests == Some(0) {
        return Err(bad_value("--requests", "0").detail("1-"));
    }
    let usual = match (by_number, &promise) {
        (true, _) => LONGEST,
        (false, Some(_)) => STEP,
        (false, None) => DURATION,
    };
    let duration = span("--duration", &request.duration, usual)?;
    if duration.is_zero() {
        return Err(bad_value("--duration", "0"));
    }
    let max = request.bounds.limits.message;
    let (sent, instead) = messages(request, lane, max)?;
    if sent.longest() == 0 || (lane.medium.is_datagrams() && sent.longest() > DATAGRAM) {
        let fault = Fault::new(Code::DatagramTooLong, "").arg("size", sent.longest()).arg("max", DATAGRAM);
        return Err(if sent.longest() == 0 { bad_value("--size", "0") } else { fault });
    }
    let wish = match (&request.expect, request.verify) {
        (Some(_), Verify::Nothing) => return Err(contradiction("--expect", "--no-verify")),
        (Some(text), Verify::Bytes) => {
            Wish::Given(Deck::given(lane.framing, &bytes(text, request, &endpoint)?, max)?)
        }
        (None, Verify::Nothing) => Wish::Any,
        (None, Verify::Bytes) => Wish::Learn(instead),
    };
    let threads = count("--threads", request.threads, 1, THREADS)?;
    let plan = Plan {
        timeout: patience(&endpoint, lane)?,
        lane,
        mode,
        pace,
        connections,
        pipeline,
        threads,
        warmup: span("--warmup", &request.warmup, if by_number { Duration::ZERO } else { WARMUP })?,
        duration,
        requests: request.requests,
        max,
        sent,
        answers: Answers::Any { size: 1 },
        parting: match request.parting {
            Closing::Fin => Parting::Fin,
            Closing::Reset => Parting::Reset,
        },
        endpoint,
    };
    Ok(Order { plan, wish, conditions: conditions(&request.fail_if)?, promise })
}

fn mode(word: Option<&str>) -> Result<Mode, Fault> {
    let Some(word) = word else { return Ok(Mode::Exchange) };
    let found = Mode::ALL.iter().find(|(known, _)| *known == word);
    found.map(|(_, mode)| *mode).ok_or_else(|| {
        let known: Vec<&str> = Mode::ALL.iter().map(|(known, _)| *known).collect();
        bad_value("--mode", word).detail(known.join(", "))
    })
}

/// What goes one way alone has no answers that anything could be asked of.
fn one_way(request: &Request, mode: Mode, lane: Lane, endpoint: &Endpoint) -> Result<(), Fault> {
    if mode != Mode::OneWay {
        return Ok(());
    }
    let with = |name: &str| contradiction(name, "--mode one-way");
    if !lane.medium.is_datagrams() {
        return Err(with(&endpoint.bare().to_string()));
    }
    if request.expect.is_some() {
        return Err(with("--expect"));
    }
    match request.rate.as_deref() {
        Some(rate) if rate.starts_with('@') => Err(with(&format!("--rate {rate}"))),
        _ => Ok(()),
    }
}

/// When messages are sent, and what is to be kept, where a rate is searched.
fn pace(request: &Request, mode: Mode, connections: usize) -> Result<(Pace, Option<Condition>), Fault> {
    match request.rate.as_deref() {
        Some(text) if text.starts_with('@') => {
            if mode == Mode::Idle {
                return Err(contradiction("--rate", "--mode idle"));
            }
            if request.requests.is_some() {
                return Err(contradiction("--requests", &format!("--rate {text}")));
            }
            Ok((Pace::Closed, Some(Condition::kept("--rate", &text[1..])?)))
        }
        Some(text) => Ok((Pace::Rate(figure::rate("--rate", text)?), None)),
        None if mode == Mode::Idle => {
            let connections = u32::try_from(connections).map_or(f64::MAX, f64::from);
            Ok((Pace::Rate((connections / ALIVE).max(1.0)), None))
        }
        None => Ok((Pace::Closed, None)),
    }
}

/// How long an answer may take.
fn patience(endpoint: &Endpoint, lane: Lane) -> Result<Duration, Fault> {
    let usual = if lane.medium.is_datagrams() { TIMEOUT.1 } else { TIMEOUT.0 };
    let timeout = endpoint.params.timeout.unwrap_or(usual);
    if timeout.is_zero() || timeout > PATIENCE {
        let shown = sockeye_core::quantity::Span(timeout).to_string();
        return Err(bad_value("--timeout", &shown).detail("1ms-10m"));
    }
    Ok(timeout)
}

/// What is sent; and what is sent instead, if answers to it cannot be foreseen.
fn messages(request: &Request, lane: Lane, max: usize) -> Result<(Deck, Option<Deck>), Fault> {
    let endpoint = given::endpoint(&request.endpoint, &request.params)?;
    match (&request.message, &request.file, &request.size) {
        (Some(_), Some(_), _) => Err(contradiction("MESSAGE", "--file")),
        (Some(_), _, Some(_)) => Err(contradiction("MESSAGE", "--size")),
        (_, Some(_), Some(_)) => Err(contradiction("--file", "--size")),
        (Some(text), None, None) => {
            Ok((Deck::given(lane.framing, &bytes(text, request, &endpoint)?, max)?, None))
        }
        (None, Some(path), None) => {
            let read = std::fs::read(path);
            let data = read.map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Fault::new(Code::NoFile, "").arg("path", path),
                _ => Fault::new(Code::BadFile, "").arg("path", path).detail(error),
            })?;
            if data.len() > LARGEST {
                return Err(Fault::new(Code::BadFile, "").arg("path", path).detail("> 64 MiB"));
            }
            Ok((Deck::exactly(lane.framing, &data, max.max(data.len()))?, None))
        }
        (None, None, size) => {
            let sizes = match size {
                Some(text) => figure::sizes("--size", text, LARGEST.min(max))?,
                None => Sizes { least: SIZE, most: SIZE },
            };
            let made = |sizes, numbering| Deck::made_up(lane.framing, sizes, numbering, request.seed, max);
            let alike = made(Sizes { least: sizes.most, most: sizes.most }, Numbering::Alike)?;
            // A framing that cannot carry a number as it is has messages that are all alike.
            let numbered = made(sizes, Numbering::Numbered).or_else(|_| made(sizes, Numbering::Alike))?;
            Ok((numbered, Some(alike)))
        }
    }
}

/// A message as it is written in `ask`.
fn bytes(text: &str, request: &Request, endpoint: &Endpoint) -> Result<Vec<u8>, Fault> {
    if request.hex {
        notation::hex(text)
    } else if text.starts_with("hex:") || text.starts_with("b64:") {
        notation::parse(text)
    } else {
        Ok(given::charset(endpoint)?.encode(notation::literal(text))?.into_owned())
    }
}

fn count(name: &str, given: Option<u64>, usual: usize, most: usize) -> Result<usize, Fault> {
    let Some(given) = given else { return Ok(usual) };
    let fits = usize::try_from(given).ok().filter(|count| (1..=most).contains(count));
    fits.ok_or_else(|| bad_value(name, &given.to_string()).detail(format!("1-{most}")))
}

fn contradiction(name: &str, other: &str) -> Fault {
    Fault::new(Code::Contradiction, "").arg("name", name).arg("other", other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Request)) -> Code {
        let mut request = Request { endpoint: "127.0.0.1:1".to_owned(), ..Request::default() };
        change(&mut request);
        order(&request).err().unwrap().code
    }

    #[expect(clippy::unnecessary_wraps, reason = "requests have it so")]
    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_opened() {
        assert_eq!(refused(|it| it.mode = some("idel")), Code::BadValue);
        assert_eq!(refused(|it| it.connections = Some(0)), Code::BadValue);
        assert_eq!(refused(|it| it.connections = Some(100_001)), Code::BadValue);
        assert_eq!(refused(|it| it.pipeline = Some(65_537)), Code::BadValue);
        assert_eq!(refused(|it| it.rate = some("fast")), Code::BadValue);
        assert_eq!(refused(|it| it.rate = some("@rate=5")), Code::BadValue);
        assert_eq!(refused(|it| it.duration = some("25h")), Code::BadValue);
        assert_eq!(refused(|it| it.duration = some("0")), Code::BadValue);
        assert_eq!(refused(|it| it.requests = Some(0)), Code::BadValue);
        assert_eq!(refused(|it| it.size = some("0")), Code::BadValue);
        assert_eq!(refused(|it| it.fail_if = vec!["p99=1".to_owned()]), Code::BadValue);
        assert_eq!(refused(|it| it.file = some("/no/such/file")), Code::NoFile);
        assert_eq!(refused(|it| it.endpoint = "udp://127.0.0.1:1?timeout=11m".to_owned()), Code::BadValue);
    }

    #[test]
    fn what_contradicts_itself_is_named() {
        let both = |it: &mut Request| (it.mode, it.pipeline) = (some("connect"), Some(2));
        assert_eq!(refused(both), Code::Contradiction);
        let both = |it: &mut Request| (it.message, it.size) = (some("x"), some("5"));
        assert_eq!(refused(both), Code::Contradiction);
        let both = |it: &mut Request| (it.expect, it.verify) = (some("x"), Verify::Nothing);
        assert_eq!(refused(both), Code::Contradiction);
        let both = |it: &mut Request| (it.rate, it.requests) = (some("@p99=1ms"), Some(5));
        assert_eq!(refused(both), Code::Contradiction);
    }

    #[test]
    fn what_goes_one_way_is_datagrams_and_has_no_answers() {
        assert_eq!(refused(|it| it.mode = some("one-way")), Code::Contradiction);
        let one_way = |it: &mut Request| {
            (it.mode, it.endpoint) = (some("one-way"), "udp://127.0.0.1:1".to_owned());
        };
        for change in [
            (|it| it.expect = some("x")) as fn(&mut Request),
            |it| it.rate = some("@p99=1ms"),
            |it| it.pipeline = Some(2),
        ] {
            assert_eq!(
                refused(|it| {
                    one_way(it);
                    change(it);
                }),
                Code::Contradiction
            );
        }
        let mut request = Request::default();
        one_way(&mut request);
        assert!(order(&request).is_ok());
    }

    #[test]
    fn a_message_that_the_framing_cannot_carry_is_refused() {
        let both = |it: &mut Request| {
            it.message = some("a\nb");
            it.params = vec![("frame".to_owned(), "line".to_owned())];
        };
        assert_eq!(refused(both), Code::Unframeable);
    }
}
