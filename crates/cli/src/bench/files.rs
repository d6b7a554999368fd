//! What `bench` writes for programs: one JSON object, and a line of CSV a second. Times are seconds.

use std::fmt::Write as _;

use serde_json::json;
use sockeye::bench::{Outcome, Report};
use sockeye::core::{Code, Fault};

/// The result as one object: the report, and with it what became of conditions.
pub(super) fn json(outcome: &Outcome) -> String {
    let mut object = json!(outcome.report);
    let finite = |value: f64| value.is_finite().then_some(value);
    let verdicts = outcome.verdicts.iter().map(|verdict| {
        json!({
            "condition": verdict.condition.text,
            "actual": finite(verdict.actual),
            "met": verdict.met,
        })
    });
    object["conditions"] = verdicts.collect();
    object["failed"] = outcome.has_failed().into();
    if let Some((promise, best)) = &outcome.promise {
        object["promise"] = json!({ "kept": promise.text, "rate": best });
    }
    format!("{object}\n")
}

/// Second by second.
pub(super) fn csv(report: &Report) -> String {
    let mut text = "at,length,requests,errors,p50,p99,max\n".to_owned();
    for second in &report.seconds {
        let (at, length, requests, errors) = (second.at, second.length, second.requests, second.errors);
        let (p50, p99, max) = (second.p50, second.p99, second.max);
        // Writing to memory does not fail.
        let _ = writeln!(text, "{at:.0},{length:.3},{requests},{errors},{p50:.9},{p99:.9},{max:.9}");
    }
    text
}

/// Writes a file.
pub(super) fn write(path: &str, bytes: &[u8]) -> Result<(), Fault> {
    std::fs::write(path, bytes)
        .map_err(|error| Fault::new(Code::Unwritable, "bench").arg("path", path).detail(error))
}
