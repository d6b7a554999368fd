//! Distinguished names (RFC 5280 section 4.1.2.4), as people write them and as RFC 4514 does.

use std::fmt;

use sockeye_core::Fault;
use x509_parser::asn1_rs::{Any, Tag, ToDer};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::{MAX_PARTS, cut, identifier, unreadable};
use crate::notation::to_hex;

/// Attribute types that have a short name: RFC 4514 section 3 and RFC 4519, then those every tool shows by name.
const TYPES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.4", "SN"),
    ("2.5.4.42", "GN"),
    ("2.5.4.12", "title"),
    ("2.5.4.97", "organizationIdentifier"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// A subject or an issuer. Shown as people write it: the common name first, then organisation, unit, place, the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName {
    /// What it is made of, in the certificate's order: sets of attributes, most of them of one.
    sets: Vec<Vec<Attribute>>,
    raw: Vec<u8>,
}

/// One part of a distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its type by short name, or its object identifier.
    pub kind: String,
    /// Its text; hex of its DER, after `#`, where it is no text.
    pub value: String,
    /// As RFC 4514 has it.
    written: String,
}

impl DistinguishedName {
    pub(super) fn read(name: &X509Name<'_>) -> Result<Self, Fault> {
        let count = name.iter_attributes().count();
        if count > MAX_PARTS {
            return Err(unreadable(format_args!("attributes: {count} > {MAX_PARTS}")));
        }
        let sets = name.iter_rdn().map(|set| set.iter().map(Attribute::read).collect()).collect();
        Ok(Self { sets, raw: name.as_raw().to_vec() })
    }

    /// Its parts, in the certificate's order.
    pub fn attributes(&self) -> impl DoubleEndedIterator<Item = &Attribute> {
        self.sets.iter().flatten()
    }

    /// The common name; of several the last, which is the most specific.
    pub fn common_name(&self) -> Option<&str> {
        self.attributes().rfind(|part| part.kind == "CN").map(|part| part.value.as_str())
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// Whether both are the same name, byte for byte.
    pub fn is(&self, other: &Self) -> bool {
        self.raw == other.raw
    }

    /// The whole name as RFC 4514 section 2 writes it: the last part first, exact, commas between.
    pub fn rfc4514(&self) -> String {
        let sets = self.sets.iter().rev().map(|set| {
            let parts: Vec<&str> = set.iter().map(|part| part.written.as_str()).collect();
            parts.join("+")
        });
        sets.collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rank =
            |part: &&Attribute| TYPES.iter().position(|(_, name)| *name == part.kind).unwrap_or(TYPES.len());
        let mut parts: Vec<&Attribute> = self.attributes().collect();
        parts.sort_by_key(rank);
        for (at, part) in parts.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}={}", part.kind, shielded(&part.value))?;
        }
        Ok(())
    }
}

impl Attribute {
    fn read(part: &AttributeTypeAndValue<'_>) -> Self {
        let id = identifier(part.attr_type());
        let known = TYPES.iter().find(|(known, _)| *known == id).map(|(_, name)| *name);
        let hex =
            || format!("#{}", part.attr_value().to_der_vec().map(|der| to_hex(&der)).unwrap_or_default());
        let text = text(part.attr_value());
        // A type by number has its value as hex of the DER: RFC 4514 section 2.4.
        let written = match (known, &text) {
            (Some(kind), Some(text)) => format!("{kind}={}", shielded(text)),
            _ => format!("{}={}", known.unwrap_or(&id), hex()),
        };
        let value = cut(&text.unwrap_or_else(hex));
        Self { kind: known.map_or(id, str::to_owned), value, written: cut(&written) }
    }
}

/// A string of any of the types a name may have (RFC 5280 section 4.1.2.4).
fn text(value: &Any<'_>) -> Option<String> {
    let data = value.data;
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            std::str::from_utf8(data).ok().map(str::to_owned)
        }
        // T.61 in name, Latin-1 in what was ever written.
        Tag::T61String => Some(data.iter().copied().map(char::from).collect()),
        Tag::BmpString if data.len().is_multiple_of(2) => {
            let units: Vec<u16> =
                data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        Tag::UniversalString if data.len().is_multiple_of(4) => {
            let number = |four: &[u8]| u32::from_be_bytes([four[0], four[1], four[2], four[3]]);
            data.chunks_exact(4).map(|four| char::from_u32(number(four))).collect()
        }
        _ => None,
    }
}

/// A value with what would end it, or begin another, behind a backslash: RFC 4514 section 2.4.
fn shielded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, character) in value.chars().enumerate() {
        let edge = (at == 0 && matches!(character, ' ' | '#')) || (at == last && character == ' ');
        if character == '\0' {
            out.push_str("\\00");
            continue;
        }
        if edge || matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::asn1_rs::{Class, Header, Length};

    fn any(tag: Tag, data: &[u8]) -> Any<'_> {
        Any::new(Header::new(Class::Universal, false, tag, Length::Definite(data.len())), data)
    }

    #[test]
    fn strings_of_every_type_are_read() {
        assert_eq!(text(&any(Tag::BmpString, &[0x4e, 0x2d, 0x56, 0xfd])).unwrap(), "中国");
        assert_eq!(text(&any(Tag::UniversalString, &[0, 1, 0xf4, 0x1f])).unwrap(), "🐟");
        assert_eq!(text(&any(Tag::T61String, b"caf\xe9")).unwrap(), "café");
        assert_eq!(text(&any(Tag::Utf8String, b"\xff")), None);
        assert_eq!(text(&any(Tag::BmpString, &[0xd8, 0])), None);
        assert_eq!(text(&any(Tag::UniversalString, &[0, 1, 2])), None);
        assert_eq!(text(&any(Tag::OctetString, b"x")), None);
    }

    /// The examples of RFC 4514 section 4.
    #[test]
    fn what_would_end_a_value_is_shielded() {
        assert_eq!(shielded("James \"Jim\" Smith, III"), r#"James \"Jim\" Smith\, III"#);
        assert_eq!(shielded("Before\rAfter"), "Before\rAfter");
        assert_eq!(shielded(" # "), r"\ #\ ");
        assert_eq!(shielded("#x"), r"\#x");
        assert_eq!(shielded("a\0"), r"a\00");
        assert_eq!(shielded(""), "");
        assert_eq!(shielded(" "), r"\ ");
    }
}
