//! One peer at a datagram socket of a leg that listens: who sent the first datagram. What others send while it is there
//! is not heard.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use sockeye_core::{Address, Direction};

use crate::datagram::{Datagram, Received};
use crate::leg::Listening;
use crate::tap::Tap;

/// The peer, and the way to it.
pub(crate) struct Caller {
    at: Rc<Listening>,
    /// Which of its sockets.
    index: usize,
    remote: Address,
    /// Which of our addresses it has asked: answers leave from it.
    asked: Option<IpAddr>,
    /// What it began with.
    first: Option<Vec<u8>>,
    tap: Option<Tap>,
}

impl Caller {
    pub(crate) fn new(
        at: Rc<Listening>,
        index: usize,
        received: Received,
        first: Vec<u8>,
        tap: Option<Tap>,
    ) -> Self {
        Self { at, index, remote: received.from, asked: received.to, first: Some(first), tap }
    }

    fn socket(&self) -> Option<&Datagram> {
        self.at.datagrams().get(self.index)
    }

    pub(crate) fn transport(&self) -> &'static str {
        self.socket().map_or("", Datagram::transport)
    }

    pub(crate) const fn remote(&self) -> &Address {
        &self.remote
    }

    pub(crate) fn local(&self) -> Address {
        let bound = self.socket().and_then(|socket| socket.local().ok()).unwrap_or(Address::Unix(None));
        match (bound, self.asked) {
            (Address::Ip(bound), Some(asked)) => Address::Ip(SocketAddr::new(asked, bound.port())),
            (bound, _) => bound,
        }
    }

    /// The next datagram of the peer.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let count = match self.first.take() {
            Some(first) => {
                let count = first.len().min(buffer.len());
                buffer[..count].copy_from_slice(&first[..count]);
                count
            }
            None => ready!(self.poll_next(cx, buffer))?,
        };
        if let Some(tap) = &self.tap {
            tap.datagram(Direction::In, &buffer[..count]);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(socket) = self.at.datagrams().get(self.index) else { return Poll::Pending };
        loop {
            let received = ready!(socket.poll_recv(cx, buffer))?;
            if received.from == self.remote {
                self.asked = received.to;
                return Poll::Ready(Ok(received.len));
            }
        }
    }

    /// Sends one whole datagram to the peer.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<()>> {
        let Some(socket) = self.socket() else { return Poll::Ready(Ok(())) };
        ready!(socket.poll_send(cx, data, Some(&self.remote), self.asked))?;
        if let Some(tap) = &self.tap {
            tap.datagram(Direction::Out, data);
        }
        Poll::Ready(Ok(()))
    }

    /// Who is shown its datagrams, if anybody is.
    pub(crate) const fn tap(&self) -> Option<&Tap> {
        self.tap.as_ref()
    }
}
