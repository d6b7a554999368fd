//! The first of what went wrong, one of each class: where it was, what was expected, and what came.

use sockeye::bench::{Piece, Report, Sample};

use super::text::{time, whole};
use crate::fault::safe;
use crate::report::compare::Pair;
use crate::words::Words;

/// One of them: a line, and rows that stand one above the other.
pub(super) struct First {
    pub(super) head: String,
    pub(super) rows: Vec<String>,
}

/// All of them, in the order of their classes.
pub(super) fn firsts(words: &Words, report: &Report) -> Vec<First> {
    let mut samples: Vec<&Sample> = report.samples.iter().collect();
    samples.sort_by(|one, two| one.class.cmp(&two.class));
    samples.into_iter().map(|sample| first(words, report, sample)).collect()
}

fn first(words: &Words, report: &Report, sample: &Sample) -> First {
    let unit = match (sample.message, &report.steps_of) {
        (0, _) => "none",
        (_, Some(_)) => "round",
        (_, None) => "message",
    };
    let (message, connection) = (whole(sample.message), whole(sample.connection));
    let step = sample.step.as_deref().map(safe).unwrap_or_default();
    let differs = sample.differs.map(|at| at.to_string()).unwrap_or_default();
    let head = words.say(
        "bench-first-head",
        &[
            ("class", &safe(&sample.class)),
            ("unit", unit),
            ("message", &message),
            ("connection", &connection),
            ("after", &time(sample.at)),
        ],
    );
    let mut notes = vec![head];
    if !step.is_empty() {
        notes.push(step);
    }
    if !differs.is_empty() {
        notes.push(words.say("bench-first-differs", &[("at", &differs)]));
    }
    let and = |one: String, two: String| words.say("bench-first-and", &[("one", &one), ("two", &two)]);
    let head = notes.into_iter().reduce(and).unwrap_or_default();
    First { head, rows: rows(words, sample) }
}

fn rows(words: &Words, sample: &Sample) -> Vec<String> {
    if sample.expected.is_none() && sample.got.is_none() {
        return Vec::new();
    }
    let nothing = Piece::default();
    let (expected, got) =
        (sample.expected.as_ref().unwrap_or(&nothing), sample.got.as_ref().unwrap_or(&nothing));
    let pair = Pair {
        expected: &expected.bytes,
        actual: &got.bytes,
        from: expected.from.max(got.from),
        expected_size: expected.size,
        actual_size: got.size,
        at: sample.differs,
    };
    // Text that cannot be read is hex.
    let is_text = |piece: &Piece| piece.bytes.utf8_chunks().all(|chunk| chunk.invalid().len() <= 1);
    let is_readable = |piece: &Piece| {
        let odd = piece.bytes.iter().filter(|byte| **byte < 0x20 && !b"\t\r\n".contains(byte)).count();
        is_text(piece) && odd * 4 <= piece.bytes.len()
    };
    let pair = if is_readable(expected) && is_readable(got) { pair.text() } else { pair.hex() };
    let label = |key: &str| words.plain(key);
    let labels = [label("bench-expected"), label("bench-got")];
    let width = labels.iter().map(|label| crate::ui::columns::columns(label)).max().unwrap_or(0) + 1;
    let row = |label: &str, text: &str| format!("{}{text}", crate::ui::columns::padded(label, width));
    let mut rows = Vec::new();
    if sample.expected.is_some() {
        rows.push(row(&labels[0], &pair.expected));
    }
    let came = if sample.got.is_some() { pair.actual } else { label("bench-got-nothing") };
    rows.push(row(&labels[1], &came));
    rows.extend(pair.mark.map(|mark| format!("{}^", " ".repeat(width + mark))));
    rows
}
