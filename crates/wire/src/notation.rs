//! How people write bytes: `hex:` and `b64:` words, hex input, and the backslash notation of lines.
//!
//! Three readers, each for one place. [`parse`] reads a message word of a command line, which is plain text unless a
//! prefix says otherwise. [`hex`] reads the lines of `--hex` input. [`unescape`] reads the notation that
//! [`escape`](mod@crate::escape) writes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sockeye_core::fault::{Code, Fault};

use crate::escape::{Shape, escape};

/// The most bytes that repeats (`00*47`) may come to: 1 MiB. Bytes that are written out are not bounded here.
pub const REPEAT_MAX: usize = 1 << 20;

/// How much of a bad value a fault shows, in characters.
const SHOWN: usize = 64;

/// Reads a message as a word of a command line: `hex:DE AD be ef`, `hex:1b 00*47`, `b64:aGk=`, `text:hex:as it is`, or
/// plain text, which is taken exactly as given.
pub fn parse(word: &str) -> Result<Vec<u8>, Fault> {
    match word.split_once(':') {
        Some(("hex", digits)) => hex(digits),
        Some(("b64", digits)) => base64(digits),
        _ => Ok(literal(word).as_bytes().to_vec()),
    }
}

/// The text a word stands for that is no notation: itself, without a `text:` that keeps it from being one. `text:hex:00`
/// is `hex:00`, and `text:hello` is itself.
pub fn literal(word: &str) -> &str {
    let shielded = ["hex:", "b64:", "text:"];
    match word.strip_prefix("text:") {
        Some(rest) if shielded.iter().any(|prefix| rest.starts_with(prefix)) => rest,
        _ => word,
    }
}

/// Reads hex: pairs of digits in either case. Between bytes there may be white space, `:`, `-` or `,`; a group may
/// start with `0x`; `00*47` is a byte 47 times, up to [`REPEAT_MAX`] bytes in all.
///
/// A fault ([`Code::BadHex`]) says at which character, counted from 1, and which it is.
pub fn hex(text: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut repeated = 0;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(is_separator);
        if rest.is_empty() {
            return Ok(bytes);
        }
        let group = &rest[..rest.find(is_separator).unwrap_or(rest.len())];
        read_group(group, &mut bytes, &mut repeated)
            .map_err(|left| bad_hex(text, rest.len() - group.len() + left))?;
        rest = &rest[group.len()..];
    }
}

const fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | ':' | '-' | ',')
}

/// Reads one group between separators. `Err` is how many bytes of the group are left where reading failed.
fn read_group(group: &str, bytes: &mut Vec<u8>, repeated: &mut usize) -> Result<(), usize> {
    let (digits, times) = match group.split_once('*') {
        Some((digits, times)) => (digits, Some(times)),
        None => (group, None),
    };
    let after = group.len() - digits.len();
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(digits);
    if digits.is_empty() {
        return Err(after);
    }
    let mut left = digits.as_bytes();
    while let [high, tail @ ..] = left {
        let high = digit(*high).ok_or(left.len() + after)?;
        let [low, tail @ ..] = tail else { return Err(left.len() + after) };
        let low = digit(*low).ok_or(left.len() - 1 + after)?;
        bytes.push(high << 4 | low);
        left = tail;
    }
    let Some(times) = times else { return Ok(()) };
    let count = times.parse::<usize>().ok().filter(|_| !times.starts_with('+')).ok_or(times.len())?;
    if count > REPEAT_MAX - *repeated {
        return Err(times.len());
    }
    *repeated += count;
    let byte = bytes.pop().ok_or(group.len())?;
    bytes.resize(bytes.len() + count, byte);
    Ok(())
}

/// `left` is how many bytes of `text` are left where reading failed; 0 means at its end.
#[cold]
fn bad_hex(text: &str, left: usize) -> Fault {
    let at = text.len() - left.min(text.len());
    let position = text[..at].chars().count() + 1;
    let found = text[at..].chars().next().map_or_else(String::new, |character| shown(&character.to_string()));
    Fault::new(Code::BadHex, "").arg("value", shown(text)).detail(format_args!("{position}: '{found}'"))
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Reads base64 (RFC 4648, sections 4 and 5: either alphabet, padded or not). White space is skipped.
fn base64(text: &str) -> Result<Vec<u8>, Fault> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
    let plain: String = text
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .map(|character| match character {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    STANDARD.decode(plain).map_err(|error| {
        Fault::new(Code::BadValue, "").arg("name", "b64").arg("value", shown(text)).detail(error)
    })
}

/// Reads the backslash notation: `\n \r \t \0 \\ \" \'`, `\e` (ESC), `\xHH` for one byte, `\u{20ac}` for one character.
/// Everything else stands for itself; any other letter after a backslash is a fault ([`Code::BadValue`]).
pub fn unescape(text: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let used = read_escape(after, &mut bytes).ok_or_else(|| bad_escape(after))?;
        rest = &after[used..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Reads what follows a backslash; gives how many bytes of it were used.
fn read_escape(text: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let simple = match *text.as_bytes().first()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        b'e' => 0x1b,
        quoted @ (b'\\' | b'"' | b'\'') => quoted,
        b'x' => {
            let [_, high, low, ..] = text.as_bytes() else { return None };
            bytes.push(digit(*high)? << 4 | digit(*low)?);
            return Some(3);
        }
        b'u' => {
            let (digits, _) = text.strip_prefix("u{")?.split_once('}')?;
            if digits.len() > 6 || digits.starts_with('+') {
                return None;
            }
            let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Some("u{}".len() + digits.len());
        }
        _ => return None,
    };
    bytes.push(simple);
    Some(1)
}

#[cold]
fn bad_escape(after: &str) -> Fault {
    // As much as the longest escape there is, `u{10ffff}`.
    let start: String = after.chars().take(9).collect();
    let mut value = String::from("\\");
    escape(&start, Shape::Text, &mut value);
    Fault::new(Code::BadValue, "").arg("name", "escape").arg("value", value)
}

/// The bytes as lower-case hex without separators.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits =
        bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

/// The start of a value as a fault may show it.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN).collect();
    let mut safe = String::new();
    escape(&start, Shape::Text, &mut safe);
    if start.len() < text.len() {
        safe.push('…');
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_say_which_notation_they_are_in() {
        for (word, bytes) in [
            ("hello", &b"hello"[..]),
            ("你好", "你好".as_bytes()),
            (r"a\n", br"a\n"),
            ("", b""),
            ("hex:DE AD be ef", b"\xde\xad\xbe\xef"),
            ("hex:", b""),
            ("b64:aGk=", b"hi"),
            ("b64:aG k", b"hi"),
            ("b64:-_8", b"\xfb\xff"),
            ("text:hex:00", b"hex:00"),
            ("text:text:x", b"text:x"),
            ("text:x", b"text:x"),
            ("http://x", b"http://x"),
        ] {
            assert_eq!(parse(word).unwrap(), bytes, "{word}");
        }
    }

    #[test]
    fn hex_takes_what_other_tools_print() {
        for (text, bytes) in [
            ("deadbeef", &b"\xde\xad\xbe\xef"[..]),
            ("de:ad-be,ef\n", b"\xde\xad\xbe\xef"),
            ("0xde, 0XAD, 0xbeef", b"\xde\xad\xbe\xef"),
            ("1b 00*3 ff", b"\x1b\0\0\0\xff"),
            ("0102*2", b"\x01\x02\x02"),
            ("ff*0", b""),
            ("  ", b""),
        ] {
            assert_eq!(hex(text).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn bad_hex_says_where_and_what() {
        for (text, detail) in [
            ("de ag", "5: 'g'"),
            ("g0", "1: 'g'"),
            ("de a", "4: 'a'"),
            ("00 你0", "4: '你'"),
            ("0x", "3: ''"),
            ("*3", "1: '*'"),
            ("00*", "4: ''"),
            ("00*x", "4: 'x'"),
            ("00*+1", "4: '+'"),
            ("00*1048577", "4: '1'"),
            ("0\u{1b}", r"2: '\x1b'"),
        ] {
            let fault = hex(text).unwrap_err();
            assert_eq!((fault.code, fault.detail.as_deref()), (Code::BadHex, Some(detail)), "{text}");
        }
    }

    #[test]
    fn repeats_are_bounded_in_all() {
        assert_eq!(hex("00*1048576").unwrap().len(), REPEAT_MAX);
        assert!(hex("00*1048576 00*1").is_err());
        assert!(hex("00*99999999999999999999999").is_err());
    }

    #[test]
    fn a_long_bad_value_is_shown_by_its_start() {
        let fault = hex(&"zz".repeat(500)).unwrap_err();
        assert_eq!(fault.value("value").chars().count(), SHOWN + 1);
    }

    #[test]
    fn bad_base64_is_a_fault() {
        for word in ["b64:a", "b64:a*", "b64:=aGk"] {
            let fault = parse(word).unwrap_err();
            assert_eq!((fault.code, fault.value("name")), (Code::BadValue, "b64"), "{word}");
        }
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(
            unescape(r#"a\n\r\t\0\\\"\'\e\x7F\u{20ac}"#).unwrap(),
            b"a\n\r\t\0\\\"'\x1b\x7f\xe2\x82\xac"
        );
    }

    #[test]
    fn bad_escapes_are_faults() {
        for text in [
            r"\",
            r"\q",
            r"\x",
            r"\x1",
            r"\xg0",
            r"\u{}",
            r"\u{d800}",
            r"\u{110000}",
            r"\u{41",
            r"\u{+41}",
            r"\你",
        ] {
            let fault = unescape(text).unwrap_err();
            assert_eq!((fault.code, fault.value("value")), (Code::BadValue, text));
        }
    }

    proptest! {
        #[test]
        fn hex_reads_what_it_writes(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(hex(&to_hex(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in "[0-9a-fxX*: \\\\nux{}+\u{4f60}]{0,30}") {
            let _ = (parse(&text), hex(&text), unescape(&text), parse(&format!("b64:{text}")));
        }
    }
}
