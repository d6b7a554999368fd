//! What a handshake that succeeded is told as.

use rustls::pki_types::CertificateDer;
use rustls::{CommonState, HandshakeKind, ProtocolVersion};
use sockeye_core::Tls;
use sockeye_core::tls::{Shown, Trust};
use sockeye_wire::certificate::{Certificate, moment};

use crate::clock;

/// The facts of a session, whose client asked for `server_name`.
pub(super) fn of(state: &CommonState, server_name: Option<String>, trust: Trust) -> Tls {
    let suite = state.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let group = state.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
    Tls {
        version: match state.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        }
        .to_owned(),
        // rustls has names of its own for the suites of TLS 1.3.
        suite: suite.unwrap_or_default().replace("TLS13_", "TLS_"),
        group: group.map(str::to_owned),
        alpn: state.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        server_name,
        resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
        trust,
        chain: state.peer_certificates().unwrap_or_default().iter().map(shown).collect(),
    }
}

fn shown(der: &CertificateDer<'_>) -> Shown {
    // One that cannot be read was not asked about, or the handshake would have failed.
    let Ok(certificate) = Certificate::read(der) else { return Shown::default() };
    Shown {
        subject: certificate.subject.to_string(),
        issuer: certificate.issuer.to_string(),
        names: certificate.names.iter().map(ToString::to_string).collect(),
        not_after: moment(certificate.not_after),
        days: certificate.days_left(clock::seconds()),
        pin: certificate.pin,
    }
}
