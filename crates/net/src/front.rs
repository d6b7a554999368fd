//! The people's side of a driver: where payload for stdout, notes and faults go. The command line implements it.

use std::fmt::Debug;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

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

    /// Who wants to look at TCP sockets themselves, if anybody does. Asked once, when the driver starts.
    fn onlooker(&self) -> Option<Arc<dyn Onlooker>> {
        None
    }
}

/// Whoever looks at the driver's TCP sockets: what the kernel tells of them, and what it is asked to tell. Called on the
/// driver's thread. A look must not change what is sent.
pub trait Onlooker: Debug + Send + Sync {
    /// This one connects next.
    fn connecting(&self, socket: BorrowedFd<'_>);

    /// This one listens.
    fn listening(&self, socket: BorrowedFd<'_>);

    /// This one came to a listener, and is of this session.
    fn accepted(&self, session: SessionId, socket: BorrowedFd<'_>);
}
