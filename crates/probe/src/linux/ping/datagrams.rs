//! Datagrams as probes: that a port is closed the host says by ICMP, which the error queue brings to anybody.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustix::net::SocketType;

use super::line::{Errors, Got, Line};
use super::target;
use crate::ping::packet::{self, MARK};
use crate::ping::{About, Heard, Plan, Prober, Reply, UDP_PORTS};

/// Ports that are taken in turn where none was given: which one an error is about says which probe.
const TURN: u64 = 100;

/// Messages that are taken at a time.
const AT_ONCE: usize = 256;

/// A socket for datagrams.
pub(super) struct Datagrams {
    line: Line,
    plan: Plan,
    port: Option<u16>,
    /// The last probe's number.
    last: u64,
    payload: Vec<u8>,
}

impl Datagrams {
    pub(super) fn open(plan: &Plan, port: Option<u16>) -> io::Result<Self> {
        let line = Line::open(plan.to.is_ipv6(), SocketType::DGRAM, None, Errors::Queued)?;
        let payload = packet::payload(plan.seed, plan.size);
        Ok(Self { line, plan: plan.clone(), port, last: 0, payload })
    }

    /// The payload of a probe: where it is long enough, its number stands behind the mark.
    fn message(&self, number: u64) -> Vec<u8> {
        let mut message = self.payload.clone();
        if let Some(place) = message.get_mut(MARK..2 * MARK) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        message
    }

    /// The number in a payload that we sent, or in the beginning of one.
    fn number(&self, bytes: &[u8]) -> Option<u64> {
        let place = bytes
            .get(MARK..2 * MARK)
            .filter(|_| bytes[..MARK] == self.payload[..MARK.min(self.payload.len())])?;
        Some(u64::from_be_bytes(place.try_into().ok()?))
    }

    fn port_of(&self, number: u64) -> u16 {
        let turn = u16::try_from(number.wrapping_sub(1) % TURN).unwrap_or_default();
        self.port.unwrap_or(UDP_PORTS + turn)
    }

    /// The last probe to this port, where ports are taken in turn.
    fn by_port(&self, port: u16) -> Option<u64> {
        let turn = u64::from(port.checked_sub(UDP_PORTS)?);
        let back = (self.last.checked_sub(1)? % TURN + TURN).checked_sub(turn)? % TURN;
        (self.port.is_none() && turn < TURN)
            .then(|| self.last.checked_sub(back))
            .flatten()
            .filter(|number| *number > 0)
    }

    /// What an entry of the error queue tells: the kernel quotes our payload, and says where it was to go.
    fn of_queue(&self, got: &Got<'_>) -> Option<Heard> {
        let report = got.told.error?;
        if report.is_time() {
            return Some(Heard::Left { nth: u64::from(report.data), at: got.told.at? });
        }
        let number = self.number(got.data).or_else(|| self.by_port(got.peer?.port()));
        let about = number.map_or(About::Oldest, About::Number);
        let icmp = report.icmp();
        let is_closed = icmp.is_some_and(|icmp| icmp.word() == "port-unreachable");
        if is_closed && report.offender == Some(self.plan.to) {
            return Some(Heard::Answer {
                about,
                from: self.plan.to,
                bytes: 0,
                ttl: got.told.ttl,
                what: Reply::Closed,
                differs_at: None,
                arrived: got.told.at,
            });
        }
        Some(Heard::Trouble { about, from: report.offender, icmp, errno: report.errno })
    }

    /// What a datagram tells. One that begins as ours did brings it back; any other is a service's own.
    fn of_message(&self, got: &Got<'_>, to: IpAddr) -> Option<Heard> {
        let peer = got.peer?;
        // Anybody can send to our port.
        if peer.ip() != to || self.port.is_some_and(|port| peer.port() != port) {
            return None;
        }
        let number = self.number(got.data);
        Some(Heard::Answer {
            about: number.map_or(About::Oldest, About::Number),
            from: peer.ip(),
            bytes: got.data.len(),
            ttl: got.told.ttl,
            what: Reply::Datagram,
            differs_at: number.and_then(|number| packet::difference(&self.message(number), got.data)),
            arrived: got.told.at,
        })
    }
}

impl Prober for Datagrams {
    fn send(&mut self, number: u64) -> io::Result<()> {
        self.last = number;
        self.line.send(&self.message(number), target(&self.plan, self.port_of(number)))
    }

    fn hear(&mut self, patience: Duration) -> io::Result<Vec<Heard>> {
        self.line.wait(patience)?;
        let mut heard = Vec::new();
        for _ in 0..AT_ONCE {
            let told = match self.line.next_error()? {
                // The line lends its buffer: what is told is taken out of it before the next.
                Some(got) => Kept::of(&got),
                None => break,
            };
            heard.extend(self.of_queue(&told.lent()));
        }
        for _ in 0..AT_ONCE {
            let told = match self.line.next()? {
                Some(got) => Kept::of(&got),
                None => break,
            };
            heard.extend(self.of_message(&told.lent(), self.plan.to));
        }
        Ok(heard)
    }
}

/// What arrived, in a buffer of its own.
struct Kept {
    data: Vec<u8>,
    peer: Option<std::net::SocketAddr>,
    told: super::line::Told,
}

impl Kept {
    fn of(got: &Got<'_>) -> Self {
        Self { data: got.data.to_vec(), peer: got.peer, told: got.told }
    }

    fn lent(&self) -> Got<'_> {
        Got { data: &self.data, peer: self.peer, told: self.told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_taken_in_turn_name_their_probe() {
        let plan = Plan {
            to: "127.0.0.1".parse().unwrap(),
            zone: 0,
            ways: Vec::new(),
            size: 4,
            count: 1,
            interval: Duration::ZERO,
            wait: Duration::ZERO,
            budget: None,
            seed: 7,
        };
        let mut probes = Datagrams::open(&plan, None).unwrap();
        for number in 1..=350 {
            probes.last = number;
            assert_eq!(probes.by_port(probes.port_of(number)), Some(number));
        }
        assert_eq!((probes.port_of(1), probes.port_of(101)), (UDP_PORTS, UDP_PORTS));
        assert_eq!((probes.by_port(UDP_PORTS), probes.by_port(UDP_PORTS + 60)), (Some(301), Some(261)));
        assert_eq!((probes.by_port(UDP_PORTS - 1), probes.by_port(UDP_PORTS + 100)), (None, None));
        probes.last = 2;
        assert_eq!(probes.by_port(UDP_PORTS + 9), None);
        assert_eq!(probes.number(&[0; 3]), None);
    }
}
