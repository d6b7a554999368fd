//! What happens to sockets as a line each: for people, and as JSON.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};
use sockeye::Views;
use sockeye::core::{How, Note, SessionId, Tick};
use sockeye::probe::sockets::Protocol;
use sockeye::probe::watch::{Event, Holder, Row, What};
use sockeye::watch::{Show, Totals, Turn};

use crate::sockets::json::{fields, seconds};
use crate::sockets::{address, brief, holder, short};
use crate::ui::columns::padded;
use crate::ui::output::Output;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// Where lines for people go.
pub(super) struct Lines<'a> {
    pub(super) words: &'a Words,
    pub(super) stdout: &'a Output,
    pub(super) paint: Paint,
    pub(super) stop: &'a AtomicBool,
    pub(super) views: &'a Views,
    /// Whether it was told that the watch is on.
    pub(super) begun: bool,
}

impl Show for Lines<'_> {
    fn event(&mut self, event: &Event) {
        // Who only wants to see what happens is not told first of all that is there.
        if event.what != What::Present {
            self.stdout.push(format!("{}\n", line(self.words, event, self.paint)).as_bytes());
        }
    }

    fn missed(&mut self, _at: Duration, count: u64) {
        let text = self.words.say("watch-missed", &[("count", &count.to_string())]);
        self.stdout.push(format!("{}\n", self.paint.on(Colour::Yellow, &text)).as_bytes());
    }

    fn table(&mut self, rows: &[&Row], totals: &Totals) {
        if !self.begun {
            self.begun = true;
            let note = Note::new("watch-began").arg("wanted", rows.len()).arg("sockets", totals.sockets);
            self.views.watcher.note(SessionId::default(), &note);
        }
    }

    fn turn(&mut self) -> Turn {
        super::turn(self.stop, self.stdout)
    }
}

/// A line about an event.
pub(super) fn line(words: &Words, event: &Event, paint: Paint) -> String {
    let (socket, row) = (&event.row.socket, &event.row);
    let (key, colour) = match event.what {
        What::Present => ("watch-present", Colour::Dim),
        What::Opened => ("watch-opened", Colour::Green),
        What::Changed { .. } => ("watch-changed", Colour::Cyan),
        What::Died { .. } => ("watch-died", Colour::Red),
    };
    let state = match event.what {
        _ if socket.protocol == Protocol::Udp => String::new(),
        What::Present | What::Opened => socket.state.name().to_owned(),
        What::Changed { from } => {
            let from = from.map_or("?", sockeye::probe::sockets::State::name);
            format!("{from} → {}", socket.state.name())
        }
        What::Died { last } => last.map_or("?", sockeye::probe::sockets::State::name).to_owned(),
    };
    let at = format!("{:>9.3}", event.at.as_secs_f64());
    let what = padded(&words.plain(key), 7);
    let mut text = format!(
        "{} {} {} {} – {}",
        paint.on(Colour::Dim, &at),
        paint.on(colour, &what),
        socket.protocol.name(),
        address(socket.local),
        address(socket.peer)
    );
    let unknown = event.what == What::Died { last: None } && row.holder == Holder::Unseen;
    let parts = if unknown {
        [words.plain("watch-unseen"), String::new()]
    } else {
        [state, holder(words, socket, &row.holder)]
    };
    for part in parts {
        if !part.is_empty() && part != "-" {
            text.push_str("  ");
            text.push_str(&part);
        }
    }
    if matches!(event.what, What::Died { .. }) {
        text.push_str(&last(words, event));
    }
    if event.how == How::Polled && matches!(event.what, What::Died { .. }) {
        text.push_str("  ");
        text.push_str(&words.plain("watch-polled"));
    }
    text
}

/// The final figures of a socket, with a gap before them.
fn last(words: &Words, event: &Event) -> String {
    let mut parts = vec![String::new()];
    // One that was never connected has counted nothing.
    if let Some(info) = event.row.socket.tcp.as_ref().filter(|_| event.row.socket.peer.port() != 0) {
        let bytes = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), short);
        let (received, sent) = (bytes(info.bytes_received), bytes(info.bytes_sent));
        let (rtt, retransmits) = (brief(info.rtt), info.total_retransmits.to_string());
        let args = [("in", received.as_str()), ("out", &sent), ("rtt", &rtt), ("retransmits", &retransmits)];
        parts.push(words.say("watch-figures", &args));
    }
    if let Some(seen) = event.row.seen {
        let lived = brief(event.at.saturating_sub(seen));
        parts.push(words.say("watch-seen", &[("time", &lived)]));
    }
    parts.join("  ")
}

/// An event as a line of JSON.
pub(super) fn object(event: &Event) -> String {
    let mut all = Vec::new();
    let kind = match event.what {
        What::Present => "socket",
        What::Opened => "socket-opened",
        What::Changed { from } => {
            all.push(("from", json!(from.map(sockeye::probe::sockets::State::name))));
            "socket-changed"
        }
        What::Died { last } => {
            all.push(("last_state", json!(last.map(sockeye::probe::sockets::State::name))));
            let seen = event.row.seen.map(|seen| seconds(event.at.saturating_sub(seen)));
            all.extend(seen.map(|seen| ("seen_for", seen)));
            "socket-died"
        }
    };
    all.extend(fields(&event.row.socket, &event.row.holder));
    sockeye::json::known(tick(event.at), event.how, kind, &all)
}

/// What was seen in all, as a line of JSON of this kind.
pub(super) fn totals_object(kind: &str, totals: &Totals) -> String {
    let fields: [(&str, Value); 5] = [
        ("sockets", json!(totals.sockets)),
        ("opened", json!(totals.opened)),
        ("died", json!(totals.died)),
        ("missed", json!(totals.missed)),
        ("cut", json!(totals.cut)),
    ];
    sockeye::json::known(tick(totals.age), How::Polled, kind, &fields)
}

/// How many deaths went unseen, as a line of JSON.
pub(super) fn missed_object(at: Duration, count: u64) -> String {
    sockeye::json::known(tick(at), How::Traced, "missed", &[("count", json!(count))])
}

fn tick(at: Duration) -> Tick {
    Tick(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::table::tests::row;
    use crate::words::Language;
    use sockeye::probe::sockets::State;

    fn died(last: Option<State>) -> Event {
        let mut row = row("127.0.0.1:80", State::Closed);
        row.seen = Some(Duration::from_secs(2));
        let info = row.socket.tcp.as_mut().unwrap();
        info.bytes_received = Some(5000);
        info.bytes_sent = Some(7);
        Event { at: Duration::from_secs(5), how: How::Traced, what: What::Died { last }, row }
    }

    #[test]
    fn a_death_is_told_with_its_figures_in_words_and_in_json() {
        let event = died(Some(State::Established));
        let text = line(&Words::new(Language::En), &event, Paint(false));
        for part in ["5.000 died", "tcp 127.0.0.1:80", "ESTABLISHED", "in 5000", "out 7", "3.0s"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\x1b'));
        let object: Value = serde_json::from_str(&object(&event)).unwrap();
        assert_eq!((&object["kind"], &object["how"]), (&json!("socket-died"), &json!("traced")));
        assert_eq!((&object["last_state"], &object["seen_for"]), (&json!("ESTABLISHED"), &json!(3.0)));
        assert_eq!(object["tcp"]["bytes_received"], 5000);
        assert_eq!((&object["pid"], &object["others"]), (&json!(4242), &json!(2)));
    }

    #[test]
    fn what_nobody_saw_is_not_made_up() {
        let mut event = died(None);
        assert!(line(&Words::new(Language::En), &event, Paint(false)).contains("  ?  evil"));
        event.row.holder = Holder::Unseen;
        let text = line(&Words::new(Language::En), &event, Paint(false));
        assert!(text.contains("not seen alive"), "{text}");
        let object: Value = serde_json::from_str(&object(&died(None))).unwrap();
        assert_eq!(object["last_state"], Value::Null);
    }
}
