//! The first bytes of a peer that speaks something else, as a refusal shows them.

use std::fmt;

use crate::escape::{Shape, escape};
use crate::notation::to_hex;

/// The most bytes a [`Start`] keeps.
pub const SHOWN: usize = 32;

/// The first bytes of what a peer said, at most [`SHOWN`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start(Vec<u8>);

impl Start {
    /// The first of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes[..bytes.len().min(SHOWN)].to_vec())
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Start {
    /// Text in quotes, safe to show, where the bytes are readable ASCII; else lower-case hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readable = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        match std::str::from_utf8(&self.0) {
            Ok(text) if self.0.iter().all(readable) => {
                let mut safe = String::new();
                escape(text, Shape::Line, &mut safe);
                write!(f, "\"{safe}\"")
            }
            _ => f.write_str(&to_hex(&self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_and_the_rest_is_hex() {
        assert_eq!(Start::of(b"GET / HTTP/1.1\r\n").to_string(), r#""GET / HTTP/1.1\r\n""#);
        assert_eq!(Start::of(&[0x16, 3, 1, 2, 0]).to_string(), "1603010200");
        assert_eq!(Start::of("\u{202e}".as_bytes()).to_string(), "e280ae");
        assert_eq!(Start::of(&[b'x'; 99]).bytes().len(), SHOWN);
    }
}
