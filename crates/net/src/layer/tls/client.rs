//! TLS on connections that we make.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use sockeye_core::limits::Handshakes;
use sockeye_core::{Code, Endpoint, Fault, Host, Kind, Note, Place};
use tokio_rustls::TlsConnector;

use super::refusal::{Failure, Other};
use super::stream::{BUFFER, TlsStream, Wire};
use super::verify::{Belief, OfServers, Sight, Witness, watched};
use super::{facts, identity, keylog, protocols, provider, unfit};
use crate::layer::shake::part;
use crate::layer::{Layer, Link, Scene, Wrapping};
use crate::stream::Stream;

/// Servers whose sessions are remembered, to go on with them.
const SESSIONS: usize = 64;

/// A pin is 32 bytes in base64.
const PIN: &str = "sha256:";
const PIN_LENGTH: usize = 44;

/// TLS towards one endpoint.
pub(super) struct Client {
    config: Arc<ClientConfig>,
    judge: Arc<OfServers>,
    name: ServerName<'static>,
    alpn: String,
    pins: String,
    notes: Vec<Note>,
}

/// Whom to believe, whatever the endpoint says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// As the endpoint says.
    Trust,
    /// For nothing: its chain is all that is wanted.
    Nothing,
}

impl Client {
    /// Reads what the endpoint names.
    pub(super) fn prepare(endpoint: &Endpoint, asks: Asks) -> Result<Self, Fault> {
        let params = &endpoint.params;
        let belief = if asks == Asks::Nothing { Belief::Everybody } else { belief(endpoint)? };
        let pins = if let Belief::Pins(pins) = &belief { pins.join(", ") } else { String::new() };
        let judge = Arc::new(OfServers { belief, provider: provider(), witness: Witness::default() });
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&judge) as _);
        let mut notes = Vec::new();
        let mut config = match identity::read(endpoint)? {
            Some(ours) => {
                notes.extend(ours.notes);
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(ours.key)))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols(params.alpn.as_deref())?;
        config.key_log = keylog::open(endpoint)?;
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        if params.insecure && asks == Asks::Trust {
            notes.push(Note::new("tls-insecure").arg("endpoint", endpoint.bare()));
        }
        let name = server_name(endpoint)?;
        config.enable_sni = matches!(name, ServerName::DnsName(_));
        let alpn = params.alpn.clone().unwrap_or_default();
        Ok(Self { config: Arc::new(config), judge, name, alpn, pins, notes })
    }

    /// Makes the handshake. What the server showed comes with it, even if it failed.
    pub(super) async fn shake(&self, stream: Stream) -> (Result<TlsStream, Fault>, Sight) {
        let tap = stream.tap().cloned();
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let bounded = |session: &mut rustls::ClientConnection| session.set_buffer_limit(Some(BUFFER));
        let shaking = connector.connect_with(self.name.clone(), Wire::new(stream), bounded).into_fallible();
        let (outcome, sight) = keylog::tapped(tap, watched(&self.judge.witness, shaking)).await;
        match outcome {
            Ok(stream) => (Ok(TlsStream::new(stream, self.judge.belief.trust())), sight),
            Err((error, wire)) => {
                let failure = Failure {
                    other: Other::Server,
                    error: &error,
                    first: wire.first(),
                    sight: &sight,
                    alpn: &self.alpn,
                    pins: &self.pins,
                };
                let fault = failure.fault();
                part(wire.stream, &mut Vec::new()).await;
                (Err(fault), sight)
            }
        }
    }
}

impl Layer for Client {
    fn name(&self) -> &'static str {
        super::ENTRY.name
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.tls
    }

    fn announce(&self, _url: &str) -> Vec<Note> {
        self.notes.clone()
    }

    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            let Link { stream, local, remote, user } = link;
            let (outcome, _) = self.shake(stream).await;
            let stream = outcome?;
            let asked = self.config.enable_sni.then(|| self.name.to_str().into_owned());
            let facts = facts::of(stream.state(), asked, stream.trust());
            (scene.on_event)(Kind::Tls { leg: scene.leg, facts: &facts });
            Ok(Link { stream: Stream::Tls(Box::new(stream)), local, remote, user })
        })
    }
}

/// Whom an endpoint says to believe: one of `pin`, `insecure` and `ca`, or the system's authorities.
fn belief(endpoint: &Endpoint) -> Result<Belief, Fault> {
    let params = &endpoint.params;
    let given = [("pin", params.pin.is_some()), ("insecure", params.insecure), ("ca", params.ca.is_some())];
    let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    if let [name, other, ..] = given[..] {
        return Err(Fault::new(Code::Contradiction, "").arg("name", name).arg("other", other));
    }
    if params.insecure {
        return Ok(Belief::Everybody);
    }
    if let Some(pins) = &params.pin {
        return Ok(Belief::Pins(pins.split(',').map(|pin| read_pin(pin.trim())).collect::<Result<_, _>>()?));
    }
    let roots = params.ca.as_deref().map_or_else(identity::system, identity::authorities)?;
    Ok(Belief::Authorities(authorities(roots)?))
}

fn authorities(roots: Arc<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>, Fault> {
    let built = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
    built.map_err(|error| Fault::new(Code::NoTrust, "").detail(error))
}

/// Reads `sha256:` and the base64 of 32 bytes (RFC 7469 section 2.4).
fn read_pin(pin: &str) -> Result<String, Fault> {
    let bad = || Fault::new(Code::BadPin, "").arg("value", pin);
    let base64 = pin.strip_prefix(PIN).ok_or_else(bad)?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    // 43 digits hold 258 bits: the last two of the last digit are zero.
    let fits = base64.len() == PIN_LENGTH
        && base64.strip_suffix('=').is_some_and(|digits| {
            digits.bytes().all(known) && digits.ends_with(|last: char| "AEIMQUYcgkosw048".contains(last))
        });
    if fits { Ok(pin.to_owned()) } else { Err(bad()) }
}

/// The name to ask for and to check.
fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, Fault> {
    let name = match (&endpoint.params.sni, &endpoint.place) {
        (Some(name), _) | (None, Place::Host { host: Host::Name(name), .. }) => name.clone(),
        (None, Place::Host { host: Host::Ip(ip), .. }) => return Ok(ServerName::IpAddress((*ip).into())),
        (None, Place::Host { host: Host::Zoned { ip, .. }, .. }) => {
            return Ok(ServerName::IpAddress(std::net::IpAddr::V6(*ip).into()));
        }
        // A socket's file, or loopback.
        _ => "localhost".to_owned(),
    };
    ServerName::try_from(name.clone()).map_err(|_| Fault::new(Code::BadServerName, "").arg("name", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_hosts_unless_another_is_given() {
        let asked = |text: &str| server_name(&text.parse().unwrap()).map(|name| name.to_str().into_owned());
        assert_eq!(asked("tls://app.example:1").unwrap(), "app.example");
        assert_eq!(asked("tls://127.0.0.1:1").unwrap(), "127.0.0.1");
        assert_eq!(asked("tls://[::1]:1").unwrap(), "::1");
        assert_eq!(asked("tls://:1").unwrap(), "localhost");
        assert_eq!(asked("tls+unix:///run/x.sock").unwrap(), "localhost");
        assert_eq!(asked("tls://127.0.0.1:1?sni=other.example").unwrap(), "other.example");
        assert_eq!(asked("tls://套.example:1").unwrap_err().code, Code::BadServerName);
        assert_eq!(asked("tls://h:1?sni=https://x").unwrap_err().value("name"), "https://x");
    }

    #[test]
    fn a_pin_is_whole_or_refused() {
        let pin = "sha256:d2VVOvDyxXhXZVhZCz6TG5dGi9iMU6kQlDGTpGxLsf8=";
        assert_eq!(read_pin(pin).unwrap(), pin);
        for bad in [
            "",
            "sha256:",
            &pin[7..],
            &pin[..pin.len() - 1],
            "sha1:d2VVOvDyxXhXZVhZCz6TG5dGi9iMU6kQlDGTpGxLsf8=",
        ] {
            assert_eq!(read_pin(bad).unwrap_err().code, Code::BadPin, "{bad}");
        }
        // A last digit with bits that no encoder sets.
        assert!(read_pin("sha256:d2VVOvDyxXhXZVhZCz6TG5dGi9iMU6kQlDGTpGxLsf9=").is_err());
    }

    #[test]
    fn one_of_pin_insecure_and_ca_is_enough() {
        let pin = "pin=sha256:d2VVOvDyxXhXZVhZCz6TG5dGi9iMU6kQlDGTpGxLsf8=";
        for (query, names) in [
            (format!("{pin}&insecure"), ("pin", "insecure")),
            (format!("{pin}&ca=x.pem"), ("pin", "ca")),
            ("insecure&ca=x.pem".to_owned(), ("insecure", "ca")),
        ] {
            let fault = belief(&format!("tls://h:1?{query}").parse().unwrap()).unwrap_err();
            assert_eq!((fault.value("name"), fault.value("other")), names);
        }
    }
}
