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

#[cfg(test)]
mod tests {
    use super::super::line::{Report, Told};
    use super::*;

    const SENT: &[u8] = b"8 bytes.and more";

    fn got(data: &[u8], error: Option<Report>) -> Got<'_> {
        let told = Told { ttl: Some(64), at: Some(9), error };
        Got { data, peer: Some("192.0.2.1:0".parse().unwrap()), told }
    }

    /// What a reply with this payload tells a raw socket, or a datagram socket.
    fn reply(payload: &[u8], ident: u16, ours: Option<u16>) -> Option<Heard> {
        let mut packet = packet::request(Family::V4, ident, 5, payload);
        packet[0] = 0;
        if ours.is_some() {
            let mut whole = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 61, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
            whole.extend(packet);
            packet = whole;
        }
        of_message(&got(&packet, None), Family::V4, ours, SENT)
    }

    #[test]
    fn replies_are_ours_whole_or_changed() {
        let told = |heard: Option<Heard>| match heard {
            Some(Heard::Answer { about, ttl, bytes, differs_at, arrived, .. }) => {
                assert_eq!((about, arrived), (About::Wire(5), Some(9)));
                Some((ttl, bytes, differs_at))
            }
            None => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(reply(SENT, 7, Some(7))), Some((Some(61), 16, None)));
        assert_eq!(told(reply(b"8 bytes.and mOre", 7, Some(7))), Some((Some(61), 16, Some(13))));
        assert_eq!(told(reply(b"8 bytes.", 7, Some(7))), Some((Some(61), 8, Some(8))));
        // Another's: by its identifier, or by its mark.
        assert_eq!(told(reply(SENT, 8, Some(7))), None);
        assert_eq!(told(reply(b"9 bytes.and more", 7, Some(7))), None);
        // On a datagram socket the kernel knows whose it is, so it is ours and changed.
        assert_eq!(told(reply(b"9 bytes.and more", 7, None)), Some((Some(64), 16, Some(0))));
    }

    #[test]
    fn the_error_queue_tells_times_and_errors() {
        let report = |origin, kind| Report {
            errno: libc::EHOSTUNREACH,
            origin,
            kind,
            code: 1,
            info: 0,
            data: 3,
            offender: Some("10.0.0.1".parse().unwrap()),
        };
        let quoted = packet::request(Family::V4, 7, 0x0102, SENT);
        let time = of_queue(&got(&quoted, Some(report(libc::SO_EE_ORIGIN_TIMESTAMPING, 0))));
        assert_eq!(time, Some(Heard::Left { nth: 3, at: 9 }));
        let about = |heard| match heard {
            Some(Heard::Trouble { about, icmp, .. }) => (about, icmp.is_some()),
            other => panic!("{other:?}"),
        };
        let icmp = report(libc::SO_EE_ORIGIN_ICMP, 3);
        assert_eq!(about(of_queue(&got(&quoted, Some(icmp)))), (About::Wire(0x0102), true));
        assert_eq!(about(of_queue(&got(&quoted[..7], Some(icmp)))), (About::Oldest, true));
        let local = report(libc::SO_EE_ORIGIN_LOCAL, 0);
        assert_eq!(about(of_queue(&got(&quoted, Some(local)))), (About::Oldest, false));
        assert_eq!(of_queue(&got(&quoted, None)), None);
    }
}
