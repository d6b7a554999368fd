//! Reading the store: which sessions there are, and what happened in them.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params, params_from_iter};
use sockeye_core::event::Totals;
use sockeye_core::{Event, Fault, How, Kind, SessionId, Tick};
use sockeye_script::transcript::Subject;

use super::{Store, scribe};
use crate::tape::Reader;

/// One recorded session. Times are nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number in the store.
    pub id: u64,
    /// When it began.
    pub began: u64,
    /// When it ended; `None` while it goes on, or if the program that recorded it was killed.
    pub ended: Option<u64>,
    /// The verb that recorded it.
    pub verb: String,
    /// The service that answered, or the verb.
    pub service: String,
    /// The transport's scheme.
    pub transport: String,
    /// Our end.
    pub local: String,
    /// The peer's end.
    pub remote: String,
    /// The endpoint, without secrets.
    pub endpoint: String,
    /// What a relay relayed to.
    pub target: Option<String>,
    /// The name that the peer proved to have.
    pub user: Option<String>,
    /// What it came to in numbers, once it ended.
    pub totals: Option<Totals>,
    /// How it ended: `done`, `reset`, `timeout`, the code of a fault, or `cut` with the program.
    pub outcome: Option<String>,
    /// What randomness was drawn from.
    pub seed: Option<u64>,
    /// Events that were left out in its run.
    pub lost: u64,
}

/// Which sessions are wanted; all of it must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those with this in an address of either end.
    pub peer: Option<String>,
    /// Only those of this service, or recorded by this verb.
    pub service: Option<String>,
    /// Only those that began then or later.
    pub since: Option<u64>,
    /// Only those that began before.
    pub until: Option<u64>,
    /// Only those in which every one of these was said.
    pub words: Vec<String>,
    /// Only those in which these bytes passed within one message.
    pub bytes: Option<Vec<u8>>,
    /// The newest so many.
    pub limit: Option<u64>,
}

const COLUMNS: &str =
    "session.id, began, session.ended, verb, service, transport, local, remote, endpoint, side,
    endpoints, user, messages_in, messages_out, bytes_in, bytes_out, outcome, seed, lost";

impl Store {
    /// The sessions that are wanted, newest first.
    pub fn list(&mut self, filter: &Filter) -> Result<Vec<Session>, Fault> {
        let found = match (&filter.words, &filter.bytes) {
            (words, None) if words.is_empty() => None,
            (words, None) => Some(self.with_words(words)?),
            (words, Some(bytes)) => {
                let mut found = self.with_bytes(bytes)?;
                if !words.is_empty() {
                    let said = self.with_words(words)?;
                    found.retain(|id| said.contains(id));
                }
                Some(found)
            }
        };
        let mut sql = format!("SELECT {COLUMNS} FROM session JOIN run ON run.id = session.run WHERE true");
        let mut given = Vec::new();
        let mut want = |condition: &str, values: &[Value]| {
            sql.push_str(condition);
            given.extend_from_slice(values);
        };
        if let Some(peer) = &filter.peer {
            let peer = Value::from(peer.clone());
            want(" AND (instr(remote, ?) OR instr(local, ?))", &[peer.clone(), peer]);
        }
        if let Some(service) = &filter.service {
            let service = Value::from(service.clone());
            want(" AND (service = ? OR verb = ?)", &[service.clone(), service]);
        }
        for (condition, time) in [(" AND began >= ?", filter.since), (" AND began < ?", filter.until)] {
            if let Some(time) = time {
                want(condition, &[i64::try_from(time).unwrap_or(i64::MAX).into()]);
            }
        }
        sql.push_str(" ORDER BY began DESC, session.id DESC");
        let limit = filter.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let query = || {
            let mut statement = self.db.prepare(&sql)?;
            let rows = statement.query_map(params_from_iter(given), session)?;
            let wanted = rows.filter(|row| {
                let id = row.as_ref().ok().map(|session| session.id);
                id.zip(found.as_ref()).is_none_or(|(id, found)| found.contains(&id))
            });
            wanted.take(limit).collect::<rusqlite::Result<Vec<_>>>()
        };
        query().map_err(|error| self.fault(&error))
    }

    /// One session.
    pub fn session(&self, id: u64) -> Result<Option<Session>, Fault> {
        let sql =
            format!("SELECT {COLUMNS} FROM session JOIN run ON run.id = session.run WHERE session.id = ?");
        let found = self.db.query_row(&sql, [id.cast_signed()], session).optional();
        found.map_err(|error| self.fault(&error))
    }

    /// The numbers of the first and the last session, if there is any.
    pub fn bounds(&self) -> Result<Option<(u64, u64)>, Fault> {
        let sql = "SELECT min(id), max(id) FROM session";
        let row = |row: &Row<'_>| Ok(row.get::<_, Option<u64>>(0)?.zip(row.get(1)?));
        self.db.query_row(sql, [], row).map_err(|error| self.fault(&error))
    }

    /// Whose events those of a session are, as a transcript wants it.
    pub fn subject(&self, id: u64) -> Result<Subject, Fault> {
        let sql = "SELECT side, endpoints FROM session JOIN run ON run.id = session.run WHERE session.id = ?";
        let row = |row: &Row<'_>| Ok(scribe::subject(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?));
        self.db.query_row(sql, [id.cast_signed()], row).map_err(|error| self.fault(&error))
    }

    /// Shows the events of sessions to `see`, after those of the listeners they came to. Sessions have their numbers of
    /// the store; time counts from the moment that is given back (nanoseconds since 1970-01-01T00:00:00Z), also where
    /// several runs recorded them.
    pub fn events(&self, ids: &[u64], mut see: impl FnMut(&Event<'_>)) -> Result<u64, Fault> {
        let runs = self.runs(ids).map_err(|error| self.fault(&error))?;
        let first = runs.values().map(|run| run.zero).min().unwrap_or(0);
        for (run, Chosen { zero, numbers }) in &runs {
            self.listeners(*run, &mut see).map_err(|error| self.fault(&error))?;
            let shift = zero - first;
            self.tapes(*run, ids, &mut |tape| {
                Reader::new(tape).each(|event| {
                    if let Some(id) = numbers.get(&event.session) {
                        let at = Tick(event.at.0.saturating_add(shift));
                        see(&Event { at, session: SessionId(*id), ..*event });
                    }
                })
            })?;
        }
        Ok(first)
    }

    /// Shows every block of a run that has events of one of these sessions.
    fn tapes(
        &self,
        run: i64,
        ids: &[u64],
        see: &mut dyn FnMut(&[u8]) -> Result<(), crate::tape::Broken>,
    ) -> Result<(), Fault> {
        let sql = "SELECT tape FROM block WHERE run = ?1 AND id IN
            (SELECT block FROM part WHERE session IN (SELECT value FROM json_each(?2))) ORDER BY id";
        let failed = |error| self.fault(&error);
        let mut statement = self.db.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(params![run, list(ids)]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let tape = row.get_ref(0).map_err(failed)?;
            let tape = tape.as_blob().map_err(|_| self.broken())?;
            see(tape).map_err(|_| self.broken())?;
        }
        Ok(())
    }

    fn listeners(&self, run: i64, see: &mut dyn FnMut(&Event<'_>)) -> rusqlite::Result<()> {
        let sql = "SELECT url, service FROM listener WHERE run = ? ORDER BY rowid";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([run])?;
        while let Some(row) = rows.next()? {
            let (url, service): (String, String) = (row.get(0)?, row.get(1)?);
            let kind = Kind::Listening { url: &url, service: &service };
            see(&Event { at: Tick::ZERO, session: SessionId::default(), how: How::Traced, kind });
        }
        Ok(())
    }

    /// The runs that recorded these sessions, and the sessions' numbers in them.
    fn runs(&self, ids: &[u64]) -> rusqlite::Result<BTreeMap<i64, Chosen>> {
        let mut runs = BTreeMap::<i64, Chosen>::new();
        let sql =
            "SELECT run, zero, number FROM session JOIN run ON run.id = session.run WHERE session.id = ?";
        let mut statement = self.db.prepare_cached(sql)?;
        for id in ids {
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
            let Some((run, zero, number)) = statement.query_row([id.cast_signed()], row).optional()? else {
                continue;
            };
            let chosen = runs.entry(run).or_default();
            chosen.zero = zero.cast_unsigned();
            chosen.numbers.insert(SessionId(number.cast_unsigned()), *id);
        }
        Ok(runs)
    }
}

/// Sessions of one run.
#[derive(Default)]
struct Chosen {
    zero: u64,
    numbers: BTreeMap<SessionId, u64>,
}

/// Numbers as the library's lists have them: JSON.
pub(super) fn list(ids: &[u64]) -> String {
    serde_json::Value::from(ids).to_string()
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let number = |at: usize| row.get::<_, Option<i64>>(at).map(|number| number.map(i64::cast_unsigned));
    let (side, endpoints): (String, String) = (row.get(9)?, row.get(10)?);
    let totals = match (number(12)?, number(13)?, number(14)?, number(15)?) {
        (Some(messages_in), Some(messages_out), Some(bytes_in), Some(bytes_out)) => {
            Some(Totals { messages_in, messages_out, bytes_in, bytes_out })
        }
        _ => None,
    };
    Ok(Session {
        id: number(0)?.unwrap_or(0),
        began: number(1)?.unwrap_or(0),
        ended: number(2)?,
        verb: row.get(3)?,
        service: row.get(4)?,
        transport: row.get(5)?,
        local: row.get(6)?,
        remote: row.get(7)?,
        endpoint: row.get(8)?,
        target: (side == "proxy").then_some(endpoints),
        user: row.get(11)?,
        totals,
        outcome: row.get(16)?,
        seed: number(17)?,
        lost: number(18)?.unwrap_or(0),
    })
}
