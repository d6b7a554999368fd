//! What a listener does with a peer: the same for streams and datagrams.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use sockeye_core::{Address, Kind, Lane, Machine, Note, Peer, Service, SessionId};
use tokio::sync::watch;

use crate::guard::{Guard, Slot};
use crate::layer::Layers;
use crate::world::World;

/// One listener's plan.
pub(crate) struct Plan {
    pub(crate) world: Rc<World>,
    pub(crate) guard: Rc<Guard>,
    pub(crate) service: Arc<dyn Service>,
    /// Which of the services that read the operator's lines this is.
    pub(crate) desk: Option<usize>,
    /// What peers must put on before they are let in.
    pub(crate) layers: Layers,
    pub(crate) lane: Lane,
    pub(crate) idle: Option<Duration>,
    /// End after this many sessions.
    pub(crate) sessions: Option<u64>,
    /// Becomes true when nobody is to be let in any more.
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) refusals: Refusals,
}

/// Somebody who has come in.
pub(crate) struct Caller {
    pub(crate) id: SessionId,
    pub(crate) transport: &'static str,
    pub(crate) local: Address,
    pub(crate) remote: Address,
    pub(crate) user: Option<Box<str>>,
}

/// Who was turned away, told once a second at most.
#[derive(Default)]
pub(crate) struct Refusals {
    count: std::cell::Cell<u64>,
    told: std::cell::Cell<Option<sockeye_core::Tick>>,
}

impl Plan {
    /// Whether another session may begin; the last one that may stops all listeners.
    pub(crate) fn may_begin(&self) -> bool {
        self.sessions.is_none_or(|sessions| self.guard.begun() < sessions)
    }

    /// A place for the peer. `None`: turned away, counted and told.
    pub(crate) fn enter(&self, remote: &Address) -> Option<Slot> {
        match self.guard.enter(remote, self.world.clock.now()) {
            Ok(slot) => {
                if !self.may_begin() {
                    self.stop.send_replace(true);
                }
                Some(slot)
            }
            Err(reason) => {
                self.refuse(remote, reason);
                None
            }
        }
    }

    /// The machine of a new session with somebody who has come in.
    pub(crate) fn begin(&self, caller: Caller) -> Machine {
        let Caller { id, transport, local, remote, user } = caller;
        let peer =
            Peer { session: id, transport, datagrams: self.lane.medium.is_datagrams(), local, remote, user };
        let conversation = self.service.start(&peer);
        Machine::new(conversation, self.lane, self.world.limits.message)
            .watched(id, self.world.observer.clone())
    }

    #[cold]
    fn refuse(&self, remote: &Address, reason: &'static str) {
        let id = SessionId::default();
        self.world.show(id, Kind::Refused { remote, reason });
        let count = self.refusals.count.get() + 1;
        let now = self.world.clock.now();
        let quiet = self.refusals.told.get().is_some_and(|told| now.since(told) < Duration::from_secs(1));
        self.refusals.count.set(if quiet { count } else { 0 });
        if !quiet {
            self.refusals.told.set(Some(now));
            let note = Note::new("refused").arg("remote", remote).arg("limit", reason).arg("count", count);
            self.world.front.note(id, &note);
        }
    }
}
