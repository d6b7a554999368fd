//! What a user gave for a service: its flags and words, and the settings of the listener it answers at.

use std::sync::Arc;

use sockeye_core::fault::nearest;
use sockeye_core::{Code, Fault};
use sockeye_script::{Program, Vars};
use sockeye_wire::charset::Charset;

use crate::entry::{Choice, Entry, Opt};

/// What a service is made from.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Flags in the order given: the long name and its value, empty for [`Choice::Flag`].
    pub options: Vec<(String, String)>,
    /// Words in the order given.
    pub words: Vec<String>,
    /// How text is written on the wire.
    pub charset: Charset,
    /// What randomness is drawn from.
    pub seed: u64,
    /// The conversation file that [`Entry::file`] names, read.
    pub script: Option<Arc<Program>>,
}

impl Given {
    /// Whether the flag was given.
    pub fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(name, _)| name == long)
    }

    /// The last value of the flag.
    pub fn value(&self, long: &str) -> Option<&str> {
        let last = self.options.iter().rev().find(|(name, _)| name == long);
        last.map(|(_, value)| value.as_str())
    }

    /// Every value of the flag, in order.
    pub fn values<'a>(&'a self, long: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(name, _)| name == long).map(|(_, value)| value.as_str())
    }

    /// Variables for a conversation file: every `--var NAME=VALUE`.
    pub fn vars(&self) -> Result<Vars, Fault> {
        let mut vars = Vars::default();
        self.values("var").try_for_each(|value| vars.assign(value))?;
        Ok(vars)
    }

    /// The words, of which there may be `most`.
    pub fn words(&self, most: usize) -> Result<&[String], Fault> {
        match self.words.get(most) {
            Some(word) => Err(Fault::new(Code::Usage, "").arg("what", "extra").arg("name", word)),
            None => Ok(&self.words),
        }
    }

    /// Reads flags and words as on a command line: `--flag`, `--long VALUE`, `--long=VALUE`, words, and nothing but
    /// words after `--`. For the welcome set, `sockeye.toml` and examples; the command line has a parser with help.
    pub fn read<S: AsRef<str>>(entry: &Entry, args: &[S]) -> Result<Self, Fault> {
        let mut given = Self::default();
        let mut args = args.iter().map(AsRef::as_ref);
        while let Some(arg) = args.next() {
            let Some(flag) = arg.strip_prefix("--").filter(|_| !entry.takes_rest) else {
                given.words.push(arg.to_owned());
                continue;
            };
            if flag.is_empty() {
                given.words.extend(args.map(str::to_owned));
                break;
            }
            let (long, value) =
                flag.split_once('=').map_or((flag, None), |(long, value)| (long, Some(value)));
            let option = option(entry, long)?;
            let value = match (option.choice, value) {
                (Choice::Flag, None) => "",
                (Choice::Flag, Some(value)) => return Err(bad_value(long, value)),
                (_, value) => value.or_else(|| args.next()).ok_or_else(|| bad_value(long, ""))?,
            };
            if let Choice::OneOf(words) = option.choice
                && !words.contains(&value)
            {
                return Err(bad_value(long, value));
            }
            given.options.push((long.to_owned(), value.to_owned()));
        }
        Ok(given)
    }
}

fn option<'a>(entry: &'a Entry, long: &str) -> Result<&'a Opt, Fault> {
    entry.options.iter().find(|option| option.long == long).ok_or_else(|| {
        let near = nearest(long, entry.options.iter().map(|option| option.long)).unwrap_or("");
        Fault::new(Code::UnknownFlag, "").arg("name", format!("--{long}")).arg("near", near)
    })
}

fn bad_value(long: &str, value: &str) -> Fault {
    Fault::new(Code::BadValue, "").arg("name", format!("--{long}")).arg("value", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry = Entry {
        options: &[
            Opt { long: "keep", choice: Choice::Flag },
            Opt { long: "on", choice: Choice::Many("RULE") },
            Opt { long: "first", choice: Choice::OneOf(&["server", "client"]) },
        ],
        ..crate::echo::ENTRY
    };

    #[test]
    fn flags_and_words_are_read_as_on_a_command_line() {
        let given =
            Given::read(&ENTRY, &["--on", "a=b", "word", "--on=c=d", "--keep", "--", "--first"]).unwrap();
        assert!(given.has("keep"));
        assert_eq!(given.values("on").collect::<Vec<_>>(), ["a=b", "c=d"]);
        assert_eq!(given.words, ["word", "--first"]);
        assert!(given.words(1).is_err());
    }

    #[test]
    fn what_does_not_fit_is_a_fault() {
        let refused = |args: &[&str]| Given::read(&ENTRY, args).unwrap_err();
        assert_eq!(refused(&["--kep"]).value("near"), "keep");
        assert_eq!(refused(&["--keep=1"]).code, Code::BadValue);
        assert_eq!(refused(&["--on"]).code, Code::BadValue);
        assert_eq!(refused(&["--first", "nobody"]).value("value"), "nobody");
    }
}
