//! What holds the catalogues together: the same keys in every language, a sentence for everything that has one, and no
//! sentence that nothing says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fluent_bundle::FluentResource;
use sockeye::core::{Code, framing};
use sockeye::list::{Topic, rows};

use crate::fault::ARGUMENTS;
use crate::grammar::flags::{
    ASK, CERT, CERT_NAME, CERT_SIGNER, COMMON, CONNECT, Flag, LAYERS, NC, REPLAY, SERVE, SERVE_FILE, TEST,
};
use crate::grammar::verbs;
use crate::words::{Language, Words};

const EN: &str = include_str!("../locales/en.ftl");
const ZH: &str = include_str!("../locales/zh-CN.ftl");
const SAME: &str = include_str!("../locales/same-in-zh.txt");

/// A catalogue: the text of each key, and of each attribute as `key.attribute`.
fn read(text: &str) -> BTreeMap<String, String> {
    let mut entries: BTreeMap<String, String> = BTreeMap::new();
    let (mut key, mut at) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.trim_start().split(" =").next().unwrap_or_default();
        if !line.starts_with([' ', '}']) {
            key = name.to_owned();
            at = key.clone();
            assert!(!entries.contains_key(&at), "{at} stands twice");
        } else if line.trim_start().starts_with('.') {
            at = format!("{key}{name}");
        }
        let entry = entries.entry(at.clone()).or_default();
        let value = line.split_once(" = ").map_or(line, |(_, value)| value);
        entry.push_str(value);
        entry.push('\n');
    }
    entries
}

/// The variables of a text.
fn variables(text: &str) -> BTreeSet<&str> {
    let after = text.split("{ $").skip(1);
    after.map(|rest| rest.split([' ', '}']).next().unwrap_or_default()).collect()
}

/// Every Rust file of these crates.
fn sources(crates: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut open: Vec<PathBuf> = crates.iter().map(|name| root.join(name).join("src")).collect();
    let mut texts = Vec::new();
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                // Tests say things that nobody reads.
                let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
                texts.push(text[..end].to_owned());
            }
        }
    }
    texts
}

/// The string literals that follow `call` in the sources.
fn literals(texts: &[String], call: &str) -> BTreeSet<String> {
    let after = texts.iter().flat_map(|text| text.split(call).skip(1));
    after.map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn both_catalogues_parse_and_have_the_same_keys() {
    for text in [EN, ZH] {
        assert!(FluentResource::try_new(text.to_owned()).is_ok());
    }
    let (en, zh) = (read(EN), read(ZH));
    assert_eq!(en.keys().collect::<Vec<_>>(), zh.keys().collect::<Vec<_>>());
    for (key, text) in &en {
        assert_eq!(variables(text), variables(&zh[key]), "{key}");
    }
}

/// Each is parsed alone when it is said.
#[test]
fn no_message_names_another_and_each_is_found_alone() {
    for (text, language) in [(EN, Language::En), (ZH, Language::Zh)] {
        let names = |line: &&str| line.split("{ ").skip(1).any(|rest| !rest.starts_with('$'));
        assert_eq!(text.lines().find(names), None);
        let words = Words::new(language);
        for key in read(text).keys() {
            let (key, attribute) =
                key.split_once('.').map_or((key.as_str(), None), |(key, own)| (key, Some(own)));
            let is_found = match attribute {
                None => words.plain(key) != key,
                Some(own) => words.attribute(key, own, &[]).is_some(),
            };
            assert!(is_found, "{key} {attribute:?}");
        }
    }
}

#[test]
fn chinese_is_chinese_unless_listed() {
    let same: BTreeSet<&str> = SAME.lines().filter(|line| !line.starts_with('#')).collect();
    let han = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for (key, text) in read(ZH) {
        assert_eq!(han(&text), !same.contains(key.as_str()), "{key}");
    }
}

#[test]
fn english_errors_are_lower_case_without_a_final_stop() {
    for (key, text) in read(EN) {
        let text = text.trim();
        assert!(!text.ends_with('.'), "{key}");
        let prose = text.chars().next().is_some_and(|first| first.is_ascii_uppercase());
        // Words that are written so, as `FIN`, `Unix` and `Ethernet`.
        let first = text.split([' ', ':', ',', ';']).next().unwrap_or_default();
        let written =
            matches!(first, "Unix" | "Ethernet") || first.chars().skip(1).any(|c| c.is_ascii_uppercase());
        assert!(!prose || written, "{key}: {text}");
    }
}

#[test]
fn every_code_has_a_sentence_and_a_hint_that_know_its_arguments() {
    let en = read(EN);
    let documented = documented_arguments();
    for code in Code::ALL {
        let word = code.word();
        for key in [format!("error-{word}"), format!("error-{word}.hint")] {
            let text = en.get(&key).unwrap_or_else(|| panic!("{key} is missing"));
            for variable in variables(text) {
                assert!(ARGUMENTS.contains(&variable), "{key}: {variable}");
                let own = matches!(variable, "what" | "name" | "help") && word == "usage";
                assert!(own || documented[word].contains(variable), "{key}: {variable}");
            }
        }
        if documented[word].contains("near") {
            assert!(en.contains_key(&format!("error-{word}.near")), "{word}");
        }
    }
}

/// The arguments that the documentation of each code promises, by its word.
fn documented_arguments() -> BTreeMap<String, BTreeSet<String>> {
    let texts = sources(&["core"]);
    let table = texts.iter().find_map(|text| text.split_once("codes! {\n")).unwrap().1;
    let mut promised = BTreeSet::new();
    let mut all = BTreeMap::new();
    for line in table.lines().take_while(|line| *line != "}") {
        if let Some(doc) = line.trim().strip_prefix("///") {
            if let Some((_, arguments)) = doc.split_once("rgument") {
                promised.extend(arguments.split('`').skip(1).step_by(2).map(str::to_owned));
            } else if !promised.is_empty() {
                promised.extend(doc.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        } else if let Some((_, rest)) = line.split_once("= \"") {
            let word = rest.split('"').next().unwrap_or_default().to_owned();
            all.insert(word, std::mem::take(&mut promised));
        }
    }
    all
}

#[test]
fn everything_in_a_registry_has_its_sentences() {
    let en = read(EN);
    let has = |key: &str| assert!(en.contains_key(key), "{key} is missing");
    for (name, topic) in Topic::ALL {
        has(&format!("topic-{name}"));
        rows(*topic).iter().filter(|row| !row.key.is_empty()).for_each(|row| has(&row.key));
    }
    for entry in framing::ALL {
        has(&format!("framing-{}", entry.name));
    }
    for entry in sockeye::service::ALL {
        has(&format!("service-{}", entry.name));
        entry.options.iter().for_each(|option| has(&format!("service-{}-{}", entry.name, option.long)));
    }
    for (path, verb) in verbs::every() {
        has(&verbs::key(&path));
        has(&format!("{}-long", verbs::key(&path)));
        verb.words.iter().for_each(|word| has(word.key));
    }
    for flag in flags() {
        has(flag.key);
    }
}

#[test]
fn every_word_of_a_check_has_its_sentence() {
    use sockeye::check::{FACTS, Layer, NEXTS, Word};
    let en = read(EN);
    let mut wanted: Vec<String> = Vec::new();
    wanted.extend(Word::ALL.iter().map(|word| format!("word-{}", word.word())));
    wanted.extend(Layer::ALL.iter().map(|layer| format!("layer-{}", layer.word())));
    wanted.extend(FACTS.iter().map(|fact| format!("fact-{fact}")));
    wanted.extend(NEXTS.iter().map(|next| format!("next-{next}")));
    for key in &wanted {
        assert!(en.contains_key(&format!("check-{key}")), "{key} is missing");
    }
    // And nothing is there that no check says: the list and the rules' own tests hold each other.
    for family in ["word", "layer", "fact", "next"] {
        let own = en.keys().filter_map(|key| key.strip_prefix("check-"));
        for key in own.filter(|key| key.starts_with(&format!("{family}-"))) {
            assert!(wanted.iter().any(|wanted| wanted == key), "nothing says check-{key}");
        }
    }
}

fn flags() -> impl Iterator<Item = &'static Flag> {
    [COMMON, LAYERS, SERVE, SERVE_FILE, CONNECT, ASK, CERT, CERT_NAME, CERT_SIGNER, NC, TEST, REPLAY]
        .into_iter()
        .flatten()
}

#[test]
fn every_note_has_a_sentence_that_knows_its_arguments() {
    let en = read(EN);
    let texts = sources(&["service", "net", "sockeye", "cli", "core"]);
    for key in literals(&texts, "Note::new(\"") {
        // The documentation's and the tests' own.
        if key.is_empty() {
            continue;
        }
        let sentence = en.get(&format!("note-{key}")).unwrap_or_else(|| panic!("note-{key} is missing"));
        let given: Vec<&String> =
            texts.iter().filter(|text| text.contains(&format!("Note::new(\"{key}\")"))).collect();
        for variable in variables(sentence) {
            let named =
                |text: &&String| text.contains(&format!("(\"{variable}\"")) || text.contains("fault.args");
            assert!(given.iter().any(named), "note-{key}: {variable}");
        }
    }
}

#[test]
fn every_key_is_said_and_every_key_said_exists() {
    let en = read(EN);
    let texts = sources(&["cli"]);
    for call in ["plain(\"", "say(\"", "heading(\"", "sentence(event, \"", "page.flags(\""] {
        for key in literals(&texts, call).iter().filter(|key| !key.contains('{') && *key != "no-such-key") {
            assert!(en.contains_key(key), "{key} is missing");
        }
    }
    let families = [
        "error-",
        "note-",
        "framing-",
        "service-",
        "layer-",
        "transport-",
        "topic-",
        "verb-",
        "fault-",
        "mistake-",
        "noun-",
        "refusal-",
        "explain-",
        "check-",
    ];
    let code: String = texts.concat();
    for key in en.keys().filter(|key| !key.contains('.')) {
        let said =
            code.contains(&format!("\"{key}\"")) || families.iter().any(|family| key.starts_with(family));
        assert!(said, "nothing says {key}");
    }
}
