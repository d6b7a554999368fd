//! What came of files: plain data.

use std::time::Duration;

use sockeye_script::play::Failure;

use crate::script::Unreadable;

/// What came of one file.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file, as it was named or found.
    pub file: String,
    /// What came of it.
    pub verdict: Verdict,
    /// How many steps were done, each round of a `repeat` counted.
    pub steps: u64,
    /// How many there are in all; 0 if the file could not be read.
    pub of: u64,
    /// How long the last attempt took.
    pub elapsed: Duration,
    /// How often it was played.
    pub attempts: u32,
    /// How the attempts before the last one failed, the first eight of them.
    pub earlier: Vec<Box<Failure>>,
    /// Who took part, in the order of the file.
    pub parties: Vec<Party>,
    /// Files that were written about it.
    pub kept: Vec<String>,
}

impl Report {
    /// Whether it passed, and not at once: the same file gave different results.
    pub const fn is_flaky(&self) -> bool {
        matches!(self.verdict, Verdict::Passed) && self.attempts > 1
    }

    /// A report of a file that was not played yet.
    pub(crate) fn of(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            verdict: Verdict::Skipped,
            steps: 0,
            of: 0,
            elapsed: Duration::ZERO,
            attempts: 1,
            earlier: Vec::new(),
            parties: Vec::new(),
            kept: Vec::new(),
        }
    }
}

/// Who took part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The name in the file.
    pub name: Box<str>,
    /// Our end and the other, of its last connection; `None` if there was none.
    pub addresses: Option<(String, String)>,
}

/// What came of a file.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Everything happened as written.
    Passed,
    /// It did not.
    Failed(Box<Failure>),
    /// The file cannot be played.
    Bad(Box<Unreadable>),
    /// It was not played to its end: the run was over before.
    Skipped,
}

impl Verdict {
    /// The word, never translated.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Bad(_) => "bad",
            Self::Skipped => "skipped",
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What came of each file, in the order in which they were named.
    pub reports: Vec<Report>,
    /// How long it took.
    pub elapsed: Duration,
    /// What randomness was drawn from.
    pub seed: u64,
    /// The signal that ended the run.
    pub signal: Option<i32>,
}

impl Summary {
    /// How many files passed after they had failed; they are among those that passed.
    pub fn flaky(&self) -> usize {
        self.reports.iter().filter(|report| report.is_flaky()).count()
    }

    /// How many files came to a verdict of this [word](Verdict::word).
    pub fn count(&self, word: &str) -> usize {
        self.reports.iter().filter(|report| report.verdict.word() == word).count()
    }
}
