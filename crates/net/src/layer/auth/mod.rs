//! `auth`: who is there. The protocol is `sockeye-auth` (docs/auth.md, the machines are in `wire::auth`): SCRAM-SHA-256,
//! bound to the TLS connection where there is one, or a bearer token.

mod client;
mod server;

pub use client::first_line;

use sockeye_core::{Address, Code, Fault};
use sockeye_wire::auth::{Reason, Refusal};
use sockeye_wire::scram;
use sockeye_wire::scram::Nonce;

use super::{Entry, Shape};
use crate::random;
use crate::stream::Stream;
use crate::transport::Role;

pub(super) const ENTRY: Entry = Entry {
    name: "auth",
    shape: Shape::Same,
    connects_with: &["user", "password-file", "token-file"],
    listens_with: &["users"],
    examples: &["auth+tls://127.0.0.1:4433?user=lin", "auth+tcp://127.0.0.1:9000?users=users.txt"],
    prepare: |endpoint, role| match role {
        Role::Connect => client::prepare(endpoint),
        Role::Listen => server::prepare(endpoint),
    },
};

/// A nonce for one handshake.
fn nonce() -> Result<Nonce, Fault> {
    random::bytes().map(Nonce::from_random)
}

/// Whether somebody on the way could read what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    /// Nobody: it is encrypted, or within this machine.
    Private,
    /// It crosses a network as it is.
    Open,
}

impl Wire {
    /// What lies between this end and the peer. Both must be here: the one that the socket is connected with, and the
    /// one behind it, which a relay has told of or a proxy connects to.
    fn of(stream: &Stream, remote: &Address) -> Self {
        let within = remote.is_local() && stream.remote().is_ok_and(|next| next.is_local());
        if stream.is_private() || within { Self::Private } else { Self::Open }
    }
}

/// Which side of the handshake says so.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Client,
    Server,
}

/// What a refusal comes to. `name`: who the client says it is, where that is known.
fn fault(refusal: &Refusal, at: At, name: &str, subject: &str) -> Fault {
    let code = match refusal {
        Refusal::Foreign { .. }
        | Refusal::Version { .. }
        | Refusal::NothingInCommon { .. }
        | Refusal::Ended => Code::NoAuth,
        Refusal::Scram { refusal: scram::Refusal::ServerSignature, .. } if at == At::Client => {
            Code::ServerUnproven
        }
        Refusal::Token => Code::BadToken,
        _ => match refusal.reason() {
            Reason::Credentials if name.is_empty() => Code::BadToken,
            Reason::Credentials => Code::BadCredentials,
            Reason::Binding => Code::AuthBinding,
            Reason::Later => Code::AuthLater,
            Reason::Protocol => Code::BadAuth,
        },
    };
    let fault = Fault::new(code, subject);
    match code {
        Code::BadCredentials => fault.arg("name", name),
        Code::NoAuth | Code::BadAuth => fault.arg("reason", refusal),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    #[tokio::test]
    async fn a_wire_is_private_within_this_machine_alone() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let tcp = Stream::Tcp(stream);
        assert_eq!(Wire::of(&tcp, &ip("127.0.0.1:1")), Wire::Private);
        // As behind a proxy on this machine, or told by a relay.
        for far in ["192.0.2.1:1", "[2001:db8::1]:1", "0.0.0.0:1"] {
            assert_eq!(Wire::of(&tcp, &ip(far)), Wire::Open, "{far}");
        }
        let (unix, _other) = tokio::net::UnixStream::pair().unwrap();
        assert_eq!(Wire::of(&Stream::Unix(unix), &Address::Unix(None)), Wire::Private);
    }

    #[tokio::test]
    async fn a_token_is_not_told_over_a_network() {
        use crate::layer::{Link, Open, Scene};
        use crate::transport::Role;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut endpoint: sockeye_core::Endpoint = "auth+tcp://192.0.2.1:1".parse().unwrap();
        let token = sockeye_wire::auth::Token::from_random([7; 32]);
        endpoint.secrets.token = Some(sockeye_core::endpoint::Secret::new(token.reveal()));
        let layer = (ENTRY.prepare)(&endpoint, Role::Connect).ok().unwrap();
        let scene =
            Scene { leg: 0, behalf: None, message: 1024, door: &Open, subject: "connect", on_event: &|_| () };
        let link = Link::new(Stream::Tcp(stream), ip("192.0.2.1:1"));
        let fault = layer.wrap(link, &scene).await.err().unwrap();
        assert_eq!(fault.code, Code::TokenInClear);
        // Nothing was said: the other end hears the end at once.
        let (mut other, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut other, &mut heard).await.unwrap();
        assert_eq!(heard, b"");
    }
}
