//! A message on its way down, for people: what each layer adds, headers drawn around it, and the bytes of the frames.

use std::fmt::Write as _;

use sockeye::explain::wrap::Outcome;
use sockeye::probe::wrap::{Frame, Step};

use super::Desk;
use super::text::broken;
use super::tree::{colour, hex_rows};
use crate::fault::safe;
use crate::ui::columns::columns;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// How many frames are shown unless all are asked for.
const FRAMES: usize = 1;

/// A page under construction.
pub(super) struct Page<'a> {
    words: &'a Words,
    paint: Paint,
    width: usize,
    verbose: u8,
    text: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(desk: &'a Desk<'_>, verbose: u8) -> Self {
        Self { words: desk.words, paint: desk.paint, width: desk.width, verbose, text: String::new() }
    }

    pub(super) fn of(mut self, outcome: &Outcome) -> String {
        let (from, to) = (outcome.from.to_string(), outcome.to.to_string());
        let endpoint = safe(&outcome.endpoint);
        self.say("explain-wrap-title", &[("endpoint", &endpoint), ("from", &from), ("to", &to)]);
        self.text.push('\n');
        // What adds nothing (a raw framing) is no step to show.
        let steps: Vec<&Step> =
            outcome.wrapped.steps.iter().filter(|step| step.added > 0 || step.word == "message").collect();
        self.table(&steps, outcome);
        self.text.push('\n');
        self.drawing(&steps, &outcome.wrapped.frames);
        self.notes(outcome);
        let frames = &outcome.wrapped.frames;
        let shown = if self.verbose > 0 { frames.len() } else { frames.len().min(FRAMES) };
        for (at, frame) in frames.iter().take(shown).enumerate() {
            self.frame(at + 1, frames.len(), frame);
        }
        if shown < frames.len() {
            let more = (frames.len() - shown).to_string();
            self.say("explain-frames-more", &[("count", &more)]);
        }
        self.text
    }

    fn say(&mut self, key: &str, args: &[(&str, &str)]) {
        let text = self.words.say(key, args);
        for line in broken(&text, self.width) {
            let _ = writeln!(self.text, "{line}");
        }
    }

    fn name(&self, word: &str) -> String {
        self.words.plain(&format!("explain-{word}"))
    }

    /// One line a layer: what it adds, what there is then, and with `-v` what for.
    fn table(&mut self, steps: &[&Step], outcome: &Outcome) {
        for (at, step) in steps.iter().enumerate() {
            let mut name = self.name(step.word);
            if step.word == "framing" {
                let _ = write!(name, " {}", outcome.framing);
            }
            let five = self.words.plain(&format!("explain-five-{}", step.five.word()));
            let added = if step.added > 0 { format!("+{}", step.added) } else { String::new() };
            let cells = [pad(&name, 16), pad(&five, 14), format!("{added:>7}"), format!("{:>8}", step.total)];
            let [name, five, added, total] = cells;
            let _ = write!(self.text, "  {}{five}{added}{total}", self.paint.on(colour_of(at, steps), &name));
            if step.units > 1 {
                let units = step.units.to_string();
                let _ = write!(self.text, "  {}", self.words.say("explain-units", &[("count", &units)]));
            }
            self.text.push('\n');
            if self.verbose > 0 {
                let about = self.words.plain(&format!("explain-about-{}", step.word));
                for line in broken(&about, self.width.saturating_sub(6)) {
                    let _ = writeln!(self.text, "      {}", self.paint.on(Colour::Dim, &line));
                }
            }
        }
    }

    /// Headers around the message, one row a layer; where there are several frames, the first of them. What is too wide is
    /// drawn without gaps, and then without the cable.
    fn drawing(&mut self, steps: &[&Step], frames: &[Frame]) {
        let part = match frames {
            [first, _, ..] => Some(first.bytes.len()),
            _ => None,
        };
        let bare: Vec<&Step> = steps.iter().copied().filter(|step| step.word != "physical").collect();
        let ways = [(steps, " "), (steps, ""), (&bare[..], " "), (&bare[..], "")];
        let drawn: Vec<String> = ways.iter().map(|(steps, gap)| self.drawn(steps, gap, part)).collect();
        let fits = |text: &&String| text.lines().all(|line| columns(line) <= self.width);
        if let Some(best) = drawn.iter().find(fits).or(drawn.last()) {
            self.text.push_str(best);
            self.text.push('\n');
        }
    }

    /// `part` is how long the first frame is, where there are more.
    fn drawn(&self, steps: &[&Step], gap: &str, part: Option<usize>) -> String {
        let heads: usize = steps.iter().filter(|step| step.word != "physical").map(|step| step.before).sum();
        let cell = |name: String, count: usize| format!("{gap}{name} {count}{gap}");
        let before = |step: &&Step| match step.word {
            "message" => match part {
                None => cell(self.name("message"), step.total),
                Some(part) => {
                    let (part, whole) = (part.saturating_sub(heads).to_string(), step.total.to_string());
                    let of = self.words.say("explain-part", &[("part", &part), ("whole", &whole)]);
                    format!("{gap}{of}{gap}")
                }
            },
            _ if step.before == 0 => String::new(),
            "physical" => cell(self.words.plain("explain-preamble"), step.before),
            word => cell(self.name(word), step.before),
        };
        let behind = |step: &&Step| match step.word {
            // The first of several frames is full, and what is behind the message in a later one.
            word if step.after == 0 || (part.is_some() && word != "physical") => String::new(),
            "ethernet" => cell(self.words.plain("explain-padding"), step.after),
            "physical" => cell(self.words.plain("explain-check-and-gap"), step.after),
            "framing" => cell(self.name("framing"), step.after),
            _ => cell(self.words.plain("explain-tail"), step.after),
        };
        let before: Vec<String> = steps.iter().rev().map(before).collect();
        let behind: Vec<String> = steps.iter().map(behind).collect();
        let wide = |cell: &String| if cell.is_empty() { 0 } else { columns(cell) + 1 };
        let mut text = String::new();
        for level in 0..steps.len() {
            let hidden = steps.len() - 1 - level;
            let indent: usize = before.iter().take(hidden).map(wide).sum();
            let visible = before.iter().skip(hidden).chain(behind.iter().take(level + 1));
            let row: Vec<&str> = visible.filter(|cell| !cell.is_empty()).map(String::as_str).collect();
            let _ = writeln!(text, "  {}|{}|", " ".repeat(indent), row.join("|"));
        }
        text
    }

    /// What is an example, and what is not there.
    fn notes(&mut self, outcome: &Outcome) {
        let from = outcome.from.to_string();
        self.say("explain-examples", &[("from", &from)]);
        if outcome.wrapped.steps.iter().any(|step| step.word == "websocket") {
            self.say("explain-example-mask", &[]);
        }
        if outcome.named {
            let to = outcome.to.ip().to_string();
            self.say("explain-example-name", &[("to", &to)]);
        }
        if outcome.wrapped.frames.iter().any(|frame| !frame.unknown.is_empty()) {
            self.say("explain-encrypted", &[]);
        }
        if !outcome.once.is_empty() {
            self.say("explain-once", &[("layers", &outcome.once.join(", "))]);
        }
        let cut = outcome.wrapped.frames.len();
        if cut > 1 {
            let (count, mtu) = (cut.to_string(), outcome.mtu.to_string());
            let udp = outcome.wrapped.steps.iter().any(|step| step.word == "udp");
            let key = if udp { "explain-fragments" } else { "explain-segments" };
            self.say(key, &[("count", &count), ("mtu", &mtu)]);
        }
    }

    fn frame(&mut self, number: usize, of: usize, frame: &Frame) {
        let (number, of, size) = (number.to_string(), of.to_string(), frame.bytes.len().to_string());
        self.text.push('\n');
        self.say("explain-frame", &[("number", &number), ("count", &of), ("size", &size)]);
        let known = |at: usize| !frame.unknown.iter().any(|hole| hole.contains(&at));
        let mut rows = String::new();
        hex_rows(&frame.bytes, &owners(frame), known, self.paint, &mut rows);
        self.text.push_str(&rows);
    }
}

/// Fills up to so many columns.
fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text)).max(1)))
}

/// The colour that a layer has in the hex view, which goes from the outside; what is not in it has the last.
fn colour_of(at: usize, steps: &[&Step]) -> Colour {
    let outside = steps.iter().rev().filter(|step| step.word != "physical").count();
    colour(outside.saturating_sub(at + 1))
}

/// Which layer each byte of a frame is of.
fn owners(frame: &Frame) -> Vec<usize> {
    let layers = sockeye::probe::dissect::dissect(&frame.bytes, sockeye::probe::dissect::Start::Ethernet, 0);
    let layers: Vec<_> = layers.iter().flat_map(sockeye::probe::dissect::Layer::walk).collect();
    super::tree::owners(frame.bytes.len(), &layers)
}
