//! Netlink (netlink(7), RFC 3549): requests, dumps and events, as messages whose payload the caller reads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::sys;

/// Bytes of one read. The kernel writes dumps in pieces of at most 32 KiB (`NLMSG_GOODSIZE`).
const BUFFER: usize = 64 * 1024;

/// How long an answer may take. The kernel answers at once; a dump that does not end is given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Messages of one dump at the most.
const MESSAGES: usize = 4_000_000;

/// Bytes of a message's header (`nlmsghdr`).
const HEADER: usize = 16;

/// What a request may carry beside what every one has.
pub(crate) mod flag {
    pub(crate) const REQUEST: u16 = 1;
    pub(crate) const ACK: u16 = 4;
    pub(crate) const DUMP: u16 = 0x300;
}

const ERROR: u16 = 2;
const DONE: u16 = 3;

/// One message of the kernel's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// `nlmsg_type`.
    pub(crate) kind: u16,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

/// A netlink socket.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens one of a protocol, as `NETLINK_ROUTE`, that hears the multicast groups whose bits (from 1) are set.
    pub(crate) fn open(protocol: libc::c_int, groups: u32) -> io::Result<Self> {
        let protocol = u32::try_from(protocol).ok().and_then(std::num::NonZeroU32::new);
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol.map(rustix::net::Protocol::from_raw),
        )?;
        let mut address = [0; 12];
        address[..2].copy_from_slice(&u16::try_from(libc::AF_NETLINK).unwrap_or_default().to_ne_bytes());
        address[8..].copy_from_slice(&groups.to_ne_bytes());
        sys::bind(&socket, &address)?;
        rustix::net::sockopt::set_socket_timeout(
            &socket,
            rustix::net::sockopt::Timeout::Recv,
            Some(PATIENCE),
        )?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; BUFFER] })
    }

    /// Sends a request and takes each message of the answer. The kernel's refusal is the error it names.
    pub(crate) fn request(
        &mut self,
        kind: u16,
        flags: u16,
        payload: &[u8],
        mut take: impl FnMut(Message<'_>),
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let length =
            u32::try_from(HEADER + payload.len()).map_err(|_too_long| io::ErrorKind::InvalidInput)?;
        let mut request = Vec::with_capacity(HEADER + payload.len());
        request.extend(length.to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend((flags | flag::REQUEST).to_ne_bytes());
        request.extend(self.sequence.to_ne_bytes());
        request.extend([0; 4]);
        request.extend(payload);
        rustix::net::send(&self.socket, &request, SendFlags::empty())?;
        let ends_with_done = flags & flag::DUMP == flag::DUMP;
        let (mut buffer, sequence) = (std::mem::take(&mut self.buffer), self.sequence);
        let answered = self.answer(&mut buffer, sequence, ends_with_done, flags & flag::ACK != 0, &mut take);
        self.buffer = buffer;
        answered
    }

    fn answer(
        &self,
        buffer: &mut [u8],
        sequence: u32,
        is_dump: bool,
        is_acknowledged: bool,
        take: &mut impl FnMut(Message<'_>),
    ) -> io::Result<()> {
        let mut taken = 0;
        loop {
            let (_, length) = rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::TRUNC)?;
            if length > buffer.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            for (header, message) in messages(&buffer[..length]) {
                if header.sequence != sequence {
                    continue;
                }
                match message.kind {
                    DONE => return Ok(()),
                    ERROR => return refusal(message.payload),
                    _ => take(message),
                }
                taken += 1;
                if taken >= MESSAGES {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                if !is_dump && !is_acknowledged {
                    return Ok(());
                }
            }
        }
    }

    /// Takes the events that are there, without waiting. `ENOBUFS`: the kernel dropped some, as many as it does not say.
    pub(crate) fn events(&mut self, mut take: impl FnMut(Message<'_>)) -> io::Result<()> {
        loop {
            match rustix::net::recv(&self.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((length, _)) => {
                    for (_, message) in messages(&self.buffer[..length.min(BUFFER)]) {
                        take(message);
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

struct Header {
    sequence: u32,
}

/// The messages in a buffer. What is cut off at its end is left out.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (Header, Message<'_>)> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let whole = bytes.get(..length).filter(|whole| whole.len() >= HEADER)?;
        let kind = u16::from_ne_bytes([whole[4], whole[5]]);
        let sequence = u32::from_ne_bytes([whole[8], whole[9], whole[10], whole[11]]);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((Header { sequence }, Message { kind, payload: &whole[HEADER..] }))
    })
}

/// What an error message says: nothing wrong, where it is an acknowledgement.
fn refusal(payload: &[u8]) -> io::Result<()> {
    let number = payload.get(..4).map_or(0, |code| i32::from_ne_bytes([code[0], code[1], code[2], code[3]]));
    if number == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(number.saturating_neg())) }
}

/// The attributes in these bytes (`rtattr`, `nlattr`): type without its flag bits, and value.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const FLAGS: u16 = 0xc000;
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & !FLAGS;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Appends an attribute.
pub(crate) fn put_attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.extend(u16::try_from(4 + value.len()).unwrap_or(u16::MAX).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for all links (`RTM_GETLINK`), among which is loopback, and for none that has this index.
    #[test]
    fn a_dump_ends_and_a_refusal_is_an_error() {
        let mut netlink = Netlink::open(libc::NETLINK_ROUTE, 0).unwrap();
        let mut names = Vec::new();
        netlink
            .request(18, flag::DUMP, &[0; 16], |message| {
                let name = attributes(&message.payload[16..]).find(|(kind, _)| *kind == 3);
                names.extend(name.map(|(_, name)| name.to_vec()));
            })
            .unwrap();
        assert!(names.contains(&b"lo\0".to_vec()), "{names:?}");
        let mut link = [0; 16];
        link[4..8].copy_from_slice(&0x7fff_0000_i32.to_ne_bytes());
        let refused = netlink.request(18, 0, &link, |_| {}).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn attributes_are_read_as_they_are_written() {
        let mut bytes = Vec::new();
        put_attribute(&mut bytes, 3, b"lo\0");
        put_attribute(&mut bytes, 0x8004, &[1, 2, 3, 4]);
        bytes.extend([9, 0]);
        let read: Vec<_> = attributes(&bytes).collect();
        assert_eq!(read, [(3, &b"lo\0"[..]), (4, &[1, 2, 3, 4][..])]);
    }
}
