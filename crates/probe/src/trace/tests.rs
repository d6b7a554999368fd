//! Transcripts of connections, written as a ladder is read, and what the state machine and the fold make of them.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::machine::{Machine, leads};
use super::{End, Flags, Flow, Mark, Options, Seen, Segment};
use crate::sockets::State;

const CLIENT: &str = "192.0.2.1:40000";
const SERVER: &str = "198.51.100.2:80";

/// First numbers, close enough to the end for all to wrap.
const ISN: [u32; 2] = [u32::MAX - 1, 5_000];

fn addresses() -> (SocketAddr, SocketAddr) {
    (CLIENT.parse().unwrap(), SERVER.parse().unwrap())
}

/// A line as `> SYN 0`, `< SYN ACK 0 1`, `> PSH ACK 1 1 5`: direction, flags, relative numbers, length.
fn segment(line: &str) -> Segment {
    let (client, server) = addresses();
    let (arrow, rest) = line.split_at(1);
    let (own, other) = if arrow == ">" { (0, 1) } else { (1, 0) };
    let mut flags = Flags::default();
    let mut numbers = Vec::new();
    for word in rest.split_whitespace() {
        match word {
            "SYN" => flags = flags.and(Flags::SYN),
            "ACK" => flags = flags.and(Flags::ACK),
            "FIN" => flags = flags.and(Flags::FIN),
            "RST" => flags = flags.and(Flags::RST),
            "PSH" => flags = flags.and(Flags::PSH),
            number => numbers.push(number.parse::<u32>().unwrap()),
        }
    }
    let relative = |at: usize| numbers.get(at).copied().unwrap_or(0);
    let ack = if flags.has(Flags::ACK) { ISN[other].wrapping_add(relative(1)) } else { 0 };
    let (from, to) = if own == 0 { (client, server) } else { (server, client) };
    Segment {
        from,
        to,
        flags,
        seq: ISN[own].wrapping_add(relative(0)),
        ack,
        window: 1000,
        options: Options { scale: flags.has(Flags::SYN).then_some(2), ..Options::default() },
        length: relative(2),
        head: Vec::new(),
        hops: 64,
    }
}

fn flow(transcript: &str) -> Flow {
    let (client, server) = addresses();
    let lines = transcript.lines().map(str::trim).filter(|line| !line.is_empty());
    let seen: Vec<Seen> = (0..).zip(lines).map(|(at, line)| Seen { at, segment: segment(line) }).collect();
    Flow::of(client, server, &seen)
}

/// The states of both ends, line by line, as `SYN-SENT|LISTEN`; unchanged ones are left out.
fn walk(transcript: &str) -> Vec<String> {
    let flow = flow(transcript);
    let line = |step: &super::Step| {
        let of = |end: End| -> String {
            let own = step.changes.iter().filter(|change| change.end == end);
            own.map(|change| change.to.name()).collect::<Vec<_>>().join(" ")
        };
        format!("{}|{}", of(End::Client), of(End::Server))
    };
    flow.steps.iter().map(line).collect()
}

const OPEN: &str = "> SYN 0\n< SYN ACK 0 1\n> ACK 1 1\n";
const OPENED: [&str; 3] = ["SYN-SENT|SYN-RECEIVED", "ESTABLISHED|", "|ESTABLISHED"];

fn after_open(rest: &str) -> Vec<String> {
    let walked = walk(&format!("{OPEN}{rest}"));
    assert_eq!(walked[..3], OPENED);
    walked[3..].to_vec()
}

#[test]
fn a_close_of_four_segments_is_four() {
    let closed = after_open("> FIN ACK 1 1\n< ACK 1 2\n< FIN ACK 1 2\n> ACK 2 2");
    assert_eq!(closed, ["FIN-WAIT-1|CLOSE-WAIT", "FIN-WAIT-2|", "TIME-WAIT|LAST-ACK", "|CLOSED"]);
    assert!(flow(&format!("{OPEN}> FIN ACK 1 1\n< ACK 1 2\n< FIN ACK 1 2\n> ACK 2 2")).is_over());
}

#[test]
fn a_close_of_three_segments_is_three() {
    let closed = after_open("> FIN ACK 1 1\n< FIN ACK 1 2\n> ACK 2 2");
    // One segment acknowledges a FIN and is one: FIN-WAIT-2 is passed, as section 3.10.7.4 has it.
    assert_eq!(closed, ["FIN-WAIT-1|CLOSE-WAIT", "FIN-WAIT-2 TIME-WAIT|LAST-ACK", "|CLOSED"]);
}

#[test]
fn the_server_may_close_first() {
    let closed = after_open("< FIN ACK 1 1\n> ACK 1 2\n> FIN ACK 1 2\n< ACK 2 2");
    assert_eq!(closed, ["CLOSE-WAIT|FIN-WAIT-1", "|FIN-WAIT-2", "LAST-ACK|TIME-WAIT", "CLOSED|"]);
}

#[test]
fn fins_that_cross_lead_through_closing() {
    let closed = after_open("> FIN ACK 1 1\n< FIN ACK 1 1\n> ACK 2 2\n< ACK 2 2");
    assert_eq!(closed, ["FIN-WAIT-1|", "CLOSING|FIN-WAIT-1 CLOSING", "|TIME-WAIT", "TIME-WAIT|"]);
}

#[test]
fn syns_that_cross_open_from_both_ends() {
    let opened = walk("> SYN 0\n< SYN 0\n> SYN ACK 0 1\n< SYN ACK 0 1");
    assert_eq!(opened[..2], ["SYN-SENT|", "SYN-RECEIVED|SYN-SENT SYN-RECEIVED"]);
    let flow = flow("> SYN 0\n< SYN 0\n> SYN ACK 0 1\n< SYN ACK 0 1");
    assert_eq!(flow.began, [Some(State::Closed); 2]);
    assert_eq!(flow.states, [Some(State::Established); 2]);
}

#[test]
fn a_reset_ends_both_at_once() {
    let cut = after_open("> PSH ACK 1 1 5\n< RST ACK 1 6");
    assert_eq!(cut, ["|", "CLOSED|CLOSED"]);
    // One that is not in place changes nothing for whom it reaches.
    let stray = after_open("< RST ACK 4000000000 1");
    assert_eq!(stray, ["|CLOSED"]);
}

#[test]
fn a_refused_connection_never_listened() {
    let refused = walk("> SYN 0\n< RST ACK 0 1");
    assert_eq!(refused, ["SYN-SENT|", "CLOSED|"]);
    assert_eq!(flow("> SYN 0\n< RST ACK 0 1").began[1], Some(State::Closed));
}

#[test]
fn nothing_is_known_of_an_end_that_says_nothing() {
    let silent = flow("> SYN 0\n> SYN 0\n> SYN 0");
    assert_eq!((silent.began, silent.states), ([Some(State::Closed), None], [Some(State::SynSent), None]));
    assert_eq!(silent.steps[1].marks, [Mark::Retransmission]);
    assert!(!silent.is_over());
}

#[test]
fn a_syn_that_is_sent_again_changes_nothing_more() {
    let opened = walk("> SYN 0\n> SYN 0\n< SYN ACK 0 1\n< SYN ACK 0 1\n> ACK 1 1");
    assert_eq!(opened, ["SYN-SENT|SYN-RECEIVED", "|", "ESTABLISHED|", "|", "|ESTABLISHED"]);
}

#[test]
fn a_half_closed_connection_still_carries_the_other_way() {
    let closed =
        after_open("> FIN ACK 1 1\n< ACK 1 2\n< PSH ACK 1 2 9\n> ACK 2 10\n< FIN ACK 10 2\n> ACK 2 11");
    assert_eq!(closed, ["FIN-WAIT-1|CLOSE-WAIT", "FIN-WAIT-2|", "|", "|", "TIME-WAIT|LAST-ACK", "|CLOSED"]);
}

#[test]
fn a_fin_before_its_data_waits_for_it() {
    let closed = after_open("< FIN ACK 11 1\n> ACK 1 1\n< PSH ACK 1 1 10\n> ACK 1 12");
    assert_eq!(closed, ["|FIN-WAIT-1", "|", "CLOSE-WAIT|", "|FIN-WAIT-2"]);
}

#[test]
fn what_was_not_captured_is_known_from_what_is_acknowledged() {
    // The data before the FIN was lost by the capture, not by the network.
    let closed = after_open("< FIN ACK 11 1\n> ACK 1 12");
    assert_eq!(closed, ["|FIN-WAIT-1", "CLOSE-WAIT|FIN-WAIT-2"]);
}

#[test]
fn a_connection_that_was_there_before_is_established() {
    let flow = flow("> PSH ACK 100 200 5\n< ACK 200 105");
    assert_eq!(flow.began, [Some(State::Established); 2]);
    assert_eq!((flow.steps[0].seq, flow.steps[0].ack, flow.steps[1].ack), (1, Some(1), Some(6)));
    assert_eq!(flow.steps[0].window, 1000);
}

#[test]
fn numbers_are_relative_and_windows_scaled_but_for_a_syn() {
    let flow = flow(&format!("{OPEN}> PSH ACK 1 1 5\n< ACK 1 6"));
    let numbers: Vec<_> = flow.steps.iter().map(|step| (step.seq, step.ack, step.window)).collect();
    let expected =
        [(0, None, 1000), (0, Some(1), 1000), (1, Some(1), 4000), (1, Some(1), 4000), (1, Some(6), 4000)];
    assert_eq!(numbers, expected);
    assert_eq!(flow.bases, [Some(ISN[0]), Some(ISN[1])]);
}

#[test]
fn what_is_out_of_the_ordinary_is_marked() {
    let marks = |transcript: &str| -> Vec<Vec<Mark>> {
        flow(&format!("{OPEN}{transcript}")).steps[3..].iter().map(|step| step.marks.clone()).collect()
    };
    assert_eq!(marks("> PSH ACK 1 1 5\n> PSH ACK 1 1 5"), [vec![], vec![Mark::Retransmission]]);
    assert_eq!(
        marks("> ACK 6 1 5\n< ACK 1 1\n< ACK 1 1\n> ACK 1 1 5\n< ACK 1 11"),
        [vec![Mark::Gap], vec![Mark::DuplicateAck], vec![Mark::DuplicateAck], vec![Mark::OutOfOrder], vec![]]
    );
    assert_eq!(marks("> ACK 1 1 5\n< ACK 1 6\n> ACK 5 1\n< ACK 1 6")[2..], [vec![Mark::KeepAlive], vec![]]);
}

/// Flags, numbers and lengths that often fit, and often do not.
fn any_segment() -> impl Strategy<Value = String> {
    let flags =
        prop_oneof!["", "SYN", "SYN ACK", "ACK", "FIN ACK", "PSH ACK", "RST", "RST ACK", "FIN", "SYN FIN"];
    let number = prop_oneof![0..12_u32, Just(u32::MAX), any::<u32>()];
    (prop_oneof![">", "<"], flags, number.clone(), number, 0..6_u32)
        .prop_map(|(side, flags, seq, ack, length)| format!("{side} {flags} {seq} {ack} {length}"))
}

proptest! {
    #[test]
    fn any_order_of_segments_walks_along_the_diagram(lines in proptest::collection::vec(any_segment(), 0..40)) {
        let flow = flow(&lines.join("\n"));
        prop_assert_eq!(flow.steps.len(), lines.len());
        let mut states = flow.began;
        for change in flow.steps.iter().flat_map(|step| &step.changes) {
            let at = &mut states[change.end as usize];
            prop_assert!(at.is_none() || *at == Some(change.from));
            prop_assert!(leads(change.from, change.to), "{:?}", change);
            *at = at.map(|_| change.to);
        }
        prop_assert_eq!(states, flow.states);
    }

    #[test]
    fn one_end_alone_takes_anything(lines in proptest::collection::vec((any_segment(), any::<bool>()), 0..40), start in 0..State::ALL.len()) {
        let mut machine = Machine::new(State::ALL[start]);
        for (line, sends) in lines {
            let mut walk = Vec::new();
            if sends { machine.sends(&segment(&line), &mut walk); } else { machine.receives(&segment(&line), &mut walk); }
            prop_assert!(walk.last().is_none_or(|last| *last == machine.state()));
        }
    }
}
