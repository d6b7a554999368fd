//! What a listener does with a peer: the same for streams and datagrams, and on every thread.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sockeye_core::{Address, Lane, Machine, Peer, Service, SessionId};
use tokio::sync::watch;

use crate::guard::{Guard, Slot};
use crate::impair::Impairments;
use crate::layer::Layers;
use crate::world::World;

/// One listener's plan on one thread.
pub(crate) struct Plan {
    pub(crate) world: Rc<World>,
    pub(crate) draft: Draft,
}

/// One listener's plan, whatever thread carries it out.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) guard: Arc<Guard>,
    pub(crate) service: Arc<dyn Service>,
    /// Which of the services that read the operator's lines this is.
    pub(crate) desk: Option<usize>,
    /// What peers must put on before they are let in.
    pub(crate) layers: Arc<Layers>,
    pub(crate) lane: Lane,
    pub(crate) idle: Option<Duration>,
    /// What a bad network does to its sessions, if anything.
    pub(crate) faults: Option<Arc<Impairments>>,
    /// Becomes true when nobody is to be let in any more.
    pub(crate) stop: watch::Sender<bool>,
}

/// Somebody who has come in.
pub(crate) struct Caller {
    pub(crate) id: SessionId,
    pub(crate) transport: &'static str,
    pub(crate) local: Address,
    pub(crate) remote: Address,
    pub(crate) user: Option<Box<str>>,
}

impl Draft {
    /// The plan on one thread.
    pub(crate) fn on(self, world: &Rc<World>) -> Rc<Plan> {
        Rc::new(Plan { world: Rc::clone(world), draft: self })
    }
}

impl Deref for Plan {
    type Target = Draft;

    fn deref(&self) -> &Draft {
        &self.draft
    }
}

impl Plan {
    /// A place for a peer without handshakes to make. `None`: turned away, counted and told.
    pub(crate) fn enter(&self, remote: &Address) -> Option<Slot> {
        match self.guard.enter(remote, self.world.clock.now()) {
            Ok(slot) => Some(self.began(slot)),
            Err(reason) => {
                self.world.refuse(SessionId::default(), remote, reason);
                None
            }
        }
    }

    /// A session has its place: the last one that may begin stops all listeners.
    pub(crate) fn began(&self, slot: Slot) -> Slot {
        if !self.guard.may_begin() {
            self.stop.send_replace(true);
        }
        slot
    }

    /// The machine of a new session with somebody who has come in.
    pub(crate) fn begin(&self, caller: Caller) -> Machine {
        let Caller { id, transport, local, remote, user } = caller;
        let peer =
            Peer { session: id, transport, datagrams: self.lane.medium.is_datagrams(), local, remote, user };
        let conversation = self.service.start(&peer);
        Machine::new(conversation, self.lane, self.world.limits.message)
            .bursting(self.world.burst)
            .watched(id, self.world.observer.clone())
    }
}
