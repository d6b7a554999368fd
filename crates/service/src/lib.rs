//! What a server answers with: the registry of services and the services themselves, without I/O.
//!
//! To add one: a file with an [`Entry`], its `mod` line and its word in [`ALL`], and its sentences in the catalogues
//! (`service-NAME`, `service-NAME-OPTION`). The command line, help, completions, `sockeye list services` and the
//! transcript tests iterate [`ALL`]. Start with `echo.rs`, the smallest.

mod ack;
mod bridge;
mod chargen;
mod chat;
mod daytime;
mod discard;
mod echo;
pub mod entry;
mod exec;
mod forward;
pub mod given;
mod receive;
mod reflection;
mod reply;
mod script;
mod time;
mod upper;

pub use entry::{By, Choice, Entry, Example, Loads, Opt, Step, Welcome};
pub use given::Given;

/// Every service, in the order of the reference.
pub const ALL: &[&Entry] = &[
    &ack::ENTRY,
    &receive::ENTRY,
    &upper::ENTRY,
    &echo::ENTRY,
    &discard::ENTRY,
    &chargen::ENTRY,
    &daytime::ENTRY,
    &time::ENTRY,
    &reply::ENTRY,
    &script::ENTRY,
    &chat::ENTRY,
    &exec::ENTRY,
    &forward::ENTRY,
];

/// The service of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().copied().find(|entry| entry.name == name)
}
