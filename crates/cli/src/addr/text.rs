//! What an address is, whether two share a network, and networks cut and joined, as text.

use std::fmt::Write as _;
use std::net::IpAddr;

use sockeye::addr::facts::{Embedded, Group, Reach, full, solicited_node};
use sockeye::addr::host::Hardware;
use sockeye::addr::reading::Extent;
use sockeye::addr::same::binary;
use sockeye::addr::{About, LISTED, Network, Split, Summary};

use super::rows;
use crate::fault::safe;
use crate::ui::columns::padded;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// What an address is.
pub(super) fn about(words: &Words, paint: Paint, about: &About) -> String {
    let network = about.given.network;
    let address = network.address();
    let mut table: Vec<(&str, String)> = vec![
        ("addr-family", if address.is_ipv4() { "IPv4".to_owned() } else { "IPv6".to_owned() }),
        ("addr-scope", reach(words, about)),
    ];
    for entry in &about.special {
        let block = entry.block.to_string();
        let args = [("block", &*block), ("name", entry.name), ("source", entry.source)];
        table.push(("addr-registry", words.say("addr-registered", &args)));
    }
    table.push(("addr-reachable", words.say("addr-global", &[("global", yes(about.global))])));
    if let Some(class) = about.class {
        let letter = class.letter().to_string();
        let prefix = class.prefix().map(|prefix| format!("/{prefix}")).unwrap_or_default();
        let what = if prefix.is_empty() { "none" } else { "sized" };
        let args = [("class", &*letter), ("bits", class.bits()), ("prefix", &prefix), ("what", what)];
        let class = words.say("addr-class-of", &args);
        table.push(("addr-class", format!("{class}\n{}", words.plain("addr-class-historic"))));
    }
    table.extend(forms(words, about));
    table.push(("addr-binary", bits(paint, network)));
    if address.is_multicast() {
        // A group is in no network.
    } else if about.given.extent == Extent::None {
        let likely = if address.is_ipv4() { 24 } else { 64 };
        let args = [("address", &*address.to_string()), ("prefix", &likely.to_string())];
        table.push(("addr-network", words.say("addr-no-prefix", &args)));
    } else {
        table.extend(extent(words, network));
    }
    table.push(("addr-reverse", about.reverse.clone()));
    if !about.here.is_empty() {
        let links = about.here.iter().map(|link| safe(link)).collect::<Vec<_>>().join(", ");
        table.push(("addr-here", words.say("addr-here-on", &[("links", &links)])));
    }
    let table: Vec<(String, String)> =
        table.into_iter().map(|(key, value)| (words.plain(key), value)).collect();
    format!("{}\n{}", paint.on(Colour::Green, &safe(&about.text)), rows(&table))
}

const fn yes(global: Option<bool>) -> &'static str {
    match global {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unsaid",
    }
}

fn reach(words: &Words, about: &About) -> String {
    let scope = words.say("addr-reach", &[("reach", about.reach.word())]);
    match about.reach {
        Reach::Multicast(group) => {
            let name = match group {
                Group::V6(scope) => {
                    words.say("addr-group-v6", &[("group", group.word()), ("number", &format!("{scope:x}"))])
                }
                _ => words.say("addr-group", &[("group", group.word())]),
            };
            format!("{scope}\n{name} ({})", group.source())
        }
        _ => scope,
    }
}

/// The forms of an IPv6 address and what is written into it.
fn forms(words: &Words, about: &About) -> Vec<(&'static str, String)> {
    let IpAddr::V6(address) = about.given.network.address() else { return Vec::new() };
    let mut table = vec![("addr-short", address.to_string()), ("addr-full", full(address))];
    if let Some(zone) = &about.given.zone {
        table.push(("addr-zone", safe(zone)));
    }
    if let Some(embedded) = about.embedded {
        let inner = embedded.address().to_string();
        let (server, port) = match embedded {
            Embedded::Teredo { server, port, .. } => (server.to_string(), port.to_string()),
            _ => (String::new(), String::new()),
        };
        // A variant's name begins with a letter.
        let what = if embedded.word() == "6to4" { "six-to-four" } else { embedded.word() };
        let args = [("what", what), ("address", &*inner), ("server", &server), ("port", &port)];
        table.push(("addr-embedded", words.say("addr-embedded-as", &args)));
    }
    if let Some(hardware) = about.hardware {
        let mac = Hardware(hardware.to_vec()).to_string();
        table.push(("addr-eui64", words.say("addr-eui64-of", &[("mac", &mac)])));
    }
    if !address.is_multicast() && !address.is_loopback() && !address.is_unspecified() {
        table.push(("addr-solicited", solicited_node(address).to_string()));
    }
    table
}

/// The network's part and the host's in binary, with a line between them where there are both. Two lines on IPv6.
fn bits(paint: Paint, network: Network) -> String {
    let parts = binary(network.address());
    let (dot, each) = if network.address().is_ipv4() { ('.', 4) } else { (':', 4) };
    let mut lines = vec![String::new()];
    let mut at = 0;
    for (number, part) in parts.iter().enumerate() {
        if number > 0 && number % each == 0 {
            lines.push(String::new());
        }
        let line_at = lines.len() - 1;
        if number % each > 0 && at != network.prefix() {
            lines[line_at].push(dot);
        }
        for bit in part.chars() {
            if at == network.prefix() && at > 0 {
                lines[line_at].push('|');
            }
            let colour = if at < network.prefix() { Colour::Green } else { Colour::Cyan };
            lines[line_at].push_str(&paint.on(colour, &bit.to_string()));
            at += 1;
        }
    }
    lines.join("\n")
}

/// The network an address is in.
fn extent(words: &Words, network: Network) -> Vec<(&'static str, String)> {
    let (first, last, hosts) = network.hosts();
    let dotted = |address: IpAddr| {
        let bits = binary(address).join(".");
        if address.is_ipv4() {
            format!("{}{bits}", padded(&address.to_string(), 17))
        } else {
            address.to_string()
        }
    };
    let mut table = vec![("addr-mask", format!("{}  /{}", dotted(network.mask()), network.prefix()))];
    if network.address().is_ipv4() {
        table.push(("addr-wildcard", dotted(network.wildcard())));
        table.push(("addr-network", dotted(network.first())));
        table.push(("addr-host", dotted(network.host_part())));
    } else {
        table.push(("addr-network", network.trunk().to_string()));
        table.push(("addr-host", network.host_part().to_string()));
    }
    if network.has_broadcast() {
        table.push(("addr-broadcast", dotted(network.last())));
    }
    let (first, last) = (first.to_string(), last.to_string());
    let (hosts, size) = (hosts.to_string(), network.size().to_string());
    let what = match (network.address().is_ipv4(), network.host_bits()) {
        (_, 0) => "one",
        (true, 1) => "pair",
        (true, _) => "many",
        (false, _) => "six",
    };
    let power = network.host_bits().to_string();
    let args = [
        ("what", what),
        ("first", &*first),
        ("last", &last),
        ("hosts", &hosts),
        ("size", &size),
        ("power", &power),
    ];
    table.push(("addr-hosts", words.say("addr-range", &args)));
    table.push(("addr-count", words.say("addr-counted", &args)));
    let role = if network.host_bits() == 0 {
        ""
    } else if network.address() == network.first()
        && (network.has_broadcast() || !network.address().is_ipv4())
    {
        if network.address().is_ipv4() { "network" } else { "anycast" }
    } else if network.address() == network.last() && network.has_broadcast() {
        "broadcast"
    } else {
        ""
    };
    if !role.is_empty() {
        table.push(("addr-role", words.say("addr-role-is", &[("role", role)])));
    }
    table
}

/// The pieces of a network.
pub(super) fn split(words: &Words, split: &Split) -> String {
    let prefix = split.prefix.to_string();
    let (network, count) = (split.network.to_string(), split.pieces.count.to_string());
    let each = split.pieces.clone().next();
    let hosts = each.map(|piece| piece.hosts().2.to_string()).unwrap_or_default();
    let args = [("network", &*network), ("count", &count), ("prefix", &prefix), ("hosts", &hosts)];
    let mut text = words.say("addr-split", &args);
    text.push('\n');
    if let Some(asked) = split.asked {
        let line = words.say("addr-split-more", &[("asked", &asked.to_string()), ("count", &count)]);
        let _ = writeln!(text, "{line}");
    }
    let shown: Vec<Network> = split.pieces.clone().take(LISTED).collect();
    let width = shown.iter().map(|piece| piece.to_string().len()).max().unwrap_or(0) + 2;
    for piece in &shown {
        let (first, last, _) = piece.hosts();
        let name = padded(&piece.to_string(), width);
        let range = if piece.host_bits() == 0 { String::new() } else { format!("{first} – {last}") };
        let _ = writeln!(text, "{}", format!("  {name}{range}").trim_end());
    }
    let left = split.pieces.count.less(shown.len() as u128).to_string();
    if left != "0" {
        let _ = writeln!(text, "  {}", words.say("addr-split-left", &[("count", &left)]));
    }
    text
}

/// Networks joined.
pub(super) fn summary(words: &Words, summary: &Summary) -> String {
    let (given, count) = (summary.given.to_string(), summary.networks.len().to_string());
    let mut text = words.say("addr-summary", &[("given", &given), ("count", &count)]);
    text.push('\n');
    for network in &summary.networks {
        let _ = writeln!(text, "  {network}");
    }
    for network in &summary.trimmed {
        let args = [("network", &*network.to_string()), ("trunk", &network.trunk().to_string())];
        let _ = writeln!(text, "{}", words.say("addr-trimmed", &args));
    }
    text
}
