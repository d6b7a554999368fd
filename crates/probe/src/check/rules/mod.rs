//! The rules of the verdict: from findings to who is to blame. Functions of plain values, layer by layer.
//!
//! The order is from below: a name that leads nowhere, then what the connection came to, and only where it stands what was
//! said on it. A finding that is missing never makes a verdict certain; where too many are missing it is "unknown".

mod lower;
mod name;
#[cfg(test)]
mod tests;
mod upper;

use sockeye_core::event::How;

use super::finding::{Carrier, Findings, Goal, Ping};
use super::verdict::{Culprit, Evidence, Layer, Sure, Verdict, Word};
use crate::path::Ended;

/// Judges.
pub fn judge(goal: &Goal, findings: &Findings) -> Verdict {
    if goal.name.is_some()
        && let Some(verdict) = name::unresolved(goal, findings)
    {
        return verdict;
    }
    match goal.carrier {
        Carrier::Host => host(goal, findings),
        Carrier::Tcp => port(goal, findings, Layer::Tcp),
        Carrier::Udp => datagrams(goal, findings),
    }
}

/// A host without a port: any sign of life is enough.
fn host(goal: &Goal, findings: &Findings) -> Verdict {
    let pinged = findings.ping.as_ref();
    if let Some(ping) = pinged
        && let Ping::Answered(after) = ping.value
    {
        let evidence = Evidence::new("pinged", ping.how).arg("after", millis(after));
        let culprit = Culprit::None;
        return Verdict::new(Word::Ok, Layer::Path, culprit, Sure::Certain, "port").with([evidence]);
    }
    if let Some(alive) = lower::alive(findings) {
        return Verdict::new(Word::Ok, Layer::Path, Culprit::None, Sure::Certain, "port").with([alive]);
    }
    lower::silent(goal, findings).unwrap_or_else(|| Verdict::unknown(Layer::Path))
}

/// A port of TCP.
fn port(goal: &Goal, findings: &Findings, layer: Layer) -> Verdict {
    let Some(connects) = &findings.connects else {
        return lower::route(findings).unwrap_or_else(|| Verdict::unknown(layer));
    };
    let Some(judged) = connects.value.judged() else { return Verdict::unknown(layer) };
    if judged.ended == Ended::Connected {
        return upper::judge(goal, findings, judged);
    }
    if let Some(verdict) = name::misled(goal, findings) {
        return verdict;
    }
    lower::failed(goal, findings, judged).unwrap_or_else(|| Verdict::unknown(layer))
}

/// A port of UDP: silence says nothing there.
fn datagrams(goal: &Goal, findings: &Findings) -> Verdict {
    let Some(connects) = &findings.connects else {
        return lower::route(findings).unwrap_or_else(|| Verdict::unknown(Layer::Udp));
    };
    let Some(judged) = connects.value.judged() else { return Verdict::unknown(Layer::Udp) };
    match judged.ended {
        Ended::Connected => {
            let evidence = Evidence::new("datagram-answered", How::Traced).arg("address", judged.to);
            Verdict::new(Word::Ok, Layer::Udp, Culprit::None, Sure::Certain, "").with([evidence])
        }
        Ended::Refused => {
            let evidence = Evidence::new("no-port", How::Traced).arg("address", judged.to);
            let culprit = Culprit::Port(judged.to);
            Verdict::new(Word::Refused, Layer::Udp, culprit, Sure::Certain, "listen").with([evidence])
        }
        Ended::Silent => {
            let below = lower::silent(goal, findings).filter(|verdict| verdict.sure == Sure::Certain);
            let evidence = Evidence::new("datagram-silent", How::Inferred).arg("address", judged.to);
            below.unwrap_or_else(|| {
                Verdict { next: "message", ..Verdict::unknown(Layer::Udp) }.with([evidence])
            })
        }
        Ended::Failed(_) => {
            lower::failed(goal, findings, judged).unwrap_or_else(|| Verdict::unknown(Layer::Udp))
        }
    }
}

/// A time as evidence shows it.
fn millis(time: std::time::Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        ..1.0 => format!("{millis:.2} ms"),
        ..100.0 => format!("{millis:.1} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}
