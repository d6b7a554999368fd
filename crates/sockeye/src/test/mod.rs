//! `test`: run conversation files, several at once, and tell what came of each.
//!
//! [`run`] finds the files, plays each on a thread of its own with every peer in it, and gives a [`Summary`]: plain data,
//! from which reports are written. Read [`Request`] first.

mod artifacts;
mod files;
pub mod format;
pub(crate) mod play;
mod pool;
mod report;
mod witness;

use std::path::Path;
use std::time::Duration;

use sockeye_core::Fault;
use sockeye_script::Vars;

use crate::bounds::Bounds;
use crate::views::Views;

pub use pool::{MOST_JOBS, Watch};
pub use report::{Party, Report, Summary, Verdict};

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// Files, and directories, of which every `.skt` file below counts.
    pub paths: Vec<String>,
    /// Variables from outside; they win over those of the files.
    pub vars: Vars,
    /// How many files are played at once, 1 to [`MOST_JOBS`]; without it twice as many as there are processors, at least 4.
    pub jobs: Option<usize>,
    /// How often a file that failed is played again.
    pub retries: u32,
    /// Whether nothing more is begun once something failed.
    pub until: Until,
    /// What randomness is drawn from.
    pub seed: u64,
    /// How long something expected is waited for, in place of the files' `@timeout`.
    pub timeout: Option<Duration>,
    /// Bounds of the sessions.
    pub bounds: Bounds,
    /// A directory for what a file that fails leaves behind: events and packets.
    pub artifacts: Option<String>,
}

/// When a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// When every file was played.
    #[default]
    All,
    /// As soon as one has failed; what is under way is played to its end.
    FirstFailure,
}

/// Runs the files. What came of each is told to `watch` as it ends, and given back in the order in which they were named.
/// A signal ends what is under way within a moment, and the summary says what was not run.
pub fn run(request: &Request, watch: &dyn Watch, views: &Views) -> Result<Summary, Fault> {
    let files = files::find(&request.paths)?;
    if let Some(directory) = &request.artifacts {
        artifacts::make(Path::new(directory))?;
    }
    Ok(pool::run(request, &files, watch, views))
}
