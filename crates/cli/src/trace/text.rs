//! The ladder on a terminal: time and how it is known, this end, what went between, the other end.

use std::time::Duration;

use sockeye::core::How;
use sockeye::trace::{Blind, End, Flags, Outcome, Story, TcpInfo, TcpState};

use super::rows::{self, Arrow, Depth, Row, Tone, What, letter};
use crate::fault::safe;
use crate::ui::columns::{columns, padded};
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// Columns of the time.
const TIME: usize = 8;

/// Columns of each end: as many as the longest state has.
const SIDE: usize = 12;

/// Rows at the beginning and at the end that are always shown.
const ROWS: (usize, usize) = (150, 100);

/// The narrowest and the widest page.
const WIDTHS: (usize, usize) = (80, 120);

/// How a ladder is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Columns there are.
    pub(super) width: usize,
    pub(super) paint: Paint,
    pub(super) ink: Ink,
    pub(super) depth: Depth,
}

/// Of which characters lines are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Lines,
    Ascii,
}

impl Ink {
    /// A rail, a line, and the two heads of an arrow.
    const fn parts(self) -> [&'static str; 4] {
        match self {
            Self::Lines => ["│", "─", "▶", "◀"],
            Self::Ascii => ["|", "-", ">", "<"],
        }
    }
}

/// The whole outcome.
pub(super) fn page(words: &Words, outcome: &Outcome, look: Look) -> String {
    let mut text = String::new();
    let endpoint = safe(&outcome.endpoint);
    if let Some(blind) = &outcome.blind {
        for line in blindness(words, blind) {
            push(&mut text, &look.paint.on(Colour::Yellow, &line));
        }
    }
    for (number, story) in outcome.stories.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        text.push_str(&ladder(words, story, look, &endpoint));
    }
    let lost = outcome.lost.dropped + outcome.lost.left_out;
    if lost > 0 {
        let line = words.say("trace-lost", &[("count", &lost.to_string())]);
        push(&mut text, &look.paint.on(Colour::Yellow, &line));
    }
    text
}

/// What was not seen, and what would show it.
pub(super) fn blindness(words: &Words, blind: &Blind) -> Vec<String> {
    let why = match blind {
        Blind::Rights => words.plain("trace-blind-rights"),
        Blind::System => words.plain("trace-blind-system"),
        Blind::Other(error) => words.say("trace-blind-other", &[("error", &safe(error))]),
    };
    let mut lines = vec![why, words.plain("trace-blind-seen")];
    if *blind == Blind::Rights {
        lines.push(words.say("hint", &[("hint", &words.plain("trace-blind-hint"))]));
    }
    lines
}

/// One connection.
pub(super) fn ladder(words: &Words, story: &Story, look: Look, title: &str) -> String {
    let rows = rows::rows(words, story, look.depth);
    let width = look.width.clamp(WIDTHS.0, WIDTHS.1) - 1;
    let middle = width - TIME - 3 - 2 * (SIDE + 2);
    let page = Page { look, middle };
    let mut text = String::new();
    let names = story.flow.addresses.map(|address| address.to_string());
    push(&mut text, &format!("{title}  {}", look.paint.on(Colour::Dim, &rows::legend(words, &rows))));
    let room = width - TIME - 3;
    let gap = room.saturating_sub(columns(&names[0]) + columns(&names[1])).max(2);
    push(&mut text, &format!("{:>TIME$}   {}{}{}", "ms", names[0], " ".repeat(gap), names[1]));
    let mut last = None;
    let left_out = left_out(rows.len(), look.depth);
    for (number, row) in rows.iter().enumerate() {
        if left_out.contains(&number) {
            if number == left_out.start {
                let count = left_out.len().to_string();
                push(
                    &mut text,
                    &look.paint.on(Colour::Yellow, &words.say("trace-left-out", &[("count", &count)])),
                );
            }
            continue;
        }
        let time = if last == Some(row.at) { String::new() } else { time(row.at) };
        last = Some(row.at);
        for line in page.row(row, &time) {
            push(&mut text, &line);
        }
    }
    for line in summary(words, story) {
        push(&mut text, &line);
    }
    text
}

/// Which of so many rows a person is spared: the middle of a long story.
fn left_out(count: usize, depth: Depth) -> std::ops::Range<usize> {
    if depth == Depth::Absolute || count <= ROWS.0 + ROWS.1 {
        return count..count;
    }
    ROWS.0..count - ROWS.1
}

/// Lines below a ladder.
pub(super) fn summary(words: &Words, story: &Story) -> Vec<String> {
    let mut lines = Vec::new();
    for end in End::BOTH {
        if let Some((state, how)) = story.last(end) {
            let name = story.flow.addresses[end as usize].to_string();
            let how = words.how(how);
            let key = if end == story.own { "trace-last-own" } else { "trace-last-other" };
            lines.push(words.say(key, &[("address", &name), ("state", state.name()), ("how", &how)]));
        }
    }
    let has_syn =
        |end: End| story.flow.steps.iter().any(|step| step.from == end && step.segment.flags.has(Flags::SYN));
    if story.how == How::Captured
        && End::BOTH.into_iter().all(has_syn)
        && let [Some(client), Some(server)] = story.flow.bases
    {
        let (client, server) = (client.to_string(), server.to_string());
        lines.push(words.say("trace-numbers", &[("client", &client), ("server", &server)]));
    }
    lines.extend(story.figures.as_ref().map(|info| figures(words, info)));
    lines
}

/// What the kernel counted.
fn figures(words: &Words, info: &TcpInfo) -> String {
    let rtt = format!("{:.3}", info.rtt.as_secs_f64() * 1e3);
    let number = |value: u32| value.to_string();
    let (mss, cwnd, again) = (number(info.send_mss), number(info.cwnd), number(info.total_retransmits));
    words.say("trace-figures", &[("rtt", &rtt), ("mss", &mss), ("cwnd", &cwnd), ("count", &again)])
}

fn push(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Milliseconds with microseconds.
pub(super) fn time(nanoseconds: u64) -> String {
    let (whole, rest) = (nanoseconds / 1_000_000, nanoseconds / 1_000 % 1_000);
    match whole {
        0..10_000 => format!("{whole}.{rest:03}"),
        10_000..1_000_000 => format!("{whole}.{}", rest / 100),
        _ => whole.to_string(),
    }
}

/// Seconds, with a tenth where there are few.
pub(super) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{:.0} s", time.as_secs_f64())
    }
}

struct Page {
    look: Look,
    /// Columns between the rails.
    middle: usize,
}

impl Page {
    fn row(&self, row: &Row, time: &str) -> Vec<String> {
        let head = self.paint(Colour::Dim, &format!("{time:>TIME$} {} ", letter(row.how)));
        let blank = " ".repeat(TIME + 3);
        match &row.what {
            What::Arrow(arrow) => self.arrow(arrow, &head, &blank),
            What::Call(End::Client, call) => vec![self.line(&head, call, "", "", Colour::Cyan)],
            What::Call(End::Server, call) => vec![self.line(&head, "", "", call, Colour::Cyan)],
            What::States(states, note) => self.states(states, note.as_deref(), &head, &blank),
            What::Note(note) => (0..)
                .zip(wrapped(note, self.middle.saturating_sub(2)))
                .map(|(line, text)| {
                    let (head, mark) = if line == 0 { (&*head, "·") } else { (&*blank, " ") };
                    self.line(head, "", &format!("{mark} {text}"), "", Colour::Dim)
                })
                .collect(),
        }
    }

    /// Both ends side by side, one below the other where an end passed several.
    fn states(
        &self,
        states: &[Vec<TcpState>; 2],
        note: Option<&str>,
        head: &str,
        blank: &str,
    ) -> Vec<String> {
        let count = states[0].len().max(states[1].len());
        let name = |end: usize, at: usize| states[end].get(at).map_or("", |state| state.name());
        let line = |at: usize| {
            let head = if at == 0 { head } else { blank };
            let note = note.filter(|_| at == 0).map(|note| format!("· {note}")).unwrap_or_default();
            self.line(head, name(0, at), &note, name(1, at), Colour::Green)
        };
        (0..count).map(line).collect()
    }

    fn line(&self, head: &str, left: &str, middle: &str, right: &str, colour: Colour) -> String {
        let [rail, ..] = self.look.ink.parts();
        // What is longer than its column takes of the space between.
        let over = columns(left).saturating_sub(SIDE);
        let left = self.paint(colour, &padded(left, SIDE));
        let middle = if over > 0 {
            " ".repeat((self.middle + 1).saturating_sub(over))
        } else {
            format!("{rail}{}", padded(&cut(middle, self.middle), self.middle))
        };
        let right = self.paint(colour, right);
        format!("{head}{left} {middle}{rail} {right}")
    }

    fn arrow(&self, arrow: &Arrow, head: &str, blank: &str) -> Vec<String> {
        let [rail, line, right, left] = self.look.ink.parts();
        let room = self.middle.saturating_sub(5);
        let mut detail = arrow.detail.clone();
        let label = match &arrow.window {
            Some(window) if columns(&arrow.label) + 1 + columns(window) <= room => {
                format!("{} {window}", arrow.label)
            }
            Some(window) => {
                detail.insert(0, window.clone());
                cut(&arrow.label, room)
            }
            None => cut(&arrow.label, room),
        };
        let rest = self.middle.saturating_sub(columns(&label) + 5);
        let shaft = match arrow.from {
            End::Client => format!("{line}{line} {label} {}{right}", line.repeat(rest)),
            End::Server => format!("{left}{} {label} {line}{line}", line.repeat(rest)),
        };
        let colour = match arrow.tone {
            Tone::Plain => None,
            Tone::Data => Some(Colour::Cyan),
            Tone::Turn => Some(Colour::Green),
            Tone::Odd => Some(Colour::Yellow),
            Tone::Cut => Some(Colour::Red),
        };
        let shaft = colour.map_or_else(|| shaft.clone(), |colour| self.paint(colour, &shaft));
        let side = " ".repeat(SIDE);
        let mut lines = vec![format!("{head}{side} {rail}{shaft}{rail}")];
        for detail in detail.iter().flat_map(|detail| wrapped(detail, self.middle.saturating_sub(4))) {
            let text = padded(&detail, self.middle.saturating_sub(3));
            lines.push(format!("{blank}{side} {rail}   {}{rail}", self.paint(Colour::Dim, &text)));
        }
        lines
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if text.trim().is_empty() { text.to_owned() } else { self.look.paint.on(colour, text) }
    }
}

/// A text in lines of so many columns, broken between words where there are any.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let last = lines.last().map_or(0, |line| columns(line));
        if last > 0 && last + columns(word.trim_end()) > width {
            lines.push(String::new());
        }
        for character in word.chars() {
            let is_full =
                lines.last().is_some_and(|line| columns(line) + columns(&character.to_string()) > width);
            if is_full && character != ' ' {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// As much of a text as fits in so many columns.
fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if columns(&kept) >= width {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use snapbox::{assert_data_eq, file};
    use sockeye::trace::{Call, Flow, Heard, Polled, Seen, Segment, Sources, Stage, Stamp, TcpOptions};

    use crate::words::Language;

    const CLIENT: &str = "192.0.2.1:40000";
    const SERVER: &str = "198.51.100.2:7788";

    /// A segment by its flags, relative numbers and payload.
    fn seen(at: u64, from: End, flags: u16, seq: u32, ack: u32, payload: &str) -> Seen {
        let (client, server) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        let (isn, other) = if from == End::Client { (1000, 9000) } else { (9000, 1000) };
        let syn = Flags(flags).has(Flags::SYN);
        let options = TcpOptions {
            mss: syn.then_some(1460),
            scale: syn.then_some(7),
            sack_permitted: syn,
            timestamps: Some((100, 200)),
            ..TcpOptions::default()
        };
        let segment = Segment {
            from: if from == End::Client { client } else { server },
            to: if from == End::Client { server } else { client },
            flags: Flags(flags),
            seq: isn + seq,
            ack: if Flags(flags).has(Flags::ACK) { other + ack } else { 0 },
            window: 502,
            options,
            length: u32::try_from(payload.len()).unwrap(),
            head: payload.as_bytes().to_vec(),
            hops: 64,
        };
        Seen { at: 1_000_000 + at * 1000, segment }
    }

    /// A question and its answer: a segment sent twice, a close of three segments.
    pub(in super::super) fn story() -> Story {
        let segments = [
            seen(100, End::Client, 2, 0, 0, ""),
            seen(9_100, End::Server, 18, 0, 1, ""),
            seen(9_120, End::Client, 16, 1, 1, ""),
            seen(9_300, End::Client, 24, 1, 1, "你好\n"),
            seen(220_000, End::Client, 24, 1, 1, "你好\n"),
            seen(229_000, End::Server, 16, 1, 8, ""),
            seen(230_000, End::Server, 24, 1, 8, "\u{1}\u{2}\u{1b}[2J"),
            seen(230_040, End::Client, 16, 8, 7, ""),
            seen(430_000, End::Client, 17, 8, 7, ""),
            seen(439_000, End::Server, 17, 7, 9, ""),
            seen(439_020, End::Client, 16, 9, 8, ""),
        ];
        let flow = Flow::of(CLIENT.parse().unwrap(), SERVER.parse().unwrap(), &segments);
        let calls = [
            (0, Call::Socket),
            (0, Call::Connect(SERVER.parse().unwrap())),
            (9_200, Call::Connected),
            (9_280, Call::Send(7)),
            (230_050, Call::Receive(6)),
            (430_010, Call::Shutdown),
            (439_100, Call::Close),
        ];
        let calls = calls.into_iter().map(|(at, call)| Heard { at: 1_000_000 + at * 1000, call });
        let waits = Polled {
            at: 1_000_000 + 439_200_000,
            end: End::Client,
            state: TcpState::TimeWait,
            left: Some(Duration::from_mins(1)),
            figures: None,
        };
        let stamp = Stamp { at: 1_000_000 + 229_005_000, stage: Stage::Acknowledged, byte: 7 };
        let sources = Sources {
            calls: calls.collect(),
            polled: vec![waits],
            stamps: vec![stamp],
            ..Sources::default()
        };
        Story::tell(End::Client, How::Captured, flow, &sources)
    }

    fn drawn(language: Language, look: Look) -> String {
        ladder(&Words::new(language), &story(), look, "tcp://198.51.100.2:7788")
    }

    const LOOK: Look = Look { width: 80, paint: Paint(false), ink: Ink::Lines, depth: Depth::Usual };

    #[test]
    fn a_ladder_is_as_in_its_file() {
        assert_data_eq!(drawn(Language::En, LOOK), file!["../../tests/golden/trace.txt"].raw());
        let absolute = Look { depth: Depth::Absolute, ink: Ink::Ascii, width: 100, ..LOOK };
        assert_data_eq!(drawn(Language::Zh, absolute), file!["../../tests/golden/trace-zh.txt"].raw());
    }

    /// The right rail is in one column on every line, whatever stands to its left.
    #[test]
    fn columns_align_also_with_chinese() {
        for language in [Language::En, Language::Zh] {
            for width in [80, 100] {
                let text = drawn(language, Look { width, ..LOOK });
                let rows: Vec<&str> = text.lines().filter(|line| line.contains('│')).collect();
                assert!(rows.len() > 20);
                for row in rows {
                    assert!(columns(row) < width, "{row}");
                    let (before, _) = row.rsplit_once('│').unwrap();
                    assert_eq!(columns(before), width - SIDE - 3, "{row}");
                }
            }
        }
    }

    #[test]
    fn nothing_a_peer_sent_acts_on_the_terminal() {
        let text = drawn(Language::En, LOOK);
        assert!(!text.contains('\u{1b}') && text.contains("01 02 1b 5b 32 4a"), "{text}");
    }

    #[test]
    fn texts_are_broken_between_words_where_there_are_any() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("你好你好", 5), ["你好", "你好"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn the_middle_of_a_long_story_is_left_out() {
        assert!(left_out(250, Depth::Usual).is_empty() && left_out(5000, Depth::Absolute).is_empty());
        assert_eq!(left_out(1000, Depth::Usual), 150..900);
    }

    #[test]
    fn times_keep_their_column() {
        for (nanoseconds, shown) in
            [(0, "0.000"), (1_234_567, "1.234"), (12_345_678_901, "12345.6"), (u64::MAX, "18446744073709")]
        {
            assert_eq!(time(nanoseconds), shown);
        }
    }
}
