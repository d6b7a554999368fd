//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446), by rustls with aws-lc-rs: as a client in `client`, as a server in `server`.
//!
//! What is left behind is a [`TlsStream`]. Every way a handshake can fail has a code of its own: `refusal` finds it,
//! `verify` keeps what a refused peer showed, and `first` tells a peer that speaks no TLS from one that breaks it.

mod client;
mod facts;
mod first;
mod identity;
mod keylog;
mod refusal;
mod server;
mod stream;
mod verify;

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use sockeye_core::limits::Handshakes;
use sockeye_core::quantity::Span;
use sockeye_core::{Code, Endpoint, Fault, Place};

use super::{Entry, Prepared, Shape};
use crate::dial::{Conn, Options, Target};
use crate::transport::Role;
use client::{Asks, Client};
pub use keylog::log_secrets_to;
use server::Server;
pub use stream::TlsStream;

pub(super) const ENTRY: Entry = Entry {
    name: "tls",
    shape: Shape::Bytes,
    connects_with: &["sni", "alpn", "ca", "cert", "key", "pin", "insecure", "keylog"],
    listens_with: &["alpn", "cert", "key", "client-ca", "self-signed", "keylog"],
    examples: &[
        "tls://example.org:443",
        "tls://127.0.0.1:8443?ca=ca.pem&sni=app.example",
        "tls://:8443?cert=server.pem&key=server.key",
        "tls+unix:///run/app.sock?self-signed",
    ],
    prepare,
};

/// The longest name of an application protocol (RFC 7301 section 3.1).
const PROTOCOL: usize = 255;

fn prepare(endpoint: &Endpoint, role: Role) -> Prepared {
    Ok(match role {
        Role::Connect => Box::new(Client::prepare(endpoint, Asks::Trust)?),
        Role::Listen => Box::new(Server::prepare(endpoint)?),
    })
}

/// The certificates that a server shows, in DER, its own first: whatever they are, nobody is asked to believe them. The
/// endpoint is dialled without the layers outside TLS, and with TLS if it has none. Must not be called within a tokio
/// runtime.
///
/// Faults are those of dialling and of the handshake; one that fails after the certificates came does not matter.
pub fn fetch_chain(endpoint: &Endpoint) -> Result<Vec<Vec<u8>>, Fault> {
    let subject = format!("connect {}", endpoint.bare());
    let outcome = crate::server::runtime()?.block_on(fetch(endpoint));
    outcome.map_err(|fault| fault.doing(subject))
}

async fn fetch(endpoint: &Endpoint) -> Result<Vec<Vec<u8>>, Fault> {
    let client = Client::prepare(endpoint, Asks::Nothing)?;
    let handshakes = Handshakes::default();
    let options = Options { handshakes, ..Options::default() };
    let Conn::Stream(stream) = Target::new(&below(endpoint))?.dial(options, &|_| {}).await? else {
        return Err(Fault::new(Code::UnfitLayer, "").arg("name", ENTRY.name).arg("scheme", &endpoint.scheme));
    };
    let Ok((outcome, sight)) = tokio::time::timeout(handshakes.tls, client.shake(stream)).await else {
        let fault = Fault::new(Code::HandshakeTimeout, "").arg("layer", ENTRY.name);
        return Err(fault.arg("after", Span(handshakes.tls)));
    };
    match outcome {
        Err(fault) if sight.chain.is_empty() => Err(fault),
        _ => Ok(sight.chain),
    }
}

/// What an endpoint has below TLS.
fn below(endpoint: &Endpoint) -> Endpoint {
    let at = endpoint.layers.iter().position(|layer| layer == ENTRY.name);
    let mut below = endpoint.clone();
    below.layers.drain(..at.map_or(0, |at| at + 1));
    if let Place::Host { path, .. } = &mut below.place {
        *path = None;
    }
    // What belongs to TLS and to what is outside of it.
    let params = &mut below.params;
    (params.sni, params.alpn, params.ca, params.cert, params.key) = (None, None, None, None, None);
    (params.pin, params.insecure, params.keylog) = (None, false, None);
    (params.path, params.header, params.subprotocol, params.origin) = (None, None, None, None);
    (params.user, params.password_file, params.token_file) = (None, None, None);
    below
}

/// What does the cryptography. It is named everywhere, so that no default of the process matters.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}

/// The application protocols of a list: `h2,http/1.1`.
fn protocols(list: Option<&str>) -> Result<Vec<Vec<u8>>, Fault> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let names: Vec<Vec<u8>> = list.split(',').map(|name| name.trim().as_bytes().to_vec()).collect();
    if names.iter().any(|name| name.is_empty() || name.len() > PROTOCOL) {
        let fault = Fault::new(Code::BadValue, "").arg("name", "alpn").arg("value", list);
        return Err(fault.detail("h2,http/1.1"));
    }
    Ok(names)
}

/// The library does not take what we ask of it: a mistake of ours.
fn unfit(error: rustls::Error) -> Fault {
    Fault::new(Code::Internal, ENTRY.name).detail(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_is_dialled_without_what_is_above() {
        let endpoint = "ws+tls+proxy1+tcp://h:1/path?sni=x&insecure&bind=127.0.0.1".parse().unwrap();
        assert_eq!(below(&endpoint).to_string(), "proxy1+tcp://h:1?bind=127.0.0.1");
        let plain = "h:1?ca=x.pem".parse().unwrap();
        assert_eq!(below(&plain).to_string(), "tcp://h:1");
    }

    #[test]
    fn protocols_are_a_list_of_names() {
        assert_eq!(protocols(Some("h2, http/1.1")).unwrap(), [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert_eq!(protocols(Some("h2,")).unwrap_err().code, Code::BadValue);
        assert_eq!(protocols(Some(&"x".repeat(256))).unwrap_err().code, Code::BadValue);
    }
}
