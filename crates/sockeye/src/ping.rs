//! `ping`: whether a host answers, and how fast.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use sockeye_core::{Code, Fault, Tick};
use sockeye_net::signals;
use sockeye_probe::host::{Host, RouteKind, System, Verdict};
use sockeye_probe::ping::{LARGEST, LONGEST, Plan, SHORTEST};

pub use sockeye_probe::ping::{
    Answer, Clock, Figures, Icmp, MOST, Moment, Opening, Reply, Report, Standing, Sure, TCP_PORT, Times,
    Trouble, UDP_PORTS, Way,
};

/// Probes unless told otherwise.
pub const COUNT: u64 = 10;

/// Time between probes unless told otherwise.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of payload unless told otherwise: those of every ping.
pub const SIZE: u64 = 56;

/// How long an answer may take: longer than the system asks a neighbour that does not answer (three times, a second
/// apart), so that this is told too.
pub const WAIT: Duration = Duration::from_secs(4);

/// How long a name may take to resolve.
const RESOLVING: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// A name or an address, as typed.
    pub host: String,
    /// By TCP, to this port.
    pub tcp: Option<u64>,
    /// By UDP, to this port.
    pub udp: Option<u64>,
    /// How many probes; 0 is until a signal, at most [`MOST`].
    pub count: Option<u64>,
    /// Time between two.
    pub interval: Option<Duration>,
    /// Bytes of payload.
    pub size: Option<u64>,
    /// IPv4 or IPv6 alone.
    pub family: Option<Family>,
    /// The budget for all of it, the name included.
    pub budget: Option<Duration>,
    /// Where numbers that others should not guess come from.
    pub seed: u64,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As typed.
    pub name: String,
    /// The address that is asked.
    pub address: IpAddr,
    /// The other addresses of the name.
    pub others: Vec<IpAddr>,
    /// Bytes of payload.
    pub size: u64,
    /// This machine's own addresses, as far as it says: what one of them reports happened here.
    pub own: Vec<IpAddr>,
}

/// Something that happened, at its time.
#[derive(Debug)]
pub struct Told<'a> {
    /// When.
    pub at: Tick,
    /// Who is asked.
    pub target: &'a Target,
    /// What.
    pub moment: &'a Moment<'a>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who was asked.
    pub target: Target,
    /// The figures.
    pub report: Report,
    /// How long it took.
    pub at: Tick,
}

impl Outcome {
    /// Whether anything was answered.
    pub const fn is_answered(&self) -> bool {
        self.report.figures.answered > 0
    }
}

/// Asks a host until the probes are used up, the budget is, or a signal comes. It faults if the request makes no sense, the
/// name has no address, or there is no way to it from here.
pub fn run(request: &Request, mut watch: impl FnMut(&Told<'_>)) -> Result<Outcome, Fault> {
    let start = Instant::now();
    let subject = format!("ping {}", request.host);
    let mut plan = plan(request).map_err(|fault| fault.doing("ping"))?;
    if !is_host(&request.host) {
        return Err(Fault::new(Code::BadHost, "ping").arg("name", &request.host));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    signals::on_next(move |_| told.store(true, Ordering::Relaxed));

    let patience = request.budget.unwrap_or(RESOLVING);
    let found = resolve(&request.host, patience, &stop).map_err(|fault| fault.doing(&subject))?;
    let (mut target, zone) = choose(request, &found).map_err(|fault| fault.doing(&subject))?;
    (plan.to, plan.zone) = (target.address, zone);
    plan.budget = request.budget.map(|budget| budget.saturating_sub(start.elapsed()));
    way_there(&System, &plan).map_err(|fault| fault.doing(&subject))?;
    let own = System.addresses().unwrap_or_default();
    target.own = own.iter().map(|own| own.network.address()).collect();

    let at = || Tick(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    let report = sockeye_probe::ping::run(&plan, &stop, |moment| {
        watch(&Told { at: at(), target: &target, moment });
    });
    let report = report.map_err(|error| unsendable(&error, &plan).doing(&subject))?;
    Ok(Outcome { target, report, at: at() })
}

/// Whether this can be a host at all: an endpoint or a URL would be looked for as a name that nobody has.
fn is_host(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = bare.split('%').next().unwrap_or(bare);
    let is_plain =
        !bare.is_empty() && !bare.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
    is_plain && (!bare.contains(':') || address.parse::<Ipv6Addr>().is_ok())
}

/// The plan, but for whom to ask.
fn plan(request: &Request) -> Result<Plan, Fault> {
    let bad = |name: &str, value: &dyn std::fmt::Display, range: String| {
        Fault::new(Code::BadValue, "").arg("name", name).arg("value", value).detail(range)
    };
    let port = |name: &str, port: u64| {
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        port.ok_or_else(|| bad(name, &request.tcp.or(request.udp).unwrap_or(0), "1…65535".to_owned()))
    };
    let ways = match (request.tcp, request.udp) {
        (Some(tcp), _) => vec![Way::Tcp(port("--tcp", tcp)?)],
        (None, Some(udp)) => vec![Way::Udp(Some(port("--udp", udp)?))],
        (None, None) => Way::ORDER.to_vec(),
    };
    let size = request.size.unwrap_or(SIZE);
    let Some(size) = usize::try_from(size).ok().filter(|size| *size <= LARGEST) else {
        return Err(bad("--size", &size, format!("0…{LARGEST}")));
    };
    let interval = request.interval.unwrap_or(INTERVAL);
    if !(SHORTEST..=LONGEST).contains(&interval) {
        return Err(bad("--interval", &format!("{interval:?}"), "10ms…1h".to_owned()));
    }
    let count = match request.count.unwrap_or(COUNT) {
        0 => MOST,
        count if count <= MOST => count,
        count => return Err(bad("--count", &count, format!("0…{MOST}"))),
    };
    if let Some(budget) = request.budget.filter(Duration::is_zero) {
        return Err(bad("--timeout", &format!("{budget:?}"), "> 0".to_owned()));
    }
    Ok(Plan {
        to: IpAddr::from([0, 0, 0, 0]),
        zone: 0,
        ways,
        size,
        count,
        interval,
        wait: WAIT,
        budget: None,
        seed: request.seed,
    })
}

/// The addresses of a name, by the system's resolver, which cannot be stopped: what it still finds is dropped.
fn resolve(host: &str, patience: Duration, stop: &AtomicBool) -> Result<Vec<SocketAddr>, Fault> {
    const SLICE: Duration = Duration::from_millis(50);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, 0)]);
    }
    let unresolved = || Fault::new(Code::Unresolved, "").arg("name", host);
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let found = (bare.as_str(), 0).to_socket_addrs().map(Iterator::collect);
        // Nobody may be waiting any more.
        let _ = sender.send(found);
    });
    let start = Instant::now();
    loop {
        match receiver.recv_timeout(SLICE) {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => return Err(unresolved().detail(error)),
            Err(RecvTimeoutError::Disconnected) => return Err(unresolved()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if stop.load(Ordering::Relaxed) {
            return Err(unresolved());
        }
        if start.elapsed() >= patience {
            return Err(Fault::new(Code::Timeout, "").arg("after", format!("{:.1}s", patience.as_secs_f64())));
        }
    }
}

/// The first address of the wanted family, the number of its link, and the others.
fn choose(request: &Request, found: &[SocketAddr]) -> Result<(Target, u32), Fault> {
    let fits = |address: &&SocketAddr| match request.family {
        None => true,
        Some(Family::V4) => address.is_ipv4(),
        Some(Family::V6) => address.is_ipv6(),
    };
    let Some(chosen) = found.iter().find(fits) else {
        let family = if request.family == Some(Family::V4) { "IPv4" } else { "IPv6" };
        return Err(Fault::new(Code::Unresolved, "").arg("name", &request.host).detail(family));
    };
    let zone = match chosen {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(address) => address.scope_id(),
    };
    let mut others: Vec<IpAddr> = Vec::new();
    for other in found.iter().map(SocketAddr::ip).filter(|other| *other != chosen.ip()) {
        if !others.contains(&other) {
            others.push(other);
        }
    }
    let size = if request.tcp.is_some() { 0 } else { request.size.unwrap_or(SIZE) };
    let target = Target { name: request.host.clone(), address: chosen.ip(), others, size, own: Vec::new() };
    Ok((target, zone))
}

/// Faults if the kernel says that there is no way to the host, or that it is no host. Where it is not asked, sending tells.
fn way_there(host: &dyn Host, plan: &Plan) -> Result<(), Fault> {
    let link = (plan.zone > 0).then_some(plan.zone);
    let no_host =
        |why: String| Fault::new(Code::BadValue, "").arg("name", "HOST").arg("value", plan.to).detail(why);
    if let (IpAddr::V6(address), None) = (plan.to, link)
        && address.is_unicast_link_local()
    {
        // Every link has such addresses: which one is meant, only its name says.
        let links = host.links().unwrap_or_default();
        let up = links.iter().filter(|link| link.flags.is_up() && !link.flags.is_loopback());
        let zoned: Vec<String> = up.map(|link| format!("{address}%{}", link.name)).collect();
        return Err(no_host(zoned.join(", ")));
    }
    let Ok(way) = host.route_to(plan.to, None, link) else { return Ok(()) };
    let kind = match &way.verdict {
        Verdict::Found(route) => Some(route.kind),
        Verdict::Refused { kind, .. } => *kind,
    };
    let throws = |kind: &RouteKind| {
        matches!(kind, RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit)
    };
    match (kind.filter(throws), way.verdict) {
        (None, Verdict::Found(route)) if route.kind == RouteKind::Broadcast => {
            Err(no_host("broadcast".to_owned()))
        }
        (Some(kind), _) => {
            let to = way.entry.map(|entry| entry.to.to_string()).unwrap_or_default();
            Err(Fault::new(Code::Unreachable, "").detail(format!("{kind} {to}").trim_end()))
        }
        (None, Verdict::Refused { errno, .. }) => {
            Err(Fault::new(Code::Unreachable, "").detail(io::Error::from_raw_os_error(errno)))
        }
        (None, Verdict::Found(_)) => Ok(()),
    }
}

/// The fault of a run that could not begin.
fn unsendable(error: &io::Error, plan: &Plan) -> Fault {
    let code = match error.kind() {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::InvalidInput => {
            Code::Unreachable
        }
        io::ErrorKind::Unsupported => Code::NotOnThisSystem,
        _ => Code::CannotConnect,
    };
    Fault::new(code, "").arg("address", plan.to).arg("what", "ping").detail(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_no_endpoint() {
        for host in ["example.org", "192.0.2.7", "::1", "[::1]", "fe80::1%eth0"] {
            assert!(is_host(host), "{host}");
        }
        for wrong in ["", "192.0.2.7:80", "[::1]:80", "http://example.org/", "a b"] {
            assert!(!is_host(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_request_that_makes_no_sense_faults_before_anything_is_sent() {
        let fault = |request: Request| {
            let fault = plan(&request).unwrap_err();
            (fault.code, fault.value("name").to_owned())
        };
        for (request, name) in [
            (Request { tcp: Some(0), ..Request::default() }, "--tcp"),
            (Request { udp: Some(65_536), ..Request::default() }, "--udp"),
            (Request { size: Some(65_508), ..Request::default() }, "--size"),
            (Request { interval: Some(Duration::from_millis(9)), ..Request::default() }, "--interval"),
            (Request { count: Some(MOST + 1), ..Request::default() }, "--count"),
        ] {
            assert_eq!(fault(request), (Code::BadValue, name.to_owned()));
        }
        assert_eq!(plan(&Request { count: Some(0), ..Request::default() }).unwrap().count, MOST);
        assert_eq!(plan(&Request::default()).unwrap().ways, Way::ORDER);
    }

    #[test]
    fn the_first_address_of_the_wanted_family_is_asked() {
        let found: Vec<SocketAddr> = ["[2001:db8::1]:0", "192.0.2.1:0", "[2001:db8::1]:0"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let chosen = |family| choose(&Request { family, ..Request::default() }, &found).unwrap().0;
        assert_eq!(chosen(None).address.to_string(), "2001:db8::1");
        assert_eq!(chosen(None).others.len(), 1);
        assert_eq!(chosen(Some(Family::V4)).address.to_string(), "192.0.2.1");
        let six = Request { family: Some(Family::V6), ..Request::default() };
        assert_eq!(choose(&six, &found[1..2]).unwrap_err().code, Code::Unresolved);
    }
}
