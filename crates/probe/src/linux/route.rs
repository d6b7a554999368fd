//! [`Host`] on Linux: rtnetlink (rtnetlink(7)), which answers anybody.
//!
//! Each message has a head of its own (`ifinfomsg`, `ifaddrmsg`, `rtmsg`, `ndmsg`) and attributes after it. What is too
//! short, or of another family, is left out.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::netlink::{Message, Netlink, attributes, flag, put_attribute};
use crate::addr::{Network, bits};
use crate::host::{
    Address, AddressFlags, Hardware, Hop, Host, Link, LinkFlags, LinkState, Neighbour, NeighbourState,
    Resolvers, Route, RouteKind, Scope, Verdict, Way, longest,
};

/// Where the C library is told whom to ask.
const RESOLVERS: &str = "/etc/resolv.conf";

/// This machine, or the network namespace that the thread is in.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// Requests (`RTM_`).
mod ask {
    pub(super) const LINK: u16 = 18;
    pub(super) const ADDRESS: u16 = 22;
    pub(super) const ROUTE: u16 = 26;
    pub(super) const NEIGHBOUR: u16 = 30;
}

/// Bytes of `ifinfomsg`, `ifaddrmsg`, and of `rtmsg` and `ndmsg`.
const LINK_HEAD: usize = 16;
const ADDRESS_HEAD: usize = 8;
const HEAD: usize = 12;

/// Attributes of routes (`RTA_`).
mod rta {
    pub(super) const DST: u16 = 1;
    pub(super) const SRC: u16 = 2;
    pub(super) const OIF: u16 = 4;
    pub(super) const GATEWAY: u16 = 5;
    pub(super) const PRIORITY: u16 = 6;
    pub(super) const PREFSRC: u16 = 7;
    pub(super) const METRICS: u16 = 8;
    pub(super) const MULTIPATH: u16 = 9;
    pub(super) const TABLE: u16 = 15;
    pub(super) const VIA: u16 = 18;
}

impl Host for System {
    fn links(&self) -> io::Result<Vec<Link>> {
        dump(ask::LINK, LINK_HEAD, link)
    }

    fn addresses(&self) -> io::Result<Vec<Address>> {
        dump(ask::ADDRESS, ADDRESS_HEAD, address)
    }

    fn routes(&self) -> io::Result<Vec<Route>> {
        dump(ask::ROUTE, HEAD, listed_route)
    }

    fn route_to(&self, to: IpAddr, from: Option<IpAddr>, link: Option<u32>) -> io::Result<Way> {
        const LOOKUP_TABLE: u32 = 0x1000;
        const FIB_MATCH: u32 = 0x2000;
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE, 0)?;
        let mut get = |flags| {
            let mut found = None;
            let asked = route_request(to, from, link, flags);
            netlink.request(ask::ROUTE, 0, &asked, |message| found = route(message)).map(|()| found)
        };
        let verdict = match get(LOOKUP_TABLE) {
            Ok(Some(route)) => Verdict::Found(route),
            Ok(None) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) => {
                let Some(errno) = error.raw_os_error() else { return Err(error) };
                let entry = self.refusing_entry(to, errno);
                let kind = entry.as_ref().map(|entry| entry.kind);
                return Ok(Way { verdict: Verdict::Refused { errno, kind }, entry });
            }
        };
        Ok(Way { verdict, entry: get(LOOKUP_TABLE | FIB_MATCH).ok().flatten() })
    }

    fn neighbours(&self) -> io::Result<Vec<Neighbour>> {
        dump(ask::NEIGHBOUR, HEAD, neighbour)
    }

    fn neighbour(&self, address: IpAddr, link: u32) -> io::Result<Option<Neighbour>> {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE, 0)?;
        let mut head = vec![0; HEAD];
        head[0] = family(address);
        head[4..8].copy_from_slice(&link.to_ne_bytes());
        put_attribute(&mut head, 1, &octets(address));
        let mut found = None;
        match netlink.request(ask::NEIGHBOUR, 0, &head, |message| found = neighbour(message)) {
            Ok(()) => Ok(found),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            // Kernels before 5.0 only know how to tell of all.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                let all = self.neighbours()?;
                Ok(all.into_iter().find(|found| found.address == address && found.link == link))
            }
            Err(error) => Err(error),
        }
    }

    fn resolvers(&self) -> io::Result<Resolvers> {
        Resolvers::read(RESOLVERS)
    }
}

impl System {
    /// The entry that refuses with this number, looked up by the rule of all tables: the kernel does not name it. If that
    /// finds another kind, something else refused, as a rule, or a source address that is not ours.
    fn refusing_entry(self, to: IpAddr, errno: i32) -> Option<Route> {
        let kind = refusing(errno)?;
        let routes = self.routes().ok()?;
        longest(&routes, to).filter(|route| route.kind == kind).cloned()
    }
}

/// The kind of route that makes the kernel refuse with this number (`fib_props` of its IPv4).
const fn refusing(errno: i32) -> Option<RouteKind> {
    match errno {
        libc::EINVAL => Some(RouteKind::Blackhole),
        libc::EHOSTUNREACH => Some(RouteKind::Unreachable),
        libc::EACCES => Some(RouteKind::Prohibit),
        libc::EAGAIN => Some(RouteKind::Throw),
        _ => None,
    }
}

/// Asks for all of a kind; the head of the request is all zeroes, which is every family.
fn dump<T>(kind: u16, head: usize, read: fn(Message<'_>) -> Option<T>) -> io::Result<Vec<T>> {
    let mut netlink = Netlink::open(libc::NETLINK_ROUTE, 0)?;
    let mut all = Vec::new();
    netlink.request(kind, flag::DUMP, &vec![0; head], |message| all.extend(read(message)))?;
    Ok(all)
}

/// The request for a way: `rtmsg`, and the addresses and the link as attributes.
fn route_request(to: IpAddr, from: Option<IpAddr>, link: Option<u32>, flags: u32) -> Vec<u8> {
    let from = from.filter(|from| bits(*from) == bits(to));
    let mut request = vec![0; HEAD];
    request[0] = family(to);
    request[1] = bits(to);
    request[2] = from.map_or(0, bits);
    request[8..12].copy_from_slice(&flags.to_ne_bytes());
    put_attribute(&mut request, rta::DST, &octets(to));
    if let Some(from) = from {
        put_attribute(&mut request, rta::SRC, &octets(from));
    }
    if let Some(link) = link {
        put_attribute(&mut request, rta::OIF, &link.to_ne_bytes());
    }
    request
}

fn link(message: Message<'_>) -> Option<Link> {
    let (head, rest) = message.payload.split_at_checked(LINK_HEAD)?;
    let mut link = Link {
        index: word(&head[4..])?,
        name: String::new(),
        kind: half(&head[2..])?,
        hardware: Hardware::default(),
        mtu: None,
        flags: LinkFlags(word(&head[8..])?),
        state: LinkState::Unknown,
    };
    for (kind, value) in attributes(rest) {
        match kind {
            1 => link.hardware = hardware(value),
            3 => link.name = text(value),
            4 => link.mtu = word(value),
            16 => link.state = value.first().map_or(LinkState::Unknown, |number| LinkState::of(*number)),
            _ => {}
        }
    }
    Some(link)
}

fn address(message: Message<'_>) -> Option<Address> {
    const FOREVER: u32 = u32::MAX;
    let (head, rest) = message.payload.split_at_checked(ADDRESS_HEAD)?;
    let (family, prefix) = (head[0], head[1]);
    let (mut own, mut other, mut broadcast, mut valid) = (None, None, None, None);
    let mut flags = u32::from(head[2]);
    for (kind, value) in attributes(rest) {
        match kind {
            // On a link with one other end, ADDRESS is that end's and LOCAL ours.
            1 => other = ip(family, value),
            2 => own = ip(family, value),
            4 => broadcast = ip(family, value),
            6 => valid = value.get(4..).and_then(word).filter(|seconds| *seconds != FOREVER),
            8 => flags = word(value).unwrap_or(flags),
            _ => {}
        }
    }
    let address = own.or(other)?;
    Some(Address {
        link: word(&head[4..])?,
        network: Network::new(address, prefix)?,
        peer: other.filter(|other| *other != address),
        broadcast: broadcast.and_then(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }),
        scope: scope(head[3]),
        flags: AddressFlags(flags),
        valid,
    })
}

/// A route of a dump: not what the kernel has only remembered of one (`RTM_F_CLONED`).
fn listed_route(message: Message<'_>) -> Option<Route> {
    const CLONED: u32 = 0x200;
    let flags = message.payload.get(8..).and_then(word)?;
    if flags & CLONED == 0 { route(message) } else { None }
}

fn route(message: Message<'_>) -> Option<Route> {
    let (head, rest) = message.payload.split_at_checked(HEAD)?;
    let (family, prefix) = (head[0], head[1]);
    let anywhere = match libc::c_int::from(family) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return None,
    };
    let mut route = Route {
        to: Network::new(anywhere, prefix)?,
        kind: route_kind(head[7]),
        gateway: None,
        link: None,
        source: None,
        table: u32::from(head[4]),
        metric: 0,
        protocol: head[5],
        scope: scope(head[6]),
        mtu: None,
        hops: Vec::new(),
    };
    for (kind, value) in attributes(rest) {
        match kind {
            rta::DST => route.to = Network::new(ip(family, value)?, prefix)?,
            rta::OIF => route.link = word(value),
            rta::GATEWAY => route.gateway = ip(family, value),
            rta::VIA => route.gateway = via(value),
            rta::PRIORITY => route.metric = word(value).unwrap_or(0),
            rta::PREFSRC => route.source = ip(family, value),
            rta::METRICS => {
                route.mtu = attributes(value).find(|(kind, _)| *kind == 2).and_then(|m| word(m.1));
            }
            rta::MULTIPATH => route.hops = hops(family, value),
            rta::TABLE => route.table = word(value).unwrap_or(route.table),
            _ => {}
        }
    }
    if let (None, Some(first)) = (route.link, route.hops.first()) {
        (route.link, route.gateway) = (Some(first.link), first.gateway);
    }
    Some(route)
}

/// The ways of a route that has several: `rtnexthop` and its attributes, one after another.
fn hops(family: u8, mut bytes: &[u8]) -> Vec<Hop> {
    const NEXT_HOP: usize = 8;
    let mut hops = Vec::new();
    while let Some(length) = half(bytes).map(usize::from).filter(|length| *length >= NEXT_HOP) {
        let Some(whole) = bytes.get(..length) else { break };
        let mut gateway = None;
        for (kind, value) in attributes(&whole[NEXT_HOP..]) {
            match kind {
                rta::GATEWAY => gateway = ip(family, value),
                rta::VIA => gateway = via(value),
                _ => {}
            }
        }
        let link = word(&whole[4..]).unwrap_or_default();
        hops.push(Hop { gateway, link, weight: u16::from(whole[3]) + 1 });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

/// A router of another family than the route's (`rtvia`).
fn via(value: &[u8]) -> Option<IpAddr> {
    let family = half(value)?;
    ip(u8::try_from(family).ok()?, value.get(2..)?)
}

fn neighbour(message: Message<'_>) -> Option<Neighbour> {
    const ROUTER: u8 = 0x80;
    let (head, rest) = message.payload.split_at_checked(HEAD)?;
    let mut found = None;
    let mut card = Hardware::default();
    for (kind, value) in attributes(rest) {
        match kind {
            1 => found = ip(head[0], value),
            2 => card = hardware(value),
            _ => {}
        }
    }
    Some(Neighbour {
        address: found?,
        link: word(&head[4..])?,
        hardware: card,
        state: NeighbourState::of(half(&head[8..])?),
        is_router: head[10] & ROUTER != 0,
    })
}

const fn route_kind(number: u8) -> RouteKind {
    match number {
        1 => RouteKind::Unicast,
        2 => RouteKind::Local,
        3 => RouteKind::Broadcast,
        4 => RouteKind::Anycast,
        5 => RouteKind::Multicast,
        6 => RouteKind::Blackhole,
        7 => RouteKind::Unreachable,
        8 => RouteKind::Prohibit,
        9 => RouteKind::Throw,
        other => RouteKind::Other(other),
    }
}

const fn scope(number: u8) -> Scope {
    match number {
        0 => Scope::Global,
        200 => Scope::Site,
        253 => Scope::Link,
        254 => Scope::Host,
        255 => Scope::Nowhere,
        other => Scope::Other(other),
    }
}

/// `AF_INET` or `AF_INET6`.
fn family(address: IpAddr) -> u8 {
    let number = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    u8::try_from(number).unwrap_or_default()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The address in these bytes; `None` unless there are exactly as many as the family has.
fn ip(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match libc::c_int::from(family) {
        libc::AF_INET => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        libc::AF_INET6 => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => None,
    }
}

fn hardware(value: &[u8]) -> Hardware {
    const LONGEST: usize = 32;
    Hardware(value[..value.len().min(LONGEST)].to_vec())
}

/// A name up to its zero.
fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

fn word(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

fn half(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_is_as_everywhere() {
        let links = System.links().unwrap();
        let lo = links.iter().find(|link| link.flags.is_loopback()).unwrap();
        assert_eq!(
            (lo.name.as_str(), lo.kind, lo.hardware.to_string().as_str()),
            ("lo", 772, "00:00:00:00:00:00")
        );
        assert!(lo.mtu.is_some_and(|mtu| mtu >= 1280) && lo.flags.is_up());
        let addresses = System.addresses().unwrap();
        let own = addresses.iter().find(|address| address.network.address() == ip("127.0.0.1")).unwrap();
        assert_eq!((own.network.prefix(), own.scope, own.link, own.valid), (8, Scope::Host, lo.index, None));
        assert_eq!(System.neighbour(ip("127.255.255.1"), lo.index).unwrap(), None);
    }

    #[test]
    fn the_way_to_itself_is_local() {
        for to in ["127.0.0.1", "127.9.9.9"] {
            let way = System.route_to(ip(to), None, None).unwrap();
            let Verdict::Found(route) = way.verdict else { panic!("{to}: {way:?}") };
            let expected = (RouteKind::Local, Some(ip("127.0.0.1")), None);
            assert_eq!((route.kind, route.source, route.gateway), expected);
            assert!(
                way.entry.is_some_and(|entry| entry.to.contains(ip(to)) && entry.kind == RouteKind::Local)
            );
        }
        // Which number is said of a source address that is not ours differs from kernel to kernel.
        let foreign = System.route_to(ip("127.0.0.1"), Some(ip("192.0.2.77")), None).unwrap();
        assert!(matches!(foreign.verdict, Verdict::Refused { kind: None, .. }), "{foreign:?}");
    }

    /// A route by two gateways as the kernel writes it, then each beginning of it.
    #[test]
    fn several_ways_are_read_and_what_is_cut_off_is_no_danger() {
        let mut payload = vec![2, 8, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0];
        put_attribute(&mut payload, rta::DST, &[10, 0, 0, 0]);
        let mut ways = Vec::new();
        for (link, gateway) in [(2_u32, [192, 0, 2, 1]), (3, [198, 51, 100, 1])] {
            ways.extend([16, 0, 0, 4]);
            ways.extend(link.to_ne_bytes());
            put_attribute(&mut ways, rta::GATEWAY, &gateway);
        }
        put_attribute(&mut payload, rta::MULTIPATH, &ways);
        put_attribute(&mut payload, rta::TABLE, &1000_u32.to_ne_bytes());
        let read = route(Message { kind: 24, payload: &payload }).unwrap();
        assert_eq!((read.to.to_string().as_str(), read.table, read.link), ("10.0.0.0/8", 1000, Some(2)));
        let hops: Vec<_> = read.hops.iter().map(|hop| (hop.gateway, hop.link, hop.weight)).collect();
        assert_eq!(hops, [(Some(ip("192.0.2.1")), 2, 5), (Some(ip("198.51.100.1")), 3, 5)]);
        for end in 0..payload.len() {
            let cut = Message { kind: 24, payload: &payload[..end] };
            let _ = (route(cut), link(cut), address(cut), neighbour(cut), listed_route(cut));
        }
    }

    #[test]
    fn a_neighbour_that_did_not_answer_has_no_card() {
        let mut payload = vec![2, 0, 0, 0, 7, 0, 0, 0, 0x20, 0, 0, 0];
        put_attribute(&mut payload, 1, &[10, 1, 0, 66]);
        let read = neighbour(Message { kind: 28, payload: &payload }).unwrap();
        assert_eq!((read.address, read.link, read.state), (ip("10.1.0.66"), 7, NeighbourState::Failed));
        assert!(read.hardware.is_empty() && !read.is_router);
    }
}
