//! What every driver drives: a conversation with the framing of each of its legs.
//!
//! Messages are cut straight out of the driver's read buffer. Only an unfinished frame is kept, and its memory is freed
//! when it is whole, so an idle session holds no buffer. The caller's order: [`Machine::opened`], any of the inputs,
//! and after each call what the [`Outbox`] asks for, before the next read.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::conversation::{Conversation, Input, Leg, PEER};
use crate::event::{Direction, Event, How, Kind, Observer};
use crate::fault::{Code, Fault};
use crate::framing::{BadFrame, Cut, Framing, Rest};
use crate::outbox::Outbox;
use crate::peer::SessionId;
use crate::tick::Tick;

/// How messages travel on one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// How bytes are cut into messages.
    pub framing: Framing,
    /// Whether the leg carries datagrams: each message is sent as one, and each one that comes is cut by itself.
    pub datagrams: bool,
}

impl Lane {
    /// A stream with this framing.
    pub const fn stream(framing: Framing) -> Self {
        Self { framing, datagrams: false }
    }

    /// Datagrams, each one message.
    pub const DGRAM: Self = Self { framing: Framing::DGRAM, datagrams: true };
}

/// A conversation and the framing of its legs. One a session.
pub struct Machine {
    conversation: Box<dyn Conversation>,
    lane: Lane,
    max: u32,
    seen: u32,
    carry: Vec<u8>,
    messages_in: u64,
    messages_out: u64,
    others: Option<Box<Others>>,
    watch: Option<Box<Watch>>,
}

/// Legs besides the peer's; most sessions have none.
#[derive(Default)]
struct Others {
    lanes: Vec<(Leg, Lane)>,
    carries: Vec<Carry>,
}

/// The unfinished frame of one leg.
struct Carry {
    leg: Leg,
    bytes: Vec<u8>,
    seen: usize,
}

struct Watch {
    session: SessionId,
    observer: Arc<dyn Observer>,
}

impl Machine {
    /// A session's machine. `max` bounds a message, in bytes (at most 4 GiB).
    pub fn new(conversation: Box<dyn Conversation>, lane: Lane, max: usize) -> Self {
        Self {
            conversation,
            lane,
            max: u32::try_from(max).unwrap_or(u32::MAX),
            seen: 0,
            carry: Vec::new(),
            messages_in: 0,
            messages_out: 0,
            others: None,
            watch: None,
        }
    }

    /// Shows every message to `observer`.
    #[must_use]
    pub fn watched(mut self, session: SessionId, observer: Option<Arc<dyn Observer>>) -> Self {
        self.watch = observer.map(|observer| Box::new(Watch { session, observer }));
        self
    }

    /// How messages travel on `leg`.
    pub fn lane(&self, leg: Leg) -> Lane {
        if leg == PEER {
            return self.lane;
        }
        let others = self.others.as_deref();
        others
            .and_then(|others| others.lanes.iter().find(|(known, _)| *known == leg))
            .map_or(Lane::stream(Framing::RAW), |(_, lane)| *lane)
    }

    /// Messages that came and went so far.
    pub const fn messages(&self) -> (u64, u64) {
        (self.messages_in, self.messages_out)
    }

    /// When [`Input::Timeout`] is wanted.
    pub fn deadline(&self) -> Option<Tick> {
        self.conversation.deadline()
    }

    /// The peer's leg is connected.
    pub fn opened(&mut self, now: Tick, out: &mut Outbox) {
        self.input(now, Input::Opened { leg: PEER }, out);
    }

    /// A leg that the conversation asked for is connected.
    pub fn leg_opened(&mut self, now: Tick, leg: Leg, lane: Lane, out: &mut Outbox) {
        let others = self.others.get_or_insert_default();
        others.lanes.retain(|(known, _)| *known != leg);
        others.lanes.push((leg, lane));
        self.input(now, Input::Opened { leg }, out);
    }

    /// Bytes that one read of a stream leg gave. An error is a broken frame: messages before it were delivered, and
    /// their answers should still be written; nothing after it can be understood.
    pub fn bytes(
        &mut self,
        now: Tick,
        leg: Leg,
        chunk: &mut [u8],
        out: &mut Outbox,
    ) -> Result<(), Box<Fault>> {
        self.lend(out);
        if leg != PEER {
            return self.bytes_of_other(now, leg, chunk, out);
        }
        if self.carry.is_empty() {
            let (used, seen) = self.cut_all(now, leg, chunk, 0, out)?;
            if used < chunk.len() {
                self.carry = chunk[used..].to_vec();
                self.seen = to_u32(seen);
            }
            return Ok(());
        }
        let mut carry = std::mem::take(&mut self.carry);
        let seen = self.seen as usize;
        append(&mut carry, chunk, self.max as usize);
        let (used, seen) = self.cut_all(now, leg, &mut carry, seen, out)?;
        if used < carry.len() {
            carry.drain(..used);
            self.carry = carry;
            self.seen = to_u32(seen);
        }
        Ok(())
    }

    /// One datagram of a datagram leg.
    pub fn datagram(
        &mut self,
        now: Tick,
        leg: Leg,
        data: &mut [u8],
        out: &mut Outbox,
    ) -> Result<(), Box<Fault>> {
        self.lend(out);
        let framing = self.lane(leg).framing;
        if framing.is_dgram() || framing.is_raw() {
            self.deliver(now, leg, data, out);
            return Ok(());
        }
        let (used, _) = self.cut_all(now, leg, data, 0, out)?;
        self.last(now, leg, &mut data[used..], out)
    }

    /// The leg will send no more. What is left of an unfinished frame is delivered or reported.
    pub fn eof(&mut self, now: Tick, leg: Leg, out: &mut Outbox) -> Result<(), Box<Fault>> {
        self.lend(out);
        let mut left = self.take_carry(leg);
        self.last(now, leg, &mut left, out)?;
        if !out.is_over() {
            self.input(now, Input::Eof { leg }, out);
        }
        Ok(())
    }

    /// Anything that is not bytes.
    pub fn input(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        self.lend(out);
        self.step(now, input, out);
    }

    fn bytes_of_other(
        &mut self,
        now: Tick,
        leg: Leg,
        chunk: &mut [u8],
        out: &mut Outbox,
    ) -> Result<(), Box<Fault>> {
        let seen = self.carry_of(leg).map_or(0, |carry| carry.seen);
        let mut bytes = self.take_carry(leg);
        append(&mut bytes, chunk, self.max as usize);
        let (used, seen) = self.cut_all(now, leg, &mut bytes, seen, out)?;
        if used < bytes.len() {
            bytes.drain(..used);
            self.others.get_or_insert_default().carries.push(Carry { leg, bytes, seen });
        }
        Ok(())
    }

    /// Delivers every whole message of `bytes`; says how many bytes are done with, and how far the rest was looked at.
    #[inline]
    fn cut_all(
        &mut self,
        now: Tick,
        leg: Leg,
        bytes: &mut [u8],
        mut seen: usize,
        out: &mut Outbox,
    ) -> Result<(usize, usize), Box<Fault>> {
        let framing = self.lane(leg).framing;
        let mut at = 0;
        while at < bytes.len() {
            match framing.cut(&mut bytes[at..], seen, self.max as usize) {
                Cut::Message { start, end, used } => {
                    self.deliver(now, leg, &bytes[at + start..at + end], out);
                    at += used;
                    seen = 0;
                }
                Cut::Skip { used } => {
                    at += used;
                    seen = 0;
                }
                Cut::More { seen } => return Ok((at, seen)),
                Cut::Bad(bad) => return Err(self.bad(framing, &bad, &bytes[at..])),
            }
            if out.is_over() {
                return Ok((bytes.len(), 0));
            }
        }
        Ok((at, 0))
    }

    /// Delivers what is left when nothing follows.
    fn last(&mut self, now: Tick, leg: Leg, left: &mut [u8], out: &mut Outbox) -> Result<(), Box<Fault>> {
        if left.is_empty() || out.is_over() {
            return Ok(());
        }
        let framing = self.lane(leg).framing;
        match framing.rest(left, self.max as usize) {
            Rest::Message { start, end } => self.deliver(now, leg, &left[start..end], out),
            Rest::Nothing => {}
            Rest::Truncated => {
                let fault = frame_fault(Code::Truncated, framing, left);
                return Err(Box::new(fault.arg("have", left.len())));
            }
            Rest::Bad(bad) => return Err(self.bad(framing, &bad, left)),
        }
        Ok(())
    }

    #[inline]
    fn deliver(&mut self, now: Tick, leg: Leg, data: &[u8], out: &mut Outbox) {
        if leg == PEER {
            self.messages_in += 1;
        }
        if let Some(watch) = &self.watch {
            watch.message(now, leg, Direction::In, data);
        }
        self.step(now, Input::Message { leg, data }, out);
    }

    #[inline]
    fn step(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        let before = out.messages();
        self.conversation.handle(now, input, out);
        out.home();
        self.messages_out += out.messages() - before;
        if let Some(watch) = &self.watch
            && out.has_seen()
        {
            out.drain_seen(|leg, data| watch.message(now, leg, Direction::Out, data));
        }
    }

    #[inline]
    fn lend(&self, out: &mut Outbox) {
        let others = self.others.as_deref().map_or(&[][..], |others| &others.lanes);
        out.lend(self.lane, others, self.watch.is_some());
    }

    fn carry_of(&self, leg: Leg) -> Option<&Carry> {
        self.others.as_deref()?.carries.iter().find(|carry| carry.leg == leg)
    }

    fn take_carry(&mut self, leg: Leg) -> Vec<u8> {
        if leg == PEER {
            return std::mem::take(&mut self.carry);
        }
        let Some(others) = self.others.as_deref_mut() else { return Vec::new() };
        let Some(at) = others.carries.iter().position(|carry| carry.leg == leg) else { return Vec::new() };
        others.carries.swap_remove(at).bytes
    }

    #[cold]
    fn bad(&self, framing: Framing, bad: &BadFrame, bytes: &[u8]) -> Box<Fault> {
        Box::new(match bad {
            BadFrame::Byte { at } => frame_fault(Code::BadFrame, framing, bytes).arg("at", at),
            BadFrame::Length => frame_fault(Code::BadFrame, framing, bytes).arg("at", 0),
            BadFrame::Oversize { size } => frame_fault(Code::Oversize, framing, bytes)
                .arg("size", size)
                .arg("max", framing.max().unwrap_or(self.max as usize)),
        })
    }
}

impl Watch {
    #[cold]
    fn message(&self, at: Tick, leg: Leg, direction: Direction, data: &[u8]) {
        let kind = Kind::Message { leg, direction, data };
        self.observer.event(&Event { at, session: self.session, how: How::Traced, kind });
    }
}

/// Appends without allocating far past what one message may take.
fn append(carry: &mut Vec<u8>, chunk: &[u8], max: usize) {
    let need = carry.len() + chunk.len();
    if need > carry.capacity() {
        let target = need.max((carry.capacity() * 2).min(max + chunk.len()));
        carry.reserve_exact(target - carry.len());
    }
    carry.extend_from_slice(chunk);
}

/// A fault that shows the framing and the first bytes of the frame in lower-case hex.
fn frame_fault(code: Code, framing: Framing, bytes: &[u8]) -> Fault {
    const SHOWN: usize = 16;
    let mut hex = String::new();
    for byte in bytes.iter().take(SHOWN) {
        let gap = if hex.is_empty() { "" } else { " " };
        let _ = write!(hex, "{gap}{byte:02x}");
    }
    if bytes.len() > SHOWN {
        hex.push_str(" …");
    }
    Fault::new(code, "").arg("framing", framing.spec()).arg("bytes", hex)
}

/// `seen` never exceeds what one message may take, which `max` bounds to 32 bits.
fn to_u32(seen: usize) -> u32 {
    u32::try_from(seen).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every message with itself, and says `last` at Eof.
    struct Echo;

    impl Conversation for Echo {
        fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
            match input {
                Input::Message { data, .. } => out.message(data),
                Input::Eof { .. } => out.message(b"last"),
                _ => {}
            }
        }

        fn deadline(&self) -> Option<Tick> {
            None
        }
    }

    fn echo() -> (Machine, Outbox) {
        let lane = Lane::stream(Framing::parse("line").unwrap());
        (Machine::new(Box::new(Echo), lane, 16), Outbox::new(|| 0))
    }

    #[test]
    fn one_read_of_many_messages_is_one_write_without_operations() {
        let (mut machine, mut out) = echo();
        machine.bytes(Tick::ZERO, PEER, &mut b"a\nbb\n".to_vec(), &mut out).unwrap();
        assert_eq!(out.bytes(), b"a\nbb\n");
        assert!(out.ops().is_empty());
    }

    #[test]
    fn a_message_in_pieces_is_kept_and_its_memory_freed() {
        let (mut machine, mut out) = echo();
        for byte in *b"hello" {
            machine.bytes(Tick::ZERO, PEER, &mut [byte], &mut out).unwrap();
        }
        assert!(out.is_empty());
        machine.bytes(Tick::ZERO, PEER, &mut b"\nrest".to_vec(), &mut out).unwrap();
        assert_eq!(out.bytes(), b"hello\n");
        machine.eof(Tick::ZERO, PEER, &mut out).unwrap();
        assert_eq!(out.bytes(), b"hello\nrest\nlast\n");
        assert_eq!(machine.carry.capacity(), 0);
        assert_eq!(machine.messages(), (2, 3));
    }

    #[test]
    fn a_frame_over_max_is_an_error_with_its_first_bytes() {
        let (mut machine, mut out) = echo();
        let fault = machine.bytes(Tick::ZERO, PEER, &mut [b'x'; 17], &mut out).unwrap_err();
        assert_eq!(fault.code, Code::Oversize);
        assert_eq!(fault.value("max"), "16");
        assert!(fault.value("bytes").starts_with("78 78 "));
    }

    #[test]
    fn the_machine_of_an_idle_session_is_small() {
        assert!(size_of::<Machine>() <= 160, "{}", size_of::<Machine>());
    }
}
