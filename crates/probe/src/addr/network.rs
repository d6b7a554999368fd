//! A network: an address and how many of its leading bits are the network's (CIDR, RFC 4632, section 3.1).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address with the prefix of its network. The bits after the prefix are kept: `192.0.2.7/24` is a host and its
/// network at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Bits of an address of this one's family: 32 or 128.
pub const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl Network {
    /// A network; `None` if the prefix is longer than the address.
    pub const fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        if prefix > bits(address) { None } else { Some(Self { address, prefix }) }
    }

    /// An address alone (`/32`, `/128`).
    pub const fn host(address: IpAddr) -> Self {
        Self { address, prefix: bits(address) }
    }

    /// The address as it was given, with its host part.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits are the network's.
    pub const fn prefix(self) -> u8 {
        self.prefix
    }

    /// Bits that are the host's.
    pub const fn host_bits(self) -> u8 {
        bits(self.address) - self.prefix
    }

    /// The first address, whose host part is 0.
    pub fn first(self) -> IpAddr {
        self.with(number(self.address) & self.mask_number())
    }

    /// The last address, whose host part is all ones: on IPv4 the broadcast address.
    pub fn last(self) -> IpAddr {
        self.with(number(self.address) | self.wildcard_number())
    }

    /// The host's part of the address, the network's bits zero.
    pub fn host_part(self) -> IpAddr {
        self.with(number(self.address) & self.wildcard_number())
    }

    /// The mask: ones for the network's bits.
    pub fn mask(self) -> IpAddr {
        self.with(self.mask_number())
    }

    /// The mask turned round: ones for the host's bits.
    pub fn wildcard(self) -> IpAddr {
        self.with(self.wildcard_number())
    }

    /// The network without a host part.
    #[must_use]
    pub fn trunk(self) -> Self {
        Self { address: self.first(), prefix: self.prefix }
    }

    /// Whether an address is in it. One of the other family never is.
    pub fn contains(self, address: IpAddr) -> bool {
        bits(address) == bits(self.address)
            && number(address) & self.mask_number() == number(self.address) & self.mask_number()
    }

    fn mask_number(self) -> u128 {
        ones(bits(self.address)) & !ones(self.host_bits())
    }

    fn wildcard_number(self) -> u128 {
        ones(self.host_bits())
    }

    /// The address of this family with this number.
    fn with(self, number: u128) -> IpAddr {
        address(number, bits(self.address))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An address as a number.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The address of so many bits with this number; of IPv4 the low 32 bits count.
pub(crate) fn address(number: u128, bits: u8) -> IpAddr {
    if bits == 32 {
        let [.., a, b, c, d] = number.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    } else {
        IpAddr::V6(Ipv6Addr::from(number))
    }
}

/// That many ones, from the lowest bit.
pub(crate) fn ones(count: u8) -> u128 {
    u128::MAX.checked_shr(128 - u32::from(count.min(128))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, prefix: u8) -> Network {
        Network::new(address.parse().unwrap(), prefix).unwrap()
    }

    #[test]
    fn the_parts_of_a_network() {
        for (address, prefix, first, last, mask, wildcard) in [
            ("192.168.1.7", 24, "192.168.1.0", "192.168.1.255", "255.255.255.0", "0.0.0.255"),
            ("10.9.8.7", 0, "0.0.0.0", "255.255.255.255", "0.0.0.0", "255.255.255.255"),
            ("10.9.8.7", 32, "10.9.8.7", "10.9.8.7", "255.255.255.255", "0.0.0.0"),
            ("10.9.8.7", 31, "10.9.8.6", "10.9.8.7", "255.255.255.254", "0.0.0.1"),
            (
                "2001:db8::7",
                64,
                "2001:db8::",
                "2001:db8::ffff:ffff:ffff:ffff",
                "ffff:ffff:ffff:ffff::",
                "::ffff:ffff:ffff:ffff",
            ),
            ("::1", 128, "::1", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::"),
            (
                "::1",
                0,
                "::",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "::",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ),
        ] {
            let network = network(address, prefix);
            let parts = [network.first(), network.last(), network.mask(), network.wildcard()];
            assert_eq!(parts.map(|part| part.to_string()), [first, last, mask, wildcard], "{network}");
        }
    }

    #[test]
    fn families_do_not_mix_and_prefixes_end() {
        assert!(network("0.0.0.0", 0).contains("10.0.0.1".parse().unwrap()));
        assert!(!network("0.0.0.0", 0).contains("::1".parse().unwrap()));
        assert!(!network("192.168.1.7", 24).contains("192.168.2.9".parse().unwrap()));
        assert_eq!(Network::new("10.0.0.1".parse().unwrap(), 33), None);
        assert_eq!(Network::new("::1".parse().unwrap(), 129), None);
    }
}
