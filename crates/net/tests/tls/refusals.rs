//! Every way to be refused, with its own code on the side that refuses and the right alert on the other.

use sockeye_core::{Code, Limits};
use sockeye_net::tls::fetch_chain;

use crate::stage::{Running, call, call_fault, code_of, echoes, listen_fault};
use sockeye_testkit::certificates::{FUTURE, Made, NOW, PAST, Role};

/// A set with one certificate of each kind.
fn kinds() -> Made {
    let made = Made::usual();
    let authority = made.authority("ca", "Test Authority");
    made.leaf("server", &authority, &[], Role::Server, NOW);
    made.leaf("client", &authority, &["client"], Role::Client, NOW);
    made.leaf("expired", &authority, &[], Role::Server, PAST);
    made.leaf("early", &authority, &[], Role::Server, FUTURE);
    made.leaf("elsewhere", &authority, &["elsewhere.example", "*.example"], Role::Server, NOW);
    made.leaf("no-server", &authority, &[], Role::Client, NOW);
    made.leaf("authority", &authority, &[], Role::Authority, NOW);
    made.leaf("old-client", &authority, &["client"], Role::Client, PAST);
    made.lonely("lonely");
    let other = made.authority("other-ca", "Other Authority");
    made.leaf("stranger", &other, &[], Role::Server, NOW);
    made.leaf("strange-client", &other, &["client"], Role::Client, NOW);
    let twin = made.authority("twin-ca", "Test Authority");
    made.leaf("forged", &twin, &[], Role::Server, NOW);
    made
}

#[tokio::test]
async fn a_client_refuses_a_server_with_a_reason_and_the_server_hears_it() {
    let made = kinds();
    let ca = made.path("ca.pem");
    let pinned = format!("pin={}", made.pin("client"));
    for (file, trust, code, alert) in [
        ("expired", "", Code::CertificateExpired, "certificate_expired"),
        ("early", "", Code::CertificateNotYet, "certificate_expired"),
        ("elsewhere", "", Code::CertificateName, "bad_certificate"),
        ("stranger", "", Code::CertificateIssuer, "unknown_ca"),
        ("lonely", "", Code::CertificateSelfSigned, "unknown_ca"),
        ("no-server", "", Code::CertificatePurpose, "unsupported_certificate"),
        ("authority", "", Code::CertificateIsAuthority, "certificate_unknown"),
        ("forged", "", Code::CertificateSignature, "decrypt_error"),
        ("server", &*pinned, Code::PinMismatch, "access_denied"),
    ] {
        let server =
            Running::start(&format!("tls://127.0.0.1:0?cert={}", made.path(&format!("{file}.pem"))), 1);
        let trust = if trust.is_empty() { format!("ca={ca}") } else { trust.to_owned() };
        let fault = call_fault(&format!("{}?{trust}", server.url)).await;
        assert_eq!(fault.code, code, "{file}: {fault}");
        assert_eq!(fault.subject, format!("connect {}", server.url));
        let heard = server.fault();
        assert_eq!((heard.code, heard.value("alert")), (Code::TlsAlert, alert), "{file}: {heard}");
        assert_eq!(heard.value("role"), "client");
        match code {
            Code::CertificateExpired => assert_eq!((fault.value("name"), fault.value("days")), (file, "3")),
            Code::CertificateName => {
                assert_eq!(fault.value("asked"), "127.0.0.1");
                assert_eq!(fault.value("offered"), "elsewhere.example, *.example");
            }
            Code::CertificateIssuer => assert_eq!(fault.value("issuer"), "Other Authority"),
            Code::CertificatePurpose => assert_eq!(fault.value("offered"), "clientAuth"),
            Code::PinMismatch => {
                assert_eq!(fault.value("wanted"), made.pin("client"));
                assert_eq!(fault.value("got"), made.pin("server"));
            }
            _ => {}
        }
        server.finish("insecure");
    }
}

#[tokio::test]
async fn a_server_refuses_a_client_with_a_reason_and_the_client_hears_it_late() {
    let made = kinds();
    let ca = made.path("ca.pem");
    let server_file = made.path("server.pem");
    for (file, code, heard) in [
        ("", Code::CertificateMissing, (Code::CertificateRequired, "")),
        ("strange-client", Code::CertificateIssuer, (Code::TlsAlert, "unknown_ca")),
        ("old-client", Code::CertificateExpired, (Code::TlsAlert, "certificate_expired")),
        ("server", Code::CertificatePurpose, (Code::TlsAlert, "unsupported_certificate")),
    ] {
        let server = Running::start(&format!("tls://127.0.0.1:0?cert={server_file}&client-ca={ca}"), 1);
        let ours = if file.is_empty() {
            String::new()
        } else {
            format!("&cert={}", made.path(&format!("{file}.pem")))
        };
        // In TLS 1.3 the client's handshake is done before the server has seen its certificate (RFC 8446 section 2).
        let (mut stream, _) = call(&format!("{}?ca={ca}{ours}", server.url)).await.unwrap();
        let error = echoes(&mut stream).await.unwrap_err();
        let fault = sockeye_net::errno::running(&error, "");
        assert_eq!((fault.code, fault.value("alert")), heard, "{file}: {fault}");
        drop(stream);
        let fault = server.fault();
        assert_eq!(fault.code, code, "{file}: {fault}");
        server.finish(&format!("insecure&cert={}", made.path("client.pem")));
    }
}

#[tokio::test]
async fn application_protocols_are_agreed_on_in_the_servers_order_or_not_at_all() {
    let made = Made::usual();
    let server = format!("tls://127.0.0.1:0?cert={}&alpn=b,a", made.path("server.pem"));
    let client = |server: &Running, alpn: &str| format!("{}?ca={}{alpn}", server.url, made.path("ca.pem"));
    for (offered, agreed) in [("&alpn=a,b,c", Some("b")), ("&alpn=a", Some("a")), ("", None)] {
        let server = Running::start(&server, 1);
        let (mut stream, facts) = call(&client(&server, offered)).await.unwrap();
        assert_eq!(facts.alpn.as_deref(), agreed);
        assert_eq!(server.facts().alpn.as_deref(), agreed);
        echoes(&mut stream).await.unwrap();
        drop(stream);
        server.end();
    }
    let server = Running::start(&server, 1);
    let fault = call_fault(&client(&server, "&alpn=x,y")).await;
    assert_eq!((fault.code, fault.value("wanted")), (Code::AlpnMismatch, "x,y"));
    let fault = server.fault();
    assert_eq!((fault.code, fault.value("offered")), (Code::AlpnMismatch, "x, y"));
    assert_eq!(fault.value("wanted"), "b,a");
    server.finish("insecure");
}

#[test]
fn a_chain_is_fetched_whatever_it_is_worth() {
    let made = kinds();
    let runs = |query: &str| {
        let server = Running::start(&format!("tls://127.0.0.1:0?{query}"), 1);
        let chain = fetch_chain(&server.url.parse().unwrap());
        (server, chain)
    };
    for file in ["expired", "lonely", "authority", "server"] {
        let (server, chain) = runs(&format!("cert={}", made.path(&format!("{file}.pem"))));
        let shown = sockeye_wire::certificate::Certificate::read(&chain.unwrap()[0]).unwrap();
        assert_eq!(shown.pin, made.pin(file));
        server.end();
    }
    // One that wants a certificate of ours shows its own first.
    let query = format!("cert={}&client-ca={}", made.path("server.pem"), made.path("ca.pem"));
    let (server, chain) = runs(&query);
    assert_eq!(chain.unwrap().len(), 1);
    assert_eq!(server.fault().code, Code::CertificateMissing);
    server.finish(&format!("insecure&cert={}", made.path("client.pem")));
    let plain = Running::start("tcp://127.0.0.1:0", 1);
    assert_eq!(fetch_chain(&plain.address().parse().unwrap()).unwrap_err().code, Code::Echoes);
    plain.end();
}

#[tokio::test]
async fn what_is_wrong_with_files_is_said_before_anything_is_opened() {
    let made = kinds();
    let file = |name: &str| made.path(name);
    let text = std::fs::read_to_string(file("server.pem")).unwrap();
    let (certificate, key) = text.split_at(text.find("-----BEGIN PRIVATE").unwrap());
    made.write("only.pem", certificate);
    made.write("only.key", key);
    made.write("locked.key", key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    made.write("empty.pem", "nothing here\n");
    let ders = sockeye_wire::certificate::pem::certificates("", certificate.as_bytes()).unwrap();
    made.write("server.der", &ders[0]);
    made.write("broken.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let (cert, key) = (file("only.pem"), file("only.key"));
    for (query, code, what) in [
        (String::new(), Code::WithoutCertificate, ""),
        (format!("cert={cert}"), Code::HalfIdentity, "key"),
        (format!("key={key}"), Code::HalfIdentity, "certificate"),
        (format!("cert={cert}&key={}", file("client.pem")), Code::BadCertificate, "mismatch"),
        (format!("cert={cert}&key={}", file("locked.key")), Code::BadCertificate, "locked"),
        (format!("cert={cert}&key={}", file("broken.key")), Code::BadCertificate, "unusable-key"),
        (format!("cert={key}&key={cert}"), Code::BadCertificate, "key"),
        (format!("cert={}&key={key}", file("empty.pem")), Code::BadCertificate, "no-pem"),
        (format!("cert={}&key={key}", file("server.der")), Code::BadCertificate, "der"),
        (format!("cert={}", file("missing.pem")), Code::NoFile, ""),
        (format!("cert={}", std::env::temp_dir().display()), Code::BadFile, ""),
        (format!("cert={cert}&key={key}&client-ca={}", file("empty.pem")), Code::BadCertificate, "no-pem"),
        (format!("cert={cert}&key={key}&alpn=,"), Code::BadValue, ""),
        (format!("self-signed&cert={cert}"), Code::Contradiction, ""),
        ("self-signed&keylog=/nowhere/at/all".to_owned(), Code::Unwritable, ""),
    ] {
        let fault = listen_fault(&format!("tls://127.0.0.1:0?{query}"));
        assert_eq!((fault.code, fault.value("what")), (code, what), "{query}: {fault}");
        assert_eq!(fault.subject, "listen tls://127.0.0.1:0");
    }
    for (query, code) in [
        (format!("ca={}", file("missing.pem")), Code::NoFile),
        (format!("ca={key}"), Code::BadCertificate),
        ("pin=sha256:abc".to_owned(), Code::BadPin),
        ("insecure&sni=a+b".to_owned(), Code::BadServerName),
        (format!("insecure&cert={cert}"), Code::HalfIdentity),
    ] {
        assert_eq!(call_fault(&format!("tls://127.0.0.1:1?{query}")).await.code, code, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tls://{}?insecure", silent.local_addr().unwrap());
    let (fault, _held) = tokio::join!(call_fault(&url), silent.accept());
    assert_eq!((fault.code, fault.value("after")), (Code::HandshakeTimeout, "10s"));
    // A shorter time of the endpoint's own says the same, as the connection stands.
    let hurried = format!("{url}&timeout=2s");
    let (fault, _held) = tokio::join!(call_fault(&hurried), silent.accept());
    assert_eq!((fault.code, fault.value("after")), (Code::HandshakeTimeout, "2s"));
    assert_eq!(fault.value("layer"), "tls");
}

#[test]
fn a_client_that_says_nothing_is_given_up() {
    let mut limits = Limits::default();
    limits.handshakes.tls = std::time::Duration::from_millis(50);
    let server = Running::with("tls://127.0.0.1:0?self-signed", 1, limits);
    let _silent = std::net::TcpStream::connect(server.address()).unwrap();
    let fault = server.fault();
    assert_eq!((fault.code, fault.value("layer")), (Code::HandshakeTimeout, "tls"));
}

/// Later alerts have their codes too, wherever they are found.
#[test]
fn an_error_of_the_system_stays_one() {
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    assert_eq!(code_of(&reset), Code::Reset);
}
