//! The kernel's tables of sockets by sock_diag(7): requests and answers of `linux/inet_diag.h`, byte by byte.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use super::netlink::{Message, Netlink, attributes, flag};
use crate::sockets::{Family, Protocol, Query, Socket, State, TcpInfo, Timer};

pub(crate) const NETLINK_SOCK_DIAG: libc::c_int = 4;
/// `SOCK_DIAG_BY_FAMILY`, of requests, answers and news alike.
const BY_FAMILY: u16 = 20;

/// Bytes of `inet_diag_sockid`.
const ID: usize = 48;
/// Bytes of `inet_diag_msg`.
const MESSAGE: usize = 4 + ID + 20;

/// Attributes of an answer. A request asks for each by the bit before its number.
mod attribute {
    pub(super) const INFO: u16 = 2;
    pub(super) const CONGESTION: u16 = 4;
    pub(super) const PROTOCOL: u16 = 10;
    pub(super) const ONLY_V6: u16 = 11;
}

/// What requests ask for beside the addresses.
const WANTED: u8 = 1 << (attribute::INFO - 1) | 1 << (attribute::CONGESTION - 1);

/// A socket for questions.
#[derive(Debug)]
pub(crate) struct Diag {
    netlink: Netlink,
}

impl Diag {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open(NETLINK_SOCK_DIAG, 0)? })
    }

    /// Every socket that is wanted: a dump for each protocol and family.
    pub(crate) fn dump(&mut self, query: &Query, mut take: impl FnMut(Socket)) -> io::Result<()> {
        let protocols = query.protocol.map_or(vec![Protocol::Tcp, Protocol::Udp], |one| vec![one]);
        for protocol in protocols {
            for family in [Family::V4, Family::V6] {
                let id =
                    Id { ports: [query.local_port.unwrap_or(0), query.peer_port.unwrap_or(0)], ..Id::ANY };
                let request = request(protocol, family, query.states.bits(), &id);
                let answered = self.netlink.request(BY_FAMILY, flag::DUMP, &request, |message| {
                    if let Some(socket) = socket(&message, Some(protocol)).filter(|one| is_wanted(query, one))
                    {
                        take(socket);
                    }
                });
                match answered {
                    // A kernel without IPv6, or without the table for this protocol.
                    Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                    other => other?,
                }
            }
        }
        Ok(())
    }

    /// The one socket between two addresses.
    pub(crate) fn exact(
        &mut self,
        protocol: Protocol,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> io::Result<Option<Socket>> {
        let (local, peer) = (canonical(local), canonical(peer));
        let family = if local.is_ipv4() && peer.is_ipv4() { Family::V4 } else { Family::V6 };
        // A table of datagram sockets is asked as a packet would ask it: from the peer to here.
        let [source, target] = if protocol == Protocol::Tcp { [local, peer] } else { [peer, local] };
        let id = Id {
            ports: [source.port(), target.port()],
            addresses: [octets(source.ip()), octets(target.ip())],
            interface: [local, peer].iter().copied().map(scope).max().unwrap_or(0),
        };
        let request = request(protocol, family, u32::MAX, &id);
        let mut found = None;
        let answered = self.netlink.request(BY_FAMILY, 0, &request, |message| {
            found = socket(&message, Some(protocol));
        });
        match answered {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            other => other.map(|()| found),
        }
    }
}

/// Kernels may ignore a port in a request, and no dump asks for half-open connections alone.
fn is_wanted(query: &Query, socket: &Socket) -> bool {
    query.states.has(socket.state)
        && query.local_port.is_none_or(|port| socket.local.port() == port)
        && query.peer_port.is_none_or(|port| socket.peer.port() == port)
}

/// What a request says of a socket's addresses.
struct Id {
    ports: [u16; 2],
    addresses: [[u8; 16]; 2],
    interface: u32,
}

impl Id {
    const ANY: Self = Self { ports: [0; 2], addresses: [[0; 16]; 2], interface: 0 };
}

/// `inet_diag_req_v2`.
fn request(protocol: Protocol, family: Family, states: u32, id: &Id) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + ID);
    bytes.extend([family_number(family), protocol_number(protocol), WANTED, 0]);
    bytes.extend(states.to_ne_bytes());
    bytes.extend(id.ports.iter().flat_map(|port| port.to_be_bytes()));
    bytes.extend(id.addresses.as_flattened());
    bytes.extend(id.interface.to_ne_bytes());
    // No cookie: whichever socket it is.
    bytes.extend([0xff; 8]);
    bytes
}

const fn family_number(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}

const fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

/// An IPv4 address has the first of the four words.
fn octets(address: IpAddr) -> [u8; 16] {
    let mut bytes = [0; 16];
    match address {
        IpAddr::V4(address) => bytes[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes = address.octets(),
    }
    bytes
}

fn canonical(address: SocketAddr) -> SocketAddr {
    match (address, address.ip().to_canonical()) {
        (SocketAddr::V6(_), ip @ IpAddr::V4(_)) => SocketAddr::new(ip, address.port()),
        _ => address,
    }
}

const fn scope(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    }
}

/// Reads an answer (`inet_diag_msg` and its attributes). News carry the protocol themselves.
pub(crate) fn socket(message: &Message<'_>, protocol: Option<Protocol>) -> Option<Socket> {
    if message.kind != BY_FAMILY {
        return None;
    }
    let (fixed, rest) = message.payload.split_at_checked(MESSAGE)?;
    let [family, state, timer, _retransmits] = *fixed.first_chunk()?;
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_ne_bytes(fixed.get(at..at.checked_add(4)?)?.try_into().ok()?))
    };
    let family = match family {
        2 => Family::V4,
        10 => Family::V6,
        _ => return None,
    };
    let interface = number(40)?;
    let inode = Some(u64::from(number(68)?)).filter(|inode| *inode != 0);
    let mut socket = Socket {
        protocol: protocol.unwrap_or(Protocol::Tcp),
        family,
        state: State::of_linux(state)?,
        local: address(fixed, family, 4, 8, interface)?,
        peer: address(fixed, family, 6, 24, interface)?,
        interface,
        cookie: u64::from(number(44)?) | u64::from(number(48)?) << 32,
        uid: number(64).filter(|uid| *uid != 0 || inode.is_some()),
        inode,
        receive_queue: number(56)?,
        send_queue: number(60)?,
        timer: waits(timer).map(|timer| (timer, Duration::from_millis(number(52).unwrap_or(0).into()))),
        only_v6: None,
        congestion: None,
        tcp: None,
    };
    let mut said = protocol;
    for (kind, value) in attributes(rest) {
        match kind {
            attribute::PROTOCOL => said = said.or(value.first().and_then(|number| of_number(*number))),
            attribute::INFO => socket.tcp = TcpInfo::parse(value),
            attribute::CONGESTION => socket.congestion = Some(name(value)),
            attribute::ONLY_V6 => socket.only_v6 = value.first().map(|only| *only != 0),
            _ => {}
        }
    }
    socket.protocol = said?;
    Some(socket)
}

const fn of_number(number: u8) -> Option<Protocol> {
    match number {
        6 => Some(Protocol::Tcp),
        17 => Some(Protocol::Udp),
        _ => None,
    }
}

/// `idiag_timer`.
const fn waits(number: u8) -> Option<Timer> {
    match number {
        1 | 5 => Some(Timer::Retransmission),
        2 => Some(Timer::KeepAlive),
        3 => Some(Timer::TimeWait),
        4 => Some(Timer::WindowProbe),
        _ => None,
    }
}

/// The address whose port and octets stand at these places.
fn address(fixed: &[u8], family: Family, port: usize, at: usize, interface: u32) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(fixed.get(port..port + 2)?.try_into().ok()?);
    Some(match family {
        Family::V4 => {
            let octets: [u8; 4] = fixed.get(at..at + 4)?.try_into().ok()?;
            SocketAddr::new(octets.into(), port)
        }
        Family::V6 => {
            let octets: [u8; 16] = fixed.get(at..at + 16)?.try_into().ok()?;
            let address = std::net::Ipv6Addr::from(octets);
            let scope = if address.is_unicast_link_local() { interface } else { 0 };
            canonical(SocketAddrV6::new(address, port, 0, scope).into())
        }
    })
}

/// The congestion control's name, up to its zero byte.
fn name(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(family: u8, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![family, 1, 0, 0];
        bytes.extend([0x1e, 0x6c, 0x00, 0x50]);
        bytes.extend([[0; 10].as_slice(), &[0xff, 0xff, 127, 0, 0, 1]].concat());
        bytes.extend([[0; 10].as_slice(), &[0xff, 0xff, 127, 0, 0, 2]].concat());
        bytes.extend([0; 12 + 20]);
        bytes.extend(attributes);
        bytes
    }

    #[test]
    fn an_ipv4_peer_of_an_ipv6_socket_is_shown_as_ipv4() {
        let bytes = message(10, &[]);
        let read = socket(&Message { kind: BY_FAMILY, payload: &bytes }, Some(Protocol::Tcp)).unwrap();
        assert_eq!((read.local, read.family), ("127.0.0.1:7788".parse().unwrap(), Family::V6));
        assert_eq!(read.peer, "127.0.0.2:80".parse().unwrap());
        // Nobody holds it, so that 0 is no user's number.
        assert_eq!((read.uid, read.inode, read.tcp), (None, None, None));
    }

    #[test]
    fn answers_of_any_length_and_content_are_read_without_a_panic() {
        let whole = message(2, &[5, 0, 10, 0, 6, 0, 0, 0, 6, 0, 2, 0, 1, 2, 0, 0, 200, 0, 4, 0, 1]);
        for length in 0..=whole.len() {
            let read = socket(&Message { kind: BY_FAMILY, payload: &whole[..length] }, None);
            assert_eq!(read.is_some(), length >= MESSAGE + 5, "{length}");
        }
        for (at, value) in (0..whole.len()).flat_map(|at| [0, 1, 0x7f, 0xff].map(|value| (at, value))) {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let _ = socket(&Message { kind: BY_FAMILY, payload: &bytes }, None);
        }
    }
}
