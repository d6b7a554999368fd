//! `auth`: who gets in, who does not and what is told of it, and peers that speak badly or not at all.

use std::io::{Read, Write};
use std::net::Shutdown;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sockeye_core::Code;
use sockeye_wire::auth::{Reason, Refusal};

use crate::login::{Overheard, as_user, host, listening, machine, name, overhear, token, users, with_token};
use crate::stage::{Directory, Host, SHORT, ask, dial, dial_with, foreign, hasty, hear, rest, says};

const GREETING: &[u8] = b"sockeye-auth 1 SCRAM-SHA-256 BEARER\n";

#[tokio::test]
async fn the_right_password_lets_in_and_both_ends_tell_who() {
    let directory = Directory::new();
    let host = host(&directory);
    let met = dial(&as_user(&host.url, "alice", "pencil")).await;
    assert_eq!(met.events, ["authenticated alice SCRAM-SHA-256"]);
    let mut stream = met.outcome.unwrap();
    let answer = ask(&mut stream, "hello").await;
    assert!(answer.starts_with("alice|127.0.0.1:") && answer.ends_with("|hello"), "{answer}");
    assert_eq!(host.event(), "authenticated alice SCRAM-SHA-256");
    assert!(host.is_content());
}

#[tokio::test]
async fn a_token_lets_in_on_this_machine() {
    let directory = Directory::new();
    let host = host(&directory);
    let met = dial(&with_token(&host.url, &token())).await;
    assert_eq!(met.events, ["authenticated  BEARER"]);
    assert!(ask(&mut met.outcome.unwrap(), "hello").await.starts_with("robot|"));
    assert_eq!(host.event(), "authenticated robot BEARER");

    let other = sockeye_wire::auth::Token::from_random([8; 32]);
    let (code, said) = dial(&with_token(&host.url, &other)).await.refused();
    assert_eq!(code, Code::BadToken);
    assert!(!said.contains(other.reveal().as_str()), "{said}");
    assert_eq!(host.fault().code, Code::BadToken);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_refused_with_the_same_fault() {
    let directory = Directory::new();
    let host = host(&directory);
    for (user, password) in
        [("alice", "canary-wrong"), ("mallory", "canary-wrong"), ("robot", "canary-wrong")]
    {
        let met = dial(&as_user(&host.url, user, password)).await;
        assert!(met.events.is_empty());
        let (code, said) = met.refused();
        assert_eq!(code, Code::BadCredentials);
        assert!(said.contains(&format!("connect auth+tcp://{}", host.address())), "{said}");
        let fault = host.fault();
        assert_eq!((fault.code, fault.value("name")), (Code::BadCredentials, user));
        assert!(!said.contains("canary") && !fault.to_string().contains("canary"), "{said} {fault}");
    }
}

#[test]
fn an_unknown_user_hears_the_same_lines_as_a_wrong_password() {
    let directory = Directory::new();
    let host = host(&directory);
    let try_as = |user| -> Overheard { overhear(host.call(), machine(user, "wrong"), b"").1 };
    let (wrong, unknown, again) = (try_as("alice"), try_as("malice"), try_as("malice"));
    assert_eq!(wrong.lengths(), unknown.lengths());
    assert_eq!((&wrong.lines[0], &wrong.lines[2]), (&unknown.lines[0], &unknown.lines[2]));
    assert_eq!(wrong.lines[2], Reason::Credentials.line());
    assert_eq!(wrong.outcome, unknown.outcome);
    assert_eq!(wrong.outcome, Err(Refusal::Denied { reason: Reason::Credentials }));
    let salt = |heard: &Overheard| {
        let challenge = plain(heard.lines[1].trim().strip_prefix("+ ").unwrap());
        challenge.split(',').find(|field| field.starts_with("s=")).unwrap().to_owned()
    };
    assert_eq!(salt(&unknown), salt(&again), "a salt that changes is of nobody");
    assert_ne!(salt(&unknown), salt(&wrong));
}

/// The text in base64.
fn plain(base64: &str) -> String {
    String::from_utf8(BASE64_STANDARD.decode(base64).unwrap()).unwrap()
}

#[tokio::test]
async fn who_guesses_again_and_again_is_told_to_come_later() {
    let directory = Directory::new();
    let host = host(&directory);
    for _ in 0..5 {
        let (_, heard) = overhear(host.call(), machine("alice", "wrong"), b"");
        assert_eq!(heard.outcome, Err(Refusal::Denied { reason: Reason::Credentials }));
    }
    // Even with the right password: what is barred is where the guesses come from.
    let (code, _) = dial(&as_user(&host.url, "alice", "pencil")).await.refused();
    assert_eq!(code, Code::AuthLater);
    assert_eq!(rest(&mut host.call()), Reason::Later.line().as_bytes());
}

#[test]
fn behind_a_proxy_it_is_whom_the_header_names_that_comes_later() {
    let directory = Directory::new();
    let path = directory.replace("users", &users(&[("alice", "pencil")]).text());
    let host = Host::start(&format!("auth+proxy1+tcp://127.0.0.1:0?users={path}"));
    let call = |from: &str| {
        let mut stream = host.call();
        stream.write_all(format!("PROXY TCP4 {from} 192.0.2.1 5 6\r\n").as_bytes()).unwrap();
        stream
    };
    for _ in 0..5 {
        let (_, heard) = overhear(call("192.0.2.7"), machine("alice", "wrong"), b"");
        assert_eq!(heard.outcome, Err(Refusal::Denied { reason: Reason::Credentials }));
    }
    assert_eq!(rest(&mut call("192.0.2.7")), Reason::Later.line().as_bytes());
    let (_, heard) = overhear(call("192.0.2.8"), machine("alice", "pencil"), b"");
    assert!(heard.outcome.is_ok());
}

#[test]
fn what_follows_the_last_line_at_once_is_the_sessions() {
    let directory = Directory::new();
    let host = host(&directory);
    let (mut stream, heard) = overhear(host.call(), machine("alice", "pencil"), b"early");
    assert_eq!(heard.outcome.unwrap().name, Some(name("alice")));
    assert!(hear(&mut stream, b"|early").starts_with(b"alice|"));
    stream.write_all(b"late").unwrap();
    hear(&mut stream, b"|late");

    let mut stream = host.call();
    stream.write_all(format!("BEARER {}\nearly", *token().reveal()).as_bytes()).unwrap();
    let got = String::from_utf8(hear(&mut stream, b"|early")).unwrap();
    assert!(got.starts_with("sockeye-auth 1 SCRAM-SHA-256 BEARER\nok\nrobot|"), "{got}");
}

#[test]
fn a_login_may_come_a_byte_at_a_time() {
    let directory = Directory::new();
    let host = host(&directory);
    let mut stream = host.call();
    for byte in format!("BEARER {}\r\nslow", *token().reveal()).bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    // The service answers what one read gave: only the first of it has the user's name for sure.
    let got = String::from_utf8(hear(&mut stream, b"w")).unwrap();
    assert!(got.starts_with("sockeye-auth 1 SCRAM-SHA-256 BEARER\nok\nrobot|"), "{got}");
}

#[tokio::test]
async fn chinese_names_and_passwords_log_in_however_they_are_typed() {
    let directory = Directory::new();
    let all = users(&[("林小明", "密码：三文鱼"), ("lin", "pass")]);
    let path = directory.replace("users", &all.text());
    let host = Host::start(&format!("auth+tcp://127.0.0.1:0?users={path}"));
    let met = dial(&as_user(&host.url, "林小明", "密码：三文鱼")).await;
    assert!(ask(&mut met.outcome.unwrap(), "你好").await.starts_with("林小明|"));
    // Full-width letters, as an input method gives them, are the same after SASLprep.
    let met = dial(&as_user(&host.url, "ｌｉｎ", "ｐａｓｓ")).await;
    assert!(ask(&mut met.outcome.unwrap(), "你好").await.starts_with("lin|"));
    let (code, said) = dial(&as_user(&host.url, "林小明", "密码")).await.refused();
    assert_eq!(code, Code::BadCredentials);
    assert!(said.contains("林小明"), "{said}");
}

#[tokio::test]
async fn a_unix_socket_asks_too_and_takes_tokens() {
    let directory = Directory::new();
    let path = directory.replace("users", &users(&[("alice", "pencil")]).text());
    let socket = directory.file("s");
    let host = Host::start(&format!("auth+unix://{socket}?users={path}"));
    let met = dial(&as_user(&host.url, "alice", "pencil")).await;
    assert!(ask(&mut met.outcome.unwrap(), "hello").await.starts_with("alice|unix|"));
    let met = dial(&with_token(&host.url, &token())).await;
    assert!(ask(&mut met.outcome.unwrap(), "hello").await.starts_with("robot|unix|"));
    let (code, _) = dial(&as_user(&host.url, "alice", "wrong")).await.refused();
    assert_eq!(code, Code::BadCredentials);
}

#[tokio::test]
async fn the_users_file_is_read_again_when_it_changes_and_a_broken_one_keeps_the_users() {
    let directory = Directory::new();
    let host = host(&directory);
    let comes_in = async |user: &str, password: &str| {
        let met = dial(&as_user(&host.url, user, password)).await;
        met.outcome.map(|_| ()).map_err(|fault| fault.code)
    };
    assert_eq!(comes_in("alice", "pencil").await, Ok(()));

    // As long as before, and written at once after it: the time alone would not tell.
    directory.replace("users", &users(&[("alice", "papers")]).text());
    assert_eq!(comes_in("alice", "papers").await, Ok(()));
    assert_eq!(comes_in("alice", "pencil").await, Err(Code::BadCredentials));
    assert_eq!(host.fault().code, Code::BadCredentials);

    let path = directory.replace("users", "alice without a colon\n");
    for _ in 0..2 {
        assert_eq!(comes_in("alice", "papers").await, Ok(()));
    }
    let fault = host.fault();
    assert_eq!((fault.code, fault.value("path")), (Code::UsersKept, path.as_str()));
    assert_eq!(fault.detail.as_deref(), Some("line 1: no-colon"));
    assert!(host.is_content(), "it is told once");

    std::fs::remove_file(&path).unwrap();
    for _ in 0..2 {
        assert_eq!(comes_in("alice", "papers").await, Ok(()));
    }
    assert_eq!(host.fault().code, Code::UsersKept);
    assert!(host.is_content(), "it is told once");

    directory.replace("users", &users(&[("bob", "pencil")]).text());
    assert_eq!(comes_in("bob", "pencil").await, Ok(()));
    assert_eq!(comes_in("alice", "papers").await, Err(Code::BadCredentials));
}

#[test]
fn peers_that_speak_something_else_are_told_so_and_shown() {
    let directory = Directory::new();
    let host = host(&directory);
    for (first, shown) in [
        (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], r#""GET / HTTP/1.1"#),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "1603010200"),
        (b"\xff\xfe\n", "fffe"),
    ] {
        let mut stream = host.call();
        stream.write_all(first).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let got = rest(&mut stream);
        assert_eq!(
            got.escape_ascii().to_string(),
            [GREETING, b"no protocol\n"].concat().escape_ascii().to_string()
        );
        let fault = host.fault();
        assert_eq!(fault.code, Code::NoAuth);
        assert!(fault.value("reason").contains(shown), "{fault}");
    }
    let mut stream = host.call();
    stream.write_all(&[&b"BEARER "[..], &[b'x'; 5000]].concat()).unwrap();
    assert!(rest(&mut stream).ends_with(b"\nno protocol\n"));
    assert_eq!(host.fault().code, Code::BadAuth);
}

#[test]
fn peers_that_hang_up_are_told_apart_from_refusals() {
    let directory = Directory::new();
    let host = host(&directory);
    for first in [&b""[..], b"SCRAM-SHA", b"SCRAM-SHA-256 biwsbj1hbGljZSxyPXg=\n"] {
        let mut stream = host.call();
        stream.write_all(first).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let got = rest(&mut stream);
        assert!(got.starts_with(GREETING) && !got.ends_with(b"no protocol\n"), "{}", got.escape_ascii());
        let fault = host.fault();
        assert_eq!((fault.code, fault.value("reason")), (Code::NoAuth, "stream ended"));
    }
    // An RST in the middle.
    let mut stream = host.call();
    hear(&mut stream, b"\n");
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(stream);
    assert_eq!(host.fault().code, Code::Reset);
    let mut stream = host.call();
    stream.write_all(b"*\n").unwrap();
    assert!(rest(&mut stream).ends_with(b"no protocol\n"));
    assert_eq!(host.fault().code, Code::BadAuth);
}

#[test]
fn peers_that_take_too_long_are_given_up() {
    let directory = Directory::new();
    let host = Host::hasty(&listening(&directory));
    // Silent.
    assert_eq!(rest(&mut host.call()), GREETING);
    let late = |fault: sockeye_core::Fault| {
        assert_eq!(
            (fault.code, fault.value("layer"), fault.value("after")),
            (Code::HandshakeTimeout, "auth", "150ms")
        );
    };
    late(host.fault());
    assert_eq!(host.event(), "timeout auth");
    // Never done: each byte comes in time, and the whole does not.
    let mut stream = host.call();
    hear(&mut stream, b"\n");
    stream.write_all(b"BEARER ").unwrap();
    stream.set_read_timeout(Some(SHORT / 10)).unwrap();
    while !matches!(stream.read(&mut [0]), Ok(0)) && stream.write_all(b"x").is_ok() {}
    late(host.fault());
}

#[tokio::test]
async fn a_client_names_servers_that_speak_something_else() {
    for (first, code, shown) in [
        (&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], Code::NoAuth, "SSH-2.0-OpenSSH_9.2p1"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Code::NoAuth, "HTTP/1.1 400"),
        (b"sockeye-auth 2 SCRAM-SHA-256\n", Code::NoAuth, "version 2"),
        (b"sockeye-auth 1 BEARER\n", Code::NoAuth, "SCRAM-SHA-256"),
        (b"sockeye-auth 1 SCRAM-SHA-256\n+ !\n", Code::BadAuth, "not-base64"),
        (b"sockeye-auth 1 SCRAM-SHA-256\nok\n", Code::BadAuth, "unexpected-word"),
        (b"no later\n", Code::AuthLater, ""),
    ] {
        let (found, said) =
            dial(&as_user(&format!("auth+tcp://{}", says(first)), "alice", "pencil")).await.refused();
        assert_eq!(found, code, "{said}");
        assert!(said.contains(shown), "{said}");
    }
    let gone = foreign(drop);
    let (code, said) = dial(&as_user(&format!("auth+tcp://{gone}"), "alice", "pencil")).await.refused();
    assert!(code == Code::NoAuth && said.contains("stream ended"), "{said}");
    let silent = says(b"");
    let endpoint = as_user(&format!("auth+tcp://{silent}"), "alice", "pencil");
    let met = dial_with(&endpoint, hasty()).await;
    assert_eq!(met.events, ["timeout auth"]);
    let fault = met.outcome.err().unwrap();
    assert_eq!(
        (fault.code, fault.value("layer"), fault.value("after")),
        (Code::HandshakeTimeout, "auth", "150ms")
    );
}

#[tokio::test]
async fn a_server_that_does_not_know_the_password_is_not_believed() {
    // It takes whatever proof comes, and cannot sign.
    let address = foreign(|mut stream| {
        stream.write_all(GREETING).unwrap();
        let first = String::from_utf8(hear(&mut stream, b"\n")).unwrap();
        let first = plain(first.trim().strip_prefix("SCRAM-SHA-256 ").unwrap());
        let nonce = first.rsplit("r=").next().unwrap().to_owned();
        let challenge = BASE64_STANDARD.encode(format!("r={nonce}mine,s=QUFBQQ==,i=4096"));
        stream.write_all(format!("+ {challenge}\n").as_bytes()).unwrap();
        hear(&mut stream, b"\n");
        let signature = BASE64_STANDARD.encode("v=QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=");
        stream.write_all(format!("ok {signature}\nwelcome").as_bytes()).unwrap();
        rest(&mut stream);
    });
    let met = dial(&as_user(&format!("auth+tcp://{address}"), "alice", "pencil")).await;
    assert!(met.events.is_empty());
    assert_eq!(met.refused().0, Code::ServerUnproven);
}

#[tokio::test]
async fn what_a_login_needs_is_asked_for_before_anything_is_sent() {
    let directory = Directory::new();
    let no_user = dial(&"auth+tcp://127.0.0.1:1".parse().unwrap()).await.refused();
    assert_eq!(no_user.0, Code::Needed);
    let mut endpoint = as_user("auth+tcp://127.0.0.1:1", "alice", "x");
    endpoint.secrets.password = None;
    assert_eq!(dial(&endpoint).await.refused().0, Code::NoPassword);
    endpoint.params.password_file = Some(directory.replace("password", "canary\nsecond line\n"));
    assert_eq!(dial(&endpoint).await.refused().0, Code::Refused);
    endpoint.params.password_file = Some(directory.replace("password", "\n"));
    let (code, said) = dial(&endpoint).await.refused();
    assert_eq!(code, Code::BadValue, "{said}");
    endpoint.params.token_file = Some(directory.replace("token", "canary-no-token\n"));
    let (code, said) = dial(&endpoint).await.refused();
    assert!(code == Code::BadValue && !said.contains("canary"), "{said}");
}
