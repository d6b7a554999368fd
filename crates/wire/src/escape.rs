//! The one way a peer's bytes reach a terminal or a log: with everything that could move the cursor, recolour, reorder,
//! hide or break a line written out instead.
//!
//! What passes is what is seen. Written out are C0 (ESC among it), DEL and C1 controls, bidirectional controls
//! (Unicode UAX #9), line and paragraph separators, zero-width, format, filler and tag characters, noncharacters, and
//! bytes that are no UTF-8. That costs some emoji sequences and Persian joins their look, and no reader the truth.
//!
//! The notation is the one [`notation::unescape`](crate::notation::unescape) reads: `\n \r \t`, `\x1b` for a byte,
//! `\u{202e}` for a character beyond ASCII.

use std::fmt::Write as _;

/// How much of a text's shape is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One event is one line: newline and tab are written out too. The backslash is doubled, so that the line says
    /// exactly which bytes came and reads back to them.
    Line,
    /// Newline and tab pass, for text that is read as text. So does the backslash: paths and patterns stay as they
    /// are, and a peer that writes `\x1b` cannot be told from one that sent ESC.
    Text,
}

/// Appends `text` to `out`, made safe.
pub fn escape(text: &str, shape: Shape, out: &mut String) {
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        if passes(character, shape) {
            continue;
        }
        out.push_str(&text[plain..at]);
        write_out(character, out);
        plain = at + character.len_utf8();
    }
    out.push_str(&text[plain..]);
}

/// Appends `bytes`, taken as UTF-8, to `out`, made safe; each byte that belongs to no character becomes `\xff`.
pub fn escape_bytes(bytes: &[u8], shape: Shape, out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        escape(chunk.valid(), shape, out);
        for byte in chunk.invalid() {
            write_byte(*byte, out);
        }
    }
}

/// Whether `text` can be shown as it is: nothing in it acts on a terminal or hides, newline and tab aside.
pub fn is_safe(text: &str) -> bool {
    text.chars().all(|character| matches!(character, '\n' | '\t') || !acts_or_hides(character))
}

/// Escapes a stream of UTF-8: a character whose bytes are split over two reads comes out whole. In [`Shape::Text`] CR LF
/// is the end of a line like LF, as most protocols of text have it: its CR is not written out.
pub struct Escaper {
    shape: Shape,
    /// The first bytes of a character that has not come whole, or in [`Shape::Text`] a CR that an LF may follow.
    tail: [u8; 3],
    held: usize,
}

impl Escaper {
    /// An escaper that has seen nothing.
    pub const fn new(shape: Shape) -> Self {
        Self { shape, tail: [0; 3], held: 0 }
    }

    /// Appends `bytes` to `out`, made safe, and keeps up to three bytes of an unfinished character for the next call.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut String) {
        while self.held > 0 {
            let Some((first, rest)) = bytes.split_first() else { return };
            let mut joined = [0; 4];
            joined[..self.held].copy_from_slice(&self.tail[..self.held]);
            joined[self.held] = *first;
            let joined = &joined[..=self.held];
            if joined == b"\r\n" {
                out.push('\n');
                self.held = 0;
                bytes = rest;
                continue;
            }
            let keep = self.unfinished(joined);
            if keep == joined.len() {
                self.keep(joined);
                bytes = rest;
            } else if joined[0] >= 0xc0 && std::str::from_utf8(joined).is_ok() {
                escape_bytes(joined, self.shape, out);
                self.held = 0;
                bytes = rest;
            } else {
                // The new byte does not go on with the character: what was held is broken, the byte starts anew.
                self.finish(out);
            }
        }
        let (whole, tail) = bytes.split_at(bytes.len() - self.unfinished(bytes));
        if self.shape == Shape::Text {
            for line in whole.split_inclusive(|byte| *byte == b'\n') {
                let (text, end) = line.strip_suffix(b"\r\n").map_or((line, ""), |text| (text, "\n"));
                escape_bytes(text, self.shape, out);
                out.push_str(end);
            }
        } else {
            escape_bytes(whole, self.shape, out);
        }
        self.keep(tail);
    }

    /// Appends what is still held: the bytes of a character that will not be whole any more.
    pub fn finish(&mut self, out: &mut String) {
        escape_bytes(&self.tail[..self.held], self.shape, out);
        self.held = 0;
    }

    fn unfinished(&self, bytes: &[u8]) -> usize {
        if self.shape == Shape::Text && bytes.last() == Some(&b'\r') { 1 } else { unfinished(bytes) }
    }

    fn keep(&mut self, tail: &[u8]) {
        self.tail[..tail.len()].copy_from_slice(tail);
        self.held = tail.len();
    }
}

/// How many bytes at the end of `bytes` are the start of a character that more bytes could finish.
fn unfinished(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    // Only the last three bytes can be at stake, and in them only what begins with a leading byte.
    let Some(lead) = bytes[from..].iter().rposition(|byte| *byte >= 0xc0) else { return 0 };
    let tail = &bytes[from + lead..];
    match std::str::from_utf8(tail) {
        Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => tail.len(),
        _ => 0,
    }
}

fn passes(character: char, shape: Shape) -> bool {
    match character {
        '\n' | '\t' | '\\' => shape == Shape::Text,
        ' '..='~' => true,
        _ => !acts_or_hides(character),
    }
}

/// Whether a terminal or an editor would do something with the character, or show nothing for it.
fn acts_or_hides(character: char) -> bool {
    match character {
        ' '..='~' => false,
        '\0'..='\u{9f}' => true,
        _ => {
            matches!(
                character,
                '\u{ad}'                          // soft hyphen
                | '\u{34f}'                       // grapheme joiner
                | '\u{61c}'                       // Arabic letter mark (bidi)
                | '\u{115f}' | '\u{1160}'         // Hangul fillers
                | '\u{17b4}' | '\u{17b5}'         // Khmer inherent vowels
                | '\u{180b}'..='\u{180f}'         // Mongolian selectors and vowel separator
                | '\u{200b}'..='\u{200f}'         // zero-width characters and marks (bidi)
                | '\u{2028}'..='\u{202e}'         // line and paragraph separators, embeddings (bidi)
                | '\u{2060}'..='\u{206f}'         // word joiner, invisible operators, isolates (bidi)
                | '\u{3164}'                      // Hangul filler
                | '\u{feff}'                      // byte order mark
                | '\u{ffa0}'                      // half-width Hangul filler
                | '\u{fdd0}'..='\u{fdef}'         // noncharacters
                | '\u{fff0}'..='\u{fffb}'         // annotation controls
                | '\u{13430}'..='\u{1343f}'       // hieroglyph format controls
                | '\u{1bca0}'..='\u{1bca3}'       // shorthand format controls
                | '\u{1d173}'..='\u{1d17a}'       // musical format controls
                | '\u{e0000}'..='\u{e0fff}' // tags and supplementary selectors
            ) || u32::from(character) & 0xfffe == 0xfffe // the last two of each plane are noncharacters
        }
    }
}

#[cold]
fn write_out(character: char, out: &mut String) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\\' => out.push_str("\\\\"),
        '\0'..='\x7f' => write_byte(character as u8, out),
        _ => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        }
    }
}

fn write_byte(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push_str("\\x");
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notation;
    use proptest::prelude::*;

    fn escaped(bytes: &[u8], shape: Shape) -> String {
        let mut out = String::new();
        escape_bytes(bytes, shape, &mut out);
        out
    }

    #[test]
    fn a_line_that_ends_with_crlf_is_a_line() {
        let whole = b"a\r\nb\r\n\r\nc\rd\r\r\ne\xe4\r\nf\r";
        for cut in 0..=whole.len() {
            let mut out = String::new();
            let mut escaper = Escaper::new(Shape::Text);
            escaper.push(&whole[..cut], &mut out);
            escaper.push(&whole[cut..], &mut out);
            escaper.finish(&mut out);
            assert_eq!(out, "a\nb\n\nc\\rd\\r\ne\\xe4\nf\\r", "cut at {cut}");
        }
        let mut out = String::new();
        Escaper::new(Shape::Line).push(b"a\r\n", &mut out);
        assert_eq!(out, "a\\r\\n");
    }

    #[test]
    fn attacks_are_written_out() {
        for (bytes, shown) in [
            (&b"\x1b[2J"[..], r"\x1b[2J"),
            (b"\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
            (b"\x9b2J", r"\x9b2J"),
            ("\u{9b}2J".as_bytes(), r"\u{9b}2J"),
            ("a\u{202e}b".as_bytes(), r"a\u{202e}b"),
            ("a\u{2028}b\u{200b}".as_bytes(), r"a\u{2028}b\u{200b}"),
            ("\u{e0041}".as_bytes(), r"\u{e0041}"),
            (b"\xed\xa0\x80", r"\xed\xa0\x80"),
            (b"ok\rno\0\x7f", r"ok\rno\x00\x7f"),
            ("\u{ffff}".as_bytes(), r"\u{ffff}"),
        ] {
            assert_eq!(escaped(bytes, Shape::Line), shown);
            assert_eq!(escaped(bytes, Shape::Text), shown);
        }
    }

    #[test]
    fn shapes_differ_in_newline_tab_and_backslash_alone() {
        assert_eq!(escaped(b"a\tb\\\n", Shape::Line), r"a\tb\\\n");
        assert_eq!(escaped(b"a\tb\\\n", Shape::Text), "a\tb\\\n");
    }

    #[test]
    fn plain_text_of_any_language_passes() {
        let text = "消息已收到, école, привет, שלום, สวัสดี, 😀❤️";
        assert_eq!(escaped(text.as_bytes(), Shape::Line), text);
    }

    #[test]
    fn a_character_split_over_reads_is_whole() {
        let mut escaper = Escaper::new(Shape::Line);
        let mut out = String::new();
        escaper.push(b"\xe4\xbd", &mut out);
        assert_eq!(out, "");
        escaper.push(b"\xa0\xe5", &mut out);
        assert_eq!(out, "你");
        escaper.finish(&mut out);
        assert_eq!(out, r"你\xe5");
    }

    /// What must never come out, written down a second time so that a slip in one list shows.
    fn is_forbidden(character: char) -> bool {
        let code = u32::from(character);
        let ranges = [
            (0x00, 0x1f),
            (0x7f, 0x9f),
            (0x61c, 0x61c),
            (0x200b, 0x200f),
            (0x2028, 0x202e),
            (0x2060, 0x2069),
            (0xfeff, 0xfeff),
            (0xe0001, 0xe007f),
        ];
        ranges.iter().any(|(from, to)| (*from..=*to).contains(&code))
    }

    #[test]
    fn every_character_is_judged() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let line = escaped(text.as_bytes(), Shape::Line);
            assert!(is_safe(&line) && !line.contains(is_forbidden), "{line}");
            assert_eq!(notation::unescape(&line).unwrap(), text.as_bytes());
        }
    }

    /// Bytes in which controls, broken and whole characters are all likely.
    fn nasty() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|character| character.to_string().into_bytes()),
            any::<char>().prop_map(|character| character.to_string().into_bytes()[..1].to_vec()),
            prop::sample::select(vec![
                "\u{202e}",
                "\u{1b}[31m",
                "\u{85}",
                "\\",
                "\\x1b",
                "\n",
                "\r\n",
                "\r",
                "\u{e0041}"
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_unsafe_comes_out_and_lines_read_back(
            bytes in nasty(),
            cuts in prop::collection::vec(0usize..200, 0..8),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < bytes.len()).collect();
            cuts.sort_unstable();
            for shape in [Shape::Line, Shape::Text] {
                let mut uncut = Escaper::new(shape);
                let mut whole = String::new();
                uncut.push(&bytes, &mut whole);
                uncut.finish(&mut whole);
                let mut escaper = Escaper::new(shape);
                let (mut split, mut from) = (String::new(), 0);
                for cut in &cuts {
                    escaper.push(&bytes[from..*cut], &mut split);
                    from = *cut;
                }
                escaper.push(&bytes[from..], &mut split);
                escaper.finish(&mut split);
                prop_assert_eq!(&split, &whole);
                prop_assert!(is_safe(&whole));
                let allowed = |c: char| shape == Shape::Text && matches!(c, '\n' | '\t');
                prop_assert!(!whole.contains(|c| is_forbidden(c) && !allowed(c)));
                if shape == Shape::Line {
                    prop_assert_eq!(notation::unescape(&whole).unwrap(), bytes.clone());
                }
            }
        }
    }
}
