//! Who is there: a handshake of a few lines of text over any stream, or one text message each over a WebSocket. The
//! page for people who write the other end is docs/auth.md.
//!
//! ```text
//! server: sockeye-auth 1 SCRAM-SHA-256-PLUS SCRAM-SHA-256 BEARER
//! client: SCRAM-SHA-256-PLUS <base64 client-first>        client: BEARER <base64url token>
//! server: + <base64 server-first>                         server: ok
//! client: <base64 client-final>
//! server: ok <base64 server-final>
//! ```
//!
//! [`Server`] and [`Client`] are its two sides, [`Users`] the file that says who may come in. A connection gets one try.
//! Lines are UTF-8, end with LF (a CR before it counts for nothing) and have at most [`LINE_MAX`] bytes.

mod client;
mod server;
mod token;
mod users;

use std::fmt;

use thiserror::Error;

use crate::escape::{Shape, escape};
use crate::gate::{Gate, Handshake, Start};
use crate::scram;

pub use client::{Client, Credential};
pub use server::Server;
pub use token::{BadToken, Token, TokenDigest};
pub use users::{BadLine, BadUsers, FILE_MAX, Kind, Set, Users};

/// The longest line, its LF included, in bytes.
pub const LINE_MAX: usize = 4096;

/// What the server's first line begins with.
const GREETING: &str = "sockeye-auth ";

/// The version of the protocol that is spoken.
const VERSION: &str = "1";

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM bound to the TLS connection (RFC 7677, RFC 9266).
    ScramPlus,
    /// SCRAM by itself.
    Scram,
    /// A token, sent as it is.
    Bearer,
}

impl Mechanism {
    /// All, the strongest first: the order in which a server offers them.
    pub const ALL: &'static [Self] = &[Self::ScramPlus, Self::Scram, Self::Bearer];

    /// The name on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ScramPlus => "SCRAM-SHA-256-PLUS",
            Self::Scram => "SCRAM-SHA-256",
            Self::Bearer => "BEARER",
        }
    }

    /// Whether it proves that both ends sit on the same TLS connection.
    pub const fn is_bound(self) -> bool {
        matches!(self, Self::ScramPlus)
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mechanism| mechanism.word() == word)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// Who the client is. A client that came with a token is not told.
    pub name: Option<scram::Name>,
    /// How it was proved.
    pub mechanism: Mechanism,
}

/// Why a server says no: the one word of its last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Wrong password or token, or no such user.
    Credentials,
    /// The client broke the rules, or gave up.
    Protocol,
    /// The channel binding does not fit this connection.
    Binding,
    /// The server is too busy; the same may work later.
    Later,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: &'static [Self] = &[Self::Credentials, Self::Protocol, Self::Binding, Self::Later];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Protocol => "protocol",
            Self::Binding => "binding",
            Self::Later => "later",
        }
    }

    /// The line that says no. A server that has no time for a client may say it in place of its greeting.
    pub fn line(self) -> String {
        format!("no {}\n", self.word())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why nobody was let in, on either side.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The other end says something else.
    #[error("not sockeye-auth: {start}")]
    Foreign {
        /// Its first bytes.
        start: Start,
    },
    /// The server speaks a version that is not known here.
    #[error("sockeye-auth version {version}")]
    Version {
        /// Its version, safe to show.
        version: String,
    },
    /// A line without an end.
    #[error("over {LINE_MAX} bytes")]
    TooLong,
    /// A line that does not follow the rules.
    #[error("malformed line: {what}")]
    Malformed {
        /// What is wrong: a word that never changes, as `not-base64`.
        what: &'static str,
    },
    /// The server offers nothing that the client can do.
    #[error("wanted: {wanted}; offered: {offered}")]
    NothingInCommon {
        /// What the client came with.
        wanted: &'static str,
        /// The mechanisms it offers, safe to show.
        offered: String,
    },
    /// The client names a mechanism that was not offered.
    #[error("{mechanism} not offered")]
    NotOffered {
        /// What it chose.
        mechanism: Mechanism,
    },
    /// The SCRAM exchange came to nothing.
    #[error("{refusal}")]
    Scram {
        /// Why.
        refusal: scram::Refusal,
        /// Who the client said it was, where it has come to that.
        name: Option<scram::Name>,
    },
    /// A token that nobody has.
    #[error("unknown token")]
    Token,
    /// The server said no.
    #[error("denied: {reason}")]
    Denied {
        /// Its reason.
        reason: Reason,
    },
    /// The client gave up.
    #[error("given up")]
    GaveUp,
    /// The stream ended within the handshake.
    #[error("stream ended")]
    Ended,
    /// It was fed after it was done.
    #[error("already over")]
    Over,
}

impl Refusal {
    /// The reason that a server which refuses for this gives its client.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Scram { refusal: scram::Refusal::Credentials, .. } | Self::Token => Reason::Credentials,
            Self::Scram { refusal: scram::Refusal::Binding, .. } => Reason::Binding,
            Self::Denied { reason } => *reason,
            _ => Reason::Protocol,
        }
    }
}

/// Feeds a machine one whole message, as of a WebSocket: one line, whose LF may be left out. A message is never more
/// than one line.
pub fn message<H>(machine: &mut H, text: &[u8], out: &mut Vec<u8>) -> Result<Option<H::Outcome>, Refusal>
where
    H: Handshake<Refusal = Refusal>,
{
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    if line.contains(&b'\n') {
        return Err(Refusal::Malformed { what: "more-than-one-line" });
    }
    if let Gate::Done { outcome, .. } = machine.bytes(line, out)? {
        return Ok(Some(outcome));
    }
    match machine.bytes(b"\n", out)? {
        Gate::Done { outcome, .. } => Ok(Some(outcome)),
        Gate::More => Ok(None),
    }
}

/// A word of the other end's as a refusal may show it.
fn shown(word: &str) -> String {
    let mut safe = String::new();
    escape(&word.chars().take(64).collect::<String>(), Shape::Line, &mut safe);
    safe
}
