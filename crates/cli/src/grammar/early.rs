//! What must be known before the command line is parsed: the language of its errors, and whether its first word is a
//! verb.

use clap::Command;
use sockeye::core::fault::nearest;
use sockeye::core::{Code, Fault};

use super::flags::{COMMON, Flag, RECORD, SERVE, SERVE_FILE, Takes};
use super::verbs;

/// The arguments that are sockeye's own: what comes after `--`, or belongs to a program that a service runs, is not.
fn own(args: &[String]) -> &[String] {
    let mut words = words(args).peekable();
    let serves = words.next_if(|(_, word)| *word == "serve").is_some();
    let program = words.skip_while(|(_, word)| !takes_rest(word)).nth(1).filter(|_| serves);
    let dashes = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    &args[..program.map_or(dashes, |(at, _)| dashes.min(at))]
}

fn takes_rest(word: &str) -> bool {
    sockeye::service::find(word).is_some_and(|entry| entry.takes_rest)
}

/// The value of a common flag, wherever it stands; the last one counts.
pub(crate) fn value<'a>(args: &'a [String], long: &str) -> Option<&'a str> {
    let mut found = None;
    let mut rest = own(args).iter();
    while let Some(arg) = rest.next() {
        let Some(flag) = arg.strip_prefix("--") else { continue };
        match flag.split_once('=') {
            Some((name, value)) if name == long => found = Some(value),
            None if flag == long => found = rest.next().map(String::as_str),
            _ => {}
        }
    }
    found
}

/// Whether a switch stands among the arguments.
pub(crate) fn has(args: &[String], long: &str) -> bool {
    own(args).iter().any(|arg| arg.strip_prefix("--") == Some(long))
}

/// What says the version, as the parser writes it.
pub(crate) const VERSION: &str = concat!("sockeye ", env!("CARGO_PKG_VERSION"), "\n");

/// Whether the version is all that is asked for, for which nothing need be parsed.
pub(crate) fn is_version(args: &[String]) -> bool {
    matches!(args, [_, flag] if flag == "--version" || flag == "-V")
}

/// Whether the arguments may ask for help or generated text, for which every sentence is needed.
pub(crate) fn wants_sentences(args: &[String]) -> bool {
    let letters = |arg: &String| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('h');
    has(args, "help") || value(args, "generate").is_some() || own(args).iter().any(letters)
}

/// Puts `connect` before a first word that is an endpoint, and refuses one that is neither that nor a verb.
pub(crate) fn with_verb(mut args: Vec<String>) -> Result<Vec<String>, Fault> {
    let Some((at, _)) = words(&args).next() else { return Ok(args) };
    let word = args[at].as_str();
    if verbs::find(word).is_some() {
        return Ok(args);
    }
    if word == "-" || word.contains(':') {
        let dashes = args[..at].iter().position(|arg| arg == "--");
        args.insert(dashes.unwrap_or(at), "connect".to_owned());
        return Ok(args);
    }
    let near = nearest(word, verbs::ALL.iter().map(|verb| verb.name)).unwrap_or_default();
    Err(Fault::new(Code::UnknownVerb, "").arg("name", word).arg("near", near))
}

/// The words that are no flag and no flag's value, and where they stand.
fn words(args: &[String]) -> impl Iterator<Item = (usize, &str)> {
    let mut skip = false;
    args.iter().enumerate().skip(1).filter_map(move |(at, arg)| {
        let is_word = !skip && (arg == "-" || !arg.starts_with('-'));
        skip = !skip && !is_word && wants_value(arg);
        is_word.then_some((at, arg.as_str()))
    })
}

/// The flags that may stand before a service's name.
fn every_flag() -> impl Iterator<Item = &'static Flag> {
    COMMON.iter().chain(SERVE).chain(SERVE_FILE).chain(RECORD)
}

/// Whether a flag takes the argument after it.
fn wants_value(arg: &str) -> bool {
    let takes = |takes: Takes| matches!(takes, Takes::Value(_) | Takes::Values(_));
    if let Some(long) = arg.strip_prefix("--") {
        return every_flag().any(|flag| flag.long == long && takes(flag.takes));
    }
    // In a cluster of letters, the first that takes a value takes the rest of the cluster if there is any.
    let mut letters = arg.chars().skip(1);
    while let Some(letter) = letters.next() {
        if every_flag().any(|flag| flag.short == Some(letter) && takes(flag.takes)) {
            return letters.next().is_none();
        }
    }
    false
}

/// The names of the deepest command that the arguments reach: `serve`, `echo`.
pub(crate) fn path(root: &Command, args: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = root;
    for arg in args.iter().skip(1).take_while(|arg| *arg != "--") {
        if let Some(next) = at.find_subcommand(arg) {
            names.push(arg.clone());
            at = next;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn an_endpoint_as_first_word_means_connect() {
        for (line, meant) in [
            ("sockeye 127.0.0.1:1", "sockeye connect 127.0.0.1:1"),
            ("sockeye -v -F line :1", "sockeye -v -F line connect :1"),
            ("sockeye -Fline --enc gbk -", "sockeye -Fline --enc gbk connect -"),
            ("sockeye -vF line udp://x:1 --hex", "sockeye -vF line connect udp://x:1 --hex"),
            ("sockeye ask :1 x", "sockeye ask :1 x"),
            ("sockeye -v -- :1", "sockeye -v connect -- :1"),
            ("sockeye --record a.skt --durable :1", "sockeye --record a.skt --durable connect :1"),
            ("sockeye --json", "sockeye --json"),
        ] {
            assert_eq!(with_verb(args(line)).unwrap(), args(meant), "{line}");
        }
    }

    #[test]
    fn any_other_first_word_names_the_nearest_verb() {
        let fault = with_verb(args("sockeye -v conect :1")).unwrap_err();
        assert_eq!((fault.code, fault.value("near")), (Code::UnknownVerb, "connect"));
        assert_eq!(with_verb(args("sockeye zebra")).unwrap_err().value("near"), "");
    }

    #[test]
    fn the_version_is_said_as_the_parser_says_it() {
        for flag in ["--version", "-V"] {
            let args = args(&format!("sockeye {flag}"));
            assert!(is_version(&args));
            let said = crate::grammar::command(None).try_get_matches_from(&args).unwrap_err();
            assert_eq!(said.to_string(), VERSION);
        }
        assert!(!is_version(&args("sockeye --version --json")) && !is_version(&args("sockeye")));
    }

    #[test]
    fn a_common_flag_is_found_before_the_rest_is_understood() {
        assert_eq!(value(&args("sockeye --lang zh-CN bogus"), "lang"), Some("zh-CN"));
        assert_eq!(value(&args("sockeye x --lang=en --lang=zh"), "lang"), Some("zh"));
        assert_eq!(value(&args("sockeye ask :1 -- --lang zh"), "lang"), None);
    }

    #[test]
    fn a_programs_flags_are_its_own_and_those_before_it_are_not() {
        for (line, found) in [
            ("sockeye serve :0 exec cat --json", false),
            ("sockeye serve --drain 1s :0 exec cat --json", false),
            ("sockeye serve :0 exec --json cat", true),
            ("sockeye serve exec --json", true),
            ("sockeye serve :0 --json exec cat", true),
            ("sockeye ask :1 exec x --json", true),
            ("sockeye --json serve :0 exec cat", true),
        ] {
            assert_eq!(has(&args(line), "json"), found, "{line}");
        }
        assert!(wants_sentences(&args("sockeye serve exec --help")));
    }
}
