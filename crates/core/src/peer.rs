//! Who a session is with.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Numbers the sessions of one process, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An Internet address and port.
    Ip(SocketAddr),
    /// A Unix socket's path; `None` for an unnamed one (most clients). An abstract name (Linux, unix(7)) is a path that
    /// begins with a NUL byte.
    Unix(Option<PathBuf>),
    /// This process's stdin and stdout.
    Stdio,
    /// A process started for the session: its command line.
    Process(String),
}

impl Address {
    /// Whether the address cannot be reached from another machine.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Ip(ip) => ip.ip().to_canonical().is_loopback(),
            Self::Unix(_) | Self::Stdio | Self::Process(_) => true,
        }
    }
}

impl fmt::Display for Address {
    /// `127.0.0.1:9000`, `[::1]:9000`, a path, `-`; an unnamed Unix socket is `unix`, an abstract one begins with `@`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => SocketAddr::new(ip.ip().to_canonical(), ip.port()).fmt(f),
            Self::Unix(Some(path)) => match path.to_string_lossy().strip_prefix('\0') {
                Some(name) => write!(f, "@{name}"),
                None => path.display().fmt(f),
            },
            Self::Unix(None) => f.write_str("unix"),
            Self::Stdio => f.write_str("-"),
            Self::Process(command) => f.write_str(command),
        }
    }
}

/// What a service is told of a new session.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The session's number.
    pub session: SessionId,
    /// The transport's scheme: `tcp`, `udp`, `unix`, `unixgram`, `-`.
    pub transport: &'static str,
    /// Whether messages are datagrams: each whole by itself, from an address that nothing proves, and without an end.
    pub datagrams: bool,
    /// Our end.
    pub local: Address,
    /// The peer's end.
    pub remote: Address,
    /// The name the peer has proved to have, where it was asked to.
    pub user: Option<Box<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_users_know_them() {
        let unix = |path: &str| Address::Unix(Some(path.into())).to_string();
        assert_eq!((unix("/run/x.sock"), unix("\0name")), ("/run/x.sock".into(), "@name".into()));
        let ip = |text: &str| Address::Ip(text.parse().unwrap()).to_string();
        assert_eq!((ip("[::1]:9"), ip("[::ffff:127.0.0.1]:9")), ("[::1]:9".into(), "127.0.0.1:9".into()));
    }
}
