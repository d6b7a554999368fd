//! The server's side of the upgrade (RFC 6455, section 4.2): who is let in, and what the others are told.

use std::fmt::Write as _;

use sockeye_core::{Code, Endpoint, Fault, Host, Place};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::head::{Request, Unread};
use super::origin::{self, Origins, Stranger};
use super::target;

/// Whom a server lets in.
#[derive(Debug)]
pub(super) struct Rules {
    /// The one path, if there is only one.
    path: Option<String>,
    /// The name it listens on, if it was told a name.
    name: Option<String>,
    origins: Origins,
    /// The subprotocols it speaks, best first.
    subprotocols: Vec<String>,
}

/// What was agreed with a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// What proves that the request was understood.
    accept: String,
    subprotocol: Option<String>,
    /// For the event.
    pub(super) facts: Vec<(&'static str, String)>,
}

/// Why a client is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Malformed,
    TooLong,
    Method,
    HttpVersion,
    Body,
    Host,
    NotUpgrade,
    Version,
    Key,
    Path,
    ForeignHost,
    Origin,
    Subprotocol,
}

/// A client that is turned away.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: Why,
    /// What of the request it is about; a peer's, not escaped.
    pub(super) value: String,
}

fn refuse<T>(why: Why, value: &str) -> Result<T, Refusal> {
    Err(Refusal { why, value: value.chars().take(200).collect() })
}

impl Rules {
    pub(super) fn read(endpoint: &Endpoint) -> Result<Self, Fault> {
        let params = &endpoint.params;
        let name = match &endpoint.place {
            Place::Host { host: Host::Name(name), .. } => Some(name.clone()),
            _ => None,
        };
        Ok(Self {
            path: target::path(endpoint).map(|path| target::plain(&path)),
            name,
            origins: params.origin.as_deref().map(Origins::read).unwrap_or_default(),
            subprotocols: target::subprotocols(params.subprotocol.as_deref())?,
        })
    }

    /// Whether the client is let in.
    pub(super) fn judge(&self, request: &Request) -> Result<Grant, Refusal> {
        let fields = &request.fields;
        if request.method != "GET" {
            return refuse(Why::Method, &request.method);
        }
        let has_body = fields.all("content-length").any(|length| length != "0");
        if has_body || fields.has("transfer-encoding") {
            return refuse(Why::Body, "");
        }
        let Some(host) = fields.only("host").filter(|host| origin::is_host(host)) else {
            return refuse(Why::Host, fields.all("host").next().unwrap_or_default());
        };
        if !fields.holds("upgrade", "websocket") || !fields.holds("connection", "upgrade") {
            return refuse(Why::NotUpgrade, &request.target);
        }
        if request.minor == 0 {
            return refuse(Why::HttpVersion, "HTTP/1.0");
        }
        if self.path.as_deref().is_some_and(|path| target::plain(&request.target) != path) {
            return refuse(Why::Path, &request.target);
        }
        let version = fields.only("sec-websocket-version");
        if version != Some("13") {
            return refuse(Why::Version, version.unwrap_or_default());
        }
        let Some(key) = fields.only("sec-websocket-key").filter(|key| is_key(key)) else {
            return refuse(Why::Key, fields.all("sec-websocket-key").next().unwrap_or_default());
        };
        let page = self.check_origin(request, host)?;
        let subprotocol = self.choose(request)?;
        let mut facts = vec![("path", request.target.clone())];
        let mut fact = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        fact("origin", page);
        let offered: Vec<&str> = fields.list("sec-websocket-protocol").collect();
        let is_declined = subprotocol.is_none() && !offered.is_empty();
        fact("subprotocol", subprotocol.clone());
        fact("declined-subprotocol", is_declined.then(|| offered.join(", ")));
        let extensions: Vec<&str> = fields.list("sec-websocket-extensions").collect();
        fact("declined-extensions", (!extensions.is_empty()).then(|| extensions.join(", ")));
        Ok(Grant { accept: derive_accept_key(key.as_bytes()), subprotocol, facts })
    }

    /// Programs that are no browser send no Origin, and no page can leave it out.
    fn check_origin(&self, request: &Request, host: &str) -> Result<Option<String>, Refusal> {
        if !request.fields.has("origin") {
            return Ok(None);
        }
        let Some(origin) = request.fields.only("origin") else {
            let all: Vec<&str> = request.fields.all("origin").collect();
            return refuse(Why::Origin, &all.join(", "));
        };
        match self.origins.check(origin, host, self.name.as_deref()) {
            Ok(()) => Ok(Some(origin.to_owned())),
            Err(Stranger::Host) => refuse(Why::ForeignHost, host),
            Err(Stranger::Origin) => refuse(Why::Origin, origin),
        }
    }

    /// The first of ours that the client offers. One that offers none is let in without; one that offers only others
    /// expects what we do not speak.
    fn choose(&self, request: &Request) -> Result<Option<String>, Refusal> {
        let mut offered = request.fields.list("sec-websocket-protocol").peekable();
        if self.subprotocols.is_empty() || offered.peek().is_none() {
            return Ok(None);
        }
        let offered: Vec<&str> = offered.collect();
        let ours = self.subprotocols.iter().find(|ours| offered.contains(&ours.as_str()));
        ours.map_or_else(|| refuse(Why::Subprotocol, &offered.join(", ")), |ours| Ok(Some(ours.clone())))
    }

    /// What a client that is turned away is told.
    pub(super) fn answer(&self, refusal: &Refusal) -> String {
        let mut extra = String::new();
        match refusal.why {
            Why::Method => extra.push_str("Allow: GET\r\n"),
            Why::NotUpgrade | Why::Version => {
                extra.push_str("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n");
            }
            _ => {}
        }
        let (english, chinese) = refusal.why.words();
        let ours = self.subprotocols.join(", ");
        let body = format!("{english}\n{chinese}\n").replace("{ours}", &ours);
        let close = if extra.contains("Connection:") { "" } else { "Connection: close\r\n" };
        let shown = if refusal.value == "HEAD" { "" } else { body.as_str() };
        format!(
            "HTTP/1.1 {}\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\
             Content-Length: {}\r\n{extra}{close}\r\n{shown}",
            refusal.why.status(),
            body.len()
        )
    }
}

impl Grant {
    /// The answer that lets the client in.
    pub(super) fn answer(&self) -> String {
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n",
            self.accept
        );
        if let Some(subprotocol) = &self.subprotocol {
            let _ = write!(answer, "Sec-WebSocket-Protocol: {subprotocol}\r\n");
        }
        answer + "\r\n"
    }
}

impl Refusal {
    /// Why a head could not be read, where the client may be told.
    pub(super) fn of(unread: &Unread) -> Option<Self> {
        let (why, value) = match unread {
            Unread::Malformed(what) => (Why::Malformed, *what),
            Unread::TooLong => (Why::TooLong, ""),
            Unread::Foreign(_) | Unread::Ended(_) | Unread::Broken(_) => return None,
        };
        Some(Self { why, value: value.to_owned() })
    }

    /// What the people here are told.
    pub(super) fn fault(&self, subject: &str) -> Fault {
        let fault = Fault::new(Code::UpgradeTurnedAway, subject);
        fault.arg("status", self.why.status()).arg("what", self.why.word()).arg("value", &self.value)
    }
}

impl Why {
    /// The word that the catalogues know it by.
    const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too-long",
            Self::Method => "method",
            Self::HttpVersion => "http-version",
            Self::Body => "body",
            Self::Host => "host",
            Self::NotUpgrade => "no-upgrade",
            Self::Version => "version",
            Self::Key => "key",
            Self::Path => "path",
            Self::ForeignHost => "foreign-host",
            Self::Origin => "origin",
            Self::Subprotocol => "subprotocol",
        }
    }

    /// The status line's number and words (RFC 9110, section 15).
    const fn status(self) -> &'static str {
        match self {
            Self::Malformed | Self::Body | Self::Host | Self::Key | Self::Subprotocol => "400 Bad Request",
            Self::ForeignHost | Self::Origin => "403 Forbidden",
            Self::Path => "404 Not Found",
            Self::Method => "405 Method Not Allowed",
            Self::NotUpgrade | Self::Version => "426 Upgrade Required",
            Self::TooLong => "431 Request Header Fields Too Large",
            Self::HttpVersion => "505 HTTP Version Not Supported",
        }
    }

    /// What the client is told, in both languages: which of them it reads is not known.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => (
                "This is not HTTP/1.1 as RFC 9112 has it: lines end with CR LF, fields are Name: value.",
                "这不是 RFC 9112 所定义的 HTTP/1.1：每行以 CR LF 结束，字段写作 Name: value。",
            ),
            Self::TooLong => (
                "The request head is too long: at most 16 KiB and 64 fields. Send fewer or shorter fields.",
                "请求头过长：最多 16 KiB、64 个字段。请减少或缩短字段。",
            ),
            Self::Method => (
                "This is a WebSocket server: connect with GET and Upgrade: websocket.",
                "这是 WebSocket 服务器：请用 GET 和 Upgrade: websocket 连接。",
            ),
            Self::HttpVersion => ("A WebSocket needs HTTP/1.1.", "WebSocket 需要 HTTP/1.1。"),
            Self::Body => (
                "An upgrade has no body: leave out Content-Length and Transfer-Encoding.",
                "升级请求不带正文：请去掉 Content-Length 和 Transfer-Encoding。",
            ),
            Self::Host => (
                "Exactly one Host field is needed, as in Host: 127.0.0.1:9000.",
                "必须有且只有一个 Host 字段，例如 Host: 127.0.0.1:9000。",
            ),
            Self::NotUpgrade => (
                "This is a WebSocket server, not a web page: open it with new WebSocket(\"ws://...\") or a \
                 WebSocket client.",
                "这是 WebSocket 服务器，不是网页：请用 new WebSocket(\"ws://...\") 或 WebSocket 客户端打开。",
            ),
            Self::Version => (
                "Only version 13 of the protocol (RFC 6455) is spoken here: send Sec-WebSocket-Version: 13.",
                "这里只支持第 13 版协议（RFC 6455）：请发送 Sec-WebSocket-Version: 13。",
            ),
            Self::Key => (
                "Sec-WebSocket-Key must be there once and be 16 bytes in base64.",
                "Sec-WebSocket-Key 必须有且只有一个，是 16 个字节的 base64。",
            ),
            Self::Path => (
                "There is no WebSocket at this path: check the path of the URL.",
                "这个路径上没有 WebSocket：请检查 URL 的路径。",
            ),
            Self::ForeignHost => (
                "The name in Host is not known to be this server's. Use an address or localhost, or let the server \
                 accept the page with --origin.",
                "Host 里的名字不是本服务器已知的名字。请用地址或 localhost，或在服务器上用 --origin 允许这个网页。",
            ),
            Self::Origin => (
                "Pages of this origin may not connect. The server's --origin names those that may.",
                "不允许来自这个源的网页连接。服务器的 --origin 指定允许哪些源。",
            ),
            Self::Subprotocol => (
                "None of the subprotocols that were offered is spoken here. Offer one of: {ours}",
                "这里不支持所提供的任何子协议。请提供其中之一：{ours}",
            ),
        }
    }
}

/// Whether this is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with("==") && key.bytes().take(22).all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

    fn rules(endpoint: &str) -> Rules {
        Rules::read(&endpoint.parse().unwrap()).unwrap()
    }

    /// A good request with `fields` added or in the place of those of the same name; an empty value takes one out.
    fn request(line: &str, fields: &[&str]) -> Request {
        let mut all = vec![
            "Host: 127.0.0.1:9000",
            "Upgrade: websocket",
            "Connection: keep-alive, Upgrade",
            KEY,
            "Sec-WebSocket-Version: 13",
        ];
        for field in fields {
            let name = field.split(':').next().unwrap();
            all.retain(|known| !known.starts_with(name));
        }
        all.extend(fields.iter().filter(|field| !field.ends_with(": ")));
        Request::parse(format!("{line}\r\n{}\r\n\r\n", all.join("\r\n")).as_bytes()).unwrap()
    }

    fn why(rules: &Rules, line: &str, fields: &[&str]) -> Option<Why> {
        rules.judge(&request(line, fields)).err().map(|refusal| refusal.why)
    }

    #[test]
    fn a_good_request_is_answered_with_its_proof() {
        let grant = rules("ws://127.0.0.1:9000").judge(&request("GET /any?x=1 HTTP/1.1", &[])).unwrap();
        // The example of RFC 6455, section 1.3.
        assert!(grant.answer().contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert_eq!(grant.facts, [("path", "/any?x=1".to_owned())]);
    }

    #[test]
    fn every_slip_has_its_reason() {
        let rules = rules("ws://127.0.0.1:9000/chat");
        let get = "GET /chat HTTP/1.1";
        assert_eq!(why(&rules, get, &[]), None);
        assert_eq!(why(&rules, "GET /chat?room=1 HTTP/1.1", &[]), None);
        assert_eq!(why(&rules, "GET /ch%61t HTTP/1.1", &[]), None);
        for (line, field, wanted) in [
            ("POST /chat HTTP/1.1", "", Why::Method),
            ("HEAD /chat HTTP/1.1", "", Why::Method),
            ("GET /chat HTTP/1.0", "", Why::HttpVersion),
            ("GET / HTTP/1.1", "", Why::Path),
            ("GET /chat/ HTTP/1.1", "", Why::Path),
            (get, "Content-Length: 5", Why::Body),
            (get, "Transfer-Encoding: chunked", Why::Body),
            (get, "Host: ", Why::Host),
            (get, "Host: a b", Why::Host),
            (get, "Upgrade: ", Why::NotUpgrade),
            (get, "Upgrade: h2c", Why::NotUpgrade),
            (get, "Connection: keep-alive", Why::NotUpgrade),
            (get, "Sec-WebSocket-Version: 8", Why::Version),
            (get, "Sec-WebSocket-Version: ", Why::Version),
            (get, "Sec-WebSocket-Key: ", Why::Key),
            (get, "Sec-WebSocket-Key: short==", Why::Key),
            (get, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==", Why::Key),
            (get, "Origin: http://evil.example", Why::Origin),
        ] {
            let fields: Vec<&str> = if field.is_empty() { Vec::new() } else { vec![field] };
            assert_eq!(why(&rules, line, &fields), Some(wanted), "{line} {field}");
        }
        assert_eq!(why(&rules, get, &["Host: a", "Host: b"]), Some(Why::Host));
        assert_eq!(why(&rules, get, &[KEY, KEY]), Some(Why::Key));
        assert_eq!(why(&rules, get, &["Origin: http://localhost", "Origin: null"]), Some(Why::Origin));
        let rebound = ["Origin: http://evil.example:9000", "Host: evil.example:9000"];
        assert_eq!(why(&rules, get, &rebound), Some(Why::ForeignHost));
    }

    #[test]
    fn the_first_of_our_subprotocols_is_chosen_and_extensions_are_declined() {
        let rules = rules("ws://127.0.0.1:9000?subprotocol=chat.v2,chat");
        let judge = |fields: &[&str]| rules.judge(&request("GET / HTTP/1.1", fields));
        let grant = judge(&[
            "Sec-WebSocket-Protocol: x, chat",
            "Sec-WebSocket-Protocol: chat.v2",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        ])
        .unwrap();
        assert!(grant.answer().contains("\r\nSec-WebSocket-Protocol: chat.v2\r\n"));
        assert!(!grant.answer().contains("Extensions"));
        let declined = ("declined-extensions", "permessage-deflate; client_max_window_bits".to_owned());
        assert!(grant.facts.contains(&declined));
        assert_eq!(judge(&[]).unwrap().subprotocol, None);
        let refusal = judge(&["Sec-WebSocket-Protocol: mqtt"]).unwrap_err();
        assert_eq!(refusal.why, Why::Subprotocol);
        assert!(rules.answer(&refusal).contains("Offer one of: chat.v2, chat\n"));
        let open = Rules::read(&"ws://127.0.0.1:9000".parse().unwrap()).unwrap();
        let grant = open.judge(&request("GET / HTTP/1.1", &["Sec-WebSocket-Protocol: mqtt"])).unwrap();
        assert!(grant.facts.contains(&("declined-subprotocol", "mqtt".to_owned())));
    }

    #[test]
    fn every_refusal_is_a_whole_answer() {
        let rules = rules("ws://127.0.0.1:9000");
        for why in [Why::Malformed, Why::Method, Why::NotUpgrade, Why::Path, Why::Origin, Why::TooLong] {
            let answer = rules.answer(&Refusal { why, value: String::new() });
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let length = format!("Content-Length: {}", body.len());
            assert!(head.lines().any(|line| line == length), "{head}");
            assert_eq!(head.matches("Connection:").count(), 1, "{head}");
        }
    }
}
