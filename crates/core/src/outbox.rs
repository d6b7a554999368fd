//! What a conversation wants done: framed bytes in one buffer, and an ordered list of operations.
//!
//! There is one outbox a thread; the driver lends it for one call. On the hot path (answers to the session's peer over
//! a stream) the list of operations stays empty, so one read's replies are one `write` and nothing is allocated.
//! Every append goes through `Outbox::commit`: two ways to append would drift apart. Only `Outbox::repeat` does not, whose
//! frames are there already and which nobody watches.

use std::fmt;

use bytes::Bytes;

use crate::fault::Fault;
use crate::framing::Framing;
use crate::leg::{Lane, Leg, PEER};
use crate::note::Note;
use crate::peer::SessionId;

/// One step the driver carries out, in order.
#[derive(Clone, Debug)]
pub enum Op {
    /// Bytes of [`Outbox::bytes`] up to this end (from the previous end) go to the current leg. On a datagram leg
    /// they are one datagram, which may be empty.
    Own(usize),
    /// A chunk shared with other sessions goes to the current leg, already framed.
    Shared(Bytes),
    /// From here on this leg is the current one. Every call begins at [`PEER`].
    To(Leg),
    /// The current leg will be sent no more: FIN. Reading goes on.
    Finish,
    /// The session is over: shut down writing, discard what still comes until FIN (1 s, 64 KiB), close.
    Close,
    /// The session is over at once: RST.
    Abort,
    /// Bytes of [`Outbox::printed`] up to this end (from the previous end) go to stdout. Reading pauses while stdout is
    /// blocked.
    Print(usize),
    /// Something of the world.
    Effect(Effect),
}

/// What a conversation asks of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Open a connection to this endpoint as `leg`. Comes back as `Opened` or `Failed`.
    Connect {
        /// The new leg, 1..=254.
        leg: Leg,
        /// The endpoint, as written.
        to: Box<str>,
    },
    /// Listen at this endpoint, and let one peer in as `leg`. Comes back as `Listening`, then as `Opened` when the peer is
    /// there, or as `Failed`. Asked again once that peer is gone, it lets the next one in: who came meanwhile waits in the
    /// kernel's queue.
    Listen {
        /// The new leg, 1..=254.
        leg: Leg,
        /// The endpoint, as written.
        at: Box<str>,
    },
    /// Close this leg alone, once what was sent to it is written: shut down writing, discard what still comes until FIN
    /// (1 s, 64 KiB), close. Nothing more is delivered from it. It may be opened again.
    Hang {
        /// Which leg.
        leg: Leg,
    },
    /// Cut this leg alone, with an RST where there is such a thing. Nothing more is delivered from it. It may be opened
    /// again.
    Cut {
        /// Which leg.
        leg: Leg,
    },
    /// Put TLS on this leg, once what was sent to it is written: as a client where we have connected, as a server where we
    /// have listened. Comes back as `Opened`, or as `Failed`. Bytes that came and were not taken before are TLS's.
    Secure {
        /// Which leg.
        leg: Leg,
        /// What TLS is told, as an endpoint's parameters: `insecure`, `ca=ca.pem`, `cert=…&key=…`. The name to expect is
        /// the endpoint's, unless `sni=` says otherwise.
        with: Box<str>,
    },
    /// Start a process as `leg`: its stdin and stdout. It and its group end with the session.
    Spawn {
        /// The new leg, 1..=254.
        leg: Leg,
        /// Program and arguments.
        command: Box<[String]>,
        /// How its stdin and stdout are cut into messages.
        framing: Framing,
    },
    /// From now on what either leg sends goes to the other, and neither is read faster than the other can be written.
    /// Where both legs are streams without framing, the driver passes bytes, FIN and RST on and does not show the bytes
    /// to the conversation; `Eof` and `Failed` are shown after they were passed on. Elsewhere messages, `Eof` and `Failed`
    /// are delivered as ever and the conversation hands them over. It is the conversation that closes.
    Relay {
        /// One leg.
        a: Leg,
        /// The other.
        b: Leg,
    },
    /// From now on, what the peer sends is printed as it is (or thrown away), and nothing else is done about it. Where
    /// that is much, it travels as bytes, and nobody watches, the driver may do so by itself and does not show the bytes
    /// to the conversation; what it shows is to be handled as ever. `Eof` and `Failed` are always shown.
    Pour {
        /// Where to.
        into: Basin,
    },
    /// Read this leg no further (`false`), or go on (`true`). What the peer sends meanwhile is kept by the kernel.
    Read {
        /// Which leg.
        leg: Leg,
        /// Whether to read.
        on: bool,
    },
    /// Deliver [`Input::Drained`](crate::Input::Drained) once all that was sent to this leg is written. Asked once, told
    /// once: this is how an endless sender keeps to its reader's pace. The driver reads what has come before it tells:
    /// otherwise such a sender would never see its reader's FIN.
    Drained {
        /// Which leg.
        leg: Leg,
    },
    /// Deliver `Input::Command(word)` to another session of the same service.
    Signal {
        /// Which session.
        session: SessionId,
        /// The word.
        word: Box<str>,
    },
    /// Something to tell a person, on stderr.
    Note(Note),
    /// The session has failed. The driver reports it and closes.
    Fail(Box<Fault>),
}

/// Where a peer's bytes end up that a conversation does not look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basin {
    /// On stdout, as with [`Outbox::print`].
    Stdout,
    /// Nowhere.
    Nowhere,
}

/// A frame that has begun to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// On which leg.
    pub leg: Leg,
    /// How many bytes of it are there, framing included.
    pub have: usize,
    /// The first of them, at most [`Unfinished::SHOWN`].
    pub first: Box<[u8]>,
}

impl Unfinished {
    /// The most bytes that are told of one.
    pub const SHOWN: usize = 128;
}

/// Where a conversation puts what it wants done.
pub struct Outbox {
    bytes: Vec<u8>,
    owned: usize,
    printed: Vec<u8>,
    unframed: Vec<u8>,
    ops: Vec<Op>,
    lane: Lane,
    lanes: Vec<(Leg, Lane)>,
    leg: Leg,
    over: bool,
    messages: u64,
    watched: bool,
    seen: Vec<u8>,
    marks: Vec<(Leg, usize)>,
    unfinished: Vec<Unfinished>,
    let_go: Vec<Leg>,
    wall: fn() -> u64,
}

impl Outbox {
    /// An empty outbox. `wall` gives the wall clock in nanoseconds since 1970-01-01T00:00:00Z, read only when asked.
    pub fn new(wall: fn() -> u64) -> Self {
        Self {
            bytes: Vec::new(),
            owned: 0,
            printed: Vec::new(),
            unframed: Vec::new(),
            ops: Vec::new(),
            lane: Lane::stream(Framing::RAW),
            lanes: Vec::new(),
            leg: PEER,
            over: false,
            messages: 0,
            watched: false,
            seen: Vec::new(),
            marks: Vec::new(),
            unfinished: Vec::new(),
            let_go: Vec::new(),
            wall,
        }
    }

    // What a conversation calls. Once the session was ended, nothing more is sent: what came after would be counted and
    // shown as sent, and never be.

    /// Sends one message to the current leg, in the leg's framing.
    pub fn message(&mut self, payload: &[u8]) {
        if self.over {
            return;
        }
        let start = self.bytes.len();
        match self.lane().framing.wrap(payload, &mut self.bytes) {
            Ok(()) => self.commit(Payload::Apart(payload)),
            Err(fault) => {
                self.bytes.truncate(start);
                self.fail(fault);
            }
        }
    }

    /// Sends one message that `write` appends to the vector it is given, and does nothing else to it. Where the framing
    /// adds nothing, the payload is written where it is sent from.
    pub fn message_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.over {
            return;
        }
        let framing = self.lane().framing;
        if framing.is_raw() || framing.is_dgram() {
            let start = self.bytes.len();
            write(&mut self.bytes);
            self.commit(Payload::Tail(start));
            return;
        }
        let mut payload = std::mem::take(&mut self.unframed);
        payload.clear();
        write(&mut payload);
        self.message(&payload);
        self.unframed = payload;
    }

    /// Sends bytes that are framed already (or need no framing) to the current leg.
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.over {
            return;
        }
        self.bytes.extend_from_slice(bytes);
        self.commit(Payload::Apart(bytes));
    }

    /// Sends a chunk that many sessions share, already framed, to the current leg.
    pub fn shared(&mut self, chunk: &Bytes) {
        if self.over {
            return;
        }
        self.close_own();
        self.ops.push(Op::Shared(chunk.clone()));
        self.note_sent(Payload::Apart(chunk));
    }

    /// What follows in this call goes to `leg`.
    pub fn to(&mut self, leg: Leg) {
        if leg != self.leg {
            self.push(Op::To(leg));
            self.leg = leg;
        }
    }

    /// Asks to be told, with [`Input::Drained`](crate::Input::Drained), when the current leg can take more.
    pub fn more(&mut self) {
        self.effect(Effect::Drained { leg: self.leg });
    }

    /// How messages travel on the current leg.
    #[inline]
    pub fn lane(&self) -> Lane {
        if self.leg == PEER {
            return self.lane;
        }
        let known = self.lanes.iter().find(|(leg, _)| *leg == self.leg);
        known.map_or(Lane::stream(Framing::RAW), |(_, lane)| *lane)
    }

    /// Sends FIN to the current leg once what stands before is written. Reading goes on.
    pub fn finish(&mut self) {
        self.push(Op::Finish);
    }

    /// Ends the session once what stands before is written.
    pub fn close(&mut self) {
        self.end(Op::Close);
    }

    /// Ends the session with an RST.
    pub fn abort(&mut self) {
        self.end(Op::Abort);
    }

    /// Ends the session as failed, once what stands before is written.
    pub fn fail(&mut self, fault: Fault) {
        self.end(Op::Effect(Effect::Fail(Box::new(fault))));
    }

    /// Asks something of the world.
    pub fn effect(&mut self, effect: Effect) {
        if let Effect::Hang { leg } | Effect::Cut { leg } | Effect::Secure { leg, .. } = effect {
            self.let_go.push(leg);
        }
        self.push(Op::Effect(effect));
    }

    /// Writes payload to stdout.
    pub fn print(&mut self, payload: &[u8]) {
        self.printed.extend_from_slice(payload);
        let end = self.printed.len();
        self.close_own();
        match self.ops.last_mut() {
            Some(Op::Print(last)) => *last = end,
            _ => self.ops.push(Op::Print(end)),
        }
    }

    /// Tells a person something, on stderr.
    pub fn note(&mut self, note: Note) {
        self.effect(Effect::Note(note));
    }

    /// The wall clock: nanoseconds since 1970-01-01T00:00:00Z.
    pub fn wall(&self) -> u64 {
        (self.wall)()
    }

    /// What has begun to come on a leg and is not whole yet. Known during [`Input::Timeout`](crate::Input::Timeout) alone:
    /// it is for telling a person what was waited for in vain.
    pub fn unfinished(&self, leg: Leg) -> Option<&Unfinished> {
        self.unfinished.iter().find(|unfinished| unfinished.leg == leg)
    }

    /// Whether the session was ended in this call.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    // What a driver calls.

    /// The bytes to write. Without operations all of them go to the peer.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What to do, in order; empty on the hot path. Bytes after the last [`Op::Own`] go to the current leg.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// What is to be written to stdout; [`Op::Print`] says when.
    pub fn printed(&self) -> &[u8] {
        &self.printed
    }

    /// Takes the operations out, with the bytes left where they are. Give the vector back with
    /// [`Outbox::give_back`] so that its memory serves again.
    pub fn take_ops(&mut self) -> Vec<Op> {
        self.close_own();
        std::mem::take(&mut self.ops)
    }

    /// Returns the memory of [`Outbox::take_ops`].
    pub fn give_back(&mut self, mut ops: Vec<Op>) {
        ops.clear();
        if self.ops.capacity() == 0 {
            self.ops = ops;
        }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.ops.is_empty()
    }

    /// Messages sent to the peer since [`Outbox::reset`].
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Empties the outbox for the next call. Memory of a huge reply is given back.
    pub fn reset(&mut self) {
        const KEEP: usize = 256 * 1024;
        const KEEP_OPS: usize = 1024;
        for buffer in [&mut self.bytes, &mut self.printed, &mut self.unframed, &mut self.seen] {
            buffer.clear();
            buffer.shrink_to(KEEP);
        }
        self.owned = 0;
        self.marks.clear();
        self.marks.shrink_to(KEEP_OPS);
        self.unfinished.clear();
        self.let_go.clear();
        self.ops.clear();
        self.ops.shrink_to(KEEP_OPS);
        self.leg = PEER;
        self.over = false;
        self.messages = 0;
    }

    // What the machine calls.

    /// Sends back to the peer so many messages that have just come from it, as they were framed. Nobody watches, and the
    /// leg is a stream.
    #[inline]
    pub(crate) fn repeat(&mut self, frames: &[u8], messages: u64) {
        self.bytes.extend_from_slice(frames);
        self.messages += messages;
    }

    /// Lends the outbox to a session: how messages travel on the peer's leg and on others, and whether somebody watches.
    pub(crate) fn lend(&mut self, lane: Lane, lanes: &[(Leg, Lane)], watched: bool) {
        self.lane = lane;
        if !(lanes.is_empty() && self.lanes.is_empty()) {
            self.lanes.clear();
            self.lanes.extend_from_slice(lanes);
        }
        self.watched = watched;
        self.home();
    }

    /// Notes the beginning of a frame.
    pub(crate) fn note_unfinished(&mut self, leg: Leg, bytes: &[u8]) {
        let first = bytes[..bytes.len().min(Unfinished::SHOWN)].into();
        self.unfinished.push(Unfinished { leg, have: bytes.len(), first });
    }

    /// Makes the peer's leg the current one again.
    #[inline]
    pub(crate) fn home(&mut self) {
        if self.leg != PEER {
            self.to(PEER);
        }
    }

    /// Whether the conversation wants no more of what has come from this leg: it hung it up, cut it, or put TLS on it.
    #[inline]
    pub(crate) fn has_let_go(&self, leg: Leg) -> bool {
        !self.let_go.is_empty() && self.let_go.contains(&leg)
    }

    /// The payloads sent since the last call, for an observer.
    pub(crate) fn drain_seen(&mut self, mut show: impl FnMut(Leg, &[u8])) {
        let mut start = 0;
        for &(leg, end) in &self.marks {
            show(leg, &self.seen[start..end]);
            start = end;
        }
        self.marks.clear();
        self.seen.clear();
    }

    /// Whether there is something for [`Outbox::drain_seen`].
    pub(crate) fn has_seen(&self) -> bool {
        !self.marks.is_empty()
    }

    /// The one way bytes get into the outbox: counts the message, marks where a datagram ends, notes the payload for
    /// an observer.
    #[inline]
    fn commit(&mut self, payload: Payload<'_>) {
        if self.lane().medium.has_bounds() {
            self.owned = self.bytes.len();
            self.ops.push(Op::Own(self.owned));
        }
        self.note_sent(payload);
    }

    #[inline]
    fn note_sent(&mut self, payload: Payload<'_>) {
        if self.leg == PEER {
            self.messages += 1;
        }
        if self.watched {
            match payload {
                Payload::Apart(payload) => self.seen.extend_from_slice(payload),
                Payload::Tail(start) => self.seen.extend_from_slice(&self.bytes[start..]),
            }
            self.marks.push((self.leg, self.seen.len()));
        }
    }

    /// Ends the session, in the way asked for first.
    fn end(&mut self, op: Op) {
        if !self.over {
            self.push(op);
            self.over = true;
        }
    }

    fn push(&mut self, op: Op) {
        self.close_own();
        self.ops.push(op);
    }

    /// Marks the end of the bytes that belong before the next operation.
    fn close_own(&mut self) {
        if self.bytes.len() > self.owned {
            self.owned = self.bytes.len();
            self.ops.push(Op::Own(self.owned));
        }
    }
}

/// Where the payload just sent is to be found.
#[derive(Clone, Copy)]
enum Payload<'a> {
    /// In memory of its own.
    Apart(&'a [u8]),
    /// In the outbox's bytes, from here to their end.
    Tail(usize),
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("bytes", &self.bytes.len())
            .field("ops", &self.ops)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lent(lane: Lane) -> Outbox {
        let mut out = Outbox::new(|| 0);
        out.lend(lane, &[], true);
        out
    }

    fn sent(out: &mut Outbox) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        out.drain_seen(|_, payload| all.push(payload.to_vec()));
        all
    }

    #[test]
    fn both_ways_to_send_a_message_are_the_same_on_every_lane() {
        let line = Framing::parse("line").unwrap();
        for lane in [Lane::stream(Framing::RAW), Lane::stream(line), Lane::DGRAM] {
            let (mut given, mut written) = (lent(lane), lent(lane));
            for payload in [&b"one"[..], b"", b"two"] {
                given.message(payload);
                written.message_with(|to| to.extend_from_slice(payload));
            }
            assert_eq!(given.bytes(), written.bytes());
            assert_eq!(format!("{:?}", given.ops()), format!("{:?}", written.ops()));
            assert_eq!(given.messages(), written.messages());
            assert_eq!(sent(&mut given), sent(&mut written));
        }
    }

    #[test]
    fn a_session_ends_once_and_nothing_is_sent_after() {
        let mut out = lent(Lane::stream(Framing::RAW));
        out.message(b"x");
        out.close();
        out.message(b"y");
        out.message_with(|to| to.push(b'z'));
        out.raw(b"r");
        out.shared(&Bytes::from_static(b"s"));
        out.abort();
        out.note(Note::new("still-told"));
        assert_eq!(sent(&mut out), [b"x"]);
        assert_eq!((out.bytes(), out.messages()), (&b"x"[..], 1));
        assert!(matches!(out.ops(), [Op::Own(1), Op::Close, Op::Effect(Effect::Note(_))]));
    }

    #[test]
    fn only_messages_to_the_peer_are_counted() {
        let mut out = lent(Lane::stream(Framing::RAW));
        out.message(b"x");
        out.to(1);
        out.message(b"y");
        assert_eq!((out.messages(), sent(&mut out).len()), (1, 2));
    }

    #[test]
    fn asking_for_more_names_the_current_leg_after_what_was_sent() {
        let mut out = lent(Lane::stream(Framing::RAW));
        out.message(b"x");
        out.more();
        assert!(matches!(out.ops(), [Op::Own(1), Op::Effect(Effect::Drained { leg: PEER })]));
    }
}
