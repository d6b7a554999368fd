//! Networks as people write them: an address, or a prefix such as `10.0.0.0/8` or `2001:db8::/32` (RFC 4632, RFC 4291).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::fault::{Code, Fault};

/// An IPv4 or IPv6 prefix. An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether the address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == self.address
    }

    /// Reads networks with commas or line ends between them; there is at least one.
    pub fn list(text: &str) -> Result<Vec<Self>, Fault> {
        text.split([',', '\n']).map(|item| item.trim().parse()).collect()
    }
}

impl FromStr for Network {
    type Err = Fault;

    /// A fault of code `bad-network`; where only the bits after the prefix are wrong it names the network meant.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = || Fault::new(Code::BadNetwork, "").arg("value", text);
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let longest = longest(address);
        let plain = |bits: &&str| !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            None => longest,
            Some(bits) => {
                let bits = Some(bits).filter(plain).and_then(|bits| bits.parse().ok());
                bits.filter(|bits| *bits <= longest).ok_or_else(bad)?
            }
        };
        let network = masked(address, bits);
        if network != address {
            return Err(bad().arg("near", Self::canonical(network, bits)));
        }
        Ok(Self::canonical(address, bits))
    }
}

impl Network {
    /// The same network, as IPv4 where it is that in IPv6 clothes.
    fn canonical(address: IpAddr, bits: u8) -> Self {
        let canonical = address.to_canonical();
        match bits.checked_sub(longest(address) - longest(canonical)) {
            Some(bits) => Self { address: canonical, bits },
            None => Self { address, bits },
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == longest(self.address) {
            return self.address.fmt(f);
        }
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// How many bits an address of this family has.
const fn longest(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all bits after the first `bits` zero.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_prefix_holds_what_begins_like_it() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"),
        ] {
            assert!(contains(network, inside), "{network} {inside}");
            assert!(!contains(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn networks_are_shown_as_they_are_read() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.1/32", "10.0.0.1"),
            ("2001:db8:0::/32", "2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
        assert_eq!(Network::list("10.0.0.0/8, ::1").unwrap().len(), 2);
    }

    #[test]
    fn set_bits_after_the_prefix_name_the_network_that_was_meant() {
        for (text, meant) in [
            ("10.0.0.5/8", "10.0.0.0/8"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.5/104", "10.0.0.0/8"),
            ("1.2.3.4/0", "0.0.0.0/0"),
        ] {
            let fault = text.parse::<Network>().unwrap_err();
            assert_eq!((fault.code, fault.value("near")), (Code::BadNetwork, meant), "{text}");
        }
    }

    #[test]
    fn what_is_no_network_is_a_fault() {
        for text in
            ["", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "::/129", "host", "10.0.0.0/8/8", "/8"]
        {
            let fault = text.parse::<Network>().unwrap_err();
            assert_eq!((fault.code, fault.value("near")), (Code::BadNetwork, ""), "{text}");
        }
        assert!(Network::list("10.0.0.0/8,").is_err());
    }
}
