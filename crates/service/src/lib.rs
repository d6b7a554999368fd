//! What a server answers with: the registry of services and the services themselves, without I/O.
//!
//! To add one: a file with an [`Entry`], its `mod` line and its word in [`ALL`], and its sentences in the catalogues
//! (`service-NAME`, `service-NAME-OPTION`). The command line, help, completions, `sockeye list services` and the
//! transcript tests iterate [`ALL`]. Start with `echo.rs`, the smallest.

mod echo;
pub mod entry;

pub use entry::{Choice, Entry, Example, Given, Opt, Step, Welcome};

/// Every service, in the order of the reference.
pub const ALL: &[&Entry] = &[&echo::ENTRY];

/// The service of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().copied().find(|entry| entry.name == name)
}
