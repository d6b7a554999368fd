//! What a session does for legs that are WebSockets: which sort its answers are, whether the peer is still there, and
//! how both sides take their leave.

use std::task::Context;

use sockeye_core::{Direction, Kind, Leg, Tick};

use crate::drive::port::Port;
use crate::drive::session::{NEVER, Session};
use crate::drive::side::Side;
use crate::layer::ws::close::{self, Leave};
use crate::layer::ws::socket::Sort;
use crate::world::Lent;

impl Session {
    /// Makes answers to the peer text or binary as the message before; a server's are.
    pub(crate) fn answering(mut self) -> Self {
        if let Some(socket) = self.peer.port.socket() {
            socket.mirror_always();
        }
        self
    }

    /// A message of this sort came on `leg`: what it leads to is of the same. Answers leave before the next message is
    /// read, so one mark suffices. In a relay it is the other leg that sends it on.
    pub(super) fn mirror(&mut self, leg: Leg, sort: Sort) {
        let Some(partner) = self.side(leg).map(|side| side.partner) else { return };
        if partner != leg
            && let Some(socket) = self.side(partner).and_then(|side| side.port.socket())
        {
            socket.carry(sort);
        } else if let Some(socket) = self.side(leg).and_then(|side| side.port.socket()) {
            socket.mirror(sort);
        }
    }

    /// The peer of a leg has said its Close.
    pub(super) fn hear_leave(&mut self, leg: Leg, leave: &Leave) {
        let farewell = Some(close::farewell(leave.code, &leave.reason));
        self.world.show(self.id, Kind::HalfClosed { leg, direction: Direction::In, farewell });
        if let Some(note) = leave.note() {
            self.world.note(self.id, &note);
        }
        if let Some(fault) = leave.fault() {
            let subject = self.subject(leg);
            self.fault.get_or_insert(Box::new(fault.doing(subject)));
        }
    }

    /// Nothing came on `leg`. A peer that is silent is asked whether it is there; one that was asked and stays silent is
    /// gone. Whether anything changed.
    #[inline]
    pub(super) fn keep_alive(&mut self, leg: Leg, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        if !self.side(leg).is_some_and(|side| matches!(side.port, Port::Messages(_))) {
            return false;
        }
        let (now, every) = (self.world.clock.now(), self.world.limits.ping);
        let Some(socket) = self.side(leg).and_then(|side| side.port.socket()) else { return false };
        match socket.keep_alive(cx, now, every) {
            Ok(moved) => {
                if moved {
                    self.last = now;
                }
                false
            }
            Err(error) => {
                self.broke(leg, &error, cx, lent);
                true
            }
        }
    }

    /// When the silence of a leg that is read will have lasted too long.
    pub(super) fn silent_until(&self) -> Tick {
        let every = self.world.limits.ping;
        let sides = || std::iter::once(&self.peer).chain(&self.others);
        let is_read = |side: &Side| {
            let partner = sides().find(|other| other.leg == side.partner);
            !side.eof && side.reading && !side.pauses() && partner.is_none_or(Side::is_drained)
        };
        let due = sides().filter_map(|side| side.port.due(every).filter(|_| is_read(side))).min();
        due.filter(|_| !self.world.is_held_up(self.prints)).unwrap_or(NEVER)
    }

    /// Says which code the Close of each leg will have, now that the session ends.
    pub(super) fn part(&mut self) {
        let fault = self.fault.as_deref().map(|fault| fault.code);
        let code = if *self.world.shared.ending.borrow() && fault.is_none() {
            close::GOING_AWAY
        } else {
            fault.map_or(close::NORMAL, close::code_of)
        };
        for side in std::iter::once(&mut self.peer).chain(&mut self.others) {
            if let Some(socket) = side.port.socket() {
                socket.leave_with(code);
            }
        }
    }
}
