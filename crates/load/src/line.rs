//! One connection that carries messages, and what it has to do for them. Its answers are held against what they should be
//! in `answers`.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use sockeye_core::{Code, Fault};
use sockeye_net::channel::Channel;

use crate::desk::Desk;
use crate::message::{Cursor, Deck};
use crate::pending::{Batch, Pending};
use crate::plan::{Mode, Pace, Plan};
use crate::pour::Pour;
use crate::sample::Sample;
use crate::schedule::Nanos;

/// Reads of one connection before the others have their turn.
const READS: usize = 16;

/// What a connection keeps of memory it no longer needs, in bytes.
const KEPT: usize = 64 * 1024;

/// A connection.
pub(crate) struct Line {
    pub(crate) channel: Channel,
    /// Its number, from 1.
    pub(crate) connection: u64,
    pub(crate) sent: Cursor,
    pub(crate) heard: Cursor,
    /// Bytes of the expected frame that have come.
    pub(crate) at: usize,
    /// Bytes that are no exact copy of what is expected, up to the end of an unfinished frame.
    pub(crate) carry: Vec<u8>,
    pub(crate) seen: usize,
    /// What is to be written, from `written` on.
    pub(crate) out: Vec<u8>,
    pub(crate) written: usize,
    /// Lengths of the messages in `out`, where each is written by itself.
    lengths: VecDeque<usize>,
    pub(crate) pending: Pending,
    /// Datagrams that others have overtaken.
    pub(crate) overtaken: Vec<(Cursor, Batch)>,
    /// An answer that is to be shown as the first wrong one.
    pub(crate) odd: Option<Box<Sample>>,
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
    pub(crate) fn new(channel: Channel, connection: u64, number: u64) -> Self {
        Self {
            channel,
            connection,
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
            odd: None,
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
        if bounded {
            let lengths = (0..count).map(|_| self.sent.put(&plan.sent, &mut self.out));
            self.lengths.extend(lengths);
        } else {
            self.sent.put_all(&plan.sent, count, &mut self.out);
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
        let sample = self.last_words(desk, code);
        let mut counts = self.waiting() == 0 && desk.counts(now);
        if counts {
            desk.tally.failed(code, 1);
        }
        desk.waiting -= self.pour.made() as u64;
        let waiting = self.pending.drain().collect::<Vec<_>>().into_iter();
        for batch in waiting.chain(self.overtaken.drain(..).map(|(_, batch)| batch)) {
            counts |= desk.counts(batch.due);
            desk.failed(batch, code);
        }
        if let Some(sample) = sample.filter(|_| counts) {
            desk.show(code, *sample, now);
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
