//! A page to read in a browser: one file without anything from elsewhere. How often each latency was met, and the run
//! second by second, as SVG. Every value passes the template engine's escaping.

use minijinja::{AutoEscape, Environment};
use serde_json::{Value, json};
use sockeye::bench::{Outcome, Report};
use sockeye::core::{Code, Fault};

use super::{first, text};
use crate::words::Words;

const PAGE: &str = include_str!("page.html");

/// A picture, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;

/// Where its axes are.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 30.0;

/// Bars of the histogram.
const BARS: usize = 60;

/// The most seconds of which each has a point of its own.
const POINTS: usize = 600;

/// The words of the page.
const LABELS: &[&str] = &["bench-numbers", "bench-mean", "bench-firsts"];

/// The whole page.
pub(super) fn page(words: &Words, outcome: &Outcome) -> Result<String, Fault> {
    let report = &outcome.report;
    let labels: serde_json::Map<String, Value> =
        LABELS.iter().map(|key| (key.replace('-', "_"), words.plain(key).into())).collect();
    let times = text::times(words, report);
    let rows = times.iter().map(|(label, it)| {
        let values = [it.p50, it.p90, it.p99, it.p999, it.p9999, it.max, it.mean];
        json!({ "label": label, "values": values.map(text::time) })
    });
    let verdicts = outcome
        .verdicts
        .iter()
        .map(|verdict| json!({ "met": verdict.met, "text": text::verdict_line(words, verdict) }));
    let firsts = first::firsts(words, report).into_iter();
    let firsts = firsts.map(|first| json!({ "head": first.head, "rows": first.rows.join("\n") }));
    let facts = text::facts(words, outcome).into_iter();
    // Two spaces keep numbers apart in a terminal, and are one on a page.
    let facts = facts.map(|(label, text)| (label, text.replace("  ", " · ")));
    let context = json!({
        "lang": words.plain("html-language"),
        "label": labels,
        "version": env!("CARGO_PKG_VERSION"),
        "title": text::title(words, report),
        "times": rows.collect::<Vec<_>>(),
        "facts": facts.collect::<Vec<_>>(),
        "verdicts": verdicts.collect::<Vec<_>>(),
        "firsts": firsts.collect::<Vec<_>>(),
        "width": WIDTH,
        "height": HEIGHT,
        "plot": { "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM },
        "charts": charts(words, report),
    });
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = environment.render_str(PAGE, minijinja::value::Serde(context));
    page.map_err(|error| Fault::new(Code::Internal, "--html").detail(error))
}

/// The pictures, in order.
fn charts(words: &Words, report: &Report) -> Value {
    let title = |key: &str| words.plain(key);
    if text::is_one_way(report) {
        let rate = over_time(report, text::per_second, &[|point| point.0]);
        return json!([{ "title": title("bench-sent-over-time"), "data": rate }]);
    }
    if report.latency.count == 0 {
        return json!([]);
    }
    json!([
        { "title": title("bench-histogram"), "data": histogram(report) },
        { "title": title("bench-over-time"), "data": over_time(report, text::per_second, &[|point| point.0]) },
        {
            "title": title("bench-latency-over-time"),
            "key": title("bench-second"),
            "data": over_time(report, text::time, &[|point| point.1, |point| point.2]),
        },
    ])
}

/// Bars on a logarithmic scale, and marks below them.
fn histogram(report: &Report) -> Value {
    let bands = report.latency.bands(BARS);
    let most = bands.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1) as f64;
    let all = report.latency.count.max(1) as f64;
    let step = (WIDTH - LEFT - RIGHT) / BARS as f64;
    let tall = HEIGHT - TOP - BOTTOM;
    let bars = bands.iter().enumerate().map(|(index, (end, count))| {
        let height = *count as f64 / most * tall;
        json!({
            "x": round(LEFT + index as f64 * step),
            "y": round(HEIGHT - BOTTOM - height),
            "width": round(step - 1.0),
            "height": round(height),
            "title": format!("≤ {}: {} ({:.2} %)", text::time(*end), text::whole(*count), *count as f64 / all * 100.0),
        })
    });
    let marks = (0..=6).filter_map(|mark| {
        let index = (mark * BARS / 6).saturating_sub(1);
        let (end, _) = bands.get(index)?;
        Some(json!({ "x": round(LEFT + mark as f64 * (WIDTH - LEFT - RIGHT) / 6.0), "text": text::time(*end) }))
    });
    let levels = [0.0, 0.5, 1.0].map(|part| {
        let share = most * part / all * 100.0;
        json!({ "y": round(HEIGHT - BOTTOM - part * tall), "text": format!("{share:.1} %") })
    });
    json!({ "bars": bars.collect::<Vec<_>>(), "marks": marks.collect::<Vec<_>>(), "levels": levels, "lines": [] })
}

/// What a point of a line is taken from: rate, p50, p99.
type Point = (f64, f64, f64);

/// Lines over the seconds of a run.
fn over_time(report: &Report, shown: fn(f64) -> String, lines: &[fn(&Point) -> f64]) -> Value {
    let group = report.seconds.len().div_ceil(POINTS).max(1);
    let points: Vec<(f64, Point)> = report
        .seconds
        .chunks(group)
        .map(|chunk| {
            let length: f64 = chunk.iter().map(|second| second.length).sum();
            let requests: u64 = chunk.iter().map(|second| second.requests).sum();
            let worst = |pick: fn(&sockeye::bench::Second) -> f64| chunk.iter().map(pick).fold(0.0, f64::max);
            let rate = requests as f64 / length.max(0.05);
            (chunk[0].at + length / 2.0, (rate, worst(|it| it.p50), worst(|it| it.p99)))
        })
        .collect();
    let end = report.elapsed.max(1e-9);
    let most = points
        .iter()
        .flat_map(|(_, point)| lines.iter().map(move |line| line(point)))
        .fold(f64::MIN_POSITIVE, f64::max);
    let tall = HEIGHT - TOP - BOTTOM;
    let place = |at: f64, value: f64| {
        let x = LEFT + (at / end).min(1.0) * (WIDTH - LEFT - RIGHT);
        format!("{:.1},{:.1}", x, HEIGHT - BOTTOM - value / most * tall)
    };
    let drawn = lines
        .iter()
        .map(|line| points.iter().map(|(at, point)| place(*at, line(point))).collect::<Vec<_>>().join(" "));
    let marks = (0..=5).map(|mark| {
        let part = f64::from(mark) / 5.0;
        json!({ "x": round(LEFT + part * (WIDTH - LEFT - RIGHT)), "text": format!("{:.1}", end * part) })
    });
    let levels = [0.0, 0.5, 1.0]
        .map(|part| json!({ "y": round(HEIGHT - BOTTOM - part * tall), "text": shown(most * part) }));
    let (drawn, marks) = (drawn.collect::<Vec<_>>(), marks.collect::<Vec<_>>());
    json!({ "bars": [], "lines": drawn, "marks": marks, "levels": levels })
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
