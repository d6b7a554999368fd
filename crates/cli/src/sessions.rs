//! `sessions`: from its words to the use case, and what the store tells as a table, as lines or as JSON.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};
use sockeye::core::quantity::Span;
use sockeye::core::{Fault, Note, Observer, SessionId};
use sockeye::sessions::{self, Format, Hit, Recordings, Removed, Session, Wanted, Which};
use sockeye::{End, Views};

use crate::fault::safe;
use crate::grammar::{read, refuse, verbs};
use crate::ui::human::{Human, Manner};
use crate::ui::output::Output;
use crate::ui::paint::Paint;
use crate::words::Words;

/// How many sessions a list shows unless told otherwise.
const LIMIT: u64 = 50;

/// Whom `sessions` talks to.
pub(crate) struct Desk<'a> {
    pub(crate) words: &'a Words,
    pub(crate) stdout: &'a Output,
    pub(crate) views: &'a Views,
    pub(crate) paint: Paint,
}

impl Desk<'_> {
    /// Runs `sessions` as it was typed.
    pub(crate) fn run(&self, matches: &ArgMatches) -> Result<End, Fault> {
        let Some((word, own)) = matches.subcommand() else {
            let choices = verbs::find("sessions").map(verbs::Verb::choices).unwrap_or_default();
            return Err(refuse::usage("sessions", "missing", &choices));
        };
        let store = read::value(own, "store");
        match word {
            "list" => {
                let wanted = wanted(own, read::values(own, "text"))?;
                let list = sessions::list(&wanted, store)?;
                self.tell(own, &list.into_iter().map(|session| (session, None)).collect::<Vec<_>>(), &wanted);
            }
            "search" => {
                let wanted = wanted(own, read::values(own, "TEXT"))?;
                if wanted.words.is_empty() && wanted.bytes.is_none() {
                    return Err(refuse::usage("sessions search", "missing", "TEXT"));
                }
                let found = sessions::search(&wanted, store)?;
                self.tell(own, &found, &wanted);
            }
            "show" => self.show(own, store)?,
            "export" => self.export(own, store)?,
            _ => self.remove(own, store)?,
        }
        Ok(End::Done)
    }

    fn tell(&self, matches: &ArgMatches, found: &[(Session, Option<Hit>)], wanted: &Wanted) {
        if read::has(matches, "json") {
            for (session, hit) in found {
                self.stdout.push(object(session, hit.as_ref()).as_bytes());
            }
            return;
        }
        if found.is_empty() {
            self.views.watcher.note(SessionId::default(), &Note::new("sessions-none"));
            return;
        }
        self.stdout.push(self.table(found).as_bytes());
        if wanted.limit == Some(found.len() as u64) && read::value(matches, "limit").is_none() {
            let note = Note::new("sessions-more").arg("count", found.len());
            self.views.watcher.note(SessionId::default(), &note);
        }
    }

    fn table(&self, found: &[(Session, Option<Hit>)]) -> String {
        let hits = found.iter().any(|(_, hit)| hit.is_some());
        let mut keys = vec![
            "sessions-id",
            "sessions-began",
            "sessions-took",
            "sessions-service",
            "sessions-peer",
            "sessions-in",
            "sessions-out",
            "sessions-outcome",
        ];
        keys.extend(hits.then_some("sessions-said"));
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(keys.iter().map(|key| self.words.plain(key)));
        for (session, hit) in found {
            let mut row = self.row(session);
            if hits {
                row.push(hit.as_ref().map_or_else(String::new, |hit| safe(&hit.text)));
            }
            table.add_row(row);
        }
        for column in [0, 2, 5, 6] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines = table.to_string();
        let trimmed = lines.lines().map(|line| line.trim_end().to_owned() + "\n");
        trimmed.collect()
    }

    fn row(&self, session: &Session) -> Vec<String> {
        let took = session.ended.map(|ended| Duration::from_nanos(ended.saturating_sub(session.began)));
        let bytes = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        vec![
            session.id.to_string(),
            sessions::utc(session.began),
            took.map_or_else(|| "-".to_owned(), rounded),
            safe(&session.service),
            safe(&session.remote),
            bytes(session.totals.map(|totals| totals.bytes_in)),
            bytes(session.totals.map(|totals| totals.bytes_out)),
            self.outcome(session),
        ]
    }

    /// How a session ended; codes are words that scripts rely on, and stay.
    fn outcome(&self, session: &Session) -> String {
        match session.outcome.as_deref() {
            None => self.words.plain("sessions-open"),
            Some("done") => self.words.plain("sessions-done"),
            Some("cut") => self.words.plain("sessions-cut"),
            Some(code) => safe(code),
        }
    }

    fn show(&self, matches: &ArgMatches, store: Option<&str>) -> Result<(), Fault> {
        let id = read::value(matches, "ID").unwrap_or_default();
        if read::has(matches, "json") {
            let begin = |session: &Session| self.stdout.push(object(session, None).as_bytes());
            return sessions::show(id, store, begin, |event| {
                self.stdout.push(sockeye::json::event(event).as_bytes());
                self.wait();
            });
        }
        let verbose = if read::has(matches, "hex") { 3 } else { 2 };
        let manner = Manner { verbose, shielded: true, terminal: false, shared: false, paint: self.paint };
        let lines =
            Arc::new(Human::new(self.words.again(), manner, self.stdout.clone(), self.stdout.clone()));
        let begin = |session: &Session| self.stdout.push(self.head(session).as_bytes());
        sessions::show(id, store, begin, |event| {
            lines.event(event);
            self.wait();
        })
    }

    /// What is known of a session, as lines.
    fn head(&self, session: &Session) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            if !value.is_empty() {
                let args = [("name", &*self.words.plain(key)), ("value", &safe(value))];
                text.push_str(&self.words.say("sessions-fact", &args));
                text.push('\n');
            }
        };
        line("sessions-id", &session.id.to_string());
        line("sessions-began", &sessions::utc(session.began));
        line("sessions-service", &session.service);
        line("sessions-endpoint", &session.endpoint);
        line("sessions-target", session.target.as_deref().unwrap_or_default());
        line("sessions-peer", &session.remote);
        line("sessions-user", session.user.as_deref().unwrap_or_default());
        line("sessions-outcome", &self.outcome(session));
        if session.lost > 0 {
            line("sessions-lost", &session.lost.to_string());
        }
        text.push('\n');
        text
    }

    fn export(&self, matches: &ArgMatches, store: Option<&str>) -> Result<(), Fault> {
        let output = read::value(matches, "output").filter(|path| *path != "-");
        let format = Format::of(read::value(matches, "as"), output)?;
        let wanted = Recordings {
            names: read::values(matches, "ID"),
            peer: read::value(matches, "peer").map(str::to_owned),
            store: store.map(str::to_owned),
        };
        let watcher = &*self.views.watcher;
        match output {
            Some(path) => sessions::export_to(&wanted, format, path, watcher),
            None => sessions::export(&wanted, format, Box::new(Stdout(self.stdout.clone())), watcher),
        }
    }

    fn remove(&self, matches: &ArgMatches, store: Option<&str>) -> Result<(), Fault> {
        let names = read::values(matches, "ID");
        let text = |id| read::value(matches, id).map(str::to_owned);
        let mut ways = Vec::new();
        ways.extend((!names.is_empty()).then_some(Which::Named(names)));
        ways.extend(text("older-than").map(Which::OlderThan));
        ways.extend(text("larger-than").map(Which::LargerThan));
        ways.extend(read::has(matches, "all").then_some(Which::All));
        let which = match ways.as_slice() {
            [] => return Err(refuse::usage("sessions rm", "missing", "ID")),
            [which] => which,
            _ => return Err(refuse::usage("sessions rm", "conflict", "ID|--older-than|--larger-than|--all")),
        };
        let removed = sessions::remove(which, store)?;
        if read::has(matches, "json") {
            self.stdout.push(outcome(removed).as_bytes());
            return Ok(());
        }
        let tell = |key, count| {
            self.views.watcher.note(SessionId::default(), &Note::new(key).arg("count", count));
        };
        tell("sessions-removed", removed.gone);
        if removed.recording > 0 {
            tell("sessions-recording", removed.recording);
        }
        Ok(())
    }

    /// Lets whoever reads catch up.
    fn wait(&self) {
        if self.stdout.is_full() {
            self.stdout.finish(None);
        }
    }
}

/// Stdout as a file.
struct Stdout(Output);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.is_full() {
            self.0.finish(None);
        }
        self.0.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn wanted(matches: &ArgMatches, words: Vec<String>) -> Result<Wanted, Fault> {
    let text = |id| read::value(matches, id).map(str::to_owned);
    let limit = read::number(matches, "limit", "--limit", 1)?;
    Ok(Wanted {
        peer: text("peer"),
        service: text("service"),
        since: text("since"),
        until: text("until"),
        words,
        bytes: text("bytes"),
        limit: Some(limit.unwrap_or(LIMIT)),
    })
}

/// A time as a list shows it: to the millisecond, or to the second where it is long.
fn rounded(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match millis {
        0 => "0ms".to_owned(),
        1..10_000 => Span(Duration::from_millis(millis)).to_string(),
        _ => {
            let (minutes, seconds) = (millis / 60_000, millis / 1000 % 60);
            if minutes == 0 { format!("{seconds}s") } else { format!("{minutes}m{seconds:02}s") }
        }
    }
}

fn object(session: &Session, hit: Option<&Hit>) -> String {
    let mut fields = vec![
        ("id", json!(session.id)),
        ("began", json!(sessions::utc(session.began))),
        ("verb", json!(session.verb)),
        ("service", json!(session.service)),
        ("transport", json!(session.transport)),
        ("local", json!(session.local)),
        ("remote", json!(session.remote)),
        ("endpoint", json!(session.endpoint)),
        ("lost", json!(session.lost)),
    ];
    let mut add = |name, value: Option<Value>| fields.extend(value.map(|value| (name, value)));
    add("ended", session.ended.map(|ended| json!(sessions::utc(ended))));
    add("target", session.target.as_ref().map(|target| json!(target)));
    add("user", session.user.as_ref().map(|user| json!(user)));
    add("outcome", session.outcome.as_ref().map(|outcome| json!(outcome)));
    add("seed", session.seed.map(|seed| json!(seed)));
    if let Some(totals) = session.totals {
        add("messages_in", Some(json!(totals.messages_in)));
        add("messages_out", Some(json!(totals.messages_out)));
        add("bytes_in", Some(json!(totals.bytes_in)));
        add("bytes_out", Some(json!(totals.bytes_out)));
    }
    add("said", hit.map(|hit| json!(hit.text)));
    sockeye::json::thing("recorded", &fields)
}

fn outcome(removed: Removed) -> String {
    let fields = [("gone", json!(removed.gone)), ("recording", json!(removed.recording))];
    sockeye::json::thing("removed", &fields)
}

/// A line of each kind, for the test of the schema.
#[cfg(test)]
pub(crate) fn samples() -> [String; 2] {
    let text = || "x".to_owned();
    let session = Session {
        id: 1,
        began: 0,
        ended: Some(1),
        verb: text(),
        service: text(),
        transport: text(),
        local: text(),
        remote: text(),
        endpoint: text(),
        target: Some(text()),
        user: Some(text()),
        totals: Some(sockeye::core::event::Totals::default()),
        outcome: Some(text()),
        seed: Some(7),
        lost: 0,
    };
    let hit = Hit { session: 1, text: text() };
    [object(&session, Some(&hit)), outcome(Removed { gone: 1, recording: 0 })]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_long_as_they_need_be() {
        let shown = |millis| rounded(Duration::from_millis(millis));
        assert_eq!((shown(0), shown(34), shown(1500)), ("0ms".into(), "34ms".into(), "1500ms".into()));
        assert_eq!((shown(12_345), shown(3_725_000)), ("12s".into(), "62m05s".into()));
    }
}
