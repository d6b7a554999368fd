//! The bounds that flags and `sockeye.toml` set by the same names.

use std::time::Duration;

use sockeye_core::limits::WAITING;
use sockeye_core::{Code, Fault, Limits, quantity};

/// Bounds of a run, set by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Bounds of sessions.
    pub limits: Limits,
    /// End after this many sessions, in all. `None`: never.
    pub max_sessions: Option<u64>,
}

impl Bounds {
    /// Every name that [`Bounds::set`] knows, without dashes.
    pub const NAMES: &'static [&'static str] = &[
        "once",
        "max-sessions",
        "max-at-once",
        "max-per-address",
        "rate-per-address",
        "max-message",
        "max-waiting",
        "drain",
    ];

    /// Sets one bound. `once` takes `true` or `false`; counts are at least 1; sizes and durations as everywhere.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let bad = || bad_value(name, value);
        match name {
            "once" => match value {
                "true" => self.max_sessions = Some(1),
                "false" => {}
                _ => return Err(bad()),
            },
            "max-sessions" => self.max_sessions = Some(count(value).ok_or_else(bad)?),
            "max-at-once" => self.limits.sessions = index(value).ok_or_else(bad)?,
            "max-per-address" => self.limits.sessions_per_address = index(value).ok_or_else(bad)?,
            "rate-per-address" => {
                let rate = count(value).and_then(|rate| u32::try_from(rate).ok());
                self.limits.rate_per_address = rate.ok_or_else(bad)?;
            }
            "max-message" => {
                self.limits.message = size(name, value)?;
                // Who may send so much may be answered as much, unless told otherwise.
                if self.limits.waiting_per_peer == WAITING {
                    self.limits.waiting_per_peer = WAITING.max(self.limits.message.saturating_mul(2));
                }
            }
            "max-waiting" => self.limits.waiting_per_peer = size(name, value)?,
            "drain" => self.limits.drain = span(name, value)?,
            _ => return Err(bad()),
        }
        Ok(())
    }
}

/// A duration as a flag takes it: `500ms`, `2s`, bare seconds.
pub fn span(name: &str, value: &str) -> Result<Duration, Fault> {
    quantity::duration(name, value)
}

/// A size as a flag takes it, in bytes and at least 1: `64k` is 65,536.
pub fn size(name: &str, value: &str) -> Result<usize, Fault> {
    usize::try_from(quantity::size(name, value)?)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| bad_value(name, value))
}

/// A count of at least 1.
pub fn count(value: &str) -> Option<u64> {
    value.parse().ok().filter(|count| *count > 0)
}

/// The fault of a flag's value that cannot be read.
pub fn bad_value(name: &str, value: &str) -> Fault {
    Fault::new(Code::BadValue, "").arg("name", name).arg("value", value)
}

fn index(value: &str) -> Option<usize> {
    count(value).and_then(|count| usize::try_from(count).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_set_by_name() {
        let mut bounds = Bounds::default();
        for (name, value) in [
            ("once", "true"),
            ("max-at-once", "10"),
            ("max-per-address", "3"),
            ("rate-per-address", "7"),
            ("max-message", "64k"),
            ("max-waiting", "1m"),
            ("drain", "500ms"),
        ] {
            bounds.set(name, value).unwrap();
        }
        assert_eq!(bounds.max_sessions, Some(1));
        assert_eq!(bounds.limits.sessions, 10);
        assert_eq!(bounds.limits.sessions_per_address, 3);
        assert_eq!(bounds.limits.rate_per_address, 7);
        assert_eq!(bounds.limits.message, 65_536);
        assert_eq!(bounds.limits.waiting_per_peer, 1 << 20);
        assert_eq!(bounds.limits.drain, Duration::from_millis(500));
    }

    #[test]
    fn nothing_and_nonsense_are_refused() {
        for name in Bounds::NAMES {
            let fault = Bounds::default().set(name, "pink").unwrap_err();
            assert_eq!((fault.code, fault.value("name")), (Code::BadValue, *name));
        }
        assert!(Bounds::default().set("max-sessions", "0").is_err());
        assert!(Bounds::default().set("max-message", "0").is_err());
    }
}
