//! Checks and chores of the repository: `cargo run -p xtask -- tidy` (the test command runs the same checks), and
//! `cargo run -p xtask -- docs`, which writes the reference pages and golden files anew from what the command says.

mod tidy;

use std::io::{self, Write};
use std::process::{Command, ExitCode};

fn main() -> io::Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words == ["tidy"] {
        return report();
    }
    if words == ["docs"] {
        return write_docs();
    }
    writeln!(io::stderr(), "usage: cargo run -p xtask -- tidy|docs\n")?;
    for check in tidy::ALL {
        writeln!(io::stderr(), "  {:<10} {}", check.name, check.about)?;
    }
    Ok(ExitCode::from(2))
}

/// Runs the tests that hold pages to the command, with leave to write them.
fn write_docs() -> io::Result<ExitCode> {
    let mut tests = Command::new(env!("CARGO"));
    tests.args(["test", "--package", "sockeye-cli", "--test", "reference", "--test", "golden"]);
    let status = tests.env("SNAPSHOTS", "overwrite").status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints every finding; a note does not fail.
fn report() -> io::Result<ExitCode> {
    let findings = tidy::run(&tidy::Tree::read(&tidy::root())?);
    let mut out = io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    let failures = findings.iter().filter(|finding| finding.fails()).count();
    writeln!(out, "tidy: {} checks, {failures} failures", tidy::ALL.len())?;
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
