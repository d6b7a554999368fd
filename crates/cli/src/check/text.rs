//! A check for people: a line for each finding, and a page's waterfall.

use std::cell::Cell;
use std::time::Duration;

use sockeye::check::addr::Network;
use sockeye::check::names::{Answer, Cache, Names, Served, System};
use sockeye::check::path::{Attempt, Ended, Path, Says};
use sockeye::check::{
    Carrier, Connects, Findings, Goal, Leaving, Page as WebPage, Ping, Session, Spoke, Step,
};

use sockeye::core::event::How;

use crate::fault::safe;
use crate::ui::columns::{padded, wrapped};
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// Columns of the names of steps, and of times.
const LABEL: usize = 12;
const TIME: usize = 9;

/// Columns of how it is known.
const HOW: usize = 8;

/// Columns of the waterfall's bars.
const BAR: u128 = 32;

/// What one check is told as.
pub(super) struct Page<'a> {
    words: &'a Words,
    paint: Paint,
    goal: &'a Goal,
    /// Columns of the screen, if it is one.
    width: Option<usize>,
    /// How the step that is being told is known.
    how: Cell<Option<How>>,
}

impl<'a> Page<'a> {
    pub(super) const fn new(words: &'a Words, paint: Paint, goal: &'a Goal, width: Option<usize>) -> Self {
        Self { words, paint, goal, width, how: Cell::new(None) }
    }

    /// The lines of a step that has just ended.
    pub(super) fn step(&self, step: Step, findings: &Findings) -> String {
        self.how.set(how(step, findings));
        match step {
            Step::Name => findings.names.as_ref().map(|names| self.names(&names.value, &time(names.took))),
            Step::Route => findings.way.as_ref().map(|way| self.way(&way.value, &time(way.took))),
            Step::Neighbour => findings.neighbour.as_ref().map(|beside| {
                let state = beside
                    .value
                    .neighbour
                    .as_ref()
                    .map_or("NONE".to_owned(), |known| known.state.to_string());
                let hardware = beside
                    .value
                    .neighbour
                    .as_ref()
                    .map(|known| known.hardware.to_string())
                    .unwrap_or_default();
                let address = beside.value.address.to_string();
                let args = [("address", &*address), ("state", &*state), ("hardware", &*hardware)];
                self.line("neighbour", &time(beside.took), &self.words.say("check-neighbour", &args))
            }),
            Step::Ping => findings.ping.as_ref().map(|ping| self.ping(&ping.value, &time(ping.took))),
            Step::Path => findings.path.as_ref().map(|path| self.path(&path.value, &time(path.took))),
            Step::Connect => {
                let connects = findings.connects.as_ref();
                connects.map(|connects| self.connects(&connects.value))
            }
            Step::Around => findings.around.as_ref().map(|around| {
                let answered = around.value.ports.iter().find(|attempt| attempt.is_answered());
                let text = match answered {
                    Some(attempt) => self.attempt(attempt),
                    None => self.words.plain("check-around-silent"),
                };
                let mut lines = self.line("around", &time(around.took), &text);
                if let Some((waiting, most)) = around.value.backlog {
                    let args = [("waiting", &*waiting.to_string()), ("most", &*most.to_string())];
                    lines += &self.line("", "", &self.words.say("check-backlog", &args));
                }
                lines
            }),
            Step::Size => findings.size.as_ref().map(|sizes| {
                let size = &sizes.value;
                let key = match (size.is_hole(), size.small.0, size.large.0, size.told) {
                    (true, ..) => "check-size-hole",
                    (_, _, _, Some(_)) => "check-size-told",
                    (_, 0, ..) => "check-size-unknown",
                    _ => "check-size-fits",
                };
                let (who, fits) =
                    size.told.map(|(who, fits)| (who.to_string(), fits.to_string())).unwrap_or_default();
                let args = [("full", &*size.full.to_string()), ("router", &*who), ("fits", &*fits)];
                self.line("size", &time(sizes.took), &self.words.say(key, &args))
            }),
            Step::Session => {
                let name = findings.names.as_ref().map(|names| names.took);
                findings.session.as_ref().map(|session| self.session(&session.value, session.took, name))
            }
        }
        .unwrap_or_default()
    }

    fn line(&self, label: &str, time: &str, text: &str) -> String {
        let label =
            if label.is_empty() { String::new() } else { self.words.plain(&format!("check-step-{label}")) };
        let time = format!("{time:>TIME$}");
        let time = if time.trim().is_empty() { time } else { self.paint.on(Colour::Dim, &time) };
        // What belongs to the line above is known as that is.
        let how = if time.trim().is_empty() && label.is_empty() { None } else { self.how.get() };
        let how = how.map(|how| self.words.how(how)).unwrap_or_default();
        let how = self.paint.on(Colour::Dim, &padded(&how, HOW));
        let start = 2 + LABEL + TIME + 2 + HOW + 2;
        // A painted bar fits; everything else is text.
        let text = match self.width {
            Some(width) if !text.contains('\x1b') => wrapped(text, width, start, start),
            _ => text.to_owned(),
        };
        let line = format!("  {}{time}  {how}  {text}", padded(&label, LABEL));
        line.trim_end().to_owned() + "\n"
    }

    fn names(&self, names: &Names, time: &str) -> String {
        let say = |key: &str, args: &[(&str, &str)]| self.words.say(key, args);
        let used = list(&names.addresses());
        let name = safe(&names.name);
        let first = match &names.system {
            System::Addresses(_) => say("check-name", &[("name", &name), ("addresses", &used)]),
            System::Failed(why) => say("check-name-failed", &[("name", &name), ("why", &safe(why))]),
            System::Late | System::Unasked if used.is_empty() => say("check-name-late", &[("name", &name)]),
            System::Late | System::Unasked => {
                say("check-name-going", &[("name", &name), ("addresses", &used)])
            }
        };
        let mut lines = self.line("name", time, &first);
        let sources = names.sources.join(", ");
        let cache = match names.cache {
            Cache::None => say("check-cache-none", &[]),
            Cache::Nscd => say("check-cache-nscd", &[]),
            Cache::Server(server) => say("check-cache-server", &[("server", &server.to_string())]),
        };
        let args = [("sources", &*safe(&sources)), ("cache", &*cache)];
        lines += &self.line("", "", &say("check-sources", &args));
        for line in names.hosts.iter().take(8) {
            let args = [("line", &*line.number.to_string()), ("text", &*safe(&line.text))];
            lines += &self.line("", "", &say("check-hosts", &args));
        }
        for served in &names.servers {
            lines += &self.line("", &self::time(served.took), &self.served(served));
        }
        lines
    }

    fn served(&self, served: &Served) -> String {
        let who = served.server.to_string();
        let (key, what) = match &served.answer {
            Answer::Addresses { addresses, .. } if addresses.is_empty() => {
                ("check-served-bare", String::new())
            }
            Answer::Addresses { addresses, .. } => ("check-served", list(addresses)),
            Answer::NoName => ("check-served-no-name", String::new()),
            Answer::Failed(code) => ("check-served-failed", code.to_string()),
            Answer::Silent => ("check-served-silent", String::new()),
            Answer::NobodyThere => ("check-served-nobody", String::new()),
            Answer::Unreachable => ("check-served-unreachable", String::new()),
            Answer::Unreadable => ("check-served-unreadable", String::new()),
        };
        let mut text = self.words.say(key, &[("server", &who), ("what", &what)]);
        if let Answer::Addresses { ttl, alias, .. } = &served.answer {
            if let Some(alias) = alias {
                text += &self.words.say("check-served-alias", &[("alias", &safe(alias))]);
            }
            if let Some(ttl) = ttl {
                text += &self.words.say("check-served-ttl", &[("ttl", &ttl.to_string())]);
            }
        }
        text
    }

    fn way(&self, way: &Leaving, time: &str) -> String {
        let say = |key: &str, args: &[(&str, &str)]| self.words.say(key, args);
        let to = way.to.to_string();
        let entry = way.entry.map(|entry| entry.to_string()).unwrap_or_default();
        let link = way.link.as_ref().map(|link| safe(&link.name)).unwrap_or_default();
        let route = match &way.answer {
            Ok(route) => route,
            Err((errno, kind)) => {
                let kind = kind.map(|kind| kind.to_string()).unwrap_or_default();
                let args =
                    [("to", &*to), ("kind", &*kind), ("entry", &*entry), ("errno", &*errno.to_string())];
                return self.line("route", time, &say("check-no-route", &args));
            }
        };
        let mut lines = String::new();
        if let Some(source) = route.source {
            let source = way.ours.map_or_else(|| source.to_string(), |ours| ours.to_string());
            lines += &self.line("source", "", &say("check-source", &[("source", &source), ("link", &link)]));
        }
        let text = match (way.is_local(), route.gateway) {
            (true, _) => say("check-route-local", &[("to", &to)]),
            (_, Some(gateway)) => say(
                "check-route-gateway",
                &[("gateway", &gateway.to_string()), ("link", &link), ("entry", &entry)],
            ),
            (_, None) => say("check-route-link", &[("to", &to), ("link", &link), ("entry", &entry)]),
        };
        lines += &self.line("route", time, &text);
        if let Some(ours) = way.ours.filter(|_| !way.is_local()) {
            lines += &self.line("", "", &self.same(ours, way));
        }
        lines
    }

    /// The arithmetic of "is it in our network".
    fn same(&self, ours: Network, way: &Leaving) -> String {
        let key = if ours.contains(way.to) { "check-same-net" } else { "check-other-net" };
        let theirs =
            Network::new(way.to, ours.prefix()).map(|net| net.first().to_string()).unwrap_or_default();
        let args = [
            ("to", &*way.to.to_string()),
            ("mask", &*ours.mask().to_string()),
            ("net", &*theirs),
            ("own", &*ours.first().to_string()),
            ("prefix", &*ours.prefix().to_string()),
        ];
        self.words.say(key, &args)
    }

    fn ping(&self, ping: &Ping, time: &str) -> String {
        let text = match ping {
            Ping::Answered(after) => self.words.say("check-ping", &[("after", &self::time(*after))]),
            Ping::Silent => self.words.plain("check-ping-silent"),
            Ping::NotAllowed => self.words.plain("check-ping-denied"),
            Ping::Icmp(icmp) => {
                let from = icmp.from.map(|from| from.to_string()).unwrap_or_default();
                let args =
                    [("from", &*from), ("type", &*icmp.kind.to_string()), ("code", &*icmp.code.to_string())];
                self.words.say("check-icmp", &args)
            }
            Ping::Failed(errno) => self.words.say("check-failed", &[("errno", &errno.to_string())]),
        };
        self.line("ping", time, &text)
    }

    fn path(&self, path: &Path, time: &str) -> String {
        let mut lines = String::new();
        for (at, hop) in path.hops.iter().enumerate() {
            let ttl = hop.ttl.to_string();
            let heard = self.attempt(&hop.heard);
            let text = format!("{ttl:>2}  {heard}");
            let (label, time) = if at == 0 { ("path", time) } else { ("", "") };
            lines += &self.line(label, time, &text);
        }
        lines
    }

    fn connects(&self, connects: &Connects) -> String {
        let mut lines = String::new();
        for (at, attempt) in connects.used.iter().enumerate() {
            let label = if at == 0 { "connect" } else { "" };
            lines += &self.line(label, &time(attempt.took), &self.attempt(attempt));
        }
        for attempt in &connects.others {
            let text = self.words.say("check-other", &[("what", &self.attempt(attempt))]);
            lines += &self.line("", &time(attempt.took), &text);
        }
        lines
    }

    /// What came of an attempt.
    fn attempt(&self, attempt: &Attempt) -> String {
        let to = if attempt.to.port() == 0 { attempt.to.ip().to_string() } else { attempt.to.to_string() };
        if let Some(icmp) = attempt.icmp {
            let from = icmp.from.map(|from| from.to_string()).unwrap_or_default();
            // A router on the way is told by its address alone.
            if attempt.ttl.is_some() && icmp.says(attempt.to.ip()) == Says::Exceeded {
                return from;
            }
            let is_theirs = icmp.from == Some(attempt.to.ip());
            let key = match attempt.local.map(|local| local.ip()) {
                _ if is_theirs && icmp.says(attempt.to.ip()) == Says::NoPort => "check-no-port",
                local if local == icmp.from && !is_theirs => "check-icmp-here",
                _ => "check-icmp",
            };
            let (kind, code) = (icmp.kind.to_string(), icmp.code.to_string());
            let args = [("from", &*from), ("type", &*kind), ("code", &*code), ("to", &*to)];
            return self.words.say(key, &args);
        }
        let key = match (attempt.ended, self.goal.carrier) {
            (Ended::Connected, Carrier::Udp) => "check-answered",
            (Ended::Connected, _) => "check-connected",
            (Ended::Refused, _) => "check-refused",
            (Ended::Silent, _) if attempt.ttl.is_some() => "check-hop-silent",
            (Ended::Silent, _) => "check-silent",
            (Ended::Failed(_), _) => "check-failed",
        };
        let errno = if let Ended::Failed(errno) = attempt.ended { errno.to_string() } else { String::new() };
        self.words.say(key, &[("to", &to), ("errno", &errno)])
    }

    fn session(&self, session: &Session, took: Duration, name: Option<Duration>) -> String {
        let mut lines = String::new();
        if let Some((at, tls)) = &session.tls {
            let leaf = tls.chain.first();
            let names = leaf
                .map(|leaf| leaf.names.iter().take(4).map(|name| safe(name)).collect::<Vec<_>>().join(", "));
            let args = [
                ("version", &*safe(&tls.version)),
                ("suite", &*safe(&tls.suite)),
                ("names", &*names.unwrap_or_default()),
                ("days", &*leaf.map(|leaf| leaf.days.to_string()).unwrap_or_default()),
                ("issuer", &*leaf.map(|leaf| safe(&leaf.issuer)).unwrap_or_default()),
                ("trust", tls.trust.word()),
            ];
            lines += &self.line("tls", &time(*at), &self.words.say("check-tls", &args));
        }
        if let Some(fault) = &session.fault {
            let text = crate::fault::plain(self.words, fault);
            let label = if fault.code.layer() == sockeye::core::fault::Layer::Security {
                "tls"
            } else {
                "application"
            };
            lines += &self.line(label, &time(took), &text);
        }
        match &session.spoke {
            Some(Spoke::Http(page)) => lines += &self.waterfall(session, page, name),
            Some(spoke) => {
                let (key, text) = match spoke {
                    Spoke::Words(bytes) => {
                        let kind = sockeye::check::words::kind(bytes);
                        ("check-words", format!("{kind}: {}", safe(&sockeye::check::words::line(bytes))))
                    }
                    Spoke::Nothing(after) => ("check-nothing", time(*after)),
                    Spoke::Closed => ("check-closed", String::new()),
                    Spoke::Reset | Spoke::Http(_) => ("check-reset", String::new()),
                };
                lines += &self.line("application", &time(took), &self.words.say(key, &[("what", &text)]));
            }
            None => {}
        }
        // Where all was acknowledged there is nothing to tell.
        if let Some(transfer) =
            session.transfer.filter(|transfer| transfer.unacked > 0 || transfer.is_stuck())
        {
            let args = [
                ("unacked", &*transfer.unacked.to_string()),
                ("again", &*transfer.retransmits.to_string()),
                ("order", &*transfer.out_of_order.to_string()),
            ];
            lines += &self.line("", "", &self.words.say("check-counted", &args));
        }
        lines
    }

    /// The way of a page, part by part, on one scale.
    fn waterfall(&self, session: &Session, page: &WebPage, name: Option<Duration>) -> String {
        let status = page.status.to_string();
        let server = page.server.as_deref().map(safe).unwrap_or_default();
        let location = page.location.as_deref().map(safe).unwrap_or_default();
        let args = [
            ("status", &*status),
            ("server", &*server),
            ("location", &*location),
            ("bytes", &*page.body.to_string()),
        ];
        let mut lines = self.line("http", &time(page.last), &self.words.say("check-page", &args));
        let stood = session.connected.unwrap_or_default();
        let secure = session.tls.as_ref().map_or(stood, |(at, _)| *at);
        let parts = [
            ("tcp", Duration::ZERO, stood),
            ("tls", stood, secure),
            ("request", secure, page.asked),
            ("wait", page.asked, page.first),
            ("body", page.first, page.last),
        ];
        // The name was looked for before; everything else is counted from the connection's beginning.
        let named = name.unwrap_or_default();
        let all = (named + page.last).as_nanos().max(1);
        let parts = parts.map(|(part, from, to)| (part, named + from, named + to));
        for (part, from, to) in [("name", Duration::ZERO, named)].into_iter().chain(parts) {
            if (part == "tls" && session.tls.is_none()) || (part == "name" && name.is_none()) {
                continue;
            }
            let place = |at: Duration| usize::try_from(at.as_nanos() * BAR / all).unwrap_or(usize::MAX);
            let (start, end) = (place(from).min(BAR as usize - 1), place(to));
            let bar = format!("{}{}", " ".repeat(start), "█".repeat(end.saturating_sub(start).max(1)));
            let label = padded(&self.words.plain(&format!("check-part-{part}")), LABEL);
            let took = time(to.saturating_sub(from));
            lines +=
                &self.line("", &took, &format!("{label}{}", self.paint.on(Colour::Cyan, bar.trim_end())));
        }
        lines
    }
}

/// How what a step found is known, as a word that is never translated.
fn how(step: Step, findings: &Findings) -> Option<How> {
    match step {
        Step::Name => findings.names.as_ref().map(|found| found.how),
        Step::Route => findings.way.as_ref().map(|found| found.how),
        Step::Neighbour => findings.neighbour.as_ref().map(|found| found.how),
        Step::Ping => findings.ping.as_ref().map(|found| found.how),
        Step::Path => findings.path.as_ref().map(|found| found.how),
        Step::Connect => findings.connects.as_ref().map(|found| found.how),
        Step::Around => findings.around.as_ref().map(|found| found.how),
        Step::Size => findings.size.as_ref().map(|found| found.how),
        Step::Session => findings.session.as_ref().map(|found| found.how),
    }
}

fn list(addresses: &[std::net::IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().take(8).map(ToString::to_string).collect();
    let more = if addresses.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A time in three digits.
pub(super) fn time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        ..1.0 => format!("{millis:.2} ms"),
        ..100.0 => format!("{millis:.1} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.2} s", millis / 1000.0),
    }
}
