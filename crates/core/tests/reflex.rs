//! A conversation that says what becomes of every message is spared them: what is sent and counted is the same as if it had
//! been shown each one.

use proptest::collection::vec;
use proptest::prelude::*;
use sockeye_core::framing::ALL;
use sockeye_core::{Conversation, Framing, Input, Lane, Machine, Medium, Outbox, PEER, Reflex, Tick};

const MAX: usize = 24;

/// Echoes or drops, and counts what it is shown.
struct Simple {
    does: Reflex,
    says_so: bool,
}

impl Conversation for Simple {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        if let (Input::Message { data, .. }, Reflex::Echo) = (input, self.does) {
            out.message(data);
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }

    fn reflex(&self) -> Option<Reflex> {
        self.says_so.then_some(self.does)
    }
}

/// What is sent, how many messages came and went, and what was wrong.
fn outcome(
    conversation: Simple,
    lane: Lane,
    reads: &[Vec<u8>],
) -> (Vec<u8>, usize, (u64, u64), Option<String>) {
    let mut machine = Machine::new(Box::new(conversation), lane, MAX).bursting(40);
    let mut out = Outbox::new(|| 0);
    let (mut sent, mut sends) = (Vec::new(), 0);
    let mut take = |out: &mut Outbox| {
        sent.extend_from_slice(out.bytes());
        sends += out.ops().len();
        out.reset();
    };
    let mut wrong = None;
    for read in reads {
        let mut read = read.clone();
        let mut done = match lane.medium {
            Medium::Bytes => machine.bytes(Tick::ZERO, PEER, &mut read, &mut out),
            Medium::Messages => machine.message(Tick::ZERO, PEER, &mut read, &mut out),
            Medium::Datagrams => machine.datagram(Tick::ZERO, PEER, &mut read, &mut out),
        };
        take(&mut out);
        while done.is_ok() && machine.is_behind() {
            done = machine.resume(Tick::ZERO, &mut out);
            take(&mut out);
        }
        if let Err(fault) = done {
            wrong = Some(format!("{fault:?}"));
            break;
        }
    }
    let last = if wrong.is_some() { Ok(()) } else { machine.eof(Tick::ZERO, PEER, &mut out) };
    take(&mut out);
    wrong = wrong.or(last.err().map(|fault| format!("{fault:?}")));
    (sent, sends, machine.messages(), wrong)
}

/// Bytes that end messages of one framing or another, and others.
fn reads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(proptest::sample::select(&b"ab\n\n\0\0\r\x02\x03"[..]), 0..60), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_dealt_with_at_once_is_what_would_be_dealt_with_one_by_one(reads in reads()) {
        let specs = ALL.iter().flat_map(|entry| entry.examples).map(|example| example.spec);
        for framing in specs.map(|spec| Framing::parse(spec).expect("an example")) {
            for medium in [Medium::Bytes, Medium::Messages, Medium::Datagrams] {
                for does in [Reflex::Echo, Reflex::Drop] {
                    let lane = Lane { framing, medium };
                    let at_once = outcome(Simple { does, says_so: true }, lane, &reads);
                    prop_assert_eq!(at_once, outcome(Simple { does, says_so: false }, lane, &reads), "{}", framing.spec());
                }
            }
        }
    }
}

#[test]
fn lines_of_one_read_are_not_shown_one_by_one() {
    struct Never;

    impl Conversation for Never {
        fn handle(&mut self, _now: Tick, input: Input<'_>, _out: &mut Outbox) {
            assert!(!matches!(input, Input::Message { .. }), "{input:?}");
        }

        fn deadline(&self) -> Option<Tick> {
            None
        }

        fn reflex(&self) -> Option<Reflex> {
            Some(Reflex::Echo)
        }
    }

    let lane = Lane::stream(Framing::parse("line").expect("a framing"));
    let mut machine = Machine::new(Box::new(Never), lane, 1024);
    let mut out = Outbox::new(|| 0);
    machine.bytes(Tick::ZERO, PEER, &mut b"one\n\ntwo\nrest".to_vec(), &mut out).expect("lines");
    assert_eq!((out.bytes(), machine.messages(), machine.held()), (&b"one\n\ntwo\n"[..], (3, 3), 4));
    assert!(out.ops().is_empty());
}
