//! What the system says of a datagram beside its bytes, and is told: which of our addresses it was sent to, and answers
//! that leave from it (`IP_PKTINFO`, ip(7); `IPV6_PKTINFO`, RFC 3542, section 6), which a socket bound to a wildcard
//! address needs; and how long each of several datagrams is that travel as one train (`UDP_GRO`, `UDP_SEGMENT`, udp(7)).
//!
//! Control messages are laid out by hand and in place: a library's call would allocate one for every answer.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{offset_of, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt::Ipv4PacketInfo,
    sockopt::Ipv6RecvPacketInfo,
};
use socket2::{MsgHdr, SockAddr, SockRef};

/// One datagram's length and addresses, or those of a train.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) len: usize,
    /// How long each datagram of a train is; the last may be shorter. `None`: it is one datagram.
    pub(crate) segment: Option<usize>,
    pub(crate) truncated: bool,
    pub(crate) from: SocketAddr,
    pub(crate) to: Option<IpAddr>,
}

/// Room for an address of either family and a segment's length, aligned as the system lays them out.
#[repr(align(8))]
struct Control([u8; 96]);

/// Asks the system to say where datagrams were sent to.
pub(crate) fn enable(socket: &impl AsFd, is_ipv4: bool) -> io::Result<()> {
    if is_ipv4 {
        setsockopt(socket, Ipv4PacketInfo, &true)?;
    } else {
        setsockopt(socket, Ipv6RecvPacketInfo, &true)?;
    }
    Ok(())
}

/// Receives one datagram without waiting; a train, where the socket takes trains.
pub(crate) fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Arrived> {
    let mut control = Control([0; 96]);
    let mut buffers = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut buffers,
        Some(&mut control.0),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let from = message.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
    let (mut to, mut segment) = (None, None);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                // The address to answer from: for a group or a broadcast this is the interface's own.
                to = Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()).into());
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                to = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr))
                    .filter(|to| !to.is_multicast())
                    .map(IpAddr::V6);
            }
            #[cfg(target_os = "linux")]
            ControlMessageOwned::UdpGroSegments(each) => {
                segment = usize::try_from(each).ok().filter(|each| (1..message.bytes).contains(each));
            }
            _ => {}
        }
    }
    let truncated = message.flags.contains(MsgFlags::MSG_TRUNC);
    Ok(Arrived { len: message.bytes, segment, truncated, from, to })
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from.as_sockaddr_in().map(|from| SocketAddrV4::from(*from).into());
    v4.or_else(|| from.as_sockaddr_in6().map(|from| SocketAddrV6::from(*from).into()))
}

/// Where a datagram goes, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// To whom; `None` where the socket is connected.
    pub(crate) to: Option<SocketAddr>,
    /// From which of our addresses, where the system is not to choose.
    pub(crate) from: Option<IpAddr>,
    /// The bytes are a train of datagrams of this length, of which the last may be shorter.
    pub(crate) segment: Option<u16>,
}

/// Sends one datagram, or a train, without waiting.
pub(crate) fn send(socket: &impl AsFd, data: &[u8], way: Way) -> io::Result<usize> {
    let mut control = Control([0; 96]);
    let used = lay_out(&mut control.0, way);
    let (to, buffers) = (way.to.map(SockAddr::from), [IoSlice::new(data)]);
    let mut message = MsgHdr::new().with_buffers(&buffers);
    if let Some(to) = &to {
        message = message.with_addr(to);
    }
    if used > 0 {
        message = message.with_control(&control.0[..used]);
    }
    SockRef::from(socket).sendmsg(&message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
}

/// Writes the control messages into zeroed room and returns their length, padding included.
#[cfg(target_os = "linux")]
fn lay_out(room: &mut [u8], way: Way) -> usize {
    let mut used = 0;
    match way.from {
        Some(IpAddr::V4(from)) => {
            let mut data = [0; size_of::<libc::in_pktinfo>()];
            let at = offset_of!(libc::in_pktinfo, ipi_spec_dst);
            data[at..at + 4].copy_from_slice(&from.octets());
            used += put(&mut room[used..], libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
        }
        Some(IpAddr::V6(from)) => {
            let mut data = [0; size_of::<libc::in6_pktinfo>()];
            let at = offset_of!(libc::in6_pktinfo, ipi6_addr);
            data[at..at + 16].copy_from_slice(&from.octets());
            used += put(&mut room[used..], libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data);
        }
        None => {}
    }
    if let Some(segment) = way.segment {
        used += put(&mut room[used..], libc::SOL_UDP, libc::UDP_SEGMENT, &segment.to_ne_bytes());
    }
    used
}

/// Writes one control message and returns its length, padding included.
#[cfg(target_os = "linux")]
fn put(room: &mut [u8], level: libc::c_int, kind: libc::c_int, data: &[u8]) -> usize {
    /// The header is a multiple of a word, so the data follows it at once (CMSG_DATA).
    const HEADER: usize = size_of::<libc::cmsghdr>();
    const { assert!(HEADER.is_multiple_of(size_of::<usize>())) };
    let mut write = |at: usize, bytes: &[u8]| room[at..at + bytes.len()].copy_from_slice(bytes);
    write(offset_of!(libc::cmsghdr, cmsg_len), &(HEADER + data.len()).to_ne_bytes());
    write(offset_of!(libc::cmsghdr, cmsg_level), &level.to_ne_bytes());
    write(offset_of!(libc::cmsghdr, cmsg_type), &kind.to_ne_bytes());
    write(HEADER, data);
    HEADER + data.len().next_multiple_of(size_of::<usize>())
}

/// Elsewhere the layout differs, and the system picks the address.
#[cfg(not(target_os = "linux"))]
fn lay_out(_room: &mut [u8], _way: Way) -> usize {
    0
}
