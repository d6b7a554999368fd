//! Golden files: what is typed, the exit code, and every line that comes out. A file of `tests/golden` is
//!
//! ```text
//! $ sockeye ask :70000 x        what is typed; words in single quotes are one
//! ? 2                           the exit code
//! > …                           a line of stdout
//! ! …                           a line of stderr
//! ```
//!
//! `@ NAME` before the first of them runs what follows in `tests/golden/files/NAME`; other lines are kept as they are.
//! `SNAPSHOTS=overwrite cargo test` writes the files anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use snapbox::{Assert, Data};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The words of a command line; single quotes keep one together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut open = false;
    for part in line.split('\'') {
        if open {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
        open = !open;
    }
    words
}

/// Runs one command line and appends what came of it.
fn run(line: &str, directory: &Path, out: &mut String) {
    let words = words(line);
    let (variables, words): (Vec<_>, Vec<_>) =
        words.into_iter().partition(|word| word.starts_with("LC_ALL="));
    assert_eq!(words.first().map(String::as_str), Some("sockeye"), "{line}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(&words[1..]).current_dir(directory).stdin(Stdio::null());
    command.env_clear();
    command.envs(variables.iter().filter_map(|variable| variable.split_once('=')));
    let output = command.output().unwrap();
    writeln!(out, "? {}", output.status.code().unwrap()).unwrap();
    for (mark, bytes) in [('>', output.stdout), ('!', output.stderr)] {
        for line in timeless(&String::from_utf8(bytes).unwrap()).lines() {
            out.push_str(format!("{mark} {line}").trim_end());
            out.push('\n');
        }
    }
}

/// Times, which are seconds with six decimals, as `[T]`.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(dot) = rest.find('.') {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (before, after) = (&rest[..dot], &rest[dot + 1..]);
        let whole = before.bytes().rev().take_while(u8::is_ascii_digit).count();
        if whole > 0 && digits(after) == 6 {
            out.push_str(&before[..dot - whole]);
            out.push_str("[T]");
            rest = &after[6..];
        } else {
            out.push_str(&rest[..=dot]);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

fn check(name: &str) {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut directory = folder();
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.starts_with(['?', '>', '!'])) {
        out.push_str(line);
        out.push('\n');
        if let Some(name) = line.strip_prefix("@ ") {
            directory = folder().join("files").join(name);
        } else if let Some(line) = line.strip_prefix("$ ") {
            run(line, &directory, &mut out);
        }
    }
    Assert::new().action_env("SNAPSHOTS").normalize_paths(false).eq(out, Data::read_from(&path, None));
}

#[test]
fn bad_input_is_a_named_error_with_its_exit_code() {
    check("errors.txt");
}

#[test]
fn bad_input_is_named_in_chinese_too() {
    check("errors-zh.txt");
}

#[test]
fn files_are_refused_with_what_to_mend() {
    check("files.txt");
}

#[test]
fn certificates_are_refused_with_what_to_mend() {
    check("cert.txt");
}

#[test]
fn users_are_listed_and_slips_refused() {
    check("user.txt");
}

#[test]
fn help_is_what_it_was() {
    check("help.txt");
}

#[test]
fn help_in_chinese_is_what_it_was() {
    check("help-zh.txt");
}

#[test]
fn lists_show_the_registries() {
    check("list.txt");
}

#[test]
fn bench_refuses_what_makes_no_sense_and_merges() {
    check("bench.txt");
}

#[test]
fn addresses_are_told_and_refused_part_by_part() {
    check("addr.txt");
}

#[test]
fn ping_refuses_what_makes_no_sense() {
    check("ping.txt");
}

#[test]
fn packets_are_explained_and_slips_refused() {
    check("explain.txt");
}
