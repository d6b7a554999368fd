//! Steps: what happens.

use std::time::Duration;

use sockeye_core::endpoint::Params;
use sockeye_core::quantity;

use super::cast::Reader;
use super::cursor::near;
use super::line::within;
use super::tree::{Arrow, Item, Line, Modifier, Node, Op, Step, Word};
use super::{DEEPEST, MOST_STEPS, words};
use crate::data::Data;
use crate::error::{MOST, Noun, What};
use crate::message::Span;
use crate::pattern::Pattern;
use crate::program::{self, Place};

/// What follows a step.
#[derive(Default)]
struct Modifiers {
    within: Option<(Duration, Duration)>,
    after: Option<Duration>,
    label: Option<Box<str>>,
    like: Option<Box<Data>>,
}

/// Where the word `like` stands.
fn like_of(step: &Step) -> Option<Span> {
    step.modifiers.iter().find_map(|modifier| match modifier {
        Modifier::Like(span, _) => Some(*span),
        _ => None,
    })
}

impl Reader<'_, '_> {
    pub(super) fn steps(&mut self, lines: &[(u16, Line)]) {
        let mut open: Vec<usize> = Vec::new();
        for (source, line) in lines {
            let Item::Step(step) = &line.item else { continue };
            if self.program.steps.len() >= MOST_STEPS {
                let what = What::Limit { noun: Noun::Step, most: MOST_STEPS as u64 };
                return self.error(*source, line.span, what);
            }
            if self.gathered.errors.len() >= MOST {
                return;
            }
            let here = self.program.steps.len();
            let Some(peer) = self.whose(*source, line.span, step) else { continue };
            let modifiers = self.modifiers(*source, peer, step);
            let Modifiers { within, after, label, like } = modifiers;
            let Some(op) = self.op(*source, peer, step, like) else { continue };
            let op = match op {
                program::Op::Say(pattern) if pattern.is_plain() => {
                    // Who sends one thing and says that it is like another has mistaken one for the other.
                    self.error(*source, like_of(step).unwrap_or(line.span), What::Misplaced("like".into()));
                    continue;
                }
                program::Op::Repeat { .. } if open.len() >= DEEPEST => {
                    self.error(*source, line.span, What::Limit { noun: Noun::Depth, most: DEEPEST as u64 });
                    continue;
                }
                program::Op::Repeat { .. } => {
                    open.push(here);
                    op
                }
                program::Op::End { .. } => {
                    let Some(start) = open.pop() else {
                        self.error(*source, line.span, What::Unpaired("end"));
                        continue;
                    };
                    if let program::Op::Repeat { end, .. } = &mut self.program.steps[start].op {
                        *end = u32::try_from(here).unwrap_or(u32::MAX);
                    }
                    program::Op::End { start: u32::try_from(start).unwrap_or(u32::MAX) }
                }
                op => op,
            };
            let place = Place { source: *source, start: line.span.start, end: line.span.end };
            self.program.steps.push(program::Step { peer, op, within, after, label, place });
        }
        for start in open {
            let place = self.program.steps[start].place;
            let span = Span { start: place.start, end: place.end };
            self.error(place.source, span, What::Unpaired("repeat"));
        }
    }

    /// The peer of a step; 0 for one that belongs to nobody.
    fn whose(&mut self, source: u16, span: Span, step: &Step) -> Option<u16> {
        let is_nobodys = matches!(step.op, Op::Sleep(_) | Op::Repeat { .. } | Op::End);
        match &step.peer {
            Some(name) if matches!(step.op, Op::Repeat { .. } | Op::End) => {
                self.error(source, name.span, What::Misplaced(name.text.clone()));
                None
            }
            Some(name) => self.named(source, name),
            None if is_nobodys => Some(0),
            None if self.program.peers.len() == 1 => Some(0),
            None => {
                self.error(source, span, What::Nameless);
                None
            }
        }
    }

    fn duration(&mut self, source: u16, name: &'static str, word: &Word) -> Option<Duration> {
        match quantity::duration(name, &word.text) {
            Ok(duration) => Some(duration),
            Err(fault) => {
                self.error(source, word.span, What::Fault(Box::new(fault)));
                None
            }
        }
    }

    fn modifiers(&mut self, source: u16, peer: u16, step: &Step) -> Modifiers {
        let mut read = Modifiers::default();
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for modifier in &step.modifiers {
            let (name, span) = match modifier {
                Modifier::Within(word) => ("within", word.span),
                Modifier::After(word) => ("after", word.span),
                Modifier::As(word) => ("as", word.span),
                Modifier::Like(span, _) => ("like", *span),
            };
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == name) {
                let first = Place { source, start: first.start, end: first.end };
                self.error(source, span, What::Duplicate { noun: Noun::Modifier, word: name.into(), first });
                continue;
            }
            seen.push((name, span));
            match modifier {
                Modifier::Within(word) => {
                    if matches!(step.op, Op::Sleep(_) | Op::Repeat { .. } | Op::End) {
                        self.error(source, span, What::Misplaced(name.into()));
                    } else {
                        read.within = self.range(source, word);
                    }
                }
                Modifier::After(word) => read.after = self.duration(source, "after", word),
                Modifier::As(word) => read.label = Some(word.text.clone()),
                Modifier::Like(_, nodes) => {
                    if matches!(
                        step.op,
                        Op::Send(_) | Op::Match(Arrow::Expect | Arrow::Skip | Arrow::Maybe, _)
                    ) {
                        read.like = self.data(source, peer, nodes).map(Box::new);
                    } else {
                        self.error(source, span, What::Misplaced(name.into()));
                    }
                }
            }
        }
        read
    }

    /// `B` or `A..B`.
    fn range(&mut self, source: u16, word: &Word) -> Option<(Duration, Duration)> {
        let Some((low, high)) = word.text.split_once("..") else {
            return self.duration(source, "within", word).map(|high| (Duration::ZERO, high));
        };
        let part = |from: usize, text: &str| Word {
            text: text.into(),
            span: within(word.span, from, from + text.len()),
        };
        let low = self.duration(source, "within", &part(0, low))?;
        let high = self.duration(source, "within", &part(word.text.len() - high.len(), high))?;
        if low > high {
            self.error(source, word.span, What::Range { value: word.text.clone(), kind: "within".into() });
            return None;
        }
        Some((low, high))
    }

    fn data(&mut self, source: u16, peer: u16, nodes: &[Node]) -> Option<Data> {
        let charset = self.charsets.get(usize::from(peer)).copied().unwrap_or_default();
        self.message(source, nodes, charset, Noun::Data).map(Data::of)
    }

    fn pattern(
        &mut self,
        source: u16,
        peer: u16,
        nodes: &[Node],
        like: Option<Box<Data>>,
    ) -> Option<Pattern> {
        let charset = self.charsets.get(usize::from(peer)).copied().unwrap_or_default();
        self.message(source, nodes, charset, Noun::Match).map(|message| Pattern::of(message, like))
    }

    fn op(&mut self, source: u16, peer: u16, step: &Step, like: Option<Box<Data>>) -> Option<program::Op> {
        Some(match &step.op {
            Op::Send(nodes) if like.is_some() => program::Op::Say(self.pattern(source, peer, nodes, like)?),
            Op::Send(nodes) => program::Op::Send(self.data(source, peer, nodes)?),
            Op::Match(arrow, nodes) => {
                let pattern = self.pattern(source, peer, nodes, like)?;
                match arrow {
                    Arrow::Expect => program::Op::Expect(pattern),
                    Arrow::Skip => program::Op::Skip(pattern),
                    Arrow::Maybe => program::Op::Maybe(pattern),
                    Arrow::Never => program::Op::Never(pattern),
                }
            }
            Op::Eof => program::Op::Eof,
            Op::Reset => program::Op::Reset,
            Op::Connect => program::Op::Connect,
            Op::Close => program::Op::Close,
            Op::Fin => program::Op::Fin,
            Op::Abort => program::Op::Abort,
            Op::StartTls(parameters) => program::Op::StartTls(self.parameters(source, parameters)?),
            Op::Sleep(word) => program::Op::Sleep(self.duration(source, "sleep", word)?),
            Op::Repeat { times, every } => {
                let Ok(count) = times.text.parse() else {
                    self.error(
                        source,
                        times.span,
                        What::Range { value: times.text.clone(), kind: "u64".into() },
                    );
                    return None;
                };
                let every = match every {
                    Some(word) => self.duration(source, "every", word)?,
                    None => Duration::ZERO,
                };
                program::Op::Repeat { times: count, every, end: 0 }
            }
            Op::End => program::Op::End { start: 0 },
        })
    }

    /// `insecure ca=ca.pem`, as a URL has it: `insecure&ca=ca.pem`.
    fn parameters(&mut self, source: u16, parameters: &[Word]) -> Option<Box<str>> {
        let mut all = Params::default();
        let mut joined = String::new();
        for word in parameters {
            for parameter in word.text.split('&') {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                if !words::TLS.contains(&name) {
                    let near = near(name, words::TLS.iter().copied());
                    let what = What::Unknown { noun: Noun::Parameter, word: name.into(), near };
                    self.error(source, word.span, what);
                    return None;
                }
                let value = sockeye_core::endpoint::decode(value).unwrap_or_else(|| value.to_owned());
                if let Err(fault) = all.set(name, &value) {
                    self.error(source, word.span, What::Fault(Box::new(fault)));
                    return None;
                }
                if !joined.is_empty() {
                    joined.push('&');
                }
                joined.push_str(parameter);
            }
        }
        Some(joined.into())
    }

    /// `@ignore`: of one peer, or of any.
    pub(super) fn ignore(&mut self, source: u16, peer: Option<&Word>, nodes: &[Node]) {
        let (peer, charset) = match peer {
            None => (None, self.program.settings.charset),
            Some(name) => {
                let Some(peer) = self.named(source, name) else { return };
                (Some(peer), self.charsets.get(usize::from(peer)).copied().unwrap_or_default())
            }
        };
        if let Some(message) = self.message(source, nodes, charset, Noun::Match) {
            self.program.settings.ignore.push((peer, Pattern::of(message, None)));
        }
    }
}
