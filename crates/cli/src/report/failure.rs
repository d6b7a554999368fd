//! A failure in words: where, what was expected beside what came, and what else was going on.

use std::time::Duration;

use sockeye::core::{Direction, Fault, SessionId};
use sockeye::script::play::Side;
use sockeye::script::play::failure::{Failure, Fate, Frame, Kind, Mismatch, State};
use sockeye::test::Report;

use super::compare::{Pair, Rows, hex, marked, quote, short};
use crate::fault::{self, Weight, safe};
use crate::mistakes::included;
use crate::ui::columns::{columns, padded};
use crate::words::Words;

/// Bytes that a line about something else than the difference shows.
const GLANCE: usize = 48;

/// A failure as lines of text.
pub(crate) struct Page<'a> {
    words: &'a Words,
    failure: &'a Failure,
    /// The peers' names, in the order of the file.
    peers: Vec<&'a str>,
    lines: Vec<String>,
}

/// The head of a failure: `chat.skt:10:3  b <  (step 6 of 9, after 0.8ms of 1s, peer open)`.
pub(crate) fn head(words: &Words, failure: &Failure) -> String {
    let label = failure.label.as_ref().map(|label| format!(" ({})", safe(label))).unwrap_or_default();
    let step = format!("{} {}{label}", safe(&failure.peer), failure.op);
    let state = words.plain(state_key(failure.state));
    let (number, of) = (failure.step.to_string(), failure.of.to_string());
    let elapsed = time(failure.elapsed);
    let patience = failure.patience.map(time);
    let args = [
        ("step", number.as_str()),
        ("of", &of),
        ("elapsed", &elapsed),
        ("patience", patience.as_deref().unwrap_or_default()),
        ("state", &state),
    ];
    let key = if patience.is_some() { "failure-when" } else { "failure-when-patient" };
    format!("{}  {}  {}", safe(&failure.spot.to_string()), step.trim_start(), words.say(key, &args))
}

/// What went wrong, in a sentence.
pub(crate) fn sentence(words: &Words, failure: &Failure) -> String {
    let mismatch = failure.mismatch.as_ref();
    let at = mismatch.and_then(|mismatch| mismatch.at).map(|at| at.to_string()).unwrap_or_default();
    let part = mismatch.and_then(|mismatch| mismatch.part.as_deref()).map(short).unwrap_or_default();
    let key = match (&failure.kind, mismatch) {
        (Kind::Differs, Some(it)) => differs_key(it),
        (kind, _) => kind_key(kind),
    };
    words.say(key, &[("at", &at), ("part", &part)])
}

/// Every line of a failure below its head, indented by two.
pub(crate) fn lines(words: &Words, failure: &Failure, report: Option<&Report>) -> Vec<String> {
    let peers = report.map(|report| report.parties.iter().map(|party| &*party.name).collect());
    let mut page = Page { words, failure, peers: peers.unwrap_or_default(), lines: Vec::new() };
    page.source();
    page.line(&sentence(words, failure));
    if failure.side == Side::Flipped {
        page.say("failure-flipped", &[]);
    }
    page.cause();
    if let Some(mismatch) = &failure.mismatch {
        page.mismatch(mismatch);
    }
    page.partial();
    page.unread();
    page.recent();
    page.connection();
    page.lines
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.lines.push(format!("  {text}").trim_end().to_owned());
    }

    fn say(&mut self, key: &str, args: &[(&str, &str)]) {
        let text = self.words.say(key, args);
        self.line(&text);
    }

    /// The line of the file, with what is meant marked.
    fn source(&mut self) {
        let spot = &self.failure.spot;
        if spot.text.is_empty() {
            return;
        }
        let marked = marked(&spot.text, spot.column as usize, spot.width as usize);
        let (lead, width) = marked.columns();
        let number = spot.line.to_string();
        self.line(&format!("{number} | {}", marked.text));
        self.line(&format!("{} | {}{}", " ".repeat(number.len()), " ".repeat(lead), "^".repeat(width)));
        for line in included(self.words, &spot.included) {
            self.line(&line);
        }
    }

    /// Why a connection failed, or a message could not be built.
    fn cause(&mut self) {
        let failure = self.failure;
        let fault = match (&failure.kind, &failure.fault) {
            (_, Some(fault)) | (Kind::BadEndpoint(fault), None) => (**fault).clone(),
            (Kind::Connect(code) | Kind::Listen(code) | Kind::Secure(code) | Kind::Lost(code), None) => {
                Fault::new(*code, "")
            }
            (Kind::CannotBuild(unfit), None) => {
                let text = safe(&unfit.to_string());
                self.line(&text);
                return;
            }
            _ => return,
        };
        let text = fault::lines(self.words, &fault, Weight::Error, SessionId::default(), false);
        for line in text.lines() {
            self.line(line);
        }
    }

    fn mismatch(&mut self, mismatch: &Mismatch) {
        let pair = Pair {
            expected: &mismatch.expected,
            actual: &mismatch.actual,
            from: mismatch.from,
            expected_size: mismatch.expected_size,
            actual_size: mismatch.actual_size,
            at: mismatch.at,
        };
        let (expected, actual) = (self.words.plain("failure-expected"), self.words.plain("failure-actual"));
        let column = columns(&expected).max(columns(&actual)) + 2;
        for rows in [pair.text(), pair.hex()] {
            self.rows(&rows, mismatch, (&padded(&expected, column), &padded(&actual, column)));
        }
    }

    fn rows(&mut self, rows: &Rows, mismatch: &Mismatch, labels: (&str, &str)) {
        if !mismatch.expected.is_empty() {
            self.line(&format!("{}{}", labels.0, rows.expected));
        }
        if mismatch.actual_size == 0 && mismatch.at.is_none() {
            return;
        }
        self.line(&format!("{}{}", labels.1, rows.actual));
        if let Some(mark) = rows.mark.filter(|_| !mismatch.expected.is_empty()) {
            self.line(&format!("{}^", " ".repeat(columns(labels.0) + mark)));
        }
    }

    /// A frame that has begun to come, as the framing sees it.
    fn partial(&mut self) {
        let Some(partial) = &self.failure.partial else { return };
        let (have, first) = (partial.have.to_string(), hex(&partial.first));
        let want = partial.want.map(|want| want.to_string());
        let args = [
            ("framing", partial.framing.as_str()),
            ("have", &have),
            ("want", want.as_deref().unwrap_or_default()),
            ("bytes", &first),
        ];
        self.say(if want.is_some() { "failure-partial" } else { "failure-partial-open" }, &args);
    }

    /// What had come and no step had looked at.
    fn unread(&mut self) {
        let unread = &self.failure.unread;
        // What was compared is among it.
        let compared = self.failure.mismatch.as_ref().map_or(0, |mismatch| mismatch.actual_size);
        if unread.messages <= usize::from(compared > 0) && unread.bytes <= compared {
            return;
        }
        let (messages, bytes) = (unread.messages.to_string(), unread.bytes.to_string());
        let first = glance(&unread.first, unread.bytes);
        let key = if unread.messages == 0 { "failure-unread-bytes" } else { "failure-unread" };
        self.say(key, &[("messages", &messages), ("bytes", &bytes), ("first", &first)]);
    }

    /// The last that came and went, with the time between them.
    fn recent(&mut self) {
        let failure = self.failure;
        if failure.recent.is_empty() {
            return;
        }
        self.say("failure-recent", &[]);
        for (text, frame) in deltas(failure).iter().zip(&failure.recent) {
            let name = self.peers.get(usize::from(frame.peer)).copied().unwrap_or_default();
            let arrow = if frame.direction == Direction::Out { ">" } else { "<" };
            let fate = self.words.plain(fate_key(frame.fate));
            let shown = glance(&frame.data, frame.size);
            let line = format!("  {text:>10}  {} {arrow} {shown}  {fate}", safe(name));
            self.line(&line);
        }
    }

    /// Who talks with whom, and what chance began with.
    fn connection(&mut self) {
        let failure = self.failure;
        if let Some((local, remote)) = &failure.addresses {
            let peer = safe(&failure.peer);
            let args = [("peer", peer.as_str()), ("local", local), ("remote", remote)];
            self.say("failure-connection", &args);
        }
        self.say("failure-seed", &[("seed", &failure.seed.to_string())]);
    }
}

/// The time since the message before, of each of the last messages.
pub(crate) fn deltas(failure: &Failure) -> Vec<String> {
    let before = std::iter::once(failure.recent.first()).chain(failure.recent.iter().map(Some));
    let pairs = failure.recent.iter().zip(before);
    pairs.map(|(frame, before)| delta(frame, before)).collect()
}

fn delta(frame: &Frame, before: Option<&Frame>) -> String {
    let since = before.map(|before| frame.at.since(before.at)).unwrap_or_default();
    format!("+{:.3}ms", since.as_secs_f64() * 1000.0)
}

/// The beginning of a message in quotes, and its length where there is more.
pub(crate) fn glance(data: &[u8], size: usize) -> String {
    let shown = &data[..data.len().min(GLANCE)];
    let mut text = "\"".to_owned();
    quote(shown, &mut text);
    text.push('"');
    if shown.len() < size { format!("{text} … ({size})") } else { text }
}

/// A time as people read it: three digits of it count.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = if seconds < 1.0 { (seconds * 1000.0, "ms") } else { (seconds, "s") };
    let digits = usize::from(value < 10.0);
    let text = format!("{value:.digits$}");
    let text = if digits > 0 { text.trim_end_matches(".0") } else { &text };
    format!("{text}{unit}")
}

fn differs_key(mismatch: &Mismatch) -> &'static str {
    match mismatch.at {
        None => "failure-differs-part",
        Some(_) if mismatch.expected.is_empty() => "failure-differs-part",
        Some(at) if at >= mismatch.actual_size => "failure-differs-short",
        Some(at) if at >= mismatch.expected_size => "failure-differs-long",
        Some(_) => "failure-differs",
    }
}

const fn kind_key(kind: &Kind) -> &'static str {
    match kind {
        Kind::Differs => "failure-differs-part",
        Kind::Timeout => "failure-timeout",
        Kind::TooEarly => "failure-too-early",
        Kind::Unexpected => "failure-unexpected",
        Kind::Forbidden => "failure-forbidden",
        Kind::Leftover => "failure-leftover",
        Kind::EarlyEof => "failure-early-eof",
        Kind::EarlyReset => "failure-early-reset",
        Kind::Lost(_) => "failure-lost",
        Kind::Closed => "failure-closed",
        Kind::NotTaken => "failure-not-taken",
        Kind::CannotBuild(_) => "failure-cannot-build",
        Kind::BadEndpoint(_) => "failure-bad-endpoint",
        Kind::Connect(_) => "failure-connect",
        Kind::NeverCame => "failure-never-came",
        Kind::Listen(_) => "failure-listen",
        Kind::Secure(_) => "failure-secure",
        Kind::TooMuch => "failure-too-much",
        Kind::TooMany => "failure-too-many",
        Kind::Abandoned => "failure-abandoned",
    }
}

pub(crate) const fn state_key(state: State) -> &'static str {
    match state {
        State::Never => "failure-state-never",
        State::Opening => "failure-state-opening",
        State::Open => "failure-state-open",
        State::Eof => "failure-state-eof",
        State::Reset => "failure-state-reset",
        State::Lost(_) => "failure-state-lost",
        State::Closed => "failure-state-closed",
    }
}

pub(crate) const fn fate_key(fate: Fate) -> &'static str {
    match fate {
        Fate::Sent => "fate-sent",
        Fate::Waiting => "fate-waiting",
        Fate::Matched => "fate-matched",
        Fate::Skipped => "fate-skipped",
        Fate::Ignored => "fate-ignored",
        Fate::Wrong => "fate-wrong",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let of = |micros| time(Duration::from_micros(micros));
        assert_eq!([of(800), of(12_345), of(999_400)], ["0.8ms", "12ms", "999ms"]);
        assert_eq!([of(1_000_000), of(1_250_000), of(70_000_000), of(0)], ["1s", "1.2s", "70s", "0ms"]);
    }

    #[test]
    fn the_beginning_of_a_long_message_is_enough() {
        assert_eq!(glance(b"a\"b", 3), "\"a\\\"b\"");
        assert_eq!(glance(&[b'x'; 100], 5000), format!("\"{}\" … (5000)", "x".repeat(GLANCE)));
    }
}
