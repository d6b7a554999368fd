//! Going through a text: blanks, words, names, quoted text. Every byte is looked at a bounded number of times.

use sockeye_core::fault::nearest;

use super::tree::{Gap, Piece, Word};
use crate::error::{Noun, Want, What};
use crate::message::Span;

/// How much of a wrong word is told, in characters.
const SHOWN: usize = 64;

/// Something wrong in a text.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) span: Span,
    pub(super) what: What,
}

pub(super) type Parse<T> = Result<T, Box<Trouble>>;

/// A place in a text, with what is before it done.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// How many groups are open.
    pub(super) depth: usize,
    /// What repeats in hex came to so far, in bytes.
    pub(super) repeated: usize,
    /// How many bytes were looked at; a test holds this to the length of the text.
    #[cfg(test)]
    pub(super) looked: usize,
}

pub(super) fn trouble(start: usize, end: usize, what: What) -> Box<Trouble> {
    Box::new(Trouble { span: span(start, end), what })
}

/// A span; texts are at most 16 MiB long.
pub(super) fn span(start: usize, end: usize) -> Span {
    let narrow = |at| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: narrow(start), end: narrow(end) }
}

/// The known word nearest to `word`, if that is short enough to be one.
pub(super) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<Box<str>> {
    if word.len() > SHOWN { None } else { nearest(word, known).map(Into::into) }
}

/// Whether a character may be in a name.
pub(crate) fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

/// Whether a character may be in the name of a variable.
pub(super) fn is_variable(character: char) -> bool {
    is_name(character) || character == '.'
}

/// Whether text is the name of a variable.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || first == '_') && name.chars().all(is_variable)
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            repeated: 0,
            #[cfg(test)]
            looked: 0,
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Whether the text goes on like this.
    pub(super) fn sees(&self, start: &str) -> bool {
        self.rest().starts_with(start)
    }

    /// Goes over this, if it is there.
    pub(super) fn take(&mut self, start: &str) -> bool {
        let is_there = self.sees(start);
        if is_there {
            self.at += start.len();
        }
        is_there
    }

    /// Counts bytes that are looked at, in tests.
    #[cfg(test)]
    const fn looks(&mut self, bytes: usize) {
        self.looked += bytes + 1;
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "counted in tests only")]
    const fn looks(&mut self, _: usize) {}

    /// Goes over blanks, and over line ends that a backslash hides.
    pub(super) fn blank(&mut self) -> Gap {
        let mut gap = Gap::Nothing;
        loop {
            self.looks(1);
            let rest = self.rest().as_bytes();
            match rest {
                [b' ' | b'\t', ..] => self.at += 1,
                [b'\r', next, ..] if *next != b'\n' => self.at += 1,
                [b'\\', b'\n', ..] => self.at += 2,
                [b'\\', b'\r', b'\n', ..] => self.at += 3,
                _ => return gap,
            }
            gap = if rest[0] == b'\\' || gap == Gap::Break { Gap::Break } else { Gap::Space };
        }
    }

    /// Whether the line ends here, or a comment begins. A comment has a blank before it, or begins the line.
    pub(super) fn is_end(&self) -> bool {
        match self.rest().as_bytes() {
            [] | [b'\n', ..] | [b'\r', b'\n', ..] | [b'\r'] => true,
            [b'#', ..] => {
                let before = &self.text[..self.at];
                matches!(before, "" | "\u{feff}") || before.ends_with([' ', '\t', '\n', '\r'])
            }
            _ => false,
        }
    }

    /// Goes to the end of the line, over line ends that a backslash hides.
    pub(super) fn skip_line(&mut self) {
        loop {
            let rest = self.rest().as_bytes();
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.looks(rest.len());
                self.at = self.text.len();
                return;
            };
            self.looks(end);
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            if !line.ends_with(b"\\") {
                self.at += line.len();
                return;
            }
            self.at += end + 1;
        }
    }

    /// What stands here up to a blank, for people.
    pub(super) fn found(&self) -> (usize, Box<str>) {
        if self.is_end() {
            return (self.at, "".into());
        }
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace()).unwrap_or(rest.len());
        (self.at + end, rest[..end].chars().take(SHOWN).collect::<String>().into())
    }

    /// The trouble that what stands here is none of `wanted`; `words` are those among which the nearest is looked for.
    pub(super) fn expected(&self, wanted: &[Want], words: &[&str]) -> Box<Trouble> {
        let (end, found) = self.found();
        let near = near(&found, words.iter().copied());
        let end = end.max(self.at);
        trouble(self.at, end, What::Expected { wanted: wanted.to_vec(), found, near })
    }

    /// A sign or word that must be here.
    pub(super) fn expect(&mut self, sign: &'static str) -> Parse<()> {
        if self.take(sign) { Ok(()) } else { Err(self.expected(&[Want::Word(sign)], &[])) }
    }

    /// Characters for which `is_part` holds; none is `None`.
    pub(super) fn run(&mut self, is_part: impl Fn(char) -> bool) -> Option<Word> {
        let rest = self.rest();
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        self.looks(end);
        if end == 0 {
            return None;
        }
        let start = self.at;
        self.at += end;
        Some(Word { text: rest[..end].into(), span: span(start, self.at) })
    }

    /// A name; it begins with a letter or `_`.
    pub(super) fn name(&mut self, noun: Noun) -> Parse<Word> {
        self.start_of_name(noun)?;
        self.run(is_name).ok_or_else(|| self.expected(&[Want::Some(noun)], &[]))
    }

    /// The name of a variable, which may have dots.
    pub(super) fn variable(&mut self) -> Parse<Word> {
        self.start_of_name(Noun::Name)?;
        self.run(is_variable).ok_or_else(|| self.expected(&[Want::Some(Noun::Name)], &[]))
    }

    fn start_of_name(&self, noun: Noun) -> Parse<()> {
        match self.peek() {
            Some(first) if first.is_alphabetic() || first == '_' => Ok(()),
            _ => Err(self.expected(&[Want::Some(noun)], &[])),
        }
    }

    /// A word up to a blank, or quoted text in its place.
    pub(super) fn word(&mut self, noun: Noun) -> Parse<Word> {
        if self.sees("\"") {
            return self.quoted();
        }
        if self.is_end() {
            return Err(self.expected(&[Want::Some(noun)], &[]));
        }
        self.run(|c| !matches!(c, ' ' | '\t' | '\n' | '\r'))
            .ok_or_else(|| self.expected(&[Want::Some(noun)], &[]))
    }

    /// Quoted text that stands for a word: variables in it stay as they are written.
    pub(super) fn quoted(&mut self) -> Parse<Word> {
        let start = self.at;
        if !self.sees("\"") {
            return Err(self.expected(&[Want::Some(Noun::Text)], &[]));
        }
        let mut text = String::new();
        for piece in self.text_pieces()? {
            match piece {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::Variable(name) => {
                    text.push_str("{{");
                    text.push_str(&name.text);
                    text.push_str("}}");
                }
                Piece::Byte(byte) if byte.is_ascii() => text.push(char::from(byte)),
                Piece::Byte(_) => return Err(trouble(start, self.at, What::Utf8)),
            }
        }
        Ok(Word { text: text.into(), span: span(start, self.at) })
    }

    /// `{{name}}`, its braces being here.
    pub(super) fn braced(&mut self) -> Parse<Word> {
        let start = self.at;
        self.expect("{{")?;
        self.blank();
        let name = self.variable()?;
        self.blank();
        if self.take("}}") {
            return Ok(name);
        }
        Err(trouble(start, self.at, What::Unclosed(Noun::Variable)))
    }

    /// Quoted text, its quotation mark being here.
    pub(super) fn text_pieces(&mut self) -> Parse<Vec<Piece>> {
        let start = self.at;
        self.expect("\"")?;
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        loop {
            let rest = self.rest();
            let end = rest.find(['"', '\\', '{', '\n']).unwrap_or(rest.len());
            self.looks(end);
            plain.push_str(&rest[..end]);
            self.at += end;
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(plain));
                    }
                    return Ok(pieces);
                }
                Some('{') if self.sees("{{") => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Variable(self.braced()?));
                }
                Some('{') => {
                    plain.push('{');
                    self.at += 1;
                }
                Some('\\') => {
                    if let Some(byte) = self.escape(&mut plain)? {
                        if !plain.is_empty() {
                            pieces.push(Piece::Text(std::mem::take(&mut plain)));
                        }
                        pieces.push(Piece::Byte(byte));
                    }
                }
                _ => return Err(trouble(start, self.at, What::Unclosed(Noun::Text))),
            }
        }
    }

    /// An escape, its backslash being here: a character goes to `plain`, a byte is returned.
    fn escape(&mut self, plain: &mut String) -> Parse<Option<u8>> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        self.at += letter.map_or(0, char::len_utf8);
        let bad = |cursor: &mut Self| {
            let from = cursor.at;
            let word: String = cursor.text[start..from].chars().filter(|c| !c.is_control()).collect();
            Err(trouble(start, from, What::Escape(word.into())))
        };
        plain.push(match letter {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('0') => '\0',
            Some(itself @ ('\\' | '"' | '{')) => itself,
            Some('x') => {
                let digits =
                    self.rest().get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                    return bad(self);
                };
                self.at += 2;
                return Ok(Some(byte));
            }
            Some('u') => {
                let digits = self
                    .rest()
                    .strip_prefix('{')
                    .and_then(|rest| rest.split_once('}'))
                    .map(|(digits, _)| digits);
                let digits =
                    digits.filter(|digits| (1..=6).contains(&digits.len()) && !digits.starts_with('+'));
                let character =
                    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
                let (Some(digits), Some(character)) = (digits, character) else { return bad(self) };
                self.at += digits.len() + 2;
                character
            }
            Some('\n') => {
                self.at -= 1;
                return bad(self);
            }
            _ => return bad(self),
        });
        Ok(None)
    }
}
