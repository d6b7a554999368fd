//! Datagrams that tell of a host without any right: a port where nobody listens answers with an ICMP error, which the
//! kernel hands to the socket (ip(7), `IP_RECVERR`).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketType};

use super::connect::{error_of, socket, wait};
use super::sys;
use crate::check::Sizes;
use crate::path::{Attempt, Ended, Says};

/// Bytes of the IP and UDP headers.
const HEADERS_4: u32 = 28;
const HEADERS_6: u32 = 48;

/// Datagrams of each size, and the pause between them: hosts answer only a few a second.
const ROUNDS: u8 = 3;
const PAUSE: Duration = Duration::from_millis(250);

/// Sends an empty datagram, twice, and hears what becomes of it.
pub(crate) fn datagram(to: SocketAddr, until: Instant) -> io::Result<Attempt> {
    let socket = socket(to.ip(), SocketType::DGRAM, None)?;
    let began = Instant::now();
    let mut attempt = Attempt {
        to,
        ttl: None,
        ended: Ended::Silent,
        icmp: None,
        local: None,
        mss: None,
        took: Duration::ZERO,
    };
    if let Err(error) = rustix::net::connect(&socket, &to) {
        attempt.ended = Ended::Failed(error.raw_os_error());
        return Ok(attempt);
    }
    attempt.local = rustix::net::getsockname(&socket).ok().and_then(|local| SocketAddr::try_from(local).ok());
    let again = began + (until - began) / 3;
    let mut sent = 0;
    while Instant::now() < until {
        if sent == 0 || (sent == 1 && Instant::now() >= again) {
            sent += 1;
            if let Err(error) = rustix::net::send(&socket, &[], SendFlags::empty())
                && !matches!(error, Errno::AGAIN | Errno::CONNREFUSED | Errno::HOSTUNREACH)
            {
                attempt.ended = Ended::Failed(error.raw_os_error());
                break;
            }
        }
        let next = if sent == 1 { again } else { until };
        wait(
            &mut [PollFd::new(&socket, PollFlags::IN | PollFlags::ERR)],
            next.saturating_duration_since(Instant::now()),
        )?;
        if let Some(icmp) = error_of(&socket, began) {
            attempt.icmp = Some(icmp);
            attempt.ended = match icmp.says(to.ip()) {
                Says::NoPort => Ended::Refused,
                _ => Ended::Failed(libc::EHOSTUNREACH),
            };
            break;
        }
        if rustix::net::recv(&socket, &mut [0; 1][..], RecvFlags::DONTWAIT).is_ok() {
            attempt.ended = Ended::Connected;
            break;
        }
    }
    attempt.took = began.elapsed();
    Ok(attempt)
}

/// Sends small datagrams and full ones, which must not be cut, to a port where nobody should listen.
pub(crate) fn sizes(to: SocketAddr, full: u32, until: Instant) -> io::Result<Sizes> {
    let headers = if to.is_ipv4() { HEADERS_4 } else { HEADERS_6 };
    let length = full.saturating_sub(headers).clamp(1, 9000) as usize;
    let mut sizes = Sizes { full, ..Sizes::default() };
    for large in [false, true] {
        for _ in 0..ROUNDS {
            if Instant::now() >= until {
                return Ok(sizes);
            }
            let bytes = vec![0; if large { length } else { 1 }];
            let heard = once(to, &bytes, (Instant::now() + PAUSE).min(until))?;
            let counted = if large { &mut sizes.large } else { &mut sizes.small };
            counted.1 += 1;
            match heard {
                Heard::Answer => counted.0 += 1,
                Heard::Fits(who, bytes) => sizes.told = Some((who, bytes)),
                Heard::Nothing => {}
            }
            // One answer is enough; and where small ones get none, full ones tell nothing.
            if counted.0 > 0 || sizes.told.is_some() {
                break;
            }
        }
        if sizes.small.0 == 0 {
            return Ok(sizes);
        }
    }
    Ok(sizes)
}

enum Heard {
    Answer,
    Fits(IpAddr, u32),
    Nothing,
}

fn once(to: SocketAddr, bytes: &[u8], until: Instant) -> io::Result<Heard> {
    let socket = socket(to.ip(), SocketType::DGRAM, None)?;
    // Not to be cut, whatever the kernel believes of the way.
    match to {
        SocketAddr::V4(_) => {
            sys::set_number(&socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)?;
        }
        SocketAddr::V6(_) => {
            sys::set_number(&socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)?;
        }
    }
    rustix::net::connect(&socket, &to)?;
    let began = Instant::now();
    match rustix::net::send(&socket, bytes, SendFlags::empty()) {
        Ok(_) => {}
        // It does not even fit our own link.
        Err(Errno::MSGSIZE) => return Ok(Heard::Nothing),
        Err(error) => return Err(error.into()),
    }
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        wait(&mut [PollFd::new(&socket, PollFlags::IN | PollFlags::ERR)], left)?;
        if let Some(icmp) = error_of(&socket, began) {
            return Ok(match (icmp.says(to.ip()), icmp.from) {
                (Says::TooBig, Some(from)) => Heard::Fits(from, icmp.mtu),
                (Says::NoPort, _) => Heard::Answer,
                _ => Heard::Nothing,
            });
        }
        if rustix::net::recv(&socket, &mut [0; 1][..], RecvFlags::DONTWAIT).is_ok() {
            return Ok(Heard::Answer);
        }
    }
    Ok(Heard::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn a_port_nobody_has_answers_small_and_full_datagrams() {
        for host in ["127.0.0.1", "::1"] {
            let closed = UdpSocket::bind((host, 0)).unwrap().local_addr().unwrap();
            assert_eq!(datagram(closed, soon()).unwrap().ended, Ended::Refused);
            let sizes = sizes(closed, 1500, soon()).unwrap();
            assert_eq!((sizes.small, sizes.large, sizes.is_hole()), ((1, 1), (1, 1), false), "{host}");
        }
    }
}
