//! Parameters of an endpoint: what may follow the `?`. Every one has a flag of the same name, and a flag wins.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::escape;
use crate::fault::{Code, Fault, nearest};
use crate::framing::Framing;
use crate::quantity::{self, Span};

/// Every parameter's name, in the order they are shown.
pub const PARAMS: &[&str] = &[
    "frame",
    "enc",
    "bind",
    "sni",
    "alpn",
    "ca",
    "client-ca",
    "cert",
    "key",
    "pin",
    "insecure",
    "timeout",
    "idle",
    "mcast",
    "ttl",
    "nodelay",
    "keepalive",
    "path",
    "via",
    "self-signed",
    "keylog",
    "header",
    "subprotocol",
    "origin",
    "user",
    "password-file",
    "token-file",
    "users",
];

/// Parameters of an endpoint. `None`: not given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    /// How bytes are cut into messages.
    pub frame: Option<Framing>,
    /// The character set of text, as written.
    pub enc: Option<String>,
    /// The local address to send from, as written.
    pub bind: Option<String>,
    /// The name to ask a TLS peer for.
    pub sni: Option<String>,
    /// Application protocols to offer in TLS.
    pub alpn: Option<String>,
    /// The file of authorities that vouch for servers.
    pub ca: Option<String>,
    /// The file of authorities that vouch for clients.
    pub client_ca: Option<String>,
    /// The file of our certificate.
    pub cert: Option<String>,
    /// The file of our private key.
    pub key: Option<String>,
    /// The fingerprint a peer's certificate must have.
    pub pin: Option<String>,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// How long to wait for the peer.
    pub timeout: Option<Duration>,
    /// After how long without traffic a session ends.
    pub idle: Option<Duration>,
    /// A multicast group to join, as `GROUP[@INTERFACE]`, or where the place is a group, an interface (name or address)
    /// alone; see [`Params::group`].
    pub mcast: Option<String>,
    /// How many hops datagrams may make: 0 to 255.
    pub ttl: Option<u32>,
    /// Whether small writes leave at once (TCP_NODELAY). On unless given as `off`.
    pub nodelay: Option<bool>,
    /// How long a peer may be gone before it is found out, though nothing is sent (TCP keepalive). Zero: never.
    pub keepalive: Option<Duration>,
    /// A path, where the place holds none.
    pub path: Option<String>,
    /// The proxy to go through, as a URL which may hold a password.
    pub via: Option<String>,
    /// Whether a server makes itself a certificate for this run.
    pub self_signed: bool,
    /// The file that the secrets of TLS sessions are appended to, for Wireshark.
    pub keylog: Option<String>,
    /// Header fields of a WebSocket upgrade, as `Name: value`, one a line.
    pub header: Option<String>,
    /// WebSocket subprotocols to offer or accept, in order of preference, separated by commas.
    pub subprotocol: Option<String>,
    /// The Origin to send, or those to accept, separated by commas; `*` accepts any.
    pub origin: Option<String>,
    /// The name to authenticate by.
    pub user: Option<String>,
    /// The file that holds the password to authenticate with.
    pub password_file: Option<String>,
    /// The file that holds the token to authenticate with.
    pub token_file: Option<String>,
    /// The file of those who may come in.
    pub users: Option<String>,
}

impl Params {
    /// Sets one parameter, over what it was. `value` is plain text, not percent-encoded; empty for a parameter that is
    /// just there, as `insecure`.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let text = || {
            if value.is_empty() || value.contains('\0') {
                Err(bad(name, value))
            } else {
                Ok(Some(value.to_owned()))
            }
        };
        match name {
            "frame" => self.frame = Some(Framing::parse(value)?),
            "enc" => self.enc = text()?,
            "bind" => self.bind = text()?,
            "sni" => self.sni = text()?,
            "alpn" => self.alpn = text()?,
            "ca" => self.ca = text()?,
            "client-ca" => self.client_ca = text()?,
            "cert" => self.cert = text()?,
            "key" => self.key = text()?,
            "pin" => self.pin = text()?,
            "insecure" => self.insecure = switch(name, value)?,
            "timeout" => self.timeout = Some(quantity::duration(name, value)?),
            "idle" => self.idle = Some(quantity::duration(name, value)?),
            "mcast" => {
                // What names no group is an interface; whether there is one of that name, the transport finds out.
                if value.contains('@') {
                    read_group(value).ok_or_else(|| bad(name, value))?;
                }
                self.mcast = text()?;
            }
            "ttl" => self.ttl = Some(hops(value).ok_or_else(|| bad(name, value).detail("0-255"))?),
            "nodelay" => self.nodelay = Some(switch(name, value)?),
            "keepalive" => self.keepalive = Some(quantity::duration(name, value)?),
            "path" => self.path = text()?,
            "via" => self.via = text()?,
            "self-signed" => self.self_signed = switch(name, value)?,
            "keylog" => self.keylog = text()?,
            "header" => self.header = text()?,
            "subprotocol" => self.subprotocol = text()?,
            "origin" => self.origin = text()?,
            "user" => self.user = text()?,
            "password-file" => self.password_file = text()?,
            "token-file" => self.token_file = text()?,
            "users" => self.users = text()?,
            _ => {
                let near = nearest(name, PARAMS.iter().copied()).unwrap_or("");
                return Err(Fault::new(Code::UnknownParameter, "").arg("name", name).arg("near", near));
            }
        }
        Ok(())
    }

    /// The names of those that were given, in the order of [`PARAMS`]: a transport refuses what does not fit it.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        PARAMS.iter().copied().filter(|name| self.value(name).is_some())
    }

    /// These, and those of `other` where nothing is given here.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            frame: self.frame.or(other.frame),
            enc: self.enc.or(other.enc),
            bind: self.bind.or(other.bind),
            sni: self.sni.or(other.sni),
            alpn: self.alpn.or(other.alpn),
            ca: self.ca.or(other.ca),
            client_ca: self.client_ca.or(other.client_ca),
            cert: self.cert.or(other.cert),
            key: self.key.or(other.key),
            pin: self.pin.or(other.pin),
            insecure: self.insecure || other.insecure,
            timeout: self.timeout.or(other.timeout),
            idle: self.idle.or(other.idle),
            mcast: self.mcast.or(other.mcast),
            ttl: self.ttl.or(other.ttl),
            nodelay: self.nodelay.or(other.nodelay),
            keepalive: self.keepalive.or(other.keepalive),
            path: self.path.or(other.path),
            via: self.via.or(other.via),
            self_signed: self.self_signed || other.self_signed,
            keylog: self.keylog.or(other.keylog),
            header: self.header.or(other.header),
            subprotocol: self.subprotocol.or(other.subprotocol),
            origin: self.origin.or(other.origin),
            user: self.user.or(other.user),
            password_file: self.password_file.or(other.password_file),
            token_file: self.token_file.or(other.token_file),
            users: self.users.or(other.users),
        }
    }

    /// The multicast group, and the interface (name or address) to reach it by. `None` for an interface alone.
    pub fn group(&self) -> Option<(IpAddr, Option<&str>)> {
        read_group(self.mcast.as_deref()?)
    }

    /// The proxy to go through, its password masked.
    pub fn masked_via(&self) -> Option<String> {
        self.via.as_deref().map(|url| escape::mask_user(url).into_owned())
    }

    /// Reads what follows the `?`.
    pub(super) fn read(query: &str) -> Result<Self, Fault> {
        let mut params = Self::default();
        let mut seen = Vec::new();
        for piece in query.split('&').filter(|_| !query.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            if seen.contains(&name) {
                return Err(Fault::new(Code::RepeatedParameter, "").arg("name", name));
            }
            seen.push(name);
            let plain = escape::decode(value).ok_or_else(|| bad(name, value))?;
            params.set(name, &plain)?;
        }
        Ok(params)
    }

    /// A parameter as it is written; empty for one that is just there. A password in it is masked.
    fn value(&self, name: &str) -> Option<String> {
        let text = |value: &Option<String>| value.clone();
        match name {
            "frame" => self.frame.map(|framing| framing.spec()),
            "enc" => text(&self.enc),
            "bind" => text(&self.bind),
            "sni" => text(&self.sni),
            "alpn" => text(&self.alpn),
            "ca" => text(&self.ca),
            "client-ca" => text(&self.client_ca),
            "cert" => text(&self.cert),
            "key" => text(&self.key),
            "pin" => text(&self.pin),
            "insecure" => self.insecure.then(String::new),
            "timeout" => self.timeout.map(|time| Span(time).to_string()),
            "idle" => self.idle.map(|time| Span(time).to_string()),
            "mcast" => text(&self.mcast),
            "ttl" => self.ttl.map(|hops| hops.to_string()),
            "nodelay" => self.nodelay.map(|on| if on { String::new() } else { "off".to_owned() }),
            "keepalive" => self.keepalive.map(|time| Span(time).to_string()),
            "path" => text(&self.path),
            "via" => self.masked_via(),
            "self-signed" => self.self_signed.then(String::new),
            "keylog" => text(&self.keylog),
            "header" => self.header.as_deref().map(masked_fields),
            "subprotocol" => text(&self.subprotocol),
            "origin" => text(&self.origin),
            "user" => text(&self.user),
            "password-file" => text(&self.password_file),
            "token-file" => text(&self.token_file),
            "users" => text(&self.users),
            _ => None,
        }
    }
}

/// Header fields as they are shown: those that hold a secret without it (RFC 9110, section 11.6.2; RFC 6265).
fn masked_fields(fields: &str) -> String {
    const SECRET: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
    let mask = |line: &str| match line.split_once(':') {
        Some((name, _)) if SECRET.contains(&name.trim().to_ascii_lowercase().as_str()) => {
            format!("{name}: ***")
        }
        _ => line.to_owned(),
    };
    fields.split('\n').map(mask).collect::<Vec<_>>().join("\n")
}

/// Whether something is on: given without a value, or said so.
fn switch(name: &str, value: &str) -> Result<bool, Fault> {
    match value {
        "" | "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err(bad(name, value)),
    }
}

fn hops(value: &str) -> Option<u32> {
    let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|hops| plain && *hops <= 255)
}

/// Reads `GROUP[@INTERFACE]`.
fn read_group(value: &str) -> Option<(IpAddr, Option<&str>)> {
    let (group, interface) = match value.split_once('@') {
        Some((_, "")) => return None,
        Some((group, interface)) => (group, Some(interface)),
        None => (value, None),
    };
    let group: IpAddr = group.parse().ok()?;
    group.is_multicast().then_some((group, interface))
}

fn bad(name: &str, value: &str) -> Fault {
    Fault::new(Code::BadValue, "").arg("name", name).arg("value", escape::masked(value))
}

impl fmt::Display for Params {
    /// As in a URL, without the `?`; passwords are masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        for name in PARAMS {
            let Some(value) = self.value(name) else { continue };
            let sign = if value.is_empty() { "" } else { "=" };
            write!(f, "{gap}{name}{sign}{}", escape::encode(&value, '&'))?;
            gap = "&";
        }
        Ok(())
    }
}

impl fmt::Debug for Params {
    /// As shown, so that no password gets into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Params({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_wins_and_a_flag_overrides() {
        let mut flags = Params::read("ttl=3&idle=5").unwrap();
        flags.set("idle", "6s").unwrap();
        let url = Params::read("ttl=9&nodelay=off&insecure").unwrap();
        let both = flags.or(url);
        assert_eq!(both.to_string(), "insecure&idle=6s&ttl=3&nodelay=off");
        let given: Vec<_> = both.given().collect();
        assert_eq!(given, ["insecure", "idle", "ttl", "nodelay"]);
    }

    #[test]
    fn every_name_can_be_set_and_is_then_given() {
        for name in PARAMS {
            let value = match *name {
                "frame" => "line",
                "mcast" => "ff02::1@eth0",
                "timeout" | "idle" | "ttl" | "keepalive" => "7",
                "insecure" | "nodelay" | "self-signed" => "",
                _ => "some value & more",
            };
            let mut params = Params::default();
            params.set(name, value).unwrap();
            assert_eq!(params.given().collect::<Vec<_>>(), [*name]);
            assert_eq!(Params::read(&params.to_string()).unwrap(), params);
            assert_eq!(Params::default().or(params.clone()), params);
        }
    }

    #[test]
    fn fields_with_secrets_are_masked() {
        let mut params = Params::default();
        params.set("header", "X: 1\nAuthorization: Bearer abc\nCOOKIE:abc").unwrap();
        let shown = format!("{params:?}");
        assert!(
            shown.contains("X:") && shown.matches("***").count() == 2 && !shown.contains("abc"),
            "{shown}"
        );
    }

    #[test]
    fn a_group_has_an_interface_or_none() {
        let group = |text: &str| {
            Params::read(text).unwrap().group().map(|(ip, by)| (ip.to_string(), by.map(str::to_owned)))
        };
        assert_eq!(group("mcast=239.1.2.3"), Some(("239.1.2.3".to_owned(), None)));
        assert_eq!(
            group("mcast=239.1.2.3@10.0.0.1"),
            Some(("239.1.2.3".to_owned(), Some("10.0.0.1".to_owned())))
        );
        assert_eq!(group("ttl=1"), None);
    }
}
