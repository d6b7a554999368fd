//! Between the system's addresses and the core's.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sockeye_core::Address;
use tokio::net::unix::SocketAddr;

/// A Unix socket's address. An abstract name (Linux, unix(7)) is kept as a path that begins with a NUL byte, which no
/// path of a file can.
pub(crate) fn of_unix(end: &SocketAddr) -> Address {
    let named = end.as_pathname().map(PathBuf::from);
    Address::Unix(named.or_else(|| {
        let name = end.as_abstract_name()?;
        let path = [b"\0", name].concat();
        Some(PathBuf::from(OsStr::from_bytes(&path)))
    }))
}

/// The abstract name in a path that [`of_unix`] made.
pub(crate) fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_bytes().strip_prefix(b"\0")
}
