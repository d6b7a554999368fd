//! Faults on purpose on real sockets: what they do is exact from the seed, and a stream loses nothing but by an end.

#![expect(clippy::unwrap_used, reason = "a test's own sockets and threads")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use sockeye_core::{
    Conversation, Direction, Effect, Event, Fault, Input, Kind, Limits, Note, Observer, Outbox, PEER, Peer,
    Service, SessionId, Tick,
};
use sockeye_net::Front;
use sockeye_net::impair::{Impairments, Spec};
use sockeye_net::server::{End, Listener, Options, Server};

const PATIENCE: Duration = Duration::from_secs(20);

struct Told(Mutex<Sender<String>>);

impl Front for Told {
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

/// What happened, without times and numbers of sessions.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>, Condvar);

impl Seen {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn count(&self, start: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }

    /// Waits until something like this has happened.
    fn wait(&self, start: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut all = self.0.lock().unwrap();
        while !all.iter().any(|line| line.starts_with(start)) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{start} does not come: {all:?}");
            all = self.1.wait_timeout(all, left).unwrap().0;
        }
    }
}

impl Observer for Seen {
    fn event(&self, event: &Event<'_>) {
        let line = match event.kind {
            Kind::Fault { leg: PEER, direction, name, detail } => {
                format!("{} {name} {detail}", direction.word())
            }
            Kind::Message { direction: Direction::In, data, .. } => format!("message {data:02x?}"),
            Kind::Reset { direction, .. } => format!("reset {}", direction.word()),
            Kind::HalfClosed { direction, .. } => format!("end {}", direction.word()),
            Kind::Note(note) => format!("note {} {:?}", note.key, note.args),
            Kind::Error(fault) => format!("error {fault}"),
            Kind::Closed { .. } => "closed".to_owned(),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
        self.1.notify_all();
    }

    fn wants_wire(&self) -> bool {
        false
    }
}

struct Echo;

impl Conversation for Echo {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => out.message(data),
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

impl Service for Echo {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

/// Answers once and hangs up.
struct Once;

impl Conversation for Once {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        if let Input::Message { data, .. } = input {
            out.message(data);
            out.effect(Effect::Hang { leg: PEER });
            out.close();
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

impl Service for Once {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

/// A running server.
struct Running {
    address: SocketAddr,
    seen: Arc<Seen>,
    thread: std::thread::JoinHandle<Result<End, Fault>>,
}

fn serve(scheme: &str, faults: &[&str], seed: u64, limits: Limits) -> Running {
    serve_with(Arc::new(Echo), scheme, faults, seed, limits)
}

fn serve_with(
    service: Arc<dyn Service>,
    scheme: &str,
    faults: &[&str],
    seed: u64,
    limits: Limits,
) -> Running {
    let (urls, bound) = channel();
    let told = Arc::new(Seen::default());
    let observer: Arc<dyn Observer> = told.clone();
    let endpoint = format!("{scheme}://127.0.0.1:0").parse().unwrap();
    let specs: Vec<Spec> = faults.iter().map(|text| Spec::parse(text).map_err(|_| *text).unwrap()).collect();
    let faults = Impairments::new(specs, seed);
    let thread = std::thread::spawn(move || {
        let front = Arc::new(Told(Mutex::new(urls)));
        let options =
            Options { limits, max_sessions: Some(1), operator: None, front, observer: Some(observer) };
        let mut server = Server::new(options)?;
        server.bind_impaired(Listener { endpoint, name: "test".into(), service }, faults)?;
        server.run()
    });
    let url = bound.recv_timeout(PATIENCE).unwrap();
    Running { address: url.rsplit("://").next().unwrap().parse().unwrap(), seen: told, thread }
}

fn tcp(faults: &[&str]) -> (Running, TcpStream) {
    let running = serve("tcp", faults, 7, Limits::default());
    let stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    (running, stream)
}

fn ended(running: Running) -> Vec<String> {
    assert_eq!(running.thread.join().unwrap(), Ok(End::Done));
    running.seen.all()
}

/// Everything until the end, or what cut it.
fn rest(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (bytes, None),
            Ok(count) => bytes.extend(&buffer[..count]),
            Err(error) => return (bytes, Some(error.kind())),
        }
    }
}

/// Sends so many datagrams at once and takes all that come back. How many that must be is known from the events: each
/// datagram counts once, less what is lost, more what is doubled.
fn datagrams(faults: &[&str], seed: u64, count: usize) -> (Vec<Vec<u8>>, Vec<String>) {
    let limits = Limits { datagram_idle: Duration::from_millis(300), ..Limits::default() };
    let running = serve("udp", faults, seed, limits);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(running.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    for number in 0..count {
        socket.send(format!("datagram {number:03}").as_bytes()).unwrap();
    }
    let (mut got, mut buffer) = (Vec::new(), [0; 100]);
    let deadline = Instant::now() + PATIENCE;
    let lost = |got: usize| {
        let events = &running.seen;
        let more = events.count("in dup") + events.count("out dup");
        got + events.count("in loss") + events.count("out loss") != count + more
    };
    while lost(got.len()) {
        assert!(Instant::now() < deadline, "{} of {count}: {:?}", got.len(), running.seen.all());
        if let Ok(length) = socket.recv(&mut buffer) {
            got.push(buffer[..length].to_vec());
        }
    }
    (got, ended(running))
}

#[test]
fn datagrams_are_lost_as_the_seed_says_and_no_other_way() {
    let (got, events) = datagrams(&["loss:0.3,dir=up"], 7, 100);
    let lost = |line: &&String| line.starts_with("in loss");
    assert_eq!((got.len(), events.iter().filter(lost).count()), (65, 35), "{events:?}");
    assert!(got.is_sorted());
    assert_eq!(events.iter().find(lost).unwrap(), "in loss datagram=3 bytes=12");
    assert_eq!(events[0], "note faults [(\"faults\", \"loss:0.3,dir=up\"), (\"seed\", \"7\")]");
}

#[test]
fn a_loss_is_told_as_it_happens() {
    let limits = Limits { datagram_idle: PATIENCE, ..Limits::default() };
    let running = serve("udp", &["loss:1", "timeout:300ms,dir=down"], 7, limits);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"hello", running.address).unwrap();
    running.seen.wait("out timeout after");
    let events = ended(running);
    let at = |start: &str| events.iter().position(|line| line.starts_with(start));
    assert!(at("in loss datagram=1 bytes=5") < at("out timeout after"), "{events:?}");
    assert!(at("in loss").is_some());
}

#[test]
fn the_same_seed_does_the_same_again_and_another_does_not() {
    let faults = ["loss:0.2", "dup:0.2", "corrupt:0.2"];
    let first = datagrams(&faults, 42, 60);
    assert_eq!(first, datagrams(&faults, 42, 60));
    assert_ne!(first, datagrams(&faults, 43, 60));
    for name in ["in loss", "out loss", "in dup", "out dup", "in corrupt", "out corrupt"] {
        assert!(first.1.iter().any(|line| line.starts_with(name)), "{name}");
    }
    // With time in between, what happens in one direction still happens in its order.
    let late = [&faults[..], &["latency:5ms~5ms"]].concat();
    let [first, again] = [0, 1].map(|_| datagrams(&late, 42, 60));
    assert_eq!(first.0, again.0);
    for start in ["in ", "out ", "message "] {
        let of = |events: &[String]| {
            events.iter().filter(|line| line.starts_with(start)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(of(&first.1), of(&again.1));
    }
}

#[test]
fn a_stream_with_every_gentle_fault_comes_whole_and_ends() {
    let faults = ["loss:0.002", "latency:5ms~5ms", "slicer:700~300", "slow-close:50ms", "bandwidth:4m"];
    let (running, mut stream) = tcp(&faults);
    let sent: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    let (writing, data) = (stream.try_clone().unwrap(), sent.clone());
    let writer = std::thread::spawn(move || {
        (&writing).write_all(&data).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    assert!(rest(&mut stream) == (sent, None));
    writer.join().unwrap();
    let events = ended(running);
    assert!(events.iter().any(|line| line.starts_with("note loss-delays")));
    let at = |wanted: &str| events.iter().position(|line| line == wanted);
    assert!(at("in slow-close 50ms") < at("end in") && at("out slow-close 50ms") < at("end out"));
    assert!(at("end in").is_some() && at("end out").is_some());
}

#[test]
fn latency_delays_both_ways_and_does_not_add_up() {
    let (running, mut stream) = tcp(&["latency:60ms"]);
    let begun = Instant::now();
    let mut answer = [0; 4];
    stream.write_all(b"ping").unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(120), "{:?}", begun.elapsed());
    // Two hundred blocks on their way at once: one after the other they would take 24 s.
    let begun = Instant::now();
    let (writing, block) = (stream.try_clone().unwrap(), vec![7; 16 * 1024]);
    let writer = std::thread::spawn(move || {
        (0..200).for_each(|_| (&writing).write_all(&block).unwrap());
        writing.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!(rest(&mut stream).0.len(), 200 * 16 * 1024);
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    writer.join().unwrap();
    assert_eq!(ended(running).iter().filter(|line| line.contains("latency")).count(), 3);
}

#[test]
fn bits_flip_at_the_same_bytes_every_time() {
    let run = || {
        let (running, mut stream) = tcp(&["corrupt:0.01,dir=down"]);
        stream.write_all(&[0; 1000]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let got = rest(&mut stream).0;
        let told: Vec<String> = ended(running).into_iter().filter(|line| line.starts_with("out")).collect();
        (got, told)
    };
    let (first, told) = run();
    let flipped = first.iter().filter(|byte| byte.is_power_of_two()).count();
    assert_eq!((first.len(), flipped, told.len()), (1000, told.len(), 5), "{told:?}");
    assert_eq!((first, told), run());
}

#[test]
fn a_reset_is_an_rst_at_its_byte() {
    let (running, mut stream) = tcp(&["reset:after=10,dir=down"]);
    stream.write_all(b"hello, world").unwrap();
    assert_eq!(rest(&mut stream), (b"hello, wor".to_vec(), Some(ErrorKind::ConnectionReset)));
    let events = ended(running);
    let told: Vec<&str> =
        events.iter().map(String::as_str).filter(|line| !line.starts_with("note")).collect();
    assert_eq!(told[1..], ["out reset byte=10", "reset out", "closed"]);
}

#[test]
fn a_reset_waits_for_its_word_across_reads() {
    let (running, mut stream) = tcp(&["reset:on=/LOGIN/,dir=up"]);
    let mut answer = [0; 6];
    stream.write_all(b"go LOG").unwrap();
    stream.read_exact(&mut answer).unwrap();
    stream.write_all(b"IN lin").unwrap();
    assert_eq!(rest(&mut stream).1, Some(ErrorKind::ConnectionReset));
    assert!(ended(running).contains(&"in reset byte=8".to_owned()));
}

#[test]
fn a_reset_at_once_needs_no_traffic() {
    let (running, mut stream) = tcp(&["reset"]);
    assert_eq!(rest(&mut stream), (vec![], Some(ErrorKind::ConnectionReset)));
    ended(running);
}

#[test]
fn a_limit_closes_in_order_and_what_passed_is_answered() {
    for fault in ["limit:10,dir=up", "limit:10,dir=down"] {
        let (running, mut stream) = tcp(&[fault]);
        stream.write_all(b"hello, world").unwrap();
        assert_eq!(rest(&mut stream), (b"hello, wor".to_vec(), None), "{fault}");
        drop(stream);
        let events = ended(running);
        assert!(events.iter().any(|line| line.ends_with("limit byte=10")), "{events:?}");
        assert!(!events.iter().any(|line| line.starts_with("error")), "{events:?}");
    }
}

#[test]
fn a_timeout_swallows_all_and_closes_after_its_time() {
    let (running, mut stream) = tcp(&["timeout:200ms"]);
    let begun = Instant::now();
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), (vec![], None));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(ended(running).iter().filter(|line| line.starts_with("message")).count(), 0);
}

#[test]
fn a_timeout_without_end_stays_until_the_peer_is_gone() {
    let (running, mut stream) = tcp(&["timeout"]);
    stream.write_all(b"hello").unwrap();
    running.seen.wait("out timeout after=never");
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    assert!(ended(running).contains(&"reset in".to_owned()));
}

#[test]
fn a_leg_that_is_hung_up_still_has_its_faults() {
    let faults = ["latency:100ms,dir=down", "slow-close:100ms,dir=down"];
    let running = serve_with(Arc::new(Once), "tcp", &faults, 1, Limits::default());
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let begun = Instant::now();
    stream.write_all(b"hello").unwrap();
    assert_eq!(rest(&mut stream), (b"hello".to_vec(), None));
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    drop(stream);
    assert!(ended(running).contains(&"out slow-close 100ms".to_owned()));
}

#[test]
fn a_datagram_peer_meets_a_timeout_too() {
    let limits = Limits { datagram_idle: PATIENCE, ..Limits::default() };
    let running = serve("udp", &["timeout:100ms"], 1, limits);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"hello", running.address).unwrap();
    let events = ended(running);
    assert!(events.contains(&"out timeout after=100ms".to_owned()), "{events:?}");
}

#[test]
fn a_delayed_answer_keeps_a_silent_datagram_peer() {
    let limits = Limits { datagram_idle: Duration::from_millis(50), ..Limits::default() };
    let running = serve("udp", &["latency:300ms"], 1, limits);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(b"hello", running.address).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(socket.recv(&mut buffer).unwrap(), 5);
    ended(running);
}
