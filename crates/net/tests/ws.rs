//! WebSocket on real sockets, against peers written by hand: what a library would never send, and what it must be told.

#![expect(clippy::unwrap_used, reason = "a test's own sockets and threads")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sockeye_core::limits::Handshakes;
use sockeye_core::{
    Conversation, Effect, Event, Fault, Input, Kind, Limits, Note, Observer, Outbox, PEER, Peer, Service,
    SessionId, Tick,
};
use sockeye_net::client::{self, Options as Connect};
use sockeye_net::server::{End, Listener, Options, Server};
use sockeye_net::{Conn, Front, dial};

const PATIENCE: Duration = Duration::from_secs(10);

/// The opcodes of RFC 6455, section 5.2, with FIN.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// Keeps what it is told.
struct Kept {
    urls: Mutex<Sender<String>>,
    told: Mutex<Sender<String>>,
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

    fn fault(&self, _session: SessionId, _fault: &Fault) {}
}

/// Of many faults of peers people are told a few; events leave out none.
impl Observer for Kept {
    fn event(&self, event: &Event<'_>) {
        let told = match event.kind {
            Kind::Error(fault) => fault.to_string(),
            Kind::Note(note) => format!("note {} {:?}", note.key, note.args),
            _ => return,
        };
        let _ = self.told.lock().unwrap().send(told);
    }

    fn wants_wire(&self) -> bool {
        false
    }
}

struct Made(fn(&Peer) -> Box<dyn Conversation>);

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

struct Running {
    address: SocketAddr,
    told: Receiver<String>,
    thread: std::thread::JoinHandle<Result<End, Fault>>,
}

impl Running {
    fn told(&self) -> String {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    /// The server is well, and this session is its last: none that came to nothing before counts.
    fn serves_one_more(self) {
        let mut stream = upgraded(self.address);
        stream.write_all(&closing(1000, "")).unwrap();
        assert_eq!(closed(&mut stream), 1000);
        self.ended();
    }

    /// The server, which was to end after so many sessions, has.
    fn ended(self) {
        assert_eq!(self.thread.join().unwrap().unwrap(), End::Done);
    }
}

fn start(
    params: &str,
    service: fn(&Peer) -> Box<dyn Conversation>,
    limits: Limits,
    sessions: u64,
) -> Running {
    let (urls, heard) = channel();
    let (sent, told) = channel();
    let front = Arc::new(Kept { urls: Mutex::new(urls), told: Mutex::new(sent) });
    let endpoint = format!("ws://127.0.0.1:0{params}").parse().unwrap();
    let thread = std::thread::spawn(move || {
        let observer: Arc<dyn Observer> = front.clone();
        let observer = Some(observer);
        let options = Options { limits, max_sessions: Some(sessions), operator: None, front, observer };
        let mut server = Server::new(options)?;
        server.bind(Listener { endpoint, name: "test".into(), service: Arc::new(Made(service)) })?;
        server.run()
    });
    let url = heard.recv_timeout(PATIENCE).unwrap();
    let address = url.strip_prefix("ws://").unwrap().split('/').next().unwrap().parse().unwrap();
    Running { address, told, thread }
}

fn reach(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// A connection whose upgrade was granted.
fn upgraded(address: SocketAddr) -> TcpStream {
    let mut stream = reach(address);
    stream.write_all(format!("{UPGRADE}\r\n").as_bytes()).unwrap();
    let head = head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

/// A frame as clients send it, masked by a key of no bits so that it stays readable.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()) {
        Ok(short) if short < 126 => frame.push(0x80 | short.to_le_bytes()[0]),
        Ok(length) => {
            frame.push(0x80 + 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 + 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The next frame that a server sent.
fn read(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut short = [0; 2];
    stream.read_exact(&mut short).unwrap();
    let length = match short[1] {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            usize::from(u16::from_be_bytes(length))
        }
        127 => {
            let mut length = [0; 8];
            stream.read_exact(&mut length).unwrap();
            usize::try_from(u64::from_be_bytes(length)).unwrap()
        }
        length => usize::from(length),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).unwrap();
    (short[0], payload)
}

fn closing(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

/// The code of the Close that comes, and that the connection ends after it.
fn closed(stream: &mut TcpStream) -> u16 {
    let (first, payload) = read(stream);
    assert_eq!(first, CLOSE);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "something follows the Close");
    u16::from_be_bytes([payload[0], payload[1]])
}

#[test]
fn answers_are_text_or_binary_as_what_they_answer_and_may_be_empty() {
    let server = start("", echo, Limits::default(), 1);
    let mut stream = upgraded(server.address);
    for (first, payload) in [
        (TEXT, "é".as_bytes()),
        (BINARY, b"a"),
        (BINARY, b"\xff"),
        (TEXT, b""),
        (BINARY, b""),
        (TEXT, &b"x".repeat(70_000)),
    ] {
        stream.write_all(&frame(first, payload)).unwrap();
        assert_eq!(read(&mut stream), (first, payload.to_vec()));
    }
    stream.write_all(&closing(1000, "")).unwrap();
    assert_eq!(closed(&mut stream), 1000);
    server.ended();
}

#[test]
fn a_message_in_fragments_is_one_and_pings_between_them_are_answered_first() {
    let server = start("", echo, Limits::default(), 1);
    let mut stream = upgraded(server.address);
    let parts =
        [frame(0x01, b"one "), frame(PING, b"are you there"), frame(0x00, b"two "), frame(PONG, b"unasked")];
    for part in parts {
        for byte in part {
            stream.write_all(&[byte]).unwrap();
        }
    }
    assert_eq!(read(&mut stream), (PONG, b"are you there".to_vec()));
    stream.write_all(&frame(0x80, b"three")).unwrap();
    assert_eq!(read(&mut stream), (TEXT, b"one two three".to_vec()));
    // Many messages in one read, and then the end.
    let many: Vec<u8> =
        (0..100_u8).flat_map(|number| frame(BINARY, &[number])).chain(closing(1000, "")).collect();
    stream.write_all(&many).unwrap();
    for number in 0..100 {
        assert_eq!(read(&mut stream), (BINARY, vec![number]));
    }
    assert_eq!(closed(&mut stream), 1000);
    server.ended();
}

#[test]
fn clients_that_do_not_ask_properly_are_told_why() {
    let refused = [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "426 Upgrade Required", "what=no-upgrade"),
        (UPGRADE.replace("GET", "POST") + "\r\n", "405 Method Not Allowed", "what=method"),
        (UPGRADE.replace("13", "8") + "\r\n", "426 Upgrade Required", "what=version"),
        (UPGRADE.replace("GET /", "GET /other") + "\r\n", "404 Not Found", "what=path"),
        (UPGRADE.replace("Host: localhost\r\n", "") + "\r\n", "400 Bad Request", "what=host"),
        (UPGRADE.to_owned() + "Content-Length: 4\r\n\r\nbody", "400 Bad Request", "what=body"),
        (UPGRADE.replace("\r\nUpgrade", "\nUpgrade") + "\r\n", "400 Bad Request", "what=malformed"),
        (UPGRADE.to_owned() + "Origin: https://evil.example\r\n\r\n", "403 Forbidden", "what=origin"),
        (
            UPGRADE.replace("localhost", "evil.example") + "Origin: http://evil.example\r\n\r\n",
            "403 Forbidden",
            "what=foreign-host",
        ),
        (
            UPGRADE.to_owned() + &"X: y\r\n".repeat(64) + "\r\n",
            "431 Request Header Fields Too Large",
            "what=too-long",
        ),
        (
            UPGRADE.to_owned() + "X: " + &"y".repeat(20_000),
            "431 Request Header Fields Too Large",
            "what=too-long",
        ),
    ];
    let server = start("/?subprotocol=chat", echo, Limits::default(), 1);
    for (request, status, fault) in refused {
        let mut stream = reach(server.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
        drop(stream);
        let told = server.told();
        assert!(told.starts_with("[turned-away]") && told.contains(fault), "{told}");
    }
    server.serves_one_more();
}

#[test]
fn what_is_no_http_is_shown_and_cut_at_once() {
    let server = start("", echo, Limits::default(), 1);
    for (bytes, fault) in [
        (&b"hello\n"[..], r"what=other bytes=hello\n"),
        (b"\x16\x03\x01\x02\x00\x01", "what=tls"),
        (b"", "what=silence"),
    ] {
        let mut stream = reach(server.address);
        stream.write_all(bytes).unwrap();
        if bytes.is_empty() {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        let told = server.told();
        assert!(told.starts_with("[not-websocket]") && told.contains(fault), "{told}");
    }
    server.serves_one_more();
}

#[test]
fn an_upgrade_that_drips_meets_its_deadline() {
    let handshakes = Handshakes { header: Duration::from_millis(150), ..Handshakes::default() };
    let server = start("", echo, Limits { handshakes, ..Limits::default() }, 1);
    let mut stream = reach(server.address);
    stream.write_all(UPGRADE.as_bytes()).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    let told = server.told();
    assert!(told.starts_with("[handshake-timeout]") && told.contains("layer=ws"), "{told}");
    server.serves_one_more();
}

#[test]
fn broken_frames_end_with_their_code_and_their_fault() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let half = |first: u8| frame(first, &[b'x'; 600]);
    let cases = [
        (frame(TEXT, &[b'x'; 1001]), 1009, "[ws-oversize]"),
        ([half(0x02), half(0x80)].concat(), 1009, "[ws-oversize]"),
        // Only the head, which says too much already.
        (vec![BINARY, 0x80 + 127, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0], 1009, "[ws-oversize]"),
        (frame(TEXT, b"\xc3("), 1007, "[ws-protocol]"),
        (vec![TEXT, 1, b'x'], 1002, "[ws-protocol]"),
        (frame(0xc1, b"x"), 1002, "[ws-protocol]"),
        (frame(0x83, b"x"), 1002, "[ws-protocol]"),
        (frame(0x80, b"x"), 1002, "[ws-protocol]"),
        (frame(0x09, b"x"), 1002, "[ws-protocol]"),
        (frame(PING, &[0; 126]), 1002, "[ws-protocol]"),
        (frame(CLOSE, &[3]), 1002, "[ws-protocol]"),
        (closing(999, ""), 1002, "[ws-protocol]"),
    ];
    let server = start("", echo, limits, cases.len() as u64);
    for (bytes, code, fault) in cases {
        let mut stream = upgraded(server.address);
        stream.write_all(&bytes).unwrap();
        assert_eq!(closed(&mut stream), code, "{bytes:?}");
        drop(stream);
        let told = server.told();
        assert!(told.starts_with(fault), "{told}");
    }
    server.ended();
}

#[test]
fn the_peers_end_is_told_by_its_code() {
    let ends = [
        (1000, None),
        (1001, None),
        (1011, Some("[ws-closed]")),
        (3003, Some("name=forbidden")),
        (4001, Some("note ws-closed")),
    ];
    let server = start("", echo, Limits::default(), ends.len() as u64 + 1);
    for (code, told) in ends {
        let mut stream = upgraded(server.address);
        stream.write_all(&closing(code, "words")).unwrap();
        assert_eq!(closed(&mut stream), code);
        if let Some(wanted) = told {
            let told = server.told();
            assert!(told.contains(wanted) && told.contains("words"), "{told}");
        }
    }
    // A FIN without a Close.
    let stream = upgraded(server.address);
    stream.shutdown(Shutdown::Write).unwrap();
    let told = server.told();
    assert!(told.starts_with("[ws-closed]") && told.contains("code=1006"), "{told}");
    server.ended();
}

#[test]
fn a_peer_that_pings_without_reading_is_not_read() {
    let server = start("", echo, Limits::default(), 1);
    let mut stream = upgraded(server.address);
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // Far more than the buffers of both sockets hold, were it taken.
    let (ping, mut sent) = (frame(PING, &[b'p'; 125]).repeat(1000), 0);
    let blocked = loop {
        match stream.write(&ping[sent % ping.len()..]) {
            Ok(count) => sent += count,
            Err(error) => break matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
        assert!(sent < 64 << 20, "the server takes all of it");
    };
    assert!(blocked);
    // Once it reads, all that was taken is answered, and it is served as ever.
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        loop {
            match read(&mut reader) {
                (PONG, payload) => assert_eq!(payload, [b'p'; 125]),
                other => break other,
            }
        }
    });
    stream.set_write_timeout(None).unwrap();
    stream.write_all(&ping[sent % ping.len()..]).unwrap();
    stream.write_all(&frame(TEXT, b"still here")).unwrap();
    assert_eq!(reading.join().unwrap(), (TEXT, b"still here".to_vec()));
    stream.write_all(&closing(1000, "")).unwrap();
    assert_eq!(closed(&mut stream), 1000);
    server.ended();
}

#[test]
fn a_silent_peer_is_pinged_and_one_that_does_not_answer_is_given_up() {
    let limits = Limits { ping: Duration::from_millis(150), ..Limits::default() };
    let server = start("", echo, limits, 1);
    let mut stream = upgraded(server.address);
    for _ in 0..3 {
        assert_eq!(read(&mut stream), (PING, Vec::new()));
        stream.write_all(&frame(PONG, b"")).unwrap();
    }
    // Anything is a sign of life.
    assert_eq!(read(&mut stream).0, PING);
    stream.write_all(&frame(TEXT, b"here")).unwrap();
    assert_eq!(read(&mut stream), (TEXT, b"here".to_vec()));
    assert_eq!(read(&mut stream).0, PING);
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    let told = server.told();
    assert!(told.starts_with("[ws-silent]") && told.contains("after=300ms"), "{told}");
    server.ended();
}

#[test]
fn a_message_that_takes_long_is_a_sign_of_life_and_pongs_alone_are_no_traffic() {
    let silence = Duration::from_millis(200);
    let limits = Limits { ping: silence, idle: Some(4 * silence), ..Limits::default() };
    let server = start("", echo, limits, 1);
    let mut stream = upgraded(server.address);
    let (mut reader, (sent, frames)) = (stream.try_clone().unwrap(), channel());
    let reading = std::thread::spawn(move || {
        loop {
            let came = read(&mut reader);
            let is_last = came.0 == CLOSE;
            sent.send(came).unwrap();
            if is_last {
                return;
            }
        }
    });
    // Slower than the pings would allow, and the idle time, if only whole messages counted.
    let began = Instant::now();
    for (due, byte) in (1_u32..).zip(frame(TEXT, &[b'x'; 20])) {
        stream.write_all(&[byte]).unwrap();
        let due = began + silence / 3 * due;
        while let Ok((first, _)) = frames.recv_timeout(due.saturating_duration_since(Instant::now())) {
            // A busy machine may ask; within a frame there is no answer to give.
            assert!(matches!(first, PING | TEXT));
        }
    }
    // From here on nothing but answers to pings: an idle session in the end.
    for (first, _) in frames {
        if first == PING {
            stream.write_all(&frame(PONG, b"")).unwrap();
        }
    }
    reading.join().unwrap();
    assert!(server.told().starts_with("[idle]"));
    server.ended();
}

/// Answers each message with 100 KiB.
fn long(_: &Peer) -> Box<dyn Conversation> {
    Box::new(Talk(|input: Input<'_>, out: &mut Outbox| match input {
        Input::Message { .. } => out.message(&b"x".repeat(100 << 10)),
        Input::Eof { .. } => out.close(),
        _ => {}
    }))
}

#[test]
fn a_framing_cuts_inside_a_message_and_none_of_its_answers_is_lost() {
    let server = start("?frame=line", long, Limits::default(), 1);
    let mut stream = upgraded(server.address);
    stream.write_all(&frame(TEXT, &[&b"q\n".repeat(200)[..], b"last"].concat())).unwrap();
    for _ in 0..201 {
        let (first, payload) = read(&mut stream);
        assert_eq!((first, payload.len()), (TEXT, (100 << 10) + 1));
    }
    stream.write_all(&closing(1000, "")).unwrap();
    assert_eq!(closed(&mut stream), 1000);
    server.ended();
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
        Input::Message { leg, data } => {
            out.to(1 - leg);
            out.message(data);
        }
        Input::Eof { leg } => {
            out.to(1 - leg);
            out.finish();
        }
        Input::Failed { .. } => out.abort(),
        _ => {}
    }))
}

#[test]
fn messages_become_bytes_and_reads_become_messages() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    *TARGET.lock().unwrap() = Some(target.local_addr().unwrap());
    let server = start("", forward, Limits::default(), 2);
    let mut stream = upgraded(server.address);
    let (mut far, _) = target.accept().unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&[frame(BINARY, b"ab"), frame(BINARY, b"cd")].concat()).unwrap();
    let mut got = [0; 4];
    far.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"abcd");
    far.write_all(b"one").unwrap();
    // The sort is what the client's own messages were.
    assert_eq!(read(&mut stream), (BINARY, b"one".to_vec()));
    stream.write_all(&closing(1000, "")).unwrap();
    assert_eq!(far.read(&mut got).unwrap(), 0);
    drop(far);
    assert_eq!(closed(&mut stream), 1000);
    // The other end first.
    let mut stream = upgraded(server.address);
    let (mut far, _) = target.accept().unwrap();
    far.write_all(&b"y".repeat(200_000)).unwrap();
    drop(far);
    let mut size = 0;
    loop {
        let (first, payload) = read(&mut stream);
        if first == CLOSE {
            break;
        }
        assert_eq!(first, TEXT);
        size += payload.len();
    }
    assert_eq!(size, 200_000);
    stream.write_all(&closing(1000, "")).unwrap();
    server.ended();
}

/// Answers one connection with these bytes, and gives what was asked.
fn answering(answer: &'static [u8]) -> (SocketAddr, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let asked = head(&mut stream);
        stream.write_all(answer).unwrap();
        asked
    });
    (address, thread)
}

#[tokio::test]
async fn a_client_tells_what_the_server_said_instead() {
    for (answer, wanted) in [
        (&b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno\x1b[31m co"[..], &["[upgrade-refused]", "status=404 Not Found", r"bytes=no\x1b[31m co"][..]),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n", &["[upgrade-refused]", "301 Moved -> https://x/", "what=bare"]),
        (b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", &["[bad-upgrade]", "what=accept"]),
        (b"HTTP/1.1 101 OK\r\n\r\n", &["[bad-upgrade]", "what=upgrade"]),
        (b"SSH-2.0-OpenSSH_9\r\n", &["[not-websocket]", "bytes=SSH-2.0-OpenSSH_9"]),
        (b"", &["[not-websocket]", "what=silence"]),
        (b"HTTP/1.1 101", &["[not-websocket]", "what=cut"]),
    ] {
        let (address, thread) = answering(answer);
        let endpoint = format!("ws://{address}/chat?subprotocol=v1").parse().unwrap();
        let fault = dial(&endpoint, dial::Options::default(), &|_| {}).await.unwrap_err().to_string();
        for part in wanted {
            assert!(fault.contains(part), "{fault}: {part}");
        }
        assert!(fault.contains(&format!("connect ws://{address}/chat")), "{fault}");
        assert!(thread.join().unwrap().starts_with("GET /chat HTTP/1.1\r\n"));
    }
}

#[tokio::test]
async fn a_client_that_is_not_answered_gives_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("ws://{}", listener.local_addr().unwrap()).parse().unwrap();
    let handshakes = Handshakes { header: Duration::from_millis(100), ..Handshakes::default() };
    let options = dial::Options { handshakes, ..dial::Options::default() };
    let fault = dial(&endpoint, options, &|_| {}).await.unwrap_err();
    assert_eq!(fault.code, sockeye_core::Code::HandshakeTimeout);
}

/// Says these, then no more; keeps what comes.
struct Says(Vec<&'static [u8]>, Arc<Mutex<Vec<Vec<u8>>>>);

impl Conversation for Says {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { .. } => {
                self.0.iter().for_each(|words| out.message(words));
                out.finish();
            }
            Input::Message { data, .. } => self.1.lock().unwrap().push(data.to_vec()),
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

#[test]
fn a_client_that_has_said_all_still_hears_the_answers() {
    let server = start("", echo, Limits::default(), 1);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (sent, told) = channel();
    let front = Arc::new(Kept { urls: Mutex::new(sent.clone()), told: Mutex::new(sent) });
    let endpoint = format!("ws://{}", server.address).parse().unwrap();
    let options = Connect { endpoint, verb: "say", limits: Limits::default(), front, observer: None };
    let says = Says(vec![b"one", b"", b"\xff"], Arc::clone(&heard));
    client::run(options, Box::new(says), None).unwrap();
    assert_eq!(*heard.lock().unwrap(), [&b"one"[..], b"", b"\xff"]);
    assert!(told.try_recv().is_err());
    server.ended();
}

#[tokio::test]
async fn as_a_stream_it_is_the_bytes_of_its_messages() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = start("", echo, Limits::default(), 1);
    let endpoint = format!("ws://{}", server.address).parse().unwrap();
    let conn = dial(&endpoint, dial::Options::default(), &|_| {}).await.unwrap();
    let Conn::Stream(mut stream) = conn else { panic!("a datagram socket") };
    stream.write_all(b"one").await.unwrap();
    stream.write_all(b"two").await.unwrap();
    stream.flush().await.unwrap();
    let mut got = [0; 6];
    stream.read_exact(&mut got[..2]).await.unwrap();
    stream.read_exact(&mut got[2..]).await.unwrap();
    assert_eq!(&got, b"onetwo");
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut got).await.unwrap(), 0);
    server.ended();
}
