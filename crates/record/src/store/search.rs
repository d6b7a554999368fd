//! Finding what was said: words, by an index of three characters in a row that is filled when somebody searches, and
//! bytes, by looking at all of them.
//!
//! A word of one or two characters, of which Chinese has many, is in no such index: those are looked for in the text.

use std::collections::BTreeSet;

use memchr::memmem::Finder;
use rusqlite::{Connection, TransactionBehavior, params};
use sockeye_core::{Direction, Endpoint, Fault, Kind, PEER, SessionId};
use sockeye_wire::Charset;

use super::Store;
use crate::tape::{Broken, Reader};

/// How many parts get into the index in one transaction, so that who records is not kept waiting.
const AT_ONCE: usize = 256;

/// How long words must be for the index, in characters.
const TRIGRAM: usize = 3;

/// Characters before and after a word that a hit shows.
const AROUND: usize = 30;

/// Where words were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The session's number in the store.
    pub session: u64,
    /// What was said there, around the first word. It is the peers' text: whoever shows it escapes it.
    pub text: String,
}

impl Store {
    /// Where in a session the first of `words` was said.
    pub fn hit(&self, session: u64, words: &[String]) -> Result<Option<Hit>, Fault> {
        let Some(word) = words.first() else { return Ok(None) };
        let sql = "SELECT text FROM said WHERE session = ? AND text LIKE ? ESCAPE '\\' ORDER BY part";
        let look = || {
            let mut statement = self.db.prepare_cached(sql)?;
            let mut rows = statement.query(params![session.cast_signed(), pattern(word)])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let text: String = row.get(0)?;
            Ok(Some(Hit { session, text: around(&text, word) }))
        };
        look().map_err(|error| self.fault(&error))
    }

    /// The sessions in which every one of these words was said, each wherever it was.
    pub(super) fn with_words(&mut self, words: &[String]) -> Result<BTreeSet<u64>, Fault> {
        self.index()?;
        let mut found: Option<BTreeSet<u64>> = None;
        for word in words.iter().filter(|word| !word.is_empty()) {
            let said = self.with_word(word).map_err(|error| self.fault(&error))?;
            found = Some(found.map_or_else(|| said.clone(), |found| &found & &said));
        }
        Ok(found.unwrap_or_default())
    }

    fn with_word(&self, word: &str) -> rusqlite::Result<BTreeSet<u64>> {
        let (sql, value) = if word.chars().count() >= TRIGRAM {
            let sql = "SELECT DISTINCT session FROM said WHERE part IN
                (SELECT rowid FROM words WHERE words MATCH ?)";
            (sql, format!("\"{}\"", word.replace('"', "\"\"")))
        } else {
            ("SELECT DISTINCT session FROM said WHERE text LIKE ? ESCAPE '\\'", pattern(word))
        };
        let mut statement = self.db.prepare_cached(sql)?;
        let ids = statement.query_map([value], |row| row.get(0))?;
        ids.collect()
    }

    /// The sessions with a message that holds these bytes.
    pub(super) fn with_bytes(&self, bytes: &[u8]) -> Result<BTreeSet<u64>, Fault> {
        let failed = |error| self.fault(&error);
        // Payload stands on the tape as it was: a block without the bytes needs no reading.
        let sql = "SELECT tape, run FROM block WHERE instr(tape, ?)";
        let id_of = "SELECT id FROM session WHERE run = ? AND number = ?";
        let mut id_of = self.db.prepare_cached(id_of).map_err(failed)?;
        let mut statement = self.db.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([bytes]).map_err(failed)?;
        let finder = Finder::new(bytes);
        let mut found = BTreeSet::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let run: i64 = row.get(1).map_err(failed)?;
            let tape = row.get_ref(0).map_err(failed)?.as_blob().map_err(|_| self.broken())?;
            let mut numbers = BTreeSet::new();
            let read = Reader::new(tape).each(|event| {
                if let Kind::Message { data, .. } = event.kind
                    && finder.find(data).is_some()
                {
                    numbers.insert(event.session);
                }
            });
            read.map_err(|_| self.broken())?;
            for number in numbers {
                let id = id_of.query_row(params![run, number.0.cast_signed()], |row| row.get(0));
                found.insert(id.map_err(failed)?);
            }
        }
        Ok(found)
    }

    /// Puts into the index what was recorded since somebody searched last.
    fn index(&mut self) -> Result<(), Fault> {
        loop {
            match index_some(&mut self.db) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Failed::Library(error)) => return Err(self.fault(&error)),
                Err(Failed::Broken) => return Err(self.broken()),
            }
        }
    }
}

enum Failed {
    Library(rusqlite::Error),
    Broken,
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Library(error)
    }
}

impl From<Broken> for Failed {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

/// One part that is not in the index.
struct Part {
    id: i64,
    session: i64,
    number: SessionId,
    block: i64,
    endpoint: String,
    transport: String,
}

/// Indexes some parts; whether that was all.
fn index_some(db: &mut Connection) -> Result<bool, Failed> {
    let writing = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let upto: i64 = writing.query_row("SELECT upto FROM searched", [], |row| row.get(0))?;
    let parts = parts_after(&writing, upto)?;
    let mut tape = (0, Vec::new());
    for part in &parts {
        // Parts of one block follow one another.
        if tape.0 != part.block {
            let sql = "SELECT tape FROM block WHERE id = ?";
            tape = (part.block, writing.query_row(sql, [part.block], |row| row.get(0))?);
        }
        let text = text_of(part, &tape.1)?;
        if !text.is_empty() {
            let sql = "INSERT INTO said (part, session, text) VALUES (?, ?, ?)";
            writing.prepare_cached(sql)?.execute(params![part.id, part.session, text])?;
        }
    }
    if let Some(last) = parts.last() {
        writing.execute("UPDATE searched SET upto = ?", [last.id])?;
    }
    writing.commit()?;
    Ok(parts.len() < AT_ONCE)
}

fn parts_after(db: &Connection, upto: i64) -> rusqlite::Result<Vec<Part>> {
    let sql = "SELECT part.id, session.id, number, block, endpoint, transport FROM part
        JOIN session ON session.id = part.session WHERE part.id > ? ORDER BY part.id LIMIT ?";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![upto, AT_ONCE], |row| {
        Ok(Part {
            id: row.get(0)?,
            session: row.get(1)?,
            number: SessionId(row.get::<_, i64>(2)?.cast_unsigned()),
            block: row.get(3)?,
            endpoint: row.get(4)?,
            transport: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// What was said in one block of a session. What both sides of a stream without framing said in a row is one text.
fn text_of(part: &Part, tape: &[u8]) -> Result<String, Broken> {
    let endpoint = part.endpoint.parse::<Endpoint>().ok();
    let params = endpoint.as_ref().map(|endpoint| &endpoint.params);
    let charset = params.and_then(|params| params.enc.as_deref()).and_then(|enc| Charset::parse(enc).ok());
    let charset = charset.unwrap_or_default();
    let framed = params.is_some_and(|params| params.frame.is_some_and(|frame| !frame.is_raw()));
    let joined = !framed && matches!(part.transport.as_str(), "tcp" | "unix" | "-");
    let mut text = String::new();
    let mut said = Vec::new();
    let mut last = Direction::In;
    Reader::new(tape).each(|event| {
        if let Kind::Message { leg: PEER, direction, data } = event.kind
            && event.session == part.number
        {
            if !joined || direction != last {
                add(charset, &mut said, &mut text);
            }
            last = direction;
            said.extend_from_slice(data);
        }
    })?;
    add(charset, &mut said, &mut text);
    Ok(text)
}

/// Appends what was said as a line; what is no text in the charset leaves a gap.
fn add(charset: Charset, said: &mut Vec<u8>, text: &mut String) {
    if said.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    for piece in charset.decode(said).split(['\u{fffd}', '\0']).filter(|piece| !piece.is_empty()) {
        text.push_str(piece);
        text.push(' ');
    }
    text.pop();
    said.clear();
}

/// What LIKE finds the word with.
fn pattern(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{word}%")
}

/// Some of the text before and after the word.
fn around(text: &str, word: &str) -> String {
    let at = find(text, word).unwrap_or(0);
    let before = text[..at].char_indices().rev().nth(AROUND - 1).map_or(0, |(start, _)| start);
    let after = text[at..].char_indices().nth(word.chars().count() + AROUND);
    let end = after.map_or(text.len(), |(end, _)| at + end);
    let (head, tail) = (if before > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{head}{}{tail}", &text[before..end])
}

/// Where the word is, ASCII letters of either case being the same, as for LIKE.
fn find(text: &str, word: &str) -> Option<usize> {
    if let Some(at) = text.find(word) {
        return Some(at);
    }
    let (text, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    text.find(&word)
}
