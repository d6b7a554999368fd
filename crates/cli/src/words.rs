//! The one catalogue of every sentence a person reads, and the choice of its language.
//!
//! Everything that speaks asks [`Words::say`] with a key of `locales/*.ftl`. Nothing outside those files is a sentence.
//! A run says a handful of sentences out of a thousand, so each is looked up in the text and parsed when it is first said.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use memchr::{memchr_iter, memmem};
use sockeye::core::How;
use unic_langid::LanguageIdentifier;

/// The languages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

impl Language {
    /// Every language, by its tag.
    pub(crate) const ALL: &'static [(&'static str, Self)] = &[("en", Self::En), ("zh-CN", Self::Zh)];

    /// The language that `--lang` names: a known tag, or one that begins like it (`zh`, `zh_CN.UTF-8`).
    pub(crate) fn named(tag: &str) -> Option<Self> {
        let word = tag.split(['-', '_', '.']).next().unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "en" => Some(Self::En),
            "zh" => Some(Self::Zh),
            _ => None,
        }
    }

    /// The language of the environment: the first of LC_ALL, LC_MESSAGES and LANG that is set decides.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
        let locale = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
        Self::named(&locale).unwrap_or(Self::En)
    }

    const fn catalogue(self) -> &'static str {
        match self {
            Self::En => include_str!("../locales/en.ftl"),
            Self::Zh => include_str!("../locales/zh-CN.ftl"),
        }
    }
}

/// The sentences of one language.
pub(crate) struct Words {
    /// Those that were asked for so far. At most the whole catalogue, which has no message that names another.
    said: RwLock<FluentBundle<FluentResource>>,
    language: Language,
}

impl Words {
    /// The catalogue of `language`.
    pub(crate) fn new(language: Language) -> Self {
        let tag = Language::ALL.iter().find(|(_, known)| *known == language).map_or("en", |(tag, _)| *tag);
        let mut bundle =
            FluentBundle::new_concurrent(vec![tag.parse::<LanguageIdentifier>().unwrap_or_default()]);
        // The default wraps every argument in bidi controls, which end up in logs and scripts.
        bundle.set_use_isolating(false);
        Self { said: RwLock::new(bundle), language }
    }

    /// The same catalogue for somebody else to own.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.language)
    }

    /// The sentence of `key`, filled in. A key that is missing shows as itself.
    pub(crate) fn say(&self, key: &str, args: &[(&str, &str)]) -> String {
        self.find(key, None, args).unwrap_or_else(|| key.to_owned())
    }

    /// The sentence of `key` without arguments.
    pub(crate) fn plain(&self, key: &str) -> String {
        self.say(key, &[])
    }

    /// How something is known, in a word.
    pub(crate) fn how(&self, how: How) -> String {
        self.plain(match how {
            How::Captured => "how-captured",
            How::Traced => "how-traced",
            How::Polled => "how-polled",
            How::Inferred | How::Simulated | How::Synthetic => "how-inferred",
        })
    }

    /// The attribute `name` of `key`, filled in.
    pub(crate) fn attribute(&self, key: &str, name: &str, args: &[(&str, &str)]) -> Option<String> {
        self.find(key, Some(name), args)
    }

    fn find(&self, key: &str, attribute: Option<&str>, args: &[(&str, &str)]) -> Option<String> {
        if !self.said().has_message(key) {
            self.learn(key)?;
        }
        let said = self.said();
        let message = said.get_message(key)?;
        let pattern = match attribute {
            None => message.value()?,
            Some(name) => message.get_attribute(name)?.value(),
        };
        let mut given = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            given.set(*name, *value);
        }
        let mut errors = Vec::new();
        Some(said.format_pattern(pattern, Some(&given), &mut errors).into_owned())
    }

    /// Parses the message of `key`, if there is one.
    fn learn(&self, key: &str) -> Option<()> {
        let text = message(self.language.catalogue(), key)?;
        // A message that does not parse is found by the tests; at run time it is as if it were not there.
        let resource = match FluentResource::try_new(text.to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        let mut said = self.said.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first.
        if !said.has_message(key) {
            said.add_resource_overriding(resource);
        }
        Some(())
    }

    /// How many messages were parsed.
    #[cfg(test)]
    pub(crate) fn parsed(&self) -> usize {
        let keys =
            self.language.catalogue().lines().filter_map(|line| line.split_once(" =")).map(|(key, _)| key);
        keys.filter(|key| self.said().has_message(key)).count()
    }

    fn said(&self) -> RwLockReadGuard<'_, FluentBundle<FluentResource>> {
        self.said.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text of a message and its attributes in a catalogue: from its key at the beginning of a line to the next line that
/// begins with a letter or a comment.
fn message<'a>(catalogue: &'a str, key: &str) -> Option<&'a str> {
    let head = format!("\n{key} =");
    let start = memmem::find(catalogue.as_bytes(), head.as_bytes())? + 1;
    let text = &catalogue[start..];
    let goes_on = |next: Option<&u8>| next.is_some_and(|next| b" }\n".contains(next));
    let mut ends = memchr_iter(b'\n', text.as_bytes());
    let end = ends.find(|at| !goes_on(text.as_bytes().get(at + 1))).unwrap_or(text.len());
    Some(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Language::of_environment(|name| {
                pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            })
        };
        assert_eq!(of(&[]), Language::En);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Language::Zh);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Language::En);
        assert_eq!(of(&[("LANG", "en_GB.UTF-8"), ("LC_MESSAGES", "zh_TW")]), Language::Zh);
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "zh")]), Language::Zh);
    }

    #[test]
    fn arguments_are_filled_in_without_bidi_marks() {
        let words = Words::new(Language::En);
        assert_eq!(words.say("hint", &[("hint", "try again")]), "hint: try again");
        assert_eq!(words.say("no-such-key", &[]), "no-such-key");
    }

    #[test]
    fn only_what_is_said_is_parsed_and_only_once() {
        let words = Words::new(Language::En);
        assert_eq!(words.parsed(), 0);
        words.say("hint", &[("hint", "try again")]);
        words.say("hint", &[("hint", "try again")]);
        words.attribute("error-bad-port", "hint", &[]);
        words.plain("no-such-key");
        assert_eq!(words.parsed(), 2);
    }

    #[test]
    fn a_message_is_found_whole() {
        let text = "# First\n\na-b = one\n    .hint = two\na = { $x ->\n    [y] yes\n\n   *[z] no\n}\n    .near = n\n# c\nz = 1";
        assert_eq!(message(text, "a-b"), Some("a-b = one\n    .hint = two"));
        assert_eq!(message(text, "a"), Some("a = { $x ->\n    [y] yes\n\n   *[z] no\n}\n    .near = n"));
        assert_eq!(message(text, "z"), Some("z = 1"));
        assert_eq!(message(text, "b"), None);
    }
}
