//! `ask`, `connect` and `serve` against peers on real sockets: what comes out, and the exit code. Ports are 0 only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

fn sockeye(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(args).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Output {
    sockeye(args).output().unwrap()
}

fn run_with(args: &[&str], input: &[u8]) -> Output {
    let mut child = sockeye(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn told(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A peer that does as told with its one connection, and where it is.
fn peer(act: impl FnOnce(TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    (place, std::thread::spawn(move || act(listener.accept().unwrap().0)))
}

/// Reads until the peer of the peer sends FIN.
fn drain(mut stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

/// A running server, told to stop when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut child = sockeye(args).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_reply_is_printed_alone() {
    let server = Server::start(&["serve", ":0", "echo"]);
    let output = run(&["ask", &server.url, "你好"]);
    assert_eq!((code(&output), output.stdout.as_slice()), (0, "你好".as_bytes()), "{}", told(&output));
    assert!(output.stderr.is_empty());
    let output = run(&["ask", &server.url, "one", "two", "-F", "line"]);
    assert_eq!((code(&output), output.stdout.as_slice()), (0, &b"one\ntwo\n"[..]));
}

#[test]
fn a_silent_peer_is_a_timeout() {
    let (place, peer) = peer(|stream| drop(drain(&stream)));
    let output = run(&["ask", &place, "hello", "-t", "200ms"]);
    assert_eq!(code(&output), 6);
    assert!(told(&output).contains("error[timeout]") && told(&output).contains("200ms"), "{}", told(&output));
    peer.join().unwrap();
}

#[test]
fn a_fin_before_the_reply_is_told_as_such() {
    let (place, peer) = peer(|stream| {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        drain(&stream);
    });
    let output = run(&["ask", &place, "hello"]);
    assert_eq!(code(&output), 7);
    assert!(told(&output).starts_with("error[early-fin] ask tcp://127.0.0.1:"), "{}", told(&output));
    peer.join().unwrap();
}

#[test]
fn a_frame_over_max_and_one_cut_short_show_their_first_bytes() {
    for (bytes, word) in [(&[0xff, 0xff][..], "oversize"), (&[0x00, 0x09, b'x'], "truncated")] {
        let bytes = bytes.to_vec();
        let (place, peer) = peer(move |mut stream| {
            stream.write_all(&bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            // What is left unread may come back as an RST, which is not what is shown here.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let output = run(&["ask", &place, "x", "-F", "u16be", "--max-message", "64"]);
        assert_eq!(code(&output), 7, "{}", told(&output));
        assert!(told(&output).contains(&format!("error[{word}]")), "{}", told(&output));
        assert!(told(&output).contains(if word == "oversize" { "ff ff" } else { "00 09 78" }));
        peer.join().unwrap();
    }
}

#[test]
fn a_taken_port_names_its_owner() {
    let server = Server::start(&["serve", ":0", "echo"]);
    let port = server.url.rsplit(':').next().unwrap();
    let output = run(&["serve", &format!("127.0.0.1:{port}"), "echo"]);
    assert_eq!(code(&output), 4);
    let owner = format!("sockeye (pid {})", server.child.id());
    assert!(told(&output).contains("error[taken]") && told(&output).contains(&owner), "{}", told(&output));
}

#[test]
fn a_piped_stream_passes_unchanged_and_the_answer_after_fin_is_printed() {
    let (place, peer) = peer(|mut stream| {
        let heard = drain(&stream);
        stream.write_all(&heard).unwrap();
    });
    let bytes = b"no end of line, \xff and a zero \0";
    let output = run_with(&["connect", &place], bytes);
    assert_eq!((code(&output), output.stdout.as_slice()), (0, &bytes[..]), "{}", told(&output));
    peer.join().unwrap();
}

#[test]
fn charsets_convert_both_ways_without_adding_a_line_ending() {
    let (place, peer) = peer(|mut stream| {
        let heard = drain(&stream);
        assert_eq!(heard, b"\xc4\xe3\xba\xc3");
        stream.write_all(&heard).unwrap();
    });
    let output = run_with(&["connect", &place, "--enc", "gbk"], "你好".as_bytes());
    assert_eq!((code(&output), output.stdout.as_slice()), (0, "你好".as_bytes()), "{}", told(&output));
    peer.join().unwrap();
}

#[test]
fn nc_sends_fin_only_when_told() {
    let (place, peer) = peer(|mut stream| {
        let mut first = [0; 2];
        stream.read_exact(&mut first).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
        assert!(stream.read(&mut first).is_err(), "a FIN came");
        stream.write_all(b"bye").unwrap();
    });
    let (host, port) = place.split_once(':').unwrap();
    let output = run_with(&["nc", host, port], b"hi");
    assert_eq!((code(&output), output.stdout.as_slice()), (0, &b"bye"[..]), "{}", told(&output));
    peer.join().unwrap();
}

#[test]
fn nc_listens_for_one_and_passes_bytes_both_ways() {
    let mut child = sockeye(&["nc", "-N", "-l", "127.0.0.1", "0"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let place = line.trim().strip_prefix("listening on tcp://").unwrap().to_owned();
    child.stdin.take().unwrap().write_all(b"from here").unwrap();
    let mut stream = TcpStream::connect(place).unwrap();
    assert_eq!(drain(&stream), b"from here");
    stream.write_all(b"from there").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), output.stdout.as_slice()), (0, &b"from there"[..]));
}

#[test]
fn a_closed_stdout_ends_quietly() {
    let server = Server::start(&["serve", ":0", "chargen"]);
    let mut child = sockeye(&["connect", &server.url, "-F", "line"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", told(&output));
    assert!(output.stderr.is_empty(), "{}", told(&output));
}

#[test]
fn events_replace_payload_from_the_first_on() {
    let server = Server::start(&["serve", ":0", "echo"]);
    let output = run(&["ask", &server.url, "hi", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let kinds: Vec<&str> = text
        .lines()
        .map(|line| line.split("\"kind\":\"").nth(1).unwrap().split('"').next().unwrap())
        .collect();
    assert_eq!(kinds.first(), Some(&"connecting"));
    assert_eq!(kinds.last(), Some(&"closed"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "message").count(), 2, "{text}");
}

#[test]
fn a_message_that_begins_like_a_notation_is_sent_as_it_is() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let heard = std::thread::spawn(move || {
        let (mut peer, _) = server.accept().unwrap();
        let mut buffer = [0; 16];
        let count = peer.read(&mut buffer).unwrap();
        peer.write_all(b"ok").unwrap();
        buffer[..count].to_vec()
    });
    assert_eq!(code(&run(&["ask", &address, "text:hex:00"])), 0);
    assert_eq!(heard.join().unwrap(), b"hex:00");
}
