//! Bytes as the transport carries them, for who wants to see them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use sockeye_core::{
    Conversation, Effect, Fault, Framing, Input, Limits, Note, Outbox, PEER, Peer, Service, SessionId, Tick,
};
use sockeye_net::Front;
use sockeye_net::server::{End, Listener, Options, Server};

use crate::stage::{Eye, Quiet, connect, listen, on, say, told};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a server does with what comes: sends it back, or hands it on to a leg that this opens.
#[derive(Clone)]
enum Does {
    Echo,
    Relay(Effect),
}

impl Service for Does {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(self.clone())
    }
}

impl Conversation for Does {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match (self, input) {
            (Self::Relay(effect), Input::Opened { leg: PEER }) => {
                out.effect(Effect::Read { leg: PEER, on: false });
                out.effect(effect.clone());
            }
            (Self::Relay(_), Input::Opened { .. }) => {
                out.effect(Effect::Relay { a: PEER, b: 1 });
                out.effect(Effect::Read { leg: PEER, on: true });
            }
            (Self::Relay(_), Input::Message { leg, data }) => {
                out.to(1 - leg);
                out.message(data);
            }
            (Self::Echo, Input::Message { data, .. }) => out.message(data),
            (_, Input::Eof { leg: PEER }) => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

struct Ready(std::sync::Mutex<Sender<String>>);

impl Front for Ready {
    fn listening(&self, url: &str, _service: &str) {
        self.0.lock().unwrap().send(url.to_owned()).unwrap();
    }

    fn print(&self, session: SessionId, payload: &[u8]) {
        Quiet.print(session, payload);
    }

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, session: SessionId, note: &Note) {
        Quiet.note(session, note);
    }

    fn fault(&self, session: SessionId, fault: &Fault) {
        Quiet.fault(session, fault);
    }
}

type Ended = std::thread::JoinHandle<Result<End, Fault>>;

/// Serves one session under the eye.
fn serve(endpoint: &str, does: Does, eye: &Arc<Eye>, limits: Limits) -> (SocketAddr, Ended) {
    let (sent, urls) = channel();
    let (endpoint, observer) = (endpoint.parse().unwrap(), Some(Arc::clone(eye) as _));
    let thread = std::thread::spawn(move || {
        let front = Arc::new(Ready(std::sync::Mutex::new(sent)));
        let options = Options { limits, max_sessions: Some(1), operator: None, front, observer };
        let mut server = Server::new(options)?;
        server.bind(Listener { endpoint, name: "test".into(), service: Arc::new(does) })?;
        server.run()
    });
    let url = urls.recv_timeout(PATIENCE).unwrap();
    (url.split_once("://").unwrap().1.parse().unwrap(), thread)
}

#[test]
fn a_servers_stream_is_shown_as_it_moves_in_both_directions() {
    let eye = Eye::new(true);
    let (at, ended) = serve("127.0.0.1:0?frame=line", Does::Echo, &eye, Limits::default());
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(b"ping\n").unwrap();
    let mut got = [0; 5];
    stream.read_exact(&mut got).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    ended.join().unwrap().unwrap();
    let lines = eye.lines();
    assert!(lines[0].starts_with("accepted tcp 127.0.0.1:"), "{lines:?}");
    assert_eq!(lines[1..], ["wire 0 in ping\n", "wire 0 out ping\n", "fin 0 in", "fin 0 out", "closed"]);
}

#[test]
fn nothing_is_shown_to_who_does_not_want_it() {
    let eye = Eye::new(false);
    let (at, ended) = serve("tls://127.0.0.1:0?self-signed", Does::Echo, &eye, Limits::default());
    told(
        vec![
            on("begin", move |out, _| connect(out, 1, &format!("tls://{at}?insecure"))),
            on("opened 1", |out, _| say(out, 1, "x")),
            on("message 1 x", |out, _| out.close()),
        ],
        Some(eye.clone()),
    );
    ended.join().unwrap().unwrap();
    let lines = eye.lines();
    let shown = lines.iter().any(|line| line.starts_with("wire") || line.starts_with("secret"));
    assert!(!shown, "{lines:?}");
}

#[test]
fn both_legs_of_a_relay_are_shown() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp://{}", target.local_addr().unwrap());
    let eye = Eye::new(true);
    let relay = Does::Relay(Effect::Connect { leg: 1, to: to.into() });
    let (at, ended) = serve("127.0.0.1:0", relay, &eye, Limits::default());
    let mut near = TcpStream::connect(at).unwrap();
    let (mut far, _) = target.accept().unwrap();
    near.write_all(b"question").unwrap();
    far.read_exact(&mut [0; 8]).unwrap();
    far.write_all(b"answer").unwrap();
    near.read_exact(&mut [0; 6]).unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    drop((near, far));
    ended.join().unwrap().unwrap();
    let lines = eye.lines();
    assert!(lines[0].starts_with("accepted tcp 127.0.0.1:"), "{lines:?}");
    assert!(lines[2].starts_with("connected 1 tcp 127.0.0.1:"), "{lines:?}");
    let wire = eye.begins("wire");
    let expected = ["wire 0 in question", "wire 1 out question", "wire 1 in answer", "wire 0 out answer"];
    assert_eq!(wire, expected);
}

#[test]
fn a_process_is_shown_as_a_leg() {
    let eye = Eye::new(true);
    let command = Box::from(["cat".to_owned()]);
    let relay = Does::Relay(Effect::Spawn { leg: 1, command, framing: Framing::RAW });
    let (at, ended) = serve("127.0.0.1:0", relay, &eye, Limits::default());
    let mut near = TcpStream::connect(at).unwrap();
    near.write_all(b"meow").unwrap();
    near.read_exact(&mut [0; 4]).unwrap();
    drop(near);
    ended.join().unwrap().unwrap();
    assert_eq!(
        eye.begins("wire"),
        ["wire 0 in meow", "wire 1 out meow", "wire 1 in meow", "wire 0 out meow"]
    );
}

#[test]
fn datagrams_are_shown_whole_and_empty_ones_too() {
    let eye = Eye::new(true);
    let limits = Limits { datagram_idle: Duration::from_millis(50), ..Limits::default() };
    let (at, ended) = serve("udp://any:0", Does::Echo, &eye, limits);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", at.port())).unwrap();
    for data in [&b"one"[..], b""] {
        client.send(data).unwrap();
        client.recv(&mut [0; 8]).unwrap();
    }
    ended.join().unwrap().unwrap();
    let lines = eye.lines();
    // Not where the socket is bound, but where it was asked.
    assert!(lines[0].starts_with(&format!("accepted udp 127.0.0.1:{} ", at.port())), "{lines:?}");
    assert_eq!(eye.begins("wire"), ["wire 0 in one", "wire 0 out one", "wire 0 in ", "wire 0 out "]);
}

#[test]
fn a_datagram_relay_is_shown_on_both_legs() {
    let target = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = format!("udp://{}", target.local_addr().unwrap());
    let eye = Eye::new(true);
    let limits = Limits { datagram_idle: Duration::from_millis(50), ..Limits::default() };
    let (at, ended) =
        serve("udp://127.0.0.1:0", Does::Relay(Effect::Connect { leg: 1, to: to.into() }), &eye, limits);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(at).unwrap();
    client.send(b"question").unwrap();
    let mut buffer = [0; 16];
    let (count, from) = target.recv_from(&mut buffer).unwrap();
    target.send_to(&buffer[..count], from).unwrap();
    client.recv(&mut buffer).unwrap();
    ended.join().unwrap().unwrap();
    let wire = eye.begins("wire");
    let expected = ["wire 0 in question", "wire 1 out question", "wire 1 in question", "wire 0 out question"];
    assert_eq!(wire, expected);
}

#[test]
fn the_datagram_legs_of_a_play_are_shown() {
    let eye = Eye::new(true);
    told(
        vec![
            on("begin", |out, _| listen(out, 1, "udp://127.0.0.1:0")),
            on("listening 1", |out, urls| connect(out, 2, &urls[&1])),
            on("opened 2", |out, _| say(out, 2, "a")),
            on("message 1 a", |out, _| say(out, 1, "b")),
            on("message 2 b", |out, _| out.close()),
        ],
        Some(eye.clone()),
    );
    assert_eq!(eye.begins("wire"), ["wire 2 out a", "wire 1 in a", "wire 1 out b", "wire 2 in b"]);
}

#[test]
fn who_sees_the_bytes_of_tls_is_told_what_reads_them() {
    let eye = Eye::new(true);
    let (at, ended) = serve("tls://127.0.0.1:0?self-signed", Does::Echo, &eye, Limits::default());
    let unseen = told(
        vec![
            on("begin", move |out, _| connect(out, 1, &format!("tls://{at}?insecure"))),
            on("opened 1", |out, _| say(out, 1, "private")),
            on("message 1 private", |out, _| out.close()),
        ],
        None,
    );
    assert_eq!(unseen.last().unwrap(), "message 1 private");
    ended.join().unwrap().unwrap();
    let secrets = eye.begins("secret ");
    assert!(secrets.iter().any(|line| line.contains(" SERVER_TRAFFIC_SECRET_0 ")), "{secrets:?}");
    assert!(secrets.iter().all(|line| !line.starts_with("secret 0 ")), "{secrets:?}");
    assert!(eye.begins("wire").len() >= 4 && !eye.lines().join("").contains("private"));
}
