//! A socket of this program's own, seen from inside while it lives: its address, and when what is written leaves.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::story::Stamp;

/// Another hold on a socket. The socket is closed only when this is dropped too.
#[derive(Debug)]
pub struct Own {
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "nothing is asked of it on this system")
    )]
    socket: OwnedFd,
}

impl Own {
    /// Takes hold of a socket.
    pub fn of(socket: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { socket: socket.try_clone_to_owned()? })
    }

    /// Its own address, also after it was refused; `None` before it has one, and on systems other than Linux.
    pub fn local(&self) -> Option<SocketAddr> {
        #[cfg(target_os = "linux")]
        {
            let address = rustix::net::getsockname(&self.socket).ok()?;
            SocketAddr::try_from(address).ok().filter(|address| address.port() != 0)
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Asks the kernel to say when written bytes leave and are acknowledged. The connection must be under way.
    pub fn stamp(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        return crate::linux::timestamps::ask(&self.socket);
        #[cfg(not(target_os = "linux"))]
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What the kernel said since.
    pub fn stamps(&self) -> Vec<Stamp> {
        #[cfg(target_os = "linux")]
        return crate::linux::timestamps::take(&self.socket);
        #[cfg(not(target_os = "linux"))]
        Vec::new()
    }
}
