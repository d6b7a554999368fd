//! What a session over TLS does: what is agreed on, whole bytes both ways, each direction's own end, resumption.

use sockeye_core::tls::Trust;
use sockeye_core::{Code, Tls};
use sockeye_net::Stream;
use sockeye_net::dial::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::peers::{Versions, raw_client, raw_server};
use crate::stage::{Running, Told, again, call, code_of, echoes};
use sockeye_testkit::certificates::{Made, NOW, PAST, Role};

#[tokio::test]
async fn both_sides_tell_what_was_agreed_on_and_who_the_other_is() {
    let made = Made::new();
    let authority = made.authority("ca", "Test Authority");
    made.leaf("server", &authority, &["app.example"], Role::Server, NOW);
    made.leaf("client", &authority, &["client"], Role::Client, NOW);
    let (ca, server, client) = (made.path("ca.pem"), made.path("server.pem"), made.path("client.pem"));
    let server = Running::start(&format!("tls://127.0.0.1:0?cert={server}&client-ca={ca}&alpn=h2"), 1);
    let url = format!("{}?ca={ca}&sni=app.example&alpn=h2&cert={client}", server.url);
    let (mut stream, facts) = call(&url).await.unwrap();
    let common = |facts: &Tls| {
        assert_eq!((facts.version.as_str(), facts.alpn.as_deref()), ("TLS 1.3", Some("h2")));
        assert_eq!(facts.group.as_deref(), Some("X25519MLKEM768"));
        assert!(facts.suite.starts_with("TLS_") && !facts.resumed, "{facts:?}");
        assert_eq!((facts.trust, facts.server_name.as_deref()), (Trust::Chain, Some("app.example")));
        assert!(facts.chain.len() == 1 && (8..=9).contains(&facts.chain[0].days), "{facts:?}");
        assert_eq!(facts.chain[0].issuer, "CN=Test Authority");
    };
    common(&facts);
    assert_eq!(
        (facts.chain[0].subject.as_str(), &facts.chain[0].names[..]),
        ("CN=server", &["app.example".into()][..])
    );
    assert_eq!(facts.chain[0].pin, made.pin("server"));
    let facts = server.facts();
    common(&facts);
    assert_eq!(facts.chain[0].subject, "CN=client");
    echoes(&mut stream).await.unwrap();
    assert_eq!(
        (stream.transport(), stream.remote().unwrap().to_string()),
        ("tcp", server.address().to_owned())
    );
    assert!(stream.descriptor().is_none(), "the kernel must not move bytes past TLS");
    drop(stream);
    server.end();
}

#[tokio::test]
async fn a_pin_stands_for_chain_name_and_time_and_insecure_for_everything() {
    let made = Made::new();
    let authority = made.authority("ca", "Test Authority");
    made.leaf("server", &authority, &["elsewhere.example"], Role::Server, PAST);
    let endpoint = format!("tls://127.0.0.1:0?cert={}", made.path("server.pem"));
    let pins = format!("pin={}, {}", made.pin("ca"), made.pin("server")).replace(' ', "%20");
    for (query, trust) in [(&*pins, Trust::Pin), ("insecure", Trust::None)] {
        let server = Running::start(&endpoint, 1);
        let Told::Note(note, _) = server.tells(Some) else {
            panic!("a certificate that has expired is told")
        };
        assert_eq!(note, "tls-expired");
        let (mut stream, facts) = call(&format!("{}?{query}", server.url)).await.unwrap();
        assert_eq!((facts.trust, facts.chain[0].days < 0), (trust, true));
        echoes(&mut stream).await.unwrap();
        drop(stream);
        server.end();
    }
}

#[tokio::test]
async fn a_self_signed_server_says_how_to_reach_it() {
    let server = Running::start("tls://127.0.0.1:0?self-signed", 1);
    let Told::Note(note, args) = server.tells(Some) else { panic!("no note") };
    assert_eq!(note, "tls-self-signed");
    let (url, pin) = args.strip_prefix("url=").unwrap().split_once(" pin=").unwrap();
    assert_eq!(url, server.url);
    let (mut stream, _) = call(&format!("{url}?pin={pin}")).await.unwrap();
    echoes(&mut stream).await.unwrap();
    drop(stream);
    server.end();
}

fn noise(seed: u32, size: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

const MEGABYTES: usize = 10_000_003;

async fn exchange(stream: Stream) -> Stream {
    let sent = noise(7, MEGABYTES);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut heard = Vec::new();
    let writing = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let reading = async { reader.read_to_end(&mut heard).await.unwrap() };
    tokio::join!(writing, reading);
    assert!(heard == sent, "{} of {} bytes came back whole", heard.len(), sent.len());
    reader.unsplit(writer)
}

/// The client ends its side first, and the answer goes on: TLS 1.3 has two ends (RFC 8446 section 6.1).
#[tokio::test]
async fn megabytes_go_both_ways_whole_and_each_direction_has_its_own_end() {
    let server = Running::start("tls://127.0.0.1:0?self-signed", 1);
    let (stream, _) = call(&format!("{}?insecure", server.url)).await.unwrap();
    drop(exchange(stream).await);
    let told = server.end();
    assert!(!told.iter().any(|told| matches!(told, Told::Fault(_) | Told::Truncated)), "{told:?}");
}

#[tokio::test]
async fn tls_over_a_unix_socket_is_the_same() {
    let made = Made::new();
    let path = made.path("sock");
    let server = Running::start(&format!("tls+unix://{path}?self-signed"), 1);
    let (stream, facts) = call(&format!("tls+unix://{path}?insecure")).await.unwrap();
    assert_eq!(facts.server_name.as_deref(), Some("localhost"));
    drop(exchange(stream).await);
    server.end();
}

#[tokio::test]
async fn a_second_call_goes_on_with_the_keys_of_the_first() {
    let made = Made::usual();
    for versions in [Versions::Both, Versions::Old] {
        let (cert, ca) = (made.path("server.pem"), made.path("ca.pem"));
        let (address, _server) = raw_server(&cert, versions, |mut stream| async move {
            let mut heard = [0; 5];
            while stream.read_exact(&mut heard).await.is_ok() {
                stream.write_all(&heard).await.unwrap();
            }
        })
        .await;
        let target = Target::new(&format!("tls://{address}?ca={ca}").parse().unwrap()).unwrap();
        for resumed in [false, true, true] {
            let (mut stream, facts) = again(&target).await.unwrap();
            assert_eq!(facts.resumed, resumed);
            assert_eq!(facts.version, if versions == Versions::Old { "TLS 1.2" } else { "TLS 1.3" });
            assert_eq!((facts.chain[0].subject.as_str(), facts.trust), ("CN=server", Trust::Chain));
            echoes(&mut stream).await.unwrap();
        }
    }
}

#[tokio::test]
async fn our_server_lets_clients_go_on_with_earlier_keys() {
    let made = Made::usual();
    let (ca, cert) = (made.path("ca.pem"), made.path("server.pem"));
    let server = Running::start(&format!("tls://127.0.0.1:0?cert={cert}&client-ca={ca}"), 2);
    let client = format!("{}?ca={ca}&cert={}", server.url, made.path("client.pem"));
    let target = Target::new(&client.parse().unwrap()).unwrap();
    for resumed in [false, true] {
        let (mut stream, facts) = again(&target).await.unwrap();
        let theirs = server.facts();
        assert_eq!((facts.resumed, theirs.resumed), (resumed, resumed));
        assert_eq!(theirs.chain[0].subject, "CN=client");
        echoes(&mut stream).await.unwrap();
    }
    server.end();
}

/// Simple peers, Python's among them, just close: their bytes count, and the missing word is told to who wants to know.
#[tokio::test]
async fn a_fin_without_close_notify_is_an_end_and_is_told() {
    let server = Running::start("tls://127.0.0.1:0?self-signed", 1);
    let mut client = raw_client(server.address(), Versions::Both).await;
    client.write_all(b"hello").await.unwrap();
    client.flush().await.unwrap();
    client.get_mut().0.shutdown().await.unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"hello");
    server.tells(|told| (told == Told::Truncated).then_some(()));
    assert!(!server.end().iter().any(|told| matches!(told, Told::Fault(_))));

    let made = Made::usual();
    let (address, _server) = raw_server(&made.path("server.pem"), Versions::Both, |mut stream| async move {
        stream.write_all(b"bye").await.unwrap();
        stream.flush().await.unwrap();
        stream.get_mut().0.shutdown().await.unwrap();
    })
    .await;
    let (mut stream, _) = call(&format!("tls://{address}?insecure")).await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"bye");
}

#[tokio::test]
async fn an_old_client_half_closes_too() {
    let server = Running::start("tls://127.0.0.1:0?self-signed", 1);
    let mut client = raw_client(server.address(), Versions::Old).await;
    client.write_all(b"hello").await.unwrap();
    client.shutdown().await.unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"hello");
    assert_eq!(server.facts().version, "TLS 1.2");
    let told = server.end();
    assert!(!told.iter().any(|told| matches!(told, Told::Fault(_) | Told::Truncated)), "{told:?}");
}

#[tokio::test]
async fn a_cut_is_a_cut_on_both_sides() {
    let server = Running::start("tls://127.0.0.1:0?self-signed", 1);
    let (mut stream, _) = call(&format!("{}?insecure", server.url)).await.unwrap();
    echoes(&mut stream).await.unwrap();
    stream.set_abort();
    drop(stream);
    assert_eq!(server.fault().code, Code::Reset);
    server.end();

    let made = Made::usual();
    let (address, _server) = raw_server(&made.path("server.pem"), Versions::Both, |mut stream| async move {
        stream.write_all(b"now").await.unwrap();
        stream.flush().await.unwrap();
        let mut heard = [0; 1];
        stream.read_exact(&mut heard).await.unwrap();
        stream.get_ref().0.set_zero_linger().unwrap();
    })
    .await;
    let (mut stream, _) = call(&format!("tls://{address}?insecure")).await.unwrap();
    let mut heard = [0; 3];
    stream.read_exact(&mut heard).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.flush().await.unwrap();
    let error = stream.read(&mut heard).await.unwrap_err();
    assert_eq!(code_of(&error), Code::Reset);
}

/// Much is read ahead of what TLS asks for. What came before a record that is none still counts, and then it is told.
#[tokio::test]
async fn what_came_whole_before_a_broken_record_is_read_and_then_the_fault() {
    let made = Made::usual();
    for size in [0, 1, 16_384, 16_385, 200_000, 1 << 20] {
        let sent = noise(7, size);
        let ours = sent.clone();
        let (address, _server) = raw_server(&made.path("server.pem"), Versions::Both, move |mut stream| {
            let ours = ours.clone();
            async move {
                stream.write_all(&ours).await.unwrap();
                stream.flush().await.unwrap();
                // Application data by its head, and noise within.
                let record = [&[23, 3, 3, 0, 40][..], &[7; 40]].concat();
                stream.get_mut().0.write_all(&record).await.unwrap();
                let _until_told = stream.get_mut().0.read(&mut [0; 1]).await;
            }
        })
        .await;
        let (mut stream, _) = call(&format!("tls://{address}?insecure")).await.unwrap();
        let mut heard = Vec::new();
        let error = stream.read_to_end(&mut heard).await.unwrap_err();
        assert!(heard == sent, "{} of {size} bytes", heard.len());
        assert_eq!(code_of(&error), Code::TlsBroken, "{error}");
    }
}
