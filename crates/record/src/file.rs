//! A file that a recording is written to: whole pieces, so that a full disk leaves a file that ends where a piece ends.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use sockeye_core::{Code, Fault};

/// How much is gathered before it is written, at most.
const GATHERED: usize = 256 * 1024;

/// A file that grows by whole pieces.
#[derive(Debug)]
pub struct Pages {
    file: File,
    path: String,
    /// What is not written yet.
    gathered: Vec<u8>,
    /// Where the last whole piece in the file ends.
    whole: u64,
}

impl Pages {
    /// Makes the file, readable by its owner alone: what sessions said may be nobody else's business. A file that is there
    /// is overwritten, as shells and other programs do with the file that they are told to write.
    pub fn create(path: &str) -> Result<Self, Fault> {
        let file = private().truncate(true).open(Path::new(path));
        let file = file.map_err(|error| unwritable(path, &error))?;
        Ok(Self { file, path: path.to_owned(), gathered: Vec::new(), whole: 0 })
    }

    /// Appends a piece, which may wait for [`Pages::flush`].
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Fault> {
        self.gathered.extend_from_slice(piece);
        if self.gathered.len() < GATHERED { Ok(()) } else { self.flush() }
    }

    /// Hands all pieces to the system: a crash of the program loses none of them.
    pub fn flush(&mut self) -> Result<(), Fault> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.gathered) {
            // A part of what was gathered may be there; as much of it as is whole cannot be told.
            let _ = self.file.set_len(self.whole);
            self.gathered = Vec::new();
            return Err(unwritable(&self.path, &error));
        }
        self.whole += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }
}

/// How files that hold what was said are opened: for their owner alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn unwritable(path: &str, error: &std::io::Error) -> Fault {
    Fault::new(Code::Unwritable, "").arg("path", path).detail(error)
}
