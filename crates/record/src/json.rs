//! Events as lines of JSON, one object a line: what `--json` shows and what `FILE.jsonl` keeps. The schema is
//! `docs/events.schema.json`. Keys and words are never translated, and UTF-8 stays readable; only what could act on a
//! terminal is written as `\uXXXX`, which is the same JSON.

use std::fmt::Write as _;

use serde_json::Value;
use sockeye_core::event::Farewell;
use sockeye_core::{Address, Direction, Event, Fault, How, Kind, Layer, Leg, SessionId, Side, Tick, Tls};
use sockeye_wire::escape::is_safe;
use sockeye_wire::notation::to_hex;

/// The version of the lines. It grows when a field changes its meaning; new fields may come at any time.
pub const VERSION: u64 = 1;

/// The line of an event, its end included.
pub fn event(event: &Event<'_>) -> String {
    line(event).end()
}

/// The line of a fault that is no event: `severity` is `error` or `warning`.
pub fn fault(at: Tick, session: SessionId, severity: &str, fault: &Fault) -> String {
    error(Line::start(at, session, "traced", "error"), severity, fault).end()
}

/// A line about a thing rather than a moment: a certificate, a recorded session.
pub fn thing(kind: &str, fields: &[(&str, Value)]) -> String {
    let start = Line::start(Tick::ZERO, SessionId::default(), "captured", kind);
    fields.iter().fold(start, |line, (name, value)| line.value(name, value)).end()
}

/// A line about what is known of this machine or its network, and how.
pub fn known(at: Tick, how: How, kind: &str, fields: &[(&str, Value)]) -> String {
    let start = Line::start(at, SessionId::default(), how.word(), kind);
    fields.iter().fold(start, |line, (name, value)| line.value(name, value)).end()
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
pub fn guarded(line: &str) -> String {
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
        Kind::Saved { id } => line.number("id", id),
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
