//! Between a use case and whoever watches it: events go to both, and a recording that is full holds sessions up as a
//! full screen does.

use std::sync::Arc;

use sockeye_core::endpoint::Secret;
use sockeye_core::{Event, Fault, How, Kind, Note, Observer, SessionId, Tick};
use sockeye_net::Front;
use sockeye_record::{Recorder, Report};

use crate::secrets::Want;
use crate::views::{Views, Watcher};

/// The recorder, and whoever else wants events.
pub(super) struct Tee {
    pub(super) recorder: Arc<Recorder>,
    pub(super) inner: Option<Arc<dyn Observer>>,
}

impl Observer for Tee {
    fn event(&self, event: &Event<'_>) {
        self.recorder.event(event);
        let is_wire = matches!(event.kind, Kind::Wire { .. } | Kind::Secret { .. });
        if let Some(inner) = &self.inner
            && (!is_wire || inner.wants_wire())
        {
            inner.event(event);
        }
    }

    fn wants_wire(&self) -> bool {
        self.recorder.wants_wire() || self.inner.as_ref().is_some_and(|inner| inner.wants_wire())
    }
}

/// The people's side, which is full when the recorder is.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn Watcher>,
    pub(super) recorder: Arc<Recorder>,
}

impl Front for Watched {
    fn listening(&self, url: &str, service: &str) {
        self.inner.listening(url, service);
    }

    fn print(&self, session: SessionId, payload: &[u8]) {
        self.inner.print(session, payload);
    }

    fn is_blocked(&self) -> bool {
        self.recorder.is_full() || self.inner.is_blocked()
    }

    fn note(&self, session: SessionId, note: &Note) {
        self.inner.note(session, note);
    }

    fn fault(&self, session: SessionId, fault: &Fault) {
        self.inner.fault(session, fault);
    }
}

impl Watcher for Watched {
    fn warning(&self, fault: &Fault) {
        self.inner.warning(fault);
    }

    fn secret(&self, want: Want<'_>) -> Option<Secret> {
        self.inner.secret(want)
    }
}

/// Whoever watches, told how a recording fares.
pub(super) struct Told(pub(super) Views);

impl Told {
    fn event(&self, at: Tick, session: SessionId, kind: Kind<'_>) {
        if let Some(observer) = &self.0.observer {
            observer.event(&Event { at, session, how: How::Traced, kind });
        }
    }
}

impl Report for Told {
    fn stopped(&self, fault: &Fault) {
        self.0.watcher.warning(fault);
    }

    fn saved(&self, at: Tick, session: SessionId, id: u64) {
        self.event(at, session, Kind::Saved { id });
    }

    fn lost(&self, events: u64) {
        let note = Note::new("events-lost").arg("count", events);
        self.0.watcher.note(SessionId::default(), &note);
    }
}
