//! What documents and editors say of the language is what the parser knows.
#![expect(clippy::disallowed_methods, reason = "a test reads the files that it is about")]

use std::fs;
use std::path::{Path, PathBuf};

use sockeye_script::syntax::words;
use sockeye_script::{Vars, format, read};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The conversation files in a page.
fn blocks(page: &str) -> Vec<&str> {
    let after = page.split("```skt\n").skip(1);
    after.map(|rest| rest.split_once("```").map_or(rest, |(block, _)| block)).collect()
}

#[test]
fn every_example_of_the_grammar_is_read() {
    for page in ["docs/skt.md", "docs/skt.zh-CN.md"] {
        let page_text = text(page);
        let blocks = blocks(&page_text);
        assert!(blocks.len() >= 9, "{page}");
        for block in blocks {
            let program = read(page, block, &Vars::default(), &mut |_, _| Err(String::new()));
            let program = program.unwrap_or_else(|errors| panic!("{errors} in\n{block}"));
            assert!(!program.steps.is_empty(), "{block}");
        }
    }
}

#[test]
fn the_grammar_shows_every_word() {
    let lists = [words::STEPS, words::ARROWS, words::LINES, words::ROLES, words::MODIFIERS, words::PARTS];
    for page in ["docs/skt.md", "docs/skt.zh-CN.md"] {
        let page_text = text(page);
        let shown: String = blocks(&page_text).concat();
        for word in lists.concat() {
            // What needs another file is shown in the tables.
            let place = if matches!(word, "include" | "file") { &page_text } else { &shown };
            assert!(place.contains(word), "{page} shows no {word}");
        }
        for setting in words::SETTINGS {
            assert!(shown.contains(&format!("@{setting} ")), "{page} shows no @{setting}");
        }
        for word in words::TYPES.iter().chain(words::SUMS) {
            assert!(page_text.contains(word), "{page} has no {word}");
        }
    }
}

#[test]
fn editors_know_every_word() {
    let lists = [
        words::STEPS,
        words::LINES,
        words::ROLES,
        words::MODIFIERS,
        words::PARTS,
        words::TYPES,
        words::SUMS,
        words::SETTINGS,
    ];
    for path in ["editors/vim/syntax/skt.vim", "editors/vscode/syntaxes/skt.tmLanguage.json"] {
        let file = text(path);
        let known: Vec<&str> = file
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .flat_map(|word| [word, word.trim_matches('-')])
            .collect();
        for word in lists.concat() {
            // In a pattern a word may stand right behind `\b`.
            assert!(
                known.contains(&word) || known.contains(&format!("b{word}").as_str()),
                "{path} has no {word}"
            );
        }
        for arrow in ["never", "eof", "reset"] {
            assert!(known.contains(&arrow), "{path} has no <{arrow}");
        }
    }
    for path in ["package.json", "language-configuration.json", "syntaxes/skt.tmLanguage.json"] {
        let json: Result<serde_json::Value, _> =
            serde_json::from_str(&text(&format!("editors/vscode/{path}")));
        assert!(json.is_ok(), "{path}");
    }
}

#[test]
fn worked_files_are_read_as_they_are_spelt() {
    let folder = root().join("examples/skt");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let written = fs::read_to_string(&path).unwrap();
        read("x", &written, &Vars::default(), &mut |_, _| Err(String::new()))
            .unwrap_or_else(|errors| panic!("{}: {errors}", path.display()));
        assert_eq!(format(&written).unwrap(), written, "{}", path.display());
        count += 1;
    }
    assert!(count >= 3);
}
