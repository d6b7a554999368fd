//! A file that a recording is written to: whole pieces, so that a full disk leaves a file that ends where a piece ends.

use std::fs::{File, OpenOptions};
use std::io::Write;

use sockeye_core::{Code, Fault};

/// How much is gathered before it is written, at most.
const GATHERED: usize = 256 * 1024;

/// Makes a file, readable by its owner alone: what sessions said may be nobody else's business. One that is there is
/// overwritten, as shells and other programs do with the file that they are told to write.
pub fn create(path: &str) -> Result<File, Fault> {
    let file = open(path)?;
    empty(&file).map_err(|error| unwritable(path, &error))?;
    Ok(file)
}

/// Makes a file, or opens one to be overwritten later.
fn open(path: &str) -> Result<File, Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| unwritable(path, &error))
}

/// Empties what is a file; pipes and devices have nothing to be emptied of.
fn empty(file: &File) -> std::io::Result<()> {
    if file.metadata()?.is_file() { file.set_len(0) } else { Ok(()) }
}

/// A file that grows by whole pieces.
pub struct Pages {
    to: To,
    path: String,
    /// What is not written yet.
    gathered: Vec<u8>,
    /// Where the last whole piece in the file ends.
    whole: u64,
}

impl Pages {
    /// Makes the file, as [`create`] does; but one that is there keeps what it has until there is something to write. So
    /// what fails before it begins overwrites nothing, and a file that is being played can be recorded over.
    pub fn create(path: &str) -> Result<Self, Fault> {
        Ok(Self { to: To::File(open(path)?), path: path.to_owned(), gathered: Vec::new(), whole: 0 })
    }

    /// Writes to something else, of which what is written cannot be taken back. `name` is what a fault calls it.
    pub fn of(to: Box<dyn Write + Send>, name: &str) -> Self {
        Self { to: To::Other(to), path: name.to_owned(), gathered: Vec::new(), whole: 0 }
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
        let written = match &mut self.to {
            To::File(file) if self.whole == 0 => empty(file).and_then(|()| file.write_all(&self.gathered)),
            To::File(file) => file.write_all(&self.gathered),
            To::Other(to) => to.write_all(&self.gathered).and_then(|()| to.flush()),
        };
        if let Err(error) = written {
            // A part of what was gathered may be there; as much of it as is whole cannot be told.
            if let To::File(file) = &self.to {
                let _ = file.set_len(self.whole);
            }
            self.gathered = Vec::new();
            return Err(unwritable(&self.path, &error));
        }
        self.whole += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }
}

/// Where pieces go.
enum To {
    File(File),
    Other(Box<dyn Write + Send>),
}

fn unwritable(path: &str, error: &std::io::Error) -> Fault {
    Fault::new(Code::Unwritable, "").arg("path", path).detail(error)
}
