//! The play itself: one step after another, each waiting for what it needs. What comes in is in `arrive`, what each step
//! does in `steps`, what a failure tells in `fail`.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::{Conversation, Effect, Input, Leg, Outbox, PEER, Tick};

use crate::play::outcome::{Ended, Outcome};
use crate::play::recent::Recent;
use crate::play::score::{Act, Score};
use crate::play::station::Station;
use crate::play::{Options, Pace, Part};
use crate::program::{Program, Role};
use crate::vars::Vars;

/// Steps in one go; then whatever else runs on the thread has its turn.
const BUDGET: usize = 4096;

/// A program being played.
pub struct Play {
    pub(super) score: Arc<Score>,
    pub(super) pace: Pace,
    pub(super) patience: Option<Duration>,
    pub(super) seed: u64,
    pub(super) ending: Ending,
    /// What differs from what is expected is taken for it.
    pub(super) is_lenient: bool,
    pub(super) vars: Vars,
    pub(super) stations: Vec<Station>,
    pub(super) recent: Recent,
    pub(super) stage: Stage,
    /// The step at work.
    pub(super) index: usize,
    /// The `repeat`s it is in, outermost first.
    pub(super) rounds: Vec<Round>,
    /// When the step at work began; `None`: it has not.
    pub(super) begun: Option<Tick>,
    /// It has asked for what it waits for.
    pub(super) has_asked: bool,
    /// When the step before it ended.
    pub(super) before: Tick,
    /// How long after that the step at work is to begin, where the time of the recording is heeded.
    pub(super) pause: Duration,
    /// `<never`s that hold until the next step ends.
    pub(super) nevers: Vec<usize>,
    /// How many steps are done.
    pub(super) steps: u64,
    /// When the play began.
    pub(super) since: Option<Tick>,
    pub(super) deadline: Option<Tick>,
    pub(super) built: Vec<u8>,
    pub(super) outcome: Outcome,
}

/// What happens once all steps are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// For `@settle` nothing more may come; then everything is closed.
    Settle,
    /// Nothing more may come until the peer ends; then the session is closed. Where there is no such end (datagrams), as
    /// above.
    Wait,
    /// The play is over at once, and the connection stays: somebody else goes on with it.
    HandOver,
    /// As above, but it is the same play that goes on, from its beginning.
    Again,
}

impl Ending {
    /// Whether the connection outlives the steps.
    pub(super) const fn goes_on(self) -> bool {
        matches!(self, Self::HandOver | Self::Again)
    }
}

/// How far a play has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The listener of the peer at this index is being opened.
    Binding(usize),
    /// Steps are played.
    Running,
    /// All steps are done; what nobody expected may still come until then.
    Settling(Option<Tick>),
    /// Over.
    Over,
}

/// A `repeat` that is under way.
pub(super) struct Round {
    pub(super) start: usize,
    pub(super) left: u64,
    pub(super) begun: Tick,
}

/// What became of a step.
pub(super) enum Turn {
    /// It is done; the next one is this.
    Next(usize),
    /// It waits, at the longest until then.
    Wait(Option<Tick>),
    /// It failed, and the play is over.
    Over,
}

impl Play {
    pub(super) fn new(score: Arc<Score>, options: Options, ending: Ending) -> (Self, Outcome) {
        let outcome = Outcome::new(score.all);
        let vars = variables(&score.program, options.vars);
        let stations = match score.part {
            Part::Peer { .. } => vec![Station::new(PEER)],
            Part::All => (1..u8::MAX).take(score.program.peers.len()).map(Station::new).collect(),
        };
        let play = Self {
            score,
            pace: options.pace,
            patience: options.patience,
            seed: options.seed,
            ending,
            is_lenient: false,
            vars,
            stations,
            recent: Recent::default(),
            stage: Stage::Running,
            index: 0,
            rounds: Vec::new(),
            begun: None,
            has_asked: false,
            before: Tick::ZERO,
            pause: Duration::ZERO,
            nevers: Vec::new(),
            steps: 0,
            since: None,
            deadline: None,
            built: Vec::new(),
            outcome: outcome.clone(),
        };
        (play, outcome)
    }

    /// The first input has come.
    fn start(&mut self, now: Tick, out: &mut Outbox) {
        self.since = Some(now);
        self.before = now;
        if self.score.part == Part::All {
            self.bind_from(now, 0, out);
        }
    }

    /// Opens the next listener, from the peer at `first` on; when all are open, the steps begin.
    pub(super) fn bind_from(&mut self, now: Tick, first: usize, out: &mut Outbox) {
        let score = Arc::clone(&self.score);
        let mut peers = score.program.peers.iter().enumerate().skip(first);
        if let Some((index, _)) = peers.find(|(_, peer)| peer.role == Role::Listen) {
            self.stage = Stage::Binding(index);
            self.deadline = Some(now + self.patience());
            self.listen(now, index, out);
        } else {
            self.stage = Stage::Running;
        }
        self.before = now;
    }

    /// How long a step waits that does not say so itself.
    pub(super) fn patience(&self) -> Duration {
        self.patience.unwrap_or(self.score.program.settings.timeout)
    }

    /// Plays as many steps as can be played now.
    pub(super) fn advance(&mut self, now: Tick, out: &mut Outbox) {
        let score = Arc::clone(&self.score);
        for _ in 0..BUDGET {
            match self.stage {
                Stage::Running => {}
                Stage::Settling(_) => return self.settle(now, out),
                Stage::Binding(_) | Stage::Over => return,
            }
            let Some((step, act)) = score.at(self.index) else {
                self.finish(now, out);
                continue;
            };
            match self.perform(now, step, act, out) {
                Turn::Next(next) => {
                    self.deadline = None;
                    self.step_done(now, &act, next, out);
                }
                Turn::Wait(until) => {
                    self.deadline = until;
                    return;
                }
                Turn::Over => return,
            }
        }
        self.deadline = Some(now);
    }

    /// A step is done.
    fn step_done(&mut self, now: Tick, act: &Act<'_>, next: usize, out: &mut Outbox) {
        let done = std::mem::replace(&mut self.index, next);
        self.begun = None;
        self.has_asked = false;
        if Score::is_counted(act) {
            self.before = now;
            self.pause = Duration::ZERO;
            self.steps += 1;
            self.outcome.advance(self.steps);
            if !matches!(act, Act::Never(_)) {
                self.nevers.clear();
            }
        }
        // Whoever has no more steps may say nothing more, except to whoever goes on.
        if !self.ending.goes_on() {
            for at in 0..self.stations.len() {
                if self.last_of(at) == done && next > done {
                    self.leftover(now, at, out);
                }
            }
        }
    }

    /// The last index at which a step of the peer at this station may come.
    pub(super) fn last_of(&self, station: usize) -> usize {
        let peer = usize::from(self.peer_at(station));
        self.score.last.get(peer).copied().unwrap_or(0)
    }

    /// Whose the station is.
    pub(super) fn peer_at(&self, station: usize) -> u16 {
        match self.score.part {
            Part::Peer { index, .. } => index,
            Part::All => u16::try_from(station).unwrap_or(u16::MAX),
        }
    }

    /// The station of a step's peer.
    pub(super) fn station_of(&self, peer: u16) -> usize {
        match self.score.part {
            Part::Peer { .. } => 0,
            Part::All => usize::from(peer),
        }
    }

    /// The station of a leg.
    pub(super) fn station_at(&self, leg: Leg) -> Option<usize> {
        self.stations.iter().position(|station| station.leg == leg)
    }

    /// All steps are done.
    fn finish(&mut self, now: Tick, out: &mut Outbox) {
        let is_heard = self.stations.iter().any(Station::may_hear);
        match self.ending {
            Ending::HandOver | Ending::Again => self.succeed(now, out),
            Ending::Wait if is_heard && !self.is_datagrams(out) => self.stage = Stage::Settling(None),
            Ending::Settle | Ending::Wait => {
                let settle = self.score.program.settings.settle;
                self.stage = Stage::Settling(Some(if is_heard { now + settle } else { now }));
            }
        }
    }

    fn is_datagrams(&self, out: &mut Outbox) -> bool {
        self.stations.first().is_some_and(|station| {
            out.to(station.leg);
            out.lane().medium.is_datagrams()
        })
    }

    /// All steps are done, and nothing more may come.
    fn settle(&mut self, now: Tick, out: &mut Outbox) {
        for at in 0..self.stations.len() {
            self.leftover(now, at, out);
        }
        let Stage::Settling(until) = self.stage else { return };
        let is_heard = self.stations.iter().any(Station::may_hear);
        if !is_heard || until.is_some_and(|until| until <= now) {
            return self.succeed(now, out);
        }
        self.deadline = until;
    }

    fn succeed(&mut self, now: Tick, out: &mut Outbox) {
        self.conclude(now, Ok(()));
        if self.ending.goes_on() {
            return;
        }
        self.hang_up(out);
        out.close();
    }

    /// Closes every connection but the session's own.
    pub(super) fn hang_up(&mut self, out: &mut Outbox) {
        for station in &mut self.stations {
            if station.leg != PEER && station.link != super::station::Link::Idle {
                out.effect(Effect::Hang { leg: station.leg });
            }
        }
    }

    /// Tells whoever asks what came of it.
    pub(super) fn conclude(&mut self, now: Tick, result: Result<(), Box<super::Failure>>) {
        if self.stage == Stage::Over {
            return;
        }
        self.stage = Stage::Over;
        self.deadline = None;
        let elapsed = now.since(self.since.unwrap_or(now));
        let captured = std::mem::take(&mut self.vars);
        self.outcome.end(Ended { result, steps: self.steps, elapsed, captured });
    }

    /// What came and no step has looked at, and how the peer's side has ended.
    pub(super) fn left(&mut self) -> (Vec<Box<[u8]>>, Option<super::station::End>) {
        self.stations.first_mut().map_or((Vec::new(), None), |station| (station.drain(), station.end))
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }
}

/// A program's variables before anything is captured. Those given from outside win.
pub(super) fn variables(program: &Program, mut given: Vars) -> Vars {
    for (name, value) in &program.settings.vars {
        if given.get(name).is_none() {
            given.set(name, value);
        }
    }
    given
}

impl Conversation for Play {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        if self.is_over() {
            return;
        }
        if self.since.is_none() {
            self.start(now, out);
        }
        self.take(now, input, out);
    }

    fn deadline(&self) -> Option<Tick> {
        self.deadline
    }
}

impl Drop for Play {
    /// A driver that ended the session by itself (a broken frame, a limit, Ctrl-C) says no more.
    fn drop(&mut self) {
        if !self.is_over() {
            self.abandon();
        }
    }
}
