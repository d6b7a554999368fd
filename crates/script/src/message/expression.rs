//! The value of a typed number: a number, a variable, a length, and something more or less.

use super::Number;

/// A value, known when the message is built or compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression {
    pub(crate) base: Base,
    /// What is added.
    pub(crate) plus: i64,
}

/// What it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// A number.
    Number(Number),
    /// The number a variable says.
    Variable(Box<str>),
    /// How many bytes follow in the message.
    Rest,
    /// How many bytes a group has.
    Group(u16),
}

impl Expression {
    /// Whether it is a length.
    pub(crate) const fn is_length(&self) -> bool {
        matches!(self.base, Base::Rest | Base::Group(_))
    }

    /// `number`, and what is added.
    pub(crate) fn add(&self, number: Number) -> Number {
        match number {
            Number::Int(value) => Number::Int(value.saturating_add(i128::from(self.plus))),
            #[expect(clippy::cast_precision_loss, reason = "the nearest number is what is meant")]
            Number::Float(value) => Number::Float(value + self.plus as f64),
        }
    }

    /// A length of so many bytes, and what is added.
    pub(crate) fn length(&self, bytes: usize) -> Number {
        self.add(Number::Int(bytes as i128))
    }
}
