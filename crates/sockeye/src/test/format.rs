//! `test --fmt`: conversation files written the canonical way.

use std::fs;

use sockeye_core::{Code, Fault};
use sockeye_script::Errors;

use super::files;
use crate::script::Unreadable;

/// What to do with a file that is written otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Write it anew.
    Write,
    /// Say so.
    Check,
}

/// What came of one file.
#[derive(Clone, Debug)]
pub enum Formatted {
    /// It is as it should be.
    Same,
    /// It is written otherwise: it was, with [`Manner::Write`], and is still, with [`Manner::Check`].
    Changed,
    /// It cannot be read or written.
    Bad(Box<Unreadable>),
}

/// Formats the files that `paths` name, and tells of each.
pub fn run(paths: &[String], manner: Manner, mut told: impl FnMut(&str, &Formatted)) -> Result<(), Fault> {
    for file in files::find(paths)? {
        let formatted = one(&file, manner).unwrap_or_else(|bad| Formatted::Bad(Box::new(bad)));
        told(&file, &formatted);
    }
    Ok(())
}

fn one(path: &str, manner: Manner) -> Result<Formatted, Unreadable> {
    let text = crate::script::text(path)?;
    let formatted = sockeye_script::format(&text).map_err(|errors| named(path, errors))?;
    if formatted == text {
        return Ok(Formatted::Same);
    }
    if manner == Manner::Write {
        write(path, &formatted)?;
    }
    Ok(Formatted::Changed)
}

/// Mistakes in a text, whose path the formatter does not know.
fn named(path: &str, mut errors: Errors) -> Unreadable {
    for source in &mut errors.sources {
        source.path = path.into();
    }
    Unreadable::Mistakes(errors)
}

/// Writes a file whole or not at all: beside it first, then in its place.
fn write(path: &str, text: &str) -> Result<(), Fault> {
    let unwritable = |error| Fault::new(Code::Unwritable, "").arg("path", path).detail(error);
    // The file itself, where the path is a link to it.
    let real = fs::canonicalize(path).map_err(unwritable)?;
    let beside = real.with_extension("skt.new");
    let written = fs::write(&beside, text)
        .and_then(|()| fs::set_permissions(&beside, fs::metadata(&real)?.permissions()))
        .and_then(|()| fs::rename(&beside, &real));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.map_err(unwritable)
}
