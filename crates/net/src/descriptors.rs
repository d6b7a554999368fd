//! How many descriptors this process may have: each session takes one. Most systems give 1,024 until asked for more, so
//! as not to break programs that use `select(2)`; this one does not.

use std::sync::OnceLock;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// What the process was started with, if it has more now.
static FOUND: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit to the hard one (getrlimit(2)), for the whole process. Processes that are started for sessions
/// get what this one was started with. Where the system refuses, nothing changes.
pub fn raise() {
    let found = getrlimit(Resource::Nofile);
    let most = Rlimit { current: found.maximum, ..found };
    if found.current != found.maximum && setrlimit(Resource::Nofile, most).is_ok() {
        // Only the first call finds what the process was started with.
        let _ = FOUND.set(found);
    }
}

/// Gives a process that was just started the limit that this one was started with: it may use `select(2)`, or close every
/// descriptor that it could have.
pub(crate) fn give_back(process: i32) {
    if let Some(found) = FOUND.get()
        && let Some(process) = Pid::from_raw(process)
    {
        // It fails only on one that has ended.
        let _ = prlimit(Some(process), Resource::Nofile, *found);
    }
}
