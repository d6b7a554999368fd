//! What people and programs see: payload and events on stdout, everything else on stderr. Nothing else in the program
//! writes to either.

pub(crate) mod columns;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod output;
pub(crate) mod paint;
pub(crate) mod screen;
pub(crate) mod terminal;
mod unseen;

use std::sync::Arc;
use std::time::Duration;

use sockeye::core::{Fault, Observer};
use sockeye::{Views, Watcher};

/// One way of showing: for people, or for programs.
pub(crate) trait Ui: Watcher {
    /// The fault that ended the program.
    fn last(&self, fault: &Fault);

    /// Waits until all is written; with `patience`, no longer than that without progress.
    fn finish(&self, patience: Option<Duration>);
}

/// The same thing as a use case wants it and as the program ends with it.
pub(crate) fn views<U: Ui + Observer + 'static>(ui: Arc<U>, observed: bool) -> (Views, Arc<dyn Ui>) {
    let events = observed.then(|| ui.clone() as Arc<dyn Observer>);
    let watcher: Arc<dyn Watcher> = ui.clone();
    (Views { watcher, observer: events }, ui)
}
