//! `sessions`: the store of recorded sessions, listed, searched, exported and emptied.

mod command;
mod export;
mod moment;

use sockeye_core::quantity;
use sockeye_core::{Code, Event, Fault};
use sockeye_record::store::{Filter, Keep, Store};
use sockeye_wire::notation;

use crate::recording::{no_session, now, opened};

pub use export::{Format, Recordings, export, export_to};
pub use moment::{age, utc};
pub use sockeye_record::store::{Hit, Removed, Session};

/// Which sessions are wanted; all of it must hold. What is written is as a person typed it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those with this in an address of either end.
    pub peer: Option<String>,
    /// Only those of this service, or recorded by this verb.
    pub service: Option<String>,
    /// Only those that began then or later: a moment, or how long ago.
    pub since: Option<String>,
    /// Only those that began before.
    pub until: Option<String>,
    /// Only those in which every one of these was said.
    pub words: Vec<String>,
    /// Only those in which these bytes (hex) passed within one message.
    pub bytes: Option<String>,
    /// The newest so many.
    pub limit: Option<u64>,
}

/// The sessions that are wanted, newest first. `store`: the store, where it is not the usual one.
pub fn list(wanted: &Wanted, store: Option<&str>) -> Result<Vec<Session>, Fault> {
    let filter = filter(wanted)?;
    opened(store)?.list(&filter)
}

/// The sessions in which something was said, and where.
pub fn search(wanted: &Wanted, store: Option<&str>) -> Result<Vec<(Session, Option<Hit>)>, Fault> {
    let filter = filter(wanted)?;
    let mut store = opened(store)?;
    let found = store.list(&filter)?;
    found.into_iter().map(|session| Ok(swap((store.hit(session.id, &wanted.words)?, session)))).collect()
}

fn swap<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}

/// One session: what is known of it, and all its events for `see`.
pub fn show(
    name: &str,
    store: Option<&str>,
    begin: impl FnOnce(&Session),
    see: impl FnMut(&Event<'_>),
) -> Result<(), Fault> {
    let store = opened(store)?;
    let id = numbers(&[name.to_owned()], &store)?.first().copied().ok_or_else(|| no_session(&store, name))?;
    let session = store.session(id)?.ok_or_else(|| no_session(&store, name))?;
    begin(&session);
    store.events(&[id], see).map(drop)
}

/// What to remove.
#[derive(Clone, Debug)]
pub enum Which {
    /// These: numbers (`12`) and ranges (`3-7`).
    Named(Vec<String>),
    /// Those that ended longer ago: `30d`.
    OlderThan(String),
    /// The oldest, until the rest is no larger: `1g`.
    LargerThan(String),
    /// All.
    All,
}

/// Removes sessions. What is being recorded stays.
pub fn remove(which: &Which, store: Option<&str>) -> Result<Removed, Fault> {
    let keep = match which {
        Which::OlderThan(text) => Some(Keep { age: Some(age("--older-than", text)?), size: None }),
        Which::LargerThan(text) => {
            Some(Keep { age: None, size: Some(quantity::size("--larger-than", text)?) })
        }
        Which::Named(_) | Which::All => None,
    };
    let mut store = opened(store)?;
    match (keep, which) {
        (Some(keep), _) => store.prune(keep, now()),
        (None, Which::Named(names)) => {
            let ids = numbers(names, &store)?;
            store.remove(&ids)
        }
        (None, _) => {
            let all: Vec<u64> =
                store.list(&Filter::default())?.into_iter().map(|session| session.id).collect();
            store.remove(&all)
        }
    }
}

/// The numbers that are meant, each of which is there. In a range only those that are there are meant, but one must be.
fn numbers(names: &[String], store: &Store) -> Result<Vec<u64>, Fault> {
    let mut numbers = Vec::new();
    for name in names {
        let bad = || crate::bounds::bad_value("ID", name).detail("12, 3-7");
        let digits = name.strip_prefix('#').unwrap_or(name);
        let number = |text: &str| text.parse::<u64>().map_err(|_| bad());
        let (first, last) = match digits.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(digits)?, number(digits)?),
        };
        let (lowest, highest) = store.bounds()?.unwrap_or((1, 0));
        if first == last && !(lowest..=highest).contains(&first) {
            return Err(no_session(store, name));
        }
        for id in first.max(lowest)..=last.min(highest) {
            let there = store.session(id)?.is_some();
            if there && !numbers.contains(&id) {
                numbers.push(id);
            } else if !there && first == last {
                return Err(no_session(store, name));
            }
        }
    }
    if numbers.is_empty() {
        return Err(no_session(store, &names.join(" ")));
    }
    Ok(numbers)
}

fn filter(wanted: &Wanted) -> Result<Filter, Fault> {
    let moment = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| moment::parse(name, text, now())).transpose()
    };
    let bytes = wanted.bytes.as_deref().map(notation::hex).transpose()?;
    if bytes.as_ref().is_some_and(Vec::is_empty) {
        return Err(Fault::new(Code::BadHex, "").arg("value", ""));
    }
    Ok(Filter {
        peer: wanted.peer.clone(),
        service: wanted.service.clone(),
        since: moment("--since", &wanted.since)?,
        until: moment("--until", &wanted.until)?,
        words: wanted.words.clone(),
        bytes,
        limit: wanted.limit,
    })
}
