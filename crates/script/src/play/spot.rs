//! Where something is written, as people look for it: a line and a column, and the line itself.

use std::sync::Arc;

use crate::error::MARK;
use crate::program::{Place, Program, includes};

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The text's path; empty for a program that was read from none.
    pub path: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters from 1.
    pub column: u32,
    /// How many characters of the line are meant; at least 1.
    pub width: u32,
    /// The line, without its end.
    pub text: Box<str>,
    /// Where the text is included, by path and line: the innermost `include` first.
    pub included: Vec<(Arc<str>, usize)>,
}

impl Spot {
    /// Finds a place of a program. Linear in the text before it: for failures, not for every step.
    pub fn of(program: &Program, place: Place) -> Self {
        let Some(source) = program.sources.get(usize::from(place.source)) else {
            return Self {
                path: "".into(),
                line: 1,
                column: 1,
                width: 1,
                text: "".into(),
                included: Vec::new(),
            };
        };
        let text = &*source.text;
        let start = floor(text, place.start as usize);
        let end = floor(text, place.end as usize).max(start);
        let begins = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let begins = if text[begins..start].starts_with(MARK) { begins + MARK.len_utf8() } else { begins };
        let ends = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[begins..ends].trim_end_matches('\r');
        let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let newlines = memchr::memchr_iter(b'\n', &text.as_bytes()[..begins]).count();
        Self {
            path: Arc::clone(&source.path),
            line: u32::try_from(newlines).unwrap_or(u32::MAX).saturating_add(1),
            column: count(&text[begins..start]).saturating_add(1),
            width: count(&text[start..end.min(ends)]).max(1),
            text: line.into(),
            included: includes(&program.sources, place),
        }
    }
}

impl std::fmt::Display for Spot {
    /// `chat.skt:10:3`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// The last character boundary up to `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Source;

    fn spot(text: &str, start: u32, end: u32) -> Spot {
        let program = Program { sources: vec![Source::new("a.skt", text)], ..Program::default() };
        Spot::of(&program, Place { source: 0, start, end })
    }

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let text = "peer c\r\nc > \"你好\"\nlast";
        let spot_of = |start, end| {
            let spot = spot(text, start, end);
            (spot.line, spot.column, spot.width, spot.text.to_string())
        };
        assert_eq!(spot_of(0, 4), (1, 1, 4, "peer c".into()));
        assert_eq!(spot_of(12, 20), (2, 5, 4, "c > \"你好\"".into()));
        assert_eq!(spot_of(21, 21), (3, 1, 1, "last".into()));
        assert_eq!(spot(text, 12, 20).to_string(), "a.skt:2:5");
        // A place inside of a character or past the end is no reason to panic.
        assert_eq!((spot_of(14, 999).0, spot_of(999, 3).0), (2, 3));
    }
}
