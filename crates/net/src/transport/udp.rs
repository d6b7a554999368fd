//! UDP (RFC 768): unicast, broadcast, and multicast by `mcast=` and `ttl=`.
//!
//! `mcast=` is `GROUP[@INTERFACE]`, the interface by name or address; where the place is a group already, it may be the
//! interface alone. A listener joins the group; a client sends on the interface.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use sockeye_core::{Address, Code, Endpoint, Fault, Kind};
use tokio::net::UdpSocket;

use super::tcp::{no_family, set_ttl};
use super::{Carries, Entry, Locus};
use crate::bind::{Sockets, bind_all};
use crate::datagram::{Datagram, Udp};
use crate::dial::{Call, Conn, Dialling};
use crate::errno;
use crate::interface::{self, Interface};
use crate::owner::{self, Table};
use crate::pktinfo;
use crate::resolve::{self, Source, host_of};

pub(super) const ENTRY: Entry = Entry {
    name: "udp",
    carries: Carries::Datagrams,
    locus: Locus::Host,
    connects_with: &["bind", "mcast", "ttl"],
    listens_with: &["mcast", "ttl"],
    examples: &[
        "udp://127.0.0.1:8080",
        "udp://239.1.2.3:5000?mcast=eth0&ttl=2",
        "udp://any:5000?mcast=239.1.2.3",
    ],
    dial,
    bind,
};

/// Asked for on a server's socket: what many peers send at once must wait somewhere. The system may give less.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A socket is made for the family and set not to block.
fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn dial<'a>(call: &'a Call<'a>) -> Dialling<'a> {
    Box::pin(async move {
        let source = match &call.endpoint.params.bind {
            Some(text) => resolve::source(text)?,
            None => Source::default(),
        };
        let mut addresses = resolve::target(call).await?;
        // Nothing is heard of an address that nobody has until something was sent, so the first one counts. On this
        // machine IPv4 is what most programs listen on, whatever `localhost` gives first.
        addresses.sort_by_key(|to| to.is_ipv6() && to.ip().is_loopback());
        let mut faults = Vec::new();
        for to in addresses.iter().copied() {
            let Some(from) = source.toward(to) else { continue };
            match connect(call, from, to) {
                Ok(socket) => return Ok(Conn::Datagram(socket)),
                Err(fault) => faults.push(fault),
            }
        }
        Err(errno::most_telling(faults).unwrap_or_else(|| no_family(call, &addresses)))
    })
}

fn connect(call: &Call<'_>, from: SocketAddr, to: SocketAddr) -> Result<Datagram, Fault> {
    let remote = Address::Ip(to);
    (call.on_event)(Kind::Connecting { leg: call.leg, transport: ENTRY.name, remote: &remote });
    let socket = socket(to).map_err(|error| call.fault(&error))?;
    let owner = || owner::of_address(Table::Udp, from);
    let bound = socket.bind(&from.into());
    bound.map_err(|error| errno::binding(&error, &call.subject, &from.to_string(), owner))?;
    send_options(call.endpoint, &socket, to).map_err(|error| match error {
        Refusal::Fault(fault) => fault.doing(&call.subject),
        Refusal::System(error) => call.fault(&error),
    })?;
    let connected = !to.ip().is_multicast() && connect_to(&socket, to).map_err(|error| call.fault(&error))?;
    socket.set_broadcast(true).map_err(|error| call.fault(&error))?;
    let socket = UdpSocket::from_std(socket.into()).map_err(|error| call.fault(&error))?;
    let socket = if connected { Udp::connected(socket, to) } else { Udp::unconnected(socket, to) };
    let socket = Datagram::Udp(socket);
    let local = socket.local().map_err(|error| call.fault(&error))?;
    (call.on_event)(Kind::Connected { leg: call.leg, transport: ENTRY.name, local: &local, remote: &remote });
    Ok(socket)
}

/// Connects, so that ICMP errors and nobody else's datagrams arrive. Not to a broadcast address: answers come from
/// others. Which addresses are broadcast the routes know, and the system says so by refusing a socket without
/// SO_BROADCAST.
fn connect_to(socket: &Socket, to: SocketAddr) -> io::Result<bool> {
    match socket.connect(&to.into()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && to.is_ipv4() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What stands in the way of an option.
enum Refusal {
    Fault(Fault),
    System(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// `ttl=`, and for a group `mcast=`. What is sent to a group also comes back to listeners on this machine, which is
/// the system's default.
fn send_options(endpoint: &Endpoint, socket: &Socket, to: SocketAddr) -> Result<(), Refusal> {
    let params = &endpoint.params;
    if !to.ip().is_multicast() {
        if params.mcast.is_some() {
            return Err(Refusal::Fault(bad_mcast(endpoint)));
        }
        return params.ttl.map_or(Ok(()), |ttl| Ok(set_ttl(socket, to, ttl)?));
    }
    if let Some(ttl) = params.ttl {
        if to.is_ipv4() { socket.set_multicast_ttl_v4(ttl) } else { socket.set_multicast_hops_v6(ttl) }?;
    }
    let membership = membership(endpoint, Some(to.ip())).map_err(Refusal::Fault)?;
    let Some(interface) = membership.and_then(|it| it.interface) else { return Ok(()) };
    match (to, interface.v4) {
        (SocketAddr::V4(_), Some(v4)) => socket.set_multicast_if_v4(&v4)?,
        (SocketAddr::V4(_), None) => return Err(Refusal::Fault(bad_mcast(endpoint))),
        (SocketAddr::V6(_), _) => socket.set_multicast_if_v6(interface.index)?,
    }
    Ok(())
}

fn bad_mcast(endpoint: &Endpoint) -> Fault {
    let value = endpoint.params.mcast.as_deref().unwrap_or_default();
    Fault::new(Code::BadValue, "").arg("name", "mcast").arg("value", value).detail(interface::names())
}

/// A group, and the interface to reach it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Membership {
    group: IpAddr,
    interface: Option<Interface>,
}

/// Reads `mcast=`; `place` is the group that the endpoint names already, if it does.
fn membership(endpoint: &Endpoint, place: Option<IpAddr>) -> Result<Option<Membership>, Fault> {
    let Some(text) = &endpoint.params.mcast else {
        return Ok(place.map(|group| Membership { group, interface: None }));
    };
    let (group, interface) = match (endpoint.params.group(), place) {
        (Some((group, interface)), None) => (group, interface),
        (Some((group, interface)), Some(place)) if group == place => (group, interface),
        (None, Some(place)) => (place, Some(text.as_str())),
        _ => return Err(bad_mcast(endpoint)),
    };
    let interface = interface.map(interface::find).transpose().map_err(|_| bad_mcast(endpoint))?;
    Ok(Some(Membership { group, interface }))
}

fn join(socket: &Socket, membership: Membership) -> io::Result<()> {
    let index = membership.interface.map_or(0, |interface| interface.index);
    match membership.group {
        IpAddr::V4(group) => socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index)),
        IpAddr::V6(group) => socket.join_multicast_v6(&group, index),
    }
}

fn bind(endpoint: &Endpoint, subject: &str, _backlog: u32) -> Result<Sockets, Fault> {
    let (host, port) = host_of(endpoint)?;
    let addresses = resolve::listen(host, port, subject)?;
    let place = addresses.first().map(SocketAddr::ip).filter(IpAddr::is_multicast);
    let mut membership = membership(endpoint, place)?;
    if let Some(Membership { group, interface: interface @ None }) = &mut membership
        && addresses.iter().all(|address| address.ip().is_loopback())
    {
        // Who listens on loopback alone means the group there, not on the network.
        let own = if group.is_ipv4() { "127.0.0.1" } else { "::1" };
        *interface = interface::find(own).ok();
    }
    let mut sockets = bind_all(endpoint, subject, Table::Udp, |address| open(endpoint, address))?;
    if let Some(wanted) = membership {
        let address = join_in(endpoint, wanted, &mut sockets);
        address.map_err(|error| {
            let owner = || owner::of_address(Table::Udp, SocketAddr::new(wanted.group, port));
            errno::binding(&error, subject, &wanted.group.to_string(), owner)
        })?;
    }
    let datagrams: io::Result<Vec<Datagram>> = sockets.into_iter().map(server).collect();
    datagrams.map(Sockets::Datagrams).map_err(|error| Fault::new(Code::CannotConnect, subject).detail(error))
}

fn open(endpoint: &Endpoint, address: SocketAddr) -> io::Result<Socket> {
    let socket = socket(address)?;
    if address.ip().is_multicast() {
        // Several listeners of one group on one machine are the rule; each gets its copy.
        socket.set_reuse_address(true)?;
    }
    if let Some(ttl) = endpoint.params.ttl {
        set_ttl(&socket, address, ttl)?;
    }
    socket.bind(&address.into())?;
    // A full buffer loses datagrams; a smaller one than asked for loses them sooner and is no error.
    let _best_effort = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    Ok(socket)
}

/// Joins on the socket that hears the group: one bound to the wildcard address or to the group. A socket bound to
/// another address never hears it, so one more is bound to the group, on the same port.
fn join_in(endpoint: &Endpoint, wanted: Membership, sockets: &mut Vec<Socket>) -> io::Result<()> {
    let mut port = 0;
    for socket in sockets.iter() {
        let Some(local) = socket.local_addr()?.as_socket() else { continue };
        port = local.port();
        let hears = local.ip().is_unspecified() || local.ip() == wanted.group;
        if hears && local.is_ipv4() == wanted.group.is_ipv4() {
            return join(socket, wanted);
        }
    }
    let socket = open(endpoint, SocketAddr::new(wanted.group, port))?;
    join(&socket, wanted)?;
    sockets.push(socket);
    Ok(())
}

fn server(socket: Socket) -> io::Result<Datagram> {
    let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::InvalidData)?;
    let pktinfo = local.ip().is_unspecified() || local.ip().is_multicast();
    if pktinfo {
        pktinfo::enable(&socket, local.is_ipv4())?;
        #[cfg(target_os = "linux")]
        if local.is_ipv4() {
            // Otherwise groups that other programs joined come in here too.
            socket.set_multicast_all_v4(false)?;
        } else {
            socket.set_multicast_all_v6(false)?;
        }
    }
    socket.set_broadcast(true)?;
    let socket = UdpSocket::from_std(socket.into())?;
    Ok(Datagram::Udp(Udp::server(socket, pktinfo)))
}
