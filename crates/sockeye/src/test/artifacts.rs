//! What a file that failed leaves behind (`--artifacts DIR`): its events and its packets, so that nobody has to run it
//! again to see what happened. What passed leaves nothing.

use std::fs;
use std::path::{Component, Path, PathBuf};

use sockeye_core::{Code, Fault};

use crate::recording::{self, About, Recording, Subject};
use crate::views::Views;

/// The endings of what is left behind: events, and packets for Wireshark.
const ENDINGS: &[&str] = &["jsonl", "pcapng"];

/// What one attempt at a file leaves behind.
pub(super) struct Artifacts {
    recording: Recording,
    paths: Vec<String>,
}

impl Artifacts {
    /// Starts to write below `directory`: `tests/a.skt` leaves `tests/a.skt.jsonl` there, and `tests/a.skt.2.jsonl` when
    /// it is played for the second time.
    pub(super) fn start(
        directory: &str,
        file: &str,
        attempt: u32,
        seed: u64,
        views: &Views,
    ) -> Result<Self, Fault> {
        let mut name = below(Path::new(directory), file).display().to_string();
        if attempt > 1 {
            name = format!("{name}.{attempt}");
        }
        if let Some(parent) = Path::new(&name).parent() {
            make(parent)?;
        }
        let paths: Vec<String> = ENDINGS.iter().map(|ending| format!("{name}.{ending}")).collect();
        let request = recording::Request { targets: paths.clone(), ..recording::Request::default() };
        let subject = Subject::Client { endpoint: file.to_owned() };
        let about = About { verb: "test".to_owned(), subject, seed: Some(seed) };
        Ok(Self { recording: Recording::start(&request, &about, views)?, paths })
    }

    /// Who is shown what, with the recording among them.
    pub(super) const fn views(&self) -> &Views {
        self.recording.views()
    }

    /// It failed: the paths of what is kept of it.
    pub(super) fn keep(self) -> Vec<String> {
        self.recording.finish();
        self.paths
    }

    /// It passed: nothing is kept.
    pub(super) fn discard(self) {
        self.recording.finish();
        for path in &self.paths {
            // What cannot be removed is a file too many, and no reason to fail.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes a directory and those above it.
pub(super) fn make(directory: &Path) -> Result<(), Fault> {
    let bad = |error| Fault::new(Code::Unwritable, "test").arg("path", directory.display()).detail(error);
    fs::create_dir_all(directory).map_err(bad)
}

/// Where below a directory a file's place is. Nothing leads out of it.
fn below(directory: &Path, file: &str) -> PathBuf {
    let mut path = directory.to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::ParentDir => path.push("__"),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_below_the_directory() {
        for (file, place) in [
            ("a.skt", "out/a.skt"),
            ("./x/a.skt", "out/x/a.skt"),
            ("../a.skt", "out/__/a.skt"),
            ("/etc/a.skt", "out/etc/a.skt"),
        ] {
            assert_eq!(below(Path::new("out"), file), Path::new(place));
        }
    }
}
