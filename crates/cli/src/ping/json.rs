//! Answers and figures as JSON, one object a line. Times are seconds; keys and words are never translated.

use std::time::Duration;

use serde_json::{Value, json};
use sockeye::core::How;
use sockeye::json::known;
use sockeye::ping::{Answer, Moment, Opening, Outcome, Standing, Sure, Target, Told, Trouble, Way};

use super::text::clock;

/// The line of something that happened.
pub(super) fn line(told: &Told<'_>) -> String {
    let (kind, fields) = match told.moment {
        Moment::Begun(opening) => ("ping", begun(told.target, opening)),
        Moment::Answer(answer) => ("ping-answer", self::answer(answer)),
        Moment::Trouble(trouble) => ("ping-error", self::trouble(trouble)),
        Moment::Silent { number } => ("ping-silent", vec![("number", json!(number))]),
    };
    known(told.at, How::Traced, kind, &fields)
}

fn way(way: Way) -> Value {
    json!({ "way": way.word(), "port": way.port() })
}

fn begun(target: &Target, opening: &Opening) -> Vec<(&'static str, Value)> {
    let refused = opening.refused.iter().map(|(refused, why)| {
        let mut value = way(*refused);
        value["why"] = json!(why);
        value
    });
    vec![
        ("host", json!(target.name)),
        ("address", json!(target.address.to_string())),
        ("others", json!(target.others.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("size", json!(target.size)),
        ("by", opening.way.map(way).unwrap_or_default()),
        ("refused", Value::Array(refused.collect())),
    ]
}

fn answer(answer: &Answer) -> Vec<(&'static str, Value)> {
    vec![
        ("number", json!(answer.number)),
        ("number_how", json!(if answer.sure == Sure::Named { "captured" } else { "inferred" })),
        ("seconds", seconds(answer.trip)),
        ("clock", json!(clock(answer.clock))),
        ("from", json!(answer.from.to_string())),
        ("bytes", json!(answer.bytes)),
        ("ttl", json!(answer.ttl)),
        ("what", json!(answer.what.word())),
        ("late", json!(answer.standing == Standing::Late)),
        ("duplicate", json!(answer.standing == Standing::Duplicate)),
        ("corrupt_at", json!(answer.differs_at)),
    ]
}

fn trouble(trouble: &Trouble) -> Vec<(&'static str, Value)> {
    let icmp = trouble.icmp.map(|icmp| {
        json!({
            "protocol": if icmp.is_v6 { "icmpv6" } else { "icmp" },
            "type": icmp.kind,
            "code": icmp.code,
            "word": icmp.word(),
            "info": icmp.info,
        })
    });
    vec![
        ("number", json!(trouble.number)),
        ("from", json!(trouble.from.map(|from| from.to_string()))),
        ("icmp", json!(icmp)),
        ("errno", json!(trouble.errno)),
        ("seconds", seconds(trouble.after)),
    ]
}

/// The figures.
pub(super) fn summary(outcome: &Outcome) -> String {
    let (figures, times) = (&outcome.report.figures, outcome.report.times);
    let times = times.map(|times| {
        json!({
            "min": seconds(times.min),
            "median": seconds(times.median),
            "p90": seconds(times.p90),
            "p99": seconds(times.p99),
            "max": seconds(times.max),
            "mean": seconds(times.mean),
            "jitter": seconds(times.jitter),
        })
    });
    let fields = [
        ("host", json!(outcome.target.name)),
        ("address", json!(outcome.target.address.to_string())),
        ("answered", json!(figures.answered)),
        ("sent", json!(figures.sent)),
        ("lost", json!(figures.lost())),
        ("loss", json!(figures.loss())),
        ("failed", json!(figures.failed)),
        ("late", json!(figures.late)),
        ("duplicates", json!(figures.duplicates)),
        ("corrupt", json!(figures.corrupt)),
        ("under_way", json!(figures.under_way)),
        ("seconds", json!(times)),
        ("took", seconds(outcome.report.took)),
    ];
    known(outcome.at, How::Traced, "ping-summary", &fields)
}

/// Seconds, to the nanosecond.
fn seconds(time: Duration) -> Value {
    json!(time.as_secs_f64())
}
