//! Rows 19 to 21 of the attack plan (`docs/security.md`): what hostile peers say, wherever a peer can say something, and
//! that none of it steers a terminal, breaks a log's line, or makes two events of one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use sockeye_testkit::certificates::{Made, NOW, Role};
use sockeye_testkit::program::{PATIENCE, Program};

/// What a peer may try. The last is long, and has one of them at its end.
fn corpus() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        &b"\x1b]0;owned\x07"[..],                        // OSC 0: the title
        b"\x1b]8;;http://evil\x1b\\x\x1b]8;;\x1b\\",     // OSC 8: a link that says something else
        b"\x1b]52;c;b3duZWQ=\x07",                       // OSC 52: the clipboard
        b"\x1b[6n\x1b[c\x1b[5n",                         // DSR, DA: answers typed for the user
        b"\x1bP$qm\x1b\\",                               // DECRQSS
        b"\x1b[2J\x1b[H\x1b[31m",                        // a cleared screen
        b"\x9b31m\x9d0;x\x9c",                           // C1, as bytes
        b"\xc2\x9b31m\xc2\x9d0;x\xc2\x9c",               // C1, as UTF-8
        b"\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f", // bidi
        b"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85",             // line separators of Unicode
        b"a\r\nerror[forged] b\rc\x0bd\x0ce",            // lines of its own
        b"nul\0nul",
        b"\xff\xfe\xc0\x80\xed\xa0\x80\xf5", // no UTF-8
        b"\x08\x08\x7f\x07\x1b",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    all.push([vec![b'x'; 1 << 20], b"\x1b[2J".to_vec()].concat());
    all
}

fn sockeye<const N: usize>(args: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sockeye")).args(args)
}

/// Nothing in it acts: no C0 but the end of a line and what a terminal's line discipline adds, no DEL, C1 or bidi.
fn is_harmless(what: &str, output: &[u8]) {
    let text = std::str::from_utf8(output).unwrap_or_else(|error| panic!("{what}: {error}"));
    let acts = |c: char| {
        matches!(c, '\0'..='\x09' | '\x0b'..='\x0c' | '\x0e'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{200e}'
            | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found = text.char_indices().find(|(_, c)| acts(*c));
    assert!(found.is_none(), "{what}: {found:?} in {}", text.escape_debug().take(3000).collect::<String>());
}

/// As [`is_harmless`], and no line of it is a peer's own.
fn forges_nothing(what: &str, output: &str) {
    is_harmless(what, output.as_bytes());
    assert!(!output.lines().any(|line| line.starts_with("error[forged]")), "{what}: a forged line: {output}");
}

/// Each line is one event with its version, and nothing in it acts.
fn is_one_event_a_line(what: &str, output: &[u8], wanted: usize) {
    is_harmless(what, output);
    let text = String::from_utf8_lossy(output);
    let events = text.lines().filter(|line| line.starts_with("{\"v\":") && line.ends_with('}')).count();
    assert_eq!(events, text.lines().count(), "{what}: a line that is no event: {text}");
    assert!(events >= wanted, "{what}: {events} events: {text}");
}

/// Who speaks first.
#[derive(Clone, Copy, PartialEq)]
enum First {
    Client,
    Server,
}

/// A server that says `words` to its one peer.
fn says(words: Vec<u8>, first: First) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        if first == First::Client {
            let _ = peer.read(&mut [0; 4096]);
        }
        // Whoever has heard enough may leave early.
        let _ = peer.write_all(&words);
        let _ = peer.shutdown(std::net::Shutdown::Write);
        let _ = peer.read_to_end(&mut Vec::new());
    });
    (address, thread)
}

#[test]
fn payloads_act_on_no_terminal_and_no_log() {
    for words in corpus() {
        let (address, server) = says(words.clone(), First::Client);
        let client = sockeye(["ask", &address, "hello", "-vvv"]).start_on_terminal("dumb");
        is_harmless("a terminal", &client.ends_by_itself().stdout);
        server.join().unwrap();
        let (address, server) = says(words.clone(), First::Client);
        let ended = sockeye(["ask", &address, "hello", "-vvv", "--json"]).run("");
        is_one_event_a_line("--json", &ended.stdout, 4);
        forges_nothing("-vvv", &ended.stderr);
        server.join().unwrap();
    }
}

/// A greeting where TLS, a WebSocket, a proxy or a login was due.
#[test]
fn greetings_in_place_of_a_handshake_act_on_nothing() {
    let greetings = corpus().into_iter().flat_map(|words| {
        let status = [b"HTTP/1.1 400 ", &words[..], b"\r\nX: ", &words, b"\r\n\r\n", &words].concat();
        [[b"220 ", &words[..], b"\r\n"].concat(), status, words]
    });
    for words in greetings {
        for url in ["tls://", "ws://", "auth+tcp://", "via"] {
            let first = if url.starts_with("auth") { First::Server } else { First::Client };
            let (address, server) = says(words.clone(), first);
            let client = match url {
                "via" => sockeye(["ask", "tcp://192.0.2.1:1", "hi", "--via", &format!("http://{address}")]),
                _ => sockeye(["ask", &format!("{url}{address}"), "hi"]),
            };
            let client = client.args(["--json", "-v", "-t", "5s"]).env("SOCKEYE_TOKEN", "A".repeat(43));
            let ended = client.run("");
            assert_ne!(ended.code, Some(0), "{url}: {}", ended.stderr);
            forges_nothing(url, &ended.stderr);
            is_one_event_a_line(url, &ended.stdout, 0);
            server.join().unwrap();
        }
    }
}

/// A header, a request or a greeting of a client, at a server's doors.
#[test]
fn callers_act_on_no_log_of_a_server() {
    let home = sockeye_testkit::program::Scratch::new();
    let users = home.path().join("users");
    fs::write(&users, "robot:BEARER$Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=\n").unwrap();
    let users = users.to_str().unwrap();
    let certificates = Made::usual();
    let cert = certificates.path("server.pem");
    let doors: [&[&str]; 5] = [
        &["tcp://127.0.0.1:0", "echo", "-F", "u16be,magic:0102"],
        &["proxy1+tcp://127.0.0.1:0", "echo"],
        &["ws://127.0.0.1:0/chat", "echo"],
        &["auth+tcp://127.0.0.1:0", "echo", "--users", users],
        &["tls://127.0.0.1:0", "echo", "--cert", &cert],
    ];
    for door in doors {
        let server = sockeye(["serve"]).args(door).args(["--json", "-vv"]).start();
        let address = server.address();
        for words in corpus() {
            let request =
                [b"GET /", &words[..], b" HTTP/1.1\r\nHost: x\r\nOrigin: http://", &words, b"\r\n\r\n"]
                    .concat();
            let proxy = [b"PROXY TCP4 ", &words[..], b" 1.2.3.4 1 2\r\n"].concat();
            for said in [words.clone(), request, proxy, [b"BEARER ", &words[..], b"\n"].concat()] {
                let mut stream = TcpStream::connect(&address).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                // It may be turned away before it has said all.
                let _ = stream.write_all(&said);
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
        let ended = server.stop();
        forges_nothing(door[0], &ended.stderr);
        is_one_event_a_line(door[0], &ended.stdout, 15);
    }
}

/// The subject and the names of a certificate, shown by `cert show`, by both sides of a connection, and in an error.
#[test]
fn certificates_act_on_nothing() {
    let texts = corpus().into_iter().filter_map(|words| String::from_utf8(words).ok());
    for (number, name) in texts.filter(|name| name.len() < 64).enumerate() {
        let made = Made::new();
        let authority = made.authority("ca", &format!("ca {name}"));
        made.leaf("leaf", &authority, &[], Role::Server, NOW);
        let named = made.authority("named", &name);
        made.leaf("client", &named, &[], Role::Client, NOW);
        for file in ["ca.pem", "leaf.pem", "named.pem", "client.pem"] {
            let path = made.path(file);
            let shown = sockeye(["cert", "show", &path]).start_on_terminal("dumb").ends_by_itself();
            is_harmless("cert show", &shown.stdout);
        }
        let (named, ca, client) = (made.path("named.pem"), made.path("ca.pem"), made.path("client.pem"));
        let server = sockeye(["serve", "tls://127.0.0.1:0", "echo", "--cert", &made.path("leaf.pem")]);
        let server = server.args(["--client-ca", &named, "-v"]).start();
        let url = format!("tls://{}", server.address());
        for trusted in [&ca, &named] {
            let asked = sockeye(["ask", &url, "x", "--ca", trusted, "--cert", &client, "-v"]).run("");
            forges_nothing("the client's -v", &asked.stderr);
            let good = trusted == &ca;
            assert_eq!(asked.code == Some(0), good, "{number}: {}", asked.stderr);
        }
        forges_nothing("the server's -v", &server.stop().stderr);
    }
}

/// Names in a users file, which somebody else may have sent.
#[test]
fn users_files_act_on_nothing() {
    for words in corpus() {
        let home = sockeye_testkit::program::Scratch::new();
        let path = home.path().join("users");
        let line = [&words[..], b":BEARER$Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=\n"].concat();
        fs::write(&path, line).unwrap();
        let listed = sockeye(["user", "list", "--users", path.to_str().unwrap()]).run("");
        is_harmless("user list", &listed.stdout);
        forges_nothing("user list's errors", &listed.stderr);
    }
}
