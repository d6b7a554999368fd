//! This machine's links, addresses, gateways and resolvers, as text.

use sockeye::addr::host::{Address, Link, LinkState, MAX_USED};
use sockeye::addr::{Machine, Resolvers, Route};
use std::fmt::Write as _;

use super::rows;
use crate::fault::safe;
use crate::ui::columns::{columns, padded};
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// The whole page.
pub(super) fn page(words: &Words, paint: Paint, machine: &Machine) -> String {
    let mut text = String::new();
    for (link, addresses) in &machine.links {
        text.push_str(&head(words, paint, link));
        text.push('\n');
        let lines: Vec<(String, String)> =
            addresses.iter().map(|address| (address.network.to_string(), told(words, address))).collect();
        let width = lines.iter().map(|(address, _)| columns(address)).max().unwrap_or(0);
        for (address, told) in lines {
            let address = padded(&address, width);
            let _ = writeln!(text, "  {}  {told}", paint.on(Colour::Green, &address));
        }
    }
    text.push('\n');
    let gateways: Vec<String> = machine.gateways.iter().map(|route| gateway(words, machine, route)).collect();
    let none = || vec![words.plain("addr-none")];
    let gateways = if gateways.is_empty() { none() } else { gateways };
    let table = [
        (words.plain("addr-gateway"), gateways.join("\n")),
        (words.plain("addr-dns"), resolvers(words, &machine.resolvers)),
        (words.plain("addr-search"), safe(&machine.resolvers.search.join(" "))),
    ];
    text.push_str(&rows(&table));
    text
}

/// A link in a line: name, state, hardware address, MTU.
fn head(words: &Words, paint: Paint, link: &Link) -> String {
    let state = match (link.flags.is_up(), link.flags.has_carrier()) {
        (false, _) => "addr-link-off",
        (true, false) => "addr-link-no-carrier",
        (true, true) => "addr-link-up",
    };
    let colour = if state == "addr-link-up" { Colour::Green } else { Colour::Yellow };
    let mut parts = vec![paint.on(colour, &words.plain(state))];
    // What is beyond on and off.
    if !matches!(link.state, LinkState::Up | LinkState::Down | LinkState::Unknown) {
        parts.push(link.state.to_string());
    }
    if !link.hardware.is_empty() && !link.flags.is_loopback() {
        parts.push(words.say("addr-mac", &[("mac", &link.hardware.to_string())]));
    }
    if let Some(mtu) = link.mtu {
        parts.push(words.say("addr-mtu", &[("mtu", &mtu.to_string())]));
    }
    format!("{}  {}", paint.on(Colour::Cyan, &safe(&link.name)), parts.join("  "))
}

/// What is told of an address.
fn told(words: &Words, address: &Address) -> String {
    let mut parts = vec![words.say("addr-link-scope", &[("scope", &address.scope.to_string())])];
    if let Some(broadcast) = address.broadcast {
        parts.push(words.say("addr-link-broadcast", &[("address", &broadcast.to_string())]));
    }
    if let Some(peer) = address.peer {
        parts.push(words.say("addr-link-peer", &[("address", &peer.to_string())]));
    }
    let flags = address.flags;
    let states = [
        (flags.is_tentative(), "addr-tentative"),
        (flags.is_duplicate(), "addr-duplicate"),
        (flags.is_deprecated(), "addr-deprecated"),
        (flags.is_secondary() && address.network.address().is_ipv6(), "addr-temporary"),
    ];
    parts.extend(states.into_iter().filter(|(is, _)| *is).map(|(_, key)| words.plain(key)));
    if let Some(seconds) = address.valid {
        parts.push(words.say("addr-valid", &[("seconds", &seconds.to_string())]));
    }
    parts.join("  ")
}

fn gateway(words: &Words, machine: &Machine, route: &Route) -> String {
    let metric = route.metric.to_string();
    if route.hops.len() > 1 {
        let hops = route.hops.iter().map(|hop| {
            let link = safe(machine.link(Some(hop.link)).unwrap_or_default());
            hop.gateway.map_or_else(|| link.clone(), |gateway| format!("{gateway} ({link})"))
        });
        let ways = hops.collect::<Vec<_>>().join(", ");
        return words.say("addr-gateways", &[("ways", &ways), ("metric", &metric)]);
    }
    let link = safe(machine.link(route.link).unwrap_or_default());
    match route.gateway {
        Some(gateway) => {
            let args = [("gateway", &*gateway.to_string()), ("link", &link), ("metric", &metric)];
            words.say("addr-gateway-on", &args)
        }
        None => words.say("addr-gateway-link", &[("link", &link), ("metric", &metric)]),
    }
}

fn resolvers(words: &Words, resolvers: &Resolvers) -> String {
    let path = safe(&resolvers.path);
    let mut lines = Vec::new();
    for (at, server) in resolvers.servers.iter().enumerate() {
        let zone = server.zone.as_deref().map(|zone| format!("%{}", safe(zone))).unwrap_or_default();
        let address = format!("{}{zone}", server.address);
        let key = if at < MAX_USED { "addr-dns-line" } else { "addr-dns-unused" };
        let args = [("address", &*address), ("path", &path), ("line", &server.line.to_string())];
        lines.push(words.say(key, &args));
    }
    if lines.is_empty() {
        lines.push(words.say("addr-dns-none", &[("path", &path)]));
    }
    for (line, text) in &resolvers.mistakes {
        let args = [("text", &*safe(text)), ("path", &path), ("line", &line.to_string())];
        lines.push(words.say("addr-dns-mistake", &args));
    }
    lines.join("\n")
}
