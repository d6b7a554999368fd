//! Endpoints: where to connect or listen, written as a URL: `tls+tcp://[::1]:9000?frame=line`, `unix:///run/x.sock`,
//! `:9000`, `-`.
//!
//! This is the grammar alone. Which layers and schemes exist, which places and parameters fit them, and what a name
//! resolves to, is decided where they are opened. What [`Endpoint`] shows parses to the same endpoint, except that
//! passwords are shown as `***`.

mod escape;
mod params;
mod parse;
mod secret;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::framing::Framing;
use crate::leg::{Lane, Medium};

pub use escape::decode;
pub use params::{PARAMS, Params};
pub use secret::{Secret, Secrets};

/// Words that stand for layers and a base, longest first: the word, its layers (outermost first), its base.
pub const ALIASES: &[(&str, &[&str], &str)] =
    &[("wss", &["ws", "tls"], "tcp"), ("ws", &["ws"], "tcp"), ("tls", &["tls"], "tcp")];

/// Where to connect or listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What wraps the transport, outermost first: `ws`, `tls`. Aliases are spelled out.
    pub layers: Vec<String>,
    /// The transport: `tcp`, `udp`, `unix`, ... in lower case; `-` for stdin and stdout.
    pub scheme: String,
    /// Where.
    pub place: Place,
    /// How.
    pub params: Params,
    /// What nobody writes in a URL.
    pub secrets: Secrets,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host and a port.
    Host {
        /// The host.
        host: Host,
        /// The port; 0 asks a listener's system for a free one.
        port: u16,
        /// What follows the port, with its leading `/`: the path of a WebSocket.
        path: Option<String>,
    },
    /// A file: begins with `/` or `.`.
    Path(String),
    /// This process's stdin and stdout.
    Stdio,
}

/// A host, as far as it can be told without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// None given, as in `:9000`: loopback, IPv4 and IPv6.
    Loopback,
    /// `any`: every interface, IPv4 and IPv6.
    Any,
    /// An address.
    Ip(IpAddr),
    /// A link-local address with its zone, as in `[fe80::1%eth0]` (RFC 4007 section 11, RFC 6874).
    Zoned {
        /// The address.
        ip: Ipv6Addr,
        /// The interface's name or index.
        zone: String,
    },
    /// A name to be resolved; `localhost` too.
    Name(String),
}

impl Endpoint {
    /// The endpoint without its parameters: what people are told they connect to or listen on.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self { params: Params::default(), secrets: Secrets::default(), ..self.clone() }
    }

    /// How messages travel over what it is made of: in the framing asked for, or else `dgram` where messages have
    /// bounds of their own, `raw` where they have none.
    pub fn lane(&self, medium: Medium) -> Lane {
        let own = if medium.has_bounds() { Framing::DGRAM } else { Framing::RAW };
        Lane { framing: self.params.frame.unwrap_or(own), medium }
    }

    /// Layers and base as they are written: `tls`, `auth+wss`, `proxy2+tcp`.
    pub fn front(&self) -> String {
        let alias = ALIASES.iter().find(|(_, layers, base)| {
            let at = self.layers.len().checked_sub(layers.len());
            self.scheme == *base && at.is_some_and(|at| self.layers[at..] == **layers)
        });
        let (base, wrapped) =
            alias.map_or((self.scheme.as_str(), 0), |(word, layers, _)| (*word, layers.len()));
        let mut front = String::new();
        for layer in &self.layers[..self.layers.len() - wrapped] {
            front.push_str(layer);
            front.push('+');
        }
        front + base
    }
}

impl fmt::Display for Endpoint {
    /// The shortest URL that means this; passwords are masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Stdio => f.write_str("-")?,
            place => write!(f, "{}://{place}", self.front())?,
        }
        if self.params.given().next().is_some() {
            write!(f, "?{}", self.params)?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    /// As in a URL: `127.0.0.1:9000`, `:9000`, `[::1]:80/chat`, `/run/x.sock`, `-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, port, path } => {
                write!(f, "{host}:{port}")?;
                path.as_deref().map_or(Ok(()), |path| f.write_str(&escape::encode(path, '?')))
            }
            Self::Path(path) => {
                let dot = if path.starts_with(['/', '.']) { "" } else { "./" };
                write!(f, "{dot}{}", escape::encode(path, '?'))
            }
            Self::Stdio => f.write_str("-"),
        }
    }
}

impl fmt::Display for Host {
    /// As in a URL: nothing for loopback, `any`, an address (IPv6 in brackets), a name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => Ok(()),
            Self::Any => f.write_str("any"),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Zoned { ip, zone } => {
                // A zone that begins with 25 would be taken for an escaped percent sign.
                let mark = if zone.starts_with("25") { "%25" } else { "%" };
                write!(f, "[{ip}{mark}{zone}]")
            }
            Self::Name(name) => f.write_str(name),
        }
    }
}
