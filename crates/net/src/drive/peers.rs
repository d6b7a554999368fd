//! Who is there at a datagram socket: found by address, once for all datagrams that one read gives of a peer.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use sockeye_core::event::Totals;
use sockeye_core::{Address, Direction, Fault, Machine, Outbox, PEER, SessionId, Tick};

use crate::datagram::Spans;
use crate::drive::port::Inlet;
use crate::drive::strict::Strict;
use crate::guard::Slot;
use crate::metrics::Meter;
use crate::tap::Tap;
use crate::world::World;

/// All peers of one socket, each in a seat.
#[derive(Default)]
pub(super) struct Peers {
    seats: Vec<Seat>,
    free: Vec<usize>,
    by_address: HashMap<Address, usize>,
    by_id: HashMap<SessionId, usize>,
    /// Who was found last: most often the next one, too.
    last: usize,
    sweep_at: usize,
}

enum Seat {
    Free,
    /// A conversation that lives here.
    Here(Box<Known>),
    /// It is being served.
    Busy,
    Elsewhere(Box<Elsewhere>),
}

/// A peer with a session of its own; gone once nobody else holds the inlet.
pub(super) struct Elsewhere {
    pub(super) address: Address,
    pub(super) inlet: Rc<Inlet>,
    /// Which of our addresses was asked last.
    pub(super) asked: Rc<Cell<Option<IpAddr>>>,
    pub(super) tap: Option<Tap>,
}

/// A peer whose conversation lives here.
pub(super) struct Known {
    pub(super) id: SessionId,
    pub(super) address: Address,
    pub(super) machine: Machine,
    /// Which of our addresses was asked last: answers leave from it.
    pub(super) local: Option<IpAddr>,
    pub(super) last: Tick,
    pub(super) armed: Tick,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) slot: Option<Slot>,
    pub(super) strict: Option<Box<Strict>>,
    pub(super) meter: Option<Box<Meter>>,
    pub(super) tap: Option<Box<Tap>>,
}

/// The fewest peers among whom it is looked for those that are gone.
const FEW: usize = 64;

impl Peers {
    /// Where a peer is.
    #[inline]
    pub(super) fn find(&mut self, address: &Address) -> Option<usize> {
        if let Some(Seat::Here(known)) = self.seats.get(self.last)
            && known.address == *address
        {
            return Some(self.last);
        }
        let at = self.by_address.get(address).copied()?;
        if self.has_ended(at) {
            self.vacate(at, address);
            return None;
        }
        self.last = at;
        Some(at)
    }

    /// Where a conversation is that lives here.
    pub(super) fn find_session(&self, id: SessionId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// Gives a new peer a seat.
    pub(super) fn seat(&mut self, known: Box<Known>) -> usize {
        let at = self.free.pop().unwrap_or(self.seats.len());
        self.by_address.insert(known.address.clone(), at);
        self.by_id.insert(known.id, at);
        if at == self.seats.len() {
            self.seats.push(Seat::Here(known));
        } else {
            self.seats[at] = Seat::Here(known);
        }
        at
    }

    /// Takes a conversation out to be served; it comes back, leaves, or moves. `None`: it does not live here.
    #[inline]
    pub(super) fn take(&mut self, at: usize) -> Option<Box<Known>> {
        match self.seats.get_mut(at)? {
            seat @ Seat::Here(_) => match std::mem::replace(seat, Seat::Busy) {
                Seat::Here(known) => Some(known),
                _ => None,
            },
            _ => None,
        }
    }

    /// It has been served.
    #[inline]
    pub(super) fn give_back(&mut self, at: usize, known: Box<Known>) {
        self.seats[at] = Seat::Here(known);
    }

    /// One that was taken out does not come back.
    pub(super) fn leaves(&mut self, at: usize, known: &Known) {
        self.by_id.remove(&known.id);
        self.vacate(at, &known.address);
    }

    /// One that was taken out has a session of its own from now on.
    pub(super) fn moves(&mut self, at: usize, id: SessionId, to: Box<Elsewhere>) {
        self.by_id.remove(&id);
        self.seats[at] = Seat::Elsewhere(to);
    }

    /// A peer that has a session of its own.
    pub(super) fn elsewhere(&self, at: usize) -> Option<&Elsewhere> {
        match self.seats.get(at) {
            Some(Seat::Elsewhere(elsewhere)) => Some(elsewhere),
            _ => None,
        }
    }

    /// Drops those whose sessions have ended elsewhere, when there are twice as many peers as there were after the last
    /// time.
    pub(super) fn sweep(&mut self) {
        if self.by_address.len() < self.sweep_at.max(FEW) {
            return;
        }
        for at in 0..self.seats.len() {
            if let Some(address) = self.elsewhere(at).map(|gone| gone.address.clone())
                && self.has_ended(at)
            {
                self.vacate(at, &address);
            }
        }
        self.sweep_at = self.by_address.len() * 2;
    }

    /// Whether it was elsewhere, and its session has ended.
    fn has_ended(&self, at: usize) -> bool {
        self.elsewhere(at).is_some_and(|elsewhere| Rc::strong_count(&elsewhere.inlet) == 1)
    }

    fn vacate(&mut self, at: usize, address: &Address) {
        self.by_address.remove(address);
        self.seats[at] = Seat::Free;
        self.free.push(at);
    }
}

impl Known {
    /// Gives the machine datagrams of the lent buffer, up to the first after which something is to be done.
    #[inline]
    pub(super) fn hear(
        &mut self,
        spans: &mut Spans,
        buffer: &mut [u8],
        now: Tick,
        world: &World,
        out: &mut Outbox,
    ) -> Result<(), Box<Fault>> {
        for span in spans {
            let data = &mut buffer[span];
            show(self.tap.as_deref(), Direction::In, data);
            if let Some(strict) = &mut self.strict {
                if strict.waits(now).is_some() {
                    world.dropped_in();
                    continue;
                }
                strict.has_read(data.len(), now);
            }
            self.last = now;
            self.bytes_in += data.len() as u64;
            if let Some(meter) = &mut self.meter {
                meter.asked(now, self.bytes_out);
            }
            self.machine.datagram(now, PEER, data, out)?;
            if !out.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// What came and went so far.
    pub(super) fn totals(&self) -> Totals {
        let (messages_in, messages_out) = self.machine.messages();
        Totals { messages_in, messages_out, bytes_in: self.bytes_in, bytes_out: self.bytes_out }
    }

    /// Tells the metrics, where there are any, what is new.
    pub(super) fn measure(&mut self, world: &World) {
        let totals = self.totals();
        let (Some(metrics), Some(meter)) = (world.shared.metrics.get(), &mut self.meter) else { return };
        if let Some(after) = meter.answered(world.clock.now(), self.bytes_out) {
            metrics.answered(after);
        }
        meter.waits_no_longer();
        metrics.session(meter, totals);
    }
}

/// Shows a datagram to whoever wants to see it.
#[inline]
pub(super) fn show(tap: Option<&Tap>, direction: Direction, data: &[u8]) {
    if let Some(tap) = tap {
        tap.datagram(direction, data);
    }
}
