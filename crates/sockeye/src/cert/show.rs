//! What is in files of certificates and keys, and what live servers show.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sockeye_core::{Code, Endpoint, Fault, Side};
use sockeye_net::tls;
use sockeye_wire::certificate::Certificate;
use sockeye_wire::certificate::pem::{self, Kind};

/// Certificates that a live server may show at most.
pub const MAX_CHAIN: usize = 100;

/// What was found in one place.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The place: a path, `-`, or an endpoint.
    pub source: String,
    /// What is there, in its order.
    pub items: Vec<Item>,
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub enum Item {
    /// A certificate.
    Certificate(Box<Certificate>),
    /// Anything else in PEM: a key (of which nothing is kept), a request, parameters.
    Section {
        /// What it holds.
        kind: Kind,
        /// Its label.
        label: String,
        /// The line it begins in.
        line: usize,
    },
}

impl Listed {
    /// The certificates, in their order.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.items.iter().filter_map(|item| match item {
            Item::Certificate(certificate) => Some(certificate.as_ref()),
            Item::Section { .. } => None,
        })
    }

    /// Which of the certificates, counted from 0, the one at `at` names as its issuer; itself aside.
    pub fn issuer(&self, at: usize) -> Option<usize> {
        let certificate = self.certificates().nth(at)?;
        self.certificates()
            .enumerate()
            .position(|(other, found)| other != at && certificate.names_as_issuer(found))
    }

    /// Whether they stand as TLS sends them: each, a root aside, before its issuer, if that is here at all
    /// (RFC 8446 section 4.4.2 asks for that order, RFC 5246 section 7.4.2 demands it).
    pub fn is_ordered(&self) -> bool {
        let mut certificates = self.certificates().enumerate();
        certificates
            .all(|(at, found)| found.self_signed || self.issuer(at).is_none_or(|issuer| issuer == at + 1))
    }
}

/// Now, in Unix seconds, for [`Certificate::days_left`].
pub fn now() -> i64 {
    super::now()
}

/// Shows what is in one place: a file that is there, `-` for stdin, an endpoint, or `host:port`, which means TLS over TCP.
pub fn run(place: &str) -> Result<Listed, Fault> {
    let is_file = Path::new(place).exists() || !place.contains(':') || place.starts_with(['/', '.']);
    if place == "-" || is_file { parse(place, &bytes(place)?) } else { live(place, tls::fetch_chain) }
}

/// Shows the chain of a live server, which `fetch` gets, in DER, its own certificate first.
pub fn live(
    place: &str,
    fetch: impl FnOnce(&Endpoint) -> Result<Vec<Vec<u8>>, Fault>,
) -> Result<Listed, Fault> {
    let endpoint: Endpoint =
        if place.contains("://") { place.parse()? } else { format!("tls://{place}").parse()? };
    let source = endpoint.bare().to_string();
    let bad = |what: &str| {
        Fault::new(Code::BadCertificate, "").arg("what", what).arg("path", &source).on(Side::Peer)
    };
    if !endpoint.layers.iter().any(|layer| layer == "tls") {
        return Err(Fault::new(Code::WithoutTls, "").arg("endpoint", &source));
    }
    let chain = fetch(&endpoint).map_err(|fault| fault.doing(format!("cert show {source}")))?;
    if chain.is_empty() {
        return Err(bad("empty"));
    }
    if chain.len() > MAX_CHAIN {
        return Err(bad("many").arg("max", MAX_CHAIN));
    }
    let item = |der: &Vec<u8>| match Certificate::read(der) {
        Ok(certificate) => Ok(Item::Certificate(Box::new(certificate))),
        Err(fault) => Err(fault.arg("path", &source).on(Side::Peer)),
    };
    let items = chain.iter().map(item).collect::<Result<_, _>>()?;
    Ok(Listed { source, items })
}

/// Shows what is in the bytes of a file: PEM, or one certificate in DER. `source` says to people where they are from.
pub fn parse(source: &str, bytes: &[u8]) -> Result<Listed, Fault> {
    let place = |fault: Fault| fault.arg("path", source);
    // A SEQUENCE whose length does not fit one byte (X.690 section 8.1.3.5): no text begins so.
    if matches!(bytes, [0x30, 0x81..=0x84, ..]) {
        let certificate = Certificate::read(bytes).map_err(place)?;
        return Ok(Listed {
            source: source.to_owned(),
            items: vec![Item::Certificate(Box::new(certificate))],
        });
    }
    let items = pem::sections(source, bytes)?.into_iter().map(|section| match section.kind {
        Kind::Certificate => {
            let args = [("what", "section".to_owned()), ("line", section.line.to_string())];
            let placed = |fault| place(Fault { args: args.to_vec(), ..fault });
            Certificate::read(&section.der).map(|found| Item::Certificate(Box::new(found))).map_err(placed)
        }
        kind => Ok(Item::Section { kind, label: section.label, line: section.line }),
    });
    Ok(Listed { source: source.to_owned(), items: items.collect::<Result<_, _>>()? })
}

/// The bytes of a file, or of stdin for `-`; no more than can be PEM, and one, so that too many are seen.
pub(super) fn bytes(path: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let most = pem::MAX_BYTES as u64 + 1;
    let read = match path {
        "-" => io::stdin().lock().take(most).read_to_end(&mut bytes),
        path => File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    read.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fault::new(Code::NoFile, "").arg("path", path),
        _ => Fault::new(Code::BadFile, "").arg("path", path).detail(error),
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cert::name::servers;
    use crate::cert::sign::{self, Days};

    const NOW: i64 = 1_800_000_000;

    /// An authority's certificate and a server's, as PEM.
    fn pair() -> (String, String) {
        let (authority, root) = sign::authority("Test", Days::AUTHORITY, NOW).unwrap();
        let names = servers(&[]).unwrap();
        let leaf = authority.sign(&sign::Role::Server(&names), Days::LEAF, NOW, "ca.pem").unwrap();
        (root.chain, leaf.chain)
    }

    fn der(text: &str) -> Vec<u8> {
        pem::certificates("a.pem", text.as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn a_chain_knows_who_signed_whom_and_its_order() {
        let (root, leaf) = pair();
        let listed = parse("a.pem", format!("{leaf}{root}").as_bytes()).unwrap();
        assert_eq!((listed.issuer(0), listed.issuer(1), listed.issuer(2)), (Some(1), None, None));
        assert!(listed.is_ordered());
        let listed = parse("a.pem", format!("{root}{leaf}").as_bytes()).unwrap();
        assert_eq!(listed.issuer(1), Some(0));
        assert!(!listed.is_ordered());
        assert!(parse("a.pem", leaf.as_bytes()).unwrap().is_ordered());
    }

    #[test]
    fn der_is_read_as_it_is_and_damage_is_placed() {
        let (root, leaf) = pair();
        assert_eq!(parse("a.der", &der(&root)).unwrap().certificates().count(), 1);
        let damaged = pem::write("CERTIFICATE", b"\x30\x00");
        let fault = parse("a.pem", format!("{leaf}{damaged}").as_bytes()).unwrap_err();
        let line = leaf.lines().count() + 1;
        assert_eq!((fault.value("path"), fault.value("line")), ("a.pem", line.to_string().as_str()));
    }

    #[test]
    fn a_live_chain_is_asked_for_once_and_is_a_peers() {
        let (root, leaf) = pair();
        let listed = live("localhost:4433", |endpoint| {
            assert_eq!(endpoint.to_string(), "tls://localhost:4433");
            Ok(vec![der(&leaf), der(&root)])
        });
        assert_eq!(listed.unwrap().source, "tls://localhost:4433");
        for (chain, what) in
            [(Vec::new(), "empty"), (vec![Vec::new(); MAX_CHAIN + 1], "many"), (vec![Vec::new()], "x509")]
        {
            let fault = live("wss://localhost:4433/chat", |_| Ok(chain)).unwrap_err();
            assert_eq!((fault.value("what"), fault.side), (what, Side::Peer));
        }
        assert_eq!(live("tcp://h:1", |_| Ok(Vec::new())).unwrap_err().code, Code::WithoutTls);
        let refused = live("h:1", |_| Err(Fault::new(Code::Refused, ""))).unwrap_err();
        assert_eq!(refused.subject, "cert show tls://h:1");
    }

    #[test]
    fn a_place_is_a_file_unless_it_looks_like_an_endpoint() {
        for (place, code) in [
            ("no-such-file", Code::NoFile),
            ("./no:such", Code::NoFile),
            ("/", Code::BadFile),
            ("h:x", Code::BadPort),
            ("tls://127.0.0.1:1", Code::Refused),
        ] {
            assert_eq!(run(place).unwrap_err().code, code, "{place}");
        }
    }
}
