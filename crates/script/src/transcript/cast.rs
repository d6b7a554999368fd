//! Who takes part: which session is which peer of the file, and where that peer connects to.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sockeye_core::endpoint::{Endpoint, Host, Params, Place, Secrets};
use sockeye_core::{Address, Kind, Tick};
use sockeye_wire::Charset;

use super::Subject;
use super::page::Page;
use crate::write::quote;

/// The most peers a file can have.
const MOST: usize = 200;

/// The most comments that are kept until a session has a name.
const REMARKS: usize = 16;

/// How far a session has come in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It stands, and the file does not say so yet.
    Waiting,
    /// It has steps.
    Open,
    /// It is left out.
    Out,
}

/// Which of a session's ends have been seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// The client has ended its side.
    pub(super) fin: bool,
    /// The server has.
    pub(super) eof: bool,
    /// Somebody has cut it.
    pub(super) cut: bool,
}

impl Ends {
    /// Whether nothing more can be said.
    fn is_over(self) -> bool {
        self.cut || self.fin && self.eof
    }
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) stage: Stage,
    /// When it came about.
    pub(super) at: Tick,
    /// Whether its messages are what reads happened to give.
    pub(super) is_raw: bool,
    /// Whether it has ends.
    pub(super) is_stream: bool,
    /// How its text is written.
    pub(super) charset: Charset,
    /// How far it has ended.
    pub(super) ends: Ends,
    /// The program that recorded it ends.
    pub(super) is_draining: bool,
    endpoint: Endpoint,
    /// Its peer, from 0.
    seat: Option<usize>,
    needs: Vec<String>,
    remarks: Vec<Box<str>>,
}

impl Session {
    fn new(endpoint: Endpoint, at: Tick, needs: Vec<String>) -> Self {
        let has = |layer: &str| endpoint.layers.iter().any(|known| known == layer);
        let is_datagrams = matches!(endpoint.scheme.as_str(), "udp" | "unixgram");
        let is_framed = endpoint.params.frame.is_some_and(|frame| !frame.is_raw());
        Self {
            stage: Stage::Waiting,
            at,
            is_raw: !is_datagrams && !is_framed && !has("ws"),
            is_stream: !is_datagrams,
            charset: endpoint
                .params
                .enc
                .as_deref()
                .and_then(|name| Charset::parse(name).ok())
                .unwrap_or_default(),
            ends: Ends::default(),
            is_draining: false,
            endpoint,
            seat: None,
            needs,
            remarks: Vec::new(),
        }
    }

    /// What the file calls it, if it has got that far.
    pub(super) fn name(&self) -> Option<String> {
        self.seat.map(|seat| format!("c{}", seat + 1))
    }

    /// Whether all that its endpoint says is known.
    pub(super) fn is_ready(&self) -> bool {
        self.needs.is_empty()
    }

    /// Whether both sides have ended.
    pub(super) fn is_over(&self) -> bool {
        self.ends.is_over()
    }

    /// It was connected once more.
    pub(super) fn reopened(&mut self) {
        self.ends = Ends::default();
    }

    /// TLS stands.
    pub(super) fn secured(&mut self) {
        self.needs.retain(|layer| layer != "tls");
    }

    /// A layer stands: a WebSocket's path and subprotocol are the client's choice.
    pub(super) fn upgraded(&mut self, to: &str, kind: Kind<'_>) {
        self.needs.retain(|layer| layer != to);
        let Kind::Upgraded { facts, .. } = kind else { return };
        for (name, value) in facts.iter().filter(|_| to == "ws") {
            match (*name, &mut self.endpoint.place) {
                ("path", Place::Host { path, .. }) if value != "/" => *path = Some(value.clone()),
                ("subprotocol", _) if !value.is_empty() => {
                    self.endpoint.params.subprotocol = Some(value.clone());
                }
                _ => {}
            }
        }
    }

    /// The client has proved to be `user`.
    pub(super) fn authenticated(&mut self, user: &str) {
        self.needs.retain(|layer| layer != "auth");
        self.endpoint.params.user.get_or_insert_with(|| user.to_owned());
    }

    /// Keeps a comment until the session has a name.
    pub(super) fn remember(&mut self, text: &str) {
        if self.remarks.len() < REMARKS {
            self.remarks.push(text.into());
        }
    }
}

/// One peer of the file.
#[derive(Debug)]
struct Seat {
    /// Where it connects to: an index of the servers.
    server: usize,
    /// Whether its session has ended, so that another may take it.
    free: bool,
    /// Whether its connection is closed by what is written.
    closed: bool,
}

/// Everybody who takes part.
#[derive(Debug)]
pub(super) struct Cast {
    /// What all sessions connect to, where that is one place.
    target: Option<Endpoint>,
    /// Listeners that were asked for, and not told of yet.
    asked: Vec<Endpoint>,
    /// Listeners that stand.
    listening: Vec<Endpoint>,
    /// Endpoints with a variable of their own.
    servers: Vec<String>,
    seats: Vec<Seat>,
}

impl Cast {
    pub(super) fn new(subject: &Subject) -> Self {
        let read = |text: &String| text.parse().ok();
        let (target, asked) = match subject {
            Subject::Client { endpoint } => (read(endpoint), Vec::new()),
            Subject::Proxy { target } => (read(target), Vec::new()),
            Subject::Server { endpoints } => (None, endpoints.iter().filter_map(read).collect()),
            Subject::Capture => (None, Vec::new()),
        };
        Self { target, asked, listening: Vec::new(), servers: Vec::new(), seats: Vec::new() }
    }

    /// A listener stands at `url`: with the parameters it was asked for with.
    pub(super) fn listening(&mut self, url: &str) {
        let Ok(mut endpoint) = url.parse::<Endpoint>() else { return };
        let is_it = |asked: &Endpoint| {
            let place = match (&asked.place, &endpoint.place) {
                (Place::Host { port: asked, .. }, Place::Host { port, .. }) => *asked == 0 || asked == port,
                (asked, is) => asked == is,
            };
            place && asked.layers == endpoint.layers && asked.scheme == endpoint.scheme
        };
        if let Some(at) = self.asked.iter().position(is_it) {
            endpoint.params = self.asked.remove(at).params;
        }
        self.listening.push(endpoint);
    }

    /// A session of a server: its endpoint is that of the listener it came to, as a client would write it.
    pub(super) fn accepted(&self, transport: &str, local: &Address, remote: &Address, at: Tick) -> Session {
        if let Some(target) = &self.target {
            return Session::new(target.clone(), at, Vec::new());
        }
        let mut endpoint = self.listener(transport, local).cloned().unwrap_or_else(|| nowhere(transport));
        match (local, &mut endpoint.place) {
            (Address::Ip(at), Place::Host { host, .. }) => *host = Host::Ip(reachable(at.ip(), remote)),
            (Address::Ip(at), place) => {
                let host = Host::Ip(reachable(at.ip(), remote));
                *place = Place::Host { host, port: at.port(), path: None };
            }
            (Address::Unix(Some(path)), place) => {
                *place = Place::Path(path.to_string_lossy().into_owned());
            }
            _ => {}
        }
        endpoint.params = of_client(&endpoint);
        let facts = ["tls", "ws", "auth"];
        let needs = endpoint.layers.iter().filter(|layer| facts.contains(&layer.as_str())).cloned().collect();
        Session::new(endpoint, at, needs)
    }

    /// A session of a client.
    pub(super) fn connected(&self, at: Tick) -> Session {
        let target = self.target.clone().unwrap_or_else(|| nowhere("-"));
        Session::new(target, at, Vec::new())
    }

    fn listener(&self, transport: &str, local: &Address) -> Option<&Endpoint> {
        let is_it = |known: &&Endpoint| {
            let place = match (&known.place, local) {
                (Place::Host { port, .. }, Address::Ip(local)) => *port == local.port(),
                (Place::Path(path), Address::Unix(Some(local))) => local.to_string_lossy() == path.as_str(),
                _ => true,
            };
            place && known.scheme == transport
        };
        self.listening.iter().find(is_it)
    }

    /// Writes who the session's peer is, if nobody has; its name is known afterwards, unless there is no place left.
    pub(super) fn enter(&mut self, session: &mut Session, page: &mut Page, out: &mut String) {
        let shown = session.endpoint.to_string();
        let server = self.servers.iter().position(|known| *known == shown);
        let free = |seat: &Seat| seat.free && Some(seat.server) == server;
        if self.seats.len() < MOST {
            let server = server.unwrap_or_else(|| {
                self.servers.push(shown);
                let server = self.servers.len() - 1;
                let _ = write!(out, "@var {} ", variable(server));
                quote(self.servers[server].as_bytes(), out);
                out.push('\n');
                server
            });
            self.seats.push(Seat { server, free: false, closed: false });
            session.seat = Some(self.seats.len() - 1);
            let name = session.name().unwrap_or_default();
            let _ = writeln!(out, "peer {name} connect {{{{{}}}}}", variable(server));
        } else if let Some(at) = self.seats.iter().position(free) {
            let seat = &mut self.seats[at];
            seat.free = false;
            session.seat = Some(at);
            let name = session.name().unwrap_or_default();
            let words: &[&str] = if seat.closed { &["connect"] } else { &["close", "connect"] };
            for word in words {
                page.begin(&name);
                page.word(word);
                page.end(session.at, out);
            }
            session.stage = Stage::Open;
        } else {
            session.stage = Stage::Out;
            Page::comment(&format!("left out, {MOST} peers already: {shown}"), out);
        }
        let name = session.name().unwrap_or_default();
        for text in std::mem::take(&mut session.remarks) {
            Page::comment(&format!("{name} {text}"), out);
        }
    }

    /// A session has ended: its place is free.
    pub(super) fn leave(&mut self, session: &Session) {
        if let Some(seat) = session.seat.and_then(|seat| self.seats.get_mut(seat)) {
            seat.free = true;
            seat.closed = session.is_stream && !session.is_over();
        }
    }
}

/// An endpoint of which the transport alone is known.
fn nowhere(scheme: &str) -> Endpoint {
    let (scheme, params, secrets) = (scheme.to_owned(), Params::default(), Secrets::default());
    Endpoint { layers: Vec::new(), scheme, place: Place::Stdio, params, secrets }
}

/// `server`, `server2`, ...
fn variable(server: usize) -> String {
    if server == 0 { "server".to_owned() } else { format!("server{}", server + 1) }
}

/// Where a client reaches a listener that may be bound to every address.
fn reachable(ip: IpAddr, remote: &Address) -> IpAddr {
    match (ip.to_canonical(), remote) {
        (ip, Address::Ip(remote)) if ip.is_unspecified() => match remote.ip().to_canonical() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        },
        (ip, _) => ip,
    }
}

/// Of a listener's parameters those that mean something to who connects to it. Its certificate is taken as it is: the
/// file tests what is said, not who says it.
pub(super) fn of_client(listener: &Endpoint) -> Params {
    let given = &listener.params;
    let has_tls = listener.layers.iter().any(|layer| layer == "tls");
    Params {
        frame: given.frame,
        enc: given.enc.clone(),
        alpn: given.alpn.clone().filter(|_| has_tls),
        insecure: has_tls,
        ..Params::default()
    }
}
