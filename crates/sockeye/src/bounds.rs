//! The bounds that flags and `sockeye.toml` set by the same names.

use std::num::NonZeroUsize;
use std::time::Duration;

use sockeye_core::limits::WAITING;
use sockeye_core::{Code, Endpoint, Fault, Limits, Network, quantity};
use sockeye_net::server::Wait;

/// Bounds of a run, set by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bounds of sessions.
    pub limits: Limits,
    /// End after this many sessions, in all. `None`: never.
    pub max_sessions: Option<u64>,
    /// Where metrics are to be had.
    pub metrics: Option<Endpoint>,
    /// On how many threads TCP peers are answered, at most [`THREADS`].
    pub threads: NonZeroUsize,
    /// How threads wait.
    pub wait: Wait,
}

/// The most threads that a server may have.
pub const THREADS: usize = 256;

impl Default for Bounds {
    /// One thread: it leaves the other cores to those it talks to.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_sessions: None,
            metrics: None,
            threads: NonZeroUsize::MIN,
            wait: Wait::default(),
        }
    }
}

impl Bounds {
    /// Every name that [`Bounds::set`] knows, without dashes.
    pub const NAMES: &'static [&'static str] = &[
        "once",
        "max-sessions",
        "allow",
        "deny",
        "max-at-once",
        "max-per-address",
        "rate-per-address",
        "max-pending",
        "tls-timeout",
        "header-timeout",
        "auth-timeout",
        "frame-timeout",
        "max-session-time",
        "max-rate",
        "max-message",
        "max-waiting",
        "max-memory",
        "drain",
        "metrics",
        "threads",
        "spin",
    ];

    /// Sets one bound. `once` and `spin` take `true` or `false`; counts, sizes and time-outs are at least 1 of their unit; networks have
    /// commas between them.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let bad = || bad_value(name, value);
        match name {
            "once" => match value {
                "true" => self.max_sessions = Some(1),
                "false" => {}
                _ => return Err(bad()),
            },
            "max-sessions" => self.max_sessions = Some(count(value).ok_or_else(bad)?),
            "allow" => self.limits.allow = Network::list(value)?,
            "deny" => self.limits.deny = Network::list(value)?,
            "max-at-once" => self.limits.sessions = index(value).ok_or_else(bad)?,
            "max-per-address" => self.limits.sessions_per_address = index(value).ok_or_else(bad)?,
            "rate-per-address" => {
                let rate = count(value).and_then(|rate| u32::try_from(rate).ok());
                self.limits.rate_per_address = rate.ok_or_else(bad)?;
            }
            "max-pending" => {
                self.limits.pending = value.parse().map_err(|_| bad().detail("N, START:PERCENT:FULL"))?;
            }
            "tls-timeout" => self.limits.handshakes.tls = some_time(name, value)?,
            "header-timeout" => self.limits.handshakes.header = some_time(name, value)?,
            "auth-timeout" => self.limits.handshakes.auth = some_time(name, value)?,
            "frame-timeout" => self.limits.frame_time = Some(some_time(name, value)?),
            "max-session-time" => self.limits.session_time = Some(some_time(name, value)?),
            "max-rate" => {
                let rate = u32::try_from(size(name, value)?).map_err(|_| bad())?;
                self.limits.rate = Some(rate);
            }
            "max-message" => {
                self.limits.message = size(name, value)?;
                // Who may send so much may be answered as much, unless told otherwise.
                if self.limits.waiting_per_peer == WAITING {
                    self.limits.waiting_per_peer = WAITING.max(self.limits.message.saturating_mul(2));
                }
            }
            "max-waiting" => self.limits.waiting_per_peer = size(name, value)?,
            "max-memory" => self.limits.memory = size(name, value)?,
            "drain" => self.limits.drain = span(name, value)?,
            "metrics" => self.metrics = Some(value.parse()?),
            "threads" => {
                let threads = value.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= THREADS);
                self.threads = threads.ok_or_else(|| bad().detail(format!("1..={THREADS}")))?;
            }
            "spin" => match value {
                "true" => self.wait = Wait::Spinning,
                "false" => {}
                _ => return Err(bad()),
            },
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

/// A time in which something must be done; none at all would leave no chance.
fn some_time(name: &str, value: &str) -> Result<Duration, Fault> {
    let time = span(name, value)?;
    if time.is_zero() { Err(bad_value(name, value).detail("1ms, 5s, 1m, …")) } else { Ok(time) }
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
            ("max-memory", "64m"),
            ("drain", "500ms"),
            ("allow", "10.0.0.0/8,::1"),
            ("deny", "10.1.0.0/16\n192.0.2.1"),
            ("max-pending", "10:30:100"),
            ("tls-timeout", "3s"),
            ("header-timeout", "2s"),
            ("auth-timeout", "1s"),
            ("frame-timeout", "30s"),
            ("max-session-time", "1h"),
            ("max-rate", "64k"),
            ("metrics", ":9464"),
            ("threads", "4"),
            ("spin", "true"),
        ] {
            bounds.set(name, value).unwrap();
        }
        assert_eq!(bounds.max_sessions, Some(1));
        assert_eq!(bounds.limits.sessions, 10);
        assert_eq!(bounds.limits.sessions_per_address, 3);
        assert_eq!(bounds.limits.rate_per_address, 7);
        assert_eq!(bounds.limits.message, 65_536);
        assert_eq!(bounds.limits.waiting_per_peer, 1 << 20);
        assert_eq!(bounds.limits.memory, 64 << 20);
        assert_eq!(bounds.limits.drain, Duration::from_millis(500));
        assert_eq!((bounds.limits.allow.len(), bounds.limits.deny.len()), (2, 2));
        assert_eq!(bounds.limits.pending.to_string(), "10:30:100");
        let handshakes = bounds.limits.handshakes;
        assert_eq!([handshakes.auth, handshakes.header, handshakes.tls], [1, 2, 3].map(Duration::from_secs));
        assert_eq!(bounds.limits.frame_time, Some(Duration::from_secs(30)));
        assert_eq!(bounds.limits.session_time, Some(Duration::from_hours(1)));
        assert_eq!(bounds.limits.rate, Some(65_536));
        assert_eq!((bounds.threads.get(), bounds.wait), (4, Wait::Spinning));
        assert_eq!(bounds.metrics.unwrap().to_string(), "tcp://:9464");
    }

    #[test]
    fn nothing_and_nonsense_are_refused() {
        for name in Bounds::NAMES {
            let fault = Bounds::default().set(name, "pink").unwrap_err();
            match *name {
                "allow" | "deny" => assert_eq!(fault.code, Code::BadNetwork),
                "metrics" => assert_eq!(fault.code, Code::BadEndpoint),
                _ => assert_eq!((fault.code, fault.value("name")), (Code::BadValue, *name)),
            }
        }
        for name in
            ["tls-timeout", "frame-timeout", "max-session-time", "max-rate", "max-memory", "max-pending"]
        {
            assert!(Bounds::default().set(name, "0").is_err(), "{name}");
        }
        assert!(Bounds::default().set("max-sessions", "0").is_err());
        assert!(Bounds::default().set("max-message", "0").is_err());
        for threads in ["0", "257", "-1"] {
            assert!(Bounds::default().set("threads", threads).is_err(), "{threads}");
        }
    }
}
