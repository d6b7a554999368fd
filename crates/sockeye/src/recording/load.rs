//! A recording by its name, as the text of a conversation file: a number of the store, a `.skt` file, or a capture.

use std::fs;
use std::io::ErrorKind;

use sockeye_core::{Code, Fault};
use sockeye_record::import;
use sockeye_record::store::{About, Store};
use sockeye_script::Transcript;
use sockeye_script::program::Source;

use super::{store_path, target};

/// The longest file that is read: 1 GiB, as long as a capture may be.
const LONGEST: u64 = 1 << 30;

/// Reads a recording. `store`: the store, where it is not the usual one.
pub fn text(name: &str, store: Option<&str>) -> Result<Source, Fault> {
    if let Some(id) = id(name) {
        let store = opened(store)?;
        return from_store(&store, &[id], name);
    }
    let bytes = file(name)?;
    if is_capture(&bytes) {
        let title = format!("made by sockeye {} of {name}", env!("CARGO_PKG_VERSION"));
        let options = import::Options { title, ..import::Options::default() };
        let (text, _) = import::transcript(&bytes, &options)?;
        return Ok(Source::new(name, &text));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| Fault::new(Code::BadFile, "").arg("path", name).detail("not UTF-8"))?;
    Ok(Source::new(name, &text))
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
