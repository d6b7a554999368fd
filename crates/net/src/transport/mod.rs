//! The registry of transports. One is one file here and one word in [`ALL`].
//!
//! An entry says what an endpoint of its scheme may hold, and how such an endpoint is dialled and bound. What comes
//! of it is always a [`Stream`](crate::Stream), [`Listener`](crate::Listener) or [`Datagram`](crate::Datagram).

mod stdio;
pub(crate) mod tcp;
mod udp;
mod unix;
mod unixgram;

use sockeye_core::endpoint::{ALIASES, Host};
use sockeye_core::fault::nearest;
use sockeye_core::quantity::Span;
use sockeye_core::{Code, Endpoint, Fault, Medium, Place};

use crate::bind::Sockets;
use crate::dial::{Call, Dialling};
use crate::layer::{self, Shape};
use crate::resolve::misplaced;

/// Every transport, in the order `list` shows them.
pub const ALL: &[&Entry] = &[&tcp::ENTRY, &udp::ENTRY, &unix::ENTRY, &unixgram::ENTRY, &stdio::ENTRY];

/// What an endpoint of any transport may have: they are about messages, not about the transport.
const COMMON: &[&str] = &["frame", "enc", "timeout", "idle"];

/// What a transport carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Bytes in order, cut into messages by a framing.
    Streams,
    /// Datagrams, each a message.
    Datagrams,
}

/// What a transport's place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locus {
    /// `host:port`.
    Host,
    /// The path of a file.
    File,
    /// None: there is only one.
    Stdio,
}

/// Which side an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is connected to.
    Connect,
    /// It is listened on.
    Listen,
}

/// One transport.
pub struct Entry {
    /// The scheme; its sentence in the catalogue is [`Entry::key`].
    pub name: &'static str,
    /// What it carries.
    pub carries: Carries,
    /// What its place is.
    pub locus: Locus,
    /// Endpoint parameters it takes when connecting, besides those every transport takes.
    pub connects_with: &'static [&'static str],
    /// Endpoint parameters it takes when listening, besides those every transport takes.
    pub listens_with: &'static [&'static str],
    /// Endpoints, as users write them.
    pub examples: &'static [&'static str],
    pub(crate) dial: for<'a> fn(&'a Call<'a>) -> Dialling<'a>,
    pub(crate) bind: fn(&Endpoint, &str, u32) -> Result<Sockets, Fault>,
}

impl Entry {
    /// The key of its sentence in the catalogue; `-` is `transport-stdio`.
    pub fn key(&self) -> String {
        let name = if self.name == "-" { "stdio" } else { self.name };
        format!("transport-{name}")
    }

    /// Whether it carries datagrams.
    pub fn is_datagrams(&self) -> bool {
        self.carries == Carries::Datagrams
    }

    /// Whether a parameter means something here.
    pub fn takes(&self, parameter: &str, role: Role) -> bool {
        let own = match role {
            Role::Connect => self.connects_with,
            Role::Listen => self.listens_with,
        };
        COMMON.contains(&parameter) || own.contains(&parameter)
    }
}

/// The transport of a scheme.
pub fn find(scheme: &str) -> Result<&'static Entry, Fault> {
    ALL.iter().copied().find(|entry| entry.name == scheme).ok_or_else(|| {
        let aliases = ALIASES.iter().map(|(word, _, _)| *word);
        let words = ALL.iter().map(|entry| entry.name).chain(aliases);
        let near = nearest(scheme, words).unwrap_or_default();
        Fault::new(Code::UnknownScheme, "").arg("name", scheme).arg("near", near)
    })
}

/// What an endpoint is made of.
#[derive(Clone)]
pub struct Fit {
    /// Its transport.
    pub entry: &'static Entry,
    /// What carries messages once its layers are on.
    pub medium: Medium,
}

/// What an endpoint is made of, if all that it says means something there.
pub fn fit(endpoint: &Endpoint, role: Role) -> Result<Fit, Fault> {
    let entry = find(&endpoint.scheme)?;
    let layers = endpoint.layers.iter().map(|name| layer::find(name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(layer) = layers.first().filter(|_| entry.is_datagrams()) {
        return Err(Fault::new(Code::UnfitLayer, "").arg("name", layer.name).arg("scheme", entry.name));
    }
    let takes = |name: &str| entry.takes(name, role) || layers.iter().any(|layer| layer.takes(name, role));
    let unfit = |name| {
        let near = layer::ALL.iter().find(|layer| layer.takes(name, role)).map_or("", |layer| layer.name);
        let fault = Fault::new(Code::UnfitParameter, "").arg("name", name).arg("scheme", endpoint.front());
        fault.arg("near", if entry.is_datagrams() { "" } else { near })
    };
    if let (Locus::Host, Place::Host { path: Some(_), .. }) = (entry.locus, &endpoint.place)
        && !takes("path")
    {
        return Err(unfit("path"));
    }
    let is_placed = matches!(
        (entry.locus, &endpoint.place),
        (Locus::Host, Place::Host { .. }) | (Locus::File, Place::Path(_)) | (Locus::Stdio, Place::Stdio)
    );
    if !is_placed {
        return Err(misplaced(endpoint));
    }
    if let Some(name) = endpoint.params.given().find(|name| !takes(name)) {
        return Err(unfit(name));
    }
    if let Some(time) = endpoint.params.keepalive.filter(|time| !time.is_zero() && *time < tcp::SHORTEST) {
        let fault = Fault::new(Code::BadValue, "").arg("name", "keepalive").arg("value", Span(time));
        return Err(fault.detail(format!("0, {}-", Span(tcp::SHORTEST))));
    }
    if endpoint.params.ttl == Some(0) && !is_group(&endpoint.place) {
        return Err(Fault::new(Code::BadValue, "").arg("name", "ttl").arg("value", 0).detail("1-255"));
    }
    let shape = layers.iter().map(|layer| layer.shape).find(|shape| *shape != Shape::Same);
    let medium = match shape {
        Some(Shape::Messages) => Medium::Messages,
        _ if entry.is_datagrams() => Medium::Datagrams,
        _ => Medium::Bytes,
    };
    Ok(Fit { entry, medium })
}

/// Whether it is a multicast group: only what is sent to one may stay on this machine, with no hop at all.
fn is_group(place: &Place) -> bool {
    match place {
        Place::Host { host: Host::Ip(ip), .. } => ip.is_multicast(),
        Place::Host { host: Host::Zoned { ip, .. }, .. } => ip.is_multicast(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, role: Role) -> Option<Code> {
        fit(&text.parse().unwrap(), role).err().map(|fault| fault.code)
    }

    #[test]
    fn names_are_distinct_and_examples_fit() {
        for (index, entry) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != entry.name));
            assert!(!entry.examples.is_empty(), "{}", entry.name);
            for example in entry.examples {
                let roles = [Role::Connect, Role::Listen];
                assert!(roles.iter().any(|role| code(example, *role).is_none()), "{example}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(code("tpc://:1", Role::Connect), Some(Code::UnknownScheme));
        assert_eq!(find("tpc").err().unwrap().value("near"), "tcp");
        assert_eq!(find("tsl").err().unwrap().value("near"), "tls");
        let near = |text: &str| {
            let fault = fit(&text.parse().unwrap(), Role::Connect).err().unwrap();
            (fault.code, fault.value("near").to_owned())
        };
        assert_eq!(near("tcp://:1?insecure"), (Code::UnfitParameter, "tls".to_owned()));
        assert_eq!(near("udp://:1?insecure"), (Code::UnfitParameter, String::new()));
        assert_eq!(code("xyz+tcp://:1", Role::Connect), Some(Code::UnknownLayer));
        assert_eq!(code("tcp://:1?mcast=lo", Role::Connect), Some(Code::UnfitParameter));
        assert_eq!(code("tcp://:1?bind=127.0.0.1", Role::Listen), Some(Code::UnfitParameter));
        assert_eq!(code("tcp://:1?bind=127.0.0.1", Role::Connect), None);
        assert_eq!(code("tcp://h:1/path", Role::Connect), Some(Code::UnfitParameter));
        assert_eq!(code("unix://h:1", Role::Connect), Some(Code::BadEndpoint));
        assert_eq!(code("udp://239.0.0.1:1?ttl=0", Role::Connect), None);
        assert_eq!(code("udp://127.0.0.1:1?ttl=0", Role::Connect), Some(Code::BadValue));
    }
}
