//! Where recorded events go, off the driver's thread.

use sockeye_core::{Event, Fault};

/// One kind of recording, fed in the order things happened.
pub trait Sink: Send {
    /// Whether bytes as the transport carries them, and what reads TLS, are wanted too.
    fn wants_wire(&self) -> bool;

    /// Takes one event in. It may keep it for a while.
    fn event(&mut self, event: &Event<'_>) -> Result<(), Fault>;

    /// Writes out what it has kept, so that a crash of the program loses none of it.
    fn flush(&mut self) -> Result<(), Fault>;

    /// Writes what a recording ends with. Nothing follows.
    fn end(&mut self) -> Result<(), Fault>;
}
