//! A page to read in a browser: one file without anything from elsewhere. The list of files, what failed as a ladder of
//! both sides, light or dark as the reader has it. Every value passes the template engine's escaping.

use minijinja::{AutoEscape, Environment};
use serde_json::{Value, json};
use sockeye::core::{Code, Direction, Fault};
use sockeye::script::play::failure::Failure;
use sockeye::test::{Report, Summary, Verdict};

use super::compare::{hex, quote};
use super::{Told, failure, text};
use crate::words::Words;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Bytes of a message that the ladder shows.
const SHOWN: usize = 160;

/// The words of the page.
const LABELS: &[&str] = &[
    "html-title",
    "html-filter",
    "html-all",
    "html-here",
    "html-there",
    "html-expected-next",
    "html-nothing",
    "test-mark-passed",
    "test-mark-failed",
    "test-mark-bad",
    "test-mark-skipped",
    "test-mark-flaky",
];

/// The whole page.
pub(super) fn text(told: &Told<'_>, summary: &Summary) -> Result<String, Fault> {
    let words = told.words;
    let labels: serde_json::Map<String, Value> =
        LABELS.iter().map(|key| (key.replace('-', "_"), words.plain(key).into())).collect();
    let context = json!({
        "lang": words.plain("html-language"),
        "label": labels,
        "summary": text::summary(words, summary),
        "version": env!("CARGO_PKG_VERSION"),
        "seed": summary.seed.to_string(),
        "passed": summary.count("passed"),
        "failed": summary.count("failed"),
        "bad": summary.count("bad"),
        "skipped": summary.count("skipped"),
        "style": STYLE,
        "script": SCRIPT,
        "reports": summary.reports.iter().map(|report| one(told, report)).collect::<Vec<_>>(),
    });
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = environment.render_str(PAGE, minijinja::value::Serde(context));
    page.map_err(|error| Fault::new(Code::Internal, "--report html").detail(error))
}

fn one(told: &Told<'_>, report: &Report) -> Value {
    let failure = match &report.verdict {
        Verdict::Failed(failure) => Some(ladder(told.words, failure, report)),
        _ => None,
    };
    json!({
        "file": crate::fault::safe(&report.file),
        "verdict": report.verdict.word(),
        "flaky": report.is_flaky(),
        "steps": report.steps,
        "elapsed": failure::time(report.elapsed),
        "headline": text::headline(told.words, report),
        "body": told.body(report).join("\n"),
        "failure": failure,
    })
}

/// What went between here and there, and what was expected next.
fn ladder(words: &Words, failure: &Failure, report: &Report) -> Value {
    let deltas = failure::deltas(failure);
    let several = report.parties.len() > 1;
    let rungs = failure.recent.iter().zip(deltas).map(|(frame, delta)| {
        let name = report.parties.get(usize::from(frame.peer)).map_or("", |party| &*party.name);
        json!({
            "out": frame.direction == Direction::Out,
            "fate": frame.fate.word(),
            "fate_word": words.plain(failure::fate_key(frame.fate)),
            "delta": delta,
            "peer": if several { name } else { "" },
            "size": frame.size,
            "text": shown(&frame.data, frame.size),
            "hex": cut(&hex(&frame.data[..frame.data.len().min(SHOWN / 3)]), frame.size > SHOWN / 3),
        })
    });
    let (local, remote) = failure.addresses.clone().unwrap_or_default();
    json!({
        "sentence": failure::sentence(words, failure),
        "state": words.plain(failure::state_key(failure.state)),
        "peer": failure.peer,
        "op": failure.op,
        "source": failure.spot.text,
        "local": local,
        "remote": remote,
        "rungs": rungs.collect::<Vec<_>>(),
    })
}

fn shown(data: &[u8], size: usize) -> String {
    let part = &data[..data.len().min(SHOWN)];
    let mut text = "\"".to_owned();
    quote(part, &mut text);
    text.push('"');
    cut(&text, part.len() < size)
}

fn cut(text: &str, more: bool) -> String {
    if more { format!("{text} …") } else { text.to_owned() }
}
