//! Conversation files, read with all that they name.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sockeye_core::{Code, Fault};
use sockeye_script::play::Refusal;
use sockeye_script::{Errors, Wanted};

use crate::recording;

pub use sockeye_script::program::includes;
pub use sockeye_script::{Program, Vars, error, play};

/// The longest file that is read: 16 MiB.
const LONGEST: u64 = 16 << 20;

/// Why a conversation file cannot be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It cannot be had.
    Fault(Fault),
    /// There are mistakes in it.
    Mistakes(Errors),
    /// Something in it cannot be played.
    Refused(Box<Refusal>),
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Unreadable> for Fault {
    /// What is left to say once the mistakes were shown, or where nobody can be shown them.
    fn from(bad: Unreadable) -> Self {
        match bad {
            Unreadable::Fault(fault) => fault,
            Unreadable::Mistakes(errors) => {
                let first = errors.list.first().and_then(|error| Some((error, errors.source(error.place)?)));
                let whole = errors.sources.first().map_or("", |source| &*source.path);
                let fault = Self::new(Code::BadScript, "").arg("name", errors.list.len()).arg("text", whole);
                let Some((error, source)) = first else { return fault };
                let (line, column) = source.position(error.place.start);
                fault.arg("path", &source.path).arg("line", line).arg("value", column).arg("what", "mistakes")
            }
            Unreadable::Refused(refusal) => Self::new(Code::BadScript, "")
                .arg("path", &refusal.spot.path)
                .arg("line", refusal.spot.line)
                .arg("value", refusal.spot.column)
                .arg("name", 1)
                .arg("what", "refused"),
        }
    }
}

/// Reads a conversation file and what it includes; or a capture, as a conversation file of it. `given` are the variables that have values from outside.
pub fn load(path: &str, given: &Vars) -> Result<Program, Unreadable> {
    read(path, &script_of(path)?, given)
}

/// Reads a text as [`load`] does a file's.
pub fn read(path: &str, text: &str, given: &Vars) -> Result<Program, Unreadable> {
    let mut loader = |path: &str, _: Wanted| bytes(Path::new(path)).map_err(|error| error.to_string());
    sockeye_script::read(path, text, given, &mut loader).map_err(Unreadable::Mistakes)
}

/// The text of a file; a byte order mark at its beginning is the reader's business.
pub fn text(path: &str) -> Result<String, Unreadable> {
    utf8(path, there(path)?)
}

/// The text of a conversation file, or that of a capture. A capture that lacks something is refused: what it would be held
/// to is not what happened.
fn script_of(path: &str) -> Result<String, Unreadable> {
    let bytes = there(path)?;
    if !recording::is_capture(&bytes) {
        recording::not_events(path, &bytes)?;
        return utf8(path, bytes);
    }
    let capture = recording::Capture { path: path.to_owned(), bytes };
    let (text, summary) = capture.text()?;
    summary.flaws.into_iter().next().map_or(Ok(text), |flaw| Err(flaw.into()))
}

fn there(path: &str) -> Result<Vec<u8>, Fault> {
    let bad = |detail: String| Fault::new(Code::BadFile, "").arg("path", path).detail(detail);
    bytes(Path::new(path)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fault::new(Code::NoFile, "").arg("path", path),
        io::ErrorKind::FileTooLarge => bad(format!("> {} MiB", LONGEST >> 20)),
        _ => bad(error.to_string()),
    })
}

fn utf8(path: &str, bytes: Vec<u8>) -> Result<String, Unreadable> {
    String::from_utf8(bytes).map_err(|error| Unreadable::Mistakes(Errors::not_utf8(path, error.as_bytes())))
}

/// All of a file, which is refused where it is longer than may be.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
