//! An open connection: one that carries messages, or one that plays steps.

use std::task::Context;

use sockeye_core::{Code, Fault};
use sockeye_net::channel::Channel;

use crate::clock::Clock;
use crate::desk::Desk;
use crate::line::{Line, Turn};
use crate::performer::Performer;
use crate::plan::Plan;
use crate::schedule::Nanos;

/// How far apart the sequence numbers of two connections begin.
const NUMBERS: u64 = 10_000_000;

/// An open connection.
pub(crate) enum Open {
    Line(Line),
    Performer(Performer),
}

impl Open {
    /// What the plan does with the connection of this number, from 0.
    pub(crate) fn new(channel: Channel, plan: &Plan, now: Nanos, index: u64) -> Self {
        let (connection, first) = (index + 1, index * NUMBERS);
        match &plan.steps {
            Some(cast) => {
                let dialogue = cast.dialogue(connection);
                Self::Performer(Performer::new(channel, dialogue, now, connection, first))
            }
            None => Self::Line(Line::new(channel, connection, first)),
        }
    }

    /// Messages, or rounds, that are not over.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        match self {
            Self::Line(line) => line.waiting(),
            Self::Performer(performer) => performer.waiting(),
        }
    }

    /// When it wants to be woken by the clock.
    pub(crate) fn deadline(&self) -> Option<Nanos> {
        match self {
            Self::Line(_) => None,
            Self::Performer(performer) => performer.deadline(),
        }
    }

    /// One more, due then. It leaves with [`Open::flush`], or with the next turn.
    pub(crate) fn put(&mut self, due: Nanos, now: Nanos, desk: &mut Desk) {
        match self {
            Self::Line(line) => line.put(due, now, 1, desk),
            Self::Performer(performer) => performer.put(due, desk),
        }
    }

    /// As many as there may be under way; all are due now.
    #[inline]
    pub(crate) fn refill(&mut self, cx: &mut Context<'_>, now: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        match self {
            Self::Line(line) => line.refill(cx, now, desk),
            Self::Performer(performer) => {
                performer.refill(now, desk);
                Ok(())
            }
        }
    }

    /// Writes what can be written now.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        match self {
            Self::Line(line) => line.flush(cx),
            Self::Performer(_) => {
                cx.waker().wake_by_ref();
                Ok(())
            }
        }
    }

    /// Sends one way; see [`Line::pour`]. Steps have answers, and never do.
    pub(crate) fn pour(
        &mut self,
        cx: &mut Context<'_>,
        more: usize,
        clock: Clock,
        desk: &mut Desk,
    ) -> Result<Turn, Fault> {
        match self {
            Self::Line(line) => line.pour(cx, more, clock, desk),
            Self::Performer(_) => Ok(Turn::Waits),
        }
    }

    /// Messages that are to be sent one way, and are not.
    pub(crate) fn behind(&self) -> usize {
        match self {
            Self::Line(line) => line.pour.behind(),
            Self::Performer(_) => 0,
        }
    }

    /// Writes and reads, until nothing more can be done now.
    #[inline]
    pub(crate) fn turn(
        &mut self,
        cx: &mut Context<'_>,
        now: impl Fn() -> Nanos,
        desk: &mut Desk,
    ) -> Result<Turn, Fault> {
        match self {
            Self::Line(line) => line.turn(cx, now, desk),
            Self::Performer(performer) => performer.turn(cx, now, desk),
        }
    }

    /// Looks whether an answer is overdue. Steps wait by a clock of their own.
    pub(crate) fn look(&mut self, now: Nanos, patience: Nanos, desk: &mut Desk) -> Result<(), Fault> {
        match self {
            Self::Line(line) => line.look(now, patience, desk),
            Self::Performer(_) => Ok(()),
        }
    }

    /// It is given up for this reason, and with it all that waits.
    pub(crate) fn give_up(self, code: Code, now: Nanos, desk: &mut Desk) {
        match self {
            Self::Line(line) => line.give_up(code, now, desk),
            Self::Performer(performer) => performer.give_up(code, now, desk),
        }
    }

    /// Closes it.
    pub(crate) fn close(self, plan: &Plan) {
        match self {
            Self::Line(line) => line.close(plan),
            Self::Performer(performer) => performer.close(plan),
        }
    }
}
