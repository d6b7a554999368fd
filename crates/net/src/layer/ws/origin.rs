//! Which web pages may talk to a server: the Origin and Host rules.
//!
//! A browser lets any page open a WebSocket to any address, loopback included, and only says where the page is from
//! (`Origin`, RFC 6454; RFC 6455, section 10.2). A server that does not look at it can be used by every page its user
//! visits. And a page's own name can be made to resolve to loopback (DNS rebinding), after which Origin and Host agree:
//! so a Host that is a name must be one that is known to be ours.

use std::net::{IpAddr, Ipv6Addr};

/// The origins a server accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Origins {
    /// Pages of this machine, and pages that come from the host they connect to.
    #[default]
    Near,
    /// Any page at all.
    Any,
    /// These alone, in lower case.
    These(Vec<String>),
}

/// Why a page is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// The name in Host is not known to be ours.
    Host,
    /// The Origin is not accepted.
    Origin,
}

impl Origins {
    /// Reads `https://a.example,null,*`.
    pub(super) fn read(text: &str) -> Self {
        let mut list = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        if list.clone().any(|origin| origin == "*") {
            return Self::Any;
        }
        let plain = |origin: &str| origin.trim_end_matches('/').to_ascii_lowercase();
        Self::These(list.by_ref().map(plain).collect())
    }

    /// Whether a page from `origin` may connect to `host` (the Host field). `name` is what the server was told to
    /// listen on, if that is a name.
    pub(super) fn check(&self, origin: &str, host: &str, name: Option<&str>) -> Result<(), Stranger> {
        match self {
            Self::Any => Ok(()),
            Self::These(list) => {
                let origin = origin.to_ascii_lowercase();
                if list.contains(&origin) { Ok(()) } else { Err(Stranger::Origin) }
            }
            Self::Near => {
                let host = host_of(host).ok_or(Stranger::Host)?;
                if !is_ours(&host, name) {
                    return Err(Stranger::Host);
                }
                let page = page_of(origin).ok_or(Stranger::Origin)?;
                if page.is_loopback() || page == host { Ok(()) } else { Err(Stranger::Origin) }
            }
        }
    }
}

/// A host in a URL or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    /// In lower case, without a final dot.
    Name(String),
}

impl Host {
    fn is_loopback(&self) -> bool {
        match self {
            Self::Ip(ip) => ip.to_canonical().is_loopback(),
            // RFC 6761, section 6.3: these never leave the machine.
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

fn is_ours(host: &Host, name: Option<&str>) -> bool {
    match host {
        Host::Ip(_) => true,
        Host::Name(known) => {
            host.is_loopback()
                || name.is_some_and(|name| name.trim_end_matches('.').eq_ignore_ascii_case(known))
        }
    }
}

/// The host of `host[:port]`.
fn host_of(authority: &str) -> Option<Host> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (ip, port) = rest.split_once(']')?;
        let ip: Ipv6Addr = ip.parse().ok()?;
        return is_port(port).then_some(Host::Ip(ip.into()));
    }
    let (host, port) = authority.find(':').map_or((authority, ""), |at| authority.split_at(at));
    if !is_port(port) {
        return None;
    }
    if let Ok(ip) = host.parse() {
        return Some(Host::Ip(ip));
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (!name.is_empty() && name.bytes().all(is_plain)).then_some(Host::Name(name))
}

/// Whether this is nothing, or a colon and a port.
fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .map_or(text.is_empty(), |port| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The host of a web page's origin. `null` and other schemes have none: any page can be made one of those.
fn page_of(origin: &str) -> Option<Host> {
    let (scheme, authority) = origin.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    host_of(authority).filter(|_| is_web)
}

/// Whether a Host field can be one.
pub(super) fn is_host(text: &str) -> bool {
    host_of(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(origin: &str, host: &str) -> Result<(), Stranger> {
        Origins::Near.check(origin, host, Some("box.lan"))
    }

    #[test]
    fn pages_of_this_machine_and_of_the_same_host_come_in() {
        for (origin, host) in [
            ("http://localhost:3000", "127.0.0.1:9000"),
            ("https://app.localhost", "localhost:9000"),
            ("http://127.0.0.1", "localhost:9000"),
            ("http://[::1]:80", "[::1]:9000"),
            ("http://127.8.8.8:80", "192.0.2.7:9000"),
            ("http://192.0.2.7", "192.0.2.7:9000"),
            ("HTTP://BOX.LAN", "box.lan.:9000"),
            ("http://box.lan", "Box.LAN"),
        ] {
            assert_eq!(near(origin, host), Ok(()), "{origin} {host}");
        }
    }

    #[test]
    fn strangers_do_not_and_a_rebound_name_neither() {
        for (origin, host, why) in [
            ("http://evil.example", "127.0.0.1:9000", Stranger::Origin),
            ("http://evil.example", "localhost:9000", Stranger::Origin),
            ("http://192.0.2.9", "192.0.2.7:9000", Stranger::Origin),
            ("null", "127.0.0.1:9000", Stranger::Origin),
            ("file://", "127.0.0.1:9000", Stranger::Origin),
            ("", "127.0.0.1:9000", Stranger::Origin),
            ("http://localhost.evil.example", "127.0.0.1:9000", Stranger::Origin),
            ("http://127.0.0.1.evil.example", "127.0.0.1:9000", Stranger::Origin),
            ("http://localhost@evil.example", "127.0.0.1:9000", Stranger::Origin),
            ("http://evil.example/http://localhost", "127.0.0.1", Stranger::Origin),
            ("chrome-extension://localhost", "127.0.0.1", Stranger::Origin),
            ("http://localhost:x", "127.0.0.1", Stranger::Origin),
            // DNS rebinding: both say the same, and the name is not ours.
            ("http://evil.example:9000", "evil.example:9000", Stranger::Host),
            ("http://localhost", "evil.example:9000", Stranger::Host),
            ("http://localhost", "127.0.0.1.evil.example", Stranger::Host),
            ("http://localhost", "localhost.evil.example", Stranger::Host),
            ("http://localhost", "evil@localhost", Stranger::Host),
            ("http://localhost", "[::1]x", Stranger::Host),
            ("http://localhost", "[localhost]", Stranger::Host),
            ("http://localhost", "", Stranger::Host),
        ] {
            assert_eq!(near(origin, host), Err(why), "{origin} {host}");
        }
    }

    #[test]
    fn a_list_is_exact_and_a_star_is_all() {
        let list = Origins::read("https://A.example/, null");
        let check = |origin| list.check(origin, "whatever", None);
        assert_eq!((check("https://a.example"), check("null")), (Ok(()), Ok(())));
        for other in ["http://a.example", "https://a.example:8443", "https://b.a.example", "http://localhost"]
        {
            assert_eq!(check(other), Err(Stranger::Origin), "{other}");
        }
        assert_eq!(Origins::read("https://a.example,*"), Origins::Any);
        assert_eq!(Origins::Any.check("null", "evil.example", None), Ok(()));
    }
}
