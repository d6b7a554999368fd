//! Bytes out of what other programs print: dumps of `hexdump -C`, `xxd`, `od`, tcpdump and Wireshark, arrays of C, escaped
//! strings, and plain hex however it is set apart.
//!
//! A text whose first line of bytes begins with an offset of zero is a dump: in its lines the offset and the column of
//! characters are no bytes, and lines without an offset are skipped. Any other text is hex and nothing else.

use sockeye_core::fault::{Code, Fault};

use crate::escape::{Shape, escape};

/// The most bytes of a row that are looked for in a dump.
const ROW: usize = 64;

/// The bytes of a row that a `*` stands for.
const STAR: usize = 16;

/// The most that rows left out may come to: 1 MiB.
const LONGEST: usize = 1 << 20;

/// How much of a bad text a fault shows, in characters.
const SHOWN: usize = 64;

/// Reads bytes. A fault ([`Code::BadHex`]) says in which line and at which character of it, both counted from 1, and which
/// character that is.
pub fn read(text: &str) -> Result<Vec<u8>, Fault> {
    if let Some(bytes) = dump(text) {
        return Ok(bytes);
    }
    plain(text).map_err(|at| bad(text, at))
}

/// Whether a text is a dump: lines of it begin with offsets, the first of which is zero.
pub fn is_dump(text: &str) -> bool {
    dump(text).is_some()
}

/// Whether a text can be meant as hex at all: most of it is what hex is written with.
pub fn looks_so(text: &str) -> bool {
    let (mut hex, mut all) = (0_usize, 0_usize);
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        all += 1;
        hex +=
            usize::from(character.is_ascii_hexdigit() || matches!(character, ':' | ',' | '-' | '\\' | 'x'));
    }
    hex * 5 >= all * 4
}

/// A row of a dump, without its offset.
struct Row<'a> {
    offset: usize,
    /// How many digits the offset has, and whether a colon ends it.
    digits: usize,
    colon: bool,
    rest: &'a str,
}

/// The row that a line is, if it begins as one.
fn row(line: &str) -> Option<Row<'_>> {
    let line = line.trim_start();
    let end = line.find([' ', '\t']).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let (number, colon) = word.strip_suffix(':').map_or((word, false), |number| (number, true));
    let number = number.strip_prefix("0x").unwrap_or(number);
    let apart = rest.starts_with("  ") || rest.starts_with('\t');
    let is_offset = (4..=8).contains(&number.len()) && (colon || apart || number.len() >= 7);
    if !is_offset || !number.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some(Row { offset: usize::from_str_radix(number, 16).ok()?, digits: number.len(), colon, rest })
}

fn dump(text: &str) -> Option<Vec<u8>> {
    let first = text.lines().find_map(row).filter(|row| row.offset == 0)?;
    // `od` and plain `hexdump`: words of two bytes as a little-endian machine sees them, offsets of seven digits.
    let swapped =
        first.digits == 7 && !first.colon && first.rest.split_whitespace().all(|word| word.len() == 4);
    let octal = first.digits == 7 && !first.colon;
    let mut bytes = Vec::new();
    for row in text.lines().filter_map(row) {
        let at = if octal && row.offset != bytes.len() { offset_in_octal(row.offset)? } else { row.offset };
        if at == 0 && !bytes.is_empty() {
            // Another dump begins.
            break;
        }
        repeat(&mut bytes, at)?;
        read_row(row.rest, swapped, &mut bytes);
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// Rows that are the same are shown once, and a `*` for the others.
fn repeat(bytes: &mut Vec<u8>, to: usize) -> Option<()> {
    let more = to.checked_sub(bytes.len())?;
    if more == 0 {
        return Some(());
    }
    let row = bytes.get(bytes.len().checked_sub(STAR)?..)?.to_vec();
    if to > LONGEST || !more.is_multiple_of(STAR) {
        return None;
    }
    bytes.extend(row.iter().cycle().take(more));
    Some(())
}

/// An offset that was read as hexadecimal and is octal.
fn offset_in_octal(offset: usize) -> Option<usize> {
    usize::from_str_radix(&format!("{offset:x}"), 8).ok()
}

/// Reads the bytes of a row up to the column of characters: behind a bar, or behind a gap that is none between halves.
fn read_row(mut rest: &str, swapped: bool, bytes: &mut Vec<u8>) {
    let before = bytes.len();
    let mut first = true;
    loop {
        let word = rest.trim_start_matches([' ', '\t']);
        let gap = rest.len() - word.len();
        let count = bytes.len() - before;
        if word.is_empty() || count >= ROW || (!first && gap > 1 && !(gap == 2 && count == 8)) {
            return;
        }
        let end = word.find([' ', '\t']).unwrap_or(word.len());
        let (digits, after) = word.split_at(end);
        let Some(mut pair) = pairs(digits).filter(|pair| pair.len() <= 16) else { return };
        if swapped {
            pair.reverse();
        }
        bytes.append(&mut pair);
        (rest, first) = (after, false);
    }
}

fn pairs(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// Reads hex with whatever is usual between bytes. `Err` is the byte of the text where that fails.
fn plain(text: &str) -> Result<Vec<u8>, usize> {
    // An array of C: what stands before its brace is its name.
    let (start, end) = match (text.find('{'), text.find('}')) {
        (Some(open), Some(close)) if open < close => (open + 1, close),
        _ => (0, text.len()),
    };
    let inside = text.get(start..end).unwrap_or_default();
    let mut bytes = Vec::with_capacity(inside.len() / 2);
    let mut high: Option<(u8, usize)> = None;
    let mut at = 0;
    while let Some(character) = inside.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = inside.get(at..).unwrap_or_default();
        let here = start + at;
        let skipped = skipped(rest);
        if skipped > 0 {
            if let Some((_, place)) = high {
                return Err(place);
            }
            at += skipped;
            continue;
        }
        let Some(value) = u8::try_from(u32::from(character)).ok().and_then(digit) else { return Err(here) };
        match high.take() {
            None => high = Some((value, here)),
            Some((high, _)) => bytes.push(high << 4 | value),
        }
        at += 1;
    }
    high.map_or(Ok(bytes), |(_, place)| Err(place))
}

/// How many bytes of what comes next are no hex and may stand there: separators, prefixes, comments.
fn skipped(rest: &str) -> usize {
    let comment = |open: &str, close: &str| {
        rest.strip_prefix(open)
            .map(|body| open.len() + body.find(close).map_or(body.len(), |at| at + close.len()))
    };
    if let Some(length) = comment("/*", "*/").or_else(|| comment("//", "\n")).or_else(|| comment("#", "\n")) {
        return length;
    }
    if ["0x", "0X", "\\x"].iter().any(|prefix| rest.starts_with(prefix)) {
        return 2;
    }
    if ["b\"", "b'"].iter().any(|prefix| rest.starts_with(prefix)) {
        return 2;
    }
    if rest.starts_with("\\\n") {
        return 2;
    }
    match rest.bytes().next() {
        Some(
            b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'-' | b';' | b'.' | b'"' | b'\'' | b'|' | b'['
            | b']',
        ) => 1,
        _ => 0,
    }
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cold]
fn bad(text: &str, at: usize) -> Fault {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let shown_line: String = text.lines().nth(line - 1).unwrap_or_default().chars().take(SHOWN).collect();
    let mut value = String::new();
    escape(&shown_line, Shape::Text, &mut value);
    let mut found = String::new();
    let character: String = text.get(at..).unwrap_or_default().chars().take(1).collect();
    escape(&character, Shape::Text, &mut found);
    Fault::new(Code::BadHex, "").arg("value", value).detail(format_args!("{line}:{column}: '{found}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BYTES: &[u8] = b"Hello, dumps of every kind\x00\xff";

    #[test]
    fn every_usual_notation_is_read() {
        for text in [
            "48656c6c6f2c2064756d7073206f66206576657279206b696e6400ff",
            "48:65:6c:6c:6f:2c:20:64:75:6d:70:73:20:6f:66:20:65:76:65:72:79:20:6b:69:6e:64:00:ff\n",
            "4865 6c6c 6f2c 2064 756d 7073 206f 6620 6576 6572 7920 6b69 6e64 00ff",
            "0x48 0x65 0x6c 0x6c 0x6f2c2064756d7073206f66206576657279206b696e6400ff",
            "\"\\x48\\x65\\x6c\\x6c\\x6f\\x2c\\x20\\x64\\x75\\x6d\\x70\\x73\\x20\\x6f\\x66\\x20\" \\\n\
             \"\\x65\\x76\\x65\\x72\\x79\\x20\\x6b\\x69\\x6e\\x64\\x00\\xff\"",
            "static const unsigned char pkt1[28] = {\n0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x2c, 0x20, 0x64, /* Hello, d */\n\
             0x75, 0x6d, 0x70, 0x73, 0x20, 0x6f, 0x66, 0x20,\n0x65, 0x76, 0x65, 0x72, 0x79, 0x20, 0x6b, 0x69,\n\
             0x6e, 0x64, 0x00, 0xff  /* nd.. */\n};\n",
            "00000000  48 65 6c 6c 6f 2c 20 64  75 6d 70 73 20 6f 66 20  |Hello, dumps of |\n\
             00000010  65 76 65 72 79 20 6b 69  6e 64 00 ff              |every kind..|\n0000001c\n",
            "00000000: 4865 6c6c 6f2c 2064 756d 7073 206f 6620  Hello, dumps of \n\
             00000010: 6576 6572 7920 6b69 6e64 00ff            every kind..\n",
            "12:00:00.000000 IP 192.0.2.1 > 192.0.2.2: ICMP echo request\n\
             \t0x0000:  4865 6c6c 6f2c 2064 756d 7073 206f 6620  Hello,.dumps.of.\n\
             \t0x0010:  6576 6572 7920 6b69 6e64 00ff            every.kind..\n",
            "0000   48 65 6c 6c 6f 2c 20 64 75 6d 70 73 20 6f 66 20   Hello, dumps of \n\
             0010   65 76 65 72 79 20 6b 69 6e 64 00 ff               every kind..\n",
            "0000000 6548 6c6c 2c6f 6420 6d75 7370 6f20 2066\n0000010 7665 7265 2079 696b 646e ff00\n000001c\n",
            "0000000 6548 6c6c 2c6f 6420 6d75 7370 6f20 2066\n0000020 7665 7265 2079 696b 646e ff00\n0000034\n",
        ] {
            assert_eq!(read(text).unwrap(), BYTES, "{text}");
        }
    }

    #[test]
    fn characters_that_look_like_hex_are_none() {
        let text = "0000   41 42 43 44   ABCD\n";
        assert_eq!(read(text).unwrap(), b"ABCD");
        assert_eq!(read("00000000: 4142 4344  ABCD").unwrap(), b"ABCD");
        assert_eq!(
            read("00000000  41 42 43 44 45 46 41 42                           |ABCDEFAB|").unwrap(),
            b"ABCDEFAB"
        );
        // Words of two bytes, of which the first is no offset.
        assert_eq!(read("0000 1122 3344").unwrap(), [0, 0, 0x11, 0x22, 0x33, 0x44]);
    }

    #[test]
    fn rows_that_are_left_out_are_filled_in() {
        let row = "00000000  61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|";
        let text =
            format!("{row}\n*\n00000030  62                                                |b|\n00000031\n");
        let bytes = read(&text).unwrap();
        assert_eq!((bytes.len(), bytes.last()), (49, Some(&b'b')));
        assert!(read(&format!("{row}\n*\nfffffff0  62   |b|\n")).is_err());
    }

    #[test]
    fn wrong_hex_says_where_and_what() {
        for (text, detail) in [
            ("de ag", "1:5: 'g'"),
            ("de ad\nbe e", "2:4: 'e'"),
            ("00 你", "1:4: '你'"),
            ("0", "1:1: '0'"),
            ("4500\n\u{1b}", r"2:1: '\x1b'"),
        ] {
            let fault = read(text).unwrap_err();
            assert_eq!((fault.code, fault.detail.as_deref()), (Code::BadHex, Some(detail)), "{text}");
        }
    }

    #[test]
    fn what_is_meant_as_hex_is_told_from_what_is_not() {
        assert!(looks_so("45 00 00 3g"));
        assert!(is_dump("0000   41 42   AB\n") && !is_dump("4500 0020"));
        assert!(!looks_so("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-fxX*: |\\\\nux{}/#\n\u{4f60}]{0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn what_our_own_dump_shows_is_read(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
            let mut text = String::new();
            crate::hexdump::Hexdump::default().push(&bytes, &mut text);
            prop_assert_eq!(read(&text).unwrap(), bytes);
        }
    }
}
