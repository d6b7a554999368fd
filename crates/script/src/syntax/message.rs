//! What the parts of a message mean: nodes of the tree to a [`Message`].

use std::collections::HashMap;
use std::sync::Arc;

use sockeye_wire::Charset;

use super::cast::Reader;
use super::cursor::near;
use super::gather::beside;
use super::tree::{Amount, Bound, ClauseNode, Node, NodeKind, Piece, TakeNode, Term, WishNode, Word};
use super::{LONGEST, Wanted};
use crate::error::{Noun, What};
use crate::message::{
    Base, Clause, Condition, Expression, Kind, Message, Number, Part, Regex, Scope, Span, Take, Type, Wish,
};
use crate::program::Place;

/// The most checksums of a message, and the most lengths of no fixed size.
const MOST_SUMS: usize = 64;

/// The most groups of a message.
const MOST_GROUPS: usize = 1_024;

/// The most different regular expressions of a conversation.
const MOST_REGEXES: usize = 10_000;

/// The most bytes that files in messages come to in all: 64 MiB.
const MOST_BYTES: usize = 64 << 20;

/// What is loaded and compiled once, however often it is used.
#[derive(Default)]
pub(super) struct Library {
    regexes: HashMap<(Box<str>, Box<str>), Arc<Regex>>,
    files: HashMap<String, Arc<[u8]>>,
    bytes: usize,
}

/// A message that is being put together.
struct Draft {
    source: u16,
    charset: Charset,
    /// Whether it is sent or expected.
    noun: Noun,
    parts: Vec<Part>,
    groups: Vec<Word>,
    sums: usize,
    lengths: usize,
}

impl Reader<'_, '_> {
    /// The message of these nodes; `None` if something is wrong, which is then told. `noun` says whether it is to be sent
    /// ([`Noun::Data`]) or expected ([`Noun::Match`]).
    pub(super) fn message(
        &mut self,
        source: u16,
        nodes: &[Node],
        charset: Charset,
        noun: Noun,
    ) -> Option<Message> {
        let before = self.gathered.errors.len();
        let mut draft =
            Draft { source, charset, noun, parts: Vec::new(), groups: Vec::new(), sums: 0, lengths: 0 };
        self.groups(&mut draft, nodes);
        for node in nodes {
            self.node(&mut draft, node);
        }
        if let Some(node) = nodes.iter().find(|node| matches!(node.kind, NodeKind::Json(_)))
            && nodes.len() > 1
        {
            self.error(source, node.span, What::Misplaced("json".into()));
        }
        if draft.sums > MOST_SUMS || draft.lengths > MOST_SUMS || draft.groups.len() > MOST_GROUPS {
            let most = if draft.groups.len() > MOST_GROUPS { MOST_GROUPS } else { MOST_SUMS };
            let span = nodes.first().map_or_else(Span::default, |node| node.span);
            self.error(source, span, What::Limit { noun: Noun::Group, most: most as u64 });
        }
        if self.gathered.errors.len() > before {
            return None;
        }
        let text = Arc::clone(&self.gathered.sources[usize::from(source)].text);
        let groups = u16::try_from(draft.groups.len()).unwrap_or(u16::MAX);
        match Message::new(draft.parts, groups, &text) {
            Ok(message) => Some(message),
            Err(circular) => {
                self.error(source, circular.0, What::Circular);
                None
            }
        }
    }

    /// Names of groups come first: a length may stand before its group.
    fn groups(&mut self, draft: &mut Draft, nodes: &[Node]) {
        for node in nodes {
            let NodeKind::Group(name, inner) = &node.kind else { continue };
            let first = draft.groups.iter().find(|known| known.text == name.text).map(|first| first.span);
            if let Some(first) = first {
                let first = Place { source: draft.source, start: first.start, end: first.end };
                let what = What::Duplicate { noun: Noun::Group, word: name.text.clone(), first };
                self.error(draft.source, name.span, what);
            }
            if draft.groups.len() <= MOST_GROUPS {
                draft.groups.push(name.clone());
            }
            self.groups(draft, inner);
        }
    }

    fn group(&mut self, draft: &Draft, name: &Word) -> u16 {
        let found = draft.groups.iter().position(|known| known.text == name.text);
        if found.is_none() {
            let near = near(&name.text, draft.groups.iter().map(|known| &*known.text));
            let what = What::Unknown { noun: Noun::Group, word: name.text.clone(), near };
            self.error(draft.source, name.span, what);
        }
        found.and_then(|found| u16::try_from(found).ok()).unwrap_or(0)
    }

    fn node(&mut self, draft: &mut Draft, node: &Node) {
        let span = node.span;
        let mut push = |kind| draft.parts.push(Part { kind, span });
        match &node.kind {
            NodeKind::Text(pieces) => self.text(draft, span, pieces),
            NodeKind::Hex(_, bytes) => {
                if draft.noun == Noun::Data && bytes.contains(&None) {
                    return self.error(draft.source, span, What::Open("??".into()));
                }
                for run in bytes.chunk_by(|left, right| left.is_some() == right.is_some()) {
                    match run.iter().copied().collect::<Option<Vec<u8>>>() {
                        Some(bytes) => push(Kind::Bytes(bytes.into())),
                        None => push(Kind::Skip(run.len())),
                    }
                }
            }
            NodeKind::Base64(bytes) => push(Kind::Bytes(bytes.as_slice().into())),
            NodeKind::File(path) => {
                if let Some(bytes) = self.file(draft.source, path) {
                    push(Kind::Bytes((*bytes).into()));
                }
            }
            NodeKind::Variable(name) => {
                push(Kind::Variable(name.text.clone()));
                self.uses(draft.source, name.span, &name.text);
            }
            NodeKind::Number(kind, value) => {
                let value = self.amount(draft, value, Some(*kind));
                draft.parts.push(Part { kind: Kind::Number(*kind, value), span });
            }
            NodeKind::Sum(sum, group) => {
                let scope = match group {
                    Some(name) => Scope::Group(self.group(draft, name)),
                    None => Scope::Before,
                };
                draft.sums += 1;
                draft.parts.push(Part { kind: Kind::Sum(*sum, scope), span });
            }
            NodeKind::Group(name, inner) => self.inner(draft, name, inner),
            NodeKind::Wild
            | NodeKind::Any(_)
            | NodeKind::Regex { .. }
            | NodeKind::Take(..)
            | NodeKind::Json(_)
                if draft.noun == Noun::Data =>
            {
                let text = &self.gathered.sources[usize::from(draft.source)].text;
                let written = text.get(span.start as usize..span.end as usize).unwrap_or("");
                let word = written.chars().take(64).collect::<String>();
                self.error(draft.source, span, What::Open(word.into()));
            }
            NodeKind::Wild => push(Kind::Skip(1)),
            NodeKind::Any(None) => push(Kind::Any),
            NodeKind::Any(Some(count)) => {
                let Ok(bytes) = count.text.parse::<u32>() else {
                    let what = What::Range { value: count.text.clone(), kind: "u32".into() };
                    return self.error(draft.source, count.span, what);
                };
                push(Kind::Skip(bytes as usize));
            }
            NodeKind::Regex { source, flags } => {
                if let Some(regex) = self.regex(draft.source, span, source, flags) {
                    for name in regex.names() {
                        self.set.insert(name.into());
                    }
                    draft.parts.push(Part { kind: Kind::Regex(regex), span });
                }
            }
            NodeKind::Take(name, take) => self.take(draft, span, name, take),
            NodeKind::Json(clauses) => {
                let clauses = clauses.iter().map(|clause| self.clause(draft.source, clause)).collect();
                draft.parts.push(Part { kind: Kind::Json(clauses), span });
            }
        }
    }

    fn inner(&mut self, draft: &mut Draft, name: &Word, nodes: &[Node]) {
        let group = self.group(draft, name);
        let span = name.span;
        draft.parts.push(Part { kind: Kind::Begin(group), span });
        for node in nodes {
            if matches!(node.kind, NodeKind::Json(_)) {
                self.error(draft.source, node.span, What::Misplaced("json".into()));
            }
            self.node(draft, node);
        }
        draft.parts.push(Part { kind: Kind::End(group), span });
    }

    fn text(&mut self, draft: &mut Draft, span: Span, pieces: &[Piece]) {
        let mut bytes = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Byte(byte) => bytes.push(*byte),
                Piece::Text(text) => match draft.charset.encode(text) {
                    Ok(encoded) => bytes.extend_from_slice(&encoded),
                    Err(fault) => {
                        return self.error(draft.source, span, What::Charset(Box::new(fault)));
                    }
                },
                Piece::Variable(name) => {
                    if !bytes.is_empty() {
                        let kind = Kind::Bytes(std::mem::take(&mut bytes).into());
                        draft.parts.push(Part { kind, span });
                    }
                    draft.parts.push(Part { kind: Kind::Variable(name.text.clone()), span });
                    self.uses(draft.source, name.span, &name.text);
                }
            }
        }
        if !bytes.is_empty() || pieces.is_empty() {
            draft.parts.push(Part { kind: Kind::Bytes(bytes.into()), span });
        }
    }

    /// A value; one that is known must fit its type. Without a type it is a count of bytes.
    fn amount(&mut self, draft: &mut Draft, amount: &Amount, kind: Option<Type>) -> Expression {
        let base = match &amount.base {
            Term::Number(word) => {
                let number = Number::parse(&word.text).unwrap_or(Number::Int(0));
                let value = Expression { base: Base::Number(number), plus: amount.plus };
                let whole = value.add(number);
                let fits = match kind {
                    Some(kind) => kind.write(whole, &mut Vec::new()).is_ok(),
                    None => whole.as_int().is_some_and(|count| u32::try_from(count).is_ok()),
                };
                if !fits {
                    let kind = kind.map_or_else(|| "u32".into(), |kind| kind.to_string());
                    let what = What::Range { value: whole.to_string().into(), kind: kind.into() };
                    self.error(draft.source, word.span, what);
                }
                return value;
            }
            Term::Variable(name) => {
                self.uses(draft.source, name.span, &name.text);
                Base::Variable(name.text.clone())
            }
            Term::Rest => Base::Rest,
            Term::Group(name) => Base::Group(self.group(draft, name)),
        };
        let value = Expression { base, plus: amount.plus };
        if value.is_length() && kind == Some(Type::Varint) {
            draft.lengths += 1;
        }
        value
    }

    fn take(&mut self, draft: &mut Draft, span: Span, name: &Word, take: &TakeNode) {
        let take = match take {
            TakeNode::Text => Take::Text(draft.charset),
            TakeNode::Bytes(None) => Take::Bytes,
            TakeNode::Bytes(Some(count)) => {
                let value = self.amount(draft, count, None);
                if matches!(value.base, Base::Rest) {
                    self.error(draft.source, span, What::Misplaced("len".into()));
                }
                Take::Exactly(value)
            }
            TakeNode::Number(kind, bound) => Take::Number(
                *kind,
                match bound {
                    Bound::None => Condition::None,
                    Bound::Is(value) => Condition::Is(self.amount(draft, value, Some(*kind))),
                    Bound::Between(low, high) => {
                        let number = |word: &Word| Number::parse(&word.text).unwrap_or(Number::Int(0));
                        for word in [low, high] {
                            if kind.write(number(word), &mut Vec::new()).is_err() {
                                let what =
                                    What::Range { value: word.text.clone(), kind: kind.to_string().into() };
                                self.error(draft.source, word.span, what);
                            }
                        }
                        if number(low).compare(number(high)).is_none_or(std::cmp::Ordering::is_gt) {
                            let value = format!("{}..{}", low.text, high.text).into();
                            self.error(
                                draft.source,
                                span,
                                What::Range { value, kind: kind.to_string().into() },
                            );
                        }
                        Condition::Between(number(low), number(high))
                    }
                },
            ),
        };
        self.set.insert(name.text.clone());
        draft.parts.push(Part { kind: Kind::Take(name.text.clone(), take), span });
    }

    fn clause(&mut self, source: u16, clause: &ClauseNode) -> Clause {
        let wish = match &clause.wish {
            WishNode::There => Wish::There,
            // It was read when it was found to be JSON.
            WishNode::Is(word) => Wish::Is(serde_json::from_str(&word.text).unwrap_or_default()),
            WishNode::Variable(name) => {
                self.uses(source, name.span, &name.text);
                Wish::Variable(name.text.clone())
            }
            WishNode::Take(name) => {
                self.set.insert(name.text.clone());
                Wish::Take(name.text.clone())
            }
        };
        Clause { path: clause.path.clone(), wish, span: clause.span }
    }

    fn regex(&mut self, source: u16, span: Span, text: &str, flags: &str) -> Option<Arc<Regex>> {
        let key = (text.into(), flags.into());
        if let Some(known) = self.library.regexes.get(&key) {
            return Some(Arc::clone(known));
        }
        if self.library.regexes.len() >= MOST_REGEXES {
            self.error(source, span, What::Limit { noun: Noun::Regex, most: MOST_REGEXES as u64 });
            return None;
        }
        match Regex::new(text, flags) {
            Ok(regex) => {
                let regex = Arc::new(regex);
                self.library.regexes.insert(key, Arc::clone(&regex));
                Some(regex)
            }
            Err(words) => {
                self.error(source, span, What::Regex(words.into()));
                None
            }
        }
    }

    fn file(&mut self, source: u16, path: &Word) -> Option<Arc<[u8]>> {
        let whole = beside(&self.gathered.sources[usize::from(source)].path, &path.text);
        if let Some(known) = self.library.files.get(&whole) {
            // Each use has the bytes to itself.
            self.library.bytes += known.len();
            if self.library.bytes <= MOST_BYTES {
                return Some(Arc::clone(known));
            }
        }
        let limit = |most: usize| What::Limit { noun: Noun::File, most: most as u64 };
        let what = match (self.loader)(&whole, Wanted::Bytes) {
            Ok(bytes) if bytes.len() > LONGEST => limit(LONGEST),
            Ok(bytes) if self.library.bytes + bytes.len() > MOST_BYTES => limit(MOST_BYTES),
            Ok(bytes) => {
                let bytes: Arc<[u8]> = bytes.into();
                self.library.bytes += bytes.len();
                self.library.files.insert(whole, Arc::clone(&bytes));
                return Some(bytes);
            }
            Err(words) => What::Load { path: whole.into(), words: words.into() },
        };
        self.error(source, path.span, what);
        None
    }
}
