//! The command line: its grammar, made of tables and of the registries, and what is read from it.
//!
//! Help and errors are ours, word for word, so that both languages say the same: see [`help`] and [`refuse`].

pub(crate) mod early;
pub(crate) mod flags;
pub(crate) mod help;
pub(crate) mod read;
pub(crate) mod refuse;
pub(crate) mod verbs;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};
use sockeye::service::{Choice, Entry};

use crate::words::Words;
use flags::{Flag, Takes};
use verbs::{Times, Verb, Word};

/// What the parser knows a service's words by.
pub(crate) const WORDS: &str = "words-of-the-service";

/// How much of the grammar is made.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// All of it.
    Whole,
    /// Of verbs, of what they go on with and of services, those whose names are among these words.
    Named(&'a [String]),
}

impl Part<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Named(words) => words.iter().any(|word| word == name),
        }
    }
}

/// Gives every part its sentence, for help, completions and the man page. A plain run needs none, and starts sooner.
struct Described<'a>(Option<&'a Words>, Part<'a>);

impl Described<'_> {
    fn say(&self, key: &str) -> String {
        self.0.map(|words| help::sentence(words, key)).unwrap_or_default()
    }

    fn page(&self, command: Command, page: impl FnOnce(&Words) -> String) -> Command {
        match self.0 {
            Some(words) => command.override_help(page(words)),
            None => command,
        }
    }
}

/// The whole grammar; with `words`, described.
pub(crate) fn command(words: Option<&Words>) -> Command {
    tree(&Described(words, Part::Whole))
}

/// As much of the grammar as these arguments can reach. What it parses, the whole grammar parses to the same; what it
/// refuses is to be refused by the whole grammar, which knows what else might have been meant.
pub(crate) fn reached(args: &[String]) -> Command {
    tree(&Described(None, Part::Named(args)))
}

fn tree(described: &Described<'_>) -> Command {
    let version = Arg::new("version").long("version").short('V').action(ArgAction::Version);
    let help = Arg::new("help").long("help").short('h').action(ArgAction::Help).global(true);
    let mut root = bare("sockeye")
        .about(described.say("about"))
        .version(env!("CARGO_PKG_VERSION"))
        .args(flags::COMMON.iter().map(|flag| argument(flag, described).global(true)))
        .arg(help.help(described.say("flag-help")))
        .arg(version.help(described.say("flag-version")));
    for verb in verbs::ALL.iter().filter(|verb| described.1.has(verb.name)) {
        root = root.subcommand(verb_command(verb, verb.name, described));
    }
    described.page(root, help::root)
}

fn bare(name: &'static str) -> Command {
    Command::new(name)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .args_override_self(true)
}

/// The grammar of a verb, or of a word that one goes on with; `path` is all the words that lead to it.
fn verb_command(verb: &'static Verb, path: &str, described: &Described<'_>) -> Command {
    let mut command = bare(verb.name).about(described.say(&verbs::key(path)));
    for flag in verb.all_flags() {
        command = command.arg(argument(flag, described).global(verb.has_services()));
    }
    for word in verb.words {
        command = command.arg(positional(word, described));
    }
    if verb.has_services() {
        for entry in sockeye::service::ALL.iter().filter(|entry| described.1.has(entry.name)) {
            command = command.subcommand(service_command(entry, described));
        }
    }
    for sub in verb.subs.iter().filter(|sub| described.1.has(sub.name)) {
        command = command.subcommand(verb_command(sub, &format!("{path} {}", sub.name), described));
    }
    described.page(command, |words| help::verb(words, verb, path))
}

fn service_command(entry: &'static Entry, described: &Described<'_>) -> Command {
    let mut command = bare(entry.name).about(described.say(&format!("service-{}", entry.name)));
    for option in entry.options {
        let sentence = described.say(&format!("service-{}-{}", entry.name, option.long));
        let arg = Arg::new(option.long).long(option.long).help(sentence);
        command = command.arg(match option.choice {
            Choice::Flag => arg.action(ArgAction::SetTrue),
            Choice::Value(word) => arg.action(ArgAction::Set).value_name(word),
            Choice::Many(word) => arg.action(ArgAction::Append).value_name(word),
            Choice::OneOf(known) => arg.action(ArgAction::Set).value_parser(PossibleValuesParser::new(known)),
        });
    }
    if !entry.words.is_empty() {
        let word = Arg::new(WORDS).num_args(1..).action(ArgAction::Append).value_name(entry.words);
        let word = word.required(!entry.words.starts_with('['));
        command = command.arg(if entry.takes_rest {
            word.trailing_var_arg(true).allow_hyphen_values(true).help(described.say("word-command"))
        } else {
            word.help(described.say("word-args"))
        });
    }
    described.page(command, |words| help::service(words, entry))
}

fn argument(flag: &'static Flag, described: &Described<'_>) -> Arg {
    let mut arg = Arg::new(flag.id()).help(described.say(flag.key));
    if !flag.long.is_empty() {
        arg = arg.long(flag.long);
    }
    if let Some(letter) = flag.short {
        arg = arg.short(letter);
    }
    match flag.takes {
        Takes::Nothing => arg.action(ArgAction::SetTrue),
        Takes::Count => arg.action(ArgAction::Count),
        Takes::Values(word) => arg.action(ArgAction::Append).value_name(word),
        // `--ttl -1` is to be refused as a value, not as a flag.
        Takes::Value(word) => arg.action(ArgAction::Set).value_name(word).allow_negative_numbers(true),
    }
}

fn positional(word: &'static Word, described: &Described<'_>) -> Arg {
    let arg = Arg::new(word.name).value_name(word.name).help(described.say(word.key));
    match word.times {
        Times::One => arg.required(true),
        Times::Maybe => arg,
        Times::Any => arg.num_args(1..).action(ArgAction::Append),
        Times::Many => arg.required(true).num_args(1..).action(ArgAction::Append),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn the_grammar_is_sound_in_both_languages() {
        for (_, language) in Language::ALL {
            command(Some(&Words::new(*language))).debug_assert();
        }
    }

    #[test]
    fn parameters_are_flags() {
        for name in sockeye::core::endpoint::PARAMS {
            let mut known = flags::COMMON.iter().chain(flags::LAYERS);
            assert!(known.any(|flag| flag.long == *name), "{name}");
        }
        for flag in flags::LAYERS {
            assert!(sockeye::given::is_param(flag.long), "{}", flag.long);
        }
    }

    #[test]
    fn bounds_are_flags() {
        for name in sockeye::Bounds::NAMES {
            let mut known = flags::COMMON.iter().chain(flags::SERVE);
            assert!(known.any(|flag| flag.long == *name), "{name}");
        }
    }

    #[test]
    fn no_flag_takes_an_optional_value() {
        let mut root = command(None);
        root.build();
        let subs = root.get_subcommands().flat_map(Command::get_subcommands);
        for verb in root.get_subcommands().chain(subs) {
            for arg in verb.get_arguments().filter(|arg| !arg.is_positional()) {
                let count = arg.get_num_args();
                assert!(
                    count.is_none_or(|range| range.min_values() == range.max_values()),
                    "{}",
                    arg.get_id()
                );
            }
        }
    }

    /// Every command and flag that was given, with its values.
    fn given(mut matches: &clap::ArgMatches) -> Vec<String> {
        let mut given = Vec::new();
        loop {
            for id in matches.ids() {
                // A service's matches also hold flags of `serve`, which it does not know by itself.
                let values = matches.try_get_raw(id.as_str()).ok().flatten().into_iter().flatten();
                given.push(format!("{id}={:?}", values.collect::<Vec<_>>()));
            }
            let Some((name, inner)) = matches.subcommand() else { return given };
            given.push(name.to_owned());
            matches = inner;
        }
    }

    #[test]
    fn what_arguments_can_reach_understands_them_as_the_whole_grammar_does() {
        let every = verbs::every();
        let services = sockeye::service::ALL.iter().flat_map(|entry| sockeye::list::service_examples(entry));
        let examples = every.iter().flat_map(|(_, verb)| verb.examples).map(|line| (*line).to_owned());
        let odd =
            ["sockeye serve :0 exec echo serve test", "sockeye -F line connect serve:1", "sockeye -V test"];
        let lines = examples.chain(services).chain(odd.map(str::to_owned));
        let mut understood = 0;
        for line in lines {
            let args = early::with_verb(line.split(' ').map(str::to_owned).collect()).unwrap_or_default();
            let (part, whole) = (reached(&args), command(None));
            match (part.try_get_matches_from(&args), whole.try_get_matches_from(&args)) {
                (Ok(part), Ok(whole)) => {
                    assert_eq!(given(&part), given(&whole), "{line}");
                    understood += 1;
                }
                (part, whole) => assert_eq!(part.is_ok(), whole.is_ok(), "{line}"),
            }
        }
        assert!(understood > 20, "{understood}");
    }
}
