//! Keys and signatures by the names people know them by, from their object identifiers.

use std::fmt;

use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::identifier;

/// A public key's kind and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// RSA, with the bits of its modulus.
    Rsa {
        /// How many.
        bits: usize,
    },
    /// A key on a curve, by the curve's name: `P-256`. An unnamed one is its object identifier.
    Ecdsa {
        /// The curve.
        curve: String,
    },
    /// A kind that has one size, or that is not told further: `Ed25519`, or its object identifier.
    Other(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ecdsa { curve } => write!(f, "ECDSA {curve}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// Public keys by object identifier: RFC 3279, RFC 4055, RFC 5480, RFC 8410, RFC 9881.
const KEYS: &[(&str, &str)] = &[
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.1.10", "RSA-PSS"),
    ("1.3.101.110", "X25519"),
    ("1.3.101.111", "X448"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

/// Curves by object identifier: RFC 5480 section 2.1.1.1, RFC 5639; secp256k1 of SEC 2; SM2 of GB/T 33560.
const CURVES: &[(&str, &str)] = &[
    ("1.2.840.10045.3.1.7", "P-256"),
    ("1.3.132.0.34", "P-384"),
    ("1.3.132.0.35", "P-521"),
    ("1.3.132.0.33", "P-224"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.2.156.10197.1.301", "SM2"),
];

/// Signatures by object identifier: RFC 3279, RFC 4055, RFC 5758, RFC 8410, RFC 9881.
const SIGNATURES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.4", "RSA with MD5"),
    ("1.2.840.113549.1.1.5", "RSA with SHA-1"),
    ("1.2.840.113549.1.1.10", "RSA-PSS"),
    ("1.2.840.113549.1.1.11", "RSA with SHA-256"),
    ("1.2.840.113549.1.1.12", "RSA with SHA-384"),
    ("1.2.840.113549.1.1.13", "RSA with SHA-512"),
    ("1.2.840.10045.4.1", "ECDSA with SHA-1"),
    ("1.2.840.10045.4.3.2", "ECDSA with SHA-256"),
    ("1.2.840.10045.4.3.3", "ECDSA with SHA-384"),
    ("1.2.840.10045.4.3.4", "ECDSA with SHA-512"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("1.2.156.10197.1.501", "SM2 with SM3"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];

impl Key {
    pub(super) fn read(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let id = identifier(&spki.algorithm.algorithm);
        match (id.as_str(), spki.parsed()) {
            (_, Ok(PublicKey::RSA(key))) => Self::Rsa { bits: bits(key.modulus) },
            ("1.2.840.10045.2.1", _) => {
                let curve =
                    spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
                let id = curve.as_ref().map(identifier).unwrap_or_default();
                Self::Ecdsa { curve: named(CURVES, &id) }
            }
            _ => Self::Other(named(KEYS, &id)),
        }
    }
}

/// The name of a signature's algorithm.
pub fn signature(algorithm: &AlgorithmIdentifier<'_>) -> String {
    named(SIGNATURES, &identifier(&algorithm.algorithm))
}

fn named(table: &[(&str, &str)], id: &str) -> String {
    let name = table.iter().find(|(known, _)| *known == id).map(|(_, name)| (*name).to_owned());
    name.unwrap_or_else(|| id.to_owned())
}

/// The bits of a number, leading zeros not counted.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let Some(first) = number.get(zeros) else { return 0 };
    (number.len() - zeros) * 8 - first.leading_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_first_that_is_set() {
        for (number, count) in
            [(&[][..], 0), (&[0, 0], 0), (&[0, 0x80], 8), (&[1, 0], 9), (&[0, 0xff, 0], 16)]
        {
            assert_eq!(bits(number), count, "{number:?}");
        }
    }

    #[test]
    fn what_has_no_name_is_its_identifier() {
        assert_eq!(named(SIGNATURES, "1.2.840.10045.4.3.2"), "ECDSA with SHA-256");
        assert_eq!(named(SIGNATURES, "1.2.3"), "1.2.3");
    }
}
