//! Conversations written down: one grammar for transcripts, tests and mocks (`docs/skt.md`).
//!
//! A [`Program`] is what a file comes to: who takes part, and one step after another. Read [`program`] first.

pub mod data;
pub mod pattern;
pub mod play;
pub mod program;
pub mod vars;

pub use data::Data;
pub use pattern::{Extent, Pattern, Verdict};
pub use program::Program;
pub use vars::Vars;
