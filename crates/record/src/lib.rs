//! What sessions leave behind: every recording is a fold over events.
//!
//! A recording is written by a [`Sink`]: a conversation file, packets, lines of JSON, or the store. Nothing here owns a
//! socket or a runtime.

pub mod import;
pub mod sink;

pub use sink::Sink;
