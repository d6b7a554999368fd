//! Bounds. Peers are hostile until shown otherwise, so every buffer, queue, wait and count has one.

use std::time::Duration;

/// The bounds of one server or client. The defaults are what a server left standing on a network wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once, in all. Further connections are closed at once, and counted.
    pub sessions: usize,
    /// Sessions at once from one address. `usize::MAX` is no bound of its own.
    pub sessions_per_address: usize,
    /// New sessions a second from one address; 0 is no bound.
    pub rate_per_address: u32,
    /// A session in which nothing moved for this long ends. `None`: never (streams only).
    pub idle: Option<Duration>,
    /// A datagram peer silent for this long is forgotten.
    pub datagram_idle: Duration,
    /// Bytes waiting to be written to one peer before it is cut. Default 8 MiB.
    pub waiting_per_peer: usize,
    /// Bytes waiting to be written in all. Default 256 MiB.
    pub waiting: usize,
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
            sessions_per_address: usize::MAX,
            rate_per_address: 0,
            idle: None,
            datagram_idle: Duration::from_mins(1),
            waiting_per_peer: WAITING,
            waiting: 256 << 20,
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
