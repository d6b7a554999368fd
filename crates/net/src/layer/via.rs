//! `via=`: to the endpoint through a proxy, SOCKS 5 (`socks5://[USER[:PASSWORD]@]HOST:PORT`, RFC 1928) or HTTP CONNECT
//! (`http://…`, RFC 9110 section 9.3.6). It is no layer that an endpoint names: it stands below all of them. Names go to
//! the proxy as they are, which looks them up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sockeye_core::endpoint::Host;
use sockeye_core::limits::Handshakes;
use sockeye_core::{Address, Code, Endpoint, Fault, Kind, Place};
use sockeye_wire::via::{Http, Login, Opened, Refusal, Socks, Target};

use super::shake::{Failed, Here, shake};
use super::{Layer, Link, Scene, Wrapping};
use crate::errno;
use crate::stream::Stream;

/// The words before `://`, and what they stand for.
const KINDS: &[(&str, Protocol)] =
    &[("socks5", Protocol::Socks), ("socks5h", Protocol::Socks), ("http", Protocol::Http)];

#[derive(Clone, Copy)]
enum Protocol {
    Socks,
    Http,
}

/// The way through a proxy.
struct Tunnel {
    protocol: Protocol,
    target: Target,
    /// The target, for the layers above: not the proxy is whom they talk to.
    remote: Address,
    login: Option<Login>,
}

/// The proxy to connect to, and what then leads to the endpoint.
pub(crate) type Way = (Endpoint, Box<dyn Layer>);

/// The way that `via=` names, if it is given.
pub(crate) fn tunnel(endpoint: &Endpoint) -> Result<Option<Way>, Fault> {
    let Some(url) = &endpoint.params.via else { return Ok(None) };
    let bad = || {
        let syntax = "socks5://[USER@]HOST:PORT, http://[USER@]HOST:PORT";
        let masked = endpoint.params.masked_via().unwrap_or_default();
        Fault::new(Code::BadValue, "").arg("name", "via").arg("value", masked).detail(syntax)
    };
    let (word, rest) = url.split_once("://").ok_or_else(bad)?;
    let (_, protocol) = KINDS.iter().find(|(known, _)| *known == word).ok_or_else(bad)?;
    let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    let mut proxy: Endpoint = format!("tcp://{}", place.trim_end_matches('/')).parse().map_err(|_| bad())?;
    if !matches!(proxy.place, Place::Host { path: None, .. }) || proxy.params != <_>::default() {
        return Err(bad());
    }
    // The way to the proxy is ours; the rest is about the endpoint.
    let params = &endpoint.params;
    (proxy.params.bind, proxy.params.ttl, proxy.params.nodelay) =
        (params.bind.clone(), params.ttl, params.nodelay);
    let login = user.map(|user| login(user, endpoint)).transpose()?;
    let (target, remote) = target(endpoint)?;
    let tunnel = Tunnel { protocol: *protocol, target, remote, login };
    Ok(Some((proxy, Box::new(tunnel))))
}

/// Reads `USER[:PASSWORD]`, percent-encoded.
fn login(user: &str, endpoint: &Endpoint) -> Result<Login, Fault> {
    let bad =
        |detail: String| Fault::new(Code::BadValue, "").arg("name", "via").arg("value", "***").detail(detail);
    let (user, password) = user.split_once(':').map_or((user, None), |(user, word)| (user, Some(word)));
    let plain = |text: &str| sockeye_core::endpoint::decode(text).ok_or_else(|| bad("%".to_owned()));
    let password = match (password, &endpoint.secrets.via) {
        (Some(password), _) => plain(password)?,
        (None, Some(secret)) => secret.reveal().to_owned(),
        (None, None) => return Err(Fault::new(Code::NoPassword, "").arg("name", plain(user)?)),
    };
    Login::new(&plain(user)?, &password).map_err(|error| bad(error.to_string()))
}

/// The endpoint as a proxy is told it, and its address: no particular one ([`Link::remote`]) where the proxy is to look
/// its name up.
fn target(endpoint: &Endpoint) -> Result<(Target, Address), Fault> {
    let bad = |host: &Host| Fault::new(Code::BadEndpoint, "").arg("endpoint", host);
    let Place::Host { host, port, .. } = &endpoint.place else {
        return Err(Fault::new(Code::UnfitParameter, "").arg("name", "via").arg("scheme", endpoint.front()));
    };
    let ip = |ip| {
        let address = SocketAddr::new(ip, *port);
        Ok((Target::ip(address), Address::Ip(address)))
    };
    match host {
        // The proxy's own loopback: what its user means by `:9000` there.
        Host::Loopback | Host::Any => ip(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Host::Ip(address) => ip(*address),
        Host::Zoned { .. } => Err(bad(host)),
        Host::Name(name) => {
            let target = Target::name(name, *port).map_err(|error| bad(host).detail(error))?;
            Ok((target, Address::Ip(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), *port))))
        }
    }
}

impl Layer for Tunnel {
    fn name(&self) -> &'static str {
        "via"
    }

    fn patience(&self, limits: &Handshakes) -> Duration {
        limits.header
    }

    fn wrap<'a>(&'a self, link: Link, scene: &'a Scene<'a>) -> Wrapping<'a> {
        Box::pin(async move {
            let Link { stream, local, user, .. } = link;
            let (stream, opened) = self.open(stream).await.map_err(|failed| match failed {
                Failed::Refused(refusal) => fault(&refusal, scene.subject),
                Failed::Broke(error) => errno::running(&error, scene.subject),
            })?;
            let mut facts = vec![("target", self.target.to_string())];
            facts.extend(opened.bound.map(|bound| ("bound", bound.to_string())));
            (scene.on_event)(Kind::Upgraded { leg: scene.leg, to: self.name(), facts: &facts });
            Ok(Link { stream, local, remote: self.remote.clone(), user })
        })
    }
}

impl Tunnel {
    async fn open(&self, stream: Stream) -> Result<(Stream, Opened), Failed<Refusal>> {
        let (target, login) = (self.target.clone(), self.login.clone());
        match self.protocol {
            Protocol::Socks => shake(stream, Here(Socks::new(target, login))).await,
            Protocol::Http => shake(stream, Here(Http::new(target, login))).await,
        }
    }
}

fn fault(refusal: &Refusal, subject: &str) -> Fault {
    let (code, reason) = match refusal {
        Refusal::Reply { reply } => (Code::ViaRefused, reply.to_string()),
        Refusal::Status { line, .. } => (Code::ViaRefused, line.clone()),
        Refusal::LoginNeeded { said } | Refusal::LoginRefused { said } => (Code::ViaLogin, said.clone()),
        other => (Code::NotAProxy, other.to_string()),
    };
    Fault::new(code, subject).arg("reason", reason)
}
