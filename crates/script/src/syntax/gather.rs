//! A file and what it includes, as one list of lines.

use super::line;
use super::tree::{Item, Line, Word};
use super::{DEEPEST, LONGEST, Loader, Wanted};
use crate::error::{Error, MOST, Noun, What, lossy};
use crate::message::Span;
use crate::program::{Place, Source};

/// The most files that are read for one; a file counts each time it is included.
const MOST_FILES: usize = 1_000;

/// The most text that all of them come to: 64 MiB.
const MOST_TEXT: usize = 64 << 20;

/// Everything that was read.
pub(super) struct Gathered {
    pub(super) sources: Vec<Source>,
    /// Lines with the source they are in, in order.
    pub(super) lines: Vec<(u16, Line)>,
    pub(super) errors: Vec<Error>,
    /// The files being read, outermost first.
    open: Vec<String>,
    bytes: usize,
}

pub(super) fn gather(path: &str, text: &str, loader: &mut Loader<'_>) -> Gathered {
    let (sources, lines, errors) = (Vec::new(), Vec::new(), Vec::new());
    let mut gathered = Gathered { sources, lines, errors, open: Vec::new(), bytes: 0 };
    gathered.file(path, text, None, loader);
    gathered
}

impl Gathered {
    pub(super) fn error(&mut self, source: u16, span: Span, what: What) {
        // More than this many in all are never shown; a file with a million mistakes costs no more.
        if self.errors.len() < 4 * MOST {
            let place = Place { source, start: span.start, end: span.end };
            self.errors.push(Error { place, what });
        }
    }

    fn file(&mut self, path: &str, text: &str, included: Option<Place>, loader: &mut Loader<'_>) {
        let Ok(source) = u16::try_from(self.sources.len()) else { return };
        self.bytes += text.len();
        let read = Source::new(path, if text.len() > LONGEST { "" } else { text });
        self.sources.push(Source { included, ..read });
        if text.len() > LONGEST || self.bytes > MOST_TEXT {
            self.error(source, Span::default(), What::Limit { noun: Noun::File, most: LONGEST as u64 });
            return;
        }
        self.open.push(normal(path));
        let (lines, troubles) = line::lines(text);
        for trouble in troubles {
            self.error(source, trouble.span, trouble.what);
        }
        for line in lines {
            match line.item {
                Item::Include(path) => self.include(source, &path, loader),
                Item::Blank => {}
                _ => self.lines.push((source, line)),
            }
        }
        self.open.pop();
    }

    fn not_utf8(&mut self, path: &str, bytes: &[u8], included: Place) {
        let Ok(source) = u16::try_from(self.sources.len()) else { return };
        let (read, place) = lossy(path, bytes, source);
        self.sources.push(Source { included: Some(included), ..read });
        self.errors.push(Error { place, what: What::Utf8 });
    }

    fn include(&mut self, source: u16, path: &Word, loader: &mut Loader<'_>) {
        if self.errors.len() >= MOST {
            return;
        }
        let limit = |noun, most: usize| What::Limit { noun, most: most as u64 };
        let included = Place { source, start: path.span.start, end: path.span.end };
        let whole = beside(&self.sources[usize::from(source)].path, &path.text);
        if self.open.len() > DEEPEST {
            return self.error(source, path.span, limit(Noun::Depth, DEEPEST));
        }
        if self.sources.len() >= MOST_FILES {
            return self.error(source, path.span, limit(Noun::File, MOST_FILES));
        }
        if self.open.contains(&normal(&whole)) {
            return self.error(source, path.span, What::Cycle(path.text.clone()));
        }
        match loader(&whole, Wanted::Text) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.file(&whole, &text, Some(included), loader),
                Err(error) => self.not_utf8(&whole, error.as_bytes(), included),
            },
            Err(words) => {
                self.error(source, path.span, What::Load { path: whole.into(), words: words.into() });
            }
        }
    }
}

/// The path of a file that another names.
pub(super) fn beside(naming: &str, named: &str) -> String {
    match naming.rfind('/') {
        Some(end) if !named.starts_with('/') => format!("{}{named}", &naming[..=end]),
        _ => named.to_owned(),
    }
}

/// A path without `.` and `..`, as far as words can tell.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_who_names_them() {
        for (naming, named, whole) in
            [("a.skt", "b.skt", "b.skt"), ("x/a.skt", "../b.skt", "x/../b.skt"), ("x/a", "/b", "/b")]
        {
            assert_eq!(beside(naming, named), whole);
        }
        for (path, plain) in [("x/../b", "b"), ("./a//b", "a/b"), ("/a/./b", "/a/b"), ("../a", "../a")] {
            assert_eq!(normal(path), plain);
        }
    }
}
