//! A connection after its upgrade: messages in, messages out, pings answered, and an end that both sides say.
//!
//! The driver's rules hold here too. What is owed (an answer to a ping included) is written before more is read, so a
//! peer that pings without reading costs one pong. A message is taken to be sent only when those before it have left
//! room. Nothing waits by itself: the driver asks [`Socket::keep_alive`] whenever it has nothing to read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream as _};
use sockeye_core::quantity::Span;
use sockeye_core::{Code, Fault, Tick};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::close::{ABNORMAL, INVALID_DATA, Leave, NO_STATUS, NORMAL, PROTOCOL_ERROR, TOO_BIG};
use super::counted::Counted;
use super::pulse::{Asks, Look, Pulse};
use crate::stream::Stream;

/// What an idle connection holds for reading, in bytes.
const READ: usize = 8 * 1024;

/// Small messages are gathered up to this many bytes before they are written, where several are sent at once.
const BATCH: usize = 16 * 1024;

/// The most that ever waits within tungstenite, in bytes, if messages are not allowed to be longer: one message, since
/// the next is taken only when it is written.
const WRITE: usize = 64 << 20;

/// What a frame's head takes at most (RFC 6455, section 5.2), in bytes.
const HEAD: usize = 14;

/// What tungstenite answers a Close of a code that nobody may send with.
const VIOLATION: &str = "Protocol violation";

/// How a message is marked (RFC 6455, section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Sort, Bytes),
    /// The peer says no more.
    End(Leave),
    /// What came breaks the protocol or a bound. The peer is told by a Close.
    Bad(Box<Fault>),
}

/// How far the peer's direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theirs {
    Open,
    /// Its Close is here, or the connection ended.
    Ended,
    /// What it sent could not be understood, and nothing that follows can.
    Lost,
}

/// A WebSocket.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that change apart from each other")]
pub struct Socket {
    inner: WebSocketStream<Counted>,
    role: Role,
    theirs: Theirs,
    /// Our Close is out, or on its way.
    closed: bool,
    /// The code our Close will have.
    code: u16,
    /// What answers are: as the last message was, where that is wanted.
    sort: Option<Sort>,
    mirrors: bool,
    /// Bytes accepted since all was last written.
    unwritten: usize,
    /// The message at the front of the driver's queue is accepted already.
    taken: bool,
    /// An answer to a ping or a Close waits to be written.
    answers: bool,
    pulse: Pulse,
    /// How much had come when [`Socket::keep_alive`] last looked.
    seen: u64,
    /// Whether some of what came since was a ping or a pong.
    chatter: bool,
    /// The rest of a message that is being read as bytes.
    left: Bytes,
}

impl Socket {
    /// A socket over an upgraded stream, of which `rest` was read already. `max` bounds a message, in bytes.
    pub(super) async fn new(stream: Stream, rest: Vec<u8>, role: Role, max: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(BATCH)
            .max_write_buffer_size(WRITE.max(max.saturating_mul(4)))
            .max_message_size(Some(max))
            .max_frame_size(Some(max));
        Self {
            inner: WebSocketStream::from_partially_read(
                Counted { stream, read: 0 },
                rest,
                role,
                Some(config),
            )
            .await,
            role,
            theirs: Theirs::Open,
            closed: false,
            code: NORMAL,
            sort: None,
            mirrors: role == Role::Server,
            unwritten: 0,
            taken: false,
            answers: false,
            pulse: Pulse::default(),
            seen: 0,
            chatter: false,
            left: Bytes::new(),
        }
    }

    /// Makes these bytes come first, as a message: a handshake read them too early.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.left = [bytes, &self.left].concat().into();
    }

    /// The connection below.
    pub(crate) fn below(&self) -> &Stream {
        &self.inner.get_ref().stream
    }

    /// Makes answers text or binary as the message they answer; a server's are without being told.
    pub(crate) const fn mirror_always(&mut self) {
        self.mirrors = true;
    }

    /// A message of this sort came and will be answered here.
    pub(crate) fn mirror(&mut self, sort: Sort) {
        if self.mirrors {
            self.sort = Some(sort);
        }
    }

    /// What is sent next passes on a message of this sort.
    pub(crate) const fn carry(&mut self, sort: Sort) {
        self.sort = Some(sort);
    }

    /// How what is sent next is marked.
    pub(crate) const fn sort(&self) -> Option<Sort> {
        self.sort
    }

    /// Marks what is sent next so; how it was to be marked before.
    pub(crate) const fn sorted(&mut self, sort: Option<Sort>) -> Option<Sort> {
        std::mem::replace(&mut self.sort, sort)
    }

    /// The code that our Close will have, unless it is out already.
    pub(crate) const fn leave_with(&mut self, code: u16) {
        if !self.closed {
            self.code = code;
        }
    }

    /// The code of our Close.
    pub(crate) const fn leaves_with(&self) -> u16 {
        self.code
    }

    /// Whether something accepted is not written yet.
    pub(crate) const fn owes(&self) -> bool {
        self.unwritten > 0 || self.answers
    }

    /// The next message, or the end.
    pub(crate) fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Heard>> {
        if !self.left.is_empty() {
            return heard(self.sort.unwrap_or(Sort::Text), std::mem::take(&mut self.left));
        }
        loop {
            if self.answers {
                ready!(self.poll_flush(cx))?;
            }
            if self.theirs != Theirs::Open {
                return Poll::Ready(Ok(Heard::End(Leave::plain(NO_STATUS))));
            }
            let Some(next) = ready!(Pin::new(&mut self.inner).poll_next(cx)) else {
                self.theirs = Theirs::Ended;
                continue;
            };
            match next {
                Ok(Message::Text(text)) => return heard(Sort::Text, text.into()),
                Ok(Message::Binary(data)) => return heard(Sort::Binary, data),
                Ok(Message::Ping(_)) => {
                    self.answers = !self.closed;
                    self.chatter = true;
                }
                Ok(Message::Pong(_) | Message::Frame(_)) => self.chatter = true,
                Ok(Message::Close(frame)) => return Poll::Ready(Ok(self.ended(frame, cx))),
                Err(error) => return Poll::Ready(self.failed(error, cx)),
            }
        }
    }

    /// The peer's Close is here. tungstenite answers it with the next flush.
    fn ended(&mut self, frame: Option<CloseFrame>, cx: &mut Context<'_>) -> Heard {
        self.theirs = Theirs::Ended;
        self.answers = !self.closed;
        let was_closed = std::mem::replace(&mut self.closed, true);
        let leave = frame.map_or(Leave::plain(NO_STATUS), |frame| Leave {
            code: frame.code.into(),
            reason: frame.reason.as_str().to_owned(),
        });
        if !was_closed {
            self.code = leave.code;
        }
        let _sent_or_later = self.poll_flush(cx);
        if leave.code == PROTOCOL_ERROR && leave.reason == VIOLATION && !was_closed {
            return Heard::Bad(Box::new(broken(PROTOCOL_ERROR, &"invalid close-code")));
        }
        Heard::End(leave)
    }

    /// What came cannot be understood: the peer is told (RFC 6455, section 7.1.7).
    fn failed(&mut self, error: Error, cx: &mut Context<'_>) -> io::Result<Heard> {
        let (code, fault) = match error {
            Error::Io(error) => return Err(error),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                self.theirs = Theirs::Ended;
                if self.closed {
                    return Ok(Heard::End(Leave::plain(ABNORMAL)));
                }
                let leave = Leave::plain(ABNORMAL);
                return Err(io::Error::other(leave.fault().unwrap_or(Fault::new(Code::WsClosed, ""))));
            }
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let fault = Fault::new(Code::WsOversize, "").arg("size", size).arg("max", max_size);
                (TOO_BIG, fault)
            }
            Error::Utf8(_) => (INVALID_DATA, broken(INVALID_DATA, &"invalid UTF-8")),
            Error::Protocol(words) => (PROTOCOL_ERROR, broken(PROTOCOL_ERROR, &words)),
            error => (PROTOCOL_ERROR, broken(PROTOCOL_ERROR, &error)),
        };
        self.theirs = Theirs::Lost;
        self.code = code;
        // What does not go out now does when the session closes.
        let _sent_or_later = self.poll_finish(cx);
        Ok(Heard::Bad(Box::new(fault)))
    }

    /// Sends one message, whole. After the peer's Close nobody reads it, which is a broken pipe; after ours it goes
    /// nowhere.
    pub(crate) fn poll_say(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.theirs == Theirs::Ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.closed {
            self.taken = false;
            return Poll::Ready(Ok(data.len()));
        }
        if !self.taken {
            if self.unwritten >= BATCH {
                ready!(self.poll_flush(cx))?;
            }
            ready!(self.accept(cx, message(self.sort, data)))?;
            self.unwritten += data.len() + HEAD;
            self.taken = true;
        }
        if self.unwritten >= BATCH {
            ready!(self.poll_flush(cx))?;
        }
        self.taken = false;
        Poll::Ready(Ok(data.len()))
    }

    fn accept(&mut self, cx: &mut Context<'_>, message: Message) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_ready(cx)).map_err(plain)?;
        let sent = match Pin::new(&mut self.inner).start_send(message) {
            Err(Error::WriteBufferFull(message)) => {
                ready!(self.poll_flush(cx))?;
                Pin::new(&mut self.inner).start_send(*message)
            }
            sent => sent,
        };
        Poll::Ready(sent.map_err(plain))
    }

    /// Writes what was accepted, and answers that are due.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.inner).poll_flush(cx)) {
            Ok(()) | Err(Error::AlreadyClosed | Error::ConnectionClosed) => {
                self.unwritten = 0;
                self.answers = false;
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(plain(error))),
        }
    }

    /// Sends our Close, once.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            ready!(self.poll_flush(cx))?;
            let frame = CloseFrame { code: self.code.into(), reason: Utf8Bytes::default() };
            self.closed = true;
            self.pulse.restart();
            self.unwritten = HEAD;
            Pin::new(&mut self.inner).start_send(Message::Close(Some(frame))).map_err(plain)?;
        }
        self.poll_flush(cx)
    }

    /// Whether the connection may end only after what [`Socket::poll_last`] waits for: a client lets the server close
    /// first (RFC 6455, section 7.1.1).
    pub(crate) fn lingers(&self) -> bool {
        self.theirs == Theirs::Lost || self.role == Role::Client
    }

    /// Discards what still comes after our Close: how much came, 0 at the end.
    pub(crate) fn poll_last(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        while self.theirs == Theirs::Open {
            match ready!(self.poll_heard(cx))? {
                Heard::Message(_, data) => return Poll::Ready(Ok(data.len() + HEAD)),
                Heard::End(_) | Heard::Bad(_) => {}
            }
        }
        ready!(self.poll_flush(cx))?;
        if !self.lingers() {
            return Poll::Ready(Ok(0));
        }
        let mut read = ReadBuf::new(buffer);
        if self.theirs == Theirs::Lost {
            ready!(Pin::new(self.inner.get_mut()).poll_shutdown(cx))?;
        }
        ready!(Pin::new(self.inner.get_mut()).poll_read(cx, &mut read))?;
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Looks whether the peer is there: after `every` of silence it is pinged, after as much again it is given up. To be
    /// called when there was nothing to read. Whether some of a message has come since the last time.
    pub(crate) fn keep_alive(
        &mut self,
        cx: &mut Context<'_>,
        now: Tick,
        every: Duration,
    ) -> io::Result<bool> {
        let read = self.inner.get_ref().read;
        let has_come = std::mem::replace(&mut self.seen, read) != read;
        if has_come {
            self.pulse.heard();
        }
        let moved = has_come && !std::mem::take(&mut self.chatter);
        let asks = if self.closed { Asks::No } else { Asks::Yes };
        match self.pulse.look(now, every, asks) {
            Look::Wait => return Ok(moved),
            Look::Gone(after) => {
                return Err(io::Error::other(Fault::new(Code::WsSilent, "").arg("after", Span(after))));
            }
            Look::Ping => {}
        }
        if let Poll::Ready(sent) = self.accept(cx, Message::Ping(Bytes::new())) {
            sent?;
            self.unwritten += HEAD;
        }
        match self.poll_flush(cx) {
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(moved),
        }
    }

    /// When [`Socket::keep_alive`] has something to do, if the peer stays silent.
    pub(crate) fn due(&self, every: Duration) -> Option<Tick> {
        self.pulse.due(every).filter(|_| self.theirs == Theirs::Open)
    }
}

fn heard(sort: Sort, data: Bytes) -> Poll<io::Result<Heard>> {
    Poll::Ready(Ok(Heard::Message(sort, data)))
}

/// A message of this sort; one that cannot be text is binary, and one of no known sort is text if it can be.
fn message(sort: Option<Sort>, data: &[u8]) -> Message {
    match std::str::from_utf8(data) {
        Ok(text) if sort != Some(Sort::Binary) => Message::text(text),
        _ => Message::binary(data.to_vec()),
    }
}

fn broken(code: u16, words: &dyn std::fmt::Display) -> Fault {
    Fault::new(Code::WsProtocol, "").arg("code", code).detail(words)
}

fn plain(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// As a stream of bytes, for layers above: the bytes of its messages, one after the other.
impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.left.is_empty() {
            match ready!(this.poll_heard(cx))? {
                Heard::Message(sort, data) => {
                    this.mirror(sort);
                    this.left = data;
                }
                Heard::End(_) => return Poll::Ready(Ok(())),
                Heard::Bad(fault) => return Poll::Ready(Err(io::Error::other(*fault))),
            }
        }
        let count = this.left.len().min(buf.remaining());
        buf.put_slice(&this.left[..count]);
        this.left.advance(count);
        Poll::Ready(Ok(()))
    }
}

/// As a stream of bytes, for layers above: each write is a message.
impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_say(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self.get_mut(), cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_finish(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_it_answers_unless_it_cannot_be() {
        let sort =
            |known, data: &[u8]| if message(known, data).is_text() { Sort::Text } else { Sort::Binary };
        assert_eq!(sort(None, "é".as_bytes()), Sort::Text);
        assert_eq!(sort(None, b"\xff"), Sort::Binary);
        assert_eq!(sort(Some(Sort::Binary), b"a"), Sort::Binary);
        assert_eq!(sort(Some(Sort::Text), b"a\xff"), Sort::Binary);
        assert_eq!(sort(None, b""), Sort::Text);
    }
}
