//! The way to a port, seen by plain connecting: each attempt may have a time to live of its own, and a router where that
//! ends says so by ICMP, which the kernel hands to the socket itself. No rights are needed. Read [`Attempt`] first.
//!
//! A path is traced in waves of a few attempts with rising time to live. The last of them, which reaches the target, is a
//! connection like any other there.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The longest path that is traced, in routers.
pub const HOPS: u8 = 24;

/// Attempts of one wave.
pub const WAVE: u8 = 4;

/// How long a wave's answers are waited for.
pub const PATIENCE: Duration = Duration::from_millis(900);

/// An ICMP message about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// Who sent it, this machine among those.
    pub from: Option<IpAddr>,
    /// Whether it came over the wire, or is the kernel's own finding.
    pub is_ours: bool,
    /// Its type and code: RFC 792 for IPv4, RFC 4443 for IPv6.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// What it says of the largest packet, in bytes, where it is about size.
    pub mtu: u32,
    /// How long after the attempt began.
    pub after: Duration,
}

/// What an ICMP message says, in both families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The time to live ended there.
    Exceeded,
    /// There is no route to the network from there.
    NoRoute,
    /// The host cannot be reached from there.
    NoHost,
    /// Nobody has that port.
    NoPort,
    /// It is prohibited.
    Prohibited,
    /// The packet is too long for a link.
    TooBig,
    /// Something else.
    Other,
}

impl Icmp {
    /// What it says. `about`: the address that was tried, which tells the family.
    pub const fn says(&self, about: IpAddr) -> Says {
        if about.is_ipv4() {
            return match (self.kind, self.code) {
                (11, _) => Says::Exceeded,
                (3, 0 | 5 | 6 | 8 | 11) => Says::NoRoute,
                (3, 1 | 7 | 12) => Says::NoHost,
                (3, 3) => Says::NoPort,
                (3, 4) => Says::TooBig,
                (3, 9 | 10 | 13 | 14 | 15) => Says::Prohibited,
                _ => Says::Other,
            };
        }
        match (self.kind, self.code) {
            (3, _) => Says::Exceeded,
            (1, 0 | 2) => Says::NoRoute,
            (1, 3) => Says::NoHost,
            (1, 4) => Says::NoPort,
            (1, 1 | 5 | 6) => Says::Prohibited,
            (2, _) => Says::TooBig,
            _ => Says::Other,
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The connection stood; it was closed at once.
    Connected,
    /// A RST answered (or, with `icmp`, a filter that pretends so).
    Refused,
    /// Nothing came, until time ran out.
    Silent,
    /// The system's error, by its number.
    Failed(i32),
}

/// One attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Where to.
    pub to: SocketAddr,
    /// The time to live it had; `None`: the system's.
    pub ttl: Option<u8>,
    /// How it ended.
    pub ended: Ended,
    /// The ICMP message that came.
    pub icmp: Option<Icmp>,
    /// Our end, once the kernel chose it.
    pub local: Option<SocketAddr>,
    /// The longest segment that both ends take, in bytes, where a connection stood.
    pub mss: Option<u32>,
    /// How long it took.
    pub took: Duration,
}

impl Attempt {
    /// Whether the target itself answered: it is there, whatever it said.
    pub fn is_answered(&self) -> bool {
        match (self.ended, self.icmp) {
            (Ended::Connected, _) | (Ended::Refused, None) => true,
            (_, Some(icmp)) => !icmp.is_ours && icmp.from == Some(self.to.ip()),
            _ => false,
        }
    }
}

/// What is to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// Where to.
    pub to: SocketAddr,
    /// The time to live; `None`: the system's.
    pub ttl: Option<u8>,
}

/// A step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The time to live that ended here.
    pub ttl: u8,
    /// What was heard.
    pub heard: Attempt,
}

/// A path as far as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Its steps, nearest first, until the target answered or somebody said that it cannot.
    pub hops: Vec<Hop>,
}

impl Path {
    /// The last router that said the time to live ended there.
    pub fn last_router(&self) -> Option<IpAddr> {
        self.hops.iter().rev().find_map(|hop| router(&hop.heard))
    }

    /// The message of somebody who said that it goes no further, other than that the time to live ended.
    pub fn refusal(&self) -> Option<Icmp> {
        let last = &self.hops.last()?.heard;
        last.icmp.filter(|icmp| !icmp.is_ours && icmp.says(last.to.ip()) != Says::Exceeded)
    }

    /// Whether the target answered.
    pub fn is_whole(&self) -> bool {
        self.hops.last().is_some_and(|hop| hop.heard.is_answered())
    }
}

fn router(attempt: &Attempt) -> Option<IpAddr> {
    let icmp = attempt.icmp.filter(|icmp| icmp.says(attempt.to.ip()) == Says::Exceeded)?;
    icmp.from
}

/// Traces the path. `connect` makes attempts side by side until a moment; the end of all may come closer.
pub fn trace(
    to: SocketAddr,
    until: impl Fn() -> Instant,
    mut connect: impl FnMut(&[Try], Instant) -> io::Result<Vec<Attempt>>,
) -> io::Result<Path> {
    let mut path = Path::default();
    let mut first = 1;
    while first <= HOPS && Instant::now() < until() {
        let tries: Vec<Try> = (first..first + WAVE).map(|ttl| Try { to, ttl: Some(ttl) }).collect();
        let heard = connect(&tries, (Instant::now() + PATIENCE).min(until()))?;
        if is_over(&mut path, &heard) {
            break;
        }
        first += WAVE;
    }
    // Silence behind the last answer is one fact, not many.
    while path.hops.len() > 1 {
        let silent = path
            .hops
            .iter()
            .rev()
            .take(2)
            .all(|hop| hop.heard.icmp.is_none() && hop.heard.ended == Ended::Silent);
        if !silent {
            break;
        }
        path.hops.pop();
    }
    Ok(path)
}

/// Takes a wave. Whether the path is at its end: somebody answered with more than "time exceeded", or a whole wave and the
/// one before it were silent.
fn is_over(path: &mut Path, wave: &[Attempt]) -> bool {
    for attempt in wave {
        path.hops.push(Hop { ttl: attempt.ttl.unwrap_or_default(), heard: *attempt });
        let is_silent = attempt.ended == Ended::Silent && attempt.icmp.is_none();
        if router(attempt).is_none() && !is_silent {
            return true;
        }
    }
    let silent = path.hops.iter().rev().take_while(|hop| router(&hop.heard).is_none()).count();
    silent >= usize::from(WAVE) + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "10.2.0.11:80";

    fn attempt(ttl: u8, ended: Ended, icmp: Option<(&str, u8, u8)>) -> Attempt {
        let icmp = icmp.map(|(from, kind, code)| Icmp {
            from: from.parse().ok(),
            is_ours: false,
            kind,
            code,
            mtu: 0,
            after: Duration::ZERO,
        });
        let to = TARGET.parse().unwrap();
        Attempt { to, ttl: Some(ttl), ended, icmp, local: None, mss: None, took: Duration::ZERO }
    }

    fn traced(answer: impl Fn(u8) -> Attempt) -> (Path, usize) {
        let mut waves = 0;
        let until = Instant::now() + Duration::from_mins(1);
        let path = trace(
            TARGET.parse().unwrap(),
            || until,
            |tries, _| {
                waves += 1;
                Ok(tries.iter().map(|one| answer(one.ttl.unwrap())).collect())
            },
        );
        (path.unwrap(), waves)
    }

    #[test]
    fn a_path_ends_where_the_target_answers() {
        let (path, waves) = traced(|ttl| match ttl {
            1 => attempt(ttl, Ended::Failed(113), Some(("10.1.0.1", 11, 0))),
            2 => attempt(ttl, Ended::Silent, None),
            _ => attempt(ttl, Ended::Refused, None),
        });
        assert_eq!((path.hops.len(), waves), (3, 1));
        assert!(path.is_whole());
        assert_eq!(path.last_router(), "10.1.0.1".parse().ok());
    }

    #[test]
    fn silence_behind_a_router_is_one_step() {
        let (path, waves) = traced(|ttl| match ttl {
            1 => attempt(ttl, Ended::Failed(113), Some(("10.1.0.1", 11, 0))),
            _ => attempt(ttl, Ended::Silent, None),
        });
        assert_eq!((path.hops.len(), waves), (2, 2));
        assert!(!path.is_whole());
    }

    #[test]
    fn who_prohibits_ends_the_path() {
        let (path, _) = traced(|ttl| match ttl {
            1 => attempt(ttl, Ended::Failed(113), Some(("10.1.0.1", 11, 0))),
            _ => attempt(ttl, Ended::Failed(113), Some(("10.2.0.2", 3, 13))),
        });
        assert_eq!(path.hops.len(), 2);
        let last = path.hops[1].heard;
        assert_eq!(last.icmp.map(|icmp| icmp.says(last.to.ip())), Some(Says::Prohibited));
        assert!(!last.is_answered());
    }

    #[test]
    fn codes_mean_the_same_in_both_families() {
        let says = |address: &str, kind, code| {
            let icmp = attempt(1, Ended::Silent, Some((address, kind, code))).icmp.unwrap();
            icmp.says(address.parse().unwrap())
        };
        let table = [
            ((11, 0), (3, 0)),
            ((3, 0), (1, 0)),
            ((3, 1), (1, 3)),
            ((3, 3), (1, 4)),
            ((3, 13), (1, 1)),
            ((3, 4), (2, 0)),
        ];
        for ((four, four_code), (six, six_code)) in table {
            assert_eq!(says("10.0.0.1", four, four_code), says("fd00::1", six, six_code));
        }
    }
}
