//! The server's side: who is it, challenge, check of the proof, signature.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::keys::{constant_time_eq, hmac, sha256, xor};
use super::message::{ClientFinal, ClientFirst, Flag};
use super::{ChannelBinding, Name, Nonce, Refusal, Verifier};

/// Which of the two mechanisms the client named (RFC 5802 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// `SCRAM-SHA-256`.
    Plain,
    /// `SCRAM-SHA-256-PLUS`.
    Plus,
}

/// A server that knows who the client says it is.
#[derive(Debug)]
pub struct Server {
    name: Name,
    nonce: String,
    /// What `c` must be.
    bound: String,
    /// `client-first-message-bare`.
    bare: String,
}

impl Server {
    /// Takes `client-first-message` of SCRAM-SHA-256. `offered` is the binding of this connection, if SCRAM-SHA-256-PLUS
    /// was offered too.
    pub fn plain(first: &str, offered: Option<&ChannelBinding>) -> Result<Self, Refusal> {
        Self::open(first, offered, Variant::Plain)
    }

    /// Takes `client-first-message` of SCRAM-SHA-256-PLUS.
    pub fn plus(first: &str, binding: &ChannelBinding) -> Result<Self, Refusal> {
        Self::open(first, Some(binding), Variant::Plus)
    }

    pub(crate) fn open(
        first: &str,
        offered: Option<&ChannelBinding>,
        variant: Variant,
    ) -> Result<Self, Refusal> {
        let message = ClientFirst::read(first)?;
        let mut bound = message.header.as_bytes().to_vec();
        match (message.flag, variant, offered) {
            (Flag::No, Variant::Plain, _) | (Flag::Unoffered, Variant::Plain, None) => {}
            (Flag::Exporter, Variant::Plus, Some(binding)) => bound.extend_from_slice(&binding.0),
            // RFC 5802 section 6: it was offered, and the client did not see it. Somebody took the offer away.
            (Flag::Unoffered, Variant::Plain, Some(_)) | (Flag::Exporter, Variant::Plus, None) => {
                return Err(Refusal::Binding);
            }
            _ => return Err(Refusal::Malformed { what: "gs2-flag-of-another-mechanism" }),
        }
        let name = Name::new(&message.name).map_err(|_| Refusal::Malformed { what: "bad-name" })?;
        Ok(Self {
            name,
            nonce: message.nonce.to_owned(),
            bound: BASE64_STANDARD.encode(bound),
            bare: message.bare.to_owned(),
        })
    }

    /// Who the client says it is.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// `server-first-message`. `nonce` must be new and random.
    pub fn challenge(self, verifier: Verifier, nonce: &Nonce) -> (String, Challenged) {
        let nonce = self.nonce + nonce.as_str();
        let salt = BASE64_STANDARD.encode(&verifier.salt);
        let first = format!("r={nonce},s={salt},i={}", verifier.iterations);
        let signed = [&self.bare, ",", &first, ","].concat();
        (first, Challenged { name: self.name, nonce, bound: self.bound, signed, verifier })
    }
}

/// A server that waits for the proof.
pub struct Challenged {
    name: Name,
    nonce: String,
    bound: String,
    /// `AuthMessage`, as far as it is known.
    signed: String,
    verifier: Verifier,
}

impl Challenged {
    /// Checks `client-final-message`: `server-final-message`, and who it is.
    pub fn check(self, last: &str) -> Result<(String, Name), Refusal> {
        let message = ClientFinal::read(last)?;
        if !constant_time_eq(message.nonce.as_bytes(), self.nonce.as_bytes()) {
            return Err(Refusal::Nonce);
        }
        if !constant_time_eq(message.binding.as_bytes(), self.bound.as_bytes()) {
            return Err(Refusal::Binding);
        }
        let signed = self.signed + message.unproved;
        let signature = hmac(&self.verifier.stored, &[signed.as_bytes()]);
        let answer = hmac(&self.verifier.server, &[signed.as_bytes()]);
        let key = xor(&message.proof, &signature);
        if !constant_time_eq(&sha256(&key), &self.verifier.stored) {
            return Err(Refusal::Credentials);
        }
        Ok((format!("v={}", BASE64_STANDARD.encode(answer)), self.name))
    }

    /// Who the client says it is.
    pub const fn name(&self) -> &Name {
        &self.name
    }
}

impl fmt::Debug for Challenged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenged").field("name", &self.name).finish_non_exhaustive()
    }
}
