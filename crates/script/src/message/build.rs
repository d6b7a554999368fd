//! Building a message: sizes first where lengths need them, then the bytes, then the checksums over them.

use super::{Base, Expression, Kind, Message, Number, Part, Scope, Take, Ties, Type};
use crate::data::Unfit;
use crate::vars::Vars;

/// The longest message that is built: 64 MiB.
pub(crate) const MOST: usize = 64 << 20;

impl Message {
    /// Appends the message. A part that stands for more than one thing is [`Unfit::Open`].
    pub(crate) fn build(&self, vars: &Vars, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let from = out.len();
        let built = match &self.ties {
            Some(ties) => self.build_tied(ties, vars, out),
            None => self.build_plain(vars, out),
        };
        if built.is_err() {
            out.truncate(from);
        }
        built
    }

    fn build_plain(&self, vars: &Vars, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let from = out.len();
        for at in 0..self.parts.len() {
            self.append(at, vars, no_length, out)?;
            if out.len() - from > MOST {
                return Err(Unfit::Long(MOST));
            }
        }
        Ok(())
    }

    fn build_tied(&self, ties: &Ties, vars: &Vars, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let starts = self.layout(ties, vars)?;
        let from = out.len();
        for at in 0..self.parts.len() {
            let length = |value: &Expression| Ok(length(ties, &starts, at, value));
            self.append(at, vars, length, out)?;
        }
        for at in &ties.sums {
            let Kind::Sum(sum, scope) = self.parts[*at].kind else { continue };
            let covered = match scope {
                Scope::Before => 0..starts[*at],
                Scope::Group(group) => {
                    let (begin, end) = ties.groups[usize::from(group)];
                    starts[begin]..starts[end]
                }
            };
            let computed = sum.compute(&out[from + covered.start..from + covered.end]);
            let place = from + starts[*at];
            out[place..place + computed.len()].copy_from_slice(&computed);
        }
        Ok(())
    }

    /// Where each part begins, and where the last ends. A length in a `varint` may make room for itself: sizes only grow,
    /// so this ends.
    fn layout(&self, ties: &Ties, vars: &Vars) -> Result<Vec<usize>, Unfit> {
        let mut sizes = Vec::with_capacity(self.parts.len());
        let mut elastic = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            sizes.push(match (&part.kind, part.value()) {
                (Kind::Variable(name), _) => variable(vars, name)?.len(),
                (_, Some((Type::Varint, value))) if value.is_length() => {
                    elastic.push(at);
                    1
                }
                (_, Some((Type::Varint, _))) => {
                    let mut bytes = Vec::new();
                    self.append(at, vars, no_length, &mut bytes)?;
                    bytes.len()
                }
                _ => part.size().ok_or_else(|| Unfit::Open(self.words(at)))?,
            });
        }
        loop {
            let starts = starts(&sizes)?;
            let mut is_settled = true;
            for at in &elastic {
                let Some((kind, value)) = self.parts[*at].value() else { continue };
                let mut bytes = Vec::new();
                kind.write(length(ties, &starts, *at, value), &mut bytes)?;
                if bytes.len() > sizes[*at] {
                    sizes[*at] = bytes.len();
                    is_settled = false;
                }
            }
            if is_settled {
                return Ok(starts);
            }
        }
    }

    /// Appends one part; `length` says what a length comes to.
    fn append(
        &self,
        at: usize,
        vars: &Vars,
        length: impl Fn(&Expression) -> Result<Number, Unfit>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let part = &self.parts[at];
        match &part.kind {
            Kind::Bytes(bytes) => out.extend_from_slice(bytes),
            Kind::Variable(name) => out.extend_from_slice(variable(vars, name)?),
            Kind::Sum(sum, _) => out.resize(out.len() + sum.size(), 0),
            Kind::Begin(_) | Kind::End(_) => {}
            Kind::Skip(_) | Kind::Any | Kind::Regex(_) | Kind::Json(_) => {
                return Err(Unfit::Open(self.words(at)));
            }
            Kind::Number(..) | Kind::Take(_, Take::Number(..)) => {
                let (kind, value) = part.value().ok_or_else(|| Unfit::Open(self.words(at)))?;
                let number = match &value.base {
                    Base::Number(number) => value.add(*number),
                    Base::Variable(name) => value.add(kind.parse(variable(vars, name)?)?),
                    Base::Rest | Base::Group(_) => length(value)?,
                };
                kind.write(number, out)?;
            }
            Kind::Take(..) => return Err(Unfit::Open(self.words(at))),
        }
        Ok(())
    }
}

fn variable<'a>(vars: &'a Vars, name: &str) -> Result<&'a [u8], Unfit> {
    vars.get(name).ok_or_else(|| Unfit::Unset(name.into()))
}

/// A message without ties has no lengths.
fn no_length(_: &Expression) -> Result<Number, Unfit> {
    Err(Unfit::Open("len".into()))
}

fn length(ties: &Ties, starts: &[usize], at: usize, value: &Expression) -> Number {
    let bytes = match value.base {
        Base::Group(group) => {
            let (begin, end) = ties.groups[usize::from(group)];
            starts[end] - starts[begin]
        }
        _ => starts[starts.len() - 1] - starts[at + 1],
    };
    value.length(bytes)
}

/// Running sums of sizes, the whole last.
fn starts(sizes: &[usize]) -> Result<Vec<usize>, Unfit> {
    let mut starts = Vec::with_capacity(sizes.len() + 1);
    let mut at = 0_usize;
    starts.push(0);
    for size in sizes {
        at = at.saturating_add(*size);
        starts.push(at);
    }
    if at > MOST { Err(Unfit::Long(MOST)) } else { Ok(starts) }
}

impl Part {
    /// What it is known to be before anything comes, where nothing of the message is needed to say so.
    pub(super) fn known(&self, vars: &Vars) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        match &self.kind {
            Kind::Bytes(literal) => bytes.extend_from_slice(literal),
            Kind::Variable(name) => bytes.extend_from_slice(vars.get(name)?),
            _ => {
                let (kind, value) = self.value()?;
                let number = match &value.base {
                    Base::Number(number) => *number,
                    Base::Variable(name) => kind.parse(vars.get(name)?).ok()?,
                    Base::Rest | Base::Group(_) => return None,
                };
                kind.write(value.add(number), &mut bytes).ok()?;
            }
        }
        Some(bytes)
    }
}
