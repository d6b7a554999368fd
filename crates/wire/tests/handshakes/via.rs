//! Through a proxy: SOCKS 5 and HTTP CONNECT, with every answer there is.

use std::net::SocketAddr;

use proptest::prelude::*;
use sockeye_wire::Handshake as _;
use sockeye_wire::via::{BadLogin, BadTarget, HEAD_MAX, Http, Login, Opened, Refusal, Reply, Socks, Target};

use crate::chunks::{Run, any_cut, cuts, hostile, these_cuts};

/// The longest answer of a SOCKS proxy.
const SOCKS_MAX: usize = 262;

fn ip(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn target() -> Target {
    Target::name("db.internal", 5432).unwrap()
}

fn login() -> Login {
    Login::new("alice", "pén:cil").unwrap()
}

fn socks(login: Option<&Login>, bytes: &[u8]) -> Run<Opened> {
    any_cut(|| Socks::new(target(), login.cloned()), bytes, SOCKS_MAX, 1)
}

fn http(login: Option<&Login>, bytes: &[u8]) -> Run<Opened> {
    any_cut(|| Http::new(target(), login.cloned()), bytes, HEAD_MAX, 997)
}

const OPEN: &[u8] = b"\x05\x00\x00\x01\x0a\x00\x00\x01\x1f\x90";

#[test]
fn socks_opens_a_tunnel() {
    let run = socks(None, &[b"\x05\x00", OPEN, b"\x05\x00hello"].concat());
    assert_eq!(run.result, Ok(Some(Opened { bound: Some(ip("10.0.0.1:8080")) })));
    assert_eq!(run.used, 12);
    assert_eq!(run.out, b"\x05\x01\x00\x05\x01\x00\x03\x0bdb.internal\x15\x38");
    let six = [&b"\x05\x00\x05\x00\x00\x04"[..], &[0; 15], &[1, 0, 80]].concat();
    assert_eq!(socks(None, &six).result, Ok(Some(Opened { bound: Some(ip("[::1]:80")) })));
    let named = [&b"\x05\x00\x05\x00\x00\x03\xff"[..], &[b'x'; 255], &[0, 80]].concat();
    let run = socks(None, &named);
    assert_eq!((run.result, run.used), (Ok(Some(Opened { bound: None })), named.len()));
}

#[test]
fn socks_takes_addresses_as_they_are() {
    let asked = |address: &str| {
        let machine = || Socks::new(Target::ip(ip(address)), None);
        any_cut(machine, b"\x05\x00", SOCKS_MAX, 1).out[3..].to_vec()
    };
    assert_eq!(asked("192.0.2.7:80"), b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50");
    assert_eq!(asked("[::1]:443"), [&b"\x05\x01\x00\x04"[..], &[0; 15], &[1, 1, 0xbb]].concat());
}

#[test]
fn socks_logs_in_if_asked() {
    let run = socks(Some(&login()), &[b"\x05\x02\x01\x00", OPEN].concat());
    assert!(matches!(run.result, Ok(Some(_))));
    let said = "\u{5}\u{2}\u{0}\u{2}\u{1}\u{5}alice\u{8}pén:cil\u{5}\u{1}\u{0}\u{3}\u{b}db.internal\u{15}8";
    assert_eq!(run.out, said.as_bytes());
    let run = socks(Some(&login()), &[b"\x05\x00", OPEN].concat());
    assert!(matches!(run.result, Ok(Some(_))));
    assert!(!run.out.windows(5).any(|bytes| bytes == b"alice"), "it was not asked");
}

#[test]
fn socks_says_why_not() {
    let no = |login: Option<&Login>, bytes: &[u8]| socks(login, bytes).result.unwrap_err();
    for (code, words) in [
        (1, "general failure"),
        (2, "not allowed"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "TTL expired"),
        (7, "command unsupported"),
        (8, "address unsupported"),
        (9, "reply 9"),
    ] {
        // Proxies that say no and close after two bytes are understood, too.
        for rest in [&[][..], &[0, 1, 0, 0, 0, 0, 0, 0]] {
            let said = no(None, &[&[5, 0, 5, code], rest].concat());
            assert_eq!(said, format!("not connected: {words}"));
        }
    }
    assert!(no(None, b"\x05\xff").contains("login needed: no-acceptable-method"));
    assert!(no(Some(&login()), b"\x05\xff").contains("login needed: no-acceptable-method"));
    assert!(no(Some(&login()), b"\x05\x02\x01\x01").contains("login refused: status 1"));
    assert!(no(Some(&login()), b"\x05\x02\x05\x00").contains("wrong-version"));
    assert!(no(None, b"\x05\x02").contains("method-not-offered"));
    assert!(no(Some(&login()), b"\x05\x01").contains("method-not-offered"));
    assert!(no(None, b"\x05\x00\x04\x00").contains("wrong-version"));
    assert!(no(None, b"\x05\x00\x05\x00\x00\x02").contains("unknown-address-type"));
    assert_eq!(no(None, b"HTTP/1.1 400 Bad Request\r\n"), "foreign");
    assert_eq!(no(None, b"\x00\x5b\0\0"), "foreign");
    let mut machine = Socks::new(target(), None);
    let refusal = machine.bytes(b"HTTP/1.1 400\r\n", &mut Vec::new()).unwrap_err();
    assert_eq!(refusal.to_string(), r#"no SOCKS 5 proxy: "HTTP/1.1 400\r\n""#);
    let mut machine = Socks::new(target(), None);
    machine.bytes(b"\x05\x00\x05\x05", &mut Vec::new()).unwrap_err();
    assert_eq!((machine.end(), Socks::new(target(), None).end()), (Refusal::Over, Refusal::Ended));
}

#[test]
fn http_opens_a_tunnel() {
    let head = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\nX-Empty:\r\n\r\n";
    let run = http(None, &[&head[..], b"\r\nHTTP/1.1 hello"].concat());
    assert_eq!((run.result, run.used), (Ok(Some(Opened { bound: None })), head.len()));
    assert_eq!(run.out, b"CONNECT db.internal:5432 HTTP/1.1\r\nHost: db.internal:5432\r\n\r\n");
    for head in ["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 299 \r\n\r\n", "HTTP/1.1 200\r\n\r\n"] {
        assert!(matches!(http(None, head.as_bytes()).result, Ok(Some(_))), "{head}");
    }
    let interim =
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    assert!(matches!(http(None, interim).result, Ok(Some(_))));
    let six = any_cut(|| Http::new(Target::ip(ip("[2001:db8::1]:80")), None), b"", HEAD_MAX, 1).out;
    assert!(six.starts_with(b"CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n"));
}

#[test]
fn http_logs_in() {
    let run = http(Some(&login()), b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n");
    let said = String::from_utf8(run.out).unwrap();
    // base64 of alice:pén:cil in UTF-8.
    assert!(said.contains("\r\nProxy-Authorization: Basic YWxpY2U6cMOpbjpjaWw=\r\n\r\n"), "{said}");
    let refusal = "login refused: HTTP/1.1 407 Who?";
    assert_eq!(run.result, Err(refusal.into()));
    let run = http(None, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    assert!(run.result.unwrap_err().starts_with("login needed: HTTP/1.1 407 "));
}

#[test]
fn http_says_why_not() {
    let no = |bytes: &[u8]| http(None, bytes).result.unwrap_err();
    let said = no(b"HTTP/1.1 502 \x1b[31mBad Gateway\r\nContent-Length: 5\r\n\r\nsorry");
    assert_eq!(said, r"not connected: HTTP/1.1 502 \x1b[31mBad Gateway");
    assert!(no(b"HTTP/1.1 101 Switching\r\n\r\n").contains("not connected"));
    for (head, why) in [
        ("HTTP/1.1 200 OK\n\r\n", "bare-lf"),
        ("HTTP/1.1 200 OK\r\nA: b\n\r\n", "bare-lf"),
        ("HTTP/1.1 200 OK\r\n\n", "bare-lf"),
        ("HTTP/1.1 200 OK\rX\r\n\r\n", "cr-or-nul"),
        ("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", "cr-or-nul"),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "folded-line"),
        ("HTTP/1.1 200 OK\r\n\tc\r\n\r\n", "folded-line"),
        ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "bad-field"),
        ("HTTP/1.1 200 OK\r\n: b\r\n\r\n", "bad-field"),
        ("HTTP/1.1 200 OK\r\nnothing\r\n\r\n", "bad-field"),
        ("HTTP/1.1 2000 OK\r\n\r\n", "bad-status-line"),
        ("HTTP/1.1 20 OK\r\n\r\n", "bad-status-line"),
        ("HTTP/1.1 099 OK\r\n\r\n", "bad-status-line"),
        ("HTTP/1.1  200 OK\r\n\r\n", "bad-status-line"),
        ("HTTP/1.x 200 OK\r\n\r\n", "bad-status-line"),
        ("HTTP/2 200\r\n\r\n", "foreign"),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", "foreign"),
    ] {
        let said = no(head.as_bytes());
        assert!(said.contains(why), "{head:?}: {said}");
    }
}

#[test]
fn http_heads_are_bounded_in_all() {
    let field = "X-Filler: 0123456789abcdef\r\n";
    let lines = "HTTP/1.1 200 OK\r\n".to_owned() + &field.repeat(HEAD_MAX / field.len());
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_MAX));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(HEAD_MAX / 25 + 1);
    for head in [lines, long, interim] {
        assert!(http(None, head.as_bytes()).result.unwrap_err().contains("head over 16384"));
    }
    // Cut within the line that goes over the bound: what is held of it counts.
    let lines = "HTTP/1.1 200 OK\r\n".to_owned() + &field.repeat(HEAD_MAX / field.len() + 2) + "\r\n";
    for at in HEAD_MAX - 40..HEAD_MAX + 20 {
        let (first, second) = lines.as_bytes().split_at(at);
        let run = crate::chunks::run(Http::new(target(), None), [first, second], HEAD_MAX);
        assert!(run.result.unwrap_err().contains("head over 16384"), "cut at {at}");
    }
    let filled = HEAD_MAX - "HTTP/1.1 200 OK\r\nX: \r\n\r\n".len();
    let at_the_bound = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(filled));
    assert_eq!(at_the_bound.len(), HEAD_MAX);
    assert!(matches!(http(None, at_the_bound.as_bytes()).result, Ok(Some(_))));
}

#[test]
fn targets_and_logins_that_no_proxy_takes_are_refused() {
    for bad in ["", "a b", "a\r\nX: y", "a/b", "a@b", "[::1]", "例.example", &"x".repeat(256)] {
        assert_eq!(Target::name(bad, 1).err(), Some(BadTarget), "{bad:?}");
    }
    assert!(Target::name(&"x".repeat(255), 1).is_ok());
    let no = |user: &str, password: &str| Login::new(user, password).err();
    assert_eq!(no("", "x"), Some(BadLogin::Length));
    assert_eq!(no("x", ""), Some(BadLogin::Length));
    assert_eq!(no(&"x".repeat(256), "x"), Some(BadLogin::Length));
    assert_eq!(no("x", &"x".repeat(256)), Some(BadLogin::Length));
    assert_eq!(no("a:b", "x"), Some(BadLogin::Colon));
    assert_eq!(no("a\n", "x"), Some(BadLogin::Control));
    assert_eq!(no("a", "\u{85}"), Some(BadLogin::Control));
    assert_eq!(format!("{:?}", login()), r#"Login { user: "alice", .. }"#);
    assert_eq!(Reply::ConnectionRefused.to_string(), "connection refused");
}

proptest! {
    #[test]
    fn no_bytes_and_no_cuts_surprise_socks(
        bytes in hostile(vec![[b"\x05\x00", OPEN].concat(), [b"\x05\x02\x01\x00", OPEN].concat()]),
        cuts in cuts(),
    ) {
        these_cuts(|| Socks::new(target(), None), &bytes, SOCKS_MAX, &cuts);
        these_cuts(|| Socks::new(target(), Some(login())), &bytes, SOCKS_MAX, &cuts);
    }

    #[test]
    fn no_bytes_and_no_cuts_surprise_http(
        bytes in hostile(vec![
            b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nhello".to_vec(),
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 407 No\r\nA: b\r\n\r\n".to_vec(),
        ]),
        cuts in cuts(),
    ) {
        these_cuts(|| Http::new(target(), Some(login())), &bytes, HEAD_MAX, &cuts);
    }
}
