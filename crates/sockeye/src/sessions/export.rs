//! Recordings in another form: a conversation file, packets, JSON, a hex dump, a command line.

use std::fmt::Write as _;
use std::io::Write;

use sockeye_core::fault::nearest;
use sockeye_core::{Code, Event, Fault, Kind, PEER};
use sockeye_record::{file, json};
use sockeye_record::store::{About, Store};
use sockeye_script::Transcript;
use sockeye_wire::Hexdump;

use super::{command, numbers};
use crate::recording::{named_id, opened, transcript};

/// The forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A conversation file.
    Script,
    /// Packets for Wireshark.
    Packets,
    /// Events, one object a line.
    Json,
    /// Every message as a hex dump.
    Hex,
    /// A command line for each session, which says the same again.
    Command,
}

impl Format {
    /// Every form, by its word.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("skt", Self::Script),
        ("pcapng", Self::Packets),
        ("json", Self::Json),
        ("hex", Self::Hex),
        ("command", Self::Command),
    ];

    /// The form that is asked for: by its word, or else by the ending of the file. A conversation file if nothing tells.
    pub fn of(word: Option<&str>, file: Option<&str>) -> Result<Self, Fault> {
        let words = Self::ALL.iter().map(|(known, _)| *known);
        if let Some(word) = word {
            let found = Self::ALL.iter().find(|(known, _)| *known == word);
            return found.map(|(_, format)| *format).ok_or_else(|| {
                let fault = crate::bounds::bad_value("--as", word);
                fault.arg("near", nearest(word, words.clone()).unwrap_or_default()).detail(
                    words.collect::<Vec<_>>().join(", "),
                )
            });
        }
        let ending = file.and_then(|file| file.rsplit_once('.')).map_or("", |(_, ending)| ending);
        let ending = if ending == "jsonl" { "json" } else { ending };
        let found = Self::ALL.iter().find(|(known, _)| *known == ending);
        Ok(found.map_or(Self::Script, |(_, format)| *format))
    }
}

/// Writes recordings to `out`: sessions of the store by their numbers and ranges of them, all together.
pub fn export(
    names: &[String],
    format: Format,
    store: Option<&str>,
    out: Box<dyn Write + Send>,
) -> Result<(), Fault> {
    let mut out = Out { to: out, path: "-".to_owned() };
    write(names, format, store, &mut out)
}

/// Writes recordings to a file, which is its owner's alone; one that is there is overwritten.
pub fn export_to(names: &[String], format: Format, store: Option<&str>, path: &str) -> Result<(), Fault> {
    // Nothing is overwritten by what cannot be read.
    numbers(names, &opened(store)?)?;
    let mut out = Out { to: Box::new(file::create(path)?), path: path.to_owned() };
    write(names, format, store, &mut out)
}

fn write(names: &[String], format: Format, store: Option<&str>, out: &mut Out) -> Result<(), Fault> {
    if let [name] = names
        && named_id(name).is_none()
        && !name.contains('-')
    {
        return Err(crate::bounds::bad_value("ID", name).detail("12, 3-7"));
    }
    let store = opened(store)?;
    let ids = numbers(names, &store)?;
    let about = about(&store, &ids)?;
    match format {
        Format::Script => script(&store, &ids, &about, out)?,
        Format::Json => {
            let mut written = Ok(());
            store.events(&ids, |event| out.keep(&mut written, json::event(event).as_bytes()))?;
            written?;
        }
        Format::Hex => hex(&store, &ids, out)?,
        Format::Command => {
            for id in &ids {
                let line = command::line(&store, *id)?;
                out.write(line.as_bytes())?;
            }
        }
        Format::Packets => return Err(Fault::new(Code::Internal, "export")),
    }
    out.to.flush().map_err(|error| out.unwritable(&error))
}

/// Whose events those of sessions are. Where they are of several runs, that of the first tells.
fn about(store: &Store, ids: &[u64]) -> Result<About, Fault> {
    let first = ids.first().copied().unwrap_or_default();
    let verb = store.session(first)?.map_or_else(String::new, |session| session.verb);
    Ok(About { verb, subject: store.subject(first)?, seed: None })
}

fn script(store: &Store, ids: &[u64], about: &About, out: &mut Out) -> Result<(), Fault> {
    let mut transcript = Transcript::new(transcript(about));
    let (mut text, mut written) = (String::new(), Ok(()));
    store.events(ids, |event| {
        transcript.event(event, &mut text);
        out.keep(&mut written, text.as_bytes());
        text.clear();
    })?;
    written?;
    transcript.end(&mut text);
    out.write(text.as_bytes())
}

fn hex(store: &Store, ids: &[u64], out: &mut Out) -> Result<(), Fault> {
    let (mut text, mut written) = (String::new(), Ok(()));
    let see = |event: &Event<'_>| {
        let Kind::Message { leg: PEER, direction, data } = event.kind else { return };
        text.clear();
        let (at, session, size) = (event.at, event.session, data.len());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# session {session} at {at} {} {size} bytes", direction.word());
        Hexdump::new(0).push(data, &mut text);
        out.keep(&mut written, text.as_bytes());
    };
    store.events(ids, see)?;
    written
}

/// Where it goes.
struct Out {
    to: Box<dyn Write + Send>,
    path: String,
}

impl Out {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.to.write_all(bytes).map_err(|error| self.unwritable(&error))
    }

    /// Writes, unless that has failed before.
    fn keep(&mut self, written: &mut Result<(), Fault>, bytes: &[u8]) {
        if written.is_ok() {
            *written = self.write(bytes);
        }
    }

    fn unwritable(&self, error: &std::io::Error) -> Fault {
        Fault::new(Code::Unwritable, "").arg("path", &self.path).detail(error)
    }
}
