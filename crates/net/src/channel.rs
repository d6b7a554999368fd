//! A connection as a load generator drives it: what was read, and bytes that are written, without a session.
//!
//! It holds no buffer: the caller lends one for each read, and keeps what could not be written yet.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use sockeye_core::{Code, Fault};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::datagram::{Datagram, Spans};
use crate::dial::Conn;
use crate::direct;
use crate::errno;
use crate::layer::ws::socket::{Heard, Socket};
use crate::stream::Stream;

/// A connection without a session.
#[derive(Debug)]
pub struct Channel(Kind);

#[derive(Debug)]
enum Kind {
    Stream(Stream),
    Messages(Box<Socket>),
    Datagram(Box<Datagram>),
}

/// What one read gave.
#[derive(Debug)]
pub enum Got {
    /// So many bytes of a stream, at the start of the buffer.
    Bytes(usize),
    /// Datagrams, one or several, and where they are in the buffer.
    Datagrams(Spans),
    /// One message of a stream that has bounds of its own.
    Message(Bytes),
    /// The peer says no more.
    End,
}

impl Channel {
    /// The channel of a connection that was dialled.
    pub fn of(conn: Conn) -> Self {
        if let Conn::Datagram(socket) = &conn {
            socket.hear_trains();
        }
        Self(match conn {
            Conn::Stream(Stream::Ws(socket)) => Kind::Messages(socket),
            Conn::Stream(stream) => Kind::Stream(stream),
            Conn::Datagram(socket) => Kind::Datagram(Box::new(socket)),
        })
    }

    /// Reads into `buffer` once. Nothing is lost when it is longer than what came; a datagram that is longer than the
    /// buffer is cut off.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<Got, Fault>> {
        let failed = |error: io::Error| errno::running(&error, "");
        match &mut self.0 {
            Kind::Stream(Stream::Tcp(tcp)) => {
                let count = ready!(direct::poll_receive(tcp, cx, buffer)).map_err(failed)?;
                Poll::Ready(Ok(if count == 0 { Got::End } else { Got::Bytes(count) }))
            }
            Kind::Stream(stream) => {
                let mut read = ReadBuf::new(buffer);
                ready!(Pin::new(&mut *stream).poll_read(cx, &mut read)).map_err(failed)?;
                let count = read.filled().len();
                if count == 0 && stream.is_truncated() {
                    return Poll::Ready(Err(Fault::new(Code::TlsCut, "").arg("what", "fin")));
                }
                Poll::Ready(Ok(if count == 0 { Got::End } else { Got::Bytes(count) }))
            }
            Kind::Messages(socket) => Poll::Ready(match ready!(socket.poll_heard(cx)).map_err(failed)? {
                Heard::Message(_, data) => Ok(Got::Message(data)),
                Heard::End(leave) => leave.fault().map_or(Ok(Got::End), Err),
                Heard::Bad(fault) => Err(*fault),
            }),
            Kind::Datagram(socket) => {
                let received = ready!(socket.poll_recv(cx, buffer)).map_err(failed)?;
                Poll::Ready(Ok(Got::Datagrams(received.spans())))
            }
        }
    }

    /// Writes some of `data`, at least one byte of it; on a medium with bounds all of it, as one message.
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Fault>> {
        let written = match &mut self.0 {
            Kind::Stream(Stream::Tcp(tcp)) => direct::poll_send(tcp, cx, data),
            Kind::Stream(stream) => Pin::new(stream).poll_write(cx, data),
            Kind::Messages(socket) => socket.poll_say(cx, data),
            Kind::Datagram(socket) => socket.poll_send(cx, data, None, None).map_ok(|()| data.len()),
        };
        written.map_err(|error| errno::running(&error, ""))
    }

    /// How many bytes of messages of so many bytes [`Channel::poll_write_train`] may write at once; at least those of one.
    #[inline]
    pub fn train(&self, each: usize) -> usize {
        match &self.0 {
            Kind::Datagram(socket) => socket.train(each),
            Kind::Stream(_) | Kind::Messages(_) => each,
        }
    }

    /// Writes messages of `each` bytes, of which the last may have fewer, on a medium with bounds: how many bytes of them,
    /// which are whole messages.
    #[inline]
    pub fn poll_write_train(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
        each: usize,
    ) -> Poll<Result<usize, Fault>> {
        match &mut self.0 {
            Kind::Datagram(socket) if each < data.len() => {
                let sent = socket.poll_send_train(cx, data, each, None, None);
                sent.map_err(|error| errno::running(&error, ""))
            }
            _ => self.poll_write(cx, &data[..data.len().min(each)]),
        }
    }

    /// Whether something that was written waits inside, to leave with [`Channel::poll_flush`].
    #[inline]
    pub fn has_unsent(&self) -> bool {
        match &self.0 {
            Kind::Stream(stream) => stream.has_unsent(),
            Kind::Messages(socket) => socket.owes(),
            Kind::Datagram(_) => false,
        }
    }

    /// Sends what waits inside.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let flushed = match &mut self.0 {
            Kind::Stream(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Messages(socket) => socket.poll_flush(cx),
            Kind::Datagram(_) => Poll::Ready(Ok(())),
        };
        flushed.map_err(|error| errno::running(&error, ""))
    }

    /// Takes leave as far as that needs no waiting: the Close of a WebSocket, `close_notify`, FIN.
    pub fn finish(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        // Whoever is gone already is told nothing.
        match &mut self.0 {
            Kind::Stream(stream) => drop(Pin::new(stream).poll_shutdown(&mut cx)),
            Kind::Messages(socket) => drop(socket.poll_finish(&mut cx)),
            Kind::Datagram(_) => {}
        }
    }

    /// Makes dropping the channel send an RST instead of a FIN, where the transport has one.
    pub fn set_abort(&self) {
        match &self.0 {
            Kind::Stream(stream) => stream.set_abort(),
            Kind::Messages(socket) => socket.below().set_abort(),
            Kind::Datagram(_) => {}
        }
    }
}
