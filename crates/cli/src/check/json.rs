//! A check for programs: one object a step, one for the verdict, and one for what changed in a watch.

use std::time::Duration;

use serde_json::{Value, json};
use sockeye::check::names::{Answer, Cache, Names, System};
use sockeye::check::path::{Attempt, Ended, Icmp};
use sockeye::check::{Change, End, Findings, Leaving, Outcome, Ping, Session, Spoke, Step};
use sockeye::core::{How, Tick};
use sockeye::json;

/// A step that has ended.
pub(super) fn step(target: &str, step: Step, findings: &Findings, round: Option<u64>) -> String {
    let found = match step {
        Step::Name => found(findings.names.as_ref(), names),
        Step::Route => found(findings.way.as_ref(), way),
        Step::Neighbour => found(findings.neighbour.as_ref(), |beside| {
            let known = beside.neighbour.as_ref();
            json!({
                "address": beside.address,
                "state": known.map(|known| known.state.to_string()),
                "hardware": known.map(|known| known.hardware.to_string()),
                "gateway_state": beside.gateway.as_ref().map(|known| known.state.to_string()),
            })
        }),
        Step::Ping => found(findings.ping.as_ref(), ping),
        Step::Path => found(findings.path.as_ref(), |path| {
            let hops = path.hops.iter().map(|hop| json!({ "ttl": hop.ttl, "heard": attempt(&hop.heard) }));
            json!({ "hops": hops.collect::<Vec<_>>(), "whole": path.is_whole() })
        }),
        Step::Connect => found(findings.connects.as_ref(), |connects| {
            let all = |attempts: &[Attempt]| attempts.iter().map(attempt).collect::<Vec<_>>();
            json!({ "used": all(&connects.used), "others": all(&connects.others) })
        }),
        Step::Around => found(findings.around.as_ref(), |around| {
            let backlog = around.backlog.map(|(waiting, most)| json!({ "waiting": waiting, "most": most }));
            json!({ "ports": around.ports.iter().map(attempt).collect::<Vec<_>>(), "backlog": backlog })
        }),
        Step::Size => found(findings.size.as_ref(), |sizes| {
            json!({
                "full": sizes.full,
                "small": { "answered": sizes.small.0, "sent": sizes.small.1 },
                "large": { "answered": sizes.large.0, "sent": sizes.large.1 },
                "told": sizes.told.map(|(router, fits)| json!({ "router": router, "fits": fits })),
            })
        }),
        Step::Session => found(findings.session.as_ref(), session),
    };
    // A step that could not be made here has nothing to tell.
    let Some((value, how, at, took)) = found else { return String::new() };
    let mut fields = vec![
        ("target", json!(target)),
        ("step", json!(step.word())),
        ("at", seconds(at)),
        ("took", seconds(took)),
        ("found", value),
    ];
    fields.extend(round.map(|round| ("round", json!(round))));
    json::known(tick(at + took), how, "check-step", &fields)
}

type Found = (Value, How, Duration, Duration);

fn found<T>(finding: Option<&sockeye::check::Timed<T>>, value: impl Fn(&T) -> Value) -> Option<Found> {
    finding.map(|found| (value(&found.value), found.how, found.at, found.took))
}

/// A moment of this check.
fn tick(since: Duration) -> Tick {
    Tick::ZERO + since
}

fn seconds(time: Duration) -> Value {
    json!(time.as_secs_f64())
}

fn names(names: &Names) -> Value {
    let hosts = names.hosts.iter();
    let hosts = hosts.map(|line| json!({ "line": line.number, "address": line.address, "text": line.text }));
    let servers = names.servers.iter().map(|served| {
        let (answer, addresses, ttl, alias, code) = match &served.answer {
            Answer::Addresses { addresses, ttl, alias } => {
                ("addresses", Some(addresses), *ttl, alias.as_ref(), None)
            }
            Answer::NoName => ("no-name", None, None, None, Some(3)),
            Answer::Failed(code) => ("failed", None, None, None, Some(*code)),
            Answer::Silent => ("silent", None, None, None, None),
            Answer::NobodyThere => ("refused", None, None, None, None),
            Answer::Unreachable => ("unreachable", None, None, None, None),
            Answer::Unreadable => ("unreadable", None, None, None, None),
        };
        json!({
            "server": served.server, "answer": answer, "addresses": addresses, "ttl": ttl, "alias": alias,
            "rcode": code, "took": served.took.as_secs_f64(),
        })
    });
    let system = match &names.system {
        System::Unasked => "unasked",
        System::Addresses(_) => "addresses",
        System::Failed(_) => "failed",
        System::Late => "late",
    };
    let cache = match names.cache {
        Cache::None => json!(null),
        Cache::Nscd => json!("nscd"),
        Cache::Server(server) => json!(server),
    };
    json!({
        "name": names.name,
        "sources": names.sources,
        "hosts": hosts.collect::<Vec<_>>(),
        "servers": servers.collect::<Vec<_>>(),
        "system": system,
        "cache": cache,
        "addresses": names.addresses(),
    })
}

fn way(way: &Leaving) -> Value {
    let route = way.answer.as_ref().ok();
    let refused = way.answer.as_ref().err();
    json!({
        "to": way.to,
        "source": route.and_then(|route| route.source),
        "link": way.link.as_ref().map(|link| link.name.clone()),
        "mtu": way.link.as_ref().and_then(|link| link.mtu),
        "ours": way.ours.map(|ours| ours.to_string()),
        "same_network": way.ours.map(|ours| ours.contains(way.to)),
        "gateway": way.gateway(),
        "local": way.is_local(),
        "entry": way.entry.map(|entry| entry.to_string()),
        "refused": refused.map(|(errno, kind)| json!({
            "errno": errno, "kind": kind.map(|kind| kind.to_string()),
        })),
    })
}

fn ping(ping: &Ping) -> Value {
    match ping {
        Ping::Answered(after) => json!({ "answer": "answered", "rtt": after.as_secs_f64() }),
        Ping::Silent => json!({ "answer": "silent" }),
        Ping::NotAllowed => json!({ "answer": "not-allowed" }),
        Ping::Icmp(icmp) => json!({ "answer": "icmp", "icmp": self::icmp(icmp) }),
        Ping::Failed(errno) => json!({ "answer": "failed", "errno": errno }),
    }
}

fn icmp(icmp: &Icmp) -> Value {
    json!({ "from": icmp.from, "type": icmp.kind, "code": icmp.code, "after": icmp.after.as_secs_f64() })
}

fn attempt(attempt: &Attempt) -> Value {
    let (ended, errno) = match attempt.ended {
        Ended::Connected => ("connected", None),
        Ended::Refused => ("refused", None),
        Ended::Silent => ("silent", None),
        Ended::Failed(errno) => ("failed", Some(errno)),
    };
    json!({
        "to": attempt.to, "ended": ended, "errno": errno, "icmp": attempt.icmp.as_ref().map(icmp),
        "local": attempt.local, "took": attempt.took.as_secs_f64(),
    })
}

fn session(session: &Session) -> Value {
    let tls = session.tls.as_ref().map(|(at, tls)| {
        let chain = tls.chain.iter().map(|one| {
            json!({
                "subject": one.subject, "issuer": one.issuer, "names": one.names, "not_after": one.not_after,
                "days": one.days, "pin": one.pin,
            })
        });
        json!({
            "at": at.as_secs_f64(), "version": tls.version, "suite": tls.suite, "alpn": tls.alpn,
            "server_name": tls.server_name, "trust": tls.trust.word(), "chain": chain.collect::<Vec<_>>(),
        })
    });
    let fault = session.fault.as_ref().map(|fault| {
        let args: serde_json::Map<String, Value> =
            fault.args.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({ "code": fault.code.word(), "args": args })
    });
    let spoke = session.spoke.as_ref().map(|spoke| match spoke {
        Spoke::Http(page) => json!({
            "what": "http", "status": page.status, "server": page.server, "location": page.location,
            "asked": page.asked.as_secs_f64(), "first_byte": page.first.as_secs_f64(),
            "last_byte": page.last.as_secs_f64(), "body": page.body,
            "whole": page.end == End::Whole, "end": page.end.word(),
        }),
        Spoke::Words(bytes) => json!({
            "what": "words", "seems": sockeye::check::words::kind(bytes),
            "hex": sockeye::wire::notation::to_hex(bytes), "line": sockeye::check::words::line(bytes),
        }),
        Spoke::Nothing(after) => json!({ "what": "nothing", "after": after.as_secs_f64() }),
        Spoke::Closed => json!({ "what": "closed" }),
        Spoke::Reset => json!({ "what": "reset" }),
    });
    let transfer = session.transfer.map(|transfer| {
        json!({
            "unacked": transfer.unacked, "retransmits": transfer.retransmits,
            "out_of_order": transfer.out_of_order, "received": transfer.received,
        })
    });
    json!({
        "to": session.to, "connected": session.connected.map(|at| at.as_secs_f64()), "tls": tls, "fault": fault,
        "spoke": spoke, "transfer": transfer,
    })
}

/// The verdict.
pub(super) fn verdict(outcome: &Outcome, round: Option<u64>) -> String {
    let verdict = &outcome.verdict;
    let evidence = verdict.evidence.iter().map(|evidence| {
        let args: serde_json::Map<String, Value> =
            evidence.args.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({ "fact": evidence.fact, "how": evidence.how.word(), "args": args })
    });
    let mut fields = vec![
        ("target", json!(outcome.target)),
        ("verdict", json!(verdict.word.word())),
        ("layer", json!(verdict.layer.word())),
        ("culprit", json!({ "kind": verdict.culprit.word(), "which": verdict.culprit.which() })),
        ("sure", json!(verdict.sure.word())),
        ("evidence", Value::Array(evidence.collect())),
        ("next", json!(verdict.next)),
        ("took", seconds(outcome.took)),
    ];
    fields.extend(round.map(|round| ("round", json!(round))));
    json::known(tick(outcome.took), How::Inferred, "check-verdict", &fields)
}

/// What changed since the check before; nothing, where nothing did.
pub(super) fn changes(outcome: &Outcome, changes: &[Change], round: u64) -> String {
    let lines = changes.iter().map(|change| {
        let fields = [
            ("target", json!(outcome.target)),
            ("round", json!(round)),
            ("what", json!(change.what)),
            ("before", json!(change.before)),
            ("after", json!(change.after)),
        ];
        json::known(tick(outcome.took), How::Inferred, "check-changed", &fields)
    });
    lines.collect()
}
