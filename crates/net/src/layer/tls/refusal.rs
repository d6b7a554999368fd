//! Why a handshake, or a session after it, failed: from what rustls and the system say to a fault with words of its own.
//! Nothing here does I/O.

use std::io::{self, ErrorKind};

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use sockeye_core::{Code, Fault};
use sockeye_wire::certificate::{Certificate, Name, Purpose, Standing, moment};

use super::first::First;
use super::verify::Sight;
use crate::clock;
use crate::errno;

/// Names of a certificate that a sentence tells; the rest is counted.
const NAMES: usize = 8;

/// What the other end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// We connected.
    Server,
    /// We listened.
    Client,
}

impl Other {
    const fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }

    fn fault(self, code: Code) -> Fault {
        Fault::new(code, "").arg("role", self.word())
    }
}

/// A handshake that failed.
pub(super) struct Failure<'a> {
    pub(super) other: Other,
    pub(super) error: &'a io::Error,
    /// How the peer began.
    pub(super) first: First,
    /// What it showed and asked for.
    pub(super) sight: &'a Sight,
    /// The application protocols that we offer or accept.
    pub(super) alpn: &'a str,
    /// The pins that its key should have had.
    pub(super) pins: &'a str,
}

/// What rustls says, where an error is its own.
pub(super) fn cause(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

impl Failure<'_> {
    /// The fault of the handshake.
    pub(super) fn fault(&self) -> Fault {
        let other = self.other;
        if other == Other::Client && self.first.is_ssl2() {
            return other.fault(Code::TlsTooOld);
        }
        if !self.first.may_be_tls() {
            return other
                .fault(Code::PlainText)
                .arg("what", self.first.kind())
                .arg("text", self.first.text());
        }
        if other == Other::Server && self.first.is_client_hello() {
            return Fault::new(Code::Echoes, "");
        }
        match cause(self.error) {
            Some(Error::InvalidCertificate(why)) => self.certificate(why),
            Some(
                Error::NoApplicationProtocol | Error::AlertReceived(AlertDescription::NoApplicationProtocol),
            ) => self.alpn_mismatch(),
            Some(cause) => running(other, cause),
            None => match self.error.kind() {
                ErrorKind::UnexpectedEof => other.fault(Code::TlsCut).arg("what", "fin"),
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                    other.fault(Code::TlsCut).arg("what", "rst")
                }
                _ => errno::running(self.error, ""),
            },
        }
    }

    fn alpn_mismatch(&self) -> Fault {
        let fault = self.other.fault(Code::AlpnMismatch).arg("wanted", self.alpn);
        fault.arg("offered", self.sight.alpn.join(", "))
    }

    /// Why a certificate was refused.
    fn certificate(&self, why: &CertificateError) -> Fault {
        let chain: Vec<Certificate> =
            self.sight.chain.iter().filter_map(|der| Certificate::read(der).ok()).collect();
        let fault = |code| self.other.fault(code);
        let Some(leaf) = chain.first() else { return fault(Code::CertificateUnusable).detail(why) };
        let named = |code| fault(code).arg("name", name(leaf));
        match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => self.expired(&chain, leaf),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                let early = chain.iter().find(|one| one.standing(clock::seconds()) == Standing::NotYet);
                let one = early.unwrap_or(leaf);
                fault(Code::CertificateNotYet).arg("name", name(one)).arg("when", moment(one.not_before))
            }
            CertificateError::NotValidForNameContext { expected, .. } => {
                let only_common = leaf.names.iter().all(|name| matches!(name, Name::CommonName(_)));
                Fault::new(Code::CertificateName, "")
                    .arg("asked", asked(expected))
                    .arg("offered", names(leaf))
                    .arg("what", if only_common { "common-name" } else { "names" })
            }
            CertificateError::UnknownIssuer if leaf.self_signed => {
                named(Code::CertificateSelfSigned).arg("got", &leaf.pin)
            }
            CertificateError::UnknownIssuer => {
                let last = chain.last().unwrap_or(leaf);
                let issuer = last.issuer.common_name().map_or_else(|| last.issuer.to_string(), str::to_owned);
                named(Code::CertificateIssuer).arg("issuer", issuer).arg("got", &leaf.pin)
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                named(Code::CertificatePurpose).arg("offered", purposes(leaf))
            }
            CertificateError::BadSignature => named(Code::CertificateSignature),
            CertificateError::ApplicationVerificationFailure => {
                Fault::new(Code::PinMismatch, "").arg("wanted", self.pins).arg("got", &leaf.pin)
            }
            // webpki's words for it come without a type of their own.
            CertificateError::Other(_) if leaf.is_ca() => {
                named(Code::CertificateIsAuthority).arg("got", &leaf.pin)
            }
            _ => named(Code::CertificateUnusable).detail(why),
        }
    }

    fn expired(&self, chain: &[Certificate], leaf: &Certificate) -> Fault {
        let now = clock::seconds();
        let late = chain.iter().find(|one| one.standing(now) == Standing::Expired);
        let one = late.unwrap_or(leaf);
        let days = now.saturating_sub(one.not_after).max(0) / (24 * 3600);
        let fault = self.other.fault(Code::CertificateExpired).arg("name", name(one));
        fault.arg("when", moment(one.not_after)).arg("days", days)
    }
}

/// The fault of what rustls says: in a handshake, or later.
pub(super) fn running(other: Other, error: &Error) -> Fault {
    match error {
        Error::AlertReceived(alert) => refused(other, *alert),
        Error::NoCertificatesPresented => Fault::new(Code::CertificateMissing, ""),
        Error::PeerIncompatible(why) => incompatible(other, why),
        _ => other.fault(Code::TlsBroken).detail(error),
    }
}

/// The peer refused us with an alert.
fn refused(other: Other, alert: AlertDescription) -> Fault {
    match alert {
        AlertDescription::CertificateRequired if other == Other::Server => {
            Fault::new(Code::CertificateRequired, "")
        }
        AlertDescription::ProtocolVersion => other.fault(Code::TlsTooOld),
        _ => other.fault(Code::TlsAlert).arg("alert", alert_name(alert)),
    }
}

fn incompatible(other: Other, why: &PeerIncompatible) -> Fault {
    let nothing = |what| other.fault(Code::TlsNothingInCommon).arg("what", what);
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired
        // It came with TLS 1.2, and a client without it is looked at no further.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => other.fault(Code::TlsTooOld),
        PeerIncompatible::NoCipherSuitesInCommon => nothing("suite"),
        PeerIncompatible::NoKxGroupsInCommon => nothing("group"),
        PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => nothing("signature"),
        _ => other.fault(Code::TlsBroken).detail(Error::PeerIncompatible(why.clone())),
    }
}

/// An alert by its name in RFC 8446 section 6: `UnknownCA` is `unknown_ca`.
fn alert_name(alert: AlertDescription) -> String {
    let Some(name) = alert.as_str() else { return u8::from(alert).to_string() };
    // As the RFC spells it.
    let name = name.replace("Recognised", "Recognized").replace("recognised", "recognized");
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let begins_word = letter.is_uppercase()
            && at > 0
            && (letters[at - 1].is_lowercase()
                || letters.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if begins_word {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

/// Whom a certificate is about, in few words.
fn name(certificate: &Certificate) -> String {
    let common = certificate.subject.common_name().map(str::to_owned);
    let first = || certificate.names.first().map(ToString::to_string);
    common.or_else(first).unwrap_or_else(|| certificate.subject.to_string())
}

/// The names it is good for.
fn names(certificate: &Certificate) -> String {
    let mut names: Vec<String> = certificate.names.iter().take(NAMES).map(ToString::to_string).collect();
    let more = certificate.names.len() + certificate.names_left_out - names.len();
    if more > 0 {
        names.push(format!("… (+{more})"));
    }
    names.join(", ")
}

/// What it may be used for, by the names of RFC 5280 section 4.2.1.12.
fn purposes(certificate: &Certificate) -> String {
    let word = |purpose: &Purpose| match purpose {
        Purpose::Server => "serverAuth".to_owned(),
        Purpose::Client => "clientAuth".to_owned(),
        Purpose::Any => "anyExtendedKeyUsage".to_owned(),
        Purpose::Other(name) => name.clone(),
    };
    let words: Vec<String> = certificate.purposes.iter().flatten().take(NAMES).map(word).collect();
    words.join(", ")
}

/// The name that was asked for, as typed.
pub(super) fn asked(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_called_what_the_rfc_calls_them() {
        for (alert, name) in [
            (AlertDescription::UnknownCA, "unknown_ca"),
            (AlertDescription::CertificateRequired, "certificate_required"),
            (AlertDescription::UnrecognisedName, "unrecognized_name"),
            (AlertDescription::UnknownPSKIdentity, "unknown_psk_identity"),
            (AlertDescription::BadRecordMac, "bad_record_mac"),
            (AlertDescription::Unknown(200), "200"),
        ] {
            assert_eq!(alert_name(alert), name);
        }
    }
}
