//! Where the two ends of a leg are in a capture. Ends that have no Internet address get one of 127.0.0.0/8, and what they
//! are called as its name.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sockeye_core::Address;

/// The port of ends that have none, where they were there before the connection. No program takes it for a protocol.
const SERVICE: u16 = 60_999;

/// From here on, ports of ends that have none and began the connection.
const FIRST: u16 = 50_000;

/// How many those are.
const PORTS: u64 = 10_000;

/// Who began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opener {
    We,
    Peer,
}

/// Both ends, of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// What made-up addresses stand for.
    pub(super) names: Vec<(IpAddr, String)>,
}

impl Ends {
    /// The ends of the leg that is the `number`th one of this file.
    pub(super) fn new(local: &Address, remote: &Address, opener: Opener, number: u64) -> Self {
        let mut names = Vec::new();
        let mut end = |address: &Address, opens: bool, anonymous: u8| {
            let port = if opens { FIRST + u16::try_from(number % PORTS).unwrap_or(0) } else { SERVICE };
            let (ip, name) = match address {
                Address::Ip(ip) => return SocketAddr::new(ip.ip().to_canonical(), ip.port()),
                Address::Unix(None) => (Ipv4Addr::new(127, 0, 0, anonymous), None),
                Address::Stdio => (Ipv4Addr::new(127, 0, 0, anonymous), Some("stdin-stdout".to_owned())),
                called => {
                    let name = called.to_string();
                    (of_name(&name), Some(name))
                }
            };
            names.extend(name.map(|name| (IpAddr::V4(ip), name)));
            SocketAddr::new(ip.into(), port)
        };
        let local = end(local, opener == Opener::We, 1);
        let remote = end(remote, opener == Opener::Peer, 2);
        // One end may have been told by a relay, in the other family.
        let (local, remote) =
            if local.is_ipv4() == remote.is_ipv4() { (local, remote) } else { (six(local), six(remote)) };
        Self { local, remote, names }
    }
}

/// An address that is the same for the same name: FNV-1a, folded into 127.1.0.0 to 127.254.255.255.
fn of_name(name: &str) -> Ipv4Addr {
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_be_bytes();
    Ipv4Addr::new(127, 1 + (a ^ d) % 254, b, c)
}

fn six(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(local: &Address, remote: &Address, number: u64) -> Ends {
        Ends::new(local, remote, Opener::Peer, number)
    }

    fn ip(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    #[test]
    fn internet_addresses_stay_and_are_of_one_family() {
        let both = ends(&ip("[::ffff:10.0.0.1]:80"), &ip("10.0.0.2:1"), 0);
        assert_eq!(
            (both.local.to_string(), both.remote.to_string()),
            ("10.0.0.1:80".into(), "10.0.0.2:1".into())
        );
        let mixed = ends(&ip("10.0.0.1:80"), &ip("[::1]:1"), 0);
        assert!(mixed.local.is_ipv6() && mixed.remote.is_ipv6() && mixed.names.is_empty());
    }

    #[test]
    fn others_get_addresses_that_are_told_apart_and_named() {
        let socket = Address::Unix(Some("/run/a.sock".into()));
        let one = ends(&socket, &Address::Unix(None), 1);
        let two = ends(&socket, &Address::Unix(None), 2);
        assert_eq!((one.local, one.local.port()), (two.local, SERVICE));
        assert_ne!(one.remote, two.remote);
        assert!(one.local.ip().is_loopback());
        assert_eq!(one.names, [(one.local.ip(), "/run/a.sock".to_owned())]);
    }
}
