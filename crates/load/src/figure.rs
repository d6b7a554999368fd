//! Rates, short times and sizes as people write them: `10k` messages a second, `250us`, `16-1024`.

use std::time::Duration;

use sockeye_core::quantity;
use sockeye_core::{Code, Fault};

use crate::message::Sizes;

/// The highest rate that can be asked for, messages a second.
pub const FASTEST: f64 = 1e8;

/// The lowest.
pub const SLOWEST: f64 = 1e-3;

/// Reads a rate: a number, perhaps with a fraction, then `k` (1,000), `m` (1,000,000) or nothing, a second.
pub fn rate(name: &str, text: &str) -> Result<f64, Fault> {
    let (number, scale) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1e3),
        Some((at, 'm' | 'M')) => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    let rate = plain(number).map(|number| number * scale);
    rate.filter(|rate| (SLOWEST..=FASTEST).contains(rate)).ok_or_else(|| bad(name, text).detail("0.001-100m"))
}

/// Reads a time as [`quantity::duration`] does, and in `us`, `µs` and `ns`.
pub fn time(name: &str, text: &str) -> Result<Duration, Fault> {
    for (unit, nanos) in [("us", 1e3), ("µs", 1e3), ("ns", 1.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            let nanos = plain(number).map(|number| number * nanos).filter(|nanos| *nanos < 1e18);
            return nanos.map(|nanos| Duration::from_secs_f64(nanos / 1e9)).ok_or_else(|| bad(name, text));
        }
    }
    quantity::duration(name, text)
}

/// Reads a size, or two with `-` between them, at most `most` bytes.
pub fn sizes(name: &str, text: &str, most: usize) -> Result<Sizes, Fault> {
    let one = |text: &str| -> Result<usize, Fault> {
        let size = usize::try_from(quantity::size(name, text)?).unwrap_or(usize::MAX);
        if size > most { Err(bad(name, text).detail(format!("0-{most}"))) } else { Ok(size) }
    };
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let sizes = Sizes { least: one(least)?, most: one(most)? };
    if sizes.least > sizes.most { Err(bad(name, text)) } else { Ok(sizes) }
}

/// A number that is digits and at most one point.
pub(crate) fn plain(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if digits { text.parse().ok() } else { None }
}

pub(crate) fn bad(name: &str, text: &str) -> Fault {
    Fault::new(Code::BadValue, "").arg("name", name).arg("value", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_decimal() {
        for (text, value) in
            [("10k", 10_000.0), ("1.5m", 1_500_000.0), ("0.5", 0.5), ("7", 7.0), ("2K", 2000.0)]
        {
            assert!((rate("--rate", text).unwrap() - value).abs() < 1e-9, "{text}");
        }
        for bad in ["", "k", "-1", "1e3", "0", "101m", "inf", "nan", "1g", "1.2.3"] {
            assert_eq!(rate("--rate", bad).unwrap_err().code, Code::BadValue, "{bad}");
        }
    }

    #[test]
    fn short_times_can_be_written() {
        for (text, nanos) in
            [("250us", 250_000), ("1.5µs", 1500), ("9ns", 9), ("20ms", 20_000_000), ("1", 1_000_000_000)]
        {
            assert_eq!(time("", text).unwrap().as_nanos(), nanos, "{text}");
        }
        for bad in ["us", "-1us", "x", "1e9ns", ""] {
            assert!(time("", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_one_or_a_range() {
        assert_eq!(sizes("", "64", 100).unwrap(), Sizes { least: 64, most: 64 });
        assert_eq!(sizes("", "16-1k", 1024).unwrap(), Sizes { least: 16, most: 1024 });
        for bad in ["", "-", "2-1", "1-", "101", "a"] {
            assert!(sizes("", bad, 100).is_err(), "{bad}");
        }
    }
}
