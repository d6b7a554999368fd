//! A recording by its name, as the text of a conversation file: a number of the store, a `.skt` file, or a capture.

use std::fs;
use std::io::ErrorKind;

use sockeye_core::{Code, Fault, Note, SessionId};
use sockeye_record::import;
use sockeye_record::store::{About, Store};
use sockeye_script::Transcript;
use sockeye_script::program::Source;

use super::{store_path, target};
use crate::views::Watcher;

/// The longest file that is read: 1 GiB, as long as a capture may be.
const LONGEST: u64 = 1 << 30;

/// Flaws of a capture that are told one by one.
const FLAWS: usize = 5;

/// Reads a recording, and tells what it lacks. `store`: the store, where it is not the usual one.
pub fn text(name: &str, store: Option<&str>, watcher: &dyn Watcher) -> Result<Source, Fault> {
    if let Some(id) = id(name) {
        let store = opened(store)?;
        return from_store(&store, &[id], name);
    }
    let bytes = file(name)?;
    if is_capture(&bytes) {
        let capture = Capture { path: name.to_owned(), bytes };
        let (text, summary) = capture.text()?;
        tell(&summary, watcher);
        return Ok(Source::new(name, &text));
    }
    not_events(name, &bytes)?;
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| Fault::new(Code::BadFile, "").arg("path", name).detail("not UTF-8"))?;
    Ok(Source::new(name, &text))
}

/// Refuses the events of a recording, lines of JSON, where a conversation is wanted.
pub(crate) fn not_events(path: &str, bytes: &[u8]) -> Result<(), Fault> {
    if !bytes.starts_with(b"{\"") {
        return Ok(());
    }
    Err(Fault::new(Code::BadScript, "")
        .arg("path", path)
        .arg("line", 1)
        .arg("value", 1)
        .arg("what", "events"))
}

/// What another program captured.
pub(crate) struct Capture {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl Capture {
    /// What a conversation file of it begins with.
    pub(crate) fn title(&self) -> String {
        format!("made by sockeye {} of {}", env!("CARGO_PKG_VERSION"), self.path)
    }

    /// All of it as a conversation file, and what is known of it.
    pub(crate) fn text(&self) -> Result<(String, import::Summary), Fault> {
        let options = import::Options { title: self.title(), ..import::Options::default() };
        import::transcript(&self.bytes, &options)
    }
}

/// Tells what makes a capture less than what happened: the first flaws, and how many more there are.
pub(crate) fn tell(summary: &import::Summary, watcher: &dyn Watcher) {
    for flaw in summary.flaws.iter().take(FLAWS) {
        watcher.warning(flaw);
    }
    let more = summary.more_flaws + summary.flaws.len().saturating_sub(FLAWS) as u64;
    if more > 0 {
        watcher.note(SessionId::default(), &Note::new("more-flaws").arg("count", more));
    }
}

/// Whether a file begins as captures do: pcap in either order of bytes, with micro- or nanoseconds, or pcapng.
pub(crate) fn is_capture(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [
        b"\xa1\xb2\xc3\xd4",
        b"\xd4\xc3\xb2\xa1",
        b"\xa1\xb2\x3c\x4d",
        b"\x4d\x3c\xb2\xa1",
        b"\x0a\x0d\x0d\x0a",
    ];
    starts.iter().any(|start| bytes.starts_with(start))
}

/// The number of a recorded session, if that is what was typed: `12` or `#12`. A file of such a name is `./12`.
pub(crate) fn id(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('#').unwrap_or(name);
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The store, which must be there.
pub(crate) fn opened(told: Option<&str>) -> Result<Store, Fault> {
    let path = store_path(told);
    Store::open(&path)?.ok_or_else(|| Fault::new(Code::NoStore, "").arg("path", path.display()))
}

/// The fault of a session that is not there.
pub(crate) fn no_session(store: &Store, name: &str) -> Fault {
    let have = match store.bounds() {
        Ok(Some((first, last))) if first == last => first.to_string(),
        Ok(Some((first, last))) => format!("{first}–{last}"),
        _ => String::new(),
    };
    let what = if have.is_empty() { "none" } else { "other" };
    let fault = Fault::new(Code::NoSession, "").arg("name", name).arg("what", what);
    fault.arg("have", have).arg("path", store.path().display())
}

/// The conversation of sessions in the store, which one run recorded.
pub(crate) fn from_store(store: &Store, ids: &[u64], name: &str) -> Result<Source, Fault> {
    let mut about = None;
    for id in ids {
        let session = store.session(*id)?.ok_or_else(|| no_session(store, name))?;
        about = Some(About { verb: session.verb, subject: store.subject(*id)?, seed: session.seed });
    }
    let about = about.ok_or_else(|| no_session(store, name))?;
    let mut text = String::new();
    let mut transcript = Transcript::new(target::transcript(&about));
    store.events(ids, |event| transcript.event(event, &mut text))?;
    transcript.end(&mut text);
    Ok(Source::new(name, &text))
}

/// A file that somebody named.
pub(crate) fn file(path: &str) -> Result<Vec<u8>, Fault> {
    let bad = |error: &dyn std::fmt::Display| Fault::new(Code::BadFile, "").arg("path", path).detail(error);
    let length = match fs::metadata(path) {
        Ok(known) => known.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Fault::new(Code::NoFile, "").arg("path", path));
        }
        Err(error) => return Err(bad(&error)),
    };
    if length > LONGEST {
        return Err(bad(&"> 1 GiB"));
    }
    fs::read(path).map_err(|error| bad(&error))
}
