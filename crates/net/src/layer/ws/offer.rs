//! The client's side of the upgrade (RFC 6455, section 4.1): what is asked for, and whether the answer grants it.

use std::fmt::Write as _;
use std::net::IpAddr;

use sockeye_core::{Code, Endpoint, Fault, Host, Place};
use sockeye_wire::escape::{Shape, escape_bytes};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::head::{Response, is_token};
use super::target;

/// Fields that are the upgrade's own, or would give a request without a body one.
const OURS: &[&str] = &[
    "upgrade",
    "connection",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
    "content-length",
    "transfer-encoding",
];

/// How much of the body of a refusal people are shown, in bytes.
pub(super) const BODY: usize = 300;

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Offer {
    target: String,
    host: String,
    origin: Option<String>,
    subprotocols: Vec<String>,
    /// Further fields, checked: name and value.
    fields: Vec<(String, String)>,
}

impl Offer {
    pub(super) fn read(endpoint: &Endpoint) -> Result<Self, Fault> {
        let params = &endpoint.params;
        let mut fields = Vec::new();
        let mut host = None;
        for line in params.header.as_deref().unwrap_or_default().split('\n').filter(|line| !line.is_empty()) {
            let (name, value) = field(line)?;
            match name.to_ascii_lowercase().as_str() {
                "host" if host.is_none() => host = Some(value),
                "host" => return Err(bad_field("Host")),
                "origin" if params.origin.is_some() => return Err(bad_field("Origin")),
                "sec-websocket-protocol" => return Err(bad_field(&name).detail("--subprotocol")),
                known if OURS.contains(&known) => return Err(bad_field(&name)),
                _ => fields.push((name, value)),
            }
        }
        if let Some(origin) = params.origin.as_deref().filter(|origin| !is_value(origin)) {
            return Err(Fault::new(Code::BadValue, "").arg("name", "origin").arg("value", origin));
        }
        Ok(Self {
            target: target::path(endpoint).map_or_else(|| "/".to_owned(), |path| target::encoded(&path)),
            host: host.unwrap_or_else(|| authority(endpoint)),
            origin: params.origin.clone(),
            subprotocols: target::subprotocols(params.subprotocol.as_deref())?,
            fields,
        })
    }

    /// The request with this key.
    pub(super) fn request(&self, key: &str) -> String {
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n",
            self.target, self.host
        );
        let mut add = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = write!(request, "{name}: {value}\r\n");
        };
        if !self.subprotocols.is_empty() {
            add("Sec-WebSocket-Protocol", &self.subprotocols.join(", "));
        }
        if let Some(origin) = &self.origin {
            add("Origin", origin);
        }
        for (name, value) in &self.fields {
            add(name, value);
        }
        request + "\r\n"
    }

    /// Whether the answer, which has status 101, grants what was asked for: what was agreed, for the event.
    pub(super) fn check(
        &self,
        key: &str,
        answer: &Response,
        subject: &str,
    ) -> Result<Vec<(&'static str, String)>, Fault> {
        let fields = &answer.fields;
        let wrong = |what: &str, value: &str| {
            Err(Fault::new(Code::BadUpgrade, subject).arg("what", what).arg("value", value))
        };
        if !fields.holds("upgrade", "websocket") || !fields.holds("connection", "upgrade") {
            return wrong("upgrade", fields.all("upgrade").next().unwrap_or_default());
        }
        let accept = fields.only("sec-websocket-accept");
        if accept != Some(&derive_accept_key(key.as_bytes())) {
            return wrong("accept", accept.unwrap_or_default());
        }
        if let Some(extension) = fields.list("sec-websocket-extensions").next() {
            return wrong("extension", extension);
        }
        let mut facts = vec![("path", self.target.clone())];
        if fields.has("sec-websocket-protocol") {
            let all: Vec<&str> = fields.all("sec-websocket-protocol").collect();
            match *all {
                [one] if self.subprotocols.iter().any(|known| known == one) => {
                    facts.push(("subprotocol", one.to_owned()));
                }
                _ => return wrong("subprotocol", &all.join(", ")),
            }
        } else if !self.subprotocols.is_empty() {
            facts.push(("declined-subprotocol", self.subprotocols.join(", ")));
        }
        Ok(facts)
    }
}

/// The fault of an answer that is not 101, with the beginning of its body.
pub(super) fn refused(answer: &Response, body: &[u8], subject: &str) -> Fault {
    let mut status = format!("{} {}", answer.status, answer.reason);
    if let Some(place) = answer.fields.only("location") {
        let _ = write!(status, " -> {place}");
    }
    let mut shown = String::new();
    escape_bytes(body.trim_ascii(), Shape::Line, &mut shown);
    let what = if body.trim_ascii().is_empty() { "bare" } else { "body" };
    let fault = Fault::new(Code::UpgradeRefused, subject);
    fault.arg("status", status.trim()).arg("what", what).arg("bytes", shown)
}

/// A field as it was written, checked: nothing in it may end its line.
fn field(line: &str) -> Result<(String, String), Fault> {
    let malformed = |shown: &str| bad_field(shown).detail("Name: value");
    let (name, value) = line.split_once(':').ok_or_else(|| malformed(line))?;
    let value = value.trim_matches([' ', '\t']);
    if is_token(name) && is_value(value) {
        Ok((name.to_owned(), value.to_owned()))
    } else {
        Err(malformed(name))
    }
}

/// Whether this can be a field's value.
fn is_value(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() && c != '\t')
}

/// The fault of a field; its value may be a secret and is not shown.
fn bad_field(name: &str) -> Fault {
    Fault::new(Code::BadValue, "").arg("name", "header").arg("value", name)
}

/// What the Host field says unless told otherwise: the host, and the port unless it is the scheme's own.
fn authority(endpoint: &Endpoint) -> String {
    let Place::Host { host, port, .. } = &endpoint.place else { return "localhost".to_owned() };
    let host = match host {
        Host::Loopback | Host::Any => "localhost".to_owned(),
        Host::Zoned { ip, .. } | Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
        Host::Ip(IpAddr::V4(ip)) => ip.to_string(),
        Host::Name(name) => name.clone(),
    };
    let own = if endpoint.layers.iter().any(|layer| layer == "tls") { 443 } else { 80 };
    if *port == own { host } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn offer(endpoint: &str) -> Result<Offer, Fault> {
        Offer::read(&endpoint.parse().unwrap())
    }

    fn check(offer: &Offer, fields: &[&str]) -> Result<Vec<(&'static str, String)>, String> {
        let head = format!("HTTP/1.1 101 x\r\n{}\r\n\r\n", fields.join("\r\n"));
        let answer = Response::parse(head.as_bytes()).unwrap();
        offer.check(KEY, &answer, "").map_err(|fault| fault.value("what").to_owned())
    }

    #[test]
    fn a_request_says_what_the_endpoint_says() {
        let offer = offer(
            "ws://h:9000/a%20b?subprotocol=v2,v1&origin=https://x&header=X-A:%201%0AAuthorization:Bearer t",
        );
        assert_eq!(
            offer.unwrap().request(KEY),
            format!(
                "GET /a%20b HTTP/1.1\r\nHost: h:9000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v2, v1\r\n\
                 Origin: https://x\r\nX-A: 1\r\nAuthorization: Bearer t\r\n\r\n"
            )
        );
    }

    #[test]
    fn the_host_is_the_one_that_was_written_or_the_one_that_was_asked_for() {
        for (endpoint, host) in [
            ("ws://h:80", "h"),
            ("wss://h:443", "h"),
            ("wss://h:80", "h:80"),
            ("ws://:9000", "localhost:9000"),
            ("ws://[::1]:9000", "[::1]:9000"),
            ("ws://[fe80::1%25eth0]:9000", "[fe80::1]:9000"),
            ("ws+unix:///run/x", "localhost"),
            ("ws://h:1?header=host: other.example", "other.example"),
        ] {
            assert_eq!(offer(endpoint).unwrap().host, host, "{endpoint}");
        }
    }

    #[test]
    fn no_field_can_end_its_line_or_take_the_place_of_ours() {
        for header in [
            "X",
            "X y: 1",
            ": 1",
            "X: a%0Db",
            "X: a%0A%20folded",
            "Upgrade: h2c",
            "sec-websocket-key: x",
            "Content-Length: 3",
            "Host: a%0AHost: b",
        ] {
            let fault = offer(&format!("ws://h:1?header={header}")).unwrap_err();
            assert_eq!(fault.code, Code::BadValue, "{header}");
        }
        let secret = offer("ws://h:1?header=X: tok%0Den").unwrap_err();
        assert!(!secret.to_string().contains("tok"), "{secret}");
    }

    #[test]
    fn an_answer_that_grants_something_else_is_refused() {
        let offer = offer("ws://h:1?subprotocol=chat").unwrap();
        let (upgrade, connection) = ("Upgrade: WebSocket", "Connection: upgrade");
        let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        let good = [upgrade, connection, accept];
        assert_eq!(check(&offer, &good).unwrap()[1], ("declined-subprotocol", "chat".to_owned()));
        for (field, wanted) in [
            ("Sec-WebSocket-Protocol: other", "subprotocol"),
            ("Sec-WebSocket-Protocol: chat, chat", "subprotocol"),
            ("Sec-WebSocket-Extensions: permessage-deflate", "extension"),
            (accept, "accept"),
        ] {
            assert_eq!(check(&offer, &[&good[..], &[field]].concat()).unwrap_err(), wanted, "{field}");
        }
        assert_eq!(check(&offer, &[upgrade, connection]).unwrap_err(), "accept");
        assert_eq!(check(&offer, &[upgrade, accept]).unwrap_err(), "upgrade");
        let granted = check(&offer, &[&good[..], &["Sec-WebSocket-Protocol: chat"]].concat());
        assert_eq!(granted.unwrap()[1], ("subprotocol", "chat".to_owned()));
    }
}
