//! Echo requests: on a datagram socket the kernel chooses the identifier and knows whose a reply is, on a raw socket we do.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::{SocketType, ipproto};

use super::line::{Errors, Got, Line};
use super::target;
use crate::linux::sys;
use crate::ping::packet::{self, Family, MARK, Message};
use crate::ping::{About, Heard, Plan, Prober, Reply};

/// Messages that are taken at a time, so that a flood does not hold up the next probe.
const AT_ONCE: usize = 256;

/// A socket for echo requests.
pub(super) struct Echo {
    line: Line,
    to: SocketAddr,
    family: Family,
    /// Ours, on a raw socket.
    ident: Option<u16>,
    payload: Vec<u8>,
}

impl Echo {
    /// On a datagram socket.
    pub(super) fn datagram(plan: &Plan) -> io::Result<Self> {
        Self::open(plan, SocketType::DGRAM, None)
    }

    /// On a raw socket, which other messages are kept from.
    pub(super) fn raw(plan: &Plan) -> io::Result<Self> {
        let ident = u16::try_from(plan.seed >> 48).unwrap_or(1);
        let echo = Self::open(plan, SocketType::RAW, Some(ident))?;
        let set = |level, filter: &[u8]| sys::set_option(&echo.line.socket, level, 1, filter);
        // ICMP_FILTER and ICMPV6_FILTER: a bit for each type that is kept away.
        match echo.family {
            Family::V4 => {
                const WANTED: u32 = 1 | 1 << 3 | 1 << 4 | 1 << 11 | 1 << 12;
                set(libc::SOL_RAW, &(!WANTED).to_ne_bytes())?;
            }
            Family::V6 => {
                let mut away = [u32::MAX; 8];
                for wanted in [1_u8, 2, 3, 4, 129] {
                    away[usize::from(wanted / 32)] &= !(1 << (wanted % 32));
                }
                set(libc::IPPROTO_ICMPV6, &away.map(u32::to_ne_bytes).concat())?;
            }
        }
        Ok(echo)
    }

    fn open(plan: &Plan, kind: SocketType, ident: Option<u16>) -> io::Result<Self> {
        let family = Family::of(plan.to);
        let protocol = if family == Family::V6 { ipproto::ICMPV6 } else { ipproto::ICMP };
        let errors = if ident.is_some() { Errors::Messages } else { Errors::Queued };
        let line = Line::open(family == Family::V6, kind, Some(protocol), errors)?;
        let payload = packet::payload(plan.seed, plan.size);
        Ok(Self { line, to: target(plan, 0), family, ident, payload })
    }
}

impl Prober for Echo {
    fn send(&mut self, number: u64) -> io::Result<()> {
        let wire = u16::try_from(number & 0xffff).unwrap_or_default();
        let request = packet::request(self.family, self.ident.unwrap_or(0), wire, &self.payload);
        self.line.send(&request, self.to)
    }

    fn hear(&mut self, patience: Duration) -> io::Result<Vec<Heard>> {
        self.line.wait(patience)?;
        let mut heard = Vec::new();
        for _ in 0..AT_ONCE {
            let Some(got) = self.line.next_error()? else { break };
            heard.extend(of_queue(&got));
        }
        let (family, ident) = (self.family, self.ident);
        for _ in 0..AT_ONCE {
            let Some(got) = self.line.next()? else { break };
            heard.extend(of_message(&got, family, ident, &self.payload));
        }
        Ok(heard)
    }
}

/// What an entry of the error queue tells: the kernel quotes our request from its ICMP header on.
fn of_queue(got: &Got<'_>) -> Option<Heard> {
    let report = got.told.error?;
    if report.is_time() {
        return Some(Heard::Left { nth: u64::from(report.data), at: got.told.at? });
    }
    let wire = got.data.get(6..8).map(|wire| u16::from_be_bytes([wire[0], wire[1]]));
    let about = wire.filter(|_| report.icmp().is_some()).map_or(About::Oldest, About::Wire);
    Some(Heard::Trouble { about, from: report.offender, icmp: report.icmp(), errno: report.errno })
}

/// What a message tells, if it is about us.
fn of_message(got: &Got<'_>, family: Family, ident: Option<u16>, sent: &[u8]) -> Option<Heard> {
    let (message, ttl) = match (family, ident) {
        (Family::V4, Some(_)) => {
            let (message, ttl) = packet::within_ipv4(got.data)?;
            (message, Some(ttl))
        }
        _ => (got.data, got.told.ttl),
    };
    let from = got.peer?.ip();
    match packet::read(family, message)? {
        Message::Reply { ident: whose, sequence, payload } => {
            if let Some(ident) = ident {
                // Another program may have chosen the same identifier: then its mark is another.
                let mark = sent.len().min(payload.len()).min(MARK);
                if whose != ident || payload[..mark] != sent[..mark] {
                    return None;
                }
            }
            Some(Heard::Answer {
                about: About::Wire(sequence),
                from,
                bytes: payload.len(),
                ttl,
                what: Reply::Echo,
                differs_at: packet::difference(sent, payload),
                arrived: got.told.at,
            })
        }
        Message::Error { icmp, ident: whose, sequence } => (ident == Some(whose)).then_some(Heard::Trouble {
            about: About::Wire(sequence),
            from: Some(from),
            icmp: Some(icmp),
            errno: 0,
        }),
    }
}
