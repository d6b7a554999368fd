//! Below a connection: the routing table, who is on the link, routers and hosts on the way, and the port.

use std::net::IpAddr;
use std::time::Duration;

use sockeye_core::event::How;

use super::super::finding::{Findings, Goal, Leaving, Ping};
use super::super::verdict::{Culprit, Evidence, Layer, Sure, Verdict, Word};
use super::millis;
use crate::addr::Network;
use crate::host::{Neighbour, NeighbourState, RouteKind};
use crate::path::{Attempt, Ended, Icmp, Says};

/// A router says at once that it has no route. It says that a host does not answer ARP only when it has given up asking,
/// which takes seconds (RFC 4861 section 7.3.3 has three requests a second apart; Linux does the same for ARP).
const AT_ONCE: Duration = Duration::from_millis(600);

/// The errors that a kernel gives.
const NET: i32 = 101;
const HOST: i32 = 113;
const ACCESS: i32 = 13;
const INVALID: i32 = 22;
const NOT_OURS: i32 = 99;

/// The verdict of the routing table alone.
pub(super) fn route(findings: &Findings) -> Option<Verdict> {
    let way = findings.way.as_ref()?;
    let leaving = &way.value;
    let Err((errno, kind)) = &leaving.answer else { return None };
    let evidence = Evidence::new("route-refused", way.how).arg("address", leaving.to);
    let evidence = evidence.arg("kind", kind.map(|kind| kind.to_string()).unwrap_or_default());
    let entry = leaving.entry.filter(|_| kind.is_some());
    let verdict = |word| {
        let next = if kind.is_some() { "route-entry" } else { "route-add" };
        Verdict::new(word, Layer::Route, Culprit::Table(entry), Sure::Certain, next).with([evidence.clone()])
    };
    Some(match (kind, *errno) {
        (Some(RouteKind::Prohibit), _) | (None, ACCESS) => verdict(Word::Prohibited),
        (Some(RouteKind::Blackhole), _) | (None, INVALID) => verdict(Word::Silent),
        (Some(RouteKind::Unreachable), _) | (None, HOST) => verdict(Word::Unreachable),
        (_, NET) => verdict(Word::NoRoute),
        _ => return None,
    })
}

/// The verdict of an attempt that did not connect.
pub(super) fn failed(goal: &Goal, findings: &Findings, attempt: &Attempt) -> Option<Verdict> {
    if attempt.ended == Ended::Refused && attempt.icmp.is_none() {
        return Some(refused(attempt));
    }
    if let Some(verdict) = near(findings) {
        return Some(verdict);
    }
    let icmp = attempt.icmp.filter(|icmp| !icmp.is_ours);
    if let Some(icmp) = icmp
        && let Some(verdict) = told(attempt.to.ip(), icmp)
    {
        return Some(verdict);
    }
    match attempt.ended {
        Ended::Silent => silent(goal, findings),
        Ended::Failed(errno) => here(findings, errno),
        Ended::Refused | Ended::Connected => None,
    }
}

/// The verdict of what is nearest: the routing table, the link, and who is beside us.
pub(super) fn near(findings: &Findings) -> Option<Verdict> {
    route(findings).or_else(|| link(findings)).or_else(|| neighbour(findings))
}

/// The verdict of somebody on the way, as far as another step than connecting heard it. Routers send only a few messages a
/// second to one host, so that it may be another packet that is answered.
pub(super) fn on_the_way(findings: &Findings) -> Option<Verdict> {
    let path = findings.path.as_ref();
    if let Some(refusal) = path.and_then(|path| path.value.refusal()) {
        return told(findings.way.as_ref()?.value.to, refusal);
    }
    if let Some(ping) = &findings.ping
        && let Ping::Icmp(icmp) = ping.value
        && !icmp.is_ours
        && icmp.says(findings.way.as_ref()?.value.to) != Says::Prohibited
    {
        return told(findings.way.as_ref()?.value.to, icmp);
    }
    let around = findings.around.as_ref()?;
    // What is prohibited there is said of another port.
    let heard = around.value.ports.iter().filter_map(|attempt| Some((attempt.to.ip(), attempt.icmp?)));
    let heard = heard.filter(|(to, icmp)| !icmp.is_ours && icmp.says(*to) != Says::Prohibited);
    let mut heard = heard;
    heard.find_map(|(to, icmp)| told(to, icmp))
}

fn refused(attempt: &Attempt) -> Verdict {
    let evidence =
        Evidence::new("rst", How::Traced).arg("address", attempt.to).arg("after", millis(attempt.took));
    Verdict::new(Word::Refused, Layer::Tcp, Culprit::Port(attempt.to), Sure::Certain, "listen")
        .with([evidence])
}

/// An error of this machine's own, without a message from elsewhere.
fn here(findings: &Findings, errno: i32) -> Option<Verdict> {
    let (word, sure) = match errno {
        NET => (Word::NoRoute, Sure::Certain),
        ACCESS => (Word::Prohibited, Sure::Likely),
        INVALID => (Word::Silent, Sure::Likely),
        NOT_OURS => (Word::NoRoute, Sure::Likely),
        _ => return None,
    };
    let entry = findings.way.as_ref().and_then(|way| way.value.entry);
    let evidence = Evidence::new("errno", How::Traced).arg("errno", errno);
    let culprit = Culprit::Table(entry);
    Some(Verdict::new(word, Layer::Route, culprit, sure, "route-add").with([evidence]))
}

/// The cable is out, or the link is switched off.
fn link(findings: &Findings) -> Option<Verdict> {
    let way = findings.way.as_ref()?;
    let link = way.value.link.as_ref()?;
    if way.value.is_local() || (link.flags.is_up() && link.flags.has_carrier()) {
        return None;
    }
    let evidence = Evidence::new("link-down", way.how).arg("link", &link.name);
    let culprit = Culprit::Link(link.name.clone());
    Some(Verdict::new(Word::NoRoute, Layer::Route, culprit, Sure::Certain, "cable").with([evidence]))
}

/// Who takes our packets first does not answer.
fn neighbour(findings: &Findings) -> Option<Verdict> {
    let beside = findings.neighbour.as_ref()?;
    let leaving = &findings.way.as_ref()?.value;
    let known = beside.value.neighbour.as_ref()?;
    if !matches!(known.state, NeighbourState::Failed | NeighbourState::Incomplete) {
        return None;
    }
    let sure = if known.state == NeighbourState::Failed { Sure::Certain } else { Sure::Likely };
    let evidence = Evidence::new("no-arp", beside.how).arg("address", beside.value.address);
    let evidence = evidence.arg("state", known.state).arg("link", link_name(leaving));
    if leaving.gateway().is_some() {
        let culprit = Culprit::Gateway(beside.value.address);
        return Some(
            Verdict::new(Word::Neighbour, Layer::Neighbour, culprit, sure, "gateway").with([evidence]),
        );
    }
    if let Some((ours, narrow)) = wide(leaving, beside.value.gateway.as_ref()) {
        let gateway = leaving.default_gateway.map(|ip| ip.to_string()).unwrap_or_default();
        let mask = Evidence::new("mask", How::Inferred).arg("ours", ours).arg("target", leaving.to);
        let mask = mask.arg("gateway", gateway).arg("narrow", narrow);
        let verdict = Verdict::new(Word::Neighbour, Layer::Route, Culprit::Mask(ours), Sure::Likely, "mask");
        return Some(verdict.with([evidence, mask]));
    }
    let culprit = Culprit::Host(leaving.to);
    Some(Verdict::new(Word::Neighbour, Layer::Neighbour, culprit, sure, "host-up").with([evidence]))
}

fn link_name(leaving: &Leaving) -> String {
    leaving.link.as_ref().map(|link| link.name.clone()).unwrap_or_default()
}

/// Whether our own prefix seems too short: by it the target is on our link, yet nobody there has its address, while a
/// gateway is beside us in a network of 256 that the target is not in. Our network, and that narrower prefix.
fn wide(leaving: &Leaving, gateway: Option<&Neighbour>) -> Option<(Network, u8)> {
    const NARROW: u8 = 24;
    let ours = leaving.ours.filter(|ours| ours.address().is_ipv4() && ours.prefix() < NARROW)?;
    let beside = leaving.default_gateway.filter(|gateway| *gateway != leaving.to)?;
    let narrow = Network::new(ours.address(), NARROW)?;
    let answers = gateway.is_some_and(|known| {
        !matches!(known.state, NeighbourState::Failed | NeighbourState::Incomplete | NeighbourState::None)
    });
    (answers && narrow.contains(beside) && !narrow.contains(leaving.to) && ours.contains(leaving.to))
        .then_some((ours, NARROW))
}

/// Somebody on the way said why.
fn told(about: IpAddr, icmp: Icmp) -> Option<Verdict> {
    let from = icmp.from?;
    let is_target = from == about;
    let who = || if is_target { Culprit::Host(from) } else { Culprit::Router(from) };
    let evidence = |fact| {
        let evidence = Evidence::new(fact, How::Traced).arg("router", from).arg("type", icmp.kind);
        evidence.arg("code", icmp.code).arg("after", millis(icmp.after)).arg("address", about)
    };
    let verdict = |word, layer, culprit, sure, next, fact| {
        Verdict::new(word, layer, culprit, sure, next).with([evidence(fact)])
    };
    Some(match icmp.says(about) {
        Says::Prohibited => {
            verdict(Word::Prohibited, Layer::Path, who(), Sure::Certain, "filter", "icmp-prohibited")
        }
        Says::NoRoute => {
            verdict(Word::Unreachable, Layer::Path, who(), Sure::Certain, "router", "icmp-no-route")
        }
        Says::NoHost if icmp.after >= AT_ONCE => {
            let culprit = Culprit::Host(about);
            verdict(Word::Unreachable, Layer::Neighbour, culprit, Sure::Likely, "host-up", "icmp-no-arp")
        }
        Says::NoHost => {
            verdict(Word::Unreachable, Layer::Path, who(), Sure::Likely, "router", "icmp-no-host")
        }
        Says::NoPort => verdict(Word::Refused, Layer::Path, who(), Sure::Certain, "filter", "icmp-no-port"),
        Says::Exceeded => {
            verdict(Word::Unreachable, Layer::Path, who(), Sure::Likely, "loop", "icmp-exceeded")
        }
        Says::TooBig | Says::Other => return None,
    })
}

/// A sign that the host is there: any answer of its own.
pub(super) fn alive(findings: &Findings) -> Option<Evidence> {
    if let Some(ping) = &findings.ping
        && let Ping::Answered(after) = ping.value
    {
        return Some(Evidence::new("pinged", ping.how).arg("after", millis(after)));
    }
    let around = findings.around.as_ref()?;
    let answered = around.value.ports.iter().find(|attempt| attempt.is_answered())?;
    Some(Evidence::new("other-port", around.how).arg("address", answered.to))
}

/// Nothing came back: who is the last that did answer.
pub(super) fn silent(goal: &Goal, findings: &Findings) -> Option<Verdict> {
    if let Some(verdict) = near(findings) {
        return Some(verdict);
    }
    let to = findings.way.as_ref()?.value.to;
    let at = goal.port.map(|port| std::net::SocketAddr::new(to, port));
    let nothing = Evidence::new("nothing", How::Inferred)
        .arg("address", at.map_or(to.to_string(), |at| at.to_string()));
    if let (Some(around), Some(at)) = (&findings.around, at)
        && let Some((waiting, most)) = around.value.backlog
        && waiting > most
    {
        let full = Evidence::new("backlog-full", around.how).arg("waiting", waiting).arg("most", most);
        let verdict = Verdict::new(Word::Silent, Layer::Tcp, Culprit::Backlog(at), Sure::Certain, "backlog");
        return Some(verdict.with([nothing, full]));
    }
    if let (Some(alive), Some(at)) = (alive(findings), at) {
        let verdict =
            Verdict::new(Word::Silent, Layer::Tcp, Culprit::Port(at), Sure::Likely, "filter-or-backlog");
        return Some(verdict.with([nothing, alive]));
    }
    if let Some(verdict) = on_the_way(findings) {
        return Some(verdict);
    }
    let path = findings.path.as_ref();
    if let Some(router) = path.and_then(|path| path.value.last_router()) {
        let last = Evidence::new("last-router", How::Traced).arg("router", router);
        let verdict =
            Verdict::new(Word::Silent, Layer::Path, Culprit::Beyond(router), Sure::Likely, "beyond");
        return Some(verdict.with([nothing, last]));
    }
    let beside = findings.neighbour.as_ref()?;
    let known = beside.value.neighbour.as_ref().filter(|known| known.state == NeighbourState::Reachable)?;
    let answers = Evidence::new("arp", beside.how).arg("address", known.address).arg("state", known.state);
    let leaving = &findings.way.as_ref()?.value;
    let (culprit, layer, next) = match (leaving.gateway(), at) {
        (Some(gateway), _) => (Culprit::Beyond(gateway), Layer::Path, "beyond"),
        (None, Some(_)) => (Culprit::Host(to), Layer::Tcp, "filter"),
        (None, None) => (Culprit::Host(to), Layer::Path, "filter"),
    };
    // Behind a gateway the path has to have been looked at.
    if leaving.gateway().is_some() && path.is_none() {
        return None;
    }
    Some(Verdict::new(Word::Silent, layer, culprit, Sure::Likely, next).with([nothing, answers]))
}
