//! Tables, and how a file of an older version becomes one of this.
//!
//! `run` is one program that recorded; its ticks count from `zero`. `session` is one session of it, `block` some of its
//! tape, and `part` that a session has events in a block. `said` is the text of a part, and `words` finds it: both are
//! filled when somebody searches. Times are nanoseconds since 1970-01-01T00:00:00Z.

use rusqlite::{Connection, TransactionBehavior};

/// What makes a file of version N one of version N + 1. What has been released is never changed, only added to.
const STEPS: &[&str] = &["
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    zero INTEGER NOT NULL,
    ended INTEGER,
    process INTEGER NOT NULL,
    verb TEXT NOT NULL,
    side TEXT NOT NULL,
    endpoints TEXT NOT NULL,
    seed INTEGER,
    lost INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE listener (
    run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    service TEXT NOT NULL
);
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES run(id),
    number INTEGER NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER,
    service TEXT NOT NULL DEFAULT '',
    transport TEXT NOT NULL DEFAULT '',
    local TEXT NOT NULL DEFAULT '',
    remote TEXT NOT NULL DEFAULT '',
    endpoint TEXT NOT NULL DEFAULT '',
    user TEXT,
    messages_in INTEGER,
    messages_out INTEGER,
    bytes_in INTEGER,
    bytes_out INTEGER,
    outcome TEXT,
    UNIQUE (run, number)
);
CREATE INDEX session_began ON session (began);
CREATE TABLE block (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES run(id),
    format INTEGER NOT NULL,
    tape BLOB NOT NULL
);
CREATE INDEX block_run ON block (run);
CREATE TABLE part (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    block INTEGER NOT NULL REFERENCES block(id) ON DELETE CASCADE
);
CREATE INDEX part_session ON part (session, block);
CREATE INDEX part_block ON part (block);
CREATE TABLE said (
    part INTEGER PRIMARY KEY REFERENCES part(id) ON DELETE CASCADE,
    session INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE VIRTUAL TABLE words USING fts5(text, content='said', content_rowid='part', tokenize='trigram');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
CREATE TRIGGER said_added AFTER INSERT ON said BEGIN
    INSERT INTO words (rowid, text) VALUES (new.part, new.text);
END;
CREATE TRIGGER said_removed AFTER DELETE ON said BEGIN
    INSERT INTO words (words, rowid, text) VALUES ('delete', old.part, old.text);
END;
CREATE TABLE searched (upto INTEGER NOT NULL);
INSERT INTO searched VALUES (0);
"];

/// Marks the file as ours, for file(1): `sock`.
const APPLICATION: i32 = 0x736f_636b;

/// Why a file cannot be used.
pub(super) enum Unusable {
    /// It is of a newer version.
    Newer,
    /// It is something else.
    Foreign,
    /// The library says why.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Unusable {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// Makes the file one of this version.
pub(super) fn prepare(db: &mut Connection) -> Result<(), Unusable> {
    // Space that is freed can be given back piece by piece; it must be said before the first table is made.
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "secure_delete", true)?;
    if current(db)? {
        return Ok(());
    }
    db.pragma_update(None, "journal_mode", "WAL")?;
    let steps = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another program may have been first.
    let version = version(&steps)?;
    for step in STEPS.iter().skip(version) {
        steps.execute_batch(step)?;
    }
    steps.pragma_update(None, "application_id", APPLICATION)?;
    steps.pragma_update(None, "user_version", STEPS.len())?;
    steps.commit()?;
    Ok(())
}

/// Whether the file is of this version already.
fn current(db: &Connection) -> Result<bool, Unusable> {
    let version = version(db)?;
    if version > STEPS.len() {
        return Err(Unusable::Newer);
    }
    Ok(version == STEPS.len())
}

fn version(db: &Connection) -> Result<usize, Unusable> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && tables > 0 {
        return Err(Unusable::Foreign);
    }
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(version as usize)
}
