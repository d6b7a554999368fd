//! A story as rows of two columns and what goes between them: what every view that draws is made of.

use sockeye::core::How;
use sockeye::trace::{
    Call, Change, Datagram, End, EventKind, Flags, Icmp, Mark, Segment, Stage, Step, Story, TcpOptions,
    TcpState,
};
use sockeye::wire::escape::{Shape, escape_bytes};

use crate::words::Words;

/// Payload bytes that are shown of text, and of anything else.
const SHOWN: usize = 40;
const HEX: usize = 12;

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Nanoseconds since the story began.
    pub(super) at: u64,
    pub(super) how: How,
    pub(super) what: What,
    /// The states of both ends once this has happened.
    pub(super) states: [Option<TcpState>; 2],
}

/// What a row shows.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A packet.
    Arrow(Arrow),
    /// A socket call at one end.
    Call(End, String),
    /// New states of either end.
    States([Vec<TcpState>; 2], Option<String>),
    /// Something that is of neither column.
    Note(String),
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    pub(super) from: End,
    /// Flags, numbers, length.
    pub(super) label: String,
    /// The window, where it is known.
    pub(super) window: Option<String>,
    /// Lines below it.
    pub(super) detail: Vec<String>,
    pub(super) tone: Tone,
}

/// How a packet is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// It carries data.
    Data,
    /// It begins or ends something.
    Turn,
    /// Something is out of the ordinary.
    Odd,
    /// It cuts the connection.
    Cut,
}

/// How much is said of each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Usual,
    /// Also the numbers as on the wire.
    Absolute,
}

/// The rows of a story.
pub(super) fn rows(words: &Words, story: &Story, depth: Depth) -> Vec<Row> {
    let start = story.start();
    let mut states = story.flow.began;
    let mut rows: Vec<Row> = Vec::new();
    if states.iter().any(Option::is_some) {
        let what = What::States(states.map(|state| state.into_iter().collect()), None);
        rows.push(Row { at: 0, how: How::Inferred, what, states });
    }
    let mut step_of_last = None;
    for event in &story.events {
        let at = event.at.saturating_sub(start);
        let (how, mut joins) = (event.how, None);
        let what = match &event.kind {
            EventKind::Call(end, call) => What::Call(*end, self::call(call)),
            EventKind::Segment(index) => match story.flow.steps.get(*index) {
                Some(step) => What::Arrow(segment(words, story, step, depth)),
                None => continue,
            },
            EventKind::Became(change, step) => {
                joins = *step;
                states[index(change.end)] = Some(change.to);
                if joins.is_some() && joins == step_of_last && joined(&mut rows, how, *change, states) {
                    continue;
                }
                let mut both = [Vec::new(), Vec::new()];
                both[index(change.end)].push(change.to);
                What::States(both, None)
            }
            EventKind::Is(end, state, left) => {
                states[index(*end)] = Some(*state);
                let mut both = [Vec::new(), Vec::new()];
                both[index(*end)].push(*state);
                let left = left.map(super::text::seconds);
                What::States(both, left.map(|left| words.say("trace-ends-in", &[("time", &left)])))
            }
            EventKind::Stamped(_, stage, byte) => What::Note(stamp(words, *stage, *byte)),
            EventKind::Datagram(from, datagram) => What::Arrow(self::datagram(*from, datagram)),
            EventKind::SavedSyn(syn) => What::Note(saved(words, syn)),
            EventKind::Icmp(icmp) => What::Note(self::icmp(words, icmp)),
        };
        step_of_last = joins;
        rows.push(Row { at, how, what, states });
    }
    rows
}

const fn index(end: End) -> usize {
    end as usize
}

/// Puts a change on a row of states that the same segment led to and that is known in the same way. `false`: there is none.
fn joined(rows: &mut [Row], how: How, change: Change, states: [Option<TcpState>; 2]) -> bool {
    let of_segment = rows.iter_mut().rev().take_while(|row| matches!(row.what, What::States(_, None)));
    for row in of_segment.filter(|row| row.how == how) {
        if let What::States(both, _) = &mut row.what {
            both[index(change.end)].push(change.to);
            row.states = states;
            return true;
        }
    }
    false
}

/// A call as C has it, and what it gave.
fn call(call: &Call) -> String {
    let name = call.name();
    match call {
        Call::Socket | Call::Accept | Call::Connect(_) | Call::Close => format!("{name}()"),
        Call::Bind(address) => format!("{name}(:{})", address.port()),
        Call::Listen(Some(backlog)) => format!("{name}({backlog})"),
        Call::Listen(None) => format!("{name}(?)"),
        Call::Connected | Call::ReceiveEnd => format!("{name}() = 0"),
        Call::Failed(why) if why == "reset" => format!("recv: {why}"),
        Call::Failed(why) => format!("{name}: {why}"),
        Call::Send(bytes) | Call::Receive(bytes) => format!("{name}({bytes})"),
        Call::Shutdown => format!("{name}(WR)"),
    }
}

fn segment(words: &Words, story: &Story, step: &Step, depth: Depth) -> Arrow {
    let segment = &step.segment;
    let is_captured = story.how == How::Captured;
    let mut label = vec![segment.flags.to_string()];
    if is_captured {
        label.push(format!("seq {}", step.seq));
        label.extend(step.ack.map(|ack| format!("ack {ack}")));
    }
    if segment.length > 0 {
        label.push(format!("len {}", segment.length));
    }
    let label = label.join(" ");
    let mut detail = Vec::new();
    if is_captured {
        detail.extend(Some(options(step)).filter(|options| !options.is_empty()));
    }
    if depth == Depth::Absolute && is_captured {
        let ack = step.ack.map(|_| format!(" ack {}", segment.ack)).unwrap_or_default();
        let numbers = [format!("= seq {}{ack}", segment.seq), format!("win {}", segment.window)];
        detail.push(format!("{} ttl {}", numbers.join(" "), segment.hops));
    }
    if !segment.head.is_empty() {
        detail.push(quoted(&segment.head, segment.length));
    }
    let marks = step.marks.iter().map(|mark| words.plain(mark_key(*mark)));
    let marks: Vec<String> = marks.collect();
    if !marks.is_empty() {
        detail.push(format!("! {}", marks.join(", ")));
    }
    let window = is_captured.then(|| format!("win {}", step.window));
    Arrow { from: step.from, label, window, detail, tone: tone(step) }
}

fn tone(step: &Step) -> Tone {
    let has = |flag| step.segment.flags.has(flag);
    if has(Flags::RST) {
        Tone::Cut
    } else if step.marks.iter().any(|mark| *mark != Mark::WindowUpdate) {
        Tone::Odd
    } else if has(Flags::SYN) || has(Flags::FIN) {
        Tone::Turn
    } else if step.segment.length > 0 {
        Tone::Data
    } else {
        Tone::Plain
    }
}

/// What a client offered.
fn saved(words: &Words, syn: &Segment) -> String {
    let facts = format!("win {} ttl {} {}", syn.window, syn.hops, offers(&syn.options).join(" "));
    words.say("trace-saved-syn", &[("facts", &facts)])
}

/// The options of a SYN.
fn offers(options: &TcpOptions) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(options.mss.map(|mss| format!("mss {mss}")));
    facts.extend(options.scale.map(|scale| format!("ws {scale}")));
    if options.sack_permitted {
        facts.push("sackOK".to_owned());
    }
    facts
}

/// The options, but for time stamps that every segment has.
fn options(step: &Step) -> String {
    let options = &step.segment.options;
    let mut facts = offers(options);
    let base = step.segment.ack.wrapping_sub(step.ack.unwrap_or_default());
    let relative = |number: u32| number.wrapping_sub(base);
    facts.extend(options.sack.iter().map(|(from, to)| format!("sack {}-{}", relative(*from), relative(*to))));
    if step.segment.flags.has(Flags::SYN) {
        facts.extend(options.timestamps.map(|_| "ts".to_owned()));
    }
    facts.join(" ")
}

/// The first bytes of a payload: as text where they are some, else as hex.
fn quoted(head: &[u8], length: u32) -> String {
    let is_whole = |shown: &[u8]| u32::try_from(shown.len()).is_ok_and(|shown| shown >= length);
    let shown = head.get(..SHOWN).unwrap_or(head);
    // A character may have been cut in two.
    let is_text = str::from_utf8(shown).is_ok_and(is_readable)
        || str::from_utf8(shown).is_err_and(|error| error.error_len().is_none() && error.valid_up_to() > 0);
    let (mut text, shown) = if is_text {
        let mut text = String::from("\"");
        escape_bytes(shown, Shape::Line, &mut text);
        text.push('"');
        (text, shown)
    } else {
        let shown = head.get(..HEX).unwrap_or(head);
        let bytes: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
        (bytes.join(" "), shown)
    };
    if !is_whole(shown) {
        text.push('…');
    }
    text
}

/// Whether nothing but the ends of lines and tabs acts on a terminal.
fn is_readable(text: &str) -> bool {
    text.chars().all(|character| !character.is_control() || matches!(character, '\n' | '\r' | '\t'))
}

fn datagram(from: End, datagram: &Datagram) -> Arrow {
    let label = format!("UDP len {}", datagram.length);
    let mut detail = Vec::new();
    if !datagram.head.is_empty() {
        detail.push(quoted(&datagram.head, datagram.length));
    }
    Arrow { from, label, window: None, detail, tone: Tone::Data }
}

fn stamp(words: &Words, stage: Stage, byte: u32) -> String {
    let key = match stage {
        Stage::Scheduled => "trace-scheduled",
        Stage::Sent => "trace-sent",
        Stage::Acknowledged => "trace-acknowledged",
    };
    words.say(key, &[("byte", &byte.to_string())])
}

fn icmp(words: &Words, icmp: &Icmp) -> String {
    let (kind, code) = (icmp.kind.to_string(), icmp.code.to_string());
    let from = icmp.from.to_string();
    words.say("trace-icmp", &[("kind", &kind), ("code", &code), ("address", &from)])
}

const fn mark_key(mark: Mark) -> &'static str {
    match mark {
        Mark::Retransmission => "trace-mark-retransmission",
        Mark::OutOfOrder => "trace-mark-out-of-order",
        Mark::Gap => "trace-mark-gap",
        Mark::DuplicateAck => "trace-mark-duplicate-ack",
        Mark::ZeroWindow => "trace-mark-zero-window",
        Mark::WindowUpdate => "trace-mark-window-update",
        Mark::KeepAlive => "trace-mark-keep-alive",
    }
}

/// The letter that marks how a line is known.
pub(super) const fn letter(how: How) -> char {
    match how {
        How::Captured => 'C',
        How::Traced => 'T',
        How::Polled => 'P',
        How::Inferred => 'I',
        How::Simulated => 'S',
        How::Synthetic => 'Y',
    }
}

/// What the letters of these rows mean.
pub(super) fn legend(words: &Words, rows: &[Row]) -> String {
    let all = [How::Captured, How::Traced, How::Polled, How::Inferred];
    let met = all.into_iter().filter(|how| rows.iter().any(|row| row.how == *how));
    let met: Vec<String> = met.map(|how| format!("{} {}", letter(how), words.how(how))).collect();
    met.join("  ")
}
