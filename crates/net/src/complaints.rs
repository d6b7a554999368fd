//! What goes wrong with a server's peers: each one an event, and for people a few a second. A scan or a flood must not
//! fill a terminal or a log; what is not told is counted by code and told in one line.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use sockeye_core::{Fault, Note, SessionId};

use crate::tally::Tally;
use crate::world::World;

/// How often what was left out is told.
const TELL: Duration = Duration::from_secs(1);

/// Complaints of one kind.
pub(crate) struct Complaints {
    /// So many are told in full each second.
    most: u32,
    told: AtomicU32,
    untold: Tally,
    ticking: AtomicBool,
}

/// Which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Handshakes: anybody can make them fail, and scanners do.
    Handshake,
    /// Sessions that had begun.
    Session,
}

impl Complaints {
    const fn new(most: u32) -> Self {
        let (told, ticking) = (AtomicU32::new(0), AtomicBool::new(false));
        Self { most, told, untold: Tally::new(), ticking }
    }

    /// Those of each kind, in the order of [`About`].
    pub(crate) const fn all() -> [Self; 2] {
        [Self::new(5), Self::new(20)]
    }

    /// Whether it may be told; it is counted otherwise.
    fn may_tell(&self, word: &'static str) -> bool {
        let one_more = |told| (told < self.most).then_some(told + 1);
        let may = self.told.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
        if !may {
            self.untold.add(word);
        }
        may
    }

    /// What was left out, if something was. A new second begins.
    fn rest(&self) -> Option<Note> {
        self.told.store(0, Ordering::Relaxed);
        let counted = self.untold.take()?;
        Some(Note::new("left-out").arg("count", counted.count).arg("codes", counted.words))
    }
}

impl World {
    /// Tells people that something went wrong with a peer, unless that was told too often just now.
    #[cold]
    pub(crate) fn complain(self: &Rc<Self>, about: About, session: SessionId, fault: &Fault) {
        let complaints = &self.shared.complaints[about as usize];
        if complaints.may_tell(fault.code.word()) {
            self.fault(session, fault);
        }
        if !complaints.ticking.swap(true, Ordering::AcqRel) {
            let world = Rc::clone(self);
            tokio::task::spawn_local(async move {
                let complaints = &world.shared.complaints[about as usize];
                loop {
                    tokio::time::sleep(TELL).await;
                    if world.tell_left_out(about) {
                        continue;
                    }
                    complaints.ticking.store(false, Ordering::Release);
                    // Another thread may have complained meanwhile, and left the telling to us.
                    if complaints.untold.is_empty() || complaints.ticking.swap(true, Ordering::AcqRel) {
                        break;
                    }
                }
            });
        }
    }

    /// Tells what was left out. Whether there was something.
    pub(crate) fn tell_left_out(&self, about: About) -> bool {
        let rest = self.shared.complaints[about as usize].rest();
        if let Some(note) = &rest {
            self.front.note(SessionId::default(), note);
        }
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_told_and_the_rest_is_counted() {
        let [complaints, _] = Complaints::all();
        let told =
            (0..12).filter(|at| complaints.may_tell(if at % 2 == 0 { "idle" } else { "reset" })).count();
        assert_eq!(told, 5);
        let rest = complaints.rest().unwrap();
        assert_eq!(rest.args, [("count", "7".to_owned()), ("codes", "reset 4, idle 3".to_owned())]);
        assert_eq!(complaints.rest(), None);
        assert!(complaints.may_tell("idle"), "a new second has begun");
    }
}
