//! Two legs of a session coupled: bytes pass from one to the other without the conversation, ends included.

use std::rc::Rc;
use std::task::Context;

use sockeye_core::{Direction, Kind, Leg, PEER};

use crate::drive::session::{Session, Stage};
use crate::drive::side::Fin;
use crate::world::Lent;

/// Datagrams that one turn reads, where they pass to another leg.
const TOGETHER: usize = 64;

impl Session {
    /// Couples two legs: neither is read faster than the other can be written, and raw streams pass without the
    /// conversation.
    pub(super) fn relay(&mut self, a: Leg, b: Leg) {
        let raw = |session: &mut Self, leg: Leg| {
            let lane = session.machine.lane(leg);
            lane.framing.is_raw() && session.side(leg).is_some_and(|side| side.port.is_stream())
        };
        let pass = raw(self, a) && raw(self, b);
        for (leg, partner) in [(a, b), (b, a)] {
            if let Some(side) = self.side(leg) {
                side.partner = partner;
                side.pass = pass;
            }
        }
        if pass {
            self.move_from_the_start(a, b);
            self.move_from_the_start(b, a);
        }
    }

    /// Reads a leg, if it may be read: once, or, where datagrams pass to another leg, as many as may leave it together.
    #[inline]
    pub(super) fn read_on(&mut self, leg: Leg, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        let has_read = self.read(leg, cx, lent);
        if has_read && self.side(leg).is_some_and(|side| side.partner != leg && side.port.is_datagrams()) {
            for _ in 1..TOGETHER {
                if self.stage != Stage::Open || !self.read(leg, cx, lent) {
                    break;
                }
            }
        }
        has_read
    }

    /// Whether a leg must not be read before something is written: what its partner is owed, but for a few datagrams that may
    /// leave together with those it brings.
    #[inline]
    pub(super) fn waits_for_partner(&self, leg: Leg) -> bool {
        let side = |leg: Leg| std::iter::once(&self.peer).chain(&self.others).find(|side| side.leg == leg);
        let Some(read) = side(leg) else { return false };
        let Some(partner) = side(read.partner).filter(|partner| !partner.is_drained()) else { return false };
        !(read.partner != leg && read.port.is_datagrams() && partner.gathers(&self.world))
    }

    /// Marks the end of a leg; in a relay, hands it on.
    pub(super) fn pass_eof(&mut self, leg: Leg) {
        let Some(side) = self.side(leg) else { return };
        side.eof = true;
        let (pass, partner) = (side.pass, side.partner);
        if pass && let Some(partner) = self.side(partner) {
            partner.finish();
        }
    }

    /// Hands `count` bytes of the lent buffer over to the other half of a relay.
    pub(super) fn pass(&mut self, from: Leg, to: Leg, count: usize, cx: &mut Context<'_>, lent: &mut Lent) {
        let world = Rc::clone(&self.world);
        let data = &lent.buffer[..count];
        if world.wants_messages {
            let (leg, direction) = if from == PEER { (PEER, Direction::In) } else { (PEER, Direction::Out) };
            world.show(self.id, Kind::Message { leg, direction, data });
        }
        self.passed(from, to, count);
        self.note_pass(from, to, count);
        let sent = self.side(to).map_or(Ok(()), |side| side.send(cx, data, &world));
        if let Err(error) = sent {
            self.broke(to, &error, cx, lent);
        }
    }

    /// Counts a read that was passed on.
    pub(super) fn passed(&mut self, from: Leg, to: Leg, count: usize) {
        if let Some(side) = self.side(from) {
            side.bytes_in += count as u64;
        }
        self.passed_in += u64::from(from == PEER);
        self.passed_out += u64::from(to == PEER);
    }

    /// The stdio leg whose output the other side has ended, if stdin may still have something for that side and all that
    /// came from it is sent.
    pub(super) fn draining(&self) -> Option<Leg> {
        let sides = || std::iter::once(&self.peer).chain(&self.others);
        let stdio = sides().find(|side| side.pass && side.port.is_stdio())?;
        let is_sent = sides().all(|side| side.leg != stdio.partner || side.is_drained());
        (!stdio.eof && stdio.fin == Fin::Sent && is_sent).then_some(stdio.leg)
    }
}
