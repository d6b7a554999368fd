//! Who holds a socket: the processes whose open files have its inode, where the system shows them.
//!
//! Without privilege a process sees the open files of its own user's processes alone (proc(5), `/proc/PID/fd`), and even
//! root sees no process outside its container (pid_namespaces(7)), so that "not visible" is told apart from "nobody". A
//! look is bounded and takes some milliseconds; it is true for its moment.

use std::collections::{HashMap, HashSet};

use crate::sockets::Socket;

/// Open files looked at in all processes at the most.
const DESCRIPTORS: usize = 1_000_000;

/// Processes kept for one socket. More may hold it, as the children of a server do.
const HOLDERS: usize = 16;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name, at most 15 bytes, as it chose it itself: it may hold anything.
    pub name: String,
}

/// Who holds a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// These processes: never none, the lowest number first.
    Held(&'a [Process]),
    /// One whose open files may not be seen from here, or the kernel itself.
    Hidden,
    /// No process any more: the kernel ends it alone.
    Nobody,
}

/// What one look at all processes found.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    held: HashMap<u64, Vec<Process>>,
    /// Processes whose open files may not be seen.
    hidden: usize,
}

impl Owners {
    /// Looks at the open files of every process, for any socket.
    pub fn look() -> Self {
        Self::look_for(None)
    }

    /// Looks for the holders of these sockets alone.
    pub fn of_sockets<'a>(sockets: impl IntoIterator<Item = &'a Socket>) -> Self {
        let wanted: HashSet<u64> = sockets.into_iter().filter_map(|socket| socket.inode).collect();
        Self::look_for(Some(&wanted))
    }

    /// Who holds a socket.
    pub fn of(&self, socket: &Socket) -> Owner<'_> {
        match socket.inode.and_then(|inode| self.held.get(&inode)) {
            Some(processes) => Owner::Held(processes),
            None if socket.inode.is_none() => Owner::Nobody,
            None => Owner::Hidden,
        }
    }

    /// How many processes keep their open files from whoever looks.
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    #[cfg(target_os = "linux")]
    fn look_for(wanted: Option<&HashSet<u64>>) -> Self {
        let mut found = Self::default();
        let Ok(processes) = std::fs::read_dir("/proc") else { return found };
        let mut pids: Vec<u32> =
            processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        pids.sort_unstable();
        let mut left = DESCRIPTORS;
        for pid in pids {
            let mut name = None;
            match std::fs::read_dir(format!("/proc/{pid}/fd")) {
                Ok(files) => {
                    for file in files.flatten().take(left) {
                        left -= 1;
                        let Some(inode) = inode(&file.path()) else { continue };
                        if wanted.is_some_and(|wanted| !wanted.contains(&inode)) {
                            continue;
                        }
                        let name = name.get_or_insert_with(|| comm(pid)).clone();
                        let holders = found.held.entry(inode).or_default();
                        let is_known = holders.iter().any(|holder| holder.pid == pid);
                        if !is_known && holders.len() < HOLDERS {
                            holders.push(Process { pid, name });
                        }
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => found.hidden += 1,
                // It has ended meanwhile.
                Err(_) => {}
            }
        }
        found
    }

    #[cfg(not(target_os = "linux"))]
    fn look_for(_wanted: Option<&HashSet<u64>>) -> Self {
        let _ = (DESCRIPTORS, HOLDERS);
        Self::default()
    }
}

/// The inode of the socket that an open file is.
#[cfg(target_os = "linux")]
fn inode(file: &std::path::Path) -> Option<u64> {
    let target = std::fs::read_link(file).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// A process's name.
#[cfg(target_os = "linux")]
fn comm(pid: u32) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;
    use crate::sockets::{Query, Sockets};

    /// The one of this port that is held: old connections in TIME-WAIT may have the same.
    fn by_port(port: u16) -> Socket {
        let query = Query { local_port: Some(port), ..Query::default() };
        let found = Sockets::open().unwrap().all(&query).unwrap().sockets;
        found.into_iter().find(Socket::waits).unwrap()
    }

    #[test]
    fn a_process_finds_itself_as_the_holder() {
        let (listener, datagrams) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
        for port in [listener.local_addr().unwrap().port(), datagrams.local_addr().unwrap().port()] {
            let socket = by_port(port);
            for owners in [Owners::look(), Owners::of_sockets([&socket])] {
                let Owner::Held([one]) = owners.of(&socket) else { panic!("{:?}", owners.of(&socket)) };
                assert_eq!(one.pid, std::process::id());
                assert!(!one.name.is_empty() && !one.name.ends_with('\n'));
            }
        }
    }

    #[test]
    fn not_visible_is_not_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = by_port(listener.local_addr().unwrap().port());
        let sees_nothing = Owners::default();
        assert_eq!(sees_nothing.of(&socket), Owner::Hidden);
        socket.inode = None;
        assert_eq!(sees_nothing.of(&socket), Owner::Nobody);
    }
}
