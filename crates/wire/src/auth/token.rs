//! Bearer tokens: thirty-two random bytes that are their own proof. The server keeps their SHA-256 alone.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::scram::{constant_time_eq, sha256};

/// How long a token is as it is written, in letters.
const WRITTEN: usize = 43;

/// A token. Its memory is wiped, and nothing shows it.
#[derive(Clone)]
pub struct Token(Zeroizing<[u8; 32]>);

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("malformed token")]
pub struct BadToken;

impl Token {
    /// The token of these random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a token as it is written: base64url (RFC 4648 section 5) without padding.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        if text.len() != WRITTEN {
            return Err(BadToken);
        }
        let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| BadToken)?);
        let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| BadToken)?;
        Ok(Self::from_random(bytes))
    }

    /// The token as it is written, for the person who is to keep it.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(*self.0))
    }

    /// What a server keeps of it.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(sha256(&*self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The SHA-256 of a token's thirty-two bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest(pub(super) [u8; 32]);

impl TokenDigest {
    /// Whether both are of one token, in a time that tells nothing of where they differ.
    pub fn fits(&self, other: &Self) -> bool {
        constant_time_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_written_and_read_and_never_shown() {
        let token = Token::from_random([0x5a; 32]);
        let text = token.reveal();
        assert_eq!(text.len(), WRITTEN);
        let read = Token::parse(&text).unwrap();
        assert!(read.digest().fits(&token.digest()));
        assert!(!read.digest().fits(&Token::from_random([0; 32]).digest()));
        assert_eq!(format!("{read:?} {:?}", read.digest()), "Token(…) TokenDigest(…)");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let text = Token::from_random([0xfb; 32]).reveal();
        for bad in
            ["", "x", &text[1..], &format!("{}=", *text), &format!("{}AA", *text), &text.replace('-', "+")]
        {
            assert_eq!(Token::parse(bad).err(), Some(BadToken), "{bad}");
        }
        // The last letter holds two bits that mean nothing; they must be zero.
        assert_eq!(Token::parse(&"_".repeat(43)).err(), Some(BadToken));
        assert_eq!(Token::parse(&"A".repeat(100_000)).err(), Some(BadToken));
    }
}
