//! Bytes as a transport carries them, shown to an observer who wants them: below every layer and framing.
//!
//! Nothing of this is there for sessions that nobody watches so closely: no [`Tap`] is made, and no stream wrapped.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use sockeye_core::{Direction, Event, How, Kind, Leg, Observer, SessionId, Tick};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Clock;
use crate::stream::Stream;

/// Who is shown the bytes of one leg.
#[derive(Clone)]
pub(crate) struct Tap {
    observer: Arc<dyn Observer>,
    clock: Clock,
    session: SessionId,
    leg: Leg,
    /// The leg has been opened again meanwhile: what still moves here is none of its.
    is_mute: Arc<AtomicBool>,
}

impl Tap {
    pub(crate) fn new(observer: Arc<dyn Observer>, clock: Clock, session: SessionId, leg: Leg) -> Self {
        Self { observer, clock, session, leg, is_mute: Arc::default() }
    }

    /// Shows what one read moved, or what one write that began at `at` did.
    fn wire(&self, at: Tick, direction: Direction, data: &[u8]) {
        if !data.is_empty() {
            self.show_at(at, Kind::Wire { leg: self.leg, direction, data });
        }
    }

    /// Shows one datagram, which may be empty.
    pub(crate) fn datagram(&self, direction: Direction, data: &[u8]) {
        self.show(Kind::Wire { leg: self.leg, direction, data });
    }

    /// Shows what reads a TLS connection.
    pub(crate) fn secret(&self, line: &str) {
        self.show(Kind::Secret { line });
    }

    /// Shows no more.
    pub(crate) fn mute(&self) {
        self.is_mute.store(true, Ordering::Relaxed);
    }

    fn show(&self, kind: Kind<'_>) {
        self.show_at(self.clock.now(), kind);
    }

    fn show_at(&self, at: Tick, kind: Kind<'_>) {
        if !self.is_mute.load(Ordering::Relaxed) {
            let session = self.session;
            self.observer.event(&Event { at, session, how: How::Traced, kind });
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tap({}, {})", self.session, self.leg)
    }
}

/// A stream whose bytes are shown.
#[derive(Debug)]
pub struct Tapped {
    stream: Stream,
    tap: Tap,
}

impl Tapped {
    pub(crate) const fn new(stream: Stream, tap: Tap) -> Self {
        Self { stream, tap }
    }

    /// What carries it.
    pub(crate) const fn below(&self) -> &Stream {
        &self.stream
    }

    /// Who is shown its bytes.
    pub(crate) const fn tap(&self) -> &Tap {
        &self.tap
    }
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.tap.wire(self.tap.clock.now(), Direction::In, &buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let began = self.tap.clock.now();
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, data))?;
        self.tap.wire(began, Direction::Out, &data[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let began = self.tap.clock.now();
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, pieces))?;
        let mut left = count;
        for piece in pieces {
            let written = piece.len().min(left);
            self.tap.wire(began, Direction::Out, &piece[..written]);
            left -= written;
        }
        Poll::Ready(Ok(count))
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
