//! What sessions leave behind: every recording is a fold over events.
//!
//! A recording is written by a [`Sink`]: a conversation file, packets, lines of JSON, or the store. The [`Recorder`]
//! feeds them, off the driver's thread. Nothing here owns a socket or a runtime.

pub mod file;
pub mod import;
pub mod json;
pub mod lines;
pub mod recorder;
pub mod script;
pub mod sink;
pub mod store;
pub mod tape;

pub use recorder::{Recorder, Target, WhenFull};
pub use sink::{Report, Sink};
