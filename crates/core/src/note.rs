//! Something to tell a person, without the words: those are the catalogue's.

/// Something to tell a person: a key of the catalogue and what its sentence is filled in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The catalogue's key, without its `note-` in front.
    pub key: &'static str,
    /// Arguments of the sentence.
    pub args: Vec<(&'static str, String)>,
}

impl Note {
    /// A note without arguments yet.
    pub const fn new(key: &'static str) -> Self {
        Self { key, args: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "literals, numbers and owned text alike")]
    pub fn arg(mut self, name: &'static str, value: impl ToString) -> Self {
        self.args.push((name, value.to_string()));
        self
    }
}
