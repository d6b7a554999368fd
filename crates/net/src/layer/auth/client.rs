//! The client's side of `auth`: it proves who it is, and believes the server only once that has proved to know it.

use std::path::Path;
use std::time::Duration;

use sockeye_core::endpoint::Secret;
use sockeye_core::limits::Handshakes;
use sockeye_core::{Code, Endpoint, Fault, Kind};
use sockeye_wire::auth::{Authenticated, Client, Credential, Refusal, Token};
use sockeye_wire::gate::{Gate, Handshake};
use sockeye_wire::scram::{ChannelBinding, Name, Password};
use zeroize::Zeroizing;

use super::{At, ENTRY, fault, nonce};
use crate::errno;
use crate::layer::shake::{Failed, shake};
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
        let token = Token::parse(&token).map_err(|error| {
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
        Password::new(&password).map_err(|error| bad("password-file", "***", error.to_string()))?;
    Ok(Box::new(Prover { credential: Credential::Password(name, password), name: user.clone() }))
}

/// What was given, or what the file holds: its first line.
fn secret(given: Option<&Secret>, file: Option<&str>) -> Result<Option<Zeroizing<String>>, Fault> {
    match (given, file) {
        (_, Some(path)) => read(path).map(Some),
        (Some(given), None) => Ok(Some(Zeroizing::new(given.reveal().to_owned()))),
        (None, None) => Ok(None),
    }
}

/// The first line of a file.
fn read(path: &str) -> Result<Zeroizing<String>, Fault> {
    use std::io::Read;
    let bad = |error: std::io::Error| Fault::new(Code::BadFile, "").arg("path", path).detail(error);
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(Path::new(path)).map_err(bad)?;
    file.take(LONGEST).read_to_string(&mut text).map_err(bad)?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
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
            if matches!(self.credential, Credential::Token(_)) && !stream.is_private() && !remote.is_local() {
                return Err(Fault::new(Code::TokenInClear, scene.subject));
            }
            let binding = stream.binding().map(ChannelBinding);
            let client = Client::new(self.credential.clone(), nonce()?, binding);
            let mut machine = Patient(Some(client));
            let (stream, who) = shake(stream, &mut machine).await.map_err(|failed| match failed {
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
