//! One peer of a play: its connection, and what came from it that no step has looked at yet.

use std::collections::VecDeque;

use sockeye_core::{Code, Effect, Lane, Leg, Outbox, Tick};

use super::failure::{FRAME, State, Unread};

/// Messages that may wait before the peer is read no further.
const MESSAGES: usize = 1024;

/// Bytes that may wait before the peer is read no further: 8 MiB.
const BYTES: usize = 8 << 20;

/// Bytes that may wait of a stream whose next message is not whole yet, since nothing but more of it can help: 64 MiB,
/// more than any message that a file can hold.
const STREAM: usize = 64 << 20;

/// One peer.
pub(super) struct Station {
    pub(super) leg: Leg,
    pub(super) link: Link,
    /// How the peer's side has ended.
    pub(super) end: Option<End>,
    /// What was sent since all of it was written, in bytes.
    pub(super) owed: usize,
    /// All that was sent must be written before more is.
    pub(super) is_full: bool,
    /// A stream without framing: bytes wait, and no messages.
    is_raw: bool,
    messages: VecDeque<Waiting>,
    stream: Vec<u8>,
    /// Where the stream's unread bytes begin.
    start: usize,
    /// How many bytes of the stream came, and how many were read, since it was opened.
    came: u64,
    bytes: usize,
    is_paused: bool,
}

/// A message that waits.
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) data: Box<[u8]>,
}

/// A peer's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Not there yet.
    Idle,
    /// Asked for.
    Opening(Tick),
    /// It was open already, and TLS is being put on it.
    Securing,
    /// Open.
    Open,
    /// We have closed it.
    Hung,
}

/// How a peer's side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Eof,
    Reset,
    Lost(Code),
}

impl Station {
    pub(super) fn new(leg: Leg) -> Self {
        Self {
            leg,
            link: Link::Idle,
            end: None,
            owed: 0,
            is_full: false,
            is_raw: false,
            messages: VecDeque::new(),
            stream: Vec::new(),
            start: 0,
            came: 0,
            bytes: 0,
            is_paused: false,
        }
    }

    /// The connection stands. On one that stood before, what waits is kept.
    pub(super) fn open(&mut self, lane: Lane) {
        if self.link != Link::Securing {
            let leg = self.leg;
            *self = Self::new(leg);
        }
        self.link = Link::Open;
        self.is_raw = lane.is_cut_anywhere();
    }

    /// All that was sent is written.
    pub(super) const fn drained(&mut self) {
        self.owed = 0;
        self.is_full = false;
    }

    pub(super) const fn is_raw(&self) -> bool {
        self.is_raw
    }

    /// Whether something may still come.
    pub(super) const fn may_hear(&self) -> bool {
        matches!(self.link, Link::Open | Link::Securing) && self.end.is_none()
    }

    /// The number of bytes of the stream that will have come with so many more.
    pub(super) const fn upto(&self, more: usize) -> u64 {
        if self.is_raw { self.came + more as u64 } else { 0 }
    }

    /// Keeps a message, or some bytes of the stream.
    pub(super) fn push(&mut self, number: u64, data: &[u8], out: &mut Outbox) {
        self.bytes += data.len();
        if self.is_raw {
            if self.start > 0 && self.start * 2 >= self.stream.len() {
                self.stream.drain(..self.start);
                self.start = 0;
            }
            self.came += data.len() as u64;
            self.stream.extend_from_slice(data);
        } else {
            self.messages.push_back(Waiting { number, data: data.into() });
        }
        self.pace(false, out);
    }

    /// Reads on, or no further, as there is room. `is_wanted`: what waits is a part of what a step waits for.
    pub(super) fn pace(&mut self, is_wanted: bool, out: &mut Outbox) {
        let most = if is_wanted && self.is_raw { STREAM } else { BYTES };
        let is_over = self.messages.len() >= MESSAGES || self.bytes >= most;
        let is_low = self.messages.len() < MESSAGES / 2 && self.bytes < most / 2;
        if self.is_paused && is_low || !self.is_paused && is_over {
            self.is_paused = is_over;
            out.effect(Effect::Read { leg: self.leg, on: !is_over });
        }
    }

    /// The message that waits longest.
    pub(super) fn front(&self) -> Option<&Waiting> {
        self.messages.front()
    }

    /// All messages that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.messages.iter()
    }

    /// Takes the message that waits longest.
    pub(super) fn pop(&mut self, out: &mut Outbox) -> Option<Waiting> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.data.len();
        self.pace(false, out);
        Some(message)
    }

    /// The stream's bytes that wait.
    pub(super) fn stream(&self) -> &[u8] {
        &self.stream[self.start..]
    }

    /// Takes so many bytes of the stream, and says how many of it were read in all with them.
    pub(super) fn read(&mut self, count: usize, out: &mut Outbox) -> u64 {
        let count = count.min(self.stream.len() - self.start);
        self.start += count;
        self.bytes -= count;
        if self.start == self.stream.len() {
            self.stream.clear();
            self.start = 0;
            self.stream.shrink_to(BYTES);
        }
        self.pace(false, out);
        self.came - (self.stream.len() - self.start) as u64
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.stream().is_empty()
    }

    /// Hands over everything that waits: messages, or the stream's bytes as one.
    pub(super) fn drain(&mut self) -> Vec<Box<[u8]>> {
        let mut all: Vec<Box<[u8]>> = self.messages.drain(..).map(|message| message.data).collect();
        if !self.stream().is_empty() {
            all.push(self.stream().into());
        }
        self.stream = Vec::new();
        (self.start, self.bytes) = (0, 0);
        all
    }

    pub(super) fn state(&self) -> State {
        match (self.link, self.end) {
            (Link::Hung, _) => State::Closed,
            (_, Some(End::Eof)) => State::Eof,
            (_, Some(End::Reset)) => State::Reset,
            (_, Some(End::Lost(code))) => State::Lost(code),
            (Link::Idle, None) => State::Never,
            (Link::Opening(_), None) => State::Opening,
            (Link::Open | Link::Securing, None) => State::Open,
        }
    }

    pub(super) fn unread(&self) -> Unread {
        let first = self.messages.front().map_or(self.stream(), |message| &*message.data);
        let first = first[..first.len().min(FRAME)].into();
        Unread { messages: self.messages.len(), bytes: self.bytes, first }
    }
}
