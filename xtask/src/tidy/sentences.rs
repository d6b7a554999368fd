//! Sentences for people stand in the catalogues, in both languages. A string in the program that has three plain
//! lower-case words, or a Chinese character, looks like one that does not.

use super::source::{Place, line, string, visit};
use super::tree::File;
use super::{Finding, Tree};

/// The crates whose words could reach a user.
const SPEAKING: &[&str] = &[
    "cli", "sockeye", "net", "service", "core", "wire", "script", "record", "probe", "load", "lab", "console",
];

/// How many words make a sentence.
const WORDS: usize = 3;

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| speaks(file)) {
        visit(&file.text, &mut |tokens, place| {
            let Some(value) = string(&tokens[0]).filter(|value| place == Place::Code && is_sentence(value))
            else {
                return;
            };
            let what = format!("\"{}\" looks like a sentence: it belongs in the catalogues", value.trim());
            findings.push(Finding::new(&file.path, line(&tokens[0]), what));
        });
    }
    findings
}

fn speaks(file: &File) -> bool {
    let inside = file.path.strip_prefix("crates/").and_then(|path| path.split_once('/'));
    inside.is_some_and(|(name, inside)| SPEAKING.contains(&name) && inside.starts_with("src/"))
        && !file.is_test()
}

fn is_sentence(value: &str) -> bool {
    // A command line to type is the same in every language.
    if value.starts_with("sockeye ") || value.contains("| sockeye ") {
        return false;
    }
    let words = value.split_whitespace().filter(|word| is_plain(word)).count();
    words >= WORDS || value.chars().any(is_han)
}

/// A word as it stands in running text: lower-case letters, perhaps with a stop after it.
fn is_plain(word: &str) -> bool {
    let word = word.trim_matches(['.', ',', ';', ':', '!', '?', '(', ')', '"', '\'']);
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'\'')
}

/// Whether the character is a Han ideograph (Unicode blocks from Extension A on).
pub(super) fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
        || matches!(character, '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        run(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_sentence_in_the_program_fails() {
        for bad in [
            r#"fn f() { g("nothing listens there"); }"#,
            r#"fn f() { g("the port {port} is, in fact, taken"); }"#,
            r#"fn f() { g("已连接"); }"#,
            r#"#[arg(help = "where to listen")] struct A;"#,
        ] {
            assert_eq!(found("crates/net/src/a.rs", bad), 1, "{bad}");
        }
    }

    #[test]
    fn words_for_machines_and_for_us_pass() {
        for good in [
            "//! 粘包 is what happens without it.",
            r#"fn f() { g("bad-endpoint", "tcp://127.0.0.1:1", "connect {endpoint}"); }"#,
            r#"fn f() { x.expect("the lock is never poisoned"); assert!(y, "one of us is wrong"); }"#,
            r#"#[expect(lint, reason = "the driver is the only writer")] fn f() {}"#,
            r#"#[cfg(test)] mod tests { fn f() { g("nothing listens there"); } }"#,
        ] {
            assert_eq!(found("crates/net/src/a.rs", good), 0, "{good}");
        }
        assert_eq!(found("crates/net/tests/a.rs", r#"fn f() { g("nothing listens there"); }"#), 0);
        assert_eq!(found("xtask/src/a.rs", r#"fn f() { g("nothing listens there"); }"#), 0);
    }
}
