//! Who hears what the driver does on behalf of a trace: its calls with their times, its socket, what the kernel says of it.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockeye_core::{Address, Direction, Event, Fault, Kind, Note, Observer, SessionId};
use sockeye_net::{Front, Onlooker};
use sockeye_probe::sockets::State;
use sockeye_probe::trace::look::now;
use sockeye_probe::trace::own::Own;
use sockeye_probe::trace::{Call, End, Heard, Polled, Segment, Stamp};
use sockeye_record::Sink;

use crate::secrets::Want;
use crate::views::Watcher;

/// Calls that are kept of one attempt.
const CALLS: usize = 20_000;

/// Stamps that are kept of it.
const STAMPS: usize = 20_000;

/// One attempt to connect. Of a name with several addresses there are several.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) remote: SocketAddr,
    pub(super) local: Option<SocketAddr>,
    pub(super) is_connected: bool,
    pub(super) calls: Vec<Heard>,
    pub(super) polled: Vec<Polled>,
    pub(super) stamps: Vec<Stamp>,
    /// State changes that the kernel told of.
    pub(super) transitions: Vec<(End, State)>,
    /// What the kernel kept of the client's SYN, and when that was asked for.
    pub(super) saved_syn: Option<(u64, Segment)>,
    /// How many connections may wait at the listener that it came to.
    pub(super) backlog: Option<u32>,
    /// Held until the session closes its socket.
    own: Option<Own>,
}

impl Attempt {
    pub(super) fn new(remote: SocketAddr) -> Self {
        Self {
            remote,
            local: None,
            is_connected: false,
            calls: Vec::new(),
            polled: Vec::new(),
            stamps: Vec::new(),
            transitions: Vec::new(),
            saved_syn: None,
            backlog: None,
            own: None,
        }
    }

    pub(super) fn call(&mut self, at: u64, call: Call) {
        if self.calls.len() < CALLS {
            self.calls.push(Heard { at, call });
        }
    }

    /// Takes what the kernel stamped, and the socket's address.
    fn listen(&mut self) {
        let Some(own) = &self.own else { return };
        self.local = self.local.or_else(|| own.local());
        if self.is_connected && self.stamps.len() < STAMPS {
            self.stamps.extend(own.stamps());
        }
    }

    /// Lets go of the socket, which is about to be closed.
    fn let_go(&mut self) {
        self.listen();
        self.own = None;
    }

    /// Keeps what the kernel said where it says something new. Of the figures the last ones are kept.
    pub(super) fn looked(&mut self, polled: Polled) {
        let count = self.polled.len();
        let last = self.polled.iter_mut().rev().find(|before| before.end == polled.end);
        match last {
            Some(before) if before.state == polled.state => {
                before.figures = polled.figures.or(before.figures.take());
                before.left = before.left.or(polled.left);
            }
            _ if count < CALLS => self.polled.push(polled),
            _ => {}
        }
    }
}

/// What was heard.
#[derive(Default)]
struct Told {
    attempts: Vec<Attempt>,
    /// What tick zero is, once anything was told.
    zero: Option<u64>,
    /// Where packets made of the events go, where none can be captured.
    sink: Option<Box<dyn Sink>>,
    broken: Option<Fault>,
}

/// Hears a client's driver.
#[derive(Clone)]
pub(super) struct Ear(Arc<Mutex<Told>>);

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ear")
    }
}

impl Ear {
    pub(super) fn new(sink: Option<Box<dyn Sink>>) -> Self {
        Self(Arc::new(Mutex::new(Told { sink, ..Told::default() })))
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known so far of the attempt that is to be looked at: the one that stands, or the last.
    pub(super) fn ends(&self) -> Option<(usize, SocketAddr, SocketAddr)> {
        let mut told = self.told();
        let stands = told.attempts.iter().position(|attempt| attempt.is_connected);
        let index = stands.or_else(|| told.attempts.len().checked_sub(1))?;
        let attempt = told.attempts.get_mut(index)?;
        attempt.listen();
        Some((index, attempt.local?, attempt.remote))
    }

    /// How many reads and writes there were on the one that stands; `None` if none does.
    pub(super) fn moves(&self) -> Option<usize> {
        let told = self.told();
        let stands = told.attempts.iter().find(|attempt| attempt.is_connected)?;
        let moves = |heard: &&Heard| matches!(heard.call, Call::Send(_) | Call::Receive(_));
        Some(stands.calls.iter().filter(moves).count())
    }

    /// Takes in what the kernel said of one.
    pub(super) fn looked(&self, index: usize, polled: Polled) {
        if let Some(attempt) = self.told().attempts.get_mut(index) {
            attempt.looked(polled);
        }
    }

    /// All is over, at this moment and perhaps with this fault. Lets go of every socket: the driver has closed its own
    /// hold on them.
    pub(super) fn let_go(&self, at: u64, fault: Option<&Fault>) {
        let mut told = self.told();
        let one_stands = told.attempts.iter().any(|attempt| attempt.is_connected);
        // Where one stands, the others were given up.
        let why = fault.filter(|_| !one_stands).map_or("given-up", |fault| fault.code.word());
        for attempt in &mut told.attempts {
            attempt.let_go();
            if !attempt.is_connected {
                attempt.call(at, Call::Failed(why.to_owned()));
            }
        }
    }

    /// All that was heard. Nothing more is.
    pub(super) fn end(&self) -> (Vec<Attempt>, Option<Fault>) {
        let mut told = self.told();
        if let Some(mut sink) = told.sink.take() {
            let ended = sink.end();
            told.broken = told.broken.take().or_else(|| ended.err());
        }
        let mut attempts = std::mem::take(&mut told.attempts);
        attempts.iter_mut().for_each(Attempt::let_go);
        (attempts, told.broken.take())
    }
}

impl Told {
    /// What tick zero is. Every event tells, and always a little late: the earliest is the nearest.
    fn begin(&mut self, at: u64) -> u64 {
        let told = now().saturating_sub(at);
        let Some(zero) = self.zero else {
            self.zero = Some(told);
            if let Some(sink) = &mut self.sink {
                self.broken = sink.start(told).err();
            }
            return told;
        };
        if let Some(late) = zero.checked_sub(told) {
            self.zero = Some(told);
            for heard in self.attempts.iter_mut().flat_map(|attempt| &mut attempt.calls) {
                heard.at = heard.at.saturating_sub(late);
            }
        }
        zero.min(told)
    }

    fn event(&mut self, event: &Event<'_>) {
        let zero = self.begin(event.at.0);
        if let Some(sink) = &mut self.sink
            && self.broken.is_none()
        {
            self.broken = sink.event(event).err();
        }
        let at = zero.saturating_add(event.at.0);
        match event.kind {
            Kind::Connecting { remote: Address::Ip(remote), .. } => {
                let mut attempt = Attempt::new(canonical(*remote));
                attempt.call(at, Call::Socket);
                attempt.call(at, Call::Connect(attempt.remote));
                self.attempts.push(attempt);
            }
            Kind::Connected { local: Address::Ip(local), remote: Address::Ip(remote), .. } => {
                let remote = canonical(*remote);
                if !self.attempts.iter().any(|attempt| attempt.remote == remote) {
                    self.attempts.push(Attempt::new(remote));
                }
                for attempt in &mut self.attempts {
                    if attempt.remote != remote {
                        // The others are given up.
                        attempt.let_go();
                        continue;
                    }
                    attempt.local = Some(canonical(*local));
                    attempt.is_connected = true;
                    attempt.call(at, Call::Connected);
                    // Where the kernel does not stamp, nothing is stamped.
                    let _unstamped = attempt.own.as_ref().map(Own::stamp);
                }
            }
            _ => {
                if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.is_connected) {
                    talk(attempt, at, &event.kind);
                }
            }
        }
    }
}

/// What happens on a connection that stands.
pub(super) fn talk(attempt: &mut Attempt, at: u64, kind: &Kind<'_>) {
    let bytes = |data: &[u8]| u64::try_from(data.len()).unwrap_or(u64::MAX);
    match kind {
        Kind::Wire { direction: Direction::Out, data, .. } => attempt.call(at, Call::Send(bytes(data))),
        Kind::Wire { direction: Direction::In, data, .. } => attempt.call(at, Call::Receive(bytes(data))),
        // A WebSocket's Close is not the end of the connection below it.
        Kind::HalfClosed { farewell: Some(_), .. } => {}
        Kind::HalfClosed { direction: Direction::Out, .. } => attempt.call(at, Call::Shutdown),
        Kind::HalfClosed { direction: Direction::In, .. } => attempt.call(at, Call::ReceiveEnd),
        Kind::Reset { direction: Direction::In, .. } => attempt.call(at, Call::Failed("reset".to_owned())),
        Kind::Closed { .. } => {
            attempt.let_go();
            attempt.call(at, Call::Close);
        }
        _ => return,
    }
    attempt.listen();
}

/// An IPv4 address within IPv6 is on the wire as what it is.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Observer for Ear {
    fn event(&self, event: &Event<'_>) {
        self.told().event(event);
    }

    fn wants_wire(&self) -> bool {
        true
    }
}

impl Onlooker for Ear {
    fn connecting(&self, socket: BorrowedFd<'_>) {
        let mut told = self.told();
        let Some(attempt) = told.attempts.last_mut() else { return };
        attempt.own = Own::of(socket).ok();
        if let Some(local) = attempt.own.as_ref().and_then(Own::local) {
            let at = attempt.calls.first().map_or(0, |first| first.at);
            let place = attempt.calls.len().saturating_sub(1);
            attempt.calls.insert(place, Heard { at, call: Call::Bind(canonical(local)) });
        }
    }

    fn listening(&self, _socket: BorrowedFd<'_>) {}

    fn accepted(&self, _session: SessionId, _socket: BorrowedFd<'_>) {}
}

/// The people's side of a trace: what the peer says is part of what is shown, and not printed beside it.
pub(super) struct Hush {
    pub(super) inner: Arc<dyn Watcher>,
    pub(super) ear: Ear,
}

impl Front for Hush {
    fn listening(&self, url: &str, service: &str) {
        self.inner.listening(url, service);
    }

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, session: SessionId, note: &Note) {
        self.inner.note(session, note);
    }

    fn fault(&self, session: SessionId, fault: &Fault) {
        self.inner.fault(session, fault);
    }

    fn onlooker(&self) -> Option<Arc<dyn Onlooker>> {
        Some(Arc::new(self.ear.clone()))
    }
}

impl Watcher for Hush {
    fn warning(&self, fault: &Fault) {
        self.inner.warning(fault);
    }

    fn secret(&self, want: Want<'_>) -> Option<sockeye_core::endpoint::Secret> {
        self.inner.secret(want)
    }
}

/// The attempt's end here.
pub(super) const OWN: End = End::Client;
