//! WebSocket by the command line: what people type, what they are told, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::{Read, Write};
use std::net::TcpListener;

use sockeye_testkit::program::{PATIENCE, Program, Running, Scratch, Signal};

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

fn serve<const N: usize>(args: [&str; N]) -> (Running, String) {
    let server = sockeye(["serve"]).args(args).start();
    let url = server.ready();
    (server, url)
}

#[test]
fn ask_and_connect_talk_in_whole_messages() {
    let (_server, url) = serve(["ws://127.0.0.1:0/chat", "upper"]);
    assert!(url.ends_with("/chat"), "{url}");
    assert_eq!(sockeye(["ask", &url, "one", "", "two words"]).run("").ok(), "ONE\n\nTWO WORDS\n");
    assert_eq!(sockeye(["connect", &url]).run("one\n\ntwo\n").ok(), "ONE\n\nTWO\n");
    // Longer than any buffer, and than what UDP could carry.
    let long = "x".repeat(900_000);
    assert_eq!(
        sockeye(["connect", &url]).run(format!("{long}\n")).ok(),
        format!("{}\n", long.to_uppercase())
    );
}

#[test]
fn it_goes_over_unix_sockets_with_a_path_of_its_own() {
    let scratch = Scratch::new();
    let place = format!("ws+unix://{}/s", scratch.path().display());
    let (_server, url) = serve([&place, "echo", "--path", "/chat"]);
    assert_eq!(sockeye(["ask", &url, "hi", "--path", "/chat"]).run("").ok(), "hi\n");
    let other = sockeye(["ask", &url, "hi", "--path", "/other"]).run("");
    assert!(other.with_code(4).contains("404 Not Found"), "{}", other.with_code(4));
}

#[test]
fn a_server_that_stops_says_that_it_goes_away() {
    let (mut server, url) = serve(["ws://127.0.0.1:0", "chat"]);
    let mut client = sockeye(["connect", &url, "-v"]).start();
    client.types("hello\n");
    server.shows("hello");
    server.signal(Signal::SIGTERM);
    client.says("Close 1001 (going-away)");
    server.ends_by_itself().ok();
}

#[test]
fn refusals_end_with_their_exit_code_on_both_sides() {
    let (server, url) = serve(["ws://127.0.0.1:0/chat", "echo", "--subprotocol", "v1"]);
    let ask = |args: &[&str]| sockeye(["ask", &url, "hi"]).args(args).run("");
    let refused = ask(&["--origin", "https://evil.example"]);
    assert!(refused.with_code(4).contains("error[upgrade-refused]"));
    server.says("error[turned-away]");
    server.says("--origin 'https://evil.example'");
    assert!(ask(&["--subprotocol", "v2"]).with_code(4).contains("Offer one of: v1"));
    assert_eq!(ask(&["--subprotocol", "v2,v1", "--header", "X-Any: thing"]).ok(), "hi\n");
    for bad in ["X-Any", "Upgrade: h2c", "X: a\r\nHost: b"] {
        assert!(ask(&["--header", bad]).with_code(2).contains("error[bad-value]"), "{bad}");
    }
    assert!(
        sockeye(["ask", "ws+udp://127.0.0.1:1", "x"]).run("").with_code(2).contains("error[unfit-layer]")
    );
    let plain = sockeye(["ask", "tcp://127.0.0.1:1", "x", "--origin", "http://x"]).run("");
    assert!(plain.with_code(2).contains("error[unfit-parameter]"));
}

/// Upgrades one client by hand, and sends these frames.
fn server_by_hand(frames: &'static [u8]) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut socket = tokio_tungstenite::tungstenite::accept(stream).unwrap();
        let stream = socket.get_mut();
        stream.write_all(frames).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (url, thread)
}

#[test]
fn the_peers_close_is_shown_safely_and_ends_with_its_code() {
    // 1011, with words that would clear the screen.
    let (url, thread) = server_by_hand(b"\x88\x09\x03\xf3no \x1b[2J");
    let ended = sockeye(["connect", &url]).run("");
    let said = ended.with_code(7);
    assert!(said.contains("error[ws-closed]") && said.contains(r"no \x1b[2J"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    thread.join().unwrap();
    // 4001: only the two programs know what it means.
    let (url, thread) = server_by_hand(b"\x88\x05\x0f\xa1bye");
    let ended = sockeye(["connect", &url]).run("");
    assert!(ended.with_code(0).contains("4001 (private): bye"), "{}", ended.with_code(0));
    thread.join().unwrap();
    // A message for ask, then the end without a Close.
    let (url, thread) = server_by_hand(b"\x81\x02hi");
    assert_eq!(sockeye(["ask", &url, "x"]).run("").ok(), "hi\n");
    thread.join().unwrap();
}

#[test]
fn exec_and_chat_pass_messages_both_ways() {
    let (_server, url) = serve(["ws://127.0.0.1:0", "exec", "cat"]);
    assert_eq!(sockeye(["ask", &url, "one", "two"]).run("").ok(), "one\ntwo\n");
    let (mut server, url) = serve(["ws://127.0.0.1:0", "chat"]);
    let client = sockeye(["connect", &url]).start();
    server.says("is here");
    server.types("你好\n");
    client.shows("你好\n");
}
