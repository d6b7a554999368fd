//! Writing sessions into the store: one transaction for what came at once, one row for a block of events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Connection, params};
use sockeye_core::event::Totals;
use sockeye_core::{Address, Endpoint, Event, Fault, Kind, PEER, Place, SessionId, Tick};
use sockeye_script::transcript::Subject;

use super::Store;
use crate::sink::{Report, Sink};
use crate::tape::{self, Writer};

/// How long a block gets before it is a row.
const BLOCK: usize = 256 * 1024;

/// How many listeners are remembered.
const LISTENERS: usize = 1024;

/// Who records.
#[derive(Clone, Debug)]
pub struct About {
    /// The verb: `serve`, `connect`.
    pub verb: String,
    /// Whose events they are, with endpoints that show no secret.
    pub subject: Subject,
    /// What randomness was drawn from.
    pub seed: Option<u64>,
}

/// When what is written is safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// From a crash of the program.
    #[default]
    Program,
    /// From a crash of the machine too: each batch waits for the disk.
    Machine,
}

/// Writes the sessions of one run.
pub struct Scribe {
    store: Store,
    about: About,
    report: Arc<dyn Report>,
    zero: u64,
    run: i64,
    listeners: Vec<(String, String)>,
    /// Sessions that are not over, and those that ended in this batch.
    live: BTreeMap<SessionId, Live>,
    tape: Writer,
    /// Whose events are on the tape.
    on_tape: BTreeSet<i64>,
    is_open: bool,
    last: Tick,
    spare: Vec<u8>,
}

/// A session under way.
#[derive(Default)]
struct Live {
    id: i64,
    outcome: Option<String>,
    over: Option<Tick>,
}

impl Scribe {
    /// Writes to this store.
    pub fn new(store: Store, about: About, sync: Sync, report: Arc<dyn Report>) -> Result<Self, Fault> {
        let level = if sync == Sync::Machine { "FULL" } else { "NORMAL" };
        let set = || {
            store.db.pragma_update(None, "synchronous", level)?;
            // After a burst the log is cut to this again.
            store.db.pragma_update(None, "journal_size_limit", 16 << 20)
        };
        set().map_err(|error| store.fault(&error))?;
        Ok(Self {
            store,
            about,
            report,
            zero: 0,
            run: 0,
            listeners: Vec::new(),
            live: BTreeMap::new(),
            tape: Writer::default(),
            on_tape: BTreeSet::new(),
            is_open: false,
            last: Tick::ZERO,
            spare: Vec::new(),
        })
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        if !self.is_open {
            self.store.db.execute_batch("BEGIN IMMEDIATE")?;
            self.is_open = true;
        }
        Ok(())
    }

    fn take(&mut self, event: &Event<'_>) -> rusqlite::Result<()> {
        self.begin()?;
        self.last = event.at;
        if event.session == SessionId::default() {
            self.of_run(event)?;
        } else {
            let id = self.of_session(event)?;
            self.on_tape.insert(id);
        }
        self.tape.push(event);
        // Whoever else writes waits for no more than a block.
        if self.tape.len() >= BLOCK { self.commit() } else { Ok(()) }
    }

    fn of_run(&mut self, event: &Event<'_>) -> rusqlite::Result<()> {
        match event.kind {
            Kind::Listening { url, service } if self.listeners.len() < LISTENERS => {
                self.listeners.push((url.to_owned(), service.to_owned()));
                let sql = "INSERT INTO listener (run, url, service) VALUES (?, ?, ?)";
                self.store.db.execute(sql, params![self.run, url, service])?;
            }
            Kind::Note(note) if note.key == "events-lost" => {
                let count: i64 = note.args.first().and_then(|(_, count)| count.parse().ok()).unwrap_or(0);
                let sql = "UPDATE run SET lost = lost + ? WHERE id = ?";
                self.store.db.execute(sql, params![count, self.run])?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes note of what a session's row tells; the session's number in the store.
    fn of_session(&mut self, event: &Event<'_>) -> rusqlite::Result<i64> {
        let live = self.live.get(&event.session).map(|live| live.id);
        let id = live.map_or_else(|| self.enter(event), Ok)?;
        match event.kind {
            Kind::Accepted { transport, local, remote } => {
                let (url, service) = self.listener(transport, local);
                self.place(id, transport, local, remote)?;
                let sql = "UPDATE session SET endpoint = ?, service = ? WHERE id = ?";
                self.store.db.prepare_cached(sql)?.execute(params![url, service, id])?;
            }
            Kind::Connected { leg: PEER, transport, local, remote } => {
                self.place(id, transport, local, remote)?;
            }
            Kind::Connecting { leg: PEER, transport, remote } => {
                let sql = "UPDATE session SET transport = ?, remote = ? WHERE id = ? AND local = ''";
                self.store.db.execute(sql, params![transport, remote.to_string(), id])?;
            }
            Kind::Authenticated { leg: PEER, user, .. } => {
                self.store.db.execute("UPDATE session SET user = ? WHERE id = ?", params![user, id])?;
            }
            Kind::Error(fault) => self.came_to(event.session, fault.code.word()),
            Kind::Reset { .. } => self.came_to(event.session, "reset"),
            Kind::Timeout { .. } => self.came_to(event.session, "timeout"),
            Kind::Closed { totals } => self.closed(event, id, &totals)?,
            _ => {}
        }
        Ok(id)
    }

    /// The first thing to say about how a session ended is what it came to.
    fn came_to(&mut self, session: SessionId, word: &str) {
        if let Some(live) = self.live.get_mut(&session) {
            live.outcome.get_or_insert_with(|| word.to_owned());
        }
    }

    fn enter(&mut self, event: &Event<'_>) -> rusqlite::Result<i64> {
        // A session that was over may have a last word.
        let sql = "INSERT INTO session (run, number, began, service, endpoint) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (run, number) DO UPDATE SET number = excluded.number RETURNING id";
        let endpoint = match &self.about.subject {
            Subject::Client { endpoint } => endpoint.as_str(),
            _ => "",
        };
        let (number, began) = (event.session.0.cast_signed(), self.wall(event.at));
        let mut insert = self.store.db.prepare_cached(sql)?;
        let given = params![self.run, number, began, self.about.verb, endpoint];
        let id = insert.query_row(given, |row| row.get(0))?;
        drop(insert);
        self.live.insert(event.session, Live { id, ..Live::default() });
        Ok(id)
    }

    fn place(&self, id: i64, transport: &str, local: &Address, remote: &Address) -> rusqlite::Result<()> {
        let sql = "UPDATE session SET transport = ?, local = ?, remote = ? WHERE id = ?";
        let mut update = self.store.db.prepare_cached(sql)?;
        update.execute(params![transport, local.to_string(), remote.to_string(), id])?;
        Ok(())
    }

    fn closed(&mut self, event: &Event<'_>, id: i64, totals: &Totals) -> rusqlite::Result<()> {
        let wall = self.wall(event.at);
        let Some(live) = self.live.get_mut(&event.session) else { return Ok(()) };
        live.over = Some(event.at);
        let outcome = live.outcome.as_deref().unwrap_or("done");
        let sql =
            "UPDATE session SET ended = ?, outcome = ?, messages_in = ?, messages_out = ?, bytes_in = ?,
            bytes_out = ? WHERE id = ?";
        let mut update = self.store.db.prepare_cached(sql)?;
        update.execute(params![
            wall,
            outcome,
            totals.messages_in.cast_signed(),
            totals.messages_out.cast_signed(),
            totals.bytes_in.cast_signed(),
            totals.bytes_out.cast_signed(),
            id
        ])?;
        Ok(())
    }

    /// The listener that a peer came to, with the parameters it was given, and its service.
    fn listener(&self, transport: &str, local: &Address) -> (String, String) {
        let at = self.listeners.iter().position(|(url, _)| is_at(url, transport, local));
        let Some((url, service)) = at.and_then(|at| self.listeners.get(at)) else {
            return (String::new(), self.about.verb.clone());
        };
        let given = match &self.about.subject {
            Subject::Server { endpoints } => endpoints.as_slice(),
            _ => &[],
        };
        let params = given.iter().filter_map(|text| text.parse::<Endpoint>().ok()).find(|one| fits(one, url));
        let params = params.map(|one| one.params.to_string()).filter(|params| !params.is_empty());
        let url = params.map_or_else(|| url.clone(), |params| format!("{url}?{params}"));
        let service = if self.about.verb == "serve" { service } else { &self.about.verb };
        (url, service.clone())
    }

    fn write_block(&mut self) -> rusqlite::Result<()> {
        if self.tape.is_empty() {
            return Ok(());
        }
        let tape = self.tape.take(std::mem::take(&mut self.spare));
        let db: &Connection = &self.store.db;
        let mut insert = db.prepare_cached("INSERT INTO block (run, format, tape) VALUES (?, ?, ?)")?;
        let block = insert.insert(params![self.run, tape::VERSION, tape])?;
        let mut part = db.prepare_cached("INSERT INTO part (session, block) VALUES (?, ?)")?;
        for session in &self.on_tape {
            part.execute(params![session, block])?;
        }
        self.on_tape.clear();
        self.spare = tape;
        Ok(())
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        if !self.is_open {
            return Ok(());
        }
        self.write_block()?;
        self.store.db.execute_batch("COMMIT")?;
        self.is_open = false;
        let report = &self.report;
        self.live.retain(|number, live| {
            let Some(at) = live.over else { return true };
            report.saved(at, *number, live.id.cast_unsigned());
            false
        });
        Ok(())
    }

    /// The wall's time at a tick.
    const fn wall(&self, at: Tick) -> i64 {
        self.zero.saturating_add(at.0).cast_signed()
    }
}

impl Sink for Scribe {
    fn wants_wire(&self) -> bool {
        false
    }

    fn start(&mut self, zero: u64) -> Result<(), Fault> {
        self.zero = zero;
        let (side, endpoints) = side(&self.about.subject);
        let process = i64::from(std::process::id());
        let sql = "INSERT INTO run (zero, process, verb, side, endpoints, seed) VALUES (?, ?, ?, ?, ?, ?)";
        let seed = self.about.seed.map(u64::cast_signed);
        let given = params![zero.cast_signed(), process, self.about.verb, side, endpoints, seed];
        let written = self.store.db.execute(sql, given);
        written.map_err(|error| self.store.fault(&error))?;
        self.run = self.store.db.last_insert_rowid();
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        self.take(event).map_err(|error| self.store.fault(&error))
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.commit().map_err(|error| self.store.fault(&error))
    }

    fn end(&mut self) -> Result<(), Fault> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let mut last = || {
            self.commit()?;
            let db = &self.store.db;
            // What the program left open when it ended.
            let sql = "UPDATE session SET ended = ?, outcome = 'cut' WHERE run = ? AND ended IS NULL";
            db.execute(sql, params![self.wall(self.last), self.run])?;
            db.execute("UPDATE run SET ended = ? WHERE id = ?", params![now, self.run])
        };
        last().map(drop).map_err(|error| self.store.fault(&error))
    }
}

/// How the store tells subjects apart, and their endpoints as lines.
fn side(subject: &Subject) -> (&'static str, String) {
    match subject {
        Subject::Client { endpoint } => ("client", endpoint.clone()),
        Subject::Server { endpoints } => ("server", endpoints.join("\n")),
        Subject::Proxy { target } => ("proxy", target.clone()),
        Subject::Capture => ("capture", String::new()),
    }
}

/// The subject of what the store has.
pub(super) fn subject(side: &str, endpoints: &str) -> Subject {
    match side {
        "client" => Subject::Client { endpoint: endpoints.to_owned() },
        "server" => Subject::Server { endpoints: endpoints.lines().map(str::to_owned).collect() },
        "proxy" => Subject::Proxy { target: endpoints.to_owned() },
        _ => Subject::Capture,
    }
}

/// Whether a peer of this address came to the listener at `url`.
fn is_at(url: &str, transport: &str, local: &Address) -> bool {
    let Ok(endpoint) = url.parse::<Endpoint>() else { return false };
    endpoint.scheme == transport
        && match (&endpoint.place, local) {
            (Place::Host { port, .. }, Address::Ip(ip)) => *port == ip.port(),
            (Place::Path(path), Address::Unix(Some(local))) => local.as_os_str() == path.as_str(),
            (Place::Path(_), Address::Unix(None)) | (Place::Stdio, Address::Stdio) => true,
            _ => false,
        }
}

/// Whether `url` is what the endpoint became when it was bound.
fn fits(endpoint: &Endpoint, url: &str) -> bool {
    let Ok(bound) = url.parse::<Endpoint>() else { return false };
    endpoint.front() == bound.front()
        && match (&endpoint.place, &bound.place) {
            (Place::Host { port, .. }, Place::Host { port: real, .. }) => *port == 0 || port == real,
            (place, real) => place == real,
        }
}
