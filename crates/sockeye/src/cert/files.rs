//! Files that appear whole or not at all, overwrite nothing unless told, and never let a key be read by others.
//!
//! The names are claimed first, all of them, each by a file that must not be there yet; only then is anything written,
//! under a temporary name that is renamed over the claim. A key has mode 0600 from its first byte.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sockeye_core::{Code, Fault};
use sockeye_net::random;

/// What happens to files that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// They stay, and nothing at all is written.
    Never,
    /// They are replaced.
    Always,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Anybody: mode 0644.
    Anybody,
    /// The owner alone: mode 0600.
    Owner,
}

impl Readers {
    const fn mode(self) -> u32 {
        match self {
            Self::Anybody => 0o644,
            Self::Owner => 0o600,
        }
    }
}

/// A file to be written.
#[derive(Clone)]
pub(super) struct File {
    /// Its name in the directory.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) text: String,
    /// Who may read it.
    pub(super) readers: Readers,
}

/// Writes all of `files` into `directory`, which is made with mode 0700 if it is not there; or none of them, unless the
/// system refuses halfway what it allowed before, while files are being overwritten. Returns their paths.
pub(super) fn write(directory: &Path, files: &[File], overwrite: Overwrite) -> Result<Vec<PathBuf>, Fault> {
    if directory.exists() && !directory.is_dir() {
        return Err(unwritable(directory, &io::ErrorKind::NotADirectory.into()));
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error| unwritable(directory, &error))?;
    let paths: Vec<PathBuf> = files.iter().map(|file| directory.join(file.name)).collect();
    let mut unfinished = Unfinished(Vec::new());
    for path in &paths {
        if overwrite == Overwrite::Always {
            if path.is_dir() {
                return Err(unwritable(path, &io::ErrorKind::IsADirectory.into()));
            }
        } else {
            create(path, Readers::Owner).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Fault::new(Code::FileExists, "").arg("path", path.display()),
                _ => unwritable(path, &error),
            })?;
            unfinished.0.push(path.clone());
        }
    }
    let mut renames = Vec::new();
    for (file, path) in files.iter().zip(&paths) {
        let temporary =
            directory.join(format!(".{}.{:016x}", file.name, u64::from_ne_bytes(random::bytes()?)));
        let mut open = create(&temporary, file.readers).map_err(|error| unwritable(path, &error))?;
        unfinished.0.push(temporary.clone());
        let written = open.write_all(file.text.as_bytes()).and_then(|()| open.sync_all());
        written.map_err(|error| unwritable(path, &error))?;
        renames.push((temporary, path));
    }
    for (temporary, path) in renames {
        fs::rename(&temporary, path).map_err(|error| unwritable(path, &error))?;
    }
    unfinished.0.clear();
    Ok(paths)
}

/// Writes a file that its owner alone may read, in place of the one that is there: whoever reads it sees the old or the
/// new, never a part.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{:016x}", u64::from_ne_bytes(random::bytes()?)));
    let mut open = create(&temporary, Readers::Owner).map_err(|error| unwritable(path, &error))?;
    let mut unfinished = Unfinished(vec![temporary.clone()]);
    let written = open.write_all(bytes).and_then(|()| open.sync_all());
    written.and_then(|()| fs::rename(&temporary, path)).map_err(|error| unwritable(path, &error))?;
    unfinished.0.clear();
    Ok(())
}

/// Opens a file that is not there yet, through no link.
fn create(path: &Path, readers: Readers) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(readers.mode()).open(path)
}

fn unwritable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(Code::Unwritable, "").arg("path", path.display()).detail(error)
}

/// Files of ours that are taken away again unless all goes well.
struct Unfinished(Vec<PathBuf>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        for path in &self.0 {
            // Nothing can be done about one that stays, and what went wrong is being told.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_testkit::program::Scratch;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn names(scratch: &Scratch) -> Vec<String> {
        let entries = fs::read_dir(scratch.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn files() -> [File; 2] {
        let file = |name, readers| File { name, text: format!("{name}\n"), readers };
        [file("a.pem", Readers::Anybody), file("a.key", Readers::Owner)]
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_its_owners_and_so_is_a_new_directory() {
        let scratch = Scratch::new();
        let inside = scratch.path().join("one/two");
        let paths = write(&inside, &files(), Overwrite::Never).unwrap();
        assert_eq!((mode(&inside), mode(&paths[1])), (0o700, 0o600));
        assert_eq!(fs::read_to_string(&paths[0]).unwrap(), "a.pem\n");
        // Overwriting a key that others could read closes it.
        fs::set_permissions(&paths[1], fs::Permissions::from_mode(0o644)).unwrap();
        write(&inside, &files(), Overwrite::Always).unwrap();
        assert_eq!(mode(&paths[1]), 0o600);
    }

    #[test]
    fn a_key_that_is_being_written_can_be_read_by_nobody_else() {
        let scratch = Scratch::new();
        let open = create(&scratch.path().join("x"), Readers::Owner).unwrap();
        assert_eq!(open.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn one_file_that_is_there_keeps_all_from_being_written() {
        for taken in ["a.pem", "a.key"] {
            let scratch = Scratch::new();
            fs::write(scratch.path().join(taken), "mine").unwrap();
            let fault = write(scratch.path(), &files(), Overwrite::Never).unwrap_err();
            assert_eq!((fault.code, names(&scratch)), (Code::FileExists, vec![taken.to_owned()]));
            assert!(fault.value("path").ends_with(taken), "{fault}");
            assert_eq!(fs::read_to_string(scratch.path().join(taken)).unwrap(), "mine");
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let scratch = Scratch::new();
        let target = scratch.path().join("target");
        symlink(&target, scratch.path().join("a.key")).unwrap();
        assert_eq!(write(scratch.path(), &files(), Overwrite::Never).unwrap_err().code, Code::FileExists);
        assert!(!target.exists());
        write(scratch.path(), &files(), Overwrite::Always).unwrap();
        assert!(!target.exists());
        assert_eq!(names(&scratch), ["a.key", "a.pem"]);
    }

    #[test]
    fn what_goes_wrong_halfway_leaves_nothing_behind() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path().join("a.key")).unwrap();
        let fault = write(scratch.path(), &files(), Overwrite::Always).unwrap_err();
        assert_eq!((fault.code, names(&scratch)), (Code::Unwritable, vec!["a.key".to_owned()]));
        let long = File { name: "b.pem", text: String::new(), readers: Readers::Anybody };
        let name: &'static str = "x".repeat(300).leak();
        let fault = write(scratch.path(), &[long, File { name, ..files()[1].clone() }], Overwrite::Never)
            .unwrap_err();
        assert_eq!((fault.code, names(&scratch)), (Code::Unwritable, vec!["a.key".to_owned()]));
    }
}
