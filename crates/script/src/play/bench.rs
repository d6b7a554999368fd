//! What the tests of plays are run on: programs made by hand, a driver without sockets, and two plays joined in memory.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::{
    Address, Conversation, Effect, Framing, Input, Lane, Leg, Machine, Op as Asked, Outbox, PEER, Peer,
    SessionId, Tick,
};

use super::{Ended, Failure, Options, Outcome, begin};
use crate::data::Data;
use crate::pattern::Pattern;
use crate::program::{Cast, Op, Place, Program, Role, Source, Step};

/// A program that is written down step by step.
pub(super) struct Draft {
    program: Program,
    text: String,
}

impl Draft {
    /// One peer `c` that connects.
    pub(super) fn client() -> Self {
        Self::default().peer("c", Role::Connect, "tcp://127.0.0.1:1")
    }

    fn default() -> Self {
        Self { program: Program::default(), text: String::new() }
    }

    pub(super) fn peers(names: &[&str]) -> Self {
        let draft = Self::default();
        names.iter().fold(draft, |draft, name| draft.peer(name, Role::Connect, "tcp://127.0.0.1:1"))
    }

    pub(super) fn peer(mut self, name: &str, role: Role, endpoint: &str) -> Self {
        let place = self.line(&format!("peer {name} {endpoint}"));
        self.program.peers.push(Cast { name: name.into(), role, endpoint: endpoint.into(), place });
        self
    }

    fn line(&mut self, text: &str) -> Place {
        let start = u32::try_from(self.text.len()).unwrap();
        self.text.push_str(text);
        let end = u32::try_from(self.text.len()).unwrap();
        self.text.push('\n');
        Place { source: 0, start, end }
    }

    pub(super) fn step(mut self, peer: u16, op: Op) -> Self {
        let place = self.line(super::score::word(&op));
        self.program.steps.push(Step { peer, op, within: None, after: None, label: None, place });
        self
    }

    pub(super) fn send(self, peer: u16, bytes: &[u8]) -> Self {
        self.step(peer, Op::Send(Data::literal(bytes)))
    }

    pub(super) fn expect(self, peer: u16, bytes: &[u8]) -> Self {
        self.step(peer, Op::Expect(Pattern::literal(bytes)))
    }

    /// Gives the last step a time.
    pub(super) fn within(mut self, from: u64, to: u64) -> Self {
        let span = (Duration::from_millis(from), Duration::from_millis(to));
        self.program.steps.last_mut().unwrap().within = Some(span);
        self
    }

    /// Says when the last step happened.
    pub(super) fn after(mut self, millis: u64) -> Self {
        self.program.steps.last_mut().unwrap().after = Some(Duration::from_millis(millis));
        self
    }

    /// Repeats what `inner` adds.
    pub(super) fn repeat(mut self, times: u64, every: u64, inner: impl FnOnce(Self) -> Self) -> Self {
        let start = self.program.steps.len();
        let every = Duration::from_millis(every);
        self = inner(self.step(0, Op::Repeat { times, every, end: 0 }));
        let end = u32::try_from(self.program.steps.len()).unwrap();
        self.program.steps[start].op = Op::Repeat { times, every, end };
        self.step(0, Op::End { start: u32::try_from(start).unwrap() })
    }

    pub(super) fn ignoring(mut self, bytes: &[u8]) -> Self {
        self.program.settings.ignore.push((None, Pattern::literal(bytes)));
        self
    }

    pub(super) fn program(mut self) -> Arc<Program> {
        self.program.sources = vec![Source::new("a.skt", &self.text)];
        Arc::new(self.program)
    }
}

/// A play, and what it asked for.
pub(super) struct Bench {
    machine: Machine,
    out: Outbox,
    pub(super) now: Tick,
    pub(super) outcome: Outcome,
    /// What went to each leg, in order.
    pub(super) sent: Vec<(Leg, Vec<u8>)>,
    /// Effects and ends, as they came.
    pub(super) asked: Vec<String>,
    /// Whether what is sent is written at once.
    pub(super) writes: bool,
    pub(super) is_over: bool,
}

pub(super) const LINE: Lane = Lane::stream(Framing::Line(sockeye_core::framing::Line));
pub(super) const RAW: Lane = Lane::stream(Framing::RAW);

impl Bench {
    /// Every peer of a program.
    pub(super) fn all(draft: Draft) -> Self {
        Self::with(draft, Options::default())
    }

    pub(super) fn with(draft: Draft, options: Options) -> Self {
        let (play, outcome) = begin(draft.program(), options).unwrap();
        Self::of(Box::new(play), outcome, RAW)
    }

    pub(super) fn of(conversation: Box<dyn Conversation>, outcome: Outcome, lane: Lane) -> Self {
        let mut bench = Self {
            machine: Machine::new(conversation, lane, 1 << 20),
            out: Outbox::new(|| 0),
            now: Tick::ZERO,
            outcome,
            sent: Vec::new(),
            asked: Vec::new(),
            writes: true,
            is_over: false,
        };
        bench.machine.opened(bench.now, &mut bench.out);
        bench.apply();
        bench
    }

    fn apply(&mut self) {
        let ops = self.out.take_ops();
        let bytes = self.out.bytes().to_vec();
        self.out.reset();
        let (mut start, mut leg) = (0, PEER);
        let mut drained = Vec::new();
        for op in ops {
            match op {
                Asked::Own(end) => {
                    self.sent.push((leg, bytes[start..end].to_vec()));
                    start = end;
                }
                Asked::To(next) => leg = next,
                Asked::Effect(Effect::Drained { leg }) => drained.push(leg),
                Asked::Effect(effect) => self.asked.push(format!("{effect:?}")),
                Asked::Close | Asked::Abort => {
                    self.asked.push(format!("{op:?}"));
                    self.is_over = true;
                }
                op => self.asked.push(format!("{op:?} {leg}")),
            }
        }
        for leg in drained {
            if self.writes {
                self.input(Input::Drained { leg });
            }
        }
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.machine.input(self.now, input, &mut self.out);
        self.apply();
    }

    /// The leg a step asked for is there.
    pub(super) fn open(&mut self, leg: Leg, lane: Lane) {
        self.machine.leg_opened(self.now, leg, lane, &mut self.out);
        self.apply();
    }

    pub(super) fn come(&mut self, leg: Leg, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        self.machine.bytes(self.now, leg, &mut bytes, &mut self.out).unwrap();
        self.apply();
    }

    pub(super) fn eof(&mut self, leg: Leg) {
        self.machine.eof(self.now, leg, &mut self.out).unwrap();
        self.apply();
    }

    pub(super) fn later(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }

    /// Time passes until something is wanted. `false`: nothing is.
    pub(super) fn wait(&mut self) -> bool {
        let Some(deadline) = self.machine.deadline() else { return false };
        self.now = self.now.max(deadline);
        self.input(Input::Timeout);
        true
    }

    /// Time passes until the play is over.
    pub(super) fn end(&mut self) -> Ended {
        for _ in 0..100 {
            if let Some(ended) = self.outcome.take() {
                return ended;
            }
            assert!(self.wait(), "it waits for ever");
        }
        panic!("it never ends");
    }

    pub(super) fn failure(&mut self) -> Failure {
        *self.end().result.unwrap_err()
    }

    /// Everything sent to a leg.
    pub(super) fn bytes(&self, leg: Leg) -> Vec<u8> {
        self.sent.iter().filter(|(to, _)| *to == leg).flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

/// A peer for a mock.
pub(super) fn caller(session: u64) -> Peer {
    Peer {
        session: SessionId(session),
        transport: "tcp",
        datagrams: false,
        local: Address::Stdio,
        remote: Address::Stdio,
        user: None,
    }
}
