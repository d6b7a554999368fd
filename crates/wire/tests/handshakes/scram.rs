//! SCRAM: the vectors of RFC 7677, and everything that must not be believed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sockeye_wire::scram::{
    Binding, ChannelBinding, Client, MAX_ITERATIONS, Name, Nonce, Password, Refusal, Server, Verifier,
};

const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const OURS: &str = "rOprNGfwEbeRWgbNEkqO";
const THEIRS: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const LINK: ChannelBinding = ChannelBinding([0xcb; 32]);

fn verifier(password: &str) -> Verifier {
    let salt = BASE64_STANDARD.decode(SALT).unwrap().try_into().unwrap();
    Verifier::derive(&Password::new(password).unwrap(), &salt, 4096)
}

fn client(name: &str, password: &str, binding: Binding) -> Client {
    let (name, password) = (Name::new(name).unwrap(), Password::new(password).unwrap());
    Client::new(&name, password, Nonce::of(OURS).unwrap(), binding)
}

fn nonce() -> Nonce {
    Nonce::of(THEIRS).unwrap()
}

/// The whole exchange, in which `change` may do to each message what a man in the middle would.
fn exchange(
    client: Client,
    server: impl Fn(&str) -> Result<Server, Refusal>,
    verifier: &Verifier,
    change: impl Fn(usize, String) -> String,
) -> Result<String, Refusal> {
    let server = server(&change(0, client.first()))?;
    let (challenge, challenged) = server.challenge(verifier.clone(), &nonce());
    let (last, expected) = client.answer(&change(1, challenge))?;
    let (signature, name) = challenged.check(&change(2, last))?;
    expected.check(&change(3, signature))?;
    Ok(name.as_str().to_owned())
}

fn unchanged(_: usize, message: String) -> String {
    message
}

#[test]
fn the_example_of_rfc_7677_section_3() {
    let client = client("user", "pencil", Binding::None);
    assert_eq!(client.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let server = Server::plain(&client.first(), None).unwrap();
    let (challenge, challenged) = server.challenge(verifier("pencil"), &nonce());
    let wire = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(challenge, wire);
    let (last, expected) = client.answer(&challenge).unwrap();
    let wire = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(last, wire);
    let (signature, name) = challenged.check(&last).unwrap();
    assert_eq!(signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    assert_eq!(name.as_str(), "user");
    assert_eq!(expected.check(&signature), Ok(()));
}

#[test]
fn names_and_passwords_of_any_script_work_and_are_prepared_alike() {
    let plain = |first: &str| Server::plain(first, None);
    let chinese = verifier("口令，很长");
    assert_eq!(
        exchange(client("王,小=明", "口令，很长", Binding::None), plain, &chinese, unchanged).as_deref(),
        Ok("王,小=明")
    );
    // Full-width letters and a soft hyphen come to the same (RFC 4013 section 2).
    let ascii = verifier("IX");
    assert!(exchange(client("u", "Ⅸ\u{ad}", Binding::None), plain, &ascii, unchanged).is_ok());
}

#[test]
fn a_wrong_password_is_refused() {
    let result = exchange(
        client("user", "pencils", Binding::None),
        |first| Server::plain(first, None),
        &verifier("pencil"),
        unchanged,
    );
    assert_eq!(result, Err(Refusal::Credentials));
}

#[test]
fn a_replayed_proof_is_refused() {
    let first = client("user", "pencil", Binding::None);
    let (challenge, _) = Server::plain(&first.first(), None).unwrap().challenge(verifier("pencil"), &nonce());
    let said = first.first();
    let (heard, _) = first.answer(&challenge).unwrap();
    // The listener says the same to a server that has drawn another nonce.
    let other = Nonce::from_random([1; 18]);
    let (_, challenged) = Server::plain(&said, None).unwrap().challenge(verifier("pencil"), &other);
    assert_eq!(challenged.check(&heard).err(), Some(Refusal::Nonce));
    // Even with the nonce put right, the proof is one of other words.
    let (_, challenged) = Server::plain(&said, None).unwrap().challenge(verifier("pencil"), &other);
    let patched = heard.replace(THEIRS, &BASE64_STANDARD.encode([1; 18]));
    assert_eq!(challenged.check(&patched).err(), Some(Refusal::Credentials));
}

#[test]
fn a_binding_binds_both_ends_to_one_connection() {
    let plus = |link: ChannelBinding| move |first: &str| Server::plus(first, &link);
    let bound = || client("user", "pencil", Binding::Exporter(LINK));
    assert!(bound().first().starts_with("p=tls-exporter,,n=user,r="));
    let good = verifier("pencil");
    assert!(exchange(bound(), plus(LINK), &good, unchanged).is_ok());
    // A server at another connection, as behind somebody who relays.
    assert_eq!(exchange(bound(), plus(ChannelBinding([1; 32])), &good, unchanged), Err(Refusal::Binding));
    // The binding forged on the way to what the server has: the proof covers it.
    let theirs = ChannelBinding([1; 32]);
    let forged = BASE64_STANDARD.encode([b"p=tls-exporter,,".as_slice(), &theirs.0].concat());
    let forge = |at: usize, message: String| match (at, message.split_once(",r=")) {
        (2, Some((_, rest))) => format!("c={forged},r={rest}"),
        _ => message,
    };
    assert_eq!(exchange(bound(), plus(theirs), &good, forge), Err(Refusal::Credentials));
    // Cut off, on both messages.
    let cut = |at: usize, message: String| match at {
        0 => message.replace("p=tls-exporter,,", "n,,"),
        _ => message,
    };
    let plain = |first: &str| Server::plain(first, Some(&LINK));
    assert_eq!(exchange(bound(), plain, &good, cut), Err(Refusal::Binding));
    assert!(matches!(exchange(bound(), plus(LINK), &good, cut), Err(Refusal::Malformed { .. })));
}

#[test]
fn an_offer_that_was_taken_away_is_noticed() {
    let good = verifier("pencil");
    let unoffered = || client("user", "pencil", Binding::Unoffered);
    assert!(unoffered().first().starts_with("y,,"));
    assert!(exchange(unoffered(), |first| Server::plain(first, None), &good, unchanged).is_ok());
    let offered = |first: &str| Server::plain(first, Some(&LINK));
    assert_eq!(exchange(unoffered(), offered, &good, unchanged), Err(Refusal::Binding));
    // To say `n` in its place does not help: the client's proof is over `y`.
    let hide = |at: usize, message: String| match at {
        0 => message.replacen("y,,", "n,,", 1),
        2 => message.replacen("c=eSws", "c=biws", 1),
        _ => message,
    };
    assert_eq!(exchange(unoffered(), offered, &good, hide), Err(Refusal::Credentials));
    // A client without a binding may come in where one is offered.
    assert!(exchange(client("user", "pencil", Binding::None), offered, &good, unchanged).is_ok());
}

#[test]
fn a_server_that_does_not_know_the_password_is_not_believed() {
    let forge = |at: usize, message: String| match at {
        3 => format!("v={}", BASE64_STANDARD.encode([0; 32])),
        _ => message,
    };
    let plain = |first: &str| Server::plain(first, None);
    let good = verifier("pencil");
    let user = || client("user", "pencil", Binding::None);
    assert_eq!(exchange(user(), plain, &good, forge), Err(Refusal::ServerSignature));
    let silent = |at: usize, message: String| if at == 3 { String::new() } else { message };
    assert!(matches!(exchange(user(), plain, &good, silent), Err(Refusal::Malformed { .. })));
    let error = |at: usize, message: String| if at == 3 { "e=\u{1b}[2Jother".into() } else { message };
    assert_eq!(exchange(user(), plain, &good, error), Err(Refusal::Server { word: r"\x1b[2Jother".into() }));
}

#[test]
fn a_client_answers_no_challenge_that_is_not_its_own_or_costs_too_much() {
    let answer = |challenge: &str| client("u", "p", Binding::None).answer(challenge).map(|(last, _)| last);
    assert_eq!(answer(&format!("r=other,s={SALT},i=4096")), Err(Refusal::Nonce));
    assert_eq!(answer(&format!("r={OURS},s={SALT},i=4096")), Err(Refusal::Nonce));
    assert_eq!(answer(&format!("r={},s={SALT},i=4096", &OURS[1..])), Err(Refusal::Nonce));
    for given in [1, 4095, u64::from(MAX_ITERATIONS) + 1, u64::MAX] {
        assert_eq!(answer(&format!("r={OURS}x,s={SALT},i={given}")), Err(Refusal::Iterations { given }));
    }
    assert!(matches!(answer(&format!("r={OURS}x,s={SALT},i=0")), Err(Refusal::Malformed { .. })));
    assert!(matches!(answer(&format!("m=1,r={OURS}x,s={SALT},i=4096")), Err(Refusal::Malformed { .. })));
    assert!(answer(&format!("r={OURS}x,s={SALT},i=4096,z=1")).is_ok());
}

#[test]
fn the_flag_must_fit_the_mechanism() {
    for first in ["n,,n=u,r=x", "y,,n=u,r=x"] {
        assert!(matches!(Server::plus(first, &LINK), Err(Refusal::Malformed { .. })), "{first}");
    }
    for link in [None, Some(&LINK)] {
        let refused = Server::plain("p=tls-exporter,,n=u,r=x", link);
        assert!(matches!(refused, Err(Refusal::Malformed { .. })));
    }
    assert_eq!(Server::plus("p=tls-unique,,n=u,r=x", &LINK).err(), Some(Refusal::Binding));
    assert!(matches!(Server::plain("n,,n=\u{7},r=x", None), Err(Refusal::Malformed { .. })));
}

#[test]
fn nothing_shows_a_secret() {
    let client = client("user", "pencil", Binding::Exporter(LINK));
    let server = Server::plus(&client.first(), &LINK).unwrap();
    let shown = format!("{client:?} {server:?} {:?} {:?}", verifier("pencil"), Binding::Exporter(LINK));
    let (challenge, challenged) = server.challenge(verifier("pencil"), &nonce());
    let (_, expected) = client.answer(&challenge).unwrap();
    let shown = format!("{shown} {challenged:?} {expected:?}");
    assert!(!shown.contains("pencil") && !shown.contains("203") && !shown.contains("cbcb"), "{shown}");
}
