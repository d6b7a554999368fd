//! `proxy1` and `proxy2`: the PROXY protocol (HAProxy's proxy-protocol.txt). A relay says first who its client is; a
//! server believes it, which is why it is asked for by name and never guessed.

use sockeye_core::limits::Handshakes;
use sockeye_core::{Address, Code, Fault, Kind};
use sockeye_wire::proxy::{Accept, Command, Header, Reader, Refusal, Version};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

use super::shake::{Failed, Here, shake};
use super::{Entry, Layer, Link, Prepared, Scene, Shape, Wrapping};
use crate::errno;
use crate::transport::Role;

pub(super) const ENTRY_1: Entry = Entry {
    name: "proxy1",
    shape: Shape::Same,
    connects_with: &[],
    listens_with: &[],
    examples: &["proxy1+tcp://127.0.0.1:8080"],
    prepare: |_, role| prepare(role, Version::V1),
};

pub(super) const ENTRY_2: Entry = Entry {
    name: "proxy2",
    shape: Shape::Same,
    connects_with: &[],
    listens_with: &[],
    examples: &["proxy2+tcp://127.0.0.1:8080", "tls+proxy2+tcp://127.0.0.1:8443"],
    prepare: |_, role| prepare(role, Version::V2),
};

#[expect(clippy::unnecessary_wraps, reason = "what the registry asks of every layer")]
fn prepare(role: Role, version: Version) -> Prepared {
    Ok(match role {
        Role::Connect => Box::new(Sender(version)),
        Role::Listen => Box::new(Receiver(version)),
    })
}

const fn name(version: Version) -> &'static str {
    match version {
        Version::V1 => ENTRY_1.name,
        Version::V2 => ENTRY_2.name,
    }
}

/// Says who is connecting: the client that we relay, or we.
struct Sender(Version);

impl Layer for Sender {
    fn name(&self) -> &'static str {
        name(self.0)
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.header
    }

    fn wrap<'a>(&'a self, mut link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            let header = match scene.behalf.clone() {
                Some((source, destination)) => Header::relayed(source, destination),
                // Behind a proxy that looks the name up: neither end is known as the server sees it.
                None if is_unspecified(&link.remote) => Header { command: Command::Proxy, ..Header::local() },
                None => Header::relayed(link.local.clone(), link.remote.clone()),
            };
            let mut bytes = Vec::new();
            header
                .write(self.0, &mut bytes)
                .map_err(|error| Fault::new(Code::Internal, scene.subject).detail(error))?;
            let sent = link.stream.write_all(&bytes).await;
            sent.map_err(|error| errno::running(&error, scene.subject))?;
            show(scene, self.name(), &header);
            Ok(link)
        })
    }
}

fn is_unspecified(address: &Address) -> bool {
    matches!(address, Address::Ip(ip) if ip.ip().is_unspecified())
}

/// Reads who the relay's client is.
struct Receiver(Version);

impl Layer for Receiver {
    fn name(&self) -> &'static str {
        name(self.0)
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.header
    }

    fn tells_remote(&self) -> bool {
        true
    }

    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            let Link { stream, local, remote, user } = link;
            let reader = Here(Reader::new(Accept::Only(self.0)));
            let (stream, header) = shake(stream, reader).await.map_err(|failed| match failed {
                Failed::Refused(refusal) => fault(&refusal, self.0, scene.subject),
                Failed::Broke(error) => errno::running(&error, scene.subject),
            })?;
            show(scene, self.name(), &header);
            let Header { source, destination, .. } = header;
            Ok(Link { stream, local: destination.unwrap_or(local), remote: source.unwrap_or(remote), user })
        })
    }
}

fn show(scene: &Scene<'_>, layer: &str, header: &Header) {
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("command", (header.command == Command::Local).then(|| "local".to_owned()));
    add("source", header.source.as_ref().map(Address::to_string));
    add("destination", header.destination.as_ref().map(Address::to_string));
    add("authority", header.tlvs.authority.clone());
    (scene.on_event)(Kind::Upgraded { leg: scene.leg, to: layer, facts: &facts });
}

fn fault(refusal: &Refusal, version: Version, subject: &str) -> Fault {
    let code = match refusal {
        Refusal::Absent { .. } | Refusal::OtherVersion { .. } => Code::NoProxyHeader,
        _ => Code::BadProxyHeader,
    };
    Fault::new(code, subject).arg("layer", name(version)).detail(refusal)
}
