//! A connection as a fold over its segments: relative numbers, scaled windows, what is out of the ordinary, and which
//! segment led which end to which state.
//!
//! Captured at one place, a segment of the far end left it earlier, and one to it reaches it later. So what reaches an
//! end is handed to its [`Machine`] only when its next segment shows that it had it by then: two FINs that cross make
//! CLOSING on both sides, and not a CLOSE-WAIT that never was.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::machine::{self, Machine, after};
use super::segment::{Flags, Segment};
use crate::sockets::State;

/// Gaps of one direction that are remembered.
const GAPS: usize = 64;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The one that began.
    Client,
    /// The one that it went to.
    Server,
}

impl End {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// `client` or `server`, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// A segment that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When, in nanoseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// The segment.
    pub segment: Segment,
}

/// What is out of the ordinary with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It was sent before.
    Retransmission,
    /// It comes after one that it belongs before.
    OutOfOrder,
    /// One before it was not seen (yet).
    Gap,
    /// It acknowledges the same again, while there is something to acknowledge.
    DuplicateAck,
    /// Its sender takes nothing more.
    ZeroWindow,
    /// It says nothing new but its window.
    WindowUpdate,
    /// It asks whether the other end is still there.
    KeepAlive,
}

impl Mark {
    /// The word, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Retransmission => "retransmission",
            Self::OutOfOrder => "out-of-order",
            Self::Gap => "gap",
            Self::DuplicateAck => "duplicate-ack",
            Self::ZeroWindow => "zero-window",
            Self::WindowUpdate => "window-update",
            Self::KeepAlive => "keep-alive",
        }
    }
}

/// One end went from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which end.
    pub end: End,
    /// From where.
    pub from: State,
    /// To where.
    pub to: State,
}

/// One segment of the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it was seen, in nanoseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// Who sent it.
    pub from: End,
    /// The segment, its numbers as on the wire.
    pub segment: Segment,
    /// Its sequence number, counted from its sender's first.
    pub seq: u32,
    /// Its acknowledgement number, counted from the other end's first; `None` without ACK.
    pub ack: Option<u32>,
    /// Its window in bytes, scaled where both ends agreed to and the beginning was seen.
    pub window: u32,
    /// What is out of the ordinary.
    pub marks: Vec<Mark>,
    /// The states that it led to, in order.
    pub changes: Vec<Change>,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The two ends' addresses.
    pub addresses: [SocketAddr; 2],
    /// The numbers that relative ones count from, where known.
    pub bases: [Option<u32>; 2],
    /// In which states the ends were before; `None` where nothing tells.
    pub began: [Option<State>; 2],
    /// In which states they are; `None` where nothing tells.
    pub states: [Option<State>; 2],
    /// The segments, in the order they were seen.
    pub steps: Vec<Step>,
}

impl Flow {
    /// The connection between these two. Segments of others are left out.
    pub fn of(client: SocketAddr, server: SocketAddr, seen: &[Seen]) -> Self {
        let addresses = [client, server];
        let own: Vec<(End, &Seen)> =
            seen.iter().filter_map(|seen| Some((sender(addresses, &seen.segment)?, seen))).collect();
        let mut fold = Fold::new(&own);
        let began = fold.began;
        let mut steps = Vec::with_capacity(own.len());
        for (index, (from, seen)) in own.iter().enumerate() {
            let mut step = fold.step(*from, seen);
            step.changes = fold.changes(&own, index);
            steps.push(step);
        }
        let known = |end: End| began[end.index()].map(|_| fold.machines[end.index()].state());
        Self { addresses, bases: fold.bases(), began, states: End::BOTH.map(known), steps }
    }

    /// Whether both ends are done, so that nothing more is to be seen.
    pub fn is_over(&self) -> bool {
        self.states.iter().all(|state| state.is_some_and(machine::is_over)) && !self.steps.is_empty()
    }

    /// Whether a reset cut it.
    pub fn is_reset(&self) -> bool {
        self.steps.iter().any(|step| step.segment.flags.has(Flags::RST))
    }
}

/// Which end sent a segment, if it is of this connection.
fn sender(addresses: [SocketAddr; 2], segment: &Segment) -> Option<End> {
    let is =
        |from: End| segment.from == addresses[from.index()] && segment.to == addresses[from.other().index()];
    End::BOTH.into_iter().find(|end| is(*end))
}

/// What is known of one direction.
#[derive(Clone, Debug, Default)]
struct Lane {
    base: Option<u32>,
    scale: Option<u8>,
    has_syn: bool,
    /// Past the last that was seen.
    end: Option<u32>,
    gaps: Vec<(u32, u32)>,
    /// The last acknowledgement and window that its sender said.
    said: Option<(u32, u16)>,
}

struct Fold {
    lanes: [Lane; 2],
    began: [Option<State>; 2],
    machines: [Machine; 2],
    /// What is on its way to each end, as places in the list.
    way: [VecDeque<usize>; 2],
    /// Places of each end's own segments that are still to come.
    ahead: [VecDeque<usize>; 2],
}

impl Fold {
    fn new(own: &[(End, &Seen)]) -> Self {
        let mut ahead = [VecDeque::new(), VecDeque::new()];
        for (index, (from, _)) in own.iter().enumerate() {
            ahead[from.index()].push_back(index);
        }
        let began = beginnings(own);
        Self {
            lanes: Default::default(),
            began,
            machines: began.map(|state| Machine::new(state.unwrap_or(State::Closed))),
            way: Default::default(),
            ahead,
        }
    }

    /// What stands at each end when it began, relative numbers counted from there.
    fn bases(&self) -> [Option<u32>; 2] {
        [self.lanes[0].base, self.lanes[1].base]
    }

    /// The segment by itself.
    fn step(&mut self, from: End, seen: &Seen) -> Step {
        let segment = &seen.segment;
        let (flags, has_ack) = (segment.flags, segment.flags.has(Flags::ACK));
        let syn = flags.has(Flags::SYN);
        let lane = &mut self.lanes[from.index()];
        // Without its SYN, the first that is seen counts as 1.
        let first = if syn { segment.seq } else { segment.seq.wrapping_sub(1) };
        let base = *lane.base.get_or_insert(first);
        if syn {
            (lane.scale, lane.has_syn) = (segment.options.scale, true);
        }
        let other = &mut self.lanes[from.other().index()];
        let other_base =
            if has_ack { Some(*other.base.get_or_insert(segment.ack.wrapping_sub(1))) } else { None };
        let marks = self.marks(from, segment);
        let lane = &self.lanes[from.index()];
        let scale = match (lane.scale, self.lanes[from.other().index()].scale) {
            // More than 14 counts as 14 (RFC 7323, section 2.3). The window of a SYN is never scaled.
            (Some(own), Some(_)) if !syn => own.min(14),
            _ => 0,
        };
        Step {
            at: seen.at,
            from,
            seq: segment.seq.wrapping_sub(base),
            ack: other_base.map(|base| segment.ack.wrapping_sub(base)),
            window: u32::from(segment.window) << scale,
            segment: segment.clone(),
            marks,
            changes: Vec::new(),
        }
    }

    fn marks(&mut self, from: End, segment: &Segment) -> Vec<Mark> {
        let mut marks = Vec::new();
        let flags = segment.flags;
        let plain = !(flags.has(Flags::SYN) || flags.has(Flags::FIN) || flags.has(Flags::RST));
        let waiting = self.lanes[from.other().index()].end;
        let lane = &mut self.lanes[from.index()];
        if flags.has(Flags::RST) {
            return marks;
        }
        let (start, end) = (segment.seq, segment.end());
        match lane.end {
            Some(sent) if plain && segment.length <= 1 && start == sent.wrapping_sub(1) && lane.has_syn => {
                marks.push(Mark::KeepAlive);
            }
            Some(sent) if segment.space() > 0 && after(sent, start) => {
                marks.push(if lane.fills(start, end) { Mark::OutOfOrder } else { Mark::Retransmission });
            }
            Some(sent) if after(start, sent) => {
                if lane.gaps.len() < GAPS {
                    lane.gaps.push((sent, start));
                }
                marks.push(Mark::Gap);
            }
            _ => {}
        }
        if lane.end.is_none_or(|sent| after(end, sent)) {
            lane.end = Some(end);
        }
        if plain && segment.window == 0 {
            marks.push(Mark::ZeroWindow);
        }
        if flags.has(Flags::ACK) {
            let again = lane.said.filter(|(ack, _)| plain && segment.length == 0 && *ack == segment.ack);
            let is_owed = waiting.is_some_and(|end| after(end, segment.ack));
            match again {
                Some((_, window)) if window != segment.window => marks.push(Mark::WindowUpdate),
                Some(_) if is_owed && marks.is_empty() => marks.push(Mark::DuplicateAck),
                _ => {}
            }
            lane.said = Some((segment.ack, segment.window));
        }
        marks
    }

    /// What the segment at `index` changes, at its sender and wherever something is known to have arrived by now.
    fn changes(&mut self, own: &[(End, &Seen)], index: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        let Some((from, seen)) = own.get(index) else { return changes };
        let side = from.index();
        self.ahead[side].pop_front();
        self.deliver(*from, own, Some(&seen.segment), &mut changes);
        self.walk(*from, &mut changes, |machine, walk| machine.sends(&seen.segment, walk));
        self.way[from.other().index()].push_back(index);
        for end in End::BOTH {
            let next = self.ahead[end.index()].front().and_then(|next| own.get(*next));
            let next = next.map(|(_, seen)| &seen.segment);
            self.deliver(end, own, next, &mut changes);
        }
        changes
    }

    /// Hands an end what is on its way and what `next`, the next that it says, shows it to have. Where it says nothing
    /// more, all of it.
    fn deliver(&mut self, end: End, own: &[(End, &Seen)], next: Option<&Segment>, changes: &mut Vec<Change>) {
        while let Some(head) = self.way[end.index()].front() {
            let Some((_, seen)) = own.get(*head) else { break };
            let segment = &seen.segment;
            let is_there = next.is_none_or(|next| {
                segment.space() == 0
                    || segment.flags.has(Flags::RST)
                    || next.flags.has(Flags::RST)
                    || (next.flags.has(Flags::ACK) && !after(segment.end(), next.ack))
            });
            if !is_there {
                break;
            }
            self.way[end.index()].pop_front();
            self.walk(end, changes, |machine, walk| machine.receives(segment, walk));
        }
    }

    fn walk(&mut self, end: End, changes: &mut Vec<Change>, act: impl FnOnce(&mut Machine, &mut Vec<State>)) {
        let mut walk = Vec::new();
        let machine = &mut self.machines[end.index()];
        let mut from = machine.state();
        act(machine, &mut walk);
        for to in walk {
            changes.push(Change { end, from, to });
            from = to;
        }
    }
}

impl Lane {
    /// Whether a segment stands where one was missing. What it fills is missing no more.
    fn fills(&mut self, start: u32, end: u32) -> bool {
        let found = self.gaps.iter().position(|(from, to)| !after(*from, start) && after(*to, start));
        let Some(at) = found else { return false };
        let (from, to) = self.gaps.swap_remove(at);
        for rest in [(from, start), (end, to)] {
            if after(rest.1, rest.0) && self.gaps.len() < GAPS {
                self.gaps.push(rest);
            }
        }
        true
    }
}

/// In which state each end began, by the first that it said.
fn beginnings(own: &[(End, &Seen)]) -> [Option<State>; 2] {
    let has_syn = own.iter().any(|(_, seen)| seen.segment.flags.has(Flags::SYN));
    End::BOTH.map(|end| {
        let (_, first) = own.iter().find(|(from, _)| *from == end)?;
        let flags = first.segment.flags;
        Some(match (flags.has(Flags::SYN), flags.has(Flags::ACK), flags.has(Flags::RST)) {
            (true, true, _) => State::Listen,
            (true, false, _) => State::Closed,
            // It refuses, or it had no part in what came before.
            (false, _, true) if has_syn => State::Closed,
            (false, ..) => State::Established,
        })
    })
}
