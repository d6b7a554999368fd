//! The store: every recorded session in one SQLite file, which several programs may use at once.
//!
//! Events are kept as blocks of tape, one row a block and not one an event; a session's row says what it came to, and
//! parts say in which blocks it is. [`Store`] opens the file, [`Scribe`] writes to it, and the other files
//! read, search and remove.

mod list;
mod remove;
mod schema;
mod scribe;
mod search;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use sockeye_core::{Code, Fault};

pub use list::{Filter, Session};
pub use remove::{Keep, Removed};
pub use scribe::{About, Scribe, Sync};
pub use search::Hit;

/// How long another program's writing is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// A store that is open.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    path: PathBuf,
}

/// Where the store is unless somebody says otherwise: `$SOCKEYE_STORE`, `$XDG_DATA_HOME/sockeye/sessions.db`, or below
/// `~/.local/share`.
pub fn usual_path(variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(path) = given("SOCKEYE_STORE") {
        return path.into();
    }
    // A relative XDG_DATA_HOME is to be ignored, by the XDG Base Directory Specification.
    let data = given("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.unwrap_or_else(|| PathBuf::from(given("HOME").unwrap_or_default()).join(".local/share"));
    data.join("sockeye/sessions.db")
}

impl Store {
    /// Opens the store, which is made if it is not there: for its owner alone. One of a newer version of this program is
    /// refused.
    pub fn create(path: &Path) -> Result<Self, Fault> {
        private(path).map_err(|error| fault_at(path, "open").detail(error))?;
        Self::open_there(path)
    }

    /// Opens the store if it is there.
    pub fn open(path: &Path) -> Result<Option<Self>, Fault> {
        if path.exists() { Self::open_there(path).map(Some) } else { Ok(None) }
    }

    fn open_there(path: &Path) -> Result<Self, Fault> {
        let known = |error| store_fault(path, &error);
        let mut db = Connection::open(path).map_err(known)?;
        db.busy_timeout(BUSY).map_err(known)?;
        match schema::prepare(&mut db) {
            Ok(()) => Ok(Self { db, path: path.to_owned() }),
            Err(schema::Unusable::Newer) => Err(fault_at(path, "newer")),
            Err(schema::Unusable::Foreign) => Err(fault_at(path, "foreign")),
            Err(schema::Unusable::Failed(error)) => Err(known(error)),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes sessions take in the file.
    pub fn size(&self) -> Result<u64, Fault> {
        let number = |name: &str| self.db.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        let size = || Ok((number("page_count")? - number("freelist_count")?) * number("page_size")?);
        size().map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &rusqlite::Error) -> Fault {
        store_fault(&self.path, error)
    }

    fn broken(&self) -> Fault {
        fault_at(&self.path, "broken")
    }
}

/// Makes the file and the directories to it, for their owner alone.
fn private(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new();
    file.read(true).append(true).create(true);
    let mut directory = std::fs::DirBuilder::new();
    directory.recursive(true);
    #[cfg(unix)]
    {
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        std::os::unix::fs::DirBuilderExt::mode(&mut directory, 0o700);
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        directory.create(parent)?;
    }
    file.open(path).map(drop)
}

fn fault_at(path: &Path, what: &str) -> Fault {
    Fault::new(Code::BadStore, "").arg("path", path.display()).arg("what", what)
}

/// The fault of what the library says.
fn store_fault(path: &Path, error: &rusqlite::Error) -> Fault {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, ReadOnly,
    };
    let what = match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked) => "busy",
        Some(NotADatabase) => "foreign",
        Some(DatabaseCorrupt) => "broken",
        Some(DiskFull) => "full",
        Some(CannotOpen | ReadOnly) => "open",
        _ => "other",
    };
    fault_at(path, what).detail(error)
}

#[cfg(test)]
mod tests;
