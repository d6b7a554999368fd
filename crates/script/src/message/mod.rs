//! What a message is made of: the parts that a step sends, or that it expects. [`Message`] is the type to read first; it
//! is built in `build`, compared in `compare`.

mod build;
mod compare;
mod expression;
mod json;
mod locate;
mod number;
mod regex;
mod sum;

use std::fmt;
use std::sync::Arc;

use sockeye_wire::Charset;

use crate::write;

pub(crate) use expression::{Base, Expression};
pub(crate) use json::{Clause, Hop, Path, Wish, is_plain};
pub(crate) use number::{Number, Type};
pub(crate) use regex::Regex;
pub(crate) use sum::Sum;

/// Every fixed word for a type of number.
pub(crate) use number::WORDS as TYPES;
/// Every word for a checksum.
pub(crate) use sum::WORDS as SUMS;

/// How much of a part, as it is written, a difference shows, in bytes.
const SHOWN: usize = 200;

/// A message, or what one must look like: its parts, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    parts: Arc<[Part]>,
    /// What is needed only where parts speak of each other.
    ties: Option<Arc<Ties>>,
    written: Written,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// These bytes.
    Bytes(Box<[u8]>),
    /// A variable's bytes.
    Variable(Box<str>),
    /// A number.
    Number(Type, Expression),
    /// A checksum.
    Sum(Sum, Scope),
    /// A group begins.
    Begin(u16),
    /// A group ends.
    End(u16),
    /// So many bytes, whatever they are.
    Skip(usize),
    /// Any number of bytes.
    Any,
    /// What a regular expression matches.
    Regex(Arc<Regex>),
    /// Something to be remembered.
    Take(Box<str>, Take),
    /// A JSON text of which all this is true. It stands alone.
    Json(Box<[Clause]>),
}

/// What is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// A number that meets a condition.
    Number(Type, Condition),
    /// So many bytes.
    Exactly(Expression),
    /// Any number of bytes.
    Bytes,
    /// Any number of bytes that are text.
    Text(Charset),
}

/// What a number must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    None,
    Is(Expression),
    /// From the first to the second, both allowed.
    Between(Number, Number),
}

/// Over what a checksum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All bytes of the message before it.
    Before,
    /// A group.
    Group(u16),
}

/// Where a part is written, in bytes of its text. It says nothing of what the part means, so any two are equal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}

/// The text that spans are of, or nothing. Any two are equal, as of [`Span`].
#[derive(Clone, Default)]
struct Written(Option<Arc<str>>);

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Written {}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What parts have to do with each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ties {
    /// Of each group, the parts that begin and end it.
    groups: Box<[(usize, usize)]>,
    /// Checksums in an order in which each can be computed.
    sums: Box<[usize]>,
    /// Of each group, the numbers and checksums before its end that speak of it.
    ahead: Box<[Box<[usize]>]>,
    /// The numbers that are the length of what follows them in the message.
    rests: Box<[usize]>,
}

/// A checksum is over bytes of which it is a part, by itself or through others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Circular(pub(crate) Span);

impl Message {
    /// These bytes.
    pub(crate) fn literal(bytes: &[u8]) -> Self {
        let part = Part { kind: Kind::Bytes(bytes.into()), span: Span::default() };
        Self { parts: Arc::new([part]), ties: None, written: Written(None) }
    }

    /// These parts of `text`, with so many groups.
    pub(crate) fn new(parts: Vec<Part>, groups: u16, text: &Arc<str>) -> Result<Self, Circular> {
        let is_tied = |part: &Part| match &part.kind {
            Kind::Number(_, value) | Kind::Take(_, Take::Number(_, Condition::Is(value))) => {
                value.is_length()
            }
            Kind::Sum(..) => true,
            _ => false,
        };
        let is_tied = groups > 0 || parts.iter().any(is_tied);
        let ties = if is_tied { Some(Arc::new(Ties::of(&parts, groups)?)) } else { None };
        Ok(Self { parts: parts.into(), ties, written: Written(Some(Arc::clone(text))) })
    }

    /// What a part looks like where it is written.
    fn words(&self, part: usize) -> Box<str> {
        let Some(part) = self.parts.get(part) else { return "".into() };
        let range = part.span.start as usize..part.span.end as usize;
        if let Some(text) = self.written.0.as_ref().and_then(|text| text.get(range)) {
            return shortened(text);
        }
        match &part.kind {
            Kind::Bytes(bytes) => shortened(&write::message(&bytes[..bytes.len().min(SHOWN)])),
            _ => "".into(),
        }
    }

    /// The first part of which nobody can say what it is before it comes, as written.
    pub(crate) fn open(&self) -> Option<Box<str>> {
        let is_open = |part: &Part| match &part.kind {
            Kind::Skip(_) | Kind::Any | Kind::Regex(_) | Kind::Json(_) => true,
            Kind::Take(_, take) => !matches!(take, Take::Number(_, Condition::Is(_))),
            _ => false,
        };
        self.parts.iter().position(is_open).map(|part| self.words(part))
    }

    /// The ties of a message that has some; empty ones otherwise.
    fn group(&self, group: u16) -> (usize, usize) {
        let ties = self.ties.as_ref().and_then(|ties| ties.groups.get(usize::from(group)));
        ties.copied().unwrap_or((usize::MAX, usize::MAX))
    }
}

/// The start of something written, in one line.
fn shortened(text: &str) -> Box<str> {
    let mut end = text.len().min(SHOWN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut short = text[..end].replace("\\\n", " ").replace("\\\r\n", " ");
    if end < text.len() {
        short.push('…');
    }
    short.into()
}

impl Part {
    /// The name of the variable it sets, if it is of its own making.
    fn takes(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Take(taken, _) => **taken == *name,
            Kind::Regex(regex) => regex.names().any(|group| group == name),
            _ => false,
        }
    }

    /// Its number's type and value, where it has one that is known beforehand or bound to something.
    fn value(&self) -> Option<(Type, &Expression)> {
        match &self.kind {
            Kind::Number(kind, value) | Kind::Take(_, Take::Number(kind, Condition::Is(value))) => {
                Some((*kind, value))
            }
            _ => None,
        }
    }

    /// How many bytes it takes, where that is always the same.
    fn size(&self) -> Option<usize> {
        match &self.kind {
            Kind::Bytes(bytes) => Some(bytes.len()),
            Kind::Number(kind, _) | Kind::Take(_, Take::Number(kind, _)) => kind.size(),
            Kind::Sum(sum, _) => Some(sum.size()),
            Kind::Begin(_) | Kind::End(_) => Some(0),
            Kind::Skip(count) => Some(*count),
            _ => None,
        }
    }
}

impl Ties {
    fn of(parts: &[Part], groups: u16) -> Result<Self, Circular> {
        let mut bounds = vec![(usize::MAX, usize::MAX); usize::from(groups)];
        let mut ahead = vec![Vec::new(); usize::from(groups)];
        let mut rests = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            match &part.kind {
                Kind::Begin(group) => bounds[usize::from(*group)].0 = at,
                Kind::End(group) => bounds[usize::from(*group)].1 = at,
                _ => {}
            }
        }
        for (at, part) in parts.iter().enumerate() {
            let spoken_of = match (&part.kind, part.value().map(|(_, value)| &value.base)) {
                (Kind::Sum(_, Scope::Group(group)), _) | (_, Some(Base::Group(group))) => *group,
                (_, Some(Base::Rest)) => {
                    rests.push(at);
                    continue;
                }
                _ => continue,
            };
            if at < bounds[usize::from(spoken_of)].1 {
                ahead[usize::from(spoken_of)].push(at);
            }
        }
        let sums = order(parts, &bounds)?;
        let ahead = ahead.into_iter().map(Vec::into_boxed_slice).collect();
        Ok(Self { groups: bounds.into(), sums: sums.into(), ahead, rests: rests.into() })
    }
}

/// Checksums, each behind those that are among its bytes.
fn order(parts: &[Part], groups: &[(usize, usize)]) -> Result<Vec<usize>, Circular> {
    let covered = |at: usize| match parts[at].kind {
        Kind::Sum(_, Scope::Group(group)) => {
            let (begin, end) = groups[usize::from(group)];
            begin..end
        }
        _ => 0..at,
    };
    let mut waiting: Vec<usize> =
        (0..parts.len()).filter(|at| matches!(parts[*at].kind, Kind::Sum(..))).collect();
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_ready = |at: usize| !waiting.iter().any(|other| covered(at).contains(other));
        let Some(next) = waiting.iter().position(|at| is_ready(*at)) else {
            return Err(Circular(parts[waiting[0]].span));
        };
        ordered.push(waiting.remove(next));
    }
    Ok(ordered)
}
