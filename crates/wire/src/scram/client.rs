//! The client's side: first message, answer to the challenge, check of the server's signature.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::keys::{
    Key, MAX_ITERATIONS, MIN_ITERATIONS, client_key, constant_time_eq, hmac, salted, server_key, sha256, xor,
};
use super::message::{self, ServerFirst, escape_name};
use super::{BINDING_TYPE, Binding, Name, Nonce, Password, Refusal};

/// A client that has yet to answer the server's challenge.
pub struct Client {
    password: Password,
    nonce: Nonce,
    /// `gs2-header`, and the binding's bytes after it.
    header: String,
    binding: Vec<u8>,
    /// `client-first-message-bare`.
    bare: String,
}

/// What the server must say to be believed.
pub struct Expected(Zeroizing<Key>);

impl Client {
    /// A client that will prove to be `name`. `nonce` must be new and random.
    pub fn new(name: &Name, password: Password, nonce: Nonce, binding: Binding) -> Self {
        let (header, binding) = match binding {
            Binding::None => ("n,,".to_owned(), Vec::new()),
            Binding::Unoffered => ("y,,".to_owned(), Vec::new()),
            Binding::Exporter(binding) => (format!("p={BINDING_TYPE},,"), binding.0.to_vec()),
        };
        let bare = format!("n={},r={}", escape_name(name.as_str()), nonce.as_str());
        Self { password, nonce, header, binding, bare }
    }

    /// `client-first-message`.
    pub fn first(&self) -> String {
        format!("{}{}", self.header, self.bare)
    }

    /// Answers `server-first-message` with `client-final-message`. This hashes the password as often as the server asks,
    /// which takes tenths of a second, and some seconds at [`MAX_ITERATIONS`].
    pub fn answer(self, challenge: &str) -> Result<(String, Expected), Refusal> {
        let first = ServerFirst::read(challenge)?;
        let added = first.nonce.strip_prefix(self.nonce.as_str()).ok_or(Refusal::Nonce)?;
        if added.is_empty() {
            return Err(Refusal::Nonce);
        }
        let iterations = u32::try_from(first.iterations)
            .ok()
            .filter(|count| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(count))
            .ok_or(Refusal::Iterations { given: first.iterations })?;
        let salted = salted(&self.password, &first.salt, iterations);
        let bound = [self.header.as_bytes(), &self.binding].concat();
        let unproved = format!("c={},r={}", BASE64_STANDARD.encode(bound), first.nonce);
        let signed = [self.bare.as_str(), challenge, &unproved].join(",");
        let key = client_key(&salted);
        let signature = hmac(&sha256(&*key), &[signed.as_bytes()]);
        let proof = BASE64_STANDARD.encode(xor(&key, &signature));
        let expected = hmac(&server_key(&salted), &[signed.as_bytes()]);
        Ok((format!("{unproved},p={proof}"), Expected(Zeroizing::new(expected))))
    }
}

impl Expected {
    /// Checks `server-final-message`. Until this says `Ok`, nothing the server says is to be believed.
    pub fn check(&self, last: &str) -> Result<(), Refusal> {
        let signature = message::server_final(last)?;
        if constant_time_eq(&signature, &*self.0) { Ok(()) } else { Err(Refusal::ServerSignature) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("bare", &self.bare).finish_non_exhaustive()
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expected(…)")
    }
}
