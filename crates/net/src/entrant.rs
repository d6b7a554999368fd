//! Somebody at a server's door: a connection whose handshakes are not done. Layers tell it what they learn of the peer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sockeye_core::Address;

use crate::guard::{Guard, Pending, Reason, Slot};
use crate::layer::Door;
use crate::metrics::Outcome;
use crate::world::World;

/// A newcomer, with its place among the pending until it settles or is dropped.
pub(crate) struct Entrant {
    world: Rc<World>,
    guard: Arc<Guard>,
    place: RefCell<Option<Pending>>,
    remote: RefCell<Address>,
    refusal: Cell<Option<Reason>>,
}

impl Entrant {
    /// Somebody who has a place.
    pub(crate) fn new(world: &Rc<World>, guard: &Arc<Guard>, place: Pending, remote: Address) -> Self {
        Self {
            world: Rc::clone(world),
            guard: Arc::clone(guard),
            place: RefCell::new(Some(place)),
            remote: RefCell::new(remote),
            refusal: Cell::new(None),
        }
    }

    /// Who it is, as far as is known.
    pub(crate) fn remote(&self) -> Address {
        self.remote.borrow().clone()
    }

    /// Why it may not come in, if a layer's news were the reason.
    pub(crate) fn refusal(&self) -> Option<Reason> {
        self.refusal.get()
    }

    /// The handshakes are done: a place as a session, or why there is none.
    pub(crate) fn settle(&self) -> Result<Slot, Reason> {
        self.place.take().map_or(Err(Reason::Pending), Pending::settle)
    }
}

impl Door for Entrant {
    fn is_barred(&self, remote: &Address) -> bool {
        let barred = self.guard.is_barred(remote, self.world.clock.now());
        if barred {
            self.refusal.set(Some(Reason::Backoff));
        }
        barred
    }

    fn failed(&self, remote: &Address) {
        self.guard.failed(remote, self.world.clock.now());
    }

    fn is_really(&self, remote: &Address) -> Result<(), Reason> {
        *self.remote.borrow_mut() = remote.clone();
        let mut place = self.place.borrow_mut();
        let asked = place.as_mut().map_or(Ok(()), |place| place.is_really(remote, self.world.clock.now()));
        self.refusal.set(asked.err());
        asked
    }

    fn has_wrapped(&self, layer: &'static str, outcome: Outcome, took: Duration) {
        if let Some(metrics) = self.world.shared.metrics.get() {
            metrics.handshake(layer, outcome, took);
        }
    }
}
