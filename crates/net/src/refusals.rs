//! Who was turned away: each one an event, and for people one line a second at most, with the reasons counted.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sockeye_core::{Address, Kind, Note, SessionId};

use crate::guard::Reason;
use crate::tally::Tally;
use crate::world::World;

/// How often people are told.
const TELL: Duration = Duration::from_secs(1);

/// How many were turned away, by reason.
#[derive(Default)]
pub(crate) struct Refusals {
    counts: [AtomicU64; Reason::ALL.len()],
    untold: Tally,
    last: Mutex<Option<Address>>,
    ticking: AtomicBool,
}

impl Refusals {
    /// How many there were, by reason.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().map(|reason| (reason, self.counts[reason as usize].load(Ordering::Relaxed)))
    }

    /// What people are to be told, if there is something.
    fn news(&self) -> Option<Note> {
        let counted = self.untold.take()?;
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        let last = last.map(|last| last.to_string()).unwrap_or_default();
        let note = Note::new("refused").arg("count", counted.count).arg("reasons", counted.words);
        Some(note.arg("remote", last))
    }

    /// All of it, at the end.
    fn sum(&self) -> Option<Note> {
        let tally = Tally::default();
        for (reason, count) in self.counts() {
            tally.add_many(reason.word(), count);
        }
        let counted = tally.take()?;
        Some(Note::new("refused-in-all").arg("count", counted.count).arg("reasons", counted.words))
    }
}

impl World {
    /// Turns somebody away, as a session if it was one already.
    #[cold]
    pub(crate) fn refuse(self: &Rc<Self>, session: SessionId, remote: &Address, reason: Reason) {
        self.show(session, Kind::Refused { remote, reason: reason.word() });
        let refusals = &self.shared.refusals;
        refusals.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
        *refusals.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(remote.clone());
        refusals.untold.add(reason.word());
        if !refusals.ticking.swap(true, Ordering::AcqRel) {
            self.tell_refusals();
            let world = Rc::clone(self);
            tokio::task::spawn_local(async move {
                let refusals = &world.shared.refusals;
                loop {
                    tokio::time::sleep(TELL).await;
                    if world.tell_refusals() {
                        continue;
                    }
                    refusals.ticking.store(false, Ordering::Release);
                    // Another thread may have refused somebody meanwhile, and left the telling to us.
                    if refusals.untold.is_empty() || refusals.ticking.swap(true, Ordering::AcqRel) {
                        break;
                    }
                }
            });
        }
    }

    /// Tells what was not told yet. Whether there was something.
    pub(crate) fn tell_refusals(&self) -> bool {
        let news = self.shared.refusals.news();
        if let Some(note) = &news {
            self.front.note(SessionId::default(), note);
        }
        news.is_some()
    }

    /// Tells at the end how many were turned away in all, to those who want to know more.
    pub(crate) fn sum_up_refusals(&self) {
        if self.observer.is_some()
            && let Some(note) = self.shared.refusals.sum()
        {
            self.front.note(SessionId::default(), &note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_count() {
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(at, reason as usize);
        }
        let refusals = Refusals::default();
        assert_eq!(refusals.sum(), None);
        refusals.counts[Reason::Rate as usize].store(100, Ordering::Relaxed);
        refusals.counts[Reason::Pending as usize].store(20, Ordering::Relaxed);
        let sum = refusals.sum().unwrap();
        assert!(sum.args.contains(&("reasons", "rate 100, pending 20".to_owned())));
        assert!(sum.args.contains(&("count", "120".to_owned())));
    }
}
