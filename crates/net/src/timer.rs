//! One timer a thread. A session asks once for its earliest time and looks again when it comes, so a message never
//! touches the timer.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use sockeye_core::{SessionId, Tick};
use tokio::sync::Notify;

use crate::post::Letter;
use crate::world::World;

/// When which session is due. Entries outlive their session; they then find nobody.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    due: RefCell<BinaryHeap<Reverse<(Tick, SessionId)>>>,
    earlier: Notify,
}

impl Timer {
    /// Sends [`Letter::Due`] to the session at `when`.
    pub(crate) fn arm(&self, when: Tick, session: SessionId) {
        let mut due = self.due.borrow_mut();
        let first = due.peek().is_none_or(|Reverse((earliest, _))| when < *earliest);
        due.push(Reverse((when, session)));
        if first {
            self.earlier.notify_one();
        }
    }

    /// The earliest time, after all that are due at `now` were taken out into `ready`.
    fn pop(&self, now: Tick, ready: &mut Vec<SessionId>) -> Option<Tick> {
        let mut due = self.due.borrow_mut();
        while let Some(Reverse((when, session))) = due.peek().copied() {
            if when > now {
                return Some(when);
            }
            due.pop();
            ready.push(session);
        }
        None
    }
}

/// Runs the timer until its runtime ends.
pub(crate) async fn run(world: Rc<World>) {
    let mut ready = Vec::new();
    loop {
        let next = world.timer.pop(world.clock.now(), &mut ready);
        for session in ready.drain(..) {
            world.hand_over(session, Letter::Due);
        }
        match next {
            Some(when) => {
                let sleep = tokio::time::sleep_until(world.clock.instant(when));
                tokio::select! {
                    () = sleep => {}
                    () = world.timer.earlier.notified() => {}
                }
            }
            None => world.timer.earlier.notified().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_out_in_order() {
        let timer = Timer::default();
        for (when, session) in [(30, 3), (10, 1), (20, 2)] {
            timer.arm(Tick(when), SessionId(session));
        }
        let mut ready = Vec::new();
        assert_eq!(timer.pop(Tick(20), &mut ready), Some(Tick(30)));
        assert_eq!(ready, [SessionId(1), SessionId(2)]);
    }
}
