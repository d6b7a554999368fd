//! Ports of this machine: whether one can be bound here and now and why not, which the system gives by itself, how many
//! of those are in use, and ports that are free.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use crate::sockets::{Protocol, Socket, State};

/// How the system deals with ports. What cannot be read is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which ports the system gives to sockets that ask for none (`net.ipv4.ip_local_port_range`).
    pub ephemeral: Option<RangeInclusive<u16>>,
    /// Which of them it never gives (`net.ipv4.ip_local_reserved_ports`). They can be bound on purpose.
    pub reserved: Vec<RangeInclusive<u16>>,
    /// The first port that needs no privilege (`net.ipv4.ip_unprivileged_port_start`).
    pub unprivileged: Option<u16>,
}

impl Rules {
    /// Those of this machine, or rather of the network namespace.
    pub fn here() -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok();
        Self {
            ephemeral: read("ip_local_port_range").as_deref().and_then(span),
            reserved: read("ip_local_reserved_ports").map(|text| spans(&text)).unwrap_or_default(),
            unprivileged: read("ip_unprivileged_port_start").and_then(|text| text.trim().parse().ok()),
        }
    }

    /// Whether the system never gives this port by itself.
    pub fn reserves(&self, port: u16) -> bool {
        self.reserved.iter().any(|range| range.contains(&port))
    }

    /// How many ports the system has to give, and how many of them sockets have now.
    pub fn usage(&self, protocol: Protocol, sockets: &[Socket]) -> Option<Usage> {
        let range = self.ephemeral.clone()?;
        let given = |port: &u16| range.contains(port) && !self.reserves(*port);
        let size = range.clone().filter(given).count();
        let own = || sockets.iter().filter(|one| one.protocol == protocol && given(&one.local.port()));
        let ports: HashSet<u16> = own().map(|socket| socket.local.port()).collect();
        let waiting = own().filter(|socket| socket.state == State::TimeWait).count();
        Some(Usage { size, ports: ports.len(), sockets: own().count(), waiting })
    }
}

/// How much of the ephemeral range is in use. One port serves several sockets where their peers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Ports the system has to give.
    pub size: usize,
    /// Different ports in use.
    pub ports: usize,
    /// Sockets that have them.
    pub sockets: usize,
    /// Of them, those in TIME-WAIT.
    pub waiting: usize,
}

/// `32768` and `60999`, with a tab between.
fn span(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ends = text.split_ascii_whitespace().map(str::parse);
    Some(ends.next()?.ok()?..=ends.next()?.ok()?)
}

/// `8080,9148-9150`.
fn spans(text: &str) -> Vec<RangeInclusive<u16>> {
    let one = |item: &str| {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    text.trim().split(',').filter_map(one).collect()
}

/// What binding came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// It works.
    Works,
    /// It works only for who says SO_REUSEADDR, as servers do: old connections are in TIME-WAIT.
    Reuse,
    /// A socket has it.
    Taken,
    /// It needs a privilege.
    Privileged,
    /// The machine has no such address: IPv6 is switched off.
    NoAddress,
    /// Something else, in the system's words.
    Other(String),
}

/// The addresses that are tried: any, and loopback, of both kinds.
pub const TRIED: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Binds, and lets go at once. Nothing listens meanwhile, so that no peer notices.
pub fn bind(protocol: Protocol, address: SocketAddr) -> Bind {
    match try_bind(protocol, address, Reuse::No) {
        Ok(_) => Bind::Works,
        Err(error) => match error.kind() {
            io::ErrorKind::AddrInUse if protocol == Protocol::Tcp => {
                if try_bind(protocol, address, Reuse::Yes).is_ok() { Bind::Reuse } else { Bind::Taken }
            }
            io::ErrorKind::AddrInUse => Bind::Taken,
            io::ErrorKind::PermissionDenied => Bind::Privileged,
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported => Bind::NoAddress,
            _ if error.raw_os_error() == Some(NO_FAMILY) => Bind::NoAddress,
            _ => Bind::Other(error.to_string()),
        },
    }
}

/// `EAFNOSUPPORT`.
const NO_FAMILY: i32 = if cfg!(target_os = "linux") { 97 } else { 47 };

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    No,
    Yes,
}

fn try_bind(protocol: Protocol, address: SocketAddr, reuse: Reuse) -> io::Result<socket2::Socket> {
    let kind = match protocol {
        Protocol::Tcp => socket2::Type::STREAM,
        Protocol::Udp => socket2::Type::DGRAM,
    };
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        // The two kinds are tried apart.
        socket.set_only_v6(true)?;
    }
    if reuse == Reuse::Yes {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// How many free ports may be asked for at once.
pub const MOST_FREE: usize = 1000;

/// So many ports that are free on TCP and on UDP, on every address: all are held at once, so that they differ, and then
/// let go. Another program may take one the next moment. At most [`MOST_FREE`].
pub fn free(count: usize) -> io::Result<Vec<u16>> {
    let count = count.min(MOST_FREE);
    let mut held = Vec::new();
    let mut ports = Vec::new();
    let mut tries = 0;
    while ports.len() < count {
        tries += 1;
        if tries > 20 * MOST_FREE {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let first = both(Protocol::Tcp, 0)?;
        let port = first.local_addr()?.as_socket().map_or(0, |address| address.port());
        // Held even if UDP has it not: else the system might give it again and again.
        held.push(first);
        if let Ok(datagrams) = both(Protocol::Udp, port) {
            held.push(datagrams);
            ports.push(port);
        }
    }
    ports.sort_unstable();
    Ok(ports)
}

/// Binds on every address of both kinds, or of IPv4 where there is no IPv6.
fn both(protocol: Protocol, port: u16) -> io::Result<socket2::Socket> {
    let kind = match protocol {
        Protocol::Tcp => socket2::Type::STREAM,
        Protocol::Udp => socket2::Type::DGRAM,
    };
    let six = socket2::Socket::new(socket2::Domain::IPV6, kind, None).and_then(|socket| {
        socket.set_only_v6(false)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
        Ok(socket)
    });
    match six {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            try_bind(protocol, (Ipv4Addr::UNSPECIFIED, port).into(), Reuse::No)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::sockets::{Query, Sockets};

    #[test]
    fn ranges_are_read_as_the_kernel_writes_them() {
        assert_eq!(span("32768\t60999\n"), Some(32768..=60999));
        assert_eq!((span("1"), span("a b"), span("1 99999")), (None, None, None));
        assert_eq!(spans("8080,9148-9150\n"), [8080..=8080, 9148..=9150]);
        assert_eq!(spans("\n"), []);
    }

    #[test]
    fn a_port_is_counted_once_however_many_sockets_have_it() {
        let rules =
            Rules { ephemeral: Some(100..=109), reserved: vec![105..=106, 300..=400], unprivileged: None };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let query = Query { local_port: Some(listener.local_addr().unwrap().port()), ..Query::default() };
        let sample = Sockets::open().unwrap().all(&query).unwrap().sockets.remove(0);
        let with = |port, state| {
            let mut socket = sample.clone();
            socket.local.set_port(port);
            Socket { state, ..socket }
        };
        let sockets = [
            with(100, State::Established),
            with(100, State::TimeWait),
            with(109, State::TimeWait),
            with(105, State::TimeWait),
            with(99, State::Established),
        ];
        let usage = rules.usage(Protocol::Tcp, &sockets).unwrap();
        assert_eq!(usage, Usage { size: 8, ports: 2, sockets: 3, waiting: 2 });
        assert_eq!(rules.usage(Protocol::Udp, &sockets).unwrap().ports, 0);
    }

    #[test]
    fn a_port_that_is_held_is_taken_and_then_works_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(bind(Protocol::Tcp, address), Bind::Taken);
        assert_eq!(bind(Protocol::Tcp, (Ipv4Addr::UNSPECIFIED, address.port()).into()), Bind::Taken);
        assert_eq!(bind(Protocol::Udp, address), Bind::Works);
        // Closed by the server first, so that its end waits.
        let client = TcpStream::connect(address).unwrap();
        drop(listener.accept().unwrap());
        drop(client);
        drop(listener);
        assert_eq!(bind(Protocol::Tcp, address), Bind::Reuse);
        assert_eq!(bind(Protocol::Tcp, "192.0.2.1:0".parse().unwrap()), Bind::NoAddress);
    }

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let ports = free(50).unwrap();
        assert_eq!(ports.iter().collect::<HashSet<_>>().len(), 50);
        assert!(ports.iter().all(|port| *port > 0));
        assert!(free(0).unwrap().is_empty());
    }
}
