//! The ladder as a picture. Every text in it passes the template engine's escaping.

use minijinja::{AutoEscape, Environment};
use serde_json::{Value, json};
use sockeye::core::{Code, Fault};
use sockeye::trace::{End, Story};

use super::rows::{self, Depth, Row, Tone, What, letter};
use super::text;
use crate::words::Words;

const PICTURE: &str = include_str!("ladder.svg");

/// Rows that are drawn: more no browser shows with ease.
const ROWS: usize = 2000;

/// Pixels of a line of text.
const LINE: usize = 18;

/// Where the first row is.
const TOP: usize = 56;

/// Pixels from side to side.
const WIDTH: usize = 900;

/// Where the two rails are.
const RAILS: [usize; 2] = [250, 730];

/// A picture of one connection.
pub(super) fn picture(words: &Words, story: &Story, title: &str) -> Result<String, Fault> {
    let rows = bounded(words, rows::rows(words, story, Depth::Usual));
    let drawing = drawing(words, story, title, &rows);
    render(PICTURE, json!({ "ladder": drawing, "alone": true }))
}

/// As many rows as are drawn, and what is said of the others.
pub(super) fn bounded(words: &Words, mut rows: Vec<Row>) -> Vec<Row> {
    let count = rows.len().saturating_sub(ROWS);
    if count > 0 {
        rows.truncate(ROWS);
        if let Some(last) = rows.last_mut() {
            last.what = What::Note(words.say("trace-not-drawn", &[("count", &count.to_string())]));
        }
    }
    rows
}

/// The same within a page.
pub(super) fn within(words: &Words, story: &Story, title: &str, rows: &[Row]) -> Result<String, Fault> {
    render(PICTURE, json!({ "ladder": drawing(words, story, title, rows), "alone": false }))
}

/// A template filled in, and all escaped as in HTML.
pub(super) fn render(template: &str, context: Value) -> Result<String, Fault> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let text = environment.render_str(template, minijinja::value::Serde(context));
    text.map_err(|error| Fault::new(Code::Internal, "trace").detail(error))
}

/// What the template draws.
fn drawing(words: &Words, story: &Story, title: &str, rows: &[Row]) -> Value {
    let mut y = TOP;
    let mut shapes = Vec::new();
    let mut last = None;
    for (number, row) in rows.iter().enumerate() {
        let time = if last == Some(row.at) { String::new() } else { text::time(row.at) };
        last = Some(row.at);
        let (shape, lines) = shape(row, y);
        let height = lines * LINE;
        shapes.push(json!({
            "number": number,
            "y": y,
            "top": y - LINE + 4,
            "height": height,
            "time": time,
            "how": letter(row.how).to_string(),
            "shape": shape,
        }));
        y += height + 4;
    }
    let summary = text::summary(words, story);
    let below: Vec<Value> = (0_usize..)
        .zip(&summary)
        .map(|(line, text)| json!({ "y": y + 16 + line * LINE, "text": text }))
        .collect();
    let names = story.flow.addresses.map(|address| address.to_string());
    json!({
        "title": title,
        "legend": rows::legend(words, rows),
        "names": names,
        "rows": shapes,
        "below": below,
        "width": WIDTH,
        "height": y + 24 + summary.len() * LINE,
        "bottom": y - LINE + 8,
        "left": RAILS[0],
        "right": RAILS[1],
        "middle": usize::midpoint(RAILS[0], RAILS[1]),
    })
}

/// One row, and how many lines it takes.
fn shape(row: &Row, y: usize) -> (Value, usize) {
    let below = |texts: &[String]| -> Vec<Value> {
        (1_usize..).zip(texts).map(|(line, text)| json!({ "y": y + line * LINE, "text": text })).collect()
    };
    match &row.what {
        What::Arrow(arrow) => {
            let (from, to) =
                if arrow.from == End::Client { (RAILS[0], RAILS[1]) } else { (RAILS[1], RAILS[0]) };
            let window = arrow.window.as_deref().unwrap_or_default();
            let label = format!("{} {window}", arrow.label);
            let tone = tone(arrow.tone);
            let head = if from < to { to - 9 } else { to + 9 };
            let value = json!({
                "kind": "arrow", "from": from, "to": to, "head": head, "line": y + 5, "upper": y + 1,
                "lower": y + 9, "label": label.trim_end(), "tone": tone, "detail": below(&arrow.detail),
            });
            (value, 1 + arrow.detail.len())
        }
        What::Call(end, call) => (json!({ "kind": "call", "side": end.word(), "text": call }), 1),
        What::States(states, note) => {
            let lines = states[0].len().max(states[1].len()).max(1);
            let side = |end: usize| -> Vec<Value> {
                let names = states[end].iter().map(|state| state.name());
                (0_usize..)
                    .zip(names)
                    .map(|(line, name)| json!({ "y": y + line * LINE, "text": name }))
                    .collect()
            };
            (json!({ "kind": "states", "left": side(0), "right": side(1), "note": note }), lines)
        }
        What::Note(note) => (json!({ "kind": "note", "text": note }), 1),
    }
}

/// The class of a packet.
const fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Data => "data",
        Tone::Turn => "turn",
        Tone::Odd => "odd",
        Tone::Cut => "cut",
    }
}
