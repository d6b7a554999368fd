//! What a session may cost: memory, time and speed. Who goes beyond it is cut or ended, with a reason.

use std::task::Context;

use sockeye_core::quantity::Span;
use sockeye_core::{Code, Fault, Kind, PEER, Tick};

use crate::drive::impaired::Impaired;
use crate::drive::session::{Session, Stage};
use crate::drive::strict::Met;
use crate::post::Letter;
use crate::world::{Lent, READ};

impl Session {
    /// Books what the session holds. Whether it has to go: its peer does not read and its share of memory is full, or all
    /// sessions hold too much together and this one most of it. If another one holds more, that one is told.
    #[inline]
    pub(super) fn is_over_its_share(&mut self) -> bool {
        let waiting = self.peer.queue.len();
        let under_way = self.peer.faults.as_deref().map_or(0, Impaired::held);
        let held = waiting + under_way + self.machine.held();
        if held == self.booked {
            return waiting > self.world.limits.waiting_per_peer;
        }
        self.book(held);
        waiting > self.world.limits.waiting_per_peer || self.must_go()
    }

    #[cold]
    fn book(&mut self, held: usize) {
        self.world.shared.memory.book(self.id, self.booked, held);
        self.booked = held;
    }

    fn must_go(&self) -> bool {
        match self.world.shared.memory.who_goes(self.id) {
            None => false,
            Some(session) if session == self.id => true,
            Some(session) => {
                self.world.tell(session, Letter::Cut);
                false
            }
        }
    }

    /// Gives back what was booked: the session is over.
    pub(super) fn unbook(&mut self) {
        if self.booked > 0 {
            self.book(0);
        }
    }

    /// Cuts the session with an RST, whatever it still owes.
    #[cold]
    pub(super) fn cut(&mut self, cx: &mut Context<'_>, lent: &mut Lent) {
        let (waiting, max) = (self.peer.queue.len(), self.world.limits.waiting_per_peer);
        let fault = if waiting > max {
            Fault::new(Code::Overflow, self.subject(PEER)).arg("waiting", waiting).arg("max", max)
        } else {
            let most = self.world.shared.memory.most();
            Fault::new(Code::Hoards, self.subject(PEER)).arg("size", self.booked).arg("max", most)
        };
        let code = fault.code;
        self.fault.get_or_insert(Box::new(fault));
        self.abort(&self.peer);
        self.lose_peer(code, cx, lent);
        self.stage = Stage::Over;
    }

    /// How much one read of the peer may bring, or `None` if it is read too fast already: it is looked at again when it
    /// may be read.
    #[inline]
    pub(super) fn may_read(&mut self) -> Option<usize> {
        let most = if self.peer.port.is_stream() { self.world.burst.min(READ) } else { READ };
        if self.strict.is_none() { Some(most) } else { self.may_read_strictly(most) }
    }

    #[cold]
    fn may_read_strictly(&mut self, most: usize) -> Option<usize> {
        let strict = self.strict.as_deref()?;
        if let Some(until) = strict.waits(self.world.clock.now()) {
            // It is we who do not read: that is no silence of the peer.
            self.last = self.last.max(until);
            self.arm(until);
            return None;
        }
        Some(if self.peer.port.is_stream() { most.min(strict.chunk()) } else { most })
    }

    /// The peer's bytes were read, and what they asked for is done.
    #[cold]
    pub(super) fn keep_strict(&mut self, before: u64, now: Tick) {
        let Some(strict) = &mut self.strict else { return };
        strict.has_read(usize::try_from(self.peer.bytes_in - before).unwrap_or(usize::MAX), now);
        let is_unfinished = !self.machine.is_behind() && self.machine.is_within_frame();
        strict.framed(is_unfinished, self.machine.messages().0, now);
    }

    /// Ends the session if it has met a bound.
    pub(super) fn end_if_met(&mut self, now: Tick) {
        let Some(met) = self.strict.as_deref().and_then(|strict| strict.met(now)) else { return };
        let limits = &self.world.limits;
        let (code, what, after) = match met {
            Met::Session => (Code::SessionTime, "session", limits.session_time),
            Met::Frame => (Code::FrameTimeout, "frame", limits.frame_time),
        };
        self.world.show(self.id, Kind::Timeout { what });
        let framing = self.machine.lane(PEER).framing.spec();
        let fault = Fault::new(code, "").arg("after", Span(after.unwrap_or_default()));
        self.fail(if met == Met::Frame { fault.arg("framing", framing) } else { fault });
    }
}
