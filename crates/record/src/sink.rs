//! Where recorded events go, off the driver's thread.

use sockeye_core::{Event, Fault, SessionId, Tick};

/// One kind of recording, fed in the order things happened.
pub trait Sink: Send {
    /// Whether bytes as the transport carries them, and what reads TLS, are wanted too.
    fn wants_wire(&self) -> bool;

    /// Is told, before the first event, which moment tick zero is: nanoseconds since 1970-01-01T00:00:00Z.
    fn start(&mut self, _zero: u64) -> Result<(), Fault> {
        Ok(())
    }

    /// Takes one event in. It may keep it for a while.
    fn event(&mut self, event: &Event<'_>) -> Result<(), Fault>;

    /// Writes out what it has kept, so that a crash of the program loses none of it.
    fn flush(&mut self) -> Result<(), Fault>;

    /// Writes what a recording ends with. Nothing follows.
    fn end(&mut self) -> Result<(), Fault>;
}

/// Whoever runs a recording, and is told how it fares. Called on the writer's thread.
pub trait Report: Send + Sync {
    /// One recording has stopped. What it has is kept; the sessions and the other recordings go on.
    fn stopped(&self, fault: &Fault);

    /// The session is in the store, whole, under this number; it ended at `at`.
    fn saved(&self, at: Tick, session: SessionId, id: u64);

    /// So many events, in all, were left out because nothing could take them in time.
    fn lost(&self, events: u64);
}
