//! What sockeye's tests share: a driver that runs services and conversations in memory, and the runner of examples.
//!
//! [`Stage`] is the driver: any number of peers, time that moves only when told to, and every operation of the
//! [`Outbox`](sockeye_core::Outbox) carried out. [`transcript`] runs an example of the service registry against a
//! [`Wire`], be it memory or a socket. [`program`] starts and watches real programs, and
//! [`certificates`] makes what TLS is tested with, [`schema`] holds lines of JSON beside the schemas of `docs/`. Nothing here is part of sockeye.

pub mod certificates;
pub mod chunking;
pub mod fuzz;
pub mod memory;
pub mod packets;
pub mod process;
pub mod program;
pub mod schema;
pub mod stage;
pub mod transcript;

pub use chunking::Chunking;
pub use memory::run_in_memory;
pub use stage::{Caller, Ending, Stage};
pub use transcript::Wire;
