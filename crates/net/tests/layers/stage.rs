//! What the tests stand on: a server on a thread of its own that tells everything it is told, and a client that dials.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockeye_core::event::{Event, Observer};
use sockeye_core::{
    Code, Conversation, Endpoint, Fault, Input, Kind, Limits, Note, Outbox, Peer, Service, SessionId, Tick,
};
use sockeye_net::dial::{self, Options as Dialling};
use sockeye_net::server::{Listener, Options, Server};
use sockeye_net::{Conn, Front, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Far above what anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a handshake may take where a test waits for it to run out.
pub(crate) const SHORT: Duration = Duration::from_millis(150);

/// Sends on what a server tells.
struct Ear {
    urls: Mutex<Sender<String>>,
    faults: Mutex<Sender<Fault>>,
    events: Mutex<Sender<String>>,
}

impl Front for Ear {
    fn listening(&self, url: &str, _service: &str) {
        let _ = self.urls.lock().unwrap().send(url.into());
    }

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, _session: SessionId, _note: &Note) {}

    fn fault(&self, _session: SessionId, fault: &Fault) {
        let _ = self.faults.lock().unwrap().send(fault.clone());
    }
}

impl Observer for Ear {
    fn event(&self, event: &Event<'_>) {
        if let Some(line) = told(&event.kind) {
            let _ = self.events.lock().unwrap().send(line);
        }
    }

    fn wants_wire(&self) -> bool {
        false
    }
}

/// What these tests are about, in a line.
pub(crate) fn told(kind: &Kind<'_>) -> Option<String> {
    match kind {
        Kind::Upgraded { to, facts, .. } => {
            let mut line = format!("upgraded {to}");
            for (name, value) in *facts {
                write!(line, " {name}={value}").unwrap();
            }
            Some(line)
        }
        Kind::Authenticated { user, mechanism, .. } => Some(format!("authenticated {user} {mechanism}")),
        Kind::Timeout { what } => Some(format!("timeout {what}")),
        _ => None,
    }
}

/// Answers every message with who sent it, from where to where, and itself: `lin|127.0.0.1:1|127.0.0.1:2|hello`.
struct Who;

impl Service for Who {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        let user = peer.user.as_deref().unwrap_or("-");
        Box::new(Answers(format!("{user}|{}|{}|", peer.remote, peer.local)))
    }
}

struct Answers(String);

impl Conversation for Answers {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => out.message(&[self.0.as_bytes(), data].concat()),
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

/// A server that runs until the tests end.
pub(crate) struct Host {
    pub(crate) url: String,
    faults: Receiver<Fault>,
    events: Receiver<String>,
}

impl Host {
    /// A server at this endpoint.
    pub(crate) fn start(endpoint: &str) -> Self {
        Self::with(endpoint, Limits::default(), Arc::new(Who))
    }

    /// One whose handshakes may take [`SHORT`].
    pub(crate) fn hasty(endpoint: &str) -> Self {
        let mut limits = Limits::default();
        (limits.handshakes.auth, limits.handshakes.header) = (SHORT, SHORT);
        Self::with(endpoint, limits, Arc::new(Who))
    }

    /// One with a service of the test's own.
    pub(crate) fn with(endpoint: &str, limits: Limits, service: Arc<dyn Service>) -> Self {
        let (urls, url) = channel();
        let (sent, faults) = channel();
        let (shown, events) = channel();
        let ear =
            Arc::new(Ear { urls: Mutex::new(urls), faults: Mutex::new(sent), events: Mutex::new(shown) });
        let endpoint: Endpoint = endpoint.parse().unwrap();
        std::thread::spawn(move || {
            let (front, observer) = (Arc::clone(&ear) as Arc<dyn Front>, Some(ear as Arc<dyn Observer>));
            let options = Options { limits, max_sessions: None, operator: None, front, observer };
            let mut server = Server::new(options).unwrap();
            server.bind(Listener { endpoint, name: "test".into(), service }).unwrap();
            server.run().unwrap();
        });
        Self { url: url.recv_timeout(PATIENCE).unwrap(), faults, events }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.url.rsplit("://").next().unwrap().split('?').next().unwrap().parse().unwrap()
    }

    /// A plain connection to it.
    pub(crate) fn call(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// The next thing that went wrong.
    pub(crate) fn fault(&self) -> Fault {
        self.faults.recv_timeout(PATIENCE).unwrap()
    }

    /// Whether nothing went wrong, as far as is known by now.
    pub(crate) fn is_content(&self) -> bool {
        self.faults.try_recv().is_err()
    }

    /// The next event that these tests are about.
    pub(crate) fn event(&self) -> String {
        self.events.recv_timeout(PATIENCE).unwrap()
    }
}

/// What a client came to, with the events it saw.
pub(crate) struct Dialled {
    pub(crate) outcome: Result<Stream, Fault>,
    pub(crate) events: Vec<String>,
}

impl Dialled {
    /// The fault's code and all that it says.
    pub(crate) fn refused(self) -> (Code, String) {
        let fault = self.outcome.err().unwrap();
        (fault.code, fault.to_string())
    }
}

/// Dials an endpoint.
pub(crate) async fn dial(endpoint: &Endpoint) -> Dialled {
    dial_with(endpoint, Dialling::default()).await
}

pub(crate) async fn dial_with(endpoint: &Endpoint, options: Dialling) -> Dialled {
    let events = Mutex::new(Vec::new());
    let on_event = |kind: Kind<'_>| events.lock().unwrap().extend(told(&kind));
    let outcome = match dial::Target::new(endpoint) {
        Ok(target) => target.dial(options, &on_event).await,
        Err(fault) => Err(fault),
    };
    let stream = |conn| match conn {
        Conn::Stream(stream) => stream,
        Conn::Datagram(_) => panic!("datagrams"),
    };
    let outcome = outcome.map(stream);
    Dialled { outcome, events: events.into_inner().unwrap() }
}

/// How a client dials whose handshakes may take [`SHORT`].
pub(crate) fn hasty() -> Dialling {
    let mut options = Dialling::default();
    (options.handshakes.auth, options.handshakes.header) = (SHORT, SHORT);
    options
}

/// Says something and gives the answer, once it has as many bytes as `ends`, and ends so.
pub(crate) async fn ask(stream: &mut Stream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let mut chunk = [0; 512];
    while !got.ends_with(text.as_bytes()) {
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "the end came after {}", got.escape_ascii());
        got.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8(got).unwrap()
}

/// Reads until what has come ends so.
pub(crate) fn hear(stream: &mut impl Read, end: &[u8]) -> Vec<u8> {
    let mut got = Vec::new();
    let mut chunk = [0; 512];
    while !got.ends_with(end) {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the end came after {}", got.escape_ascii());
        got.extend_from_slice(&chunk[..count]);
    }
    got
}

/// Reads to the end of the stream; an RST is one too.
pub(crate) fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut got = Vec::new();
    match stream.read_to_end(&mut got) {
        Ok(_) => got,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => got,
        Err(error) => panic!("{error} after {}", got.escape_ascii()),
    }
}

/// A foreign server for one connection: sends `first`, then what `talk` does. Its address.
pub(crate) fn foreign(talk: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        talk(stream);
    });
    address
}

/// A foreign server that says this and then listens until the client leaves.
pub(crate) fn says(first: &'static [u8]) -> SocketAddr {
    foreign(move |mut stream| {
        stream.write_all(first).unwrap();
        rest(&mut stream);
    })
}

/// A directory of its own for each test, removed at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sockeye-layers-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Puts a file in the place of another at once.
    pub(crate) fn replace(&self, name: &str, text: &str) -> String {
        let (new, path) = (self.file("new"), self.file(name));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}
