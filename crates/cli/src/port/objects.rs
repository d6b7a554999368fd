//! What `port` found, as lines of JSON.

use serde_json::{Map, Value, json};
use sockeye::core::{How, Tick};
use sockeye::json::known;
use sockeye::port::{Answer, Held, Outcome, PROTOCOLS, Port};
use sockeye::probe::port::Bind;
use sockeye::probe::services::{self, Service};

use crate::sockets::json::fields;

/// A line for each socket, each word, or for all free ports.
pub(super) fn lines(outcome: &Outcome) -> String {
    let line = |kind: &str, fields: &[(&str, Value)]| known(Tick::ZERO, How::Polled, kind, fields);
    match outcome {
        Outcome::Listening(all) => all.iter().map(|held| line("listening-socket", &socket(held))).collect(),
        Outcome::Free(ports) => line("free-ports", &[("ports", json!(ports))]),
        Outcome::Answers(answers) => answers
            .iter()
            .map(|answer| match answer {
                Answer::Name { name, services } => {
                    let fields = [("name", json!(name)), ("services", json!(registered(services)))];
                    line("service-name", &fields)
                }
                Answer::Port(port) => line("port", &about(port)),
            })
            .collect(),
    }
}

fn socket(held: &Held) -> Vec<(&'static str, Value)> {
    let mut fields = fields(&held.socket, &held.holder);
    let name = services::name(held.socket.local.port(), held.socket.protocol);
    fields.extend(name.map(|name| ("service", json!(name))));
    fields
}

fn registered(services: &[&Service]) -> Vec<Value> {
    let one = |service: &&Service| {
        let protocols: Vec<&str> =
            PROTOCOLS.iter().filter(|one| service.has(**one)).map(|one| one.name()).collect();
        json!({
            "name": service.name,
            "first": service.first,
            "last": service.last,
            "protocols": protocols,
            "about": service.about,
        })
    };
    services.iter().map(one).collect()
}

fn about(port: &Port) -> Vec<(&'static str, Value)> {
    let mut fields = vec![
        ("port", json!(port.number)),
        ("class", json!(port.class.name())),
        ("services", json!(registered(&port.services))),
        ("registry", json!(services::as_of())),
    ];
    if let Some(held) = &port.held {
        let object = |held: &Held| {
            let fields = socket(held).into_iter().map(|(name, value)| (name.to_owned(), value));
            Value::Object(fields.collect::<Map<_, _>>())
        };
        fields.push(("held", held.iter().map(object).collect()));
    }
    let states = port.connections.iter().map(|(state, count)| (state.name().to_owned(), json!(count)));
    fields.push(("connections", Value::Object(states.collect())));
    if let Some(range) = &port.rules.ephemeral {
        fields.push(("ephemeral_range", json!([range.start(), range.end()])));
    }
    fields.extend(port.is_ephemeral().map(|is| ("ephemeral", json!(is))));
    fields.push(("reserved", json!(port.rules.reserves(port.number))));
    fields.extend(port.rules.unprivileged.map(|first| ("unprivileged_from", json!(first))));
    let usage = port.usage.iter().map(|(protocol, usage)| {
        json!({
            "protocol": protocol.name(),
            "size": usage.size,
            "ports": usage.ports,
            "sockets": usage.sockets,
            "time_wait": usage.waiting,
        })
    });
    fields.push(("usage", usage.collect()));
    let binds = port.binds.iter().map(|(protocol, address, bind)| {
        let mut bound = json!({
            "protocol": protocol.name(),
            "address": address.to_string(),
            "result": word(bind),
        });
        if let Bind::Other(detail) = bind {
            bound["detail"] = json!(detail);
        }
        bound
    });
    fields.push(("bind", binds.collect()));
    fields
}

const fn word(bind: &Bind) -> &'static str {
    match bind {
        Bind::Works => "works",
        Bind::Reuse => "works-with-reuse",
        Bind::Taken => "taken",
        Bind::Privileged => "privileged",
        Bind::NoAddress => "no-address",
        Bind::Other(_) => "other",
    }
}

/// A line of each kind, for the test of the schema.
#[cfg(test)]
pub(crate) fn samples() -> Vec<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    let ask = |words: &[&str], free: Option<&str>| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        sockeye::port::run(&sockeye::port::Request { words, free: free.map(str::to_owned) }).unwrap()
    };
    let listening = lines(&ask(&[], None));
    let answers = lines(&ask(&[&number.to_string(), "http"], None));
    let free = lines(&ask(&[], Some("2")));
    [listening, answers, free].concat().lines().map(str::to_owned).collect()
}
