//! Sessions as a person sees them: payload on stdout, the rest as lines on stderr, more of them with `-v`.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sockeye::core::endpoint::Secret;
use sockeye::core::event::Totals;
use sockeye::core::{
    Direction, Event, Fault, Kind, Leg, Note, OPERATOR, Observer, PEER, SessionId, Tick, Tls,
};
use sockeye::secrets::{self, Want};
use sockeye::wire::escape::{Escaper, Shape, escape, escape_bytes};
use sockeye::wire::hexdump::Hexdump;
use sockeye::{Front, Watcher};

use super::Ui;
use super::output::Output;
use super::paint::{Colour, Paint};
use super::screen::Screen;
use super::unseen;
use crate::fault::{Weight, lines};
use crate::words::Words;

/// Bytes of a message that `-vv` shows; `-vvv` shows all.
const GLANCE: usize = 256;

/// Names of a certificate that `-v` shows; `--json` has all.
const NAMES: usize = 8;

/// How things are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// How often `-v` stands.
    pub(crate) verbose: u8,
    /// Whether payload must be made safe: it goes to a terminal, and nobody asked for it raw.
    pub(crate) shielded: bool,
    /// Whether stdout is a terminal.
    pub(crate) terminal: bool,
    /// Whether stderr is one too, so that payload and lines share a screen.
    pub(crate) shared: bool,
    /// Whether lines on stderr are painted.
    pub(crate) paint: Paint,
}

/// For people.
pub(crate) struct Human {
    words: Arc<Words>,
    manner: Manner,
    stdout: Output,
    screen: Screen,
    shield: Mutex<Shield>,
    started: Instant,
}

/// Makes payload safe; a character that two reads split comes out whole.
struct Shield {
    session: SessionId,
    escaper: Escaper,
    text: String,
}

impl Human {
    pub(crate) fn new(words: Words, manner: Manner, stdout: Output, stderr: Output) -> Self {
        let words = Arc::new(words);
        let said = Arc::clone(&words);
        let left_out = move |count: u64| said.say("lines-left-out", &[("count", &count.to_string())]);
        let shield =
            Shield { session: SessionId::default(), escaper: Escaper::new(Shape::Text), text: String::new() };
        Self {
            words,
            manner,
            stdout,
            screen: Screen::new(stderr, left_out),
            shield: Mutex::new(shield),
            started: Instant::now(),
        }
    }

    /// Where lines go; an editor shares it.
    pub(crate) const fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Whether there are colours.
    pub(crate) const fn is_painted(&self) -> bool {
        self.manner.paint.0
    }

    /// Asks whoever sits at the terminal, be stdin a pipe or not. `None`: nobody does, or nothing was typed.
    fn ask(&self, key: &str, user: &str) -> Option<Secret> {
        self.screen.flush();
        let prompt = self.words.say(key, &[("name", &safe(user))]);
        unseen::typed(&prompt).and_then(secrets::given)
    }

    /// Writes a line on stderr. On a shared screen it begins below payload that has not ended its line.
    fn line(&self, text: &str) {
        if self.manner.shared {
            self.stdout.end_line();
            self.stdout.finish(None);
        }
        self.screen.line(text);
        if self.manner.shared {
            self.screen.flush();
        }
    }

    fn show(&self, fault: &Fault, weight: Weight, session: SessionId) {
        let text = lines(&self.words, fault, weight, session, self.manner.verbose > 0);
        let colour = if weight == Weight::Error { Colour::Red } else { Colour::Yellow };
        self.line(&self.manner.paint.head(colour, &text));
    }

    /// One line about one moment.
    fn moment(&self, at: Tick, session: SessionId, text: &str) {
        let mut head = at.to_string();
        if session != SessionId::default() {
            let _ = write!(head, " #{session}");
        }
        self.line(&format!("{} {text}", self.manner.paint.on(Colour::Dim, &head)));
    }

    fn sentence(&self, event: &Event<'_>, key: &str, args: &[(&str, &str)]) {
        let safe: Vec<(&str, String)> = args.iter().map(|(name, value)| (*name, safe(value))).collect();
        let args: Vec<(&str, &str)> = safe.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.moment(event.at, event.session, &self.words.say(key, &args));
    }

    /// A sentence about one leg. Those that are not the peer's are numbered, as their messages are.
    fn of_leg(&self, event: &Event<'_>, leg: Leg, key: &str) {
        self.sentence_of_leg(event, leg, key, &[]);
    }

    fn sentence_of_leg(&self, event: &Event<'_>, leg: Leg, key: &str, args: &[(&str, &str)]) {
        let safe: Vec<(&str, String)> = args.iter().map(|(name, value)| (*name, safe(value))).collect();
        let args: Vec<(&str, &str)> = safe.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let sentence = self.words.say(key, &args);
        let text = if leg == PEER { sentence } else { format!("/{leg} {sentence}") };
        self.moment(event.at, event.session, &text);
    }

    fn message(&self, event: &Event<'_>, leg: Leg, direction: Direction, data: &[u8]) {
        let (arrow, colour) = match direction {
            Direction::In => ("←", Colour::Cyan),
            Direction::Out => ("→", Colour::Green),
        };
        let mut text = self.manner.paint.on(colour, arrow);
        if leg != PEER {
            let _ = write!(text, " /{leg}");
        }
        let _ = write!(text, " {} ", data.len());
        if self.manner.verbose > 2 {
            text.push('\n');
            Hexdump::new(0).push(data, &mut text);
            text.truncate(text.trim_end().len());
        } else {
            glance(data, &mut text);
        }
        self.moment(event.at, event.session, &text);
    }

    /// TLS in one line, and a line for each certificate.
    fn tls(&self, event: &Event<'_>, leg: Leg, facts: &Tls) {
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let (group, alpn, name) = (or_none(&facts.group), or_none(&facts.alpn), or_none(&facts.server_name));
        let args = [
            ("version", facts.version.as_str()),
            ("suite", &facts.suite),
            ("group", &group),
            ("alpn", &alpn),
            ("name", &name),
            ("trust", if facts.chain.is_empty() { "absent" } else { facts.trust.word() }),
            ("resumed", if facts.resumed { "yes" } else { "no" }),
        ];
        self.sentence_of_leg(event, leg, "event-tls", &args);
        for (at, one) in facts.chain.iter().enumerate() {
            let mut names = one.names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
            if one.names.len() > NAMES {
                let _ = write!(names, ", … (+{})", one.names.len() - NAMES);
            }
            let args = [
                ("number", &*(at + 1).to_string()),
                ("subject", &one.subject),
                ("names", if names.is_empty() { "-" } else { &names }),
                ("issuer", &one.issuer),
                ("until", &one.not_after),
                ("days", &one.days.to_string()),
                ("pin", &one.pin),
            ];
            self.sentence_of_leg(event, leg, "event-tls-certificate", &args);
        }
    }

    fn closed(&self, event: &Event<'_>, totals: &Totals) {
        let number = |value: u64| value.to_string();
        let (messages_in, messages_out) = (number(totals.messages_in), number(totals.messages_out));
        let (bytes_in, bytes_out) = (number(totals.bytes_in), number(totals.bytes_out));
        let args = [
            ("messages_in", messages_in.as_str()),
            ("messages_out", &messages_out),
            ("bytes_in", &bytes_in),
            ("bytes_out", &bytes_out),
        ];
        self.sentence(event, "event-closed", &args);
    }

    /// What comes in while an editor is open: a line of its own, with time and direction.
    fn print_above(&self, text: &str) -> bool {
        let paint = self.manner.paint;
        let at = Tick(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let head = format!("{} {}", paint.on(Colour::Dim, &at.to_string()), paint.on(Colour::Cyan, "←"));
        self.screen.above(&format!("{head} {}", text.trim_end_matches('\n')))
    }
}

/// Quotes the beginning of a message, and says whether there is more of it.
fn glance(data: &[u8], text: &mut String) {
    let shown = &data[..data.len().min(GLANCE)];
    text.push('"');
    escape_bytes(shown, Shape::Line, text);
    text.push_str(if shown.len() < data.len() { "\" …" } else { "\"" });
}

fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(text, Shape::Line, &mut out);
    out
}

impl Front for Human {
    fn listening(&self, url: &str, _service: &str) {
        // Scripts read this line: exactly these words, in every language, without colour.
        self.line(&format!("listening on {url}"));
    }

    fn print(&self, session: SessionId, payload: &[u8]) {
        if !self.manner.shielded {
            self.stdout.push(payload);
            return;
        }
        let mut shield = self.shield.lock().unwrap_or_else(PoisonError::into_inner);
        let Shield { session: last, escaper, text } = &mut *shield;
        text.clear();
        if *last != session {
            escaper.finish(text);
            *last = session;
        }
        escaper.push(payload, text);
        if !self.print_above(text) {
            self.stdout.push(text.as_bytes());
        }
    }

    fn is_through(&self) -> bool {
        !self.manner.shielded && !self.manner.terminal && self.stdout.is_done()
    }

    fn is_blocked(&self) -> bool {
        self.stdout.is_full() || (self.manner.verbose > 0 && self.screen.is_full())
    }

    fn note(&self, _session: SessionId, note: &Note) {
        let values: Vec<(&str, String)> =
            note.args.iter().map(|(name, value)| (*name, safe(value))).collect();
        let args: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let text = self.words.say(&format!("note-{}", note.key), &args);
        self.line(&text);
    }

    fn fault(&self, session: SessionId, fault: &Fault) {
        self.show(fault, Weight::Error, session);
    }
}

impl Watcher for Human {
    fn warning(&self, fault: &Fault) {
        self.show(fault, Weight::Warning, SessionId::default());
    }

    fn secret(&self, want: Want<'_>) -> Option<Secret> {
        let (variable, asked) = match want {
            Want::Password { user } => ("SOCKEYE_PASSWORD", Some((user, "ask-password"))),
            Want::Again { user } => ("SOCKEYE_PASSWORD", Some((user, "ask-again"))),
            Want::Token => ("SOCKEYE_TOKEN", None),
            Want::Via { user } => ("SOCKEYE_VIA_PASSWORD", Some((user, "ask-password"))),
        };
        let given = std::env::var(variable).ok().and_then(secrets::given);
        given.or_else(|| asked.and_then(|(user, key)| self.ask(key, user)))
    }
}

impl Observer for Human {
    fn event(&self, event: &Event<'_>) {
        match event.kind {
            // The person knows what was typed; what is sent of it is a message of its own. The other two are for
            // recordings, which ask for them.
            Kind::Message { leg: OPERATOR, .. }
            | Kind::HalfClosed { leg: OPERATOR, .. }
            | Kind::Wire { .. }
            | Kind::Secret { .. } => {}
            Kind::Message { leg, direction, data } if self.manner.verbose > 1 => {
                self.message(event, leg, direction, data);
            }
            // Shown at every verbosity, as they are told to the front.
            Kind::Message { .. } | Kind::Listening { .. } | Kind::Note(_) | Kind::Error(_) => {}
            Kind::Accepted { local, remote, .. } => {
                let (local, remote) = (local.to_string(), remote.to_string());
                self.sentence(event, "event-accepted", &[("local", &local), ("remote", &remote)]);
            }
            Kind::Resolved { name, addresses } => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                let args = [("name", name), ("addresses", &addresses.join(", "))];
                self.sentence(event, "event-resolved", &args);
            }
            Kind::Connecting { remote, .. } => {
                self.sentence(event, "event-connecting", &[("remote", &remote.to_string())]);
            }
            Kind::Connected { local, remote, .. } => {
                let (local, remote) = (local.to_string(), remote.to_string());
                self.sentence(event, "event-connected", &[("local", &local), ("remote", &remote)]);
            }
            Kind::Tls { leg, facts } => self.tls(event, leg, facts),
            Kind::TlsTruncated { leg } => self.of_leg(event, leg, "event-tls-truncated"),
            Kind::Upgraded { to, facts, .. } => {
                let facts: Vec<String> =
                    facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let args = [("to", to), ("facts", &*facts.join(" "))];
                self.sentence(event, "event-upgraded", &args);
            }
            Kind::Authenticated { user, mechanism, .. } => {
                // Whoever logs in with a token is not told by what name.
                let key = if user.is_empty() { "event-logged-in" } else { "event-authenticated" };
                self.sentence(event, key, &[("user", user), ("mechanism", mechanism)]);
            }
            Kind::Fault { leg, direction, name, detail } => {
                let key = match direction {
                    Direction::In => "event-fault-in",
                    Direction::Out => "event-fault-out",
                };
                self.sentence_of_leg(event, leg, key, &[("name", name), ("detail", detail)]);
            }
            Kind::HalfClosed { leg, direction, farewell } => {
                let key = match (direction, farewell.is_some()) {
                    (Direction::In, false) => "event-half-closed-in",
                    (Direction::Out, false) => "event-half-closed-out",
                    (Direction::In, true) => "event-said-close-in",
                    (Direction::Out, true) => "event-said-close-out",
                };
                let (code, name, reason) = farewell.map_or_else(Default::default, |it| {
                    (it.code.to_string(), it.name, if it.reason.is_empty() { "-" } else { it.reason })
                });
                self.sentence_of_leg(event, leg, key, &[("code", &code), ("name", name), ("reason", reason)]);
            }
            Kind::Reset { leg, direction } => {
                let key = match direction {
                    Direction::In => "event-reset-in",
                    Direction::Out => "event-reset-out",
                };
                self.of_leg(event, leg, key);
            }
            Kind::Timeout { what } => self.sentence(event, "event-timeout", &[("what", what)]),
            Kind::Refused { remote, reason } => {
                let args = [("remote", &*remote.to_string()), ("reason", reason)];
                self.sentence(event, "event-refused", &args);
            }
            Kind::Closed { totals } => self.closed(event, &totals),
            Kind::Saved { id } => self.sentence(event, "event-saved", &[("id", &id.to_string())]),
        }
    }

    fn wants_wire(&self) -> bool {
        false
    }

    fn wants_messages(&self) -> bool {
        self.manner.verbose > 1
    }
}

impl Ui for Human {
    fn last(&self, fault: &Fault) {
        self.show(fault, Weight::Error, SessionId::default());
    }

    fn finish(&self, patience: Option<Duration>) {
        self.screen.finish(patience);
        if self.manner.terminal {
            let mut shield = self.shield.lock().unwrap_or_else(PoisonError::into_inner);
            let Shield { escaper, text, .. } = &mut *shield;
            text.clear();
            escaper.finish(text);
            self.stdout.push(text.as_bytes());
            // The shell's prompt belongs on a line of its own.
            self.stdout.end_line();
        }
        self.stdout.finish(patience);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_is_whole_or_says_that_it_is_not() {
        for (len, end) in [(GLANCE, "x\""), (GLANCE + 1, "x\" …")] {
            let mut text = String::new();
            glance(&vec![b'x'; len], &mut text);
            assert!(text.ends_with(end), "{text}");
            assert_eq!(text.matches('x').count(), GLANCE);
        }
    }
}
