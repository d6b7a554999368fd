//! The other side by itself: rustls with nothing of ours, and peers that speak no TLS, an old one, or too little of it.

use std::future::Future;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger as client_verifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion, version};
use sockeye_core::Code;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::stage::{Running, call_fault};

/// Which versions a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    /// TLS 1.2 and 1.3.
    Both,
    /// TLS 1.2.
    Old,
}

static OLD: &[&SupportedProtocolVersion] = &[&version::TLS12];

impl Versions {
    fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Both => rustls::ALL_VERSIONS,
            Self::Old => OLD,
        }
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server that gives each of its connections to `talk`. It ends with what is returned.
pub(crate) async fn raw_server<F, T>(file: &str, versions: Versions, talk: F) -> (SocketAddr, Serving)
where
    F: Fn(server::TlsStream<TcpStream>) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send,
{
    let chain = CertificateDer::pem_file_iter(file).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(file).unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions.list())
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            talk(acceptor.accept(stream).await.unwrap()).await;
        }
    });
    (address, Serving(serving))
}

/// Ends a server when dropped.
pub(crate) struct Serving(tokio::task::JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A client that believes anybody.
pub(crate) async fn raw_client(address: &str, versions: Versions) -> client::TlsStream<TcpStream> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions.list())
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

#[derive(Debug)]
struct Anybody;

impl client_verifier::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<client_verifier::ServerCertVerified, rustls::Error> {
        Ok(client_verifier::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<client_verifier::HandshakeSignatureValid, rustls::Error> {
        Ok(client_verifier::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<client_verifier::HandshakeSignatureValid, rustls::Error> {
        Ok(client_verifier::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// How a peer without TLS leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    Stays,
    Fin,
    Rst,
}

/// A server that says `first` to whoever calls, once it has heard something, and then leaves.
fn plain_server(first: &'static [u8], leaves: Leaves) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = [0; 4096];
        let count = stream.read(&mut heard).unwrap();
        stream.write_all(if first == b"echo" { &heard[..count] } else { first }).unwrap();
        match leaves {
            Leaves::Stays => {
                // Until the other side ends it.
                let _end = std::io::copy(&mut stream, &mut std::io::sink());
            }
            Leaves::Fin => {}
            Leaves::Rst => {
                let stream = socket2::Socket::from(stream);
                stream.set_linger(Some(std::time::Duration::ZERO)).unwrap();
            }
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_named_by_what_it_said() {
    for (first, code, what, text) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], Code::PlainText, "ssh", "SSH-2.0-OpenSSH_9.2"),
        (b"220 mail.example ESMTP\r\n", Code::PlainText, "starttls", "220 mail.example ESMTP"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Code::PlainText, "http", "HTTP/1.1 400 Bad Request"),
        (b"x", Code::PlainText, "text", "x"),
        (b"\x1b]0;t\x07", Code::PlainText, "binary", "\\x1b]0;t\\x07"),
        (b"echo", Code::Echoes, "", ""),
        // Alerts: an old server's, and others.
        (b"\x15\x03\x01\x00\x02\x02\x46", Code::TlsTooOld, "", ""),
        (b"\x15\x03\x01\x00\x02\x02\x28", Code::TlsAlert, "", ""),
        // A record of TLS, with nothing in it that could be.
        (b"\x16\x03\x03\x00\x04\x63\x00\x00\x00", Code::TlsBroken, "", ""),
    ] {
        let address = plain_server(first, Leaves::Stays);
        let fault = call_fault(&format!("tls://{address}?insecure")).await;
        assert_eq!((fault.code, fault.value("what"), fault.value("text")), (code, what, text), "{fault}");
    }
}

#[tokio::test]
async fn a_server_that_leaves_within_the_handshake_is_told_by_how() {
    for (leaves, what) in [(Leaves::Fin, "fin"), (Leaves::Rst, "rst")] {
        // The beginning of a record, then nothing.
        let address = plain_server(b"\x16\x03", leaves);
        let fault = call_fault(&format!("tls://{address}?insecure")).await;
        assert_eq!((fault.code, fault.value("what")), (Code::TlsCut, what), "{fault}");
    }
}

/// A client of TLS 1.0: a ClientHello without extensions (RFC 2246 section 7.4.1.2).
fn tls10() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let mut record = vec![22, 3, 1, 0, u8::try_from(hello.len() + 4).unwrap(), 1, 0, 0];
    record.push(u8::try_from(hello.len()).unwrap());
    record.extend(hello);
    record
}

#[test]
fn a_client_that_speaks_something_else_is_named_by_what_it_said() {
    let ssl2 = [&[0x80, 46, 1, 3, 1][..], &[0; 43]].concat();
    for (first, code, what, text) in [
        (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], Code::PlainText, "http-request", "GET / HTTP/1.1 …"),
        (b"hello", Code::PlainText, "text", "hello"),
        (b"h", Code::PlainText, "text", "h"),
        (b"\x00\x00", Code::PlainText, "binary", "\\x00\\x00"),
        (&tls10(), Code::TlsTooOld, "", ""),
        (&ssl2, Code::TlsTooOld, "", ""),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", Code::TlsBroken, "", ""),
        (b"", Code::TlsCut, "fin", ""),
        (b"\x16\x03", Code::TlsCut, "fin", ""),
    ] {
        let server = Running::start("tls://127.0.0.1:0?self-signed", 1);
        let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
        stream.write_all(first).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let fault = server.fault();
        assert_eq!((fault.code, fault.value("what"), fault.value("text")), (code, what, text), "{fault}");
        assert_eq!(fault.subject, stream.local_addr().unwrap().to_string());
        drop(stream);
        server.finish("insecure");
    }
}
