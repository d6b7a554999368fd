//! `watch` and `port` as a person and a program see them: the table on a terminal, lines and JSON otherwise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::net::{TcpListener, TcpStream, UdpSocket};

use serde_json::Value;
use sockeye_testkit::program::{Program, Signal};

const TERMINAL: &str = "xterm-256color";

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// A listener of the test's own, and its port.
fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_table_on_a_terminal_follows_keys_and_leaves_nothing_behind() {
    let (listener, port) = listener();
    let mut watch = sockeye(["watch", "--port", &port]).start_on_terminal(TERMINAL);
    watch.shows("\x1b[?1049h");
    watch.shows(format!("127.0.0.1:{port}"));
    watch.shows("LISTEN");
    watch.shows("q quit");
    watch.types("s");
    watch.shows("s sort (state)");
    watch.types("/nothing-has-this");
    watch.shows("/nothing-has-this");
    watch.types("\r");
    watch.shows("/nothing-has-this  q quit");
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    drop((client, listener.accept().unwrap()));
    watch.shows("last to die");
    watch.types("q");
    let ended = watch.ends_by_itself();
    let shown = ended.ok();
    let (_, after) = shown.rsplit_once("\x1b[?25h\x1b[?1049l").unwrap();
    assert!(after.contains("watched for") && !after.contains('\x1b'), "{after:?}");
}

#[test]
fn a_terminal_that_cannot_draw_gets_lines() {
    let (listener, port) = listener();
    let mut watch = sockeye(["watch", "--port", &port, "--every", "100ms"]).start_on_terminal("dumb");
    watch.shows("watching ");
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    watch.shows("opened");
    drop((client, listener.accept().unwrap()));
    watch.shows("died");
    watch.shows(format!("127.0.0.1:{port}"));
    watch.signal(Signal::SIGINT);
    assert!(!watch.ends_by_itself().ok().contains('\x1b'));
}

#[test]
fn one_look_is_a_table_or_an_object_for_each_socket() {
    let (_listener, port) = listener();
    let table = sockeye(["watch", "--once", "--state", "listen", "--port", &port]).run("").ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[0].starts_with("proto state") && lines[1].contains("LISTEN"), "{table}");
    let found = sockeye(["watch", "--once", "--json", "--state", "listen", "--port", &port]).run("").ok();
    let found = objects(&found);
    assert_eq!(found.len(), 2);
    let socket = &found[0];
    assert_eq!(
        (&socket["kind"], &socket["how"], &socket["v"]),
        (&"socket".into(), &"polled".into(), &1.into())
    );
    assert_eq!(socket["state"], "LISTEN");
    assert_eq!(socket["pid"], std::process::id());
    assert_eq!(found[1]["kind"], "watched");
}

#[test]
fn a_watch_ends_in_time_and_its_mistakes_are_told() {
    let ended = sockeye(["watch", "-t", "200ms", "--process", "no such process"]).run("");
    assert_eq!(ended.ok(), "");
    assert!(
        ended.stderr.starts_with("watching 0 of ") && ended.stderr.contains("\nwatched for "),
        "{}",
        ended.stderr
    );
    for (args, code) in [
        (["watch", "--state", "open"], "error[unknown-state]"),
        (["watch", "--peer", "10.0.0.0/33"], "error[bad-network]"),
        (["watch", "--port", "no-such-name"], "error[unknown-port]"),
        (["watch", "--every", "1ms"], "error[bad-value]"),
        (["watch", "--record", "x.skt"], "error[usage]"),
        (["port", "--record", "x.skt"], "error[usage]"),
    ] {
        let args: [&str; 3] = args;
        assert!(sockeye(args).run("").with_code(2).starts_with(code), "{args:?}");
    }
}

#[test]
fn a_port_is_told_whole_in_both_languages_and_as_an_object() {
    let (_listener, port) = listener();
    let text = sockeye(["port", &port]).run("").ok();
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    for part in ["held by", "tcp 127.0.0.1:", name.trim(), "does not work: it is taken", "in the range"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = sockeye(["port", &port, "--lang", "zh-CN"]).run("").ok();
    assert!(text.contains("占用者") && text.contains("已被占用"), "{text}");
    let object = &objects(&sockeye(["port", &port, "--json"]).run("").ok())[0];
    assert_eq!(object["held"][0]["pid"], std::process::id());
    assert_eq!((&object["ephemeral"], &object["kind"]), (&true.into(), &"port".into()));
    let result = |protocol: &str| {
        let binds = object["bind"].as_array().unwrap();
        let own = |bind: &&Value| bind["protocol"] == protocol && bind["address"] == "127.0.0.1";
        binds.iter().find(own).unwrap()["result"].clone()
    };
    assert_eq!((result("tcp"), result("udp")), ("taken".into(), "works".into()));
}

#[test]
fn names_have_numbers_and_free_ports_are_free() {
    let text = sockeye(["port", "http", "SMTP"]).run("").ok();
    assert_eq!(text, "http  80  tcp udp  World Wide Web HTTP\nsmtp  25  tcp udp  Simple Mail Transfer\n");
    let free = sockeye(["port", "--free", "3"]).run("").ok();
    let ports: Vec<u16> = free.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(ports.len(), 3);
    // Other tests take ports all the time: that one of three is still free is certain enough.
    let bound = ports.iter().filter(|port| {
        TcpListener::bind(("127.0.0.1", **port)).is_ok() && UdpSocket::bind(("127.0.0.1", **port)).is_ok()
    });
    assert!(bound.count() > 0);
    assert!(sockeye(["port", "65536"]).run("").with_code(2).starts_with("error[bad-port]"));
    let near = sockeye(["port", "postgre"]).run("");
    assert!(near.with_code(2).contains("postgresql"));
}
