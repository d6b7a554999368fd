//! Reading an endpoint. A fault shows what was typed, with any password masked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{ALIASES, Endpoint, Host, Params, Place, Secrets, escape};
use crate::fault::{Code, Fault};

/// The longest host name, in bytes (RFC 1035 section 2.3.4, less the root's dot).
const NAME: usize = 253;

/// The longest zone, in bytes: far above any system's interface names.
const ZONE: usize = 64;

impl FromStr for Endpoint {
    type Err = Fault;

    /// Reads a URL, `host:port`, `:port` or `-`; the short forms take parameters too.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let (head, query) = text.split_once('?').unwrap_or((text, ""));
        let (layers, scheme, place) = read_head(head).map_err(|wrong| wrong.fault(text))?;
        // A name with an @ is no parameter: a password with a question mark was taken apart.
        let torn = |piece: &str| piece.split('=').next().is_some_and(|name| name.contains('@'));
        if query.split('&').any(torn) {
            return Err(Wrong::Form.fault(text));
        }
        Ok(Self { layers, scheme, place, params: Params::read(query)?, secrets: Secrets::default() })
    }
}

/// What is wrong with the part before the parameters.
enum Wrong {
    Form,
    Port(String),
}

impl Wrong {
    fn fault(self, text: &str) -> Fault {
        match self {
            // What stands where the port should may be a password.
            Self::Port(port) if !escape::may_hold_user(text) => {
                Fault::new(Code::BadPort, "").arg("port", port)
            }
            _ => Fault::new(Code::BadEndpoint, "").arg("endpoint", escape::masked(text)),
        }
    }
}

fn read_head(head: &str) -> Result<(Vec<String>, String, Place), Wrong> {
    if head == "-" {
        return Ok((Vec::new(), head.to_owned(), Place::Stdio));
    }
    let Some((front, place)) = head.split_once("://") else {
        return Ok((Vec::new(), "tcp".to_owned(), read_authority(head, None)?));
    };
    let (layers, scheme) = read_front(front).ok_or(Wrong::Form)?;
    Ok((layers, scheme, read_place(place)?))
}

/// Reads layers and base, with aliases spelled out.
fn read_front(front: &str) -> Option<(Vec<String>, String)> {
    let mut layers = Vec::new();
    for word in front.split('+') {
        let known = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) || !word.chars().all(known) {
            return None;
        }
        layers.push(word.to_ascii_lowercase());
    }
    let mut scheme = layers.pop()?;
    if let Some((_, inner, base)) = ALIASES.iter().find(|(alias, _, _)| *alias == scheme) {
        layers.extend(inner.iter().map(|layer| (*layer).to_owned()));
        scheme = (*base).to_owned();
    }
    Some((layers, scheme))
}

fn read_place(place: &str) -> Result<Place, Wrong> {
    if place.starts_with(['/', '.']) {
        return escape::decode(place).map(Place::Path).ok_or(Wrong::Form);
    }
    let end = place.find('/').unwrap_or(place.len());
    let path = if end < place.len() { Some(escape::decode(&place[end..]).ok_or(Wrong::Form)?) } else { None };
    read_authority(&place[..end], path)
}

/// Reads `host:port`.
fn read_authority(text: &str, path: Option<String>) -> Result<Place, Wrong> {
    let (host, port) = match text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((inner, port)) => (read_bracketed(inner), port.strip_prefix(':').ok_or(Wrong::Form)?),
        None => text.rsplit_once(':').map(|(host, port)| (read_host(host), port)).ok_or(Wrong::Form)?,
    };
    let host = host.ok_or(Wrong::Form)?;
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let number = port.parse().ok().filter(|_| digits);
    let port = number.ok_or_else(|| Wrong::Port(port.to_owned()))?;
    Ok(Place::Host { host, port, path })
}

fn read_host(text: &str) -> Option<Host> {
    let name = escape::decode(text)?;
    if name.is_empty() {
        return Some(Host::Loopback);
    }
    if name.eq_ignore_ascii_case("any") {
        return Some(Host::Any);
    }
    if let Ok(ip) = name.parse::<Ipv4Addr>() {
        return Some(Host::Ip(IpAddr::V4(ip)));
    }
    let known = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = name.len() <= NAME && !name.starts_with('.') && name.chars().all(known);
    fits.then_some(Host::Name(name))
}

/// Reads what stands in brackets: an IPv6 address, and a zone after `%` or `%25`.
fn read_bracketed(text: &str) -> Option<Host> {
    let Some((ip, zone)) = text.split_once('%') else {
        return text.parse().ok().map(|ip| Host::Ip(IpAddr::V6(ip)));
    };
    let ip: Ipv6Addr = ip.parse().ok()?;
    let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '~');
    let fits = !zone.is_empty() && zone.len() <= ZONE && zone.chars().all(known);
    fits.then(|| Host::Zoned { ip, zone: zone.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::Framing;
    use crate::leg::{Lane, Medium};

    fn read(text: &str) -> Endpoint {
        text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn each_form_is_read_and_shown_in_its_shortest() {
        for (text, shown) in [
            ("127.0.0.1:7788", "tcp://127.0.0.1:7788"),
            ("localhost:80", "tcp://localhost:80"),
            (":9000", "tcp://:9000"),
            ("any:9000", "tcp://any:9000"),
            ("[::1]:80", "tcp://[::1]:80"),
            ("[0:0::ffff:1.2.3.4]:80", "tcp://[::ffff:1.2.3.4]:80"),
            ("[fe80::1%eth0]:80", "tcp://[fe80::1%eth0]:80"),
            ("[fe80::1%25eth0]:80", "tcp://[fe80::1%eth0]:80"),
            ("[fe80::1%2]:80", "tcp://[fe80::1%2]:80"),
            ("[fe80::1%25251]:80", "tcp://[fe80::1%25251]:80"),
            ("-", "-"),
            ("-?enc=gbk", "-?enc=gbk"),
            ("udp://host:0", "udp://host:0"),
            ("TCP://Host:1", "tcp://Host:1"),
            ("tls+tcp://h:1", "tls://h:1"),
            ("ws+tcp://h:1", "ws://h:1"),
            ("ws+tls+tcp://h:1/", "wss://h:1/"),
            ("auth+wss://h:1/a?sni=x", "auth+wss://h:1/a?sni=x"),
            ("proxy2+tls+udp://h:1", "proxy2+tls+udp://h:1"),
            ("tls+ws+tcp://h:1", "tls+ws://h:1"),
            ("unix:///run/x.sock", "unix:///run/x.sock"),
            ("unix://./x.sock", "unix://./x.sock"),
            ("unixgram:///a%20b%3Fc%25", "unixgram:///a%20b%3Fc%25"),
            ("unix:///tmp/%E5%A5%97", "unix:///tmp/套"),
            ("tcp://h:1?", "tcp://h:1"),
            ("tcp://h:1?idle=90&frame=u16be,adj:-2", "tcp://h:1?frame=u16be,adj:-2&idle=90s"),
            ("ws://h:1/chat%3Ftoken=x?idle=1", "ws://h:1/chat%3Ftoken=x?idle=1s"),
            ("udp://any:1?mcast=239.0.0.1@eth0&ttl=0", "udp://any:1?mcast=239.0.0.1@eth0&ttl=0"),
            ("tcp://h:1?via=socks5://u:secret@p:2", "tcp://h:1?via=socks5://u:***@p:2"),
        ] {
            let endpoint = read(text);
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(format!("{endpoint:?}").find(":secret"), None);
            if !shown.contains("***") {
                assert_eq!(read(shown), endpoint);
            }
        }
    }

    #[test]
    fn the_parts_are_what_they_say() {
        let endpoint = read("wss://[::1]:80/a%20b?frame=line&timeout=2s");
        assert_eq!((endpoint.layers.join(" ").as_str(), endpoint.scheme.as_str()), ("ws tls", "tcp"));
        let host = Host::Ip(IpAddr::V6(Ipv6Addr::LOCALHOST));
        assert_eq!(endpoint.place, Place::Host { host, port: 80, path: Some("/a b".to_owned()) });
        assert_eq!(endpoint.lane(Medium::Bytes).framing.spec(), "line");
        assert_eq!(read(":1").lane(Medium::Datagrams), Lane::DGRAM);
        assert_eq!(read(":1").lane(Medium::Bytes), Lane::stream(Framing::RAW));
        let Place::Host { host, .. } = read("localhost:1").place else { panic!("no host") };
        assert_eq!(host, Host::Name("localhost".to_owned()));
    }

    #[test]
    fn what_is_no_endpoint_is_named_by_its_code() {
        for (text, code, shown) in [
            ("", Code::BadEndpoint, ""),
            ("hello", Code::BadEndpoint, "hello"),
            ("tcp://", Code::BadEndpoint, "tcp://"),
            ("tcp://host", Code::BadEndpoint, "tcp://host"),
            ("://h:1", Code::BadEndpoint, "://h:1"),
            ("tls+://h:1", Code::BadEndpoint, "tls+://h:1"),
            ("1tcp://h:1", Code::BadEndpoint, "1tcp://h:1"),
            ("::1:80", Code::BadEndpoint, "::1:80"),
            ("[::1]", Code::BadEndpoint, "[::1]"),
            ("[::1:80", Code::BadEndpoint, "[::1:80"),
            ("[127.0.0.1]:80", Code::BadEndpoint, "[127.0.0.1]:80"),
            ("[fe80::1%]:80", Code::BadEndpoint, "[fe80::1%]:80"),
            ("*:80", Code::BadEndpoint, "*:80"),
            ("h%zz:80", Code::BadEndpoint, "h%zz:80"),
            ("unix:///a%00", Code::BadEndpoint, "unix:///a%00"),
            ("--?", Code::BadEndpoint, "--?"),
            ("tcp://user:secret@h:1", Code::BadEndpoint, "tcp://user:***@h:1"),
            ("tcp://user:sec/ret@h:1", Code::BadEndpoint, "tcp://user:***@h:1"),
            ("tcp://user:80?secret@h:1", Code::BadEndpoint, "tcp://user:***@h:1"),
            ("h:65536", Code::BadPort, "65536"),
            ("h:", Code::BadPort, ""),
            ("h:-1", Code::BadPort, "-1"),
            ("h:+1", Code::BadPort, "+1"),
            ("[fe80::1%eth0]:x", Code::BadPort, "x"),
            ("udp://h:x?mcast=239.0.0.1@eth0", Code::BadPort, "x"),
            ("tcp://user:secret?@h:1", Code::BadEndpoint, "tcp://user:***@h:1"),
            ("tcp://h:http/", Code::BadPort, "http"),
            ("unix:relative.sock", Code::BadPort, "relative.sock"),
            ("h:1?fraem=line", Code::UnknownParameter, "frame"),
            ("h:1?&", Code::UnknownParameter, ""),
            ("h:1?ttl=1&ttl=1", Code::RepeatedParameter, "ttl"),
            ("h:1?insecure=off&insecure", Code::RepeatedParameter, "insecure"),
            ("h:1?ttl=256", Code::BadValue, "256"),
            ("h:1?ttl=+1", Code::BadValue, "+1"),
            ("h:1?idle=soon", Code::BadValue, "soon"),
            ("h:1?sni=", Code::BadValue, ""),
            ("h:1?sni", Code::BadValue, ""),
            ("h:1?sni=%4", Code::BadValue, "%4"),
            ("h:1?nodelay=maybe", Code::BadValue, "maybe"),
            ("h:1?mcast=10.0.0.1@eth0", Code::BadValue, "10.0.0.1@eth0"),
            ("h:1?mcast=239.0.0.1@", Code::BadValue, "239.0.0.1@"),
            ("h:1?via=socks5://u:secret@p%zz", Code::BadValue, "socks5://u:***@p%zz"),
            ("h:1?frame=fixed:0", Code::BadFraming, "fixed:0"),
            ("h:1?frame=lines", Code::UnknownFraming, "line"),
            ("h:1?frame", Code::UnknownFraming, ""),
        ] {
            let fault = text.parse::<Endpoint>().unwrap_err();
            let argument = match code {
                Code::BadEndpoint => "endpoint",
                Code::BadPort => "port",
                Code::UnknownParameter | Code::UnknownFraming => "near",
                Code::RepeatedParameter => "name",
                _ => "value",
            };
            assert_eq!((fault.code, fault.value(argument)), (code, shown), "{text}");
            assert!(fault.subject.is_empty() && !fault.to_string().contains("secret"), "{fault}");
        }
    }
}
