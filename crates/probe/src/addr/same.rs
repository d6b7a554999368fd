//! Whether two addresses are in one network, as a host decides it: both are ANDed with its mask and compared
//! (RFC 1122, section 3.3.1.1).

use std::net::IpAddr;

use super::network::{Network, address, bits, number};

/// What one side finds when it compares another address with its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The side that decides, with its prefix.
    pub own: Network,
    /// The other address.
    pub other: IpAddr,
    /// The other address ANDed with this side's mask.
    pub other_network: IpAddr,
    /// The first bit that differs, from 1, within the mask.
    pub differs_at: Option<u8>,
}

impl Comparison {
    /// Compares; `None` if the families differ.
    pub fn new(own: Network, other: IpAddr) -> Option<Self> {
        let width = bits(other);
        if width != bits(own.address()) {
            return None;
        }
        let other_network = number(other) & number(own.mask());
        let different = number(own.first()) ^ other_network;
        let leading = different.leading_zeros() + u32::from(width) - 128;
        let differs_at = (different != 0).then(|| u8::try_from(leading + 1).unwrap_or(u8::MAX));
        Some(Self { own, other, other_network: address(other_network, width), differs_at })
    }

    /// Whether this side takes the other for one of its network.
    pub const fn is_same(&self) -> bool {
        self.differs_at.is_none()
    }
}

/// An address in binary, its octets (of IPv6 its groups of 16 bits) apart.
pub fn binary(address: IpAddr) -> Vec<String> {
    match address {
        IpAddr::V4(address) => address.octets().iter().map(|octet| format!("{octet:08b}")).collect(),
        IpAddr::V6(address) => address.segments().iter().map(|segment| format!("{segment:016b}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::read;

    fn compare(own: &str, other: &str) -> Option<Comparison> {
        Comparison::new(read(own, None).unwrap().network, other.parse().unwrap())
    }

    #[test]
    fn the_mask_decides() {
        let found = compare("192.168.1.7/24", "192.168.2.9").unwrap();
        assert_eq!((found.other_network.to_string().as_str(), found.differs_at), ("192.168.2.0", Some(23)));
        assert!(compare("192.168.1.7/22", "192.168.2.9").unwrap().is_same());
        assert!(compare("192.168.1.7/0", "8.8.8.8").unwrap().is_same());
        assert_eq!(compare("10.0.0.1/8", "138.0.0.1").unwrap().differs_at, Some(1));
        assert_eq!(compare("10.0.0.1/32", "10.0.0.0").unwrap().differs_at, Some(32));
        assert_eq!(compare("2001:db8::1/64", "2001:db8:0:1::1").unwrap().differs_at, Some(64));
        assert_eq!(compare("10.0.0.1/8", "::1"), None);
    }

    #[test]
    fn bits_are_written_out() {
        assert_eq!(binary("192.168.1.7".parse().unwrap()).join("."), "11000000.10101000.00000001.00000111");
        assert_eq!(binary("8000::1".parse().unwrap())[7], "0000000000000001");
    }
}
