//! Checksums.

use std::fmt;

use crc::{CRC_16_MODBUS, CRC_32_ISO_HDLC, Crc};
use sha2::{Digest as _, Sha256};

/// Every checksum by its word.
pub(crate) const WORDS: &[&str] = &["crc16-modbus", "crc32", "crc32-le", "sha256", "sum8"];

const MODBUS: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);
const IEEE: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// CRC-16/MODBUS, low byte first as Modbus RTU sends it (Modbus over Serial Line 1.02, section 2.5.1.2).
    Modbus,
    /// CRC-32 of IEEE 802.3, high byte first.
    Crc32,
    /// The same, low byte first.
    Crc32Le,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// The sum of all bytes modulo 256.
    Sum8,
}

impl Sum {
    /// The checksum of this word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let all = [Self::Modbus, Self::Crc32, Self::Crc32Le, Self::Sha256, Self::Sum8];
        WORDS.iter().position(|known| *known == word).map(|at| all[at])
    }

    /// How many bytes it has.
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::Modbus => 2,
            Self::Crc32 | Self::Crc32Le => 4,
            Self::Sha256 => 32,
            Self::Sum8 => 1,
        }
    }

    /// The checksum of `bytes`, as it stands in a message.
    pub(crate) fn compute(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Modbus => MODBUS.checksum(bytes).to_le_bytes().to_vec(),
            Self::Crc32 => IEEE.checksum(bytes).to_be_bytes().to_vec(),
            Self::Crc32Le => IEEE.checksum(bytes).to_le_bytes().to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sum8 => vec![bytes.iter().fold(0, |sum, byte| u8::wrapping_add(sum, *byte))],
        }
    }
}

impl fmt::Display for Sum {
    /// Its word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Modbus => "crc16-modbus",
            Self::Crc32 => "crc32",
            Self::Crc32Le => "crc32-le",
            Self::Sha256 => "sha256",
            Self::Sum8 => "sum8",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_vectors() {
        let hex = |word: &str, bytes: &[u8]| {
            let sum = Sum::of(word).unwrap();
            assert_eq!(sum.to_string(), word);
            let computed = sum.compute(bytes);
            assert_eq!(computed.len(), sum.size());
            sockeye_wire::notation::to_hex(&computed)
        };
        // The check values of the catalogue of parametrised CRC algorithms.
        assert_eq!(hex("crc16-modbus", b"123456789"), "374b");
        assert_eq!(hex("crc32", b"123456789"), "cbf43926");
        assert_eq!(hex("crc32-le", b"123456789"), "2639f4cb");
        // A read request of Modbus RTU as it is found in manuals: 01 03 00 00 00 0a c5 cd.
        assert_eq!(hex("crc16-modbus", b"\x01\x03\0\0\0\x0a"), "c5cd");
        // FIPS 180-4, "abc".
        assert_eq!(hex("sha256", b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hex("sum8", b"\xff\x02"), "01");
    }
}
