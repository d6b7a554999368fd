//! The Test Anything Protocol, version 14 (<https://testanything.org/tap-version-14-specification.html>): a line a file,
//! and below one that failed a YAML block.

use std::fmt::Write as _;

use sockeye::test::{Report, Summary, Verdict};
use sockeye::wire::escape::{Shape, escape};

use super::{Told, failure};

/// The whole document.
pub(super) fn text(told: &Told<'_>, summary: &Summary) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", summary.reports.len());
    for (number, report) in summary.reports.iter().enumerate() {
        point(told, number + 1, report, &mut out);
    }
    if let Some(signal) = summary.signal {
        let _ = writeln!(out, "Bail out! signal {signal}");
    }
    out
}

fn point(told: &Told<'_>, number: usize, report: &Report, out: &mut String) {
    let ok = if matches!(report.verdict, Verdict::Passed | Verdict::Skipped) { "ok" } else { "not ok" };
    let _ = write!(out, "{ok} {number} - {}", described(&report.file));
    if matches!(report.verdict, Verdict::Skipped) {
        out.push_str(" # SKIP");
    }
    out.push('\n');
    let mut fields = Vec::new();
    match &report.verdict {
        Verdict::Passed if report.is_flaky() => {
            fields.push(("severity", "comment".to_owned()));
            fields.push(("attempts", report.attempts.to_string()));
        }
        Verdict::Passed | Verdict::Skipped => return,
        Verdict::Failed(failure) => {
            fields.push(("message", failure::sentence(told.words, failure)));
            fields.push(("severity", "fail".to_owned()));
            fields.push(("at", failure.spot.to_string()));
            fields.push(("kind", failure.kind.word().to_owned()));
        }
        Verdict::Bad(_) => fields.push(("severity", "error".to_owned())),
    }
    fields.push(("duration_ms", format!("{:.3}", report.elapsed.as_secs_f64() * 1000.0)));
    out.push_str("  ---\n");
    for (name, value) in fields {
        // A JSON string is a YAML string, whatever it holds.
        let _ = writeln!(out, "  {name}: {}", serde_json::Value::from(safe(&value)));
    }
    out.push_str("  report: |\n");
    for line in told.body(report) {
        let _ = writeln!(out, "    {}", safe(line.strip_prefix("  ").unwrap_or(&line)));
    }
    out.push_str("  ...\n");
}

/// A description: `#` would begin a directive, and a backslash escapes.
fn described(text: &str) -> String {
    safe(text).replace('\\', "\\\\").replace('#', "\\#")
}

fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, Shape::Text, &mut out);
    out.replace('\n', "\\n")
}
