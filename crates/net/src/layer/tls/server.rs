//! TLS on connections that come to us.

use std::sync::Arc;
use std::time::Duration;

use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{ServerConfig, ServerConnection};
use sockeye_core::limits::Handshakes;
use sockeye_core::tls::Trust;
use sockeye_core::{Code, Endpoint, Fault, Kind, Note};
use tokio_rustls::TlsAcceptor;

use super::identity::{self, Identity};
use super::refusal::{Failure, Other};
use super::stream::{BUFFER, TlsStream, Wire};
use super::verify::{OfClients, OurCertificate, Witness, watched};
use super::{facts, keylog, protocols, provider, unfit};
use crate::layer::shake::part;
use crate::layer::{Layer, Link, Scene, Wrapping};
use crate::stream::Stream;

/// Sessions of TLS 1.2 that are remembered for clients without tickets.
const SESSIONS: usize = 256;

/// TLS on one listener.
pub(super) struct Server {
    config: Arc<ServerConfig>,
    witness: Arc<Witness>,
    trust: Trust,
    alpn: String,
    notes: Vec<Note>,
    /// The pin of a certificate that was made for this run.
    pin: Option<String>,
}

impl Server {
    /// Reads what the endpoint names.
    pub(super) fn prepare(endpoint: &Endpoint) -> Result<Self, Fault> {
        let params = &endpoint.params;
        let Identity { key, notes, pin } = identity(endpoint)?;
        let witness = Arc::new(Witness::default());
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unfit)?;
        let (builder, trust) = match &params.client_ca {
            None => (builder.with_no_client_auth(), Trust::None),
            Some(path) => {
                let roots = identity::authorities(path)?;
                let inner = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
                let inner = inner.map_err(|error| Fault::new(Code::NoTrust, "").detail(error))?;
                let judge = OfClients { inner, witness: Arc::clone(&witness) };
                (builder.with_client_cert_verifier(Arc::new(judge)), Trust::Chain)
            }
        };
        let ours = OurCertificate { key, witness: Arc::clone(&witness) };
        let mut config = builder.with_cert_resolver(Arc::new(ours));
        config.alpn_protocols = protocols(params.alpn.as_deref())?;
        config.key_log = keylog::open(endpoint)?;
        // Every suite here is sound, so the order matters little; but scanners count a client's choice as a fault.
        config.ignore_client_order = true;
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(unfit)?;
        let alpn = params.alpn.clone().unwrap_or_default();
        let pin = params.self_signed.then_some(pin);
        Ok(Self { config: Arc::new(config), witness, trust, alpn, notes, pin })
    }
}

/// The certificate to show: from files, or made for this run.
fn identity(endpoint: &Endpoint) -> Result<Identity, Fault> {
    let params = &endpoint.params;
    if params.self_signed {
        let given = [("cert", &params.cert), ("key", &params.key)];
        if let Some((other, _)) = given.into_iter().find(|(_, given)| given.is_some()) {
            let fault = Fault::new(Code::Contradiction, "");
            return Err(fault.arg("name", "self-signed").arg("other", other));
        }
        return identity::make(endpoint);
    }
    let none = || Fault::new(Code::WithoutCertificate, "").arg("endpoint", endpoint.bare());
    identity::read(endpoint)?.ok_or_else(none)
}

impl Layer for Server {
    fn name(&self) -> &'static str {
        super::ENTRY.name
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.tls
    }

    fn announce(&self, url: &str) -> Vec<Note> {
        let pinned = self.pin.as_ref();
        let made = pinned.map(|pin| Note::new("tls-self-signed").arg("url", url).arg("pin", pin));
        self.notes.iter().cloned().chain(made).collect()
    }

    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            let Link { stream, local, remote, user } = link;
            let tap = stream.tap().cloned();
            let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
            let bounded = |session: &mut ServerConnection| session.set_buffer_limit(Some(BUFFER));
            let shaking = acceptor.accept_with(Wire::new(stream), bounded).into_fallible();
            let (outcome, sight) = keylog::tapped(tap, watched(&self.witness, shaking)).await;
            let stream = match outcome {
                Ok(stream) => stream,
                Err((error, wire)) => {
                    let failure = Failure {
                        other: Other::Client,
                        error: &error,
                        first: wire.first(),
                        sight: &sight,
                        alpn: &self.alpn,
                        pins: "",
                    };
                    let fault = failure.fault();
                    part(wire.stream, &mut Vec::new()).await;
                    return Err(fault);
                }
            };
            let asked = stream.get_ref().1.server_name().map(str::to_owned);
            let stream = TlsStream::new(stream, self.trust);
            let facts = facts::of(stream.state(), asked, self.trust);
            (scene.on_event)(Kind::Tls { leg: scene.leg, facts: &facts });
            Ok(Link { stream: Stream::Tls(Box::new(stream)), local, remote, user })
        })
    }
}
