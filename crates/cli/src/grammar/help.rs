//! Help: short, readable, the same in both languages, made of the tables and the registries.

use sockeye::core::framing;
use sockeye::list::{Topic, service_examples, usage};
use sockeye::service::{Choice, Entry};

use super::flags::{COMMON, Flag, LAYERS, SERVE, SERVE_FILE, Takes};
use super::verbs::{self, Times, Verb};
use crate::words::Words;

/// Where sentences begin, in columns, unless what stands before is longer.
const COLUMN: usize = 30;

/// Examples shown at most.
const EXAMPLES: usize = 6;

/// A page that grows line by line.
struct Page<'a> {
    words: &'a Words,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn heading(&mut self, key: &str) {
        let heading = self.words.plain(key);
        self.text.push('\n');
        self.line(&heading);
    }

    /// One thing and its sentence.
    fn row(&mut self, name: &str, sentence: &str) {
        let gap = COLUMN.saturating_sub(name.chars().count() + 2).max(2);
        self.line(&format!("  {name}{}{sentence}", " ".repeat(gap)));
    }

    fn flags<'b>(&mut self, heading: &str, flags: impl Iterator<Item = &'b Flag>) {
        self.heading(heading);
        for flag in flags {
            let sentence = sentence(self.words, flag.key);
            self.row(&written(flag), &sentence);
        }
    }

    fn common(&mut self) {
        self.flags("help-common", COMMON.iter());
        let help = self.words.plain("flag-help");
        self.row("-h, --help", &help);
    }

    fn examples<'b>(&mut self, examples: impl Iterator<Item = &'b str>) {
        self.heading("help-examples");
        for example in examples.take(EXAMPLES) {
            self.line(&format!("  {example}"));
        }
    }
}

/// The sentence of a flag or word, with what it names filled in.
pub(crate) fn sentence(words: &Words, key: &str) -> String {
    let names: Vec<&str> = framing::ALL.iter().flat_map(|entry| entry.words).copied().collect();
    words.say(key, &[("names", &names.join(" "))])
}

/// The page of the whole program.
pub(crate) fn root(words: &Words) -> String {
    let mut page = Page { words, text: String::new() };
    page.line(&format!("sockeye {}: {}", env!("CARGO_PKG_VERSION"), words.plain("about")));
    page.heading("help-usage");
    page.line("  sockeye VERB [...]");
    page.row("sockeye ENDPOINT", &words.plain("help-first-word"));
    page.heading("help-verbs");
    for verb in verbs::ALL {
        page.row(verb.name, &words.plain(&format!("verb-{}", verb.name)));
    }
    page.common();
    page.row("-V, --version", &words.plain("flag-version"));
    page.examples(verbs::ALL.iter().filter_map(|verb| verb.examples.first().copied()));
    page.text.push('\n');
    page.line(&words.plain("help-more"));
    page.text
}

/// The page of a verb, or of a word that one goes on with; `path` is all the words that lead to it.
pub(crate) fn verb(words: &Words, verb: &Verb, path: &str) -> String {
    let mut page = Page { words, text: String::new() };
    let key = verbs::key(path);
    page.line(&format!("sockeye {path}: {}", words.plain(&key)));
    let topics: Vec<&str> = Topic::ALL.iter().map(|(name, _)| *name).collect();
    page.line(&words.say(&format!("{key}-long"), &[("topics", &topics.join(", "))]));
    page.heading("help-usage");
    page.line(&format!("  sockeye {}", usage_of(verb, path)));
    if !(verb.words.is_empty() && verb.subs.is_empty()) {
        page.heading("help-words");
    }
    for sub in verb.subs {
        page.row(sub.name, &words.plain(&format!("{key}-{}", sub.name)));
    }
    for word in verb.words {
        page.row(word.name, &words.plain(word.key));
    }
    if verb.has_services() {
        page.row("SERVICE", &words.plain("word-service"));
        page.heading("help-services");
        for entry in sockeye::service::ALL {
            page.row(entry.name, &words.plain(&format!("service-{}", entry.name)));
        }
    }
    if !verb.flags.is_empty() {
        page.flags("help-own", verb.flags.iter().copied().flatten());
    }
    if verb.opens {
        page.flags("help-layers", LAYERS.iter());
    }
    page.common();
    page.examples(verb.examples.iter().copied());
    page.text
}

/// The page of a service.
pub(crate) fn service(words: &Words, entry: &Entry) -> String {
    let mut page = Page { words, text: String::new() };
    let about = words.plain(&format!("service-{}", entry.name));
    page.line(&format!("sockeye serve ENDPOINT {}: {about}", entry.name));
    page.heading("help-usage");
    page.line(&format!("  sockeye serve ENDPOINT {}", usage(entry)));
    if !entry.options.is_empty() {
        page.heading("help-own");
    }
    for option in entry.options {
        let name = match option.choice {
            Choice::Flag => format!("--{}", option.long),
            Choice::Value(word) | Choice::Many(word) => format!("--{} {word}", option.long),
            Choice::OneOf(known) => format!("--{} {}", option.long, known.join("|")),
        };
        page.row(&name, &words.plain(&format!("service-{}-{}", entry.name, option.long)));
    }
    page.flags("help-serve", SERVE.iter().chain(SERVE_FILE));
    page.flags("help-layers", LAYERS.iter());
    page.common();
    page.examples(service_examples(entry).iter().map(String::as_str));
    page.text
}

/// The words of a verb as usage shows them.
fn usage_of(verb: &Verb, path: &str) -> String {
    if verb.has_services() {
        return format!("{path} [ENDPOINT SERVICE [...]]");
    }
    if !verb.subs.is_empty() {
        return format!("{path} {} [...]", verb.choices());
    }
    let mut text = path.to_owned();
    for word in verb.words {
        let shown = match word.times {
            Times::One => format!(" {}", word.name),
            Times::Maybe => format!(" [{}]", word.name),
            Times::Any => format!(" [{}...]", word.name),
            Times::Many => format!(" {}...", word.name),
        };
        text.push_str(&shown);
    }
    text
}

/// A flag as help shows it: `-F, --frame FRAMING`.
fn written(flag: &Flag) -> String {
    let value = match flag.takes {
        Takes::Value(word) | Takes::Values(word) => format!(" {word}"),
        Takes::Nothing | Takes::Count => String::new(),
    };
    match (flag.short, flag.long) {
        (Some(letter), "") => format!("-{letter}{value}"),
        (Some(letter), long) => format!("-{letter}, --{long}{value}"),
        (None, long) => format!("    --{long}{value}"),
    }
}
