//! Results for programs: one JSON object, as `docs/test-report.schema.json` has it. Keys and words are never translated.

use serde_json::{Map, Value, json};
use sockeye::core::Fault;
use sockeye::json::guarded;
use sockeye::script::play::failure::{Failure, Frame};
use sockeye::test::{Report, Summary, Verdict};
use sockeye::wire::notation::to_hex;

use super::{Told, failure};
use crate::mistakes;

/// The version of the document. It grows when a field changes its meaning; new fields may come at any time.
const VERSION: u64 = 1;

/// The whole document, and a newline.
pub(super) fn text(told: &Told<'_>, summary: &Summary) -> String {
    let count = |word| summary.count(word);
    let document = json!({
        "v": VERSION,
        "program": format!("sockeye {}", env!("CARGO_PKG_VERSION")),
        "seed": summary.seed,
        "elapsed": summary.elapsed.as_secs_f64(),
        "signal": summary.signal,
        "files": summary.reports.len(),
        "passed": count("passed"),
        "failed": count("failed"),
        "bad": count("bad"),
        "flaky": summary.flaky(),
        "skipped": count("skipped"),
        "reports": summary.reports.iter().map(|report| one(told, report)).collect::<Vec<_>>(),
    });
    let mut text = guarded(&serde_json::to_string_pretty(&document).unwrap_or_default());
    text.push('\n');
    text
}

fn one(told: &Told<'_>, report: &Report) -> Value {
    let peers = report.parties.iter().map(|party| {
        let (local, remote) = party.addresses.clone().unzip();
        json!({ "name": party.name, "local": local, "remote": remote })
    });
    let mut object = json!({
        "file": report.file,
        "verdict": report.verdict.word(),
        "steps": report.steps,
        "of": report.of,
        "elapsed": report.elapsed.as_secs_f64(),
        "attempts": report.attempts,
        "flaky": report.is_flaky(),
        "peers": peers.collect::<Vec<_>>(),
        "kept": report.kept,
    });
    let names: Vec<&str> = report.parties.iter().map(|party| &*party.name).collect();
    if !report.earlier.is_empty() {
        object["earlier"] = report.earlier.iter().map(|failure| failed(told, failure, &names)).collect();
    }
    match &report.verdict {
        Verdict::Passed | Verdict::Skipped => {}
        Verdict::Failed(failure) => {
            object["failure"] = failed(told, failure, &names);
            object["command"] = told.command(report).into();
        }
        Verdict::Bad(bad) => object["mistakes"] = mistakes::json(told.words, bad),
    }
    object
}

fn failed(told: &Told<'_>, failure: &Failure, names: &[&str]) -> Value {
    let deltas = failure::deltas(failure);
    let frames = failure.recent.iter().zip(&deltas).map(|(one, delta)| frame(one, delta, names));
    let mismatch = failure.mismatch.as_ref().map(|it| {
        json!({
            "expected": bytes(&it.expected),
            "actual": bytes(&it.actual),
            "from": it.from,
            "expected_size": it.expected_size,
            "actual_size": it.actual_size,
            "at": it.at,
            "part": it.part,
        })
    });
    let partial = failure.partial.as_ref().map(
        |it| json!({ "have": it.have, "want": it.want, "framing": it.framing, "first": to_hex(&it.first) }),
    );
    let unread = json!({
        "messages": failure.unread.messages,
        "bytes": failure.unread.bytes,
        "first": bytes(&failure.unread.first),
    });
    let (local, remote) = failure.addresses.clone().unzip();
    json!({
        "kind": failure.kind.word(),
        "message": failure::sentence(told.words, failure),
        "path": &*failure.spot.path,
        "line": failure.spot.line,
        "column": failure.spot.column,
        "source": failure.spot.text,
        "included": failure.spot.included.iter().map(|(path, line)| format!("{path}:{line}")).collect::<Vec<_>>(),
        "peer": failure.peer,
        "op": failure.op,
        "step": failure.step,
        "of": failure.of,
        "label": failure.label,
        "elapsed": failure.elapsed.as_secs_f64(),
        "timeout": failure.patience.map(|patience| patience.as_secs_f64()),
        "state": failure.state.word(),
        "local": local,
        "remote": remote,
        "mismatch": mismatch,
        "partial": partial,
        "unread": unread,
        "fault": failure.fault.as_deref().map(fault),
        "recent": frames.collect::<Vec<_>>(),
        "seed": failure.seed,
    })
}

fn frame(frame: &Frame, delta: &str, names: &[&str]) -> Value {
    let mut object = bytes(&frame.data);
    object["peer"] = names.get(usize::from(frame.peer)).copied().unwrap_or_default().into();
    object["direction"] = frame.direction.word().into();
    object["size"] = frame.size.into();
    object["fate"] = frame.fate.word().into();
    object["after"] = delta.into();
    object
}

/// A fault as programs read it.
pub(crate) fn fault(fault: &Fault) -> Value {
    let args: Map<String, Value> =
        fault.args.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
    json!({ "code": fault.code.word(), "subject": fault.subject, "args": args, "detail": fault.detail })
}

/// Payload: its text, or its hex where it is no UTF-8.
fn bytes(data: &[u8]) -> Value {
    match std::str::from_utf8(data) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "hex": to_hex(data) }),
    }
}
