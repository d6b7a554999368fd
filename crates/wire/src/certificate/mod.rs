//! Certificates as people ask about them: whose, for which names, until when, for what, and the pin. X.509 v3
//! (RFC 5280), read from DER; [`pem`] finds certificates and keys in text.
//!
//! Nothing here judges: no signature is checked, no chain is built, no name compared, and there is no clock (`now` is
//! given). Text is what the certificate says, control characters among it: whoever shows it passes it through
//! [`mod@crate::escape`]. What a hostile certificate can make this hold is bounded by [`MAX_DER`], [`MAX_NAMES`] and
//! [`MAX_TEXT`]. Read [`Certificate`] first.

mod algorithm;
mod name;
mod names;
pub mod pem;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use sockeye_core::{Code, Fault};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ExtendedKeyUsage, KeyUsage, ParsedExtension};
use x509_parser::nom::Err as NomErr;
use x509_parser::prelude::FromDer;

use crate::notation::to_hex;
pub use algorithm::{Key, signature};
pub use name::{Attribute, DistinguishedName};
pub use names::Name;

/// Bytes of a certificate's DER at most; TLS stacks take no more in one message either.
pub const MAX_DER: usize = 64 * 1024;

/// Names of a certificate that are kept; [`Certificate::names_left_out`] counts the rest.
pub const MAX_NAMES: usize = 1000;

/// Characters of one text (a name's part, a DNS name, a serial number's digits) that are kept; a longer one ends
/// with `…`.
pub const MAX_TEXT: usize = 1024;

/// Attributes of a distinguished name, and purposes of a certificate, at most.
const MAX_PARTS: usize = 64;

/// Bytes of an object identifier that is written in numbers.
const MAX_IDENTIFIER: usize = 64;

/// What one certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: DistinguishedName,
    /// Who signed it, as it says itself.
    pub issuer: DistinguishedName,
    /// What it is good for: the alternative names (RFC 5280 section 4.2.1.6), or the subject's common name if there are
    /// none.
    pub names: Vec<Name>,
    /// How many more there are than are kept.
    pub names_left_out: usize,
    /// The serial number, in lower-case hex without leading zeros.
    pub serial: String,
    /// Valid from, in Unix seconds.
    pub not_before: i64,
    /// Valid until, that second included, in Unix seconds.
    pub not_after: i64,
    /// What it may do with other certificates.
    pub authority: Authority,
    /// Names of the key's allowed uses (RFC 5280 section 4.2.1.3); none means that it does not say.
    pub key_usages: Vec<&'static str>,
    /// What it may be used for (RFC 5280 section 4.2.1.12); `None` if it does not say, which allows everything.
    pub purposes: Option<Vec<Purpose>>,
    /// The public key.
    pub key: Key,
    /// What signed it, in words: `ECDSA with SHA-256`, or the object identifier of what has no name here.
    pub signature: String,
    /// SHA-256 of the public key with its algorithm, `sha256:` and base64 (RFC 7469 section 2.4): the same for every
    /// certificate of one key.
    pub pin: String,
    /// SHA-256 of the whole certificate.
    pub fingerprint: Fingerprint,
    /// Whether it names itself as its issuer. Its signature is not checked.
    pub self_signed: bool,
    ids: KeyIds,
}

/// What a certificate may do with others (RFC 5280 section 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Sign none: it is a server's or a client's.
    None,
    /// Sign others, with at most this many further authorities in between; `None` sets no limit.
    Signs {
        /// The path length.
        path: Option<u32>,
    },
}

/// What a certificate may be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A TLS server.
    Server,
    /// A TLS client.
    Client,
    /// Anything.
    Any,
    /// Something else, by the name of RFC 5280 or its object identifier.
    Other(String),
}

/// A SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl std::fmt::Display for Fingerprint {
    /// As browsers and OpenSSL write it: upper-case hex, a colon between bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// Key identifiers, which tell apart issuers of one name (RFC 5280 sections 4.2.1.1 and 4.2.1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct KeyIds {
    own: Option<Vec<u8>>,
    issuer: Option<Vec<u8>>,
}

impl KeyIds {
    fn read(x509: &X509Certificate<'_>) -> Self {
        let mut ids = Self::default();
        for extension in x509.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => ids.own = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    ids.issuer = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        ids
    }

    /// Whether these leave open that the certificate with `issuer`'s identifiers signed the one with `self`'s.
    fn allow(&self, issuer: &Self) -> bool {
        self.issuer.is_none() || issuer.own.is_none() || self.issuer == issuer.own
    }
}

impl Certificate {
    /// Reads a certificate. The fault is of code `bad-certificate`, without the `path` that its sentence has: whoever
    /// knows where the bytes come from adds it.
    pub fn read(der: &[u8]) -> Result<Self, Fault> {
        if der.len() > MAX_DER {
            return Err(unreadable(format_args!("{} > {MAX_DER}", der.len())));
        }
        let (rest, x509) = X509Certificate::from_der(der).map_err(|error| match error {
            NomErr::Error(error) | NomErr::Failure(error) => unreadable(error),
            NomErr::Incomplete(_) => unreadable("EOF"),
        })?;
        if !rest.is_empty() {
            return Err(unreadable(format_args!("+{}", rest.len())));
        }
        let subject = DistinguishedName::read(x509.subject())?;
        let issuer = DistinguishedName::read(x509.issuer())?;
        let (names, names_left_out) = names::read(&x509, &subject)?;
        let constraints = x509.basic_constraints().map_err(unreadable)?.map(|found| found.value);
        let authority = match constraints.filter(|constraints| constraints.ca) {
            Some(constraints) => Authority::Signs { path: constraints.path_len_constraint },
            None => Authority::None,
        };
        let usages = x509.key_usage().map_err(unreadable)?;
        let purposes = x509.extended_key_usage().map_err(unreadable)?;
        let spki = x509.public_key();
        let ids = KeyIds::read(&x509);
        Ok(Self {
            names,
            names_left_out,
            serial: cut(to_hex(x509.raw_serial()).trim_start_matches('0')),
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
            authority,
            key_usages: usages.map(|found| key_usages(*found.value)).unwrap_or_default(),
            purposes: purposes.map(|found| self::purposes(found.value)).transpose()?,
            key: Key::read(spki),
            signature: signature(&x509.signature_algorithm),
            pin: pin(spki.raw),
            fingerprint: Fingerprint(Sha256::digest(der).into()),
            self_signed: subject.is(&issuer) && ids.allow(&ids),
            subject,
            issuer,
            ids,
        })
    }

    /// Whole days that it is still valid, rounded down; negative once it has expired. `now` is in Unix seconds.
    pub const fn days_left(&self, now: i64) -> i64 {
        self.not_after.saturating_sub(now).div_euclid(24 * 3600)
    }

    /// Seconds that it is valid in all, the first and the last included (RFC 5280 section 4.1.2.5); below 1 if it never
    /// is.
    pub const fn lifetime(&self) -> i64 {
        self.not_after.saturating_sub(self.not_before).saturating_add(1)
    }

    /// Where `now`, in Unix seconds, stands to its time.
    pub const fn standing(&self, now: i64) -> Standing {
        if now < self.not_before {
            Standing::NotYet
        } else if now > self.not_after {
            Standing::Expired
        } else {
            Standing::Valid
        }
    }

    /// Whether it may sign certificates.
    pub const fn is_ca(&self) -> bool {
        matches!(self.authority, Authority::Signs { .. })
    }

    /// Whether it allows a use: it names it, allows any, or does not say.
    pub fn allows(&self, purpose: &Purpose) -> bool {
        let named = |purposes: &Vec<Purpose>| purposes.contains(purpose) || purposes.contains(&Purpose::Any);
        self.purposes.as_ref().is_none_or(named)
    }

    /// Whether `issuer` is the one that it names as its issuer, by name and key identifier. The signature is not
    /// checked.
    pub fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.issuer.is(&issuer.subject) && self.ids.allow(&issuer.ids)
    }
}

/// Where a moment stands to a certificate's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Before it.
    NotYet,
    /// In it.
    Valid,
    /// After it.
    Expired,
}

/// Unix seconds as people and programs write a moment: `2026-11-21T08:00:00Z` (RFC 3339, UTC). Beyond the year 9999,
/// which no certificate reaches, the number itself.
pub fn moment(seconds: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let text = date.and_then(|date| date.format(&Rfc3339).ok());
    text.unwrap_or_else(|| seconds.to_string())
}

/// The pin of a public key with its algorithm, in DER (SubjectPublicKeyInfo): RFC 7469 section 2.4.
pub fn pin(spki: &[u8]) -> String {
    format!("sha256:{}", STANDARD.encode(Sha256::digest(spki)))
}

/// A certificate that cannot be read, in the parser's words.
fn unreadable(why: impl ToString) -> Fault {
    Fault::new(Code::BadCertificate, "").arg("what", "x509").detail(why)
}

/// An object identifier in numbers. One that is longer than any in use is hex: its numbers would take time that grows
/// with the square of their digits.
fn identifier(oid: &Oid<'_>) -> String {
    if oid.as_bytes().len() > MAX_IDENTIFIER { cut(&to_hex(oid.as_bytes())) } else { oid.to_id_string() }
}

/// Text of a certificate, no longer than is kept.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn key_usages(usage: KeyUsage) -> Vec<&'static str> {
    let all = [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ];
    all.into_iter().filter(|(given, _)| *given).map(|(_, name)| name).collect()
}

fn purposes(usage: &ExtendedKeyUsage<'_>) -> Result<Vec<Purpose>, Fault> {
    if usage.other.len() > MAX_PARTS {
        return Err(unreadable(format_args!("extKeyUsage: {} > {MAX_PARTS}", usage.other.len())));
    }
    let other = |name: &str| Purpose::Other(name.to_owned());
    let known = [
        (usage.server_auth, Purpose::Server),
        (usage.client_auth, Purpose::Client),
        (usage.any, Purpose::Any),
        (usage.code_signing, other("codeSigning")),
        (usage.email_protection, other("emailProtection")),
        (usage.time_stamping, other("timeStamping")),
        (usage.ocsp_signing, other("OCSPSigning")),
    ];
    let known = known.into_iter().filter(|(given, _)| *given).map(|(_, purpose)| purpose);
    Ok(known.chain(usage.other.iter().map(|oid| other(&identifier(oid)))).collect())
}

#[cfg(test)]
mod tests;
