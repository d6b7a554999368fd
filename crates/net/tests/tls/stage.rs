//! A server of ours on a thread of its own, what it tells, and clients of ours.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockeye_core::{
    Code, Conversation, Event, Fault, Input, Kind, Limits, Note, Observer, Outbox, Peer, Service, SessionId,
    Tick, Tls,
};
use sockeye_net::dial::{Options, Target};
use sockeye_net::server::{self, End, Listener, Server};
use sockeye_net::{Conn, Front, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a server tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Ready(String),
    Note(String, String),
    Fault(Fault),
    Tls(Tls),
    Truncated,
    Reset,
    Closed,
}

struct Kept(Mutex<Sender<Told>>);

impl Kept {
    fn tell(&self, told: Told) {
        let _nobody_listens = self.0.lock().unwrap().send(told);
    }
}

impl Front for Kept {
    fn listening(&self, url: &str, _service: &str) {
        self.tell(Told::Ready(url.to_owned()));
    }

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, _session: SessionId, note: &Note) {
        let args: Vec<String> = note.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.tell(Told::Note(note.key.to_owned(), args.join(" ")));
    }

    fn fault(&self, _session: SessionId, fault: &Fault) {
        self.tell(Told::Fault(fault.clone()));
    }
}

impl Observer for Kept {
    fn event(&self, event: &Event<'_>) {
        match event.kind {
            Kind::Tls { facts, .. } => self.tell(Told::Tls(facts.clone())),
            Kind::TlsTruncated { .. } => self.tell(Told::Truncated),
            Kind::Reset { .. } => self.tell(Told::Reset),
            Kind::Closed { .. } => self.tell(Told::Closed),
            _ => {}
        }
    }

    fn wants_wire(&self) -> bool {
        false
    }
}

/// Sends back what comes, and ends with its peer.
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

/// A server that runs until its sessions have ended.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) told: Receiver<Told>,
    thread: std::thread::JoinHandle<Result<End, Fault>>,
}

impl Running {
    /// Echoes `sessions` times at an endpoint.
    pub(crate) fn start(endpoint: &str, sessions: u64) -> Self {
        Self::with(endpoint, sessions, Limits::default())
    }

    pub(crate) fn with(endpoint: &str, sessions: u64, limits: Limits) -> Self {
        let (sent, told) = channel();
        let front = Arc::new(Kept(Mutex::new(sent)));
        let endpoint = endpoint.parse().unwrap();
        let thread = std::thread::spawn(move || {
            let observer = Some(front.clone() as Arc<dyn Observer>);
            let max_sessions = Some(sessions);
            let options = server::Options { limits, max_sessions, operator: None, front, observer };
            let mut server = Server::new(options)?;
            server.bind(Listener { endpoint, name: "echo".into(), service: Arc::new(Echo) })?;
            server.run()
        });
        let Told::Ready(url) = told.recv_timeout(PATIENCE).unwrap() else { panic!("not ready") };
        Self { url, told, thread }
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// The next of what it tells that is as wanted.
    pub(crate) fn tells<T>(&self, mut wanted: impl FnMut(Told) -> Option<T>) -> T {
        loop {
            let told = self.told.recv_timeout(PATIENCE).expect("the server tells no more");
            if let Some(found) = wanted(told) {
                return found;
            }
        }
    }

    pub(crate) fn fault(&self) -> Fault {
        self.tells(|told| if let Told::Fault(fault) = told { Some(fault) } else { None })
    }

    pub(crate) fn facts(&self) -> Tls {
        self.tells(|told| if let Told::Tls(facts) = told { Some(facts) } else { None })
    }

    /// Ends it by the one session it still waits for: a handshake that failed was none.
    pub(crate) fn finish(self, query: &str) -> Vec<Told> {
        let url = format!("{}?{query}", self.url);
        // Some tests have a runtime of their own.
        let calling = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { drop(call(&url).await.unwrap()) });
        });
        calling.join().unwrap();
        self.end()
    }

    /// Waits for its end, and gives what else it told.
    pub(crate) fn end(self) -> Vec<Told> {
        assert_eq!(self.thread.join().unwrap().unwrap(), End::Done);
        self.told.try_iter().collect()
    }
}

/// The fault of an endpoint that cannot be listened on.
pub(crate) fn listen_fault(endpoint: &str) -> Fault {
    let endpoint = endpoint.parse().unwrap();
    // A server has a runtime of its own, which cannot end within another.
    let binding = std::thread::spawn(move || {
        let front = Arc::new(Kept(Mutex::new(channel().0)));
        let limits = Limits::default();
        let options = server::Options { limits, max_sessions: None, operator: None, front, observer: None };
        let mut server = Server::new(options).unwrap();
        server.bind(Listener { endpoint, name: "echo".into(), service: Arc::new(Echo) }).unwrap_err()
    });
    binding.join().unwrap()
}

/// Connects once, and tells what was agreed on.
pub(crate) async fn call(endpoint: &str) -> Result<(Stream, Tls), Fault> {
    again(&Target::new(&endpoint.parse().unwrap())?).await
}

/// Connects once more.
pub(crate) async fn again(target: &Target) -> Result<(Stream, Tls), Fault> {
    let facts = std::cell::RefCell::new(None);
    let on_event = |kind: Kind<'_>| {
        if let Kind::Tls { facts: told, .. } = kind {
            *facts.borrow_mut() = Some(told.clone());
        }
    };
    let Conn::Stream(stream) = target.dial(Options::default(), &on_event).await? else { panic!("datagrams") };
    Ok((stream, facts.into_inner().expect("TLS is told")))
}

/// The fault of an endpoint that cannot be connected to.
pub(crate) async fn call_fault(endpoint: &str) -> Fault {
    call(endpoint).await.map(|_| ()).expect_err("it should have failed")
}

/// Says something and hears it back.
pub(crate) async fn echoes(stream: &mut Stream) -> std::io::Result<()> {
    stream.write_all(b"hello").await?;
    stream.flush().await?;
    let mut heard = [0; 5];
    stream.read_exact(&mut heard).await?;
    assert_eq!(&heard, b"hello");
    Ok(())
}

/// The code that a broken stream's error has in it.
pub(crate) fn code_of(error: &std::io::Error) -> Code {
    sockeye_net::errno::running(error, "").code
}
