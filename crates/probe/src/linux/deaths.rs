//! News of the ends of sockets: the multicast groups of sock_diag(7), which tell of each socket as the kernel destroys it.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::diag::{NETLINK_SOCK_DIAG, socket};
use super::netlink::Netlink;
use super::sys;
use crate::sockets::{Protocol, Socket};

/// Bytes of news that may wait, if the system lets us have so many. A death takes about 1,300.
const BUFFER: usize = 64 << 20;

/// The place of the count of dropped messages in `SO_MEMINFO` (`SK_MEMINFO_DROPS`).
const DROPS: usize = 8;

/// A socket that is told of deaths.
#[derive(Debug)]
pub(crate) struct Deaths {
    netlink: Netlink,
    /// Drops that were told of.
    told: u32,
}

impl Deaths {
    /// From now on the kernel keeps news for it: of one protocol, or of both.
    pub(crate) fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        // The groups 1 to 4: TCP, UDP, TCP of IPv6, UDP of IPv6 (`SKNLGRP_INET_TCP_DESTROY` and so on).
        let groups = match protocol {
            Some(Protocol::Tcp) => 0b0101,
            Some(Protocol::Udp) => 0b1010,
            None => 0b1111,
        };
        let netlink = Netlink::open(NETLINK_SOCK_DIAG, groups)?;
        enlarge(&netlink, BUFFER);
        Ok(Self { netlink, told: 0 })
    }

    /// Makes the buffer so small that it overflows soon.
    #[cfg(test)]
    pub(crate) fn shrink(&self) {
        rustix::net::sockopt::set_socket_recv_buffer_size(&self.netlink, 1).unwrap();
    }

    /// Waits for news, no longer than `patience`. Whether there are any.
    pub(crate) fn wait(&self, patience: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.netlink, PollFlags::IN)];
        let patience = Timespec::try_from(patience).map_err(|_too_long| io::ErrorKind::InvalidInput)?;
        match poll(&mut fds, Some(&patience)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what is there, without waiting. How many were dropped since the last time because too many waited.
    pub(crate) fn take(&mut self, mut take: impl FnMut(Socket)) -> io::Result<u64> {
        loop {
            let read = self.netlink.events(|message| {
                if let Some(socket) = socket(&message, None) {
                    take(socket);
                }
            });
            match read {
                Ok(()) => return Ok(self.missed()),
                // Said once for each overflow; what waits is still to be had.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The kernel counts each message that it could not queue.
    fn missed(&mut self) -> u64 {
        let mut bytes = [0; 4 * (DROPS + 1)];
        let length = sys::option(&self.netlink, libc::SOL_SOCKET, libc::SO_MEMINFO, &mut bytes).unwrap_or(0);
        let drops = bytes.get(4 * DROPS..length).and_then(|drops| drops.first_chunk());
        let drops = drops.map_or(self.told, |drops| u32::from_ne_bytes(*drops));
        let missed = drops.wrapping_sub(self.told);
        self.told = drops;
        missed.into()
    }
}

/// As much as a privileged program may have, else as much as the system gives everybody.
fn enlarge(netlink: &Netlink, bytes: usize) {
    use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
    if set_socket_recv_buffer_size_force(netlink, bytes).is_err() {
        // Whatever it becomes: what does not fit is counted.
        let _ = set_socket_recv_buffer_size(netlink, bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};

    use super::*;
    use crate::sockets::State;

    const COUNT: usize = 400;

    /// Opens and closes connections one after another, and then one whose death says that all others have been told of.
    fn generate(listener: &TcpListener) -> SocketAddr {
        use std::io::{Read, Write};
        let address = listener.local_addr().unwrap();
        for _ in 0..COUNT {
            let mut client = TcpStream::connect(address).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(b"hello").unwrap();
            server.read_exact(&mut [0; 5]).unwrap();
            drop((client, server));
        }
        address
    }

    #[test]
    fn every_death_is_told_with_its_last_figures() {
        every_death_at("127.0.0.1:0");
        every_death_at("[::1]:0");
    }

    fn every_death_at(address: &str) {
        let mut deaths = Deaths::open(Some(Protocol::Tcp)).unwrap();
        let listener = TcpListener::bind(address).unwrap();
        let address = generate(&listener);
        let (mut clients, mut servers, mut missed) = (0, 0, 0);
        while clients + servers + missed < 2 * COUNT {
            assert!(deaths.wait(Duration::from_secs(20)).unwrap(), "{clients} {servers} {missed}");
            let dropped = deaths.take(|socket| {
                let info = socket.tcp.as_ref();
                if socket.peer == address {
                    clients += 1;
                    assert_eq!(info.and_then(|info| info.bytes_sent), Some(5));
                } else if socket.local == address && socket.state != State::Listen {
                    servers += 1;
                    // The FIN counts as one, where it came before the close.
                    assert!(info.and_then(|info| info.bytes_received).is_some_and(|bytes| bytes >= 5));
                }
            });
            missed += usize::try_from(dropped.unwrap()).unwrap();
        }
    }

    #[test]
    fn deaths_of_datagram_sockets_are_told_too() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let mut deaths = Deaths::open(None).unwrap();
            let socket = std::net::UdpSocket::bind(address).unwrap();
            let address = socket.local_addr().unwrap();
            drop(socket);
            let mut found = false;
            while !found {
                assert!(deaths.wait(Duration::from_secs(20)).unwrap());
                let own = |dead: &Socket| dead.protocol == Protocol::Udp && dead.local == address;
                deaths.take(|dead| found |= own(&dead)).unwrap();
            }
        }
    }

    /// Other programs' sockets may die meanwhile, so that more may be missed than were generated.
    #[test]
    fn what_does_not_fit_is_counted() {
        let mut deaths = Deaths::open(Some(Protocol::Tcp)).unwrap();
        deaths.shrink();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = generate(&listener);
        let (mut seen, mut missed) = (0, 0);
        while seen + missed < 2 * COUNT {
            let _ = deaths.wait(Duration::from_millis(10)).unwrap();
            let dropped = deaths.take(|socket| {
                seen += usize::from(socket.peer == address || socket.local == address);
            });
            missed += usize::try_from(dropped.unwrap()).unwrap();
        }
        assert!(seen < COUNT && missed > COUNT, "{seen} {missed}");
    }
}
