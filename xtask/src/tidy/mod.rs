//! What holds for every file of the repository, and no compiler checks. Read [`ALL`] first.
//!
//! A check is one file here and one line in [`ALL`]: a function from the [`Tree`] to what is wrong with it. What is
//! right in spite of a check stands, with its reason, in `xtask/exempt.txt`.

mod bans;
mod exempt;
mod format;
mod headers;
mod imports;
mod locales;
mod manifests;
mod purity;
mod readme;
mod sentences;
mod size;
mod source;
mod space;
mod tree;

use std::fmt;

pub(crate) use tree::{Tree, root};

/// One check.
pub(crate) struct Check {
    /// Its name in findings and exemptions.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) about: &'static str,
    run: fn(&Tree) -> Vec<Finding>,
}

/// Every check, in the order of the report.
pub(crate) const ALL: &[Check] = &[
    Check { name: "imports", about: "no crate imports what its row of the table bans", run: imports::run },
    Check { name: "manifests", about: "dependencies and lints come from the workspace", run: manifests::run },
    Check { name: "purity", about: "pure crates touch no clock, socket, file or process", run: purity::run },
    Check { name: "size", about: "no file is over 700 lines", run: size::run },
    Check { name: "headers", about: "every Rust file says what it is", run: headers::run },
    Check { name: "format", about: "every Rust file is as rustfmt writes it", run: format::run },
    Check { name: "bans", about: "no bare allow, no ignored test, no todo, no sleep", run: bans::run },
    Check { name: "space", about: "no tabs, no trailing spaces, one newline at the end", run: space::run },
    Check {
        name: "locales",
        about: "both catalogues have the same keys, and Chinese is Chinese",
        run: locales::run,
    },
    Check {
        name: "sentences",
        about: "sentences for people stand in the catalogues alone",
        run: sentences::run,
    },
    Check {
        name: "readme",
        about: "both read-me files are there, and their commands exist",
        run: readme::run,
    },
];

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    check: &'static str,
    path: String,
    /// Counted from 1; 0 for the file as a whole.
    line: usize,
    what: String,
    weight: Weight,
}

/// Whether a finding fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Failure,
    Note,
}

impl Finding {
    fn new(path: impl Into<String>, line: usize, what: impl Into<String>) -> Self {
        Self { check: "", path: path.into(), line, what: what.into(), weight: Weight::Failure }
    }

    fn note(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { weight: Weight::Note, ..Self::new(path, 0, what) }
    }

    pub(crate) fn fails(&self) -> bool {
        self.weight == Weight::Failure
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = if self.fails() { "" } else { "note: " };
        match self.line {
            0 => write!(f, "{}: {note}[{}] {}", self.path, self.check, self.what),
            line => write!(f, "{}:{line}: {note}[{}] {}", self.path, self.check, self.what),
        }
    }
}

/// Runs every check; exemptions are taken off, and those that no longer fit anything are findings themselves.
pub(crate) fn run(tree: &Tree) -> Vec<Finding> {
    let found = ALL.iter().flat_map(|check| {
        let findings = (check.run)(tree).into_iter();
        findings.map(|finding| Finding { check: check.name, ..finding })
    });
    exempt::take_off(tree, found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let findings = run(&Tree::read(&root()).unwrap());
        let failures: Vec<_> =
            findings.iter().filter(|finding| finding.fails()).map(Finding::to_string).collect();
        assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    }
}
