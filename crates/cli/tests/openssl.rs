//! OpenSSL takes what `sockeye cert` makes, and says the same of it as `sockeye cert show`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use serde_json::Value;
use sockeye_testkit::program::{Program, Scratch};

fn run(program: &str, words: &[&str]) -> String {
    let ended = Program::new(program).args(words).run("");
    assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn openssl_agrees_with_what_is_made_and_shown() {
    let scratch = Scratch::new();
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let (ca, server, client) = (path("ca.pem"), path("server.pem"), path("client.pem"));
    let directory = scratch.path().to_str().unwrap();
    let sockeye = env!("CARGO_BIN_EXE_sockeye");
    run(sockeye, &["cert", "all", "--dir", directory, "localhost", "*.app.test", "192.0.2.1", "2001:db8::1"]);

    let verify = ["verify", "-x509_strict", "-CAfile", &ca];
    for checks in [
        &["-purpose", "sslserver", "-verify_hostname", "a.app.test", &server][..],
        &["-purpose", "sslserver", "-verify_ip", "2001:db8::1", &server],
        &["-purpose", "sslclient", &client],
    ] {
        assert!(run("openssl", &[&verify, checks].concat()).ends_with(": OK\n"));
    }
    let wrong = [&verify[..], &["-purpose", "sslserver", &client]].concat();
    assert_ne!(Program::new("openssl").args(wrong).run("").code, Some(0));

    for (name, line) in [(&ca, 0), (&server, 1), (&client, 2)] {
        let shown = run(sockeye, &["cert", "show", "--json", &ca, &server, &client]);
        let shown: Value = serde_json::from_str(shown.lines().nth(line).unwrap()).unwrap();
        let text = |field: &str| shown[field].as_str().unwrap().to_owned();
        let ask = [
            "x509",
            "-in",
            name,
            "-noout",
            "-serial",
            "-dateopt",
            "iso_8601",
            "-dates",
            "-fingerprint",
            "-sha256",
        ];
        let said = run("openssl", &[&ask[..], &["-subject", "-issuer", "-nameopt", "RFC2253"]].concat())
            .to_lowercase();
        let date = |text: String| text.replace('T', " ").to_lowercase();
        for expected in [
            format!("serial={}", text("serial")),
            format!("notbefore={}", date(text("not_before"))),
            format!("notafter={}", date(text("not_after"))),
            format!("subject={}", text("subject").to_lowercase()),
            format!("issuer={}", text("issuer").to_lowercase()),
        ] {
            assert!(said.contains(&expected), "{expected} is not in {said}");
        }
        assert!(said.replace(':', "").contains(&text("sha256")), "{said}");
        let key = name.replace(".pem", ".key");
        let public = run("openssl", &["pkey", "-in", &key, "-check", "-pubout"]);
        assert!(public.contains(&run("openssl", &["x509", "-in", name, "-noout", "-pubkey"])), "{public}");
    }
    let text = run("openssl", &["x509", "-in", &server, "-noout", "-text"]);
    for expected in [
        "DNS:localhost, DNS:*.app.test, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1",
        "CA:FALSE",
        "TLS Web Server Authentication",
        "X509v3 Subject Key Identifier",
        "X509v3 Authority Key Identifier",
        "NIST CURVE: P-256",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert!(run("openssl", &["x509", "-in", &ca, "-noout", "-text"]).contains("CA:TRUE, pathlen:0"));
}
