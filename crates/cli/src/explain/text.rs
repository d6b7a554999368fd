//! Values and flaws in the words of a language, and lines that are no longer than the screen.

use sockeye::probe::dissect::{Field, Flaw, Unit, Value, Wrong};

use crate::fault::safe;
use crate::ui::columns::columns;
use crate::words::Words;

/// How many bytes of a value are shown where there are more.
const BYTES: usize = 24;

/// The catalogue's key of a field.
pub(super) fn field_key(key: &str) -> String {
    format!("explain-f-{}", key.replace('.', "-"))
}

/// What a field is called.
pub(super) fn label(words: &Words, key: &str) -> String {
    words.plain(&field_key(key))
}

/// What a value is called, in the language if it has a word for it.
pub(super) fn named(words: &Words, name: &str) -> String {
    let key = format!("explain-name-{name}");
    let said = words.plain(&key);
    if said == key { safe(name) } else { said }
}

/// A value as people read it, without what it is called.
fn bare(words: &Words, field: &Field, all: bool) -> String {
    let shown = match &field.value {
        Value::Bytes(bytes) => bytes_shown(words, bytes, all, field.key == "data.bytes"),
        Value::Text(text) => {
            let text = if all { text.as_slice() } else { text.get(..200).unwrap_or(text) };
            format!("\"{}\"", safe(&String::from_utf8_lossy(text)))
        }
        value => safe(&value.to_string()),
    };
    match field.unit {
        None => shown,
        Some(unit) => words.say(unit_key(unit), &[("count", &shown)]),
    }
}

const fn unit_key(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "explain-unit-bytes",
        Unit::Seconds => "explain-unit-seconds",
        Unit::Milliseconds => "explain-unit-milliseconds",
        Unit::EightBytes => "explain-unit-eight-bytes",
    }
}

/// Bytes as hex, or as text where an application's are readable.
fn bytes_shown(words: &Words, bytes: &[u8], all: bool, of_application: bool) -> String {
    let most = if all { usize::MAX } else { BYTES };
    let readable =
        |text: &&str| !text.is_empty() && text.chars().all(|c| !c.is_control() || "\r\n\t".contains(c));
    let start = bytes.get(..most.saturating_mul(3)).unwrap_or(bytes);
    if let Some(text) = std::str::from_utf8(start).ok().filter(|text| of_application && readable(text)) {
        let more = bytes.len() - start.len();
        return with_more(words, format!("\"{}\"", on_one_line(text)), more);
    }
    let shown = bytes.get(..most).unwrap_or(bytes);
    let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    with_more(words, hex.join(" "), bytes.len() - shown.len())
}

/// Text on one line.
fn on_one_line(text: &str) -> String {
    let mut shown = String::new();
    sockeye::wire::escape::escape(text, sockeye::wire::escape::Shape::Line, &mut shown);
    shown
}

fn with_more(words: &Words, shown: String, more: usize) -> String {
    if more == 0 {
        return shown;
    }
    words.say("explain-more", &[("shown", &shown), ("count", &more.to_string())])
}

/// A value with what it is called.
pub(super) fn value(words: &Words, field: &Field, all: bool) -> String {
    let shown = bare(words, field, all);
    match &field.name {
        Some(name) if shown.is_empty() => named(words, name),
        Some(name) => words.say("explain-named", &[("value", &shown), ("name", &named(words, name))]),
        None => shown,
    }
}

/// A group on one line: what it is called, and what is in it without what only tells how it is written.
pub(super) fn inline(words: &Words, group: &Field) -> String {
    let told: Vec<&Field> = group.fields.iter().filter(|field| !is_form(field, group)).collect();
    let alone = told.len() == 1 && group.name.is_some();
    let mut parts = Vec::new();
    for field in told {
        let part = match (&field.value, &field.name) {
            (Value::Group, _) => inline(words, field),
            (_, Some(name)) => named(words, name),
            (Value::Number(_) | Value::Flag(_), _) if !alone => {
                format!("{} {}", label(words, field.key), bare(words, field, false))
            }
            _ => bare(words, field, false),
        };
        if !part.is_empty() {
            parts.push(part);
        }
    }
    let inside = parts.join(", ");
    match &group.name {
        Some(name) if inside.is_empty() => named(words, name),
        Some(name) => words.say("explain-group", &[("name", &named(words, name)), ("inside", &inside)]),
        None => inside,
    }
}

/// Whether a field only tells how its group is written: how long it is, and which number stands for what it is called.
pub(super) fn is_form(field: &Field, group: &Field) -> bool {
    let counts = field.key.ends_with("-length") && field.key != "icmpv6.prefix-length";
    let kinds = ["option-kind", "option-type", "option-code", "extension-type", "parameter-key"];
    counts || (group.name.is_some() && kinds.iter().any(|kind| field.key.ends_with(kind)))
}

/// What is wrong, as a sentence.
pub(super) fn flaw(words: &Words, flaw: &Flaw) -> String {
    let (mut args, key) = (Vec::new(), format!("explain-wrong-{}", flaw.wrong.word()));
    match flaw.wrong {
        Wrong::Truncated { missing } | Wrong::Continues { missing } => {
            args.push(("count", missing.to_string()));
        }
        Wrong::Checksum { found, right } => {
            args.push(("found", format!("0x{found:04x}")));
            args.push(("right", format!("0x{right:04x}")));
        }
        Wrong::Length { says, bound } => {
            args.push(("says", says.to_string()));
            args.push(("bound", bound.to_string()));
        }
        Wrong::Version(number) | Wrong::Value(number) => args.push(("value", number.to_string())),
        Wrong::Many { shown } => args.push(("count", shown.to_string())),
        _ => {}
    }
    let field = if flaw.key.is_empty() { String::new() } else { label(words, flaw.key) };
    args.push(("field", field));
    let args: Vec<(&str, &str)> = args.iter().map(|(name, value)| (*name, value.as_str())).collect();
    words.say(&key, &args)
}

/// Breaks a text into lines of at most `width` columns: between words, or between characters of Chinese.
pub(super) fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for piece in pieces(text) {
        let wide = columns(piece.trim_end());
        if used > 0 && used + wide > width {
            lines.push(String::new());
            used = 0;
        }
        used += columns(piece);
        if let Some(line) = lines.last_mut() {
            line.push_str(piece);
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// A text between whose pieces a line may be broken.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut before) = (0, ' ');
    for (at, character) in text.char_indices() {
        let wide = |c: char| c >= '\u{2e80}';
        // No line begins with a closing mark, and none ends with an opening one.
        let closes = "，。；：、）！？”》".contains(character) || "（“《".contains(before);
        let breaks = (before == ' ' && character != ' ') || ((wide(character) || wide(before)) && !closes);
        if at > start && breaks {
            pieces.push(&text[start..at]);
            start = at;
        }
        before = character;
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_chinese_characters() {
        assert_eq!(broken("one two three", 8), ["one two", "three"]);
        assert_eq!(broken("你好，世界 ok", 6), ["你好，", "世界", "ok"]);
        assert_eq!(broken("toolongword x", 4), ["toolongword", "x"]);
        assert_eq!(broken("甲（乙）", 4), ["甲", "（乙）"]);
        assert_eq!(broken("", 4), [""]);
    }
}
