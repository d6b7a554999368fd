//! The people's side of a driver: where payload for stdout, notes and faults go. The command line implements it.

use sockeye_core::{Fault, Note, SessionId};

/// What a driver tells whoever runs it. Called on the driver's thread: implementations queue or write, and return.
pub trait Front: Send + Sync {
    /// A listener is ready at `url` (real port), answered by `service`.
    fn listening(&self, url: &str, service: &str);

    /// Payload for stdout.
    fn print(&self, session: SessionId, payload: &[u8]);

    /// Whether payload gets to stdout as it is, and all of it is there by now: then a driver may for once write there by
    /// itself. What it cannot write is printed as ever.
    fn is_through(&self) -> bool {
        false
    }

    /// Whether what is shown can be taken by nobody for now: stdout, or where events go, is full. Sessions that print, or
    /// whose events are shown, are read no further until it can.
    fn is_blocked(&self) -> bool;

    /// Something to tell a person.
    fn note(&self, session: SessionId, note: &Note);

    /// A session (0: the server itself) failed. Shown at default verbosity.
    fn fault(&self, session: SessionId, fault: &Fault);
}
