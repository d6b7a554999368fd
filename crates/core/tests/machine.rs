//! A machine with two legs: however the bytes of either leg were cut, what is sent and what is observed is the same.

use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use sockeye_core::{
    Code, Conversation, Direction, Effect, Event, Framing, Input, Kind, Lane, Leg, Machine, Observer, Op,
    Outbox, PEER, SessionId, Tick,
};

const MAX: usize = 32;

/// The leg beside the peer's.
const OTHER: Leg = 1;

/// Hands messages and FINs from each leg to the other, but answers `ping` itself; ends after both FINs, or on `end`.
#[derive(Default)]
struct Relay {
    fins: u8,
}

impl Conversation for Relay {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => out.effect(Effect::Connect { leg: OTHER, to: "tcp://h:1".into() }),
            Input::Message { data: b"end", .. } => out.close(),
            // Without `to`: every input begins at the peer, whatever the last one chose.
            Input::Message { data: b"ping", .. } => out.message(b"pong"),
            Input::Message { leg, data } => {
                out.to(OTHER - leg);
                out.message(data);
            }
            Input::Eof { leg } => {
                out.to(OTHER - leg);
                out.finish();
                self.fins += 1;
                if self.fins == 2 {
                    out.close();
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        Some(Tick(1))
    }
}

/// Keeps the messages it is shown.
#[derive(Default)]
struct Seen(Mutex<Vec<(Leg, Direction, Vec<u8>)>>);

impl Observer for Seen {
    fn event(&self, event: &Event<'_>) {
        if let Kind::Message { leg, direction, data } = event.kind {
            self.0.lock().expect("one thread").push((leg, direction, data.to_vec()));
        }
    }

    fn wants_wire(&self) -> bool {
        false
    }
}

/// What a driver has done.
#[derive(Clone, Debug, PartialEq)]
enum Done {
    Wrote(Leg, Vec<u8>),
    Finished(Leg),
    Closed,
    Connected,
    Failed(Code),
}

/// Carries out what the outbox asks for, as a driver does, and joins writes that follow each other.
fn carry_out(out: &mut Outbox, done: &mut Vec<Done>) {
    let mut at = 0;
    let mut current = PEER;
    let ops = out.take_ops();
    for op in &ops {
        match op {
            Op::Own(end) => {
                let bytes = &out.bytes()[at..*end];
                at = *end;
                match done.last_mut() {
                    Some(Done::Wrote(leg, before)) if *leg == current => before.extend_from_slice(bytes),
                    _ => done.push(Done::Wrote(current, bytes.to_vec())),
                }
            }
            Op::To(leg) => current = *leg,
            Op::Finish => done.push(Done::Finished(current)),
            Op::Close => done.push(Done::Closed),
            Op::Effect(Effect::Connect { .. }) => done.push(Done::Connected),
            Op::Effect(Effect::Fail(fault)) => done.push(Done::Failed(fault.code)),
            other => panic!("not asked for: {other:?}"),
        }
    }
    assert_eq!(at, out.bytes().len());
    out.give_back(ops);
    out.reset();
}

fn framing(spec: &str) -> Framing {
    Framing::parse(spec).expect("a framing")
}

fn relay() -> (Machine, Outbox, Arc<Seen>, Vec<Done>) {
    let seen = Arc::new(Seen::default());
    let lane = Lane::stream(framing("line"));
    let mut machine =
        Machine::new(Box::new(Relay::default()), lane, MAX).watched(SessionId(1), Some(seen.clone()));
    let mut out = Outbox::new(|| 0);
    let mut done = Vec::new();
    machine.opened(Tick::ZERO, &mut out);
    machine.leg_opened(Tick::ZERO, OTHER, Lane::stream(framing("u16be")), &mut out);
    carry_out(&mut out, &mut done);
    (machine, out, seen, done)
}

/// Everything that comes of these reads.
#[derive(Debug, PartialEq)]
struct Outcome {
    done: Vec<Done>,
    seen: Vec<(Leg, Direction, Vec<u8>)>,
    messages: (u64, u64),
}

/// Relays `runs`, each cut into reads of these sizes in turn, then both FINs. `at_once`: one write for the reads of a
/// run.
fn run(runs: &[(Leg, Vec<u8>)], sizes: &[usize], at_once: bool) -> Outcome {
    let (mut machine, mut out, seen, mut done) = relay();
    let mut sizes = sizes.iter().cycle();
    let mut end = Ok(());
    'all: for (leg, bytes) in runs {
        let mut left = &bytes[..];
        while !left.is_empty() && end.is_ok() {
            let (read, after) = left.split_at(left.len().min(*sizes.next().unwrap_or(&1)));
            left = after;
            end = machine.bytes(Tick::ZERO, *leg, &mut read.to_vec(), &mut out);
            if !at_once || left.is_empty() {
                carry_out(&mut out, &mut done);
            }
        }
        if end.is_err() {
            break 'all;
        }
    }
    for leg in [PEER, OTHER] {
        if end.is_ok() {
            end = machine.eof(Tick::ZERO, leg, &mut out);
        }
    }
    carry_out(&mut out, &mut done);
    done.extend(end.err().map(|fault| Done::Failed(fault.code)));
    let seen = seen.0.lock().expect("one thread").clone();
    Outcome { done, seen, messages: machine.messages() }
}

/// What one leg sends in a run: mostly whole frames, now and then anything.
fn sent() -> impl Strategy<Value = (Leg, Vec<u8>)> {
    let message = || {
        prop_oneof![
            8 => vec(proptest::sample::select(&b"ab\n\r\0"[..]), 0..12),
            1 => Just(b"end".to_vec()),
        1 => Just(b"ping".to_vec()),
            1 => vec(any::<u8>(), 0..40),
        ]
    };
    let framed = (0..=OTHER, vec(message(), 0..5)).prop_map(|(leg, messages)| {
        let framing = framing(if leg == PEER { "line" } else { "u16be" });
        let mut bytes = Vec::new();
        for message in &messages {
            framing.wrap(message, &mut bytes).expect("it fits");
        }
        (leg, bytes)
    });
    prop_oneof![6 => framed, 1 => (0..=OTHER, vec(any::<u8>(), 0..6))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cutting_of_a_relays_bytes_gives_the_same(
        runs in vec(sent(), 0..8),
        sizes in vec(1..20usize, 1..8),
    ) {
        let whole = run(&runs, &[usize::MAX], false);
        for (sizes, at_once) in [(&sizes[..], false), (&sizes[..], true), (&[1][..], false)] {
            prop_assert_eq!(&run(&runs, sizes, at_once), &whole);
        }
    }
}

#[test]
fn messages_cross_between_framings_and_fins_follow_them() {
    let outcome = run(&[(PEER, b"one\ntwo\nlast".to_vec()), (OTHER, b"\0\x05three".to_vec())], &[4], false);
    let done = [
        Done::Connected,
        Done::Wrote(OTHER, b"\0\x03one\0\x03two".to_vec()),
        Done::Wrote(PEER, b"three\n".to_vec()),
        Done::Wrote(OTHER, b"\0\x04last".to_vec()),
        Done::Finished(OTHER),
        Done::Finished(PEER),
        Done::Closed,
    ];
    assert_eq!(outcome.done, done);
    assert_eq!(outcome.messages, (3, 1));
    let seen: Vec<_> =
        outcome.seen.iter().map(|(leg, way, data)| (*leg, way.word(), data.as_slice())).collect();
    assert_eq!(seen[..2], [(PEER, "in", &b"one"[..]), (OTHER, "out", b"one")]);
    assert_eq!(seen.len(), 8);
}

#[test]
fn a_leg_that_comes_again_begins_without_its_old_half_frame() {
    let (mut machine, mut out, _, mut done) = relay();
    for failed in [true, false] {
        machine.bytes(Tick::ZERO, OTHER, &mut b"\0\x05th".to_vec(), &mut out).expect("half a frame");
        assert!(machine.held() > 0);
        if failed {
            machine.input(Tick::ZERO, Input::Failed { leg: OTHER, why: "reset" }, &mut out);
            assert_eq!(machine.held(), 0);
        }
        machine.leg_opened(Tick::ZERO, OTHER, Lane::stream(framing("u16be")), &mut out);
        machine.bytes(Tick::ZERO, OTHER, &mut b"\0\x03new".to_vec(), &mut out).expect("a frame");
        carry_out(&mut out, &mut done);
        assert_eq!(done.pop(), Some(Done::Wrote(PEER, b"new\n".to_vec())));
    }
}

#[test]
fn after_the_end_nothing_is_delivered() {
    let (mut machine, mut out, seen, mut done) = relay();
    machine.bytes(Tick::ZERO, PEER, &mut b"end\nlate\n".to_vec(), &mut out).expect("lines");
    carry_out(&mut out, &mut done);
    machine.bytes(Tick::ZERO, PEER, &mut b"later\nhalf".to_vec(), &mut out).expect("lines");
    machine.datagram(Tick::ZERO, PEER, &mut b"later\nhalf".to_vec(), &mut out).expect("lines");
    machine.eof(Tick::ZERO, PEER, &mut out).expect("nothing left");
    machine.input(Tick::ZERO, Input::Stop, &mut out);
    assert!(out.is_empty());
    assert_eq!((machine.held(), machine.deadline(), machine.messages()), (0, None, (1, 0)));
    assert_eq!((done, seen.0.lock().expect("one thread").len()), (vec![Done::Connected, Done::Closed], 1));
}

#[test]
fn a_datagram_after_the_end_is_not_even_counted() {
    let seen = Arc::new(Seen::default());
    let machine = Machine::new(Box::new(Relay::default()), Lane::DGRAM, MAX);
    let mut machine = machine.watched(SessionId(1), Some(seen.clone()));
    let mut out = Outbox::new(|| 0);
    for data in [&b"end"[..], b"late"] {
        machine.datagram(Tick::ZERO, PEER, &mut data.to_vec(), &mut out).expect("a datagram");
    }
    assert_eq!((machine.messages(), seen.0.lock().expect("one thread").len()), ((1, 0), 1));
}

#[test]
fn a_short_tail_does_not_hold_the_memory_of_a_long_frame() {
    let mut machine = Machine::new(Box::new(Relay::default()), Lane::stream(framing("u32be")), 1 << 20);
    let mut out = Outbox::new(|| 0);
    let mut wire = Vec::new();
    framing("u32be").wrap(&vec![b'x'; 1 << 20], &mut wire).expect("it fits");
    wire.extend_from_slice(b"\0\0");
    for read in wire.chunks_mut(64 * 1024) {
        machine.bytes(Tick::ZERO, PEER, read, &mut out).expect("a frame");
    }
    assert_eq!(machine.held(), 2);
}

/// Lets go of its peer upon the message `go`, in one of three ways.
struct LetsGo(Effect);

impl Conversation for LetsGo {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data: b"go", .. } => out.effect(self.0.clone()),
            Input::Message { data, .. } => out.print(data),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

#[test]
fn what_comes_after_a_leg_was_let_go_of_is_kept_for_who_takes_it() {
    for effect in
        [Effect::Hang { leg: PEER }, Effect::Cut { leg: PEER }, Effect::Secure { leg: PEER, with: "".into() }]
    {
        for cut in 1..=10 {
            let lane = Lane::stream(framing("line"));
            let mut machine = Machine::new(Box::new(LetsGo(effect.clone())), lane, 1024);
            let mut out = Outbox::new(|| 0);
            let mut bytes = b"a\ngo\nb\nrest".to_vec();
            let (first, second) = bytes.split_at_mut(cut);
            let mut printed = Vec::new();
            let (mut rest, mut gone) = (Vec::new(), false);
            for part in [first, second] {
                if gone {
                    rest.extend_from_slice(part);
                    continue;
                }
                machine.bytes(Tick::ZERO, PEER, part, &mut out).unwrap();
                printed.extend_from_slice(out.printed());
                gone = out.ops().iter().any(|op| matches!(op, Op::Effect(asked) if *asked == effect));
                if gone {
                    rest = machine.take_rest(PEER);
                }
                out.reset();
            }
            assert_eq!(
                (printed.as_slice(), rest.as_slice()),
                (&b"a"[..], &b"b\nrest"[..]),
                "{cut} {effect:?}"
            );
            assert_eq!(machine.held(), 0);
        }
    }
}
