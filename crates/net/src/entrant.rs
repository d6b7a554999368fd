//! Somebody at a server's door: a connection whose handshakes are not done. Layers tell it what they learn of the peer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use sockeye_core::Address;

use crate::guard::{Pending, Reason, Slot};
use crate::metrics::Outcome;
use crate::world::World;

/// A newcomer, with its place among the pending until it settles or is dropped.
pub(crate) struct Entrant {
    world: Rc<World>,
    place: RefCell<Option<Pending>>,
    remote: RefCell<Address>,
    refusal: Cell<Option<Reason>>,
}

impl Entrant {
    /// Somebody who has a place.
    pub(crate) fn new(world: Rc<World>, place: Pending, remote: Address) -> Self {
        let (place, remote) = (RefCell::new(Some(place)), RefCell::new(remote));
        Self { world, place, remote, refusal: Cell::new(None) }
    }

    /// Who it is, as far as is known.
    pub(crate) fn remote(&self) -> Address {
        self.remote.borrow().clone()
    }

    /// A layer has told who it is. An error: it may not come in, for this reason.
    pub(crate) fn is_really(&self, remote: &Address) -> Result<(), Reason> {
        *self.remote.borrow_mut() = remote.clone();
        let now = self.world.clock.now();
        let mut place = self.place.borrow_mut();
        let asked = place.as_mut().map_or(Ok(()), |place| place.is_really(remote, now));
        self.refusal.set(asked.err());
        asked
    }

    /// Why it may not come in, if a layer's news were the reason.
    pub(crate) fn refusal(&self) -> Option<Reason> {
        self.refusal.get()
    }

    /// Its login has failed. Its source is turned away for a while if that happens too often.
    #[cfg_attr(not(test), expect(dead_code, reason = "the layer that asks for logins calls it"))]
    pub(crate) fn failed(&self) {
        if let Some(place) = &*self.place.borrow() {
            place.guard().failed(&self.remote.borrow(), self.world.clock.now());
        }
    }

    /// Whether its source has failed too often by now, perhaps on other connections: no login is worth looking at.
    #[cfg_attr(not(test), expect(dead_code, reason = "the layer that asks for logins calls it"))]
    pub(crate) fn is_barred(&self) -> bool {
        let place = self.place.borrow();
        let guard = place.as_ref().map(Pending::guard);
        guard.is_some_and(|guard| guard.is_barred(&self.remote.borrow(), self.world.clock.now()))
    }

    /// The handshake of a layer has ended, after this time.
    pub(crate) fn has_wrapped(&self, layer: &'static str, outcome: Outcome, took: Duration) {
        if let Some(metrics) = self.world.metrics.get() {
            metrics.handshake(layer, outcome, took);
        }
    }

    /// The handshakes are done: a place as a session, or why there is none.
    pub(crate) fn settle(&self) -> Result<Slot, Reason> {
        self.place.take().map_or(Err(Reason::Pending), Pending::settle)
    }
}
