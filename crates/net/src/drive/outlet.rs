//! What leaves a datagram socket that many peers share: answers to one peer that follow each other, and are of one length,
//! leave together; what the socket does not take waits.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use sockeye_core::{Address, SessionId};

use crate::datagram::Datagram;
use crate::errno;
use crate::world::World;

/// Answers that wait for the socket; beyond it they are dropped, as a full socket buffer would.
const WAITING: usize = 4 << 20;

/// With one peer and 32 datagrams under way, 4 measured best of 2, 4, 8, 16 and all at once (1.4 to 1.75 times that): both ends work,
/// where otherwise one always waits to be woken by the other.
const FEW: usize = 4;

/// The way out of one socket.
pub(super) struct Outlet {
    socket: Rc<Datagram>,
    train: Train,
    unsent: VecDeque<Unsent>,
    unsent_bytes: usize,
    gather: Gather,
}

/// How many answers leave together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gather {
    /// [`FEW`], so that a peer who waits for nothing else begins with the first ones while the others are made.
    Few,
    /// As many as may: there is enough to do for everybody.
    Many,
}

/// Datagrams to one peer that are about to leave together. Between two turns there are none.
struct Train {
    to: Address,
    from: Option<IpAddr>,
    bytes: Vec<u8>,
    /// How long each is.
    segment: usize,
    /// How many bytes there may be.
    room: usize,
}

struct Unsent {
    to: Address,
    from: Option<IpAddr>,
    bytes: Box<[u8]>,
}

impl Outlet {
    pub(super) fn new(socket: Rc<Datagram>) -> Self {
        let train = Train { to: Address::Unix(None), from: None, bytes: Vec::new(), segment: 0, room: 0 };
        Self { socket, train, unsent: VecDeque::new(), unsent_bytes: 0, gather: Gather::Few }
    }

    /// From now on so many leave together.
    pub(super) fn gather(&mut self, gather: Gather) {
        self.gather = gather;
    }

    /// Sends a datagram, at the latest with [`Outlet::leave`].
    #[inline]
    pub(super) fn put(
        &mut self,
        cx: &mut Context<'_>,
        to: &Address,
        from: Option<IpAddr>,
        bytes: &[u8],
        world: &World,
    ) {
        if !self.train.takes(to, from, bytes.len()) {
            self.leave(cx, world);
            let room = match self.gather {
                Gather::Few => self.socket.train(bytes.len()).min(bytes.len() * FEW),
                Gather::Many => self.socket.train(bytes.len()),
            };
            if room <= bytes.len() || !self.unsent.is_empty() {
                return self.send(cx, to, from, bytes, world);
            }
            if self.train.to != *to {
                self.train.to = to.clone();
            }
            (self.train.from, self.train.segment, self.train.room) = (from, bytes.len(), room);
        }
        self.train.bytes.extend_from_slice(bytes);
        if bytes.len() < self.train.segment {
            // A shorter one is the last.
            self.leave(cx, world);
        }
    }

    /// Sends what was put so far.
    #[inline]
    pub(super) fn leave(&mut self, cx: &mut Context<'_>, world: &World) {
        if !self.train.bytes.is_empty() {
            self.depart(cx, world);
        }
    }

    fn depart(&mut self, cx: &mut Context<'_>, world: &World) {
        let mut train = std::mem::take(&mut self.train.bytes);
        let (to, from, segment) = (self.train.to.clone(), self.train.from, self.train.segment);
        let mut at = 0;
        while at < train.len() && self.unsent.is_empty() {
            match self.socket.poll_send_train(cx, &train[at..], segment, Some(&to), from) {
                Poll::Ready(Ok(count)) => at += count,
                Poll::Ready(Err(error)) => {
                    // It is about the first; the others are tried for themselves.
                    let fault = errno::running(&error, &format!("send to {to}"));
                    world.fault(SessionId::default(), &fault);
                    at = train.len().min(at + segment);
                }
                Poll::Pending => break,
            }
        }
        for datagram in train[at..].chunks(segment) {
            self.wait(&to, from, datagram, world);
        }
        train.clear();
        self.train.bytes = train;
    }

    /// Sends one datagram by itself.
    fn send(
        &mut self,
        cx: &mut Context<'_>,
        to: &Address,
        from: Option<IpAddr>,
        bytes: &[u8],
        world: &World,
    ) {
        if self.unsent.is_empty() {
            match self.socket.poll_send(cx, bytes, Some(to), from) {
                Poll::Ready(Ok(())) => return,
                Poll::Ready(Err(error)) => {
                    let fault = errno::running(&error, &format!("send to {to}"));
                    world.fault(SessionId::default(), &fault);
                    return;
                }
                // A full Unix receiver does not say when it has room again, and others wait behind it.
                Poll::Pending if matches!(*self.socket, Datagram::Unix(_)) => return world.dropped_out(),
                Poll::Pending => {}
            }
        }
        self.wait(to, from, bytes, world);
    }

    fn wait(&mut self, to: &Address, from: Option<IpAddr>, bytes: &[u8], world: &World) {
        if self.unsent_bytes + bytes.len() <= WAITING {
            self.unsent_bytes += bytes.len();
            self.unsent.push_back(Unsent { to: to.clone(), from, bytes: bytes.into() });
        } else {
            world.dropped_out();
        }
    }

    /// Sends what waits. `false`: the socket takes no more for now.
    #[inline]
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(first) = self.unsent.front() {
            match self.socket.poll_send(cx, &first.bytes, Some(&first.to), first.from) {
                Poll::Pending => return false,
                Poll::Ready(_) => {
                    self.unsent_bytes -= first.bytes.len();
                    self.unsent.pop_front();
                }
            }
        }
        true
    }
}

impl Train {
    /// Whether one more may join it.
    #[inline]
    fn takes(&self, to: &Address, from: Option<IpAddr>, len: usize) -> bool {
        !self.bytes.is_empty()
            && (1..=self.segment).contains(&len)
            && self.bytes.len() + len <= self.room
            && self.from == from
            && self.to == *to
    }
}
