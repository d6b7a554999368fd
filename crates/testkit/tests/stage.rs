//! The memory driver itself: time, stdin, bounds, and that the runner of examples notices what is wrong.

use std::time::Duration;

use sockeye_core::{Code, Conversation, Framing, Input, Lane, Limits, OPERATOR, Outbox, Peer, Service, Tick};
use sockeye_service::{Example, Step, find};
use sockeye_testkit::{Chunking, Ending, Stage, run_in_memory};

/// Sends stdin's lines, a `tick` each second, and FIN when stdin ends.
struct Client {
    next: Tick,
}

impl Conversation for Client {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { .. } => self.next = now + Duration::from_secs(1),
            Input::Timeout => {
                self.next = now + Duration::from_secs(1);
                out.message(b"tick");
            }
            Input::Message { leg: OPERATOR, data } => out.message(data),
            Input::Message { data, .. } => out.print(data),
            Input::Eof { leg: OPERATOR } => out.finish(),
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        Some(self.next)
    }
}

#[test]
fn a_client_has_stdin_and_time_that_moves_when_told() {
    let line = Lane::stream(Framing::parse("line").unwrap());
    let (mut stage, peer) = Stage::solo(Box::new(Client { next: Tick::ZERO }), line);
    stage.stdin(b"hello");
    assert_eq!(stage.received(peer), b"hello\n");
    assert!(stage.advance());
    assert!(stage.advance());
    assert_eq!(stage.now(), Tick(2_000_000_000));
    assert_eq!(stage.received(peer), b"tick\ntick\n");
    stage.stdin_eof();
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
    stage.send(peer, b"late\n");
    assert_eq!(stage.printed(), b"late");
    stage.fin(peer);
    assert_eq!(stage.sessions(), 0);
    assert!(!stage.advance());
}

/// Answers every message with a mebibyte.
struct Flood;

impl Service for Flood {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

impl Conversation for Flood {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        if let Input::Message { .. } = input {
            out.message(&vec![0; 1 << 20]);
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

#[test]
fn a_peer_that_does_not_read_costs_its_share_and_is_cut() {
    let limits = Limits { waiting_per_peer: 4 << 20, ..Limits::default() };
    let mut stage = Stage::new(Box::new(Flood)).framed(Framing::parse("line").unwrap()).limited(limits);
    let peer = stage.connect();
    stage.send(peer, &b"x\n".repeat(8));
    assert_eq!(stage.faults()[0].code, Code::Overflow);
    assert_eq!(stage.ended(peer), Some(Ending::Reset));
}

#[test]
fn an_output_that_is_not_taken_stops_the_reading() {
    let mut stage = Stage::new(Box::new(Flood)).framed(Framing::parse("line").unwrap()).window(1);
    let peer = stage.connect();
    for _ in 0..20 {
        stage.send(peer, b"x\n");
    }
    assert!(stage.faults().is_empty());
    assert_eq!(stage.take(peer, 20 << 20).len(), 20 << 20);
}

#[test]
fn the_runner_names_the_step_that_went_wrong() {
    let echo = find("echo").unwrap();
    let wrong = |steps| {
        let example = Example { args: &[], datagrams: false, framing: "", whole: false, steps };
        run_in_memory(echo, &example, Chunking::Whole).unwrap_err().step
    };
    assert_eq!(wrong(&[Step::Send(b"a"), Step::Expect(b"b")]), 2);
    assert_eq!(wrong(&[Step::Send(b"a"), Step::ExpectSize(2)]), 2);
    assert_eq!(wrong(&[Step::ExpectEof]), 1);
    assert_eq!(wrong(&[Step::Send(b"a"), Step::Fin, Step::ExpectEof]), 3);
    assert_eq!(wrong(&[Step::Send(b"a"), Step::Expect(b"a"), Step::Print(b"a")]), 3);
}
