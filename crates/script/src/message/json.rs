//! JSON as a pattern: values at paths that must be there, be equal, or be remembered.

use std::fmt;

use serde_json::Value;

use super::Span;
use crate::pattern::{Difference, Extent, Verdict};
use crate::vars::Vars;

/// One demand on a JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) path: Path,
    pub(crate) wish: Wish,
    pub(crate) span: Span,
}

/// Where a value is: steps from the whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Box<[Hop]>);

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// Of an object.
    Member(Box<str>),
    /// Of an array, counted from 0.
    Item(usize),
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// There.
    There,
    /// Equal to this: members of objects in any order, numbers by value.
    Is(Value),
    /// Equal to a variable: as the text of a string, or as JSON.
    Variable(Box<str>),
    /// Remembered: the text of a string, else JSON.
    Take(Box<str>),
}

/// Compares a JSON text; `words` says how a clause is written.
pub(super) fn compare(
    clauses: &[Clause],
    came: &[u8],
    vars: &Vars,
    extent: Extent,
    captured: &mut Vars,
    words: impl Fn(usize) -> Box<str>,
) -> Verdict {
    let mut texts = serde_json::Deserializer::from_slice(came).into_iter::<Value>();
    let differs = |at, expected, part| Verdict::Differs(Difference { at, expected, part });
    let value = match texts.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) if !error.is_eof() => {
            return differs(offset(came, error.line(), error.column()), Vec::new(), words(usize::MAX));
        }
        _ if extent == Extent::Prefix => return Verdict::More,
        _ => return differs(came.len(), Vec::new(), words(usize::MAX)),
    };
    let used = texts.byte_offset();
    let rest = &came[used..];
    let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if extent == Extent::Whole && blank < rest.len() {
        return differs(used + blank, came[..used + blank].to_vec(), "".into());
    }
    for (number, clause) in clauses.iter().enumerate() {
        let found = clause.path.find(&value);
        let holds = match (&clause.wish, found) {
            (_, None) => false,
            (Wish::There, Some(_)) => true,
            (Wish::Is(wanted), Some(found)) => equal(wanted, found),
            (Wish::Variable(name), Some(found)) => vars.get(name).is_some_and(|wanted| says(found, wanted)),
            (Wish::Take(name), Some(found)) => captured.set(name, text(found).as_bytes()),
        };
        if !holds {
            let range = super::locate::value(came, &clause.path.0);
            let at = range.as_ref().map_or(used, |range| range.start);
            let mut expected = came[..at].to_vec();
            match (&clause.wish, range) {
                (Wish::Is(wanted), Some(_)) => expected.extend_from_slice(wanted.to_string().as_bytes()),
                (Wish::Variable(name), Some(_)) => {
                    expected.extend_from_slice(vars.get(name).unwrap_or_default());
                }
                _ => expected.clear(),
            }
            let same = expected[at.min(expected.len())..].iter().zip(&came[at..]);
            let at = at + same.take_while(|(wanted, came)| wanted == came).count();
            return differs(at, expected, words(number));
        }
    }
    Verdict::Match { used: if extent == Extent::Whole { came.len() } else { used } }
}

/// The byte that a line and a column (both from 1) of a JSON error say.
fn offset(came: &[u8], line: usize, column: usize) -> usize {
    let before: usize =
        came.split_inclusive(|byte| *byte == b'\n').take(line.max(1) - 1).map(<[u8]>::len).sum();
    (before + column.max(1) - 1).min(came.len())
}

/// A value as a variable has it.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn says(found: &Value, wanted: &[u8]) -> bool {
    text(found).as_bytes() == wanted
        || serde_json::from_slice::<Value>(wanted).is_ok_and(|wanted| equal(&wanted, found))
}

/// Equality of JSON: `1` is `1.0`.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let exact = |number: &serde_json::Number| {
                number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
            };
            match (exact(left), exact(right)) {
                (Some(left), Some(right)) => left == right,
                _ => left.as_f64() == right.as_f64(),
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| equal(left, right)))
        }
        _ => left == right,
    }
}

impl Path {
    fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, hop| match hop {
            Hop::Member(name) => value.get(&**name),
            Hop::Item(at) => value.get(*at),
        })
    }
}

impl fmt::Display for Path {
    /// `$.a.b[0]["odd name"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for hop in &self.0 {
            match hop {
                Hop::Item(at) => write!(f, "[{at}]")?,
                Hop::Member(name) if is_plain(name) => write!(f, ".{name}")?,
                Hop::Member(name) => write!(f, "[{}]", Value::from(&**name))?,
            }
        }
        Ok(())
    }
}

/// Whether a member's name may stand behind a dot.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}
