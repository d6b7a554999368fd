//! `port`: from its words to the use case, and what came of it as text and as JSON.

mod objects;

use std::net::IpAddr;
use std::time::Duration;

use clap::ArgMatches;
use sockeye::core::{Fault, Note, SessionId};
use sockeye::port::{self, Answer, Held, Outcome, PROTOCOLS, Port, Request};
use sockeye::probe::port::Bind;
use sockeye::probe::services::{self, Class, Service};
use sockeye::probe::sockets::Protocol;
use sockeye::probe::watch::Holder;
use sockeye::{End, Views};

use crate::grammar::{read, refuse};
use crate::sockets::{address, holder};
use crate::ui::columns::{columns, padded};
use crate::ui::output::Output;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;
#[cfg(test)]
pub(crate) use objects::samples;

/// How long a note waits for the table to be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whom `port` talks to.
pub(crate) struct Desk<'a> {
    pub(crate) words: &'a Words,
    pub(crate) stdout: &'a Output,
    pub(crate) views: &'a Views,
    pub(crate) paint: Paint,
}

impl Desk<'_> {
    /// Runs `port` as it was typed.
    pub(crate) fn run(&self, matches: &ArgMatches) -> Result<End, Fault> {
        if !read::values(matches, "record").is_empty() {
            return Err(refuse::usage("port", "conflict", "--record"));
        }
        let request = Request {
            words: read::values(matches, "PORT"),
            free: read::value(matches, "free").map(str::to_owned),
        };
        let outcome = port::run(&request)?;
        if read::has(matches, "json") {
            self.stdout.push(objects::lines(&outcome).as_bytes());
            return Ok(End::Done);
        }
        match &outcome {
            Outcome::Listening(held) => self.listening(held),
            Outcome::Free(ports) => {
                for port in ports {
                    self.stdout.push(format!("{port}\n").as_bytes());
                }
            }
            Outcome::Answers(answers) => {
                for (at, answer) in answers.iter().enumerate() {
                    // Long answers stand apart.
                    if at > 0 && matches!(answer, Answer::Port(_)) {
                        self.stdout.push(b"\n");
                    }
                    self.stdout.push(self.answer(answer).as_bytes());
                }
            }
        }
        Ok(End::Done)
    }

    fn note(&self, note: &Note) {
        self.views.watcher.note(SessionId::default(), note);
    }

    /// Who listens: a line a socket.
    fn listening(&self, all: &[Held]) {
        if all.is_empty() {
            self.note(&Note::new("port-none"));
            return;
        }
        let rows: Vec<[String; 4]> = all
            .iter()
            .map(|held| {
                let (socket, protocol) = (&held.socket, held.socket.protocol);
                let name = services::name(socket.local.port(), protocol).unwrap_or("-");
                [
                    protocol.name().to_owned(),
                    address(socket.local),
                    holder(self.words, socket, &held.holder),
                    name.to_owned(),
                ]
            })
            .collect();
        let head = [
            self.words.plain("port-protocol"),
            self.words.plain("port-address"),
            self.words.plain("port-process"),
            self.words.plain("port-registered"),
        ];
        self.stdout.push(table(&head, &rows, self.paint).as_bytes());
        let hidden = all.iter().filter(|held| held.holder == Holder::Hidden).count();
        if hidden > 0 {
            // On a terminal it stands below the table.
            self.stdout.finish(Some(PATIENCE));
            self.note(&Note::new("port-hidden").arg("count", hidden));
        }
    }

    fn answer(&self, answer: &Answer) -> String {
        match answer {
            Answer::Name { services, .. } => services.iter().map(|service| self.service(service)).collect(),
            Answer::Port(port) => self.port(port),
        }
    }

    /// `http  80  tcp udp  World Wide Web HTTP`.
    fn service(&self, service: &Service) -> String {
        let ports = if service.first == service.last {
            service.first.to_string()
        } else {
            format!("{}-{}", service.first, service.last)
        };
        let name = service.name.unwrap_or("-");
        let line = format!(
            "{}  {}  {}  {}",
            self.paint.on(Colour::Cyan, name),
            ports,
            protocols(service),
            service.about
        );
        format!("{}\n", line.trim_end())
    }

    /// All about a port, a fact a line.
    fn port(&self, port: &Port) -> String {
        let mut facts: Vec<(&str, String)> = Vec::new();
        self.registered(port, &mut facts);
        facts.push(("port-class", self.class(port)));
        self.held(port, &mut facts);
        facts.push(("port-ephemeral", self.ephemeral(port)));
        for (protocol, usage) in &port.usage {
            let numbers = [usage.ports, usage.size, usage.sockets, usage.waiting].map(|n| n.to_string());
            let [ports, size, sockets, waiting] = &numbers;
            let args = [
                ("protocol", protocol.name()),
                ("ports", ports),
                ("size", size),
                ("sockets", sockets),
                ("waiting", waiting),
            ];
            let key = if *protocol == Protocol::Tcp { "port-usage-tcp" } else { "port-usage-udp" };
            facts.push(("", self.words.say(key, &args)));
        }
        self.binds(port, &mut facts);
        let labels: Vec<String> = facts
            .iter()
            .map(|(key, _)| if key.is_empty() { String::new() } else { self.words.plain(key) })
            .collect();
        let width = labels.iter().map(|label| columns(label)).max().unwrap_or(0) + 2;
        let head = self.words.say("port-title", &[("port", &port.number.to_string())]);
        let mut text = format!("{}\n", self.paint.on(Colour::Cyan, &head));
        for (label, (_, fact)) in labels.iter().zip(&facts) {
            text.push_str("  ");
            text.push_str(&self.paint.on(Colour::Dim, &padded(label, width)));
            text.push_str(fact);
            text.push('\n');
        }
        text
    }

    fn registered(&self, port: &Port, facts: &mut Vec<(&str, String)>) {
        let mut key = "port-registered";
        for service in &port.services {
            let name = service.name.unwrap_or_default();
            let words = [name, service.about].into_iter().filter(|word| !word.is_empty());
            let text = words.collect::<Vec<_>>().join(", ");
            facts.push((key, format!("{text} ({})", protocols(service))));
            key = "";
        }
        if port.services.is_empty() {
            let key = if port.class == Class::Dynamic { "port-never" } else { "port-unassigned" };
            facts.push(("port-registered", self.words.plain(key)));
        }
        facts.push(("", self.words.say("port-copy", &[("date", services::as_of())])));
    }

    fn class(&self, port: &Port) -> String {
        let key = match port.class {
            Class::WellKnown => "port-well-known",
            Class::Registered => "port-registered-range",
            Class::Dynamic => "port-dynamic",
        };
        self.words.plain(key)
    }

    fn held(&self, port: &Port, facts: &mut Vec<(&str, String)>) {
        let Some(all) = &port.held else {
            facts.push(("port-held", self.words.plain("port-unseen")));
            return;
        };
        let mut key = "port-held";
        let width = all.iter().map(|held| columns(&address(held.socket.local))).max().unwrap_or(0);
        for held in all {
            let (socket, who) = (&held.socket, holder(self.words, &held.socket, &held.holder));
            let line = format!("{} {}  {who}", socket.protocol.name(), padded(&address(socket.local), width));
            facts.push((key, line));
            key = "";
        }
        if all.iter().any(|held| held.holder == Holder::Hidden) {
            facts.push(("", self.words.plain("port-may-not-see")));
        }
        if all.is_empty() {
            facts.push((key, self.words.plain("port-held-none")));
        }
        if !port.connections.is_empty() {
            let states: Vec<String> =
                port.connections.iter().map(|(state, count)| format!("{} {count}", state.name())).collect();
            facts.push(("port-connections", states.join(", ")));
        }
    }

    fn ephemeral(&self, port: &Port) -> String {
        let Some(range) = &port.rules.ephemeral else { return self.words.plain("port-range-unknown") };
        let range = format!("{}-{}", range.start(), range.end());
        let key = match port.is_ephemeral() {
            Some(true) => "port-range-in",
            _ if port.rules.reserves(port.number) => "port-range-reserved",
            _ => "port-range-out",
        };
        self.words.say(key, &[("range", &range)])
    }

    /// Whether binding works: one answer a protocol, or one an address where they differ.
    fn binds(&self, port: &Port, facts: &mut Vec<(&str, String)>) {
        let mut key = "port-bind";
        for protocol in PROTOCOLS {
            let of = |bind: &&(Protocol, IpAddr, Bind)| bind.0 == protocol && bind.2 != Bind::NoAddress;
            let binds: Vec<_> = port.binds.iter().filter(of).collect();
            let Some(first) = binds.first() else { continue };
            let say = |bind: &Bind| self.bind(port, bind);
            if binds.iter().all(|bind| bind.2 == first.2) {
                facts.push((key, format!("{} {}", protocol.name(), say(&first.2))));
            } else {
                let width = binds.iter().map(|bind| bind.1.to_string().len()).max().unwrap_or(0);
                for (_, at, bind) in binds {
                    let at = padded(&at.to_string(), width);
                    facts.push((key, format!("{} {at}  {}", protocol.name(), say(bind))));
                    key = "";
                }
            }
            key = "";
        }
    }

    fn bind(&self, port: &Port, bind: &Bind) -> String {
        match bind {
            Bind::Works => self.paint.on(Colour::Green, &self.words.plain("port-bind-works")),
            Bind::Reuse => self.words.plain("port-bind-reuse"),
            Bind::Taken => self.paint.on(Colour::Red, &self.words.plain("port-bind-taken")),
            Bind::Privileged => {
                let first = port.rules.unprivileged.unwrap_or(1024).to_string();
                let text = self.words.say("port-bind-privileged", &[("first", &first)]);
                self.paint.on(Colour::Red, &text)
            }
            Bind::NoAddress => self.words.plain("port-bind-no-address"),
            Bind::Other(words) => self.words.say("port-bind-other", &[("detail", words)]),
        }
    }
}

/// `tcp udp`.
fn protocols(service: &Service) -> String {
    let names: Vec<&str> =
        PROTOCOLS.iter().filter(|protocol| service.has(**protocol)).map(|one| one.name()).collect();
    names.join(" ")
}

/// Rows under heads, as wide as they need be.
fn table<const N: usize>(head: &[String; N], rows: &[[String; N]], paint: Paint) -> String {
    let mut widths = head.each_ref().map(|cell| columns(cell));
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = columns(cell).max(*width);
        }
    }
    let line = |cells: &[String; N]| {
        let cells: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| padded(cell, width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut text = format!("{}\n", paint.on(Colour::Dim, &line(head)));
    for row in rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}
