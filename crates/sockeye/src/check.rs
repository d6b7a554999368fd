//! `check`: why can't I connect. A target becomes a goal, the ladder is climbed, and the rules judge what it found.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use sockeye_core::{Code, Endpoint, Fault, Host, Place};
use sockeye_net::transport::{self, Role};
pub use sockeye_probe::check::{
    Around, Beside, Carrier, Connects, Culprit, End, Evidence, FACTS, Findings, Goal, Layer, Leaving, NEXTS,
    Page, Ping, Session, Sizes, Speech, Spoke, Step, Sure, Timed, Transfer, Verdict, Word, words,
};
use sockeye_probe::check::{Live, Talk, judge};
pub use sockeye_probe::{addr, host, names, path};

use sockeye_wire::notation::to_hex;

use crate::given::{self, Params};
use crate::secrets;
use crate::views::Views;

/// The whole budget unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// How often a watched target is checked unless told otherwise.
pub const EVERY: Duration = Duration::from_secs(5);

/// The shortest pause between two checks: each is a dozen packets at the target.
pub const LEAST: Duration = Duration::from_millis(500);

/// What to check.
#[derive(Clone, Debug)]
pub struct Request {
    /// The target as written: an endpoint, a URL, a host, or host:port.
    pub target: String,
    /// Endpoint parameters given as flags; `timeout` is the whole budget.
    pub params: Params,
}

/// A target that is ready to be checked, any number of times.
pub struct Plan {
    target: String,
    goal: Goal,
    address: Option<IpAddr>,
    budget: Duration,
    probes: Live,
}

/// What a check came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The target as written.
    pub target: String,
    /// What was checked.
    pub goal: Goal,
    /// What was found.
    pub findings: Findings,
    /// What that means.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// Understands a target; nothing is asked of anybody yet.
pub fn plan(request: &Request, views: &Views) -> Result<Plan, Fault> {
    let subject = format!("check {}", request.target);
    let mut plan = understood(request).map_err(|fault| fault.doing(subject))?;
    if let Some(talk) = &mut plan.probes.talk {
        secrets::fill(&mut talk.endpoint, &*views.watcher);
    }
    Ok(plan)
}

fn understood(request: &Request) -> Result<Plan, Fault> {
    let target = request.target.trim();
    let bad = || Fault::new(Code::BadEndpoint, "").arg("endpoint", target);
    let mut goal = Goal::default();
    let mut page = None;
    let mut endpoint = if Web::is_meant(target) {
        let web = Web::read(target).ok_or_else(bad)?;
        let mut endpoint = given::endpoint(&web.endpoint, &request.params)?;
        if web.secure && endpoint.params.alpn.is_none() {
            endpoint.params.alpn = Some("http/1.1".to_owned());
        }
        goal.speech = Speech::Http;
        page = Some(web.request());
        endpoint
    } else if let Some(text) = host_alone(target) {
        goal.carrier = Carrier::Host;
        given::endpoint(&format!("tcp://{text}:1"), &request.params).map_err(|fault| {
            // What was made of it is nothing that anybody wrote.
            if fault.code == Code::BadEndpoint { bad() } else { fault }
        })?
    } else {
        let endpoint = given::endpoint(target, &request.params)?;
        if !endpoint.layers.is_empty() {
            goal.speech = Speech::Layers;
        }
        endpoint
    };
    goal.carrier = match (goal.carrier, endpoint.scheme.as_str()) {
        (Carrier::Host, _) => Carrier::Host,
        (_, "tcp") => Carrier::Tcp,
        (_, "udp") => Carrier::Udp,
        _ => return Err(bad()),
    };
    transport::fit(&endpoint, Role::Connect)?;
    // The steps below a connection would look at another way than these say.
    let params = &endpoint.params;
    let elsewhere = [
        ("via", params.via.is_some()),
        ("bind", params.bind.is_some()),
        ("ttl", params.ttl.is_some()),
        ("mcast", params.mcast.is_some()),
    ];
    if let Some((name, _)) = elsewhere.iter().find(|(_, given)| *given) {
        return Err(Fault::new(Code::UnfitParameter, "").arg("name", name).arg("scheme", "check"));
    }
    let (host, port) = place(&endpoint).ok_or_else(bad)?;
    let address = match host {
        Host::Ip(ip) => Some(*ip),
        Host::Loopback | Host::Any => Some(Ipv4Addr::LOCALHOST.into()),
        Host::Name(name) => {
            goal.name = Some(name.clone());
            None
        }
        // A link-local address is nothing without its link, which the steps here do not carry along.
        Host::Zoned { .. } => return Err(bad()),
    };
    if goal.carrier != Carrier::Host {
        if port == 0 {
            return Err(Fault::new(Code::BadPort, "").arg("port", 0));
        }
        goal.port = Some(port);
    }
    // The budget is that of the check, not of one connection in it.
    let budget = endpoint.params.timeout.take().unwrap_or(TIMEOUT);
    let talk =
        (goal.carrier == Carrier::Tcp).then(|| Talk { endpoint, name: goal.name.clone(), request: page });
    let probes = Live { carrier: goal.carrier, talk };
    Ok(Plan { target: target.to_owned(), goal, address, budget, probes })
}

fn place(endpoint: &Endpoint) -> Option<(&Host, u16)> {
    if let Place::Host { host, port, .. } = &endpoint.place { Some((host, *port)) } else { None }
}

/// A host without a port, as an endpoint writes it: `example.org`, `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`.
fn host_alone(target: &str) -> Option<String> {
    if target.contains("://") || target.contains('/') || target.is_empty() || target == "-" {
        return None;
    }
    match target.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => Some(format!("[{ip}]")),
        Ok(IpAddr::V4(ip)) => Some(ip.to_string()),
        Err(_) if target.contains([':', '?']) => None,
        Err(_) => Some(target.to_owned()),
    }
}

/// An address of the web, as far as a request needs it.
struct Web {
    endpoint: String,
    secure: bool,
    authority: String,
    path: String,
}

impl Web {
    /// Whether this begins as an address of the web does.
    fn is_meant(text: &str) -> bool {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
    }

    /// Reads `http://…` or `https://…`.
    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let secure = scheme.eq_ignore_ascii_case("https");
        let rest = rest.split('#').next().unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        // A password has no place in a check, and would be shown.
        if authority.is_empty()
            || authority.contains('@')
            || rest.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
        {
            return None;
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let port = match (has_port, secure) {
            (true, _) => "",
            (false, true) => ":443",
            (false, false) => ":80",
        };
        let layer = if secure { "tls" } else { "tcp" };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Self {
            endpoint: format!("{layer}://{authority}{port}"),
            secure,
            authority: authority.to_owned(),
            path: format!("{slash}{path}"),
        })
    }

    /// A request for it (RFC 9112), which asks for the connection to be closed after the answer.
    fn request(&self) -> Vec<u8> {
        let mut path = String::new();
        for byte in self.path.bytes() {
            // What is no ASCII is written in percent (RFC 3986 section 2.1).
            if byte.is_ascii() {
                path.push(char::from(byte));
            } else {
                path.extend(["%", &to_hex(&[byte]).to_uppercase()]);
            }
        }
        let version = env!("CARGO_PKG_VERSION");
        let authority = &self.authority;
        format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: sockeye/{version}\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        )
        .into_bytes()
    }
}

impl Plan {
    /// The target as written.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What is checked.
    pub const fn goal(&self) -> &Goal {
        &self.goal
    }

    /// Checks. `told` is called after each step, with what was found so far. Blocks for the budget at the most.
    pub fn run(&self, told: impl FnMut(Step, &Findings)) -> Outcome {
        let began = Instant::now();
        let findings = sockeye_probe::check::run(&self.goal, self.address, self.budget, &self.probes, told);
        let verdict = judge(&self.goal, &findings);
        Outcome {
            target: self.target.clone(),
            goal: self.goal.clone(),
            findings,
            verdict,
            took: began.elapsed(),
        }
    }
}

/// What differs between two checks of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What, as a word: `verdict`, `addresses`, `gateway`, `routers`, `certificate`.
    pub what: &'static str,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

/// What one thing is in a check; `None` where it was not seen.
type Look<'a> = &'a dyn Fn(&Outcome) -> Option<String>;

/// What has changed from one check to the next. What one of them could not see has not changed.
pub fn changes(before: &Outcome, after: &Outcome) -> Vec<Change> {
    let verdict = |outcome: &Outcome| {
        let verdict = &outcome.verdict;
        let which = verdict.culprit.which();
        let space = if which.is_empty() { "" } else { " " };
        Some(format!("{} {}{space}{which}", verdict.word.word(), verdict.layer.word()))
    };
    let addresses = |outcome: &Outcome| {
        let names = outcome.findings.names.as_ref()?;
        let mut addresses: Vec<String> = names.value.addresses().iter().map(ToString::to_string).collect();
        addresses.sort();
        Some(addresses.join(", "))
    };
    let gateway = |outcome: &Outcome| Some(outcome.findings.way.as_ref()?.value.gateway()?.to_string());
    let certificate = |outcome: &Outcome| {
        let (_, tls) = outcome.findings.session.as_ref()?.value.tls.as_ref()?;
        Some(tls.chain.first()?.pin.clone())
    };
    let routers = |outcome: &Outcome| {
        let path = &outcome.findings.path.as_ref()?.value;
        let from = path.hops.iter().filter_map(|hop| Some(hop.heard.icmp?.from?.to_string()));
        Some(from.collect::<Vec<_>>().join(", "))
    };
    let looks: [(&'static str, Look<'_>); 5] = [
        ("verdict", &verdict),
        ("addresses", &addresses),
        ("gateway", &gateway),
        ("routers", &routers),
        ("certificate", &certificate),
    ];
    let changed = looks.into_iter().filter_map(|(what, look)| {
        let (before, after) = (look(before)?, look(after)?);
        (before != after).then_some(Change { what, before, after })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understand(target: &str) -> Result<Plan, Fault> {
        understood(&Request { target: target.to_owned(), params: Vec::new() })
    }

    fn goal(target: &str) -> Goal {
        understand(target).map(|plan| plan.goal).unwrap()
    }

    #[test]
    fn targets_are_endpoints_urls_hosts_and_ports() {
        type Row = (&'static str, Option<&'static str>, Option<u16>, Carrier, Speech);
        let table: &[Row] = &[
            ("example.org", Some("example.org"), None, Carrier::Host, Speech::Any),
            ("192.0.2.1", None, None, Carrier::Host, Speech::Any),
            ("2001:db8::1", None, None, Carrier::Host, Speech::Any),
            ("[2001:db8::1]:80", None, Some(80), Carrier::Tcp, Speech::Any),
            ("example.org:22", Some("example.org"), Some(22), Carrier::Tcp, Speech::Any),
            ("udp://192.0.2.1:53", None, Some(53), Carrier::Udp, Speech::Any),
            ("tls://example.org:443", Some("example.org"), Some(443), Carrier::Tcp, Speech::Layers),
            ("http://example.org", Some("example.org"), Some(80), Carrier::Tcp, Speech::Http),
            ("https://[2001:db8::1]/x?y#z", None, Some(443), Carrier::Tcp, Speech::Http),
            ("HTTPS://example.org:8443?q", Some("example.org"), Some(8443), Carrier::Tcp, Speech::Http),
        ];
        for (target, name, port, carrier, speech) in table {
            let goal = goal(target);
            assert_eq!((goal.name.as_deref(), goal.port), (*name, *port), "{target}");
            assert_eq!((goal.carrier, &goal.speech), (*carrier, speech), "{target}");
        }
        assert_eq!(understand(":9000").unwrap().address, Some(Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn what_cannot_be_checked_is_refused_before_anything_is_asked() {
        for bad in
            ["", "-", "unix:///run/x", "example.org:0", "http://", "http://u:p@h/", "http://h/a b", "h:99999"]
        {
            assert!(understand(bad).is_err(), "{bad}");
        }
        assert_eq!(understand("two words").map(|_| ()).unwrap_err().value("endpoint"), "two words");
        assert_eq!(understand("h:1?via=socks5://p:1").map(|_| ()).unwrap_err().code, Code::UnfitParameter);
    }

    #[test]
    fn a_request_names_the_host_and_the_path() {
        let web = Web::read("http://example.org:81/ü?q=1#f").unwrap();
        let request = String::from_utf8(web.request()).unwrap();
        assert!(request.starts_with("GET /%C3%BC?q=1 HTTP/1.1\r\nHost: example.org:81\r\n"), "{request}");
        assert!(Web::read("http://h/a\r\nX: y").is_none());
    }
}
