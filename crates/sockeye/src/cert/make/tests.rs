//! What is made, read back; and what is refused before anything is made.

use super::*;
use sockeye_testkit::program::Scratch;
use sockeye_wire::certificate::{Certificate, Name, Purpose};
use std::fs;

const NOW: i64 = 1_800_000_000;

/// A directory that is not there yet, in one that goes with the test.
struct Place {
    directory: PathBuf,
    _parent: Scratch,
}

impl Place {
    fn new() -> Self {
        let parent = Scratch::new();
        Self { directory: parent.path().join("certs"), _parent: parent }
    }

    fn request(&self, what: What) -> Request {
        let directory = self.directory.to_string_lossy().into_owned();
        Request { what, directory, days: None, overwrite: Overwrite::Never }
    }

    fn make(&self, what: What) -> Result<Made, Fault> {
        make(&self.request(what), NOW)
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).to_string_lossy().into_owned()
    }

    fn read(&self, name: &str) -> Vec<Certificate> {
        let listed = show::run(&self.path(name)).unwrap();
        listed.certificates().cloned().collect()
    }

    fn signer(&self, certificate: &str, key: &str) -> Signer {
        Signer { certificate: Some(self.path(certificate)), key: Some(self.path(key)) }
    }
}

const AUTHORITY: What = What::Authority { name: None };

fn server(names: &[&str], signer: Signer) -> What {
    What::Server { names: names.iter().map(|name| (*name).to_owned()).collect(), signer }
}

fn client(name: &str) -> What {
    What::Client { name: name.to_owned(), signer: Signer::default() }
}

#[test]
fn everything_made_at_once_fits_together() {
    let scratch = Place::new();
    let made = scratch.make(What::All { names: Vec::new(), name: Some("测试 CA".to_owned()) }).unwrap();
    let wrote = |key: &str| made.notes.iter().filter(|note| note.key == key).count();
    assert_eq!((wrote("cert-wrote"), wrote("cert-wrote-key"), wrote("cert-next")), (3, 3, 3));
    let [ca, server, client] =
        ["ca.pem", "server.pem", "client.pem"].map(|name| scratch.read(name).remove(0));
    assert_eq!(ca.subject.common_name(), Some("测试 CA"));
    assert!(ca.is_ca() && ca.self_signed);
    assert!(server.names_as_issuer(&ca) && client.names_as_issuer(&ca));
    let loopback = ["127.0.0.1", "::1"].map(|ip| Name::Ip(ip.parse().unwrap()));
    assert_eq!(server.names, [&[Name::Dns("localhost".to_owned())], &loopback[..]].concat());
    assert_eq!(server.purposes, Some(vec![Purpose::Server]));
    assert_eq!(client.purposes, Some(vec![Purpose::Client]));
    assert!(!server.is_ca() && !client.is_ca());
    for one in [&ca, &server, &client] {
        assert_eq!(one.key.to_string(), "ECDSA P-256");
        assert_eq!((one.not_before, one.serial.len()), (NOW - DAY, 32));
    }
    assert_ne!(server.serial, client.serial);
    assert_eq!((ca.days_left(NOW), server.days_left(NOW)), (824, 396));
    // Both ends counted, 398 days and no second more.
    assert_eq!(server.not_after - server.not_before + 1, 398 * DAY);
}

#[test]
fn what_is_there_is_replaced_only_when_told() {
    let scratch = Place::new();
    scratch.make(AUTHORITY).unwrap();
    let before = fs::read(scratch.path("ca.key")).unwrap();
    let fault = scratch.make(What::All { names: Vec::new(), name: None }).unwrap_err();
    assert_eq!((fault.code, fault.value("path")), (Code::FileExists, scratch.path("ca.pem").as_str()));
    assert_eq!(fs::read_dir(&scratch.directory).unwrap().count(), 2);
    assert_eq!(fs::read(scratch.path("ca.key")).unwrap(), before);
    let request = Request { overwrite: Overwrite::Always, ..scratch.request(AUTHORITY) };
    make(&request, NOW).unwrap();
    assert_ne!(fs::read(scratch.path("ca.key")).unwrap(), before);
}

#[test]
fn days_are_bounded_and_a_leaf_ends_with_its_authority() {
    let scratch = Place::new();
    for days in ["0", "3651", "-1", "x", ""] {
        let request = Request { days: Some(days.to_owned()), ..scratch.request(AUTHORITY) };
        assert_eq!(make(&request, NOW).unwrap_err().code, Code::BadValue, "{days}");
    }
    assert!(!scratch.directory.exists());
    make(&Request { days: Some("10".to_owned()), ..scratch.request(AUTHORITY) }, NOW).unwrap();
    let made = scratch.make(server(&[], Signer::default())).unwrap();
    let leaf = made.listed[0].certificates().next().unwrap();
    assert_eq!(leaf.not_after, NOW + 10 * DAY - 1);
    let late = make(&scratch.request(client("late")), NOW + 11 * DAY).unwrap_err();
    assert_eq!(late.value("what"), "expired");
}

#[test]
fn an_authority_that_cannot_sign_is_named() {
    let (scratch, other) = (Place::new(), Place::new());
    let fault = scratch.make(client("me")).unwrap_err();
    assert_eq!((fault.code, fault.value("path")), (Code::NoAuthority, scratch.path("ca.pem").as_str()));
    scratch.make(What::All { names: Vec::new(), name: None }).unwrap();
    other.make(AUTHORITY).unwrap();
    fs::copy(scratch.path("ca.key"), scratch.path("broken.key")).unwrap();
    fs::write(
        scratch.path("broken.key"),
        "-----BEGIN PRIVATE KEY-----\nMAMCAQU=\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    for (certificate, key, what) in [
        ("server.pem", "server.key", "no-authority"),
        ("ca.pem", "client.key", "mismatch"),
        ("ca.key", "ca.pem", "key"),
        ("ca.pem", "server.pem", "certificate"),
        ("ca.pem", "broken.key", "unusable-key"),
    ] {
        let fault = other.make(server(&["a.test"], scratch.signer(certificate, key))).unwrap_err();
        assert_eq!((fault.code, fault.value("what")), (Code::BadCertificate, what), "{fault}");
    }
    let fault = other.make(server(&[], scratch.signer("no", "no"))).unwrap_err();
    assert_eq!(fault.code, Code::NoFile);
    let alone = Signer { key: None, ..scratch.signer("ca.pem", "ca.key") };
    assert_eq!(other.make(server(&[], alone)).unwrap_err().value("name"), "--ca-key");
}

#[test]
fn authorities_between_go_with_what_they_sign_and_roots_do_not() {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    let scratch = Place::new();
    fs::create_dir(&scratch.directory).unwrap();
    let named = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let root = CertifiedIssuer::self_signed(named("Root"), KeyPair::generate().unwrap()).unwrap();
    let between = CertifiedIssuer::signed_by(named("Between"), KeyPair::generate().unwrap(), &root).unwrap();
    fs::write(scratch.path("ca.pem"), format!("{}{}", between.pem(), root.pem())).unwrap();
    fs::write(scratch.path("ca.key"), between.key().serialize_pem()).unwrap();
    scratch.make(server(&["a.test"], Signer::default())).unwrap();
    let chain = scratch.read("server.pem");
    let subjects: Vec<_> = chain.iter().map(|one| one.subject.common_name().unwrap()).collect();
    assert_eq!(subjects, ["a.test", "Between"]);
}

#[test]
fn a_name_too_long_for_a_common_name_is_still_a_name() {
    let scratch = Place::new();
    scratch.make(AUTHORITY).unwrap();
    let long = format!("{}.test", "a".repeat(63));
    let made = scratch.make(server(&[&long], Signer::default())).unwrap();
    let leaf = made.listed[0].certificates().next().unwrap();
    assert_eq!((leaf.names.clone(), leaf.subject.common_name()), (vec![Name::Dns(long)], Some("sockeye")));
}

#[test]
fn a_host_to_connect_to_is_this_machine_if_it_can_be() {
    let of =
        |texts: &[&str]| host(&texts.iter().map(|text| ServerName::parse(text).unwrap()).collect::<Vec<_>>());
    assert_eq!(of(&["a.test", "localhost"]), "localhost");
    assert_eq!(of(&["*.a.test", "b.test"]), "b.test");
    assert_eq!(of(&["::1"]), "[::1]");
    assert_eq!(of(&["*.a.test"]), "localhost");
}

#[test]
fn next_commands_are_ones_a_shell_takes() {
    assert_eq!(quoted(Path::new("ca.pem")), "ca.pem");
    assert_eq!(quoted(Path::new("/tmp/证书/ca.pem")), "/tmp/证书/ca.pem");
    assert_eq!(quoted(Path::new("it's $HOME")), r"'it'\''s $HOME'");
}

#[test]
fn a_server_that_lasts_too_long_for_apple_is_told() {
    let scratch = Place::new();
    for (days, told) in [("824", false), ("825", true)] {
        let what = What::All { names: Vec::new(), name: None };
        let request =
            Request { days: Some(days.to_owned()), overwrite: Overwrite::Always, ..scratch.request(what) };
        let made = make(&request, NOW).unwrap();
        assert_eq!(made.notes.iter().any(|note| note.key == "cert-long"), told, "{days}");
    }
}

#[test]
fn an_authority_says_who_made_it_and_when() {
    let moment = "2026-11-21T08:00:00Z";
    assert_eq!(called("ann", "box", moment), "sockeye CA ann@box 2026-11-21");
    assert_eq!(called("", "box", moment), "sockeye CA box 2026-11-21");
    assert_eq!(called("", "", moment), "sockeye CA 2026-11-21");
    assert_eq!(called("a\x1b\n", "\u{202e}b", moment), "sockeye CA a@b 2026-11-21");
    assert_eq!(called(&"x".repeat(99), "box", moment).chars().count(), MAX_COMMON);
    assert!(maker(NOW).ends_with("2027-01-15"), "{}", maker(NOW));
}
