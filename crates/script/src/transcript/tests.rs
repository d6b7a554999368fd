//! Sessions as the files that come of them.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::event::Totals;
use sockeye_core::tls::{Tls, Trust};
use sockeye_core::{Address, Code, Fault, How};

use super::*;
use crate::play::{self, Mock, Reuse, Why, begin};
use crate::{Vars, read};

/// Events of one program, and the file they come to.
struct Recorded {
    file: Transcript,
    text: String,
    now: Tick,
}

const IN: Direction = Direction::In;
const OUT: Direction = Direction::Out;

fn ip(text: &str) -> Address {
    Address::Ip(text.parse().unwrap())
}

impl Recorded {
    fn of(subject: Subject) -> Self {
        let file = Transcript::new(Options { subject, title: String::new(), seed: None });
        Self { file, text: String::new(), now: Tick::ZERO }
    }

    fn client(endpoint: &str) -> Self {
        let mut this = Self::of(Subject::Client { endpoint: endpoint.to_owned() });
        this.connected(1);
        this
    }

    fn server(endpoint: &str, url: &str) -> Self {
        let mut this = Self::of(Subject::Server { endpoints: vec![endpoint.to_owned()] });
        this.show(0, Kind::Listening { url, service: "echo" });
        this
    }

    fn proxy(target: &str) -> Self {
        Self::of(Subject::Proxy { target: target.to_owned() })
    }

    fn wait(&mut self, millis: u64) -> &mut Self {
        self.now = self.now + Duration::from_millis(millis);
        self
    }

    fn show(&mut self, session: u64, kind: Kind<'_>) -> &mut Self {
        let event = Event { at: self.now, session: SessionId(session), how: How::Traced, kind };
        self.file.event(&event, &mut self.text);
        self
    }

    fn connected(&mut self, session: u64) -> &mut Self {
        let (local, remote) = (ip("127.0.0.1:40000"), ip("127.0.0.1:9000"));
        self.show(session, Kind::Connected { leg: PEER, transport: "tcp", local: &local, remote: &remote })
    }

    fn accepted(&mut self, session: u64, transport: &str, local: &str) -> &mut Self {
        let (local, remote) = (ip(local), ip("127.0.0.1:40000"));
        self.show(session, Kind::Accepted { transport, local: &local, remote: &remote })
    }

    fn said(&mut self, session: u64, direction: Direction, data: &[u8]) -> &mut Self {
        self.show(session, Kind::Message { leg: PEER, direction, data })
    }

    fn fin(&mut self, session: u64, direction: Direction) -> &mut Self {
        self.show(session, Kind::HalfClosed { leg: PEER, direction, farewell: None })
    }

    fn closed(&mut self, session: u64) -> &mut Self {
        self.show(session, Kind::Closed { totals: Totals::default() })
    }

    /// The file, which can be played on either side.
    fn text(mut self) -> String {
        self.file.end(&mut self.text);
        let mut none = |_: &str, _| Err(String::new());
        let program = match read("recorded.skt", &self.text, &Vars::default(), &mut none) {
            Ok(program) => Arc::new(program),
            Err(errors) => panic!("{:?}\n{}", errors.list, self.text),
        };
        let refused = begin(Arc::clone(&program), play::Options::default()).err();
        assert!(refused.is_none(), "{refused:?}\n{}", self.text);
        // Each session of a mock is one connection.
        let refused = Mock::new(&program, play::Options::default(), Reuse::Again).err();
        let is_none = refused.as_ref().is_none_or(|refusal| refusal.why == Why::Reopens);
        assert!(is_none, "{refused:?}\n{}", self.text);
        self.text
    }

    /// The steps and comments, without who takes part.
    fn steps(self) -> String {
        let text = self.text();
        text.split_inclusive('\n').filter(|line| !line.starts_with(['@', 'p'])).collect()
    }
}

#[test]
fn a_client_s_session_is_a_file() {
    let title = "recorded 2026-11-21, sockeye 0.1.0\n\u{1b}[31m".to_owned();
    let subject = Subject::Client { endpoint: "tcp://127.0.0.1:8080".to_owned() };
    let mut it = Recorded::of(subject.clone());
    it.file = Transcript::new(Options { subject, title, seed: Some(7) });
    it.connected(1).said(1, OUT, b"hello\n").said(1, IN, b"HELLO\n").fin(1, OUT).fin(1, IN).closed(1);
    let wanted = "# recorded 2026-11-21, sockeye 0.1.0\n# \\x1b[31m\n@seed 7\n\
        @var server \"tcp://127.0.0.1:8080\"\npeer c1 connect {{server}}\n\
        c1 > \"hello\\n\"\nc1 < \"HELLO\\n\"\nc1 fin\nc1 <eof\n";
    assert_eq!(it.text(), wanted);
}

#[test]
fn a_server_s_session_is_written_from_the_client_s_side() {
    let mut it = Recorded::server("tcp://:0?frame=line&idle=5s", "tcp://127.0.0.1:9000");
    it.accepted(1, "tcp", "127.0.0.1:9000")
        .said(1, IN, b"a")
        .said(1, OUT, b"A")
        .fin(1, IN)
        .fin(1, OUT)
        .closed(1);
    let wanted = "@var server \"tcp://127.0.0.1:9000?frame=line\"\npeer c1 connect {{server}}\n\
        c1 > \"a\"\nc1 < \"A\"\nc1 fin\nc1 <eof\n";
    assert_eq!(it.text(), wanted);
}

#[test]
fn a_proxy_s_session_is_written_against_its_target() {
    let mut it = Recorded::proxy("tcp://db.example:5432");
    it.accepted(1, "tcp", "127.0.0.1:15432").said(1, IN, b"ask");
    // What goes on between the proxy and its target is the same once more.
    it.show(1, Kind::Message { leg: 1, direction: OUT, data: b"ask" });
    it.show(1, Kind::HalfClosed { leg: 1, direction: IN, farewell: None });
    it.said(1, OUT, b"told").fin(1, OUT).fin(1, IN).closed(1);
    let text = it.text();
    assert!(text.starts_with("@var server \"tcp://db.example:5432\"\n"), "{text}");
    assert!(text.ends_with("c1 > \"ask\"\nc1 < \"told\"\nc1 <eof\nc1 fin\n"), "{text}");
}

#[test]
fn a_server_may_speak_first() {
    let mut it = Recorded::client("tcp://127.0.0.1:25");
    it.said(1, IN, b"220 rea").said(1, IN, b"dy\r\n").said(1, OUT, b"QUIT\r\n").said(1, IN, b"221 bye\r\n");
    it.fin(1, IN).fin(1, OUT).closed(1);
    let wanted = "c1 < \"220 ready\\r\\n\"\nc1 > \"QUIT\\r\\n\"\nc1 < \"221 bye\\r\\n\"\nc1 <eof\nc1 fin\n";
    assert_eq!(it.steps(), wanted);
}

#[test]
fn reads_are_joined_until_somebody_sends_and_frames_never() {
    let say = |it: &mut Recorded| {
        it.said(1, OUT, b"one").said(1, IN, b"1").said(1, IN, b"2").said(1, OUT, b"two").said(1, IN, b"3");
        it.said(1, IN, b"4");
    };
    let mut raw = Recorded::client("tcp://127.0.0.1:9");
    say(&mut raw);
    assert_eq!(raw.steps(), "c1 > \"one\"\nc1 < \"12\"\nc1 > \"two\"\nc1 < \"34\"\n");
    for endpoint in ["tcp://127.0.0.1:9?frame=line", "udp://127.0.0.1:9", "ws://127.0.0.1:9"] {
        let mut framed = Recorded::client(endpoint);
        say(&mut framed);
        let wanted = "c1 > \"one\"\nc1 < \"1\"\nc1 < \"2\"\nc1 > \"two\"\nc1 < \"3\"\nc1 < \"4\"\n";
        assert_eq!(framed.steps(), wanted, "{endpoint}");
    }
}

#[test]
fn what_a_client_sends_at_once_is_one_step_and_after_a_silence_another() {
    let mut it = Recorded::client("tcp://127.0.0.1:9");
    it.said(1, OUT, b"a").wait(20).said(1, OUT, b"b").wait(200).said(1, OUT, b"c");
    assert_eq!(it.steps(), "c1 > \"ab\"\nc1 > \"c\" after 220ms\n");
}

#[test]
fn what_was_said_while_the_answer_was_on_its_way_stands_where_it_was_seen() {
    // Seen at a server: the second question came while the first answer was being written. The answer so far did not need
    // it, so a client that plays this may wait for that part, and for no more.
    let mut it = Recorded::server("tcp://:9", "tcp://127.0.0.1:9");
    it.accepted(1, "tcp", "127.0.0.1:9");
    it.said(1, IN, b"q1").said(1, OUT, b"a1 be").said(1, IN, b"q2").said(1, OUT, b"gins").said(1, OUT, b"a2");
    it.fin(1, IN).fin(1, OUT).closed(1);
    let wanted = "c1 > \"q1\"\nc1 < \"a1 be\"\nc1 > \"q2\"\nc1 < \"ginsa2\"\nc1 fin\nc1 <eof\n";
    assert_eq!(it.steps(), wanted);
}

#[test]
fn either_side_may_end_first_and_the_other_go_on() {
    let mut it = Recorded::client("tcp://127.0.0.1:9");
    it.said(1, OUT, b"all").fin(1, OUT).said(1, IN, b"late").said(1, IN, b"r").fin(1, IN).closed(1);
    assert_eq!(it.steps(), "c1 > \"all\"\nc1 fin\nc1 < \"later\"\nc1 <eof\n");
    let mut it = Recorded::client("tcp://127.0.0.1:9");
    it.said(1, IN, b"bye").fin(1, IN).said(1, OUT, b"thanks").fin(1, OUT).closed(1);
    assert_eq!(it.steps(), "c1 < \"bye\"\nc1 <eof\nc1 > \"thanks\"\nc1 fin\n");
}

#[test]
fn a_client_that_waits_for_nothing_more_closes() {
    let mut it = Recorded::client("tcp://127.0.0.1:9");
    it.said(1, OUT, b"q").said(1, IN, b"a").fin(1, OUT).closed(1);
    assert_eq!(it.steps(), "c1 > \"q\"\nc1 < \"a\"\nc1 close\n");
    let mut it = Recorded::client("tcp://127.0.0.1:9");
    it.said(1, IN, b"a").fin(1, IN).closed(1);
    assert_eq!(it.steps(), "c1 < \"a\"\nc1 <eof\nc1 close\n");
    let mut silent = Recorded::client("tcp://127.0.0.1:9");
    silent.closed(1);
    assert_eq!(silent.steps(), "c1 connect\nc1 close\n");
}

#[test]
fn whoever_cuts_is_written_as_cutting() {
    let cut = |direction| {
        let mut it = Recorded::client("tcp://127.0.0.1:9");
        it.said(1, OUT, b"q").show(1, Kind::Reset { leg: PEER, direction });
        it.show(1, Kind::Error(&Fault::new(Code::Reset, "connect"))).closed(1);
        it.steps()
    };
    assert_eq!(cut(IN), "c1 > \"q\"\nc1 <reset\n# c1 error: [reset] connect\n");
    assert_eq!(cut(OUT), "c1 > \"q\"\nc1 reset\n# c1 error: [reset] connect\n");
}

#[test]
fn sixty_four_sessions_at_once_keep_their_order() {
    let mut it = Recorded::server("tcp://:9", "tcp://127.0.0.1:9");
    for session in 1..=64 {
        it.accepted(session, "tcp", "127.0.0.1:9");
    }
    for round in 0..3 {
        for session in (1..=64).rev() {
            it.said(session, IN, format!("{round}.{session}").as_bytes());
        }
        for session in 1..=64 {
            it.said(session, OUT, b"o").said(session, OUT, b"k");
        }
    }
    let text = it.text();
    assert_eq!(text.matches("\npeer ").count(), 64);
    // All 64 are connected before the first of them is asked, and the answers to one round before the next.
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(place("c63 connect\n") < place("> \"0.64\""));
    assert_eq!(text.matches("< \"ok\"").count(), 3 * 64);
    assert!(text.rfind("> \"1.1\"").unwrap() < text.rfind("< \"ok\"").unwrap());
    let sent: Vec<_> = text.lines().filter(|line| line.contains(" > ")).collect();
    assert_eq!(sent.len(), 3 * 64);
    assert!(sent[0].ends_with("\"0.64\"") && sent[63].ends_with("\"0.1\"") && sent[64].ends_with("\"1.64\""));
}

#[test]
fn an_answer_to_one_is_not_moved_behind_what_another_asks() {
    let mut it = Recorded::server("tcp://:9", "tcp://127.0.0.1:9");
    it.accepted(1, "tcp", "127.0.0.1:9").said(1, IN, b"set").said(1, OUT, b"ok");
    it.accepted(2, "tcp", "127.0.0.1:9").said(2, IN, b"get").said(2, OUT, b"it").said(1, OUT, b"told");
    it.said(1, IN, b"bye");
    assert_eq!(
        it.steps(),
        "c1 > \"set\"\nc1 < \"ok\"\nc2 > \"get\"\nc2 < \"it\"\nc1 < \"told\"\nc1 > \"bye\"\n"
    );
}

#[test]
fn binary_frames_and_empty_datagrams_are_one_line_each() {
    let mut it = Recorded::client("tcp://127.0.0.1:9?frame=u16be");
    it.said(1, OUT, b"\x01\x00\xff").said(1, IN, b"\x81");
    assert_eq!(it.steps(), "c1 > hex:0100ff\nc1 < hex:81\n");
    let mut it = Recorded::client("udp://127.0.0.1:9");
    it.said(1, OUT, b"").said(1, IN, b"");
    assert_eq!(it.steps(), "c1 > \"\"\nc1 < \"\"\n");
}

#[test]
fn long_messages_are_whole_and_long_streams_are_written_as_they_come() {
    let long = vec![0x80; 3 << 20];
    let mut it = Recorded::client("tcp://127.0.0.1:9?frame=u32be,max:8m");
    it.said(1, OUT, &long);
    let steps = it.steps();
    assert_eq!((steps.matches("c1 > ").count(), steps.matches("80").count()), (1, 3 << 20));
    let mut it = Recorded::client("tcp://127.0.0.1:9");
    for _ in 0..64 {
        it.said(1, IN, &[0x80; 16 << 10]);
        let held: usize = it.file.pieces.take().iter().map(|piece| piece.bytes.len()).sum();
        assert!(held <= 80 << 10);
        it.said(1, IN, &[0x80; 16 << 10]);
    }
}

#[test]
fn what_is_held_can_be_written_out_and_a_session_may_be_cut_in_the_middle() {
    let mut it = Recorded::client("tcp://127.0.0.1:9");
    it.said(1, OUT, b"q").said(1, IN, b"half an ans");
    assert!(!it.text.contains("half"));
    it.file.flush(&mut it.text);
    assert!(it.text.ends_with("c1 < \"half an ans\"\n"));
    it.said(1, IN, b"wer");
    assert_eq!(it.steps(), "c1 > \"q\"\nc1 < \"half an ans\"\nc1 < \"wer\"\n");
}

#[test]
fn the_end_of_the_recording_program_is_no_part_of_the_conversation() {
    let mut it = Recorded::server("tcp://:9", "tcp://127.0.0.1:9");
    it.accepted(1, "tcp", "127.0.0.1:9").said(1, IN, b"q").said(1, OUT, b"a");
    it.show(1, Kind::Timeout { what: "drain" }).fin(1, OUT).closed(1);
    assert_eq!(it.steps(), "c1 > \"q\"\nc1 < \"a\"\n# c1 timeout: drain\nc1 close\n");
}

#[test]
fn how_long_after_is_rounded_without_adding_up() {
    let mut it = Recorded::client("tcp://127.0.0.1:9?frame=line");
    for _ in 0..3 {
        it.now = it.now + Duration::from_micros(600);
        it.said(1, OUT, b"x");
    }
    it.wait(30_040).said(1, OUT, b"y").wait(70_400).said(1, IN, b"z");
    let wanted = "c1 > \"x\"\nc1 > \"x\"\nc1 > \"x\" after 1ms\nc1 > \"y\" after 30s\nc1 < \"z\" after 70s\n";
    assert_eq!(it.steps(), wanted);
}

#[test]
fn what_is_known_of_a_session_is_in_its_endpoint_or_a_comment() {
    let mut it =
        Recorded::server("auth+ws+tls+tcp://:0?cert=c.pem&key=k.pem&users=u", "auth+wss://127.0.0.1:9");
    it.accepted(1, "tcp", "127.0.0.1:9");
    let facts = Tls {
        version: "TLS 1.3".to_owned(),
        suite: "TLS_AES_128_GCM_SHA256".to_owned(),
        group: None,
        alpn: None,
        server_name: None,
        resumed: false,
        trust: Trust::None,
        chain: Vec::new(),
    };
    it.show(1, Kind::Tls { leg: PEER, facts: &facts });
    it.show(1, Kind::Upgraded { leg: PEER, to: "ws", facts: &[("path", "/chat".to_owned())] });
    it.show(1, Kind::Secret { line: "CLIENT_RANDOM 00 11" });
    it.show(1, Kind::Wire { leg: PEER, direction: IN, data: b"ciphertext" });
    it.show(1, Kind::Authenticated { leg: PEER, user: "alice", mechanism: "SCRAM-SHA-256" });
    it.show(1, Kind::Fault { leg: PEER, direction: IN, name: "latency", detail: "200ms" });
    it.said(1, IN, b"hi");
    let wanted = "@var server \"auth+wss://127.0.0.1:9/chat?insecure&user=alice\"\npeer c1 connect {{server}}\n\
        # c1 tls: TLS 1.3 TLS_AES_128_GCM_SHA256 trust=none\n# c1 upgraded: ws path=/chat\n\
        # c1 authenticated: alice SCRAM-SHA-256\n# c1 > fault: latency 200ms\nc1 > \"hi\"\n";
    assert_eq!(it.text(), wanted);
}

#[test]
fn passwords_are_not_written() {
    let mut it = Recorded::client("tcp://127.0.0.1:9?via=socks5://me:geheim@127.0.0.1:1080");
    it.said(1, OUT, b"x");
    let text = it.text();
    assert!(!text.contains("geheim") && text.contains("***"), "{text}");
}

#[test]
fn text_of_another_charset_is_written_as_what_it_says() {
    let mut it = Recorded::client("tcp://127.0.0.1:9?enc=gbk");
    it.said(1, OUT, b"\xc4\xe3\xba\xc3");
    assert_eq!(it.steps(), "c1 > \"你好\"\n");
}

#[test]
fn several_listeners_are_several_variables() {
    let endpoints = vec!["tcp://:0?frame=line".to_owned(), "udp://:53".to_owned()];
    let mut it = Recorded::of(Subject::Server { endpoints });
    it.show(0, Kind::Listening { url: "tcp://:9", service: "echo" });
    it.show(0, Kind::Listening { url: "udp://:53", service: "echo" });
    it.accepted(1, "tcp", "127.0.0.1:9").said(1, IN, b"a");
    it.accepted(2, "udp", "0.0.0.0:53").said(2, IN, b"b");
    let wanted = "@var server \"tcp://127.0.0.1:9?frame=line\"\npeer c1 connect {{server}}\nc1 > \"a\"\n\
        @var server2 \"udp://127.0.0.1:53\"\npeer c2 connect {{server2}}\nc2 > \"b\"\n";
    assert_eq!(it.text(), wanted);
}

#[test]
fn a_file_has_no_more_peers_than_it_may_and_those_that_have_gone_make_place() {
    let mut it = Recorded::server("tcp://:9", "tcp://127.0.0.1:9");
    for session in 1..=300 {
        it.accepted(session, "tcp", "127.0.0.1:9").said(session, IN, b"q").said(session, OUT, b"a");
        if session > 10 {
            it.fin(session, IN).fin(session, OUT).closed(session);
        }
    }
    let text = it.text();
    assert_eq!(text.matches("\npeer ").count(), 200);
    assert_eq!(text.matches("> \"q\"").count(), 300);
    assert!(text.contains("c11 <eof\n") && text.contains("c11 connect\n"), "{text}");
    let mut it = Recorded::server("udp://:9", "udp://127.0.0.1:9");
    for session in 1..=202 {
        it.accepted(session, "udp", "127.0.0.1:9").said(session, IN, b"q");
    }
    let text = it.text();
    assert_eq!(text.matches("# left out").count(), 2, "{text}");
}

#[test]
fn a_connection_made_again_is_a_step() {
    let mut it = Recorded::client("tcp://127.0.0.1:9");
    it.said(1, OUT, b"a").fin(1, IN).connected(1).said(1, OUT, b"b");
    assert_eq!(it.steps(), "c1 > \"a\"\nc1 <eof\nc1 close\nc1 connect\nc1 > \"b\"\n");
}
