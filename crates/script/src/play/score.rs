//! A program made ready to be played: whose steps, with their arrows the right way round. What cannot be played is refused
//! here, before anything is opened.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::{Code, Fault};

use crate::data::Data;
use crate::pattern::Pattern;
use crate::play::{Part, Side, Spot};
use crate::program::{Op, Place, Program, Role, Step};

/// Why a program cannot be played, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The step; for what is about no step, the file's beginning.
    pub spot: Spot,
    /// Its operation, as written; empty for what is about no step.
    pub op: &'static str,
    /// Why.
    pub why: Why,
}

/// Why a program cannot be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// What the peer said is written as what it might say, without `like`: a mock does not know what to send.
    Open(Box<str>),
    /// The peer's connection is closed and used again, and there is one session only.
    Reopens,
    /// TLS is put on in the middle, and a mock has no certificate.
    Secures,
    /// A second peer has steps, and each connection plays the same one.
    Several,
    /// The peer listens, and it is to connect.
    Listens,
    /// TLS is put on in the middle, and a load has its connections as they are.
    Upgrades,
    /// There is no such peer.
    NoPeer,
    /// There is no step for it: a play of nothing would always pass.
    Empty,
}

impl Refusal {
    /// The refusal for people.
    pub fn fault(&self) -> Fault {
        let (what, part) = match &self.why {
            Why::Open(part) => ("open", &**part),
            Why::Reopens => ("reopens", self.op),
            Why::Secures => ("secures", self.op),
            Why::Several => ("several", self.op),
            Why::Listens => ("listens", self.op),
            Why::Upgrades => ("upgrades", self.op),
            Why::NoPeer => ("no-peer", ""),
            Why::Empty => ("empty", ""),
        };
        let place = if self.op.is_empty() { self.spot.path.to_string() } else { self.spot.to_string() };
        Fault::new(Code::Unplayable, "").arg("path", place).arg("what", what).arg("value", part)
    }
}

/// What a step comes to on the side that is played.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act<'a> {
    Send(&'a Data),
    /// Send what the pattern is like.
    Sample(&'a Pattern),
    Expect(&'a Pattern),
    Skip(&'a Pattern),
    Maybe(&'a Pattern),
    Never(&'a Pattern),
    Eof,
    Reset,
    Connect,
    Close,
    Fin,
    Abort,
    StartTls(&'a str),
    Sleep(Duration),
    Repeat {
        times: u64,
        every: Duration,
        end: usize,
    },
    End {
        start: usize,
    },
    /// Nothing, on this side.
    Pass,
}

impl Act<'_> {
    /// Whether it is we who make it happen: a replay in the original time waits for its time.
    pub(super) const fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Send(_)
                | Self::Sample(_)
                | Self::Connect
                | Self::Close
                | Self::Fin
                | Self::Abort
                | Self::StartTls(_)
        )
    }
}

/// A program made ready. It is shared by all sessions that play it.
pub(super) struct Score {
    pub(super) program: Arc<Program>,
    pub(super) part: Part,
    /// What is expected in place of what is written as sent; empty unless flipped.
    answers: Vec<Option<Pattern>>,
    /// The last index at which a step of each peer may still come.
    pub(super) last: Vec<usize>,
    /// How many steps there are, each round of a `repeat` counted.
    pub(super) all: u64,
}

impl Score {
    pub(super) fn new(program: Arc<Program>, part: Part) -> Result<Self, Box<Refusal>> {
        let mut score = Self { last: last(&program), program, part, answers: Vec::new(), all: 0 };
        if let Part::Peer { index, side } = part {
            if usize::from(index) >= score.program.peers.len() {
                return Err(Box::new(score.refuse(None, Why::NoPeer)));
            }
            score.check_alone(index)?;
            if side == Side::Flipped {
                score.flip(index)?;
            }
        }
        score.all = score.count();
        if score.all == 0 {
            return Err(Box::new(score.refuse(None, Why::Empty)));
        }
        Ok(score)
    }

    /// The refusal of a program without peers.
    pub(super) fn nobody(program: &Program) -> Refusal {
        let spot = Spot::of(program, Place::default());
        Refusal { spot, op: "", why: Why::NoPeer }
    }

    /// The step at an index, and what it comes to. `None`: there are no more.
    pub(super) fn at(&self, index: usize) -> Option<(&Step, Act<'_>)> {
        let step = self.program.steps.get(index)?;
        Some((step, self.act(index, step)))
    }

    /// The side that is played.
    pub(super) const fn side(&self) -> Side {
        match self.part {
            Part::All => Side::AsWritten,
            Part::Peer { side, .. } => side,
        }
    }

    /// Whether this step is one that is played here.
    fn is_mine(&self, step: &Step) -> bool {
        match self.part {
            Part::All => true,
            Part::Peer { index, .. } => step.peer == index || is_nobodys(&step.op),
        }
    }

    fn act<'a>(&'a self, index: usize, step: &'a Step) -> Act<'a> {
        if !self.is_mine(step) {
            return Act::Pass;
        }
        let act = written(&step.op);
        if self.side() == Side::AsWritten {
            return act;
        }
        match act {
            Act::Send(_) => self.answers.get(index).and_then(Option::as_ref).map_or(Act::Pass, Act::Expect),
            Act::Sample(pattern) => Act::Expect(pattern),
            Act::Expect(pattern) | Act::Skip(pattern) => Act::Sample(pattern),
            Act::Maybe(_) | Act::Never(_) => Act::Pass,
            Act::Eof => Act::Fin,
            Act::Fin | Act::Close => Act::Eof,
            Act::Reset => Act::Abort,
            Act::Abort => Act::Reset,
            other => other,
        }
    }

    /// Whether a step counts as one: loops are no steps, nor is what this side does not play.
    pub(super) const fn is_counted(act: &Act<'_>) -> bool {
        !matches!(act, Act::Repeat { .. } | Act::End { .. } | Act::Pass)
    }

    /// Whether what happens first is that we speak: a mock then need not wait to see who has come.
    pub(super) fn speaks_first(&self) -> bool {
        self.first().is_some_and(|act| act.is_ours())
    }

    /// The first thing that happens on the connection.
    pub(super) fn first(&self) -> Option<Act<'_>> {
        (0..self.program.steps.len())
            .filter_map(|index| self.at(index))
            .map(|(_, act)| act)
            .find(|act| Self::is_counted(act) && !matches!(act, Act::Connect | Act::Sleep(_) | Act::Never(_)))
    }

    fn flip(&mut self, peer: u16) -> Result<(), Box<Refusal>> {
        let mut answers = vec![None; self.program.steps.len()];
        for (index, step) in self.program.steps.iter().enumerate().filter(|(_, step)| step.peer == peer) {
            match &step.op {
                Op::Send(data) => answers[index] = Some(data.pattern()),
                Op::Expect(pattern) | Op::Skip(pattern) => {
                    if let Some(part) = pattern.open() {
                        let why = Why::Open(part);
                        return Err(Box::new(self.refuse(Some(index), why)));
                    }
                }
                Op::StartTls(_) => return Err(Box::new(self.refuse(Some(index), Why::Secures))),
                _ => {}
            }
        }
        self.answers = answers;
        Ok(())
    }

    /// One session is one connection: it cannot be opened again.
    fn check_alone(&self, peer: u16) -> Result<(), Box<Refusal>> {
        let (mut is_closed, mut is_ended) = (false, false);
        for (index, step) in self.program.steps.iter().enumerate().filter(|(_, step)| step.peer == peer) {
            let is_next = is_ended && matches!(step.op, Op::Connect);
            if is_next || is_closed && !is_nobodys(&step.op) {
                return Err(Box::new(self.refuse(Some(index), Why::Reopens)));
            }
            is_ended |= matches!(step.op, Op::Eof);
            is_closed |= matches!(step.op, Op::Close | Op::Abort | Op::Reset);
        }
        Ok(())
    }

    pub(super) fn refuse(&self, index: Option<usize>, why: Why) -> Refusal {
        let step = index.and_then(|index| self.program.steps.get(index));
        let place = step.map(|step| step.place).unwrap_or_default();
        let op = step.map_or("", |step| word(&step.op));
        Refusal { spot: Spot::of(&self.program, place), op, why }
    }

    fn count(&self) -> u64 {
        let mut rounds = vec![1u64];
        let mut all = 0u64;
        for index in 0..self.program.steps.len() {
            let Some((_, act)) = self.at(index) else { break };
            let now = rounds.last().copied().unwrap_or(1);
            match act {
                Act::Repeat { times, .. } => rounds.push(now.saturating_mul(times)),
                Act::End { .. } => {
                    rounds.pop();
                }
                act if Self::is_counted(&act) => all = all.saturating_add(now),
                _ => {}
            }
        }
        all
    }
}

/// The last index at which a step of each peer may still come: that of its last step, or of the end of the outermost
/// `repeat` around it. A peer without steps is done from the beginning.
fn last(program: &Program) -> Vec<usize> {
    let mut last = vec![0; program.peers.len()];
    let mut outermost = None;
    for (index, step) in program.steps.iter().enumerate() {
        if let Op::Repeat { end, .. } = step.op {
            outermost = outermost.or(Some(end as usize));
        }
        if !is_nobodys(&step.op)
            && let Some(last) = last.get_mut(usize::from(step.peer))
        {
            *last = outermost.unwrap_or(index);
        }
        if outermost == Some(index) {
            outermost = None;
        }
    }
    last
}

/// Whether a step belongs to no peer.
const fn is_nobodys(op: &Op) -> bool {
    matches!(op, Op::Sleep(_) | Op::Repeat { .. } | Op::End { .. })
}

fn written(op: &Op) -> Act<'_> {
    match op {
        Op::Send(data) => Act::Send(data),
        Op::Say(pattern) => Act::Sample(pattern),
        Op::Expect(pattern) => Act::Expect(pattern),
        Op::Skip(pattern) => Act::Skip(pattern),
        Op::Maybe(pattern) => Act::Maybe(pattern),
        Op::Never(pattern) => Act::Never(pattern),
        Op::Eof => Act::Eof,
        Op::Reset => Act::Reset,
        Op::Connect => Act::Connect,
        Op::Close => Act::Close,
        Op::Fin => Act::Fin,
        Op::Abort => Act::Abort,
        Op::StartTls(with) => Act::StartTls(with),
        Op::Sleep(time) => Act::Sleep(*time),
        Op::Repeat { times, every, end } => Act::Repeat { times: *times, every: *every, end: *end as usize },
        Op::End { start } => Act::End { start: *start as usize },
    }
}

/// An operation as it is written.
pub(super) const fn word(op: &Op) -> &'static str {
    match op {
        Op::Send(_) | Op::Say(_) => ">",
        Op::Expect(_) => "<",
        Op::Skip(_) => "<~",
        Op::Maybe(_) => "<?",
        Op::Never(_) => "<never",
        Op::Eof => "<eof",
        Op::Reset => "<reset",
        Op::Connect => "connect",
        Op::Close => "close",
        Op::Fin => "fin",
        Op::Abort => "reset",
        Op::StartTls(_) => "starttls",
        Op::Sleep(_) => "sleep",
        Op::Repeat { .. } => "repeat",
        Op::End { .. } => "end",
    }
}

/// The peers whose sessions a server may be asked to play: those that listen, as they are written; if there are none,
/// those that connect, with their arrows turned.
pub(super) fn served(program: &Program) -> Vec<(u16, Side)> {
    let of = |role: Role, side: Side| {
        let peers = program.peers.iter().enumerate().filter(move |(_, peer)| peer.role == role);
        peers.filter_map(move |(index, _)| Some((u16::try_from(index).ok()?, side))).collect::<Vec<_>>()
    };
    let listening = of(Role::Listen, Side::AsWritten);
    if listening.is_empty() { of(Role::Connect, Side::Flipped) } else { listening }
}
