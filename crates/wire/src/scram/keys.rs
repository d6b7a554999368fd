//! The keys of RFC 5802 section 3, and what a server keeps of a password.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use super::{Name, Password};

/// The iterations of new verifiers: OWASP's figure for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet).
pub const DEFAULT_ITERATIONS: u32 = 600_000;

/// The fewest iterations taken (RFC 7677 section 4).
pub const MIN_ITERATIONS: u32 = 4096;

/// The most iterations taken: some seconds of work, which is all that a hostile server may ask for.
pub const MAX_ITERATIONS: u32 = 10_000_000;

/// The longest salt, in bytes.
pub const SALT_MAX: usize = 256;

/// Bytes of a key.
pub(super) type Key = [u8; 32];

/// What a server keeps of a password: enough to check a proof, and not enough to make one.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// What the password was salted with: 1 to [`SALT_MAX`] bytes.
    pub(crate) salt: Vec<u8>,
    /// How often it was hashed.
    pub(crate) iterations: u32,
    /// H(ClientKey).
    pub(crate) stored: Key,
    /// HMAC(SaltedPassword, "Server Key").
    pub(crate) server: Key,
}

impl Verifier {
    /// The verifier of a password. `iterations` is brought between [`MIN_ITERATIONS`] and [`MAX_ITERATIONS`]. With
    /// [`DEFAULT_ITERATIONS`] this takes a processor some tenths of a second, on purpose.
    pub fn derive(password: &Password, salt: &[u8; 16], iterations: u32) -> Self {
        let iterations = iterations.clamp(MIN_ITERATIONS, MAX_ITERATIONS);
        let salted = salted(password, salt, iterations);
        let client = client_key(&salted);
        Self { salt: salt.to_vec(), iterations, stored: sha256(&*client), server: *server_key(&salted) }
    }

    /// How often the password was hashed.
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Stands for a user that does not exist: the same name gets the same salt each time, and no password fits. `like` is a
    /// verifier of a real user to take after, so that neither length nor iterations give the decoy away.
    pub(crate) fn decoy(secret: &DecoySecret, name: &Name, like: Option<&Self>) -> Self {
        let draw = |what: &[u8], part: usize| {
            let part = (part as u64).to_be_bytes();
            hmac(&secret.0, &[what, &part, name.as_str().as_bytes()])
        };
        let (length, iterations) =
            like.map_or((16, DEFAULT_ITERATIONS), |like| (like.salt.len(), like.iterations));
        let mut salt = Vec::new();
        for part in 0..length.div_ceil(32) {
            salt.extend_from_slice(&draw(b"salt", part));
        }
        salt.truncate(length);
        Self { salt, iterations, stored: draw(b"stored", 0), server: draw(b"server", 0) }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.stored.zeroize();
        self.server.zeroize();
    }
}

impl ZeroizeOnDrop for Verifier {}

/// Thirty-two random bytes from which the salts of users that do not exist are drawn. It should outlive the process: a
/// salt that changes with a restart tells that its user does not exist.
#[derive(Clone)]
pub struct DecoySecret(Zeroizing<Key>);

impl DecoySecret {
    /// The secret of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A number below `count` that belongs to `name`; 0 if `count` is 0.
    pub(crate) fn pick(&self, name: &Name, count: usize) -> usize {
        let [a, b, c, d, ..] = hmac(&self.0, &[b"pick", name.as_str().as_bytes()]);
        (u32::from_be_bytes([a, b, c, d]) as usize).checked_rem(count).unwrap_or(0)
    }
}

impl fmt::Debug for DecoySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecoySecret(…)")
    }
}

/// SaltedPassword := Hi(Normalize(password), salt, i).
pub(super) fn salted(password: &Password, salt: &[u8], iterations: u32) -> Zeroizing<Key> {
    let mut salted = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.bytes(), salt, iterations, &mut *salted);
    salted
}

/// ClientKey := HMAC(SaltedPassword, "Client Key").
pub(super) fn client_key(salted: &Key) -> Zeroizing<Key> {
    Zeroizing::new(hmac(salted, &[b"Client Key"]))
}

/// ServerKey := HMAC(SaltedPassword, "Server Key").
pub(super) fn server_key(salted: &Key) -> Zeroizing<Key> {
    Zeroizing::new(hmac(salted, &[b"Server Key"]))
}

/// HMAC-SHA-256 of the parts, one after the other.
pub(super) fn hmac(key: &Key, parts: &[&[u8]]) -> Key {
    // HMAC fills a shorter key up with zeros itself (RFC 2104 section 2).
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

pub(crate) fn sha256(bytes: &[u8]) -> Key {
    Sha256::digest(bytes).into()
}

/// Whether both are the same, in a time that tells nothing of where they differ.
pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

pub(super) fn xor(a: &Key, b: &Key) -> Key {
    std::array::from_fn(|at| a[at] ^ b[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoys_are_steady_and_take_after_the_real() {
        let secret = DecoySecret::new([7; 32]);
        let (a, b) = (Name::new("a").unwrap(), Name::new("b").unwrap());
        let decoy = Verifier::decoy(&secret, &a, None);
        assert_eq!(decoy, Verifier::decoy(&secret, &a, None));
        assert_eq!((decoy.salt.len(), decoy.iterations), (16, DEFAULT_ITERATIONS));
        assert_ne!(decoy.salt, Verifier::decoy(&secret, &b, None).salt);
        assert_ne!(decoy.salt, Verifier::decoy(&DecoySecret::new([8; 32]), &a, None).salt);
        let like = Verifier { salt: vec![0; 70], iterations: 4096, stored: [0; 32], server: [0; 32] };
        let decoy = Verifier::decoy(&secret, &a, Some(&like));
        assert_eq!((decoy.salt.len(), decoy.iterations), (70, 4096));
        assert!((secret.pick(&a, 5) < 5) && secret.pick(&a, 0) == 0);
    }

    #[test]
    fn secrets_are_never_shown() {
        let verifier = Verifier::derive(&Password::new("pencil").unwrap(), &[9; 16], 1);
        assert_eq!(format!("{verifier:?}"), "Verifier { iterations: 4096, .. }");
        assert_eq!(format!("{:?}", DecoySecret::new([7; 32])), "DecoySecret(…)");
    }
}
