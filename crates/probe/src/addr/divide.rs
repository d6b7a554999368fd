//! Networks cut into smaller ones, and joined to larger ones.

use super::network::{Network, address, bits, number, ones};

/// Networks that are joined at the most.
pub const MOST: usize = 65_536;

/// The networks that a network is cut into, in order: an iterator that holds one.
#[derive(Clone, Debug)]
pub struct Pieces {
    next: Option<Network>,
    last: u128,
    /// How many there are.
    pub count: Count,
}

/// How many, up to 2^128, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// So many.
    Of(u128),
    /// 2^128, which is one more than the largest number.
    All,
}

impl Count {
    /// 2 to this power; more than 128 is 128.
    pub const fn power(exponent: u8) -> Self {
        match 1_u128.checked_shl(exponent as u32) {
            Some(count) => Self::Of(count),
            None => Self::All,
        }
    }

    /// So many less; never below zero.
    #[must_use]
    pub const fn less(self, by: u128) -> Self {
        match self {
            Self::Of(count) => Self::Of(count.saturating_sub(by)),
            Self::All if by == 0 => Self::All,
            Self::All => Self::Of(u128::MAX - (by - 1)),
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Of(count) => count.fmt(f),
            Self::All => f.write_str("340282366920938463463374607431768211456"),
        }
    }
}

impl Network {
    /// How many addresses it has.
    pub const fn size(self) -> Count {
        Count::power(self.host_bits())
    }

    /// The first and last address that hosts may have, and how many there are: on IPv4 all but the network's own and the
    /// broadcast address, unless it has two (RFC 3021) or one; on IPv6 all (the first is the routers' anycast address,
    /// RFC 4291, section 2.6.1).
    pub fn hosts(self) -> (std::net::IpAddr, std::net::IpAddr, Count) {
        if self.has_broadcast() {
            let (first, last) = (number(self.first()) + 1, number(self.last()) - 1);
            return (address(first, 32), address(last, 32), self.size().less(2));
        }
        (self.first(), self.last(), self.size())
    }

    /// Whether its last address is for all of its hosts.
    pub const fn has_broadcast(self) -> bool {
        self.address().is_ipv4() && self.host_bits() >= 2
    }

    /// Cuts it into networks of a longer prefix; `None` if that is shorter than its own, or longer than an address.
    pub fn split(self, prefix: u8) -> Option<Pieces> {
        let wanted = Self::new(self.first(), prefix)?;
        let depth = prefix.checked_sub(self.prefix())?;
        Some(Pieces { next: Some(wanted), last: number(self.last()), count: Count::power(depth) })
    }

    /// The prefix that cuts it into at least so many networks of one size.
    pub fn prefix_for(self, pieces: u128) -> Option<u8> {
        let depth = u8::try_from(pieces.checked_sub(1)?.checked_ilog2().map_or(0, |log| log + 1)).ok()?;
        self.prefix().checked_add(depth).filter(|prefix| *prefix <= bits(self.address()))
    }
}

impl Iterator for Pieces {
    type Item = Network;

    fn next(&mut self) -> Option<Network> {
        let piece = self.next?;
        let end = number(piece.last());
        self.next = (end < self.last)
            .then(|| Network::new(address(end + 1, bits(piece.address())), piece.prefix()))
            .flatten();
        Some(piece)
    }
}

/// The fewest networks with exactly the addresses of all of these, in order, IPv4 first. Host parts do not count.
pub fn summarize(networks: &[Network]) -> Vec<Network> {
    let mut found = Vec::new();
    for family in [32, 128] {
        let own = networks.iter().filter(|network| bits(network.address()) == family);
        let mut spans: Vec<(u128, u128)> =
            own.map(|network| (number(network.first()), number(network.last()))).collect();
        spans.sort_unstable();
        let mut joined: Vec<(u128, u128)> = Vec::new();
        for (first, last) in spans {
            match joined.last_mut() {
                // Overlapping, or next to each other.
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        for (first, last) in joined {
            cover(first, last, family, &mut found);
        }
    }
    found
}

/// The fewest networks that are exactly the addresses from `first` to `last`: each time the largest that begins there
/// and does not go too far.
fn cover(mut first: u128, last: u128, family: u8, found: &mut Vec<Network>) {
    loop {
        let aligned = u8::try_from(first.trailing_zeros()).unwrap_or(128).min(family);
        let host_bits = (0..=aligned).rev().find(|bits| ones(*bits) <= last - first).unwrap_or(0);
        found.extend(Network::new(address(first, family), family - host_bits));
        let end = first + ones(host_bits);
        if end >= last {
            return;
        }
        first = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::read;

    fn network(text: &str) -> Network {
        read(text, None).unwrap().network
    }

    fn texts(networks: impl IntoIterator<Item = Network>) -> Vec<String> {
        networks.into_iter().map(|network| network.to_string()).collect()
    }

    #[test]
    fn counts_are_exact_to_the_last_address() {
        for (text, size, hosts) in [
            ("10.0.0.0/24", "256", "254"),
            ("10.0.0.0/30", "4", "2"),
            ("10.0.0.0/31", "2", "2"),
            ("10.0.0.0/32", "1", "1"),
            ("0.0.0.0/0", "4294967296", "4294967294"),
            ("::/0", "340282366920938463463374607431768211456", "340282366920938463463374607431768211456"),
            ("::/1", "170141183460469231731687303715884105728", "170141183460469231731687303715884105728"),
            ("2001:db8::/64", "18446744073709551616", "18446744073709551616"),
        ] {
            let network = network(text);
            assert_eq!(
                (network.size().to_string().as_str(), network.hosts().2.to_string().as_str()),
                (size, hosts)
            );
        }
        assert_eq!(Count::All.less(1), Count::Of(u128::MAX));
    }

    #[test]
    fn a_network_is_cut_without_a_gap() {
        let pieces = network("192.168.1.7/24").split(26).unwrap();
        assert_eq!(pieces.count, Count::Of(4));
        let expected = ["192.168.1.0/26", "192.168.1.64/26", "192.168.1.128/26", "192.168.1.192/26"];
        assert_eq!(texts(pieces), expected);
        assert_eq!(
            texts(network("255.255.255.254/31").split(32).unwrap()),
            ["255.255.255.254/32", "255.255.255.255/32"]
        );
        let all = network("::/0").split(128).unwrap();
        assert_eq!((all.count, all.take(2).count()), (Count::All, 2));
        assert!(network("10.0.0.0/24").split(23).is_none() && network("10.0.0.0/24").split(33).is_none());
        let wanted = |pieces| network("10.0.0.0/24").prefix_for(pieces);
        assert_eq!([1, 2, 3, 4, 5, 256].map(wanted), [24, 25, 26, 26, 27, 32].map(Some));
        assert_eq!((wanted(0), wanted(257), network("::/0").prefix_for(u128::MAX)), (None, None, Some(128)));
    }

    #[test]
    fn networks_are_joined_exactly() {
        let joined =
            |given: &[&str]| texts(summarize(&given.iter().map(|text| network(text)).collect::<Vec<_>>()));
        assert_eq!(joined(&["192.168.0.0/24", "192.168.1.0/24"]), ["192.168.0.0/23"]);
        assert_eq!(joined(&["192.168.1.0/24", "192.168.2.0/24"]), ["192.168.1.0/24", "192.168.2.0/24"]);
        assert_eq!(joined(&["10.0.0.0/8", "10.1.0.0/16", "10.9.9.9"]), ["10.0.0.0/8"]);
        let mixed = ["2001:db8::/33", "10.0.0.5/32", "2001:db8:8000::/33", "10.0.0.4/32"];
        assert_eq!(joined(&mixed), ["10.0.0.4/31", "2001:db8::/32"]);
        assert_eq!(joined(&["0.0.0.0/1", "128.0.0.0/1"]), ["0.0.0.0/0"]);
        assert_eq!(joined(&["::/1", "8000::/1"]), ["::/0"]);
        assert_eq!(
            joined(&["255.255.255.255", "0.0.0.0", "::"]),
            ["0.0.0.0/32", "255.255.255.255/32", "::/128"]
        );
        assert!(joined(&[]).is_empty());
    }
}
