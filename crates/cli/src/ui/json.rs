//! `--json`: one object a line on stdout, from the first event on; its schema is `docs/events.schema.json`. Keys and
//! words are never translated, and UTF-8 stays readable; only what could act on a terminal is written as `\uXXXX`,
//! which is the same JSON.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use sockeye::core::endpoint::Secret;
use sockeye::core::event::Farewell;
use sockeye::core::{
    Address, Direction, Event, Fault, Kind, Layer, Leg, Note, Observer, SessionId, Side, Tick, Tls,
};
use sockeye::secrets::Want;
use sockeye::wire::escape::is_safe;
use sockeye::wire::notation::to_hex;
use sockeye::{Front, Watcher};

use super::Ui;
use super::human::Human;
use super::output::Output;

/// The version of the lines. It grows when a field changes its meaning; new fields may come at any time.
const VERSION: u64 = 1;

/// For programs. People still get their lines, on stderr.
pub(crate) struct Json {
    people: Human,
    stdout: Output,
    started: Instant,
    /// The fault that was written last: the driver shows a session's fault as an event, and then tells the front.
    told: Mutex<Option<Fault>>,
}

impl Json {
    pub(crate) fn new(people: Human, stdout: Output) -> Self {
        Self { people, stdout, started: Instant::now(), told: Mutex::new(None) }
    }

    fn write(&self, line: Line) {
        self.stdout.push(line.end().as_bytes());
    }

    /// Writes a fault, unless it is the one that was written last.
    fn once(&self, session: SessionId, fault: &Fault) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref() != Some(fault) {
            *told = Some(fault.clone());
            let at = Tick(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX));
            self.write(error(Line::start(at, session, "traced", "error"), "error", fault));
        }
    }
}

/// One line under construction.
struct Line(String);

impl Line {
    fn start(at: Tick, session: SessionId, how: &str, kind: &str) -> Self {
        let line = Self(format!("{{\"v\":{VERSION},\"t\":{at},\"session\":{session}"));
        line.text("how", how).text("kind", kind)
    }

    fn value(mut self, name: &str, value: &Value) -> Self {
        let _ = write!(self.0, ",\"{name}\":{value}");
        self
    }

    fn text(self, name: &str, text: &str) -> Self {
        self.value(name, &Value::from(text))
    }

    fn number(self, name: &str, number: u64) -> Self {
        self.value(name, &Value::from(number))
    }

    fn address(self, name: &str, address: &Address) -> Self {
        self.text(name, &address.to_string())
    }

    fn leg(self, leg: Leg, direction: Direction) -> Self {
        self.number("leg", u64::from(leg)).text("direction", direction.word())
    }

    fn args(self, args: &[(&'static str, String)]) -> Self {
        let args = args.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        self.value("args", &Value::Object(args.collect()))
    }

    /// Payload: its size, and its text, or its hex where it is no UTF-8.
    fn data(self, data: &[u8]) -> Self {
        let line = self.number("size", data.len() as u64);
        match std::str::from_utf8(data) {
            Ok(text) => line.text("text", text),
            Err(_) => line.text("hex", &to_hex(data)),
        }
    }

    fn end(mut self) -> String {
        self.0.push('}');
        let mut text = if is_safe(&self.0) { self.0 } else { guarded(&self.0) };
        text.push('\n');
        text
    }
}

/// Writes characters that could act on a terminal as JSON writes any character: `\uXXXX`.
fn guarded(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 16);
    let mut one = [0; 4];
    let mut units = [0; 2];
    for character in line.chars() {
        if is_safe(character.encode_utf8(&mut one)) {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// A line about a thing rather than a moment: a certificate.
pub(crate) fn thing(kind: &str, fields: &[(&str, Value)]) -> String {
    let start = Line::start(Tick::ZERO, SessionId::default(), "captured", kind);
    fields.iter().fold(start, |line, (name, value)| line.value(name, value)).end()
}

fn error(line: Line, severity: &str, fault: &Fault) -> Line {
    let line = line
        .text("severity", severity)
        .text("code", fault.code.word())
        .text("subject", &fault.subject)
        .text("layer", layer(fault.code.layer()))
        .text("side", side(fault.side))
        .args(&fault.args);
    match &fault.detail {
        Some(detail) => line.text("detail", detail),
        None => line,
    }
}

const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Usage => "usage",
        Layer::File => "file",
        Layer::Name => "name",
        Layer::Transport => "transport",
        Layer::Security => "security",
        Layer::Framing => "framing",
        Layer::Application => "application",
    }
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Here => "here",
        Side::Peer => "peer",
        Side::Path => "path",
        Side::Unknown => "unknown",
    }
}

/// The line of an event.
fn line(event: &Event<'_>) -> Line {
    let line = Line::start(event.at, event.session, event.how.word(), event.kind.word());
    match event.kind {
        Kind::Listening { url, service } => line.text("url", url).text("service", service),
        Kind::Accepted { transport, local, remote } => {
            line.text("transport", transport).address("local", local).address("remote", remote)
        }
        Kind::Resolved { name, addresses } => {
            let addresses = addresses.iter().map(|address| Value::from(address.to_string()));
            line.text("name", name).value("addresses", &Value::Array(addresses.collect()))
        }
        Kind::Connecting { leg, transport, remote } => {
            line.number("leg", u64::from(leg)).text("transport", transport).address("remote", remote)
        }
        Kind::Connected { leg, transport, local, remote } => line
            .number("leg", u64::from(leg))
            .text("transport", transport)
            .address("local", local)
            .address("remote", remote),
        Kind::Tls { leg, facts } => tls(line.number("leg", u64::from(leg)), facts),
        Kind::TlsTruncated { leg } => line.number("leg", u64::from(leg)),
        Kind::Upgraded { leg, to, facts } => line.number("leg", u64::from(leg)).text("to", to).args(facts),
        Kind::Authenticated { leg, user, mechanism } => {
            line.number("leg", u64::from(leg)).text("user", user).text("mechanism", mechanism)
        }
        Kind::Message { leg, direction, data } => line.leg(leg, direction).data(data),
        Kind::Wire { leg, direction, data } => {
            line.leg(leg, direction).number("size", data.len() as u64).text("hex", &to_hex(data))
        }
        Kind::Secret { line: secret } => line.text("line", secret),
        Kind::Fault { leg, direction, name, detail } => {
            line.leg(leg, direction).text("name", name).text("detail", detail)
        }
        Kind::HalfClosed { leg, direction, farewell } => {
            let line = line.leg(leg, direction);
            match farewell {
                Some(Farewell { code, name, reason }) => {
                    line.number("code", u64::from(code)).text("name", name).text("reason", reason)
                }
                None => line,
            }
        }
        Kind::Reset { leg, direction } => line.leg(leg, direction),
        Kind::Timeout { what } => line.text("what", what),
        Kind::Refused { remote, reason } => line.address("remote", remote).text("reason", reason),
        Kind::Closed { totals } => line
            .number("messages_in", totals.messages_in)
            .number("messages_out", totals.messages_out)
            .number("bytes_in", totals.bytes_in)
            .number("bytes_out", totals.bytes_out),
        Kind::Note(note) => line.text("note", note.key).args(&note.args),
        Kind::Error(fault) => error(line, "error", fault),
    }
}

/// What a TLS handshake agreed on. What there is none of is left out.
fn tls(line: Line, facts: &Tls) -> Line {
    let optional = [("group", &facts.group), ("alpn", &facts.alpn), ("server_name", &facts.server_name)];
    let mut line = line.text("version", &facts.version).text("suite", &facts.suite);
    for (name, value) in optional {
        if let Some(value) = value {
            line = line.text(name, value);
        }
    }
    let chain = facts.chain.iter().map(|one| {
        serde_json::json!({
            "subject": one.subject,
            "issuer": one.issuer,
            "names": one.names,
            "not_after": one.not_after,
            "days": one.days,
            "pin": one.pin,
        })
    });
    line.value("resumed", &Value::from(facts.resumed))
        .text("trust", facts.trust.word())
        .value("chain", &Value::Array(chain.collect()))
}

impl Front for Json {
    fn listening(&self, url: &str, service: &str) {
        self.people.listening(url, service);
    }

    /// Events replace payload.
    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        self.stdout.is_full() || self.people.is_blocked()
    }

    fn note(&self, session: SessionId, note: &Note) {
        self.people.note(session, note);
    }

    fn fault(&self, session: SessionId, fault: &Fault) {
        self.once(session, fault);
        self.people.fault(session, fault);
    }
}

impl Watcher for Json {
    fn warning(&self, fault: &Fault) {
        let start = Line::start(Tick::ZERO, SessionId::default(), "traced", "error");
        self.write(error(start, "warning", fault));
        self.people.warning(fault);
    }

    fn secret(&self, want: Want<'_>) -> Option<Secret> {
        self.people.secret(want)
    }
}

impl Observer for Json {
    fn event(&self, event: &Event<'_>) {
        if let Kind::Error(fault) = event.kind {
            *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.clone());
        }
        self.write(line(event));
    }

    fn wants_wire(&self) -> bool {
        false
    }
}

impl Ui for Json {
    fn last(&self, fault: &Fault) {
        self.once(SessionId::default(), fault);
        self.people.last(fault);
    }

    fn finish(&self, patience: Option<Duration>) {
        self.people.finish(patience);
        self.stdout.finish(patience);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;
    use sockeye::core::event::Farewell;
    use sockeye::core::event::Totals;
    use sockeye::core::tls::{Shown, Trust};
    use sockeye::core::{Code, How};

    const SCHEMA: &str = include_str!("../../../../docs/events.schema.json");

    /// The line of one event, read back.
    fn read(kind: Kind<'_>) -> Map<String, Value> {
        let event = Event { at: Tick(1_500_000_000), session: SessionId(7), how: How::Traced, kind };
        let text = line(&event).end();
        assert!(text.ends_with("}\n") && is_safe(&text), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Whether `value` is what `rule` allows, as far as this schema makes use of its language.
    fn fits(value: &Value, rule: &Value) -> bool {
        let typed = rule["type"].as_str().is_none_or(|name| match name {
            "string" => value.is_string(),
            "integer" => value.is_u64(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("the schema has a type that this test does not know: {other}"),
        });
        let constant = rule.get("const").is_none_or(|constant| constant == value);
        let listed = rule["enum"].as_array().is_none_or(|values| values.contains(value));
        typed && constant && listed
    }

    fn check(line: &Map<String, Value>) {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let kinds = schema["oneOf"].as_array().unwrap();
        let own = kinds.iter().find(|kind| kind["title"] == line["kind"]).unwrap();
        for part in [&schema, own] {
            for name in part["required"].as_array().unwrap() {
                assert!(line.contains_key(name.as_str().unwrap()), "{name} is missing in {line:?}");
            }
        }
        for (name, value) in line {
            let rule = own["properties"].get(name).or_else(|| schema["properties"].get(name));
            let rule = rule.unwrap_or_else(|| panic!("the schema has no {name} of {}", own["title"]));
            assert!(fits(value, rule), "{name}: {value} is not {rule}");
        }
    }

    fn facts() -> Tls {
        let certificate = Shown {
            subject: "CN=a\u{202e}b".to_owned(),
            names: vec!["app.example".to_owned()],
            days: -3,
            ..Shown::default()
        };
        Tls {
            version: "TLS 1.3".to_owned(),
            suite: "TLS_AES_256_GCM_SHA384".to_owned(),
            group: Some("X25519MLKEM768".to_owned()),
            alpn: Some("h2".to_owned()),
            server_name: Some("app.example".to_owned()),
            resumed: false,
            trust: Trust::Chain,
            chain: vec![certificate],
        }
    }

    /// Lines about what is in a file: a certificate, and a key.
    fn things() -> Vec<String> {
        let certificate = include_str!("../../tests/golden/files/certificates/authority.pem");
        let key = include_str!("../../tests/golden/files/certificates/broken.key");
        let listed = sockeye::cert::show::parse("a.pem", format!("{certificate}{key}").as_bytes()).unwrap();
        crate::cert::objects(&listed, i64::MAX).lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_kind_of_line_is_as_the_schema_says() {
        let local = Address::Ip("127.0.0.1:1".parse().unwrap());
        let remote = Address::Unix(None);
        let (transport, leg) = ("tcp", 0);
        let fault = Fault::new(Code::Reset, "connect").arg("after", "2s").detail("why");
        let note = Note::new("welcome").arg("a", "b");
        let addresses = [local.clone()];
        let facts = facts();
        let kinds = [
            Kind::Listening { url: "tcp://127.0.0.1:1", service: "echo" },
            Kind::Accepted { transport, local: &local, remote: &remote },
            Kind::Resolved { name: "localhost", addresses: &addresses },
            Kind::Connecting { leg, transport, remote: &remote },
            Kind::Connected { leg, transport, local: &local, remote: &remote },
            Kind::Tls { leg, facts: &facts },
            Kind::TlsTruncated { leg },
            Kind::Upgraded { leg, to: "ws", facts: &[("path", "/".to_owned())] },
            Kind::Authenticated { leg, user: "lin", mechanism: "BEARER" },
            Kind::Message { leg, direction: Direction::In, data: b"\xff" },
            Kind::Wire { leg, direction: Direction::Out, data: b"\x16\x03" },
            Kind::Secret { line: "CLIENT_RANDOM 00 00" },
            Kind::Fault { leg, direction: Direction::In, name: "latency", detail: "200ms" },
            Kind::HalfClosed {
                leg,
                direction: Direction::In,
                farewell: Some(Farewell { code: 1001, name: "going-away", reason: "bye" }),
            },
            Kind::Reset { leg, direction: Direction::In },
            Kind::Timeout { what: "idle" },
            Kind::Refused { remote: &remote, reason: "rate" },
            Kind::Closed { totals: Totals::default() },
            Kind::Note(&note),
            Kind::Error(&fault),
        ];
        let mut seen = Vec::new();
        for kind in kinds {
            let line = read(kind);
            check(&line);
            seen.push(line["kind"].clone());
        }
        for line in things() {
            let line: Map<String, Value> = serde_json::from_str(&line).unwrap();
            check(&line);
            seen.push(line["kind"].clone());
        }
        // One kind may have several shapes.
        seen.dedup();
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        assert_eq!(schema["properties"]["kind"]["enum"].as_array().unwrap(), &seen);
    }

    #[test]
    fn payload_is_readable_text_or_exact_hex_and_never_acts() {
        let message = |data| read(Kind::Message { leg: 0, direction: Direction::In, data });
        assert_eq!(message("你好".as_bytes())["text"], "你好");
        assert_eq!(message(b"\xc4\xe3")["hex"], "c4e3");
        let hostile = "\x1b]52;c;x\x07\u{9b}2J\u{202e}\u{e0041}\u{2028}";
        assert_eq!(message(hostile.as_bytes())["text"], hostile);
    }
}
