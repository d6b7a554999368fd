//! This machine's TCP and UDP sockets with what the kernel counts of them: all of them, or one by its two addresses.
//!
//! Every user may see every socket of the network namespace, also other users'. What is not seen here is which process
//! holds one: that is [`crate::owners`]. Read [`Sockets`] first.

mod info;
mod state;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

pub use info::TcpInfo;
pub use state::{State, States};

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Which addresses a socket was made for. One made for IPv6 may carry IPv4 too (`::ffff:192.0.2.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
}

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// An acknowledgement: then the segment is sent again.
    Retransmission,
    /// The next probe of an idle connection.
    KeepAlive,
    /// The end of TIME-WAIT.
    TimeWait,
    /// The next probe of a closed window.
    WindowProbe,
}

/// One socket as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// What it was made for.
    pub family: Family,
    /// Its state.
    pub state: State,
    /// Its own address; an IPv4 address within IPv6 is shown as IPv4. The unspecified one means any.
    pub local: SocketAddr,
    /// The peer's; unspecified with port 0 where there is none.
    pub peer: SocketAddr,
    /// The number of the interface it is bound to; 0 for any.
    pub interface: u32,
    /// What the kernel knows it by: the same as long as it lives, and no other's.
    pub cookie: u64,
    /// The user it belongs to; none where the kernel does not say (TIME-WAIT, half-open, or closed by its process).
    pub uid: Option<u32>,
    /// Its number in `/proc/PID/fd`; none where no process holds it.
    pub inode: Option<u64>,
    /// Bytes received and not read. Of a TCP listener: connections that wait for accept.
    pub receive_queue: u32,
    /// Bytes sent and not acknowledged. Of a TCP listener: the longest that queue may be.
    pub send_queue: u32,
    /// What it waits for, and for how long yet.
    pub timer: Option<(Timer, Duration)>,
    /// Whether an IPv6 socket takes no IPv4; none where the kernel does not say.
    pub only_v6: Option<bool>,
    /// The congestion control's name.
    pub congestion: Option<String>,
    /// What the kernel counts; none in TIME-WAIT, half-open, or of UDP.
    pub tcp: Option<TcpInfo>,
}

impl Socket {
    /// Whether it waits for peers: a TCP listener, or a UDP socket without a peer.
    pub const fn waits(&self) -> bool {
        match self.protocol {
            Protocol::Tcp => matches!(self.state, State::Listen),
            Protocol::Udp => self.peer.port() == 0,
        }
    }

    /// Whether packets to `address` and this port would be for it: the same, or it has any address of a kind that
    /// takes in this one.
    pub fn takes(&self, address: IpAddr) -> bool {
        match (self.local.ip(), address) {
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(_)) => self.only_v6 != Some(true),
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(_))
            | (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(_)) => true,
            (own, other) => own == other,
        }
    }
}

/// Which sockets are wanted. The default: every one of both protocols.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// One protocol alone.
    pub protocol: Option<Protocol>,
    /// In which states.
    pub states: States,
    /// With this port of its own.
    pub local_port: Option<u16>,
    /// With this port of the peer's.
    pub peer_port: Option<u16>,
}

impl Default for Query {
    fn default() -> Self {
        Self { protocol: None, states: States::ALL, local_port: None, peer_port: None }
    }
}

/// How many sockets are kept of one look at the most; then [`Found::cut`] is set.
pub const MOST: usize = 200_000;

/// What a look found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The sockets.
    pub sockets: Vec<Socket>,
    /// Whether there were more than are kept.
    pub cut: bool,
}

/// A way to the kernel's tables of sockets; cheap to keep, and needs no privilege.
#[derive(Debug)]
pub struct Sockets {
    #[cfg(target_os = "linux")]
    diag: crate::linux::diag::Diag,
}

impl Sockets {
    /// Opens it. `Unsupported` on systems other than Linux, and where the kernel has no sock_diag(7).
    pub fn open() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        return Ok(Self { diag: crate::linux::diag::Diag::open()? });
        #[cfg(not(target_os = "linux"))]
        Err(io::ErrorKind::Unsupported.into())
    }

    /// All sockets that a query wants: a look at one moment, not quite the same for each of them.
    pub fn all(&mut self, query: &Query) -> io::Result<Found> {
        let mut found = Found::default();
        self.each(query, |socket| {
            if found.sockets.len() < MOST {
                found.sockets.push(socket);
            } else {
                found.cut = true;
            }
        })?;
        Ok(found)
    }

    /// Hands over each socket that a query wants.
    pub fn each(&mut self, query: &Query, take: impl FnMut(Socket)) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        return self.diag.dump(query, take);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (query, take);
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// The socket between two addresses, as this machine's end has them; none where there is none. It takes about a
    /// microsecond. With an unspecified peer of port 0, the socket that would answer at `local`.
    pub fn exact(
        &mut self,
        protocol: Protocol,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> io::Result<Option<Socket>> {
        #[cfg(target_os = "linux")]
        return self.diag.exact(protocol, local, peer);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (protocol, local, peer);
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;

    use super::*;

    fn inode(socket: &impl AsFd) -> Option<u64> {
        rustix::fs::fstat(socket).ok().map(|stat| stat.st_ino)
    }

    fn pair(address: &str) -> (TcpListener, TcpStream, TcpStream) {
        let listener = TcpListener::bind(address).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = listener.accept().unwrap().0;
        (listener, client, server)
    }

    #[test]
    fn a_connection_is_found_by_its_addresses_with_its_figures() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let (_listener, mut client, mut server) = pair(address);
            client.write_all(&[7; 1000]).unwrap();
            server.read_exact(&mut [0; 400]).unwrap();
            let (local, peer) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let mut sockets = Sockets::open().unwrap();
            let here = sockets.exact(Protocol::Tcp, local, peer).unwrap().unwrap();
            assert_eq!((here.local, here.peer, here.state), (local, peer, State::Established));
            assert_eq!(here.inode, inode(&client));
            assert_eq!(here.uid, Some(rustix::process::getuid().as_raw()));
            let info = here.tcp.unwrap();
            assert_eq!(info.bytes_sent, Some(1000));
            assert!(info.cwnd > 0 && info.rto > Duration::ZERO, "{info:?}");
            assert!(here.congestion.is_some_and(|name| !name.is_empty()));
            let there = sockets.exact(Protocol::Tcp, peer, local).unwrap().unwrap();
            assert_eq!(there.inode, inode(&server));
            assert_eq!(there.receive_queue, 600);
            assert_eq!(there.tcp.unwrap().bytes_received, Some(1000));
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let (listener, client, server) = pair("127.0.0.1:0");
        let (local, peer) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        // Reset from here, so that nothing waits.
        socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop((client, server, listener));
        let mut sockets = Sockets::open().unwrap();
        assert_eq!(sockets.exact(Protocol::Tcp, local, peer).unwrap(), None);
        let anywhere = "0.0.0.0:0".parse().unwrap();
        assert_eq!(sockets.exact(Protocol::Udp, "192.0.2.1:1".parse().unwrap(), anywhere).unwrap(), None);
    }

    #[test]
    fn a_query_for_a_port_and_a_state_gives_those_alone() {
        let (listener, client, _server) = pair("127.0.0.1:0");
        let port = listener.local_addr().unwrap().port();
        let mut sockets = Sockets::open().unwrap();
        // Old connections of other tests may have the same port.
        let states = States::ALL.without(State::TimeWait);
        let query = Query { local_port: Some(port), states, ..Query::default() };
        let all = sockets.all(&query).unwrap().sockets;
        assert_eq!(all.len(), 2, "{all:?}");
        let listens = Query {
            protocol: Some(Protocol::Tcp),
            states: States::NONE.with(State::Listen),
            local_port: Some(port),
            ..Query::default()
        };
        let found = sockets.all(&listens).unwrap().sockets;
        assert_eq!(found.len(), 1);
        assert!(found[0].waits() && found[0].inode == inode(&listener));
        let toward = Query { peer_port: Some(port), states, ..Query::default() };
        let found = sockets.all(&toward).unwrap().sockets;
        assert_eq!(found.iter().map(|socket| socket.inode).collect::<Vec<_>>(), [inode(&client)]);
    }

    #[test]
    fn datagram_sockets_are_found_with_and_without_a_peer() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let bound = UdpSocket::bind(address).unwrap();
            let near = UdpSocket::bind(address).unwrap();
            near.connect(bound.local_addr().unwrap()).unwrap();
            let mut sockets = Sockets::open().unwrap();
            let (local, peer) = (near.local_addr().unwrap(), bound.local_addr().unwrap());
            let found = sockets.exact(Protocol::Udp, local, peer).unwrap().unwrap();
            assert_eq!((found.inode, found.waits()), (inode(&near), false));
            let found = sockets.exact(Protocol::Udp, peer, local).unwrap().unwrap();
            assert_eq!((found.inode, found.waits()), (inode(&bound), true));
            assert_eq!(found.local, peer);
        }
    }

    #[test]
    fn the_wildcard_of_ipv6_takes_ipv4_unless_it_says_no() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let mut sockets = Sockets::open().unwrap();
        let query = Query { local_port: Some(listener.local_addr().unwrap().port()), ..Query::default() };
        let found = sockets.all(&query).unwrap().sockets;
        let mut found = found.into_iter().find(|socket| socket.inode == inode(&listener)).unwrap();
        assert!(found.takes("127.0.0.1".parse().unwrap()) && found.takes("::1".parse().unwrap()));
        found.only_v6 = Some(true);
        assert!(!found.takes("127.0.0.1".parse().unwrap()));
    }
}
