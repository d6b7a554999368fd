//! Packets for Wireshark, without any right to capture them: a fold over events in which each leg becomes a TCP connection
//! (or UDP) whose headers are made up. The file says so, in its first block. Payload, order and times are real.
//!
//! Written by hand, since there is little to it: `block` knows the format, `flow` makes packets of a leg, `place` finds
//! addresses for ends that have none. Nothing is kept of a session that is over, and the file only ever grows by whole
//! blocks, so that a crash leaves one that can be read.

mod block;
pub mod captured;
mod flow;
mod place;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::net::IpAddr;

use sockeye_core::{Address, Direction, Endpoint, Event, Fault, Framing, Kind, Leg, PEER, Place, SessionId};

use crate::file::Pages;
use crate::sink::Sink;
use flow::{Flow, Sheet};
use place::{Ends, Opener};

/// What a file says of itself. Like the format, it is for programs as much as for people, and never translated.
const COMMENT: &str = "Recorded by sockeye from inside the program, not captured on a network: payload, order and times \
    are real; IP, TCP and UDP headers are synthetic. Ends without an Internet address (Unix sockets, processes, stdin) \
    have made-up addresses in 127.0.0.0/8.";

const PROGRAM: &str = concat!("sockeye ", env!("CARGO_PKG_VERSION"));

/// Memory of one event's blocks that is kept for the next.
const GATHERED: usize = 256 * 1024;

/// Names that are remembered as written, so that they are not written again.
const NAMES: usize = 4096;

/// Listeners whose services are remembered.
const LISTENERS: usize = 256;

/// Of what packets are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Bytes as the transport carried them. TLS can be read with the keys that the file holds.
    Wire,
    /// Messages, put into this framing again: where only they are known, as in the store. Without any TLS.
    Messages {
        /// How messages of streams are framed.
        framing: Framing,
    },
}

/// Writes packets.
pub struct Writer {
    pages: Pages,
    payload: Payload,
    /// The moment of tick zero, in nanoseconds since 1970-01-01T00:00:00Z.
    zero: u64,
    /// Whole blocks of the event at hand.
    gathered: Vec<u8>,
    flows: BTreeMap<(SessionId, Leg), Flow>,
    /// Legs that we are connecting. One that stands without having been here came to us.
    connecting: BTreeSet<(SessionId, Leg)>,
    named: HashSet<(IpAddr, String)>,
    services: VecDeque<(&'static str, String, String)>,
    /// How many legs there were.
    number: u64,
    framed: Vec<u8>,
}

impl Writer {
    /// Writes to a file.
    pub fn new(pages: Pages, payload: Payload) -> Self {
        let mut gathered = Vec::new();
        block::header(PROGRAM, COMMENT, &mut gathered);
        block::interface(block::RAW, "sockeye", &mut gathered);
        Self {
            pages,
            payload,
            zero: 0,
            gathered,
            flows: BTreeMap::new(),
            connecting: BTreeSet::new(),
            named: HashSet::new(),
            services: VecDeque::new(),
            number: 0,
            framed: Vec::new(),
        }
    }

    /// Does something with the packets of a leg at a time.
    fn with(&mut self, time: u64, key: (SessionId, Leg), act: impl FnOnce(&mut Flow, &mut Sheet<'_>)) {
        if let Some(flow) = self.flows.get_mut(&key) {
            act(flow, &mut Sheet { time, to: &mut self.gathered });
        }
    }

    /// A leg stands.
    fn open(&mut self, time: u64, key: (SessionId, Leg), stands: &Stands<'_>) {
        self.close(time, key);
        let (session, leg) = key;
        let number = self.number;
        self.number += 1;
        let ends = Ends::new(stands.local, stands.remote, stands.opener, number);
        let mut facts = vec![format!("session {session}")];
        if leg != PEER {
            facts.push(format!("leg {leg}"));
        }
        facts.extend(self.service(stands).map(str::to_owned));
        if !matches!(stands.transport, "tcp" | "udp") {
            facts.push(stands.transport.to_owned());
        }
        let is_stream = !matches!(stands.transport, "udp" | "unixgram");
        let mut flow = Flow::new(ends, stands.opener, number, is_stream, facts.join(", "));
        for (address, name) in flow.names().to_vec() {
            self.name(address, &name);
        }
        flow.open(&mut Sheet { time, to: &mut self.gathered });
        self.flows.insert(key, flow);
    }

    /// A leg is over.
    fn close(&mut self, time: u64, key: (SessionId, Leg)) {
        let Some(mut flow) = self.flows.remove(&key) else { return };
        self.gathered.append(&mut flow.held.blocks);
        flow.finish(&mut Sheet { time, to: &mut self.gathered }, Direction::Out);
    }

    /// A session is over.
    fn close_all(&mut self, time: u64, session: SessionId) {
        let legs = (session, PEER)..=(session, Leg::MAX);
        let keys: Vec<_> = self.flows.range(legs.clone()).map(|(key, _)| *key).collect();
        for key in keys {
            self.close(time, key);
        }
        let forgotten: Vec<_> = self.connecting.range(legs).copied().collect();
        for key in forgotten {
            self.connecting.remove(&key);
        }
    }

    /// Says something with the next packet of a leg.
    fn note(&mut self, key: (SessionId, Leg), note: String) {
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.note(note);
        }
    }

    /// What is called so.
    fn name(&mut self, address: IpAddr, name: &str) {
        if name.parse::<IpAddr>().is_ok() || !self.named.insert((address, name.to_owned())) {
            return;
        }
        block::name(address, name, &mut self.gathered);
        if self.named.len() >= NAMES {
            self.named.clear();
        }
    }

    /// A listener is there.
    fn remember(&mut self, url: &str, service: &str) {
        let Ok(endpoint) = url.parse::<Endpoint>() else { return };
        let (Some(transport), Some(place)) = (transport(&endpoint.scheme), placed(&endpoint)) else { return };
        if self.services.len() >= LISTENERS {
            self.services.pop_front();
        }
        if !service.is_empty() {
            self.services.push_back((transport, place, service.to_owned()));
        }
    }

    /// What answers at the end that a peer came to.
    fn service(&self, stands: &Stands<'_>) -> Option<&str> {
        if stands.opener == Opener::We {
            return None;
        }
        let place = match stands.local {
            Address::Ip(ip) => ip.port().to_string(),
            other => other.to_string(),
        };
        let mut known = self.services.iter();
        let found = known.find(|(transport, at, _)| *transport == stands.transport && *at == place);
        found.map(|(_, _, service)| service.as_str())
    }

    /// What a leg carried.
    fn data(&mut self, time: u64, key: (SessionId, Leg), direction: Direction, data: &[u8]) {
        if !self.flows.contains_key(&key) {
            // A process has no addresses, and nothing tells that it stands.
            let (local, remote) = (&Address::Unix(None), &Address::Process("process".to_owned()));
            self.open(time, key, &Stands { transport: "exec", local, remote, opener: Opener::We });
        }
        let Some(flow) = self.flows.get_mut(&key) else { return };
        let shook = flow.is_shaking();
        let mut held = Vec::new();
        let to = if direction == Direction::In { &mut held } else { &mut self.gathered };
        flow.data(&mut Sheet { time, to }, direction, data);
        if shook || flow.is_shaking() {
            flow.held = flow::Held { blocks: held, passed: false };
        } else {
            self.gathered.append(&mut held);
        }
    }

    /// Messages are framed as they were on the wire; one that cannot be is taken as it is.
    fn message(
        &mut self,
        time: u64,
        key: (SessionId, Leg),
        direction: Direction,
        data: &[u8],
        framing: Framing,
    ) {
        let mut framed = std::mem::take(&mut self.framed);
        framed.clear();
        match framing.wrap(data, &mut framed) {
            Ok(()) => self.data(time, key, direction, &framed),
            Err(_) => self.data(time, key, direction, data),
        }
        framed.shrink_to(GATHERED);
        self.framed = framed;
    }

    /// Lets packets go on that were held back for secrets.
    fn let_go(&mut self, session: SessionId) {
        for (_, flow) in self.flows.range_mut((session, PEER)..=(session, Leg::MAX)) {
            self.gathered.append(&mut flow.held.blocks);
        }
    }

    /// Hands whole blocks on.
    fn write(&mut self) -> Result<(), Fault> {
        let written = self.pages.push(&self.gathered);
        self.gathered.clear();
        self.gathered.shrink_to(GATHERED);
        written
    }

    /// What is no payload.
    fn tell(&mut self, time: u64, event: &Event<'_>) {
        let session = event.session;
        match event.kind {
            Kind::Listening { url, service } => self.remember(url, service),
            Kind::Resolved { name, addresses } => {
                for address in addresses {
                    if let Address::Ip(ip) = address {
                        self.name(ip.ip().to_canonical(), name);
                    }
                }
            }
            Kind::Accepted { transport, local, remote } => {
                let stands = Stands { transport, local, remote, opener: Opener::Peer };
                self.open(time, (session, PEER), &stands);
            }
            Kind::Connecting { leg, .. } => {
                self.connecting.insert((session, leg));
            }
            Kind::Connected { leg, transport, local, remote } => {
                let dialled = self.connecting.remove(&(session, leg));
                let opener = if dialled { Opener::We } else { Opener::Peer };
                self.open(time, (session, leg), &Stands { transport, local, remote, opener });
            }
            Kind::Tls { leg, facts } => {
                self.with(time, (session, leg), |flow, _| flow.has_shaken());
                let alpn = facts.alpn.as_deref().map_or_else(String::new, |alpn| format!(", ALPN {alpn}"));
                self.note((session, leg), format!("{}, {}{alpn}", facts.version, facts.suite));
            }
            Kind::Upgraded { leg, to, .. } => self.note((session, leg), format!("upgraded: {to}")),
            Kind::Authenticated { leg, user, mechanism } => {
                self.note((session, leg), format!("authenticated: {user}, {mechanism}"));
            }
            Kind::Fault { leg, direction, name, detail } => {
                let note = format!("fault: {name} {detail} ({})", direction.word());
                self.note((session, leg), note);
            }
            Kind::Error(fault) => self.note((session, PEER), format!("error: {}", fault.code.word())),
            // A WebSocket's Close is not yet the end of its connection.
            Kind::HalfClosed { leg, direction, farewell: None } => {
                self.with(time, (session, leg), |flow, sheet| flow.finish(sheet, direction));
            }
            Kind::Reset { leg, direction } => {
                self.with(time, (session, leg), |flow, sheet| flow.cut(sheet, direction));
            }
            Kind::Closed { .. } => self.close_all(time, session),
            _ => {}
        }
    }
}

/// What is known of a leg that stands.
struct Stands<'a> {
    transport: &'a str,
    local: &'a Address,
    remote: &'a Address,
    opener: Opener,
}

/// The transports that peers come over.
fn transport(scheme: &str) -> Option<&'static str> {
    ["tcp", "udp", "unix", "unixgram"].into_iter().find(|known| *known == scheme)
}

/// What tells a listener's place: its port, or its path.
fn placed(endpoint: &Endpoint) -> Option<String> {
    match &endpoint.place {
        Place::Host { port, .. } => Some(port.to_string()),
        Place::Path(path) => Some(path.clone()),
        Place::Stdio => None,
    }
}

impl Sink for Writer {
    fn wants_wire(&self) -> bool {
        self.payload == Payload::Wire
    }

    fn start(&mut self, zero: u64) -> Result<(), Fault> {
        self.zero = zero;
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        let (time, session) = (self.zero.saturating_add(event.at.0), event.session);
        if let Kind::Secret { line } = event.kind {
            if self.payload == Payload::Wire {
                block::secrets(line, &mut self.gathered);
            }
            return Ok(());
        }
        self.let_go(session);
        match (self.payload, event.kind) {
            (Payload::Wire, Kind::Wire { leg, direction, data }) => {
                self.data(time, (session, leg), direction, data);
            }
            (Payload::Messages { framing }, Kind::Message { leg, direction, data }) => {
                self.message(time, (session, leg), direction, data, framing);
            }
            (_, Kind::Wire { .. } | Kind::Message { .. }) => {}
            _ => self.tell(time, event),
        }
        self.write()
    }

    /// A packet of a TLS handshake whose secrets are still to be told may wait for one call more: what reads it has to
    /// stand before it.
    fn flush(&mut self) -> Result<(), Fault> {
        for flow in self.flows.values_mut().filter(|flow| !flow.held.blocks.is_empty()) {
            if std::mem::replace(&mut flow.held.passed, true) {
                self.gathered.append(&mut flow.held.blocks);
            }
        }
        self.write()?;
        self.pages.flush()
    }

    fn end(&mut self) -> Result<(), Fault> {
        for flow in self.flows.values_mut() {
            self.gathered.append(&mut flow.held.blocks);
        }
        self.write()?;
        self.pages.flush()
    }
}

#[cfg(test)]
mod tests;
