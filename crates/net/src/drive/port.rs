//! What a leg reads from and writes to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use sockeye_core::event::Farewell;
use sockeye_core::{Address, Direction, Fault, Lane, Medium, Tick};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

use crate::datagram::Datagram;
use crate::dial::Target;
use crate::direct;
use crate::drive::caller::Caller;
use crate::layer::ws::close::{self, Leave};
use crate::layer::ws::socket::{Heard, Socket, Sort};
use crate::operator::Typed;
use crate::stream::Stream;
use crate::tap::Tap;

/// A connection that has come about.
pub(crate) struct Opened {
    pub(crate) port: Port,
    pub(crate) lane: Lane,
    pub(crate) remote: Address,
    /// Where it was dialled to, if it was we who did.
    pub(crate) dialled: Option<Rc<Target>>,
}

/// A connection that is coming about.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Result<Opened, Fault>>>>;

/// One leg's way in and out.
pub(crate) enum Port {
    /// A stream socket, a process, or stdin and stdout.
    Stream(Stream),
    /// A WebSocket.
    Messages(Box<Socket>),
    /// A datagram socket of our own.
    Datagram(Box<Own>),
    /// One peer of a datagram socket of our own that listens.
    Caller(Box<Caller>),
    /// One peer of a datagram socket that many share.
    Inlet(Rc<Inlet>),
    /// The person (or pipe) at stdin.
    Operator(mpsc::Receiver<Typed>),
    /// Not connected yet.
    Opening(Opening),
    /// No more.
    Gone,
    /// There is nobody, and there need not be: the other legs are all.
    Nobody,
}

/// A datagram socket of a leg that dialled.
pub(crate) struct Own {
    pub(crate) socket: Datagram,
    pub(crate) tap: Option<Tap>,
}

/// What one read gave.
pub(crate) enum Got {
    /// So many bytes of a stream.
    Bytes(usize),
    /// So many bytes of a stream, which the kernel has moved into what its partner is owed.
    Moved(usize),
    /// One datagram of so many bytes.
    Datagram(usize),
    /// One message of a stream that has bounds of its own, and how it is marked.
    Message(Sort, Vec<u8>),
    /// One line of the operator.
    Line(Vec<u8>),
    /// The end.
    Eof,
    /// The end, with a word of the peer's.
    Leave(Leave),
    /// What came breaks a layer's protocol; the peer is told so.
    Bad(Box<Fault>),
}

impl Port {
    /// The port of a connection.
    pub(crate) fn of(stream: Stream) -> Self {
        match stream {
            Stream::Ws(socket) => Self::Messages(socket),
            stream => Self::Stream(stream),
        }
    }

    /// Reads into `buffer`.
    #[inline]
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Got>> {
        match self {
            Self::Stream(Stream::Tcp(tcp)) => {
                let count = ready!(direct::poll_receive(tcp, cx, buffer))?;
                Poll::Ready(Ok(if count == 0 { Got::Eof } else { Got::Bytes(count) }))
            }
            Self::Stream(stream) => {
                let mut read = ReadBuf::new(buffer);
                ready!(Pin::new(stream).poll_read(cx, &mut read))?;
                let count = read.filled().len();
                Poll::Ready(Ok(if count == 0 { Got::Eof } else { Got::Bytes(count) }))
            }
            Self::Messages(socket) => Poll::Ready(Ok(match ready!(socket.poll_heard(cx))? {
                Heard::Message(sort, data) => Got::Message(sort, data.into()),
                Heard::End(leave) => Got::Leave(leave),
                Heard::Bad(fault) => Got::Bad(fault),
            })),
            Self::Datagram(own) => {
                let count = ready!(own.socket.poll_recv(cx, buffer))?.len;
                if let Some(tap) = &own.tap {
                    tap.datagram(Direction::In, &buffer[..count]);
                }
                Poll::Ready(Ok(Got::Datagram(count)))
            }
            Self::Caller(caller) => caller.poll_recv(cx, buffer).map_ok(Got::Datagram),
            Self::Inlet(inlet) => inlet.poll_read(cx, buffer),
            Self::Operator(lines) => Poll::Ready(Ok(match ready!(lines.poll_recv(cx)) {
                Some(Typed::Line(line)) => Got::Line(line),
                Some(Typed::Eof) | None => Got::Eof,
            })),
            Self::Opening(_) | Self::Gone | Self::Nobody => Poll::Pending,
        }
    }

    /// Writes some of `bytes`, or all of a message or datagram. One that was not written is to be given again.
    #[inline]
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Stream(Stream::Tcp(tcp)) => direct::poll_send(tcp, cx, bytes),
            Self::Stream(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Messages(socket) => socket.poll_say(cx, bytes),
            Self::Datagram(own) => {
                ready!(own.socket.poll_send(cx, bytes, None, None))?;
                if let Some(tap) = &own.tap {
                    tap.datagram(Direction::Out, bytes);
                }
                Poll::Ready(Ok(bytes.len()))
            }
            Self::Caller(caller) => caller.poll_send(cx, bytes).map_ok(|()| bytes.len()),
            Self::Inlet(inlet) => inlet.way.poll_send(cx, bytes, bytes.len()),
            Self::Operator(_) | Self::Opening(_) | Self::Gone | Self::Nobody => Poll::Ready(Ok(bytes.len())),
        }
    }

    /// How many bytes of datagrams of so many bytes [`Port::poll_write_train`] may take at once; at least those of one.
    #[inline]
    pub(crate) fn train(&self, each: usize) -> usize {
        match self {
            Self::Datagram(own) => own.socket.train(each),
            Self::Inlet(inlet) => inlet.way.train(each),
            _ => each,
        }
    }

    /// Writes datagrams of `each` bytes, of which the last may have fewer: how many bytes of them, which are whole datagrams.
    pub(crate) fn poll_write_train(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        each: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Datagram(own) => {
                let count = ready!(own.socket.poll_send_train(cx, bytes, each, None, None))?;
                if let Some(tap) = &own.tap {
                    bytes[..count].chunks(each).for_each(|datagram| tap.datagram(Direction::Out, datagram));
                }
                Poll::Ready(Ok(count))
            }
            Self::Inlet(inlet) => inlet.way.poll_send(cx, bytes, each),
            port => port.poll_write(cx, &bytes[..each.min(bytes.len())]),
        }
    }

    /// Whether datagrams are read one by one and may be written several at once.
    #[inline]
    pub(crate) const fn is_datagrams(&self) -> bool {
        matches!(self, Self::Datagram(_) | Self::Inlet(_) | Self::Caller(_))
    }

    /// Whether something that was written waits inside.
    #[inline]
    pub(crate) fn has_unsent(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.has_unsent(),
            Self::Messages(socket) => socket.owes(),
            _ => false,
        }
    }

    /// Sends what waits inside.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Stream(stream) => Pin::new(stream).poll_flush(cx),
            Self::Messages(socket) => socket.poll_flush(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Whether the peer's end came in a way that may have cut something off.
    pub(crate) fn is_truncated(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.is_truncated())
    }

    /// Ends the direction to the peer: FIN, or a Close. Datagrams have none.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Stream(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Messages(socket) => socket.poll_finish(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Discards what still comes after our end: how much came, 0 at the peer's.
    pub(crate) fn poll_last(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Messages(socket) => socket.poll_last(cx, buffer),
            port => match ready!(port.poll_read(cx, buffer))? {
                Got::Bytes(count) => Poll::Ready(Ok(count)),
                _ => Poll::Ready(Ok(0)),
            },
        }
    }

    /// Our end.
    pub(crate) fn local(&self) -> Address {
        let local = match self {
            Self::Stream(stream) => stream.local().ok(),
            Self::Messages(socket) => socket.below().local().ok(),
            Self::Datagram(own) => own.socket.local().ok(),
            Self::Caller(caller) => Some(caller.local()),
            Self::Inlet(inlet) => Some(inlet.local.clone()),
            _ => None,
        };
        local.unwrap_or(Address::Unix(None))
    }

    /// The transport's scheme.
    pub(crate) fn transport(&self) -> &'static str {
        match self {
            Self::Stream(stream) => stream.transport(),
            Self::Messages(socket) => socket.below().transport(),
            Self::Datagram(own) => own.socket.transport(),
            Self::Caller(caller) => caller.transport(),
            Self::Inlet(inlet) => inlet.transport,
            _ => "",
        }
    }

    /// Makes dropping the port an RST, where the transport has one.
    pub(crate) fn abort(&self) {
        match self {
            Self::Stream(stream) => stream.set_abort(),
            Self::Messages(socket) => socket.below().set_abort(),
            _ => {}
        }
    }

    /// What broke the socket while nobody read or wrote it.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        match self {
            Self::Stream(stream) => stream.take_error(),
            Self::Messages(socket) => socket.below().take_error(),
            _ => None,
        }
    }

    /// What it carries.
    pub(crate) fn medium(&self) -> Medium {
        match self {
            Self::Messages(_) => Medium::Messages,
            Self::Datagram(_) | Self::Caller(_) | Self::Inlet(_) => Medium::Datagrams,
            _ => Medium::Bytes,
        }
    }

    /// Who is shown what it carries, if anybody is.
    pub(crate) fn tap(&self) -> Option<&Tap> {
        match self {
            Self::Stream(stream) => stream.tap(),
            Self::Messages(socket) => socket.below().tap(),
            Self::Datagram(own) => own.tap.as_ref(),
            Self::Caller(caller) => caller.tap(),
            Self::Inlet(_) | Self::Operator(_) | Self::Opening(_) | Self::Gone | Self::Nobody => None,
        }
    }

    /// The stream, if it is one.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// Whether it is no connection, and none that is coming about.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self, Self::Gone | Self::Nobody)
    }

    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// Whether there is a connection, which ends.
    pub(crate) fn is_connection(&self) -> bool {
        matches!(self, Self::Stream(_) | Self::Messages(_))
    }

    /// The WebSocket, if it is one.
    #[inline]
    pub(crate) fn socket(&mut self) -> Option<&mut Socket> {
        match self {
            Self::Messages(socket) => Some(socket),
            _ => None,
        }
    }

    /// When the peer's silence is to be looked into, if at all.
    #[inline]
    pub(crate) fn due(&self, every: Duration) -> Option<Tick> {
        match self {
            Self::Messages(socket) => socket.due(every),
            _ => None,
        }
    }

    /// What our end said, where an end says something.
    pub(crate) fn farewell(&self) -> Option<Farewell<'static>> {
        match self {
            Self::Messages(socket) => Some(close::farewell(socket.leaves_with(), "")),
            _ => None,
        }
    }

    /// Whether this is stdin and stdout: when its output has ended, nobody is left to talk to.
    pub(crate) fn is_stdio(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.is_stdio())
    }

    /// Whether its end is worth telling: a datagram has none, and that of stdin is no word of a peer's.
    pub(crate) fn has_fin(&self) -> bool {
        self.is_connection() && !self.is_stdio()
    }

    /// Whether this is a process that was started for the session.
    pub(crate) fn is_process(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.is_process())
    }
}

/// The way to one peer of a datagram socket that many share.
pub(crate) struct Inlet {
    waiting: RefCell<VecDeque<Box<[u8]>>>,
    bytes: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    transport: &'static str,
    local: Address,
    way: Box<dyn Way>,
}

/// The way to a peer of a socket that many share.
pub(crate) trait Way {
    /// How many bytes of datagrams of so many bytes may leave at once; at least those of one.
    fn train(&self, each: usize) -> usize;

    /// Sends datagrams of `each` bytes, of which the last may have fewer: how many bytes of them.
    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8], each: usize) -> Poll<io::Result<usize>>;
}

impl Inlet {
    /// Datagrams of a peer that wait to be read; more are dropped, as a full socket buffer would.
    const DEPTH: usize = 256;

    /// Their bytes, about what a socket buffer holds.
    const BYTES: usize = 256 * 1024;

    /// What goes to the peer goes this way.
    pub(crate) fn new(transport: &'static str, local: Address, way: Box<dyn Way>) -> Self {
        Self {
            waiting: RefCell::default(),
            bytes: Cell::new(0),
            waker: RefCell::default(),
            transport,
            local,
            way,
        }
    }

    /// Takes in one datagram; `false` if there was no room.
    pub(crate) fn push(&self, datagram: &[u8]) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= Self::DEPTH || self.bytes.get() + datagram.len() > Self::BYTES {
            return false;
        }
        self.bytes.set(self.bytes.get() + datagram.len());
        waiting.push_back(datagram.into());
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
        true
    }

    fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Got>> {
        if let Some(datagram) = self.waiting.borrow_mut().pop_front() {
            self.bytes.set(self.bytes.get() - datagram.len());
            let count = datagram.len().min(buffer.len());
            buffer[..count].copy_from_slice(&datagram[..count]);
            return Poll::Ready(Ok(Got::Datagram(count)));
        }
        *self.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }
}
