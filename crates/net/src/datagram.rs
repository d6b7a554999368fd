//! Datagram sockets: one shape for a client's socket and a server's, over UDP and Unix.
//!
//! Where the system has it, several UDP datagrams travel through one call, as a train: all but the last are of one length,
//! and the kernel cuts them apart again. Whoever reads a socket that hears trains ([`Datagram::hear_trains`]) takes what one
//! read gave apart with [`Received::spans`]; whoever sends one ([`Datagram::poll_send_train`]) need not know whether the
//! system took it whole.
//!
//! One task at a time may wait for receiving and one for sending: a server's sockets belong to its demultiplexer.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
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
use crate::pktinfo::{self, Way};
use crate::socket_file::SocketFile;
use crate::train::Trains;

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
    /// Which trains the system takes.
    trains: Trains,
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
    /// Bytes of each datagram, of which the last may have fewer: as many as `len` unless it is a train.
    pub segment: usize,
    /// The (last) datagram was longer than the buffer, and the rest is lost. On Unix also told of one that just fits.
    pub truncated: bool,
    /// Who sent it. A Unix sender without a name cannot be answered.
    pub from: Address,
    /// Which of our addresses to answer from, where the socket is bound to a wildcard or a group.
    pub to: Option<IpAddr>,
}

impl Received {
    /// Where each datagram is in the buffer; an empty one is an empty range.
    pub fn spans(&self) -> Spans {
        Spans { at: 0, segment: self.segment, len: self.len, is_empty: self.len == 0 }
    }

    /// How many datagrams there are.
    pub fn count(&self) -> usize {
        self.len.div_ceil(self.segment.max(1)).max(1)
    }
}

/// Where the datagrams of one read are. It can be left and gone on with.
#[derive(Clone, Debug)]
pub struct Spans {
    at: usize,
    segment: usize,
    len: usize,
    is_empty: bool,
}

impl Iterator for Spans {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        if self.at >= self.len {
            return std::mem::take(&mut self.is_empty).then_some(0..0);
        }
        let start = self.at;
        self.at = self.len.min(start + self.segment.max(1));
        Some(start..self.at)
    }
}

impl Datagram {
    /// The transport's scheme.
    pub const fn transport(&self) -> &'static str {
        match self {
            Self::Udp(_) => "udp",
            Self::Unix(_) => "unixgram",
        }
    }

    /// From now on one read may give several datagrams of one sender. A buffer of 64 KiB holds every train.
    pub fn hear_trains(&self) {
        if let Self::Udp(it) = self {
            it.trains.hear(&*it.socket);
        }
    }

    /// Sends and hears every datagram by itself, as where the system knows no trains.
    #[must_use]
    pub fn without_trains(self) -> Self {
        match self {
            Self::Udp(it) => Self::Udp(Udp { trains: Trains::none(), ..it }),
            unix @ Self::Unix(_) => unix,
        }
    }

    /// How many bytes a train of datagrams of so many bytes may have; at least those of one.
    pub const fn train(&self, segment: usize) -> usize {
        match self {
            Self::Udp(it) => it.trains.room(segment),
            Self::Unix(_) => segment,
        }
    }

    /// The next datagram, or several of one sender. An error is about this socket's past sends (an ICMP message), and
    /// receiving may go on.
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
        self.poll_sending(cx, to, || self.try_send(data, to, from))
    }

    /// Sends datagrams of `segment` bytes each, of which the last may have fewer; none is empty unless `data` is. How many
    /// bytes were sent, which are whole datagrams from the beginning. An error is about the first of them.
    pub fn try_send_train(
        &self,
        data: &[u8],
        segment: usize,
        to: Option<&Address>,
        from: Option<IpAddr>,
    ) -> io::Result<usize> {
        match (self, to) {
            (Self::Udp(it), None) => it.try_send_train(data, segment, it.peer, from),
            (Self::Udp(it), Some(Address::Ip(to))) => it.try_send_train(data, segment, Some(*to), from),
            _ => {
                let first = &data[..data.len().min(segment)];
                self.try_send(first, to, from).map(|()| first.len())
            }
        }
    }

    /// As [`Datagram::try_send_train`], and waits as [`Datagram::poll_send`] does.
    pub fn poll_send_train(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        segment: usize,
        to: Option<&Address>,
        from: Option<IpAddr>,
    ) -> Poll<io::Result<usize>> {
        self.poll_sending(cx, to, || self.try_send_train(data, segment, to, from))
    }

    fn poll_sending<T>(
        &self,
        cx: &mut Context<'_>,
        to: Option<&Address>,
        send: impl Fn() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        for _ in 0..2 {
            match send() {
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
        let trains = Trains::of(&*socket);
        Self { socket, peer: Some(peer), errors, pktinfo: false, trains }
    }

    /// The socket of a client that sends to a group or a broadcast address, and hears everybody.
    pub(crate) fn unconnected(socket: UdpSocket, peer: SocketAddr) -> Self {
        let trains = Trains::of(&socket);
        Self { socket: Arc::new(socket), peer: Some(peer), errors: None, pktinfo: false, trains }
    }

    /// A server's socket; `pktinfo` where the system was asked to say which address a datagram was sent to.
    pub(crate) fn server(socket: UdpSocket, pktinfo: bool) -> Self {
        let trains = Trains::of(&socket);
        Self { socket: Arc::new(socket), peer: None, errors: None, pktinfo, trains }
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
        let pktinfo::Arrived { len, segment, truncated, from, to } = arrived;
        Ok(Received { len, segment: segment.unwrap_or(len), truncated, from: Address::Ip(from), to })
    }

    fn try_send(&self, data: &[u8], to: Option<SocketAddr>, from: Option<IpAddr>) -> io::Result<()> {
        let to = to.ok_or(ErrorKind::NotConnected)?;
        match from {
            _ if self.errors.is_some() => self.socket.try_send(data).map(drop),
            Some(_) if self.pktinfo => self.try_send_on(data, self.way(to, from, None)),
            _ => self.socket.try_send_to(data, to).map(drop),
        }
    }

    fn try_send_on(&self, data: &[u8], way: Way) -> io::Result<()> {
        self.socket.try_io(Interest::WRITABLE, || pktinfo::send(&self.socket, data, way)).map(drop)
    }

    /// Where and how to send: from the address that was asked, where the system told it and the families agree.
    fn way(&self, to: SocketAddr, from: Option<IpAddr>, segment: Option<u16>) -> Way {
        let from = from.filter(|from| self.pktinfo && from.is_ipv4() == to.is_ipv4());
        Way { to: Some(to).filter(|_| self.errors.is_none()), from, segment }
    }

    fn try_send_train(
        &self,
        data: &[u8],
        segment: usize,
        to: Option<SocketAddr>,
        from: Option<IpAddr>,
    ) -> io::Result<usize> {
        let room = self.trains.room(segment).min(data.len());
        let mut refused = None;
        if room > segment
            && let Ok(each) = u16::try_from(segment)
        {
            let whole = to.ok_or(ErrorKind::NotConnected)?;
            match self.try_send_on(&data[..room], self.way(whole, from, Some(each))) {
                Ok(()) => return Ok(room),
                Err(error) if Trains::is_refusal(&error) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        let mut sent = 0;
        loop {
            let end = data.len().min(sent + segment.max(1));
            match self.try_send(&data[sent..end], to, from) {
                Ok(()) => sent = end,
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
            if let Some(error) = refused.take() {
                // One of them alone is taken, so it was the train that was not.
                self.trains.refused(&error, segment, room.div_ceil(segment));
            }
            if sent >= data.len() {
                return Ok(sent);
            }
        }
    }
}

impl Unixgram {
    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let (len, from) = self.socket.try_recv_from(buffer)?;
        let truncated = len == buffer.len();
        Ok(Received { len, segment: len, truncated, from: of_unix(&from), to: None })
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
