//! The users file: read, changed, written, and refused by line.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use sockeye_wire::auth::{BadLine, BadUsers, FILE_MAX, Kind, Set, Token, Users};
use sockeye_wire::scram::{Name, Password, Verifier};

/// The verifier of the example in RFC 7677 as PostgreSQL would write it; the keys were computed with Python's hashlib.
const RFC: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==\
                   $WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn verifier(password: &str) -> Verifier {
    let salt = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
    Verifier::derive(&Password::new(password).unwrap(), &salt, 4096)
}

fn token(byte: u8) -> Token {
    Token::from_random([byte; 32])
}

#[test]
fn a_verifier_is_written_as_postgresql_writes_it() {
    let mut users = Users::default();
    assert_eq!(users.set_password(name("user"), verifier("pencil")), Set::Added);
    assert_eq!(*users.text(), format!("user:{RFC}\n"));
    let read = Users::parse(&format!("user:{RFC}\n")).unwrap();
    assert_eq!(read.verifier(&name("user")), Some(&verifier("pencil")));
}

#[test]
fn lines_stay_where_they_are() {
    let text = format!(
        "# who may come in\n\nuser:{RFC}\n  # later\nsmith:ARGON2$m=19456$x\nrobot:BEARER${}\n",
        BASE64_STANDARD.encode([7; 32])
    );
    let mut users = Users::parse(&text).unwrap();
    assert_eq!(*users.text(), text);
    assert_eq!(*Users::parse(&text.replace('\n', "\r\n")).unwrap().text(), text);
    // As some editors leave it: a mark before the text, and no LF at its end.
    let edited = format!("\u{feff}{}\r", text.trim_end().replace('\n', "\r\n"));
    assert_eq!(*Users::parse(&edited).unwrap().text(), text);
    assert_eq!(users.set_token(name("robot"), token(1).digest()), Set::Replaced);
    assert_eq!(users.set_token(name("user"), token(2).digest()), Set::Added);
    assert_eq!(users.set_password(name("user"), verifier("other")), Set::Replaced);
    let listed: Vec<_> = users.list().map(|(name, kind)| (name.as_str(), kind)).collect();
    assert_eq!(listed, [("user", Kind::Password), ("robot", Kind::Token), ("user", Kind::Token)]);
    assert_eq!(users.bearer(&token(1)), Some(&name("robot")));
    assert_eq!(users.bearer(&token(2)), Some(&name("user")));
    assert_eq!(users.bearer(&token(3)), None);
    assert_eq!(users.verifier(&name("user")), Some(&verifier("other")));
    let lines: Vec<_> = users.text().lines().map(str::to_owned).collect();
    assert_eq!(lines[..2], ["# who may come in", ""]);
    assert_eq!(lines[3..5], ["  # later", "smith:ARGON2$m=19456$x"]);
    let no_tokens = users.without(Kind::Token);
    assert_eq!((no_tokens.bearer(&token(1)), no_tokens.list().count()), (None, 1));
    assert_eq!((users.remove(&name("user")), users.remove(&name("user"))), (2, 0));
    assert_eq!(users.verifier(&name("user")), None);
    assert_eq!(users.bearer(&token(1)), Some(&name("robot")));
}

#[test]
fn a_bad_line_is_named() {
    let no = |line: &str, why: &str| {
        let refusal = Users::parse(&format!("# first\n\n{line}\n")).unwrap_err();
        assert!(matches!(refusal, BadUsers::Line { line: 3, .. }), "{refusal}");
        assert!(refusal.to_string().contains(why), "{line}: {refusal}");
    };
    let key = BASE64_STANDARD.encode([0; 32]);
    no("alice", "no-colon");
    no(":BEARER$x", "bad-name");
    no("a%7:BEARER$x", "name-escape");
    no("a%ff:BEARER$x", "name-escape");
    no("a%07:BEARER$x", "bad-name");
    no("alice:BEARER", "no-kind");
    no("alice:BEARER$QQ==", "bad-digest");
    no("alice:SCRAM-SHA-256$4096", "bad-verifier");
    no(&format!("alice:SCRAM-SHA-256$4096${key}:{key}"), "bad-verifier");
    no(&format!("alice:SCRAM-SHA-256$4096:QQ==${key}"), "bad-verifier");
    for count in ["0", "4095", "+4096", "10000001", "99999999999", "x", ""] {
        no(&format!("alice:SCRAM-SHA-256${count}:QQ==${key}:{key}"), "bad-iterations");
    }
    no(&format!("alice:SCRAM-SHA-256$4096:${key}:{key}"), "bad-salt");
    no(&format!("alice:SCRAM-SHA-256$4096:QQ==$QQ==:{key}"), "bad-key");
    no(&format!("alice:SCRAM-SHA-256$4096:QQ==${key}:QQ=="), "bad-key");
    let words: BTreeSet<_> = BadLine::ALL.iter().map(|what| what.word()).collect();
    assert_eq!(words.len(), BadLine::ALL.len());
    let twice = format!("alice:BEARER${key}\nbob:BEARER${key}\n%61lice:BEARER${key}\n");
    assert!(matches!(Users::parse(&twice), Err(BadUsers::Line { line: 3, .. })));
    assert_eq!(Users::parse(&"#".repeat(FILE_MAX + 1)).err(), Some(BadUsers::TooLong));
}

#[test]
fn nothing_shows_a_key() {
    let shown = format!("{:?}", Users::parse(&format!("user:{RFC}\n")).unwrap());
    assert!(!shown.contains("WG5d") && !shown.contains("88, 110, 93"), "{shown}");
}

proptest! {
    #[test]
    fn any_name_can_be_kept(text in any::<String>(), more in "[a-z%:#$ ,=\u{4e00}-\u{4eff}]{1,9}") {
        for text in [text, more] {
            let Ok(name) = Name::new(&text) else { continue };
            let mut users = Users::default();
            users.set_token(name.clone(), token(9).digest());
            let read = Users::parse(&users.text()).unwrap();
            prop_assert_eq!(read.bearer(&token(9)), Some(&name));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(alice|:|\\$|BEARER|SCRAM-SHA-256|4096|QQ==|%|\n|.){0,40}") {
        if let Ok(users) = Users::parse(&text) {
            let text = users.text();
            prop_assert_eq!(&*Users::parse(&text).unwrap().text(), &*text);
        }
    }
}

#[test]
fn the_secret_of_decoys_stays_with_the_file() {
    let mut users = Users::parse("# mine\n").unwrap();
    assert!(users.decoy_secret().is_none());
    users.keep_decoy_secret(&[7; 32]);
    users.keep_decoy_secret(&[8; 32]);
    let text = users.text();
    assert_eq!(text.lines().count(), 2);
    let again = Users::parse(&text).unwrap();
    assert!(again.decoy_secret().is_some());
    assert_eq!(*again.text(), *text);
}
