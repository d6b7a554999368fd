//! Who we are, and whom we trust: certificates and keys from files, a certificate made for one run, the system's
//! authorities. Everything is read and checked before the first connection.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use sockeye_core::{Code, Endpoint, Fault, Host, Note, Place};
use sockeye_wire::certificate::pem::{self, Form, Kind, Section};
use sockeye_wire::certificate::{Certificate, Standing, moment};
use time::{Duration, OffsetDateTime};

use super::provider;
use crate::clock;

/// How long a certificate of one run is valid: longer than such a run lasts, and no longer than a stolen key should.
const VALID: Duration = Duration::days(14);

/// Clocks differ; it is valid from this long ago.
const SKEW: Duration = Duration::hours(1);

/// The longest name that a machine may have in a certificate (RFC 1035 section 2.3.4).
const HOST_NAME: usize = 253;

/// A certificate of ours, and its key.
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// What to tell people of it at the start.
    pub(super) notes: Vec<Note>,
    pub(super) pin: String,
}

/// Reads the certificate and key that an endpoint names. The key may stand in the certificate's file. `None`: it names
/// neither.
pub(super) fn read(endpoint: &Endpoint) -> Result<Option<Identity>, Fault> {
    let half = |what, path: &str| Fault::new(Code::HalfIdentity, "").arg("what", what).arg("path", path);
    let (cert, key) = (&endpoint.params.cert, &endpoint.params.key);
    let (cert_path, key_path) = match (cert, key) {
        (None, None) => return Ok(None),
        (None, Some(key)) => return Err(half("certificate", key)),
        (Some(cert), key) => (cert, key.as_ref().unwrap_or(cert)),
    };
    let text = file(cert_path)?;
    let chain = pem::certificates(cert_path, &text)?;
    let key = if key.is_some() {
        pem::private_key(key_path, &file(key_path)?)?
    } else {
        let keys = |section: &Section| matches!(section.kind, Kind::PrivateKey(_) | Kind::LockedKey);
        if !pem::sections(cert_path, &text)?.iter().any(keys) {
            return Err(half("key", cert_path));
        }
        pem::private_key(cert_path, &text)?
    };
    let leaf = chain.first().map(|der| Certificate::read(der)).transpose();
    let leaf = leaf.map_err(|fault| fault.arg("path", cert_path))?;
    let pin = leaf.as_ref().map(|leaf| leaf.pin.clone()).unwrap_or_default();
    let notes = leaf.and_then(|leaf| standing(cert_path, &leaf)).into_iter().collect();
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    let key = certified(chain, private(key), cert_path, key_path)?;
    Ok(Some(Identity { key: Arc::new(key), notes, pin }))
}

/// Says that a certificate is out of its time; peers will refuse it.
fn standing(path: &str, leaf: &Certificate) -> Option<Note> {
    let now = clock::seconds();
    match leaf.standing(now) {
        Standing::Valid => None,
        Standing::NotYet => {
            Some(Note::new("tls-not-yet-valid").arg("path", path).arg("when", moment(leaf.not_before)))
        }
        Standing::Expired => {
            let days = now.saturating_sub(leaf.not_after) / (24 * 3600);
            let note = Note::new("tls-expired").arg("path", path);
            Some(note.arg("when", moment(leaf.not_after)).arg("days", days))
        }
    }
}

fn private(section: Section) -> PrivateKeyDer<'static> {
    match section.kind {
        Kind::PrivateKey(Form::Pkcs1) => PrivatePkcs1KeyDer::from(section.der).into(),
        Kind::PrivateKey(Form::Sec1) => PrivateSec1KeyDer::from(section.der).into(),
        _ => PrivatePkcs8KeyDer::from(section.der).into(),
    }
}

/// Puts certificate and key together, if they belong together.
fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    cert_path: &str,
    key_path: &str,
) -> Result<CertifiedKey, Fault> {
    let bad = |what, path| Fault::new(Code::BadCertificate, "").arg("what", what).arg("path", path);
    let key = provider().key_provider.load_private_key(key);
    let key = key.map_err(|error| bad("unusable-key", key_path).detail(error))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Keys that do not tell their public half are believed.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err(bad("mismatch", key_path).arg("name", cert_path)),
        Err(error) => Err(bad("x509", cert_path).detail(error)),
    }
}

/// Makes a certificate for this run alone: ECDSA on P-256, for the names and addresses that an endpoint has here.
pub(super) fn make(endpoint: &Endpoint) -> Result<Identity, Fault> {
    let failed = |error: &dyn std::fmt::Display| Fault::new(Code::Internal, "self-signed").detail(error);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|error| failed(&error))?;
    let (names, addresses) = ours(endpoint);
    let mut params = CertificateParams::new(names).map_err(|error| failed(&error))?;
    params.subject_alt_names.extend(addresses.into_iter().map(SanType::IpAddress));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "sockeye (self-signed)");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::now_utc();
    params.not_before = now - SKEW;
    params.not_after = now + VALID;
    let made = params.self_signed(&key).map_err(|error| failed(&error))?;
    let pin = Certificate::read(made.der()).map_err(|fault| failed(&fault))?.pin;
    let der = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let certified = CertifiedKey::from_der(vec![made.der().clone()], der, &provider());
    let key = Arc::new(certified.map_err(|error| failed(&error))?);
    Ok(Identity { key, notes: Vec::new(), pin })
}

/// The names and addresses that a listener may be reached by from where it listens.
fn ours(endpoint: &Endpoint) -> (Vec<String>, Vec<IpAddr>) {
    let mut names = vec!["localhost".to_owned()];
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    if let Ok(name) = nix::unistd::gethostname() {
        names.push(name.to_string_lossy().into_owned());
    }
    if let Place::Host { host, .. } = &endpoint.place {
        match host {
            Host::Name(name) => names.push(name.clone()),
            Host::Ip(ip) if !ip.is_unspecified() => addresses.push(*ip),
            Host::Zoned { ip, .. } => addresses.push(IpAddr::V6(*ip)),
            _ => {}
        }
    }
    let fits = |name: &String| name.is_ascii() && (1..=HOST_NAME).contains(&name.len());
    names.retain(fits);
    names.sort();
    names.dedup();
    addresses.sort();
    addresses.dedup();
    (names, addresses)
}

/// The authorities of a file.
pub(super) fn authorities(path: &str) -> Result<Arc<RootCertStore>, Fault> {
    let mut roots = RootCertStore::empty();
    for der in pem::certificates(path, &file(path)?)? {
        roots.add(CertificateDer::from(der)).map_err(|error| {
            Fault::new(Code::BadCertificate, "").arg("what", "x509").arg("path", path).detail(error)
        })?;
    }
    Ok(Arc::new(roots))
}

/// The authorities that this machine trusts, read once.
pub(super) fn system() -> Result<Arc<RootCertStore>, Fault> {
    static SYSTEM: OnceLock<(Arc<RootCertStore>, Option<String>)> = OnceLock::new();
    let (roots, why) = SYSTEM.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Single odd certificates, which systems have, are left out.
        roots.add_parsable_certificates(found.certs);
        (Arc::new(roots), found.errors.first().map(ToString::to_string))
    });
    if roots.is_empty() {
        let fault = Fault::new(Code::NoTrust, "");
        return Err(why.as_ref().map_or(fault.clone(), |why| fault.detail(why)));
    }
    Ok(Arc::clone(roots))
}

/// A PEM file, no longer than one may be.
fn file(path: &str) -> Result<Vec<u8>, Fault> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::new(Code::NoFile, "").arg("path", path),
        _ => Fault::new(Code::BadFile, "").arg("path", path).detail(error),
    };
    let mut text = Vec::new();
    // One byte more than is allowed shows that there is more.
    let limit = pem::MAX_BYTES as u64 + 1;
    std::fs::File::open(path).map_err(failed)?.take(limit).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_a_run_is_for_where_it_listens() {
        let read = |text: &str| {
            let made = make(&text.parse().unwrap()).unwrap();
            let shown = Certificate::read(&made.key.cert[0]).unwrap();
            assert_eq!(shown.pin, made.pin);
            assert!((13..=14).contains(&shown.days_left(clock::seconds())) && !shown.is_ca());
            shown.names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let names = read("tls://:0");
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(names.iter().any(|known| known == name), "{names:?}");
        }
        assert!(read("tls://192.0.2.7:0").contains(&"192.0.2.7".to_owned()));
        assert!(read("tls://app.example:0").contains(&"app.example".to_owned()));
        assert!(!read("tls://0.0.0.0:0").contains(&"0.0.0.0".to_owned()));
    }
}
