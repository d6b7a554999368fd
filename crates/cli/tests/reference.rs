//! The reference pages in `docs/reference`, one a language, are what the command says of itself: made from the
//! registries and the catalogues, and held to them here. `SNAPSHOTS=overwrite cargo test` (or `cargo run -p xtask --
//! docs`) writes them anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use snapbox::{Assert, Data};

/// What the command prints.
fn said(language: &str, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(["--lang", language]).args(words).stdin(Stdio::null()).env_clear();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What every line that begins one names: its words up to the gap.
fn names(rows: &str) -> Vec<&str> {
    rows.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split("  ").next()).collect()
}

/// One page: help of everything, each part of it once, then the lists.
fn page(language: &str, title: &str) -> String {
    let mut out = format!("# {title}\n");
    let mut seen = HashSet::new();
    let mut section = |heading: &str, words: &[&str]| {
        write!(out, "\n## {heading}\n\n```text\n").unwrap();
        let text: Vec<String> =
            said(language, words).lines().map(|line| line.trim_end().to_owned()).collect();
        let text = text.join("\n");
        let parts: Vec<&str> = text.trim_end().split("\n\n").collect();
        let fresh: Vec<&str> = parts.into_iter().filter(|part| seen.insert((*part).to_owned())).collect();
        writeln!(out, "{}\n```", fresh.join("\n\n")).unwrap();
    };
    section("sockeye", &["--help"]);
    for verb in names(&said(language, &["list", "verbs"])) {
        let words: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        section(&format!("sockeye {verb}"), &words);
    }
    for service in names(&said(language, &["list", "services"])) {
        let service = service.split(' ').next().unwrap_or(service);
        section(&format!("sockeye serve ENDPOINT {service}"), &["serve", ":0", service, "--help"]);
    }
    for topic in ["transports", "framings", "codes"] {
        section(&format!("sockeye list {topic}"), &["list", topic]);
    }
    out
}

#[test]
fn the_pages_say_what_the_command_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let assert = Assert::new().action_env("SNAPSHOTS").normalize_paths(false);
    for (language, title, file) in
        [("en", "Reference", "README.md"), ("zh-CN", "参考手册", "README.zh-CN.md")]
    {
        let expected = Data::read_from(&folder.join(file), Some(snapbox::data::DataFormat::Text));
        assert.eq(Data::text(page(language, title)), expected.raw());
    }
}
