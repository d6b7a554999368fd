//! `--json`: one object a line on stdout, from the first event on. The lines themselves are [`sockeye::json`]'s.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sockeye::core::endpoint::Secret;
use sockeye::core::{Event, Fault, Kind, Note, Observer, SessionId, Tick};
use sockeye::secrets::Want;
use sockeye::{Front, Watcher, json};

use super::Ui;
use super::human::Human;
use super::output::Output;

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

    fn write(&self, line: &str) {
        self.stdout.push(line.as_bytes());
    }

    /// Writes a fault, unless it is the one that was written last.
    fn once(&self, session: SessionId, fault: &Fault) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref() != Some(fault) {
            *told = Some(fault.clone());
            let at = Tick(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX));
            self.write(&json::fault(at, session, "error", fault));
        }
    }
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
        self.write(&json::fault(Tick::ZERO, SessionId::default(), "warning", fault));
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
        self.write(&json::event(event));
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
    use serde_json::Value;
    use sockeye::core::event::{Farewell, Totals};
    use sockeye::core::tls::{Shown, Trust};
    use sockeye::core::{Address, Code, Direction, How, Tls};
    use sockeye::wire::escape::is_safe;
    use sockeye_testkit::schema;

    const SCHEMA: &str = include_str!("../../../../docs/events.schema.json");

    /// The line of one event.
    fn line(kind: Kind<'_>) -> String {
        let event = Event { at: Tick(1_500_000_000), session: SessionId(7), how: How::Traced, kind };
        let text = json::event(&event);
        assert!(text.ends_with("}\n") && is_safe(&text), "{text}");
        text
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
        let mut things: Vec<String> =
            crate::cert::objects(&listed, i64::MAX).lines().map(str::to_owned).collect();
        things.extend(crate::sessions::samples());
        things.extend(crate::explain::samples());
        things
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
            Kind::Saved { id: 12 },
            Kind::Note(&note),
            Kind::Error(&fault),
        ];
        let mut text: String = kinds.map(line).concat();
        text.extend(things().iter().map(|line| format!("{}\n", line.trim_end())));
        schema::names_all(SCHEMA, &schema::check(SCHEMA, &text));
    }

    #[test]
    fn payload_is_readable_text_or_exact_hex_and_never_acts() {
        let message = |data| {
            let line = line(Kind::Message { leg: 0, direction: Direction::In, data });
            serde_json::from_str::<Value>(&line).unwrap()
        };
        assert_eq!(message("你好".as_bytes())["text"], "你好");
        assert_eq!(message(b"\xc4\xe3")["hex"], "c4e3");
        let hostile = "\x1b]52;c;x\x07\u{9b}2J\u{202e}\u{e0041}\u{2028}";
        assert_eq!(message(hostile.as_bytes())["text"], hostile);
    }
}
