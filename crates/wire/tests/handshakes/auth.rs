//! The line protocol: both sides against each other, and each against whoever speaks badly.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use sockeye_wire::auth::{
    Authenticated, Client, Credential, LINE_MAX, Mechanism, Reason, Refusal, Server, Token, Users, message,
};
use sockeye_wire::scram::{self, ChannelBinding, DecoySecret, Name, Nonce, Password, Verifier};
use sockeye_wire::{Gate, Handshake};

use crate::chunks::{any_cut, cuts, hostile, run, these_cuts};

const LINK: ChannelBinding = ChannelBinding([0xcb; 32]);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn token(byte: u8) -> Token {
    Token::from_random([byte; 32])
}

/// alice has the password `pencil`, robot the token of sevens.
static USERS: LazyLock<Arc<Users>> = LazyLock::new(|| {
    let mut users = Users::default();
    users.set_password(name("alice"), Verifier::derive(&Password::new("pencil").unwrap(), &[5; 16], 4096));
    users.set_token(name("robot"), token(7).digest());
    Arc::new(users)
});

fn server_of(users: &Arc<Users>, binding: Option<ChannelBinding>) -> Server {
    let (secret, nonce) = (DecoySecret::new([3; 32]), Nonce::from_random([1; 18]));
    Server::new(Arc::clone(users), secret, nonce, binding)
}

fn server(binding: Option<ChannelBinding>) -> Server {
    server_of(&USERS, binding)
}

fn password(user: &str, password: &str) -> Credential {
    Credential::Password(name(user), Password::new(password).unwrap())
}

fn client(credential: Credential, binding: Option<ChannelBinding>) -> Client {
    Client::new(credential, Nonce::from_random([2; 18]), binding)
}

/// What each side comes to, and what it said.
struct Met {
    server: Result<Authenticated, Refusal>,
    client: Result<Authenticated, Refusal>,
    from_server: String,
    from_client: String,
}

/// Lets both talk until neither has more to say; `change` is in the middle and sees what the server says.
fn meet(mut server: Server, mut client: Client, change: impl Fn(String) -> String) -> Met {
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    let mut met = Met {
        server: Err(Refusal::Ended),
        client: Err(Refusal::Ended),
        from_server: String::new(),
        from_client: String::new(),
    };
    server.start(&mut to_client);
    client.start(&mut to_server);
    while !to_client.is_empty() || !to_server.is_empty() {
        let heard = change(String::from_utf8(std::mem::take(&mut to_client)).unwrap());
        met.from_server.push_str(&heard);
        step(&mut client, heard.as_bytes(), &mut to_server, &mut met.client);
        let heard = String::from_utf8(std::mem::take(&mut to_server)).unwrap();
        met.from_client.push_str(&heard);
        step(&mut server, heard.as_bytes(), &mut to_client, &mut met.server);
    }
    met
}

fn step<H>(machine: &mut H, heard: &[u8], out: &mut Vec<u8>, end: &mut Result<Authenticated, Refusal>)
where
    H: Handshake<Outcome = Authenticated, Refusal = Refusal>,
{
    if heard.is_empty() || *end != Err(Refusal::Ended) {
        return;
    }
    match machine.bytes(heard, out) {
        Ok(Gate::More) => {}
        Ok(Gate::Done { outcome, used }) => {
            assert_eq!(used, heard.len());
            *end = Ok(outcome);
        }
        Err(refusal) => *end = Err(refusal),
    }
}

fn denied(reason: Reason) -> Result<Authenticated, Refusal> {
    Err(Refusal::Denied { reason })
}

fn scram_refusal(refusal: scram::Refusal, user: &str) -> Result<Authenticated, Refusal> {
    Err(Refusal::Scram { refusal, name: Some(name(user)) })
}

#[test]
fn a_password_opens_by_the_strongest_mechanism_there_is() {
    for (ours, theirs, mechanism, flag) in [
        (Some(LINK), Some(LINK), Mechanism::ScramPlus, "p=tls-exporter,,"),
        (Some(LINK), None, Mechanism::Scram, "y,,"),
        (None, Some(LINK), Mechanism::Scram, "n,,"),
        (None, None, Mechanism::Scram, "n,,"),
    ] {
        let met = meet(server(theirs), client(password("alice", "pencil"), ours), |line| line);
        let agreed = Ok(Authenticated { name: Some(name("alice")), mechanism });
        assert_eq!((&met.client, &met.server), (&agreed, &agreed));
        assert_eq!(mechanism.is_bound(), ours.is_some() && theirs.is_some());
        let plus = if theirs.is_some() { "SCRAM-SHA-256-PLUS " } else { "" };
        let greeting = format!("sockeye-auth 1 {plus}SCRAM-SHA-256 BEARER\n+ ");
        assert!(met.from_server.starts_with(&greeting) && met.from_server.contains("\nok "));
        let first = met.from_client.split(['\n', ' ']).nth(1).unwrap();
        assert!(BASE64_STANDARD.decode(first).unwrap().starts_with(flag.as_bytes()));
    }
}

#[test]
fn a_token_opens() {
    let met = meet(server(None), client(Credential::Token(token(7)), None), |line| line);
    assert_eq!(met.server, Ok(Authenticated { name: Some(name("robot")), mechanism: Mechanism::Bearer }));
    assert_eq!(met.client, Ok(Authenticated { name: None, mechanism: Mechanism::Bearer }));
    assert_eq!(met.from_client, format!("BEARER {}\n", *token(7).reveal()));
    assert_eq!(met.from_server, "sockeye-auth 1 SCRAM-SHA-256 BEARER\nok\n");
    let met = meet(server(None), client(Credential::Token(token(8)), None), |line| line);
    assert_eq!((met.server, met.client), (Err(Refusal::Token), denied(Reason::Credentials)));
    assert!(met.from_server.ends_with("\nno credentials\n"));
}

#[test]
fn an_unknown_user_cannot_be_told_from_a_wrong_password() {
    let wrong = meet(server(None), client(password("alice", "wrong"), None), |line| line);
    let unknown = meet(server(None), client(password("carol", "wrong"), None), |line| line);
    assert_eq!(wrong.server, scram_refusal(scram::Refusal::Credentials, "alice"));
    assert_eq!(unknown.server, scram_refusal(scram::Refusal::Credentials, "carol"));
    assert_eq!(wrong.client, unknown.client);
    let lengths = |met: &Met| met.from_server.lines().map(str::len).collect::<Vec<_>>();
    assert_eq!(lengths(&wrong), lengths(&unknown));
    assert!(wrong.from_server.ends_with("\nno credentials\n"));
    let challenge = |met: &Met| {
        let line = met.from_server.lines().nth(1).unwrap().strip_prefix("+ ").unwrap().to_owned();
        String::from_utf8(BASE64_STANDARD.decode(line).unwrap()).unwrap()
    };
    // The decoy takes after the real: the same iterations, a salt of the same length, and the same salt each time.
    assert!(challenge(&unknown).ends_with(",i=4096"));
    let again = meet(server(None), client(password("carol", "another"), None), |line| line);
    assert_eq!(challenge(&again), challenge(&unknown));
    let other = meet(server(None), client(password("carom", "wrong"), None), |line| line);
    assert_ne!(challenge(&other), challenge(&unknown));
}

#[test]
fn nobody_in_the_middle_takes_the_binding_away() {
    let strip = |line: String| line.replace("SCRAM-SHA-256-PLUS ", "");
    let met = meet(server(Some(LINK)), client(password("alice", "pencil"), Some(LINK)), strip);
    assert_eq!(met.server, Err(Refusal::Scram { refusal: scram::Refusal::Binding, name: None }));
    assert_eq!(met.client, denied(Reason::Binding));
    let elsewhere = ChannelBinding([1; 32]);
    let met = meet(server(Some(LINK)), client(password("alice", "pencil"), Some(elsewhere)), |line| line);
    assert_eq!(met.server, scram_refusal(scram::Refusal::Binding, "alice"));
    assert_eq!(met.client, denied(Reason::Binding));
}

#[test]
fn a_server_is_believed_only_by_its_signature() {
    let forged = |line: String| match line.strip_prefix("ok ") {
        Some(_) => {
            format!("ok {}\n", BASE64_STANDARD.encode(format!("v={}", BASE64_STANDARD.encode([0; 32]))))
        }
        None => line,
    };
    let met = meet(server(None), client(password("alice", "pencil"), None), forged);
    assert_eq!(met.client, scram_refusal(scram::Refusal::ServerSignature, "alice"));
    let bare = |line: String| if line.starts_with("ok ") { "ok\n".to_owned() } else { line };
    let met = meet(server(None), client(password("alice", "pencil"), None), bare);
    assert!(matches!(met.client, Err(Refusal::Malformed { .. })));
}

#[test]
fn only_what_is_offered_is_spoken() {
    let with_tokens = Arc::new(USERS.without(sockeye_wire::auth::Kind::Password));
    let met =
        meet(server_of(&with_tokens, Some(LINK)), client(password("alice", "pencil"), None), |line| line);
    assert_eq!(met.from_server, "sockeye-auth 1 BEARER\nno protocol\n");
    let offered = "BEARER".to_owned();
    assert_eq!(met.client, Err(Refusal::NothingInCommon { wanted: "SCRAM-SHA-256", offered }));
    assert_eq!((met.from_client.as_str(), met.server), ("*\n", Err(Refusal::GaveUp)));
    let without_tokens = Arc::new(USERS.without(sockeye_wire::auth::Kind::Token));
    let met = meet(server_of(&without_tokens, None), client(Credential::Token(token(7)), None), |line| line);
    assert!(matches!(met.client, Err(Refusal::NothingInCommon { wanted: "BEARER", .. })));
    let first = format!("BEARER {}\n", *token(7).reveal());
    let run = run(server_of(&without_tokens, None), [first.as_bytes()], LINE_MAX);
    assert!(run.result.unwrap_err().contains("not offered"));
    let nobody = run_server(&Arc::default(), b"");
    assert_eq!(nobody, "sockeye-auth 1 SCRAM-SHA-256\n");
}

fn run_server(users: &Arc<Users>, bytes: &[u8]) -> String {
    String::from_utf8(any_cut(|| server_of(users, None), bytes, LINE_MAX, 1).out).unwrap()
}

#[test]
fn a_client_that_breaks_the_rules_is_told_which_sort() {
    let said = |bytes: &[u8]| {
        let run = any_cut(|| server(Some(LINK)), bytes, LINE_MAX, 97);
        let out = String::from_utf8(run.out).unwrap();
        (run.result.unwrap_err(), out.lines().last().unwrap().to_owned())
    };
    let protocol = |bytes: &[u8], why: &str| {
        let (refusal, last) = said(bytes);
        assert!(refusal.contains(why), "{refusal}");
        assert_eq!(last, "no protocol");
    };
    protocol(b"GET / HTTP/1.1\r\n", "foreign");
    protocol(b"\x16\x03\x01", "foreign");
    protocol(b"\n", "foreign");
    protocol(b"SCRAM-SHA-1 x\n", "foreign");
    protocol(b"*\r\n", "given up");
    protocol(b"SCRAM-SHA-256 ?\n", "not-base64");
    protocol(b"SCRAM-SHA-256 \xff\n", "utf-8");
    protocol(b"SCRAM-SHA-256 gA==\n", "utf-8");
    protocol(b"SCRAM-SHA-256 QQ==\n", "malformed message");
    protocol(&[b"SCRAM-SHA-256 ".as_slice(), &[b'A'; LINE_MAX]].concat(), "over 4096 bytes");
    assert_eq!(said(b"BEARER x\n"), ("unknown token".into(), "no credentials".into()));
    let first = BASE64_STANDARD.encode("p=tls-unique,,n=alice,r=x");
    let (_, last) = said(format!("SCRAM-SHA-256-PLUS {first}\n").as_bytes());
    assert_eq!(last, "no binding");
    // After the challenge too.
    let first = BASE64_STANDARD.encode("n,,n=alice,r=x");
    protocol(format!("SCRAM-SHA-256 {first}\n*\n").as_bytes(), "given up");
    protocol(format!("SCRAM-SHA-256 {first}\nagain\n").as_bytes(), "not-base64");
}

#[test]
fn a_server_that_breaks_the_rules_is_not_answered_long() {
    let said = |bytes: &[u8]| {
        let run = any_cut(|| client(password("alice", "pencil"), None), bytes, LINE_MAX, 97);
        (run.result.unwrap_err(), String::from_utf8(run.out).unwrap())
    };
    assert_eq!(said(b"HTTP/1.1 400 Bad Request\r\n"), ("foreign".into(), String::new()));
    assert_eq!(said(b"\x00"), ("foreign".into(), String::new()));
    assert_eq!(said(b"no later\n"), ("denied: later".into(), String::new()));
    assert!(said(b"no reason\n").0.contains("unknown-reason"));
    let (refusal, out) = said(b"sockeye-auth 2 SCRAM-SHA-256\n");
    assert!(refusal.contains("sockeye-auth version 2") && out == "*\n", "{refusal}");
    let greeting = b"sockeye-auth 1 SCRAM-SHA-256\n".as_slice();
    let tail = |line: &[u8]| {
        let (refusal, out) = said(&[greeting, line].concat());
        (refusal, out.lines().last().unwrap().to_owned())
    };
    assert!(tail(b"ok\n").0.contains("unexpected-word"));
    assert_eq!(tail(b"+ ?\n").1, "*");
    let costly = BASE64_STANDARD.encode(format!("r={}x,s=QQ==,i=99999999", BASE64_STANDARD.encode([2; 18])));
    let (refusal, last) = tail(format!("+ {costly}\n").as_bytes());
    assert!(refusal.contains("99999999 iterations") && last == "*", "{refusal}");
    let mut stranger = client(password("alice", "pencil"), None);
    let refusal = stranger.bytes(b"SSH-2.0-OpenSSH_9.2\r\n", &mut Vec::new()).unwrap_err();
    assert!(refusal.to_string().ends_with(r#"not sockeye-auth: "SSH-2.0-OpenSSH_9.2\r\n""#), "{refusal}");
}

/// What each side of a good exchange says, so that the other can be fed with it in pieces.
fn transcript(binding: Option<ChannelBinding>) -> (Vec<u8>, Vec<u8>) {
    let met = meet(server(binding), client(password("alice", "pencil"), binding), |line| line);
    assert!(met.client.is_ok());
    (met.from_server.into_bytes(), met.from_client.into_bytes())
}

#[test]
fn no_cut_changes_an_exchange_and_what_follows_is_not_its_own() {
    for binding in [None, Some(LINK)] {
        let (from_server, from_client) = transcript(binding);
        let followed = [&from_client, &b"hello\nworld"[..]].concat();
        let run = any_cut(|| server(binding), &followed, LINE_MAX, 1);
        assert_eq!((run.used, run.result.unwrap().unwrap().name), (from_client.len(), Some(name("alice"))));
        assert_eq!(run.out, from_server);
        let followed = [&from_server, &b"hello\nworld"[..]].concat();
        let run = any_cut(|| client(password("alice", "pencil"), binding), &followed, LINE_MAX, 29);
        assert_eq!(run.used, from_server.len());
        assert_eq!(run.out, from_client);
        let crlf = String::from_utf8(from_client).unwrap().replace('\n', "\r\n");
        let run = any_cut(|| server(binding), crlf.as_bytes(), LINE_MAX, 31);
        assert!(matches!(run.result, Ok(Some(_))));
    }
}

#[test]
fn messages_carry_lines_with_or_without_their_end() {
    for end in ["", "\n", "\r\n"] {
        let (mut server, mut client) = (server(None), client(password("alice", "pencil"), None));
        let (mut out, mut agreed) = (Vec::new(), (None, None));
        server.start(&mut out);
        while !out.is_empty() {
            let line = String::from_utf8(std::mem::take(&mut out)).unwrap();
            agreed.0 = message(&mut client, (line.trim_end().to_owned() + end).as_bytes(), &mut out).unwrap();
            let line = String::from_utf8(std::mem::take(&mut out)).unwrap();
            if !line.is_empty() {
                let line = line.trim_end().to_owned() + end;
                agreed.1 = message(&mut server, line.as_bytes(), &mut out).unwrap();
            }
        }
        assert!(agreed.0.is_some() && agreed.0 == agreed.1);
    }
    for two in [b"*\n*\n".as_slice(), b"BEARER x\n\n"] {
        let refusal = message(&mut server(None), two, &mut Vec::new()).unwrap_err();
        assert!(refusal.to_string().contains("more-than-one-line"));
    }
}

#[test]
fn a_stream_that_ends_within_is_told_apart_from_one_that_is_done() {
    let mut server = server(None);
    assert_eq!(server.end(), Refusal::Ended);
    assert!(server.bytes(format!("BEARER {}\n", *token(7).reveal()).as_bytes(), &mut Vec::new()).is_ok());
    assert_eq!(server.end(), Refusal::Over);
}

#[test]
fn machines_can_be_moved_to_a_thread_that_may_be_busy() {
    fn movable<T: Send + 'static>() {}
    movable::<Client>();
    movable::<Server>();
}

fn client_lines() -> Vec<Vec<u8>> {
    vec![
        transcript(None).1,
        transcript(Some(LINK)).1,
        format!("BEARER {}\n", *token(7).reveal()).into_bytes(),
    ]
}

fn server_lines() -> Vec<Vec<u8>> {
    vec![transcript(None).0, b"sockeye-auth 1 BEARER\nok\n".to_vec(), b"no later\n".to_vec()]
}

proptest! {
    #[test]
    fn no_bytes_and_no_cuts_surprise_the_server(bytes in hostile(client_lines()), cuts in cuts()) {
        these_cuts(|| server_of(&USERS, None), &bytes, LINE_MAX, &cuts);
        these_cuts(|| server_of(&USERS, Some(LINK)), &bytes, LINE_MAX, &cuts);
    }
}

proptest! {
    // Each case may hash a password several times.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_and_no_cuts_surprise_the_client(bytes in hostile(server_lines()), cuts in cuts()) {
        these_cuts(|| client(password("alice", "pencil"), None), &bytes, LINE_MAX, &cuts);
        these_cuts(|| client(Credential::Token(token(7)), Some(LINK)), &bytes, LINE_MAX, &cuts);
    }
}
