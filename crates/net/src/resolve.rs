//! From the place of an endpoint to socket addresses. Names go to the system's resolver, so the hosts file and
//! nsswitch count as they do everywhere else on the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use sockeye_core::{Address, Code, Endpoint, Fault, Host, Kind, Place};
use tokio::net::lookup_host;

use crate::dial::Call;
use crate::eyeballs::{MOST, interleave};
use crate::interface;

/// Both families of this machine itself. IPv4 leads: what listens on one family listens on that one.
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Both families of every interface.
const ANY: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];

/// The host and port of an endpoint whose transport has them.
pub(crate) fn host_of(endpoint: &Endpoint) -> Result<(&Host, u16), Fault> {
    match &endpoint.place {
        // Whether a path means something here was looked at before: see `transport::fit`.
        Place::Host { host, port, .. } => Ok((host, *port)),
        _ => Err(misplaced(endpoint)),
    }
}

/// The file of an endpoint whose transport has one.
pub(crate) fn path_of(endpoint: &Endpoint) -> Result<&str, Fault> {
    match &endpoint.place {
        Place::Path(path) if !path.is_empty() => Ok(path),
        _ => Err(misplaced(endpoint)),
    }
}

/// The place is not of the kind that the transport has.
pub(crate) fn misplaced(endpoint: &Endpoint) -> Fault {
    Fault::new(Code::BadEndpoint, "").arg("endpoint", endpoint.bare())
}

/// Where to connect, in the order to try. `:9000` and `any:9000` are this machine, over both families.
pub(crate) async fn target(call: &Call<'_>) -> Result<Vec<SocketAddr>, Fault> {
    let (host, port) = host_of(call.endpoint)?;
    let name = match host {
        Host::Loopback | Host::Any => return Ok(with_port(&LOOPBACK, port)),
        Host::Ip(ip) => return Ok(with_port(&[*ip], port)),
        Host::Zoned { ip, zone } => return zoned(*ip, zone, port, &call.subject).map(|it| vec![it]),
        Host::Name(name) => name,
    };
    let found =
        lookup_host((name.as_str(), port)).await.map_err(|error| unresolved(name, &call.subject, &error))?;
    let addresses = interleave(found);
    if addresses.is_empty() {
        return Err(Fault::new(Code::Unresolved, &call.subject).arg("name", name));
    }
    let shown: Vec<Address> = addresses.iter().copied().map(Address::Ip).collect();
    (call.on_event)(Kind::Resolved { name, addresses: &shown });
    Ok(addresses)
}

/// Where to listen. Waits for the resolver: it is for the start of a server.
pub(crate) fn listen(host: &Host, port: u16, subject: &str) -> Result<Vec<SocketAddr>, Fault> {
    let name = match host {
        Host::Loopback => return Ok(with_port(&LOOPBACK, port)),
        Host::Any => return Ok(with_port(&ANY, port)),
        Host::Ip(ip) => return Ok(with_port(&[*ip], port)),
        Host::Zoned { ip, zone } => return zoned(*ip, zone, port, subject).map(|it| vec![it]),
        Host::Name(name) => name,
    };
    let found = (name.as_str(), port).to_socket_addrs().map_err(|error| unresolved(name, subject, &error))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if addresses.len() < MOST && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(Fault::new(Code::Unresolved, subject).arg("name", name));
    }
    Ok(addresses)
}

/// A link-local address on one interface; the zone is its name or number (RFC 4007, section 11).
fn zoned(ip: Ipv6Addr, zone: &str, port: u16, subject: &str) -> Result<SocketAddr, Fault> {
    let number = zone.parse().ok().or_else(|| interface::find(zone).ok().map(|it| it.index));
    let number = number.ok_or_else(|| Fault::new(Code::Unresolved, subject).arg("name", zone))?;
    Ok(SocketAddrV6::new(ip, port, 0, number).into())
}

fn unresolved(name: &str, subject: &str, error: &std::io::Error) -> Fault {
    Fault::new(Code::Unresolved, subject).arg("name", name).detail(error)
}

fn with_port(addresses: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
}

/// The value of `bind=` of a client: an address, `address:port` or `:port`.
pub(crate) fn source(text: &str) -> Result<Source, Fault> {
    let port_alone = || text.strip_prefix(':')?.parse().ok().map(|port| Source { ip: None, port });
    let address = || text.parse().ok().map(|ip| Source { ip: Some(ip), port: 0 });
    let both = || text.parse().ok().map(|it: SocketAddr| Source { ip: Some(it.ip()), port: it.port() });
    let source = port_alone().or_else(address).or_else(both);
    source.ok_or_else(|| Fault::new(Code::BadValue, "").arg("name", "bind").arg("value", text))
}

/// Where a client's own end is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    ip: Option<IpAddr>,
    port: u16,
}

impl Source {
    /// The source of a connection to `to`: the wildcard address if none was named; `None` if it is of the other family.
    pub(crate) fn toward(self, to: SocketAddr) -> Option<SocketAddr> {
        let any = if to.is_ipv4() { ANY[0] } else { ANY[1] };
        let ip = self.ip.unwrap_or(any);
        (ip.is_ipv4() == to.is_ipv4()).then_some(SocketAddr::new(ip, self.port))
    }

    /// Whether a source was named at all.
    pub(crate) fn is_given(self) -> bool {
        self != Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_a_port_or_both() {
        let to = "192.0.2.1:80".parse().unwrap();
        let toward = |text| source(text).unwrap().toward(to).map(|it| it.to_string());
        assert_eq!(toward("127.0.0.2").as_deref(), Some("127.0.0.2:0"));
        assert_eq!(toward("127.0.0.2:99").as_deref(), Some("127.0.0.2:99"));
        assert_eq!(toward(":99").as_deref(), Some("0.0.0.0:99"));
        assert_eq!(toward("[::1]:99"), None);
        assert_eq!(source("here").unwrap_err().code, Code::BadValue);
    }
}
