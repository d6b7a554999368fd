//! The probes of the system we run on. Whatever cannot be asked here gives no finding.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::finding::{Around, Beside, Carrier, Leaving, Ping, Session, Sizes};
use super::run::{Probes, Until};
#[cfg(feature = "session")]
use super::session::Talk;
use crate::host::{self, Host as _, NeighbourState, Resolver, Route, RouteKind, Verdict};
use crate::names::{Cache, Names, System, ask, files};
use crate::path::{Attempt, Ended, Icmp, Path};
use crate::ping::{self, Moment, Plan, Way};
use crate::sockets::{Protocol, Query, Sockets, State, States};

/// Bytes of a file that are read.
const FILE: u64 = 4 << 20;

/// How long servers of the DNS are waited for, once the system's own resolver has answered.
const GRACE: Duration = Duration::from_millis(400);

/// How long other ports are waited for: a host that is there answers at once.
const AROUND: Duration = Duration::from_millis(1200);

/// Echo requests, and the time from one to the next.
const ECHOES: u64 = 20;
const ECHO: Duration = Duration::from_millis(500);

/// Ports that hosts often have, and one that they do not.
const PORTS: [u16; 4] = [22, 80, 443, 1];

/// Where datagrams of several sizes go: where the first of traceroute's went.
#[cfg(target_os = "linux")]
const UNUSED: u16 = 33_435;

/// How long connecting is ahead of the path.
#[cfg(target_os = "linux")]
const FIRST: Duration = Duration::from_millis(60);

/// How often a neighbour's state is looked at.
const LOOK: Duration = Duration::from_millis(40);

/// How often it is looked whether an echo has come.
const GLANCE: Duration = Duration::from_millis(4);

/// A neighbour that failed before is asked again by the first packet for it: only then its state counts.
const RENEWED: Duration = Duration::from_millis(250);

/// The probes of this system.
pub struct Live {
    /// What carries messages.
    pub carrier: Carrier,
    /// What to say on a connection.
    #[cfg(feature = "session")]
    pub talk: Option<Talk>,
}

impl Probes for Live {
    fn names(&self, name: &str, until: Instant) -> Names {
        let read = |path: &str| {
            let mut text = Vec::new();
            // A file that cannot be read says nothing.
            let _ = std::fs::File::open(path).and_then(|file| file.take(FILE).read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        };
        let resolvers = host::System.resolvers().unwrap_or_default();
        let answered = Arc::new(OnceLock::new());
        let system = resolve(name, &answered);
        let mut names = Names {
            name: name.to_owned(),
            sources: files::sources(&read("/etc/nsswitch.conf")),
            hosts: files::hosts(&read("/etc/hosts"), name),
            cache: cache(&resolvers.servers),
            ..Names::default()
        };
        if !is_here(name) && names.sources.iter().any(|source| source == "dns" || source == "resolve") {
            let candidates = files::candidates(name, &resolvers.search, &resolvers.options);
            let mut servers: Vec<SocketAddr> =
                resolvers.servers.iter().take(host::MAX_USED).filter_map(server).collect();
            if servers.is_empty() {
                // As the C library does.
                servers.push((Ipv4Addr::LOCALHOST, 53).into());
            }
            let moment = || answered.get().map_or(until, |at: &Instant| until.min(*at + GRACE));
            names.servers = thread::scope(|scope| {
                let asking: Vec<_> = servers
                    .iter()
                    .map(|server| scope.spawn(|| ask::ask(*server, &candidates, random(), moment)))
                    .collect();
                asking.into_iter().filter_map(|asking| asking.join().ok()).collect()
            });
        }
        let left = until.saturating_duration_since(Instant::now());
        names.system = system.recv_timeout(left).unwrap_or(System::Late);
        names
    }

    fn way(&self, to: IpAddr) -> Option<Leaving> {
        let system = host::System;
        let way = system.route_to(to, None, None).ok()?;
        let entry = way.entry.as_ref().map(|entry| entry.to.trunk());
        let answer = match way.verdict {
            Verdict::Found(route) => thrown(&route).map_or(Ok(route), Err),
            Verdict::Refused { errno, kind } => Err((errno, kind)),
        };
        let index = answer.as_ref().ok().and_then(|route| route.link).or_else(|| way.entry.as_ref()?.link);
        let source = answer.as_ref().ok().and_then(|route| route.source);
        let links = system.links().unwrap_or_default();
        let addresses = system.addresses().unwrap_or_default();
        let ours =
            addresses.iter().find(|one| Some(one.link) == index && Some(one.network.address()) == source);
        let routes = system.routes().unwrap_or_default();
        let fits = |route: &&Route| {
            route.is_default()
                && route.link == index
                && route.gateway.is_some_and(|gateway| gateway.is_ipv4() == to.is_ipv4())
        };
        Some(Leaving {
            to,
            entry,
            link: links.into_iter().find(|link| Some(link.index) == index),
            ours: ours.map(|address| address.network),
            default_gateway: routes.iter().find(fits).and_then(|route| route.gateway),
            answer,
        })
    }

    fn beside(&self, leaving: &Leaving, until: &Until) -> Option<Beside> {
        let system = host::System;
        let (address, link) = (leaving.first()?, leaving.link.as_ref()?.index);
        let began = Instant::now();
        let mut poked = false;
        loop {
            let neighbour = system.neighbour(address, link).ok()?;
            let state = neighbour.as_ref().map(|known| known.state);
            let fails = matches!(state, Some(NeighbourState::Failed | NeighbourState::Incomplete));
            // The default gateway is asked for only where that would tell something: it takes a packet.
            if fails && leaving.gateway().is_none() && !poked && began.elapsed() > RENEWED {
                poked = true;
                poke(leaving.default_gateway);
            }
            let is_settled = match state {
                Some(NeighbourState::Failed) => began.elapsed() > RENEWED * 2,
                Some(NeighbourState::Permanent | NeighbourState::NoArp) => true,
                _ => until.is_answered() && began.elapsed() > LOOK,
            };
            if is_settled || Instant::now() >= until.moment() {
                let gateway = leaving.default_gateway.filter(|gateway| *gateway != address);
                let gateway = gateway.and_then(|gateway| system.neighbour(gateway, link).ok().flatten());
                return Some(Beside { address, neighbour, gateway });
            }
            pause(LOOK);
        }
    }

    fn ping(&self, to: IpAddr, until: &Until) -> Option<Ping> {
        let plan = Plan {
            to,
            zone: 0,
            ways: vec![Way::IcmpDatagram, Way::IcmpRaw],
            size: 8,
            count: ECHOES,
            interval: ECHO,
            wait: ECHO,
            budget: Some(until.moment().saturating_duration_since(Instant::now())),
            seed: random().into(),
        };
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let pinging = scope.spawn(|| echo(&plan, &stop));
            // The end may come closer while it waits.
            while !pinging.is_finished() {
                if Instant::now() >= until.moment() {
                    stop.store(true, Ordering::Relaxed);
                }
                pause(GLANCE);
            }
            pinging.join().ok()
        })
    }

    fn path(&self, to: SocketAddr, until: &Until) -> Option<Path> {
        #[cfg(target_os = "linux")]
        {
            // Routers answer only a few packets a second: the connection that all is about comes first.
            pause(FIRST);
            crate::path::trace(to, || until.moment(), crate::linux::connect::connect).ok()
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (to, until);
            None
        }
    }

    fn connect(&self, to: &[SocketAddr], until: Instant) -> Option<Vec<Attempt>> {
        if self.carrier == Carrier::Udp {
            return thread::scope(|scope| {
                let trying: Vec<_> = to.iter().map(|to| scope.spawn(|| datagram(*to, until))).collect();
                trying.into_iter().map(|trying| trying.join().ok().flatten()).collect()
            });
        }
        persist(to, until)
    }

    fn around(&self, to: SocketAddr, leaving: Option<&Leaving>, until: Instant) -> Option<Around> {
        let ports: Vec<SocketAddr> = PORTS
            .into_iter()
            .filter(|port| *port != to.port())
            .map(|port| SocketAddr::new(to.ip(), port))
            .collect();
        let backlog = leaving.filter(|leaving| leaving.is_local()).and_then(|_| backlog(to));
        let ports = connect(&ports, until.min(Instant::now() + AROUND))?;
        Some(Around { ports, backlog })
    }

    fn sizes(&self, to: &Attempt, leaving: &Leaving, until: Instant) -> Option<Sizes> {
        // The headers of IP and TCP without options.
        let headers = if to.to.is_ipv4() { 40 } else { 60 };
        let route = leaving.answer.as_ref().ok()?;
        let link = route.mtu.or_else(|| leaving.link.as_ref()?.mtu)?;
        let full = to.mss.map_or(link, |mss| link.min(mss.saturating_add(headers)));
        #[cfg(target_os = "linux")]
        return crate::linux::datagram::sizes(SocketAddr::new(to.to.ip(), UNUSED), full, until).ok();
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (to, full, until);
            None
        }
    }

    fn session(&self, to: SocketAddr, until: Instant) -> Option<Session> {
        #[cfg(feature = "session")]
        return Some(self.talk.as_ref()?.run(to, until));
        #[cfg(not(feature = "session"))]
        {
            let _ = (to, until);
            None
        }
    }
}

/// Asks for echoes until the first answer, whatever it is.
fn echo(plan: &Plan, stop: &AtomicBool) -> Ping {
    let began = Instant::now();
    let mut heard = Ping::Silent;
    let ran = ping::run(plan, stop, |moment| {
        heard = match moment {
            Moment::Answer(answer) => Ping::Answered(answer.trip),
            Moment::Trouble(trouble) => match trouble.icmp {
                Some(icmp) => Ping::Icmp(Icmp {
                    from: trouble.from,
                    is_ours: false,
                    kind: icmp.kind,
                    code: icmp.code,
                    mtu: icmp.info,
                    // Since the first packet: a router asks for the host then.
                    after: began.elapsed(),
                }),
                None => Ping::Failed(trouble.errno),
            },
            Moment::Begun(_) | Moment::Silent { .. } => return,
        };
        stop.store(true, Ordering::Relaxed);
    });
    match ran {
        Ok(_) => heard,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ping::NotAllowed,
        Err(error) => Ping::Failed(error.raw_os_error().unwrap_or_default()),
    }
}

/// What a route that is found and throws packets away comes to, as Linux says it.
fn thrown(route: &Route) -> Option<(i32, Option<RouteKind>)> {
    let errno = match route.kind {
        RouteKind::Blackhole => 22,
        RouteKind::Unreachable => 113,
        RouteKind::Prohibit => 13,
        _ => return None,
    };
    Some((errno, Some(route.kind)))
}

/// Asks the system's resolver, on a thread that nobody waits for: it has patience of its own.
fn resolve(name: &str, answered: &Arc<OnceLock<Instant>>) -> std::sync::mpsc::Receiver<System> {
    let (sender, receiver) = channel();
    let (name, answered) = (name.to_owned(), Arc::clone(answered));
    thread::spawn(move || {
        let found = match (name.as_str(), 0).to_socket_addrs() {
            Ok(addresses) => {
                let mut found: Vec<IpAddr> = Vec::new();
                for address in addresses.map(|address| address.ip()) {
                    if !found.contains(&address) && found.len() < 64 {
                        found.push(address);
                    }
                }
                System::Addresses(found)
            }
            Err(error) => System::Failed(error.to_string()),
        };
        let _ = answered.set(Instant::now());
        // Nobody may be there any more.
        let _ = sender.send(found);
    });
    receiver
}

/// Whether there is a cache of names here.
fn cache(servers: &[Resolver]) -> Cache {
    const NSCD: &str = "/var/run/nscd/socket";
    match servers.first() {
        _ if std::path::Path::new(NSCD).exists() => Cache::Nscd,
        Some(first) if first.address.is_loopback() => Cache::Server(first.address),
        _ => Cache::None,
    }
}

fn server(resolver: &Resolver) -> Option<SocketAddr> {
    // A link-local server needs its link, which a socket address has as a number.
    resolver.zone.is_none().then(|| SocketAddr::new(resolver.address, 53))
}

fn is_here(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn random() -> u16 {
    let bytes = RandomState::new().build_hasher().finish().to_ne_bytes();
    u16::from_ne_bytes([bytes[0], bytes[1]])
}

/// Sends an empty datagram, so that the kernel asks for who has that address.
fn poke(gateway: Option<IpAddr>) {
    const DISCARD: u16 = 9;
    let Some(gateway) = gateway else { return };
    let any: SocketAddr = if gateway.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    // What becomes of it, its neighbour's state tells.
    let _ = UdpSocket::bind(any).and_then(|socket| socket.send_to(&[], (gateway, DISCARD)));
}

/// Connects, and where nothing came back once more after a pause. Routers send only a few ICMP messages a second to one
/// host, and Linux counts those too that it does not send: SYNs a second apart can hinder every answer. A host that is
/// asked for by ARP is given up after three seconds, which the first attempt has to see.
fn persist(to: &[SocketAddr], until: Instant) -> Option<Vec<Attempt>> {
    const FIRST: Duration = Duration::from_millis(3500);
    const QUIET: Duration = Duration::from_millis(2200);
    const LEAST: Duration = Duration::from_millis(500);
    let began = Instant::now();
    let has_time = until.saturating_duration_since(began) >= FIRST + QUIET + LEAST;
    let mut attempts = connect(to, if has_time { began + FIRST } else { until })?;
    let is_silent = |attempt: &Attempt| attempt.ended == Ended::Silent;
    if !has_time || !attempts.iter().all(is_silent) {
        return Some(attempts);
    }
    pause(QUIET);
    for (before, again) in attempts.iter_mut().zip(connect(to, until)?) {
        let took = before.took + QUIET + again.took;
        *before = if is_silent(&again) { Attempt { took, ..*before } } else { again };
    }
    Some(attempts)
}

fn connect(to: &[SocketAddr], until: Instant) -> Option<Vec<Attempt>> {
    #[cfg(target_os = "linux")]
    {
        let tries: Vec<crate::path::Try> =
            to.iter().map(|to| crate::path::Try { to: *to, ttl: None }).collect();
        crate::linux::connect::connect(&tries, until).ok()
    }
    #[cfg(not(target_os = "linux"))]
    Some(thread::scope(|scope| {
        let trying: Vec<_> = to.iter().map(|to| scope.spawn(move || plain(*to, until))).collect();
        trying.into_iter().filter_map(|trying| trying.join().ok()).collect()
    }))
}

/// An attempt where nothing but its end is told.
#[cfg(not(target_os = "linux"))]
fn plain(to: SocketAddr, until: Instant) -> Attempt {
    let began = Instant::now();
    let left = until.saturating_duration_since(began).max(Duration::from_millis(1));
    let ended = match std::net::TcpStream::connect_timeout(&to, left) {
        Ok(_) => Ended::Connected,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ended::Refused,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ended::Silent,
        Err(error) => Ended::Failed(error.raw_os_error().unwrap_or_default()),
    };
    Attempt { to, ttl: None, ended, icmp: None, local: None, mss: None, took: began.elapsed() }
}

fn datagram(to: SocketAddr, until: Instant) -> Option<Attempt> {
    #[cfg(target_os = "linux")]
    return crate::linux::datagram::datagram(to, until).ok();
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (to, until);
        None
    }
}

/// Waits for as long as that: what is waited for here gives no sign.
fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

/// The queue of who listens there, on this machine.
fn backlog(at: SocketAddr) -> Option<(u32, u32)> {
    let query = Query {
        protocol: Some(Protocol::Tcp),
        states: States::NONE.with(State::Listen),
        local_port: Some(at.port()),
        peer_port: None,
    };
    let found = Sockets::open().ok()?.all(&query).ok()?;
    let listener = found.sockets.into_iter().find(|socket| socket.takes(at.ip()))?;
    Some((listener.receive_queue, listener.send_queue))
}
