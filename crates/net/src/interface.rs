//! This machine's network interfaces, by name or by one of their addresses.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::SockaddrStorage;

/// An interface, as the multicast options want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Its number.
    pub(crate) index: u32,
    /// Its first IPv4 address, if it has one.
    pub(crate) v4: Option<Ipv4Addr>,
}

/// The interface called `text`, or the one that has the address `text`. `NotFound` if there is none.
pub(crate) fn find(text: &str) -> io::Result<Interface> {
    let wanted: Option<IpAddr> = text.parse().ok();
    let mut name = wanted.is_none().then(|| text.to_owned());
    let all: Vec<(String, IpAddr)> = addresses()?;
    if let Some(wanted) = wanted {
        name = all.iter().find(|(_, address)| *address == wanted).map(|(name, _)| name.clone());
    }
    let name = name.ok_or(ErrorKind::NotFound)?;
    let index = if_nametoindex(name.as_str()).map_err(|_| ErrorKind::NotFound)?;
    let v4 = |(owner, address): &(String, IpAddr)| match address {
        IpAddr::V4(v4) if *owner == name => Some(*v4),
        _ => None,
    };
    // An address that was named is the one that is meant, where the interface has several.
    let named = wanted.and_then(|ip| if let IpAddr::V4(v4) = ip { Some(v4) } else { None });
    Ok(Interface { index, v4: named.or_else(|| all.iter().find_map(v4)) })
}

/// The names of all interfaces, joined with commas.
pub(crate) fn names() -> String {
    let mut names: Vec<String> =
        getifaddrs().map(|all| all.map(|it| it.interface_name).collect()).unwrap_or_default();
    names.sort();
    names.dedup();
    names.join(", ")
}

fn addresses() -> io::Result<Vec<(String, IpAddr)>> {
    let ip = |address: SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|it| IpAddr::V6(it.ip())))
    };
    Ok(getifaddrs()?.filter_map(|it| Some((it.interface_name, ip(it.address?)?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_found_by_name_and_by_address() {
        let by_address = find("127.0.0.1").unwrap();
        assert_eq!(by_address.v4, Some(Ipv4Addr::LOCALHOST));
        if cfg!(target_os = "linux") {
            assert_eq!(find("lo").unwrap(), by_address);
        }
        assert_eq!(find("no such thing").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(find("192.0.2.77").unwrap_err().kind(), ErrorKind::NotFound);
    }
}
