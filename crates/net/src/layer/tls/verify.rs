//! Who is believed: the verifiers that rustls asks, and what they saw of a peer that was refused.
//!
//! rustls tells of a refused certificate little more than that; so each verifier keeps what it was shown in a
//! [`Witness`]. One witness serves all handshakes of a layer: it is emptied right after every poll of a handshake,
//! on the thread that polls them all, so that what it holds then is that handshake's. See [`watched`].

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use sockeye_core::tls::Trust;
use sockeye_wire::certificate::Certificate;

/// Application protocols of a client that are kept, for the sentence that names them.
const PROTOCOLS: usize = 8;

/// What a handshake showed.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The peer's certificates in DER, its own first.
    pub(super) chain: Vec<Vec<u8>>,
    /// The application protocols that a client offers.
    pub(super) alpn: Vec<String>,
}

/// Where verifiers leave what they saw.
#[derive(Debug, Default)]
pub(super) struct Witness(Mutex<Sight>);

impl Witness {
    fn saw(&self, end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) {
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| der.to_vec());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).chain = chain.collect();
    }

    fn heard(&self, hello: &ClientHello<'_>) {
        let protocols = hello.alpn().into_iter().flatten().take(PROTOCOLS);
        let protocols = protocols.map(|name| String::from_utf8_lossy(name).into_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).alpn = protocols.collect();
    }

    fn take(&self) -> Sight {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs a handshake, and gives what it showed.
pub(super) async fn watched<T>(witness: &Witness, handshake: impl Future<Output = T>) -> (T, Sight) {
    let mut handshake = pin!(handshake);
    let mut sight = Sight::default();
    let outcome = poll_fn(|cx| {
        let polled = handshake.as_mut().poll(cx);
        let now = witness.take();
        if !now.chain.is_empty() {
            sight.chain = now.chain;
        }
        if !now.alpn.is_empty() {
            sight.alpn = now.alpn;
        }
        polled
    })
    .await;
    (outcome, sight)
}

/// Whom a client believes.
#[derive(Debug)]
pub(super) enum Belief {
    /// Whoever an authority vouches for, under the name that was asked for.
    Authorities(Arc<WebPkiServerVerifier>),
    /// Whoever has one of these keys, by their pins; chain, name and time do not matter.
    Pins(Vec<String>),
    /// Everybody.
    Everybody,
}

impl Belief {
    pub(super) const fn trust(&self) -> Trust {
        match self {
            Self::Authorities(_) => Trust::Chain,
            Self::Pins(_) => Trust::Pin,
            Self::Everybody => Trust::None,
        }
    }
}

/// Judges servers. Whatever it believes, a server must prove that it has the key of its certificate.
#[derive(Debug)]
pub(super) struct OfServers {
    pub(super) belief: Belief,
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) witness: Witness,
}

impl ServerCertVerifier for OfServers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.witness.saw(end_entity, intermediates);
        match &self.belief {
            Belief::Authorities(inner) => {
                inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            Belief::Pins(pins) => {
                let shown = Certificate::read(end_entity).map_err(|_| CertificateError::BadEncoding)?;
                if pins.contains(&shown.pin) {
                    return Ok(ServerCertVerified::assertion());
                }
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            Belief::Everybody => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Judges clients, where certificates are asked of them.
#[derive(Debug)]
pub(super) struct OfClients {
    pub(super) inner: Arc<dyn ClientCertVerifier>,
    pub(super) witness: Arc<Witness>,
}

impl ClientCertVerifier for OfClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.witness.saw(end_entity, intermediates);
        self.inner.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// A server's one certificate, and the witness of what clients offer.
#[derive(Debug)]
pub(super) struct OurCertificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) witness: Arc<Witness>,
}

impl ResolvesServerCert for OurCertificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.witness.heard(&hello);
        Some(Arc::clone(&self.key))
    }
}
