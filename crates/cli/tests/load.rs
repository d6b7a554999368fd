//! `bench` against `serve`, over every transport and layer: what is answered, what is verified, what is counted as what. No
//! test asserts a time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]
#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use nix::sys::signal::Signal;
use serde_json::Value;
use sockeye_testkit::program::{Program, Running};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// `sockeye serve` and the URL it says.
fn serve(args: &[&str]) -> (Running, String) {
    let server = sockeye(["serve"]).args(args).start();
    let url = server.ready();
    (server, url)
}

/// What `bench --json` tells, having ended with this code.
fn bench(code: i32, program: Program) -> Value {
    let ended = program.arg("--json").run("");
    ended.with_code(code);
    serde_json::from_slice(&ended.stdout).unwrap()
}

fn errors(report: &Value) -> Vec<(String, u64)> {
    let errors = report["errors"].as_object().unwrap();
    errors.iter().map(|(class, count)| (class.clone(), count.as_u64().unwrap())).collect()
}

/// A server of the test's own: `serve` with each connection, on a thread each.
fn peer(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("tcp://{}", listener.local_addr().unwrap());
    let serve = std::sync::Arc::new(serve);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = std::sync::Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    at
}

/// An echo that stops to be one after so many bytes, on each connection.
fn echo_until(mut stream: TcpStream, bytes: usize, last: impl Fn(TcpStream)) {
    let (mut buffer, mut done) = ([0; 4096], 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if done + count > bytes {
            return last(stream);
        }
        done += count;
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// Every way to an echo: the server's words, what `bench` needs besides, and the framing.
const WAYS: &[(&str, &[&str], &[&str])] = &[
    ("tcp://127.0.0.1:0", &[], &[]),
    ("unix://HOME/echo.sock", &[], &[]),
    ("tls://127.0.0.1:0", &["--self-signed"], &["--insecure"]),
    ("ws://127.0.0.1:0", &[], &[]),
    ("wss://127.0.0.1:0", &["--self-signed"], &["--insecure"]),
    ("udp://127.0.0.1:0", &[], &[]),
];

/// Over each of them: messages, then the steps of a file.
fn over(way: usize) {
    let (at, serving, calling) = WAYS[way];
    let framed = at.starts_with("tcp") || at.starts_with("tls") || at.starts_with("unix");
    let frame: &[&str] = if framed { &["-F", "line"] } else { &[] };
    let server = sockeye(["serve"]);
    let at = at.replace("HOME", &server.home().display().to_string());
    let server = server.args([&at, "echo"]).args(serving).args(frame).start();
    let url = server.ready();
    let load = || sockeye(["bench", &url, "-n", "200", "-c", "4"]).args(frame).args(calling);
    let report = bench(0, load().args(["--pipeline", "4", "--size", "20-200"]));
    assert_eq!((&report["requests"], errors(&report)), (&200.into(), vec![]), "{url}");
    assert_eq!(report["verified"], "echo", "{url}");
    let report = bench(0, load().args(["--rate", "2k"]));
    assert_eq!((&report["requests"], errors(&report)), (&200.into(), vec![]), "{url}");
    let program = load();
    fs::write(
        program.home().join("steps.skt"),
        "peer c connect tcp://x:1\nc > \"a {{seq}} {{who}}\"\nc < \"a \" id:text \" alice\"\nc > \"b {{id}} {{connection}}\"\n\
         c < \"b {{seq}} {{connection}}\"\n",
    )
    .unwrap();
    let report = bench(0, program.args(["--script", "steps.skt", "--var", "who=alice"]));
    assert_eq!((&report["requests"], errors(&report)), (&200.into(), vec![]), "{url}");
    let counts = (&report["messages_out"], &report["messages_in"], &report["verified"]);
    assert_eq!(counts, (&400.into(), &400.into(), &"steps".into()), "{url}");
    // Whoever loaded it has taken leave as is due.
    let said = server.stop().stderr;
    assert!(!said.contains("error["), "{url}: {said}");
}

#[test]
fn messages_and_steps_over_tcp() {
    over(0);
}

#[test]
fn messages_and_steps_over_unix_sockets() {
    over(1);
}

#[test]
fn messages_and_steps_over_tls() {
    over(2);
}

#[test]
fn messages_and_steps_over_websocket() {
    over(3);
}

#[test]
fn messages_and_steps_over_websocket_and_tls() {
    over(4);
}

#[test]
fn messages_and_steps_over_datagrams() {
    over(5);
}

#[test]
fn a_round_that_ends_its_connection_has_one_of_its_own() {
    let (server, url) = serve(&["tcp://127.0.0.1:0", "echo"]);
    for end in ["c fin\nc <eof", "c close", "c reset"] {
        let program = sockeye(["bench", &url, "-n", "60", "-c", "4", "--script", "a.skt"]);
        let steps = format!("peer c connect tcp://x:1\n@frame line\nc > \"hi\"\nc < \"hi\"\n{end}\n");
        fs::write(program.home().join("a.skt"), steps).unwrap();
        let report = bench(0, program);
        assert_eq!((&report["requests"], errors(&report)), (&60.into(), vec![]), "{end}");
        assert_eq!(
            (&report["mode"], &report["connecting"]["count"]),
            (&"connect".into(), &60.into()),
            "{end}"
        );
    }
    server.stop();
}

#[test]
fn the_first_wrong_answer_is_shown() {
    let (server, url) = serve(&["tcp://127.0.0.1:0", "upper", "-F", "line"]);
    let load = ["bench", &url, "-F", "line", "-n", "8", "-c", "2"];
    let report = bench(7, sockeye(load).args(["order {seq}", "--expect", "order {seq}"]));
    assert_eq!(errors(&report), [("wrong-answer".to_owned(), 8)]);
    let sample = &report["samples"][0];
    assert_eq!(
        (&sample["class"], &sample["message"], &sample["differs"]),
        (&"wrong-answer".into(), &1.into(), &0.into())
    );
    let connection = sample["connection"].as_u64().unwrap();
    let number = format!("{:012}", (connection - 1) * 10_000_000);
    assert_eq!(sample["expected"]["bytes"], format!("order {number}"));
    assert_eq!(sample["got"]["bytes"], format!("ORDER {number}"));

    let program = sockeye(load).args(["--script", "a.skt", "--html", "a.html"]);
    let home = program.home().to_owned();
    fs::write(
        home.join("a.skt"),
        "peer c connect tcp://x:1\nc > \"one\"\nc < \"ONE\"\nc > \"two\"\nc < \"twO\"\n",
    )
    .unwrap();
    let (ended, home) = program.feed("").ends_with_its_home();
    ended.with_code(7);
    let text = String::from_utf8(ended.stdout).unwrap();
    let rows = ["a.skt:5; byte 0 differs", "expected \"twO\"", "got      \"TWO\"", "          ^"];
    let at: Vec<_> = rows.iter().map(|row| text.find(row)).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{text}");
    let page = fs::read_to_string(home.path().join("a.html")).unwrap();
    assert!(page.contains("&quot;TWO&quot;") && page.contains("byte 0 differs"), "{page}");
    server.stop();
}

#[test]
fn what_is_not_verified_only_has_to_come() {
    let (server, url) = serve(&["tcp://127.0.0.1:0", "upper", "-F", "line"]);
    let program = sockeye(["bench", &url, "-F", "line", "-n", "50", "--script", "a.skt", "--no-verify"]);
    fs::write(program.home().join("a.skt"), "peer c connect tcp://x:1\nc > \"one\"\nc < \"two\"\n").unwrap();
    let report = bench(0, program);
    assert_eq!((&report["requests"], errors(&report)), (&50.into(), vec![]));
    assert_eq!((&report["verified"], &report["messages_in"]), (&"none".into(), &50.into()));
    server.stop();
}

#[test]
fn a_reset_a_fin_and_silence_are_classes() {
    let reset = |stream: TcpStream| {
        socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    };
    let silent = |mut stream: TcpStream| while let Ok(1..) = stream.read(&mut [0; 4096]) {};
    // The probes are answered; ten bytes are a message.
    for (class, url) in [
        ("reset", peer(move |stream| echo_until(stream, 10, reset))),
        ("early-fin", peer(|stream| echo_until(stream, 10, |_| ()))),
        ("timeout", peer(move |stream| echo_until(stream, 10, silent))),
    ] {
        let load = ["bench", &url, "-F", "line", "-c", "2", "-n", "8", "-t", "1", "123456789"];
        let report = bench(0, sockeye(load));
        let (requests, errors) = (report["requests"].as_u64().unwrap(), errors(&report));
        let failed: u64 = errors.iter().map(|(_, count)| count).sum();
        assert_eq!(requests + failed, 8, "{class}");
        // Whoever closes with a message unread resets the connection; so may a FIN be seen as either.
        let known = |seen: &str| seen == class || class == "early-fin" && seen == "reset";
        assert!(errors.iter().all(|(seen, _)| known(seen)) && !errors.is_empty(), "{class}: {errors:?}");
        let sample = &report["samples"][0];
        assert_eq!(sample["expected"]["bytes"], "123456789", "{class}");
        assert!(sample["got"].is_null(), "{class}");
    }
}

#[test]
fn a_server_that_goes_is_refused_from_then_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        // Two probes, and each connection of the load once.
        for (stream, _) in std::iter::from_fn(|| listener.accept().ok()).take(6) {
            thread::spawn(move || echo_until(stream, 50, |_| ()));
        }
    });
    let load = ["bench", &url, "-F", "line", "-c", "4", "-d", "1", "--warmup", "0", "--rate", "100", "{seq}"];
    let report = bench(0, sockeye(load));
    let classes: Vec<String> = errors(&report).into_iter().map(|(class, _)| class).collect();
    assert!(classes.iter().any(|class| class == "refused") && classes.len() > 1, "{classes:?}");
}

#[test]
fn an_interrupt_ends_it_and_tells_what_was_measured() {
    let (server, url) = serve(&["tcp://127.0.0.1:0", "echo", "-F", "line"]);
    let mut load = sockeye(["bench", &url, "-F", "line", "-d", "1h", "--warmup", "0"])
        .start_on_terminal("xterm-256color");
    // A second was measured.
    load.shows("p99");
    load.signal(Signal::SIGINT);
    let ended = load.ends_by_itself();
    assert_eq!(ended.code, Some(130));
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(text.contains("answered") && text.contains("before its time"), "{text}");
    server.stop();
    // Neither does whoever waits for a first answer wait longer than they want to.
    let silent = peer(|mut stream| while let Ok(1..) = stream.read(&mut [0; 4096]) {});
    let mut load = sockeye(["bench", &silent, "-t", "10m"]).start_on_terminal("xterm-256color");
    load.shows("first answer");
    load.signal(Signal::SIGINT);
    assert_eq!(load.ends_by_itself().code, Some(130));
}

#[test]
fn stdout_has_the_report_alone_and_stderr_no_bar() {
    let (server, url) = serve(&["tcp://127.0.0.1:0", "echo", "-F", "line"]);
    let ended = sockeye(["bench", &url, "-F", "line", "-n", "10"]).run("");
    assert!(ended.ok().starts_with(&format!("bench {url}: 1 × 1 messages")), "{}", ended.ok());
    assert_eq!(ended.stderr, "");
    server.stop();
}

#[test]
fn nobody_there_and_no_tls_there_are_told_at_once() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let program = sockeye(["bench", &gone, "--script", "a.skt"]);
    fs::write(program.home().join("a.skt"), "peer c connect tcp://x:1\nc > \"one\"\n").unwrap();
    assert!(program.run("").with_code(4).contains("error[refused]"));
    assert!(sockeye(["bench", &gone]).run("").with_code(4).contains("error[refused]"));
    let (server, url) = serve(&["tcp://127.0.0.1:0", "echo"]);
    let tls = url.replace("tcp://", "tls://");
    sockeye(["bench", &tls, "--insecure"]).run("").with_code(5);
    server.stop();
}
