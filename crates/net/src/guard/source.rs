//! Where peers come from, as limits count it.

use std::net::{IpAddr, Ipv6Addr};

use sockeye_core::Address;

/// An IPv4 address, or the /64 of an IPv6 address: a host has a whole /64 (RFC 4291, section 2.5.4) and may take a new
/// address of it for every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// The source of a peer. Unix peers, processes and stdin have none: they are this machine's own.
    pub(crate) fn of(remote: &Address) -> Option<Self> {
        let Address::Ip(remote) = remote else { return None };
        Some(Self(match remote.ip().to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Option<Source> {
        Source::of(&Address::Ip(text.parse().unwrap()))
    }

    #[test]
    fn a_64_is_one_source_and_an_ipv4_address_too() {
        assert_eq!(source("[2001:db8::1]:1"), source("[2001:db8::ffff:2]:2"));
        assert_ne!(source("[2001:db8::1]:1"), source("[2001:db8:0:1::1]:1"));
        assert_ne!(source("192.0.2.1:1"), source("192.0.2.2:1"));
        assert_eq!(source("[::ffff:192.0.2.1]:1"), source("192.0.2.1:1"));
        assert_eq!(Source::of(&Address::Unix(None)), None);
        assert_eq!(Source::of(&Address::Stdio), None);
    }
}
