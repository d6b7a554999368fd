//! Which files a run is of.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use sockeye_core::{Code, Fault};

use crate::bounds::bad_value;

/// The most files of one run.
const MOST: usize = 100_000;

/// How deep directories are looked through.
const DEPTH: usize = 64;

/// The ending of conversation files.
const ENDING: &str = "skt";

/// The files that `paths` name: files as they are, of directories every conversation file below, sorted. Each once. No file
/// at all is a slip of whoever named them.
pub(super) fn find(paths: &[String]) -> Result<Vec<String>, Fault> {
    let mut found = Found::default();
    for path in paths {
        // Names in it and reports of it would lead nowhere. A file of that name is `./-`.
        if path == "-" {
            return Err(bad_value("FILE", path).detail("FILE.skt, DIR"));
        }
        // What is not there is told as the file's own result: the others are run.
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => found.directory(Path::new(path), 0)?,
            _ => found.file(path.clone())?,
        }
    }
    if found.files.is_empty() {
        return Err(Fault::new(Code::NoTests, "test").arg("path", paths.join(", ")));
    }
    Ok(found.files)
}

#[derive(Default)]
struct Found {
    files: Vec<String>,
    seen: HashSet<PathBuf>,
}

impl Found {
    fn file(&mut self, path: String) -> Result<(), Fault> {
        let real = fs::canonicalize(&path).unwrap_or_else(|_| PathBuf::from(&path));
        if !self.seen.insert(real) {
            return Ok(());
        }
        if self.files.len() == MOST {
            return Err(Fault::new(Code::OverLimit, "test").arg("limit", MOST));
        }
        self.files.push(path);
        Ok(())
    }

    fn directory(&mut self, directory: &Path, depth: usize) -> Result<(), Fault> {
        let bad = |error| Fault::new(Code::BadFile, "").arg("path", directory.display()).detail(error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(directory).map_err(bad)? {
            entries.push(entry.map_err(bad)?);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            // A link to a directory could lead back up.
            let sort = entry.file_type().map_err(bad)?;
            if sort.is_dir() && !hidden && depth < DEPTH {
                self.directory(&path, depth + 1)?;
            } else if !sort.is_dir() && path.extension().is_some_and(|ending| ending == ENDING) {
                self.file(path.display().to_string())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_testkit::program::Scratch;

    #[test]
    fn directories_are_looked_through_in_order_and_each_file_counts_once() {
        let scratch = Scratch::new();
        let root = scratch.path();
        fs::create_dir_all(root.join("b/.hidden")).unwrap();
        for name in ["z.skt", "a.skt", "b/c.skt", "b/note.txt", "b/.hidden/x.skt"] {
            fs::write(root.join(name), "").unwrap();
        }
        let whole = root.display().to_string();
        let first = format!("{whole}/z.skt");
        let found = find(&[first, whole.clone(), format!("{whole}/nowhere.skt")]).unwrap();
        let names: Vec<&str> = found.iter().map(|path| path.strip_prefix(&*whole).unwrap()).collect();
        assert_eq!(names, ["/z.skt", "/a.skt", "/b/c.skt", "/nowhere.skt"]);
        assert_eq!(find(&[format!("{whole}/b/.hidden/none"), whole]).unwrap().len(), 4);
    }

    #[test]
    fn no_file_is_a_slip() {
        let scratch = Scratch::new();
        assert_eq!(find(&["-".to_owned()]).unwrap_err().code, Code::BadValue);
        assert_eq!(find(&[scratch.path().display().to_string()]).unwrap_err().code, Code::NoTests);
    }
}
