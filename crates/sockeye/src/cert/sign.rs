//! Keys, and certificates signed with them: an authority, and what it signs for servers and clients.
//!
//! Every key is ECDSA P-256, which every TLS stack takes. A certificate begins a day early, for clocks that are behind,
//! and ends a second short of its days, so that both ends counted 397 days and that day stay within the 398 that
//! browsers' rules allowed.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use sockeye_core::{Code, Fault};
use sockeye_net::random;
use sockeye_wire::certificate::{Certificate, Standing, pem, pin};
use time::{Duration, OffsetDateTime};

use super::name::ServerName;

/// How long a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days(u32);

impl Days {
    /// An authority's, unless told otherwise: room for two rounds of what it signs.
    pub(super) const AUTHORITY: Self = Self(825);
    /// A server's or client's, unless told otherwise.
    pub(super) const LEAF: Self = Self(397);
    /// At most.
    pub(super) const MAX: u32 = 3650;

    /// Reads the value of `--days`.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let number = text.parse().ok().filter(|number| (1..=Self::MAX).contains(number));
        let bad = || crate::bounds::bad_value("--days", text).detail(format_args!("1-{}", Self::MAX));
        number.map(Self).ok_or_else(bad)
    }
}

/// An authority that can sign: its certificate, and its key.
pub(super) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
    /// What clients need besides a certificate that it signs: authorities between it and the root, itself among them.
    between: Vec<Vec<u8>>,
}

/// A certificate with its key, as text for files.
pub(super) struct Signed {
    /// The certificate, then those between it and the root.
    pub(super) chain: String,
    /// The key, PKCS #8.
    pub(super) key: String,
    /// The certificate, read back.
    pub(super) certificate: Certificate,
}

/// What a certificate is for.
pub(super) enum Role<'a> {
    /// A server of these names.
    Server(&'a [ServerName]),
    /// A client of this name.
    Client(&'a str),
}

/// Makes a new authority of this name.
pub(super) fn authority(name: &str, days: Days, now: i64) -> Result<(Authority, Signed), Fault> {
    let mut params = params(name, days, now, None)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(failed)?;
    let made = params.self_signed(&key).map_err(failed)?;
    let certificate = Certificate::read(made.der())?;
    let signed = Signed { chain: made.pem(), key: key.serialize_pem(), certificate: certificate.clone() };
    Ok((Authority { certificate, issuer: Issuer::new(params, key), between: Vec::new() }, signed))
}

impl Authority {
    /// Takes an authority from its files' text. The paths are for people.
    pub(super) fn read(certificate: (&str, &[u8]), key: (&str, &[u8]), now: i64) -> Result<Self, Fault> {
        let ((path, text), (key_path, key_text)) = (certificate, key);
        let bad =
            |what: &str, path: &str| Fault::new(Code::BadCertificate, "").arg("what", what).arg("path", path);
        let chain = pem::certificates(path, text)?;
        let certificate = Certificate::read(&chain[0]).map_err(|fault| fault.arg("path", path))?;
        let signs = certificate.key_usages.is_empty() || certificate.key_usages.contains(&"keyCertSign");
        if !certificate.is_ca() || !signs {
            return Err(bad("no-authority", path));
        }
        let key = KeyPair::try_from(pem::private_key(key_path, key_text)?.der)
            .map_err(|error| bad("unusable-key", key_path).detail(error))?;
        if pin(&key.subject_public_key_info()) != certificate.pin {
            return Err(bad("mismatch", key_path).arg("name", path));
        }
        if certificate.standing(now) != Standing::Valid {
            return Err(bad("expired", path));
        }
        let issuer = Issuer::from_ca_cert_der(&chain[0].as_slice().into(), key)
            .map_err(|error| bad("name", path).detail(error))?;
        let is_root = |der: &Vec<u8>| Certificate::read(der).is_ok_and(|found| found.self_signed);
        Ok(Self { certificate, issuer, between: chain.into_iter().filter(|der| !is_root(der)).collect() })
    }

    /// Signs a new certificate, valid no longer than the authority. `path` says to people where the authority is from.
    pub(super) fn sign(&self, role: &Role<'_>, days: Days, now: i64, path: &str) -> Result<Signed, Fault> {
        let (name, purpose) = match role {
            Role::Server(names) => (names[0].to_string(), ExtendedKeyUsagePurpose::ServerAuth),
            Role::Client(name) => ((*name).to_owned(), ExtendedKeyUsagePurpose::ClientAuth),
        };
        // A name too long for a common name stands among the alternative names alone.
        let common = if name.chars().count() > super::name::MAX_COMMON { "sockeye" } else { &name };
        let mut params = params(common, days, now, Some(self.certificate.not_after))?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        if let Role::Server(names) = role {
            params.subject_alt_names = names.iter().map(alternative).collect::<Result<_, _>>()?;
        }
        let key = KeyPair::generate().map_err(failed)?;
        let made = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let certificate = Certificate::read(made.der())?;
        if !certificate.names_as_issuer(&self.certificate) {
            return Err(Fault::new(Code::BadCertificate, "").arg("what", "name").arg("path", path));
        }
        let mut chain = made.pem();
        chain.extend(self.between.iter().map(|der| pem::write("CERTIFICATE", der)));
        Ok(Signed { chain, key: key.serialize_pem(), certificate })
    }
}

/// What every certificate of ours has.
fn params(name: &str, days: Days, now: i64, last: Option<i64>) -> Result<CertificateParams, Fault> {
    let now = OffsetDateTime::from_unix_timestamp(now).map_err(failed)?;
    let end = now + Duration::days(i64::from(days.0)) - Duration::SECOND;
    let last = last.and_then(|last| OffsetDateTime::from_unix_timestamp(last).ok());
    let mut params = CertificateParams::default();
    params.not_before = now - Duration::DAY;
    params.not_after = last.map_or(end, |last| last.min(end));
    // Sixteen bytes that are never negative, nor shorter (RFC 5280 section 4.1.2.2: 20 at most).
    let mut serial: [u8; 16] = random::bytes()?;
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(serial.to_vec().into());
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "sockeye development");
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn alternative(name: &ServerName) -> Result<SanType, Fault> {
    match name {
        ServerName::Ip(ip) => Ok(SanType::IpAddress(*ip)),
        ServerName::Dns(name) => name.as_str().try_into().map(SanType::DnsName).map_err(failed),
    }
}

/// What cannot fail for anything a person typed.
fn failed(error: impl ToString) -> Fault {
    Fault::new(Code::Internal, "cert").detail(error)
}
