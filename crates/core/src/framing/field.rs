//! Length fields: how a number stands before a payload. Used by `length`; no framing by itself.

use std::fmt;

use super::{BadFrame, Malformed, Unframeable};

/// How a length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 1 byte.
    U8,
    /// 2 bytes, most significant first.
    U16Be,
    /// 2 bytes, least significant first.
    U16Le,
    /// 3 bytes, most significant first.
    U24Be,
    /// 4 bytes, most significant first.
    U32Be,
    /// 4 bytes, least significant first.
    U32Le,
    /// 8 bytes, most significant first.
    U64Be,
    /// Unsigned LEB128: 7 bits a byte, least significant first, the top bit set on all bytes but the last; at most 10
    /// bytes.
    Varint,
    /// This many decimal digits in ASCII, zero-padded: 1 to 19.
    Ascii(u8),
}

/// What the bytes of a field say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// The number, and how many bytes it took.
    Value(u64, usize),
    /// Its last byte has not come yet.
    More,
}

impl Field {
    /// The words of the fields whose word says all.
    const WORDS: &'static [(&'static str, Self)] = &[
        ("u8", Self::U8),
        ("u16be", Self::U16Be),
        ("u16le", Self::U16Le),
        ("u24be", Self::U24Be),
        ("u32be", Self::U32Be),
        ("u32le", Self::U32Le),
        ("u64be", Self::U64Be),
        ("varint", Self::Varint),
    ];

    /// Most digits of an `ascii` field; all such numbers fit 64 bits.
    const DIGITS: u64 = 19;

    /// Reads a field's word. `None`: no field.
    pub(super) fn parse(word: &str) -> Option<Result<Self, Malformed>> {
        if let Some(digits) = word.strip_prefix("ascii") {
            let digits = super::number(digits).filter(|digits| (1..=Self::DIGITS).contains(digits));
            let digits = digits.and_then(|digits| u8::try_from(digits).ok());
            return Some(digits.map(Self::Ascii).ok_or(Malformed));
        }
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, field)| Ok(*field))
    }

    /// Reads the number at the start of `bytes`. Offsets of faults count from there.
    #[inline]
    pub(super) fn read(self, bytes: &[u8]) -> Result<Reading, BadFrame> {
        let size = match self {
            Self::Varint => return varint(bytes),
            Self::Ascii(digits) => return ascii(bytes, usize::from(digits)),
            Self::U8 => 1,
            Self::U16Be | Self::U16Le => 2,
            Self::U24Be => 3,
            Self::U32Be | Self::U32Le => 4,
            Self::U64Be => 8,
        };
        let Some(bytes) = bytes.get(..size) else { return Ok(Reading::More) };
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        let value = match self {
            Self::U16Le | Self::U32Le => bytes.iter().rev().fold(0, join),
            _ => bytes.iter().fold(0, join),
        };
        Ok(Reading::Value(value, size))
    }

    /// Appends `value`, if the field can hold it.
    #[inline]
    pub(super) fn write(self, value: u64, to: &mut Vec<u8>) -> Result<(), Unframeable> {
        let bytes = value.to_be_bytes();
        let size = match self {
            Self::Varint => {
                put_varint(value, to);
                return Ok(());
            }
            Self::Ascii(digits) => return put_ascii(value, digits, to),
            Self::U8 => 1,
            Self::U16Be | Self::U16Le => 2,
            Self::U24Be => 3,
            Self::U32Be | Self::U32Le => 4,
            Self::U64Be => 8,
        };
        let (high, low) = bytes.split_at(bytes.len() - size);
        if high.iter().any(|byte| *byte != 0) {
            return Err(Unframeable);
        }
        match self {
            Self::U16Le | Self::U32Le => to.extend(low.iter().rev()),
            _ => to.extend_from_slice(low),
        }
        Ok(())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Ascii(digits) = self {
            return write!(f, "ascii{digits}");
        }
        let word = Self::WORDS.iter().find(|(_, field)| field == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

fn varint(bytes: &[u8]) -> Result<Reading, BadFrame> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().enumerate() {
        // The tenth byte holds the 64th bit, and nothing may follow it.
        if at == 9 && *byte > 1 {
            return Err(BadFrame::Length);
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Reading::Value(value, at + 1));
        }
    }
    Ok(Reading::More)
}

fn put_varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

fn ascii(bytes: &[u8], digits: usize) -> Result<Reading, BadFrame> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(digits).enumerate() {
        if !byte.is_ascii_digit() {
            return Err(BadFrame::Byte { at });
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    Ok(if bytes.len() < digits { Reading::More } else { Reading::Value(value, digits) })
}

fn put_ascii(mut value: u64, digits: u8, to: &mut Vec<u8>) -> Result<(), Unframeable> {
    let start = to.len();
    to.resize(start + usize::from(digits), b'0');
    for digit in to[start..].iter_mut().rev() {
        *digit += (value % 10).to_le_bytes()[0];
        value /= 10;
    }
    if value == 0 { Ok(()) } else { Err(Unframeable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Field] = &[
        Field::U8,
        Field::U16Be,
        Field::U16Le,
        Field::U24Be,
        Field::U32Be,
        Field::U32Le,
        Field::U64Be,
        Field::Varint,
        Field::Ascii(1),
        Field::Ascii(4),
        Field::Ascii(19),
    ];

    #[test]
    fn what_is_written_is_read_and_any_part_of_it_asks_for_more() {
        for field in ALL {
            for value in (0..64).map(|bit| 1 << bit).flat_map(|power: u64| [power - 1, power]) {
                let mut bytes = Vec::new();
                if field.write(value, &mut bytes).is_err() {
                    continue;
                }
                assert_eq!(field.read(&bytes), Ok(Reading::Value(value, bytes.len())), "{field} {value}");
                for size in 0..bytes.len() {
                    assert_eq!(field.read(&bytes[..size]), Ok(Reading::More), "{field} {value}");
                }
            }
        }
    }

    #[test]
    fn a_field_refuses_what_it_cannot_hold() {
        for (field, most) in [
            (Field::U8, 255),
            (Field::U16Le, 65_535),
            (Field::U24Be, (1 << 24) - 1),
            (Field::U32Be, (1 << 32) - 1),
            (Field::Ascii(4), 9_999),
        ] {
            assert_eq!(field.write(most, &mut Vec::new()), Ok(()), "{field}");
            assert_eq!(field.write(most + 1, &mut Vec::new()), Err(Unframeable), "{field}");
        }
        assert_eq!(Field::Varint.write(u64::MAX, &mut Vec::new()), Ok(()));
    }

    #[test]
    fn numbers_that_are_none_are_faults() {
        let mut long = [0x80; 11];
        assert_eq!(Field::Varint.read(&long[..9]), Ok(Reading::More));
        assert_eq!(Field::Varint.read(&long), Err(BadFrame::Length));
        long[9] = 2;
        assert_eq!(Field::Varint.read(&long), Err(BadFrame::Length));
        assert_eq!(Field::Ascii(4).read(b"00x"), Err(BadFrame::Byte { at: 2 }));
        assert_eq!(Field::Ascii(4).read(b"-001"), Err(BadFrame::Byte { at: 0 }));
    }

    #[test]
    fn words_round_trip() {
        for field in ALL {
            assert_eq!(Field::parse(&field.to_string()), Some(Ok(*field)));
        }
        for bad in ["ascii", "ascii0", "ascii20", "ascii+4", "asciix"] {
            assert_eq!(Field::parse(bad), Some(Err(Malformed)), "{bad}");
        }
        assert_eq!(Field::parse("u17be"), None);
    }
}
