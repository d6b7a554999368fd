//! Which of our addresses connections come from. One address has a port for each connection to the same place, about
//! 28,000 of them; on the loopback interface there are as many addresses as are wanted (127.0.0.0/8, RFC 1122 section
//! 3.2.1.3), so a larger crowd comes from several.

use std::net::{IpAddr, Ipv4Addr};

use sockeye_core::endpoint::{Endpoint, Host, Place};

use crate::plan::Plan;

/// Ports of one address where the system does not tell.
const PORTS: usize = 28_000;

/// The share of an address's ports that are used, in parts of a hundred: others need some too, and a port of which a
/// connection was closed is taken for a minute.
const SHARE: usize = 70;

/// Endpoints to dial, one a source; connections are shared out over them in turn.
pub(crate) fn endpoints(plan: &Plan) -> Vec<Endpoint> {
    let count = sources(plan, ports());
    let bound = |source: u8| {
        let mut endpoint = plan.endpoint.clone();
        endpoint.params.bind = Some(Ipv4Addr::new(127, 0, 0, source).to_string());
        endpoint
    };
    if count <= 1 { vec![plan.endpoint.clone()] } else { (1..=count).map(bound).collect() }
}

/// How many addresses are needed.
fn sources(plan: &Plan, ports: usize) -> u8 {
    let endpoint = &plan.endpoint;
    let is_loopback = match &endpoint.place {
        Place::Host { host: Host::Loopback, .. } => true,
        Place::Host { host: Host::Ip(IpAddr::V4(ip)), .. } => ip.is_loopback(),
        _ => false,
    };
    let is_fixed = endpoint.params.bind.is_some() || endpoint.params.via.is_some();
    if !is_loopback || is_fixed {
        return 1;
    }
    let each = (ports * SHARE / 100).max(1);
    u8::try_from(plan.connections.div_ceil(each)).unwrap_or(u8::MAX).clamp(1, 254)
}

/// Ports that a connection may come from, of each address.
fn ports() -> usize {
    let told = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = told.split_ascii_whitespace().map(str::parse::<usize>);
    match (bounds.next(), bounds.next()) {
        (Some(Ok(first)), Some(Ok(last))) if last > first => last - first + 1,
        _ => PORTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::plan;

    #[test]
    fn a_crowd_comes_from_as_many_addresses_as_it_needs() {
        let count = |endpoint: &str, connections| {
            let plan = Plan { endpoint: endpoint.parse().unwrap(), connections, ..plan() };
            sources(&plan, 28_000)
        };
        assert_eq!(count("127.0.0.1:9000", 19_600), 1);
        assert_eq!(count("127.0.0.1:9000", 19_601), 2);
        assert_eq!(count(":9000", 100_000), 6);
        // Elsewhere we have the addresses we have.
        for fixed in ["192.0.2.1:9000", "unix:///a", "[::1]:9000", "tcp://127.0.0.1:9000?bind=127.0.0.9"] {
            assert_eq!(count(fixed, 100_000), 1, "{fixed}");
        }
    }
}
