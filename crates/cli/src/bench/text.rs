//! A result for people: a few lines, the most important first.

use sockeye::bench::{Condition, Outcome, Report, Times, Verdict};

use super::first::{First, firsts};
use crate::fault::safe;
use crate::ui::columns::{columns, padded};
use crate::words::Words;

/// The whole result.
pub(super) fn result(words: &Words, outcome: &Outcome) -> String {
    let report = &outcome.report;
    let mut lines = vec![title(words, report), String::new()];
    lines.extend(latencies(words, report));
    lines.push(String::new());
    let facts = facts(words, outcome);
    let width = facts.iter().map(|(label, _)| columns(label)).max().unwrap_or(0) + 2;
    for (label, text) in &facts {
        lines.push(format!("{}{text}", padded(label, width)));
        if *label == words.plain("bench-errors") {
            lines.extend(first_lines(words, report, width));
        }
    }
    lines.extend(outcome.verdicts.iter().map(|verdict| verdict_line(words, verdict)));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// What went wrong first, below the errors.
fn first_lines(words: &Words, report: &Report, width: usize) -> Vec<String> {
    let label = words.plain("bench-first");
    let mut lines = Vec::new();
    for First { head, rows } in firsts(words, report) {
        lines.push(format!("{}{head}", padded(&label, width)));
        lines.extend(rows.iter().map(|row| format!("{}{row}", " ".repeat(width))));
    }
    lines
}

/// Whether nothing is answered.
pub(super) fn is_one_way(report: &Report) -> bool {
    report.mode == "one-way"
}

/// What was done, in a line.
pub(super) fn title(words: &Words, report: &Report) -> String {
    let pace = match report.asked {
        None if is_one_way(report) => words.plain("bench-full-speed"),
        None => words.plain("bench-closed"),
        Some(rate) => words.say("bench-at-rate", &[("rate", &per_second(rate))]),
    };
    let steps = report.steps_of.as_deref().map(safe).unwrap_or_default();
    words.say(
        if steps.is_empty() { "bench-title" } else { "bench-title-steps" },
        &[
            ("steps", &steps),
            ("endpoint", &safe(&report.endpoint)),
            ("mode", &report.mode),
            ("connections", &whole(report.connections as u64)),
            ("pipeline", &whole(report.pipeline as u64)),
            ("size", &bytes(report.message_bytes)),
            ("pace", &pace),
            ("elapsed", &format!("{:.1} s", report.elapsed)),
        ],
    )
}

/// Columns of times.
const COLUMNS: &[&str] = &["p50", "p90", "p99", "p99.9", "p99.99", "max"];

/// The rows of times, each with its label, where there are any.
pub(super) fn times<'a>(words: &Words, report: &'a Report) -> Vec<(String, &'a Times)> {
    let mut rows = vec![(words.plain("bench-latency"), &report.latency)];
    rows.extend(report.service.as_ref().map(|times| (words.plain("bench-service"), times)));
    rows.push((words.plain("bench-connecting"), &report.connecting));
    rows.retain(|(_, times)| times.count > 0);
    rows
}

fn latencies(words: &Words, report: &Report) -> Vec<String> {
    let rows = times(words, report);
    let width = rows.iter().map(|(label, _)| columns(label)).max().unwrap_or(0) + 2;
    let mean = words.plain("bench-mean");
    let heads = COLUMNS.iter().copied().chain([mean.as_str()]);
    let mut lines = vec![" ".repeat(width) + &heads.map(right).collect::<String>()];
    for (label, times) in rows {
        let values = [times.p50, times.p90, times.p99, times.p999, times.p9999, times.max, times.mean];
        let values: String = values.iter().map(|value| right(&time(*value))).collect();
        lines.push(padded(&label, width) + &values);
    }
    lines
}

/// Text at the right of a column.
fn right(text: &str) -> String {
    const WIDTH: usize = 11;
    format!("{}{text}", " ".repeat(WIDTH.saturating_sub(columns(text))))
}

/// The rest, each with its label.
pub(super) fn facts(words: &Words, outcome: &Outcome) -> Vec<(String, String)> {
    let report = &outcome.report;
    let label = |key: &str| words.plain(key);
    let over = report.elapsed.max(1e-9);
    let (requests, answers) = match report.steps_of {
        Some(_) => ("bench-rounds", verified(&report.verified)),
        None if is_one_way(report) => ("bench-messages", "bench-unanswered"),
        None => ("bench-requests", verified(&report.verified)),
    };
    let mut facts = vec![
        (label(requests), format!("{}  {}", whole(report.requests), per_second(report.rate))),
        (
            label("bench-sent"),
            format!("{}  {}/s", bytes(report.bytes_out as f64), bytes(report.bytes_out as f64 / over)),
        ),
        (
            label("bench-received"),
            format!("{}  {}/s", bytes(report.bytes_in as f64), bytes(report.bytes_in as f64 / over)),
        ),
        (label("bench-errors"), errors(words, report)),
        (label("bench-answers"), words.plain(answers)),
    ];
    if report.steps_of.is_some() {
        let (sent, received) = (whole(report.messages_out), whole(report.messages_in));
        let text = words.say("bench-messages-both", &[("sent", &sent), ("received", &received)]);
        facts.insert(1, (label("bench-messages"), text));
    }
    if let Some(key) = hint(report) {
        facts.push((label("bench-hint"), words.plain(key)));
    }
    if report.unsent > 0 {
        facts.push((
            label("bench-unsent"),
            words.say("bench-unsent-why", &[("count", &whole(report.unsent))]),
        ));
    }
    let cpu = if report.cpu.len() == 1 { "bench-cpu-one" } else { "bench-cpu-many" };
    let threads = report.cpu.len().to_string();
    let mut generator = words.say(cpu, &[("threads", &threads), ("shares", &shares(&report.cpu))]);
    if report.client_bound {
        generator = format!("{generator} {}", words.plain("bench-client-bound"));
    }
    facts.push((label("bench-generator"), generator));
    if report.machines > 1 {
        facts.push((label("bench-machines"), report.machines.to_string()));
    }
    if let Some(memory) = &report.memory {
        let grown = memory.held.saturating_sub(memory.before);
        let each = grown as f64 / memory.connections.max(1) as f64;
        let args = [
            ("connections", &*whole(memory.connections)),
            ("held", &bytes(grown as f64)),
            ("each", &bytes(each)),
        ];
        facts.push((label("bench-memory"), words.say("bench-memory-held", &args)));
    }
    if report.cut_short {
        facts.push((label("bench-ended"), words.plain("bench-cut-short")));
    }
    if let Some((promise, best)) = &outcome.promise {
        let kept = match best {
            Some(rate) => {
                words.say("bench-best", &[("promise", &promise.text), ("rate", &per_second(*rate))])
            }
            None => words.say("bench-no-best", &[("promise", &promise.text)]),
        };
        facts.push((label("bench-search"), kept));
    }
    facts
}

/// What to try, where most of what went wrong has one well-known reason.
fn hint(report: &Report) -> Option<&'static str> {
    let count = |class: &str| report.errors.get(class).copied().unwrap_or(0);
    let half = (report.requests / 2).max(1);
    if report.mode == "exchange" && count("early-fin") >= half {
        return Some("bench-hint-closes");
    }
    (report.verified == "first" && count("wrong-answer") >= half).then_some("bench-hint-varies")
}

/// The sentence of how answers were verified.
fn verified(word: &str) -> &'static str {
    match word {
        "echo" => "bench-verified-echo",
        "first" => "bench-verified-first",
        "given" => "bench-verified-given",
        "steps" => "bench-verified-steps",
        _ => "bench-verified-none",
    }
}

fn shares(cpu: &[f64]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = cpu.iter().take(SHOWN).map(|share| format!("{:.0} %", share * 100.0)).collect();
    let more = if cpu.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn errors(words: &Words, report: &Report) -> String {
    if report.errors.is_empty() {
        return words.plain("bench-none");
    }
    let each = report.errors.iter().map(|(code, count)| format!("{} {code}", whole(*count)));
    each.collect::<Vec<_>>().join(", ")
}

/// What became of a condition.
pub(super) fn verdict_line(words: &Words, verdict: &Verdict) -> String {
    let key = if verdict.met { "bench-failed" } else { "bench-passed" };
    words.say(
        key,
        &[("condition", &verdict.condition.text), ("actual", &actual(&verdict.condition, verdict.actual))],
    )
}

/// A value in its condition's unit.
pub(super) fn actual(condition: &Condition, value: f64) -> String {
    use sockeye::bench::Metric;
    match condition.metric {
        _ if !value.is_finite() => "∞".to_owned(),
        Metric::Errors => format!("{value:.0}"),
        Metric::ErrorShare => format!("{value:.3} %"),
        Metric::Rate => per_second(value),
        Metric::Quantile(_) | Metric::Max | Metric::Mean => time(value),
    }
}

/// A time with three digits.
pub(super) fn time(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    let (scale, unit) = units.into_iter().find(|(scale, _)| seconds >= *scale).unwrap_or((1e-9, "ns"));
    format!("{} {unit}", digits(seconds / scale))
}

/// A rate.
pub(super) fn per_second(rate: f64) -> String {
    if rate >= 100.0 { format!("{}/s", whole(rate.round() as u64)) } else { format!("{}/s", digits(rate)) }
}

/// Bytes, in units of a thousand.
pub(super) fn bytes(count: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match units.into_iter().find(|(scale, _)| count >= *scale) {
        Some((scale, unit)) => format!("{} {unit}", digits(count / scale)),
        None => format!("{count:.0} B"),
    }
}

/// Three digits.
fn digits(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A whole number in groups of three digits.
pub(super) fn whole(number: u64) -> String {
    let text = number.to_string();
    let mut grouped = String::with_capacity(text.len() + text.len() / 3);
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        assert_eq!(
            (time(0.001_234), time(12.0), time(5e-8)),
            ("1.23 ms".into(), "12.0 s".into(), "50.0 ns".into())
        );
        assert_eq!(
            (whole(1_234_567), whole(12), whole(123)),
            ("1,234,567".into(), "12".into(), "123".into())
        );
        assert_eq!((bytes(64.0), bytes(1.5e6)), ("64 B".into(), "1.50 MB".into()));
        assert_eq!((per_second(12_345.6), per_second(1.5)), ("12,346/s".into(), "1.50/s".into()));
    }
}
