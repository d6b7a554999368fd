//! A connection told in order: its segments, the states they led to, the socket calls behind them, and what the kernel
//! was asked meanwhile. Everything says how it is known.

use std::net::SocketAddr;
use std::time::Duration;

use sockeye_core::How;

use super::flow::{Change, End, Flow, Mark, Step};
use super::segment::{Datagram, Flags, Icmp, Segment};
use crate::sockets::{State, TcpInfo};

/// A socket call, or how one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A socket is made.
    Socket,
    /// It gets this address.
    Bind(SocketAddr),
    /// It waits for connections; how many may wait to be accepted, where known.
    Listen(Option<u32>),
    /// The connection is handed to the program.
    Accept,
    /// The connection is asked for.
    Connect(SocketAddr),
    /// It stands.
    Connected,
    /// It does not: the word of the fault.
    Failed(String),
    /// So many bytes are handed to the kernel.
    Send(u64),
    /// So many bytes are taken from it.
    Receive(u64),
    /// The end of what the other side sends is read.
    ReceiveEnd,
    /// No more will be sent.
    Shutdown,
    /// The socket is given up.
    Close,
}

impl Call {
    /// The call's name in C; never translated.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Bind(_) => "bind",
            Self::Listen(_) => "listen",
            Self::Accept => "accept",
            Self::Connect(_) | Self::Connected | Self::Failed(_) => "connect",
            Self::Send(_) => "send",
            Self::Receive(_) | Self::ReceiveEnd => "recv",
            Self::Shutdown => "shutdown",
            Self::Close => "close",
        }
    }
}

/// A call of this program's own, known exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When, in nanoseconds since 1970-01-01T00:00:00Z: when it began, or for what is received when it returned.
    pub at: u64,
    /// The call.
    pub call: Call,
}

/// What the kernel said of an end when it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// When, in nanoseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// Of which end.
    pub end: End,
    /// Its state; CLOSED where there is no such socket.
    pub state: State,
    /// How long TIME-WAIT lasts yet.
    pub left: Option<Duration>,
    /// What the kernel counts.
    pub figures: Option<TcpInfo>,
}

/// Where bytes of a write are, as the kernel stamps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// They entered the queue of the interface.
    Scheduled,
    /// They left.
    Sent,
    /// The peer acknowledged them.
    Acknowledged,
}

impl Stage {
    /// The word, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
        }
    }
}

/// A time stamp of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When, in nanoseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// What happened.
    pub stage: Stage,
    /// The last byte it is about, counted from 1 of all that were written.
    pub byte: u32,
}

/// One line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds since 1970-01-01T00:00:00Z. Of an inferred call: not later.
    pub at: u64,
    /// How it is known.
    pub how: How,
    /// What.
    pub kind: Kind,
}

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A socket call at an end.
    Call(End, Call),
    /// A segment, by its place in the flow's steps.
    Segment(usize),
    /// An end went on to another state, for the segment at this place of the flow.
    Became(Change, Option<usize>),
    /// An end is in a state; in TIME-WAIT for so long yet.
    Is(End, State, Option<Duration>),
    /// A write got so far: the end, the stage, and the last byte of all written.
    Stamped(End, Stage, u32),
    /// A UDP datagram from this end.
    Datagram(End, Datagram),
    /// The SYN that the kernel kept for a server: what the client offered.
    SavedSyn(Segment),
    /// A router or the other end says what it thinks of a packet.
    Icmp(Icmp),
}

/// What a story is made of.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// This program's calls, in order.
    pub calls: Vec<Heard>,
    /// What the kernel said, in order.
    pub polled: Vec<Polled>,
    /// State changes that the kernel told of, in order.
    pub transitions: Vec<(End, State)>,
    /// Time stamps of our writes.
    pub stamps: Vec<Stamp>,
    /// ICMP about the connection, and when.
    pub icmp: Vec<(u64, Icmp)>,
    /// Datagrams, where it is no connection, and when.
    pub datagrams: Vec<(u64, Datagram)>,
    /// The SYN that the kernel kept, and when it was asked for.
    pub saved_syn: Option<(u64, Segment)>,
    /// How many connections may wait at the server to be accepted, and how that is known.
    pub backlog: Option<(u32, How)>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Story {
    /// Which end this program is.
    pub own: End,
    /// How segments are known: captured, or inferred from our calls.
    pub how: How,
    /// The segments.
    pub flow: Flow,
    /// Every line, in order.
    pub events: Vec<Event>,
    /// The last figures of our own end.
    pub figures: Option<TcpInfo>,
}

impl Story {
    /// Tells a flow with all that is known beside it.
    pub fn tell(own: End, how: How, flow: Flow, sources: &Sources) -> Self {
        let mut lines = Lines { own, flow: &flow, told: Vec::new() };
        lines.segments(how, &sources.transitions);
        let sends = lines.own_calls(&sources.calls, &sources.datagrams);
        lines.peer_calls(sources);
        lines.polled(&sources.polled, how);
        for stamp in &sources.stamps {
            let kind = Kind::Stamped(own, stamp.stage, stamp.byte);
            // It follows its write also where the clocks disagree.
            let send = sends.iter().find(|(end, _)| *end >= u64::from(stamp.byte));
            let moment = send.map_or(stamp.at, |(_, at)| stamp.at.max(*at));
            lines.put(moment, After::Segments, Event { at: stamp.at, how: How::Traced, kind });
        }
        for (at, datagram) in &sources.datagrams {
            let from = if datagram.from == lines.flow.addresses[0] { End::Client } else { End::Server };
            let kind = Kind::Datagram(from, datagram.clone());
            lines.put(*at, After::Calls, Event { at: *at, how, kind });
        }
        if let Some((at, syn)) = &sources.saved_syn {
            let kind = Kind::SavedSyn(syn.clone());
            lines.put(*at, After::Segments, Event { at: *at, how: How::Captured, kind });
        }
        for (at, icmp) in &sources.icmp {
            let kind = Kind::Icmp(icmp.clone());
            lines.put(*at, After::Nothing, Event { at: *at, how: How::Captured, kind });
        }
        let events = lines.sorted();
        let mut figures = sources.polled.iter().rev().filter(|polled| polled.end == own);
        let figures = figures.find_map(|polled| polled.figures.clone());
        Self { own, how, flow, events, figures }
    }

    /// When the first line is, which times are told from.
    pub fn start(&self) -> u64 {
        self.events.iter().map(|event| event.at).min().unwrap_or_default()
    }

    /// The state of each end when all was told, and how that is known.
    pub fn last(&self, end: End) -> Option<(State, How)> {
        let of = |event: &Event| match &event.kind {
            Kind::Became(change, _) if change.end == end => Some((change.to, event.how)),
            Kind::Is(at, state, _) if *at == end => Some((*state, event.how)),
            _ => None,
        };
        let told = self.events.iter().rev().find_map(of);
        told.or_else(|| self.flow.states[end.index()].map(|state| (state, How::Inferred)))
    }
}

/// Where a line stands among those of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum After {
    /// What brings a segment about.
    Nothing,
    /// The segment, and what it changes.
    Calls,
    /// What follows from it.
    Segments,
}

struct Line {
    moment: u64,
    after: After,
    event: Event,
}

struct Lines<'a> {
    own: End,
    flow: &'a Flow,
    told: Vec<Line>,
}

impl Lines<'_> {
    fn put(&mut self, moment: u64, after: After, event: Event) {
        self.told.push(Line { moment, after, event });
    }

    fn call(&mut self, at: u64, after: After, how: How, end: End, call: Call) {
        self.put(at, after, Event { at, how, kind: Kind::Call(end, call) });
    }

    /// In order of moments; what is of the same moment as it was put there.
    fn sorted(mut self) -> Vec<Event> {
        self.told.sort_by_key(|line| (line.moment, line.after));
        self.told.into_iter().map(|line| line.event).collect()
    }

    /// States are inferred from segments, and traced where the kernel told the same.
    fn segments(&mut self, how: How, transitions: &[(End, State)]) {
        let mut told = End::BOTH.map(|end| {
            transitions.iter().filter(move |(own, _)| *own == end).map(|(_, state)| *state).peekable()
        });
        for (index, step) in self.flow.steps.iter().enumerate() {
            self.put(step.at, After::Calls, Event { at: step.at, how, kind: Kind::Segment(index) });
            for change in &step.changes {
                let kind = Kind::Became(*change, Some(index));
                let is_told = told[change.end.index()].next_if(|state| *state == change.to).is_some();
                let how = if is_told { How::Traced } else { How::Inferred };
                self.put(step.at, After::Calls, Event { at: step.at, how, kind });
            }
        }
    }

    /// Ours are known, and when they began; what a call caused stands behind it also where clocks disagree.
    /// Gives the number of the last byte of each write, and when that was.
    fn own_calls(&mut self, calls: &[Heard], datagrams: &[(u64, Datagram)]) -> Vec<(u64, u64)> {
        let mut sends = Vec::new();
        let (mut sent, mut received) = (0_u64, 0_u64);
        let ours = self.flow.addresses[self.own.index()];
        let mut ours = datagrams.iter().filter(|(_, datagram)| datagram.from == ours).map(|(at, _)| *at);
        for heard in calls {
            let at = heard.at;
            let (moment, after) = match &heard.call {
                Call::Send(bytes) => {
                    let first = ours.next().or_else(|| self.carrying(self.own, sent + 1));
                    sent += bytes;
                    let moment = first.map_or(at, |step| step.min(at));
                    sends.push((sent, moment));
                    (moment, After::Nothing)
                }
                Call::Receive(bytes) => {
                    received += bytes;
                    (
                        self.carrying(self.own.other(), received).map_or(at, |step| step.max(at)),
                        After::Segments,
                    )
                }
                Call::Connect(_) => {
                    let syn = self.first(self.own, Flags::SYN).map(|step| step.at);
                    (syn.map_or(at, |syn| syn.min(at)), After::Nothing)
                }
                Call::Shutdown => {
                    let fin = self.first(self.own, Flags::FIN).map(|step| step.at);
                    (fin.map_or(at, |fin| fin.min(at)), After::Nothing)
                }
                Call::ReceiveEnd => {
                    let fin = self.first(self.own.other(), Flags::FIN).map(|step| step.at);
                    (fin.map_or(at, |fin| fin.max(at)), After::Segments)
                }
                Call::Accept | Call::Connected | Call::Failed(_) | Call::Close => (at, After::Segments),
                Call::Socket | Call::Bind(_) | Call::Listen(_) => (at, After::Nothing),
            };
            self.call(moment, after, How::Traced, self.own, heard.call.clone());
        }
        sends
    }

    /// Theirs are inferred from what they led to.
    fn peer_calls(&mut self, sources: &Sources) {
        let peer = self.own.other();
        let Some(first) = self.flow.steps.first().map(|step| step.at) else { return };
        let begins = sources.calls.iter().map(|heard| heard.at).min().unwrap_or(first).min(first);
        let is_known = peer == End::Server || sources.backlog.is_some();
        if is_known && self.flow.began[End::Server.index()] == Some(State::Listen) {
            let (backlog, how) =
                sources.backlog.map_or((None, How::Inferred), |(most, how)| (Some(most), how));
            self.call(begins, After::Nothing, how, End::Server, Call::Listen(backlog));
        }
        if peer == End::Client
            && let Some(syn) = self.first(peer, Flags::SYN).map(|step| step.at)
        {
            let to = self.flow.addresses[End::Server.index()];
            self.call(syn, After::Nothing, How::Inferred, peer, Call::Connect(to));
        }
        let mut run: Option<(u64, u64)> = None;
        let (mut speaks, mut sends) = (false, Vec::new());
        for step in self.flow.steps.iter().filter(|step| step.from == peer && is_new(step)) {
            let flags = step.segment.flags;
            if step.segment.length > 0 {
                speaks = true;
                let (at, bytes) = run.unwrap_or((step.at, 0));
                run = Some((at, bytes + u64::from(step.segment.length)));
            }
            if (flags.has(Flags::PSH) || flags.has(Flags::FIN))
                && let Some((at, bytes)) = run.take()
            {
                sends.push((at, Call::Send(bytes)));
            }
            if flags.has(Flags::FIN) {
                speaks = true;
                sends.push((step.at, Call::Close));
            }
        }
        sends.extend(run.map(|(at, bytes)| (at, Call::Send(bytes))));
        if peer == End::Server && speaks {
            let is_open = |step: &&Step| {
                step.changes.iter().any(|change| change.end == peer && change.to == State::Established)
            };
            if let Some(at) = self.flow.steps.iter().find(is_open).map(|step| step.at) {
                self.call(at, After::Segments, How::Inferred, peer, Call::Accept);
            }
        }
        for (at, call) in sends {
            self.call(at, After::Nothing, How::Inferred, peer, call);
        }
    }

    /// What the kernel said is told where it says something new. Where segments were captured, that is the end alone.
    fn polled(&mut self, polled: &[Polled], how: How) {
        let mut last: [Option<State>; 2] = [None; 2];
        if how == How::Captured {
            last = self.flow.states;
        }
        // Where nothing was captured of it, segments tell nothing.
        let how = if self.flow.steps.is_empty() { How::Inferred } else { how };
        for one in polled {
            let before = last[one.end.index()].replace(one.state);
            let is_news = match how {
                // A look at an end that segments tell of is told once it says what none of them can.
                How::Captured => one.left.is_some() || is_time_alone(before, one.state),
                _ => before != Some(one.state),
            };
            if is_news {
                let kind = Kind::Is(one.end, one.state, one.left);
                self.put(one.at, After::Segments, Event { at: one.at, how: How::Polled, kind });
            }
        }
    }

    fn first(&self, from: End, flag: Flags) -> Option<&Step> {
        self.flow.steps.iter().find(|step| step.from == from && step.segment.flags.has(flag))
    }

    /// When the byte of this number, from 1, was first carried.
    fn carrying(&self, from: End, byte: u64) -> Option<u64> {
        let found = self.flow.steps.iter().find(|step| {
            let start = u64::from(step.seq);
            let end = start + u64::from(step.segment.length);
            step.from == from && (start..end).contains(&byte)
        });
        found.map(|step| step.at)
    }
}

/// Whether a state follows from another by time alone.
fn is_time_alone(before: Option<State>, now: State) -> bool {
    now == State::Closed && before.is_some_and(|before| before != State::Closed)
}

/// Whether a segment brings what was not there before.
fn is_new(step: &Step) -> bool {
    !step.marks.iter().any(|mark| matches!(mark, Mark::Retransmission | Mark::KeepAlive))
}
