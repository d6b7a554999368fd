//! Reading conversation files: text to lines (`line`, `part`), lines of a file and of what it includes to a [`Program`]
//! (`gather`, `cast`, `steps`, `message`), every check that needs no run done. [`read`] is the way in.

mod cast;
mod cursor;
mod gather;
mod line;
mod message;
mod part;
mod steps;
pub(crate) mod tree;
pub mod words;

use crate::error::{Error, Errors, MOST, Noun, What};
use crate::program::Program;
use crate::vars::Vars;

pub(crate) use cursor::is_variable_name;
use gather::{Gathered, gather};
pub(crate) use tree::Line;

/// The longest text of a file, and the longest `file:`: 16 MiB.
pub const LONGEST: usize = 16 << 20;

/// The most steps of a conversation.
pub const MOST_STEPS: usize = 1_000_000;

/// The most peers of a conversation.
pub const MOST_PEERS: usize = 200;

/// How deep `repeat`, groups and `include` nest.
pub const DEEPEST: usize = 16;

/// What a file is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `include`: a conversation file.
    Text,
    /// `file:`: bytes of a message.
    Bytes,
}

/// Serves the files that a file names: by path, relative to where the first file's path is relative to. An error is the
/// system's own words. It should refuse what is longer than [`LONGEST`] before reading it.
pub type Loader<'a> = dyn FnMut(&str, Wanted) -> Result<Vec<u8>, String> + 'a;

/// Reads a conversation file. `given` are the variables that have values from outside, which win over its own.
pub fn read(path: &str, text: &str, given: &Vars, loader: &mut Loader<'_>) -> Result<Program, Errors> {
    let mut gathered = gather(path, text, loader);
    let has_broken = !gathered.errors.is_empty();
    let program = cast::cast(&mut gathered, given, loader);
    let Gathered { sources, mut errors, .. } = gathered;
    if has_broken {
        // What a line that could not be read would have said is not missed by others.
        errors.retain(|error| !follows(&error.what));
    }
    if errors.is_empty() {
        return Ok(Program { sources, ..program });
    }
    errors.sort_by_key(|error| (error.place.source, error.place.start));
    errors.dedup();
    errors.truncate(MOST);
    Err(Errors { sources, list: errors })
}

/// The lines of one text, for the formatter.
pub(crate) fn lines(text: &str) -> Result<Vec<Line>, Errors> {
    let source = crate::program::Source::new("", text);
    let place =
        |span: crate::message::Span| crate::program::Place { source: 0, start: span.start, end: span.end };
    if text.len() > LONGEST {
        let what = What::Limit { noun: Noun::File, most: LONGEST as u64 };
        let list = vec![Error { place: place(crate::message::Span::default()), what }];
        return Err(Errors { sources: vec![source], list });
    }
    let (lines, troubles) = line::lines(text);
    if troubles.is_empty() {
        return Ok(lines);
    }
    let list = troubles.into_iter().map(|trouble| Error { place: place(trouble.span), what: trouble.what });
    Err(Errors { sources: vec![source], list: list.collect() })
}

/// Whether an error may come of another line that could not be read.
const fn follows(what: &What) -> bool {
    match what {
        What::Unknown { noun, .. } => matches!(noun, Noun::Peer | Noun::Variable),
        What::Nameless | What::Unpaired(_) => true,
        _ => false,
    }
}
