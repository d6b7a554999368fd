//! Moments as people write them: `2h` (ago), `2026-11-21`, `2026-11-21T15:04:05Z`. All of them are UTC.

use std::time::Duration;

use sockeye_core::{Fault, quantity};
use time::{Date, Month, OffsetDateTime, Time};

use crate::bounds::bad_value;

/// A time that may be long: days (`30d`) as well as all that other times are written in.
pub fn age(name: &str, text: &str) -> Result<Duration, Fault> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    match days.and_then(|days| days.checked_mul(24 * 3600)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => quantity::duration(name, text),
    }
}

/// A moment (nanoseconds since 1970-01-01T00:00:00Z) as RFC 3339 has it, to the second: `2026-11-21T15:04:05Z`.
pub fn utc(moment: u64) -> String {
    let seconds = i64::try_from(moment / 1_000_000_000).unwrap_or(i64::MAX);
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(seconds) else { return String::new() };
    let (hour, minute, second) = moment.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", moment.date())
}

/// Reads a moment: one that was so long before `now`, or a date, which may have a time.
pub(super) fn parse(name: &str, text: &str, now: u64) -> Result<u64, Fault> {
    let bad = || bad_value(name, text).detail("2h, 30d, 2026-11-21, 2026-11-21T15:04:05Z");
    if let Ok(ago) = age(name, text) {
        return Ok(now.saturating_sub(u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX)));
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let moment = numbers(date, '-').and_then(|[year, month, day]| {
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date =
            Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
        let whole = if time.matches(':').count() == 1 { format!("{time}:00") } else { time.to_owned() };
        let [hour, minute, second] = numbers(&whole, ':')?.map(|number| u8::try_from(number).unwrap_or(255));
        Some(date.with_time(Time::from_hms(hour, minute, second).ok()?).assume_utc())
    });
    let nanos = moment.map(OffsetDateTime::unix_timestamp_nanos).ok_or_else(bad)?;
    u64::try_from(nanos).map_err(|_| bad())
}

/// Three numbers with a mark between them.
fn numbers(text: &str, mark: char) -> Option<[u32; 3]> {
    let mut parts = text.split(mark);
    let mut next = || {
        let part = parts.next()?;
        part.parse().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let numbers = [next()?, next()?, next()?];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_000_000_000_000_000;

    #[test]
    fn moments_are_ages_or_dates() {
        let read = |text| parse("--since", text, NOW).ok().map(utc);
        assert_eq!(read("0").unwrap(), utc(NOW));
        assert_eq!(read("2h").unwrap(), utc(NOW - 7_200_000_000_000));
        assert_eq!(read("1d"), read("24h"));
        for (text, moment) in [
            ("2026-11-21", "2026-11-21T00:00:00Z"),
            ("2026-11-21T15:04", "2026-11-21T15:04:00Z"),
            ("2026-11-21 15:04:05", "2026-11-21T15:04:05Z"),
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(moment), "{text}");
        }
        for text in
            ["", "yesterday", "2026-13-01", "2025-02-29", "2026-11-21T24:00", "2026-11", "1960-01-01", "x-1"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
