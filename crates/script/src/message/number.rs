//! Typed numbers: how a number stands in a message, and which number stands there.

use std::cmp::Ordering;
use std::fmt;

use crate::data::Unfit;

/// The most digits of an `asciiN`; all such numbers fit 64 bits.
const DIGITS: u8 = 19;

/// The most bytes of a `varint`.
const VARINT: usize = 10;

/// How a number stands in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// An integer of so many bytes.
    Int { bytes: u8, sign: Sign, order: Order },
    /// IEEE 754, of 4 or 8 bytes.
    Float { bytes: u8, order: Order },
    /// Unsigned LEB128, at most ten bytes.
    Varint,
    /// Decimal digits, padded with zeros to so many.
    Ascii(u8),
}

/// Whether an integer may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Unsigned,
    Signed,
}

/// Which byte comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Big,
    Little,
}

/// Every fixed word for a type of number, for help and highlighting; `asciiN` stands for as many words as there are
/// digits.
pub(crate) const WORDS: &[&str] = &[
    "u8", "u16be", "u16le", "u24be", "u24le", "u32be", "u32le", "u64be", "u64le", "i8", "i16be", "i16le",
    "i24be", "i24le", "i32be", "i32le", "i64be", "i64le", "f32be", "f32le", "f64be", "f64le", "varint",
];

/// A number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

/// What stood where a number was looked for.
pub(crate) enum Reading {
    /// A number, of so many bytes.
    Number(Number, usize),
    /// Too few bytes.
    Short,
    /// No number; the byte at this offset is the first that is wrong.
    Wrong(usize),
}

impl Type {
    /// The type of this word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        if word == "varint" {
            return Some(Self::Varint);
        }
        if let Some(digits) = word.strip_prefix("ascii") {
            let digits = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            return (1..=DIGITS).contains(&digits).then_some(Self::Ascii(digits));
        }
        if !WORDS.contains(&word) {
            return None;
        }
        let digits = word[1..].trim_end_matches(char::is_alphabetic);
        let bytes = digits.parse::<u8>().ok()? / 8;
        let order = if word.ends_with("le") { Order::Little } else { Order::Big };
        Some(match word.as_bytes()[0] {
            b'f' => Self::Float { bytes, order },
            b'i' => Self::Int { bytes, sign: Sign::Signed, order },
            _ => Self::Int { bytes, sign: Sign::Unsigned, order },
        })
    }

    /// How many bytes it takes, if that is always the same.
    pub(crate) const fn size(self) -> Option<usize> {
        match self {
            Self::Int { bytes, .. } | Self::Float { bytes, .. } | Self::Ascii(bytes) => Some(bytes as usize),
            Self::Varint => None,
        }
    }

    /// Appends the number.
    pub(crate) fn write(self, number: Number, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let unfit = || Unfit::Range { value: number.to_string().into(), kind: self.to_string().into() };
        match self {
            Self::Float { bytes, order } => {
                let value = number.as_f64();
                if bytes == 4 {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "the nearest number is what is meant"
                    )]
                    let single = value as f32;
                    if single.is_infinite() && value.is_finite() {
                        return Err(unfit());
                    }
                    order.push(&single.to_be_bytes(), out);
                } else {
                    order.push(&value.to_be_bytes(), out);
                }
            }
            Self::Int { bytes, sign, order } => {
                let value = number.as_int().filter(|value| sign.holds(*value, bytes)).ok_or_else(unfit)?;
                order.push(&value.to_be_bytes()[16 - usize::from(bytes)..], out);
            }
            Self::Varint => {
                let mut left =
                    number.as_int().and_then(|value| u64::try_from(value).ok()).ok_or_else(unfit)?;
                while left > 0x7f {
                    out.push(left.to_le_bytes()[0] | 0x80);
                    left >>= 7;
                }
                out.push(left.to_le_bytes()[0]);
            }
            Self::Ascii(digits) => {
                let text = number.as_int().filter(|value| *value >= 0).ok_or_else(unfit)?.to_string();
                let zeros = usize::from(digits).checked_sub(text.len()).ok_or_else(unfit)?;
                out.extend(std::iter::repeat_n(b'0', zeros));
                out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(())
    }

    /// Reads the number at the beginning of `bytes`.
    pub(crate) fn read(self, bytes: &[u8]) -> Reading {
        let size = match self {
            Self::Varint => return varint(bytes),
            Self::Int { bytes, .. } | Self::Float { bytes, .. } | Self::Ascii(bytes) => usize::from(bytes),
        };
        if matches!(self, Self::Ascii(_)) {
            let here = &bytes[..bytes.len().min(size)];
            if let Some(wrong) = here.iter().position(|byte| !byte.is_ascii_digit()) {
                return Reading::Wrong(wrong);
            }
        }
        let Some(field) = bytes.get(..size) else { return Reading::Short };
        let number = match self {
            Self::Int { sign, order, .. } => Number::Int(integer(field, sign, order)),
            Self::Float { order, .. } => Number::Float(float(field, order)),
            _ => Number::Int(field.iter().fold(0, |value, digit| value * 10 + i128::from(digit - b'0'))),
        };
        Reading::Number(number, size)
    }

    /// Whether its values may have a fraction.
    pub(crate) const fn is_float(self) -> bool {
        matches!(self, Self::Float { .. })
    }

    /// The number a variable's digits say.
    pub(crate) fn parse(self, text: &[u8]) -> Result<Number, Unfit> {
        let words = String::from_utf8_lossy(text);
        let trimmed = words.trim();
        let number = trimmed.parse().map(Number::Int).ok();
        let number =
            number.or_else(|| self.is_float().then(|| trimmed.parse().map(Number::Float).ok()).flatten());
        number.ok_or_else(|| {
            let value: String = words.chars().take(64).collect();
            Unfit::Range { value: value.into(), kind: self.to_string().into() }
        })
    }
}

fn integer(field: &[u8], sign: Sign, order: Order) -> i128 {
    let add = |value: i128, byte: &u8| value << 8 | i128::from(*byte);
    let value = match order {
        Order::Big => field.iter().fold(0, add),
        Order::Little => field.iter().rev().fold(0, add),
    };
    let bits = 8 * field.len();
    if sign == Sign::Signed && value >> (bits - 1) == 1 { value - (1 << bits) } else { value }
}

fn float(field: &[u8], order: Order) -> f64 {
    let mut bytes = [0; 8];
    let bytes = &mut bytes[..field.len()];
    bytes.copy_from_slice(field);
    if order == Order::Little {
        bytes.reverse();
    }
    if let Ok(single) = <[u8; 4]>::try_from(&*bytes) {
        return f64::from(f32::from_be_bytes(single));
    }
    <[u8; 8]>::try_from(&*bytes).map_or(f64::NAN, f64::from_be_bytes)
}

fn varint(bytes: &[u8]) -> Reading {
    let mut value = 0_i128;
    for (at, byte) in bytes.iter().take(VARINT).enumerate() {
        value |= i128::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return if value > i128::from(u64::MAX) {
                Reading::Wrong(at)
            } else {
                Reading::Number(Number::Int(value), at + 1)
            };
        }
    }
    if bytes.len() < VARINT { Reading::Short } else { Reading::Wrong(VARINT - 1) }
}

impl Sign {
    const fn holds(self, value: i128, bytes: u8) -> bool {
        let span = 1_i128 << (8 * bytes);
        match self {
            Self::Unsigned => 0 <= value && value < span,
            Self::Signed => -span / 2 <= value && value < span / 2,
        }
    }
}

impl Order {
    fn push(self, big: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Big => out.extend_from_slice(big),
            Self::Little => out.extend(big.iter().rev()),
        }
    }
}

impl Number {
    /// The number as written: `12`, `-1`, `0x1f`, `1.5`, `1e3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        if !digits.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let whole = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
            Some(hex) if hex.starts_with('+') => None,
            Some(hex) => i128::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        };
        match whole {
            Some(value) => Some(Self::Int(if negative { -value } else { value })),
            None if digits.starts_with("0x") || digits.starts_with("0X") => None,
            None => text.parse().ok().map(Self::Float).filter(|number| number.as_f64().is_finite()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "the nearest number is what is meant")]
    fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    /// The integer, if it is one.
    pub(crate) fn as_int(self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(value),
            Self::Float(_) => None,
        }
    }

    /// Which is greater; `None` where one of them is no number.
    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (left, right) => left.as_f64().partial_cmp(&right.as_f64()),
        }
    }
}

impl PartialEq for Number {
    /// The same number in the same way: a value that is no number is itself.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Float(left), Self::Float(right)) => left.to_bits() == right.to_bits(),
            _ => false,
        }
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
        }
    }
}

impl fmt::Display for Type {
    /// Its word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = |bytes: u8, order: Order| match order {
            _ if bytes == 1 => "",
            Order::Big => "be",
            Order::Little => "le",
        };
        match *self {
            Self::Int { bytes, sign, order: first } => {
                let letter = if sign == Sign::Signed { 'i' } else { 'u' };
                write!(f, "{letter}{}{}", u32::from(bytes) * 8, order(bytes, first))
            }
            Self::Float { bytes, order: first } => {
                write!(f, "f{}{}", u32::from(bytes) * 8, order(bytes, first))
            }
            Self::Varint => f.write_str("varint"),
            Self::Ascii(digits) => write!(f, "ascii{digits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(word: &str, number: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        Type::of(word)?.write(Number::parse(number)?, &mut out).ok()?;
        Some(out)
    }

    #[test]
    fn numbers_stand_as_their_types_say() {
        for (word, number, bytes) in [
            ("u8", "255", &b"\xff"[..]),
            ("u16be", "0x0102", b"\x01\x02"),
            ("u16le", "258", b"\x02\x01"),
            ("u24be", "1", b"\0\0\x01"),
            ("u24le", "0x010203", b"\x03\x02\x01"),
            ("u64be", "18446744073709551615", &[0xff; 8]),
            ("i8", "-1", b"\xff"),
            ("i16be", "-2", b"\xff\xfe"),
            ("i64le", "-9223372036854775808", b"\0\0\0\0\0\0\0\x80"),
            ("f32be", "1.5", b"\x3f\xc0\0\0"),
            ("f64le", "-2", b"\0\0\0\0\0\0\0\xc0"),
            ("varint", "300", b"\xac\x02"),
            ("varint", "0", b"\0"),
            ("ascii4", "42", b"0042"),
        ] {
            assert_eq!(written(word, number).as_deref(), Some(bytes), "{word}({number})");
            let Reading::Number(read, used) = Type::of(word).unwrap().read(bytes) else { panic!("{word}") };
            assert_eq!(used, bytes.len());
            assert_eq!(
                read.compare(Number::parse(number).unwrap()),
                Some(Ordering::Equal),
                "{word}({number})"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (word, number) in [
            ("u8", "256"),
            ("u8", "-1"),
            ("i8", "128"),
            ("u16be", "1.5"),
            ("ascii2", "100"),
            ("ascii2", "-1"),
            ("varint", "-1"),
            ("f32be", "1e300"),
        ] {
            assert_eq!(written(word, number), None, "{word}({number})");
        }
        for number in ["", "-", "x", "0x", "0x+1", "inf", "nan", "1e999", "+1", "--1"] {
            assert_eq!(Number::parse(number), None, "{number}");
        }
        for word in ["u9", "u16", "u8be", "ascii", "ascii0", "ascii20", "ascii+4", "f16be"] {
            assert_eq!(Type::of(word), None, "{word}");
        }
    }

    #[test]
    fn every_word_is_its_type() {
        for word in WORDS {
            assert_eq!(Type::of(word).unwrap().to_string(), *word);
        }
        assert_eq!(Type::of("ascii19").unwrap().to_string(), "ascii19");
    }
}
