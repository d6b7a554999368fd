//! What comes on a connection that carries messages, held against what it should be.
//!
//! A right answer costs a comparison. Only what is no exact copy of the expected frame is cut by the framing: it may be
//! the same message framed another way, or a wrong one.

use std::rc::Rc;

use sockeye_core::framing::{BadFrame, Cut};
use sockeye_core::{Code, Fault, Framing};
use sockeye_net::channel::Got;

use crate::desk::Desk;
use crate::line::Line;
use crate::message::{Deck, Match};
use crate::plan::{Answers, Plan};
use crate::sample::Sample;
use crate::schedule::Nanos;

impl Line {
    /// Takes what one read gave.
    pub(crate) fn hear(&mut self, got: Got, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        match got {
            Got::Bytes(count) => {
                desk.tally.bytes_in += count as u64;
                let mut buffer = std::mem::take(&mut desk.buffer);
                let plan = Rc::clone(&desk.plan);
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
            if self.at == 0 {
                let (count, used) = self.heard.compare_all(expected, &mut bytes[from..]);
                right += count;
                from += used;
                if from == bytes.len() {
                    break;
                }
            }
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
                    let mut got = self.heard.beginning(expected, self.at);
                    got.extend_from_slice(&bytes[from..]);
                    let sample = || Sample::differing(&self.heard.frame(expected), &got);
                    self.odd = self.noted(desk, Code::WrongAnswer, sample);
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
                    let verdict = self.judge(&whole[from + start..from + end], plan, desk);
                    self.seen = 0;
                    from += used;
                    if verdict {
                        right += 1;
                    } else {
                        self.right(std::mem::take(&mut right), now, desk)?;
                        self.wrong(now, desk)?;
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
                Cut::Bad(bad) => return Err(self.bad_frame(framing, &bad, &whole[from..], desk)),
            }
        }
        let end = (from + keep).min(whole.len());
        let rest = whole[from.min(end)..end].to_vec();
        self.carry = rest;
        self.right(right, now, desk)
    }

    /// One message of a medium with bounds: a datagram, a message of a WebSocket.
    fn message(&mut self, data: &[u8], now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let plan = Rc::clone(&desk.plan);
        let mut framed = Vec::new();
        let payload = match plan.inner_framing() {
            None => data,
            Some(framing) => {
                framed.extend_from_slice(data);
                match framing.cut(&mut framed, 0, plan.bound()) {
                    Cut::Message { start, end, .. } => &framed[start..end],
                    Cut::Bad(bad) => return Err(self.bad_frame(framing, &bad, data, desk)),
                    Cut::Skip { .. } | Cut::More { .. } => return self.wrong(now, desk),
                }
            }
        };
        if !plan.lane.medium.is_datagrams() || plan.expected().is_none_or(|expected| !expected.is_varied()) {
            let is_right = self.judge(payload, &plan, desk);
            return if is_right { self.right(1, now, desk) } else { self.wrong(now, desk) };
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
            let sample = match self.pending.len() {
                0 => Sample::missing(None, payload),
                _ => Sample::differing(&self.heard.payload(expected), payload),
            };
            let (connection, message) = (self.connection, self.number());
            desk.show(Code::WrongAnswer, Sample { connection, message, ..sample }, now);
        }
        Ok(())
    }

    fn right_one(&mut self, now: Nanos, expected: &Deck, desk: &mut Desk) -> Result<(), Fault> {
        self.heard.go_on(expected);
        self.right(1, now, desk)
    }

    /// Whether this is the next answer; goes on to the one after it.
    fn judge(&mut self, payload: &[u8], plan: &Plan, desk: &Desk) -> bool {
        let Some(expected) = plan.expected() else { return true };
        let is = self.heard.is(expected, payload);
        if !is {
            let sample = || Sample::differing(&self.heard.payload(expected), payload);
            self.odd = self.noted(desk, Code::WrongAnswer, sample);
        }
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
    fn wrong(&mut self, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let Some(batch) = self.pending.pop(1) else { return Err(Fault::new(Code::WrongAnswer, "")) };
        desk.failed(batch, Code::WrongAnswer);
        let odd = self.odd.take().filter(|_| desk.counts(batch.due));
        if let Some(sample) = odd {
            desk.show(Code::WrongAnswer, *sample, now);
        }
        Ok(())
    }

    fn bad_frame(&mut self, framing: Framing, bad: &BadFrame, bytes: &[u8], desk: &Desk) -> Fault {
        let code = if matches!(bad, BadFrame::Oversize { .. }) { Code::Oversize } else { Code::BadFrame };
        let expected = desk.plan.expected().map(|expected| self.heard.frame(expected));
        self.odd = self.noted(desk, code, || Sample::missing(expected.as_deref(), bytes));
        Fault::new(code, "").arg("framing", framing.spec())
    }

    /// Which message is answered next, from 1.
    fn number(&self) -> u64 {
        u64::from(self.heard.step) + 1
    }

    /// What is shown of an answer, if nothing of its class was shown yet.
    fn noted(&self, desk: &Desk, code: Code, sample: impl FnOnce() -> Sample) -> Option<Box<Sample>> {
        let (connection, message) = (self.connection, self.number());
        desk.wants(code).then(|| Box::new(Sample { connection, message, ..sample() }))
    }

    /// What is shown of a connection that is given up.
    #[cold]
    pub(crate) fn last_words(&mut self, desk: &Desk, code: Code) -> Option<Box<Sample>> {
        if let Some(odd) = self.odd.take() {
            return Some(odd);
        }
        let expected = desk.plan.expected().filter(|_| self.waiting() > 0);
        let got = match expected {
            Some(expected) if self.carry.is_empty() => self.heard.beginning(expected, self.at),
            _ => std::mem::take(&mut self.carry),
        };
        let expected = expected.map(|expected| self.heard.payload(expected));
        let mut sample = self.noted(desk, code, || Sample::missing(expected.as_deref(), &got))?;
        if self.waiting() == 0 {
            sample.message = 0;
        }
        Some(sample)
    }
}
