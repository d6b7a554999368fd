//! Datagram sockets: one shape for a client's socket and a server's, over UDP and Unix.
//!
//! One task at a time may wait for receiving and one for sending: a server's sockets belong to its demultiplexer.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use nix::sys::socket::{MsgFlags, UnixAddr, sendto};
use sockeye_core::Address;
use tokio::io::{Interest, Ready};
use tokio::net::{UdpSocket, UnixDatagram};

use crate::address::{abstract_name, of_unix};
use crate::pktinfo;
use crate::socket_file::SocketFile;

/// A datagram socket.
#[derive(Debug)]
pub enum Datagram {
    /// UDP (RFC 768).
    Udp(Udp),
    /// A Unix datagram socket.
    Unix(Unixgram),
}

/// A UDP socket and whom it is for.
#[derive(Debug)]
pub struct Udp {
    socket: Arc<UdpSocket>,
    /// Whom a client dialled. Only a unicast peer is connected to: answers to a group or a broadcast come from others.
    peer: Option<SocketAddr>,
    /// What ICMP says of a peer that is connected to.
    errors: Option<RefCell<Errors>>,
    /// Whether the system says which address a datagram was sent to.
    pktinfo: bool,
}

/// A Unix datagram socket and whom it is for.
#[derive(Debug)]
pub struct Unixgram {
    pub(crate) socket: UnixDatagram,
    pub(crate) connected: bool,
    pub(crate) file: Option<SocketFile>,
}

/// What is known of a datagram that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Bytes put into the buffer.
    pub len: usize,
    /// The datagram was longer than the buffer, and the rest is lost. On Unix also told of one that just fits.
    pub truncated: bool,
    /// Who sent it. A Unix sender without a name cannot be answered.
    pub from: Address,
    /// Which of our addresses to answer from, where the socket is bound to a wildcard or a group.
    pub to: Option<IpAddr>,
}

impl Datagram {
    /// The transport's scheme.
    pub const fn transport(&self) -> &'static str {
        match self {
            Self::Udp(_) => "udp",
            Self::Unix(_) => "unixgram",
        }
    }

    /// The next datagram. An error is about this socket's past sends (an ICMP message), and receiving may go on.
    pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
        loop {
            let result = match self {
                Self::Udp(it) => {
                    ready!(it.poll_recv_ready(cx))?;
                    it.try_recv(buffer)
                }
                Self::Unix(it) => {
                    ready!(it.socket.poll_recv_ready(cx))?;
                    it.try_recv(buffer)
                }
            };
            match result {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Sends one whole datagram, which may be empty, or nothing: `WouldBlock` while the socket's buffer is full.
    /// `to` is needed on a server's socket; a client's goes to whom it dialled. `from` is [`Received::to`] of what is
    /// answered. `ConnectionRefused` is about an earlier datagram (ICMP), and then this one was not sent.
    pub fn try_send(&self, data: &[u8], to: Option<&Address>, from: Option<IpAddr>) -> io::Result<()> {
        match (self, to) {
            (Self::Udp(it), None) => it.try_send(data, it.peer, from),
            (Self::Udp(it), Some(Address::Ip(to))) => it.try_send(data, Some(*to), from),
            (Self::Unix(it), None) if it.connected => it.socket.try_send(data).map(drop),
            (Self::Unix(it), Some(Address::Unix(Some(to)))) => it.try_send(data, to),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// As [`Datagram::try_send`], waiting while the socket's buffer is full. Not so for a Unix datagram to a named
    /// address: there it is the receiver's queue that is full, the system tells nobody when it has room, and the
    /// `WouldBlock` is handed on.
    pub fn poll_send(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        to: Option<&Address>,
        from: Option<IpAddr>,
    ) -> Poll<io::Result<()>> {
        for _ in 0..2 {
            match self.try_send(data, to, from) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => return Poll::Ready(result),
            }
            match self {
                Self::Udp(it) => ready!(it.socket.poll_send_ready(cx))?,
                Self::Unix(_) if to.is_some() => return Poll::Ready(Err(ErrorKind::WouldBlock.into())),
                Self::Unix(it) => ready!(it.socket.poll_send_ready(cx))?,
            }
        }
        // After an ICMP error the runtime takes the socket for closed, and so for writable, for good.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Our end, as the socket is bound.
    pub fn local(&self) -> io::Result<Address> {
        match self {
            Self::Udp(it) => it.socket.local_addr().map(Address::Ip),
            Self::Unix(Unixgram { file: Some(file), .. }) => Ok(Address::Unix(Some(file.path().into()))),
            Self::Unix(it) => it.socket.local_addr().map(|end| of_unix(&end)),
        }
    }

    /// Whom a client dialled; `None` on a server's socket.
    pub fn remote(&self) -> Option<Address> {
        match self {
            Self::Udp(it) => it.peer.map(Address::Ip),
            Self::Unix(it) if it.connected => it.socket.peer_addr().ok().map(|end| of_unix(&end)),
            Self::Unix(_) => None,
        }
    }

    /// Whether datagrams of others than [`Datagram::remote`] arrive too: a group and a broadcast are answered by many.
    pub const fn hears_others(&self) -> bool {
        match self {
            Self::Udp(it) => it.errors.is_none(),
            Self::Unix(it) => !it.connected,
        }
    }
}

impl Udp {
    /// The socket of a client that has connected it to `peer`.
    pub(crate) fn connected(socket: UdpSocket, peer: SocketAddr) -> Self {
        let socket = Arc::new(socket);
        let errors = Some(RefCell::new(Errors::of(&socket)));
        Self { socket, peer: Some(peer), errors, pktinfo: false }
    }

    /// The socket of a client that sends to a group or a broadcast address, and hears everybody.
    pub(crate) fn unconnected(socket: UdpSocket, peer: SocketAddr) -> Self {
        Self { socket: Arc::new(socket), peer: Some(peer), errors: None, pktinfo: false }
    }

    /// A server's socket; `pktinfo` where the system was asked to say which address a datagram was sent to.
    pub(crate) fn server(socket: UdpSocket, pktinfo: bool) -> Self {
        Self { socket: Arc::new(socket), peer: None, errors: None, pktinfo }
    }

    fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = self.socket.poll_recv_ready(cx);
        match &self.errors {
            Some(errors) if ready.is_pending() => errors.borrow_mut().poll(cx, &self.socket).map(Err),
            _ => ready,
        }
    }

    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let arrived = self.socket.try_io(Interest::READABLE, || pktinfo::receive(&self.socket, buffer))?;
        let pktinfo::Arrived { len, truncated, from, to } = arrived;
        Ok(Received { len, truncated, from: Address::Ip(from), to })
    }

    fn try_send(&self, data: &[u8], to: Option<SocketAddr>, from: Option<IpAddr>) -> io::Result<()> {
        let to = to.ok_or(ErrorKind::NotConnected)?;
        match from {
            _ if self.errors.is_some() => self.socket.try_send(data).map(drop),
            Some(from) if self.pktinfo && from.is_ipv4() == to.is_ipv4() => self
                .socket
                .try_io(Interest::WRITABLE, || pktinfo::send(&self.socket, data, to, from))
                .map(drop),
            _ => self.socket.try_send_to(data, to).map(drop),
        }
    }
}

impl Unixgram {
    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let (len, from) = self.socket.try_recv_from(buffer)?;
        Ok(Received { len, truncated: len == buffer.len(), from: of_unix(&from), to: None })
    }

    fn try_send(&self, data: &[u8], to: &Path) -> io::Result<()> {
        let Some(name) = abstract_name(to) else { return self.socket.try_send_to(data, to).map(drop) };
        let to = UnixAddr::new_abstract(name)?;
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let send = || sendto(self.socket.as_raw_fd(), data, &to, flags).map_err(io::Error::from);
        self.socket.try_io(Interest::WRITABLE, send).map(drop)
    }
}

/// Waits for ICMP errors. They do not make a socket readable, and the runtime wakes a reader for nothing else, so
/// without this a client would wait for ever for the answer of a port that nobody has.
struct Errors {
    next: Pin<Box<dyn Future<Output = io::Result<Ready>> + Send>>,
}

impl Errors {
    fn of(socket: &Arc<UdpSocket>) -> Self {
        let socket = Arc::clone(socket);
        Self { next: Box::pin(async move { socket.ready(Interest::ERROR).await }) }
    }

    fn poll(&mut self, cx: &mut Context<'_>, socket: &Arc<UdpSocket>) -> Poll<io::Error> {
        loop {
            if let Err(error) = ready!(self.next.as_mut().poll(cx)) {
                return Poll::Ready(error);
            }
            // Takes the readiness back, so that the next wait is for the next error.
            let _taken: io::Result<()> = socket.try_io(Interest::ERROR, || Err(ErrorKind::WouldBlock.into()));
            *self = Self::of(socket);
            match socket.take_error() {
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => return Poll::Ready(error),
            }
        }
    }
}

impl fmt::Debug for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errors")
    }
}
