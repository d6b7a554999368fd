//! The read-me files: both languages are there, and each command they show begins with a verb that exists.

use super::locales::Catalogue;
use super::{Finding, Tree};

const FILES: &[&str] = &["README.md", "README.zh-CN.md"];
const CATALOGUE: &str = "crates/cli/locales/en.ftl";

/// Languages of fenced blocks that are typed at a shell.
const SHELL: &[&str] = &["sh", "bash", "shell", "console"];

pub(super) fn run(tree: &Tree) -> Vec<Finding> {
    // The catalogue describes each verb as `verb-NAME`; its own findings are reported by `locales`.
    let catalogue = tree.text(CATALOGUE).map(|text| Catalogue::read(CATALOGUE, text, &mut Vec::new()));
    let mut findings = Vec::new();
    for path in FILES {
        let Some(text) = tree.text(path) else {
            findings.push(Finding::new(*path, 0, "is missing"));
            continue;
        };
        let Some(catalogue) = &catalogue else { continue };
        for (line, verb) in verbs(text) {
            if !catalogue.has(&format!("verb-{verb}")) {
                findings.push(Finding::new(
                    *path,
                    line,
                    format!("shows the verb {verb}, which does not exist"),
                ));
            }
        }
    }
    findings
}

/// The first words after `sockeye` in shell blocks that must be verbs, with their lines.
fn verbs(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_shell = false;
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if let Some(language) = line.strip_prefix("```") {
            in_shell = SHELL.contains(&language.trim());
        } else if in_shell {
            found.extend(line.split('|').filter_map(verb).map(|verb| (number, verb)));
        }
    }
    found
}

/// The verb of one command. `None`: not sockeye, a flag, or an endpoint.
fn verb(command: &str) -> Option<&str> {
    let command = command.trim().trim_start_matches("$ ").trim();
    let words = command.strip_prefix("sockeye ").or_else(|| {
        let (cargo, words) = command.split_once(" -- ")?;
        (cargo.starts_with("cargo run") && !cargo.contains("-p xtask")).then_some(words)
    })?;
    let first = words.split_whitespace().next()?;
    let is_verb =
        first.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && !first.starts_with('-');
    is_verb.then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_and_an_unknown_verb_fail() {
        let text = "```console\n$ sockeye serve\n$ cargo run --release -- srve\n$ printf x | sockeye conect 1:2\n\
                    $ sockeye 127.0.0.1:7788\n$ sockeye --help\nsockeye says hello\n```\nsockeye nothing\n";
        let text = text.replace("sockeye says hello\n", "");
        let tree = Tree::of(&[("README.md", text.as_str()), (CATALOGUE, "verb-serve = answer\n")]);
        let found: Vec<_> = run(&tree).into_iter().map(|finding| (finding.path, finding.line)).collect();
        let at = |path: &str, line| (path.to_owned(), line);
        assert_eq!(found, [at("README.md", 3), at("README.md", 4), at("README.zh-CN.md", 0)]);
    }
}
