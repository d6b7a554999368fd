//! Lines: settings, peers and steps, as they are written. What is wrong in one line does not keep the next from being read.

use super::cursor::{Cursor, Parse, Trouble, is_name, near, span, trouble};
use super::tree::{Arrow, Item, Line, Modifier, Op, Setting, Step, Value, Word};
use super::words;
use crate::error::{MOST, Noun, Want, What};
use crate::message::{SUMS, Span};

/// The most lines of one text; a step takes one at least.
pub(super) const MOST_LINES: usize = 2_000_000;

/// Reads a text: all its lines, and what is wrong with them.
pub(super) fn lines(text: &str) -> (Vec<Line>, Vec<Trouble>) {
    walk(&mut Cursor::new(text))
}

fn walk(cursor: &mut Cursor<'_>) -> (Vec<Line>, Vec<Trouble>) {
    let (mut lines, mut troubles) = (Vec::new(), Vec::new());
    cursor.take("\u{feff}");
    while cursor.at < cursor.text.len() && troubles.len() < MOST {
        if lines.len() >= MOST_LINES {
            let what = What::Limit { noun: Noun::Step, most: MOST_LINES as u64 };
            troubles.push(Trouble { span: span(cursor.at, cursor.at), what });
            break;
        }
        let line = cursor.line(&mut troubles);
        lines.push(line);
        if !cursor.take("\r\n") && !cursor.take("\n") {
            cursor.take("\r");
        }
    }
    (lines, troubles)
}

impl Cursor<'_> {
    fn line(&mut self, troubles: &mut Vec<Trouble>) -> Line {
        self.blank();
        let start = self.at;
        let item = match self.item() {
            Ok(item) => item,
            Err(trouble) => {
                troubles.push(*trouble);
                self.skip_line();
                return Line { span: span(start, self.at), item: Item::Broken, comment: None };
            }
        };
        let mut end = self.at;
        while end > start && self.text.as_bytes()[end - 1].is_ascii_whitespace() {
            end -= 1;
        }
        let mut comment = None;
        if self.sees("#") {
            let rest = self.rest();
            let line = &rest[..memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())];
            self.at += line.trim_end_matches('\r').len();
            comment = Some(line.trim_end().into());
        }
        Line { span: span(start, end), item, comment }
    }

    /// What the line says, up to a comment or its end.
    fn item(&mut self) -> Parse<Item> {
        self.depth = 0;
        if self.is_end() {
            return Ok(Item::Blank);
        }
        let item = if self.take("@") { Item::Setting(self.setting()?) } else { self.step_or_peer()? };
        self.blank();
        if self.is_end() { Ok(item) } else { Err(self.expected(&[Want::Some(Noun::End)], words::MODIFIERS)) }
    }

    fn setting(&mut self) -> Parse<Setting> {
        let start = self.at;
        let key = self.run(is_name);
        let key_text = key.as_ref().map_or("", |key| &*key.text);
        self.blank();
        Ok(match key_text {
            "frame" => Setting::Frame(self.word(Noun::Word)?),
            "enc" => Setting::Enc(self.word(Noun::Word)?),
            "timeout" => Setting::Timeout(self.word(Noun::Duration)?),
            "settle" => Setting::Settle(self.word(Noun::Duration)?),
            "seed" => Setting::Seed(self.word(Noun::Number)?),
            "var" => {
                let name = self.variable()?;
                let gap = self.blank();
                let is_data = ["\"", "hex:", "b64:", "file:"].iter().any(|start| self.sees(start));
                let value = if is_data {
                    Value::Data(self.parts(Noun::Data, gap)?)
                } else {
                    Value::Bare(self.word(Noun::Word)?)
                };
                Setting::Var(name, value)
            }
            "ignore" => {
                let peer = self.owner()?;
                let gap = self.blank();
                Setting::Ignore(peer, self.parts(Noun::Match, gap)?)
            }
            word => {
                let what = What::Unknown {
                    noun: Noun::Setting,
                    word: word.into(),
                    near: near(word, words::SETTINGS.iter().copied()),
                };
                return Err(trouble(start - 1, start + word.len(), what));
            }
        })
    }

    /// The peer that `@ignore` speaks of: a word alone that is no part of a pattern.
    fn owner(&mut self) -> Parse<Option<Word>> {
        let rest = self.rest();
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        let is_alone = rest[end..].starts_with([' ', '\t', '\\']);
        let is_part = word == "any" || SUMS.contains(&word);
        if word.is_empty() || !is_alone || is_part { Ok(None) } else { self.name(Noun::Peer).map(Some) }
    }

    fn step_or_peer(&mut self) -> Parse<Item> {
        if self.sees("<") || self.sees(">") {
            return self.step(None).map(Item::Step);
        }
        let first = self.name(Noun::Step).map_err(|mut trouble| {
            if let What::Expected { wanted, .. } = &mut trouble.what {
                wanted.extend([Want::Some(Noun::Peer), Want::Some(Noun::Setting)]);
            }
            trouble
        })?;
        let start = first.span.start as usize;
        match &*first.text {
            "peer" => {
                self.blank();
                let name = self.name(Noun::Peer)?;
                if is_reserved(&name.text) {
                    return Err(trouble(name.span.start as usize, self.at, What::Reserved(name.text)));
                }
                self.blank();
                let role = self.word(Noun::Word)?;
                if !words::ROLES.contains(&&*role.text) {
                    self.at = role.span.start as usize;
                    let wanted = [Want::Word("connect"), Want::Word("listen")];
                    return Err(self.expected(&wanted, words::ROLES));
                }
                self.blank();
                let endpoint = self.word(Noun::Endpoint)?;
                Ok(Item::Peer { name, role, endpoint })
            }
            "include" => {
                self.blank();
                Ok(Item::Include(self.quoted()?))
            }
            word if words::STEPS.contains(&word) => {
                self.at = start;
                self.step(None).map(Item::Step)
            }
            _ => {
                self.blank();
                if self.is_end() {
                    // A word alone: probably a step's, misspelt.
                    let known = words::STEPS.iter().chain(words::LINES).copied();
                    let near = near(&first.text, known);
                    let what = What::Unknown { noun: Noun::Step, word: first.text.clone(), near };
                    return Err(trouble(start, first.span.end as usize, what));
                }
                if !self.sees("<") && !self.sees(">") && !self.sees_step() {
                    let known = words::STEPS.iter().chain(words::LINES).copied();
                    if let Some(near) = near(&first.text, known) {
                        // `slep 5s` is no peer whose step is `5s`.
                        let word = first.text.clone();
                        let what = What::Unknown { noun: Noun::Step, word, near: Some(near) };
                        return Err(trouble(start, first.span.end as usize, what));
                    }
                }
                self.step(Some(first)).map(Item::Step)
            }
        }
    }

    fn sees_step(&self) -> bool {
        let rest = self.rest();
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        words::STEPS.contains(&&rest[..end])
    }

    fn step(&mut self, peer: Option<Word>) -> Parse<Step> {
        let op = self.op()?;
        let mut modifiers = Vec::new();
        loop {
            self.blank();
            if self.is_end() {
                return Ok(Step { peer, op, modifiers });
            }
            modifiers.push(self.modifier()?);
        }
    }

    fn op(&mut self) -> Parse<Op> {
        if self.take(">") {
            let gap = self.blank();
            return Ok(Op::Send(self.parts(Noun::Data, gap)?));
        }
        if self.take("<") {
            return self.arrow();
        }
        let start = self.at;
        let word = self.run(is_name);
        let word = word.as_ref().map_or("", |word| &*word.text);
        Ok(match word {
            "connect" => Op::Connect,
            "close" => Op::Close,
            "fin" => Op::Fin,
            "reset" => Op::Abort,
            "end" => Op::End,
            "sleep" => {
                self.blank();
                Op::Sleep(self.word(Noun::Duration)?)
            }
            "repeat" => {
                self.blank();
                let times = self.digits()?;
                self.blank();
                let every = if self.sees("every") {
                    self.at += "every".len();
                    self.blank();
                    Some(self.word(Noun::Duration)?)
                } else {
                    None
                };
                Op::Repeat { times, every }
            }
            "starttls" => Op::StartTls(self.parameters()?),
            _ => {
                self.at = start;
                return Err(self.unknown_step());
            }
        })
    }

    fn unknown_step(&self) -> Box<Trouble> {
        let (end, found) = self.found();
        let near = near(&found, words::STEPS.iter().chain(words::ARROWS).copied());
        trouble(self.at, end, What::Unknown { noun: Noun::Step, word: found, near })
    }

    /// What follows `<`.
    fn arrow(&mut self) -> Parse<Op> {
        let start = self.at - 1;
        let arrow = if self.take("~") {
            Arrow::Skip
        } else if self.take("?") && !self.sees("?") {
            Arrow::Maybe
        } else {
            // `<??` is an arrow and a wildcard.
            if self.text[..self.at].ends_with('?') {
                self.at -= 1;
            }
            Arrow::Expect
        };
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let word = &rest[..end];
        let is_word = arrow == Arrow::Expect && !rest[end..].starts_with([':', '=', '(', '-']);
        let arrow = match word {
            "eof" | "reset" if is_word => {
                self.at += end;
                return Ok(if word == "eof" { Op::Eof } else { Op::Reset });
            }
            "never" if is_word => {
                self.at += end;
                Arrow::Never
            }
            "" | "any" => arrow,
            _ if is_word && !rest[end..].starts_with(|c: char| c.is_alphanumeric()) => {
                self.at = start;
                return Err(self.unknown_step());
            }
            _ => arrow,
        };
        let gap = self.blank();
        Ok(Op::Match(arrow, self.parts(Noun::Match, gap)?))
    }

    /// Parameters of `starttls`: words up to a modifier.
    fn parameters(&mut self) -> Parse<Vec<Word>> {
        let mut parameters = Vec::new();
        loop {
            let before = self.at;
            self.blank();
            let (_, found) = self.found();
            if self.is_end() || words::MODIFIERS.contains(&&*found) {
                self.at = before;
                return Ok(parameters);
            }
            parameters.push(self.word(Noun::Parameter)?);
        }
    }

    fn modifier(&mut self) -> Parse<Modifier> {
        let start = self.at;
        let word = self.run(is_name);
        let word = word.as_ref().map_or("", |word| &*word.text);
        let gap = self.blank();
        Ok(match word {
            "within" => Modifier::Within(self.word(Noun::Duration)?),
            "after" => Modifier::After(self.word(Noun::Duration)?),
            "as" => Modifier::As(self.word(Noun::Word)?),
            "like" => {
                let whole = span(start, start + word.len());
                Modifier::Like(whole, self.parts(Noun::Data, gap)?)
            }
            _ => {
                self.at = start;
                let (end, found) = self.found();
                let near = near(&found, words::MODIFIERS.iter().copied());
                return Err(trouble(start, end, What::Unknown { noun: Noun::Modifier, word: found, near }));
            }
        })
    }
}

/// Whether a word means something where the name of a peer could stand.
fn is_reserved(word: &str) -> bool {
    words::STEPS.contains(&word) || words::LINES.contains(&word) || word == "any" || SUMS.contains(&word)
}

/// Text that is a word of its own in a span of another, for those who split words.
pub(super) fn within(outer: Span, from: usize, to: usize) -> Span {
    let start = outer.start as usize;
    span(start + from, start + to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes are looked at for each byte of a text, in hundredths.
    fn cost(text: &str) -> usize {
        let mut cursor = Cursor::new(text);
        walk(&mut cursor);
        cursor.looked * 100 / text.len()
    }

    #[test]
    fn long_texts_cost_no_more_a_byte_than_short_ones() {
        for unit in [
            "c > \"text {{v}} \\n\" hex:00ff u16be(len + 2) # comment\n",
            "c < /re(?<x>g)/i n:u8(1..3) any json($.a == [1, 2]) within 1..2s\n",
            "\"x\" ",
            "{{v}}",
            "a{{{",
            "\\\n",
            "\\\r\n\t",
            "hex:00?? ",
            "G=(",
            "json(",
            "# ",
            "@var a b\n",
            "peer c connect tcp://h:1\n\n",
            "c <never \"unclosed\n",
        ] {
            for start in ["", "> ", "> \"", "< json(", "< /", "@var x "] {
                let (short, long) =
                    (start.to_owned() + &unit.repeat(20), start.to_owned() + &unit.repeat(2_000));
                let (few, many) = (cost(&short), cost(&long));
                assert!(many <= few + few / 2 + 50, "{start}{unit}: {few} and {many}");
                assert!(many < 1_000, "{start}{unit}: {many}");
            }
        }
    }
}
