//! To a server through a proxy: the client's side of [`Socks`] (SOCKS 5, RFC 1928 and RFC 1929) and of [`Http`] (CONNECT,
//! RFC 9110 section 9.3.6).
//!
//! Both end with a tunnel: what follows is the server's. A name goes to the proxy as it is, which looks it up itself.

mod http;
mod socks;

use std::fmt;
use std::net::SocketAddr;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::gate::Start;

pub use http::{HEAD_MAX, Http};
pub use socks::{Reply, Socks};

/// The longest name of a host, in bytes (RFC 1928 section 5 has one byte for the length).
pub const NAME_MAX: usize = 255;

/// Where the proxy is to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Name(String, u16),
    Ip(SocketAddr),
}

/// A name that cannot be given to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("bad host")]
pub struct BadTarget;

impl Target {
    /// A host by its name, which the proxy resolves. ASCII alone: a name in another script goes in its `xn--` form.
    pub fn name(name: &str, port: u16) -> Result<Self, BadTarget> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
            return Err(BadTarget);
        }
        Ok(Self(Place::Name(name.to_owned(), port)))
    }

    /// A host by its address.
    pub const fn ip(address: SocketAddr) -> Self {
        Self(Place::Ip(address))
    }
}

impl fmt::Display for Target {
    /// `host:port`, an IPv6 address in brackets and without its zone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Name(name, port) => write!(f, "{name}:{port}"),
            Place::Ip(address) => SocketAddr::new(address.ip(), address.port()).fmt(f),
        }
    }
}

/// A name and password for a proxy. It goes to the proxy as it is; its memory is wiped, and nothing shows the password.
#[derive(Clone)]
pub struct Login {
    user: String,
    password: Zeroizing<String>,
}

/// A name or password that no proxy can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadLogin {
    /// A length of zero, or more than one byte can say (RFC 1929 section 2).
    #[error("bad length")]
    Length,
    /// A control character (RFC 7617 section 2).
    #[error("control character")]
    Control,
    /// A colon in the name, which would end it (RFC 7617 section 2).
    #[error("forbidden colon")]
    Colon,
}

impl Login {
    /// A login that both kinds of proxy can take.
    pub fn new(user: &str, password: &str) -> Result<Self, BadLogin> {
        if [user, password].iter().any(|text| !(1..=255).contains(&text.len())) {
            return Err(BadLogin::Length);
        }
        if [user, password].iter().any(|text| text.chars().any(char::is_control)) {
            return Err(BadLogin::Control);
        }
        if user.contains(':') {
            return Err(BadLogin::Colon);
        }
        Ok(Self { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The tunnel is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The proxy's own end towards the server, where it tells (SOCKS, by address).
    pub bound: Option<SocketAddr>,
}

/// Why there is no tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The other end is no such proxy.
    #[error("no {kind} proxy: {start}")]
    Foreign {
        /// What was expected: `SOCKS 5` or `HTTP`.
        kind: &'static str,
        /// Its first bytes.
        start: Start,
    },
    /// The proxy wants a login, and none was given; or it wants a kind that is not known here.
    #[error("login needed: {said}")]
    LoginNeeded {
        /// What it said, safe to show.
        said: String,
    },
    /// The proxy does not take this login.
    #[error("login refused: {said}")]
    LoginRefused {
        /// What it said, safe to show.
        said: String,
    },
    /// The SOCKS proxy could not or would not connect.
    #[error("not connected: {reply}")]
    Reply {
        /// Its answer.
        reply: Reply,
    },
    /// The HTTP proxy could not or would not connect.
    #[error("not connected: {line}")]
    Status {
        /// The status code.
        status: u16,
        /// The status line, safe to show.
        line: String,
    },
    /// An answer that breaks the rules.
    #[error("malformed answer: {what}")]
    Malformed {
        /// What is wrong: a word that never changes, as `bare-lf`.
        what: &'static str,
    },
    /// An HTTP head that does not end.
    #[error("head over {HEAD_MAX}")]
    TooLong,
    /// The stream ended within the handshake.
    #[error("stream ended")]
    Ended,
    /// It was fed after it was done.
    #[error("already over")]
    Over,
}
