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

#[test]
fn a_file_that_is_played_is_recorded_over_and_what_fails_to_begin_overwrites_nothing() {
    let place = Place::new();
    let script = place.path("a.skt");
    let text = "peer c connect tcp://127.0.0.1:1\nc > \"hello\"\nc < \"HELLO\"\n";
    let mock = ["tcp://127.0.0.1:0", "script", &script];
    fs::write(&script, "nobody > here\n").unwrap();
    place.program(&["serve"]).args(mock).args(["--record", &script]).run("").with_code(3);
    assert_eq!(fs::read_to_string(&script).unwrap(), "nobody > here\n");
    fs::write(&script, text).unwrap();
    let again = place.path("./a.skt");
    let records = ["--record", &script, "--record", "store", "--record", &again, "--record", "store"];
    let server = place.server(&[&mock[..], &records, &["-v"]].concat());
    assert_eq!(place.program(&["ask", &server.ready(), "hello"]).run("").ok(), "HELLO");
    server.says("saved as 1");
    let ended = server.stop();
    assert!(ended.code == Some(0) && !ended.stderr.contains("warning"), "{}", ended.stderr);
    let recorded = fs::read_to_string(&script).unwrap();
    assert!(recorded.starts_with("# recorded by") && recorded.contains("c1 < \"HELLO\""), "{recorded}");
    assert_eq!(place.ids(&["list"]).len(), 1);
}

#[test]
fn an_exported_command_line_says_the_same_again() {
    let place = Place::new();
    let serve = |words: &[&str]| place.server(&[words, &["upper", "--record", "store", "-v"]].concat());
    let servers =
        [serve(&["tls://127.0.0.1:0", "--self-signed"]), serve(&["tcp://any:0?frame=line&enc=gbk"])];
    let line = format!("{}?frame=line&enc=gbk", servers[1].ready());
    place
        .program(&["ask", &servers[0].ready(), "--insecure", "it's $HOME", "--record", "store"])
        .run("")
        .ok();
    place.program(&["ask", &line, "你好 a", "b"]).run("").ok();
    servers[0].says("saved as");
    servers[1].says("saved as");
    let ids: Vec<String> = place.ids(&["list"]).iter().map(u64::to_string).collect();
    assert_eq!(ids.len(), 3);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let lines = place.sessions(&[&["export", "--as", "command"], &*ids].concat());
    let mut said = Vec::new();
    for line in lines.lines() {
        let line = line.replacen("sockeye", env!("CARGO_BIN_EXE_sockeye"), 1);
        said.push(Program::new("sh").args(["-c", &line]).run("").ok());
    }
    said.sort();
    assert_eq!(said, ["IT'S $HOME", "IT'S $HOME", "你好 A\nB\n"], "{lines}");
    // A client's sessions and a server's are no conversation.
    let told = place.program(&[&["sessions", "export"], &*ids].concat()).run("");
    assert!(told.with_code(3).contains("error[no-session]"), "{}", told.stderr);
}

/// What a client of every service records passes against that service at once, on every transport.
#[test]
fn what_is_recorded_of_any_service_passes_at_once() {
    let place = Place::new();
    let target = place.server(&["tcp://127.0.0.1:0", "echo"]);
    let forward = ["forward", &target.ready()];
    let services: [&[&str]; 8] = [
        &["ack"],
        &["ack", "--keep", "消息"],
        &["receive"],
        &["upper"],
        &["discard"],
        &["reply", "--on", "hello=bye"],
        &["exec", "cat"],
        &forward,
    ];
    let unix = format!("unix://{}", place.path("u"));
    for endpoint in ["tcp://127.0.0.1:0", "ws://[::1]:0/p", "udp://127.0.0.1:0", &unix] {
        // Datagrams are not forwarded to streams.
        let services = services.iter().filter(|words| words[0] != "forward" || !endpoint.starts_with("udp"));
        for words in services {
            let _ = fs::remove_file(place.path("u"));
            let server = place.server(&[&[endpoint], *words].concat());
            let script = place.path("s.skt");
            let (url, record) = (server.ready(), ["--record", &script]);
            // Nobody answers there, so `ask` would wait in vain.
            let is_silent = matches!(words[0], "receive" | "discard");
            let said = if is_silent {
                place.program(&["connect", &url]).args(record).run("hello")
            } else {
                place.program(&["ask", &url, "hello"]).args(record).run("")
            };
            assert_eq!(said.code, Some(0), "{endpoint} {words:?}: {}", said.stderr);
            let tested = place.program(&["test", &script]).run("");
            assert_eq!(tested.code, Some(0), "{endpoint} {words:?}: {tested:?}");
        }
    }
}

/// What another program captured is a recording as well, where it is whole.
#[test]
fn a_capture_is_tested_and_what_it_lacks_is_told() {
    let place = Place::new();
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/../record/tests/captures/");
    let path = |name: &str| format!("{captures}{name}");
    let before = fs::read(path("redis.pcap")).unwrap();
    let told = place.program(&["test", &path("redis.pcap"), "--var", "server=tcp://127.0.0.1:1"]).run("");
    assert!(told.with_code(1).contains("error[refused]"), "{}", told.stderr);
    let told = place.program(&["test", &path("redis-cut.pcap")]).run("");
    assert!(told.code != Some(0) && format!("{told:?}").contains("flawed-capture"), "{told:?}");
    let told = place.program(&["test", "--fmt", &path("redis.pcap")]).run("");
    assert!(told.code != Some(0) && fs::read(path("redis.pcap")).unwrap() == before);
    let export = |words: &[&str]| place.program(&["sessions", "export"]).args(words).run("");
    let told = export(&[&path("redis-cut.pcap")]);
    assert!(told.stderr.matches("warning[flawed-capture]").count() == 5, "{}", told.stderr);
    assert!(told.ok().contains("c1 > "));
    let one = export(&[&path("redis-cut.pcap"), "--peer", ":37286"]);
    assert_eq!(one.stderr.matches("warning[").count(), 2, "{}", one.stderr);
    assert_eq!(one.ok().matches(" connect ").count(), 1);
    assert!(export(&[&path("dns.pcap"), "--peer", "10.9"]).with_code(3).contains("error[no-session]"));
}
