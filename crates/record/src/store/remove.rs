//! Taking sessions out of the store, all of them: the blocks they share with others are written anew without them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use sockeye_core::{Fault, SessionId};

use super::Store;
use super::list::list;
use crate::tape::{Broken, Reader, Writer};

/// How many sessions go in one transaction.
const AT_ONCE: usize = 256;

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Sessions that ended so long ago at most.
    pub age: Option<Duration>,
    /// The newest, as many as take so many bytes.
    pub size: Option<u64>,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Sessions that are gone.
    pub gone: u64,
    /// Sessions that are being recorded, and stay.
    pub recording: u64,
}

impl Store {
    /// Removes these sessions; those that are being recorded stay.
    pub fn remove(&mut self, ids: &[u64]) -> Result<Removed, Fault> {
        let removed = self.take_all(ids)?;
        self.tidy(removed)
    }

    /// Removes what is too old, then the oldest until the rest is small enough. `now`: nanoseconds since
    /// 1970-01-01T00:00:00Z.
    pub fn prune(&mut self, keep: Keep, now: u64) -> Result<Removed, Fault> {
        let mut removed = Removed::default();
        if let Some(age) = keep.age {
            let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
            let sql = "SELECT id FROM session WHERE coalesce(ended, began) < ? ORDER BY began, id";
            let old = self.ids(sql, now.saturating_sub(age).cast_signed())?;
            removed = self.take_all(&old)?;
        }
        while keep.size.is_some_and(|most| self.size().is_ok_and(|size| size > most)) {
            // A part of what there is at a time: the oldest go, and few more than must.
            let sql = "SELECT id FROM session ORDER BY began, id
                LIMIT max(1, ?1 + (SELECT count(*) FROM session) / 32)";
            let oldest = self.ids(sql, 0)?;
            let more = self.take_all(&oldest)?;
            removed.gone += more.gone;
            if more.gone == 0 {
                removed.recording += more.recording;
                break;
            }
        }
        self.tidy(removed)
    }

    fn take_all(&mut self, ids: &[u64]) -> Result<Removed, Fault> {
        let recording = recorded_now(&self.db).map_err(|error| self.fault(&error))?;
        let (stay, go): (Vec<u64>, Vec<u64>) = ids.iter().partition(|id| recording.contains(id));
        let mut removed = Removed { gone: 0, recording: stay.len() as u64 };
        for some in go.chunks(AT_ONCE) {
            removed.gone += self.take_out(some)?;
        }
        Ok(removed)
    }

    /// Gives the space back to the system.
    fn tidy(&self, removed: Removed) -> Result<Removed, Fault> {
        let tidy = || {
            for pragma in ["incremental_vacuum", "wal_checkpoint(TRUNCATE)"] {
                // Each frees a page a step, or tells something in a row.
                let mut steps = self.db.prepare(&format!("PRAGMA {pragma}"))?;
                let mut rows = steps.query([])?;
                while rows.next()?.is_some() {}
            }
            Ok(())
        };
        if removed.gone > 0 {
            tidy().map_err(|error| self.fault(&error))?;
        }
        Ok(removed)
    }

    fn ids(&self, sql: &str, given: i64) -> Result<Vec<u64>, Fault> {
        let query = || {
            let mut statement = self.db.prepare_cached(sql)?;
            let ids = statement.query_map([given], |row| row.get(0))?;
            ids.collect::<rusqlite::Result<Vec<u64>>>()
        };
        query().map_err(|error| self.fault(&error))
    }

    fn take_out(&mut self, ids: &[u64]) -> Result<u64, Fault> {
        let path = self.path.clone();
        let failed = |error: rusqlite::Error| super::store_fault(&path, &error);
        let going = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        match take_out(&going, &list(ids)).map_err(failed)? {
            Ok(gone) => going.commit().map(|()| gone).map_err(failed),
            Err(Broken) => Err(super::fault_at(&path, "broken")),
        }
    }
}

fn take_out(db: &Transaction<'_>, ids: &str) -> rusqlite::Result<Result<u64, Broken>> {
    let sql = "SELECT DISTINCT block FROM part WHERE session IN (SELECT value FROM json_each(?))";
    let blocks: Vec<i64> =
        db.prepare_cached(sql)?.query_map([ids], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    // Explicitly, as deleting by a reference calls no trigger of the index otherwise.
    let of_them = "part IN (SELECT id FROM part WHERE session IN (SELECT value FROM json_each(?)))";
    db.execute(&format!("DELETE FROM said WHERE {of_them}"), [ids])?;
    for block in blocks {
        let sql = "SELECT number FROM part JOIN session ON session.id = part.session WHERE block = ?1
            AND session.id IN (SELECT value FROM json_each(?2))";
        let number = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0).map(|it| SessionId(it.cast_unsigned()));
        let gone: BTreeSet<SessionId> = db
            .prepare_cached(sql)?
            .query_map(params![block, ids], number)?
            .collect::<rusqlite::Result<_>>()?;
        db.prepare_cached(
            "DELETE FROM part WHERE block = ?1 AND session IN (SELECT value FROM json_each(?2))",
        )?
        .execute(params![block, ids])?;
        let left: u64 = db
            .prepare_cached("SELECT count(*) FROM part WHERE block = ?")?
            .query_row([block], |row| row.get(0))?;
        if left == 0 {
            db.execute("DELETE FROM block WHERE id = ?", [block])?;
            continue;
        }
        let tape: Vec<u8> = db.query_row("SELECT tape FROM block WHERE id = ?", [block], |row| row.get(0))?;
        let Ok(tape) = without(&tape, &gone) else { return Ok(Err(Broken)) };
        db.execute("UPDATE block SET tape = ? WHERE id = ?", params![tape, block])?;
    }
    let gone = db.execute("DELETE FROM session WHERE id IN (SELECT value FROM json_each(?))", [ids])?;
    let empty = "ended IS NOT NULL AND id NOT IN (SELECT run FROM session)";
    db.execute(&format!("DELETE FROM block WHERE run IN (SELECT id FROM run WHERE {empty})"), [])?;
    db.execute(&format!("DELETE FROM run WHERE {empty}"), [])?;
    Ok(Ok(gone as u64))
}

/// The tape without the events of these sessions.
fn without(tape: &[u8], gone: &BTreeSet<SessionId>) -> Result<Vec<u8>, Broken> {
    let mut writer = Writer::default();
    Reader::new(tape).each(|event| {
        if !gone.contains(&event.session) {
            writer.push(event);
        }
    })?;
    Ok(writer.take(Vec::new()))
}

/// The sessions that a program is recording.
fn recorded_now(db: &Connection) -> rusqlite::Result<BTreeSet<u64>> {
    let sql = "SELECT session.id, process FROM session JOIN run ON run.id = session.run
        WHERE session.ended IS NULL AND run.ended IS NULL";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?)))?;
    let mut recording = BTreeSet::new();
    for row in rows {
        let (id, process) = row?;
        if is_running(process) {
            recording.insert(id);
        }
    }
    Ok(recording)
}

/// Whether the process is there. Where that cannot be told, it is.
fn is_running(process: i64) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(process.to_string()).exists()
}
