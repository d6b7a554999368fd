//! TLS that is put on a leg while it is open.

use sockeye_core::Effect;

use crate::stage::{Eye, Rule, connect, listen, on, say, told};

fn secure(leg: u8, with: &str) -> Effect {
    Effect::Secure { leg, with: with.into() }
}

/// A client asks for TLS, gets it, and both go on.
fn starttls(ask: &'static str) -> Vec<Rule> {
    vec![
        on("begin", |out, _| listen(out, 1, "tcp://127.0.0.1:0?frame=crlf")),
        on("listening 1", |out, urls| connect(out, 2, &format!("{}?frame=crlf", urls[&1]))),
        on("opened 2", |out, _| say(out, 2, "STARTTLS")),
        on("message 1 STARTTLS", |out, _| {
            say(out, 1, "220 go");
            out.effect(secure(1, "self-signed"));
        }),
        on("message 2 220 go", move |out, _| out.effect(secure(2, ask))),
    ]
}

#[test]
fn starttls_makes_a_leg_private_on_both_sides() {
    let eye = Eye::new(true);
    let mut rules = starttls("insecure");
    rules.extend([
        // Opened once as it was, and once in TLS.
        on("opened 2", |out, _| say(out, 2, "secret words")),
        on("message 1 secret words", |out, _| say(out, 1, "understood")),
        on("message 2 understood", |out, _| out.effect(Effect::Hang { leg: 2 })),
        on("eof 1", |out, _| out.close()),
    ]);
    let log = told(rules, Some(eye.clone()));
    assert_eq!(log.iter().filter(|line| line.starts_with("opened")).count(), 4, "{log:?}");
    assert_eq!(eye.begins("tls ").len(), 2);
    let wire = eye.begins("wire ").join("\n");
    assert!(wire.contains("220 go") && !wire.contains("secret words"));
    // Each side tells what reads it, before anything that needs it is sent.
    let lines = eye.lines();
    let secrets = lines.iter().filter(|line| line.contains(" CLIENT_TRAFFIC_SECRET_0 ")).count();
    assert_eq!(secrets, 2, "{lines:?}");
}

#[test]
fn starttls_that_fails_is_told() {
    let eye = Eye::new(false);
    let mut rules = starttls("sni=other.example");
    rules.extend([on("failed 2 certificate-self-signed", |out, _| out.close())]);
    let log = told(rules, Some(eye.clone()));
    assert!(log.contains(&"failed 2 certificate-self-signed".to_owned()), "{log:?}");
    assert!(eye.begins("error [certificate-self-signed] tcp://127.0.0.1:").len() == 1, "{:?}", eye.lines());

    let mut rules = starttls("frobnicate");
    rules.extend([on("failed 2 unknown-parameter", |out, _| out.close())]);
    told(rules, None);
}

#[test]
fn what_came_with_the_last_plain_message_is_tls_s_beginning() {
    // The client does not wait for the answer: its hello comes in the same read, or right after.
    let log = told(
        vec![
            on("begin", |out, _| listen(out, 1, "tcp://127.0.0.1:0?frame=crlf")),
            on("listening 1", |out, urls| connect(out, 2, &format!("{}?frame=crlf", urls[&1]))),
            on("opened 2", |out, _| {
                say(out, 2, "STARTTLS");
                out.effect(secure(2, "insecure"));
            }),
            on("message 1 STARTTLS", |out, _| out.effect(secure(1, "self-signed"))),
            on("opened 2", |out, _| say(out, 2, "hello")),
            on("message 1 hello", |out, _| out.close()),
        ],
        None,
    );
    assert_eq!(log.last().unwrap(), "message 1 hello");
}

#[test]
fn an_endpoint_with_tls_is_listened_at() {
    let log = told(
        vec![
            on("begin", |out, _| listen(out, 1, "tls://127.0.0.1:0?self-signed&frame=line")),
            on("listening 1", |out, urls| connect(out, 2, &format!("{}?frame=line&insecure", urls[&1]))),
            on("opened 2", |out, _| say(out, 2, "hello")),
            on("message 1 hello", |out, _| out.close()),
        ],
        None,
    );
    assert_eq!(log.last().unwrap(), "message 1 hello");
}

#[test]
fn datagrams_take_no_tls() {
    let log = told(
        vec![
            on("begin", |out, _| listen(out, 1, "udp://127.0.0.1:0")),
            on("listening 1", |out, urls| connect(out, 2, &urls[&1])),
            on("opened 2", |out, _| out.effect(secure(2, "insecure"))),
            on("failed 2 unfit-layer", |out, _| out.close()),
        ],
        None,
    );
    assert_eq!(log.last().unwrap(), "failed 2 unfit-layer");
}
