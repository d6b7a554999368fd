//! `cert`: development certificates made, and certificates of any kind shown.
//!
//! [`make`] is a small authority in files: what it makes is for machines of one's own, and for tests. [`show`] reads
//! files and, through a function that is given, live servers. Nothing here is for a public name: nobody outside trusts
//! such an authority.

pub(crate) mod files;
pub mod make;
mod name;
pub mod show;
mod sign;

pub use files::Overwrite;

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in Unix seconds; a clock before 1970 is taken for 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
