//! `via=`: through a SOCKS 5 proxy and an HTTP proxy of the test's own, every answer they may give, and what is none.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use sockeye_core::endpoint::Secret;
use sockeye_core::{Code, Endpoint};

use crate::login::{as_user, listening, token, with_token};
use crate::stage::{Dialled, Directory, Host, PATIENCE, ask, dial, dial_with, foreign, hasty, rest, says};

/// What a proxy was asked for.
type Asked = Receiver<String>;

fn take<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn text(stream: &mut TcpStream, length: u8) -> String {
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// A SOCKS 5 proxy (RFC 1928) for one connection, that connects to `real` whatever it is asked for. With a login
/// (RFC 1929) it wants exactly that.
fn socks(real: SocketAddr, login: Option<(&'static str, &'static str)>) -> (SocketAddr, Asked) {
    let (sender, asked) = channel();
    let address = foreign(move |mut stream| {
        let [version, count] = take(&mut stream);
        let methods = text(&mut stream, count).into_bytes();
        assert_eq!(version, 5);
        let method = if login.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            stream.write_all(&[5, 0xff]).unwrap();
            rest(&mut stream);
            return;
        }
        stream.write_all(&[5, method]).unwrap();
        if let Some((user, password)) = login {
            let [1, length] = take(&mut stream) else { panic!("not RFC 1929") };
            let given = text(&mut stream, length);
            let [length] = take(&mut stream);
            let fits = (given.as_str(), text(&mut stream, length).as_str()) == (user, password);
            stream.write_all(&[1, u8::from(!fits)]).unwrap();
            if !fits {
                rest(&mut stream);
                return;
            }
        }
        let [5, 1, 0, kind] = take(&mut stream) else { panic!("not CONNECT") };
        let host = match kind {
            1 => std::net::Ipv4Addr::from(take::<4>(&mut stream)).to_string(),
            3 => {
                let [length] = take(&mut stream);
                text(&mut stream, length)
            }
            4 => std::net::Ipv6Addr::from(take::<16>(&mut stream)).to_string(),
            _ => panic!("address type {kind}"),
        };
        let port = u16::from_be_bytes(take(&mut stream));
        sender.send(format!("{host} {port}")).unwrap();
        join(stream, real, b"\x05\0\0\x01\xc0\0\x02\x07\x12\x34");
    });
    (address, asked)
}

/// An HTTP proxy (RFC 9110 section 9.3.6) for one connection.
fn http(real: SocketAddr, login: Option<&'static str>) -> (SocketAddr, Asked) {
    let (sender, asked) = channel();
    let address = foreign(move |mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(take::<1>(&mut stream));
        }
        let head = String::from_utf8(head).unwrap();
        let fits =
            login.is_none_or(|basic| head.contains(&format!("\r\nProxy-Authorization: Basic {basic}\r\n")));
        sender.send(head).unwrap();
        if fits {
            join(stream, real, b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n");
        } else {
            let status = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n";
            stream.write_all(status).unwrap();
            rest(&mut stream);
        }
    });
    (address, asked)
}

/// Answers, then passes bytes both ways until an end. A server that speaks first is heard in the segment of the answer.
fn join(mut client: TcpStream, real: SocketAddr, answer: &[u8]) {
    let mut server = TcpStream::connect(real).unwrap();
    server.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    let mut first = [0; 512];
    let count = server.read(&mut first).unwrap_or(0);
    server.set_read_timeout(None).unwrap();
    client.set_read_timeout(None).unwrap();
    client.write_all(&[answer, &first[..count]].concat()).unwrap();
    let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut up, &mut down);
        let _ = down.shutdown(std::net::Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
}

fn through(endpoint: &str, way: &str) -> Endpoint {
    let mut endpoint: Endpoint = endpoint.parse().unwrap();
    endpoint.params.via = Some(way.to_owned());
    endpoint
}

/// The answer of a server of [`Host`]'s, through the proxy.
async fn hello(met: Dialled) -> String {
    ask(&mut met.outcome.unwrap(), "hello").await
}

#[tokio::test]
async fn addresses_and_names_go_to_the_proxy_as_they_are() {
    let host = Host::start("tcp://127.0.0.1:0");
    // A reserved name (RFC 6761): whoever looks it up here finds nothing.
    for (endpoint, asked, target) in [
        ("tcp://nowhere.invalid:7788", "nowhere.invalid 7788", "nowhere.invalid:7788"),
        ("tcp://192.0.2.9:1", "192.0.2.9 1", "192.0.2.9:1"),
        ("tcp://[2001:db8::9]:2", "2001:db8::9 2", "[2001:db8::9]:2"),
        ("tcp://:9000", "127.0.0.1 9000", "127.0.0.1:9000"),
    ] {
        for scheme in ["socks5", "socks5h"] {
            let (proxy, heard) = socks(host.address(), None);
            let met = dial(&through(endpoint, &format!("{scheme}://{proxy}"))).await;
            assert_eq!(met.events, [format!("upgraded via target={target} bound=192.0.2.7:4660")]);
            assert!(hello(met).await.ends_with("|hello"));
            assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), asked);
        }
        let (proxy, heard) = http(host.address(), None);
        let met = dial(&through(endpoint, &format!("http://{proxy}"))).await;
        assert_eq!(met.events, [format!("upgraded via target={target}")]);
        assert!(hello(met).await.ends_with("|hello"));
        let request = heard.recv_timeout(PATIENCE).unwrap();
        assert_eq!(request, format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"));
    }
}

#[tokio::test]
async fn a_login_is_given_to_a_proxy_that_wants_it() {
    let host = Host::start("tcp://127.0.0.1:0");
    let target = "tcp://192.0.2.9:1";
    let (proxy, _asked) = socks(host.address(), Some(("林", "pass@word")));
    let met = dial(&through(target, &format!("socks5://%E6%9E%97:pass%40word@{proxy}"))).await;
    assert!(hello(met).await.ends_with("|hello"));
    // Asked for, or from the environment, instead.
    let (proxy, asked) = http(host.address(), Some("bGluOmNhbmFyeQ=="));
    let mut endpoint = through(target, &format!("http://lin@{proxy}"));
    endpoint.secrets.via = Some(Secret::new("canary".to_owned()));
    assert!(hello(dial(&endpoint).await).await.ends_with("|hello"));
    assert!(asked.recv_timeout(PATIENCE).unwrap().ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn a_login_that_is_missing_or_wrong_is_told_and_never_shown() {
    let real = SocketAddr::from(([127, 0, 0, 1], 1));
    for way in ["socks5://", "socks5://lin:canary-of-lin@"] {
        let (proxy, _asked) = socks(real, Some(("lin", "other")));
        let (code, said) = dial(&through("tcp://192.0.2.9:1", &format!("{way}{proxy}"))).await.refused();
        assert_eq!(code, Code::ViaLogin);
        assert!(!said.contains("canary") && said.contains(&format!("via tcp://{proxy}")), "{said}");
    }
    for way in ["http://", "http://lin:canary-of-lin@"] {
        let (proxy, _asked) = http(real, Some("x"));
        let (code, said) = dial(&through("tcp://192.0.2.9:1", &format!("{way}{proxy}"))).await.refused();
        assert_eq!(code, Code::ViaLogin);
        assert!(!said.contains("canary") && said.contains("407 Proxy Authentication Required"), "{said}");
    }
    let (code, _) = dial(&through("tcp://192.0.2.9:1", "socks5://lin@127.0.0.1:1")).await.refused();
    assert_eq!(code, Code::NoPassword);
    for bad in
        ["socks5://lin:canary\u{1}@h:1", "socks4://lin:canary@h:1", "socks5://lin:canary@h", "lin:canary@h:1"]
    {
        let (code, said) = dial(&through("tcp://192.0.2.9:1", bad)).await.refused();
        assert_eq!(code, Code::BadValue);
        assert!(!said.contains("canary"), "{said}");
    }
}

#[tokio::test]
async fn every_answer_of_a_socks_proxy_is_named() {
    for (reply, word) in [
        (1, "general failure"),
        (2, "not allowed"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "TTL expired"),
        (7, "command unsupported"),
        (8, "address unsupported"),
        (0x5b, "reply 91"),
    ] {
        let proxy = foreign(move |mut stream| {
            take::<3>(&mut stream);
            stream.write_all(&[5, 0]).unwrap();
            take::<10>(&mut stream);
            stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        });
        let met = dial(&through("tcp://192.0.2.9:1", &format!("socks5://{proxy}"))).await;
        let fault = met.outcome.err().unwrap();
        assert_eq!((fault.code, fault.value("reason")), (Code::ViaRefused, word));
        assert_eq!(fault.subject, format!("connect tcp://192.0.2.9:1 via tcp://{proxy}"));
    }
}

#[tokio::test]
async fn every_refusal_of_an_http_proxy_is_shown() {
    for (first, code, shown) in [
        (&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], Code::ViaRefused, "HTTP/1.1 403 Forbidden"),
        (b"HTTP/1.0 502 Bad\x1b[31m Gateway\r\nX: y\r\n\r\n", Code::ViaRefused, "502 Bad"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Code::ViaRefused, "101"),
        (b"HTTP/1.1 200 OK\n\n", Code::NotAProxy, "bare-lf"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Code::NotAProxy, "SSH-2.0"),
        (b"\x05\xff", Code::NotAProxy, "05ff"),
        (b"", Code::NotAProxy, "stream ended"),
    ] {
        let proxy = foreign(move |mut stream| {
            stream.write_all(first).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            rest(&mut stream);
        });
        let met = dial(&through("tcp://192.0.2.9:1", &format!("http://{proxy}"))).await;
        assert!(met.events.is_empty());
        let (found, said) = met.refused();
        assert_eq!(found, code, "{said}");
        assert!(said.contains(shown) && !said.contains('\x1b'), "{said}");
    }
}

#[tokio::test]
async fn what_is_no_socks_proxy_is_shown() {
    for (first, shown) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "HTTP/1.1 400"),
        (b"\0\x5b\0\0\0\0\0\0", "005b"),
        (b"", "stream ended"),
        (b"\x05", "stream ended"),
        (b"\x05\x02", "method-not-offered"),
    ] {
        let proxy = foreign(move |mut stream| {
            stream.write_all(first).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            rest(&mut stream);
        });
        let (code, said) = dial(&through("tcp://192.0.2.9:1", &format!("socks5://{proxy}"))).await.refused();
        assert_eq!(code, Code::NotAProxy, "{said}");
        assert!(said.contains(shown), "{said}");
    }
}

#[tokio::test]
async fn a_silent_proxy_and_one_that_never_ends_are_given_up() {
    for way in ["socks5", "http"] {
        let proxy = says(b"");
        let met = dial_with(&through("tcp://192.0.2.9:1", &format!("{way}://{proxy}")), hasty()).await;
        assert_eq!(met.events, ["timeout via"]);
        let fault = met.outcome.err().unwrap();
        assert_eq!((fault.code, fault.value("layer")), (Code::HandshakeTimeout, "via"));
    }
    let proxy = foreign(|mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").unwrap();
        while stream.write_all(b"X-More: and more\r\n").is_ok() {}
    });
    let (code, said) = dial(&through("tcp://192.0.2.9:1", &format!("http://{proxy}"))).await.refused();
    assert!(code == Code::NotAProxy && said.contains("head over 16384"), "{said}");
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_from_its_first_byte() {
    let directory = Directory::new();
    let host = Host::start(&listening(&directory));
    let real = host.address();
    for (way, proxy) in [("socks5", socks(real, None).0), ("http", http(real, None).0)] {
        let mut endpoint = as_user("auth+tcp://somewhere.invalid:1", "alice", "pencil");
        endpoint.params.via = Some(format!("{way}://{proxy}"));
        let met = dial(&endpoint).await;
        assert_eq!(met.events[1..], ["authenticated alice SCRAM-SHA-256"]);
        assert!(hello(met).await.starts_with("alice|"));
    }
}

#[tokio::test]
async fn a_token_does_not_leave_this_machine_through_a_proxy_on_it() {
    let directory = Directory::new();
    let host = Host::start(&listening(&directory));
    for target in ["auth+tcp://somewhere.invalid:1", "auth+tcp://192.0.2.9:1"] {
        let (proxy, _asked) = socks(host.address(), None);
        let mut endpoint = with_token(target, &token());
        endpoint.params.via = Some(format!("socks5://{proxy}"));
        assert_eq!(dial(&endpoint).await.refused().0, Code::TokenInClear);
    }
    let (proxy, _asked) = socks(host.address(), None);
    let mut endpoint = with_token("auth+tcp://127.0.0.1:1", &token());
    endpoint.params.via = Some(format!("socks5://{proxy}"));
    assert!(hello(dial(&endpoint).await).await.starts_with("robot|"));
}

#[tokio::test]
async fn a_header_of_the_proxy_protocol_names_the_target_and_not_the_proxy() {
    let host = Host::start("proxy2+tcp://127.0.0.1:0");
    let (proxy, _asked) = socks(host.address(), None);
    let met = dial(&through("proxy2+tcp://192.0.2.9:1", &format!("socks5://{proxy}"))).await;
    let own = met.outcome.as_ref().unwrap().local().unwrap();
    assert_eq!(hello(met).await, format!("-|{own}|192.0.2.9:1|hello"));
    let (proxy, _asked) = socks(host.address(), None);
    let met = dial(&through("proxy2+tcp://somewhere.invalid:1", &format!("socks5://{proxy}"))).await;
    assert_eq!(met.events[1], "upgraded proxy2");
    assert!(hello(met).await.starts_with("-|127.0.0.1:"));
}
