//! Connecting to several places at once, each attempt with a time to live of its own, and hearing of every ICMP message
//! about it (ip(7), `IP_RECVERR`; ipv6(7), `IPV6_RECVERR`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::sys;
use crate::path::{Attempt, Ended, Icmp, Try};

/// Attempts at one time.
const MOST: usize = 32;

/// SYNs that are sent again for one attempt: after 1, 3, 7 and 15 s.
const AGAIN: i32 = 4;

/// `SO_EE_ORIGIN_LOCAL` of linux/errqueue.h.
const LOCAL: u8 = 1;

/// How long the others are waited for once one stands: long enough for a SYN that was lost to be sent again.
const LATER: Duration = Duration::from_millis(2200);

/// Makes these attempts side by side. Those that have not ended at `until`, or some time after one connected, are silent.
/// One that fails to begin has the error it failed with.
pub(crate) fn connect(tries: &[Try], until: Instant) -> io::Result<Vec<Attempt>> {
    let mut open: Vec<Open> = tries.iter().take(MOST).map(Open::begin).collect::<io::Result<_>>()?;
    let mut until = until;
    let mut stands = false;
    loop {
        let now = Instant::now();
        for one in open.iter_mut().filter(|one| !one.is_over) {
            one.look();
        }
        if !stands && open.iter().any(|one| one.attempt.ended == Ended::Connected) {
            stands = true;
            until = until.min(now + LATER);
        }
        let waiting: Vec<&Open> = open.iter().filter(|one| !one.is_over).collect();
        if waiting.is_empty() || now >= until {
            break;
        }
        let mut asked: Vec<PollFd<'_>> =
            waiting.iter().map(|one| PollFd::new(&one.socket, PollFlags::OUT | PollFlags::ERR)).collect();
        wait(&mut asked, until - now)?;
    }
    let ended = |one: Open| {
        let took = if one.is_over { one.attempt.took } else { one.began.elapsed() };
        Attempt { took, ..one.attempt }
    };
    Ok(open.into_iter().map(ended).collect())
}

/// Waits until something happens, no longer than that.
pub(super) fn wait(asked: &mut [PollFd<'_>], patience: Duration) -> io::Result<()> {
    let patience = Timespec {
        tv_sec: patience.as_secs().try_into().unwrap_or(3600),
        tv_nsec: patience.subsec_nanos().into(),
    };
    match poll(asked, Some(&patience)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

struct Open {
    socket: OwnedFd,
    began: Instant,
    is_over: bool,
    attempt: Attempt,
}

impl Open {
    fn begin(one: &Try) -> io::Result<Self> {
        let socket = socket(one.to.ip(), SocketType::STREAM, None)?;
        sys::set_number(&socket, libc::IPPROTO_TCP, libc::TCP_SYNCNT, AGAIN)?;
        if let Some(ttl) = one.ttl {
            set_ttl(&socket, one.to.ip(), ttl)?;
        }
        let began = Instant::now();
        let attempt = Attempt {
            to: one.to,
            ttl: one.ttl,
            ended: Ended::Silent,
            icmp: None,
            local: None,
            mss: None,
            took: Duration::ZERO,
        };
        let mut open = Self { socket, began, is_over: false, attempt };
        match rustix::net::connect(&open.socket, &one.to) {
            Ok(()) => open.end(Ended::Connected),
            Err(Errno::INPROGRESS) => {}
            Err(error) => {
                // An error that came at once may have its ICMP message as well.
                open.attempt.icmp = error_of(&open.socket, open.began);
                open.end(ended(error.raw_os_error()));
            }
        }
        let local = rustix::net::getsockname(&open.socket).ok();
        open.attempt.local = local.and_then(|local| SocketAddr::try_from(local).ok());
        Ok(open)
    }

    /// Looks whether it has ended. The error queue comes first: on quick links the message is there before connecting has
    /// returned, and the socket itself then tells of it only after the next SYN.
    fn look(&mut self) {
        if self.attempt.icmp.is_none() {
            self.attempt.icmp = error_of(&self.socket, self.began);
        }
        let error = rustix::net::sockopt::socket_error(&self.socket);
        match (error, self.attempt.icmp) {
            (Ok(Err(error)), _) => self.end(ended(error.raw_os_error())),
            (_, Some(_)) => self.end(Ended::Failed(libc::EHOSTUNREACH)),
            _ => {
                if rustix::net::getpeername(&self.socket).is_ok_and(|peer| peer.is_some()) {
                    self.end(Ended::Connected);
                }
            }
        }
    }

    fn end(&mut self, ended: Ended) {
        if ended == Ended::Connected {
            let mut bytes = [0; 4];
            let told = sys::option(&self.socket, libc::IPPROTO_TCP, libc::TCP_MAXSEG, &mut bytes);
            self.attempt.mss = told.ok().map(|_| u32::from_ne_bytes(bytes));
        }
        self.is_over = true;
        self.attempt.ended = ended;
        self.attempt.took = self.began.elapsed();
    }
}

fn ended(number: i32) -> Ended {
    match number {
        libc::ECONNREFUSED | libc::ECONNRESET => Ended::Refused,
        libc::ETIMEDOUT => Ended::Silent,
        number => Ended::Failed(number),
    }
}

/// A socket that never waits and hears of ICMP errors.
pub(super) fn socket(
    to: IpAddr,
    kind: SocketType,
    protocol: Option<rustix::net::Protocol>,
) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket =
        rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, protocol)?;
    match to {
        IpAddr::V4(_) => sys::set_number(&socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?,
        IpAddr::V6(_) => sys::set_number(&socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?,
    }
    Ok(socket)
}

fn set_ttl(socket: &impl AsFd, to: IpAddr, ttl: u8) -> io::Result<()> {
    match to {
        IpAddr::V4(_) => sys::set_number(socket, libc::IPPROTO_IP, libc::IP_TTL, ttl.into()),
        IpAddr::V6(_) => sys::set_number(socket, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, ttl.into()),
    }
}

/// The oldest message of the error queue, if there is one.
pub(super) fn error_of(socket: &impl AsFd, began: Instant) -> Option<Icmp> {
    let mut data = [0; 512];
    let mut control = [0; 64];
    let mut from = sys::Address::default();
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    let got = sys::receive(socket, &mut data, &mut control, &mut from, flags).ok()?;
    sys::control(&control, got.control).find_map(|(level, kind, data)| {
        let is_error = matches!(
            (level, kind),
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
        );
        if is_error { extended(&data, began.elapsed()) } else { None }
    })
}

/// Reads a `sock_extended_err` of linux/errqueue.h: errno, origin, type, code, padding, info, data; then the address of
/// who sent the message.
fn extended(bytes: &[u8], after: Duration) -> Option<Icmp> {
    let number = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let origin = *bytes.get(4)?;
    let from = bytes.get(16..).and_then(address);
    Some(Icmp {
        from,
        is_ours: origin == LOCAL,
        kind: *bytes.get(5)?,
        code: *bytes.get(6)?,
        mtu: number(8)?,
        after,
    })
}

/// The address in a `sockaddr_in` or `sockaddr_in6`.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    match family {
        libc::AF_INET => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(4..8)?).ok()?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(8..24)?).ok()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn open_and_closed_ports_are_told_apart_in_both_families() {
        for host in ["127.0.0.1", "::1"] {
            let listener = TcpListener::bind((host, 0)).unwrap();
            let open = listener.local_addr().unwrap();
            let closed = TcpListener::bind((host, 0)).unwrap().local_addr().unwrap();
            let tries = [open, closed].map(|to| Try { to, ttl: Some(1) });
            let heard = connect(&tries, Instant::now() + Duration::from_secs(10)).unwrap();
            let ended: Vec<Ended> = heard.iter().map(|attempt| attempt.ended).collect();
            assert_eq!(ended, [Ended::Connected, Ended::Refused], "{host}");
            assert!(heard.iter().all(Attempt::is_answered));
            assert_eq!(heard[0].local.map(|local| local.ip()), Some(open.ip()));
        }
    }

    #[test]
    fn an_error_of_the_kernel_is_read() {
        let mut bytes = [0; 32];
        bytes[4..8].copy_from_slice(&[2, 3, 13, 0]);
        bytes[16..18].copy_from_slice(&2_u16.to_ne_bytes());
        bytes[20..24].copy_from_slice(&[10, 2, 0, 2]);
        let icmp = extended(&bytes, Duration::ZERO).unwrap();
        assert_eq!((icmp.from, icmp.kind, icmp.code), ("10.2.0.2".parse().ok(), 3, 13));
        for length in 0..16 {
            let _ = extended(&bytes[..length], Duration::ZERO);
        }
    }
}
