//! A stream inside TLS: bytes in, bytes out, the end of each direction its own, and errors that say what happened.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, Read};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use rustls::{CommonState, ProtocolVersion};
use sockeye_core::tls::Trust;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::first::First;
use super::refusal::{self, Other};
use crate::stream::Stream;

/// Plaintext that may wait inside TLS, in each direction, before writing waits: as much as one read brings.
pub(super) const BUFFER: usize = 64 * 1024;

/// What may be read in search of the alert that explains a write that failed.
const SEARCH: usize = 64 * 1024;

/// The label of what is exported to bind a login (RFC 9266 section 2).
const BINDING: &[u8] = b"EXPORTER-Channel-Binding";

/// How much is read at once of a peer that sends much. TLS asks for 4 KiB at a time, which is a quarter of a record.
const AHEAD: usize = 64 * 1024;

/// A connection below TLS. While the handshake goes on it keeps how the peer began; later, while the peer sends more than
/// is asked for, what was read ahead.
pub(super) struct Wire {
    pub(super) stream: Stream,
    first: Option<Box<First>>,
    ahead: Option<Box<Ahead>>,
    /// Whether the last read brought all that was asked for: more will be there.
    is_full: bool,
}

/// Bytes that TLS has not asked for yet. There are none while a session is idle.
struct Ahead {
    bytes: Vec<u8>,
    at: usize,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, first: Some(Box::default()), ahead: None, is_full: false }
    }

    /// Hands out what was read ahead, if anything was.
    fn take_ahead(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let Some(ahead) = &mut self.ahead else { return false };
        let left = &ahead.bytes[ahead.at..];
        let count = left.len().min(buf.remaining());
        buf.put_slice(&left[..count]);
        ahead.at += count;
        if ahead.at == ahead.bytes.len() {
            self.ahead = None;
        }
        true
    }

    /// Reads as much as there is.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.is_full = false;
        let mut bytes = Vec::with_capacity(AHEAD);
        let count = ready!(pin!(self.stream.read_buf(&mut bytes)).poll(cx))?;
        self.is_full = count == AHEAD;
        self.ahead = (count > 0).then(|| Box::new(Ahead { bytes, at: 0 }));
        self.take_ahead(buf);
        Poll::Ready(Ok(()))
    }

    /// How the peer began; nothing, once the handshake is over.
    pub(super) fn first(&self) -> First {
        self.first.as_deref().copied().unwrap_or_default()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.take_ahead(buf) {
            return Poll::Ready(Ok(()));
        }
        if self.is_full && self.first.is_none() {
            return self.poll_read_ahead(cx, buf);
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.is_full = buf.remaining() == 0;
        if let Some(first) = &mut self.first {
            first.push(&buf.filled()[before..]);
            if !first.may_be_tls() {
                // Said at once: a plain-text peer may not send enough to be taken for a broken TLS record.
                return Poll::Ready(Err(ErrorKind::InvalidData.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    /// All records that wait leave at once; an alert is often the second of two.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A stream inside TLS. Its FIN is `close_notify`, then FIN; reading goes on after that.
pub struct TlsStream {
    inner: tokio_rustls::TlsStream<Wire>,
    end: End,
    trust: Trust,
    /// What the next read will say, instead of reading.
    late: Option<io::Error>,
}

/// How far the peer's direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// It said that it is whole.
    Closed,
    /// It just ended.
    Truncated,
}

impl TlsStream {
    /// The stream that a handshake led to, with a peer that is believed for this reason.
    pub(super) fn new(inner: impl Into<tokio_rustls::TlsStream<Wire>>, trust: Trust) -> Self {
        let mut inner = inner.into();
        inner.get_mut().0.first = None;
        Self { inner, end: End::Open, trust, late: None }
    }

    /// What carries it.
    pub(crate) fn below(&self) -> &Stream {
        &self.inner.get_ref().0.stream
    }

    /// Whether something that was written has not left yet: it waits for [`AsyncWrite::poll_flush`].
    pub(crate) fn has_unsent(&self) -> bool {
        self.state().wants_write()
    }

    /// What binds a login to this connection: `tls-exporter` (RFC 9266 section 2). None in TLS 1.2, where it is safe only
    /// with an extended master secret (section 4.2 there), which cannot be asked for here.
    pub(crate) fn binding(&self) -> Option<[u8; 32]> {
        let bytes = [0; 32];
        let exported = match &self.inner {
            _ if self.state().protocol_version() != Some(ProtocolVersion::TLSv1_3) => return None,
            tokio_rustls::TlsStream::Client(inner) => {
                inner.get_ref().1.export_keying_material(bytes, BINDING, Some(b""))
            }
            tokio_rustls::TlsStream::Server(inner) => {
                inner.get_ref().1.export_keying_material(bytes, BINDING, Some(b""))
            }
        };
        exported.ok()
    }

    /// Whether nobody in between can read what goes over it. A client that checks nothing cannot know; that its client
    /// does is taken for granted by a server.
    pub(crate) fn is_private(&self) -> bool {
        self.other() == Other::Client || self.trust != Trust::None
    }

    /// Whether the peer ended without `close_notify`.
    pub(crate) fn is_truncated(&self) -> bool {
        self.end == End::Truncated
    }

    /// Adds further records that are here already to a read that brought something. What is wrong with one of them is told
    /// by the next read.
    fn read_on(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>, before: usize) {
        let mut known = before;
        while buf.filled().len() > known && buf.remaining() > 0 && self.inner.get_ref().0.ahead.is_some() {
            known = buf.filled().len();
            if let Poll::Ready(Err(error)) = Pin::new(&mut self.inner).poll_read(cx, buf) {
                self.late = Some(error);
            }
        }
    }

    /// What came whole before something was wrong is still read. Only then is it told.
    fn read_left(&mut self, buf: &mut ReadBuf<'_>, error: io::Error) -> io::Result<()> {
        let room = buf.initialize_unfilled();
        let read = match &mut self.inner {
            tokio_rustls::TlsStream::Client(inner) => inner.get_mut().1.reader().read(room),
            tokio_rustls::TlsStream::Server(inner) => inner.get_mut().1.reader().read(room),
        };
        match read {
            Ok(count) if count > 0 => {
                buf.advance(count);
                self.late = Some(error);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Why the peer is believed.
    pub(super) const fn trust(&self) -> Trust {
        self.trust
    }

    /// What the handshake agreed on.
    pub(super) fn state(&self) -> &CommonState {
        self.inner.get_ref().1
    }

    fn other(&self) -> Other {
        match self.inner {
            tokio_rustls::TlsStream::Client(_) => Other::Server,
            tokio_rustls::TlsStream::Server(_) => Other::Client,
        }
    }

    /// The error in words of ours, where TLS made it.
    fn told(&self, error: io::Error) -> io::Error {
        match refusal::cause(&error) {
            Some(cause) => io::Error::other(refusal::running(self.other(), cause)),
            None => error,
        }
    }

    /// Why a write failed: a peer that refuses us sends an alert and closes, and the alert may not be read yet.
    fn why(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        if !is_gone(&error) {
            return self.told(error);
        }
        let mut scratch = [0; 4096];
        let mut searched = 0;
        while searched < SEARCH {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => searched += buf.filled().len(),
                Poll::Ready(Err(found)) if refusal::cause(&found).is_some() => return self.told(found),
                _ => break,
            }
        }
        error
    }
}

fn is_gone(error: &io::Error) -> bool {
    let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
    gone.contains(&error.kind())
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("below", self.below()).finish_non_exhaustive()
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = match self.late.take() {
            Some(error) => Err(error),
            None => ready!(Pin::new(&mut self.inner).poll_read(cx, buf)),
        };
        let read = match read {
            Ok(()) => {
                self.read_on(cx, buf, before);
                Ok(())
            }
            Err(error) => self.read_left(buf, error),
        };
        match read {
            Ok(()) => {
                if buf.filled().len() == before && buf.remaining() > 0 && self.end == End::Open {
                    self.end = End::Closed;
                }
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                self.end = End::Truncated;
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(self.told(error))),
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = ready!(Pin::new(&mut self.inner).poll_write(cx, data));
        Poll::Ready(outcome.map_err(|error| self.why(cx, error)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        Poll::Ready(outcome.map_err(|error| self.why(cx, error)))
    }

    /// `close_notify` (RFC 8446 section 6.1), then FIN.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What was written goes first; whether that arrives matters.
        if self.has_unsent() {
            ready!(self.as_mut().poll_flush(cx))?;
        }
        match ready!(Pin::new(&mut self.inner).poll_shutdown(cx)) {
            // A peer that has ended its own side, and closed, needs no goodbye. Otherwise it was cut.
            Err(error) if is_gone(&error) && self.end != End::Open => Poll::Ready(Ok(())),
            outcome => Poll::Ready(outcome.map_err(|error| self.why(cx, error))),
        }
    }
}
