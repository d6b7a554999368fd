//! `forward` and `exec` beyond their examples: halves that end apart, ends that fail, sides that travel differently.

use sockeye_core::{Code, Framing};
use sockeye_service::{Given, find};
use sockeye_testkit::{Caller, Chunking, Ending, Stage, process};

const TARGET: &str = "tcp://127.0.0.1:7788";

fn stage(name: &str, args: &[&str]) -> Stage {
    let entry = find(name).expect("it is registered");
    let given = Given::read(entry, args).expect("its arguments are good");
    Stage::new((entry.build)(&given).expect("it can be built")).spawning(process::start)
}

fn joined(stage: &mut Stage) -> (Caller, Caller) {
    let peer = stage.connect();
    (peer, stage.called(TARGET).expect("the target is called"))
}

#[test]
fn each_half_of_a_forwarded_connection_ends_by_itself() {
    let mut stage = stage("forward", &[TARGET]).listening(TARGET);
    let (peer, target) = joined(&mut stage);
    stage.send(peer, b"question");
    stage.fin(peer);
    assert_eq!(stage.received(target), b"question");
    assert_eq!(stage.ended(target), Some(Ending::Fin));
    assert_eq!(stage.ended(peer), None);
    stage.send(target, b"answer");
    stage.fin(target);
    assert_eq!(stage.received(peer), b"answer");
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
    assert_eq!(stage.sessions(), 0);
}

#[test]
fn much_is_forwarded_both_ways_at_once_through_small_windows() {
    let mut stage = stage("forward", &[TARGET]).listening(TARGET).window(500).chunked(Chunking::Random(7));
    let (peer, target) = joined(&mut stage);
    let much: Vec<u8> = (0..20_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    stage.send(peer, &much);
    stage.send(target, &much);
    assert_eq!(stage.take(target, much.len()), much);
    assert_eq!(stage.take(peer, much.len()), much);
}

#[test]
fn a_reset_is_forwarded_as_a_reset() {
    let mut from_peer = stage("forward", &[TARGET]).listening(TARGET);
    let (peer, target) = joined(&mut from_peer);
    from_peer.reset(peer);
    assert_eq!(from_peer.ended(target), Some(Ending::Reset));

    let mut from_target = stage("forward", &[TARGET]).listening(TARGET);
    let (peer, target) = joined(&mut from_target);
    from_target.reset(target);
    assert_eq!(from_target.ended(peer), Some(Ending::Reset));
    assert_eq!(from_target.sessions(), 0);
}

#[test]
fn a_target_that_refuses_is_a_fault_without_its_password() {
    let mut stage = stage("forward", &["tcp://127.0.0.1:1"]);
    let peer = stage.connect();
    let faults = stage.faults();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].code, Code::Refused);
    assert_eq!(faults[0].subject, "forward tcp://127.0.0.1:1");
    assert!(stage.ended(peer).is_some());
}

#[test]
fn a_target_that_cannot_be_read_is_a_fault_at_once() {
    let entry = find("forward").unwrap();
    for words in [&[][..], &["nonsense"], &["tcp://127.0.0.1:99999"]] {
        let given = Given::read(entry, words).unwrap();
        assert!((entry.build)(&given).is_err(), "{words:?}");
    }
}

#[test]
fn a_stream_is_forwarded_to_datagrams_message_by_message() {
    const UDP: &str = "udp://127.0.0.1:7";
    let line = Framing::parse("line").unwrap();
    let mut stage = stage("forward", &[UDP]).listening(UDP).framed(line);
    let peer = stage.connect();
    let target = stage.called(UDP).unwrap();
    stage.send(peer, b"one\ntwo\n");
    assert_eq!(stage.datagram(target).unwrap(), b"one");
    assert_eq!(stage.datagram(target).unwrap(), b"two");
    stage.send(target, b"three");
    assert_eq!(stage.received(peer), b"three\n");
}

#[test]
fn a_stream_that_ends_ends_its_datagrams_after_the_last_answers() {
    const UDP: &str = "udp://127.0.0.1:7";
    let mut stage = stage("forward", &[UDP]).listening(UDP);
    let peer = stage.connect();
    let target = stage.called(UDP).unwrap();
    stage.send(peer, b"last");
    stage.fin(peer);
    assert_eq!(stage.datagram(target).unwrap(), b"last");
    stage.send(target, b"answer");
    assert_eq!(stage.received(peer), b"answer");
    assert_eq!((stage.ended(peer), stage.sessions()), (None, 1));
    assert!(stage.advance());
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
    assert_eq!(stage.sessions(), 0);
}

#[test]
fn datagrams_whose_target_ends_are_forgotten() {
    let mut stage = stage("forward", &[TARGET]).listening(TARGET);
    let peer = stage.datagrams();
    stage.send(peer, b"question");
    let target = stage.called(TARGET).unwrap();
    assert_eq!(stage.received(target), b"question");
    stage.send(target, b"answer");
    stage.fin(target);
    assert_eq!(stage.datagram(peer).unwrap(), b"answer");
    assert_eq!(stage.sessions(), 0);
}

#[test]
fn one_service_forwards_to_another() {
    let upper = find("upper").unwrap();
    let upper = (upper.build)(&Given::default()).unwrap();
    let mut stage = stage("forward", &[TARGET]).answering(TARGET, upper);
    let peer = stage.connect();
    stage.send(peer, b"hello");
    stage.fin(peer);
    assert_eq!(stage.received(peer), b"HELLO");
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
    assert_eq!(stage.sessions(), 0);
}

#[test]
fn each_peer_has_a_process_of_its_own() {
    let mut stage = stage("exec", &["cat"]);
    let (one, two) = (stage.connect(), stage.connect());
    stage.send(one, b"one");
    stage.send(two, b"two");
    assert_eq!(stage.received(one), b"one");
    assert_eq!(stage.received(two), b"two");
    stage.reset(one);
    stage.fin(two);
    assert_eq!(stage.ended(two), Some(Ending::Fin));
    assert_eq!(stage.sessions(), 0);
}

#[test]
fn the_session_ends_with_its_process() {
    let mut stage = stage("exec", &["true"]);
    let peer = stage.connect();
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
    assert_eq!(stage.sessions(), 0);
}

#[test]
fn stopping_leaves_a_process_to_its_peer() {
    let mut stage = stage("exec", &["cat"]);
    let peer = stage.connect();
    stage.stop();
    stage.send(peer, b"last words");
    assert_eq!(stage.received(peer), b"last words");
    assert_eq!(stage.ended(peer), None);
    stage.fin(peer);
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
}

#[test]
fn a_command_that_cannot_be_started_is_a_fault() {
    let mut stage = stage("exec", &["no-such-command", "--flag"]);
    stage.connect();
    let faults = stage.faults();
    assert_eq!(faults[0].code, Code::CannotStart);
    assert_eq!(faults[0].value("command"), "no-such-command --flag");
}
