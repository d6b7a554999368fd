//! The client's side of `auth`: it proves who it is, and believes the server only once that has proved to know it.

use std::path::Path;
use std::time::Duration;

use sockeye_core::endpoint::Secret;
use sockeye_core::limits::Handshakes;
use sockeye_core::{Code, Endpoint, Fault, Kind};
use sockeye_wire::auth::{Client, Credential, Refusal, Token};
use sockeye_wire::gate::Handshake;
use sockeye_wire::scram::{ChannelBinding, Name, Password};
use zeroize::Zeroizing;

use super::{At, ENTRY, Wire, fault, nonce};
use crate::errno;
use crate::layer::shake::{Failed, Fed, Feed, Lines, shake};
use crate::layer::{Layer, Link, Prepared, Scene, Wrapping};

/// The longest file of a password or token, in bytes.
const LONGEST: u64 = 4096;

/// What a client proves itself with.
struct Prover {
    credential: Credential,
    /// Its name, for people; empty for a token.
    name: String,
}

pub(super) fn prepare(endpoint: &Endpoint) -> Prepared {
    let params = &endpoint.params;
    if let Some(token) = secret(endpoint.secrets.token.as_ref(), params.token_file.as_deref())? {
        let token = Token::parse(token.reveal()).map_err(|error| {
            Fault::new(Code::BadValue, "").arg("name", "token-file").arg("value", "***").detail(error)
        })?;
        return Ok(Box::new(Prover { credential: Credential::Token(token), name: String::new() }));
    }
    let Some(user) = &params.user else {
        return Err(Fault::new(Code::Needed, "").arg("layer", ENTRY.name).arg("name", "user"));
    };
    let bad = |name: &str, value: &str, detail: String| {
        Fault::new(Code::BadValue, "").arg("name", name).arg("value", value).detail(detail)
    };
    let name = Name::new(user).map_err(|error| bad("user", user, error.to_string()))?;
    let password = secret(endpoint.secrets.password.as_ref(), params.password_file.as_deref())?
        .ok_or_else(|| Fault::new(Code::NoPassword, "").arg("name", user))?;
    let password =
        Password::new(password.reveal()).map_err(|error| bad("password-file", "***", error.to_string()))?;
    Ok(Box::new(Prover { credential: Credential::Password(name, password), name: user.clone() }))
}

/// What was given, or what the file holds: its first line.
fn secret(given: Option<&Secret>, file: Option<&str>) -> Result<Option<Secret>, Fault> {
    match (given, file) {
        (_, Some(path)) => first_line(path).map(Some),
        (Some(given), None) => Ok(Some(given.clone())),
        (None, None) => Ok(None),
    }
}

/// The first line of a file that holds a password or token.
pub fn first_line(path: &str) -> Result<Secret, Fault> {
    use std::io::Read;
    let bad = |error: std::io::Error| Fault::new(Code::BadFile, "").arg("path", path).detail(error);
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(Path::new(path)).map_err(bad)?;
    file.take(LONGEST).read_to_string(&mut text).map_err(bad)?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Secret::new(line.to_owned()))
}

impl Layer for Prover {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.auth
    }

    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            let Link { stream, local, remote, user } = link;
            if matches!(self.credential, Credential::Token(_)) && Wire::of(&stream, &remote) == Wire::Open {
                return Err(Fault::new(Code::TokenInClear, scene.subject));
            }
            let binding = stream.binding().map(ChannelBinding);
            let client = Client::new(self.credential.clone(), nonce()?, binding);
            let lines = stream.is_messages();
            let aside = Aside(Some(client));
            let shaken = if lines { shake(stream, Lines(aside)).await } else { shake(stream, aside).await };
            let (stream, who) = shaken.map_err(|failed| match failed {
                Failed::Refused(refusal) => fault(&refusal, At::Client, &self.name, scene.subject),
                Failed::Broke(error) => errno::running(&error, scene.subject),
            })?;
            let mechanism = who.mechanism.word();
            let kind = Kind::Authenticated { leg: scene.leg, user: &self.name, mechanism };
            (scene.on_event)(kind);
            Ok(Link { stream, local, remote, user })
        })
    }
}

/// Feeds the machine on a thread of its own: it hashes a password, which takes some tenths of a second, and other
/// sessions of this thread are not to wait for that. Empty only while it is fed.
struct Aside(Option<Client>);

impl Feed for Aside {
    type Machine = Client;

    fn start(&mut self, out: &mut Vec<u8>) {
        if let Some(machine) = &mut self.0 {
            machine.start(out);
        }
    }

    async fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Fed<Client> {
        let Some(mut machine) = self.0.take() else { return Err(Refusal::Over) };
        let chunk = chunk.to_vec();
        let fed = tokio::task::spawn_blocking(move || {
            let mut said = Vec::new();
            let fed = machine.bytes(&chunk, &mut said);
            (machine, said, fed)
        });
        // It fails only if the machine panics, or the runtime ends.
        let Ok((machine, said, fed)) = fed.await else { return Err(Refusal::Over) };
        self.0 = Some(machine);
        out.extend_from_slice(&said);
        fed
    }

    fn end(&self) -> Refusal {
        self.0.as_ref().map_or(Refusal::Over, Handshake::end)
    }
}
