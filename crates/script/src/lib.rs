//! Conversations written down: one grammar for transcripts, tests and mocks (`docs/skt.md`).
//!
//! A [`Program`] is what a file comes to: who takes part, and one step after another. Read [`program`] first.

pub mod data;
pub mod error;
mod format;
mod message;
pub mod pattern;
pub mod play;
pub mod program;
pub mod syntax;
pub mod transcript;
pub mod vars;
pub mod write;

pub use data::Data;
pub use error::{Error, Errors};
pub use format::format;
pub use pattern::{Extent, Pattern, Verdict};
pub use program::Program;
pub use syntax::{Loader, Wanted, read};
pub use transcript::Transcript;
pub use vars::Vars;
pub use write::quote;
