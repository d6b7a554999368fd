//! Checks and chores of the repository: `cargo run -p xtask -- tidy`. The test command runs the same checks.

mod tidy;

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words == ["tidy"] {
        return report();
    }
    writeln!(io::stderr(), "usage: cargo run -p xtask -- tidy\n")?;
    for check in tidy::ALL {
        writeln!(io::stderr(), "  {:<10} {}", check.name, check.about)?;
    }
    Ok(ExitCode::from(2))
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
