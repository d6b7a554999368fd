//! Parts of messages, as they are written.

use super::cursor::{Cursor, Parse, is_name, near, span, trouble};
use super::tree::{Amount, Bound, ClauseNode, Gap, Node, NodeKind, TakeNode, Term, WishNode, Word};
use super::words;
use crate::error::{Noun, Want, What};
use crate::message::{Hop, Number, Path, SUMS, Sum, TYPES, Type, is_plain};
use base64::Engine as _;

/// How deep groups nest.
const DEEPEST: usize = 16;

/// The most bytes that repeats (`hex:00*47`) of one file come to.
const REPEATS: usize = 1 << 20;

/// The most parts of one message.
const MOST_PARTS: usize = 65_536;

impl Cursor<'_> {
    /// One part after another, up to the end, a closing bracket or a modifier. At least one. The gap is what stands before
    /// the first.
    pub(super) fn parts(&mut self, noun: Noun, gap: Gap) -> Parse<Vec<Node>> {
        let (mut nodes, mut gap) = (Vec::new(), gap);
        loop {
            if self.is_end() || self.sees(")") || (!nodes.is_empty() && self.sees_modifier()) {
                if nodes.is_empty() {
                    return Err(self.expected(&[Want::Some(noun)], &[]));
                }
                return Ok(nodes);
            }
            if !nodes.is_empty() && gap == Gap::Nothing {
                return Err(self.expected(&[Want::Some(Noun::End)], &[]));
            }
            if nodes.len() >= MOST_PARTS {
                return Err(trouble(self.at, self.at, What::Limit { noun, most: MOST_PARTS as u64 }));
            }
            let start = self.at;
            let kind = self.part(noun)?;
            nodes.push(Node { kind, span: span(start, self.at), gap });
            gap = self.blank();
        }
    }

    fn sees_modifier(&self) -> bool {
        let rest = self.rest();
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let is_alone = !rest[end..].starts_with([':', '=', '(']);
        is_alone && words::MODIFIERS.contains(&&rest[..end])
    }

    fn part(&mut self, noun: Noun) -> Parse<NodeKind> {
        match self.peek() {
            Some('"') => Ok(NodeKind::Text(self.text_pieces()?)),
            Some('{') if self.sees("{{") => Ok(NodeKind::Variable(self.braced()?)),
            Some('/') => self.regex(),
            Some('?') if self.take("??") => Ok(NodeKind::Wild),
            Some(first) if first.is_alphabetic() || first == '_' => self.named(noun),
            _ => Err(self.expected(&[Want::Some(noun)], &[])),
        }
    }

    /// What begins with a word.
    fn named(&mut self, noun: Noun) -> Parse<NodeKind> {
        let start = self.at;
        let word = self.name(Noun::Data)?;
        match (&*word.text, self.peek()) {
            ("hex", Some(':')) => self.hex(),
            ("b64", Some(':')) => self.base64(),
            ("file", Some(':')) => {
                self.at += 1;
                Ok(NodeKind::File(self.quoted()?))
            }
            (_, Some(':')) => {
                self.at += 1;
                self.capture(word)
            }
            (_, Some('=')) if self.rest().starts_with("=(") => {
                self.at += 2;
                self.group(word, start)
            }
            ("any", Some('(')) => {
                self.at += 1;
                self.blank();
                let count = self.digits()?;
                self.blank();
                self.expect(")")?;
                Ok(NodeKind::Any(Some(count)))
            }
            ("any", _) => Ok(NodeKind::Any(None)),
            ("json", Some('(')) => self.json(start),
            (known, _) => {
                if let Some(sum) = Sum::of(known) {
                    let mut group = None;
                    if self.take("(") {
                        self.blank();
                        group = Some(self.name(Noun::Group)?);
                        self.blank();
                        self.expect(")")?;
                    }
                    return Ok(NodeKind::Sum(sum, group));
                }
                if let Some(kind) = Type::of(known) {
                    self.expect("(")?;
                    self.blank();
                    let value = self.amount()?;
                    self.blank();
                    self.expect(")")?;
                    return Ok(NodeKind::Number(kind, value));
                }
                self.at = start;
                let mut candidates = vec!["hex", "b64", "file", "any", "json"];
                candidates.extend(SUMS.iter().chain(TYPES).chain(words::MODIFIERS));
                let near = near(known, candidates);
                let what = What::Unknown { noun, word: word.text.clone(), near };
                Err(trouble(start, start + word.text.len(), what))
            }
        }
    }

    /// `NAME=( … )`, behind its bracket.
    fn group(&mut self, name: Word, start: usize) -> Parse<NodeKind> {
        if self.depth >= DEEPEST {
            return Err(trouble(start, self.at, What::Limit { noun: Noun::Depth, most: DEEPEST as u64 }));
        }
        self.depth += 1;
        let gap = self.blank();
        let nodes = if self.sees(")") { Ok(Vec::new()) } else { self.parts(Noun::Data, gap) };
        self.depth -= 1;
        let nodes = nodes?;
        if !self.take(")") {
            return Err(trouble(start, self.at, What::Unclosed(Noun::Group)));
        }
        Ok(NodeKind::Group(name, nodes))
    }

    /// `NAME:TYPE`, behind its colon.
    fn capture(&mut self, name: Word) -> Parse<NodeKind> {
        let start = self.at;
        let wanted = [Want::Some(Noun::Type), Want::Word("bytes"), Want::Word("text")];
        let word = self.run(is_name).ok_or_else(|| self.expected(&wanted, &[]))?;
        let take = match &*word.text {
            "text" => TakeNode::Text,
            "bytes" if self.take("(") => {
                self.blank();
                let count = self.amount()?;
                self.blank();
                self.expect(")")?;
                TakeNode::Bytes(Some(count))
            }
            "bytes" => TakeNode::Bytes(None),
            known => {
                let Some(kind) = Type::of(known) else {
                    let known_words = TYPES.iter().copied().chain(["bytes", "text"]);
                    let near = near(known, known_words);
                    let what = What::Unknown { noun: Noun::Type, word: known.into(), near };
                    return Err(trouble(start, self.at, what));
                };
                TakeNode::Number(kind, self.bound()?)
            }
        };
        Ok(NodeKind::Take(name, take))
    }

    /// The condition of a captured number.
    fn bound(&mut self) -> Parse<Bound> {
        if !self.take("(") {
            return Ok(Bound::None);
        }
        self.blank();
        let before = self.at;
        let is_number = self.peek().is_some_and(|first| first.is_ascii_digit() || first == '-');
        let bound = match if is_number { Some(self.number()?) } else { None } {
            Some(low) if self.take("..") => Bound::Between(low, self.number()?),
            _ => {
                self.at = before;
                Bound::Is(self.amount()?)
            }
        };
        self.blank();
        self.expect(")")?;
        Ok(bound)
    }

    /// A value: a number, `{{name}}`, `len`, `len(NAME)`, and `+ N` or `- N`.
    fn amount(&mut self) -> Parse<Amount> {
        let base = match self.peek() {
            Some('{') => Term::Variable(self.braced()?),
            Some('l') if self.take("len") => {
                if self.take("(") {
                    self.blank();
                    let group = self.name(Noun::Group)?;
                    self.blank();
                    self.expect(")")?;
                    Term::Group(group)
                } else {
                    Term::Rest
                }
            }
            _ => Term::Number(self.number()?),
        };
        let behind = self.at;
        self.blank();
        let sign = match self.peek() {
            Some('+') => 1,
            Some('-') => -1,
            _ => {
                self.at = behind;
                return Ok(Amount { base, plus: 0 });
            }
        };
        self.at += 1;
        self.blank();
        let plus = self.digits()?;
        match plus.text.parse::<i64>() {
            Ok(value) if value <= i64::from(u32::MAX) => Ok(Amount { base, plus: sign * value }),
            _ => {
                let what = What::Limit { noun: Noun::Number, most: u64::from(u32::MAX) };
                Err(trouble(plus.span.start as usize, plus.span.end as usize, what))
            }
        }
    }

    /// Decimal digits.
    pub(super) fn digits(&mut self) -> Parse<Word> {
        self.run(|c| c.is_ascii_digit()).ok_or_else(|| self.expected(&[Want::Some(Noun::Number)], &[]))
    }

    /// A number, in lower case.
    fn number(&mut self) -> Parse<Word> {
        let start = self.at;
        self.take("-");
        let rest = self.rest();
        let mut end = 0;
        let bytes = rest.as_bytes();
        while let Some(byte) = bytes.get(end) {
            let is_part = match byte {
                // Not the dots of a range.
                b'.' => bytes.get(end + 1).is_some_and(u8::is_ascii_digit),
                b'+' | b'-' => matches!(bytes[..end].last(), Some(b'e' | b'E')) && !rest.starts_with("0x"),
                byte => byte.is_ascii_alphanumeric(),
            };
            if !is_part {
                break;
            }
            end += 1;
        }
        self.at += end;
        let written = self.text[start..self.at].to_ascii_lowercase();
        if Number::parse(&written).is_none() {
            self.at = start;
            return Err(self.expected(&[Want::Some(Noun::Number)], &["len"]));
        }
        Ok(Word { text: written.into(), span: span(start, self.at) })
    }

    /// `hex:…`, its colon being here.
    fn hex(&mut self) -> Parse<NodeKind> {
        self.at += 1;
        let start = self.at;
        let mut groups: Vec<Box<str>> = Vec::new();
        let is_digit = |c: char| c.is_ascii_hexdigit() || matches!(c, '?' | '*');
        if self.take("\"") {
            loop {
                self.run(|c| matches!(c, ' ' | '\t'));
                if self.take("\"") {
                    break;
                }
                match self.run(is_digit) {
                    Some(group) => groups.push(group.text.to_ascii_lowercase().into()),
                    None if self.rest().is_empty() || self.sees("\n") || self.sees("\r") => {
                        return Err(trouble(start, self.at, What::Unclosed(Noun::Hex)));
                    }
                    None => return Err(trouble(self.at, self.found().0, What::Digits(Noun::Hex))),
                }
            }
        } else {
            let group = self.run(is_digit).ok_or_else(|| self.expected(&[Want::Some(Noun::Hex)], &[]))?;
            groups.push(group.text.to_ascii_lowercase().into());
        }
        let mut bytes = Vec::new();
        for group in &groups {
            if hex_group(group, &mut bytes, &mut self.repeated).is_none() {
                return Err(trouble(start, self.at, What::Digits(Noun::Hex)));
            }
        }
        Ok(NodeKind::Hex(groups, bytes))
    }

    /// `b64:…`, its colon being here.
    fn base64(&mut self) -> Parse<NodeKind> {
        const LENIENT: base64::engine::GeneralPurposeConfig = base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
        const ENGINE: base64::engine::GeneralPurpose =
            base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
        self.at += 1;
        let start = self.at;
        let text = if self.sees("\"") {
            self.quoted()?
        } else {
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
            self.run(is_part).ok_or_else(|| self.expected(&[Want::Some(Noun::Base64)], &[]))?
        };
        let plain = text.text.replace('-', "+").replace('_', "/").replace([' ', '\t'], "");
        let decoded = ENGINE.decode(plain);
        decoded.map(NodeKind::Base64).map_err(|_| trouble(start, self.at, What::Digits(Noun::Base64)))
    }

    /// `/…/flags`, its slash being here.
    fn regex(&mut self) -> Parse<NodeKind> {
        let start = self.at;
        self.at += 1;
        let from = self.at;
        loop {
            let rest = self.rest();
            let end = rest.find(['/', '\\', '\n']).unwrap_or(rest.len());
            self.at += end;
            match self.peek() {
                Some('/') => break,
                Some('\\') if !self.sees("\\\n") && !self.sees("\\\r") => {
                    self.at += 1;
                    self.at += self.peek().map_or(0, char::len_utf8);
                }
                _ => return Err(trouble(start, self.at, What::Unclosed(Noun::Regex))),
            }
        }
        let source = self.text[from..self.at].into();
        self.at += 1;
        let flags = self.run(is_name);
        let mut known: Vec<char> = flags.iter().flat_map(|flags| flags.text.chars()).collect();
        if let (Some(flags), true) = (&flags, known.iter().any(|flag| !"imsxb".contains(*flag))) {
            let what = What::Unknown { noun: Noun::Flag, word: flags.text.clone(), near: None };
            return Err(trouble(flags.span.start as usize, self.at, what));
        }
        known.sort_unstable();
        known.dedup();
        Ok(NodeKind::Regex { source, flags: known.into_iter().collect::<String>().into() })
    }

    /// `json( … )`, its bracket being here.
    fn json(&mut self, start: usize) -> Parse<NodeKind> {
        self.at += 1;
        let mut clauses = Vec::new();
        loop {
            let gap = self.blank();
            if clauses.is_empty() && self.take(")") {
                return Ok(NodeKind::Json(clauses));
            }
            if clauses.len() >= MOST_PARTS {
                return Err(trouble(
                    start,
                    self.at,
                    What::Limit { noun: Noun::Json, most: MOST_PARTS as u64 },
                ));
            }
            clauses.push(self.clause(gap)?);
            self.blank();
            if self.take(")") {
                return Ok(NodeKind::Json(clauses));
            }
            if self.is_end() {
                return Err(trouble(start, self.at, What::Unclosed(Noun::Json)));
            }
            if !self.take(",") {
                let is_bare = matches!(clauses.last(), Some(ClauseNode { wish: WishNode::There, .. }));
                let more: &[Want] = if is_bare { &[Want::Word("=="), Want::Word("as")] } else { &[] };
                let wanted = [more, &[Want::Word(","), Want::Word(")")]].concat();
                return Err(self.expected(&wanted, &[]));
            }
        }
    }

    fn clause(&mut self, gap: Gap) -> Parse<ClauseNode> {
        let start = self.at;
        let path = self.path()?;
        let behind = self.at;
        self.blank();
        let wish = if self.take("==") {
            self.blank();
            if self.sees("{{") {
                WishNode::Variable(self.braced()?)
            } else {
                WishNode::Is(self.json_value()?)
            }
        } else if self.sees("as ") || self.sees("as\t") {
            self.at += 2;
            self.blank();
            WishNode::Take(self.variable()?)
        } else {
            self.at = behind;
            WishNode::There
        };
        Ok(ClauseNode { path, wish, span: span(start, self.at), gap })
    }

    fn path(&mut self) -> Parse<Path> {
        self.expect("$")?;
        let mut hops = Vec::new();
        loop {
            if self.take(".") {
                let name = self.run(|c| is_plain(c.encode_utf8(&mut [0; 4])));
                let name = name.ok_or_else(|| self.expected(&[Want::Some(Noun::Name)], &[]))?;
                hops.push(Hop::Member(name.text));
            } else if self.take("[") {
                if self.sees("\"") {
                    let name = self.json_value()?;
                    hops.push(Hop::Member(
                        serde_json::from_str::<String>(&name.text).unwrap_or_default().into(),
                    ));
                } else {
                    let digits = self.digits()?;
                    let what = What::Limit { noun: Noun::Number, most: u64::from(u32::MAX) };
                    let number = digits.text.parse::<u32>().map_err(|_| trouble(self.at, self.at, what))?;
                    hops.push(Hop::Item(number as usize));
                }
                self.expect("]")?;
            } else {
                return Ok(Path(hops.into()));
            }
        }
    }

    /// A JSON value on this line.
    fn json_value(&mut self) -> Parse<Word> {
        let start = self.at;
        if !self.sees("\"") && !self.sees("[") && !self.sees("{") {
            // A scalar would have to be followed by what follows one in JSON.
            let word = self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
            let is_value = |word: &Word| serde_json::from_str::<serde_json::Value>(&word.text).is_ok();
            self.at = start;
            let word = word.filter(is_value).ok_or_else(|| self.expected(&[Want::Some(Noun::Json)], &[]))?;
            self.at = word.span.end as usize;
            return Ok(word);
        }
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<serde_json::Value>();
        let is_value = matches!(values.next(), Some(Ok(_)));
        let behind = start + values.byte_offset();
        if is_value && !self.text[start..behind].contains('\n') {
            self.at = behind;
            return Ok(Word { text: self.text[start..self.at].into(), span: span(start, self.at) });
        }
        Err(self.expected(&[Want::Some(Noun::Json)], &[]))
    }
}

/// Reads pairs of hex digits or `??`, the last of which may be repeated: `00*47`. `repeated` counts what repeats come to.
fn hex_group(group: &str, bytes: &mut Vec<Option<u8>>, repeated: &mut usize) -> Option<()> {
    let (pairs, times) = match group.split_once('*') {
        Some((pairs, times)) => (pairs, Some(times.parse::<usize>().ok()?)),
        None => (group, None),
    };
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return None;
    }
    for pair in pairs.as_bytes().chunks_exact(2) {
        bytes.push(match pair {
            b"??" => None,
            _ => Some(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?),
        });
    }
    let Some(times) = times else { return Some(()) };
    *repeated = repeated.checked_add(times).filter(|all| *all <= REPEATS)?;
    let last = bytes.pop()?;
    bytes.resize(bytes.len() + times, last);
    Some(())
}
