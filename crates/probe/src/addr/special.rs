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
    const ALL: &'static [Self] = &[
        Self::Unspecified,
        Self::Loopback,
        Self::Private,
        Self::Shared,
        Self::LinkLocal,
        Self::Documentation,
        Self::Benchmarking,
        Self::Broadcast,
        Self::Protocol,
        Self::Reserved,
        Self::Discard,
    ];

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

/// The registries, a row a line; what a row is, their heads say.
const TABLES: [&str; 2] = [include_str!("registry/ipv4.txt"), include_str!("registry/ipv6.txt")];

/// Every entry of both registries, in their order.
pub fn entries() -> impl Iterator<Item = Special> {
    TABLES.iter().flat_map(|table| rows(table)).filter_map(entry)
}

fn rows(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// The entries an address is in, the most specific first; it decides.
pub fn of(address: IpAddr) -> Vec<Special> {
    let mut found: Vec<Special> = entries().filter(|entry| entry.block.contains(address)).collect();
    found.sort_by_key(|entry| std::cmp::Reverse(entry.block.prefix()));
    found
}

fn entry(row: &'static str) -> Option<Special> {
    let mut parts = row.split("; ");
    let (address, prefix) = parts.next()?.split_once('/')?;
    let (name, source) = (parts.next()?, parts.next()?);
    let mut columns = parts.next()?.bytes().map(|letter| match letter {
        b'T' => Some(true),
        b'F' => Some(false),
        _ => None,
    });
    let word = parts.next()?;
    let mut next = || columns.next().flatten();
    Some(Special {
        block: Network::new(address.parse().ok()?, prefix.parse().ok()?)?,
        name,
        source,
        rules: Rules {
            source: next(),
            destination: next(),
            forwardable: next(),
            global: next(),
            by_protocol: next(),
        },
        kind: Kind::ALL.iter().copied().find(|kind| kind.word() == word)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_an_entry_and_a_network() {
        let counts = TABLES.map(|table| rows(table).count());
        assert_eq!((counts, entries().count()), ([26, 25], 51));
        for entry in entries() {
            assert_eq!(entry.block, entry.block.trunk(), "{}", entry.name);
            assert!(entry.source.starts_with("RFC "), "{}", entry.name);
        }
        let columns = |row: &'static str| row.split("; ").nth(3).map(str::len);
        assert!(TABLES.iter().flat_map(|table| rows(table)).all(|row| columns(row) == Some(5)));
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
