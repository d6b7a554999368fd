//! Certificates of every kind, made for one test: good ones, and each bad in its own way.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use sockeye_wire::certificate::{Certificate, pem};
use time::{Duration, OffsetDateTime};

use crate::program::Scratch;

/// What is made here is sound, and its directory can be written: otherwise no test can go on.
const SOUND: &str = "a certificate of a test";

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It serves.
    Server,
    /// It calls.
    Client,
    /// It may sign others.
    Authority,
}

/// When it is valid, in days from now.
#[derive(Clone, Copy, Debug)]
pub struct Days(pub i64, pub i64);

/// Valid.
pub const NOW: Days = Days(-1, 9);
/// Expired three days ago.
pub const PAST: Days = Days(-30, -3);
/// Valid in three days.
pub const FUTURE: Days = Days(3, 30);

/// A directory with certificates and keys. `NAME.pem` holds both.
#[derive(Debug, Default)]
pub struct Made {
    scratch: Scratch,
}

/// Who signs.
pub struct Authority(Issuer<'static, KeyPair>);

impl Made {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.dir().join(name).display().to_string()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.dir().join(name), content).expect(SOUND);
    }

    /// An authority of this name; its certificate is `FILE.pem`.
    pub fn authority(&self, file: &str, name: &str) -> Authority {
        let mut params = params(name, &[], NOW);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect(SOUND);
        let certificate = params.self_signed(&key).expect(SOUND);
        self.write(&format!("{file}.pem"), certificate.pem() + &key.serialize_pem());
        Authority(Issuer::new(params, key))
    }

    /// A certificate signed by `authority`, for these names besides 127.0.0.1 if there is none.
    pub fn leaf(&self, file: &str, authority: &Authority, names: &[&str], role: Role, days: Days) {
        let mut params = params(file, names, days);
        for_role(&mut params, role);
        let key = KeyPair::generate().expect(SOUND);
        let certificate = params.signed_by(&key, &authority.0).expect(SOUND);
        self.write(&format!("{file}.pem"), certificate.pem() + &key.serialize_pem());
    }

    /// A certificate that vouches for itself.
    pub fn lonely(&self, file: &str) {
        let mut params = params(file, &[], NOW);
        for_role(&mut params, Role::Server);
        let key = KeyPair::generate().expect(SOUND);
        let certificate = params.self_signed(&key).expect(SOUND);
        self.write(&format!("{file}.pem"), certificate.pem() + &key.serialize_pem());
    }

    /// The usual: an authority, a server and a client of it.
    pub fn usual() -> Self {
        let made = Self::new();
        let authority = made.authority("ca", "Test Authority");
        made.leaf("server", &authority, &[], Role::Server, NOW);
        made.leaf("client", &authority, &["client"], Role::Client, NOW);
        made
    }

    /// The pin of a file's certificate.
    pub fn pin(&self, file: &str) -> String {
        let path = self.path(&format!("{file}.pem"));
        let text = std::fs::read(&path).expect(SOUND);
        let ders = pem::certificates(&path, &text).expect(SOUND);
        Certificate::read(&ders[0]).expect(SOUND).pin
    }
}

fn params(name: &str, names: &[&str], Days(from, to): Days) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).expect(SOUND);
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
