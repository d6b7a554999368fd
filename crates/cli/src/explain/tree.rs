//! A packet for people: its bytes, each layer in its colour, and what each layer says.

use std::fmt::Write as _;

use sockeye::explain::Explained;
use sockeye::probe::dissect::{Bits, Field, Layer, Value};

use super::Desk;
use super::text::{broken, field_key, flaw, inline, is_form, label, value};
use crate::ui::columns::columns;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// How many bytes are shown in hex unless all are asked for.
const SHOWN: usize = 512;

/// Bytes in a row.
const ROW: usize = 16;

/// The most bytes of a field that are shown beside its value.
const RAW: usize = 8;

/// The colours of layers, from the outside.
const COLOURS: &[Colour] = &[Colour::Cyan, Colour::Green, Colour::Yellow, Colour::Magenta, Colour::Blue];

/// A page under construction.
pub(super) struct Page<'a> {
    words: &'a Words,
    paint: Paint,
    width: usize,
    verbose: u8,
    /// The bytes of the packet.
    bytes: &'a [u8],
    text: String,
}

impl<'a> Page<'a> {
    pub(super) fn new(desk: &'a Desk<'_>, verbose: u8, bytes: &'a [u8]) -> Self {
        let Desk { words, paint, width, .. } = *desk;
        Self { words, paint, width, verbose, bytes, text: String::new() }
    }

    /// All of a packet.
    pub(super) fn packet(mut self, packet: &Explained) -> String {
        self.title(packet);
        let layers: Vec<&Layer> = packet.layers.iter().flat_map(Layer::walk).collect();
        let all = self.verbose > 0;
        let shown = if all { packet.bytes.len() } else { packet.bytes.len().min(SHOWN) };
        let bytes = packet.bytes.get(..shown).unwrap_or_default();
        hex_rows(bytes, &owners(shown, &layers), |_| true, self.paint, &mut self.text);
        if shown < packet.bytes.len() {
            let more = (packet.bytes.len() - shown).to_string();
            self.say(0, "explain-hex-more", &[("count", &more)]);
        }
        for (number, layer) in layers.iter().enumerate() {
            self.text.push('\n');
            self.layer(layer, colour(number));
        }
        self.text.push('\n');
        self.text
    }

    fn title(&mut self, packet: &Explained) {
        let size = packet.bytes.len().to_string();
        let Some(at) = packet.at else {
            self.say(0, "explain-title-bytes", &[("size", &size)]);
            return;
        };
        let whole = (packet.bytes.len() + packet.missing).to_string();
        let (number, when) = (packet.number.to_string(), sockeye::sessions::utc(at));
        let key = if packet.missing > 0 { "explain-title-cut" } else { "explain-title" };
        self.say(0, key, &[("number", &number), ("when", &when), ("size", &size), ("whole", &whole)]);
    }

    fn say(&mut self, indent: usize, key: &str, args: &[(&str, &str)]) {
        let text = self.words.say(key, args);
        self.lines(indent, indent, &text, None);
    }

    /// A text in as many lines as it needs.
    fn lines(&mut self, first: usize, other: usize, text: &str, colour: Option<Colour>) {
        let width = self.width.saturating_sub(first.max(other)).max(20);
        for (at, line) in broken(text, width).iter().enumerate() {
            let indent = if at == 0 { first } else { other };
            let line = colour.map_or_else(|| line.clone(), |colour| self.paint.on(colour, line));
            let _ = writeln!(self.text, "{}{line}", " ".repeat(indent));
        }
    }

    fn layer(&mut self, layer: &Layer, colour: Colour) {
        let word = layer.protocol.word();
        let name = self.words.plain(&format!("explain-{word}"));
        let name = layer.kind.map_or(name.clone(), |kind| format!("{name} ({kind})"));
        let five = self.words.plain(&format!("explain-five-{}", layer.protocol.five().word()));
        let seven: Vec<String> = layer.protocol.seven().iter().map(u8::to_string).collect();
        let (seven, number) = (seven.join("-"), layer.protocol.five().number().to_string());
        let (own, added) = (own_bytes(layer), layer.added().to_string());
        let args = [
            ("five", five.as_str()),
            ("number", &number),
            ("osi", &seven),
            ("bytes", &own),
            ("added", &added),
        ];
        let key = match (layer.added(), layer.range.is_empty()) {
            (0, true) => "explain-place-empty",
            (0, false) => "explain-place-carried",
            _ => "explain-place",
        };
        let place = self.words.say(key, &args);
        let fits = columns(&name) + 2 + columns(&place) <= self.width;
        let between = if fits { "  " } else { "\n  " };
        let _ = writeln!(self.text, "{}{between}{place}", self.paint.on(colour, &name));
        let about = self.words.plain(&format!("explain-about-{word}"));
        self.lines(2, 2, &about, Some(Colour::Dim));
        for wrong in &layer.flaws {
            let text = self.words.say("explain-flaw", &[("flaw", &flaw(self.words, wrong))]);
            let colour = if wrong.wrong.is_mistake() { Colour::Red } else { Colour::Dim };
            self.lines(2, 4, &text, Some(colour));
        }
        self.fields(&layer.fields, 2);
    }

    fn fields(&mut self, fields: &[Field], indent: usize) {
        let rows = self.rows(fields);
        let widest = rows.iter().map(|(label, ..)| columns(label)).max().unwrap_or(0).min(28);
        for (label, shown, field) in rows {
            let gap = widest.saturating_sub(columns(&label)) + 2;
            let column = indent + columns(&label) + gap;
            let head = format!("{}{label}{}", " ".repeat(indent), " ".repeat(gap));
            let width = self.width.saturating_sub(column).max(20);
            for (at, line) in broken(&shown, width).iter().enumerate() {
                let before = if at == 0 { head.clone() } else { " ".repeat(column) };
                let _ = writeln!(self.text, "{}", format!("{before}{line}").trim_end());
            }
            let Some(field) = field else { continue };
            if self.verbose > 0 {
                self.why(field, indent + 2);
                self.fields(&field.fields, indent + 2);
            } else {
                let told = field.fields.iter().filter(|inner| !is_form(inner, field)).cloned();
                self.fields(&told.collect::<Vec<_>>(), indent + 2);
            }
        }
    }

    /// What is shown of fields: label, value, and with `-v` the field it is. Bits that stand together are one row, as are
    /// groups, unless all is asked for.
    fn rows<'b>(&self, fields: &'b [Field]) -> Vec<(String, String, Option<&'b Field>)> {
        let mut rows = Vec::new();
        let mut rest = fields;
        while let Some((field, after)) = rest.split_first() {
            let label = label(self.words, field.key);
            if self.verbose > 0 {
                let shown = format!("{}  {}", value(self.words, field, true), self.place(field));
                rows.push((label, shown, Some(field)));
                rest = after;
                continue;
            }
            let flags = rest.iter().take_while(|field| matches!(field.value, Value::Flag(_))).count();
            if flags > 1 {
                let (flags, after) = rest.split_at(flags);
                rows.push((self.words.plain("explain-flags"), self.set(flags), None));
                rest = after;
                continue;
            }
            // A group of groups is a list of its own.
            let long = field.fields.len() > 4 && field.fields.iter().any(|inner| inner.value == Value::Group);
            let shown = match field.value {
                Value::Group if long => String::new(),
                Value::Group => inline(self.words, field),
                _ => value(self.words, field, false),
            };
            rows.push((label, shown, long.then_some(field)));
            rest = after;
        }
        rows
    }

    /// The flags that are set.
    fn set(&self, flags: &[Field]) -> String {
        let set = flags.iter().filter(|flag| flag.value == Value::Flag(true));
        let names: Vec<String> = set.map(|flag| label(self.words, flag.key)).collect();
        if names.is_empty() { self.words.plain("explain-none-set") } else { names.join(", ") }
    }

    /// Where a field is, and its bytes where they are few and not its value already.
    fn place(&self, field: &Field) -> String {
        let Bits { start, count } = field.at;
        let bytes = field.at.bytes();
        if count == 0 {
            return String::new();
        }
        let place = match (field.at.is_whole(), bytes.len()) {
            (true, 1) => bytes.start.to_string(),
            (true, _) => format!("{}-{}", bytes.start, bytes.end - 1),
            (false, _) if count == 1 => format!("{}.{}", bytes.start, start % 8),
            (false, _) => format!("{}.{}-{}", bytes.start, start % 8, start % 8 + count - 1),
        };
        let is_raw = matches!(field.value, Value::Bytes(_) | Value::Text(_) | Value::Group | Value::Mac(_));
        let raw = self.bytes.get(bytes).filter(|raw| !is_raw && raw.len() <= RAW);
        let hex = raw.map_or_else(String::new, |raw| format!(": {}", sockeye::wire::notation::to_hex(raw)));
        self.paint.on(Colour::Dim, &format!("[{place}{hex}]"))
    }

    fn why(&mut self, field: &Field, indent: usize) {
        let why = self.words.attribute(&field_key(field.key), "why", &[]);
        if let Some(why) = why {
            self.lines(indent, indent, &why, Some(Colour::Dim));
        }
    }
}

/// The colour of the layer of this number.
pub(super) fn colour(number: usize) -> Colour {
    COLOURS.get(number % COLOURS.len()).copied().unwrap_or(Colour::Dim)
}

/// A layer's own bytes: those before what it carries and those behind.
fn own_bytes(layer: &Layer) -> String {
    let range = |start: usize, count: usize| match count {
        0 => String::new(),
        1 => start.to_string(),
        _ => format!("{start}-{}", start + count - 1),
    };
    let before = range(layer.range.start, layer.head);
    let behind = range(layer.range.end.saturating_sub(layer.tail), layer.tail);
    match (before.is_empty(), behind.is_empty()) {
        (true, true) => range(layer.range.start, layer.range.len()),
        (false, true) => before,
        (true, false) => behind,
        (false, false) => format!("{before}, {behind}"),
    }
}

/// Which layer each byte is of: the innermost that has it.
pub(super) fn owners(count: usize, layers: &[&Layer]) -> Vec<usize> {
    let mut owners = vec![0; count];
    for (number, layer) in layers.iter().enumerate() {
        let range = layer.range.start.min(count)..layer.range.end.min(count);
        if let Some(own) = owners.get_mut(range) {
            own.fill(number);
        }
    }
    owners
}

/// The bytes as `--hex` shows them, each in the colour of its layer. Those that are not known are question marks.
pub(super) fn hex_rows(
    bytes: &[u8],
    owners: &[usize],
    known: impl Fn(usize) -> bool,
    paint: Paint,
    text: &mut String,
) {
    let colour_of = |at: usize| colour(owners.get(at).copied().unwrap_or(0));
    for (row, chunk) in bytes.chunks(ROW).enumerate() {
        let first = row * ROW;
        let _ = write!(text, "{first:08x} ");
        let (mut hex, mut shown) = (Runs::new(paint), Runs::new(paint));
        for (column, byte) in chunk.iter().enumerate() {
            let at = first + column;
            let is_known = known(at);
            let gap = if column % 8 == 0 { " " } else { "" };
            let pair = if is_known { format!("{gap}{byte:02x} ") } else { format!("{gap}?? ") };
            hex.push(colour_of(at), &pair);
            let character = if matches!(byte, b' '..=b'~') && is_known { char::from(*byte) } else { '.' };
            shown.push(colour_of(at), character.encode_utf8(&mut [0; 4]));
        }
        let left = ROW - chunk.len();
        let gap = usize::from(chunk.len() <= ROW / 2);
        let _ = write!(text, "{}{} |{}", hex.end(), " ".repeat(left * 3 + gap), shown.end());
        text.push_str("|\n");
    }
}

/// Text in colours, of which each run is painted once.
struct Runs {
    paint: Paint,
    text: String,
    run: String,
    colour: Colour,
}

impl Runs {
    const fn new(paint: Paint) -> Self {
        Self { paint, text: String::new(), run: String::new(), colour: Colour::Dim }
    }

    fn push(&mut self, colour: Colour, piece: &str) {
        if colour != self.colour {
            self.flush();
            self.colour = colour;
        }
        self.run.push_str(piece);
    }

    fn flush(&mut self) {
        if !self.run.is_empty() {
            self.text.push_str(&self.paint.on(self.colour, &self.run));
            self.run.clear();
        }
    }

    fn end(mut self) -> String {
        self.flush();
        self.text
    }
}
