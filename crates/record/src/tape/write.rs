//! Writing a tape.

use sockeye_core::event::Totals;
use sockeye_core::tls::{Shown, Trust};
use sockeye_core::{Address, Direction, Event, Fault, How, Kind, Leg, Side, Tls};

use super::tag;

/// A tape that grows. Its bytes are taken with [`Writer::take`]; what follows is a tape of its own.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    last: u64,
}

impl Writer {
    /// Appends an event.
    pub fn push(&mut self, event: &Event<'_>) {
        let start = self.bytes.len();
        let delta = event.at.0.wrapping_sub(self.last).cast_signed();
        self.last = event.at.0;
        let mut body = Body(&mut self.bytes);
        body.0.extend_from_slice(&[0; 4]);
        body.number(zigzag(delta));
        body.number(event.session.0);
        body.0.push(how(event.how));
        body.kind(&event.kind);
        let length = u32::try_from(self.bytes.len() - start - 4).unwrap_or(u32::MAX);
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// How long it is, in bytes.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is on it.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes the tape, and goes on with an empty one in the memory given.
    pub fn take(&mut self, mut memory: Vec<u8>) -> Vec<u8> {
        memory.clear();
        self.last = 0;
        std::mem::replace(&mut self.bytes, memory)
    }
}

/// Small numbers of either sign as small numbers.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn how(how: How) -> u8 {
    match how {
        How::Captured => 0,
        How::Traced => 1,
        How::Polled => 2,
        How::Inferred => 3,
        How::Simulated => 4,
        How::Synthetic => 5,
    }
}

const fn side(side: Side) -> u8 {
    match side {
        Side::Here => 0,
        Side::Peer => 1,
        Side::Path => 2,
        Side::Unknown => 3,
    }
}

const fn trust(trust: Trust) -> u8 {
    match trust {
        Trust::Chain => 0,
        Trust::Pin => 1,
        Trust::None => 2,
    }
}

/// The body of the record that is being written.
struct Body<'a>(&'a mut Vec<u8>);

impl Body<'_> {
    fn kind(&mut self, kind: &Kind<'_>) {
        match *kind {
            Kind::Message { leg, direction, data } => {
                self.tag(tag::MESSAGE).at(leg, direction);
                self.0.extend_from_slice(data);
            }
            Kind::Wire { leg, direction, data } => {
                self.tag(tag::WIRE).at(leg, direction);
                self.0.extend_from_slice(data);
            }
            Kind::Listening { url, service } => self.tag(tag::LISTENING).text(url).text(service).end(),
            Kind::Accepted { transport, local, remote } => {
                self.tag(tag::ACCEPTED).text(transport).address(local).address(remote).end();
            }
            Kind::Resolved { name, addresses } => {
                self.tag(tag::RESOLVED).text(name).number(addresses.len() as u64);
                for address in addresses {
                    self.address(address).end();
                }
            }
            Kind::Connecting { leg, transport, remote } => {
                self.tag(tag::CONNECTING).byte(leg).text(transport).address(remote).end();
            }
            Kind::Connected { leg, transport, local, remote } => {
                self.tag(tag::CONNECTED).byte(leg).text(transport).address(local).address(remote).end();
            }
            Kind::Tls { leg, facts } => self.tag(tag::TLS).byte(leg).tls(facts),
            Kind::TlsTruncated { leg } => self.tag(tag::TLS_TRUNCATED).byte(leg).end(),
            Kind::Upgraded { leg, to, facts } => self.tag(tag::UPGRADED).byte(leg).text(to).args(facts).end(),
            Kind::Authenticated { leg, user, mechanism } => {
                self.tag(tag::AUTHENTICATED).byte(leg).text(user).text(mechanism).end();
            }
            Kind::Secret { line } => self.tag(tag::SECRET).text(line).end(),
            Kind::Fault { leg, direction, name, detail } => {
                self.tag(tag::FAULT).at(leg, direction).text(name).text(detail).end();
            }
            Kind::HalfClosed { leg, direction, farewell } => {
                self.tag(tag::HALF_CLOSED).at(leg, direction).byte(u8::from(farewell.is_some()));
                if let Some(farewell) = farewell {
                    self.number(u64::from(farewell.code)).text(farewell.name).text(farewell.reason);
                }
            }
            Kind::Reset { leg, direction } => self.tag(tag::RESET).at(leg, direction).end(),
            Kind::Timeout { what } => self.tag(tag::TIMEOUT).text(what).end(),
            Kind::Refused { remote, reason } => self.tag(tag::REFUSED).address(remote).text(reason).end(),
            Kind::Closed { totals } => self.tag(tag::CLOSED).totals(&totals),
            Kind::Note(note) => self.tag(tag::NOTE).text(note.key).args(&note.args).end(),
            Kind::Error(fault) => self.tag(tag::ERROR).fault(fault),
            Kind::Saved { id } => self.tag(tag::SAVED).number(id).end(),
        }
    }

    /// Ends a row of calls.
    #[expect(clippy::unused_self, reason = "so that a row of calls is a statement")]
    const fn end(&self) {}

    fn tag(&mut self, tag: u8) -> &mut Self {
        self.byte(tag)
    }

    fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    fn at(&mut self, leg: Leg, direction: Direction) -> &mut Self {
        self.byte(leg).byte(u8::from(direction == Direction::Out))
    }

    fn number(&mut self, mut number: u64) -> &mut Self {
        while number >= 0x80 {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).0.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// A text that may be missing.
    fn perhaps(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            None => self.byte(0),
            Some(text) => self.byte(1).text(text),
        }
    }

    fn args(&mut self, args: &[(&'static str, String)]) -> &mut Self {
        self.number(args.len() as u64);
        for (name, value) in args {
            self.text(name).text(value).end();
        }
        self
    }

    fn address(&mut self, address: &Address) -> &mut Self {
        match address {
            Address::Ip(std::net::SocketAddr::V4(ip)) => {
                self.byte(0).0.extend_from_slice(&ip.ip().octets());
                self.number(u64::from(ip.port()))
            }
            Address::Ip(std::net::SocketAddr::V6(ip)) => {
                self.byte(1).0.extend_from_slice(&ip.ip().octets());
                let (flow, scope) = (u64::from(ip.flowinfo()), u64::from(ip.scope_id()));
                self.number(u64::from(ip.port())).number(flow).number(scope)
            }
            Address::Unix(None) => self.byte(2),
            Address::Unix(Some(path)) => self.byte(3).bytes(path.as_os_str().as_encoded_bytes()),
            Address::Stdio => self.byte(4),
            Address::Process(command) => self.byte(5).text(command),
        }
    }

    fn totals(&mut self, totals: &Totals) {
        self.number(totals.messages_in).number(totals.messages_out);
        self.number(totals.bytes_in).number(totals.bytes_out);
    }

    fn tls(&mut self, facts: &Tls) {
        self.text(&facts.version).text(&facts.suite);
        for text in [&facts.group, &facts.alpn, &facts.server_name] {
            self.perhaps(text.as_deref());
        }
        self.byte(u8::from(facts.resumed)).byte(trust(facts.trust)).number(facts.chain.len() as u64);
        for Shown { subject, issuer, names, not_after, days, pin } in &facts.chain {
            self.text(subject).text(issuer).number(names.len() as u64);
            for name in names {
                self.text(name).end();
            }
            self.text(not_after).number(zigzag(*days)).text(pin);
        }
    }

    fn fault(&mut self, fault: &Fault) {
        self.text(fault.code.word()).text(&fault.subject).byte(side(fault.side)).args(&fault.args);
        self.perhaps(fault.detail.as_deref());
    }
}
