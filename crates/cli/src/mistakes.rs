//! What is wrong with a conversation file, for people: the sentence, the line with what is meant marked, and what to try.
//!
//! The drawing is miette's. A file may hold anything, so what is drawn of it passes the escaping function first.

use std::fmt;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};
use serde_json::{Value, json};
use sockeye::core::{Fault, SessionId};
use sockeye::script::Unreadable;
use sockeye::script::error::{Error, Errors, Noun, Want, What};
use sockeye::script::includes;
use sockeye::script::play::{Refusal, Why};

use crate::fault::{self, Weight, safe};
use crate::report::compare::{Marked, marked, short};
use crate::words::Words;

/// How mistakes are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// With lines of Unicode and colours.
    Painted,
    /// With lines of Unicode.
    Plain,
    /// In ASCII alone.
    Ascii,
}

/// What is wrong, as lines of text.
pub(crate) fn text(words: &Words, bad: &Unreadable, look: Look) -> String {
    match bad {
        Unreadable::Fault(fault) => fault::lines(words, fault, Weight::Error, SessionId::default(), false),
        Unreadable::Mistakes(errors) => {
            let drawn = errors.list.iter().map(|error| Shown::of(words, errors, error).draw(words, look));
            drawn.collect::<Vec<_>>().join("\n")
        }
        Unreadable::Refused(refusal) => Shown::refused(words, refusal).draw(words, look),
    }
}

/// What is wrong, for programs.
pub(crate) fn json(words: &Words, bad: &Unreadable) -> Value {
    match bad {
        Unreadable::Fault(fault) => Value::Array(vec![json!({
            "kind": "fault",
            "code": fault.code.word(),
            "message": text(words, bad, Look::Ascii),
        })]),
        Unreadable::Mistakes(errors) => {
            errors.list.iter().map(|error| Shown::of(words, errors, error).json(error.what.word())).collect()
        }
        Unreadable::Refused(refusal) => {
            Value::Array(vec![Shown::refused(words, refusal).json(why_word(&refusal.why))])
        }
    }
}

/// One mistake, ready to be drawn.
#[derive(Debug)]
struct Shown {
    message: String,
    hint: Option<String>,
    path: String,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// The line, made safe, with what is meant in it.
    text: String,
    span: SourceSpan,
    /// Where the file is included, by path and line.
    included: Vec<(Arc<str>, usize)>,
}

impl Shown {
    fn of(words: &Words, errors: &Errors, error: &Error) -> Self {
        let (message, hint) = sentence(words, errors, error);
        let Some(source) = errors.source(error.place) else {
            return Self::new(message, hint, "", (1, 1), "", 1);
        };
        let position = source.position(error.place.start);
        let text = source.line(error.place.start);
        let meant = source.text.get(error.place.start as usize..error.place.end as usize).unwrap_or_default();
        let width = meant.lines().next().unwrap_or_default().chars().count();
        let shown = Self::new(message, hint, &source.path, position, text, width);
        Self { included: includes(&errors.sources, error.place), ..shown }
    }

    fn refused(words: &Words, refusal: &Refusal) -> Self {
        let spot = &refusal.spot;
        let part = match &refusal.why {
            Why::Open(part) => short(part),
            _ => String::new(),
        };
        let key = format!("refusal-{}", why_word(&refusal.why));
        let message = words.say(&key, &[("part", &part)]);
        let hint = words.attribute(&key, "hint", &[]);
        let position = (spot.line as usize, spot.column as usize);
        let shown = Self::new(message, hint, &spot.path, position, &spot.text, spot.width as usize);
        Self { included: spot.included.clone(), ..shown }
    }

    fn new(
        message: String,
        hint: Option<String>,
        path: &str,
        (line, column): (usize, usize),
        text: &str,
        width: usize,
    ) -> Self {
        let Marked { text, meant, .. } = marked(text, column, width);
        let span = SourceSpan::new(meant.start.into(), meant.len());
        Self { message, hint, path: safe(path), line, column, text, span, included: Vec::new() }
    }

    fn draw(&self, words: &Words, look: Look) -> String {
        let theme = match look {
            Look::Painted => GraphicalTheme::unicode(),
            Look::Plain => GraphicalTheme::unicode_nocolor(),
            Look::Ascii => {
                GraphicalTheme { characters: ThemeCharacters::ascii(), styles: ThemeStyles::none() }
            }
        };
        let handler =
            GraphicalReportHandler::new_themed(theme).with_links(false).with_width(usize::from(u16::MAX));
        let mut text = String::new();
        // Writing to a String fails only where miette cannot read a span, and the spans are our own.
        let _ = handler.render_report(&mut text, self);
        let mut text = text.trim_matches('\n').to_owned();
        for line in included(words, &self.included) {
            text.push('\n');
            text.push_str(&line);
        }
        if let Some(hint) = &self.hint {
            text.push('\n');
            text.push_str(&words.say("hint", &[("hint", hint)]));
        }
        text
    }

    fn json(&self, kind: &str) -> Value {
        json!({
            "kind": kind,
            "message": self.message,
            "hint": self.hint,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "source": self.text,
            "included": self.included.iter().map(|(path, line)| format!("{path}:{line}")).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.path.is_empty()).then_some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(None, self.span))))
    }
}

/// Of a file only the line is given, with its number, so that a long file is not looked through for each mistake.
impl SourceCode for Shown {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Asked for no lines around it, it is where the span begins.
        let column = if before + after == 0 { self.column - 1 } else { 0 };
        let whole = if before + after == 0 { *span } else { SourceSpan::new(0.into(), self.text.len()) };
        let contents = MietteSpanContents::new_named(
            self.path.clone(),
            self.text.as_bytes(),
            whole,
            self.line - 1,
            column,
            1,
        );
        Ok(Box::new(contents))
    }
}

/// The sentence of a mistake, and what to try.
fn sentence(words: &Words, errors: &Errors, error: &Error) -> (String, Option<String>) {
    let what = &error.what;
    let mut args: Vec<(&str, String)> = Vec::new();
    match what {
        What::Fault(fault) | What::Charset(fault) => return faulty(words, fault),
        What::Expected { wanted, found, .. } => {
            args.push(("wanted", list(words, wanted)));
            args.push(("found", short(found)));
        }
        What::Unknown { noun, word, .. } => {
            args.extend([("noun", name(words, *noun)), ("word", short(word))]);
        }
        What::Duplicate { noun, word, first } => {
            let line = errors.source(*first).map_or(1, |source| source.position(first.start).0);
            args.extend([("noun", name(words, *noun)), ("word", short(word)), ("line", line.to_string())]);
        }
        What::Reserved(word)
        | What::Escape(word)
        | What::Open(word)
        | What::Misplaced(word)
        | What::Cycle(word) => {
            args.push(("word", short(word)));
        }
        What::Regex(word) => {
            // The library draws the pattern over several lines; the last says what is wrong.
            args.push(("word", short(word.lines().last().unwrap_or_default().trim_start_matches("error: "))));
        }
        What::Range { value, kind } => args.extend([("value", short(value)), ("kind", short(kind))]),
        What::Unclosed(noun) | What::Digits(noun) => args.push(("noun", name(words, *noun))),
        What::Unpaired(word) => args.push(("word", (*word).to_owned())),
        What::Limit { noun, most } => args.extend([("noun", name(words, *noun)), ("most", most.to_string())]),
        What::Load { path, words } => args.extend([("path", safe(path)), ("word", short(words))]),
        What::Nameless | What::Circular | What::Utf8 => {}
    }
    let args: Vec<(&str, &str)> = args.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ends = matches!(what, What::Expected { found, .. } if found.is_empty());
    let key = if ends { "mistake-ends".to_owned() } else { format!("mistake-{}", what.word()) };
    let near = what.near().map(|near| words.say("mistake-near", &[("near", &short(near))]));
    let own = match what {
        What::Unknown { noun: Noun::Variable, .. } => Some(words.say("mistake-unset", &args)),
        What::Unknown { noun: Noun::Peer, .. } => Some(words.say("mistake-no-peer", &args)),
        _ => words.attribute(&key, "hint", &args),
    };
    (words.say(&key, &args), near.or(own))
}

/// Where a file that is spoken of is included, a line for each file around it.
pub(crate) fn included(words: &Words, chain: &[(Arc<str>, usize)]) -> Vec<String> {
    let say = |(path, line): &(Arc<str>, usize)| {
        words.say("spot-included", &[("path", &safe(path)), ("line", &line.to_string())])
    };
    chain.iter().map(say).collect()
}

/// A fault of a part of a file: an endpoint, a framing.
fn faulty(words: &Words, fault: &Fault) -> (String, Option<String>) {
    let mut fault = fault.clone();
    for (_, value) in &mut fault.args {
        *value = short(value);
    }
    let text = fault::lines(words, &fault, Weight::Error, SessionId::default(), false);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let hint = words.say("hint", &[("hint", "")]);
    let hint = rest.strip_prefix(hint.trim_end()).map(|hint| hint.trim_start().to_owned());
    (first.to_owned(), hint.filter(|hint| !hint.is_empty()))
}

/// What could stand somewhere, with commas, at most eight of it.
fn list(words: &Words, wanted: &[Want]) -> String {
    const MOST: usize = 8;
    let mut shown: Vec<String> = wanted
        .iter()
        .take(MOST)
        .map(|want| match want {
            Want::Word(word) => format!("`{word}`"),
            Want::Some(noun) => name(words, *noun),
        })
        .collect();
    if wanted.len() > MOST {
        shown.push("…".to_owned());
    }
    shown.join(&words.plain("mistake-or"))
}

fn name(words: &Words, noun: Noun) -> String {
    words.plain(&format!("noun-{}", noun.word()))
}

const fn why_word(why: &Why) -> &'static str {
    match why {
        Why::Open(_) => "open",
        Why::Reopens => "reopens",
        Why::Secures => "secures",
        Why::Several => "several",
        Why::Listens => "listens",
        Why::Upgrades => "upgrades",
        Why::NoPeer => "no-peer",
        Why::Empty => "empty",
    }
}
