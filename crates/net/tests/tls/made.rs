//! Certificates of every kind, made for one test, in a directory of its own that goes with it.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use time::{Duration, OffsetDateTime};

/// What a certificate is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
    /// It may sign others.
    Authority,
}

/// When it is valid, in days from now.
#[derive(Clone, Copy)]
pub(crate) struct Days(pub(crate) i64, pub(crate) i64);

pub(crate) const NOW: Days = Days(-1, 9);
pub(crate) const PAST: Days = Days(-30, -3);
pub(crate) const FUTURE: Days = Days(3, 30);

/// A directory with certificates and keys. `NAME.pem` holds both.
pub(crate) struct Made {
    dir: PathBuf,
}

/// Who signs.
pub(crate) struct Authority(Issuer<'static, KeyPair>);

impl Made {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sockeye-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        Self { dir }
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.dir.join(name), content).unwrap();
    }

    /// An authority of this name; its certificate is `FILE.pem`.
    pub(crate) fn authority(&self, file: &str, name: &str) -> Authority {
        let mut params = params(name, &[], NOW);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.write(&format!("{file}.pem"), certificate.pem() + &key.serialize_pem());
        Authority(Issuer::new(params, key))
    }

    /// A certificate signed by `authority`, for these names besides 127.0.0.1 if there is none.
    pub(crate) fn leaf(&self, file: &str, authority: &Authority, names: &[&str], role: Role, days: Days) {
        let mut params = params(file, names, days);
        for_role(&mut params, role);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority.0).unwrap();
        self.write(&format!("{file}.pem"), certificate.pem() + &key.serialize_pem());
    }

    /// A certificate that vouches for itself.
    pub(crate) fn lonely(&self, file: &str) {
        let mut params = params(file, &[], NOW);
        for_role(&mut params, Role::Server);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.write(&format!("{file}.pem"), certificate.pem() + &key.serialize_pem());
    }

    /// The usual: an authority, a server and a client of it.
    pub(crate) fn usual() -> Self {
        let made = Self::new();
        let authority = made.authority("ca", "Test Authority");
        made.leaf("server", &authority, &[], Role::Server, NOW);
        made.leaf("client", &authority, &["client"], Role::Client, NOW);
        made
    }

    /// The pin of a file's certificate.
    pub(crate) fn pin(&self, file: &str) -> String {
        let path = self.path(&format!("{file}.pem"));
        let text = std::fs::read(&path).unwrap();
        let ders = sockeye_wire::certificate::pem::certificates(&path, &text).unwrap();
        sockeye_wire::certificate::Certificate::read(&ders[0]).unwrap().pin
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

fn params(name: &str, names: &[&str], Days(from, to): Days) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    if names.is_empty() {
        params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now + Duration::days(from);
    params.not_after = now + Duration::days(to);
    params
}

fn for_role(params: &mut CertificateParams, role: Role) {
    match role {
        Role::Server => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
        Role::Client => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        Role::Authority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
    }
}
