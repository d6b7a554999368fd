//! Names: none, silent servers, and names that lead elsewhere than they should.

use std::net::IpAddr;

use sockeye_core::event::How;

use super::super::finding::{Findings, Goal};
use super::super::verdict::{Culprit, Evidence, Layer, Sure, Verdict, Word};
use super::lower;
use crate::names::{Answer, Names, System};
use crate::path::{Attempt, Ended};

/// The verdict where the name has no address.
pub(super) fn unresolved(goal: &Goal, findings: &Findings) -> Option<Verdict> {
    let Some(names) = &findings.names else { return Some(Verdict::unknown(Layer::Name)) };
    let (names, name) = (&names.value, goal.name.clone().unwrap_or_default());
    if !names.addresses().is_empty() {
        return None;
    }
    let system = match &names.system {
        System::Failed(words) => Some(Evidence::new("system", How::Polled).arg("words", words)),
        System::Late => Some(Evidence::new("system-late", How::Polled)),
        _ => None,
    };
    let verdict =
        |word, culprit, sure, next| Verdict::new(word, Layer::Name, culprit, sure, next).with(system.clone());
    if names.servers.is_empty() {
        return Some(match names.system {
            System::Failed(_) => verdict(Word::NotFound, Culprit::NoResolver, Sure::Likely, "resolver"),
            _ => Verdict::unknown(Layer::Name),
        });
    }
    let who = |wanted: fn(&Answer) -> bool| -> Vec<IpAddr> {
        names.servers.iter().filter(|one| wanted(&one.answer)).map(|one| one.server).collect()
    };
    let all = names.servers.len();
    let facts = || names.servers.iter().map(fact);
    let silent = who(|answer| matches!(answer, Answer::Silent));
    let nobody = who(|answer| matches!(answer, Answer::NobodyThere));
    let unreachable = who(|answer| matches!(answer, Answer::Unreachable));
    let failed = who(|answer| matches!(answer, Answer::Failed(_) | Answer::Unreadable));
    let missing = who(|answer| matches!(answer, Answer::NoName));
    let known = who(|answer| !answer.addresses().is_empty());
    let without = names.servers.len() - silent.len() - nobody.len() - unreachable.len();
    if !known.is_empty() && !missing.is_empty() {
        // Programs believe the first that answers.
        return Some(
            verdict(Word::Misled, Culprit::Resolver(missing), Sure::Likely, "compare").with(facts()),
        );
    }
    if names.is_unanswered() {
        // Perhaps nothing at all arrives there.
        if let Some(below) = lower::near(findings).or_else(|| lower::on_the_way(findings)) {
            return Some(below.with(facts()));
        }
    }
    if without == 0 {
        let (word, culprit) = if silent.len() == all {
            (Word::Silent, silent)
        } else if nobody.len() == all {
            (Word::Refused, nobody)
        } else if unreachable.len() == all {
            (Word::Unreachable, unreachable)
        } else {
            (Word::Silent, names.servers.iter().map(|one| one.server).collect())
        };
        // Silence is lost on the way as easily as there.
        let sure = if word == Word::Silent { Sure::Likely } else { Sure::Certain };
        return Some(verdict(word, Culprit::Resolver(culprit), sure, "resolver").with(facts()));
    }
    if !missing.is_empty() {
        let sure = if matches!(names.system, System::Failed(_)) { Sure::Certain } else { Sure::Likely };
        return Some(verdict(Word::NotFound, Culprit::Name(name), sure, "spelling").with(facts()));
    }
    if !failed.is_empty() {
        return Some(
            verdict(Word::Failed, Culprit::Resolver(failed), Sure::Certain, "resolver").with(facts()),
        );
    }
    // The name is there, and has no address.
    let is_bare = names.servers.iter().any(|one| matches!(one.answer, Answer::Addresses { .. }));
    if is_bare && known.is_empty() {
        return Some(verdict(Word::NotFound, Culprit::Name(name), Sure::Certain, "records").with(facts()));
    }
    Some(Verdict::unknown(Layer::Name).with(facts()))
}

/// What one server said.
fn fact(served: &crate::names::Served) -> Evidence {
    let said = |fact| Evidence::new(fact, How::Traced).arg("server", served.server);
    match &served.answer {
        Answer::Addresses { addresses, .. } if addresses.is_empty() => said("server-bare"),
        Answer::Addresses { addresses, .. } => said("server-says").arg("addresses", list(addresses)),
        Answer::NoName => said("server-no-name"),
        Answer::Failed(code) => said("server-failed").arg("code", rcode(*code)),
        Answer::Silent => said("server-silent"),
        Answer::NobodyThere => said("server-nobody"),
        Answer::Unreachable => said("server-unreachable"),
        Answer::Unreadable => said("server-unreadable"),
    }
}

/// The name of a response code (RFC 1035 section 4.1.1, RFC 2136 section 2.2).
pub(in crate::check) fn rcode(code: u8) -> String {
    match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        _ => return format!("RCODE {code}"),
    }
    .to_owned()
}

fn list(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().take(8).map(ToString::to_string).collect();
    shown.join(", ")
}

/// The verdict where connecting failed because the name leads elsewhere than it should: to an address that stands for
/// "blocked", or to one that fails while another source's address works.
pub(super) fn misled(goal: &Goal, findings: &Findings) -> Option<Verdict> {
    let names = &findings.names.as_ref()?.value;
    let connects = &findings.connects.as_ref()?.value;
    let judged = connects.judged()?;
    let works = connects.others.iter().find(|attempt| attempt.ended == Ended::Connected);
    let used = judged.to.ip();
    if is_block(used) && !names.is_of_hosts() && goal.name.as_deref().is_some_and(|name| !is_localhost(name))
    {
        let server = names.server_of(used);
        let culprit = server.map_or(Culprit::Unknown, |server| Culprit::Resolver(vec![server]));
        let evidence = Evidence::new("block-address", How::Traced).arg("address", used);
        return Some(
            Verdict::new(Word::Misled, Layer::Name, culprit, Sure::Likely, "compare").with([evidence]),
        );
    }
    works.map(|works| blame(names, used, works))
}

/// Who gave the address that fails, while `works` works.
fn blame(names: &Names, used: IpAddr, works: &Attempt) -> Verdict {
    let (culprit, next, first) = source(names, used);
    let fails = Evidence::new("address-fails", How::Traced).arg("address", used);
    let other = Evidence::new("address-works", How::Traced).arg("address", works.to.ip());
    let other =
        other.arg("server", names.server_of(works.to.ip()).map(|ip| ip.to_string()).unwrap_or_default());
    Verdict::new(Word::Misled, Layer::Name, culprit, Sure::Likely, next).with([first, fails, other])
}

/// Where an address that is used comes from.
fn source(names: &Names, used: IpAddr) -> (Culprit, &'static str, Evidence) {
    if names.is_of_hosts()
        && let Some(line) = names.hosts.iter().find(|line| line.address == used)
    {
        let evidence =
            Evidence::new("hosts-line", How::Polled).arg("line", line.number).arg("text", &line.text);
        return (Culprit::HostsLine(line.number), "hosts", evidence);
    }
    match names.server_of(used) {
        Some(server) => {
            let evidence =
                Evidence::new("server-says", How::Traced).arg("server", server).arg("addresses", used);
            (Culprit::Resolver(vec![server]), "compare", evidence)
        }
        None => {
            (Culprit::Unknown, "compare", Evidence::new("source-unknown", How::Inferred).arg("address", used))
        }
    }
}

/// Where the peer proved to be another, and sources disagree on where the name leads: the source is to blame. `works`: a
/// connection to another source's address stood.
pub(super) fn misled_by_identity(
    findings: &Findings,
    judged: &Attempt,
) -> Option<(Culprit, &'static str, Evidence)> {
    let names = &findings.names.as_ref()?.value;
    let used = judged.to.ip();
    let differs = names.servers.iter().any(|one| {
        let given = one.answer.addresses();
        !given.is_empty() && !given.contains(&used)
    });
    differs.then(|| source(names, used))
}

/// An address that blocking resolvers give: this machine itself, or none.
fn is_block(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_loopback()
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}
