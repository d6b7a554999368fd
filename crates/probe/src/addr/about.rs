//! What an address is: its class of old, how far it reaches today, what is written into its bits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::special::{self, Kind, Special};

/// The class of an IPv4 address (RFC 791, section 3.2). Historic: since RFC 4632 the prefix says where a network ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Begins with 0: networks of 24 host bits.
    A,
    /// Begins with 10: 16 host bits.
    B,
    /// Begins with 110: 8 host bits.
    C,
    /// Begins with 1110: groups (RFC 1112).
    D,
    /// Begins with 1111: kept for later (RFC 1112).
    E,
}

impl Class {
    /// That of an address.
    pub const fn of(address: Ipv4Addr) -> Self {
        match address.octets()[0].leading_ones() {
            0 => Self::A,
            1 => Self::B,
            2 => Self::C,
            3 => Self::D,
            _ => Self::E,
        }
    }

    /// Its letter.
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
            Self::E => 'E',
        }
    }

    /// The prefix its networks had; D and E had none.
    pub const fn prefix(self) -> Option<u8> {
        match self {
            Self::A => Some(8),
            Self::B => Some(16),
            Self::C => Some(24),
            Self::D | Self::E => None,
        }
    }

    /// The bits it begins with.
    pub const fn bits(self) -> &'static str {
        match self {
            Self::A => "0",
            Self::B => "10",
            Self::C => "110",
            Self::D => "1110",
            Self::E => "1111",
        }
    }
}

/// How far an address reaches, in today's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// A special address of this kind.
    Special(Kind),
    /// A group of hosts.
    Multicast(Group),
    /// A former site's (RFC 3879): to be treated as any other.
    SiteLocal,
    /// Neither special nor handed out: outside of `2000::/3`.
    Unassigned,
    /// Anybody's who can reach the Internet.
    Global,
}

impl Reach {
    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        if let Some(group) = Group::of(address) {
            return Self::Multicast(group);
        }
        if let Some(special) = special::of(address).first() {
            // An entry inside another, as an anycast service, may be reached like any other.
            return Self::Special(special.kind);
        }
        match address {
            IpAddr::V4(_) => Self::Global,
            IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfec0 => Self::SiteLocal,
            IpAddr::V6(address) if address.segments()[0] & 0xe000 == 0x2000 => Self::Global,
            IpAddr::V6(_) => Self::Unassigned,
        }
    }

    /// Its word, for scripts and catalogues.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Special(kind) => kind.word(),
            Self::Multicast(_) => "multicast",
            Self::SiteLocal => "site-local",
            Self::Unassigned => "unassigned",
            Self::Global => "global",
        }
    }
}

/// Whether an address can be reached from everywhere, as the registries say; `None` where they do not.
pub fn is_global(address: IpAddr) -> Option<bool> {
    match (Reach::of(address), special::of(address).first()) {
        (Reach::Multicast(group), _) => {
            Some(matches!(group, Group::Internet | Group::SourceSpecific | Group::V6(0xe)))
        }
        (_, Some(special)) => special.rules.global,
        (Reach::Global, None) => Some(true),
        (_, None) => Some(false),
    }
}

/// Which block of group addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// `224.0.0.0/24`: never leaves its link (RFC 5771, section 4).
    LocalControl,
    /// `232.0.0.0/8`: one source each (RFC 4607).
    SourceSpecific,
    /// `239.0.0.0/8`: as far as the administrator says (RFC 2365).
    Administered,
    /// The rest of `224.0.0.0/4` (RFC 5771).
    Internet,
    /// `ff00::/8`, with its scope (RFC 4291, section 2.7; RFC 7346).
    V6(u8),
}

impl Group {
    /// That of an address, if it is a group's.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => match address.octets() {
                [224, 0, 0, _] => Some(Self::LocalControl),
                [232, ..] => Some(Self::SourceSpecific),
                [239, ..] => Some(Self::Administered),
                [224..=239, ..] => Some(Self::Internet),
                _ => None,
            },
            IpAddr::V6(address) => match address.octets() {
                [0xff, second, ..] => Some(Self::V6(second & 0xf)),
                _ => None,
            },
        }
    }

    /// Its word, for scripts and catalogues: of IPv6 the name of its scope.
    pub const fn word(self) -> &'static str {
        match self {
            Self::LocalControl => "local-control",
            Self::SourceSpecific => "source-specific",
            Self::Administered => "administered",
            Self::Internet => "internet",
            Self::V6(1) => "interface-local",
            Self::V6(2) => "link-local",
            Self::V6(3) => "realm-local",
            Self::V6(4) => "admin-local",
            Self::V6(5) => "site-local",
            Self::V6(8) => "organization-local",
            Self::V6(0xe) => "global",
            Self::V6(0 | 0xf) => "reserved",
            Self::V6(_) => "unassigned",
        }
    }

    /// Where it is defined.
    pub const fn source(self) -> &'static str {
        match self {
            Self::LocalControl => "RFC 5771 section 4",
            Self::SourceSpecific => "RFC 4607",
            Self::Administered => "RFC 2365",
            Self::Internet => "RFC 5771",
            Self::V6(_) => "RFC 4291 section 2.7, RFC 7346",
        }
    }
}

/// The entry that decides what an address is, if it is special.
pub fn special(address: IpAddr) -> Option<Special> {
    special::of(address).into_iter().next()
}

/// An IPv4 address in an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Embedded {
    /// `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2).
    Mapped(Ipv4Addr),
    /// `::a.b.c.d`, deprecated (RFC 4291, section 2.5.5.1).
    Compatible(Ipv4Addr),
    /// `2002:aabb:ccdd::` (RFC 3056, section 2).
    SixToFour(Ipv4Addr),
    /// `2001:0::` (RFC 4380, section 4): the server, the client and its port as the server sees them.
    Teredo {
        /// The server.
        server: Ipv4Addr,
        /// The client, outside of its NAT.
        client: Ipv4Addr,
        /// Its UDP port there.
        port: u16,
    },
    /// `64:ff9b::a.b.c.d` (RFC 6052, section 2.1).
    Nat64(Ipv4Addr),
    /// An interface identifier `0:5efe:a.b.c.d` (RFC 5214, section 6.1).
    Isatap(Ipv4Addr),
}

impl Embedded {
    /// What is in an address, if anything is. (`64:ff9b:1::/48` has it at a place its owner chooses: it is not told.)
    pub fn of(address: Ipv6Addr) -> Option<Self> {
        let segments = address.segments();
        let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
        let last = v4(segments[6], segments[7]);
        match segments {
            [0, 0, 0, 0, 0, 0xffff, ..] => Some(Self::Mapped(last)),
            [0, 0, 0, 0, 0, 0, high, _] if high != 0 => Some(Self::Compatible(last)),
            [0x2002, high, low, ..] => Some(Self::SixToFour(v4(high, low))),
            [0x2001, 0, high, low, _, port, ..] => Some(Self::Teredo {
                server: v4(high, low),
                client: Ipv4Addr::from(!u32::from(last)),
                port: !port,
            }),
            [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(Self::Nat64(last)),
            [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Some(Self::Isatap(last)),
            _ => None,
        }
    }

    /// Its word, for scripts and catalogues.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mapped(_) => "mapped",
            Self::Compatible(_) => "compatible",
            Self::SixToFour(_) => "6to4",
            Self::Teredo { .. } => "teredo",
            Self::Nat64(_) => "nat64",
            Self::Isatap(_) => "isatap",
        }
    }

    /// The IPv4 address: of Teredo the client's.
    pub const fn address(self) -> Ipv4Addr {
        match self {
            Self::Mapped(address)
            | Self::Compatible(address)
            | Self::SixToFour(address)
            | Self::Nat64(address)
            | Self::Isatap(address)
            | Self::Teredo { client: address, .. } => address,
        }
    }
}

/// The hardware address that an interface identifier was made of (modified EUI-64, RFC 4291, appendix A), if it looks so.
/// Only unicast addresses have one that means anything.
pub fn eui64(address: Ipv6Addr) -> Option<[u8; 6]> {
    const UNIVERSAL: u8 = 2;
    let octets = address.octets();
    if octets[0] == 0xff {
        return None;
    }
    if octets[11..13] != [0xff, 0xfe] {
        return None;
    }
    Some([octets[8] ^ UNIVERSAL, octets[9], octets[10], octets[13], octets[14], octets[15]])
}

/// The group in which a neighbour is asked for (RFC 4291, section 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from(b) << 8 | u16::from(c))
}

/// All eight groups with all their digits.
pub fn full(address: Ipv6Addr) -> String {
    let groups = address.segments().map(|segment| format!("{segment:04x}"));
    groups.join(":")
}

/// The name that DNS has an address under (RFC 1035, section 3.5; RFC 3596, section 2.5), without a dot at its end.
pub fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let mut name = String::with_capacity(72);
            for octet in address.octets().iter().rev() {
                for nibble in [octet & 0xf, octet >> 4] {
                    name.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
                    name.push('.');
                }
            }
            name + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    #[test]
    fn classes_begin_where_rfc_791_says() {
        for (address, letter) in [
            ("0.0.0.0", 'A'),
            ("127.255.255.255", 'A'),
            ("128.0.0.0", 'B'),
            ("191.255.0.0", 'B'),
            ("192.0.0.0", 'C'),
            ("223.255.255.255", 'C'),
            ("224.0.0.0", 'D'),
            ("239.1.1.1", 'D'),
            ("240.0.0.0", 'E'),
            ("255.255.255.255", 'E'),
        ] {
            assert_eq!(Class::of(address.parse().unwrap()).letter(), letter, "{address}");
        }
    }

    #[test]
    fn reach_is_told_in_todays_terms() {
        for (address, word, global) in [
            ("8.8.8.8", "global", Some(true)),
            ("10.1.2.3", "private", Some(false)),
            ("172.32.0.1", "global", Some(true)),
            ("100.64.0.1", "shared", Some(false)),
            ("169.254.1.1", "link-local", Some(false)),
            ("192.0.0.9", "protocol", Some(true)),
            ("192.88.99.1", "protocol", None),
            ("224.0.0.251", "multicast", Some(false)),
            ("233.1.1.1", "multicast", Some(true)),
            ("255.255.255.255", "broadcast", Some(false)),
            ("250.0.0.1", "reserved", Some(false)),
            ("2606:4700::1111", "global", Some(true)),
            ("fd00::1", "private", Some(false)),
            ("fe80::1", "link-local", Some(false)),
            ("fec0::1", "site-local", Some(false)),
            ("4000::1", "unassigned", Some(false)),
            ("ff02::1", "multicast", Some(false)),
            ("ff0e::1", "multicast", Some(true)),
            ("2001:db8::1", "documentation", Some(false)),
        ] {
            assert_eq!((Reach::of(ip(address)).word(), is_global(ip(address))), (word, global), "{address}");
        }
    }

    #[test]
    fn what_is_written_into_an_address_is_found() {
        let embedded =
            |text: &str| Embedded::of(v6(text)).map(|found| (found.word(), found.address().to_string()));
        for (address, word, inner) in [
            ("::ffff:192.0.2.1", "mapped", "192.0.2.1"),
            ("::192.0.2.1", "compatible", "192.0.2.1"),
            ("2002:c000:0204::1", "6to4", "192.0.2.4"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "teredo", "192.0.2.45"),
            ("64:ff9b::192.0.2.33", "nat64", "192.0.2.33"),
            ("fe80::5efe:c000:201", "isatap", "192.0.2.1"),
        ] {
            assert_eq!(embedded(address), Some((word, inner.to_owned())), "{address}");
        }
        let teredo = Embedded::of(v6("2001:0:4136:e378:8000:63bf:3fff:fdd2"));
        let server = Ipv4Addr::new(65, 54, 227, 120);
        assert_eq!(
            teredo,
            Some(Embedded::Teredo { server, client: Ipv4Addr::new(192, 0, 2, 45), port: 40000 })
        );
        assert_eq!((embedded("::1"), embedded("::"), embedded("2001:db8::1")), (None, None, None));
        assert_eq!(eui64(v6("fe80::21b:44ff:fe11:3ab7")), Some([0x00, 0x1b, 0x44, 0x11, 0x3a, 0xb7]));
        assert_eq!((eui64(v6("fe80::1")), eui64(v6("ff02::ff:fe00:0"))), (None, None));
        assert_eq!(solicited_node(v6("2001:db8::2aa:ff:fe28:9c5a")), v6("ff02::1:ff28:9c5a"));
    }

    #[test]
    fn names_and_forms() {
        assert_eq!(reverse_name(ip("192.0.2.5")), "5.2.0.192.in-addr.arpa");
        let name = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa";
        assert_eq!(reverse_name(ip("4321:0:1:2:3:4:567:89ab")), name);
        assert_eq!(full(v6("2001:db8::1")), "2001:0db8:0000:0000:0000:0000:0000:0001");
    }
}
