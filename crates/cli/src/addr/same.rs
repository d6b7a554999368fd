//! Whether two addresses share a network: the arithmetic bit by bit, and how a packet goes.

use std::fmt::Write as _;
use std::net::IpAddr;

use sockeye::addr::host::{Neighbour, Verdict};
use sockeye::addr::same::{Comparison, binary};
use sockeye::addr::{Asking, Own, Path, Route, RouteKind, Same};

use crate::fault::safe;
use crate::ui::columns::padded;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// Whether two share a network, with the arithmetic.
pub(super) fn page(words: &Words, paint: Paint, same: &Same) -> String {
    let (from, to) = (same.there.own.to_string(), same.there.other.to_string());
    let (key, colour) = if same.is_same() { ("yes", Colour::Green) } else { ("no", Colour::Red) };
    let asymmetric = same.back.is_some_and(|back| back.is_same() != same.there.is_same());
    let verdict = if asymmetric { "half" } else { key };
    let args = [("verdict", verdict), ("from", &*from), ("to", &to)];
    let mut text = paint.on(colour, &words.say("addr-same", &args));
    text.push('\n');
    text.push_str(&arithmetic(words, &same.there));
    if let Some(back) = &same.back {
        text.push_str(&arithmetic(words, back));
    }
    text.push('\n');
    text.push_str(&path(words, same));
    text.push('\n');
    text
}

/// Both addresses ANDed with the mask, bit by bit, and what comes of it.
fn arithmetic(words: &Words, comparison: &Comparison) -> String {
    let own = comparison.own;
    let mut text = String::from("\n");
    let mut row = |label: &str, address: IpAddr| {
        let parts = binary(address);
        let bits: Vec<String> =
            parts.chunks(4).map(|four| four.join(if own.address().is_ipv4() { "." } else { ":" })).collect();
        let shown = address.to_string();
        if own.address().is_ipv4() {
            let _ = writeln!(text, "  {}{}{}", padded(label, 6), padded(&shown, 17), bits.join(""));
        } else {
            let _ = writeln!(text, "  {}{shown}", padded(label, 6));
            for line in &bits {
                let _ = writeln!(text, "        {line}");
            }
        }
    };
    row("", own.address());
    row("AND", own.mask());
    row("=", own.first());
    row("", comparison.other);
    row("AND", own.mask());
    row("=", comparison.other_network);
    let args = [
        ("own", &*own.address().to_string()),
        ("other", &comparison.other.to_string()),
        ("bit", &comparison.differs_at.map(|bit| bit.to_string()).unwrap_or_default()),
        ("prefix", &own.prefix().to_string()),
    ];
    let key = if comparison.is_same() { "addr-equal" } else { "addr-differs" };
    let _ = writeln!(text, "  {}", words.say(key, &args));
    text
}

/// How a packet goes.
fn path(words: &Words, same: &Same) -> String {
    let (from, to) = (same.there.own.address().to_string(), same.there.other.to_string());
    let ask = if same.there.own.address().is_ipv4() { "ARP" } else { "NDP" };
    let own = match &same.path {
        Path::Own(own) => own,
        Path::Textbook => {
            let verdict = if same.there.is_same() { "yes" } else { "no" };
            let args = [("verdict", verdict), ("from", &*from), ("to", &to), ("ask", ask)];
            return words.say("addr-path-textbook", &args);
        }
    };
    match &own.verdict {
        Verdict::Found(route) => by_route(words, own, route, (&from, &to), ask),
        Verdict::Refused { kind, errno } => {
            let kind = kind.map_or_else(|| "none".to_owned(), |kind| kind.to_string());
            let (link, errno) = (safe(&own.link), errno.to_string());
            let args = [("from", &*from), ("to", &to), ("link", &link), ("kind", &kind), ("errno", &errno)];
            words.say("addr-path-refused", &args)
        }
    }
}

/// How this machine sends it by a route of its own.
fn by_route(words: &Words, own: &Own, route: &Route, (from, to): (&str, &str), ask: &str) -> String {
    let (link, asks) = match &own.out {
        Some((link, asking)) => (safe(link), *asking == Asking::Asks),
        None => (String::new(), false),
    };
    let gateway = route.gateway.map(|gateway| gateway.to_string()).unwrap_or_default();
    let what = match (route.kind, asks, route.gateway) {
        (RouteKind::Local, ..) => "local",
        (RouteKind::Unicast, true, Some(_)) => "gateway",
        (RouteKind::Unicast, true, None) => "direct",
        (RouteKind::Unicast, false, _) => "quiet",
        _ => "other",
    };
    let kind = route.kind.to_string();
    let args = [
        ("what", what),
        ("from", from),
        ("to", to),
        ("link", &link),
        ("gateway", &gateway),
        ("ask", ask),
        ("kind", &kind),
    ];
    let text = words.say("addr-path-own", &args);
    let asked = match what {
        "gateway" => &gateway,
        "direct" => to,
        _ => return text,
    };
    format!("{text}\n{}", neighbour(words, asked, own.neighbour.as_ref()))
}

/// What is known of whoever is asked for.
fn neighbour(words: &Words, asked: &str, known: Option<&Neighbour>) -> String {
    let (state, mac) = known.map_or_else(
        || (String::new(), String::new()),
        |known| (known.state.to_string(), known.hardware.to_string()),
    );
    let known = match (known, mac.is_empty()) {
        (None, _) => "none",
        (Some(_), true) => "unknown",
        (Some(_), false) => "known",
    };
    let args = [("known", known), ("address", asked), ("state", &state), ("mac", &mac)];
    words.say("addr-neighbour", &args)
}
