//! A server made of a conversation that was written down: every session that comes is answered as the file says.
//!
//! A file with one peer answers every session with it, from the beginning. A recording of several sessions answers each
//! with the next one not yet played whose first message is the one that came; sessions in which the server speaks first
//! are played in their order. What a client sends that was not recorded ends its session as failed, with an RST: a mock
//! that closed in good order could be taken for one that is content.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sockeye_core::{
    Conversation, Effect, Endpoint, Framing, Input, Outbox, PEER, Peer, Service, SessionId, Tick,
};

use super::arrive::filled;
use super::engine::{Ending, Play, variables};
use super::failure::Failure;
use super::outcome::{Ended, Outcome};
use super::score::{Act, Refusal, Score, Why, served};
use crate::pattern::{Extent, Verdict};
use crate::play::{Options, Part};
use crate::program::Program;
use crate::vars::Vars;

/// How long a client may say nothing, where several sessions were recorded and some of them begin with the server's words,
/// until it is given one of those.
const HUSH: Duration = Duration::from_millis(100);

/// The most bytes of a stream that are looked at to tell which session it is.
const TELLING: usize = 64 << 10;

/// What happens once every recorded session was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// They are played again.
    Again,
    /// A session more is a failure.
    Never,
}

/// A session that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// Which session of the server.
    pub session: SessionId,
    /// Whose steps were played: an index of [`Program::peers`]. `None`: nobody's were left.
    pub peer: Option<u16>,
    /// What came of it.
    pub ended: Ended,
}

/// How the messages of those that a mock would play are cut on a stream, if the program says.
pub fn framing(program: &Program, given: &Vars) -> Option<Framing> {
    let vars = variables(program, given.clone());
    let mut peers =
        served(program).into_iter().filter_map(|(index, _)| program.peers.get(usize::from(index)));
    let endpoint = peers.next().and_then(|peer| filled(&peer.endpoint, &vars).ok());
    let endpoint = endpoint.and_then(|endpoint| endpoint.parse::<Endpoint>().ok());
    let own = endpoint.and_then(|endpoint| endpoint.params.frame);
    own.or(program.settings.frame).filter(|framing| !framing.is_dgram())
}

/// A server's side of a program.
pub struct Mock {
    cast: Arc<Cast>,
}

/// What all sessions share.
struct Cast {
    scores: Vec<Arc<Score>>,
    options: Options,
    vars: Vars,
    reuse: Reuse,
    /// Which scores were given to a session already.
    taken: Mutex<Vec<bool>>,
    report: Option<Box<dyn Fn(Played) + Send + Sync>>,
}

impl Mock {
    /// A mock of a program: of those of its peers that listen, as they are written; if there are none, of those that
    /// connect, with their arrows turned. [`Options::part`] is not looked at.
    pub fn new(program: &Arc<Program>, options: Options, reuse: Reuse) -> Result<Self, Box<Refusal>> {
        let mut scores = Vec::new();
        let mut empty = None;
        for (index, side) in served(program) {
            match Score::new(Arc::clone(program), Part::Peer { index, side }) {
                Ok(score) => scores.push(Arc::new(score)),
                Err(refusal) if refusal.why == Why::Empty => empty = Some(refusal),
                Err(refusal) => return Err(refusal),
            }
        }
        if scores.is_empty() {
            return Err(empty.unwrap_or_else(|| Box::new(Score::nobody(program))));
        }
        let vars = variables(program, options.vars.clone());
        let taken = Mutex::new(vec![false; scores.len()]);
        Ok(Self { cast: Arc::new(Cast { scores, options, vars, reuse, taken, report: None }) })
    }

    /// Has every session that was played told, on the thread that played it. It must be quick.
    #[must_use]
    pub fn reporting(mut self, report: impl Fn(Played) + Send + Sync + 'static) -> Self {
        if let Some(cast) = Arc::get_mut(&mut self.cast) {
            cast.report = Some(Box::new(report));
        }
        self
    }

    /// How many sessions the program has.
    pub fn sessions(&self) -> usize {
        self.cast.scores.len()
    }
}

impl Service for Mock {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Sitting {
            cast: Arc::clone(&self.cast),
            session: peer.session,
            stage: Stage::Choosing { kept: Vec::new(), until: None },
        })
    }
}

impl Cast {
    /// Takes the first free session that `fits`, or the first there is. `None`: there is none.
    fn take(&self, fits: impl Fn(&Score) -> bool) -> Option<&Arc<Score>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.renew(&mut taken);
        let free = |at: &usize| !taken[*at];
        let all = 0..self.scores.len();
        let fitting = all.clone().filter(free).find(|at| fits(&self.scores[*at]));
        let at = fitting.or_else(|| all.clone().find(free))?;
        taken[at] = true;
        Some(&self.scores[at])
    }

    fn renew(&self, taken: &mut [bool]) {
        if self.reuse == Reuse::Again && taken.iter().all(|taken| *taken) {
            taken.fill(false);
        }
    }

    /// The sessions that are free, in order.
    fn free(&self) -> Vec<&Score> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.renew(&mut taken);
        let all = self.scores.iter().zip(taken.iter());
        all.filter(|(_, taken)| !**taken).map(|(score, _)| &**score).collect()
    }

    /// How what came fits what a session begins with.
    fn verdict(&self, score: &Score, came: &[u8], extent: Extent) -> Option<Verdict> {
        let Some(Act::Expect(pattern)) = score.first() else { return None };
        Some(pattern.matches(came, &self.vars, extent, &mut Vars::default()))
    }
}

/// One session of a mock.
struct Sitting {
    cast: Arc<Cast>,
    session: SessionId,
    stage: Stage,
}

enum Stage {
    /// Which of several sessions this is cannot be told yet.
    Choosing {
        /// The first bytes of a stream.
        kept: Vec<u8>,
        /// When it is one that begins with the server's words.
        until: Option<Tick>,
    },
    Playing(Box<Play>, Outcome, u16),
    Over,
}

impl Sitting {
    fn choose(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => self.opened(now, out),
            Input::Message { leg: PEER, data } => self.message(now, data, out),
            Input::Timeout => self.play(now, Score::speaks_first, out),
            Input::Eof { leg: PEER } => {
                self.play(now, |score| matches!(score.first(), Some(Act::Eof)), out);
                self.pass(now, input, out);
            }
            Input::Failed { leg: PEER, .. } => {
                self.play(now, |score| matches!(score.first(), Some(Act::Reset)), out);
                self.pass(now, input, out);
            }
            Input::Stop => {
                self.stage = Stage::Over;
                out.close();
            }
            _ => {}
        }
    }

    fn opened(&mut self, now: Tick, out: &mut Outbox) {
        let free = self.cast.free();
        let is_told = free.len() < 2 || free[0].speaks_first();
        let may_speak = free.iter().any(|score| score.speaks_first());
        if is_told {
            self.play(now, |_| true, out);
        } else if let Stage::Choosing { until, .. } = &mut self.stage
            && may_speak
        {
            *until = Some(now + HUSH);
        }
    }

    fn message(&mut self, now: Tick, data: &[u8], out: &mut Outbox) {
        let cast = Arc::clone(&self.cast);
        if !out.lane().is_cut_anywhere() {
            let fits = |score: &Score| {
                matches!(cast.verdict(score, data, Extent::Whole), Some(Verdict::Match { .. }))
            };
            self.play(now, fits, out);
            return self.pass(now, Input::Message { leg: PEER, data }, out);
        }
        let Stage::Choosing { kept, .. } = &mut self.stage else { return };
        kept.extend_from_slice(data);
        let verdicts = |score: &&Score| cast.verdict(score, kept, Extent::Prefix);
        let verdicts: Vec<_> = cast.free().iter().filter_map(verdicts).collect();
        let is_whole = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Match { .. }));
        let halves = verdicts.iter().filter(|verdict| **verdict == Verdict::More).count();
        if !is_whole && halves > 1 && kept.len() < TELLING {
            return;
        }
        let kept = std::mem::take(kept);
        let fits = |score: &Score| match cast.verdict(score, &kept, Extent::Prefix) {
            Some(Verdict::Match { .. }) => true,
            Some(Verdict::More) => !is_whole,
            _ => false,
        };
        self.play(now, fits, out);
        self.pass(now, Input::Message { leg: PEER, data: &kept }, out);
    }

    /// Takes a session that fits, and begins it.
    fn play(&mut self, now: Tick, fits: impl Fn(&Score) -> bool, out: &mut Outbox) {
        let cast = Arc::clone(&self.cast);
        let kept = match &mut self.stage {
            Stage::Choosing { kept, .. } => std::mem::take(kept),
            _ => return,
        };
        let Some(score) = cast.take(fits) else { return self.turn_away(now, out) };
        let Part::Peer { index, .. } = score.part else { return };
        let (play, outcome) = Play::new(Arc::clone(score), cast.options.clone(), Ending::Wait);
        self.stage = Stage::Playing(Box::new(play), outcome, index);
        self.pass(now, Input::Opened { leg: PEER }, out);
        if !kept.is_empty() {
            self.pass(now, Input::Message { leg: PEER, data: &kept }, out);
        }
    }

    /// Nobody's session is left.
    fn turn_away(&mut self, now: Tick, out: &mut Outbox) {
        self.stage = Stage::Over;
        let score = &self.cast.scores[0];
        let failure = Box::new(Failure::too_many(&score.program, self.cast.options.seed, now));
        out.effect(Effect::Fail(Box::new(failure.fault())));
        out.abort();
        let (result, captured) = (Err(failure), Vars::default());
        self.tell(None, Ended { result, steps: 0, elapsed: Duration::ZERO, captured });
    }

    fn pass(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        let Stage::Playing(play, outcome, peer) = &mut self.stage else { return };
        if !out.is_over() {
            play.handle(now, input, out);
        }
        if let Some(ended) = outcome.take() {
            let peer = *peer;
            self.tell(Some(peer), ended);
        }
    }

    fn tell(&self, peer: Option<u16>, ended: Ended) {
        if let Some(report) = &self.cast.report {
            report(Played { session: self.session, peer, ended });
        }
    }
}

impl Conversation for Sitting {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match &self.stage {
            Stage::Choosing { .. } => self.choose(now, input, out),
            Stage::Playing(..) => self.pass(now, input, out),
            Stage::Over => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        match &self.stage {
            Stage::Choosing { until, .. } => *until,
            Stage::Playing(play, ..) => play.deadline(),
            Stage::Over => None,
        }
    }
}

impl Drop for Sitting {
    /// A session that its driver ended is told of too.
    fn drop(&mut self) {
        if let Stage::Playing(play, outcome, peer) = std::mem::replace(&mut self.stage, Stage::Over) {
            drop(play);
            if let Some(ended) = outcome.take() {
                self.tell(Some(peer), ended);
            }
        }
    }
}
