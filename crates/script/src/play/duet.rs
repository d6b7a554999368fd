//! A program played against itself: every peer of it on one side, a mock of it on the other, and between them bytes that
//! are cut and delayed at random.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use sockeye_core::{Effect, Input, Lane, Leg, Machine, Op as Asked, Outbox, PEER, Service, Tick};

use super::bench::{Draft, LINE, RAW, caller};
use super::{Ended, Mock, Options, Reuse, begin};
use crate::pattern::Pattern;
use crate::program::{Op, Program};

/// What travels one way.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    is_ended: bool,
    is_told: bool,
}

/// Two sides, and a connection for each leg of the first.
struct Duet {
    sides: Vec<Machine>,
    out: Outbox,
    now: Tick,
    lane: Lane,
    mock: Mock,
    /// Of each connection: the leg, the mock's session, what goes there, what comes back.
    wires: Vec<(Leg, usize, Pipe, Pipe)>,
    random: u64,
}

impl Duet {
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % below as u64).unwrap()
    }

    /// Does what a side asked for.
    fn apply(&mut self, side: usize) {
        let ops = self.out.take_ops();
        let bytes = self.out.bytes().to_vec();
        self.out.reset();
        let (mut start, mut leg) = (0, PEER);
        let mut opened = Vec::new();
        for op in ops {
            match op {
                Asked::Own(end) => {
                    if let Some(pipe) = self.pipe(side, leg) {
                        pipe.bytes.extend(&bytes[start..end]);
                    }
                    start = end;
                }
                Asked::To(next) => leg = next,
                Asked::Finish => self.end(side, leg),
                Asked::Close | Asked::Abort => self.end(side, PEER),
                Asked::Effect(Effect::Hang { leg }) => self.end(side, leg),
                Asked::Effect(Effect::Connect { leg, .. }) => opened.push(leg),
                _ => {}
            }
        }
        for leg in opened {
            let session = self.sides.len();
            let conversation = self.mock.start(&caller(session as u64));
            self.sides.push(Machine::new(conversation, self.lane, 1 << 20));
            self.wires.push((leg, session, Pipe::default(), Pipe::default()));
            self.sides[session].opened(self.now, &mut self.out);
            self.apply(session);
            self.sides[0].leg_opened(self.now, leg, self.lane, &mut self.out);
            self.apply(0);
        }
    }

    fn pipe(&mut self, side: usize, leg: Leg) -> Option<&mut Pipe> {
        let wires = self.wires.iter_mut();
        wires
            .filter(|wire| if side == 0 { wire.0 == leg } else { wire.1 == side })
            .map(|wire| if side == 0 { &mut wire.2 } else { &mut wire.3 })
            .next()
    }

    fn end(&mut self, side: usize, leg: Leg) {
        if let Some(pipe) = self.pipe(side, leg) {
            pipe.is_ended = true;
        }
    }

    /// Moves something somewhere. `false`: nothing can move.
    fn step(&mut self) -> bool {
        let count = self.wires.len() * 2;
        let first = if count == 0 { 0 } else { self.random(count) };
        for at in 0..count {
            let way = (first + at) % count;
            let most = 1 + self.random(9);
            let (leg, session, there, back) = &mut self.wires[way / 2];
            let (pipe, side, leg) =
                if way.is_multiple_of(2) { (there, *session, PEER) } else { (back, 0, *leg) };
            if !pipe.bytes.is_empty() {
                let count = most.min(pipe.bytes.len());
                let mut chunk: Vec<u8> = pipe.bytes.drain(..count).collect();
                self.sides[side].bytes(self.now, leg, &mut chunk, &mut self.out).unwrap();
            } else if pipe.is_ended && !pipe.is_told {
                pipe.is_told = true;
                self.sides[side].eof(self.now, leg, &mut self.out).unwrap();
            } else {
                continue;
            }
            self.apply(side);
            return true;
        }
        false
    }

    /// Lets time pass until somebody wants it. `false`: nobody does.
    fn wait(&mut self) -> bool {
        let next =
            self.sides.iter().enumerate().filter_map(|(side, machine)| Some((machine.deadline()?, side)));
        let Some((at, side)) = next.min() else { return false };
        self.now = self.now.max(at);
        self.sides[side].input(self.now, Input::Timeout, &mut self.out);
        self.apply(side);
        true
    }
}

/// Plays a program against the mock of another: what came of it, and how many sessions of the mock passed and failed.
fn play(played: &Arc<Program>, mocked: &Arc<Program>, lane: Lane, seed: u64) -> (Ended, usize, usize) {
    let told = Arc::new(Mutex::new((0, 0)));
    let tell = Arc::clone(&told);
    let mock = Mock::new(mocked, Options::default(), Reuse::Never).unwrap().reporting(move |played| {
        let mut told = tell.lock().unwrap();
        if played.ended.result.is_ok() { told.0 += 1 } else { told.1 += 1 }
    });
    let (play, outcome) = begin(Arc::clone(played), Options::default()).unwrap();
    let mut duet = Duet {
        sides: vec![Machine::new(Box::new(play), RAW, 1 << 20)],
        out: Outbox::new(|| 0),
        now: Tick::ZERO,
        lane,
        mock,
        wires: Vec::new(),
        random: seed | 1,
    };
    duet.sides[0].opened(Tick::ZERO, &mut duet.out);
    duet.apply(0);
    while duet.step() || duet.wait() {
        assert!(duet.now.since(Tick::ZERO) < Duration::from_mins(1), "it goes on for ever");
    }
    drop(duet);
    let (passed, failed) = *told.lock().unwrap();
    (outcome.take().unwrap(), passed, failed)
}

/// A conversation as it might be recorded: of each step whose it is, which way, and what is said.
fn conversation() -> impl Strategy<Value = Vec<(u16, bool, Vec<u8>)>> {
    let said = prop::collection::vec(prop::sample::select(b"ab \x00\xff".to_vec()), 0..12);
    prop::collection::vec((0..4u16, any::<bool>(), said), 0..40)
}

fn program(steps: &[(u16, bool, Vec<u8>)], lane: Lane, ends: bool) -> Arc<Program> {
    let mut draft = Draft::peers(&["c1", "c2", "c3", "c4"]);
    for peer in 0..4 {
        draft = draft.send(peer, format!("I am {peer}.").as_bytes());
    }
    for (peer, is_sent, said) in steps.iter().filter(|(_, _, said)| lane != RAW || !said.is_empty()) {
        draft = if *is_sent { draft.send(*peer, said) } else { draft.expect(*peer, said) };
    }
    for peer in 0..4 {
        draft = if ends { draft.step(peer, Op::Fin).step(peer, Op::Eof) } else { draft.expect(peer, b"bye") };
    }
    draft.program()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_program_passes_against_itself(
        steps in conversation(), is_framed: bool, ends: bool, seed: u64,
    ) {
        let lane = if is_framed { LINE } else { RAW };
        let program = program(&steps, lane, ends);
        let (ended, passed, failed) = play(&program, &program, lane, seed);
        prop_assert!(ended.result.is_ok(), "{:?}", ended.result);
        prop_assert_eq!((passed, failed), (4, 0));
    }

    #[test]
    fn what_is_not_said_fails_where_it_is_written(steps in conversation(), is_framed: bool, seed: u64, at: prop::sample::Index) {
        let lane = if is_framed { LINE } else { RAW };
        let program = program(&steps, lane, true);
        let mut other = (*program).clone();
        let expects: Vec<usize> = (0..other.steps.len())
            .filter(|step| matches!(other.steps[*step].op, Op::Expect(_)))
            .collect();
        prop_assume!(!expects.is_empty());
        let step = expects[at.index(expects.len())];
        other.steps[step].op = Op::Expect(Pattern::literal(b"something else"));
        let (ended, ..) = play(&Arc::new(other), &program, lane, seed);
        let failure = ended.result.unwrap_err();
        prop_assert_eq!(failure.spot.line as usize, step + 5, "{:?}", failure.kind);
    }
}
