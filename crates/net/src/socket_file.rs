//! The file of a Unix socket: a stale one makes room, a live one never does, and ours goes when we go.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, fchmod};
use socket2::{Domain, SockAddr, Socket, Type};

/// A socket file that this process made. Dropping it removes the file, if it is still the same one.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // Gone already is as good.
            let _result = fs::remove_file(&self.path);
        }
    }
}

/// The device and number of a file, without following a link.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let data = fs::symlink_metadata(path).ok()?;
    Some((data.dev(), data.ino()))
}

/// Binds a new non-blocking socket to `path`. A socket file that nobody answers at any more is replaced; `AddrInUse`
/// if somebody does, `AlreadyExists` if the file is no socket. The file's mode is 0600 less the umask, from the start:
/// like a port on loopback it is not for others unless its owner says so (chmod).
pub fn bind(path: &Path, kind: Type) -> io::Result<(Socket, SocketFile)> {
    let address = SockAddr::unix(path)?;
    make_room(path, &address, kind)?;
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.set_nonblocking(true)?;
    // Linux gives the file the mode that the socket has when it is bound. Elsewhere the umask alone decides.
    fchmod(socket.as_fd(), Mode::S_IRUSR | Mode::S_IWUSR)
        .or_else(|error| if cfg!(target_os = "linux") { Err(error) } else { Ok(()) })?;
    socket.bind(&address)?;
    Ok((socket, SocketFile { path: path.into(), identity: identity(path) }))
}

/// Removes a stale socket file. Only a refused connection proves that it is stale: a full backlog, a socket of another
/// type and missing rights all mean that it is somebody's.
fn make_room(path: &Path, address: &SockAddr, kind: Type) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let probe = Socket::new(Domain::UNIX, kind, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}
