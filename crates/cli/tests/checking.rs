//! `check` on loopback, as anybody may run it: the ladder, the verdict, the exit code. Faults of networks are in `check/`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::Value;
use sockeye_testkit::program::{Ended, Program, Signal};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).arg("check").args(args)
}

/// A server that does the same with every connection, and where it is.
fn server(act: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        while let Ok((peer, _)) = listener.accept() {
            act(peer);
        }
    });
    place
}

/// A server of one page.
fn web() -> String {
    server(|mut peer| {
        // Whoever only looks whether it accepts asks for nothing.
        if peer.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {
            let _ = peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: small\r\n\r\nhello");
        }
    })
}

/// A port that was just free.
fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn objects(ended: &Ended) -> Vec<Value> {
    let text = String::from_utf8(ended.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn shown(ended: &Ended) -> String {
    String::from_utf8(ended.stdout.clone()).unwrap()
}

#[test]
fn a_web_page_is_seen_whole() {
    let place = web();
    let ended = sockeye([&format!("http://localhost:{}/x", place.rsplit(':').next().unwrap())]).run("");
    let text = ended.ok();
    for part in [
        "localhost is ",
        "/etc/hosts, line",
        "is this machine",
        "accepts",
        "status 200, 5 bytes small",
        "first byte",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("ok (application)"), "{last}");
}

#[test]
fn a_program_is_told_every_step_and_the_verdict() {
    let place = closed();
    let ended = sockeye([&place, "--json"]).run("");
    assert_eq!(ended.code, Some(1));
    let objects = objects(&ended);
    let steps: Vec<&str> = objects.iter().filter_map(|object| object["step"].as_str()).collect();
    for step in ["route", "ping", "connect"] {
        assert!(steps.contains(&step), "{steps:?}");
    }
    let verdict = objects.last().unwrap();
    assert_eq!(verdict["kind"], "check-verdict");
    assert_eq!((&verdict["verdict"], &verdict["layer"]), (&Value::from("refused"), &Value::from("tcp")));
    assert_eq!(verdict["culprit"]["which"], Value::from(place));
    assert_eq!(verdict["evidence"][0]["how"], "traced");
    // Keys and words stay as they are in every language.
    let chinese = sockeye([&closed(), "--json", "--lang", "zh-CN"]).run("");
    assert_eq!(self::objects(&chinese).last().unwrap()["verdict"], "refused");
}

#[test]
fn people_are_told_in_their_language() {
    let ended = sockeye([&closed(), "--lang", "zh-CN"]).run("");
    assert!(shown(&ended).contains("被拒绝（TCP）：端口 127.0.0.1:"), "{}", shown(&ended));
}

#[test]
fn of_several_targets_each_is_told_and_one_fails_them_all() {
    let (open, shut) = (web(), closed());
    let ended = sockeye([&format!("http://{open}/"), &shut]).run("");
    assert_eq!(ended.code, Some(1));
    let text = shown(&ended);
    assert!(text.contains("\nok (application)") && text.contains("\nrefused (TCP)"), "{text}");
}

#[test]
fn what_a_stranger_says_never_acts_on_the_screen() {
    let place = server(|mut peer| {
        let _ = peer.write_all(b"\x1b]0;owned\x07 \xe2\x80\xae hi\r\n");
        // Held open until the other end has read.
        let _ = peer.read(&mut [0; 1]);
    });
    for target in [place.clone(), format!("http://{place}/")] {
        let ended = sockeye([target.as_str()]).run("");
        let text = shown(&ended);
        assert!(text.contains("owned") && !text.contains(['\x1b', '\x07', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn silence_is_no_fault_of_a_server_that_waits_but_of_one_that_is_asked() {
    let held = std::sync::Mutex::new(Vec::new());
    let place = server(move |peer| held.lock().unwrap().push(peer));
    let waits = sockeye([place.as_str(), "-t", "3s"]).run("");
    assert!(waits.ok().contains("it says nothing before it is asked"));
    let asked = sockeye([&format!("http://{place}/"), "-t", "1s", "--json"]).run("");
    assert_eq!(asked.code, Some(1));
    let verdict = objects(&asked).pop().unwrap();
    assert_eq!(
        (&verdict["verdict"], &verdict["layer"]),
        (&Value::from("silent"), &Value::from("application"))
    );
}

#[test]
fn what_cannot_be_checked_is_a_slip() {
    for args in [
        &["unix:///run/x.sock"][..],
        &["http://"],
        &["127.0.0.1:0"],
        &["127.0.0.1:1", "--every", "1ms"],
        &["127.0.0.1:1", "--record", "store"],
        &["127.0.0.1:1", "--ca", "x.pem"],
        &["127.0.0.1:1", "--bind", "127.0.0.1"],
        &[],
    ] {
        let ended = sockeye([]).args(args).run("");
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stdout.is_empty() && ended.stderr.contains("hint:"), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_watch_tells_what_changes_until_it_is_ended() {
    // Bound, so that nobody else gets the port, and closed until it listens.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let place = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    let mut watch = sockeye([&place, "--watch", "--every", "500ms", "-t", "2s"]).start();
    watch.shows("refused (TCP)");
    socket.listen(8).unwrap();
    watch.shows(format!("verdict: refused tcp {place} → ok application"));
    watch.signal(Signal::SIGINT);
    watch.ends_by_itself();
}
