//! Durations and sizes as people write them: `500ms`, `2s`, `1.5h`; `64k`, `8m`. What is shown parses to the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::fault::{Code, Fault};

/// Units of time and their nanoseconds, longest first. A bare number is seconds.
const TIMES: &[(&str, u64)] =
    &[("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000)];

/// Units of size and their bytes, largest first. A bare number is bytes.
const SIZES: &[(&str, u64)] = &[("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)];

/// Reads a duration: a number, which may have a fraction, then `ms`, `s`, `m`, `h` or nothing for seconds. At most
/// 2⁶⁴ - 1 nanoseconds (584 years); what is finer than a nanosecond is dropped. `name` is what a fault calls it.
pub fn duration(name: &str, text: &str) -> Result<Duration, Fault> {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = if unit.is_empty() { "s" } else { unit };
    let nanos = TIMES
        .iter()
        .find(|(known, _)| *known == unit)
        .and_then(|(_, nanos)| times(number, *nanos))
        .ok_or_else(|| bad(name, text))?;
    Ok(Duration::from_nanos(nanos))
}

/// Reads a size in bytes: a whole number, then `k` (1,024), `m`, `g` in either case, or nothing. `name` is what a
/// fault calls it.
pub fn size(name: &str, text: &str) -> Result<u64, Fault> {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = match unit {
        "" => Some(1),
        _ => SIZES.iter().find(|(known, _)| known.eq_ignore_ascii_case(unit)).map(|(_, scale)| *scale),
    };
    scale
        .filter(|_| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|scale| number.parse::<u64>().ok()?.checked_mul(scale))
        .ok_or_else(|| bad(name, text))
}

/// `number` times `scale`, exactly, for a number such as `12`, `1.5` or `.5`.
fn times(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.is_empty() || number.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // A digit's share of even an hour is below a nanosecond after the fourteenth.
    let mut part = 0;
    let mut share = u128::from(scale) * 1_000_000;
    for digit in fraction.bytes().take(20) {
        share /= 10;
        part += u128::from(digit - b'0') * share;
    }
    whole.checked_mul(scale)?.checked_add(u64::try_from(part / 1_000_000).ok()?)
}

fn bad(name: &str, value: &str) -> Fault {
    Fault::new(Code::BadValue, "").arg("name", name).arg("value", value)
}

/// A duration, shown in the longest unit that needs no fraction, else in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = Fault;

    /// As [`duration`], with a fault that has no name yet.
    fn from_str(text: &str) -> Result<Self, Fault> {
        duration("", text).map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if let Some((unit, scale)) = TIMES.iter().find(|(_, scale)| nanos.is_multiple_of(u128::from(*scale)))
        {
            return write!(f, "{}{unit}", nanos / u128::from(*scale));
        }
        let fraction = format!("{:06}", nanos % 1_000_000);
        write!(f, "{}.{}ms", nanos / 1_000_000, fraction.trim_end_matches('0'))
    }
}

/// A size in bytes, shown in the largest unit that needs no fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = Fault;

    /// As [`size`], with a fault that has no name yet.
    fn from_str(text: &str) -> Result<Self, Fault> {
        size("", text).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, scale): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*scale);
        match SIZES.iter().find(whole) {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, nanos, shown) in [
            ("500ms", 500_000_000, "500ms"),
            ("2s", 2_000_000_000, "2s"),
            ("2", 2_000_000_000, "2s"),
            ("1.5", 1_500_000_000, "1500ms"),
            (".25s", 250_000_000, "250ms"),
            ("90", 90_000_000_000, "90s"),
            ("120s", 120_000_000_000, "2m"),
            ("1.5h", 5_400_000_000_000, "90m"),
            ("0", 0, "0s"),
            ("0.000001ms", 1, "0.000001ms"),
            ("0.0000001ms", 0, "0s"),
            ("1.000000000000000000000000009s", 1_000_000_000, "1s"),
        ] {
            let read = duration("timeout", text).unwrap();
            assert_eq!(read, Duration::from_nanos(nanos), "{text}");
            assert_eq!(Span(read).to_string(), shown);
            assert_eq!(shown.parse(), Ok(Span(read)));
        }
    }

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes, shown) in [
            ("64k", 65_536, "64k"),
            ("1024K", 1 << 20, "1m"),
            ("3g", 3 << 30, "3g"),
            ("1000", 1000, "1000"),
            ("0", 0, "0"),
        ] {
            assert_eq!(size("max", text).unwrap(), bytes, "{text}");
            assert_eq!(Size(bytes).to_string(), shown);
            assert_eq!(shown.parse(), Ok(Size(bytes)));
        }
    }

    #[test]
    fn what_is_no_quantity_is_a_fault() {
        for text in [
            "",
            ".",
            "1.",
            "s",
            "ms",
            "-1s",
            "+1",
            "1 s",
            "1S",
            "1M",
            "1us",
            "1e3",
            "1.2.3s",
            "∞",
            "1s2",
            "99999999999999h",
            "18446744073709551616",
        ] {
            let fault = duration("timeout", text).unwrap_err();
            assert_eq!((fault.code, fault.value("name")), (Code::BadValue, "timeout"), "{text}");
        }
        for text in ["", "k", "-1", "+1", "1.5k", "1kb", "1 k", "18446744073709551615k", "1t"] {
            assert_eq!(size("max", text).unwrap_err().code, Code::BadValue, "{text}");
        }
    }
}
