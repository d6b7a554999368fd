//! `trace`: one connection made and seen whole. With the right to capture its packets are shown as they were; without, what
//! this program and the kernel know of it, and what must have been on the wire is marked as inferred.

mod ear;
mod packets;
pub mod server;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_core::endpoint::{Endpoint, Place};
use sockeye_core::{Code, Fault, How};
use sockeye_net::client::{self, Options};
use sockeye_net::transport::{Role, fit};
use sockeye_probe::sockets::{Protocol, State};
use sockeye_probe::trace::capture::{self, Bounds, Frame, Lost, Tape};
use sockeye_probe::trace::guess;
use sockeye_probe::trace::kernel::{Transition, Transitions};
use sockeye_probe::trace::look::{self, Look};

use crate::ask;
use crate::secrets;
use crate::views::Views;
use ear::{Attempt, Ear, Hush, OWN};

pub use sockeye_probe::sockets::{State as TcpState, TcpInfo};
pub use sockeye_probe::trace::story::Kind as EventKind;
pub use sockeye_probe::trace::{
    Call, Change, Datagram, End, Event, Flags, Flow, Heard, Icmp, Mark, Options as TcpOptions, Packet,
    Polled, Seen, Segment, Sources, Stage, Stamp, Step, Story,
};

/// How long the last packets of a connection may take after this program has closed it.
const GRACE: Duration = Duration::from_secs(1);

/// The same where there was none.
const FAILED: Duration = Duration::from_millis(100);

/// How often the kernel is asked for a state: first, and once it has been for a while.
const GLANCE: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(5));

/// How long it is asked that often.
const BUSY: Duration = Duration::from_millis(100);

/// The longest that the end of TIME-WAIT is waited for. Linux takes one minute.
const LONGEST: Duration = Duration::from_mins(5);

/// What to trace.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whom to ask what. Without a message the connection is made and closed again.
    pub ask: ask::Request,
    /// When it is over.
    pub until: Until,
    /// A file of packets that is to be made of events where none can be captured.
    pub packets: Option<String>,
}

/// When a trace is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Nothing more is to be sent.
    Quiet,
    /// Our end is CLOSED: the time after TIME-WAIT has passed.
    Closed,
}

/// Why packets were not captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blind {
    /// It takes root or CAP_NET_RAW.
    Rights,
    /// It is not done on this system.
    System,
    /// The system's own words.
    Other(String),
}

/// What was seen.
#[derive(Debug)]
pub struct Outcome {
    /// The endpoint, without secrets.
    pub endpoint: String,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Each attempt to connect, in order; the last is the one that stood, if any did.
    pub stories: Vec<Story>,
    /// Why nothing was captured, if nothing was.
    pub blind: Option<Blind>,
    /// What was lost of what was captured.
    pub lost: Lost,
    /// The frames of all stories.
    pub frames: Vec<Frame>,
    /// Whether a peer is on this machine, where both ends can be asked for.
    pub is_here: bool,
    /// Why it did not go well.
    pub fault: Option<Fault>,
}

/// Makes a connection and tells of it. A fault is one of the request; what goes wrong later is part of the outcome.
pub fn run(request: &Request, views: &Views) -> Result<Outcome, Fault> {
    let (mut endpoint, conversation) = ask::plan(&request.ask, "trace")?;
    let (protocol, port) = place(&endpoint)?;
    if protocol == Protocol::Udp && request.ask.messages.is_empty() {
        let missing = Fault::new(Code::Usage, "trace").arg("what", "missing");
        return Err(missing.arg("name", "MESSAGE"));
    }
    secrets::fill(&mut endpoint, &*views.watcher);
    let bare = endpoint.bare().to_string();
    let (tape, blind) = match Tape::start(protocol, port, Bounds::ONE) {
        Ok(tape) => (Some(tape), None),
        Err(error) => (None, Some(blindness(&error))),
    };
    // For root alone; without, states are inferred and polled.
    let kernel = (protocol == Protocol::Tcp).then(|| Transitions::start(port).ok()).flatten();
    let sink = match &request.packets {
        Some(path) if tape.is_none() => Some(packets::synthetic(path, &bare)?),
        _ => None,
    };
    let ear = Ear::new(sink);
    let options = Options {
        verb: "trace",
        endpoint,
        limits: request.ask.bounds.limits.clone(),
        front: Arc::new(Hush { inner: Arc::clone(&views.watcher), ear: ear.clone() }),
        observer: Some(Arc::new(ear.clone())),
    };
    let ended = {
        let _looking = (protocol == Protocol::Tcp).then(|| Looking::start(ear.clone()));
        let ended = client::run(options, conversation, None);
        ear.let_go(look::now(), ended.as_ref().err());
        wait_for_the_end(tape.as_ref(), &ear, protocol);
        ended
    };
    if request.until == Until::Closed && protocol == Protocol::Tcp {
        wait_for_closed(&ear);
    }
    let (attempts, broken) = ear.end();
    if let Some(fault) = broken {
        views.watcher.warning(&fault);
    }
    let fault = ended.err();
    let is_here = attempts.last().is_some_and(|attempt| look::is_here(attempt.remote));
    let lost = tape.as_ref().map(Tape::lost).unwrap_or_default();
    let kernel = kernel.as_ref().map(Transitions::told).unwrap_or_default();
    let (stories, frames) = told(attempts, tape.as_ref(), &kernel, protocol);
    Ok(Outcome { endpoint: bare, protocol, stories, blind, lost, frames, is_here, fault })
}

/// The protocol and port that the first connection goes to. Only what goes through the Internet's protocols is seen.
fn place(endpoint: &Endpoint) -> Result<(Protocol, u16), Fault> {
    let entry = fit(endpoint, Role::Connect)?.entry;
    let protocol = match entry.name {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        name => {
            let fault = Fault::new(Code::UnfitTrace, format!("trace {}", endpoint.bare()));
            return Err(fault.arg("scheme", name));
        }
    };
    let via = endpoint.params.via.as_deref().map(str::parse::<Endpoint>).transpose()?;
    match &via.as_ref().unwrap_or(endpoint).place {
        Place::Host { port, .. } => Ok((protocol, *port)),
        Place::Path(_) | Place::Stdio => Err(Fault::new(Code::UnfitTrace, "trace")),
    }
}

fn blindness(error: &std::io::Error) -> Blind {
    match error.kind() {
        ErrorKind::PermissionDenied => Blind::Rights,
        ErrorKind::Unsupported => Blind::System,
        _ => Blind::Other(error.to_string()),
    }
}

/// Waits until both ends have said all they will, which may be after this program has closed its own.
fn wait_for_the_end(tape: Option<&Tape>, ear: &Ear, protocol: Protocol) {
    let Some((_, local, remote)) = ear.ends() else { return };
    let Some(tape) = tape else { return };
    let moves = ear.moves();
    let patience = if moves.is_some() { GRACE } else { FAILED };
    let (mut seen, mut datagrams) = (Vec::new(), 0);
    tape.wait(patience, |frames| {
        let own = frames.filter(|frame| capture::is_between(frame, local, remote));
        if protocol == Protocol::Udp {
            // Whether an answer is still to come nobody knows; what this program has seen is there.
            datagrams += own.count();
            return datagrams >= moves.unwrap_or(0);
        }
        is_over(&mut seen, own, local, remote)
    });
}

/// Whether a connection is over, with these frames of it more.
fn is_over<'a>(
    seen: &mut Vec<Seen>,
    more: impl Iterator<Item = &'a Frame>,
    client: SocketAddr,
    server: SocketAddr,
) -> bool {
    let before = seen.len();
    seen.extend(more.filter_map(segment));
    seen.len() > before && Flow::of(client, server, seen).is_over()
}

/// Waits for the end of TIME-WAIT.
fn wait_for_closed(ear: &Ear) {
    let (Some((index, local, remote)), Ok(mut look)) = (ear.ends(), Look::open()) else { return };
    let end = Instant::now() + LONGEST;
    while Instant::now() < end {
        let Some(polled) = look.at(OWN, local, remote) else { return };
        let (state, left) = (polled.state, polled.left);
        ear.looked(index, polled);
        if state == State::Closed {
            return;
        }
        // The kernel says how long it takes, and another state may go on at any time.
        thread::park_timeout(left.unwrap_or(GLANCE.1).max(GLANCE.1));
    }
}

/// Asks the kernel for the states of both ends while it lives.
struct Looking {
    /// Dropped when nothing more is to be looked at.
    stop: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Looking {
    fn start(ear: Ear) -> Self {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("look".to_owned()).spawn(move || look_at(&ear, &stopped));
        Self { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn look_at(ear: &Ear, stop: &Receiver<()>) {
    let Ok(mut look) = Look::open() else { return };
    let began = Instant::now();
    let mut is_here = None;
    let mut is_last = false;
    loop {
        if let Some((index, local, remote)) = ear.ends() {
            let mut ends = vec![(OWN, local, remote)];
            if *is_here.get_or_insert_with(|| look::is_here(remote)) {
                ends.push((OWN.other(), remote, local));
            }
            for (end, own, other) in ends {
                if let Some(polled) = look.at(end, own, other) {
                    ear.looked(index, polled);
                }
            }
        }
        if is_last {
            return;
        }
        let glance = if began.elapsed() < BUSY { GLANCE.0 } else { GLANCE.1 };
        // Once more after all is over: that shows what is left.
        is_last = stop.recv_timeout(glance) == Err(RecvTimeoutError::Disconnected);
    }
}

/// Every attempt as a story, and the frames of all.
fn told(
    attempts: Vec<Attempt>,
    tape: Option<&Tape>,
    kernel: &[Transition],
    protocol: Protocol,
) -> (Vec<Story>, Vec<Frame>) {
    let mut all = Vec::new();
    let mut stories = Vec::new();
    for attempt in attempts {
        let Some(local) = attempt.local else { continue };
        let remote = attempt.remote;
        let frames = tape.map(|tape| tape.take(|frame| capture::is_between(frame, local, remote)));
        let frames = frames.map(capture::at_one_place);
        let mut attempt = attempt;
        attempt.transitions = transitions(kernel, local, remote);
        stories.push(story(OWN, attempt, local, frames.as_deref(), protocol));
        all.extend(frames.into_iter().flatten());
    }
    all.sort_by_key(|frame| frame.at);
    stories.sort_by_key(Story::start);
    (stories, all)
}

/// What the kernel told of one connection. A client has no port yet when it goes to SYN-SENT.
fn transitions(kernel: &[Transition], client: SocketAddr, server: SocketAddr) -> Vec<(End, State)> {
    let of = |told: &Transition| {
        let is_client = told.peer == server && (told.local == client || told.local.port() == 0);
        let is_server = told.local == server && told.peer == client;
        let end = if is_client { Some(End::Client) } else { is_server.then_some(End::Server) };
        end.map(|end| (end, told.to))
    };
    kernel.iter().filter_map(of).collect()
}

/// One connection. A failure that is seen on the wire is told when it came.
fn story(
    own: End,
    attempt: Attempt,
    local: SocketAddr,
    frames: Option<&[Frame]>,
    protocol: Protocol,
) -> Story {
    let (client, server) = if own == End::Client { (local, attempt.remote) } else { (attempt.remote, local) };
    let mut sources = Sources {
        calls: attempt.calls,
        polled: attempt.polled,
        stamps: attempt.stamps,
        transitions: attempt.transitions,
        saved_syn: attempt.saved_syn.filter(|_| frames.is_none()),
        backlog: attempt.backlog.map(|most| (most, How::Polled)),
        ..Sources::default()
    };
    for frame in frames.unwrap_or_default() {
        match (frame.packet(), frame.at) {
            (Some(Packet::Icmp(icmp)), Some(at)) => sources.icmp.push((at, icmp)),
            (Some(Packet::Udp(datagram)), Some(at)) => sources.datagrams.push((at, datagram)),
            _ => {}
        }
    }
    if own == End::Client && protocol == Protocol::Tcp && look::is_here(server) {
        let backlog = Look::open().ok().and_then(|mut look| look.backlog(server));
        sources.backlog = backlog.map(|most| (most, How::Polled));
    }
    let (seen, how) = match frames {
        Some(frames) => (segments(frames), How::Captured),
        None if protocol == Protocol::Tcp => {
            (guess::segments(own, client, server, &sources.calls, &sources.polled), How::Inferred)
        }
        None => (Vec::new(), How::Inferred),
    };
    let flow = Flow::of(client, server, &seen);
    if let (Some(Heard { at, call: Call::Failed(_) }), Some(last)) =
        (sources.calls.last_mut(), flow.steps.last())
        && flow.is_reset()
    {
        *at = last.at;
    }
    Story::tell(own, how, flow, &sources)
}

/// The TCP segments among frames.
fn segments(frames: &[Frame]) -> Vec<Seen> {
    frames.iter().filter_map(segment).collect()
}

fn segment(frame: &Frame) -> Option<Seen> {
    match frame.packet()? {
        Packet::Tcp(segment) => Some(Seen { at: frame.at?, segment }),
        Packet::Udp(_) | Packet::Icmp(_) => None,
    }
}

impl Outcome {
    /// The packets as a pcapng file, where they were captured.
    pub fn pcapng(&self) -> Option<Vec<u8>> {
        self.blind.is_none().then(|| packets::captured(&self.frames, &self.endpoint))
    }
}
