//! `list`: what is built in, straight from the registries.

use sockeye_core::{Code, Fault, fault, framing};
use sockeye_service::Choice;
use sockeye_wire::charset;

/// What can be listed, except the verbs: those are the command line's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What carries bytes or datagrams.
    Transports,
    /// What wraps a stream.
    Layers,
    /// How a stream is cut into messages.
    Framings,
    /// What a server answers with.
    Services,
    /// What `--fault` can do to the traffic.
    Faults,
    /// How text is written on the wire.
    Charsets,
    /// What faults are called.
    Codes,
    /// What the program does.
    Verbs,
}

impl Topic {
    /// Every topic, by its word.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("transports", Self::Transports),
        ("layers", Self::Layers),
        ("framings", Self::Framings),
        ("services", Self::Services),
        ("faults", Self::Faults),
        ("charsets", Self::Charsets),
        ("verbs", Self::Verbs),
        ("codes", Self::Codes),
    ];

    /// The topic of this word.
    pub fn parse(word: &str) -> Result<Self, Fault> {
        let known = Self::ALL.iter().find(|(name, _)| *name == word);
        known.map(|(_, topic)| *topic).ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
            crate::bounds::bad_value("TOPIC", word).detail(words.join(", "))
        })
    }
}

/// One thing that is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// How it is written.
    pub name: String,
    /// The catalogue's key of its sentence; empty for a name that speaks for itself.
    pub key: String,
    /// Examples, as typed or as bytes.
    pub examples: Vec<String>,
}

/// The rows of a topic, in the registry's order. Verbs have none here.
pub fn rows(topic: Topic) -> Vec<Row> {
    match topic {
        Topic::Transports => transports(),
        Topic::Layers => layers(),
        Topic::Framings => framings(),
        Topic::Services => services(),
        Topic::Faults => faults(),
        Topic::Charsets => charset::ALL.iter().map(|name| row(name, String::new())).collect(),
        Topic::Codes => codes(),
        Topic::Verbs => Vec::new(),
    }
}

fn row(name: &str, key: String) -> Row {
    Row { name: name.to_owned(), key, examples: Vec::new() }
}

fn transports() -> Vec<Row> {
    let entries = sockeye_net::transport::ALL.iter();
    let rows = entries.map(|entry| {
        let examples = entry.examples.iter().map(|example| (*example).to_owned()).collect();
        Row { examples, ..row(entry.name, entry.key()) }
    });
    rows.collect()
}

fn layers() -> Vec<Row> {
    let rows = sockeye_net::layer::ALL.iter().map(|entry| {
        let examples = entry.examples.iter().map(|example| (*example).to_owned()).collect();
        Row { examples, ..row(entry.name, entry.key()) }
    });
    rows.collect()
}

fn framings() -> Vec<Row> {
    let rows = framing::ALL.iter().map(|entry| Row {
        name: entry.syntax.to_owned(),
        key: format!("framing-{}", entry.name),
        examples: entry.examples.iter().map(framing_example).collect(),
    });
    rows.collect()
}

/// `line: "one\ntwo\n" = "one" "two"`, bytes escaped as the notation writes them.
fn framing_example(example: &framing::Example) -> String {
    let messages: Vec<String> = example.messages.iter().map(|message| quoted(message)).collect();
    format!("{}  {} = {}", example.spec, quoted(example.wire), messages.join(" "))
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    sockeye_wire::escape::escape_bytes(bytes, sockeye_wire::escape::Shape::Line, &mut text);
    text.push('"');
    text
}

fn services() -> Vec<Row> {
    let rows = sockeye_service::ALL.iter().map(|entry| Row {
        name: usage(entry),
        key: format!("service-{}", entry.name),
        examples: service_examples(entry),
    });
    rows.collect()
}

fn faults() -> Vec<Row> {
    let rows = sockeye_net::impair::ALL.iter().map(|entry| Row {
        name: entry.syntax.to_owned(),
        key: entry.key(),
        examples: entry.examples.iter().map(|example| format!("--fault {}", shell(example))).collect(),
    });
    let keys = sockeye_net::impair::KEYS.iter().map(|key| {
        let name = key.split('=').next().unwrap_or_default();
        row(key, format!("fault-key-{name}"))
    });
    rows.chain(keys).collect()
}

/// How a service is written: `reply --on PATTERN=ANSWER … [--default ANSWER]`.
pub fn usage(entry: &sockeye_service::Entry) -> String {
    let mut text = entry.name.to_owned();
    for option in entry.options {
        let long = option.long;
        let shown = match option.choice {
            Choice::Flag => format!(" [--{long}]"),
            Choice::Value(value) => format!(" [--{long} {value}]"),
            Choice::Many(value) => format!(" [--{long} {value}]..."),
            Choice::OneOf(words) => format!(" [--{long} {}]", words.join("|")),
        };
        text.push_str(&shown);
    }
    if !entry.words.is_empty() {
        text.push(' ');
        text.push_str(entry.words);
    }
    text
}

/// Command lines that start the service, made of the examples that its tests run.
pub fn service_examples(entry: &sockeye_service::Entry) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for example in entry.examples {
        let scheme = if example.datagrams { "udp://" } else { "" };
        let mut line = format!("sockeye serve {scheme}:9000");
        if !example.framing.is_empty() {
            line.push_str(" -F ");
            line.push_str(example.framing);
        }
        line.push(' ');
        line.push_str(entry.name);
        for arg in example.args {
            line.push(' ');
            line.push_str(&shell(arg));
        }
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// A word as a shell wants it.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn codes() -> Vec<Row> {
    Code::ALL.iter().map(|code| row(code.word(), format!("error-{}", code.word()))).collect()
}

/// The class of a code's word, for its exit code.
pub fn class(word: &str) -> Option<fault::Class> {
    Code::ALL.iter().find(|code| code.word() == word).map(|code| code.class())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_rows_with_distinct_names() {
        for (word, topic) in Topic::ALL {
            assert_eq!(Topic::parse(word).unwrap(), *topic);
            let mut names: Vec<String> = rows(*topic).into_iter().map(|row| row.name).collect();
            assert_eq!(names.is_empty(), *topic == Topic::Verbs);
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }

    #[test]
    fn examples_are_what_a_shell_takes() {
        assert_eq!(shell("--keep"), "--keep");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell("{{typed}}"), "'{{typed}}'");
        let echo = sockeye_service::find("echo").unwrap();
        assert_eq!(service_examples(echo)[0], "sockeye serve :9000 echo");
    }
}
