//! One socket that probes leave by: what arrives with its TTL and time, and what its error queue tells.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, Protocol, SendFlags, SocketFlags, SocketType};

use crate::linux::sys;
use crate::ping::Icmp;

/// Bytes of one message at the most: an IP packet.
const LONGEST: usize = 65_536;

/// Words of control data: far more than a TTL, a time and an error take.
const CONTROL: usize = 64;

/// `SO_TIMESTAMPING`, and the type of the control data it gives (socket(7)).
const TIMESTAMPING: libc::c_int = 37;

/// A socket.
pub(super) struct Line {
    pub(super) socket: OwnedFd,
    data: Vec<u8>,
    control: [u64; CONTROL],
}

/// What arrived.
#[derive(Debug)]
pub(super) struct Got<'a> {
    /// The message.
    pub(super) data: &'a [u8],
    /// Who sent it; of what the error queue gives, whom it was for.
    pub(super) peer: Option<SocketAddr>,
    /// What came with it.
    pub(super) told: Told,
}

/// What control data tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The TTL or hop limit it arrived with.
    pub(super) ttl: Option<u8>,
    /// The kernel's time, in nanoseconds since 1970.
    pub(super) at: Option<u64>,
    /// The error.
    pub(super) error: Option<Report>,
}

/// One entry of an error queue (`sock_extended_err`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) errno: i32,
    pub(super) origin: u8,
    pub(super) kind: u8,
    pub(super) code: u8,
    pub(super) info: u32,
    pub(super) data: u32,
    /// Who reports it.
    pub(super) offender: Option<IpAddr>,
}

impl Report {
    /// The kernel tells when it sent something, and what number that has.
    pub(super) const fn is_time(&self) -> bool {
        self.origin == libc::SO_EE_ORIGIN_TIMESTAMPING
    }

    /// The ICMP message it is of.
    pub(super) const fn icmp(&self) -> Option<Icmp> {
        let is_v6 = match self.origin {
            libc::SO_EE_ORIGIN_ICMP => false,
            libc::SO_EE_ORIGIN_ICMP6 => true,
            _ => return None,
        };
        Some(Icmp { kind: self.kind, code: self.code, info: self.info, is_v6 })
    }
}

/// Whether a socket's errors are put into its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    /// They are.
    Queued,
    /// They come as messages of their own: raw sockets.
    Messages,
}

impl Line {
    /// Opens a socket. That the kernel gives no times is no error.
    pub(super) fn open(
        is_v6: bool,
        kind: SocketType,
        protocol: Option<Protocol>,
        errors: Errors,
    ) -> io::Result<Self> {
        let family = if is_v6 { AddressFamily::INET6 } else { AddressFamily::INET };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, kind, flags, protocol)?;
        let (level, ttl, queue) = if is_v6 {
            (libc::SOL_IPV6, libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVERR)
        } else {
            (libc::SOL_IP, libc::IP_RECVTTL, libc::IP_RECVERR)
        };
        sys::set_number(&socket, level, ttl, 1)?;
        if errors == Errors::Queued {
            sys::set_number(&socket, level, queue, 1)?;
        }
        let times = libc::SOF_TIMESTAMPING_TX_SOFTWARE
            | libc::SOF_TIMESTAMPING_RX_SOFTWARE
            | libc::SOF_TIMESTAMPING_SOFTWARE
            | libc::SOF_TIMESTAMPING_OPT_ID
            | libc::SOF_TIMESTAMPING_OPT_TSONLY;
        let _ = sys::set_option(&socket, libc::SOL_SOCKET, TIMESTAMPING, &times.to_ne_bytes());
        Ok(Self { socket, data: vec![0; LONGEST], control: [0; CONTROL] })
    }

    /// Sends a message. An error that an earlier one left behind is not this one's: it is sent again.
    pub(super) fn send(&self, message: &[u8], to: SocketAddr) -> io::Result<()> {
        let send = || rustix::net::sendto(&self.socket, message, SendFlags::empty(), &to);
        send().or_else(|_| send())?;
        Ok(())
    }

    /// Waits at most so long for something to arrive, or for an error.
    pub(super) fn wait(&self, patience: Duration) -> io::Result<()> {
        wait(&mut [PollFd::new(&self.socket, PollFlags::IN)], patience)
    }

    /// The next message; `None` if there is none.
    pub(super) fn next(&mut self) -> io::Result<Option<Got<'_>>> {
        self.receive(libc::MSG_DONTWAIT)
    }

    /// The next entry of the error queue; `None` if there is none.
    pub(super) fn next_error(&mut self) -> io::Result<Option<Got<'_>>> {
        self.receive(libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE)
    }

    fn receive(&mut self, flags: libc::c_int) -> io::Result<Option<Got<'_>>> {
        const TRIES: usize = 16;
        let mut from = sys::Address::default();
        for _ in 0..TRIES {
            match sys::receive(&self.socket, &mut self.data, &mut self.control, &mut from, flags) {
                Ok(got) => {
                    let told = told(sys::control(&self.control, got.control));
                    let peer = from.bytes.get(..got.from).and_then(address);
                    let data = self.data.get(..got.data).unwrap_or_default();
                    return Ok(Some(Got { data, peer, told }));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // What is in the error queue is also said once in place of a message.
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Waits at most so long for any of these. A signal ends the wait early.
pub(super) fn wait(sockets: &mut [PollFd<'_>], patience: Duration) -> io::Result<()> {
    let patience = Timespec::try_from(patience).map_err(|_too_long| io::ErrorKind::InvalidInput)?;
    match poll(sockets, Some(&patience)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether an error is about a probe rather than about the socket.
fn is_passing(error: &io::Error) -> bool {
    const PASSING: [i32; 10] = [
        libc::ECONNREFUSED,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
        libc::EHOSTDOWN,
        libc::EACCES,
        libc::EMSGSIZE,
        libc::EPROTO,
        libc::EOPNOTSUPP,
        libc::ENOPROTOOPT,
        libc::EINTR,
    ];
    error.raw_os_error().is_some_and(|number| PASSING.contains(&number))
}

/// Reads control data.
pub(super) fn told(control: impl Iterator<Item = (libc::c_int, libc::c_int, Vec<u8>)>) -> Told {
    let mut told = Told::default();
    for (level, kind, data) in control {
        match (level, kind) {
            (libc::SOL_IP, libc::IP_TTL) | (libc::SOL_IPV6, libc::IPV6_HOPLIMIT) => {
                told.ttl = number(&data, 0).and_then(|ttl| u8::try_from(ttl).ok());
            }
            (libc::SOL_SOCKET, TIMESTAMPING) => told.at = time(&data),
            (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR) => {
                told.error = report(&data);
            }
            _ => {}
        }
    }
    told
}

/// The first of the three times, the kernel's own: seconds and nanoseconds. Zero is none.
fn time(data: &[u8]) -> Option<u64> {
    let word = |at: usize| Some(i64::from_ne_bytes(data.get(at..at + 8)?.try_into().ok()?));
    let (seconds, nanos) = (u64::try_from(word(0)?).ok()?, u64::try_from(word(8)?).ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos).filter(|at| *at > 0)
}

fn report(data: &[u8]) -> Option<Report> {
    const HEAD: usize = 16;
    let errno = i32::from_ne_bytes(data.get(..4)?.try_into().ok()?);
    Some(Report {
        errno,
        origin: *data.get(4)?,
        kind: *data.get(5)?,
        code: *data.get(6)?,
        info: number(data, 8)?,
        data: number(data, 12)?,
        offender: data.get(HEAD..).and_then(address).map(|address| address.ip()),
    })
}

fn number(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

/// An address as the kernel writes it (`sockaddr_in`, `sockaddr_in6`).
fn address(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    match libc::c_int::from(family) {
        libc::AF_INET => {
            let ip = <[u8; 4]>::try_from(bytes.get(4..8)?).ok()?;
            Some(SocketAddrV4::new(Ipv4Addr::from(ip), port).into())
        }
        libc::AF_INET6 => {
            let ip = <[u8; 16]>::try_from(bytes.get(8..24)?).ok()?;
            let zone = number(bytes, 24)?;
            Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, zone).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_data_is_read_and_what_is_cut_off_is_nothing() {
        let mut error = Vec::new();
        error.extend(libc::EHOSTUNREACH.to_ne_bytes());
        error.extend([libc::SO_EE_ORIGIN_ICMP, 3, 1, 0]);
        error.extend(7_u32.to_ne_bytes());
        error.extend(9_u32.to_ne_bytes());
        error.extend(u16::try_from(libc::AF_INET).unwrap().to_ne_bytes());
        error.extend([0, 0, 10, 2, 0, 1]);
        error.extend([0; 8]);
        let mut times = Vec::new();
        times.extend(2_i64.to_ne_bytes());
        times.extend(5_i64.to_ne_bytes());
        times.extend([0; 32]);
        let control = vec![
            (libc::SOL_IP, libc::IP_TTL, 61_i32.to_ne_bytes().to_vec()),
            (libc::SOL_SOCKET, TIMESTAMPING, times),
            (libc::SOL_IP, libc::IP_RECVERR, error.clone()),
        ];
        let told = told(control.into_iter());
        assert_eq!((told.ttl, told.at), (Some(61), Some(2_000_000_005)));
        let report = told.error.unwrap();
        assert_eq!((report.offender.unwrap().to_string().as_str(), report.data), ("10.2.0.1", 9));
        assert_eq!(report.icmp().map(Icmp::word), Some("host-unreachable"));
        for end in 0..error.len() {
            let cut = super::report(&error[..end]);
            assert_eq!(cut.is_some(), end >= 16);
            assert_eq!(cut.and_then(|cut| cut.offender).is_some(), end >= 24);
        }
        assert_eq!((time(&[0; 48]), time(&[1; 9])), (None, None));
    }
}
