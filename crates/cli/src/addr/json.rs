//! The answer as JSON, one object a line. Keys, words and state names are never translated.

use serde_json::{Value, json};
use sockeye::addr::facts::{Embedded, Group, full, solicited_node};
use sockeye::addr::host::{Address, Hardware, Link, MAX_USED, Verdict};
use sockeye::addr::reading::Extent;
use sockeye::addr::same::Comparison;
use sockeye::addr::{
    About, Asking, Invalid, LISTED, Machine, Network, Outcome, Own, Path, Route, Same, Split, Summary,
};
use sockeye::core::{How, Tick};
use sockeye::json::known;

use super::wrong;

/// The lines of an answer.
pub(super) fn lines(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Machine(machine) => of_machine(machine),
        Outcome::About(about) => computed("address", &of_about(about)),
        Outcome::Invalid(invalid) => invalid.iter().map(of_invalid).collect(),
        Outcome::Same(same) => of_same(same),
        Outcome::Split(split) => of_split(split),
        Outcome::Summary(summary) => of_summary(summary),
    }
}

fn computed(kind: &str, fields: &[(&str, Value)]) -> String {
    known(Tick::ZERO, How::Inferred, kind, fields)
}

fn asked(kind: &str, fields: &[(&str, Value)]) -> String {
    known(Tick::ZERO, How::Polled, kind, fields)
}

fn of_machine(machine: &Machine) -> String {
    let mut text = String::new();
    for (link, addresses) in &machine.links {
        text.push_str(&asked("link", &of_link(link, addresses)));
    }
    for route in &machine.gateways {
        text.push_str(&asked("gateway", &of_route(route, machine.link(route.link))));
    }
    let resolvers = &machine.resolvers;
    for (at, server) in resolvers.servers.iter().enumerate() {
        let fields = [
            ("address", json!(server.address.to_string())),
            ("zone", json!(server.zone)),
            ("path", json!(resolvers.path)),
            ("line", json!(server.line)),
            ("used", json!(at < MAX_USED)),
            ("search", json!(resolvers.search)),
            ("options", json!(resolvers.options)),
        ];
        text.push_str(&asked("resolver", &fields));
    }
    text
}

fn of_link(link: &Link, addresses: &[Address]) -> Vec<(&'static str, Value)> {
    let addresses = addresses.iter().map(|address| {
        json!({
            "address": address.network.address().to_string(),
            "prefix": address.network.prefix(),
            "scope": address.scope.to_string(),
            "broadcast": address.broadcast.map(|broadcast| broadcast.to_string()),
            "peer": address.peer.map(|peer| peer.to_string()),
            "tentative": address.flags.is_tentative(),
            "duplicate": address.flags.is_duplicate(),
            "deprecated": address.flags.is_deprecated(),
            "valid_seconds": address.valid,
        })
    });
    vec![
        ("index", json!(link.index)),
        ("name", json!(link.name)),
        ("up", json!(link.flags.is_up())),
        ("carrier", json!(link.flags.has_carrier())),
        ("state", json!(link.state.to_string())),
        ("mac", json!((!link.hardware.is_empty()).then(|| link.hardware.to_string()))),
        ("mtu", json!(link.mtu)),
        ("addresses", Value::Array(addresses.collect())),
    ]
}

fn of_route(route: &Route, link: Option<&str>) -> Vec<(&'static str, Value)> {
    vec![
        ("family", json!(family(route.to))),
        ("to", json!(route.to.to_string())),
        ("type", json!(route.kind.to_string())),
        ("gateway", json!(route.gateway.map(|gateway| gateway.to_string()))),
        ("link", json!(link)),
        ("source", json!(route.source.map(|source| source.to_string()))),
        ("table", json!(route.table)),
        ("metric", json!(route.metric)),
    ]
}

fn family(network: Network) -> &'static str {
    if network.address().is_ipv4() { "ipv4" } else { "ipv6" }
}

fn of_about(about: &About) -> Vec<(&'static str, Value)> {
    let network = about.given.network;
    let address = network.address();
    let registry = about.special.iter().map(|entry| {
        json!({
            "block": entry.block.to_string(),
            "name": entry.name,
            "source": entry.source,
            "source_allowed": entry.rules.source,
            "destination_allowed": entry.rules.destination,
            "forwardable": entry.rules.forwardable,
            "globally_reachable": entry.rules.global,
            "reserved_by_protocol": entry.rules.by_protocol,
        })
    });
    let mut fields = vec![
        ("input", json!(about.text)),
        ("valid", json!(true)),
        ("family", json!(family(network))),
        ("address", json!(address.to_string())),
        ("scope", json!(about.reach.word())),
        ("globally_reachable", json!(about.global)),
        ("registry", Value::Array(registry.collect())),
        ("multicast_scope", json!(about.group.map(Group::word))),
        ("class", json!(about.class.map(|class| class.letter().to_string()))),
        ("reverse", json!(about.reverse)),
        ("here", json!(about.here)),
    ];
    if let std::net::IpAddr::V6(address) = address {
        fields.push(("full", json!(full(address))));
        fields.push(("zone", json!(about.given.zone)));
        fields.push(("mac", json!(about.hardware.map(|mac| Hardware(mac.to_vec()).to_string()))));
        if !address.is_multicast() {
            fields.push(("solicited_node", json!(solicited_node(address).to_string())));
        }
        if let Some(embedded) = about.embedded {
            let mut inner = json!({ "kind": embedded.word(), "address": embedded.address().to_string() });
            if let Embedded::Teredo { server, port, .. } = embedded {
                inner["server"] = json!(server.to_string());
                inner["port"] = json!(port);
            }
            fields.push(("embedded", inner));
        }
    }
    if about.given.extent != Extent::None {
        fields.extend(of_network(network));
    }
    fields
}

fn of_network(network: Network) -> Vec<(&'static str, Value)> {
    let (first, last, hosts) = network.hosts();
    vec![
        ("prefix", json!(network.prefix())),
        ("mask", json!(network.mask().to_string())),
        ("wildcard", json!(network.wildcard().to_string())),
        ("network", json!(network.first().to_string())),
        ("host_part", json!(network.host_part().to_string())),
        ("last", json!(network.last().to_string())),
        ("broadcast", json!(network.has_broadcast().then(|| network.last().to_string()))),
        ("first_host", json!(first.to_string())),
        ("last_host", json!(last.to_string())),
        // Numbers of JSON are exact to 2^53 in most programs: as text they are exact everywhere.
        ("hosts", json!(hosts.to_string())),
        ("addresses", json!(network.size().to_string())),
    ]
}

fn of_invalid(invalid: &Invalid) -> String {
    let mistakes = invalid.mistakes.iter().map(|mistake| {
        let (place, text) = wrong::about(mistake);
        json!({ "code": wrong::code(mistake), "place": place, "text": text })
    });
    let fields = [
        ("input", json!(invalid.text)),
        ("valid", json!(false)),
        ("mistakes", Value::Array(mistakes.collect())),
        ("inet_aton", json!(invalid.lenient.map(|address| address.to_string()))),
    ];
    computed("address", &fields)
}

fn of_same(same: &Same) -> String {
    let side = |comparison: &Comparison| {
        json!({
            "own": comparison.own.to_string(),
            "mask": comparison.own.mask().to_string(),
            "own_network": comparison.own.first().to_string(),
            "other": comparison.other.to_string(),
            "other_network": comparison.other_network.to_string(),
            "same": comparison.is_same(),
            "differs_at_bit": comparison.differs_at,
        })
    };
    let (how, path) = match &same.path {
        Path::Textbook => (How::Inferred, json!({ "kind": "textbook" })),
        Path::Own(own) => (How::Polled, of_path(own)),
    };
    let fields = [
        ("same", json!(same.is_same())),
        ("there", side(&same.there)),
        ("back", json!(same.back.as_ref().map(side))),
        ("path_how", json!(how.word())),
        ("path", path),
    ];
    computed("same-network", &fields)
}

/// How this machine sends a packet.
fn of_path(own: &Own) -> Value {
    let route = match &own.verdict {
        Verdict::Found(route) => route,
        Verdict::Refused { errno, kind } => {
            let kind = kind.map(|kind| kind.to_string());
            return json!({ "kind": "refused", "own_link": own.link, "errno": errno, "type": kind });
        }
    };
    let neighbour = own.neighbour.as_ref().map(|known| {
        json!({
            "address": known.address.to_string(),
            "state": known.state.to_string(),
            "mac": (!known.hardware.is_empty()).then(|| known.hardware.to_string()),
        })
    });
    json!({
        "kind": "route",
        "own_link": own.link,
        "type": route.kind.to_string(),
        "gateway": route.gateway.map(|gateway| gateway.to_string()),
        "link": own.out.as_ref().map(|(link, _)| link),
        "asks_neighbours": own.out.as_ref().map(|(_, asking)| *asking == Asking::Asks),
        "neighbour": neighbour,
    })
}

fn of_split(split: &Split) -> String {
    let pieces = split.pieces.clone().take(LISTED);
    let mut text: String = pieces.map(|piece| computed("network", &named(piece))).collect();
    let fields = [
        ("network", json!(split.network.to_string())),
        ("prefix", json!(split.prefix)),
        ("count", json!(split.pieces.count.to_string())),
        ("most_listed", json!(LISTED)),
    ];
    text.push_str(&computed("split", &fields));
    text
}

fn of_summary(summary: &Summary) -> String {
    summary.networks.iter().map(|network| computed("network", &named(*network))).collect()
}

fn named(network: Network) -> Vec<(&'static str, Value)> {
    let mut fields = vec![("cidr", json!(network.to_string())), ("family", json!(family(network)))];
    fields.extend(of_network(network));
    fields
}
