//! What is read from a command line that parses: plain values, named as the flags are.

use clap::ArgMatches;
use clap::parser::ValueSource;
use sockeye::bounds::bad_value;
use sockeye::core::Fault;
use sockeye::service::{Choice, Entry};

use super::WORDS;

/// Whether a switch was given.
pub(crate) fn has(matches: &ArgMatches, id: &str) -> bool {
    matches.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or(false)
}

/// The value of a flag or word.
pub(crate) fn value<'a>(matches: &'a ArgMatches, id: &str) -> Option<&'a str> {
    matches.try_get_one::<String>(id).ok().flatten().map(String::as_str)
}

/// Every value of a flag or word.
pub(crate) fn values(matches: &ArgMatches, id: &str) -> Vec<String> {
    matches.try_get_many::<String>(id).ok().flatten().into_iter().flatten().cloned().collect()
}

/// A number, at least `least`. `name` is how the person knows the flag.
pub(crate) fn number(matches: &ArgMatches, id: &str, name: &str, least: u64) -> Result<Option<u64>, Fault> {
    let Some(value) = value(matches, id) else { return Ok(None) };
    let number = value.parse().ok().filter(|number| *number >= least);
    number.map(Some).ok_or_else(|| bad_value(name, value))
}

/// Endpoint parameters given as flags.
pub(crate) fn params(matches: &ArgMatches) -> Vec<(String, String)> {
    pairs(matches, sockeye::core::endpoint::PARAMS)
}

/// Bounds given as flags, by name.
pub(crate) fn bounds(matches: &ArgMatches) -> Vec<(String, String)> {
    pairs(matches, sockeye::Bounds::NAMES)
}

fn pairs(matches: &ArgMatches, names: &[&str]) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for name in names {
        let given = values(matches, name);
        if !given.is_empty() {
            // Header fields and networks may stand several times; the last of other flags wins in the parser.
            pairs.push(((*name).to_owned(), given.join("\n")));
        } else if has(matches, name) {
            pairs.push(((*name).to_owned(), "true".to_owned()));
        }
    }
    pairs
}

/// What a service was given, as it would stand in a file.
pub(crate) fn service_args(matches: &ArgMatches, entry: &Entry) -> Vec<String> {
    let mut args = Vec::new();
    for option in entry.options {
        if matches.value_source(option.long) != Some(ValueSource::CommandLine) {
            continue;
        }
        if option.choice == Choice::Flag {
            args.push(format!("--{}", option.long));
        } else {
            args.extend(
                values(matches, option.long).iter().map(|value| format!("--{}={value}", option.long)),
            );
        }
    }
    let words = if entry.words.is_empty() { Vec::new() } else { values(matches, WORDS) };
    if !(entry.takes_rest || words.is_empty()) {
        args.push("--".to_owned());
    }
    args.extend(words);
    args
}
