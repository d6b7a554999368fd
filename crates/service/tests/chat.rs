//! `chat` with whole sessions: waiting in line, goodbyes, several peers, templates, character sets.

use sockeye_core::Framing;
use sockeye_service::{Given, find};
use sockeye_testkit::{Ending, Stage};
use sockeye_wire::charset::Charset;

fn stage_in(args: &[&str], charset: &str) -> Stage {
    let entry = find("chat").expect("it is registered");
    let mut given = Given::read(entry, args).expect("its arguments are good");
    given.charset = Charset::parse(charset).expect("there is such a set");
    Stage::new((entry.build)(&given).expect("it can be built"))
}

fn stage(args: &[&str]) -> Stage {
    stage_in(args, "utf-8")
}

fn keys(stage: &mut Stage) -> Vec<&'static str> {
    stage.notes().into_iter().map(|note| note.key).collect()
}

const COURSE: &[&str] = &["--one-at-a-time", "--bye", "byebye"];

#[test]
fn the_second_caller_waits_in_line_and_is_heard_when_the_first_leaves() {
    let mut stage = stage(COURSE);
    let (first, second) = (stage.connect(), stage.connect());
    assert_eq!(keys(&mut stage), ["chat-came", "chat-waits"]);
    stage.send(second, b"patient");
    stage.operator("to the first");
    assert_eq!(stage.received(first), b"to the first");
    assert_eq!(stage.received(second), b"");
    assert_eq!(stage.printed(), b"");
    stage.send(first, b"byebye");
    assert_eq!(stage.ended(first), Some(Ending::Fin));
    assert_eq!(stage.printed(), b"byebye\npatient\n");
    assert_eq!(keys(&mut stage), ["chat-went", "chat-next"]);
    stage.operator("to the second");
    assert_eq!(stage.received(second), b"to the second");
}

#[test]
fn a_fin_or_a_reset_of_the_one_spoken_to_frees_the_line() {
    for cut in [Stage::fin, Stage::reset] {
        let mut stage = stage(COURSE);
        let (first, second) = (stage.connect(), stage.connect());
        cut(&mut stage, first);
        stage.operator("next");
        assert_eq!(stage.received(second), b"next");
    }
}

#[test]
fn a_caller_that_leaves_the_line_is_not_spoken_to() {
    let mut stage = stage(COURSE);
    let (first, second, third) = (stage.connect(), stage.connect(), stage.connect());
    stage.send(second, b"never heard");
    stage.reset(second);
    stage.fin(first);
    stage.operator("hello");
    assert_eq!(stage.received(third), b"hello");
    assert_eq!(stage.printed(), b"");
}

#[test]
fn a_caller_in_line_that_talks_too_much_is_read_no_further_until_its_turn() {
    let mut stage = stage(COURSE);
    let (first, second) = (stage.connect(), stage.connect());
    for _ in 0..5 {
        stage.send(second, &vec![b'x'; 30_000]);
    }
    assert!(!stage.is_read(second));
    stage.fin(first);
    assert!(stage.is_read(second));
    assert_eq!(stage.printed().len(), 5 * 30_001);
}

#[test]
fn a_goodbye_said_in_line_ends_that_session_in_its_turn() {
    let mut stage = stage(COURSE);
    let (first, second, third) = (stage.connect(), stage.connect(), stage.connect());
    stage.send(second, b"byebye\n");
    assert_eq!(stage.ended(second), None);
    stage.operator("byebye");
    assert_eq!(stage.received(first), b"byebye");
    assert_eq!(stage.ended(first), Some(Ending::Fin));
    assert_eq!(stage.ended(second), Some(Ending::Fin));
    stage.operator("hello");
    assert_eq!(stage.received(third), b"hello");
}

#[test]
fn a_conversation_typed_in_one_go_keeps_its_turns_over_two_callers() {
    let mut stage = stage(&["--turns", "--first", "server", "--one-at-a-time", "--bye", "byebye"]);
    for line in ["one", "byebye", "two", "byebye"] {
        stage.operator(line);
    }
    stage.operator_eof();
    for line in [&b"one"[..], b"two"] {
        let peer = stage.connect();
        assert_eq!(stage.received(peer), line);
        stage.send(peer, b"answer");
        assert_eq!(stage.received(peer), b"byebye");
        assert_eq!(stage.ended(peer), Some(Ending::Fin));
    }
    assert_eq!(stage.printed(), b"answer\nanswer\n");
}

#[test]
fn what_peers_say_is_shown_a_line_each_and_otherwise_unchanged() {
    let mut stage = stage(&[]);
    let (one, two) = (stage.connect(), stage.connect());
    keys(&mut stage);
    stage.send(one, b"bare");
    stage.send(two, b"ended\r\n");
    stage.send(two, b"\xff\x1b[31m");
    assert_eq!(stage.printed(), b"bare\nended\r\n\xff\x1b[31m\n");
    assert_eq!(keys(&mut stage), ["chat-speaker", "chat-speaker"]);
    stage.operator("/to 1 hello");
    stage.operator("you");
    assert_eq!(stage.received(one), b"hello");
    assert_eq!(stage.received(two), b"you");
}

#[test]
fn typed_lines_are_framed_where_there_is_a_framing() {
    let mut stage = stage(&[]).framed(Framing::parse("u16be").unwrap());
    let peer = stage.connect();
    stage.operator("hi");
    stage.operator("");
    assert_eq!(stage.received(peer), b"\0\x02hi\0\0");
    stage.send(peer, b"\0\x03abc");
    assert_eq!(stage.printed(), b"abc\n");
}

#[test]
fn an_empty_line_cannot_be_said_on_a_raw_stream_and_costs_no_turn() {
    let mut stage = stage(&["--turns", "--first", "server"]);
    let peer = stage.connect();
    keys(&mut stage);
    stage.operator("");
    assert_eq!(keys(&mut stage), ["chat-empty"]);
    stage.operator("words");
    assert_eq!(stage.received(peer), b"words");

    let mut datagrams = self::stage(&[]);
    let peer = datagrams.datagrams();
    datagrams.send(peer, b"");
    assert_eq!(datagrams.printed(), b"\n");
    datagrams.operator("");
    assert_eq!(datagrams.datagram(peer), Some(Vec::new()));
}

#[test]
fn the_courses_udp_chat() {
    let template = r#"{{typed}},{{message|replace("sb","alexsb")}}"#;
    let mut stage = stage(&["--template", template, "--bye", "bye"]);
    let peer = stage.datagrams();
    stage.send(peer, "sb 你好".as_bytes());
    stage.operator("收到");
    assert_eq!(stage.datagram(peer).unwrap(), "收到,alexsb 你好".as_bytes());
    stage.send(peer, b"bye");
    assert_eq!(stage.sessions(), 0);
    stage.send(peer, b"again");
    stage.operator("hi");
    assert_eq!(stage.datagram(peer).unwrap(), b"hi,again");
    stage.operator("bye");
    assert_eq!(stage.datagram(peer).unwrap(), b"bye");
    assert_eq!(stage.sessions(), 0);
    assert_eq!(stage.printed(), "sb 你好\nbye\nagain\n".as_bytes());
}

#[test]
fn a_template_that_fails_keeps_the_session_and_the_turn() {
    let mut stage = stage(&["--template", "{{typed|int}}", "--turns", "--first", "server"]);
    let peer = stage.connect();
    keys(&mut stage);
    stage.operator("seven");
    assert_eq!(keys(&mut stage), ["chat-template-failed"]);
    stage.operator("7");
    assert_eq!(stage.received(peer), b"7");
}

#[test]
fn text_is_converted_both_ways() {
    let gbk = Charset::parse("gbk").unwrap();
    let mut stage = stage_in(&["--bye", "再见"], "gbk");
    let peer = stage.connect();
    stage.send(peer, &gbk.encode("你好").unwrap());
    stage.operator("好的");
    assert_eq!(stage.received(peer), gbk.encode("好的").unwrap().into_owned());
    stage.operator("ก");
    assert!(keys(&mut stage).contains(&"not-in-charset"));
    stage.send(peer, b"\xff");
    stage.send(peer, &gbk.encode("再见\r\n").unwrap());
    assert_eq!(stage.printed(), "你好\n\u{fffd}\n再见\r\n".as_bytes());
    assert_eq!(stage.ended(peer), Some(Ending::Fin));
}

#[test]
fn a_server_that_is_stopped_says_goodbye_to_those_it_speaks_to() {
    let mut stage = stage(COURSE);
    let (first, second) = (stage.connect(), stage.connect());
    stage.stop();
    assert_eq!(stage.received(first), b"byebye");
    assert_eq!(stage.ended(first), Some(Ending::Fin));
    assert_eq!(stage.sessions(), 0);
    assert_eq!(stage.received(second), b"");
    assert_eq!(stage.ended(second), Some(Ending::Fin));
}

#[test]
fn a_datagram_peer_that_is_forgotten_frees_the_line() {
    let mut stage = stage(COURSE);
    let (first, second) = (stage.datagrams(), stage.datagrams());
    stage.send(first, b"one");
    stage.send(second, b"two");
    stage.forget(first);
    assert_eq!(stage.printed(), b"one\ntwo\n");
    stage.operator("hi");
    assert_eq!(stage.datagram(second).unwrap(), b"hi");
}

#[test]
fn bad_arguments_are_refused() {
    let entry = find("chat").unwrap();
    for args in [&["--first", "me"][..], &["--template", "{{x"], &["word"], &["--by", "bye"]] {
        let refused = match Given::read(entry, args) {
            Ok(given) => (entry.build)(&given).is_err(),
            Err(_) => true,
        };
        assert!(refused, "{args:?}");
    }
}
