//! Two messages one above the other, in one notation: as text and as hex, with the first byte that differs marked. Of long
//! ones only what lies around the difference is shown.

use std::ops::Range;

use sockeye::wire::escape::{Shape, escape, escape_bytes};

use crate::fault::safe;
use crate::ui::columns::columns;

/// Bytes shown before the difference, and from it on.
const AROUND: (usize, usize) = (24, 40);

/// Bytes of hex shown before the difference, and from it on: a byte takes three columns.
const AROUND_HEX: (usize, usize) = (8, 16);

/// What was expected above what came, and the mark below them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// What was expected; empty where nothing literal can be said.
    pub(crate) expected: String,
    /// What came; empty if nothing did.
    pub(crate) actual: String,
    /// Columns before the mark; `None` where nothing was compared.
    pub(crate) mark: Option<usize>,
}

/// Two messages, or the parts of them that are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair<'a> {
    /// What was expected.
    pub(crate) expected: &'a [u8],
    /// What came.
    pub(crate) actual: &'a [u8],
    /// How many bytes of both messages come before these.
    pub(crate) from: usize,
    /// How long the whole of what was expected is.
    pub(crate) expected_size: usize,
    /// How long the whole of what came is.
    pub(crate) actual_size: usize,
    /// The first byte of the whole messages that differs.
    pub(crate) at: Option<usize>,
}

impl Pair<'_> {
    /// As text in quotes, as a conversation file writes it.
    pub(crate) fn text(&self) -> Rows {
        let at = self.at.map(|at| self.boundary(at.saturating_sub(self.from)));
        let start = self.boundary(at.unwrap_or(0).saturating_sub(AROUND.0));
        let end = at.unwrap_or(0) + AROUND.1;
        let row = |bytes: &[u8], size: usize| {
            let (shown, rest) = window(bytes, start, end, self.from, size);
            let mut text = if start + self.from > 0 { "… \"".to_owned() } else { "\"".to_owned() };
            quote(shown, &mut text);
            text.push_str(if rest > 0 { "\" …" } else { "\"" });
            text
        };
        let lead = if start + self.from > 0 { 3 } else { 1 };
        let mark = at.map(|at| {
            let mut before = String::new();
            let longer = if self.actual.len() >= at { self.actual } else { self.expected };
            quote(longer.get(start..at).unwrap_or_default(), &mut before);
            lead + columns(&before)
        });
        Rows {
            expected: row(self.expected, self.expected_size),
            actual: row(self.actual, self.actual_size),
            mark,
        }
    }

    /// As hex, two digits a byte.
    pub(crate) fn hex(&self) -> Rows {
        let at = self.at.map(|at| at.saturating_sub(self.from));
        let start = at.unwrap_or(0).saturating_sub(AROUND_HEX.0);
        let end = at.unwrap_or(0) + AROUND_HEX.1;
        let row = |bytes: &[u8], size: usize| {
            let (shown, rest) = window(bytes, start, end, self.from, size);
            let mut text = hex(shown);
            if start + self.from > 0 {
                text.insert_str(0, "… ");
            }
            if rest > 0 {
                text.push_str(if text.is_empty() { "…" } else { " …" });
            }
            text
        };
        let lead = if start + self.from > 0 { 2 } else { 0 };
        Rows {
            expected: row(self.expected, self.expected_size),
            actual: row(self.actual, self.actual_size),
            mark: at.map(|at| lead + (at - start) * 3),
        }
    }

    /// The first byte of the character that `at` belongs to. Both messages are the same up to there.
    fn boundary(&self, at: usize) -> usize {
        let bytes = if self.actual.len() > at { self.actual } else { self.expected };
        let mut start = at.min(bytes.len());
        while start > 0 && at - start < 3 && bytes.get(start).is_some_and(|byte| byte & 0xc0 == 0x80) {
            start -= 1;
        }
        // A byte that goes on with nothing is itself.
        if bytes.get(start).is_some_and(|byte| byte & 0xc0 == 0x80) { at.min(bytes.len()) } else { start }
    }
}

/// The bytes from `start` to `end`, and how many more the whole message has.
fn window(bytes: &[u8], start: usize, end: usize, from: usize, size: usize) -> (&[u8], usize) {
    let end = end.min(bytes.len());
    let shown = bytes.get(start.min(end)..end).unwrap_or_default();
    (shown, size.saturating_sub(from + end))
}

/// Bytes as they stand between the quotes of a conversation file.
pub(crate) fn quote(bytes: &[u8], out: &mut String) {
    for (at, piece) in bytes.split(|byte| *byte == b'"').enumerate() {
        if at > 0 {
            out.push_str("\\\"");
        }
        escape_bytes(piece, Shape::Line, out);
    }
}

/// What a file or a peer says, within a sentence: made safe, and of what is long the beginning.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 80;
    let (shown, is_cut) =
        text.char_indices().nth(MOST).map_or((text, false), |(end, _)| (&text[..end], true));
    let mut shown = safe(shown);
    if is_cut {
        shown.push('…');
    }
    shown
}

/// Bytes in hex with spaces between them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !text.is_empty() {
            text.push(' ');
        }
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

/// A line of a file in which something is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    /// The line, made safe; of a long one what lies around the mark.
    pub(crate) text: String,
    /// Where in it what is meant stands, in bytes.
    pub(crate) meant: Range<usize>,
}

impl Marked {
    /// Columns before what is meant, and how many it takes: at least one.
    pub(crate) fn columns(&self) -> (usize, usize) {
        let meant = columns(&self.text[self.meant.clone()]);
        (columns(&self.text[..self.meant.start]), meant.max(1))
    }
}

/// Marks `width` characters of a line from `column` on, which counts from 1. Long lines are cut around them.
pub(crate) fn marked(line: &str, column: usize, width: usize) -> Marked {
    const BEFORE: usize = 60;
    const ALL: usize = 100;
    let begin = column.saturating_sub(1);
    let start = if begin > BEFORE { begin - BEFORE / 2 } else { 0 };
    let safe = |characters: &mut dyn Iterator<Item = char>| {
        let mut out = String::new();
        escape(&characters.collect::<String>(), Shape::Text, &mut out);
        out.replace(['\t', '\n'], " ")
    };
    let mut rest = line.chars().skip(start);
    let mut text = if start > 0 { "… ".to_owned() } else { String::new() };
    text.push_str(&safe(&mut rest.by_ref().take(begin - start)));
    let room = ALL - (begin - start);
    let from = text.len();
    text.push_str(&safe(&mut rest.by_ref().take(width.clamp(1, room))));
    let meant = from..text.len();
    text.push_str(&safe(&mut rest.by_ref().take(room - width.clamp(1, room))));
    if rest.next().is_some() {
        text.push_str(" …");
    }
    Marked { text, meant }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair<'a>(expected: &'a [u8], actual: &'a [u8], at: usize) -> Pair<'a> {
        let (expected_size, actual_size) = (expected.len(), actual.len());
        Pair { expected, actual, from: 0, expected_size, actual_size, at: Some(at) }
    }

    #[test]
    fn the_first_byte_that_differs_is_marked_below_both() {
        let pair = pair(b"a: hi all", b"a: hi al", 8);
        let rows = pair.text();
        assert_eq!((&*rows.expected, &*rows.actual), ("\"a: hi all\"", "\"a: hi al\""));
        assert_eq!(rows.mark, Some(9));
        let rows = pair.hex();
        assert_eq!(rows.expected, "61 3a 20 68 69 20 61 6c 6c");
        assert_eq!((&*rows.actual, rows.mark), ("61 3a 20 68 69 20 61 6c", Some(24)));
    }

    #[test]
    fn characters_stay_whole_and_take_their_columns() {
        // 好 and 如 differ in their second byte.
        let pair = pair("你好\n".as_bytes(), "你如\n".as_bytes(), 4);
        let rows = pair.text();
        assert_eq!((&*rows.expected, &*rows.actual, rows.mark), ("\"你好\\n\"", "\"你如\\n\"", Some(3)));
        assert_eq!(pair.hex().mark, Some(12));
    }

    #[test]
    fn of_long_messages_what_lies_around_the_difference_is_shown() {
        let expected = vec![b'x'; 5000];
        let mut actual = expected.clone();
        actual[4000] = b'"';
        let rows = pair(&expected, &actual, 4000).text();
        assert!(rows.expected.starts_with("… \"xxx") && rows.expected.ends_with("xxx\" …"));
        assert!(columns(&rows.actual) < 80 && rows.actual.contains("x\\\"x"));
        assert_eq!(rows.mark, Some(3 + 24));
        let rows = pair(&expected, &actual, 4000).hex();
        assert_eq!(rows.mark, Some(2 + 8 * 3));
        assert!(rows.actual[rows.mark.unwrap() + 2..].starts_with("22 78"));
    }

    #[test]
    fn what_is_known_of_a_message_may_begin_within_it() {
        let pair = Pair {
            expected: b"abcd",
            actual: b"abXd",
            from: 100,
            expected_size: 104,
            actual_size: 200,
            at: Some(102),
        };
        let rows = pair.text();
        assert_eq!((&*rows.expected, &*rows.actual), ("… \"abcd\"", "… \"abXd\" …"));
        assert_eq!(rows.mark, Some(5));
    }

    #[test]
    fn nothing_that_came_is_nothing() {
        let rows = pair(b"ok", b"", 0).hex();
        assert_eq!((&*rows.expected, &*rows.actual, rows.mark), ("6f 6b", "", Some(0)));
        let rows = pair(b"ok", b"", 0).text();
        assert_eq!((&*rows.actual, rows.mark), ("\"\"", Some(1)));
        assert_eq!(pair(b"\x80\x80\x80\x80\x80", b"\x80\x80\x80\x80\x81", 4).text().mark, Some(17));
    }

    #[test]
    fn a_line_is_marked_in_columns() {
        let of = |line: &str, column, width| {
            let marked = marked(line, column, width);
            (marked.columns(), marked.text)
        };
        assert_eq!(of("c < \"你好\" 1", 5, 4), ((4, 6), "c < \"你好\" 1".into()));
        assert_eq!(of("\ta\x1b", 2, 1), ((1, 1), " a\\x1b".into()));
        let long = format!("{}here{}", "x".repeat(500), "y".repeat(500));
        let marked = marked(&long, 501, 4);
        assert_eq!((&marked.text[marked.meant.clone()], columns(&marked.text)), ("here", 104));
        assert_eq!(of("", 7, 3), ((0, 1), String::new()));
    }
}
