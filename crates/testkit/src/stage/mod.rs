//! The memory driver: sessions, peers and time, all in one thread and without a socket.
//!
//! A test makes a [`Stage`] from a service, lets peers in with [`Stage::connect`] or [`Stage::datagrams`], and plays
//! them: [`Stage::send`], [`Stage::received`], [`Stage::fin`]. Every call runs until nothing more can happen. Time moves
//! with [`Stage::advance`] only. What a driver on sockets must do, in which order, can be read off `drive` here.

mod drive;
mod end;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use sockeye_core::{
    Address, Conversation, Fault, Framing, Input, Lane, Leg, Limits, Machine, Medium, Note, OPERATOR, Order,
    Outbox, PEER, Peer, Said, Service, SessionId, Tick,
};

use crate::chunking::{Chunking, Cutter};
use drive::Pending;
use end::{End, Item, Owner};

/// A peer that the test plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller(usize);

/// How a connection ended, as the peer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a FIN.
    Fin,
    /// With an RST.
    Reset,
}

/// Plays a process: given program and arguments, what talks on its stdin and stdout. `None`: it cannot be started.
pub type Spawner = fn(&[String]) -> Option<Box<dyn Conversation>>;

/// Who answers at an endpoint that a conversation connects to.
enum Target {
    Service(usize),
    Test,
}

struct Session {
    machine: Machine,
    origin: Option<usize>,
    ends: Vec<usize>,
    over: bool,
}

/// A server in memory.
pub struct Stage {
    services: Vec<Arc<dyn Service>>,
    sessions: Vec<Session>,
    ends: Vec<End>,
    targets: Vec<(String, Target)>,
    calls: Vec<(String, Caller)>,
    spawner: Option<Spawner>,
    pending: VecDeque<Pending>,
    turn: usize,
    now: Tick,
    out: Outbox,
    framing: Option<Framing>,
    cutter: Cutter,
    window: usize,
    limits: Limits,
    printed: Vec<u8>,
    notes: Vec<Note>,
    faults: Vec<Fault>,
}

/// What a peer takes before the sender has to wait, in bytes, unless [`Stage::window`] says otherwise.
const WINDOW: usize = 64 * 1024;

/// 2026-11-21T06:45:03Z, in nanoseconds since 1970: the wall clock of a stage stands still.
pub const WALL: u64 = 1_795_243_503_000_000_000;

impl Stage {
    /// A server that answers with `service`.
    pub fn new(service: Box<dyn Service>) -> Self {
        let mut stage = Self::empty();
        stage.services.push(Arc::from(service));
        stage
    }

    /// One session of a client: `conversation` talks to a peer that the test plays.
    pub fn solo(conversation: Box<dyn Conversation>, lane: Lane) -> (Self, Caller) {
        let mut stage = Self::empty();
        let caller = stage.open_end(Owner::Test, lane);
        let session = stage.add_session(conversation, None, lane);
        let end = stage.open_end(Owner::Session(session, PEER), lane);
        stage.join(session, end, caller);
        stage.pending.push_back(Pending::Begin(session));
        stage.settle();
        (stage, Caller(caller))
    }

    fn empty() -> Self {
        Self {
            services: Vec::new(),
            sessions: Vec::new(),
            ends: Vec::new(),
            targets: Vec::new(),
            calls: Vec::new(),
            spawner: None,
            pending: VecDeque::new(),
            turn: 0,
            now: Tick::ZERO,
            out: Outbox::new(|| WALL),
            framing: None,
            cutter: Cutter::new(Chunking::Whole),
            window: WINDOW,
            limits: Limits::default(),
            printed: Vec::new(),
            notes: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Frames the service's peers; otherwise streams are raw and datagrams messages.
    #[must_use]
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = Some(framing);
        self
    }

    /// How sessions get the bytes of a stream; as they were sent unless told.
    #[must_use]
    pub fn chunked(mut self, chunking: Chunking) -> Self {
        self.cutter = Cutter::new(chunking);
        self
    }

    /// Bytes that a peer holds before its sender has to wait.
    #[must_use]
    pub fn window(mut self, bytes: usize) -> Self {
        self.window = bytes;
        self
    }

    /// The bounds: longest message, and bytes waiting for one peer.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets `service` answer when a conversation connects to `endpoint`, written exactly so.
    #[must_use]
    pub fn answering(mut self, endpoint: &str, service: Box<dyn Service>) -> Self {
        self.targets.push((endpoint.to_owned(), Target::Service(self.services.len())));
        self.services.push(Arc::from(service));
        self
    }

    /// Lets the test itself answer at `endpoint`: see [`Stage::called`].
    #[must_use]
    pub fn listening(mut self, endpoint: &str) -> Self {
        self.targets.push((endpoint.to_owned(), Target::Test));
        self
    }

    /// Starts processes.
    #[must_use]
    pub fn spawning(mut self, spawner: Spawner) -> Self {
        self.spawner = Some(spawner);
        self
    }

    // The peers.

    /// A peer connects over a stream, from an address of its own on loopback.
    pub fn connect(&mut self) -> Caller {
        self.connect_from(Address::Ip(self.free_address()))
    }

    /// A peer connects over a stream from this address.
    pub fn connect_from(&mut self, remote: Address) -> Caller {
        let lane = Lane::stream(self.framing.unwrap_or(Framing::RAW));
        let caller = self.open_end(Owner::Test, lane);
        self.ends[caller].remote = Some(remote);
        self.accept(0, caller);
        self.settle();
        Caller(caller)
    }

    /// A peer that sends datagrams, from an address of its own on loopback. Its first datagram starts a session.
    pub fn datagrams(&mut self) -> Caller {
        self.datagrams_from(Address::Ip(self.free_address()))
    }

    /// A peer that sends datagrams from this address.
    pub fn datagrams_from(&mut self, remote: Address) -> Caller {
        let lane = Lane { framing: self.framing.unwrap_or(Framing::DGRAM), medium: Medium::Datagrams };
        let caller = self.open_end(Owner::Test, lane);
        self.ends[caller].remote = Some(remote);
        Caller(caller)
    }

    /// The next peer that a conversation connected to an endpoint of [`Stage::listening`].
    pub fn called(&mut self, endpoint: &str) -> Option<Caller> {
        let at = self.calls.iter().position(|(to, _)| to == endpoint)?;
        Some(self.calls.remove(at).1)
    }

    /// The peer sends bytes, or one datagram.
    pub fn send(&mut self, caller: Caller, bytes: &[u8]) {
        if self.ends[caller.0].lane.medium.is_datagrams() && self.session_of(caller).is_none() {
            self.accept(0, caller.0);
        }
        self.ends[caller.0].push(bytes);
        self.settle();
    }

    /// The peer sends FIN.
    pub fn fin(&mut self, caller: Caller) {
        self.ends[caller.0].finish();
        self.settle();
    }

    /// The peer sends RST.
    pub fn reset(&mut self, caller: Caller) {
        self.ends[caller.0].reset();
        self.settle();
    }

    /// The driver forgets a datagram peer that was idle.
    pub fn forget(&mut self, caller: Caller) {
        if let Some(session) = self.session_of(caller) {
            self.pending.push_back(Pending::Failed(session, PEER, "idle"));
            self.settle();
        }
    }

    /// The bytes that came to the peer, as far as it can hold them; more may come once it has taken these.
    pub fn received(&mut self, caller: Caller) -> Vec<u8> {
        let mut bytes = Vec::new();
        let inbox = &mut self.ends[caller.0].inbox;
        while let Some(Item::Bytes(_)) = inbox.front()
            && let Some(Item::Bytes(more)) = inbox.pop_front()
        {
            bytes.extend_from_slice(&more);
        }
        self.settle();
        bytes
    }

    /// Up to `size` bytes that come to the peer; fewer only if no more can come.
    pub fn take(&mut self, caller: Caller, size: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < size {
            let more = self.received(caller);
            if more.is_empty() {
                return bytes;
            }
            bytes.extend_from_slice(&more);
        }
        let rest = bytes.split_off(size);
        if !rest.is_empty() {
            self.ends[caller.0].inbox.push_front(Item::Bytes(rest));
        }
        bytes
    }

    /// The next datagram that came to the peer.
    pub fn datagram(&mut self, caller: Caller) -> Option<Vec<u8>> {
        let item = self.ends[caller.0].inbox.pop_front();
        self.settle();
        match item {
            Some(Item::Datagram(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// How the peer saw the connection end. Bytes that it has not taken yet come first.
    pub fn ended(&self, caller: Caller) -> Option<Ending> {
        match self.ends[caller.0].inbox.front() {
            Some(Item::Fin) => Some(Ending::Fin),
            Some(Item::Reset) => Some(Ending::Reset),
            _ => None,
        }
    }

    /// Whether the session reads what the peer sends.
    pub fn is_read(&self, caller: Caller) -> bool {
        self.session_of(caller).is_some() && self.ends[self.ends[caller.0].far].reading
    }

    // The people's side.

    /// The operator types a line, for the service to place.
    pub fn operator(&mut self, line: &str) {
        self.said(Said::Line(line));
    }

    /// The operator's input ends.
    pub fn operator_eof(&mut self) {
        self.said(Said::Eof);
    }

    /// A line on stdin for a client's conversation.
    pub fn stdin(&mut self, line: &[u8]) {
        self.on_first(|machine, now, out| {
            machine.input(now, Input::Message { leg: OPERATOR, data: line }, out);
        });
    }

    /// The end of stdin for a client's conversation.
    pub fn stdin_eof(&mut self) {
        self.on_first(|machine, now, out| machine.input(now, Input::Eof { leg: OPERATOR }, out));
    }

    /// What went to stdout since the last call.
    pub fn printed(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.printed)
    }

    /// What people were told since the last call.
    pub fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// What failed since the last call.
    pub fn faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    // Time and the end.

    /// Moves time to the next deadline and delivers it. `false`: nobody waits for anything.
    pub fn advance(&mut self) -> bool {
        let alive = self.sessions.iter().filter(|session| !session.over);
        let Some(next) = alive.filter_map(|session| session.machine.deadline()).min() else { return false };
        self.now = self.now.max(next);
        self.due();
        self.settle();
        true
    }

    /// The stage's clock.
    pub const fn now(&self) -> Tick {
        self.now
    }

    /// Tells every session that the server is stopping.
    pub fn stop(&mut self) {
        for session in self.alive() {
            self.input(session, Input::Stop);
        }
        self.settle();
    }

    /// How many sessions go on.
    pub fn sessions(&self) -> usize {
        self.alive().len()
    }

    fn alive(&self) -> Vec<usize> {
        (0..self.sessions.len()).filter(|at| !self.sessions[*at].over).collect()
    }

    fn said(&mut self, said: Said<'_>) {
        let mut orders = Vec::new();
        if let Some(service) = self.services.first()
            && service.reads_operator()
        {
            service.operator(said, &mut orders);
        }
        for order in orders {
            match order {
                Order::Tell(session, word) => self.pending.push_back(Pending::Command(session, 0, word)),
                Order::Note(note) => self.notes.push(note),
            }
        }
        self.settle();
    }

    fn on_first(&mut self, step: impl FnOnce(&mut Machine, Tick, &mut Outbox)) {
        if self.sessions.first().is_some_and(|session| !session.over) {
            self.step(0, |machine, now, out| {
                step(machine, now, out);
                Ok(())
            });
        }
        self.settle();
    }

    /// Starts a session of a service with the end of a peer.
    fn accept(&mut self, service: usize, caller: usize) {
        let lane = self.ends[caller].lane;
        let remote = self.ends[caller].remote.clone().unwrap_or(Address::Stdio);
        let session = SessionId(self.sessions.len() as u64 + 1);
        let transport = if lane.medium.is_datagrams() { "udp" } else { "tcp" };
        let local = Address::Ip(SocketAddr::from(([127, 0, 0, 1], 7)));
        let peer =
            Peer { session, transport, datagrams: lane.medium.is_datagrams(), local, remote, user: None };
        let conversation = self.services[service].start(&peer);
        let session = self.add_session(conversation, Some(service), lane);
        let end = self.open_end(Owner::Session(session, PEER), lane);
        self.join(session, end, caller);
        self.pending.push_back(Pending::Begin(session));
    }

    fn add_session(
        &mut self,
        conversation: Box<dyn Conversation>,
        origin: Option<usize>,
        lane: Lane,
    ) -> usize {
        let machine = Machine::new(conversation, lane, self.limits.message);
        self.sessions.push(Session { machine, origin, ends: Vec::new(), over: false });
        self.sessions.len() - 1
    }

    fn open_end(&mut self, owner: Owner, lane: Lane) -> usize {
        self.ends.push(End::new(owner, self.ends.len(), lane));
        self.ends.len() - 1
    }

    /// Connects an end of a session with another end.
    fn join(&mut self, session: usize, end: usize, far: usize) {
        self.ends[end].far = far;
        self.ends[far].far = end;
        self.sessions[session].ends.push(end);
    }

    fn end_of(&self, session: usize, leg: Leg) -> Option<usize> {
        let ends = &self.sessions[session].ends;
        ends.iter().copied().find(|end| self.ends[*end].owner == Owner::Session(session, leg))
    }

    /// The session that goes on with this peer.
    fn session_of(&self, caller: Caller) -> Option<usize> {
        match self.ends[self.ends[caller.0].far].owner {
            Owner::Session(session, _) if !self.sessions[session].over => Some(session),
            _ => None,
        }
    }

    fn free_address(&self) -> SocketAddr {
        let port = 40_000 + u16::try_from(self.ends.len()).unwrap_or(0);
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}
