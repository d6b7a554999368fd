//! One file, played.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use sockeye_core::{Conversation, Input, Outbox, Tick};
use sockeye_net::client;
use sockeye_script::play::{self, Ended, Options, Pace, Part, Play};

use super::Request;
use super::report::{Report, Verdict};
use super::witness::Witness;
use crate::script::{self, Unreadable};
use crate::views::Views;

/// How often a play looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(100);

/// Plays a file from beginning to end.
pub(super) fn file(request: &Request, path: &str, signal: &Arc<AtomicI32>, views: &Views) -> Report {
    let mut report = Report {
        file: path.to_owned(),
        verdict: Verdict::Skipped,
        steps: 0,
        of: 0,
        elapsed: Duration::ZERO,
        attempts: 1,
        parties: Vec::new(),
        kept: Vec::new(),
    };
    if let Err(bad) = run(request, path, signal, views, &mut report) {
        report.verdict = Verdict::Bad(Box::new(bad));
    }
    report
}

fn run(
    request: &Request,
    path: &str,
    signal: &Arc<AtomicI32>,
    views: &Views,
    report: &mut Report,
) -> Result<(), Unreadable> {
    let program = Arc::new(script::load(path, &request.vars)?);
    let options = Options {
        part: Part::All,
        pace: Pace::Fast,
        vars: request.vars.clone(),
        patience: request.timeout,
        seed: request.seed,
    };
    let (play, outcome) = play::begin(Arc::clone(&program), options).map_err(Unreadable::Refused)?;
    let witness = Arc::new(Witness::new(program.peers.iter().map(|peer| &*peer.name), views));
    let began = Instant::now();
    let options = client::Free {
        subject: format!("test {path}"),
        limits: request.bounds.limits.clone(),
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
