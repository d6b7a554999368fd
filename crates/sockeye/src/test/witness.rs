//! Who sees what a played file does: takes note of addresses and of why connections fail, and passes everything on to
//! whoever watches the run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sockeye_core::{Address, Event, Fault, Kind as Happened, Leg, Note, Observer, PEER, SessionId};
use sockeye_net::Front;
use sockeye_script::play::failure::Kind;

use super::report::Party;
use crate::views::Views;

/// A witness of one play.
pub(super) struct Witness {
    views: Views,
    seen: Mutex<Seen>,
}

struct Seen {
    parties: Vec<Party>,
    /// The last fault of a connection.
    fault: Option<Fault>,
}

impl Witness {
    /// A witness of a play with these peers: peer `i` is leg `i + 1`.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>, views: &Views) -> Self {
        let parties = names.map(|name| Party { name: name.into(), addresses: None }).collect();
        Self { views: views.clone(), seen: Mutex::new(Seen { parties, fault: None }) }
    }

    /// Who took part, as far as known.
    pub(super) fn parties(&self) -> Vec<Party> {
        self.seen().parties.clone()
    }

    /// Why a connection failed, all of it: the failure knows the code alone.
    pub(super) fn fault(&self, kind: &Kind) -> Option<Fault> {
        let (Kind::Connect(code) | Kind::Listen(code) | Kind::Secure(code) | Kind::Lost(code)) = kind else {
            return None;
        };
        self.seen().fault.clone().filter(|fault| fault.code == *code)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connected(&self, leg: Leg, local: &Address, remote: &Address) {
        let mut seen = self.seen();
        if let Some(party) = index(leg).and_then(|at| seen.parties.get_mut(at)) {
            party.addresses = Some((local.to_string(), remote.to_string()));
        }
    }
}

/// Which peer a leg belongs to.
fn index(leg: Leg) -> Option<usize> {
    (leg != PEER).then(|| usize::from(leg) - 1)
}

impl Observer for Witness {
    fn event(&self, event: &Event<'_>) {
        match event.kind {
            Happened::Connected { leg, local, remote, .. } => self.connected(leg, local, remote),
            Happened::Error(fault) => self.seen().fault = Some(fault.clone()),
            _ => {}
        }
        if let Some(observer) = &self.views.observer {
            observer.event(event);
        }
    }

    fn wants_wire(&self) -> bool {
        self.views.observer.as_ref().is_some_and(|observer| observer.wants_wire())
    }
}

impl Front for Witness {
    // The report tells where a listener was, and what went wrong.
    fn listening(&self, _url: &str, _service: &str) {}

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        self.views.observer.is_some() && self.views.watcher.is_blocked()
    }

    fn note(&self, _session: SessionId, _note: &Note) {}

    fn fault(&self, _session: SessionId, _fault: &Fault) {}
}
