//! Recordings in another form: a conversation file, packets, JSON, a hex dump, a command line.

use std::fmt::Write as _;
use std::io::Write;

use sockeye_core::fault::nearest;
use sockeye_core::{Code, Endpoint, Event, Fault, Framing, Kind, PEER};
use sockeye_record::file::Pages;
use sockeye_record::pcapng::{self, Payload};
use sockeye_record::store::{About, Store};
use sockeye_record::{Sink as _, file as files, import, json};
use sockeye_script::Transcript;
use sockeye_script::program::Source;
use sockeye_script::transcript::Subject;
use sockeye_wire::Hexdump;

use super::{Session, command, numbers};
use crate::recording::{self, Capture, file, is_capture, opened, tell, transcript};
use crate::views::Watcher;

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
                fault
                    .arg("near", nearest(word, words.clone()).unwrap_or_default())
                    .detail(words.collect::<Vec<_>>().join(", "))
            });
        }
        let ending = file.and_then(|file| file.rsplit_once('.')).map_or("", |(_, ending)| ending);
        let ending = if ending == "jsonl" { "json" } else { ending };
        let found = Self::ALL.iter().find(|(known, _)| *known == ending);
        Ok(found.map_or(Self::Script, |(_, format)| *format))
    }
}

/// Which recordings are wanted.
#[derive(Clone, Debug, Default)]
pub struct Recordings {
    /// Sessions of the store by their numbers and ranges of them, all together; or one file, a capture or a conversation.
    pub names: Vec<String>,
    /// Only those with this in an address of either end.
    pub peer: Option<String>,
    /// The store, where it is not the usual one.
    pub store: Option<String>,
}

/// Writes recordings to `out`.
pub fn export(
    wanted: &Recordings,
    format: Format,
    out: Box<dyn Write + Send>,
    watcher: &dyn Watcher,
) -> Result<(), Fault> {
    write(&Origin::of(wanted, watcher)?, format, Out { to: out, path: "-".to_owned() })
}

/// Writes recordings to a file, which is its owner's alone; one that is there is overwritten.
pub fn export_to(
    wanted: &Recordings,
    format: Format,
    path: &str,
    watcher: &dyn Watcher,
) -> Result<(), Fault> {
    // Nothing is overwritten by what cannot be read.
    let origin = Origin::of(wanted, watcher)?;
    write(&origin, format, Out { to: Box::new(files::create(path)?), path: path.to_owned() })
}

fn write(origin: &Origin, format: Format, out: Out) -> Result<(), Fault> {
    let word = Format::ALL.iter().find(|(_, known)| *known == format).map_or("", |(word, _)| word);
    if matches!(origin, Origin::Text(_)) && format != Format::Script {
        return Err(crate::bounds::bad_value("--as", word).detail("skt"));
    }
    match format {
        Format::Script => return script(origin, out),
        Format::Packets => return packets(origin, out),
        Format::Json => return each(origin, out, |event, text| text.push_str(&json::event(event))),
        Format::Hex => return each(origin, out, hex),
        Format::Command => {}
    }
    let mut out = out;
    for line in command::lines(origin)? {
        out.write(line.as_bytes())?;
    }
    out.end()
}

/// What recordings come from.
pub(super) enum Origin {
    /// Sessions of the store.
    Store(Box<Store>, Vec<u64>),
    /// A capture.
    Capture(Capture, import::Options),
    /// A conversation file, which is one already.
    Text(Source),
}

impl Origin {
    /// Finds what is wanted: one file, or numbers of sessions. What a capture lacks is told.
    fn of(wanted: &Recordings, watcher: &dyn Watcher) -> Result<Self, Fault> {
        if let [name] = &*wanted.names
            && name.contains(['.', '/'])
        {
            let bytes = file(name)?;
            if !is_capture(&bytes) {
                return recording::text(name, None, watcher).map(Self::Text);
            }
            let capture = Capture { path: name.clone(), bytes };
            let options = import::Options { peer: wanted.peer.clone(), title: capture.title() };
            let mut count = 0_u64;
            let see =
                &mut |event: &Event<'_>| count += u64::from(matches!(event.kind, Kind::Accepted { .. }));
            tell(&import::read(&capture.bytes, &options, see)?, watcher);
            return if count > 0 { Ok(Self::Capture(capture, options)) } else { Err(none_of(wanted)) };
        }
        let store = opened(wanted.store.as_deref())?;
        let mut ids = numbers(&wanted.names, &store)?;
        if let Some(peer) = &wanted.peer {
            let is_with = |session: &Session| session.remote.contains(peer) || session.local.contains(peer);
            ids.retain(|id| store.session(*id).is_ok_and(|it| it.as_ref().is_some_and(is_with)));
        }
        if ids.is_empty() { Err(none_of(wanted)) } else { Ok(Self::Store(Box::new(store), ids)) }
    }

    /// Shows the events; gives back when time zero was, in nanoseconds since 1970-01-01T00:00:00Z.
    pub(super) fn events(&self, mut see: impl FnMut(&Event<'_>)) -> Result<u64, Fault> {
        match self {
            Self::Store(store, ids) => store.events(ids, see),
            Self::Capture(capture, options) => {
                let summary = import::read(&capture.bytes, options, &mut see)?;
                Ok(summary.began.unwrap_or(0))
            }
            // Refused before: a conversation file has no events.
            Self::Text(source) => Err(Fault::new(Code::BadFile, "").arg("path", &source.path)),
        }
    }

    /// Whose events they are. Those of servers and clients, or of several servers, are not one conversation.
    fn about(&self) -> Result<About, Fault> {
        let (verb, subject) = match self {
            Self::Store(store, ids) => {
                let first = ids.first().copied().unwrap_or_default();
                let subject = store.subject(first)?;
                for id in ids {
                    if store.subject(*id)? != subject {
                        let name = format!("{first}, {id}");
                        return Err(Fault::new(Code::NoSession, "").arg("what", "mixed").arg("name", name));
                    }
                }
                (store.session(first)?.map_or_else(String::new, |it| it.verb), subject)
            }
            Self::Capture(..) | Self::Text(_) => (String::from("export"), Subject::Capture),
        };
        Ok(About { verb, subject, seed: None })
    }

    /// How the first session's messages were framed, as far as its endpoint tells.
    fn framing(&self) -> Result<Framing, Fault> {
        let Self::Store(store, ids) = self else { return Ok(Framing::RAW) };
        let first = store.session(ids.first().copied().unwrap_or_default())?;
        let endpoint = first.and_then(|first| first.endpoint.parse::<Endpoint>().ok());
        Ok(endpoint.and_then(|endpoint| endpoint.params.frame).unwrap_or(Framing::RAW))
    }
}

/// Writes what `show` says of each event.
fn each(origin: &Origin, mut out: Out, show: impl Fn(&Event<'_>, &mut String)) -> Result<(), Fault> {
    let (mut text, mut written) = (String::new(), Ok(()));
    origin.events(|event| {
        text.clear();
        show(event, &mut text);
        out.keep(&mut written, text.as_bytes());
    })?;
    written?;
    out.end()
}

fn script(origin: &Origin, mut out: Out) -> Result<(), Fault> {
    if let Origin::Text(source) = origin {
        out.write(source.text.as_bytes())?;
        return out.end();
    }
    let mut options = transcript(&origin.about()?);
    if let Origin::Capture(_, import) = origin {
        options.title.clone_from(&import.title);
    }
    let mut transcript = Transcript::new(options);
    let (mut text, mut written) = (String::new(), Ok(()));
    origin.events(|event| {
        transcript.event(event, &mut text);
        out.keep(&mut written, text.as_bytes());
        text.clear();
    })?;
    written?;
    transcript.end(&mut text);
    out.write(text.as_bytes())?;
    out.end()
}

/// Packets of messages: the store has no bytes below them.
fn packets(origin: &Origin, out: Out) -> Result<(), Fault> {
    let framing = origin.framing()?;
    let pages = Pages::of(out.to, &out.path);
    let mut writer = pcapng::Writer::new(pages, Payload::Messages { framing });
    // Where time begins is known only when all is read: a first look tells it.
    writer.start(origin.events(|_| {})?)?;
    let mut written = Ok(());
    origin.events(|event| {
        if written.is_ok() {
            written = writer.event(event);
        }
    })?;
    written?;
    writer.end()
}

fn hex(event: &Event<'_>, text: &mut String) {
    let Kind::Message { leg: PEER, direction, data } = event.kind else { return };
    let (at, session, size) = (event.at, event.session, data.len());
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# session {session} at {at} {} {size} bytes", direction.word());
    Hexdump::new(0).push(data, text);
}

/// The fault of a file or of numbers among which none is wanted.
fn none_of(wanted: &Recordings) -> Fault {
    let name = wanted.names.join(" ");
    match &wanted.peer {
        Some(peer) => Fault::new(Code::NoSession, "").arg("what", "peer").arg("name", peer).arg("path", name),
        None => Fault::new(Code::BadCapture, name).arg("what", "nothing"),
    }
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

    fn end(mut self) -> Result<(), Fault> {
        self.to.flush().map_err(|error| self.unwritable(&error))
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
