//! Regular expressions over bytes.

use std::sync::OnceLock;

use regex::bytes;

/// The most memory that one takes when compiled: 1 MiB.
const BIGGEST: usize = 1 << 20;

/// A regular expression, compiled.
#[derive(Debug)]
pub(crate) struct Regex {
    source: Box<str>,
    /// `i m s x` as in the library, `b`: bytes instead of characters.
    flags: Box<str>,
    anywhere: bytes::Regex,
    /// Finds it at the beginning only. Most are needed in one way.
    here: OnceLock<bytes::Regex>,
}

impl Regex {
    /// Compiles. An error is the library's own words.
    pub(crate) fn new(source: &str, flags: &str) -> Result<Self, String> {
        let anywhere = compile(source, flags).map_err(|error| error.to_string())?;
        Ok(Self { source: source.into(), flags: flags.into(), anywhere, here: OnceLock::new() })
    }

    /// The names of its groups.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.anywhere.capture_names().flatten()
    }

    /// Where it begins and ends, wherever it is.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        self.anywhere.find(bytes).map(|found| (found.start(), found.end()))
    }

    /// Where it ends, if it is at the beginning.
    pub(super) fn find_here(&self, bytes: &[u8]) -> Option<usize> {
        self.here().find(bytes).filter(|found| found.start() == 0).map(|found| found.end())
    }

    /// What the group of this name captures, wherever the expression is.
    pub(super) fn capture(&self, bytes: &[u8], name: &str) -> Option<Vec<u8>> {
        Some(self.anywhere.captures(bytes)?.name(name)?.as_bytes().to_vec())
    }

    /// The same, where the expression is at the beginning.
    pub(super) fn capture_here(&self, bytes: &[u8], name: &str) -> Option<Vec<u8>> {
        Some(self.here().captures(bytes)?.name(name)?.as_bytes().to_vec())
    }

    fn here(&self) -> &bytes::Regex {
        self.here.get_or_init(|| {
            // A comment of the extended syntax must not swallow the bracket.
            let end = if self.flags.contains('x') { "\n" } else { "" };
            compile(&format!(r"\A(?:{}{end})", self.source), &self.flags)
                .unwrap_or_else(|_| self.anywhere.clone())
        })
    }
}

fn compile(source: &str, flags: &str) -> Result<bytes::Regex, regex::Error> {
    bytes::RegexBuilder::new(source)
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .ignore_whitespace(flags.contains('x'))
        .unicode(!flags.contains('b'))
        .size_limit(BIGGEST)
        .dfa_size_limit(BIGGEST)
        .nest_limit(64)
        .build()
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.flags == other.flags
    }
}

impl Eq for Regex {}
