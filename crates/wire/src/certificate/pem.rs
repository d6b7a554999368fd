//! PEM: certificates and keys as text between `-----BEGIN LABEL-----` and `-----END LABEL-----` (RFC 7468).
//!
//! Every section is found with its label and its line, so that a person can be told what is wrong with which. Text
//! around and between sections is no part of them, as there. Nothing is asked of the DER inside.

use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use sockeye_core::{Code, Fault};

/// Bytes of a PEM text at most.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Sections of a PEM text at most: the whole set of a system's authorities has about 150.
pub const MAX_SECTIONS: usize = 1000;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a section holds, by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An X.509 certificate.
    Certificate,
    /// A private key, readable as it stands.
    PrivateKey(Form),
    /// A private key that a password locks.
    LockedKey,
    /// A public key.
    PublicKey,
    /// Anything else: a request, a revocation list, parameters.
    Other,
}

/// How a private key is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any key with its algorithm (RFC 5958).
    Pkcs8,
    /// RSA alone (RFC 8017 appendix A.1.2).
    Pkcs1,
    /// Elliptic curves alone (RFC 5915).
    Sec1,
}

impl Kind {
    fn of(label: &str) -> Self {
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" => Self::Certificate,
            "PRIVATE KEY" => Self::PrivateKey(Form::Pkcs8),
            "RSA PRIVATE KEY" => Self::PrivateKey(Form::Pkcs1),
            "EC PRIVATE KEY" => Self::PrivateKey(Form::Sec1),
            "ENCRYPTED PRIVATE KEY" => Self::LockedKey,
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::PublicKey,
            _ => Self::Other,
        }
    }
}

/// One section. What it holds may be a secret, and is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    /// What it holds.
    pub kind: Kind,
    /// Its label, as written.
    pub label: String,
    /// The line it begins in; the first is 1.
    pub line: usize,
    /// The DER; empty for a key locked in the old way, which is no DER.
    pub der: Vec<u8>,
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = format_args!("[{} bytes]", self.der.len());
        f.debug_struct("Section")
            .field("kind", &self.kind)
            .field("label", &self.label)
            .field("line", &self.line)
            .field("der", &size)
            .finish()
    }
}

/// Every section of a text, in order; at least one. `path` says to people where the text is from.
///
/// Faults are of code `bad-certificate`: no section at all, DER instead, a section without end or that is no base64,
/// over [`MAX_BYTES`] or [`MAX_SECTIONS`].
pub fn sections(path: &str, text: &[u8]) -> Result<Vec<Section>, Fault> {
    if text.len() > MAX_BYTES {
        return Err(bad(path, "long").arg("max", MAX_BYTES));
    }
    // Notes around sections may be in any charset; what counts is ASCII.
    let text = String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
    let mut lines = text.lines().enumerate();
    let mut sections = Vec::new();
    while let Some((at, line)) = lines.next() {
        let Some(label) = label(line, BEGIN) else { continue };
        if sections.len() == MAX_SECTIONS {
            return Err(bad(path, "many").arg("max", MAX_SECTIONS));
        }
        let body = lines.by_ref().map(|(_, line)| line);
        sections.push(
            section(label, body).map_err(|what| bad(path, what).arg("line", at + 1).arg("name", label))?,
        );
        if let Some(section) = sections.last_mut() {
            section.line = at + 1;
        }
    }
    if sections.is_empty() {
        // A DER certificate or key is a SEQUENCE with a long length (X.690 section 8.1).
        let der = matches!(text.as_bytes(), [0x30, ..]) && text.contains(char::REPLACEMENT_CHARACTER);
        return Err(bad(path, if der { "der" } else { "no-pem" }));
    }
    Ok(sections)
}

/// The certificates of a text, in order; at least one. Keys beside them are left alone.
///
/// Faults are those of [`sections`], and that there is a key, or something else, and no certificate.
pub fn certificates(path: &str, text: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    let sections = sections(path, text)?;
    let is_key = |section: &Section| matches!(section.kind, Kind::PrivateKey(_) | Kind::LockedKey);
    let what = if sections.iter().any(is_key) { "key" } else { "no-certificate" };
    let name = sections.first().map(|section| section.label.clone()).unwrap_or_default();
    let found = sections.into_iter().filter(|section| section.kind == Kind::Certificate);
    let found: Vec<_> = found.map(|section| section.der).collect();
    if found.is_empty() { Err(bad(path, what).arg("name", name)) } else { Ok(found) }
}

/// The first private key of a text; certificates before and after it are left alone.
///
/// Faults are those of [`sections`], that the key is locked by a password, and that there is a certificate, or something
/// else, and no key.
pub fn private_key(path: &str, text: &[u8]) -> Result<Section, Fault> {
    let sections = sections(path, text)?;
    let is_certificate = |section: &Section| section.kind == Kind::Certificate;
    let what = if sections.iter().any(is_certificate) { "certificate" } else { "no-key" };
    let name = sections.first().map(|section| section.label.clone()).unwrap_or_default();
    let is_key = |section: &Section| matches!(section.kind, Kind::PrivateKey(_) | Kind::LockedKey);
    match sections.into_iter().find(is_key) {
        Some(key) if key.kind == Kind::LockedKey => {
            Err(bad(path, "locked").arg("line", key.line).arg("name", key.label))
        }
        Some(key) => Ok(key),
        None => Err(bad(path, what).arg("name", name)),
    }
}

/// DER as a section of text: lines of 64 characters, each ended by LF.
pub fn write(label: &str, der: &[u8]) -> String {
    let body = BASE64.encode(der);
    let mut text = format!("{BEGIN}{label}{DASHES}\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + END + label + DASHES + "\n"
}

/// The label of a line that begins or ends a section.
fn label<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    line.trim().strip_prefix(mark)?.strip_suffix(DASHES)
}

/// Reads lines up to the end of the section; or says what is wrong with it.
fn section<'a>(name: &str, lines: impl Iterator<Item = &'a str>) -> Result<Section, &'static str> {
    let mut body = String::new();
    let mut locked = false;
    for line in lines {
        if let Some(end) = label(line, END) {
            let mut section =
                Section { kind: Kind::of(name), label: name.to_owned(), line: 0, der: Vec::new() };
            if locked && matches!(section.kind, Kind::PrivateKey(_)) {
                section.kind = Kind::LockedKey;
                return Ok(section);
            }
            section.der = BASE64.decode(&body).map_err(|_| "base64")?;
            return if end == name { Ok(section) } else { Err("truncated") };
        }
        if label(line, BEGIN).is_some() {
            return Err("truncated");
        }
        // Headers, which only the old kind of PEM has (RFC 1421 section 4.4).
        if line.contains(':') {
            locked |= line.starts_with("Proc-Type:") && line.contains("ENCRYPTED");
            continue;
        }
        body.extend(line.split_whitespace());
    }
    Err("truncated")
}

fn bad(path: &str, what: &str) -> Fault {
    Fault::new(Code::BadCertificate, "").arg("what", what).arg("path", path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMC\nAQU=\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMAMCAQU=\n-----END PRIVATE KEY-----\n";
    const LOCKED: &str =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAMCAQU=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    const OLD_LOCKED: &str = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n\
                              MAMCAQU=\n-----END RSA PRIVATE KEY-----\n";

    fn what(found: Result<impl fmt::Debug, Fault>) -> String {
        let fault = found.unwrap_err();
        assert_eq!((fault.code, fault.value("path")), (Code::BadCertificate, "a.pem"));
        fault.value("what").to_owned()
    }

    #[test]
    fn sections_are_found_among_other_text_with_their_lines() {
        let text = format!("\u{feff}subject=CN=x\r\n{}\nnote\n{KEY}", CERTIFICATE.replace('\n', "\r\n"));
        let found = sections("a.pem", text.as_bytes()).unwrap();
        let kinds: Vec<_> = found.iter().map(|section| (section.kind, section.line)).collect();
        assert_eq!(kinds, [(Kind::Certificate, 2), (Kind::PrivateKey(Form::Pkcs8), 8)]);
        assert_eq!(found[0].der, [0x30, 3, 2, 1, 5]);
        assert_eq!(certificates("a.pem", text.as_bytes()).unwrap().len(), 1);
        assert_eq!(private_key("a.pem", text.as_bytes()).unwrap().line, 8);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(what(sections("a.pem", b"")), "no-pem");
        assert_eq!(what(sections("a.pem", b"hello")), "no-pem");
        assert_eq!(what(sections("a.pem", &[0x30, 0x82, 1, 0xff])), "der");
        let cut = &CERTIFICATE[..CERTIFICATE.len() - 30];
        assert_eq!(what(sections("a.pem", cut.as_bytes())), "truncated");
        let fault = sections("a.pem", format!("{KEY}{cut}\n{KEY}").as_bytes()).unwrap_err();
        assert_eq!((fault.value("what"), fault.value("line")), ("truncated", "4"));
        assert_eq!(what(sections("a.pem", CERTIFICATE.replace("MAMC", "MA*C").as_bytes())), "base64");
        assert_eq!(what(sections("a.pem", KEY.repeat(MAX_SECTIONS + 1).as_bytes())), "many");
        assert_eq!(what(sections("a.pem", &vec![b'\n'; MAX_BYTES + 1])), "long");
    }

    #[test]
    fn the_wrong_file_is_told_apart_from_a_broken_one() {
        assert_eq!(what(certificates("a.pem", KEY.as_bytes())), "key");
        assert_eq!(what(private_key("a.pem", CERTIFICATE.as_bytes())), "certificate");
        let request = CERTIFICATE.replace("CERTIFICATE", "CERTIFICATE REQUEST");
        assert_eq!(what(certificates("a.pem", request.as_bytes())), "no-certificate");
        assert_eq!(what(private_key("a.pem", request.as_bytes())), "no-key");
        assert_eq!(what(private_key("a.pem", LOCKED.as_bytes())), "locked");
        assert_eq!(what(private_key("a.pem", OLD_LOCKED.as_bytes())), "locked");
    }

    #[test]
    fn what_is_written_reads_back() {
        for size in [1, 47, 48, 49, 500] {
            let der: Vec<u8> = (0..=255).cycle().take(size).collect();
            let text = write("CERTIFICATE", &der);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert_eq!(certificates("a.pem", text.as_bytes()).unwrap(), [der]);
        }
        assert_eq!(write("X", b"\x30"), "-----BEGIN X-----\nMA==\n-----END X-----\n");
    }

    #[test]
    fn a_key_does_not_show_in_debug_output() {
        let key = private_key("a.pem", KEY.as_bytes()).unwrap();
        assert!(!format!("{key:?}").contains("48, 3"), "{key:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..80) {
            let mut text = CERTIFICATE.repeat(2).into_bytes();
            text.splice(at..at, bytes.clone());
            let _ = sections("a.pem", &text);
            let _ = sections("a.pem", &bytes);
        }
    }
}
