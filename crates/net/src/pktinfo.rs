//! Which of our addresses a datagram was sent to, and answers that leave from it (`IP_PKTINFO`, ip(7);
//! `IPV6_PKTINFO`, RFC 3542, section 6). A socket bound to a wildcard address needs both.
//!
//! The control message is laid out by hand and in place: a library's call would allocate one for every answer.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{offset_of, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt::Ipv4PacketInfo,
    sockopt::Ipv6RecvPacketInfo,
};
use socket2::{MsgHdr, SockAddr, SockRef};

/// One datagram's length and addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    pub(crate) len: usize,
    pub(crate) truncated: bool,
    pub(crate) from: SocketAddr,
    pub(crate) to: Option<IpAddr>,
}

/// Room for one control message of either family, aligned as the system lays them out.
#[repr(align(8))]
struct Control([u8; 64]);

/// Asks the system to say where datagrams were sent to.
pub(crate) fn enable(socket: &impl AsFd, is_ipv4: bool) -> io::Result<()> {
    if is_ipv4 {
        setsockopt(socket, Ipv4PacketInfo, &true)?;
    } else {
        setsockopt(socket, Ipv6RecvPacketInfo, &true)?;
    }
    Ok(())
}

/// Receives one datagram without waiting.
pub(crate) fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Arrived> {
    let mut control = Control([0; 64]);
    let mut buffers = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut buffers,
        Some(&mut control.0),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let from = message.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
    let to = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            // The address to answer from: for a group or a broadcast this is the interface's own.
            Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()).into())
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            Some(Ipv6Addr::from(info.ipi6_addr.s6_addr)).filter(|to| !to.is_multicast()).map(IpAddr::V6)
        }
        _ => None,
    });
    Ok(Arrived { len: message.bytes, truncated: message.flags.contains(MsgFlags::MSG_TRUNC), from, to })
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from.as_sockaddr_in().map(|from| SocketAddrV4::from(*from).into());
    v4.or_else(|| from.as_sockaddr_in6().map(|from| SocketAddrV6::from(*from).into()))
}

/// Sends one datagram to `to` from our address `from`, without waiting.
pub(crate) fn send(socket: &impl AsFd, data: &[u8], to: SocketAddr, from: IpAddr) -> io::Result<usize> {
    let mut control = Control([0; 64]);
    let used = lay_out(&mut control.0, from);
    let (to, buffers) = (SockAddr::from(to), [IoSlice::new(data)]);
    let message = MsgHdr::new().with_addr(&to).with_buffers(&buffers).with_control(&control.0[..used]);
    SockRef::from(socket).sendmsg(&message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
}

/// Writes one control message into zeroed room and returns its length, padding included.
#[cfg(target_os = "linux")]
fn lay_out(room: &mut [u8], from: IpAddr) -> usize {
    /// The header is a multiple of a word, so the data follows it at once (CMSG_DATA).
    const HEADER: usize = size_of::<libc::cmsghdr>();
    const { assert!(HEADER.is_multiple_of(size_of::<usize>())) };
    let (level, kind, data) = match from {
        IpAddr::V4(from) => {
            let at = HEADER + offset_of!(libc::in_pktinfo, ipi_spec_dst);
            room[at..at + 4].copy_from_slice(&from.octets());
            (libc::IPPROTO_IP, libc::IP_PKTINFO, size_of::<libc::in_pktinfo>())
        }
        IpAddr::V6(from) => {
            let at = HEADER + offset_of!(libc::in6_pktinfo, ipi6_addr);
            room[at..at + 16].copy_from_slice(&from.octets());
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, size_of::<libc::in6_pktinfo>())
        }
    };
    let mut put = |at: usize, bytes: &[u8]| room[at..at + bytes.len()].copy_from_slice(bytes);
    put(offset_of!(libc::cmsghdr, cmsg_len), &(HEADER + data).to_ne_bytes());
    put(offset_of!(libc::cmsghdr, cmsg_level), &level.to_ne_bytes());
    put(offset_of!(libc::cmsghdr, cmsg_type), &kind.to_ne_bytes());
    HEADER + data.next_multiple_of(size_of::<usize>())
}

/// Elsewhere the layout differs, and the system picks the address.
#[cfg(not(target_os = "linux"))]
fn lay_out(_room: &mut [u8], _from: IpAddr) -> usize {
    0
}
