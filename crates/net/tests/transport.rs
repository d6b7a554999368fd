//! Transports on real sockets: loopback, port 0, nothing that depends on time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket as StdUdp};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sockeye_core::{Address, Code, Endpoint, Fault, Kind};
use sockeye_net::bind::BACKLOG;
use sockeye_net::dial::Options;
use sockeye_net::{Bound, Conn, Datagram, Listener, Received, Sockets, Stream, bind, dial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

fn listen(text: &str) -> Bound {
    bind(&endpoint(text), BACKLOG).unwrap()
}

fn listen_fault(text: &str) -> Fault {
    bind(&endpoint(text), BACKLOG).err().unwrap()
}

fn listeners(bound: &Bound) -> &[Listener] {
    match &bound.sockets {
        Sockets::Streams(listeners) => listeners,
        Sockets::Datagrams(_) => panic!("datagrams"),
    }
}

fn datagrams(bound: &Bound) -> &[Datagram] {
    match &bound.sockets {
        Sockets::Datagrams(datagrams) => datagrams,
        Sockets::Streams(_) => panic!("streams"),
    }
}

fn ip(address: &Address) -> SocketAddr {
    match address {
        Address::Ip(ip) => *ip,
        other => panic!("{other}"),
    }
}

async fn connect(text: &str) -> Result<Conn, Fault> {
    dial(&endpoint(text), Options::default(), &|_| ()).await
}

async fn stream(text: &str) -> Stream {
    match connect(text).await.unwrap() {
        Conn::Stream(stream) => stream,
        Conn::Datagram(_) => panic!("datagram"),
    }
}

async fn datagram(text: &str) -> Datagram {
    match connect(text).await.unwrap() {
        Conn::Datagram(socket) => socket,
        Conn::Stream(_) => panic!("stream"),
    }
}

async fn accept(listener: &Listener) -> (Stream, Address) {
    poll_fn(|cx| listener.poll_accept(cx)).await.unwrap()
}

async fn receive(socket: &Datagram) -> (Vec<u8>, Received) {
    let mut buffer = vec![0; 65_536];
    let received = poll_fn(|cx| socket.poll_recv(cx, &mut buffer)).await.unwrap();
    buffer.truncate(received.len);
    (buffer, received)
}

async fn send(socket: &Datagram, data: &[u8]) {
    poll_fn(|cx| socket.poll_send(cx, data, None, None)).await.unwrap();
}

async fn answer(socket: &Datagram, data: &[u8], to: &Received) {
    poll_fn(|cx| socket.poll_send(cx, data, Some(&to.from), to.to)).await.unwrap();
}

/// A directory of its own for each test, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sockeye-net-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _result = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn loopback_is_both_families_on_one_port() {
    let bound = listen("tcp://:0");
    let places: Vec<SocketAddr> =
        listeners(&bound).iter().map(|listener| ip(&listener.local().unwrap())).collect();
    assert_eq!(places[0].ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert!(places.iter().all(|place| place.ip().is_loopback() && place.port() == places[0].port()));
    assert_eq!(bound.url, format!("tcp://127.0.0.1:{}", places[0].port()));
    for (listener, place) in listeners(&bound).iter().zip(&places) {
        let client = stream(&format!("tcp://{place}")).await;
        let (server, peer) = accept(listener).await;
        assert_eq!(client.local().unwrap(), peer);
        assert_eq!(client.remote().unwrap(), server.local().unwrap());
    }
}

#[tokio::test]
async fn a_port_alone_is_found_on_either_family() {
    for text in ["tcp://127.0.0.1:0", "tcp://[::1]:0"] {
        let bound = listen(text);
        let port = ip(&listeners(&bound)[0].local().unwrap()).port();
        let _client = stream(&format!(":{port}")).await;
        let _server = accept(&listeners(&bound)[0]).await;
    }
}

#[tokio::test]
async fn every_interface_is_reached_by_its_own_url() {
    let bound = listen("tcp://any:0");
    let port = ip(&listeners(&bound)[0].local().unwrap()).port();
    assert_eq!(bound.url, format!("tcp://0.0.0.0:{port}"));
    let _client = stream(&bound.url).await;
    let _server = accept(&listeners(&bound)[0]).await;
}

#[tokio::test]
async fn a_name_stays_a_name_and_events_tell_of_its_addresses() {
    let bound = listen("tcp://localhost:0");
    assert!(bound.url.starts_with("tcp://localhost:"), "{}", bound.url);
    let seen = RefCell::new(Vec::new());
    let on_event = |kind: Kind<'_>| seen.borrow_mut().push(kind.word());
    dial(&endpoint(&bound.url), Options::default(), &on_event).await.unwrap();
    let seen = seen.into_inner();
    assert_eq!(seen.first(), Some(&"resolved"));
    assert_eq!(seen[seen.len() - 2..], ["connecting", "connected"]);
}

#[tokio::test]
async fn bytes_and_half_closes_pass_independently() {
    let bound = listen("tcp://127.0.0.1:0");
    let mut client = stream(&bound.url).await;
    let (mut server, _) = accept(&listeners(&bound)[0]).await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"question");
    assert_eq!(server.try_write(b"answer").unwrap(), 6);
    drop(server);
    heard.clear();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"answer");
}

#[tokio::test]
async fn accepted_sockets_are_not_delayed_and_kept_alive() {
    for (text, delayed) in [("tcp://127.0.0.1:0", false), ("tcp://127.0.0.1:0?nodelay=false", true)] {
        let bound = listen(text);
        let client = stream(&bound.url).await;
        let (server, _) = accept(&listeners(&bound)[0]).await;
        let Stream::Tcp(server) = server else { panic!("not tcp") };
        assert_eq!(server.nodelay().unwrap(), !delayed);
        assert!(socket2::SockRef::from(&server).keepalive().unwrap());
        let Stream::Tcp(client) = client else { panic!("not tcp") };
        assert!(client.nodelay().unwrap());
    }
}

#[tokio::test]
async fn an_aborted_stream_is_a_reset_at_the_peer() {
    let bound = listen("tcp://127.0.0.1:0");
    let mut client = stream(&bound.url).await;
    let (server, _) = accept(&listeners(&bound)[0]).await;
    server.set_abort();
    drop(server);
    let error = client.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(sockeye_net::errno::running(&error, "").code, Code::Reset);
}

/// A TCP port of 127.0.0.1 that nobody listens at, and that nobody else is given while the socket lives.
fn silent_port() -> (socket2::Socket, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, port)
}

#[tokio::test]
async fn nobody_there_is_refused() {
    let (_held, port) = silent_port();
    let fault = connect(&format!("tcp://127.0.0.1:{port}")).await.unwrap_err();
    assert_eq!((fault.code, fault.subject), (Code::Refused, format!("connect tcp://127.0.0.1:{port}")));
}

#[tokio::test]
async fn a_connection_to_itself_is_refused() {
    let (_held, port) = silent_port();
    let fault = connect(&format!("tcp://127.0.0.1:{port}?bind=127.0.0.1:{port}")).await.unwrap_err();
    assert_eq!(fault.code, Code::Refused);
}

#[tokio::test]
async fn a_full_backlog_is_a_timeout() {
    let deaf = bind(&endpoint("tcp://127.0.0.1:0"), 0).unwrap();
    let _first = stream(&deaf.url).await;
    let fault = connect(&format!("{}?timeout=50ms", deaf.url)).await.unwrap_err();
    assert_eq!((fault.code, fault.value("after")), (Code::ConnectTimeout, "50ms"));
}

#[tokio::test]
async fn a_source_address_is_used_or_refused() {
    let bound = listen("tcp://127.0.0.1:0");
    let client = stream(&format!("{}?bind=127.0.0.2", bound.url)).await;
    assert_eq!(ip(&client.local().unwrap()).ip(), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
    let foreign = connect(&format!("{}?bind=192.0.2.77", bound.url)).await.unwrap_err();
    assert_eq!((foreign.code, foreign.value("address")), (Code::NotOurs, "192.0.2.77:0"));
    let other_family = connect(&format!("{}?bind=::1", bound.url)).await.unwrap_err();
    assert_eq!(other_family.code, Code::BadValue);
    let no_address = connect(&format!("{}?bind=here", bound.url)).await.unwrap_err();
    assert_eq!(no_address.code, Code::BadValue);
}

#[tokio::test]
async fn a_taken_port_names_its_owner() {
    for (scheme, bound) in [("tcp", listen("tcp://127.0.0.1:0")), ("udp", listen("udp://127.0.0.1:0"))] {
        let port = bound.url.rsplit(':').next().unwrap();
        for place in ["127.0.0.1", "", "any"] {
            let fault = listen_fault(&format!("{scheme}://{place}:{port}"));
            assert_eq!(fault.code, Code::Taken, "{fault}");
            if cfg!(target_os = "linux") {
                let pid = format!("(pid {})", std::process::id());
                assert!(fault.value("owner").ends_with(&pid), "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn a_port_taken_on_one_family_alone_is_taken() {
    let other = listen("tcp://[::1]:0");
    let port = other.url.rsplit(':').next().unwrap();
    assert_eq!(listen_fault(&format!("tcp://:{port}")).code, Code::Taken);
}

#[tokio::test]
async fn an_address_of_another_machine_is_not_ours() {
    let fault = listen_fault("tcp://192.0.2.77:0");
    assert_eq!((fault.code, fault.subject.as_str()), (Code::NotOurs, "listen tcp://192.0.2.77:0"));
}

#[tokio::test]
async fn udp_answers_leave_from_the_address_that_was_asked() {
    let bound = listen("udp://any:0");
    let server = &datagrams(&bound)[0];
    let port = ip(&server.local().unwrap()).port();
    // Connected: the system drops an answer from any other address.
    let client = datagram(&format!("udp://127.0.0.2:{port}?bind=127.0.0.1")).await;
    send(&client, b"who").await;
    let (question, received) = receive(server).await;
    assert_eq!(question, b"who");
    assert_eq!(received.to, Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))));
    answer(server, b"me", &received).await;
    assert_eq!(receive(&client).await.0, b"me");
}

#[tokio::test]
async fn udp_over_ipv6_is_answered_from_a_wildcard_too() {
    let bound = listen("udp://any:0");
    let Some(server) = datagrams(&bound).get(1) else { return };
    let client = datagram(&format!("udp://[::1]:{}", ip(&server.local().unwrap()).port())).await;
    send(&client, b"").await;
    let (question, received) = receive(server).await;
    assert_eq!(question, b"");
    assert_eq!(received.to, Some("::1".parse().unwrap()));
    answer(server, b"", &received).await;
    assert_eq!(receive(&client).await.0, b"");
}

#[tokio::test]
async fn a_datagram_longer_than_the_buffer_says_so() {
    let bound = listen("udp://127.0.0.1:0");
    let client = datagram(&bound.url).await;
    send(&client, b"abcdef").await;
    let mut short = [0; 4];
    let received = poll_fn(|cx| datagrams(&bound)[0].poll_recv(cx, &mut short)).await.unwrap();
    assert_eq!((received.len, received.truncated), (4, true));
    assert_eq!(received.to, None);
}

#[tokio::test]
async fn a_udp_port_that_nobody_has_is_unreachable() {
    // Taken by a socket that hears one other peer only.
    let held = StdUdp::bind("127.0.0.1:0").unwrap();
    held.connect("127.0.0.1:9").unwrap();
    let free = held.local_addr().unwrap();
    let client = datagram(&format!("udp://{free}")).await;
    send(&client, b"x").await;
    let mut buffer = [0; 4];
    let error = poll_fn(|cx| client.poll_recv(cx, &mut buffer)).await.unwrap_err();
    assert_eq!(sockeye_net::errno::running(&error, "").code, Code::PortUnreachable);
}

#[tokio::test]
async fn a_broadcast_is_sent_and_leaves_the_socket_open_to_answers() {
    let bound = listen("udp://any:0");
    let server = &datagrams(&bound)[0];
    let port = ip(&server.local().unwrap()).port();
    // The broadcast address of the loopback network: nothing leaves the machine.
    let client = datagram(&format!("udp://127.255.255.255:{port}?bind=127.0.0.1")).await;
    assert!(client.hears_others());
    send(&client, b"anybody").await;
    let (question, received) = receive(server).await;
    assert_eq!(question, b"anybody");
    answer(server, b"here", &received).await;
    let (heard, from) = receive(&client).await;
    assert_eq!(heard, b"here");
    assert_ne!(Some(from.from), client.remote());
}

#[tokio::test]
async fn a_group_is_joined_and_answers() {
    for place in [
        "239.77.1.2:0?mcast=239.77.1.2@127.0.0.1",
        "any:0?mcast=239.77.1.2@127.0.0.1",
        "127.0.0.1:0?mcast=239.77.1.2@127.0.0.1",
    ] {
        let bound = listen(&format!("udp://{place}"));
        let server = datagrams(&bound).iter().rfind(|socket| ip(&socket.local().unwrap()).is_ipv4()).unwrap();
        let port = ip(&server.local().unwrap()).port();
        let client = datagram(&format!("udp://239.77.1.2:{port}?mcast=127.0.0.1&ttl=1")).await;
        send(&client, b"group").await;
        let (question, received) = receive(server).await;
        assert_eq!(question, b"group", "{place}");
        answer(server, b"member", &received).await;
        assert_eq!(receive(&client).await.0, b"member", "{place}");
    }
}

#[tokio::test]
async fn two_listeners_share_a_group() {
    let first = listen("udp://239.77.1.3:0?mcast=127.0.0.1");
    let second = listen(&format!("{}?mcast=127.0.0.1", first.url));
    let client = datagram(&format!("{}?mcast=127.0.0.1", first.url)).await;
    send(&client, b"all").await;
    assert_eq!(receive(&datagrams(&first)[0]).await.0, b"all");
    assert_eq!(receive(&datagrams(&second)[0]).await.0, b"all");
}

#[tokio::test]
async fn a_bad_group_or_interface_is_named() {
    for text in [
        "udp://any:0?mcast=10.0.0.1",
        "udp://any:0?mcast=239.1.1.1@nowhere",
        "udp://239.1.1.1:0?mcast=239.1.1.2@127.0.0.1",
    ] {
        let fault = listen_fault(text);
        assert_eq!((fault.code, fault.value("name")), (Code::BadValue, "mcast"), "{text}");
    }
    for text in ["udp://127.0.0.1:9?mcast=127.0.0.1", "udp://239.1.1.1:9?mcast=nowhere"] {
        assert_eq!(connect(text).await.unwrap_err().code, Code::BadValue, "{text}");
    }
}

#[tokio::test]
async fn unix_streams_connect_and_the_file_goes_with_the_listener() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let path = directory.file("it.sock");
    let bound = listen(&format!("unix://{path}"));
    assert_eq!(bound.url, format!("unix://{path}"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    let mut client = stream(&bound.url).await;
    let (mut server, peer) = accept(&listeners(&bound)[0]).await;
    assert_eq!(peer, Address::Unix(None));
    assert_eq!(client.remote().unwrap(), Address::Unix(Some(path.clone().into())));
    client.write_all(b"x").await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'x');
    drop(bound);
    assert!(!Path::new(&path).exists());
    assert_eq!(connect(&format!("unix://{path}")).await.unwrap_err().code, Code::Refused);
}

#[tokio::test]
async fn a_stale_socket_file_makes_room_and_a_live_one_does_not() {
    let directory = Directory::new();
    for (scheme, path) in [("unix", directory.file("s")), ("unixgram", directory.file("d"))] {
        if scheme == "unix" {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        } else {
            drop(std::os::unix::net::UnixDatagram::bind(&path).unwrap());
        }
        assert!(Path::new(&path).exists());
        let _bound = listen(&format!("{scheme}://{path}"));
        let fault = listen_fault(&format!("{scheme}://{path}"));
        assert_eq!(fault.code, Code::Taken);
        if cfg!(target_os = "linux") {
            assert!(fault.value("owner").contains(&format!("(pid {})", std::process::id())), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_socket_stays() {
    let directory = Directory::new();
    let path = directory.file("notes");
    std::fs::write(&path, "keep me").unwrap();
    assert_eq!(listen_fault(&format!("unix://{path}")).code, Code::Taken);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "keep me");
    assert_eq!(listen_fault(&format!("unix://{path}{}", "x".repeat(200))).code, Code::BadEndpoint);
}

#[tokio::test]
async fn the_file_of_a_successor_stays() {
    let directory = Directory::new();
    let path = directory.file("it.sock");
    let first = listen(&format!("unix://{path}"));
    std::fs::remove_file(&path).unwrap();
    let _second = listen(&format!("unix://{path}"));
    drop(first);
    assert!(Path::new(&path).exists());
}

#[tokio::test]
async fn a_unix_datagram_client_is_answered() {
    let directory = Directory::new();
    let (path, own) = (directory.file("d.sock"), directory.file("me.sock"));
    let bound = listen(&format!("unixgram://{path}"));
    let mut urls = vec![format!("unixgram://{path}?bind={own}")];
    if cfg!(target_os = "linux") {
        urls.push(format!("unixgram://{path}"));
    }
    for url in urls {
        let client = datagram(&url).await;
        send(&client, b"question").await;
        let (question, received) = receive(&datagrams(&bound)[0]).await;
        assert_eq!(question, b"question");
        assert_eq!(received.from, client.local().unwrap());
        answer(&datagrams(&bound)[0], b"answer", &received).await;
        assert_eq!(receive(&client).await.0, b"answer");
    }
    assert!(!Path::new(&own).exists());
}

#[tokio::test]
async fn a_unix_datagram_without_a_sender_cannot_be_answered() {
    let directory = Directory::new();
    let path = directory.file("d.sock");
    let bound = listen(&format!("unixgram://{path}"));
    std::os::unix::net::UnixDatagram::unbound().unwrap().send_to(b"x", &path).unwrap();
    let (_, received) = receive(&datagrams(&bound)[0]).await;
    assert_eq!(received.from, Address::Unix(None));
    let error = datagrams(&bound)[0].try_send(b"y", Some(&received.from), None).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotConnected);
}
