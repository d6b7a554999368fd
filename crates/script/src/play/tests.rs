//! Programs played against a peer made by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockeye_core::{Effect, Input, PEER, Service, Tick};

use super::bench::{Bench, Draft, LINE, RAW, caller};
use super::failure::{Fate, Kind, State};
use super::{Login, Mock, Options, Pace, Part, Reuse, Side, Why, begin};
use crate::pattern::Pattern;
use crate::program::{Op, Role};
use crate::vars::Vars;

fn pattern(bytes: &[u8]) -> Pattern {
    Pattern::literal(bytes)
}

fn opened(draft: Draft, lane: sockeye_core::Lane) -> Bench {
    let mut bench = Bench::all(draft);
    bench.open(1, lane);
    bench
}

#[test]
fn steps_are_played_in_order_on_a_connection_of_their_own() {
    let mut bench =
        Bench::all(Draft::client().send(0, b"hi").expect(0, b"HI").step(0, Op::Fin).step(0, Op::Eof));
    assert_eq!(bench.asked, ["Connect { leg: 1, to: \"tcp://127.0.0.1:1\" }"]);
    assert!(bench.sent.is_empty());
    bench.open(1, LINE);
    assert_eq!(bench.sent, [(1, b"hi\n".to_vec())]);
    assert_eq!(bench.outcome.progress(), (1, 4));
    bench.come(1, b"H");
    bench.come(1, b"I\n");
    bench.eof(1);
    let ended = bench.end();
    assert!(ended.result.is_ok());
    assert_eq!(ended.steps, 4);
    assert_eq!(
        bench.asked[1..],
        ["Finish 1", "Effect(Hang { leg: 1 })", "Close"]
            .map(|it| { it.replace("Effect(", "").replace(" })", " }") })
    );
}

#[test]
fn a_byte_that_differs_is_named_with_its_step() {
    let mut bench = opened(Draft::client().send(0, b"hi").expect(0, b"HELLO"), LINE);
    bench.later(3);
    bench.come(1, b"HELPO\n");
    let failure = bench.failure();
    assert_eq!((failure.kind.clone(), failure.step, failure.of), (Kind::Differs, 2, 2));
    assert_eq!((failure.spot.line, &*failure.spot.text, failure.op), (3, "<", "<"));
    let mismatch = failure.mismatch.clone().unwrap();
    assert_eq!(
        (&*mismatch.expected, &*mismatch.actual, mismatch.at),
        (&b"HELLO"[..], &b"HELPO"[..], Some(3))
    );
    assert_eq!((failure.elapsed, failure.patience), (Duration::from_millis(3), Some(Duration::from_secs(5))));
    let fates: Vec<Fate> = failure.recent.iter().map(|frame| frame.fate).collect();
    assert_eq!(fates, [Fate::Sent, Fate::Wrong]);
    assert!(bench.asked.last().unwrap().contains("Close"));
    assert_eq!(failure.fault().value("at"), "3");
}

#[test]
fn a_stream_is_compared_however_it_was_cut() {
    for size in 1..12 {
        let draft = Draft::client().expect(0, b"one").expect(0, b"two").send(0, b"x").expect(0, b"three");
        let mut bench = opened(draft, RAW);
        for piece in b"onetwothree".chunks(size) {
            bench.come(1, piece);
        }
        assert!(bench.end().result.is_ok(), "{size}");
    }
    let mut bench = opened(Draft::client().expect(0, b"one"), RAW);
    bench.come(1, b"on");
    bench.come(1, b"x");
    assert_eq!(bench.failure().mismatch.unwrap().at, Some(2));
}

#[test]
fn what_does_not_come_in_time_shows_what_has_begun_to() {
    let lane = sockeye_core::Lane::stream(sockeye_core::Framing::parse("u32be").unwrap());
    let mut bench = opened(Draft::client().expect(0, b"x").within(0, 100), lane);
    bench.come(1, b"\0\0\x01\x04ab");
    let failure = bench.failure();
    assert_eq!((failure.kind.clone(), failure.state), (Kind::Timeout, State::Open));
    assert_eq!(
        (failure.elapsed, failure.patience),
        (Duration::from_millis(100), Some(Duration::from_millis(100)))
    );
    let partial = failure.partial.unwrap();
    assert_eq!((partial.have, partial.want, &*partial.first), (6, Some(264), &b"\0\0\x01\x04ab"[..]));
    assert_eq!(partial.framing, "u32be");
}

#[test]
fn too_early_and_too_late_are_failures() {
    let draft = || Draft::client().expect(0, b"x").within(100, 200);
    for (millis, kind) in [(99, Some(Kind::TooEarly)), (100, None), (200, None), (201, Some(Kind::Timeout))] {
        let mut bench = opened(draft(), LINE);
        bench.later(millis);
        bench.come(1, b"x\n");
        assert_eq!(bench.end().result.err().map(|failure| failure.kind), kind, "{millis}");
    }
}

#[test]
fn what_comes_for_another_peer_waits_for_its_step() {
    let draft = Draft::peers(&["a", "b"]).send(0, b"1").send(1, b"2").expect(0, b"A").expect(1, b"B");
    let mut bench = Bench::all(draft);
    bench.open(1, LINE);
    bench.open(2, LINE);
    bench.come(2, b"B\n");
    bench.come(1, b"A\n");
    assert!(bench.end().result.is_ok());
}

#[test]
fn nobody_may_say_more_than_is_written() {
    // After its own last step, while others go on.
    let draft = Draft::peers(&["a", "b"]).send(0, b"1").expect(0, b"A").send(1, b"2").expect(1, b"B");
    let mut bench = Bench::all(draft);
    bench.open(1, LINE);
    bench.come(1, b"A\nmore\n");
    let failure = bench.failure();
    assert_eq!((failure.kind, &*failure.peer, failure.spot.line), (Kind::Leftover, "a", 4));
    // Within the time to settle, but not after it.
    for (millis, is_ok) in [(19, false), (20, true)] {
        let mut bench = opened(Draft::client().send(0, b"1").expect(0, b"A"), RAW);
        bench.come(1, b"A");
        bench.later(millis);
        if is_ok {
            assert!(bench.wait());
        } else {
            bench.come(1, b"late");
        }
        let ended = bench.outcome.take().unwrap();
        assert_eq!(ended.result.is_ok(), is_ok, "{millis}");
    }
}

#[test]
fn ends_are_expected_or_failures() {
    let eof = || Draft::client().step(0, Op::Eof);
    let kind = |draft: Draft, happens: &dyn Fn(&mut Bench)| {
        let mut bench = opened(draft, LINE);
        happens(&mut bench);
        bench.end().result.err().map(|failure| failure.kind)
    };
    let reset = |bench: &mut Bench| bench.input(Input::Failed { leg: 1, why: "reset" });
    assert_eq!(kind(eof(), &|bench| bench.eof(1)), None);
    assert_eq!(kind(eof(), &|bench| bench.come(1, b"x\n")), Some(Kind::Unexpected));
    assert_eq!(kind(eof(), &reset), Some(Kind::EarlyReset));
    assert_eq!(kind(eof(), &|_| {}), Some(Kind::Timeout));
    assert_eq!(kind(Draft::client().expect(0, b"x"), &|bench| bench.eof(1)), Some(Kind::EarlyEof));
    assert_eq!(kind(Draft::client().expect(0, b"x"), &reset), Some(Kind::EarlyReset));
    assert_eq!(kind(Draft::client().step(0, Op::Reset), &reset), None);
    assert_eq!(kind(Draft::client().step(0, Op::Reset), &|bench| bench.eof(1)), Some(Kind::EarlyEof));
}

#[test]
fn the_end_of_a_stream_settles_what_it_is_compared_with() {
    let mut bench = opened(Draft::client().expect(0, b"hello"), RAW);
    bench.come(1, b"hel");
    bench.eof(1);
    let failure = bench.failure();
    assert_eq!(
        (failure.kind, failure.mismatch.unwrap().at, failure.state),
        (Kind::Differs, Some(3), State::Eof)
    );
}

#[test]
fn messages_are_skipped_left_or_forbidden_as_written() {
    let mut bench =
        opened(Draft::client().step(0, Op::Skip(pattern(b"x"))).step(0, Op::Maybe(pattern(b"y"))), LINE);
    bench.come(1, b"a\nb\nx\n");
    bench.come(1, b"y\n");
    assert!(bench.end().result.is_ok());

    let maybe = || Draft::client().step(0, Op::Maybe(pattern(b"y"))).expect(0, b"z");
    for text in [&b"y\nz\n"[..], b"z\n"] {
        let mut bench = opened(maybe(), LINE);
        bench.come(1, text);
        assert!(bench.end().result.is_ok());
    }
    // None in time is no failure of its own.
    let mut bench = opened(maybe(), LINE);
    bench.wait();
    assert_eq!(bench.now, Tick::ZERO + Duration::from_millis(100));
    bench.come(1, b"z\n");
    assert!(bench.end().result.is_ok());

    let never = || Draft::client().step(0, Op::Never(pattern(b"n"))).within(0, 300).expect(0, b"x");
    let mut bench = opened(never(), LINE);
    bench.come(1, b"x\n");
    bench.wait();
    assert!(bench.end().result.is_ok());
    let mut bench = opened(never(), LINE);
    bench.come(1, b"n\n");
    let failure = bench.failure();
    assert_eq!((failure.kind, failure.op), (Kind::Forbidden, "<never"));
    // Without a time it holds until the next step ends, whosever that is.
    let draft = Draft::peers(&["a", "b"]).send(0, b"1").step(0, Op::Never(pattern(b"n"))).expect(1, b"x");
    let mut bench = Bench::all(draft);
    bench.open(1, LINE);
    bench.open(2, LINE);
    bench.come(1, b"n\n");
    let failure = bench.failure();
    assert_eq!((failure.kind, &*failure.peer, failure.op), (Kind::Forbidden, "a", "<never"));
}

#[test]
fn in_a_stream_what_stands_before_is_skipped() {
    for size in 1..9 {
        let mut bench = opened(Draft::client().step(0, Op::Skip(pattern(b"aab"))).expect(0, b"!"), RAW);
        for piece in b"xxaaab!".chunks(size) {
            bench.come(1, piece);
        }
        assert!(bench.end().result.is_ok(), "{size}");
    }
}

#[test]
fn what_may_come_at_any_time_is_never_seen() {
    let draft = || Draft::client().ignoring(b"beat").expect(0, b"x").step(0, Op::Eof);
    let mut bench = opened(draft(), LINE);
    bench.come(1, b"beat\nx\nbeat\n");
    bench.eof(1);
    assert!(bench.end().result.is_ok());
    for size in 1..8 {
        let mut bench = opened(draft(), RAW);
        for piece in b"beatbeatxbeat".chunks(size) {
            bench.come(1, piece);
        }
        bench.eof(1);
        assert!(bench.end().result.is_ok(), "{size}");
    }
}

#[test]
fn rounds_are_counted_and_keep_their_time() {
    let draft = Draft::client().repeat(3, 10, |draft| draft.send(0, b"p").expect(0, b"q"));
    let mut bench = opened(draft, LINE);
    assert_eq!(bench.outcome.progress().1, 6);
    for round in 0..3 {
        bench.come(1, b"q\n");
        if round < 2 {
            bench.wait();
            assert_eq!(bench.now.since(Tick::ZERO), Duration::from_millis(10 * (round + 1)));
        }
    }
    assert_eq!(bench.end().steps, 6);
    assert_eq!(bench.bytes(1), b"p\np\np\n");

    let mut bench = opened(Draft::client().repeat(0, 0, |draft| draft.send(0, b"p")).send(0, b"end"), LINE);
    assert!(bench.end().result.is_ok());
    assert_eq!(bench.bytes(1), b"end\n");
}

#[test]
fn a_peer_is_done_after_its_last_round_and_not_before() {
    let draft =
        Draft::peers(&["a", "b"]).repeat(2, 0, |draft| draft.send(0, b"p").expect(0, b"q").expect(1, b"r"));
    let mut bench = Bench::all(draft);
    bench.open(1, LINE);
    bench.come(1, b"q\n");
    bench.open(2, LINE);
    // It is early, but a round follows.
    bench.come(2, b"r\nr\n");
    bench.come(1, b"q\n");
    assert!(bench.end().result.is_ok());
}

#[test]
fn the_time_of_a_recording_is_heeded_if_asked() {
    let draft = || Draft::client().send(0, b"a").after(50).expect(0, b"b").after(10).send(0, b"c").after(30);
    for (pace, first, second) in
        [(Pace::Fast, 0, 0), (Pace::Recorded, 50, 30), ("2x".parse().unwrap(), 25, 15)]
    {
        let mut bench = Bench::with(draft(), Options { pace, ..Options::default() });
        if first > 0 {
            bench.wait();
        }
        assert_eq!(bench.now.since(Tick::ZERO).as_millis(), first);
        bench.open(1, LINE);
        bench.come(1, b"b\n");
        let before = bench.now;
        if second > 0 {
            bench.wait();
        }
        assert_eq!(bench.bytes(1), b"a\nc\n");
        assert_eq!(bench.now.since(before).as_millis(), second);
    }
}

#[test]
fn a_pace_is_a_word_or_a_factor() {
    assert_eq!("0.5x".parse::<Pace>().unwrap(), Pace::Scaled(0.5));
    assert_eq!("recorded".parse::<Pace>().unwrap(), Pace::Recorded);
    for bad in ["", "x", "0x", "-1x", "2", "NaNx", "infx", "slow"] {
        assert_eq!(bad.parse::<Pace>().unwrap_err().code, sockeye_core::Code::BadValue, "{bad}");
    }
}

#[test]
fn a_listener_is_named_before_the_first_step() {
    let draft = Draft::peers(&[])
        .peer("s", Role::Listen, "tcp://127.0.0.1:0")
        .peer("c", Role::Connect, "tcp://127.0.0.1:{{s.port}}")
        .send(1, b"hi")
        .expect(0, b"hi")
        .step(0, Op::Close)
        .step(0, Op::Connect)
        .send(0, b"again");
    let mut bench = Bench::all(draft);
    bench.input(Input::Listening { leg: 1, url: "tcp://127.0.0.1:4567" });
    assert_eq!(bench.asked[1], "Connect { leg: 2, to: \"tcp://127.0.0.1:4567\" }");
    bench.open(2, LINE);
    bench.open(1, LINE);
    bench.come(1, b"hi\n");
    assert!(bench.asked.contains(&"Hang { leg: 1 }".to_owned()));
    assert!(bench.asked.last().unwrap().starts_with("Listen { leg: 1"));
    // The place is known; it is the next peer that is waited for.
    bench.input(Input::Listening { leg: 1, url: "tcp://127.0.0.1:4567" });
    bench.open(1, LINE);
    let ended = bench.end();
    assert!(ended.result.is_ok());
    assert_eq!(ended.captured.get("s.port"), Some(&b"4567"[..]));
    assert_eq!(bench.bytes(1), b"again\n");
}

#[test]
fn connections_that_do_not_come_about_are_failures() {
    let draft = || Draft::client().send(0, b"x");
    let mut bench = Bench::all(draft());
    bench.input(Input::Failed { leg: 1, why: "refused" });
    assert_eq!(bench.failure().kind, Kind::Connect(sockeye_core::Code::Refused));
    let failure = Bench::all(draft()).failure();
    assert_eq!((failure.kind, failure.state), (Kind::Timeout, State::Opening));
    let listen = || Draft::peers(&[]).peer("s", Role::Listen, "tcp://:0").expect(0, b"x");
    let mut bench = Bench::all(listen());
    bench.input(Input::Failed { leg: 1, why: "taken" });
    assert_eq!(bench.failure().kind, Kind::Listen(sockeye_core::Code::Taken));
    let mut bench = Bench::all(listen());
    bench.input(Input::Listening { leg: 1, url: "tcp://127.0.0.1:1" });
    assert_eq!(bench.failure().kind, Kind::NeverCame);
    let unset = Draft::peers(&[]).peer("c", Role::Connect, "tcp://{{nowhere}}").send(0, b"x");
    assert!(matches!(Bench::all(unset).failure().kind, Kind::CannotBuild(_)));
    let closed = Draft::client().send(0, b"x").step(0, Op::Close).send(0, b"y");
    let mut bench = opened(closed, LINE);
    assert_eq!(bench.failure().kind, Kind::Closed);
}

#[test]
fn variables_from_outside_win() {
    let mut draft = Draft::peers(&[]).peer("c", Role::Connect, "{{server}}").send(0, b"x").program();
    Arc::get_mut(&mut draft).unwrap().settings.vars.push(("server".into(), (*b"tcp://a:1").into()));
    for (given, to) in [(None, "tcp://a:1"), (Some("tcp://b:2"), "tcp://b:2")] {
        let mut vars = Vars::default();
        if let Some(given) = given {
            vars.set("server", given.as_bytes());
        }
        let (play, outcome) = begin(Arc::clone(&draft), Options { vars, ..Options::default() }).unwrap();
        let bench = Bench::of(Box::new(play), outcome, RAW);
        assert_eq!(bench.asked, [format!("Connect {{ leg: 1, to: \"{to}\" }}")]);
    }
}

#[test]
fn a_peer_that_does_not_read_costs_no_memory() {
    let mut bench = Bench::all(Draft::client().repeat(1_000_000, 0, |draft| draft.send(0, &[b'x'; 1000])));
    bench.writes = false;
    bench.open(1, RAW);
    assert!(bench.bytes(1).len() < 100_000);
    assert_eq!(bench.failure().kind, Kind::NotTaken);
}

#[test]
fn a_peer_that_says_too_much_is_read_no_further() {
    let draft = Draft::peers(&["a", "b"])
        .send(0, b"1")
        .expect(1, b"x")
        .repeat(2000, 0, |draft| draft.expect(0, b"y"));
    let mut bench = Bench::all(draft);
    bench.open(1, LINE);
    bench.open(2, LINE);
    bench.come(1, &b"y\n".repeat(1500));
    assert_eq!(bench.asked.last().unwrap(), "Read { leg: 1, on: false }");
    bench.come(2, b"x\n");
    assert_eq!(bench.asked.last().unwrap(), "Read { leg: 1, on: true }");
    bench.come(1, &b"y\n".repeat(500));
    assert!(bench.end().result.is_ok());
}

#[test]
fn many_steps_cost_no_more_each_than_few() {
    // A million rounds keep nothing: the frames shown at a failure are the last, and so many as after ten.
    let kept = |rounds: u64| {
        let draft = Draft::client().repeat(rounds, 0, |draft| draft.send(0, b"p").expect(0, b"q"));
        let mut bench = opened(draft, LINE);
        for _ in 1..rounds {
            bench.come(1, b"q\n");
            bench.sent.clear();
        }
        bench.come(1, b"x\n");
        let failure = bench.failure();
        assert_eq!(failure.step, rounds * 2);
        (failure.recent.len(), failure.unread.messages)
    };
    assert_eq!(kept(10), (16, 1));
    assert_eq!(kept(100_000), (16, 1));
}

#[test]
fn a_session_that_its_driver_ends_is_told_of() {
    let mut bench = opened(Draft::client().expect(0, b"x"), LINE);
    let outcome = bench.outcome.clone();
    bench.input(Input::Command("nothing to it"));
    drop(bench);
    assert_eq!(outcome.take().unwrap().result.unwrap_err().kind, Kind::Abandoned);
}

fn flipped(draft: Draft) -> Bench {
    let part = Part::Peer { index: 0, side: Side::Flipped };
    let (play, outcome) = begin(draft.program(), Options { part, ..Options::default() }).unwrap();
    Bench::of(Box::new(play), outcome, LINE)
}

#[test]
fn flipped_it_is_the_other_end() {
    let draft = || {
        Draft::client().expect(0, b"220").send(0, b"HELO").expect(0, b"250").step(0, Op::Fin).step(0, Op::Eof)
    };
    let mut bench = flipped(draft());
    assert_eq!(bench.bytes(PEER), b"220\n");
    bench.come(PEER, b"HELO\n");
    assert_eq!(bench.bytes(PEER), b"220\n250\n");
    bench.eof(PEER);
    assert!(bench.outcome.take().unwrap().result.is_ok());
    assert_eq!(bench.asked, ["Finish 0", "Close"]);

    let mut bench = flipped(draft());
    bench.come(PEER, b"HELP\n");
    let failure = bench.outcome.take().unwrap().result.unwrap_err();
    assert_eq!((failure.kind.clone(), failure.op, failure.step), (Kind::Differs, ">", 2));
    // It says so, and cuts the connection.
    assert!(bench.asked[0].contains("Unscripted") && bench.asked[1] == "Abort", "{:?}", bench.asked);
}

#[test]
fn a_mock_is_as_patient_as_a_server_and_waits_for_the_end() {
    let mut bench = flipped(Draft::client().send(0, b"q").expect(0, b"a"));
    assert!(!bench.wait());
    bench.come(PEER, b"q\n");
    assert!(!bench.wait() && !bench.is_over);
    bench.come(PEER, b"more\n");
    assert_eq!(bench.outcome.take().unwrap().result.unwrap_err().kind, Kind::Leftover);
}

#[test]
fn what_cannot_be_played_is_refused_with_its_place() {
    let refused =
        |draft: Draft, part| begin(draft.program(), Options { part, ..Options::default() }).err().unwrap();
    let flip = Part::Peer { index: 0, side: Side::Flipped };
    let starttls = Draft::client().send(0, b"x").step(0, Op::StartTls("insecure".into()));
    let refusal = refused(starttls, flip);
    assert_eq!((refusal.why, refusal.spot.line, refusal.op), (Why::Secures, 3, "starttls"));
    let reopens = Draft::client().step(0, Op::Close).step(0, Op::Connect);
    assert_eq!(refused(reopens, flip).why, Why::Reopens);
    assert_eq!(refused(Draft::client(), Part::All).why, Why::Empty);
    assert_eq!(
        refused(Draft::peers(&["a", "b"]).send(0, b"x"), Part::Peer { index: 1, side: Side::Flipped }).why,
        Why::Empty
    );
    assert_eq!(refused(Draft::peers(&[]), flip).why, Why::NoPeer);
}

/// A mock, and what came of its sessions: whose they were, and whether they passed.
type Told = Arc<Mutex<Vec<(Option<u16>, bool)>>>;

fn mock(draft: Draft, reuse: Reuse) -> (Mock, Told) {
    let told = Told::default();
    let tell = Arc::clone(&told);
    let mock = Mock::new(&draft.program(), Options::default(), reuse).unwrap();
    let mock = mock.reporting(move |played| {
        tell.lock().unwrap().push((played.peer, played.ended.result.is_ok()));
    });
    (mock, told)
}

fn call(mock: &Mock, session: u64, lane: sockeye_core::Lane) -> Bench {
    Bench::of(mock.start(&caller(session)), super::Outcome::new(0), lane)
}

#[test]
fn a_recording_of_one_session_answers_all() {
    let (mock, told) = mock(Draft::client().send(0, b"q").expect(0, b"a"), Reuse::Again);
    let mut calls: Vec<Bench> = (0..3).map(|session| call(&mock, session, LINE)).collect();
    for call in &mut calls {
        call.come(PEER, b"q\n");
        assert_eq!(call.bytes(PEER), b"a\n");
    }
    for call in &mut calls {
        call.eof(PEER);
    }
    drop(calls);
    assert_eq!(*told.lock().unwrap(), [(Some(0), true); 3]);
}

fn three() -> Draft {
    let draft = Draft::peers(&["c1", "c2", "c3"]);
    draft
        .send(0, b"GET a")
        .expect(0, b"A")
        .send(1, b"GET b")
        .expect(1, b"B")
        .send(2, b"GET b")
        .expect(2, b"C")
}

#[test]
fn each_session_is_the_next_that_fits() {
    for lane in [LINE, RAW] {
        let end: &[u8] = if lane == LINE { b"\n" } else { b"" };
        let (mock, told) = mock(three(), Reuse::Never);
        for (session, (asks, answer)) in
            [("GET b", "B"), ("GET a", "A"), ("GET b", "C")].into_iter().enumerate()
        {
            let mut call = call(&mock, session as u64, lane);
            let asks = [asks.as_bytes(), end].concat();
            for byte in asks {
                call.come(PEER, &[byte]);
            }
            assert_eq!(call.bytes(PEER), [answer.as_bytes(), end].concat());
            call.eof(PEER);
        }
        let mut call = call(&mock, 9, lane);
        assert!(call.is_over && call.asked[0].contains("too-many"));
        call.eof(PEER);
        assert_eq!(*told.lock().unwrap(), [(Some(1), true), (Some(0), true), (Some(2), true), (None, false)]);
    }
}

#[test]
fn what_fits_no_session_fails_the_first_of_them() {
    let (mock, told) = mock(three(), Reuse::Again);
    let mut call = call(&mock, 1, LINE);
    call.come(PEER, b"PUT\n");
    assert!(call.is_over);
    assert_eq!(*told.lock().unwrap(), [(Some(0), false)]);
}

#[test]
fn who_says_nothing_is_given_a_session_that_begins_with_the_server() {
    let draft = Draft::peers(&["c1", "c2"]).send(0, b"q").expect(0, b"a").expect(1, b"220");
    let (mock, _) = mock(draft, Reuse::Again);
    let mut silent = call(&mock, 1, LINE);
    assert!(silent.sent.is_empty() && silent.wait());
    assert_eq!(silent.bytes(PEER), b"220\n");
    let mut other = call(&mock, 2, LINE);
    other.come(PEER, b"q\n");
    assert_eq!(other.bytes(PEER), b"a\n");
}

/// Says what it hears.
struct Then;

impl sockeye_core::Conversation for Then {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut sockeye_core::Outbox) {
        match input {
            Input::Opened { .. } => out.message(b"then"),
            Input::Message { data, .. } => out.message(data),
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

#[test]
fn a_prologue_hands_over_what_it_did_not_expect() {
    let draft = || Draft::client().expect(0, b"user?").send(0, b"me").expect(0, b"welcome");
    for lane in [LINE, RAW] {
        let (prologue, outcome) =
            Login::new(&draft().program(), Options::default()).unwrap().before(Box::new(Then));
        let mut bench = Bench::of(Box::new(prologue), outcome, lane);
        let text: &[&[u8]] =
            if lane == LINE { &[b"user?\n", b"welcome\nmail\n"] } else { &[b"user?", b"welcomemail"] };
        bench.come(PEER, text[0]);
        bench.input(Input::Message { leg: sockeye_core::OPERATOR, data: b"" });
        bench.come(PEER, text[1]);
        let said: Vec<u8> = bench.bytes(PEER).into_iter().filter(|byte| *byte != b'\n').collect();
        assert_eq!(said, b"methenmail");
        assert!(bench.outcome.take().unwrap().result.is_ok());
        let reads = format!("{:?}", Effect::Read { leg: sockeye_core::OPERATOR, on: true });
        assert!(bench.asked.contains(&reads));
        bench.eof(PEER);
        assert!(bench.is_over);
    }
}

#[test]
fn a_prologue_that_fails_hands_nothing_over() {
    let draft = Draft::client().expect(0, b"user?");
    let (prologue, outcome) =
        Login::new(&draft.program(), Options::default()).unwrap().before(Box::new(Then));
    let mut bench = Bench::of(Box::new(prologue), outcome, LINE);
    bench.come(PEER, b"no\n");
    assert!(bench.sent.is_empty());
    assert!(bench.asked.last().unwrap().contains("Unscripted"));
    assert_eq!(bench.failure().kind, Kind::Differs);
}
