//! Against certificates that OpenSSL made, whose values here are OpenSSL's, and against ones made to be odd.

use super::*;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair,
};

const RSA: &str = include_str!("../../tests/certificates/rsa.pem");
const CHINESE: &str = include_str!("../../tests/certificates/chinese.pem");
const AUTHORITY: &str = include_str!("../../tests/certificates/authority.pem");

fn der(text: &str) -> Vec<u8> {
    pem::certificates("a.pem", text.as_bytes()).unwrap().remove(0)
}

fn read(text: &str) -> Certificate {
    Certificate::read(&der(text)).unwrap()
}

/// A certificate of ours, with what `change` does to it.
fn made(change: impl FnOnce(&mut CertificateParams)) -> Result<Certificate, Fault> {
    let mut params = CertificateParams::default();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    Certificate::read(params.self_signed(&key).unwrap().der())
}

#[test]
fn every_field_is_what_openssl_says() {
    let rsa = read(RSA);
    assert_eq!(rsa.subject.to_string(), r"CN=rsa.example, O=Example\, Inc., OU=A\+B, C=CN");
    assert_eq!(rsa.subject.rfc4514(), r"CN=rsa.example,OU=A\+B,O=Example\, Inc.,C=CN");
    assert_eq!(rsa.serial, "76342112cdf84bd2495a0f7017a240197f86b05b");
    assert_eq!(moment(rsa.not_before), "2026-11-21T09:58:27Z");
    assert_eq!(moment(rsa.not_after), "2036-11-18T09:58:27Z");
    assert_eq!(rsa.pin, "sha256:DAIweNqBNVhQHcfs0Tm4vPSBC0Nrqo57W9xsSQ2fask=");
    let fingerprint = rsa.fingerprint.to_string();
    assert!(fingerprint.starts_with("4D:46:9C:AC:34") && fingerprint.ends_with("0E:41:DD"), "{fingerprint}");
    assert_eq!(rsa.key.to_string(), "RSA 2048");
    assert_eq!(rsa.signature, "RSA with SHA-256");
    assert_eq!(rsa.key_usages, ["digitalSignature", "keyEncipherment"]);
    assert_eq!(rsa.purposes, Some(vec![Purpose::Server, Purpose::Client]));
    assert!(rsa.self_signed && !rsa.is_ca());
    let names: Vec<_> = rsa.names.iter().map(|name| (name.kind(), name.to_string())).collect();
    let expected = [
        ("dns", "rsa.example"),
        ("dns", "*.rsa.example"),
        ("ip", "192.0.2.1"),
        ("ip", "2001:db8::1"),
        ("email", "me@rsa.example"),
        ("uri", "spiffe://rsa.example/a"),
    ];
    assert_eq!(names, expected.map(|(kind, name)| (kind, name.to_owned())));

    let authority = read(AUTHORITY);
    assert_eq!(authority.key.to_string(), "ECDSA P-384");
    assert_eq!(authority.signature, "ECDSA with SHA-256");
    assert_eq!(authority.authority, Authority::Signs { path: Some(1) });
    assert_eq!(authority.pin, "sha256:9suzWZeGl/4jfx/gdV6qy6Djyw++q5fSd/67JDj7Ng4=");
    assert!(authority.allows(&Purpose::Server) && authority.purposes.is_none());
}

#[test]
fn a_common_name_stands_in_for_names_that_are_not_there() {
    let chinese = read(CHINESE);
    assert_eq!(chinese.subject.to_string(), "CN=测试服务器, O=示例公司, L=杭州, ST=浙江, C=CN");
    assert_eq!(chinese.subject.rfc4514(), "CN=测试服务器,O=示例公司,L=杭州,ST=浙江,C=CN");
    assert_eq!(chinese.names, [Name::CommonName("测试服务器".to_owned())]);
    assert_eq!(chinese.key.to_string(), "Ed25519");
    assert_eq!(chinese.signature, "Ed25519");
    assert_eq!(chinese.pin, "sha256:dARI7/vCcubpgBdBPEbf5lRVRGvpQ/JKWOKmfmGGuZE=");
}

#[test]
fn days_are_whole_ones_and_count_on_below_zero() {
    let rsa = read(RSA);
    let end = rsa.not_after;
    for (now, days) in [(end - 86_400, 1), (end - 86_399, 0), (end, 0), (end + 1, -1), (end + 86_401, -2)] {
        assert_eq!(rsa.days_left(now), days, "{now}");
    }
    assert_eq!(rsa.standing(rsa.not_before - 1), Standing::NotYet);
    assert_eq!(rsa.standing(rsa.not_before), Standing::Valid);
    assert_eq!(rsa.standing(end), Standing::Valid);
    assert_eq!(rsa.standing(end + 1), Standing::Expired);
    assert_eq!(rsa.lifetime(), 3650 * 86_400 + 1);
    assert_eq!(rsa.days_left(i64::MIN), i64::MAX.div_euclid(86_400));
}

#[test]
fn an_issuer_is_told_by_name_and_key() {
    let authority = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "CA");
    };
    let make = || {
        let mut params = CertificateParams::default();
        authority(&mut params);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, other) = (make(), make());
    let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let leaf = params.signed_by(&KeyPair::generate().unwrap(), &ours).unwrap();
    let [leaf, ours, other] =
        [leaf.der(), ours.der(), other.der()].map(|der| Certificate::read(der).unwrap());
    assert!(leaf.names_as_issuer(&ours) && !leaf.names_as_issuer(&other) && !ours.names_as_issuer(&leaf));
    assert!(ours.self_signed && !leaf.self_signed);
    assert_eq!(ours.authority, Authority::Signs { path: Some(0) });
    assert!(leaf.allows(&Purpose::Client) && !leaf.allows(&Purpose::Server));
}

#[test]
fn what_a_hostile_certificate_says_is_kept_as_it_is_and_bounded() {
    let long = "x".repeat(MAX_TEXT + 1);
    let found =
        made(|params| params.distinguished_name.push(DnType::CommonName, "\x1b]0;x\x07\u{202e}")).unwrap();
    assert_eq!(found.subject.common_name(), Some("\x1b]0;x\x07\u{202e}"));
    let found = made(|params| params.distinguished_name.push(DnType::CommonName, long.as_str())).unwrap();
    assert_eq!(found.subject.common_name().unwrap().chars().count(), MAX_TEXT + 1);
    let names = |count| {
        move |params: &mut CertificateParams| {
            let names: Vec<String> = (0..count).map(|number| format!("{number}.test")).collect();
            params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
        }
    };
    let found = made(names(MAX_NAMES + 3)).unwrap();
    assert_eq!((found.names.len(), found.names_left_out), (MAX_NAMES, 3));
    assert_eq!(made(names(10_000)).unwrap_err().code, Code::BadCertificate);
    let found = made(|params| params.serial_number = Some(vec![0x7f; 2000].into())).unwrap();
    assert_eq!(found.serial.chars().count(), MAX_TEXT + 1);
    let huge = [&b"\x30\x82\xc3\x54\x06\x82\xc3\x50\x2a"[..], &vec![0xff; 49_998], b"\x01"].concat();
    let extension = CustomExtension::from_oid_content(&[2, 5, 29, 37], huge);
    let found = made(|params| params.custom_extensions = vec![extension]).map(|found| found.purposes);
    assert!(matches!(found.unwrap().unwrap()[0], Purpose::Other(ref id) if id.starts_with("2affff")));
    let types = |params: &mut CertificateParams| {
        for number in 0..=MAX_PARTS {
            params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, number as u64]), "x");
        }
    };
    assert_eq!(made(types).unwrap_err().value("what"), "x509");
}

#[test]
fn a_type_without_a_name_is_its_number() {
    let found =
        made(|params| params.distinguished_name.push(DnType::CustomDnType(vec![1, 2, 3]), "x")).unwrap();
    assert!(found.subject.to_string().contains("1.2.3=x"), "{}", found.subject);
    assert!(found.subject.rfc4514().contains("1.2.3=#0c0178"), "{}", found.subject.rfc4514());
}

#[test]
fn extensions_that_do_not_parse_or_stand_twice_are_refused() {
    let names = |content: &[u8]| CustomExtension::from_oid_content(&[2, 5, 29, 17], content.to_vec());
    for extensions in
        [vec![names(b"\x30\x05x")], vec![names(b"\x30\x03\x82\x01a"), names(b"\x30\x03\x82\x01b")]]
    {
        let fault = made(|params| params.custom_extensions = extensions).unwrap_err();
        assert_eq!((fault.code, fault.value("what")), (Code::BadCertificate, "x509"), "{fault}");
    }
    let found =
        made(|params| params.custom_extensions = vec![names(b"\x30\x05\x87\x03\x01\x02\x03")]).unwrap();
    assert_eq!(found.names, [Name::Other("ip:010203".to_owned())]);
}

#[test]
fn what_is_no_certificate_is_refused() {
    let whole = der(RSA);
    for bytes in [&[][..], b"hello", &whole[..whole.len() - 1], &[whole.as_slice(), b"x"].concat()] {
        assert_eq!(Certificate::read(bytes).unwrap_err().code, Code::BadCertificate);
    }
    assert_eq!(Certificate::read(&vec![0x30; MAX_DER + 1]).unwrap_err().value("what"), "x509");
}

proptest! {
    #[test]
    fn a_damaged_certificate_is_read_or_refused(at in any::<prop::sample::Index>(), byte: u8, size in 1usize..5) {
        for text in [RSA, CHINESE, AUTHORITY] {
            let mut bytes = der(text);
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + size);
            bytes[at..end].fill(byte);
            if let Ok(found) = Certificate::read(&bytes) {
                prop_assert!(found.subject.rfc4514().len() + found.key.to_string().len() < 8192);
            }
            let _ = Certificate::read(&bytes[at..]);
        }
    }
}
