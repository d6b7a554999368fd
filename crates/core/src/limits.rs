//! Bounds. Peers are hostile until shown otherwise, so every buffer, queue, wait and count has one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::fault::{Code, Fault};
use crate::network::Network;

/// The bounds of one server or client. The defaults are what a server left standing on a network wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once, in all. Further connections are closed at once, and counted.
    pub sessions: usize,
    /// Who may come in; everybody if it is empty. Unix peers and stdin are always let in.
    pub allow: Vec<Network>,
    /// Who may not, whatever `allow` says.
    pub deny: Vec<Network>,
    /// Sessions at once from one source: an IPv4 address, or the /64 of an IPv6 address. `usize::MAX` is no bound of its
    /// own.
    pub sessions_per_address: usize,
    /// New connections a second from one source; 0 is no bound.
    pub rate_per_address: u32,
    /// Connections whose handshakes are not done.
    pub pending: Pending,
    /// A session in which nothing moved for this long ends. `None`: never (streams only).
    pub idle: Option<Duration>,
    /// A session ends after this long, whatever it does. `None`: never.
    pub session_time: Option<Duration>,
    /// A frame that was begun must be whole within this time. `None`: it may take for ever, since a person may type it.
    pub frame_time: Option<Duration>,
    /// Bytes a second that are read from one peer; a datagram beyond it is dropped. `None`: no bound.
    pub rate: Option<u32>,
    /// A datagram peer silent for this long is forgotten.
    pub datagram_idle: Duration,
    /// Bytes waiting to be written to one peer before it is cut. Default 8 MiB.
    pub waiting_per_peer: usize,
    /// Bytes that all sessions may hold together: what waits to be written, and messages that are not whole yet. Beyond it
    /// the session that holds most is cut. Default 256 MiB.
    pub memory: usize,
    /// The longest message a framing takes, in bytes. Default 1 MiB.
    pub message: usize,
    /// How long handshakes of layers may take.
    pub handshakes: Handshakes,
    /// A WebSocket's peer that is silent for this long is pinged, and given up after as much again. Default 30 s.
    pub ping: Duration,
    /// How long sessions may go on once the server was told to stop. Default 5 s.
    pub drain: Duration,
}

/// The longest message a framing takes unless told otherwise: 1 MiB.
pub const MESSAGE: usize = 1 << 20;

/// Bytes that may wait for one peer unless told otherwise: 8 MiB.
pub const WAITING: usize = 8 << 20;

/// The longest payload of a UDP datagram over IPv4: 65,535 less the IP and UDP headers (RFC 768, RFC 791).
pub const DATAGRAM: usize = 65_507;

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 16_384,
            allow: Vec::new(),
            deny: Vec::new(),
            sessions_per_address: usize::MAX,
            rate_per_address: 0,
            pending: Pending::default(),
            idle: None,
            session_time: None,
            frame_time: None,
            rate: None,
            datagram_idle: Duration::from_mins(1),
            waiting_per_peer: WAITING,
            memory: 256 << 20,
            message: MESSAGE,
            handshakes: Handshakes::default(),
            ping: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// How long each kind of handshake may take, for either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshakes {
    /// TLS. Default 10 s.
    pub tls: Duration,
    /// A header: the PROXY protocol's, a WebSocket upgrade, the answer of a proxy. Default 5 s.
    pub header: Duration,
    /// Authentication. Default 10 s.
    pub auth: Duration,
}

impl Default for Handshakes {
    fn default() -> Self {
        Self { tls: Duration::from_secs(10), header: Duration::from_secs(5), auth: Duration::from_secs(10) }
    }
}

/// How many connections may be at their handshakes (TLS, upgrade, authentication) at once, as in OpenSSH's `MaxStartups`:
/// from `start` on, newcomers are turned away by chance, at first `percent` of them, and at `full` all. One source may
/// hold half of `start`, so that no single one makes others lose places.
///
/// The default 512:30:2048 is an eighth of the default of [`Limits::sessions`] at the most. A TLS handshake holds some
/// 30 KiB, so a flood costs 64 MiB and no more; and where a process may have 1,024 descriptors, as is usual, newcomers
/// are turned away before they run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// So many are all welcome.
    pub start: usize,
    /// How many of a hundred are turned away then.
    pub percent: u8,
    /// More there never are.
    pub full: usize,
}

impl Pending {
    /// How many one source may have.
    pub fn share(&self) -> usize {
        (self.start / 2).max(1)
    }
}

impl Default for Pending {
    fn default() -> Self {
        Self { start: 512, percent: 30, full: 2048 }
    }
}

impl FromStr for Pending {
    type Err = Fault;

    /// `START:PERCENT:FULL`, or one number: so many, without chance. The fault has no name yet.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = || Fault::new(Code::BadValue, "").arg("value", text);
        let count = |text: &str| text.parse::<usize>().ok().filter(|count| *count > 0);
        let parts: Vec<Option<usize>> = text.split(':').map(count).collect();
        let (start, percent, full) = match *parts {
            [Some(full)] => (full, 100, full),
            [Some(start), Some(percent), Some(full)] => (start, percent, full),
            _ => return Err(bad()),
        };
        let percent = u8::try_from(percent).ok().filter(|percent| *percent <= 100).ok_or_else(bad)?;
        if start > full { Err(bad()) } else { Ok(Self { start, percent, full }) }
    }
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.start, self.percent, self.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_is_three_numbers_or_one() {
        let read = |text: &str| text.parse::<Pending>().map(|pending| pending.to_string());
        assert_eq!(read("10:30:100").unwrap(), "10:30:100");
        assert_eq!(read("7").unwrap(), "7:100:7");
        for text in ["", "0", "x", "1:2", "1:0:2", "3:30:2", "1:101:2", "1:30:2:3", "-1", "1:30:"] {
            assert_eq!(read(text).unwrap_err().code, Code::BadValue, "{text}");
        }
    }

    #[test]
    fn one_source_never_makes_chance_begin() {
        assert!(Pending::default().share() < Pending::default().start);
        assert_eq!("1".parse::<Pending>().unwrap().share(), 1);
    }
}
