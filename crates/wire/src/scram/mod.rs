//! SCRAM-SHA-256 (RFC 5802, RFC 7677): both ends prove that they know a password, and neither sends it. The server
//! keeps a [`Verifier`], which opens no door by itself.
//!
//! With a [`ChannelBinding`] (`tls-exporter`, RFC 9266) each end also proves that it sits on the same TLS connection as
//! the other, so that nobody relays the proof from another one. [`Client`] and [`Server`] are the exchange, message by
//! message; how messages travel is another's matter, as [`auth`](mod@crate::auth)'s. Nonces, salts and bindings are given.

mod client;
mod keys;
mod message;
mod prep;
mod server;

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use thiserror::Error;

pub use client::{Client, Expected};
pub use keys::{DEFAULT_ITERATIONS, DecoySecret, MAX_ITERATIONS, MIN_ITERATIONS, SALT_MAX, Verifier};
pub(crate) use keys::{constant_time_eq, sha256};
pub use prep::{BadName, BadPassword, NAME_MAX, Name, PASSWORD_MAX, Password};
pub(crate) use server::Variant;
pub use server::{Challenged, Server};

/// The keying material of a TLS connection under the label `EXPORTER-Channel-Binding`, with an empty context: 32 bytes
/// that are the same at both its ends and nowhere else (RFC 9266 section 2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelBinding(pub [u8; 32]);

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelBinding(…)")
    }
}

/// The one type of channel binding that is spoken (RFC 9266).
pub(crate) const BINDING_TYPE: &str = "tls-exporter";

/// What a client does about channel binding (RFC 5802 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The connection has none: `n`.
    None,
    /// It has one, and the server did not offer to use it: `y`. A server that did offer knows by this that somebody
    /// between took the offer away.
    Unoffered,
    /// It is used: `p=tls-exporter`.
    Exporter(ChannelBinding),
}

/// A random string of one exchange: printable ASCII without a comma (RFC 5802 section 5.1, `r`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Eighteen random bytes in base64: 144 bits.
    pub fn from_random(bytes: [u8; 18]) -> Self {
        Self(BASE64_STANDARD.encode(bytes))
    }

    /// A nonce as it stands on the wire; `None` if it is empty or has a character that no nonce may have.
    pub fn of(text: &str) -> Option<Self> {
        message::is_nonce(text).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why an exchange came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A message that does not follow the grammar of RFC 5802 section 7.
    #[error("malformed message: {what}")]
    Malformed {
        /// What is wrong: a word that never changes, as `no-salt`.
        what: &'static str,
    },
    /// The other end's nonce does not continue ours.
    #[error("foreign nonce")]
    Nonce,
    /// The server wants a number of iterations that is not taken.
    #[error("{given} iterations")]
    Iterations {
        /// What it wants.
        given: u64,
    },
    /// The binding is missing, of an unknown type, of another connection, or was taken away.
    #[error("wrong binding")]
    Binding,
    /// The password is wrong or there is no such user, which is not told apart.
    #[error("wrong credentials")]
    Credentials,
    /// The server could not prove that it knows the password.
    #[error("wrong signature")]
    ServerSignature,
    /// The server refused in its last message, with this word (RFC 5802 section 7, `server-error-value`).
    #[error("server error: {word}")]
    Server {
        /// Its word, safe to show.
        word: String,
    },
}
