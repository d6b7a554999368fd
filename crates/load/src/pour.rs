//! Messages one way: as many as the system takes, in trains. Whatever comes back is thrown away.

use std::task::{Context, Poll};

use sockeye_core::{Code, Fault};
use sockeye_net::channel::Got;

use crate::clock::Clock;
use crate::desk::Desk;
use crate::line::{Line, Turn};

/// Bytes that one turn sends, about: other connections come after it.
const TURN: usize = 1 << 20;

/// The most messages of one train.
pub(crate) const TRAIN: usize = 128;

/// Reads of what comes back, in a turn.
const READS: usize = 4;

/// What a connection that only sends has before it.
#[derive(Debug, Default)]
pub(crate) struct Pour {
    /// Messages that are to be sent and not made yet; `usize::MAX`: without end.
    due: usize,
    /// Messages that are made and not sent, and the bytes of each but the last.
    made: usize,
    each: usize,
}

impl Pour {
    /// Messages that are made, or were due.
    pub(crate) const fn behind(&self) -> usize {
        if self.due == usize::MAX { self.made } else { self.due + self.made }
    }

    /// Messages that are made and not sent.
    pub(crate) const fn made(&self) -> usize {
        self.made
    }
}

impl Line {
    /// Sends `more` messages, after what an earlier turn had to leave. A turn ends sooner after a while.
    pub(crate) fn pour(
        &mut self,
        cx: &mut Context<'_>,
        more: usize,
        clock: Clock,
        desk: &mut Desk,
    ) -> Result<Turn, Fault> {
        self.throw_away(cx, desk)?;
        self.pour.due = self.pour.due.saturating_add(more);
        let (mut sent, mut now) = (0, clock.now());
        while sent < TURN {
            // Of a rate, all that is here was due before the end.
            let is_over = self.pour.due == usize::MAX && now >= desk.until;
            if self.pour.made == 0 && (is_over || !self.make(desk)) {
                return Ok(Turn::Waits);
            }
            let rest = &self.out[self.written..];
            let Poll::Ready(written) = self.channel.poll_write_train(cx, rest, self.pour.each) else {
                return Ok(Turn::Waits);
            };
            let written = written?;
            let count = written.div_ceil(self.pour.each.max(1)).clamp(1, self.pour.made);
            self.pour.made -= count;
            self.written += written;
            // An empty message counts too, so that a turn of those ends.
            sent += written.max(1);
            now = clock.now();
            desk.sent(count as u64, written as u64, now);
        }
        Ok(Turn::Again)
    }

    /// Makes the next train; `false` if nothing is to be sent.
    fn make(&mut self, desk: &mut Desk) -> bool {
        let wanted = self.pour.due.min(TRAIN);
        let allowed = desk.allow(wanted);
        if allowed == 0 {
            self.pour.due = 0;
            return false;
        }
        self.out.clear();
        self.written = 0;
        let channel = &self.channel;
        let (made, each) =
            self.sent.put_train(&desk.plan.sent, |each| channel.train(each), allowed, &mut self.out);
        desk.allowance += (allowed - made) as u64;
        desk.waiting += made as u64;
        if self.pour.due != usize::MAX {
            self.pour.due -= made;
        }
        (self.pour.made, self.pour.each) = (made, each);
        true
    }

    fn throw_away(&mut self, cx: &mut Context<'_>, desk: &mut Desk) -> Result<(), Fault> {
        for _ in 0..READS {
            let Poll::Ready(got) = self.channel.poll_read(cx, &mut desk.buffer) else { break };
            desk.tally.bytes_in += match got? {
                Got::Datagrams(spans) => spans.map(|span| span.len() as u64).sum(),
                Got::Bytes(count) => count as u64,
                Got::Message(data) => data.len() as u64,
                Got::End => return Err(Fault::new(Code::EarlyFin, "")),
            };
        }
        Ok(())
    }
}
