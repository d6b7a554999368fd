//! Datagrams that travel together: none is merged, lost, changed or out of order, whether the system takes trains or not.

#![expect(clippy::unwrap_used, reason = "a test's own sockets and threads")]

use std::future::poll_fn;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockeye_core::{
    Address, Conversation, Effect, Fault, Input, Limits, Note, Outbox, PEER, Peer, Service, SessionId, Tick,
};
use sockeye_net::bind::BACKLOG;
use sockeye_net::dial::Options;
use sockeye_net::server::{self, Listener, Server, Trains};
use sockeye_net::{Conn, Datagram, Front, Received, Sockets, bind, dial};

const PATIENCE: Duration = Duration::from_secs(10);

/// The longest datagram of IPv4, and others around bounds of segments and of packets.
const SIZES: &[usize] = &[0, 1, 63, 64, 1400, 9000, 40_000, 65_507];

const WAYS: [Trains; 2] = [Trains::Taken, Trains::Refused];

/// Bytes that show which datagram they are of, and where in it.
fn filled(number: usize, size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((number * 31 + at * 7 + at / 256) % 251).unwrap()).collect()
}

/// A server's socket and a client's; with or without trains.
async fn pair(place: &str, host: &str, trains: Trains) -> (Datagram, Datagram) {
    let bound = bind(&format!("udp://{place}:0").parse().unwrap(), BACKLOG).unwrap();
    let Sockets::Datagrams(mut sockets) = bound.sockets else { panic!("streams") };
    let is_there = |socket: &Datagram| match socket.local().unwrap() {
        Address::Ip(at) => at.is_ipv6() == host.starts_with('['),
        other => panic!("{other}"),
    };
    let server = sockets.swap_remove(sockets.iter().position(is_there).unwrap());
    let Address::Ip(at) = server.local().unwrap() else { panic!("no address") };
    let endpoint = format!("udp://{host}:{}", at.port()).parse().unwrap();
    let Conn::Datagram(client) = dial(&endpoint, Options::default(), &|_| ()).await.unwrap() else {
        panic!("a stream")
    };
    if trains == Trains::Refused {
        return (server.without_trains(), client.without_trains());
    }
    server.hear_trains();
    client.hear_trains();
    (server, client)
}

/// Sends all, as trains where they can be.
async fn send(socket: &Datagram, data: &[u8], each: usize, to: Option<&Received>) {
    let mut at = 0;
    loop {
        let (address, from) = (to.map(|to| &to.from), to.and_then(|to| to.to));
        let train = poll_fn(|cx| socket.poll_send_train(cx, &data[at..], each, address, from));
        at += train.await.unwrap();
        if at >= data.len() {
            return;
        }
    }
}

/// So many datagrams, and what is known of the last.
async fn receive(socket: &Datagram, count: usize) -> (Vec<Vec<u8>>, Received) {
    let mut buffer = vec![0; 65_536];
    let mut all = Vec::new();
    loop {
        let received = poll_fn(|cx| socket.poll_recv(cx, &mut buffer)).await.unwrap();
        assert!(!received.truncated);
        let before = all.len();
        all.extend(received.spans().map(|span| buffer[span].to_vec()));
        assert_eq!(all.len() - before, received.count());
        if all.len() >= count {
            return (all, received);
        }
    }
}

#[tokio::test]
async fn trains_of_all_sizes_arrive_as_the_datagrams_they_are() {
    for trains in WAYS {
        for (place, host) in
            [("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]"), ("any", "127.0.0.2"), ("any", "[::1]")]
        {
            let (server, client) = pair(place, host, trains).await;
            for &size in SIZES {
                let count = if size > 20_000 { 2 } else { 7 };
                let mut sent: Vec<Vec<u8>> = (0..count).map(|number| filled(number, size)).collect();
                if size > 1 {
                    // The last of a train may be shorter.
                    sent.push(filled(count, size / 2 + 1));
                }
                if size == 0 {
                    sent.truncate(1);
                }
                send(&client, &sent.concat(), size, None).await;
                let (got, from) = receive(&server, sent.len()).await;
                assert!(got == sent, "{trains:?} to {host}: {size}");
                send(&server, &sent.concat(), size, Some(&from)).await;
                let (got, answer) = receive(&client, sent.len()).await;
                assert!(got == sent, "{trains:?} from {host}: {size}");
                assert_eq!(Some(answer.from), client.remote());
            }
        }
    }
}

#[tokio::test]
async fn a_long_train_is_cut_where_the_system_has_its_bounds() {
    for trains in WAYS {
        let (server, client) = pair("127.0.0.1", "127.0.0.1", trains).await;
        let sent: Vec<Vec<u8>> = (0..300).map(|number| filled(number, 100)).collect();
        send(&client, &sent.concat(), 100, None).await;
        assert!(receive(&server, sent.len()).await.0 == sent);
    }
}

#[tokio::test]
async fn whoever_asks_for_no_trains_gets_none() {
    let (_, client) = pair("127.0.0.1", "127.0.0.1", Trains::Taken).await;
    drop(client);
    let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    let endpoint = format!("udp://{}", plain.local_addr().unwrap()).parse().unwrap();
    let Conn::Datagram(client) = dial(&endpoint, Options::default(), &|_| ()).await.unwrap() else {
        panic!("a stream")
    };
    let sent: Vec<Vec<u8>> = (0..50).map(|number| filled(number, 64)).collect();
    send(&client, &sent.concat(), 64, None).await;
    let mut buffer = vec![0; 65_536];
    for datagram in sent {
        let count = plain.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..count], datagram);
    }
}

struct Kept(Mutex<Sender<String>>);

impl Front for Kept {
    fn listening(&self, url: &str, _service: &str) {
        let _ = self.0.lock().unwrap().send(url.into());
    }

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, _session: SessionId, _note: &Note) {}

    fn fault(&self, _session: SessionId, _fault: &Fault) {}
}

/// Answers with the message itself; to `many`, with three datagrams; and ends the conversation at `end`. At `panic` it does.
struct Echo;

impl Conversation for Echo {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data: b"panic", .. } => panic!("asked to"),
            Input::Message { data: b"many", .. } => {
                for answer in [&b"a"[..], b"", b"bcd"] {
                    out.message(answer);
                }
            }
            Input::Message { data: b"end", .. } => {
                out.message(b"bye");
                out.close();
            }
            Input::Message { data, .. } => out.message(data),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

struct Echoes;

impl Service for Echoes {
    fn start(&self, _: &Peer) -> Box<dyn Conversation> {
        Box::new(Echo)
    }
}

/// Relays to this place.
struct Relay(SocketAddr);

impl Conversation for Relay {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => {
                out.effect(Effect::Read { leg: PEER, on: false });
                out.effect(Effect::Connect { leg: 1, to: format!("udp://{}", self.0).into() });
            }
            Input::Opened { .. } => {
                out.effect(Effect::Relay { a: PEER, b: 1 });
                out.effect(Effect::Read { leg: PEER, on: true });
            }
            Input::Message { leg, data } => {
                out.to(1 - leg);
                out.message(data);
            }
            Input::Failed { .. } => out.abort(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

struct Relays(SocketAddr);

impl Service for Relays {
    fn start(&self, _: &Peer) -> Box<dyn Conversation> {
        Box::new(Relay(self.0))
    }
}

/// An echo server that goes on until the tests end.
fn serve(endpoint: &str, trains: Trains) -> SocketAddr {
    serve_with(endpoint, trains, Arc::new(Echoes))
}

/// As [`serve`], with another service.
fn serve_with(endpoint: &str, trains: Trains, service: Arc<dyn Service>) -> SocketAddr {
    let (urls, heard) = channel();
    let front = Arc::new(Kept(Mutex::new(urls)));
    let endpoint = endpoint.parse().unwrap();
    std::thread::spawn(move || {
        let limits = Limits::default();
        let options = server::Options { limits, max_sessions: None, operator: None, front, observer: None };
        let mut server = Server::new(options).unwrap();
        server.trains(trains);
        server.bind(Listener { endpoint, name: "test".into(), service }).unwrap();
        server.run()
    });
    heard.recv_timeout(PATIENCE).unwrap().rsplit("://").next().unwrap().parse().unwrap()
}

async fn peer(server: SocketAddr) -> Datagram {
    let endpoint = format!("udp://{server}").parse().unwrap();
    let Conn::Datagram(client) = dial(&endpoint, Options::default(), &|_| ()).await.unwrap() else {
        panic!("a stream")
    };
    client.hear_trains();
    client
}

#[tokio::test]
async fn every_peer_gets_its_own_answers_in_order_whatever_their_sizes() {
    for (trains, endpoint) in [
        (Trains::Taken, "udp://127.0.0.1:0"),
        (Trains::Refused, "udp://127.0.0.1:0"),
        (Trains::Taken, "udp://[::1]:0"),
    ] {
        let server = serve(endpoint, trains);
        let mut peers = Vec::new();
        for _ in 0..20 {
            peers.push(peer(server).await);
        }
        let sizes = [64, 64, 64, 10, 64, 1400, 1400, 0, 1, 1, 0, 0, 9000, 9000, 63, 64, 65_507, 64];
        let mut due = vec![Vec::new(); peers.len()];
        for round in 0..4 {
            for (at, &size) in sizes.iter().enumerate() {
                // All peers take turns, a datagram each.
                for (number, peer) in peers.iter().enumerate() {
                    let datagram = filled(number * 40 + at + round, size);
                    send(peer, &datagram, size.max(1), None).await;
                    due[number].push(datagram);
                    // What is under way must fit the receive buffers, which may be small.
                    if size > 2000 || due[number].len() >= 6 {
                        let sent = std::mem::take(&mut due[number]);
                        assert!(
                            receive(peer, sent.len()).await.0 == sent,
                            "{trains:?} {endpoint} {number} {at}"
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_happens_amid_a_train_happens_to_one_datagram() {
    for trains in WAYS {
        let server = serve("udp://127.0.0.1:0", trains);
        let client = peer(server).await;
        // All of four bytes, so that they arrive as one train.
        send(&client, b"onetmany1234", 4, None).await;
        let heard = receive(&client, 5).await.0;
        assert_eq!(heard, [&b"onet"[..], b"a", b"", b"bcd", b"1234"]);
        // Who ended the conversation, or broke it, begins another with the next datagram.
        send(&client, b"abcend123", 3, None).await;
        assert_eq!(receive(&client, 3).await.0, [b"abc", b"bye", b"123"]);
        send(&client, b"firstpanicafter", 5, None).await;
        assert_eq!(receive(&client, 2).await.0, [b"first", b"after"]);
    }
}

#[tokio::test]
async fn a_relay_passes_every_datagram_of_a_train() {
    for trains in WAYS {
        let echo = serve("udp://127.0.0.1:0", trains);
        let relay = serve_with("udp://127.0.0.1:0", trains, Arc::new(Relays(echo)));
        let client = peer(relay).await;
        for round in 0..5 {
            let mut sent: Vec<Vec<u8>> = (0..100).map(|number| filled(number + round, 100)).collect();
            sent.push(filled(round, 99));
            send(&client, &sent.concat(), 100, None).await;
            assert!(receive(&client, sent.len()).await.0 == sent, "{trains:?} {round}");
        }
        // What is of differing lengths, or empty, joins no train.
        let sizes = [100, 100, 0, 0, 100, 63, 63, 64, 1400, 1400, 1400, 1, 0, 9000, 9000, 1, 2, 3, 2, 1];
        let sent: Vec<Vec<u8>> =
            sizes.iter().enumerate().map(|(number, size)| filled(number, *size)).collect();
        for datagram in &sent {
            send(&client, datagram, datagram.len(), None).await;
        }
        assert!(receive(&client, sent.len()).await.0 == sent, "{trains:?}");
    }
}
