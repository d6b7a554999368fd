//! A command line that does not parse, as a fault of ours, by the kind of the parser's error.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, Command};
use sockeye::core::fault::nearest;
use sockeye::core::{Code, Fault};

use super::verbs;

/// The fault of what the parser refused. `path` is the verb, and the service, that the arguments name.
pub(crate) fn fault(error: &Error, root: &Command, path: &[String]) -> Fault {
    let subject = path.join(" ");
    let named = name_of(error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::UnknownArgument if named.starts_with('-') => {
            let near = near_flag(root, path, &named);
            Fault::new(Code::UnknownFlag, subject).arg("near", near).arg("name", named)
        }
        ErrorKind::InvalidSubcommand => {
            let name = name_of(error, ContextKind::InvalidSubcommand);
            unknown_sub(&subject, &name).unwrap_or_else(|| unknown_service(&name))
        }
        // After `serve ENDPOINT`, a word that nobody knows was to be a service.
        ErrorKind::UnknownArgument if path == ["serve"] => unknown_service(&named),
        ErrorKind::TooManyValues if named.starts_with('-') => usage(subject, "no-value", &named),
        ErrorKind::UnknownArgument | ErrorKind::TooManyValues => usage(subject, "extra", &named),
        ErrorKind::MissingRequiredArgument => usage(subject, "missing", &named),
        ErrorKind::MissingSubcommand => usage(subject, "missing", "VERB"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => bad_value(error, subject, &named),
        ErrorKind::NoEquals | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            usage(subject, "value", &named)
        }
        ErrorKind::ArgumentConflict => usage(subject, "conflict", &named),
        ErrorKind::InvalidUtf8 => usage(subject, "not-utf8", &named),
        _ => usage(subject, "other", &named),
    }
}

/// The fault of words that do not fit the grammar; `what` chooses the sentence.
pub(crate) fn usage(subject: impl Into<String>, what: &str, name: &str) -> Fault {
    Fault::new(Code::Usage, subject).arg("what", what).arg("name", name)
}

/// The fault of a word that a verb does not go on with, if it goes on with any.
fn unknown_sub(verb: &str, name: &str) -> Option<Fault> {
    let subs = verbs::find(verb).map(|verb| verb.subs).filter(|subs| !subs.is_empty())?;
    let near = nearest(name, subs.iter().map(|sub| sub.name)).unwrap_or_default();
    Some(Fault::new(Code::UnknownSubcommand, "").arg("verb", verb).arg("name", name).arg("near", near))
}

fn unknown_service(name: &str) -> Fault {
    match sockeye::given::service(name) {
        Err(fault) => fault,
        Ok(_) => usage("serve", "extra", name),
    }
}

/// A value that is missing, that should not be there, or that is none of those the flag takes.
fn bad_value(error: &Error, subject: String, named: &str) -> Fault {
    let value = name_of(error, ContextKind::InvalidValue);
    if value.is_empty() {
        return usage(subject, "value", named);
    }
    let fault = Fault::new(Code::BadValue, subject).arg("name", named).arg("value", value);
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => fault.detail(values.join(", ")),
        _ => fault,
    }
}

/// What the error is about, without the brackets and the value that usage shows with it.
fn name_of(error: &Error, kind: ContextKind) -> String {
    let text = match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    };
    if kind != ContextKind::InvalidArg {
        return text.to_owned();
    }
    let word = if text.starts_with('-') { text.split(' ').next().unwrap_or_default() } else { text };
    let word = word.trim_end_matches("...");
    word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or(word).to_owned()
}

/// The flag of the command that is nearest to what was typed.
fn near_flag(root: &Command, path: &[String], typed: &str) -> String {
    let Some(long) = typed.strip_prefix("--") else { return String::new() };
    let mut commands = vec![root];
    for word in path {
        let next = commands.last().and_then(|command| command.find_subcommand(word));
        commands.extend(next);
    }
    let longs = commands.iter().flat_map(|command| command.get_arguments().filter_map(Arg::get_long));
    nearest(long, longs).map(|near| format!("--{near}")).unwrap_or_default()
}
