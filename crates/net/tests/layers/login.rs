//! Users, and clients that log in: sockeye's, and one that shows what went over the wire.

use std::io::{Read, Write};
use std::net::TcpStream;

use sockeye_core::Endpoint;
use sockeye_core::endpoint::Secret;
use sockeye_wire::auth::{Authenticated, Client, Credential, Refusal, Token, Users};
use sockeye_wire::scram::{Name, Nonce, Password, Verifier};
use sockeye_wire::{Gate, Handshake as _};

use crate::stage::{Directory, Host};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn token() -> Token {
    Token::from_random([7; 32])
}

/// Users with passwords, hashed as seldom as is allowed, and robot with [`token`].
pub(crate) fn users(all: &[(&str, &str)]) -> Users {
    let mut users = Users::default();
    for (user, password) in all {
        let verifier = Verifier::derive(&Password::new(password).unwrap(), &[5; 16], 4096);
        users.set_password(name(user), verifier);
    }
    users.set_token(name("robot"), token().digest());
    users
}

/// A server that lets in alice (`pencil`) and robot.
pub(crate) fn host(directory: &Directory) -> Host {
    Host::start(&listening(directory))
}

/// The endpoint of such a server.
pub(crate) fn listening(directory: &Directory) -> String {
    let path = directory.replace("users", &users(&[("alice", "pencil")]).text());
    format!("auth+tcp://127.0.0.1:0?users={path}")
}

/// An endpoint to log in at with a password.
pub(crate) fn as_user(url: &str, user: &str, password: &str) -> Endpoint {
    let mut endpoint = bare(url);
    endpoint.params.user = Some(user.to_owned());
    endpoint.secrets.password = Some(Secret::new(password.to_owned()));
    endpoint
}

/// An endpoint to log in at with a token.
pub(crate) fn with_token(url: &str, token: &Token) -> Endpoint {
    let mut endpoint = bare(url);
    endpoint.secrets.token = Some(Secret::new(token.reveal()));
    endpoint
}

fn bare(url: &str) -> Endpoint {
    url.split('?').next().unwrap().parse().unwrap()
}

/// What a client heard, and what it came to.
pub(crate) struct Overheard {
    pub(crate) outcome: Result<Authenticated, Refusal>,
    pub(crate) lines: Vec<String>,
}

impl Overheard {
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.lines.iter().map(String::len).collect()
    }
}

/// A client's machine for this user.
pub(crate) fn machine(user: &str, password: &str) -> Client {
    let credential = Credential::Password(name(user), Password::new(password).unwrap());
    Client::new(credential, Nonce::from_random([2; 18]), None)
}

/// Logs in over a plain connection and keeps what the server said. `after` follows the client's last line in the same
/// segment; the stream is where the session begins, if one does.
pub(crate) fn overhear(mut stream: TcpStream, mut machine: Client, after: &[u8]) -> (TcpStream, Overheard) {
    let mut lines = Vec::new();
    let outcome = loop {
        let mut line = Vec::new();
        // A byte at a time, so that nothing of the session is taken away.
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            if stream.read(&mut byte).unwrap() == 0 {
                break;
            }
            line.push(byte[0]);
        }
        lines.push(String::from_utf8(line.clone()).unwrap());
        let mut out = Vec::new();
        let fed = if line.is_empty() { Err(machine.end()) } else { machine.bytes(&line, &mut out) };
        if lines.len() == 2 {
            out.extend_from_slice(after);
        }
        stream.write_all(&out).unwrap();
        match fed {
            Ok(Gate::More) => {}
            Ok(Gate::Done { outcome, .. }) => break Ok(outcome),
            Err(refusal) => break Err(refusal),
        }
    };
    (stream, Overheard { outcome, lines })
}
