//! Making the steps: those that do not depend on each other side by side, each on a thread of its own, all within one
//! budget. What is found is handed over as it comes.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_core::event::How;

use super::finding::{
    Around, Beside, Carrier, Connects, Findings, Goal, Leaving, Ping, Session, Sizes, Timed,
};
use super::ladder::{Ladder, Step};
use crate::names::Names;
use crate::path::{Attempt, Ended, Path};

/// How long a step that only explains goes on once connecting has been answered.
const GRACE: Duration = Duration::from_millis(400);

/// Addresses that are tried.
const ADDRESSES: usize = 6;

/// When a step has to end: at its deadline, or soon after connecting was answered.
#[derive(Clone, Debug)]
pub struct Until {
    deadline: Instant,
    answered: Arc<OnceLock<Instant>>,
}

impl Until {
    /// The moment, as far as it is known now.
    pub fn moment(&self) -> Instant {
        self.answered.get().map_or(self.deadline, |answered| self.deadline.min(*answered + GRACE))
    }

    /// Whether connecting has been answered, one way or the other.
    pub fn is_answered(&self) -> bool {
        self.answered.get().is_some()
    }
}

/// What makes the steps of a check. Each ends by itself at the moment it is given.
pub trait Probes: Sync {
    /// Where the name's addresses come from.
    fn names(&self, name: &str, until: Instant) -> Names;
    /// How packets leave for an address. None: this cannot be asked here.
    fn way(&self, to: IpAddr) -> Option<Leaving>;
    /// Who takes them first on our link, once it has been asked for.
    fn beside(&self, leaving: &Leaving, until: &Until) -> Option<Beside>;
    /// Whether the host answers an echo request.
    fn ping(&self, to: IpAddr, until: &Until) -> Option<Ping>;
    /// The routers on the way to a port.
    fn path(&self, to: SocketAddr, until: &Until) -> Option<Path>;
    /// Attempts to connect, side by side.
    fn connect(&self, to: &[SocketAddr], until: Instant) -> Option<Vec<Attempt>>;
    /// Other ports of a silent host, and its own backlog where it is this machine.
    fn around(&self, to: SocketAddr, leaving: Option<&Leaving>, until: Instant) -> Option<Around>;
    /// Whether full packets arrive: the longest that TCP would send to where an attempt connected.
    fn sizes(&self, to: &Attempt, leaving: &Leaving, until: Instant) -> Option<Sizes>;
    /// What is said on a connection of its own.
    fn session(&self, to: SocketAddr, until: Instant) -> Option<Session>;
}

/// What a step found.
enum Found {
    Names(Names),
    Way(Option<Leaving>),
    Beside(Option<Beside>),
    Ping(Option<Ping>),
    Path(Option<Path>),
    Connects(Option<Connects>),
    Around(Option<Around>),
    Sizes(Option<Sizes>),
    Session(Option<Session>),
}

/// Runs a check. `told` is called after each step with the findings so far. Blocks until no step is left, at most for the
/// budget and what a system call may take beyond it.
pub fn run(
    goal: &Goal,
    address: Option<IpAddr>,
    budget: Duration,
    probes: &impl Probes,
    mut told: impl FnMut(Step, &Findings),
) -> Findings {
    let began = Instant::now();
    let answered = Arc::new(OnceLock::new());
    let mut ladder = Ladder::new(goal.clone(), address, budget);
    thread::scope(|scope| {
        let (sender, receiver): (Sender<Done>, Receiver<Done>) = channel();
        loop {
            for (step, share) in ladder.next(began.elapsed()) {
                let until = Until { deadline: Instant::now() + share, answered: Arc::clone(&answered) };
                let work = Work { goal: goal.clone(), findings: ladder.findings.clone(), address, until };
                let (sender, at) = (sender.clone(), began.elapsed());
                scope.spawn(move || {
                    let started = Instant::now();
                    let found = work.make(step, probes);
                    // The receiver waits for every step.
                    let _ = sender.send(Done { step, found, at, took: started.elapsed() });
                });
            }
            if ladder.is_over() {
                break;
            }
            let Ok(done) = receiver.recv() else { break };
            let step = done.step;
            take(&mut ladder.findings, done);
            ladder.ended(step);
            if is_answered(&ladder.findings, goal) {
                let _already = answered.set(Instant::now());
            }
            told(step, &ladder.findings);
        }
    });
    ladder.findings
}

/// Whether the host has answered, one way or the other: what only explains need not go on for long.
fn is_answered(findings: &Findings, goal: &Goal) -> bool {
    let judged = findings.connects.as_ref().and_then(|connects| connects.value.judged());
    let pinged = findings.ping.as_ref().is_some_and(|ping| matches!(ping.value, Ping::Answered(_)));
    judged.is_some_and(|attempt| attempt.ended != Ended::Silent)
        || findings.around.as_ref().is_some_and(|around| around.value.ports.iter().any(Attempt::is_answered))
        || (pinged && goal.carrier == Carrier::Host)
}

struct Done {
    step: Step,
    found: Found,
    at: Duration,
    took: Duration,
}

/// What a step is made of.
struct Work {
    goal: Goal,
    findings: Findings,
    address: Option<IpAddr>,
    until: Until,
}

impl Work {
    fn make(&self, step: Step, probes: &impl Probes) -> Found {
        let deadline = self.until.deadline;
        let way = self.findings.way.as_ref().map(|way| &way.value);
        let address = target(&self.findings, self.address);
        let port = if is_about_resolver(&self.findings) { Some(DOMAIN) } else { self.goal.port };
        let at = address.zip(port).map(|(address, port)| SocketAddr::new(address, port));
        // Who answered may be another address than the first.
        let judged = self.findings.connects.as_ref().and_then(|connects| connects.value.judged());
        let connected = judged.copied();
        let judged = judged.map(|attempt| attempt.to).or(at);
        match step {
            Step::Name => Found::Names(probes.names(self.goal.name.as_deref().unwrap_or_default(), deadline)),
            Step::Route => Found::Way(address.and_then(|address| probes.way(address))),
            Step::Neighbour => Found::Beside(way.and_then(|way| probes.beside(way, &self.until))),
            Step::Ping => Found::Ping(address.and_then(|address| probes.ping(address, &self.until))),
            Step::Path => Found::Path(at.and_then(|at| probes.path(at, &self.until))),
            Step::Connect => Found::Connects(self.connect(probes, deadline)),
            Step::Around => {
                // A host alone has no port that could be meant; any other does.
                let at = judged.or_else(|| address.map(|address| SocketAddr::new(address, 0)));
                Found::Around(at.and_then(|at| probes.around(at, way, deadline)))
            }
            Step::Size => {
                Found::Sizes(connected.zip(way).and_then(|(at, way)| probes.sizes(&at, way, deadline)))
            }
            Step::Session => Found::Session(judged.and_then(|at| probes.session(at, deadline))),
        }
    }

    fn connect(&self, probes: &impl Probes, until: Instant) -> Option<Connects> {
        let port = self.goal.port?;
        let (mut used, mut others) = match (&self.findings.names, self.address) {
            (Some(names), _) => (names.value.addresses(), names.value.alternates()),
            (None, address) => (address.into_iter().collect(), Vec::new()),
        };
        used.truncate(ADDRESSES);
        others.truncate(ADDRESSES);
        let count = used.len();
        let all: Vec<SocketAddr> =
            used.into_iter().chain(others).map(|address| SocketAddr::new(address, port)).collect();
        let mut used = probes.connect(&all, until)?;
        let others = used.split_off(count.min(used.len()));
        Some(Connects { used, others })
    }
}

/// The port of the DNS.
const DOMAIN: u16 = 53;

/// The address that the steps below connecting look at: where the name leads, or the server that did not say.
pub(super) fn target(findings: &Findings, given: Option<IpAddr>) -> Option<IpAddr> {
    let Some(names) = findings.names.as_ref().map(|names| &names.value) else { return given };
    if names.is_unanswered() {
        return names.servers.first().map(|served| served.server);
    }
    names.addresses().first().copied()
}

/// Whether it is the way to the server of the DNS that is looked at.
pub(super) fn is_about_resolver(findings: &Findings) -> bool {
    findings.names.as_ref().is_some_and(|names| names.value.is_unanswered())
}

fn take(findings: &mut Findings, done: Done) {
    fn timed<T>(value: Option<T>, how: How, at: Duration, took: Duration) -> Option<Timed<T>> {
        value.map(|value| Timed { value, how, at, took })
    }
    let (at, took) = (done.at, done.took);
    match done.found {
        Found::Names(names) => findings.names = timed(Some(names), How::Traced, at, took),
        Found::Way(way) => findings.way = timed(way, How::Polled, at, took),
        Found::Beside(beside) => findings.neighbour = timed(beside, How::Polled, at, took),
        Found::Ping(ping) => {
            let how = if ping == Some(Ping::Silent) { How::Inferred } else { How::Traced };
            findings.ping = timed(ping, how, at, took);
        }
        Found::Path(path) => findings.path = timed(path, How::Traced, at, took),
        Found::Connects(connects) => {
            // That nothing comes is no event.
            let judged = connects.as_ref().and_then(Connects::judged);
            let is_silent = judged.is_some_and(|attempt| attempt.ended == Ended::Silent);
            let how = if is_silent { How::Inferred } else { How::Traced };
            findings.connects = timed(connects, how, at, took);
        }
        Found::Around(around) => findings.around = timed(around, How::Traced, at, took),
        Found::Sizes(sizes) => findings.size = timed(sizes, How::Inferred, at, took),
        Found::Session(session) => findings.session = timed(session, How::Traced, at, took),
    }
}
