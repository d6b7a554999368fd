//! Results for people, on stderr: a line as each file ends, a page for each that failed, a summary at the end.

use sockeye::test::{Report, Summary, Verdict};

use super::{Told, failure};
use crate::fault::safe;
use crate::ui::columns::{columns, padded};
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// The text of one file's result, without a newline at its end.
pub(crate) fn report(told: &Told<'_>, report: &Report, paint: Paint) -> String {
    let words = told.words;
    let (key, colour) = mark(report);
    let width = MARKS.iter().map(|key| columns(&words.plain(key))).max().unwrap_or_default();
    let mark = paint.on(colour, &padded(&words.plain(key), width));
    let mut text = format!("{mark}  {}", headline(words, report));
    for line in told.body(report) {
        text.push('\n');
        text.push_str(&line);
    }
    text
}

/// The first line of a result, after its mark.
pub(crate) fn headline(words: &Words, report: &Report) -> String {
    let file = safe(&report.file);
    let mut text = match &report.verdict {
        Verdict::Passed => {
            let (steps, elapsed) = (report.steps.to_string(), failure::time(report.elapsed));
            words.say("test-passed", &[("file", &file), ("steps", &steps), ("elapsed", &elapsed)])
        }
        Verdict::Failed(failure) => failure::head(words, failure),
        Verdict::Bad(_) | Verdict::Skipped => file,
    };
    if report.attempts > 1 {
        let attempts = report.attempts.to_string();
        text.push_str(&words.say("test-attempts", &[("attempts", &attempts)]));
    }
    text
}

/// What a run came to, in a line.
pub(crate) fn summary(words: &Words, summary: &Summary) -> String {
    let count = |word| summary.count(word).to_string();
    let (passed, failed, bad, skipped) = (count("passed"), count("failed"), count("bad"), count("skipped"));
    let files = summary.reports.len().to_string();
    let elapsed = failure::time(summary.elapsed);
    let args = [("files", files.as_str()), ("passed", &passed), ("failed", &failed), ("elapsed", &elapsed)];
    let mut text = words.say("test-summary", &args);
    let flaky = summary.flaky().to_string();
    let more = [("test-summary-flaky", flaky), ("test-summary-bad", bad), ("test-summary-skipped", skipped)];
    for (key, number) in more {
        if number != "0" {
            text.push_str(&words.say(key, &[("count", &number)]));
        }
    }
    if summary.signal.is_some() {
        text.push_str(&words.plain("test-summary-stopped"));
    }
    text
}

const MARKS: &[&str] =
    &["test-mark-passed", "test-mark-failed", "test-mark-bad", "test-mark-skipped", "test-mark-flaky"];

const fn mark(report: &Report) -> (&'static str, Colour) {
    match &report.verdict {
        Verdict::Passed if report.is_flaky() => ("test-mark-flaky", Colour::Yellow),
        Verdict::Passed => ("test-mark-passed", Colour::Green),
        Verdict::Failed(_) => ("test-mark-failed", Colour::Red),
        Verdict::Bad(_) => ("test-mark-bad", Colour::Red),
        Verdict::Skipped => ("test-mark-skipped", Colour::Yellow),
    }
}
