//! On a connection that stands: packets' size, TLS, and what is spoken.

use sockeye_core::Fault;
use sockeye_core::event::How;
use sockeye_core::fault::{Code, Layer as At};

use super::super::finding::{End, Findings, Goal, Page, Session, Speech, Spoke, Transfer};
use super::super::verdict::{Culprit, Evidence, Layer, Sure, Verdict, Word};
use super::super::words;
use super::{millis, name};
use crate::path::Attempt;

/// Judges what happened after connecting.
pub(super) fn judge(goal: &Goal, findings: &Findings, judged: &Attempt) -> Verdict {
    let connected =
        Evidence::new("connected", How::Traced).arg("address", judged.to).arg("after", millis(judged.took));
    let Some(session) = &findings.session else {
        return Verdict::unknown(Layer::Application).with([connected]);
    };
    let session = &session.value;
    let verdict = match &session.fault {
        Some(fault) => failed(findings, judged, session, fault),
        None => spoken(goal, findings, judged, session),
    };
    verdict.with([connected])
}

fn fact(of: &'static str, how: How) -> Evidence {
    Evidence::new(of, how)
}

/// Full packets vanish: seen with datagrams of their own, or by what the kernel counted.
fn hole(findings: &Findings, session: &Session) -> Option<Verdict> {
    let sizes = findings.size.as_ref().filter(|sizes| sizes.value.is_hole());
    let stuck = session.transfer.filter(Transfer::is_stuck);
    let full = sizes.map(|sizes| {
        let sizes = &sizes.value;
        fact("full-vanish", How::Inferred)
            .arg("full", sizes.full)
            .arg("small", sizes.small.0)
            .arg("large", sizes.large.1)
    });
    let counted = stuck.map(|transfer| {
        let counted = fact("stuck", How::Polled).arg("unacked", transfer.unacked);
        counted.arg("again", transfer.retransmits).arg("order", transfer.out_of_order)
    });
    if full.is_none() && counted.is_none() {
        return None;
    }
    let way = findings.way.as_ref().map(|way| &way.value);
    let culprit = way.and_then(|way| way.gateway().map(Culprit::Beyond).or(Some(Culprit::Host(way.to))));
    let verdict =
        Verdict::new(Word::TooBig, Layer::Size, culprit.unwrap_or(Culprit::Unknown), Sure::Likely, "mtu");
    Some(verdict.with(full.into_iter().chain(counted)))
}

/// A handshake, or the connection, failed.
fn failed(findings: &Findings, judged: &Attempt, session: &Session, fault: &Fault) -> Verdict {
    let server = Culprit::Server(judged.to);
    let said = fact("fault", How::Traced).arg("code", fault.code.word());
    let tls =
        |word, culprit, sure, next| Verdict::new(word, Layer::Tls, culprit, sure, next).with([said.clone()]);
    let app = |word, sure, next| {
        Verdict::new(word, Layer::Application, server.clone(), sure, next).with([said.clone()])
    };
    match fault.code {
        Code::PlainText | Code::Echoes => tls(Word::Plain, server, Sure::Certain, "plain"),
        Code::CertificateExpired | Code::CertificateNotYet => {
            let when = fact("certificate-when", How::Traced)
                .arg("name", fault.value("name"))
                .arg("when", fault.value("when"));
            tls(Word::Expired, Culprit::Certificate, Sure::Certain, "renew").with([when])
        }
        Code::CertificateName => {
            let names = fact("certificate-names", How::Traced).arg("asked", fault.value("asked"));
            let names = names.arg("offered", fault.value("offered"));
            match name::misled_by_identity(findings, judged) {
                Some((culprit, next, source)) => {
                    let verdict = Verdict::new(Word::Misled, Layer::Name, culprit, Sure::Likely, next);
                    verdict.with([said, names, source])
                }
                None => tls(Word::WrongName, Culprit::Certificate, Sure::Certain, "certificate-name")
                    .with([names]),
            }
        }
        Code::CertificateIssuer
        | Code::CertificateSelfSigned
        | Code::CertificateIsAuthority
        | Code::PinMismatch => {
            let who = fact("certificate-whose", How::Traced)
                .arg("name", fault.value("name"))
                .arg("got", fault.value("got"));
            tls(Word::Untrusted, Culprit::Certificate, Sure::Certain, "trust").with([who])
        }
        Code::CertificatePurpose | Code::CertificateSignature | Code::CertificateUnusable => {
            tls(Word::Untrusted, Culprit::Certificate, Sure::Certain, "certificate")
        }
        Code::CertificateRequired => tls(Word::Refused, Culprit::None, Sure::Certain, "client-certificate"),
        Code::TlsCut if fault.value("what") == "rst" => tls(Word::Reset, server, Sure::Certain, "server-log"),
        Code::TlsCut => tls(Word::Closed, server, Sure::Certain, "server-log"),
        Code::NotWebsocket | Code::NoAuth | Code::BadUpgrade => {
            app(Word::WrongApplication, Sure::Certain, "application")
        }
        Code::UpgradeRefused => app(Word::Refused, Sure::Certain, "application"),
        Code::HandshakeTimeout | Code::Timeout | Code::ConnectTimeout => hole(findings, session)
            .unwrap_or_else(|| {
                let layer = if fault.value("layer") == "tls" { Layer::Tls } else { Layer::Application };
                let sure = if session.transfer.is_some() { Sure::Certain } else { Sure::Likely };
                Verdict::new(Word::Silent, layer, server.clone(), sure, "server-slow").with([said.clone()])
            }),
        Code::Reset => {
            let culprit = Culprit::Port(judged.to);
            Verdict::new(Word::Reset, Layer::Tcp, culprit, Sure::Certain, "server-log").with([said])
        }
        _ => match fault.code.layer() {
            At::Security => tls(Word::Failed, server, Sure::Certain, "server-log"),
            At::Application | At::Framing => app(Word::Failed, Sure::Certain, "server-log"),
            _ => Verdict::unknown(Layer::Application).with([said]),
        },
    }
}

/// What the server said.
fn spoken(goal: &Goal, findings: &Findings, judged: &Attempt, session: &Session) -> Verdict {
    let Some(spoke) = &session.spoke else { return Verdict::unknown(Layer::Application) };
    let server = Culprit::Server(judged.to);
    let app = |word, sure, next| Verdict::new(word, Layer::Application, server.clone(), sure, next);
    let ok = || {
        // Whatever else works, nobody can work with packets that vanish.
        hole(findings, session)
            .unwrap_or_else(|| Verdict::new(Word::Ok, Layer::Application, Culprit::None, Sure::Certain, ""))
    };
    match (spoke, &goal.speech) {
        (Spoke::Http(page), _) => self::page(page, findings, session, judged),
        (Spoke::Words(bytes), Speech::Http) => {
            let heard =
                fact("words", How::Traced).arg("kind", words::kind(bytes)).arg("text", words::line(bytes));
            app(Word::WrongApplication, Sure::Certain, "application").with([heard])
        }
        (Spoke::Words(bytes), _) => {
            let heard =
                fact("words", How::Traced).arg("kind", words::kind(bytes)).arg("text", words::line(bytes));
            ok().with([heard])
        }
        (Spoke::Nothing(after), Speech::Http) => {
            let silent = fact("asked-silent", How::Traced).arg("after", millis(*after));
            let sure = if session.transfer.is_some() { Sure::Certain } else { Sure::Likely };
            hole(findings, session).unwrap_or_else(|| app(Word::Silent, sure, "server-slow")).with([silent])
        }
        (Spoke::Nothing(after), _) => ok().with([fact("waits", How::Traced).arg("after", millis(*after))]),
        (Spoke::Closed, _) => app(Word::Closed, Sure::Certain, "server-log").with([fact("fin", How::Traced)]),
        (Spoke::Reset, _) => {
            let culprit = Culprit::Port(judged.to);
            let verdict = Verdict::new(Word::Reset, Layer::Tcp, culprit, Sure::Certain, "server-log");
            verdict.with([fact("reset-after", How::Traced)])
        }
    }
}

/// A page: a server that says it failed is to blame, one that has no such page is not; nor is one half of a page a page.
fn page(page: &Page, findings: &Findings, session: &Session, judged: &Attempt) -> Verdict {
    let server = || Culprit::Server(judged.to);
    let cut = || fact("page-cut", How::Traced).arg("bytes", page.body).arg("end", page.end.word());
    let status = fact("status", How::Traced).arg("status", page.status);
    let app = |word, sure, next| Verdict::new(word, Layer::Application, server(), sure, next);
    let verdict = match page.end {
        _ if page.status >= 500 => app(Word::Failed, Sure::Certain, "server-log"),
        End::Whole => Verdict::new(Word::Ok, Layer::Application, Culprit::None, Sure::Certain, ""),
        End::Fin => app(Word::Closed, Sure::Certain, "server-log").with([cut()]),
        End::Rst => {
            let culprit = Culprit::Port(judged.to);
            Verdict::new(Word::Reset, Layer::Tcp, culprit, Sure::Certain, "server-log").with([cut()])
        }
        End::Late => hole(findings, session)
            .unwrap_or_else(|| app(Word::Silent, Sure::Likely, "server-slow"))
            .with([cut()]),
    };
    verdict.with([status])
}
