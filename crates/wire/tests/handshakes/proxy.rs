//! The PROXY protocol: both versions read and written, and what is refused.

use std::net::SocketAddr;

use proptest::prelude::*;
use sockeye_core::Address;
use sockeye_wire::Handshake as _;
use sockeye_wire::proxy::{
    Accept, Carried, Command, Header, Reader, Refusal, Ssl, Tlvs, TooLong, V2_MAX, Version,
};

use crate::chunks::{any_cut, cuts, hostile, these_cuts};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn ip(text: &str) -> Address {
    Address::Ip(text.parse::<SocketAddr>().unwrap())
}

fn read(bytes: &[u8]) -> Result<Option<Header>, String> {
    let run = any_cut(|| Reader::new(Accept::Either), bytes, V2_MAX, 1);
    assert_eq!(run.out, b"");
    if let Ok(Some(_)) = run.result {
        let mut followed = bytes.to_vec();
        followed.extend_from_slice(b"GET / HTTP/1.1\r\n");
        let again = any_cut(|| Reader::new(Accept::Either), &followed, V2_MAX, 7);
        assert_eq!((again.used, again.result), (run.used, run.result.clone()), "what follows is not its own");
    }
    run.result
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend_from_slice(&[command, family]);
    bytes.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn written(header: &Header, version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    header.write(version, &mut out).unwrap();
    out
}

#[test]
fn version_1_is_read() {
    let header = read(b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n").unwrap().unwrap();
    assert_eq!(header, Header::relayed(ip("192.0.2.1:56324"), ip("198.51.100.7:443")));
    let header = read(b"PROXY TCP6 2001:db8::1 ::1 65535 0\r\n").unwrap().unwrap();
    assert_eq!(header, Header::relayed(ip("[2001:db8::1]:65535"), ip("[::1]:0")));
    // The longest line that section 2.1 shows for UNKNOWN: 107 bytes.
    let longest = b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n";
    for line in [&b"PROXY UNKNOWN\r\n"[..], longest] {
        let header = read(line).unwrap().unwrap();
        assert_eq!((header.source, header.destination), (None, None));
    }
}

#[test]
fn version_1_is_held_to_its_grammar() {
    let no = |line: &str, what: &str| {
        let said = read(line.as_bytes()).unwrap_err();
        assert!(said.contains(what), "{line:?}: {said}");
    };
    no("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "bare-lf");
    no("PROXY TCP4 1.2.3.4\r5.6.7.8 1 2\r\n", "bare-cr");
    no("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", "unknown-family");
    no("PROXY UNKNOWNS\r\n", "unknown-family");
    no("PROXY TCP4 ::1 ::1 1 2\r\n", "bad-source");
    no("PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "bad-source");
    no("PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n", "bad-source:");
    no("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n", "bad-source:");
    no("PROXY TCP4 1.2.3.4 5.6.7.256 1 2\r\n", "bad-destination:");
    no("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "bad-source-port");
    no("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", "bad-source-port");
    no("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", "bad-destination-port");
    no("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "bad-destination-port");
    no("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", "more-after-the-ports");
    no(&format!("PROXY UNKNOWN {}", "x".repeat(93)), "v1 header over 107");
    let at_the_bound = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
    assert_eq!(at_the_bound.len(), 107);
    assert!(read(at_the_bound.as_bytes()).is_ok());
}

#[test]
fn version_2_is_read() {
    // 192.0.2.1:56324 to 198.51.100.7:443 with an ALPN of h2 and a TLV of a type that nobody knows.
    let mut body = vec![192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];
    body.extend_from_slice(b"\x01\0\x02h2\xe0\0\x01!");
    let header = read(&v2(0x21, 0x11, &body)).unwrap().unwrap();
    assert_eq!(
        (header.source, header.destination),
        (Some(ip("192.0.2.1:56324")), Some(ip("198.51.100.7:443")))
    );
    assert_eq!(header.tlvs, Tlvs { alpn: Some(b"h2".to_vec()), ..Tlvs::default() });
    assert_eq!(header.carried, Carried::Stream);
    assert_eq!(read(&v2(0x21, 0x12, &body)).unwrap().unwrap().carried, Carried::Datagrams);
    // LOCAL: whatever is in it counts for nothing.
    for (family, body) in [(0, &b""[..]), (0x11, b"short"), (0x77, b"?")] {
        assert_eq!(read(&v2(0x20, family, body)), Ok(Some(Header::local())));
    }
    let unknown = read(&v2(0x21, 0, b"whatever")).unwrap().unwrap();
    assert_eq!((unknown.command, unknown.source), (Command::Proxy, None));
    let mut paths = vec![0; 216];
    paths[..6].copy_from_slice(b"/run/a");
    paths[108..113].copy_from_slice(b"\0name");
    let unix = read(&v2(0x21, 0x31, &paths)).unwrap().unwrap();
    assert_eq!(unix.source, Some(Address::Unix(Some("/run/a".into()))));
    assert_eq!(unix.destination, Some(Address::Unix(Some("\0name".into()))));
}

#[test]
fn version_2_is_held_to_its_grammar() {
    let no = |bytes: &[u8], what: &str| {
        let said = read(bytes).unwrap_err();
        assert!(said.contains(what), "{bytes:?}: {said}");
    };
    let four = [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2];
    let with = |tlv: &[u8]| v2(0x21, 0x11, &[&four, tlv].concat());
    no(&v2(0x11, 0x11, &four), "unknown-version");
    no(&v2(0x22, 0x11, &four), "unknown-command");
    no(&v2(0x21, 0x41, &four), "unknown-family");
    no(&v2(0x21, 0x13, &four), "unknown-family");
    no(&v2(0x21, 0x10, &four), "unknown-family");
    no(&v2(0x21, 0x11, &four[..11]), "addresses-cut");
    no(&v2(0x21, 0x21, &four), "addresses-cut");
    no(&v2(0x21, 0x31, &[0xff; 216]), "path-not-utf-8");
    no(&with(b"\x01"), "tlv-cut");
    no(&with(b"\x01\0\x05h2"), "tlv-length");
    no(&with(b"\x02\0\x01\xff"), "tlv-not-utf-8");
    no(&with(b"\x01\0\x01a\x01\0\x01a"), "repeated-tlv");
    no(&with(&[&[5, 0, 129][..], &[b'x'; 129]].concat()), "unique-id-length");
    no(&with(b"\x20\0\x04\x01\0\0\0"), "ssl-tlv-cut");
    no(&with(b"\x20\0\x08\x01\0\0\0\0\x21\0\x09"), "tlv-length");
    no(&with(b"\x03\0\x02ab"), "checksum-length");
    no(&with(b"\x03\0\x04abcd"), "wrong checksum");
    no(&v2(0x21, 0x11, &[0; 4081]), "v2 header over 4096");
    assert!(read(&v2(0x20, 0, &[0; 4080])).is_ok());
}

/// The checksum by the definition: reflected polynomial 0x82f63b78, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0x82f6_3b78 * (sum & 1)))
    })
}

#[test]
fn checksums_are_written_and_checked() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    let mut header = Header::relayed(ip("1.2.3.4:5"), ip("[::1]:6"));
    header.tlvs = Tlvs { checksum: true, authority: Some("例.example".into()), ..Tlvs::default() };
    let bytes = written(&header, Version::V2);
    let at = bytes.len() - 4;
    assert_eq!(bytes[at..], crc32c(&[&bytes[..at], &[0; 4]].concat()).to_be_bytes());
    assert!(read(&bytes).unwrap().unwrap().tlvs.checksum);
    for at in 16..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(read(&damaged).is_err(), "a flipped bit in byte {at} passes");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let ssl = Ssl { client: 3, verify: 0, version: Some("TLSv1.3".into()), common_name: Some("王".into()) };
    assert!(ssl.is_verified() && !Ssl { verify: 1, ..ssl.clone() }.is_verified());
    assert!(!Ssl { client: 1, ..ssl.clone() }.is_verified());
    let tlvs = Tlvs {
        alpn: Some(b"http/1.1".to_vec()),
        authority: Some("example.org".into()),
        unique_id: Some(vec![7; 128]),
        ssl: Some(ssl),
        checksum: true,
    };
    let unix = |path: &str| Address::Unix(Some(path.into()));
    for (source, destination) in [
        (ip("1.2.3.4:5"), ip("6.7.8.9:10")),
        (ip("[2001:db8::1]:5"), ip("[::1]:10")),
        (unix("/run/a b"), unix("\0abstract")),
        (Address::Unix(None), unix(&"p".repeat(108))),
    ] {
        for carried in [Carried::Stream, Carried::Datagrams] {
            let header = Header {
                tlvs: tlvs.clone(),
                carried,
                ..Header::relayed(source.clone(), destination.clone())
            };
            assert_eq!(read(&written(&header, Version::V2)), Ok(Some(header)));
        }
    }
    for version in [Version::V1, Version::V2] {
        assert_eq!(read(&written(&Header::local(), version)), Ok(Some(Header::local())));
    }
}

#[test]
fn what_a_version_cannot_say_is_left_unsaid() {
    let mixed = Header::relayed(ip("1.2.3.4:5"), ip("[2001:db8::1]:6"));
    assert_eq!(written(&mixed, Version::V1), b"PROXY TCP6 ::ffff:1.2.3.4 2001:db8::1 5 6\r\n");
    let mapped = Header::relayed(ip("[::ffff:1.2.3.4]:5"), ip("6.7.8.9:10"));
    assert_eq!(written(&mapped, Version::V1), b"PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n");
    let unix = Header::relayed(Address::Unix(Some("/x".into())), Address::Unix(None));
    assert_eq!(written(&unix, Version::V1), b"PROXY UNKNOWN\r\n");
    let process = Header::relayed(Address::Process("cat".into()), Address::Stdio);
    assert_eq!(written(&process, Version::V2), v2(0x21, 0, b""));
    let too_long = Header::relayed(Address::Unix(Some("x".repeat(109).into())), Address::Unix(None));
    assert_eq!(written(&too_long, Version::V2), v2(0x21, 0, b""));
    let mut huge = Header::relayed(ip("1.2.3.4:5"), ip("6.7.8.9:10"));
    huge.tlvs.authority = Some("x".repeat(4096));
    let mut out = b"before".to_vec();
    assert_eq!(huge.write(Version::V2, &mut out), Err(TooLong));
    assert_eq!(out, b"before");
}

#[test]
fn a_peer_without_a_header_is_told_apart() {
    let mut reader = Reader::new(Accept::Either);
    let refusal = reader.bytes(b"GET / HTTP/1.1\r\nHost: x\r\n", &mut Vec::new()).unwrap_err();
    assert_eq!(refusal.to_string(), r#"no header: "GET / HTTP/1.1\r\nHost: x\r\n""#);
    for other in [&b"P"[..], b"PROX", b"\r\n\r\n\0\r\nQUI"] {
        let mut reader = Reader::new(Accept::Either);
        assert!(reader.bytes(other, &mut Vec::new()).is_ok());
        assert_eq!(reader.end(), Refusal::Ended { got: other.len() });
        let refusal = reader.bytes(b"?", &mut Vec::new()).unwrap_err();
        assert!(matches!(refusal, Refusal::Absent { start } if start.bytes() == [other, b"?"].concat()));
        assert_eq!(reader.end(), Refusal::Over);
    }
}

#[test]
fn the_other_version_is_refused_by_name() {
    let (one, two) = (written(&Header::local(), Version::V1), written(&Header::local(), Version::V2));
    for (only, other, bytes) in [(Version::V1, Version::V2, two), (Version::V2, Version::V1, one)] {
        let refusal = Reader::new(Accept::Only(only)).bytes(&bytes, &mut Vec::new()).unwrap_err();
        assert_eq!(refusal, Refusal::OtherVersion { found: other });
        assert!(Reader::new(Accept::Only(other)).bytes(&bytes, &mut Vec::new()).is_ok());
    }
}

fn good() -> Vec<Vec<u8>> {
    let mut header = Header::relayed(ip("1.2.3.4:5"), ip("6.7.8.9:10"));
    let one = written(&header, Version::V1);
    header.tlvs.alpn = Some(b"h2".to_vec());
    header.tlvs.ssl = Some(Ssl { client: 1, version: Some("TLSv1.3".into()), ..Ssl::default() });
    let plain = written(&header, Version::V2);
    header.tlvs.checksum = true;
    vec![one, plain, written(&header, Version::V2)]
}

proptest! {
    #[test]
    fn no_bytes_and_no_cuts_surprise_the_reader(bytes in hostile(good()), cuts in cuts()) {
        these_cuts(|| Reader::new(Accept::Either), &bytes, V2_MAX, &cuts);
    }
}
