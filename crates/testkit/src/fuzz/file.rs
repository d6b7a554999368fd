//! Files that say whom to trust: users, and certificates.

use sockeye_wire::auth::{FILE_MAX, Kind, Token, Users};
use sockeye_wire::certificate::{Certificate, MAX_NAMES, MAX_TEXT, moment, pem};

use super::Cuts;

/// A file that is read is written as one that says the same, and a token that nobody was given opens nothing.
pub(super) fn users(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let users = match Users::parse(text) {
        Ok(users) => users,
        Err(bad) => {
            let said = bad.to_string();
            assert!(!said.contains(char::is_control), "a file gets at whoever reads of its fault: {said:?}");
            return;
        }
    };
    let written = users.text();
    assert!(written.len() <= FILE_MAX, "a file grows by being read");
    let Ok(again) = Users::parse(&written) else { panic!("what was written is no users file: {}", *written) };
    assert_eq!(*again.text(), *written, "what was written is read as something else");
    assert!(users.list().eq(again.list()), "other users");
    for (name, kind) in users.list() {
        let known = users.verifier(name).is_some();
        assert!(known || kind == Kind::Token, "{name} is listed and unknown");
        assert_eq!(known, again.verifier(name).is_some(), "{name}");
        let mut fewer = again.clone();
        assert!(fewer.remove(name) > 0 && fewer.verifier(name).is_none(), "{name} is not gone");
    }
    assert!(users.without(Kind::Token).list().all(|(_, kind)| kind == Kind::Password), "a token is left");
    assert!(users.bearer(&Token::from_random([9; 32])).is_none(), "anybody's token opens");
}

/// Bytes as DER, and as PEM with whatever is in it.
pub(super) fn certificate(data: &[u8]) {
    judge(data);
    let _ = pem::private_key("file", data);
    let Ok(sections) = pem::sections("file", data) else { return };
    assert!(sections.len() <= pem::MAX_SECTIONS, "{} sections", sections.len());
    for section in &sections {
        assert!(section.line >= 1, "a section in line {}", section.line);
        judge(&section.der);
        if !section.der.is_empty() && section.label.chars().all(|c| c.is_ascii_uppercase()) {
            let written = pem::write(&section.label, &section.der);
            let again = pem::sections("file", written.as_bytes()).unwrap_or_default();
            assert!(again.iter().any(|other| other.der == section.der), "what was written is lost");
        }
    }
}

/// What a certificate says is bounded, and can be shown.
fn judge(der: &[u8]) {
    let Ok(read) = Certificate::read(der) else { return };
    assert!(read.names.len() <= MAX_NAMES, "{} names", read.names.len());
    // `cut` marks what is missing with one character.
    let short = |text: &str| text.chars().count() <= MAX_TEXT + 1;
    assert!(short(&read.serial) && short(&read.signature), "a text without bound");
    assert!(read.names.iter().all(|name| short(&name.to_string())), "a name without bound");
    for whose in [&read.subject, &read.issuer] {
        assert!(whose.attributes().all(|attribute| short(&attribute.value)), "an attribute without bound");
        let _ = (whose.rfc4514(), whose.common_name());
    }
    let _ = (moment(read.not_before), moment(read.not_after), read.standing(0), read.days_left(i64::MIN));
    assert_eq!(read.names_as_issuer(&read), read.self_signed, "whether it is its own issuer");
    // Every cut of it is no certificate.
    let mut cuts = Cuts::new(&[7, 31, 2]);
    let cut = der.len() - cuts.next(der.len());
    assert!(Certificate::read(&der[..cut]).is_err(), "half a certificate is one");
}
