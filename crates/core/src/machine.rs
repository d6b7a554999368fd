//! What every driver drives: a conversation with the framing of each of its legs.
//!
//! Messages are cut straight out of the driver's read buffer. Only an unfinished frame is kept, and its memory is freed
//! when it is whole, so an idle session holds no buffer. The caller's order: [`Machine::opened`], any of the inputs,
//! and after each call what the [`Outbox`] asks for, before the next read. Once the conversation has ended the session,
//! inputs are ignored.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::conversation::{Conversation, Input, Reflex};
use crate::event::{Direction, Event, How, Kind, Observer};
use crate::fault::{Code, Fault};
use crate::framing::{BadFrame, Cut, Framing, LONGEST, Rest, Run};
use crate::leg::{Lane, Leg, PEER};
use crate::outbox::Outbox;
use crate::peer::SessionId;
use crate::tick::Tick;

/// When the answers to one read of the peer have come to this many bytes at the latest, the rest of it waits until they are written:
/// a read of many short questions with long answers would take memory without bound otherwise.
const BURST: usize = 256 * 1024;

/// A conversation and the framing of its legs. One a session.
pub struct Machine {
    conversation: Box<dyn Conversation>,
    lane: Lane,
    max: u32,
    seen: u32,
    burst: u32,
    over: bool,
    behind: bool,
    /// What waits while the peer's leg is behind is the rest of one whole message.
    whole: bool,
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
    seen: u32,
}

/// What [`Machine::cut_all`] left: `start..end` is an unfinished frame, of which `seen` bytes were looked at.
struct Left {
    start: usize,
    end: usize,
    seen: usize,
}

struct Watch {
    session: SessionId,
    observer: Arc<dyn Observer>,
}

impl Machine {
    /// A session's machine. `max` bounds a message, in bytes (at most [`LONGEST`]).
    pub fn new(conversation: Box<dyn Conversation>, lane: Lane, max: usize) -> Self {
        Self {
            conversation,
            lane,
            max: to_u32(max.min(LONGEST)),
            seen: 0,
            burst: to_u32(BURST),
            over: false,
            behind: false,
            whole: false,
            carry: Vec::new(),
            messages_in: 0,
            messages_out: 0,
            others: None,
            watch: None,
        }
    }

    /// Lets the answers to one read grow to so many bytes before the rest of it waits until they are written. Default
    /// 256 KiB.
    #[must_use]
    pub fn bursting(mut self, bytes: usize) -> Self {
        self.burst = to_u32(bytes.clamp(1, BURST));
        self
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
        if self.over { None } else { self.conversation.deadline() }
    }

    /// The peer's leg is connected.
    pub fn opened(&mut self, now: Tick, out: &mut Outbox) {
        self.input(now, Input::Opened { leg: PEER }, out);
    }

    /// The memory held for unfinished frames, in bytes. 0 while no leg is within a frame.
    pub fn held(&self) -> usize {
        let others = self.others.as_deref().map_or(&[][..], |others| &others.carries);
        self.carry.capacity() + others.iter().map(|carry| carry.bytes.capacity()).sum::<usize>()
    }

    /// Whether the peer's last read ended within a frame (or, see [`Machine::is_behind`], before one that waits).
    pub const fn is_within_frame(&self) -> bool {
        !self.carry.is_empty()
    }

    /// A leg that the conversation asked for is connected.
    pub fn leg_opened(&mut self, now: Tick, leg: Leg, lane: Lane, out: &mut Outbox) {
        self.take_carry(leg);
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
        let (mut carry, seen) = self.take_carry(leg);
        if carry.is_empty() {
            let left = self.cut_all(now, leg, chunk, 0, out)?;
            if left.start < left.end {
                self.keep(leg, chunk[left.start..left.end].to_vec(), left.seen);
            }
            return Ok(());
        }
        append(&mut carry, chunk, self.bound(leg));
        let left = self.cut_all(now, leg, &mut carry, seen, out)?;
        if left.start == 0 && left.end > 0 {
            carry.truncate(left.end);
            self.keep(leg, carry, left.seen);
        } else if left.start < left.end {
            // A new allocation, so that a short tail does not hold the memory of a long frame.
            self.keep(leg, carry[left.start..left.end].to_vec(), left.seen);
        }
        Ok(())
    }

    /// Whether the answers to the peer's last read grew so long that a part of the read still waits. The driver writes
    /// them, calls [`Machine::resume`], and reads the peer no further before.
    pub const fn is_behind(&self) -> bool {
        self.behind && !self.over
    }

    /// Goes on with the peer's bytes that wait. Errors are those of [`Machine::bytes`].
    pub fn resume(&mut self, now: Tick, out: &mut Outbox) -> Result<(), Box<Fault>> {
        self.behind = false;
        if std::mem::take(&mut self.whole) {
            let (mut rest, _) = self.take_carry(PEER);
            return self.message(now, PEER, &mut rest, out);
        }
        self.bytes(now, PEER, &mut [], out)
    }

    /// One datagram of a datagram leg. Where its answers grow too long, the rest of it is lost, as datagrams may be.
    pub fn datagram(
        &mut self,
        now: Tick,
        leg: Leg,
        data: &mut [u8],
        out: &mut Outbox,
    ) -> Result<(), Box<Fault>> {
        let cut = self.message(now, leg, data, out);
        if leg == PEER && std::mem::take(&mut self.whole) {
            self.behind = false;
            self.take_carry(leg);
        }
        cut
    }

    /// One message of a leg that carries whole messages. A framing cuts inside it, and what is left of an unfinished
    /// frame at its end is delivered or reported, as at the end of a stream.
    pub fn message(
        &mut self,
        now: Tick,
        leg: Leg,
        data: &mut [u8],
        out: &mut Outbox,
    ) -> Result<(), Box<Fault>> {
        self.lend(out);
        let framing = self.lane(leg).framing;
        if self.over {
            return Ok(());
        }
        if framing.is_dgram() || framing.is_raw() {
            self.deliver(now, leg, data, out);
            return Ok(());
        }
        let left = self.cut_all(now, leg, data, 0, out)?;
        if self.behind && leg == PEER {
            self.whole = true;
            self.keep(leg, data[left.start..left.end].to_vec(), 0);
            return Ok(());
        }
        if out.has_let_go(leg) {
            return Ok(());
        }
        self.last(now, leg, &mut data[left.start..left.end], left.seen, out)
    }

    /// The leg will send no more. What is left of an unfinished frame is delivered or reported.
    pub fn eof(&mut self, now: Tick, leg: Leg, out: &mut Outbox) -> Result<(), Box<Fault>> {
        self.lend(out);
        let (mut left, seen) = self.take_carry(leg);
        self.last(now, leg, &mut left, seen, out)?;
        if !out.has_let_go(leg) {
            self.input(now, Input::Eof { leg }, out);
        }
        Ok(())
    }

    /// Takes the bytes of a leg that were read and not delivered: an unfinished frame, or what came after the message upon
    /// which the conversation let go of the leg.
    pub fn take_rest(&mut self, leg: Leg) -> Vec<u8> {
        if leg == PEER {
            (self.behind, self.whole) = (false, false);
        }
        self.take_carry(leg).0
    }

    /// Anything that is not bytes.
    pub fn input(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        self.lend(out);
        match input {
            Input::Failed { leg, .. } => {
                self.take_carry(leg);
            }
            Input::Timeout => self.tell_unfinished(out),
            _ => {}
        }
        self.step(now, input, out);
    }

    /// Tells what has begun to come on each leg: somebody has waited for it, perhaps in vain.
    #[cold]
    fn tell_unfinished(&self, out: &mut Outbox) {
        if !self.carry.is_empty() {
            out.note_unfinished(PEER, &self.carry);
        }
        for carry in self.others.as_deref().map_or(&[][..], |others| &others.carries) {
            out.note_unfinished(carry.leg, &carry.bytes);
        }
    }

    /// Delivers every whole message of `bytes`, until the conversation ends the session.
    #[inline]
    fn cut_all(
        &mut self,
        now: Tick,
        leg: Leg,
        bytes: &mut [u8],
        mut seen: usize,
        out: &mut Outbox,
    ) -> Result<Left, Box<Fault>> {
        let framing = self.lane(leg).framing;
        let (mut at, mut may_react) = (0, leg == PEER);
        while at < bytes.len() && !self.over {
            if may_react && seen == 0 {
                may_react = false;
                at += self.react(framing, &bytes[at..], out);
                continue;
            }
            match framing.cut(&mut bytes[at..], seen, self.max as usize) {
                Cut::Message { start, end, used } => {
                    self.deliver(now, leg, &bytes[at + start..at + end], out);
                    at += used;
                    seen = 0;
                    if out.has_let_go(leg) {
                        return Ok(Left { start: at, end: bytes.len(), seen });
                    }
                    if out.bytes().len() >= self.burst as usize && leg == PEER && at < bytes.len() {
                        self.behind = true;
                        return Ok(Left { start: at, end: bytes.len(), seen });
                    }
                }
                Cut::Skip { used } => {
                    at += used;
                    seen = 0;
                }
                Cut::More { seen, keep } => return Ok(Left { start: at, end: at + keep, seen }),
                Cut::Bad(bad) => return Err(Box::new(self.bad(framing, &bad, &bytes[at..]))),
            }
        }
        Ok(Left { start: at, end: at, seen: 0 })
    }

    /// Deals at once with the messages of the peer that the conversation need not be shown. How many bytes they took.
    #[inline]
    fn react(&mut self, framing: Framing, bytes: &[u8], out: &mut Outbox) -> usize {
        if self.watch.is_some() || self.lane.medium.has_bounds() {
            return 0;
        }
        let Some(reflex) = self.conversation.reflex() else { return 0 };
        let Some(Run { used, messages }) = framing.run(bytes, self.max as usize) else { return 0 };
        match reflex {
            Reflex::Echo if out.bytes().len() + used >= self.burst as usize => return 0,
            Reflex::Echo => {
                out.repeat(&bytes[..used], messages);
                self.messages_out += messages;
            }
            Reflex::Drop => {}
        }
        self.messages_in += messages;
        used
    }

    /// Delivers what is left when nothing follows.
    fn last(
        &mut self,
        now: Tick,
        leg: Leg,
        left: &mut [u8],
        seen: usize,
        out: &mut Outbox,
    ) -> Result<(), Box<Fault>> {
        if left.is_empty() || self.over {
            return Ok(());
        }
        let framing = self.lane(leg).framing;
        match framing.rest(left, seen, self.max as usize) {
            Rest::Message { start, end } => self.deliver(now, leg, &left[start..end], out),
            Rest::Nothing => {}
            Rest::Truncated => {
                let fault = frame_fault(Code::Truncated, framing, left);
                return Err(Box::new(fault.arg("have", left.len())));
            }
            Rest::Bad(bad) => return Err(Box::new(self.bad(framing, &bad, left))),
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
        if self.over {
            return;
        }
        let before = out.messages();
        self.conversation.handle(now, input, out);
        out.home();
        self.messages_out += out.messages() - before;
        self.over = out.is_over();
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

    /// How long a message of `leg` may be.
    fn bound(&self, leg: Leg) -> usize {
        self.lane(leg).framing.max().unwrap_or(self.max as usize)
    }

    /// Keeps an unfinished frame of `leg`.
    fn keep(&mut self, leg: Leg, bytes: Vec<u8>, seen: usize) {
        let seen = to_u32(seen);
        if leg == PEER {
            (self.carry, self.seen) = (bytes, seen);
        } else {
            self.others.get_or_insert_default().carries.push(Carry { leg, bytes, seen });
        }
    }

    /// Takes the unfinished frame of `leg`, and how many bytes of it were looked at.
    #[inline]
    fn take_carry(&mut self, leg: Leg) -> (Vec<u8>, usize) {
        if leg == PEER {
            return (std::mem::take(&mut self.carry), self.seen as usize);
        }
        let none = (Vec::new(), 0);
        let Some(others) = self.others.as_deref_mut() else { return none };
        let Some(at) = others.carries.iter().position(|carry| carry.leg == leg) else { return none };
        let carry = others.carries.swap_remove(at);
        (carry.bytes, carry.seen as usize)
    }

    #[cold]
    fn bad(&self, framing: Framing, bad: &BadFrame, bytes: &[u8]) -> Fault {
        match bad {
            BadFrame::Byte { at } => frame_fault(Code::BadFrame, framing, bytes).arg("at", at),
            BadFrame::Length => frame_fault(Code::BadFrame, framing, bytes).arg("at", 0),
            BadFrame::Oversize { size } => frame_fault(Code::Oversize, framing, bytes)
                .arg("size", size)
                .arg("max", framing.max().unwrap_or(self.max as usize)),
        }
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

/// For what never exceeds a message of [`LONGEST`] bytes and its marks.
fn to_u32(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leg::Medium;

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

    /// Answers every message with 100 KiB.
    struct Long;

    impl Conversation for Long {
        fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
            if let Input::Message { .. } = input {
                out.message(&vec![b'x'; 100 * 1024]);
            }
        }

        fn deadline(&self) -> Option<Tick> {
            None
        }
    }

    #[test]
    fn long_answers_to_one_read_come_in_bounded_parts() {
        let lane = Lane::stream(Framing::parse("line").unwrap());
        let (mut machine, mut out) = (Machine::new(Box::new(Long), lane, 16), Outbox::new(|| 0));
        let mut read = b"q\n".repeat(1000);
        read.extend(b"half");
        machine.bytes(Tick::ZERO, PEER, &mut read, &mut out).unwrap();
        let mut parts = 1;
        while machine.is_behind() {
            assert!(out.bytes().len() < BURST + 110 * 1024);
            out.reset();
            machine.resume(Tick::ZERO, &mut out).unwrap();
            parts += 1;
        }
        assert_eq!((machine.messages(), parts), ((1000, 1000), 334));
        machine.bytes(Tick::ZERO, PEER, &mut b"\n".to_vec(), &mut out).unwrap();
        assert_eq!(machine.messages(), (1001, 1001));
    }

    #[test]
    fn long_answers_to_one_message_come_in_parts_and_to_a_datagram_the_rest_is_lost() {
        for medium in [Medium::Messages, Medium::Datagrams] {
            let lane = Lane { framing: Framing::parse("line").unwrap(), medium };
            let (mut machine, mut out) = (Machine::new(Box::new(Long), lane, 16), Outbox::new(|| 0));
            let mut data = b"q\n".repeat(10);
            data.extend(b"last");
            if medium.is_datagrams() {
                machine.datagram(Tick::ZERO, PEER, &mut data, &mut out).unwrap();
                assert_eq!((machine.messages(), machine.is_behind(), machine.held()), ((3, 3), false, 0));
                continue;
            }
            machine.message(Tick::ZERO, PEER, &mut data, &mut out).unwrap();
            while machine.is_behind() {
                out.reset();
                machine.resume(Tick::ZERO, &mut out).unwrap();
            }
            assert_eq!((machine.messages(), machine.held()), ((11, 11), 0));
        }
    }

    #[test]
    fn the_machine_of_an_idle_session_is_small() {
        assert!(size_of::<Machine>() <= 160, "{}", size_of::<Machine>());
    }
}
