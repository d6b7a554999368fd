//! `proxy1` and `proxy2`: what a server makes of a relay's header however it comes, what sockeye's own relay says, and
//! peers without a header.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use sockeye_core::{Code, Conversation, Effect, Input, Limits, Outbox, PEER, Peer, Service, Tick};
use sockeye_wire::proxy::{Header, Version};

use crate::login::{as_user, listening};
use crate::stage::{Directory, Host, ask, dial, foreign, hear, rest};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";

/// Signature, PROXY, TCP over IPv4, 12 bytes, and the addresses of [`V1`].
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb";

const SEEN: &str = "-|192.0.2.1:56324|198.51.100.7:443|";

fn both() -> [(Host, &'static [u8], &'static str); 2] {
    [("proxy1", V1), ("proxy2", V2)]
        .map(|(layer, header)| (Host::start(&format!("{layer}+tcp://127.0.0.1:0")), header, layer))
}

#[test]
fn the_service_sees_whom_the_header_names_wherever_it_is_cut() {
    for (host, header, layer) in both() {
        for at in 0..=header.len() {
            let (first, second) = header.split_at(at);
            let mut stream = host.call();
            stream.write_all(first).unwrap();
            // In a segment of its own, for what was sent before has been acknowledged: NODELAY.
            stream.write_all(&[second, b"hello"].concat()).unwrap();
            assert_eq!(
                hear(&mut stream, b"|hello"),
                format!("{SEEN}hello").as_bytes(),
                "{layer} cut at {at}"
            );
        }
        let told = format!("upgraded {layer} source=192.0.2.1:56324 destination=198.51.100.7:443");
        assert_eq!(host.event(), told);
        assert!(host.is_content());
    }
}

#[test]
fn a_byte_at_a_time_is_a_header_too() {
    for (host, header, _) in both() {
        let mut stream = host.call();
        for byte in header {
            stream.write_all(&[*byte]).unwrap();
        }
        stream.write_all(b"hello").unwrap();
        assert_eq!(hear(&mut stream, b"|hello"), format!("{SEEN}hello").as_bytes());
    }
}

#[test]
fn a_relays_own_connection_keeps_its_own_address() {
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for (layer, header, told) in [
        ("proxy1", &b"PROXY UNKNOWN\r\n"[..], "upgraded proxy1 command=local"),
        ("proxy2", local, "upgraded proxy2 command=local"),
    ] {
        let host = Host::start(&format!("{layer}+tcp://127.0.0.1:0"));
        let mut stream = host.call();
        let own = stream.local_addr().unwrap();
        stream.write_all(&[header, b"hello"].concat()).unwrap();
        let expected = format!("-|{own}|{}|hello", host.address());
        assert_eq!(String::from_utf8(hear(&mut stream, b"|hello")).unwrap(), expected);
        assert_eq!(host.event(), told);
    }
}

#[test]
fn peers_without_the_header_that_is_asked_for_are_cut() {
    let broken = [&b"\r\n\r\n\0\r\nQUIT\n\x25\x11\0\0"[..], b"PROXY TCP4 192.0.2.1\n"];
    for (at, (host, _, layer)) in both().into_iter().enumerate() {
        let other = [V2, V1][at];
        for (first, code) in [
            (other, Code::NoProxyHeader),
            (b"GET / HTTP/1.1\r\n\r\n", Code::NoProxyHeader),
            (broken[1 - at], Code::BadProxyHeader),
            (b"", Code::BadProxyHeader),
        ] {
            let mut stream = host.call();
            stream.write_all(first).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(rest(&mut stream), b"", "a server answers before it knows whom");
            let fault = host.fault();
            assert_eq!((fault.code, fault.value("layer")), (code, layer), "{fault}");
        }
    }
}

#[test]
fn peers_that_take_too_long_are_given_up() {
    for (layer, begun) in [("proxy1", &V1[..20]), ("proxy2", &V2[..20])] {
        let host = Host::hasty(&format!("{layer}+tcp://127.0.0.1:0"));
        for first in [b"", begun] {
            let mut stream = host.call();
            stream.write_all(first).unwrap();
            assert_eq!(rest(&mut stream), b"");
            let fault = host.fault();
            assert_eq!((fault.code, fault.value("layer")), (Code::HandshakeTimeout, layer), "{fault}");
            assert_eq!(host.event(), format!("timeout {layer}"));
        }
    }
}

#[tokio::test]
async fn a_client_says_who_it_is_itself() {
    for (host, _, layer) in both() {
        let met = dial(&host.url.parse().unwrap()).await;
        let mut stream = met.outcome.unwrap();
        let (own, there) = (stream.local().unwrap(), host.address());
        assert_eq!(ask(&mut stream, "hello").await, format!("-|{own}|{there}|hello"));
        let told = format!("upgraded {layer} source={own} destination={there}");
        assert_eq!((met.events, host.event()), (vec![told.clone()], told));
    }
}

/// Relays to an endpoint, as `proxy` does.
struct Relay(String);

impl Service for Relay {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Relaying(self.0.clone()))
    }
}

struct Relaying(String);

impl Conversation for Relaying {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => {
                out.effect(Effect::Read { leg: PEER, on: false });
                out.effect(Effect::Connect { leg: 1, to: self.0.as_str().into() });
            }
            Input::Opened { .. } => {
                out.effect(Effect::Relay { a: PEER, b: 1 });
                out.effect(Effect::Read { leg: PEER, on: true });
            }
            Input::Failed { .. } => out.abort(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

fn relay(listen: &str, to: &str) -> Host {
    Host::with(listen, Limits::default(), Arc::new(Relay(to.to_owned())))
}

#[test]
fn a_relay_tells_whom_it_relays_byte_for_byte_as_the_protocol_says() {
    for version in [Version::V1, Version::V2] {
        let (sender, heard) = std::sync::mpsc::channel();
        let target = foreign(move |mut stream: TcpStream| {
            sender.send(rest(&mut stream)).unwrap();
        });
        let layer = if version == Version::V1 { "proxy1" } else { "proxy2" };
        let relay = relay("tcp://127.0.0.1:0", &format!("{layer}+tcp://{target}"));
        let mut stream = relay.call();
        let (client, front) = (stream.local_addr().unwrap(), relay.address());
        stream.write_all(b"hello").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut expected = Vec::new();
        match version {
            Version::V1 => {
                let (from, to) = (client.port(), front.port());
                write!(expected, "PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\n").unwrap();
            }
            Version::V2 => {
                expected.extend_from_slice(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01");
                expected.extend_from_slice(&client.port().to_be_bytes());
                expected.extend_from_slice(&front.port().to_be_bytes());
            }
        }
        expected.extend_from_slice(b"hello");
        let got = heard.recv_timeout(crate::stage::PATIENCE).unwrap();
        assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}

#[test]
fn a_client_is_known_through_a_chain_of_relays() {
    for (outer, inner) in [("proxy1", "proxy2"), ("proxy2", "proxy1")] {
        let server = Host::start(&format!("{inner}+tcp://127.0.0.1:0"));
        let middle = relay(&format!("{outer}+tcp://127.0.0.1:0"), &server.url);
        let mut stream = middle.call();
        let header = if outer == "proxy1" { V1 } else { V2 };
        stream.write_all(&[header, b"hello"].concat()).unwrap();
        assert_eq!(hear(&mut stream, b"|hello"), format!("{SEEN}hello").as_bytes());
    }
}

#[tokio::test]
async fn ipv6_and_a_login_above_it() {
    let directory = Directory::new();
    let listen = listening(&directory).replace("auth+tcp", "auth+proxy2+tcp");
    let host = Host::start(&listen);
    // A client that came over IPv6 to a relay, and logs in through it.
    let mut header = Vec::new();
    let ip = |text: &str| sockeye_core::Address::Ip(text.parse().unwrap());
    Header::relayed(ip("[2001:db8::1]:5000"), ip("[2001:db8::2]:443"))
        .write(Version::V2, &mut header)
        .unwrap();
    let mut stream = host.call();
    stream.write_all(&header).unwrap();
    // A token is not offered: what came over a network to the relay could be overheard.
    assert_eq!(hear(&mut stream, b"\n"), b"sockeye-auth 1 SCRAM-SHA-256\n");
    let mut stream = dial(&as_user(&host.url, "alice", "pencil")).await.outcome.unwrap();
    assert!(ask(&mut stream, "hello").await.starts_with("alice|127.0.0.1:"));
}
