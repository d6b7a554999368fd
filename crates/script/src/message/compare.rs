//! Comparing what came with what was expected.
//!
//! Parts are met from left to right. Those that take any number of bytes take as few as the rest allows, which is found by
//! trying again from the last of them with more. Every try is counted, and so are the bytes looked at for one: what takes
//! more than [`MOST_TRIES`] counts as no match, so no pattern and no peer can hold a run up.

use std::borrow::Cow;

use memchr::memmem;

use super::number::Reading;
use super::{Base, Condition, Expression, Kind, Message, Number, Part, Scope, Take, Type, json};
use crate::pattern::{Difference, Extent, Verdict};
use crate::vars::Vars;

/// How much is tried before a comparison is given up: parts met, and 32 bytes searched count as one.
pub(crate) const MOST_TRIES: usize = 1 << 22;

/// How many bytes looked at count as one try.
const GLANCE: usize = 32;

/// One comparison.
struct Run<'a> {
    message: &'a Message,
    parts: &'a [Part],
    came: &'a [u8],
    vars: &'a Vars,
    extent: Extent,
    /// Where each part begins on the way that is tried; the whole way ends with where the last one ends.
    starts: Vec<usize>,
    /// Parts that may take more, the last one last, with where they end now.
    choices: Vec<(usize, usize)>,
    tries: usize,
    worst: Option<Miss>,
}

/// A part that was not met.
#[derive(Clone, Copy)]
struct Miss {
    /// The first byte that differs.
    at: usize,
    part: usize,
    /// Where the part began.
    start: usize,
}

/// What became of one part.
enum Met {
    /// It ends here.
    To(usize),
    /// It may end in several places, here first.
    Perhaps(usize),
    /// What came is too short to tell.
    Short,
    /// It is not met; the first byte that differs.
    Not(usize),
}

impl Message {
    /// Compares; see [`Pattern::matches`](crate::Pattern::matches).
    pub(crate) fn compare(&self, came: &[u8], vars: &Vars, extent: Extent, captured: &mut Vars) -> Verdict {
        if let [Part { kind: Kind::Json(clauses), .. }] = &*self.parts {
            return json::compare(clauses, came, vars, extent, captured, |at| self.clause(clauses, at));
        }
        let starts = vec![0; self.parts.len() + 1];
        let (choices, parts) = (Vec::new(), &*self.parts);
        let mut run =
            Run { message: self, parts, came, vars, extent, starts, choices, tries: 0, worst: None };
        match run.go() {
            Verdict::Match { used } => match run.capture(captured) {
                Ok(()) => Verdict::Match { used },
                Err(part) => {
                    let start = run.starts[part];
                    Verdict::Differs(run.difference(Miss { at: start, part, start }))
                }
            },
            other => other,
        }
    }

    /// A clause as it is written.
    fn clause(&self, clauses: &[json::Clause], at: usize) -> Box<str> {
        let Some(clause) = clauses.get(at) else { return self.words(0) };
        let range = clause.span.start as usize..clause.span.end as usize;
        let text = self.written.0.as_ref().and_then(|text| text.get(range));
        text.map_or_else(|| self.words(0), super::shortened)
    }
}

impl<'a> Run<'a> {
    fn go(&mut self) -> Verdict {
        let (mut part, mut at) = (0, 0);
        loop {
            self.tries += 1;
            self.starts[part] = at;
            let met = if part == self.parts.len() { self.finish(at) } else { self.meet(part, at) };
            let missed = match met {
                Met::To(end) if part == self.parts.len() => return Verdict::Match { used: end },
                Met::To(end) => {
                    (part, at) = (part + 1, end);
                    continue;
                }
                Met::Perhaps(end) => {
                    if self.may_forget() {
                        self.choices.clear();
                    }
                    self.choices.push((part, end));
                    (part, at) = (part + 1, end);
                    continue;
                }
                Met::Short if self.extent == Extent::Prefix => return Verdict::More,
                Met::Short => self.came.len(),
                Met::Not(missed) => missed,
            };
            self.miss(missed, part, at);
            match self.again() {
                Ok(Some(next)) => (part, at) = next,
                Ok(None) => break,
                Err(verdict) => return verdict,
            }
        }
        let worst = self.worst.unwrap_or(Miss { at: 0, part: 0, start: 0 });
        Verdict::Differs(self.difference(worst))
    }

    /// Lets the last part that may take more do so.
    fn again(&mut self) -> Result<Option<(usize, usize)>, Verdict> {
        while let Some((part, end)) = self.choices.pop() {
            if self.tries > MOST_TRIES {
                return Ok(None);
            }
            let from = self.starts[part];
            match self.stretch(part, from, end + 1) {
                Met::Perhaps(end) | Met::To(end) => {
                    self.choices.push((part, end));
                    return Ok(Some((part + 1, end)));
                }
                Met::Short if self.extent == Extent::Prefix => return Err(Verdict::More),
                Met::Short => self.miss(self.came.len(), part + 1, self.came.len()),
                Met::Not(missed) => self.miss(missed, part, from),
            }
        }
        Ok(None)
    }

    fn miss(&mut self, at: usize, part: usize, start: usize) {
        if self.worst.is_none_or(|worst| worst.at < at) {
            self.worst = Some(Miss { at, part, start });
        }
    }

    /// Whether only the last part that may take more need ever do so: parts that are met by where they stand alone leave
    /// most to those behind them when met as early as can be.
    fn may_forget(&self) -> bool {
        let is_simple = |part: &Part| match &part.kind {
            Kind::Bytes(_) | Kind::Skip(_) | Kind::Any => true,
            Kind::Number(_, value) => matches!(value.base, Base::Number(_)),
            Kind::Take(_, take) => {
                matches!(take, Take::Bytes | Take::Number(_, Condition::None | Condition::Between(..)))
            }
            _ => false,
        };
        !self.choices.is_empty() && self.message.ties.is_none() && self.parts.iter().all(is_simple)
    }

    /// All parts are met up to here.
    fn finish(&mut self, at: usize) -> Met {
        if let Some(ties) = &self.message.ties {
            for rest in &ties.rests {
                let start = self.starts[*rest];
                let end = self.starts[rest + 1];
                if self.length_at(*rest).is_some_and(|wanted| wanted != at as i128 - end as i128) {
                    self.miss(start, *rest, start);
                    return Met::Not(start);
                }
            }
        }
        match self.extent {
            Extent::Whole if at < self.came.len() => Met::Not(at),
            _ => Met::To(at),
        }
    }

    fn meet(&mut self, part: usize, at: usize) -> Met {
        let parts = self.parts;
        match &parts[part].kind {
            Kind::Bytes(bytes) => self.literal(bytes, at),
            Kind::Variable(name) => match self.variable(part, name) {
                Some(value) => self.literal(&value, at),
                None => Met::Not(at),
            },
            Kind::Number(..) | Kind::Take(_, Take::Number(_, Condition::Is(_))) => self.value(part, at),
            Kind::Take(_, Take::Number(kind, condition)) => match kind.read(&self.came[at..]) {
                Reading::Number(number, size) => {
                    let holds = match condition {
                        Condition::Between(low, high) => {
                            number.compare(*low).is_some_and(std::cmp::Ordering::is_ge)
                                && number.compare(*high).is_some_and(std::cmp::Ordering::is_le)
                        }
                        _ => true,
                    };
                    if holds { Met::To(at + size) } else { Met::Not(at) }
                }
                Reading::Short => Met::Short,
                Reading::Wrong(wrong) => Met::Not(at + wrong),
            },
            Kind::Sum(sum, scope) => {
                let covered = match scope {
                    Scope::Before => Some(0..at),
                    Scope::Group(group) => {
                        let (begin, end) = self.message.group(*group);
                        (end < part).then(|| self.starts[begin]..self.starts[end])
                    }
                };
                match covered {
                    Some(covered) => {
                        self.tries += covered.len() / GLANCE;
                        let computed = sum.compute(&self.came[covered]);
                        self.literal(&computed, at)
                    }
                    None => self.skip(at, sum.size()),
                }
            }
            Kind::Begin(_) => Met::To(at),
            Kind::End(group) => self.end(*group, at),
            Kind::Skip(count) => self.skip(at, *count),
            Kind::Take(_, Take::Exactly(count)) => {
                let count = self.number(part, Type::Varint, count).and_then(Number::as_int);
                match count.map(usize::try_from) {
                    Some(Ok(count)) => self.skip(at, count),
                    _ => Met::Not(at),
                }
            }
            Kind::Any | Kind::Take(_, Take::Bytes | Take::Text(_)) => self.stretch(part, at, at),
            Kind::Regex(_) => self.regex(part, at),
            Kind::Json(_) => Met::Not(at),
        }
    }

    fn literal(&self, bytes: &[u8], at: usize) -> Met {
        let rest = &self.came[at..];
        let same = bytes.iter().zip(rest).take_while(|(wanted, came)| wanted == came).count();
        match same {
            _ if same == bytes.len() => Met::To(at + same),
            _ if same == rest.len() => Met::Short,
            _ => Met::Not(at + same),
        }
    }

    fn skip(&self, at: usize, count: usize) -> Met {
        if count <= self.came.len() - at { Met::To(at + count) } else { Met::Short }
    }

    /// A number that must be something.
    fn value(&self, part: usize, at: usize) -> Met {
        if let Some(bytes) = self.encoded(part, at) {
            return self.literal(&bytes, at);
        }
        let Some((kind, value)) = self.parts[part].value() else { return Met::Not(at) };
        let is_later = match value.base {
            Base::Rest => true,
            Base::Group(group) => part < self.message.group(group).1,
            _ => false,
        };
        match kind.read(&self.came[at..]) {
            _ if !is_later => Met::Not(at),
            Reading::Number(_, size) => Met::To(at + size),
            Reading::Short => Met::Short,
            Reading::Wrong(wrong) => Met::Not(at + wrong),
        }
    }

    /// The bytes that a number must be, where that is known when it is met.
    fn encoded(&self, part: usize, at: usize) -> Option<Vec<u8>> {
        let (kind, value) = self.parts[part].value()?;
        let number = match value.base {
            Base::Rest if self.extent == Extent::Whole => {
                value.length(self.came.len().checked_sub(at.checked_add(kind.size()?)?)?)
            }
            _ => self.number(part, kind, value)?,
        };
        let mut bytes = Vec::new();
        kind.write(number, &mut bytes).ok()?;
        Some(bytes)
    }

    fn number(&self, part: usize, kind: Type, value: &Expression) -> Option<Number> {
        let number = match &value.base {
            Base::Number(number) => *number,
            Base::Variable(name) => kind.parse(&self.variable(part, name)?).ok()?,
            Base::Group(group) => {
                let (begin, end) = self.message.group(*group);
                if part < end {
                    return None;
                }
                return Some(value.length(self.starts[end] - self.starts[begin]));
            }
            Base::Rest => return None,
        };
        Some(value.add(number))
    }

    /// A variable: what was captured earlier in this message, or before it.
    fn variable(&self, part: usize, name: &str) -> Option<Cow<'a, [u8]>> {
        let earlier = (0..part).rev().find(|earlier| self.parts[*earlier].takes(name));
        match earlier {
            Some(earlier) => self.taken(earlier, name).map(Cow::Owned),
            None => self.vars.get(name).map(Cow::Borrowed),
        }
    }

    /// What a part captured under a name.
    fn taken(&self, part: usize, name: &str) -> Option<Vec<u8>> {
        // A part that is not on the way that was tried has no place.
        let bytes = self.came.get(self.starts[part]..self.starts[part + 1])?;
        match &self.parts[part].kind {
            Kind::Take(_, Take::Number(kind, _)) => match kind.read(bytes) {
                Reading::Number(number, _) => Some(number.to_string().into_bytes()),
                _ => None,
            },
            Kind::Take(..) => Some(bytes.to_vec()),
            Kind::Regex(regex) => {
                if self.searches() {
                    regex.capture(bytes, name)
                } else {
                    regex.capture_here(bytes, name)
                }
            }
            _ => None,
        }
    }

    /// Whether the pattern is a regular expression alone, and looks for it anywhere in a message.
    fn searches(&self) -> bool {
        self.parts.len() == 1 && self.extent == Extent::Whole
    }

    fn regex(&mut self, part: usize, at: usize) -> Met {
        let Kind::Regex(regex) = &self.parts[part].kind else { return Met::Not(at) };
        let rest = &self.came[at..];
        self.tries += rest.len() / GLANCE;
        if self.searches() {
            return if regex.find(rest).is_some() { Met::To(self.came.len()) } else { Met::Not(at) };
        }
        match regex.find_here(rest) {
            // Before anything came, an expression that nothing matches says nothing.
            Some(0) if self.came.is_empty() && self.extent != Extent::Whole => Met::Short,
            Some(end) => Met::To(at + end),
            None if self.extent == Extent::Prefix => Met::Short,
            None => Met::Not(at),
        }
    }

    /// A group is whole: those before its end that speak of it can be judged.
    fn end(&mut self, group: u16, at: usize) -> Met {
        let Some(ties) = &self.message.ties else { return Met::To(at) };
        let begin = self.starts[ties.groups[usize::from(group)].0];
        for earlier in &ties.ahead[usize::from(group)] {
            let start = self.starts[*earlier];
            let wrong = match self.parts[*earlier].kind {
                Kind::Sum(sum, _) => {
                    self.tries += (at - begin) / GLANCE;
                    let computed = sum.compute(&self.came[begin..at]);
                    computed.iter().zip(&self.came[start..]).position(|(wanted, came)| wanted != came)
                }
                _ => {
                    let is_wrong =
                        self.length_at(*earlier).is_some_and(|wanted| wanted != (at - begin) as i128);
                    is_wrong.then_some(0)
                }
            };
            if let Some(wrong) = wrong {
                self.miss(start + wrong, *earlier, start);
                return Met::Not(start + wrong);
            }
        }
        Met::To(at)
    }

    /// The length that a number which has been met says, without what is added to it.
    fn length_at(&self, part: usize) -> Option<i128> {
        let (kind, value) = self.parts[part].value()?;
        match kind.read(&self.came[self.starts[part]..]) {
            Reading::Number(number, _) => Some(number.as_int()? - i128::from(value.plus)),
            _ => None,
        }
    }

    /// Where a part that takes any number of bytes ends, at `low` or later.
    fn stretch(&mut self, part: usize, from: usize, low: usize) -> Met {
        let mut low = low;
        loop {
            let end = match self.candidate(part, low) {
                Met::Perhaps(end) | Met::To(end) => end,
                other => return other,
            };
            self.tries += 1;
            let Kind::Take(_, Take::Text(charset)) = &self.parts[part].kind else { return Met::Perhaps(end) };
            let bytes = &self.came[from..end];
            self.tries += bytes.len() / GLANCE;
            match std::str::from_utf8(bytes) {
                Ok(_) if charset.is_utf8() => return Met::Perhaps(end),
                Err(error) if charset.is_utf8() => match error.error_len() {
                    // The last character has come in part.
                    None if end == self.came.len() => return Met::Short,
                    None => {}
                    Some(_) => return Met::Not(from + error.valid_up_to()),
                },
                _ if !charset.decode(bytes).contains('\u{fffd}') => return Met::Perhaps(end),
                _ if end == self.came.len() => return Met::Not(end),
                _ => {}
            }
            if self.tries > MOST_TRIES {
                return Met::Not(from);
            }
            low = end + 1;
        }
    }

    /// The first place, `low` or later, where the part behind could begin.
    fn candidate(&mut self, part: usize, low: usize) -> Met {
        let came = self.came;
        if low > came.len() {
            return Met::Short;
        }
        if let Some(end) = self.only_end(part) {
            return match usize::try_from(end) {
                Ok(end) if end > came.len() => Met::Short,
                Ok(end) if end >= low => Met::To(end),
                _ => Met::Not(low.min(came.len())),
            };
        }
        let parts = self.parts;
        let behind =
            parts[part + 1..].iter().find(|part| !matches!(part.kind, Kind::Begin(_) | Kind::End(_)));
        let found = match behind.map(|part| &part.kind) {
            None => {
                return if came.is_empty() && self.extent != Extent::Whole {
                    Met::Short
                } else {
                    Met::To(came.len())
                };
            }
            Some(Kind::Bytes(bytes)) => memmem::find(&came[low..], bytes),
            Some(Kind::Regex(regex)) => regex.find(&came[low..]).map(|(start, _)| start),
            Some(_) => Some(0),
        };
        self.tries += found.unwrap_or(came.len() - low) / GLANCE;
        found.map_or(Met::Short, |found| Met::Perhaps(low + found))
    }

    /// Where a part must end, if what is behind it is of a known size up to a known end.
    fn only_end(&mut self, part: usize) -> Option<i128> {
        let mut behind = 0_i128;
        for later in part + 1..self.parts.len() {
            self.tries += 1;
            if let Kind::End(group) = self.parts[later].kind
                && let Some(ties) = &self.message.ties
            {
                let (begin, _) = ties.groups[usize::from(group)];
                let says = |earlier: &&usize| {
                    begin < part && **earlier < part && self.parts[**earlier].value().is_some()
                };
                let length = ties.ahead[usize::from(group)].iter().find(says);
                if let Some(length) = length.and_then(|earlier| self.length_at(*earlier)) {
                    return Some(self.starts[begin] as i128 + length - behind);
                }
            }
            behind += self.parts[later].size()? as i128;
        }
        if self.extent == Extent::Whole {
            return Some(self.came.len() as i128 - behind);
        }
        let rest =
            self.message.ties.as_ref().and_then(|ties| ties.rests.iter().find(|rest| **rest < part))?;
        Some(self.starts[rest + 1] as i128 + self.length_at(*rest)? - behind)
    }

    /// Hands over what was captured; the part whose value is too much, if one is.
    fn capture(&self, captured: &mut Vars) -> Result<(), usize> {
        for (at, part) in self.parts.iter().enumerate() {
            let set = |captured: &mut Vars, name: &str| match self.taken(at, name) {
                Some(value) => captured.set(name, &value),
                None => true,
            };
            let is_kept = match &part.kind {
                Kind::Take(name, _) => set(captured, name),
                Kind::Regex(regex) => regex.names().all(|name| set(captured, name)),
                _ => true,
            };
            if !is_kept {
                return Err(at);
            }
        }
        Ok(())
    }

    fn difference(&self, miss: Miss) -> Difference {
        let Miss { at, part, start } = miss;
        let mut expected = self.came[..start].to_vec();
        for later in part..self.parts.len() {
            let from = expected.len();
            match (self.expected(later, from), self.parts[later].size()) {
                (Some(bytes), _) => expected.extend_from_slice(&bytes),
                // Nothing literal can be said of what was missed.
                (None, _) if later == part => {
                    expected.clear();
                    break;
                }
                // What may be anything is what came.
                (None, Some(size)) => match self.came.get(from..from + size) {
                    Some(came) => expected.extend_from_slice(came),
                    None => break,
                },
                (None, None) => {
                    let is_last = self.parts[later + 1..].iter().all(|part| part.size() == Some(0));
                    if let (true, Some(came)) = (is_last, self.came.get(from..)) {
                        expected.extend_from_slice(came);
                    }
                    break;
                }
            }
        }
        Difference { at, expected, part: self.message.words(part) }
    }

    /// What a part must be, as far as anything says so, if it begins at `at`.
    fn expected(&self, part: usize, at: usize) -> Option<Vec<u8>> {
        match &self.parts[part].kind {
            Kind::Variable(name) => self.variable(part, name).map(Cow::into_owned),
            Kind::Sum(sum, Scope::Before) => self.came.get(..at).map(|before| sum.compute(before)),
            Kind::Sum(sum, Scope::Group(group)) => {
                let (begin, end) = self.message.group(*group);
                let covered = self.starts.get(begin).copied()?..self.starts.get(end).copied()?;
                self.came.get(covered).map(|covered| sum.compute(covered))
            }
            Kind::Begin(_) | Kind::End(_) => Some(Vec::new()),
            _ => match self.parts[part].value() {
                Some((kind, Expression { base: Base::Group(group), plus })) => {
                    let (begin, end) = self.message.group(*group);
                    let length = self.starts.get(end)?.checked_sub(*self.starts.get(begin)?)?;
                    let value = Expression { base: Base::Rest, plus: *plus }.length(length);
                    let mut bytes = Vec::new();
                    kind.write(value, &mut bytes).ok().map(|()| bytes)
                }
                Some(_) => self.encoded(part, at),
                None => self.parts[part].known(self.vars),
            },
        }
    }
}
