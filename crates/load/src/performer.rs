//! One connection that plays steps, round after round. What they are the [`Dialogue`] knows; here bytes are moved and
//! rounds are counted.

use std::task::{Context, Poll};

use sockeye_core::{Code, Fault};
use sockeye_net::channel::{Channel, Got};

use crate::desk::Desk;
use crate::dialogue::{Dialogue, End, Heard, Say, Standing, Wrong};
use crate::line::Turn;
use crate::pending::Batch;
use crate::plan::{Mode, Pace, Parting, Plan};
use crate::sample::{Piece, Sample};
use crate::schedule::Nanos;

/// Reads, or rounds, of one connection before the others have their turn.
const TURNS: usize = 16;

/// What a connection keeps of memory it no longer needs, in bytes.
const KEPT: usize = 64 * 1024;

/// A connection.
pub(crate) struct Performer {
    channel: Channel,
    dialogue: Box<dyn Dialogue>,
    say: Say,
    /// How much of what is said is written.
    written: usize,
    /// Its number, from 1.
    connection: u64,
    /// The number of its first round, and rounds so far.
    first: u64,
    rounds: u64,
    /// The round under way.
    round: Option<Batch>,
    /// It is to begin with the next turn.
    asked: Option<Nanos>,
    /// The peer says no more.
    deaf: bool,
    /// What was said last is to be followed by a FIN.
    half: bool,
    wrong: Option<Box<Wrong>>,
}

impl Performer {
    /// Steps over a channel; the numbers of its rounds begin at `first`.
    pub(crate) fn new(
        channel: Channel,
        mut dialogue: Box<dyn Dialogue>,
        now: Nanos,
        connection: u64,
        first: u64,
    ) -> Self {
        let mut say = Say::default();
        dialogue.open(now, &mut say);
        Self {
            channel,
            dialogue,
            say,
            written: 0,
            connection,
            first,
            rounds: 0,
            round: None,
            asked: None,
            deaf: false,
            half: false,
            wrong: None,
        }
    }

    /// Rounds that are under way, or about to be.
    pub(crate) fn waiting(&self) -> usize {
        usize::from(self.round.is_some() || self.asked.is_some())
    }

    /// When it wants to be woken.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        self.dialogue.deadline()
    }

    /// The next turn begins a round that is due then.
    pub(crate) fn put(&mut self, due: Nanos, desk: &mut Desk) {
        self.asked = Some(due);
        desk.waiting += 1;
    }

    /// Asks for a round, if there may be one.
    pub(crate) fn refill(&mut self, now: Nanos, desk: &mut Desk) {
        if self.waiting() == 0 && !self.deaf && desk.allow(1) == 1 {
            self.put(now, desk);
        }
    }

    /// Writes, reads and plays, until nothing more can be done now.
    pub(crate) fn turn(
        &mut self,
        cx: &mut Context<'_>,
        now: impl Fn() -> Nanos,
        desk: &mut Desk,
    ) -> Result<Turn, Fault> {
        if self.dialogue.deadline().is_some_and(|due| due <= now()) {
            let standing = self.dialogue.hear(now(), Heard::Time, &mut self.say);
            self.settle(standing, now(), desk)?;
        }
        for _ in 0..TURNS {
            if self.say.bytes.is_empty() {
                self.begin(now(), desk)?;
            }
            self.flush(cx, now(), desk)?;
            if self.is_finished(desk) {
                return Ok(Turn::Done);
            }
            if self.asked.is_some() && self.say.bytes.is_empty() {
                continue;
            }
            if self.deaf && self.waiting() == 0 {
                return Err(Fault::new(Code::EarlyFin, ""));
            }
            if self.deaf || self.say.pauses {
                return Ok(Turn::Waits);
            }
            let Poll::Ready(got) = self.channel.poll_read(cx, &mut desk.buffer) else {
                return Ok(Turn::Waits);
            };
            self.hear(got, now(), desk)?;
            if desk.plan.pace == Pace::Closed && desk.plan.mode == Mode::Exchange {
                self.refill(now(), desk);
            }
        }
        Ok(Turn::Again)
    }

    /// Begins the round that was asked for.
    fn begin(&mut self, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let Some(due) = self.asked.take() else { return Ok(()) };
        self.round = Some(Batch { due, sent: now, count: 1 });
        let number = self.first + self.rounds;
        self.rounds += 1;
        let standing = self.dialogue.begin(now, number, &mut self.say);
        self.settle(standing, now, desk)?;
        if self.round.is_none() && desk.plan.pace == Pace::Closed && desk.plan.mode == Mode::Exchange {
            // It waits for nothing: the next one may begin once this one is written.
            self.refill(now, desk);
        }
        Ok(())
    }

    /// Takes what one read gave.
    fn hear(&mut self, got: Result<Got, Fault>, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let standing = match got {
            Ok(Got::Bytes(count)) => {
                desk.tally.bytes_in += count as u64;
                self.dialogue.hear(now, Heard::Bytes(&mut desk.buffer[..count]), &mut self.say)
            }
            Ok(Got::Datagrams(spans)) => {
                for span in spans {
                    desk.tally.bytes_in += span.len() as u64;
                    let heard = Heard::Message(&mut desk.buffer[span]);
                    let standing = self.dialogue.hear(now, heard, &mut self.say);
                    self.settle(standing, now, desk)?;
                }
                return Ok(());
            }
            Ok(Got::Message(data)) => {
                desk.tally.bytes_in += data.len() as u64;
                self.dialogue.hear(now, Heard::Message(&mut data.to_vec()), &mut self.say)
            }
            Ok(Got::End) => {
                self.deaf = true;
                if self.round.is_none() {
                    return Err(Fault::new(Code::EarlyFin, ""));
                }
                self.dialogue.hear(now, Heard::End, &mut self.say)
            }
            Err(fault) => {
                self.deaf = true;
                let standing = self.dialogue.hear(now, Heard::Lost(fault.code), &mut self.say);
                if matches!(standing, Standing::Within) {
                    return Err(fault);
                }
                standing
            }
        };
        self.settle(standing, now, desk)
    }

    /// Counts what was said and heard, and the round, if it is over.
    fn settle(&mut self, standing: Standing, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let (said, heard) = std::mem::take(&mut self.say.messages);
        desk.tally.messages_out += said;
        desk.tally.messages_in += heard;
        match standing {
            Standing::Within => Ok(()),
            Standing::Done => {
                if let Some(round) = self.round.take() {
                    desk.answered(round, now);
                }
                Ok(())
            }
            Standing::Wrong(wrong) => {
                let code = wrong.code;
                self.wrong = Some(wrong);
                Err(Fault::new(code, ""))
            }
        }
    }

    /// Writes what can be written now.
    fn flush(&mut self, cx: &mut Context<'_>, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        let before = self.written;
        while self.written < self.say.bytes.len() {
            let end = self.say.lengths.front().map_or(self.say.bytes.len(), |length| self.written + length);
            match self.channel.poll_write(cx, &self.say.bytes[self.written..end]) {
                Poll::Pending => {
                    desk.tally.bytes_out += (self.written - before) as u64;
                    return Ok(());
                }
                Poll::Ready(written) => self.written += written?,
            }
            if self.written == end {
                self.say.lengths.pop_front();
            }
        }
        desk.tally.bytes_out += (self.written - before) as u64;
        self.say.bytes.clear();
        self.say.bytes.shrink_to(KEPT);
        self.written = 0;
        if self.channel.has_unsent()
            && let Poll::Ready(flushed) = self.channel.poll_flush(cx)
        {
            flushed?;
        }
        if self.say.end == Some(End::Half) && !self.half {
            self.half = true;
            self.channel.finish();
        }
        if std::mem::take(&mut self.say.tells) {
            let standing = self.dialogue.hear(now, Heard::Written, &mut self.say);
            self.settle(standing, now, desk)?;
        }
        Ok(())
    }

    /// Whether its last round is over and all of it is written.
    fn is_finished(&self, desk: &Desk) -> bool {
        let ends = desk.plan.mode == Mode::Connect || matches!(self.say.end, Some(End::Close | End::Cut));
        ends && self.rounds > 0 && self.waiting() == 0 && self.say.bytes.is_empty()
    }

    /// The connection is given up for this reason, and with it its round.
    pub(crate) fn give_up(mut self, code: Code, now: Nanos, desk: &mut Desk) {
        let due = self.asked.take().map(|due| Batch { due, sent: now, count: 1 });
        let round = self.round.take().or(due);
        let counts = desk.counts(round.map_or(now, |round| round.due));
        match round {
            Some(round) => desk.failed(round, code),
            None if counts => desk.tally.failed(code, 1),
            None => {}
        }
        if !counts || !desk.wants(code) {
            return;
        }
        let sample = match self.wrong.take() {
            Some(wrong) => {
                let at = wrong.differs.unwrap_or(0);
                Sample {
                    step: wrong.place,
                    expected: wrong.expected.map(|expected| Piece::of(&expected, at)),
                    got: wrong.got.map(|got| Piece::of(&got, at)),
                    differs: wrong.differs,
                    ..Sample::default()
                }
            }
            None => Sample::default(),
        };
        let message = if round.is_some() { self.rounds } else { 0 };
        desk.show(code, Sample { connection: self.connection, message, ..sample }, now);
    }

    /// Closes it, as its steps say; if they say nothing, as the plan does.
    pub(crate) fn close(mut self, plan: &Plan) {
        match (self.say.end, plan.parting) {
            (Some(End::Cut), _) | (None, Parting::Reset) => self.channel.set_abort(),
            _ if self.half => {}
            _ => self.channel.finish(),
        }
    }
}
