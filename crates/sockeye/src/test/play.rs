//! One file, played.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use sockeye_core::{Conversation, Input, Limits, Outbox, Tick};
use sockeye_net::client;
use sockeye_script::play::{self, Ended, Options, Pace, Part, Play};

use super::Request;
use super::artifacts::Artifacts;
use super::report::{Report, Verdict};
use super::witness::Witness;
use crate::script::{self, Program, Unreadable};
use crate::views::Views;

/// How often a play looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(100);

/// How a program is played.
pub(crate) struct Setup<'a> {
    /// Whose steps, how fast, with which variables.
    pub(crate) options: Options,
    /// Bounds of the sessions.
    pub(crate) limits: &'a Limits,
    /// What is being done, for faults: `test chat.skt`.
    pub(crate) subject: String,
    /// Ends the play once it is not 0.
    pub(crate) signal: &'a Arc<AtomicI32>,
}

/// Plays a file from beginning to end.
pub(super) fn file(
    request: &Request,
    path: &str,
    attempt: u32,
    signal: &Arc<AtomicI32>,
    views: &Views,
) -> Report {
    let start = |directory: &String| Artifacts::start(directory, path, attempt, request.seed, views);
    let artifacts = request.artifacts.as_ref().map(start).transpose().unwrap_or_else(|fault| {
        // The file is played all the same: that is what was asked for first.
        views.watcher.warning(&fault);
        None
    });
    let mut report = attempted(request, path, signal, artifacts.as_ref().map_or(views, Artifacts::views));
    match (artifacts, &report.verdict) {
        (Some(artifacts), Verdict::Failed(_)) => report.kept = artifacts.keep(),
        (Some(artifacts), _) => artifacts.discard(),
        (None, _) => {}
    }
    report
}

fn attempted(request: &Request, path: &str, signal: &Arc<AtomicI32>, views: &Views) -> Report {
    let options = Options {
        part: Part::All,
        pace: Pace::Fast,
        vars: request.vars.clone(),
        patience: request.timeout,
        seed: request.seed,
    };
    let subject = format!("test {path}");
    let setup = Setup { options, limits: &request.bounds.limits, subject, signal };
    let mut report = Report::of(path);
    let played = script::load(path, &request.vars)
        .and_then(|program| run(&Arc::new(program), setup, views, &mut report));
    if let Err(bad) = played {
        report.verdict = Verdict::Bad(Box::new(bad));
    }
    report
}

/// Plays a program, and fills in what came of it.
pub(crate) fn run(
    program: &Arc<Program>,
    setup: Setup<'_>,
    views: &Views,
    report: &mut Report,
) -> Result<(), Unreadable> {
    let signal = setup.signal;
    let (play, outcome) = play::begin(Arc::clone(program), setup.options).map_err(Unreadable::Refused)?;
    let witness = Arc::new(Witness::new(program.peers.iter().map(|peer| &*peer.name), views));
    let began = Instant::now();
    let options = client::Free {
        subject: setup.subject,
        limits: setup.limits.clone(),
        front: witness.clone(),
        observer: Some(witness.clone()),
        operator: None,
    };
    let ran = client::play(options, Box::new(Interruptible { play, signal: Arc::clone(signal), next: None }));
    report.elapsed = began.elapsed();
    report.parties = witness.parties();
    (report.steps, report.of) = outcome.progress();
    match outcome.take() {
        Some(Ended { result: Ok(()), .. }) => report.verdict = Verdict::Passed,
        Some(Ended { result: Err(_), .. }) if signal.load(Ordering::Relaxed) != 0 => {}
        Some(Ended { result: Err(mut failure), .. }) => {
            let party = report.parties.iter().find(|party| party.name == failure.peer);
            failure.addresses = failure.addresses.or_else(|| party?.addresses.clone());
            failure.fault = failure.fault.or_else(|| witness.fault(&failure.kind).map(Box::new));
            report.verdict = Verdict::Failed(failure);
        }
        // It has no end of its own only if it could not run at all.
        None => ran.map_err(Unreadable::Fault)?,
    }
    Ok(())
}

/// A play that ends when the run is to end.
struct Interruptible {
    play: Play,
    signal: Arc<AtomicI32>,
    /// When to look again.
    next: Option<Tick>,
}

impl Conversation for Interruptible {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        let glance = self.next.is_none_or(|next| next <= now);
        if glance {
            self.next = Some(now + GLANCE);
        }
        let stops = glance && self.signal.load(Ordering::Relaxed) != 0;
        if stops {
            self.play.handle(now, Input::Stop, out);
            return;
        }
        // Time that is not the play's own does it no harm: it looks at its deadlines, and waits on.
        self.play.handle(now, input, out);
    }

    fn deadline(&self) -> Option<Tick> {
        match (self.play.deadline(), self.next) {
            (Some(own), Some(next)) => Some(own.min(next)),
            (own, next) => own.or(next),
        }
    }
}
