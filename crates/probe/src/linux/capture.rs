//! Frames of all interfaces by a packet socket (packet(7)), which needs CAP_NET_RAW: "cooked", from the IP header on, each
//! with the kernel's time, and filtered in the kernel.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use socket2::{SockFilter, SockRef};

use super::sys;
use crate::sockets::Protocol;
use crate::trace::capture::Frame;
use crate::trace::look::now;

/// Bytes that are kept of a frame. On loopback one may have 64 KiB and its headers.
const LONGEST: usize = 66 * 1024;

/// Bytes that may wait in the kernel until they are read.
const WAITING: i32 = 8 << 20;

/// How long the kernel is given to begin to stamp.
const STAMPLESS: Duration = Duration::from_millis(50);

const ETH_P_ALL: u16 = 3;
/// `PACKET_OUTGOING` of `sll_pkttype`.
const OUTGOING: u8 = 4;
/// `ARPHRD_LOOPBACK` of `sll_hatype`.
const LOOPBACK: u16 = 772;

/// A packet socket.
#[derive(Debug)]
pub(crate) struct Capture {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Capture {
    /// Captures what goes to or comes from this port, of either end, and ICMP. `EPERM` without the right to.
    pub(crate) fn open(protocol: Protocol, port: u16) -> io::Result<Self> {
        // Of no protocol yet, so that nothing comes before the filter stands.
        let socket =
            rustix::net::socket_with(AddressFamily::PACKET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        SockRef::from(&socket).attach_filter(&filter(protocol, port))?;
        sys::set_number(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        // Beyond the system's limit with CAP_NET_ADMIN alone; less is no reason not to begin.
        let forced = sys::set_number(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, WAITING);
        forced.or_else(|_| sys::set_number(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, WAITING))?;
        let mut address = [0; size_of::<libc::sockaddr_ll>()];
        address[..2].copy_from_slice(&u16::try_from(libc::AF_PACKET).unwrap_or_default().to_ne_bytes());
        address[2..4].copy_from_slice(&ETH_P_ALL.to_be_bytes());
        sys::bind(&socket, &address)?;
        await_stamps();
        Ok(Self { socket, buffer: vec![0; LONGEST] })
    }

    /// Waits this long for a frame.
    pub(crate) fn wait(&self, patience: Duration) -> io::Result<()> {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        match poll(&mut sockets, Some(&patience)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next frame that is there; `None` if there is none. On loopback each passes twice: the one that is received is
    /// taken.
    pub(crate) fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let mut control = [0; 16];
            let mut from = sys::Address::default();
            let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
            let got = match sys::receive(&self.socket, &mut self.buffer, &mut control, &mut from, flags) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // An interface went down; the others go on.
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => continue,
                Err(error) => return Err(error),
            };
            let frame = frame(&from.bytes, &self.buffer, got.data, stamp(&control, got.control));
            if !(frame.hardware == LOOPBACK && frame.kind == OUTGOING) {
                return Ok(Some(frame));
            }
        }
    }

    /// How many frames the kernel had no room for, since this was asked last.
    pub(crate) fn drops(&self) -> io::Result<u32> {
        // `struct tpacket_stats`: packets, drops. Reading it sets it to zero.
        let mut figures = [0; 8];
        sys::option(&self.socket, libc::SOL_PACKET, libc::PACKET_STATISTICS, &mut figures)?;
        let [_, _, _, _, drops @ ..] = figures;
        Ok(u32::from_ne_bytes(drops))
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits until the kernel stamps packets as they come: it begins to, a little after somebody first asks for it, and until
/// then they get the time at which they are read. A datagram to oneself shows it.
fn await_stamps() {
    let attempt = || -> io::Result<()> {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(socket.local_addr()?)?;
        socket.set_nonblocking(true)?;
        sys::set_number(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        let began = Instant::now();
        while began.elapsed() < STAMPLESS {
            socket.send(&[0])?;
            let sent = now();
            std::thread::yield_now();
            let (mut control, mut from) = ([0; 16], sys::Address::default());
            let got = sys::receive(&socket, &mut [0], &mut control, &mut from, libc::MSG_DONTWAIT)?;
            if stamp(&control, got.control).is_some_and(|at| at <= sent) {
                break;
            }
        }
        Ok(())
    };
    // Without loopback there is nothing to be seen, and times are a little late.
    let _seen = attempt();
}

/// A frame by its `sockaddr_ll`.
fn frame(address: &[u8; 128], buffer: &[u8], length: usize, at: Option<u64>) -> Frame {
    let mut hardware_address = [0; 8];
    hardware_address.copy_from_slice(&address[12..20]);
    Frame {
        at,
        protocol: u16::from_be_bytes([address[2], address[3]]),
        interface: u32::from_ne_bytes([address[4], address[5], address[6], address[7]]),
        hardware: u16::from_ne_bytes([address[8], address[9]]),
        kind: address[10],
        address_length: address[11].min(8),
        address: hardware_address,
        length: u32::try_from(length).unwrap_or(u32::MAX),
        data: buffer.get(..length).unwrap_or(buffer).to_vec(),
        ends: None,
    }
}

/// The kernel's time of a message, in nanoseconds since 1970-01-01T00:00:00Z.
fn stamp(control: &[u64], length: usize) -> Option<u64> {
    let found = sys::control(control, length)
        .find(|(level, kind, _)| (*level, *kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS));
    nanoseconds(&found?.2)
}

/// A `struct timespec` in nanoseconds.
pub(crate) fn nanoseconds(bytes: &[u8]) -> Option<u64> {
    const WORD: usize = size_of::<libc::time_t>();
    let number = |at: usize| -> Option<u64> {
        let word = bytes.get(at..at + WORD)?;
        match WORD {
            4 => u64::try_from(i32::from_ne_bytes(word.try_into().ok()?)).ok(),
            _ => u64::try_from(i64::from_ne_bytes(word.try_into().ok()?)).ok(),
        }
    };
    number(0)?.checked_mul(1_000_000_000)?.checked_add(number(WORD)?)
}

/// One instruction of classic BPF (the kernel's `Documentation/networking/filter.rst`).
mod op {
    pub(super) const LOAD_HALF: u16 = 0x28;
    pub(super) const LOAD_BYTE: u16 = 0x30;
    pub(super) const LOAD_HALF_AT_X: u16 = 0x48;
    /// X becomes four times the low half of a byte: the length of an IPv4 header.
    pub(super) const HEADER_TO_X: u16 = 0xb1;
    pub(super) const EQUALS: u16 = 0x15;
    pub(super) const HAS_BITS: u16 = 0x45;
    pub(super) const SHIFT_RIGHT: u16 = 0x74;
    pub(super) const RETURN: u16 = 0x06;
}

/// Takes TCP or UDP of this port in IPv4 and IPv6, ICMP of either, and IPv6 with extension headers, which is looked at
/// later. Packets begin with the IP header.
fn filter(protocol: Protocol, port: u16) -> Vec<SockFilter> {
    const SIX: usize = 14;
    const SIX_PORTS: usize = 20;
    const TAKE: usize = 24;
    const DROP: usize = 25;
    let number = match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    };
    let port = u32::from(port);
    // What is done, with what, and where it goes on: if so, and if not. Nothing said: at the next.
    let steps: [(u16, u32, usize, usize); 26] = [
        (op::LOAD_BYTE, 0, 0, 0),
        (op::SHIFT_RIGHT, 4, 0, 0),
        (op::EQUALS, 4, 4, 3),
        (op::EQUALS, 6, SIX, DROP),
        (op::LOAD_BYTE, 9, 0, 0),
        (op::EQUALS, 1, TAKE, 6),
        (op::EQUALS, number, 7, DROP),
        (op::LOAD_HALF, 6, 0, 0),
        (op::HAS_BITS, 0x1fff, DROP, 9),
        (op::HEADER_TO_X, 0, 0, 0),
        (op::LOAD_HALF_AT_X, 0, 0, 0),
        (op::EQUALS, port, TAKE, 12),
        (op::LOAD_HALF_AT_X, 2, 0, 0),
        (op::EQUALS, port, TAKE, DROP),
        (op::LOAD_BYTE, 6, 0, 0),
        (op::EQUALS, number, SIX_PORTS, 16),
        (op::EQUALS, 58, TAKE, 17),
        (op::EQUALS, 0, TAKE, 18),
        (op::EQUALS, 43, TAKE, 19),
        (op::EQUALS, 60, TAKE, DROP),
        (op::LOAD_HALF, 40, 0, 0),
        (op::EQUALS, port, TAKE, 22),
        (op::LOAD_HALF, 42, 0, 0),
        (op::EQUALS, port, TAKE, DROP),
        (op::RETURN, u32::MAX, 0, 0),
        (op::RETURN, 0, 0, 0),
    ];
    let offset = |at: usize, to: usize| u8::try_from(to.saturating_sub(at + 1)).unwrap_or_default();
    let step = |(at, (code, value, yes, no)): (usize, &(u16, u32, usize, usize))| {
        SockFilter::new(*code, offset(at, *yes), offset(at, *no), *value)
    };
    steps.iter().enumerate().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_and_nanoseconds() {
        let stamp = [5_i64.to_ne_bytes(), 7_i64.to_ne_bytes()].concat();
        assert_eq!(nanoseconds(&stamp), Some(5_000_000_007));
        assert_eq!(nanoseconds(&stamp[..9]), None);
        assert_eq!(nanoseconds(&[0xff; 16]), None);
    }
}
