//! A socket of this program's own, seen from inside while it lives: its address, and when what is written leaves.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::{BorrowedFd, OwnedFd};
#[cfg(windows)]
use std::os::windows::io::{BorrowedSocket as BorrowedFd, OwnedSocket as OwnedFd};

#[cfg(target_os = "linux")]
use super::segment::Packet;
use super::segment::Segment;
use super::story::Stamp;
#[cfg(target_os = "linux")]
use crate::linux::sys;

/// Bytes of the longest headers that a SYN may have: IPv6 with extensions, and TCP with options.
#[cfg(target_os = "linux")]
const HEADERS: usize = 1024;

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

/// Asks the kernel to keep the SYN of every connection that comes to a listening socket (`TCP_SAVE_SYN`). Needs no right.
pub fn save_syns(listener: BorrowedFd<'_>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return sys::set_number(&listener, libc::IPPROTO_TCP, libc::TCP_SAVE_SYN, 1);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = listener;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The SYN that a connection began with, once, if it was kept.
pub fn saved_syn(connection: BorrowedFd<'_>) -> Option<Segment> {
    #[cfg(target_os = "linux")]
    {
        let mut headers = [0; HEADERS];
        let length = sys::option(&connection, libc::IPPROTO_TCP, libc::TCP_SAVED_SYN, &mut headers).ok()?;
        match Packet::read(headers.get(..length)?, length)? {
            Packet::Tcp(segment) => Some(segment),
            Packet::Udp(_) | Packet::Icmp(_) => None,
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = connection;
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;
    use crate::trace::Flags;

    #[test]
    fn the_syn_of_who_came_is_kept() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            save_syns(listener.as_fd()).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let server = listener.accept().unwrap().0;
            let syn = saved_syn(server.as_fd()).unwrap();
            assert_eq!((syn.from, syn.to), (client.local_addr().unwrap(), server.local_addr().unwrap()));
            assert!(syn.flags.has(Flags::SYN) && syn.options.mss.is_some() && syn.window > 0, "{syn:?}");
            assert_eq!(saved_syn(server.as_fd()), None);
        }
    }
}
