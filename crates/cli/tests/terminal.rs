//! On a terminal: nothing a peer sends steers it, typed lines are sent, and the peer's FIN ends the program. Pipes and
//! `--raw` keep every byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sockeye_testkit::program::{PATIENCE, Program, Running};

/// What a hostile peer sends: a colour with blinking, a window title, the clipboard (OSC 52), an 8-bit CSI, the same
/// character as UTF-8, bidi overrides and isolates, a bell, a backspace, a DEL, and an unfinished escape.
const HOSTILE: &[u8] = b"before\x1b[31;7;5m\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x1b\\\x9b32;5m\xc2\x9b33;5m\
    \xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c\x08\x7f\x1bPafter\n";

const TERMINAL: &str = "xterm-256color";

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// A listener of the test's own, and its address.
fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer
}

fn hears(peer: &mut TcpStream, wanted: &[u8]) {
    let mut got = vec![0; wanted.len()];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(got.escape_ascii().to_string(), wanted.escape_ascii().to_string());
}

/// Waits until the line editor has asked for the cursor's place, which it does before it reads keys.
fn editor_is_ready(program: &Running) {
    program.shows("\x1b[6n");
}

/// The screen, once it shows the end of [`HOSTILE`] and nothing of it that would steer a terminal.
fn harmless(program: &Running) -> Vec<u8> {
    program.shows("before");
    program.shows("after");
    let screen = program.shown();
    for steering in ["\x1b[31", "\x1b]", "\x1bP", "\x1b\\", "\x07", "\x7f"] {
        let found = screen.windows(steering.len()).any(|window| window == steering.as_bytes());
        assert!(!found, "{} reached the terminal: {}", steering.escape_debug(), screen.escape_ascii());
    }
    let text = std::str::from_utf8(&screen).expect("an 8-bit control reached the terminal");
    let steers = |c: char| matches!(c, '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(steers), "{}", screen.escape_ascii());
    screen
}

#[test]
fn connect_shows_no_control_of_a_peer() {
    let (listener, address) = listener();
    let client = sockeye(["connect", &address]).start_on_terminal(TERMINAL);
    accept(&listener).write_all(HOSTILE).unwrap();
    harmless(&client);
    client.ends_by_itself().ok();
}

#[test]
fn chat_shows_no_control_of_a_peer() {
    let server = sockeye(["serve", "tcp://127.0.0.1:0", "chat"]).start_on_terminal(TERMINAL);
    let mut peer = TcpStream::connect(server.address()).unwrap();
    peer.write_all(HOSTILE).unwrap();
    harmless(&server);
}

#[test]
fn receive_and_ask_show_no_control_of_a_peer() {
    let server = sockeye(["serve", "tcp://127.0.0.1:0", "receive"]).start_on_terminal(TERMINAL);
    let mut peer = TcpStream::connect(server.address()).unwrap();
    peer.write_all(HOSTILE).unwrap();
    harmless(&server);

    let (listener, address) = listener();
    let client = sockeye(["ask", &address, "hello"]).start_on_terminal(TERMINAL);
    let mut peer = accept(&listener);
    hears(&mut peer, b"hello");
    peer.write_all(HOSTILE).unwrap();
    drop(peer);
    harmless(&client);
    client.ends_by_itself().ok();
}

#[test]
fn a_dumb_terminal_sees_no_escape_at_all() {
    let (listener, address) = listener();
    let mut client = sockeye(["connect", &address]).start_on_terminal("dumb");
    let mut peer = accept(&listener);
    peer.write_all(HOSTILE).unwrap();
    harmless(&client);
    client.types("typed\r");
    hears(&mut peer, b"typed\n");
    drop(peer);
    let ended = client.ends_by_itself();
    ended.ok();
    assert!(!ended.stdout.contains(&0x1b), "{}", ended.stdout.escape_ascii());

    let mut server = sockeye(["serve", "tcp://127.0.0.1:0", "chat"]).start_on_terminal("dumb");
    let mut peer = TcpStream::connect(server.address()).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.write_all(HOSTILE).unwrap();
    harmless(&server);
    server.types("typed\r");
    hears(&mut peer, b"typed");
    assert!(!server.shown().contains(&0x1b), "{}", server.shown().escape_ascii());
}

#[test]
fn raw_keeps_every_byte() {
    let (listener, address) = listener();
    let client = sockeye(["connect", &address, "--raw"]).start_on_terminal(TERMINAL);
    accept(&listener).write_all(&HOSTILE[..HOSTILE.len() - 1]).unwrap();
    client.shows(&HOSTILE[..HOSTILE.len() - 1]);
}

#[test]
fn pipes_keep_every_byte() {
    let (listener, address) = listener();
    let client = sockeye(["connect", &address]).start();
    accept(&listener).write_all(HOSTILE).unwrap();
    let ended = client.ends_by_itself();
    ended.ok();
    assert_eq!(ended.stdout.escape_ascii().to_string(), HOSTILE.escape_ascii().to_string());
}

#[test]
fn typed_lines_are_sent_and_fin_ends_the_program() {
    let (listener, address) = listener();
    let mut client = sockeye(["connect", &address]).start_on_terminal(TERMINAL);
    let mut peer = accept(&listener);
    editor_is_ready(&client);
    client.types("hello\r");
    hears(&mut peer, b"hello\n");
    peer.write_all("一行没有换行".as_bytes()).unwrap();
    client.shows("一行没有换行");
    client.types("世界\r");
    hears(&mut peer, "世界\n".as_bytes());
    // The terminal stays open: the FIN alone ends it.
    drop(peer);
    client.ends_by_itself().ok();
}

#[test]
fn the_end_of_typing_sends_fin_and_the_answer_is_still_shown() {
    let (listener, address) = listener();
    let mut client = sockeye(["connect", &address]).start_on_terminal(TERMINAL);
    let mut peer = accept(&listener);
    editor_is_ready(&client);
    client.types("\x04");
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    peer.write_all(b"late answer\n").unwrap();
    client.shows("late answer");
    drop(peer);
    client.ends_by_itself().ok();
}

#[test]
fn chat_sends_what_is_typed_on_a_terminal() {
    let mut server = sockeye(["serve", "tcp://127.0.0.1:0", "chat"]).start_on_terminal(TERMINAL);
    let mut peer = TcpStream::connect(server.address()).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.write_all(b"hello").unwrap();
    server.shows("hello");
    server.types("你好\r");
    hears(&mut peer, "你好".as_bytes());
}

#[test]
fn history_is_for_its_owner_only() {
    let (listener, address) = listener();
    let mut client = sockeye(["connect", &address]).start_on_terminal(TERMINAL);
    let mut peer = accept(&listener);
    editor_is_ready(&client);
    client.types("a line to remember\r");
    hears(&mut peer, b"a line to remember\n");
    drop(peer);
    let (ended, home) = client.ends_with_its_home();
    ended.ok();
    let remembered = files(home.path()).into_iter().find(|(_, text)| text.contains("remember"));
    let (path, _) = remembered.expect("a history file");
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
}

/// Every file below a directory, with its text.
fn files(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read_to_string(&path).unwrap_or_default()));
        }
    }
    found
}
