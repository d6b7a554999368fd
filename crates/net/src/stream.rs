//! Streams and where they come from: one shape for every transport, so that a driver is written once.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use sockeye_core::Address;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::address;
use crate::layer::tls::TlsStream;
use crate::layer::ws::socket::Socket;
use crate::process::Process;
use crate::socket_file::SocketFile;
use crate::stdio::Stdio;
use crate::tap::{Tap, Tapped};

/// A connection that carries bytes.
#[derive(Debug)]
pub enum Stream {
    /// TCP (RFC 9293).
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
    /// TLS, on any of these.
    Tls(Box<TlsStream>),
    /// This process's stdin and stdout.
    Stdio(Box<Stdio>),
    /// A process started for the session.
    Process(Box<Process>),
    /// A WebSocket on any of these. As a stream it is the bytes of its messages.
    Ws(Box<Socket>),
    /// A stream whose bytes somebody is shown.
    Tap(Box<Tapped>),
    /// A stream some of whose bytes were read too early, by a handshake. It becomes the stream itself once they are read.
    Prefixed(Box<Prefixed>),
}

/// Bytes that stand before those of a stream.
#[derive(Debug)]
pub struct Prefixed {
    bytes: Vec<u8>,
    at: usize,
    /// Always there, until it takes this one's place.
    stream: Option<Stream>,
}

// There is one in every session's record.
const _: () = assert!(size_of::<Stream>() <= 40);

impl Stream {
    /// The transport's scheme; `exec` for a process. Inside a layer it is that of what carries it.
    pub fn transport(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Unix(_) => "unix",
            Self::Tls(stream) => stream.below().transport(),
            Self::Stdio(_) => "-",
            Self::Process(_) => "exec",
            Self::Ws(socket) => socket.below().transport(),
            Self::Tap(it) => it.below().transport(),
            Self::Prefixed(it) => it.stream.as_ref().map_or("", Self::transport),
        }
    }

    /// The stream with these bytes before what it will read.
    #[must_use]
    pub fn before(mut self, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return self;
        }
        if let Self::Ws(socket) = &mut self {
            socket.put_back(bytes);
            return self;
        }
        Self::Prefixed(Box::new(Prefixed { bytes: bytes.to_vec(), at: 0, stream: Some(self) }))
    }

    /// The stream with its bytes shown, if somebody wants to see them.
    #[must_use]
    pub(crate) fn tapped(self, tap: Option<Tap>) -> Self {
        match tap {
            Some(tap) => Self::Tap(Box::new(Tapped::new(self, tap))),
            None => self,
        }
    }

    /// Who is shown its bytes, if anybody is.
    pub(crate) fn tap(&self) -> Option<&Tap> {
        match self {
            Self::Tap(it) => Some(it.tap()),
            Self::Tls(stream) => stream.below().tap(),
            Self::Ws(socket) => socket.below().tap(),
            Self::Prefixed(it) => it.stream.as_ref().and_then(Self::tap),
            Self::Tcp(_) | Self::Unix(_) | Self::Stdio(_) | Self::Process(_) => None,
        }
    }

    /// Whether this is stdin and stdout.
    pub(crate) fn is_stdio(&self) -> bool {
        match self {
            Self::Tap(it) => it.below().is_stdio(),
            stream => matches!(stream, Self::Stdio(_)),
        }
    }

    /// Whether this is a process that was started for the session.
    pub(crate) fn is_process(&self) -> bool {
        match self {
            Self::Tap(it) => it.below().is_process(),
            stream => matches!(stream, Self::Process(_)),
        }
    }

    /// What binds a login to this connection (RFC 9266), where TLS is below.
    pub(crate) fn binding(&self) -> Option<[u8; 32]> {
        match self {
            Self::Tls(stream) => stream.binding(),
            Self::Ws(socket) => socket.below().binding(),
            Self::Tap(it) => it.below().binding(),
            Self::Prefixed(it) => it.stream.as_ref().and_then(Self::binding),
            Self::Tcp(_) | Self::Unix(_) | Self::Stdio(_) | Self::Process(_) => None,
        }
    }

    /// Whether nobody between the two ends can read what goes over it.
    pub(crate) fn is_private(&self) -> bool {
        match self {
            Self::Tls(stream) => stream.is_private(),
            Self::Ws(socket) => socket.below().is_private(),
            Self::Tap(it) => it.below().is_private(),
            Self::Prefixed(it) => it.stream.as_ref().is_some_and(Self::is_private),
            Self::Tcp(_) => false,
            Self::Unix(_) | Self::Stdio(_) | Self::Process(_) => true,
        }
    }

    /// Whether each write is one message and each read brings bytes of one.
    pub(crate) fn is_messages(&self) -> bool {
        match self {
            Self::Ws(_) => true,
            Self::Tap(it) => it.below().is_messages(),
            Self::Prefixed(it) => it.stream.as_ref().is_some_and(Self::is_messages),
            Self::Tcp(_) | Self::Unix(_) | Self::Tls(_) | Self::Stdio(_) | Self::Process(_) => false,
        }
    }

    /// Our end. Fails where the system does not tell.
    pub fn local(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(stream) => stream.local_addr().map(Address::Ip),
            Self::Unix(stream) => stream.local_addr().map(|end| address::of_unix(&end)),
            Self::Tls(stream) => stream.below().local(),
            Self::Stdio(_) | Self::Process(_) => Ok(Address::Stdio),
            Self::Ws(socket) => socket.below().local(),
            Self::Tap(it) => it.below().local(),
            Self::Prefixed(it) => it.stream.as_ref().map_or(Ok(Address::Unix(None)), Self::local),
        }
    }

    /// The peer's end. Fails where the system does not tell, as after an RST.
    pub fn remote(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map(Address::Ip),
            Self::Unix(stream) => stream.peer_addr().map(|end| address::of_unix(&end)),
            Self::Tls(stream) => stream.below().remote(),
            Self::Stdio(_) => Ok(Address::Stdio),
            Self::Process(process) => Ok(Address::Process(process.command().into())),
            Self::Ws(socket) => socket.below().remote(),
            Self::Tap(it) => it.below().remote(),
            Self::Prefixed(it) => it.stream.as_ref().map_or(Ok(Address::Unix(None)), Self::remote),
        }
    }

    /// Writes what can be written without waiting; `WouldBlock` if nothing can. Wait with `poll_write` then.
    pub fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(data),
            Self::Unix(stream) => stream.try_write(data),
            Self::Tls(_)
            | Self::Stdio(_)
            | Self::Process(_)
            | Self::Ws(_)
            | Self::Tap(_)
            | Self::Prefixed(_) => {
                match Pin::new(self).poll_write(&mut Context::from_waker(Waker::noop()), data) {
                    Poll::Ready(result) => result,
                    Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
                }
            }
        }
    }

    /// What broke the socket, if something did, and was not told by a read or write yet.
    pub fn take_error(&self) -> Option<io::Error> {
        match self {
            Self::Tcp(stream) => stream.take_error().ok().flatten(),
            Self::Unix(stream) => stream.take_error().ok().flatten(),
            Self::Tls(stream) => stream.below().take_error(),
            Self::Stdio(_) | Self::Process(_) => None,
            Self::Ws(socket) => socket.below().take_error(),
            Self::Tap(it) => it.below().take_error(),
            Self::Prefixed(it) => it.stream.as_ref().and_then(Self::take_error),
        }
    }

    /// Makes dropping the stream send an RST instead of a FIN, where the transport has one. Unsent bytes are lost.
    pub fn set_abort(&self) {
        match self {
            // It fails only on a socket that is reset already.
            Self::Tcp(stream) => drop(stream.set_zero_linger()),
            Self::Tls(stream) => stream.below().set_abort(),
            Self::Ws(socket) => socket.below().set_abort(),
            Self::Tap(it) => it.below().set_abort(),
            Self::Prefixed(it) => {
                if let Some(stream) = &it.stream {
                    stream.set_abort();
                }
            }
            Self::Unix(_) | Self::Stdio(_) | Self::Process(_) => {}
        }
    }

    /// The descriptor, where bytes may be moved by the kernel (`splice`).
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tcp(stream) => Some(stream.as_fd()),
            Self::Unix(stream) => Some(stream.as_fd()),
            // The kernel knows nothing of TLS or frames, and what was read too early would be left behind.
            Self::Tls(_)
            | Self::Stdio(_)
            | Self::Process(_)
            | Self::Ws(_)
            | Self::Tap(_)
            | Self::Prefixed(_) => None,
        }
    }

    /// Whether something that was written waits inside, to leave with the next `poll_flush`.
    #[inline]
    pub(crate) fn has_unsent(&self) -> bool {
        match self {
            Self::Tls(stream) => stream.has_unsent(),
            Self::Ws(socket) => socket.owes(),
            Self::Tap(it) => it.below().has_unsent(),
            Self::Prefixed(it) => it.stream.as_ref().is_some_and(Self::has_unsent),
            Self::Tcp(_) | Self::Unix(_) | Self::Stdio(_) | Self::Process(_) => false,
        }
    }

    /// Whether the peer ended in a way that may have cut something off: TLS without `close_notify`.
    pub(crate) fn is_truncated(&self) -> bool {
        match self {
            Self::Tls(stream) => stream.is_truncated(),
            Self::Ws(socket) => socket.below().is_truncated(),
            Self::Tap(it) => it.below().is_truncated(),
            Self::Prefixed(it) => it.stream.as_ref().is_some_and(Self::is_truncated),
            Self::Tcp(_) | Self::Unix(_) | Self::Stdio(_) | Self::Process(_) => false,
        }
    }
}

impl Prefixed {
    fn read(&mut self, buf: &mut ReadBuf<'_>) {
        let left = &self.bytes[self.at..];
        let count = left.len().min(buf.remaining());
        buf.put_slice(&left[..count]);
        self.at += count;
    }

    /// The stream, if nothing stands before it any more.
    fn spent(&mut self) -> Option<Stream> {
        if self.at == self.bytes.len() { self.stream.take() } else { None }
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_write(cx, data),
            None => Poll::Ready(Ok(data.len())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            None => Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

macro_rules! each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            Stream::Unix($inner) => $call,
            Stream::Tls($inner) => $call,
            Stream::Stdio($inner) => $call,
            Stream::Process($inner) => $call,
            Stream::Ws($inner) => $call,
            Stream::Tap($inner) => $call,
            Stream::Prefixed($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this {
            Self::Tcp(inner) => Pin::new(inner).poll_read(cx, buf),
            Self::Unix(inner) => Pin::new(inner).poll_read(cx, buf),
            Self::Tls(inner) => Pin::new(inner).poll_read(cx, buf),
            Self::Stdio(inner) => Pin::new(inner).poll_read(cx, buf),
            Self::Process(inner) => Pin::new(inner).poll_read(cx, buf),
            Self::Ws(inner) => Pin::new(inner).poll_read(cx, buf),
            Self::Tap(inner) => Pin::new(inner).poll_read(cx, buf),
            Self::Prefixed(inner) => {
                inner.read(buf);
                if let Some(stream) = inner.spent() {
                    *this = stream;
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_write(cx, data))
    }

    /// Several pieces at once: records of TLS, which leave with one call.
    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, inner => inner.is_write_vectored())
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_flush(cx))
    }

    /// Sends the end of the stream: FIN on a socket, the end of stdin to a process. Reading goes on.
    #[inline]
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), inner => Pin::new(inner).poll_shutdown(cx))
    }
}

/// Where streams come from.
#[derive(Debug)]
pub enum Listener {
    /// TCP. What it accepts has its NODELAY and keepalive settings, without a call for each.
    Tcp(TcpListener),
    /// A Unix stream socket and its file.
    Unix(UnixListener, SocketFile),
    /// Stdin and stdout: one session, once. Whether it was taken.
    Stdio(Cell<bool>),
}

impl Listener {
    /// The transport's scheme.
    pub const fn transport(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Unix(..) => "unix",
            Self::Stdio(_) => "-",
        }
    }

    /// The next connection and its peer. One task at a time may wait here.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Address)>> {
        match self {
            Self::Tcp(listener) => {
                let accepted = listener.poll_accept(cx);
                accepted.map_ok(|(stream, peer)| (Stream::Tcp(stream), Address::Ip(peer)))
            }
            Self::Unix(listener, _) => {
                let accepted = listener.poll_accept(cx);
                accepted.map_ok(|(stream, peer)| (Stream::Unix(stream), address::of_unix(&peer)))
            }
            Self::Stdio(taken) => {
                if taken.replace(true) {
                    return Poll::Pending;
                }
                Poll::Ready(Stdio::open().map(|it| (Stream::Stdio(Box::new(it)), Address::Stdio)))
            }
        }
    }

    /// Whether nobody will come any more: stdin and stdout are one session.
    pub fn is_spent(&self) -> bool {
        matches!(self, Self::Stdio(taken) if taken.get())
    }

    /// Our end of every connection it accepts, where that is the same for all: not at a wildcard address.
    pub(crate) fn ours(&self) -> Option<Address> {
        self.local().ok().filter(|local| matches!(local, Address::Ip(local) if !local.ip().is_unspecified()))
    }

    /// Where it listens.
    pub fn local(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Ip),
            Self::Unix(_, file) => Ok(Address::Unix(Some(file.path().into()))),
            Self::Stdio(_) => Ok(Address::Stdio),
        }
    }
}
