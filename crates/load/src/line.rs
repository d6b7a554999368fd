//! One connection that carries messages: it sends them, and holds every answer against what it should be.
//!
//! A right answer costs a comparison. Only what is no exact copy of the expected frame is cut by the framing: it may be
//! the same message framed another way, or a wrong one.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use sockeye_core::framing::{BadFrame, Cut};
use sockeye_core::{Code, Fault, Framing};
use sockeye_net::channel::{Channel, Got};

use crate::desk::Desk;
use crate::message::{Cursor, Deck, Match};
use crate::pending::{Batch, Pending};
use crate::plan::{Answers, Mode, Pace, Plan};
use crate::pour::Pour;
use crate::schedule::Nanos;

/// Reads of one connection before the others have their turn.
const READS: usize = 16;

/// What a connection keeps of memory it no longer needs, in bytes.
const KEPT: usize = 64 * 1024;

/// A connection.
pub(crate) struct Line {
    pub(crate) channel: Channel,
    pub(crate) sent: Cursor,
    heard: Cursor,
    /// Bytes of the expected frame that have come.
    at: usize,
    /// Bytes that are no exact copy of what is expected, up to the end of an unfinished frame.
    carry: Vec<u8>,
    seen: usize,
    /// What is to be written, from `written` on.
    pub(crate) out: Vec<u8>,
    pub(crate) written: usize,
    /// Lengths of the messages in `out`, where each is written by itself.
    lengths: VecDeque<usize>,
    pending: Pending,
    /// Datagrams that others have overtaken.
    overtaken: Vec<(Cursor, Batch)>,
    /// Where nothing is answered.
    pub(crate) pour: Pour,
}

/// How a turn ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It waits to be woken.
    Waits,
    /// It has more to read, and others come first.
    Again,
    /// What it was opened for is done.
    Done,
}

impl Line {
    /// A line over a channel; its sequence numbers begin at `number`.
    pub(crate) fn new(channel: Channel, number: u64) -> Self {
        Self {
            channel,
            sent: Cursor::new(number),
            heard: Cursor::new(number),
            at: 0,
            carry: Vec::new(),
            seen: 0,
            out: Vec::new(),
            written: 0,
            lengths: VecDeque::new(),
            pending: Pending::default(),
            overtaken: Vec::new(),
            pour: Pour::default(),
        }
    }

    /// Messages that wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len() + self.overtaken.len()
    }

    /// Puts `count` messages where they are written from. They were due then, and are sent now.
    pub(crate) fn put(&mut self, due: Nanos, now: Nanos, count: usize, desk: &mut Desk) {
        let Some(batch) = u32::try_from(count).ok().filter(|count| *count > 0) else { return };
        let plan = &*desk.plan;
        let bounded = plan.lane.medium.has_bounds();
        let from = self.out.len();
        for _ in 0..count {
            let length = self.sent.put(&plan.sent, &mut self.out);
            if bounded {
                self.lengths.push_back(length);
            }
        }
        desk.tally.bytes_out += (self.out.len() - from) as u64;
        desk.waiting += count as u64;
        if plan.lane.medium.is_datagrams() {
            // Each may be answered before another.
            (0..count).for_each(|_| self.pending.push_alone(due, now));
        } else {
            self.pending.push(due, now, batch);
        }
    }

    /// Sends as many messages as there may be under way; all are due now.
    pub(crate) fn refill(&mut self, cx: &mut Context<'_>, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let room = desk.plan.pipeline.saturating_sub(self.waiting());
        let count = desk.allow(room);
        if count == 0 {
            return Ok(());
        }
        let lend = self.out.is_empty();
        if lend {
            std::mem::swap(&mut self.out, &mut desk.scratch);
        }
        self.put(now, now, count, desk);
        let flushed = self.flush(cx);
        if lend && self.out.is_empty() {
            std::mem::swap(&mut self.out, &mut desk.scratch);
        }
        flushed
    }

    /// Writes what can be written now. What is left is written when the peer makes room.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        while self.written < self.out.len() {
            let Some(each) = self.lengths.front().copied() else {
                match self.channel.poll_write(cx, &self.out[self.written..]) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(written) => self.written += written?,
                }
                continue;
            };
            let end = self.written + self.together(each);
            match self.channel.poll_write_train(cx, &self.out[self.written..end], each) {
                Poll::Pending => return Ok(()),
                Poll::Ready(written) => {
                    let written = written?;
                    self.written += written;
                    self.lengths.drain(..written.div_ceil(each.max(1)).max(1));
                }
            }
        }
        self.out.clear();
        self.written = 0;
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        }
        if self.channel.has_unsent()
            && let Poll::Ready(flushed) = self.channel.poll_flush(cx)
        {
            flushed?;
        }
        Ok(())
    }

    /// Bytes of the messages that can be written with the next one, which has `each`: as long as they are alike.
    fn together(&self, each: usize) -> usize {
        let room = self.channel.train(each);
        let mut bytes = each;
        for length in self.lengths.iter().skip(1) {
            if !(1..=each).contains(length) || bytes + length > room {
                break;
            }
            bytes += length;
            if *length < each {
                break;
            }
        }
        bytes
    }

    /// Writes, reads and writes again, until nothing more can be done now.
    pub(crate) fn turn(
        &mut self,
        cx: &mut Context<'_>,
        now: impl Fn() -> Nanos,
        desk: &mut Desk,
    ) -> Result<Turn, Fault> {
        self.flush(cx)?;
        for _ in 0..READS {
            let Poll::Ready(got) = self.channel.poll_read(cx, &mut desk.buffer) else {
                return Ok(Turn::Waits);
            };
            let got = got?;
            let now = now();
            self.hear(got, now, desk)?;
            if desk.plan.mode == Mode::Connect && self.waiting() == 0 {
                return Ok(Turn::Done);
            }
            if desk.plan.pace == Pace::Closed {
                self.refill(cx, now, desk)?;
            }
        }
        Ok(Turn::Again)
    }

    /// Takes what one read gave.
    fn hear(&mut self, got: Got, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        match got {
            Got::Bytes(count) => {
                desk.tally.bytes_in += count as u64;
                let mut buffer = std::mem::take(&mut desk.buffer);
                let plan = std::rc::Rc::clone(&desk.plan);
                let heard = self.bytes(&mut buffer[..count], &plan, now, desk);
                desk.buffer = buffer;
                heard
            }
            Got::Datagrams(mut spans) => {
                let buffer = std::mem::take(&mut desk.buffer);
                let heard = spans.try_for_each(|span| {
                    desk.tally.bytes_in += span.len() as u64;
                    self.message(&buffer[span], now, desk)
                });
                desk.buffer = buffer;
                heard
            }
            Got::Message(data) => {
                desk.tally.bytes_in += data.len() as u64;
                self.message(&data, now, desk)
            }
            Got::End => Err(Fault::new(Code::EarlyFin, "")),
        }
    }

    /// Bytes of a stream.
    fn bytes(&mut self, bytes: &mut [u8], plan: &Plan, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        if let Answers::Any { size } = plan.answers {
            if plan.is_cut_by_length() {
                let right = (self.at + bytes.len()) / size;
                self.at = (self.at + bytes.len()) % size;
                return self.right(right, now, desk);
            }
            return self.cut(bytes, plan, now, desk);
        }
        let Some(expected) = plan.expected() else { return Ok(()) };
        let (mut right, mut from) = (0, 0);
        while self.carry.is_empty() && from < bytes.len() {
            match self.heard.compare(expected, self.at, &bytes[from..]) {
                Match::Whole(used) => {
                    right += 1;
                    from += used;
                    self.at = 0;
                    self.heard.go_on(expected);
                }
                Match::Part => {
                    self.at += bytes.len() - from;
                    from = bytes.len();
                }
                Match::Differs if plan.is_cut_by_length() => {
                    self.right(right, now, desk)?;
                    return Err(Fault::new(Code::WrongAnswer, ""));
                }
                Match::Differs => {
                    self.carry = self.heard.beginning(expected, self.at);
                    self.at = 0;
                    self.right(right, now, desk)?;
                    return self.cut(&mut bytes[from..], plan, now, desk);
                }
            }
        }
        self.right(right, now, desk)?;
        if from < bytes.len() { self.cut(&mut bytes[from..], plan, now, desk) } else { Ok(()) }
    }

    /// Cuts messages out of bytes by the framing.
    fn cut(&mut self, bytes: &mut [u8], plan: &Plan, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let (framing, max) = (plan.lane.framing, plan.bound());
        let mut carry = std::mem::take(&mut self.carry);
        let carried = !carry.is_empty();
        if carried {
            carry.extend_from_slice(bytes);
        }
        let whole: &mut [u8] = if carried { &mut carry } else { bytes };
        let (mut from, mut keep) = (0, 0);
        let mut right = 0;
        while from < whole.len() {
            match framing.cut(&mut whole[from..], self.seen, max) {
                Cut::Message { start, end, used } => {
                    let verdict = self.judge(&whole[from + start..from + end], plan);
                    self.seen = 0;
                    from += used;
                    if verdict {
                        right += 1;
                    } else {
                        self.right(std::mem::take(&mut right), now, desk)?;
                        self.wrong(desk)?;
                    }
                }
                Cut::Skip { used } => {
                    self.seen = 0;
                    from += used;
                }
                Cut::More { seen, keep: kept } => {
                    self.seen = seen;
                    keep = kept;
                    break;
                }
                Cut::Bad(bad) => return Err(bad_frame(framing, &bad, &whole[from..])),
            }
        }
        let end = (from + keep).min(whole.len());
        let rest = whole[from.min(end)..end].to_vec();
        self.carry = rest;
        self.right(right, now, desk)
    }

    /// One message of a medium with bounds: a datagram, a message of a WebSocket.
    fn message(&mut self, data: &[u8], now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let plan = std::rc::Rc::clone(&desk.plan);
        let mut framed = Vec::new();
        let payload = match plan.inner_framing() {
            None => data,
            Some(framing) => {
                framed.extend_from_slice(data);
                match framing.cut(&mut framed, 0, plan.bound()) {
                    Cut::Message { start, end, .. } => &framed[start..end],
                    Cut::Bad(bad) => return Err(bad_frame(framing, &bad, data)),
                    Cut::Skip { .. } | Cut::More { .. } => return self.wrong(desk),
                }
            }
        };
        if !plan.lane.medium.is_datagrams() || plan.expected().is_none_or(|expected| !expected.is_varied()) {
            return if self.judge(payload, &plan) { self.right(1, now, desk) } else { self.wrong(desk) };
        }
        self.datagram(payload, now, &plan, desk)
    }

    /// A datagram of several that can be told apart: it may have been overtaken, and others may be lost.
    fn datagram(&mut self, payload: &[u8], now: Nanos, plan: &Plan, desk: &mut Desk) -> Result<(), Fault> {
        let Some(expected) = plan.expected() else { return Ok(()) };
        let late = self.overtaken.iter().position(|(cursor, _)| cursor.is(expected, payload));
        if let Some(index) = late {
            let (_, batch) = self.overtaken.swap_remove(index);
            desk.answered(batch, now);
            return Ok(());
        }
        let mut cursor = self.heard.clone();
        for ahead in 0..self.pending.len() {
            if cursor.is(expected, payload) {
                for _ in 0..ahead {
                    let Some(batch) = self.pending.pop(1) else { break };
                    self.overtaken.push((self.heard.clone(), batch));
                    self.heard.go_on(expected);
                }
                return self.right_one(now, expected, desk);
            }
            cursor.go_on(expected);
        }
        // A second copy, one that was given up, or other bytes: nothing waits for it.
        if desk.counts(now) {
            desk.tally.failed(Code::WrongAnswer, 1);
        }
        Ok(())
    }

    fn right_one(&mut self, now: Nanos, expected: &Deck, desk: &mut Desk) -> Result<(), Fault> {
        self.heard.go_on(expected);
        self.right(1, now, desk)
    }

    /// Whether this is the next answer; goes on to the one after it.
    fn judge(&mut self, payload: &[u8], plan: &Plan) -> bool {
        let Some(expected) = plan.expected() else { return true };
        let is = self.heard.is(expected, payload);
        self.heard.go_on(expected);
        is
    }

    /// So many right answers came. An answer to nothing is wrong.
    #[inline]
    fn right(&mut self, count: usize, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let mut left = u32::try_from(count).unwrap_or(u32::MAX);
        while left > 0 {
            let Some(batch) = self.pending.pop(left) else { return Err(Fault::new(Code::WrongAnswer, "")) };
            left -= batch.count;
            desk.answered(batch, now);
        }
        Ok(())
    }

    /// A wrong answer came.
    fn wrong(&mut self, desk: &mut Desk) -> Result<(), Fault> {
        let Some(batch) = self.pending.pop(1) else { return Err(Fault::new(Code::WrongAnswer, "")) };
        desk.failed(batch, Code::WrongAnswer);
        Ok(())
    }

    /// Looks whether an answer is overdue at `now`. On datagrams that can be told apart, what is overdue is lost and the
    /// rest goes on; otherwise a late answer would be taken for another, and the connection is given up.
    pub(crate) fn look(&mut self, now: Nanos, patience: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let overdue = |sent: Nanos| sent.saturating_add(patience) <= now;
        let plan = std::rc::Rc::clone(&desk.plan);
        let apart = plan.lane.medium.is_datagrams() && plan.expected().is_some_and(Deck::is_numbered);
        if !apart {
            let late = self.pending.oldest().is_some_and(overdue);
            return if late { Err(Fault::new(Code::Timeout, "")) } else { Ok(()) };
        }
        let Some(expected) = plan.expected() else { return Ok(()) };
        while self.pending.oldest().is_some_and(overdue) {
            let Some(batch) = self.pending.pop(1) else { break };
            self.heard.go_on(expected);
            desk.failed(batch, Code::Timeout);
        }
        self.overtaken.retain(|(_, batch)| {
            let late = overdue(batch.sent);
            if late {
                desk.failed(*batch, Code::Timeout);
            }
            !late
        });
        Ok(())
    }

    /// The connection is given up for this reason, and with it all that waits.
    pub(crate) fn give_up(mut self, code: Code, now: Nanos, desk: &mut Desk) {
        if self.waiting() == 0 && desk.counts(now) {
            desk.tally.failed(code, 1);
        }
        desk.waiting -= self.pour.made() as u64;
        for batch in self.pending.drain() {
            desk.failed(batch, code);
        }
        for (_, batch) in self.overtaken.drain(..) {
            desk.failed(batch, code);
        }
    }

    /// Closes it.
    pub(crate) fn close(mut self, plan: &Plan) {
        match plan.parting {
            crate::plan::Parting::Fin => self.channel.finish(),
            crate::plan::Parting::Reset => self.channel.set_abort(),
        }
    }
}

fn bad_frame(framing: Framing, bad: &BadFrame, _bytes: &[u8]) -> Fault {
    let code = if matches!(bad, BadFrame::Oversize { .. }) { Code::Oversize } else { Code::BadFrame };
    Fault::new(code, "").arg("framing", framing.spec())
}
