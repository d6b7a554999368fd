//! Relayed bytes in bulk: moved by the kernel (`splice(2)`), and neither read nor written by us.
//!
//! Small messages are cheaper read and written. So a relay of sockets reads, changes over once two reads in a row have
//! filled the buffer, and changes back when little comes again; stdin and stdout, where the kernel can move their bytes,
//! are moved from the start. Moved bytes wait in the partner's [`Queue`](crate::drive::queue::Queue) as others do: limits,
//! counters, FIN and RST know no difference. Nothing is moved where somebody has to look at it: an observer of messages,
//! faults on purpose, a layer.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use sockeye_core::{Leg, PEER};

use crate::drive::port::{Got, Port};
use crate::drive::session::Session;
use crate::drive::side::Side;
use crate::splice::{self, PIPE};
use crate::world::{Lent, READ, World};

/// Reads that fill the buffer, in a row, after which more of them are expected.
const FULL: u8 = 2;

/// A move that brings less is a small one, in bytes.
const SMALL: usize = READ / 4;

/// Small moves, in a row, after which no large ones are expected.
const FEW: u8 = 4;

/// How the bytes of one leg get to its partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bulk {
    /// They are read and written; so many reads in a row have filled the buffer.
    Off(u8),
    /// The kernel moves them; so many moves in a row were small.
    On(u8),
    /// The kernel moves them, however few they are.
    Always,
    /// The kernel has refused: they are read and written.
    Never,
}

impl Default for Bulk {
    fn default() -> Self {
        Self::Off(0)
    }
}

impl Bulk {
    /// Whether the kernel is to move the next bytes.
    #[inline]
    pub(crate) const fn is_on(self) -> bool {
        matches!(self, Self::On(_) | Self::Always)
    }

    /// After a read. Whether it is time to change over, where that can be done.
    pub(super) fn has_read(&mut self, is_full: bool) -> bool {
        let Self::Off(row) = self else { return false };
        *row = if is_full { row.saturating_add(1) } else { 0 };
        *row >= FULL
    }

    /// After a move of so many bytes.
    pub(super) fn has_moved(&mut self, count: usize) {
        let Self::On(row) = self else { return };
        *row = if count < SMALL { *row + 1 } else { 0 };
        if *row >= FEW {
            *self = Self::Off(0);
        }
    }
}

impl Session {
    /// Two raw streams are coupled: whether the kernel moves from the start what comes from this one.
    pub(super) fn move_from_the_start(&mut self, from: Leg, to: Leg) {
        let is_stdio = |session: &mut Self, leg| session.side(leg).is_some_and(|side| side.port.is_stdio());
        if (is_stdio(self, from) || is_stdio(self, to)) && self.may_move(from, to) {
            self.set_bulk(from, Bulk::Always);
        }
    }

    /// After a read that was passed on.
    #[inline]
    pub(super) fn note_pass(&mut self, from: Leg, to: Leg, count: usize) {
        let Some(side) = self.side(from) else { return };
        if side.bulk.has_read(count == READ) && self.may_move(from, to) {
            self.set_bulk(from, Bulk::On(0));
        }
    }

    fn set_bulk(&mut self, leg: Leg, bulk: Bulk) {
        if let Some(side) = self.side(leg) {
            side.bulk = bulk;
        }
    }

    /// Whether nobody has to see these bytes, and the kernel can move them.
    fn may_move(&mut self, from: Leg, to: Leg) -> bool {
        let fits = |side: Option<&mut Side>, is_fit: fn(&crate::stream::Stream) -> bool| {
            side.is_some_and(|side| {
                let is_free = side.faults.is_none() && side.bulk != Bulk::Never;
                is_free && side.port.stream().is_some_and(is_fit)
            })
        };
        !self.world.wants_messages
            && fits(self.side(from), splice::is_source)
            && fits(self.side(to), splice::is_sink)
    }

    /// Moves what a leg sends into what its partner is owed, which is nothing now; or reads it, where no pipe is to be had.
    /// `most` is what one read may bring.
    pub(super) fn poll_move(
        &mut self,
        leg: Leg,
        most: usize,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) -> Poll<io::Result<Got>> {
        let world = Rc::clone(&self.world);
        // A pace is kept read by read; else a move may bring what a peer that does not read may make us hold, by halves.
        let is_paced = leg == PEER && self.strict.is_some();
        let much = if is_paced { most } else { PIPE.min(world.limits.waiting_per_peer / 2).max(most) };
        if leg == PEER && self.peer.pour.is_some() {
            return self.poll_pour(much, most, cx, lent);
        }
        let Some(side) = self.side(leg) else { return Poll::Pending };
        let (partner, Some(mut pipe)) = (side.partner, world.pipes.lend()) else {
            return side.poll_read(cx, &mut lent.buffer[..most]);
        };
        let Port::Stream(stream) = &side.port else { return Poll::Pending };
        match splice::poll_fill(stream, cx, &mut pipe, much) {
            Poll::Ready(Ok(count)) if count > 0 => {
                if let Some(partner) = self.side(partner) {
                    partner.queue.hold(pipe, &world);
                }
                Poll::Ready(Ok(Got::Moved(count)))
            }
            outcome => {
                world.pipes.give_back(*pipe);
                match ready!(outcome) {
                    Ok(_) => Poll::Ready(Ok(Got::Eof)),
                    Err(error) if splice::is_unfit(&error) => {
                        side.bulk = Bulk::Never;
                        side.poll_read(cx, &mut lent.buffer[..most])
                    }
                    Err(error) => Poll::Ready(Err(error)),
                }
            }
        }
    }

    /// Counts what was moved. It leaves with the next flush.
    pub(super) fn moved(&mut self, from: Leg, to: Leg, count: usize) {
        if from == to {
            return self.poured(count);
        }
        self.passed(from, to, count);
        let refused = self.side(to).is_some_and(|side| side.bulk == Bulk::Never);
        if let Some(side) = self.side(from) {
            side.bulk.has_moved(count);
            if refused {
                side.bulk = Bulk::Never;
            }
        }
    }
}

impl Side {
    /// Moves out what the kernel holds for this leg. `Ready` when it holds nothing more.
    #[inline]
    pub(super) fn poll_pipe(&mut self, cx: &mut Context<'_>, world: &World) -> Poll<io::Result<()>> {
        while let Some(pipe) = self.queue.pipe() {
            let Port::Stream(stream) = &self.port else { return Poll::Ready(self.queue.copy_out(world)) };
            match ready!(splice::poll_empty(stream, cx, pipe)) {
                Ok(count) => {
                    self.bytes_out += count as u64;
                    self.queue.piped(count, world);
                }
                Err(error) if splice::is_unfit(&error) => {
                    self.bulk = Bulk::Never;
                    self.queue.copy_out(world)?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_full_reads_in_a_row_change_over_and_small_moves_change_back() {
        let mut bulk = Bulk::default();
        assert!(!bulk.has_read(true));
        assert!(!bulk.has_read(false));
        assert!(!bulk.has_read(true));
        assert!(bulk.has_read(true));
        bulk = Bulk::On(0);
        for count in [1, 1, 1, SMALL, 1, 1, 1] {
            bulk.has_moved(count);
            assert!(bulk.is_on());
        }
        bulk.has_moved(1);
        assert_eq!(bulk, Bulk::Off(0));
    }

    #[test]
    fn what_never_changes_does_not() {
        for mut bulk in [Bulk::Always, Bulk::Never] {
            let before = bulk;
            assert!(!bulk.has_read(true));
            (0..9).for_each(|_| bulk.has_moved(1));
            assert_eq!(bulk, before);
        }
    }
}
