//! What a certificate is good for: its alternative names (RFC 5280 section 4.2.1.6).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_core::Fault;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::{DistinguishedName, MAX_NAMES, cut, identifier, unreadable};
use crate::notation::to_hex;

/// One name that a certificate is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A DNS name; `*.` in front stands for one label.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// An e-mail address.
    Email(String),
    /// A URI, as SPIFFE has.
    Uri(String),
    /// Another kind of name, by that kind, or one that cannot be read.
    Other(String),
    /// The subject's common name: the certificate has no alternative names. TLS stacks of today take it for no server's
    /// name (RFC 9525 section 2).
    CommonName(String),
}

impl Name {
    /// The kind, as a word for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Ip(_) => "ip",
            Self::Email(_) => "email",
            Self::Uri(_) => "uri",
            Self::Other(_) => "other",
            Self::CommonName(_) => "common-name",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Dns(text)
            | Self::Email(text)
            | Self::Uri(text)
            | Self::Other(text)
            | Self::CommonName(text) => f.write_str(text),
        }
    }
}

/// The names, as many as are kept, and how many more there are.
pub(super) fn read(
    x509: &X509Certificate<'_>,
    subject: &DistinguishedName,
) -> Result<(Vec<Name>, usize), Fault> {
    let Some(found) = x509.subject_alternative_name().map_err(unreadable)? else {
        let common = subject.common_name().map(|name| Name::CommonName(name.to_owned()));
        return Ok((common.into_iter().collect(), 0));
    };
    let all = &found.value.general_names;
    let names = all.iter().take(MAX_NAMES).map(name).collect();
    Ok((names, all.len().saturating_sub(MAX_NAMES)))
}

fn name(name: &GeneralName<'_>) -> Name {
    let other = |kind: &str, data: &[u8]| Name::Other(cut(&format!("{kind}:{}", to_hex(data))));
    match name {
        GeneralName::DNSName(text) => Name::Dns(cut(text)),
        GeneralName::RFC822Name(text) => Name::Email(cut(text)),
        GeneralName::URI(text) => Name::Uri(cut(text)),
        GeneralName::IPAddress(octets) => ip(octets).map_or_else(|| other("ip", octets), Name::Ip),
        GeneralName::OtherName(id, data) => other(&identifier(id), data),
        GeneralName::RegisteredID(id) => Name::Other(identifier(id)),
        GeneralName::DirectoryName(_) => Name::Other("directoryName".to_owned()),
        GeneralName::X400Address(_) => Name::Other("x400Address".to_owned()),
        GeneralName::EDIPartyName(_) => Name::Other("ediPartyName".to_owned()),
        GeneralName::Invalid(tag, data) => other(&tag.0.to_string(), data),
    }
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).into());
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).into())).ok()
}
