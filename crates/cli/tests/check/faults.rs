//! The faults: what is wrong, what is checked, and what the verdict should be.

use super::lab::Lab;

/// One fault.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    /// What makes its client ill: commands, in which `$C` is its namespace and `$T` the lab's tag.
    pub(crate) setup: &'static str,
    /// Servers of the DNS.
    pub(crate) dns: &'static [&'static str],
    /// A line of the hosts file besides localhost's.
    pub(crate) hosts: &'static str,
    /// Where it is checked from.
    pub(crate) from: From,
    /// Verdict, layer, kind of culprit, which one. `{me}` is the client's address.
    pub(crate) expected: (&'static str, &'static str, &'static str, &'static str),
}

/// Where a fault is checked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// A client of its own.
    Client,
    /// The host of the servers itself.
    Server,
}

const GOOD: &str = "10.77.3.53";

const fn fault(
    name: &'static str,
    target: &'static str,
    expected: (&'static str, &'static str, &'static str, &'static str),
) -> Fault {
    Fault { name, target, setup: "", dns: &[GOOD], hosts: "", from: From::Client, expected }
}

impl Fault {
    const fn dns(self, dns: &'static [&'static str]) -> Self {
        Self { dns, ..self }
    }

    const fn setup(self, setup: &'static str) -> Self {
        Self { setup, ..self }
    }

    const fn hosts(self, hosts: &'static str) -> Self {
        Self { hosts, ..self }
    }

    const fn from(self, from: From) -> Self {
        Self { from, ..self }
    }

    /// Makes it happen. The namespace to check from.
    pub(crate) fn inject(&self, lab: &mut Lab, number: usize) -> String {
        if self.from == From::Server {
            return "s".to_owned();
        }
        let servers: Vec<String> = self.dns.iter().map(|server| format!("nameserver {server}")).collect();
        let hosts = format!("127.0.0.1 localhost\n# of this test\n{}\n", self.hosts);
        lab.client(number, &[("resolv.conf", servers.join("\n")), ("hosts", hosts)], self.setup)
    }
}

/// The faults that the rules were made with.
pub(crate) const FAULTS: &[Fault] = &[
    fault("name not found", "http://nowhere.test/", ("not-found", "name", "name", "nowhere.test")),
    fault("wrong hosts line", "http://web.test/", ("misled", "name", "hosts-line", "3"))
        .hosts("10.77.3.99 web.test"),
    fault("DNS silent", "http://web.test/", ("silent", "name", "resolver", "10.77.3.55"))
        .dns(&["10.77.3.55"]),
    fault("DNS lies", "http://web.test/", ("misled", "name", "resolver", "10.77.3.54"))
        .dns(&["10.77.3.54", GOOD]),
    fault("no route", "http://10.77.3.10/", ("no-route", "route", "routing-table", ""))
        .setup("ip -n $C route del default"),
    fault("wrong mask", "http://10.77.3.10/", ("neighbour", "route", "mask", "{me}/16")).setup(
        "ip -n $C addr flush dev eth0
         ip -n $C addr add $ME/16 dev eth0
         ip -n $C route add default via 10.77.1.1",
    ),
    fault("dead gateway", "http://10.77.3.10/", ("neighbour", "neighbour", "gateway", "10.77.1.250"))
        .setup("ip -n $C route replace default via 10.77.1.250"),
    fault("dead neighbour on-link", "10.77.1.240:80", ("neighbour", "neighbour", "host", "10.77.1.240")),
    fault(
        "dead neighbour beyond a router",
        "10.77.3.98:80",
        ("unreachable", "neighbour", "host", "10.77.3.98"),
    ),
    fault("prohibit", "10.77.4.9:80", ("prohibited", "path", "router", "10.77.2.2")),
    fault("unreachable", "10.77.5.9:80", ("unreachable", "path", "router", "10.77.2.2")),
    // It drops them before it looks at their time to live: the last who answers is the router before it.
    fault("blackhole", "10.77.6.9:80", ("silent", "path", "beyond", "10.77.1.1")),
    fault("closed port", "10.77.3.10:8", ("refused", "tcp", "port", "10.77.3.10:8")),
    fault("dropped port", "10.77.3.10:9999", ("silent", "tcp", "port", "10.77.3.10:9999")),
    fault("full backlog", "127.0.0.1:82", ("silent", "tcp", "backlog", "127.0.0.1:82")).from(From::Server),
    fault("reset after accept", "http://10.77.3.10:83/", ("reset", "tcp", "port", "10.77.3.10:83")),
    fault("not TLS", "tls://good.test:80", ("plain-text", "tls", "server", "10.77.3.10:80")),
    fault("expired certificate", "https://good.test:86/", ("expired", "tls", "certificate", "")),
    fault("wrong name", "https://good.test:87/", ("wrong-name", "tls", "certificate", "")),
    fault(
        "wrong application",
        "http://10.77.3.10:84/",
        ("wrong-application", "application", "server", "10.77.3.10:84"),
    ),
    fault("MTU black hole", "http://10.77.8.10:91/", ("too-big", "size", "beyond", "10.77.1.1")),
    fault("slow server", "http://10.77.3.10:81/", ("silent", "application", "server", "10.77.3.10:81")),
];

/// Faults that were added when the rules were frozen.
pub(crate) const FURTHER: &[Fault] = &[
    fault("DNS server fails", "http://web.test/", ("failed", "name", "resolver", "10.77.3.56"))
        .dns(&["10.77.3.56"]),
    fault(
        "no DNS server where one should be",
        "http://web.test/",
        ("refused", "name", "resolver", "10.77.3.10"),
    )
    .dns(&["10.77.3.10"]),
    fault(
        "dead gateway, asked by name",
        "http://web.test/",
        ("neighbour", "neighbour", "gateway", "10.77.1.250"),
    )
    .setup("ip -n $C route replace default via 10.77.1.250"),
    // 64 hops from the client it is the second router's turn.
    fault("routing loop", "10.77.7.9:80", ("unreachable", "path", "router", "10.77.2.2")),
    fault("port prohibited by a router", "10.77.3.10:9998", ("prohibited", "path", "router", "10.77.2.2")),
    fault("cable out", "http://10.77.3.10/", ("no-route", "route", "link", "eth0"))
        .setup("ip -n ${T}r1 link set $PEER down"),
    fault(
        "HTTP to a TLS port",
        "http://10.77.3.10:85/",
        ("wrong-application", "application", "server", "10.77.3.10:85"),
    ),
    fault(
        "blackhole route here",
        "http://10.77.3.10/",
        ("silent", "route", "routing-table", "10.77.3.10/32"),
    )
    .setup("ip -n $C route add blackhole 10.77.3.10/32"),
    fault("no way back", "http://10.77.3.10/", ("silent", "path", "beyond", "10.77.2.2"))
        .setup("ip -n ${T}s route add blackhole $ME/32"),
    fault("MTU black hole under TLS", "https://10.77.8.10:88/", ("too-big", "size", "beyond", "10.77.1.1")),
];

/// Where nothing is wrong: what is said then must be that.
pub(crate) const HEALTHY: &[Fault] = &[
    fault("web page by name", "http://web.test/", ("ok", "application", "none", "")),
    fault("web page under TLS", "https://good.test:85/", ("ok", "application", "none", "")),
    fault("a greeting", "10.77.3.10:84", ("ok", "application", "none", "")),
    fault("a host", "10.77.3.10", ("ok", "path", "none", "")),
];
