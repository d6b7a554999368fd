//! IANA's registries of special-purpose addresses (RFC 6890, as of 2025-10-09), whole: blocks, names, documents and
//! what routers may do with packets from and to them.

use std::net::IpAddr;

use super::network::Network;

/// One entry of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// The block.
    pub block: Network,
    /// Its name, as registered, in English.
    pub name: &'static str,
    /// Where it is defined: `RFC 1918`, `RFC 1122 section 3.2.1.3`.
    pub source: &'static str,
    /// What may be done with it.
    pub rules: Rules,
    /// What it is in a word.
    pub kind: Kind,
}

/// The columns of a registry (RFC 6890, section 2.2.1); `None` is "N/A".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// It may be a packet's source.
    pub source: Option<bool>,
    /// It may be a packet's destination.
    pub destination: Option<bool>,
    /// A router may forward such a packet.
    pub forwardable: Option<bool>,
    /// It may leave the network it is administered in (RFC 8190).
    pub global: Option<bool>,
    /// Every implementation has to treat it so.
    pub by_protocol: Option<bool>,
}

/// What a special address is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No address at all, or this network.
    Unspecified,
    /// This machine.
    Loopback,
    /// Networks that are nobody else's business.
    Private,
    /// Between a provider and its customers.
    Shared,
    /// One link.
    LinkLocal,
    /// Examples.
    Documentation,
    /// Measurements in a laboratory.
    Benchmarking,
    /// Every host of a link.
    Broadcast,
    /// For a protocol: translation, tunnels, anycast services.
    Protocol,
    /// Kept for later.
    Reserved,
    /// Packets to it are thrown away.
    Discard,
}

impl Kind {
    /// Its word, for scripts and catalogues.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::LinkLocal => "link-local",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Broadcast => "broadcast",
            Self::Protocol => "protocol",
            Self::Reserved => "reserved",
            Self::Discard => "discard",
        }
    }
}

/// A row: block, name, source, columns (`T`, `F`, `-` for "N/A", in the registry's order), kind.
type Row = (&'static str, &'static str, &'static str, &'static str, Kind);

#[rustfmt::skip]
const IPV4: &[Row] = &[
    ("0.0.0.0/8", "\"This network\"", "RFC 791 section 3.2", "TFFFT", Kind::Unspecified),
    ("0.0.0.0/32", "\"This host on this network\"", "RFC 1122 section 3.2.1.3", "TFFFT", Kind::Unspecified),
    ("10.0.0.0/8", "Private-Use", "RFC 1918 section 3", "TTTFF", Kind::Private),
    ("100.64.0.0/10", "Shared Address Space", "RFC 6598 section 7", "TTTFF", Kind::Shared),
    ("127.0.0.0/8", "Loopback", "RFC 1122 section 3.2.1.3", "FFFFT", Kind::Loopback),
    ("169.254.0.0/16", "Link Local", "RFC 3927 section 2.1", "TTFFT", Kind::LinkLocal),
    ("172.16.0.0/12", "Private-Use", "RFC 1918 section 3", "TTTFF", Kind::Private),
    ("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890 section 2.1", "FFFFF", Kind::Protocol),
    ("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335 section 3", "TTTFF", Kind::Protocol),
    ("192.0.0.8/32", "IPv4 dummy address", "RFC 7600 section 4.8", "TFFFF", Kind::Protocol),
    ("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723 section 4", "TTTTF", Kind::Protocol),
    ("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155 section 8", "TTTTF", Kind::Protocol),
    ("192.0.0.170/32", "NAT64/DNS64 Discovery", "RFC 7050 section 2.2, RFC 8880", "FFFFT", Kind::Protocol),
    ("192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 7050 section 2.2, RFC 8880", "FFFFT", Kind::Protocol),
    ("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737 section 3", "FFFFF", Kind::Documentation),
    ("192.31.196.0/24", "AS112-v4", "RFC 7535 section 8", "TTTTF", Kind::Protocol),
    ("192.52.193.0/24", "AMT", "RFC 7450 section 7", "TTTTF", Kind::Protocol),
    ("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526 section 6", "-----", Kind::Protocol),
    ("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", "TTTFF", Kind::Protocol),
    ("192.168.0.0/16", "Private-Use", "RFC 1918 section 3", "TTTFF", Kind::Private),
    ("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", "TTTTF", Kind::Protocol),
    ("198.18.0.0/15", "Benchmarking", "RFC 2544 appendix C.2.2", "TTTFF", Kind::Benchmarking),
    ("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737 section 3", "FFFFF", Kind::Documentation),
    ("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737 section 3", "FFFFF", Kind::Documentation),
    ("240.0.0.0/4", "Reserved", "RFC 1112 section 4", "FFFFT", Kind::Reserved),
    ("255.255.255.255/32", "Limited Broadcast", "RFC 919 section 7, RFC 8190", "FTFFT", Kind::Broadcast),
];

#[rustfmt::skip]
const IPV6: &[Row] = &[
    ("::1/128", "Loopback Address", "RFC 4291 section 2.5.3", "FFFFT", Kind::Loopback),
    ("::/128", "Unspecified Address", "RFC 4291 section 2.5.2", "TFFFT", Kind::Unspecified),
    ("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291 section 2.5.5.2", "FFFFT", Kind::Protocol),
    ("64:ff9b::/96", "IPv4-IPv6 Translat.", "RFC 6052 section 2.1", "TTTTF", Kind::Protocol),
    ("64:ff9b:1::/48", "IPv4-IPv6 Translat.", "RFC 8215", "TTTFF", Kind::Protocol),
    ("100::/64", "Discard-Only Address Block", "RFC 6666", "TTTFF", Kind::Discard),
    ("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", "TFFFF", Kind::Protocol),
    ("2001::/23", "IETF Protocol Assignments", "RFC 2928 section 2", "FFFFF", Kind::Protocol),
    ("2001::/32", "TEREDO", "RFC 4380 section 2.6, RFC 8190", "TTT-F", Kind::Protocol),
    ("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723 section 4", "TTTTF", Kind::Protocol),
    ("2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155 section 8", "TTTTF", Kind::Protocol),
    ("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", "TTTTF", Kind::Protocol),
    ("2001:2::/48", "Benchmarking", "RFC 5180 section 8, RFC Errata 1752", "TTTFF", Kind::Benchmarking),
    ("2001:3::/32", "AMT", "RFC 7450 section 7", "TTTTF", Kind::Protocol),
    ("2001:4:112::/48", "AS112-v6", "RFC 7535 section 8", "TTTTF", Kind::Protocol),
    ("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", "-----", Kind::Protocol),
    ("2001:20::/28", "ORCHIDv2", "RFC 7343 section 6", "TTTTF", Kind::Protocol),
    ("2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", "RFC 9374", "TTTTF", Kind::Protocol),
    ("2001:db8::/32", "Documentation", "RFC 3849 section 4", "FFFFF", Kind::Documentation),
    ("2002::/16", "6to4", "RFC 3056 section 2", "TTT-F", Kind::Protocol),
    ("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", "TTTTF", Kind::Protocol),
    ("3fff::/20", "Documentation", "RFC 9637", "FFFFF", Kind::Documentation),
    ("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", "TTTFF", Kind::Protocol),
    ("fc00::/7", "Unique-Local", "RFC 4193 section 3.1, RFC 8190", "TTTFF", Kind::Private),
    ("fe80::/10", "Link-Local Unicast", "RFC 4291 section 2.5.6", "TTFFT", Kind::LinkLocal),
];

/// Every entry of both registries, in their order.
pub fn entries() -> impl Iterator<Item = Special> {
    IPV4.iter().chain(IPV6).filter_map(entry)
}

/// The entries an address is in, the most specific first; it decides.
pub fn of(address: IpAddr) -> Vec<Special> {
    let mut found: Vec<Special> = entries().filter(|entry| entry.block.contains(address)).collect();
    found.sort_by_key(|entry| std::cmp::Reverse(entry.block.prefix()));
    found
}

fn entry(row: &Row) -> Option<Special> {
    let (address, prefix) = row.0.split_once('/')?;
    let mut columns = row.3.bytes().map(|letter| match letter {
        b'T' => Some(true),
        b'F' => Some(false),
        _ => None,
    });
    let mut next = || columns.next().flatten();
    Some(Special {
        block: Network::new(address.parse().ok()?, prefix.parse().ok()?)?,
        name: row.1,
        source: row.2,
        rules: Rules {
            source: next(),
            destination: next(),
            forwardable: next(),
            global: next(),
            by_protocol: next(),
        },
        kind: row.4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_an_entry_and_a_network() {
        assert_eq!(entries().count(), IPV4.len() + IPV6.len());
        assert_eq!((IPV4.len(), IPV6.len()), (26, 25));
        for entry in entries() {
            assert_eq!(entry.block, entry.block.trunk(), "{}", entry.name);
            assert!(entry.source.starts_with("RFC "), "{}", entry.name);
        }
        assert!(IPV4.iter().chain(IPV6).all(|row| row.3.len() == 5));
    }

    #[test]
    fn the_most_specific_entry_decides() {
        let blocks = |address: &str| {
            let found = of(address.parse().unwrap());
            found.iter().map(|entry| (entry.block.to_string(), entry.rules.global)).collect::<Vec<_>>()
        };
        let expected = [("192.0.0.9/32".to_owned(), Some(true)), ("192.0.0.0/24".to_owned(), Some(false))];
        assert_eq!(blocks("192.0.0.9"), expected);
        let expected = [("2001::/32".to_owned(), None), ("2001::/23".to_owned(), Some(false))];
        assert_eq!(blocks("2001::1"), expected);
        assert_eq!(blocks("8.8.8.8"), []);
        assert_eq!(blocks("172.32.0.0"), []);
        assert_eq!(blocks("172.31.255.255").len(), 1);
    }
}
