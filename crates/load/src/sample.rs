//! The first of what went wrong, shown whole: one of each class.

use serde::{Deserialize, Serialize};

use crate::dialogue::Extract;

/// The most bytes of a message that are kept, and how many of them come before the difference.
const SHOWN: usize = 256;
const BEFORE: usize = 64;

/// The first message, round or connection that ended in one class of error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// The class: the word under which it is counted.
    pub class: String,
    /// Seconds from the beginning of measuring.
    pub at: f64,
    /// Which connection, from 1.
    pub connection: u64,
    /// Which message of that connection, or round of its steps, from 1; 0: none, it is about the connection itself.
    pub message: u64,
    /// Which step.
    pub step: Option<String>,
    /// What the answer should have been, as far as that is known.
    pub expected: Option<Piece>,
    /// What came; `None`: nothing did.
    pub got: Option<Piece>,
    /// The first byte that differs, from 0; `None`: nothing was compared.
    pub differs: Option<usize>,
}

/// A part of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Piece {
    /// The bytes, written as messages are given: text, or `hex:…`.
    #[serde(with = "written")]
    pub bytes: Vec<u8>,
    /// How many bytes come before them.
    pub from: usize,
    /// How long the whole is.
    pub size: usize,
}

impl Piece {
    /// What lies around byte `at` of `whole`.
    pub(crate) fn around(whole: &[u8], at: usize) -> Self {
        let from = if whole.len() <= SHOWN { 0 } else { at.min(whole.len()).saturating_sub(BEFORE) };
        let end = whole.len().min(from + SHOWN);
        Self { bytes: whole[from..end].to_vec(), from, size: whole.len() }
    }

    /// What lies around byte `at` of the whole, as far as it is in the extract.
    pub(crate) fn of(extract: &Extract, at: usize) -> Self {
        let piece = Self::around(&extract.bytes, at.saturating_sub(extract.from));
        Self { from: extract.from + piece.from, size: extract.size, ..piece }
    }
}

impl Sample {
    /// An answer beside what it should have been.
    pub(crate) fn differing(expected: &[u8], got: &[u8]) -> Self {
        let same = expected.iter().zip(got).take_while(|(one, two)| one == two).count();
        Self {
            expected: Some(Piece::around(expected, same)),
            got: Some(Piece::around(got, same)),
            differs: Some(same),
            ..Self::default()
        }
    }

    /// What came, if it was more than nothing, in place of what was waited for.
    pub(crate) fn missing(expected: Option<&[u8]>, got: &[u8]) -> Self {
        Self {
            expected: expected.map(|expected| Piece::around(expected, 0)),
            got: (!got.is_empty()).then(|| Piece::around(got, 0)),
            ..Self::default()
        }
    }
}

/// Keeps the earliest of each class.
pub(crate) fn keep(samples: &mut Vec<Sample>, more: &[Sample]) {
    for sample in more {
        match samples.iter_mut().find(|known| known.class == sample.class) {
            Some(known) if known.at <= sample.at => {}
            Some(known) => *known = sample.clone(),
            None => samples.push(sample.clone()),
        }
    }
}

/// Bytes as messages are written on a command line.
mod written {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use sockeye_wire::notation;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let plain = |text: &&str| {
            let prefixed = ["hex:", "b64:", "text:"].iter().any(|prefix| text.starts_with(prefix));
            !prefixed && !text.chars().any(|it| it.is_control() && !matches!(it, '\t' | '\r' | '\n'))
        };
        match std::str::from_utf8(bytes).ok().filter(plain) {
            Some(text) => to.serialize_str(text),
            None => to.serialize_str(&format!("hex:{}", notation::to_hex(bytes))),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        match text.strip_prefix("hex:") {
            Some(hex) => notation::hex(hex).map_err(|_| D::Error::custom("hex")),
            None => Ok(text.into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_lies_around_the_difference() {
        let (mut one, two) = (vec![b'x'; 1000], vec![b'x'; 900]);
        one[700] = b'y';
        let sample = Sample::differing(&one, &two);
        let expected = sample.expected.unwrap();
        assert_eq!((sample.differs, expected.from, expected.size), (Some(700), 636, 1000));
        assert_eq!(expected.bytes[64], b'y');
        let short = Sample::differing(b"abc", b"ab");
        assert_eq!((short.differs, short.got.unwrap().bytes), (Some(2), b"ab".to_vec()));
    }

    #[test]
    fn bytes_are_read_as_they_were_written() {
        for bytes in [&b"plain \xe4\xbd\xa0\r\n"[..], b"\x00\xff", b"hex:00", b""] {
            let piece = Piece { bytes: bytes.to_vec(), from: 0, size: bytes.len() };
            let text = serde_json::to_string(&piece).unwrap();
            assert_eq!(serde_json::from_str::<Piece>(&text).unwrap(), piece, "{text}");
        }
    }

    #[test]
    fn the_earliest_of_each_class_is_kept() {
        let at = |class: &str, at| Sample { class: class.to_owned(), at, ..Sample::default() };
        let mut kept = vec![at("reset", 2.0)];
        keep(&mut kept, &[at("reset", 1.0), at("timeout", 5.0), at("timeout", 3.0), at("reset", 4.0)]);
        assert_eq!(kept, [at("reset", 1.0), at("timeout", 3.0)]);
    }
}
