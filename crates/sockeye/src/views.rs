//! Who sees what a use case does.

use std::sync::Arc;

use sockeye_core::endpoint::Secret;
use sockeye_core::{Fault, Observer};
use sockeye_net::Front;

use crate::secrets::Want;

/// The people's side of a use case: a driver's, and what is told before a driver runs.
pub trait Watcher: Front {
    /// Something went wrong, and it goes on without: a port of the welcome set that is taken.
    fn warning(&self, fault: &Fault);

    /// A secret, from the environment or asked for where somebody can be. Called before anything is opened; it may wait
    /// for a person.
    fn secret(&self, want: Want<'_>) -> Option<Secret>;
}

/// Who is shown what.
#[derive(Clone)]
pub struct Views {
    /// Payload, notes, faults and ready lines.
    pub watcher: Arc<dyn Watcher>,
    /// Events, if somebody wants them: a session without an observer pays nothing.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Views {
    /// The watcher as drivers know it.
    pub(crate) fn front(&self) -> Arc<dyn Front> {
        self.watcher.clone()
    }
}
