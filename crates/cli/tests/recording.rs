//! `--record` and `sessions`, from outside: what is recorded is there when it is told saved, can be found in any language,
//! exported, and is gone when it is removed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;

use sockeye_testkit::program::{Program, Running, Scratch, Signal};

/// A directory that several runs share.
struct Place(Scratch);

impl Place {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn program(&self, words: &[&str]) -> Program {
        Program::new(env!("CARGO_BIN_EXE_sockeye")).args(words).env("SOCKEYE_STORE", self.path("s.db"))
    }

    fn sessions(&self, words: &[&str]) -> String {
        self.program(&["sessions"]).args(words).run("").ok()
    }

    fn ids(&self, words: &[&str]) -> Vec<u64> {
        let lines = self.program(&["sessions", words[0], "--json"]).args(&words[1..]).run("").ok();
        let id = |line: &str| line.split("\"id\":").nth(1)?.split(',').next()?.parse().ok();
        lines.lines().filter_map(id).collect()
    }

    fn server(&self, words: &[&str]) -> Running {
        self.program(&["serve"]).args(words).start()
    }
}

#[test]
fn a_client_and_its_server_are_recorded_in_every_way_at_once() {
    let place = Place::new();
    let (script, lines, packets) = (place.path("c.skt"), place.path("c.jsonl"), place.path("c.pcapng"));
    let server = place.server(&["tcp://127.0.0.1:0", "upper", "--record", "store", "-v"]);
    let url = format!("tcp://{}", server.address());
    let records =
        ["--record", &script, "--record", "store", "--record", &lines, "--record", &packets, "--json"];
    let client = place.program(&["connect", &url]).args(records).run("hello\n你好\n");
    let shown = client.ok();
    assert!(shown.contains(r#""kind":"saved","id":"#), "{shown}");
    // The events are those of --json, as far as they are the session's own.
    let events: String = shown.split_inclusive('\n').filter(|line| !line.contains("saved")).collect();
    assert_eq!(fs::read_to_string(&lines).unwrap(), events);
    let text = fs::read_to_string(&script).unwrap();
    for step in ["c1 > \"hello\\n你好\\n\"\n", "c1 < \"HELLO\\n你好\\n\"", "c1 fin\n", "c1 <eof\n"] {
        assert!(text.contains(step), "{text}");
    }
    assert!(fs::read(&packets).unwrap().starts_with(b"\x0a\x0d\x0d\x0a"));
    server.says("saved as");
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(place.ids(&["list"]).len(), 2);
    let exported = place.sessions(&["export", &place.ids(&["list", "--service", "connect"])[0].to_string()]);
    assert_eq!(exported, text);
}

#[test]
fn sessions_are_found_shown_and_removed() {
    let place = Place::new();
    let server = place.server(&["tcp://127.0.0.1:0?frame=line&enc=gbk", "upper", "--record", "store", "-v"]);
    let url = format!("tcp://{}?frame=line&enc=gbk", server.address());
    for (said, number) in [("hello world", 1), ("你好，世界 100%", 2), ("it's \u{1b}[2J", 3)] {
        place.program(&["ask", &url, said]).run("").ok();
        server.says(&format!("saved as {number}"));
    }
    for (asked, found) in [
        (&["hello"][..], &[1][..]),
        (&["好"], &[2]),
        (&["好，世", "0%"], &[2]),
        (&["HELLO", "世"], &[]),
        (&["--bytes", "c4e3"], &[2]),
        (&["it's", "--since", "1h"], &[3]),
        (&["it's", "--until", "1h"], &[]),
    ] {
        assert_eq!(place.ids(&[&["search"], asked].concat()), found, "{asked:?}");
    }
    let shown = place.sessions(&["show", "3"]);
    assert!(shown.contains("→") && shown.contains(r"\x1b[2J") && !shown.contains('\u{1b}'), "{shown}");
    let command = place.sessions(&["export", "1-3", "--as", "command"]);
    let pasted = ["'hello world'\n", "'你好，世界 100%'\n", "hex:697427"];
    assert!(pasted.iter().all(|word| command.contains(word)), "{command}");
    place.sessions(&["rm", "1"]);
    assert_eq!(place.ids(&["list"]), [3, 2]);
    assert_eq!(place.ids(&["search", "hello"]), [0; 0]);
    let gone = place.program(&["sessions", "show", "1"]).run("");
    assert!(gone.with_code(3).contains("numbered 2–3"), "{}", gone.stderr);
    place.sessions(&["rm", "--all"]);
    assert_eq!(place.sessions(&["list"]), "");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn what_cannot_be_recorded_to_is_refused_before_anything_is_opened() {
    let place = Place::new();
    let refused = |to: &str, code, said: &str| {
        let ended = place.program(&["serve", "tcp://127.0.0.1:0", "echo", "--record", to]).run("");
        assert!(ended.with_code(code).contains(said), "{}", ended.stderr);
        assert!(!ended.stderr.contains("listening"), "{}", ended.stderr);
    };
    refused("a.pcap", 2, "did you mean .pcapng?");
    refused("file", 2, "--record takes store");
    refused("/no/such/dir/a.skt", 3, "error[unwritable]");
    fs::write(place.path("s.db"), "this is no store, and long enough for one to be looked for ".repeat(9))
        .unwrap();
    refused("store", 3, "error[bad-store]");
    assert!(fs::read_to_string(place.path("s.db")).unwrap().starts_with("this is no store"));
}

#[test]
fn a_signal_ends_a_recording_well() {
    let place = Place::new();
    let server = place.server(&["tcp://127.0.0.1:0", "echo"]);
    let script = place.path("c.skt");
    let mut client =
        place.program(&["connect", &server.ready(), "--record", &script, "--record", "store"]).start();
    client.types("typed");
    client.shows("typed");
    client.signal(Signal::SIGINT);
    assert_eq!(client.ends_by_itself().code, Some(130));
    let text = fs::read_to_string(&script).unwrap();
    assert!(text.contains("c1 > \"typed\"\nc1 < \"typed\""), "{text}");
    assert!(place.sessions(&["list"]).trim_end().ends_with("cut"));
}
