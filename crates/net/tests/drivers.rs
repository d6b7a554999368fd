//! The drivers on real sockets: half-close, relays, processes, many datagram peers, limits and the end.

#![expect(clippy::unwrap_used, reason = "a test's own sockets and threads")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockeye_core::{
    Conversation, Effect, Fault, Framing, Input, Limits, Note, Outbox, PEER, Peer, Service, SessionId, Tick,
};
use sockeye_net::Front;
use sockeye_net::server::{End, Listener, Options, Server};

const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps what it is told.
struct Kept {
    urls: Mutex<Sender<String>>,
    faults: Mutex<Sender<String>>,
}

impl Front for Kept {
    fn listening(&self, url: &str, _service: &str) {
        let _ = self.urls.lock().unwrap().send(url.into());
    }

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, _session: SessionId, _note: &Note) {}

    fn fault(&self, _session: SessionId, fault: &Fault) {
        let _ = self.faults.lock().unwrap().send(fault.to_string());
    }
}

type Make = fn(&Peer) -> Box<dyn Conversation>;

struct Made(Make);

impl Service for Made {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        (self.0)(peer)
    }
}

/// A conversation from a function.
struct Talk<F>(F);

impl<F: FnMut(Input<'_>, &mut Outbox)> Conversation for Talk<F> {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        (self.0)(input, out);
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

fn echo(_: &Peer) -> Box<dyn Conversation> {
    Box::new(Talk(|input: Input<'_>, out: &mut Outbox| match input {
        Input::Message { data, .. } => out.message(data),
        Input::Eof { .. } => out.close(),
        _ => {}
    }))
}

/// A running server on a thread of its own.
struct Running {
    address: SocketAddr,
    faults: Receiver<String>,
    thread: std::thread::JoinHandle<Result<End, Fault>>,
}

fn start(endpoint: &str, make: Make, limits: Limits, max_sessions: Option<u64>) -> Running {
    let (urls, heard) = channel();
    let (sent, faults) = channel();
    let front = Arc::new(Kept { urls: Mutex::new(urls), faults: Mutex::new(sent) });
    let endpoint = endpoint.parse().unwrap();
    let thread = std::thread::spawn(move || {
        let options = Options { limits, max_sessions, operator: None, front, observer: None };
        let mut server = Server::new(options)?;
        server.bind(Listener { endpoint, name: "test".into(), service: Arc::new(Made(make)) })?;
        server.run()
    });
    let url = heard.recv_timeout(PATIENCE).unwrap();
    let address = url.rsplit("://").next().unwrap().parse().unwrap();
    Running { address, faults, thread }
}

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Relays to the address in this variable: a function pointer captures nothing.
static TARGET: Mutex<Option<SocketAddr>> = Mutex::new(None);

fn forward(_: &Peer) -> Box<dyn Conversation> {
    let target = format!("tcp://{}", TARGET.lock().unwrap().unwrap());
    Box::new(Talk(move |input: Input<'_>, out: &mut Outbox| match input {
        Input::Opened { leg: PEER } => {
            out.effect(Effect::Read { leg: PEER, on: false });
            out.effect(Effect::Connect { leg: 1, to: target.as_str().into() });
        }
        Input::Opened { .. } => {
            out.effect(Effect::Relay { a: PEER, b: 1 });
            out.effect(Effect::Read { leg: PEER, on: true });
        }
        Input::Failed { .. } => out.abort(),
        _ => {}
    }))
}

#[test]
fn a_client_that_half_closes_gets_its_whole_answer() {
    let server = start("127.0.0.1:0", echo, Limits::default(), Some(1));
    let mut stream = dial(server.address);
    let sent = vec![b'x'; 3 << 20];
    let mut writer = stream.try_clone().unwrap();
    let data = sent.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&data).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    writing.join().unwrap();
    assert!(got == sent);
    assert_eq!(server.thread.join().unwrap().unwrap(), End::Done);
}

#[test]
fn a_relay_carries_both_directions_whole_each_with_its_own_fin_and_rst_as_rst() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    *TARGET.lock().unwrap() = Some(target.local_addr().unwrap());
    let server = start("127.0.0.1:0", forward, Limits::default(), Some(2));
    let up: Vec<u8> = (0..8_000_000_u32).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
    let down: Vec<u8> = up.iter().rev().copied().collect();

    let mut client = dial(server.address);
    let (mut far, _) = target.accept().unwrap();
    let mut writer = client.try_clone().unwrap();
    let data = up.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&data).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::new();
    far.read_to_end(&mut got).unwrap();
    assert!(got == up);
    writing.join().unwrap();
    // The client's FIN has come through; the other direction is still open.
    let data = down.clone();
    let writing = std::thread::spawn(move || far.write_all(&data).unwrap());
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert!(got == down);
    writing.join().unwrap();

    let mut client = dial(server.address);
    let (far, _) = target.accept().unwrap();
    client.write_all(b"x").unwrap();
    // Closing with unread input is an RST.
    while far.peek(&mut [0]).unwrap() == 0 {}
    drop(far);
    let error = client.read(&mut [0; 16]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(server.thread.join().unwrap().unwrap(), End::Done);
    assert!(server.faults.try_recv().unwrap().contains("[reset]"));
}

fn exec(_: &Peer) -> Box<dyn Conversation> {
    Box::new(Talk(|input: Input<'_>, out: &mut Outbox| match input {
        Input::Opened { leg: PEER } => {
            let command = ["sh", "-c", "head -c 3; echo; echo done"].map(String::from).into();
            out.effect(Effect::Read { leg: PEER, on: false });
            out.effect(Effect::Spawn { leg: 1, command, framing: Framing::RAW });
        }
        Input::Opened { .. } => {
            out.effect(Effect::Relay { a: PEER, b: 1 });
            out.effect(Effect::Read { leg: PEER, on: true });
        }
        Input::Eof { leg: 1 } => out.close(),
        _ => {}
    }))
}

#[test]
fn a_process_that_stops_reading_still_has_its_say() {
    let server = start("127.0.0.1:0", exec, Limits::default(), Some(1));
    let mut stream = dial(server.address);
    stream.write_all(b"abcdefgh").unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).unwrap();
    assert_eq!(got, "abc\ndone\n");
    assert_eq!(server.thread.join().unwrap().unwrap(), End::Done);
}

#[test]
fn a_thousand_datagram_peers_get_each_its_own_answer() {
    let server = start("udp://127.0.0.1:0", echo, Limits::default(), None);
    let peers: Vec<UdpSocket> = (0..1000).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for batch in peers.chunks(100) {
        for (number, peer) in batch.iter().enumerate() {
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            peer.connect(server.address).unwrap();
            peer.send(format!("peer {number}").as_bytes()).unwrap();
        }
        for (number, peer) in batch.iter().enumerate() {
            let mut buffer = [0; 64];
            let count = peer.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..count], format!("peer {number}").as_bytes());
        }
    }
    // An empty datagram is a message too.
    peers[0].send(b"").unwrap();
    assert_eq!(peers[0].recv(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn an_idle_session_ends_and_says_so() {
    let limits = Limits { idle: Some(Duration::from_millis(50)), ..Limits::default() };
    let server = start("127.0.0.1:0", echo, limits, Some(1));
    let mut stream = dial(server.address);
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    assert!(server.faults.recv_timeout(PATIENCE).unwrap().contains("[idle]"));
    drop(stream);
    assert_eq!(server.thread.join().unwrap().unwrap(), End::Done);
}

#[test]
fn a_panic_ends_one_session_and_no_other() {
    fn fragile(_: &Peer) -> Box<dyn Conversation> {
        Box::new(Talk(|input: Input<'_>, out: &mut Outbox| match input {
            Input::Message { data: b"panic", .. } => panic!("asked to"),
            Input::Message { data, .. } => out.message(data),
            Input::Eof { .. } => out.close(),
            _ => {}
        }))
    }
    let server = start("127.0.0.1:0", fragile, Limits::default(), Some(2));
    let mut well = dial(server.address);
    let mut ill = dial(server.address);
    ill.write_all(b"panic").unwrap();
    assert!(matches!(ill.read(&mut [0; 8]), Ok(0) | Err(_)));
    assert!(server.faults.recv_timeout(PATIENCE).unwrap().contains("[internal]"));
    well.write_all(b"still here").unwrap();
    let mut buffer = [0; 10];
    well.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"still here");
    drop(well);
    assert_eq!(server.thread.join().unwrap().unwrap(), End::Done);
}

#[test]
fn an_endless_sender_keeps_to_its_readers_pace() {
    fn endless(_: &Peer) -> Box<dyn Conversation> {
        Box::new(Talk(|input: Input<'_>, out: &mut Outbox| match input {
            Input::Opened { .. } | Input::Drained { .. } => {
                out.raw(&[b'x'; 16 * 1024]);
                out.more();
            }
            Input::Eof { .. } => out.close(),
            _ => {}
        }))
    }
    let server = start("127.0.0.1:0", endless, Limits::default(), Some(1));
    let mut stream = dial(server.address);
    let mut left = 32 << 20;
    let mut buffer = vec![0; 256 * 1024];
    while left > 0 {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0);
        left -= count.min(left);
    }
    // It hears that nobody asks any more, though it has always something to send.
    stream.shutdown(Shutdown::Write).unwrap();
    while stream.read(&mut buffer).unwrap() > 0 {}
    assert_eq!(server.thread.join().unwrap().unwrap(), End::Done);
}

#[test]
fn a_peer_that_does_not_read_is_cut_with_a_reason() {
    fn flood(_: &Peer) -> Box<dyn Conversation> {
        Box::new(Talk(|input: Input<'_>, out: &mut Outbox| {
            if let Input::Opened { .. } = input {
                out.raw(&vec![b'x'; 64 << 20]);
            }
        }))
    }
    let limits = Limits { waiting_per_peer: 1 << 20, ..Limits::default() };
    let server = start("127.0.0.1:0", flood, limits, Some(1));
    let stream = dial(server.address);
    assert!(server.faults.recv_timeout(PATIENCE).unwrap().contains("[overflow]"));
    assert_eq!(server.thread.join().unwrap().unwrap(), End::Done);
    drop(stream);
}
