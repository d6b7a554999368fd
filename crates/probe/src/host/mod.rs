//! What the system says of itself: links, addresses, routes, neighbours, resolvers. [`Host`] is the question; [`System`]
//! answers it on Linux as anybody, by rtnetlink (rtnetlink(7)), and elsewhere says that it cannot.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod names;
mod resolvers;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

#[cfg(not(target_os = "linux"))]
pub use self::elsewhere::System;
pub use self::resolvers::{MAX_USED, Resolver, Resolvers};
#[cfg(target_os = "linux")]
pub use crate::linux::route::System;

use crate::addr::Network;

/// What is asked of a system. Every call asks anew; an answer is as the system is at that moment.
///
/// A system that cannot be asked answers [`io::ErrorKind::Unsupported`].
pub trait Host {
    /// Every interface, in the order of their numbers.
    fn links(&self) -> io::Result<Vec<Link>>;

    /// Every address of every interface.
    fn addresses(&self) -> io::Result<Vec<Address>>;

    /// Every route of every table, without the kernel's cache.
    fn routes(&self) -> io::Result<Vec<Route>>;

    /// How the kernel would send a packet there, from that address and through that link where they are given. Nothing
    /// is sent.
    fn route_to(&self, to: IpAddr, from: Option<IpAddr>, link: Option<u32>) -> io::Result<Way>;

    /// Every neighbour the kernel knows, of ARP and NDP.
    fn neighbours(&self) -> io::Result<Vec<Neighbour>>;

    /// What the kernel knows of one neighbour on one link; `None` if it never asked for it, or has forgotten.
    fn neighbour(&self, address: IpAddr, link: u32) -> io::Result<Option<Neighbour>>;

    /// Whom names are asked of, as the C library is told (resolv.conf(5)).
    fn resolvers(&self) -> io::Result<Resolvers>;
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number, from 1.
    pub index: u32,
    /// Its name. The system's owner chose it: escape it before showing.
    pub name: String,
    /// What it is (`ARPHRD_`): 1 Ethernet, 772 loopback, 65534 none.
    pub kind: u16,
    /// Its hardware address; empty if it has none.
    pub hardware: Hardware,
    /// The largest IP packet it takes, in bytes.
    pub mtu: Option<u32>,
    /// `IFF_`.
    pub flags: LinkFlags,
    /// Its state (RFC 2863, section 3.1.14).
    pub state: LinkState,
}

/// Flags of a link (netdevice(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkFlags(pub u32);

impl LinkFlags {
    /// Somebody switched it on (`IFF_UP`).
    pub const fn is_up(self) -> bool {
        self.0 & 1 != 0
    }

    /// It is the machine itself (`IFF_LOOPBACK`).
    pub const fn is_loopback(self) -> bool {
        self.0 & 8 != 0
    }

    /// It has one other end (`IFF_POINTOPOINT`).
    pub const fn is_point_to_point(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// It works (`IFF_RUNNING`).
    pub const fn is_running(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Neighbours are not asked for by ARP or NDP (`IFF_NOARP`).
    pub const fn is_without_arp(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// There is a carrier: the cable is in (`IFF_LOWER_UP`).
    pub const fn has_carrier(self) -> bool {
        self.0 & 0x1_0000 != 0
    }
}

/// The operational state of a link (RFC 2863, section 3.1.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// Its driver does not say, as loopback's.
    Unknown,
    /// A part of it is missing.
    NotPresent,
    /// It cannot carry packets.
    Down,
    /// What it stands on is down.
    LowerLayerDown,
    /// It is being tested.
    Testing,
    /// It waits for an event from outside, as a login (802.1X).
    Dormant,
    /// It carries packets.
    Up,
}

impl LinkState {
    /// Of the kernel's number (`IF_OPER_`).
    pub const fn of(number: u8) -> Self {
        match number {
            1 => Self::NotPresent,
            2 => Self::Down,
            3 => Self::LowerLayerDown,
            4 => Self::Testing,
            5 => Self::Dormant,
            6 => Self::Up,
            _ => Self::Unknown,
        }
    }
}

/// A hardware address: six bytes on Ethernet, at most 32.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hardware(pub Vec<u8>);

impl Hardware {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Hardware {
    /// `02:00:00:00:00:01`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

/// One address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The number of its link.
    pub link: u32,
    /// The address and the prefix of its network.
    pub network: Network,
    /// The other end, on a link that has just one.
    pub peer: Option<IpAddr>,
    /// Where a packet for all of its network goes.
    pub broadcast: Option<Ipv4Addr>,
    /// How far it is valid.
    pub scope: Scope,
    /// What holds it back, or sets it apart.
    pub flags: AddressFlags,
    /// Seconds that it stays valid; `None` is for ever.
    pub valid: Option<u32>,
}

/// Flags of an address (`IFA_F_`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressFlags(pub u32);

impl AddressFlags {
    /// An IPv6 address made for a while, for privacy (RFC 8981); on IPv4 one beside the first of its network.
    pub const fn is_secondary(self) -> bool {
        self.0 & 1 != 0
    }

    /// Another host has it: not used (RFC 4862, section 5.4).
    pub const fn is_duplicate(self) -> bool {
        self.0 & 8 != 0
    }

    /// Not used for new connections any more (RFC 4862, section 5.5.4).
    pub const fn is_deprecated(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// Not used yet: whether another host has it is being asked (RFC 4862, section 5.4).
    pub const fn is_tentative(self) -> bool {
        self.0 & 0x40 != 0
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// For which destinations; a prefix of 0 is the default route.
    pub to: Network,
    /// What becomes of a packet for them.
    pub kind: RouteKind,
    /// The router it is handed to; `None` where the destination is on the link itself.
    pub gateway: Option<IpAddr>,
    /// The number of the link it leaves by.
    pub link: Option<u32>,
    /// The source address it gets unless the program says otherwise.
    pub source: Option<IpAddr>,
    /// The table it stands in: 254 main, 255 local. Asked for a way, Linux says main of both while no rule keeps them
    /// apart.
    pub table: u32,
    /// Its metric; the lower is preferred.
    pub metric: u32,
    /// Who made it (`RTPROT_`): 2 kernel, 3 boot, 4 administrator, 9 router advertisement, 16 DHCP.
    pub protocol: u8,
    /// How far its destinations are.
    pub scope: Scope,
    /// The largest packet on this way, in bytes, where the route has one of its own.
    pub mtu: Option<u32>,
    /// The ways it shares its packets over, if there are several; the first is also in `gateway` and `link`.
    pub hops: Vec<Hop>,
}

impl Route {
    /// Whether it is for all destinations that have no other.
    pub const fn is_default(&self) -> bool {
        self.to.prefix() == 0
    }
}

/// One of several ways of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The router.
    pub gateway: Option<IpAddr>,
    /// The number of the link.
    pub link: u32,
    /// Its share, from 1.
    pub weight: u16,
}

/// What becomes of a packet (`RTN_`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteKind {
    /// It is sent on, or straight to its destination.
    Unicast,
    /// It is for this machine.
    Local,
    /// It is for all hosts of a link.
    Broadcast,
    /// Here it is taken like a broadcast, and sent as unicast.
    Anycast,
    /// It is for a group.
    Multicast,
    /// It is thrown away, and nobody is told.
    Blackhole,
    /// It is thrown away; the sender is told "host unreachable".
    Unreachable,
    /// It is thrown away; the sender is told that it is prohibited.
    Prohibit,
    /// This table says nothing; the next is asked.
    Throw,
    /// Another, by its number.
    Other(u8),
}

/// How the kernel would send a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The kernel's answer.
    pub verdict: Verdict,
    /// The entry of the routing table that decided, where the kernel names it or where exactly one fits.
    pub entry: Option<Route>,
}

/// What the kernel answers when it is asked for a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is one; its `to` is the destination alone. Its kind may still be one that throws packets away.
    Found(Route),
    /// There is none.
    Refused {
        /// The system's number of what it says (`ENETUNREACH` where no route fits).
        errno: i32,
        /// The kind of the route that refuses, where the number tells.
        kind: Option<RouteKind>,
    },
}

/// How far an address or a route reaches (`RT_SCOPE_`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// One site (IPv6, deprecated by RFC 3879).
    Site,
    /// One link.
    Link,
    /// This machine.
    Host,
    /// Nowhere: it does not exist.
    Nowhere,
    /// Another, by its number.
    Other(u8),
}

/// A neighbour: a host or router on a link of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// The number of the link.
    pub link: u32,
    /// Its hardware address; empty while it is not known.
    pub hardware: Hardware,
    /// What the kernel knows of it.
    pub state: NeighbourState,
    /// Whether it has said that it is a router (NDP alone).
    pub is_router: bool,
}

/// The states of a neighbour: those of RFC 4861, section 7.3.2, and the kernel's own beside them (`NUD_`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NeighbourState {
    /// Never asked for.
    None,
    /// Asked for; no answer yet.
    Incomplete,
    /// It was reached lately.
    Reachable,
    /// It was reached once; whether it still can be is not known.
    Stale,
    /// As stale, and a packet was just sent: soon it is asked.
    Delay,
    /// It is being asked again.
    Probe,
    /// It did not answer.
    Failed,
    /// This link needs no asking.
    NoArp,
    /// Set by hand.
    Permanent,
    /// Another, by its number.
    Other(u16),
}

impl NeighbourState {
    /// Of the kernel's number.
    pub const fn of(number: u16) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Incomplete,
            2 => Self::Reachable,
            4 => Self::Stale,
            8 => Self::Delay,
            0x10 => Self::Probe,
            0x20 => Self::Failed,
            0x40 => Self::NoArp,
            0x80 => Self::Permanent,
            other => Self::Other(other),
        }
    }
}

/// The route that is used for a destination by the rule of all tables: the longest prefix, then the lowest metric. Only
/// tables that the kernel looks at by itself (local, main, default) count: which others are asked, rules decide that are
/// not looked at here.
pub fn longest(routes: &[Route], to: IpAddr) -> Option<&Route> {
    const TABLES: [u32; 3] = [255, 254, 253];
    TABLES.iter().find_map(|table| {
        let fit = routes.iter().filter(|route| route.table == *table && route.to.contains(to));
        fit.min_by_key(|route| (std::cmp::Reverse(route.to.prefix()), route.metric))
            .filter(|route| route.kind != RouteKind::Throw)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(to: &str, kind: RouteKind, metric: u32, table: u32) -> Route {
        let (address, prefix) = to.split_once('/').unwrap();
        Route {
            to: Network::new(address.parse().unwrap(), prefix.parse().unwrap()).unwrap(),
            kind,
            gateway: None,
            link: Some(2),
            source: None,
            table,
            metric,
            protocol: 4,
            scope: Scope::Global,
            mtu: None,
            hops: Vec::new(),
        }
    }

    #[test]
    fn the_longest_prefix_decides_then_the_metric() {
        let routes = [
            route("0.0.0.0/0", RouteKind::Unicast, 0, 254),
            route("10.0.0.0/8", RouteKind::Unicast, 20, 254),
            route("10.0.0.0/8", RouteKind::Blackhole, 10, 254),
            route("10.9.0.0/16", RouteKind::Prohibit, 0, 254),
            route("10.9.9.0/24", RouteKind::Unicast, 0, 100),
            route("127.0.0.0/8", RouteKind::Local, 0, 255),
            route("::/0", RouteKind::Unicast, 0, 254),
        ];
        let kind = |to: &str| longest(&routes, to.parse().unwrap()).map(|route| (route.kind, route.metric));
        assert_eq!(kind("8.8.8.8"), Some((RouteKind::Unicast, 0)));
        assert_eq!(kind("10.1.1.1"), Some((RouteKind::Blackhole, 10)));
        assert_eq!(kind("10.9.9.9"), Some((RouteKind::Prohibit, 0)));
        assert_eq!(kind("127.0.0.1"), Some((RouteKind::Local, 0)));
        assert_eq!(longest(&routes[1..6], "2001:db8::1".parse().unwrap()), None);
    }

    #[test]
    fn every_state_has_its_name() {
        let numbers = [0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100];
        let names: Vec<String> = numbers.map(|number| NeighbourState::of(number).to_string()).to_vec();
        let expected = [
            "NONE",
            "INCOMPLETE",
            "REACHABLE",
            "STALE",
            "DELAY",
            "PROBE",
            "FAILED",
            "NOARP",
            "PERMANENT",
            "256",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn hardware_is_shown_in_pairs() {
        assert_eq!(Hardware(vec![2, 0, 0xab, 0, 0, 1]).to_string(), "02:00:ab:00:00:01");
        assert_eq!(Hardware::default().to_string(), "");
    }
}
