//! How bytes are written down in a conversation file: the canonical spelling, which the reader takes back to the same
//! bytes. Recordings and the formatter write it. The first function to read is [`message`].

use std::fmt::Write as _;

use sockeye_wire::{Charset, escape, notation};

/// How many characters of one message stand in a line before it is broken.
const WIDE: usize = 100;

/// How many bytes of hex stand in one line of a long message.
const HEX_LINE: usize = 40;

/// About how many lines a message is broken into at most: a reader takes no more parts than 65,536.
const LINES: usize = 16_384;

/// A message as its step has it, for a peer whose text is UTF-8: text where most of it can be read, else hex. An empty
/// message is `""`. Long ones go on in lines of their own, each after a backslash; none ends with a line end.
pub fn message(bytes: &[u8]) -> String {
    message_in(bytes, Charset::default())
}

/// As [`message`], for a peer whose text is written in `charset`. Text that the set does not read and write back to the
/// same bytes is written as hex.
pub fn message_in(bytes: &[u8], charset: Charset) -> String {
    if charset.is_utf8() {
        return if is_text(bytes) { text_lines(bytes) } else { hex_lines(bytes) };
    }
    let text = charset.decode(bytes);
    let same = !text.contains('\u{fffd}') && charset.encode(&text).is_ok_and(|again| *again == *bytes);
    // Each line of a long text is encoded by itself, which a charset with states may write in another way.
    let whole = same && is_text(text.as_bytes()) && charset.name() != "iso-2022-jp";
    if whole { text_lines(text.as_bytes()) } else { hex_lines(bytes) }
}

/// Appends bytes as one piece of quoted text, whatever they are: UTF-8 as it is, what cannot be seen escaped, bytes that
/// are no UTF-8 as `\xff`.
pub fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    escaped(bytes, out);
    out.push('"');
}

/// Appends bytes as [`quote`] does, without the quotation marks.
fn escaped(bytes: &[u8], out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        // A brace before an invalid byte is followed by a backslash, so it opens no variable.
        text(chunk.valid(), out);
        for byte in chunk.invalid() {
            self::byte(*byte, out);
        }
    }
}

/// Appends text as it stands between quotation marks. A `{` at its end is plain: who writes a variable after it asks for
/// [`brace`].
pub(crate) fn text(text: &str, out: &mut String) {
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '{' if rest.peek() == Some(&'{') => brace(out),
            ' '..='~' => out.push(character),
            _ if escape::is_safe(character.encode_utf8(&mut [0; 4])) => out.push(character),
            _ => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
}

/// Appends a `{` that opens no variable, whatever follows.
pub(crate) fn brace(out: &mut String) {
    out.push_str("\\{");
}

/// Appends one byte that is no text.
pub(crate) fn byte(byte: u8, out: &mut String) {
    let _ = write!(out, "\\x{byte:02x}");
}

/// Whether a person would rather read it than its hex: no more than one in eight of its characters needs an escape.
fn is_text(bytes: &[u8]) -> bool {
    let (mut shown, mut hidden) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let plain = matches!(character, ' '..='~' | '\n' | '\r' | '\t')
                || !character.is_ascii() && escape::is_safe(character.encode_utf8(&mut [0; 4]));
            *if plain { &mut shown } else { &mut hidden } += 1;
        }
        hidden += chunk.invalid().len();
    }
    hidden == 0 || hidden * 8 <= shown + hidden
}

/// Quoted text; a long one is broken after its line ends, and where a line is long.
fn text_lines(bytes: &[u8]) -> String {
    let mut whole = String::with_capacity(bytes.len() + 2);
    quote(bytes, &mut whole);
    if whole.chars().nth(WIDE).is_none() {
        return whole;
    }
    whole.clear();
    let mut rest = bytes;
    let least = bytes.len() / LINES;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(line_end(rest, least));
        if !whole.is_empty() {
            whole.push_str(" \\\n    ");
        }
        quote(line, &mut whole);
        rest = after;
    }
    whole
}

/// Where the first line of text ends, after `least` bytes: behind a line feed, or after [`WIDE`] more bytes, and within
/// no character.
fn line_end(bytes: &[u8], least: usize) -> usize {
    let window = &bytes[..bytes.len().min(least + WIDE)];
    let least = least.min(window.len());
    if let Some(at) = memchr::memchr(b'\n', &window[least..]) {
        return least + at + 1;
    }
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // No character is longer than four bytes; what has more of these is none.
    (window.len() - 3.min(window.len() - 1)..=window.len())
        .rev()
        .find(|at| !is_inside(*at))
        .unwrap_or(window.len())
}

/// `hex:` words, so many bytes each.
fn hex_lines(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + bytes.len() / 4 + 4);
    let long = HEX_LINE.max(bytes.len() / LINES);
    let lines = if bytes.len() * 2 <= WIDE { bytes.len().max(1) } else { long };
    for line in bytes.chunks(lines) {
        if !out.is_empty() {
            out.push_str(" \\\n    ");
        }
        out.push_str("hex:");
        out.push_str(&notation::to_hex(line));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_text_and_the_rest_hex() {
        for (bytes, written) in [
            (&b""[..], r#""""#),
            (b"hello", r#""hello""#),
            ("你好\r\n".as_bytes(), r#""你好\r\n""#),
            (b"say \"hi\" \\ {{x}} {y}", r#""say \"hi\" \\ \{{x}} {y}""#),
            (b"{{{", r#""\{\{{""#),
            (b"mostly text\0", r#""mostly text\0""#),
            (b"one bad byte\xff here", r#""one bad byte\xff here""#),
            ("\u{202e}bidirectional".as_bytes(), r#""\u{202e}bidirectional""#),
            (b"\x10\x0c\0\x04MQTT\x04\x02", "hex:100c00044d5154540402"),
            (b"\0", "hex:00"),
        ] {
            assert_eq!(message(bytes), written);
        }
    }

    #[test]
    fn long_messages_are_broken_where_a_reader_would() {
        let text = message(&[b"GET / HTTP/1.1\r\n".as_slice(), &[b'x'; 150]].concat());
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        assert_eq!(lines[0], r#""GET / HTTP/1.1\r\n" \"#);
        assert_eq!(lines.len(), 3);
        assert!(lines[1].len() > WIDE && lines[2].len() == 52, "{text}");
        assert_eq!(message(&[0; 81]).lines().count(), 3);
        assert!(message("你".repeat(100).as_bytes()).lines().all(|line| !line.contains("\\x")));
    }

    #[test]
    fn very_long_messages_have_long_lines() {
        for bytes in [vec![b'\n'; 200_000], vec![0x80; 3 << 20], "你好，世界\n".repeat(100_000).into_bytes()]
        {
            let lines = message(&bytes).lines().count();
            assert!((1000..=2 * LINES).contains(&lines), "{lines}");
        }
    }

    #[test]
    fn text_of_a_charset_is_written_as_what_it_says() {
        let gbk = Charset::parse("gbk").unwrap();
        assert_eq!(message_in(b"\xc4\xe3\xba\xc3", gbk), r#""你好""#);
        assert_eq!(message_in(b"\xc4\xff", gbk), "hex:c4ff");
    }
}
