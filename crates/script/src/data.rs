//! What a step sends.

use crate::message::Message;
use crate::pattern::Pattern;
use crate::vars::Vars;

/// A message to send. It may hold variables, lengths and checksums that are known only when it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    message: Message,
}

/// Why a message could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A variable has no value.
    #[error("no value: {0}")]
    Unset(Box<str>),
    /// A value does not fit where it is to stand: `300` in a `u8`.
    #[error("{value} does not fit {kind}")]
    Range {
        /// The value, as it would be written.
        value: Box<str>,
        /// The type.
        kind: Box<str>,
    },
    /// The message would be longer than a message may be.
    #[error("longer than {0} bytes")]
    Long(usize),
    /// What is to be sent is written as something that only a peer could say, a regular expression for one.
    #[error("a pattern, and no message: {0}")]
    Open(Box<str>),
}

impl Data {
    /// These bytes.
    pub fn literal(bytes: &[u8]) -> Self {
        Self { message: Message::literal(bytes) }
    }

    /// A message that has no open part.
    pub(crate) const fn of(message: Message) -> Self {
        Self { message }
    }

    /// Appends the message, at most 64 MiB. `out` is as it was if it cannot be built.
    pub fn build(&self, vars: &Vars, out: &mut Vec<u8>) -> Result<(), Unfit> {
        self.message.build(vars, out)
    }

    /// The pattern that such a message matches, and no other: what a mock expects of whom it answers.
    pub fn pattern(&self) -> Pattern {
        Pattern::of(self.message.clone(), None)
    }
}
