//! One leg of a session: its port, what waits for it, and how far each direction has come.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use sockeye_core::Leg;

use crate::dial::Target;
use crate::drive::bulk::Bulk;
use crate::drive::impaired::Impaired;
use crate::drive::port::{Got, Port};
use crate::drive::pour::Pour;
use crate::drive::queue::Queue;
use crate::world::World;

/// Datagrams that are read for it before they leave together, in bytes: about those of one train.
const GATHERED: usize = 32 * 1024;

/// How far our direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fin {
    /// We may still send.
    Open,
    /// A FIN goes out once the queue is empty.
    Wanted,
    /// It is out.
    Sent,
}

/// One leg.
#[expect(clippy::struct_excessive_bools, reason = "four facts of a leg that change apart from each other")]
pub(crate) struct Side {
    pub(crate) port: Port,
    pub(crate) queue: Queue,
    /// What a bad network does in between, where one was asked for. The peer's leg alone has it.
    pub(crate) faults: Option<Box<Impaired>>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) leg: Leg,
    /// The leg whose queue must be empty before this one is read: itself, or the other half of a relay.
    pub(crate) partner: Leg,
    pub(crate) fin: Fin,
    /// The peer will send no more.
    pub(crate) eof: bool,
    /// The conversation wants this leg read.
    pub(crate) reading: bool,
    /// The conversation wants to know when the queue is empty.
    pub(crate) wants_more: bool,
    /// Bytes go to the partner without the conversation.
    pub(crate) pass: bool,
    /// Whether they go without us, too.
    pub(crate) bulk: Bulk,
    /// Where they go if there is no partner: to stdout, or nowhere.
    pub(crate) pour: Option<Box<Pour>>,
    /// Where it was dialled to, if it was we who did.
    pub(crate) dialled: Option<Rc<Target>>,
}

impl Side {
    pub(crate) fn new(leg: Leg, port: Port) -> Self {
        Self {
            port,
            queue: Queue::default(),
            faults: None,
            bytes_in: 0,
            bytes_out: 0,
            leg,
            partner: leg,
            fin: Fin::Open,
            eof: false,
            reading: true,
            wants_more: false,
            pass: false,
            bulk: Bulk::default(),
            pour: None,
            dialled: None,
        }
    }

    /// Reads into `buffer`.
    #[inline]
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Got>> {
        match self.faults.as_deref_mut() {
            None => self.port.poll_read(cx, buffer),
            Some(faults) => faults.poll_read(&mut self.port, cx, buffer),
        }
    }

    /// Takes bytes to send: at once as far as the socket goes, the rest into the queue.
    #[inline]
    pub(crate) fn send(&mut self, cx: &mut Context<'_>, bytes: &[u8], world: &World) -> io::Result<()> {
        if self.fin != Fin::Open {
            return Ok(());
        }
        if !self.port.is_stream() {
            self.queue.push_datagram(bytes, world);
            return Ok(());
        }
        let mut left = bytes;
        if self.queue.is_empty() && self.faults.is_none() {
            while !left.is_empty() {
                match self.port.poll_write(cx, left) {
                    Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(Ok(count)) => {
                        self.bytes_out += count as u64;
                        left = &left[count..];
                    }
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Pending => break,
                }
            }
        }
        if !left.is_empty() {
            self.queue.push(left, world);
        }
        Ok(())
    }

    /// Writes what waits, then the FIN if one is wanted. `Ready` when nothing is owed any more; `Ok(true)` if a FIN
    /// went out just now.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, world: &World) -> Poll<io::Result<bool>> {
        if matches!(self.port, Port::Opening(_)) {
            return if self.queue.is_empty() && self.fin != Fin::Wanted {
                Poll::Ready(Ok(false))
            } else {
                Poll::Pending
            };
        }
        if self.faults.is_some() {
            return self.poll_flush_impaired(cx, world);
        }
        ready!(self.poll_pipe(cx, world))?;
        while !self.queue.is_empty() {
            if let Some(each) = self.queue.each()
                && self.port.train(each) > each
            {
                ready!(self.poll_train(cx, each, world))?;
                continue;
            }
            let front = self.queue.front();
            let count = ready!(self.port.poll_write(cx, front))?;
            if count == 0 && !front.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.bytes_out += count as u64;
            self.queue.written(count, world);
        }
        if self.port.has_unsent() {
            ready!(self.port.poll_flush(cx))?;
        }
        if self.fin == Fin::Wanted {
            ready!(self.port.poll_finish(cx))?;
            self.fin = Fin::Sent;
            return Poll::Ready(Ok(true));
        }
        Poll::Ready(Ok(false))
    }

    /// Writes datagrams that wait and begin with one of `each` bytes: as many of them as may travel together.
    fn poll_train(&mut self, cx: &mut Context<'_>, each: usize, world: &World) -> Poll<io::Result<()>> {
        let train = self.queue.train(self.port.train(each));
        let count = ready!(self.port.poll_write_train(cx, train, each))?;
        self.bytes_out += count as u64;
        self.queue.sent(count, count.div_ceil(each), world);
        Poll::Ready(Ok(()))
    }

    /// Whether further datagrams may join those that wait for it.
    pub(crate) fn gathers(&self, world: &World) -> bool {
        let most = GATHERED.min(world.limits.waiting_per_peer / 2);
        self.port.is_datagrams() && self.faults.is_none() && self.queue.len() < most
    }

    /// Asks for a FIN after what waits.
    pub(crate) fn finish(&mut self) {
        if self.fin == Fin::Open {
            self.fin = Fin::Wanted;
        }
    }

    /// Whether nothing is left but our FIN, which the system sends by itself when the socket is closed: the peer has ended
    /// its side and all it sent was read, so it is not answered with an RST.
    pub(crate) fn is_closed_by_dropping(&self) -> bool {
        let is_plain = matches!(&self.port, Port::Stream(stream) if stream.descriptor().is_some());
        is_plain && self.eof && self.fin == Fin::Wanted && self.is_drained() && self.faults.is_none()
    }

    /// Whether both directions have ended and nothing is owed.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.port, Port::Gone) || (self.eof && self.fin == Fin::Sent)
    }

    /// Whether nothing waits to be written: neither here nor inside the port.
    #[inline]
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty() && !self.port.has_unsent()
    }

    /// Whether something is still under way to it, which holds up nothing else.
    fn is_behind(&self) -> bool {
        self.faults.as_deref().is_some_and(Impaired::owes)
    }

    /// Whether it is for faults on purpose that it is not read.
    pub(crate) fn pauses(&self) -> bool {
        self.faults.as_deref().is_some_and(Impaired::pauses)
    }

    /// Whether something is still to be written.
    pub(crate) fn owes(&self) -> bool {
        !self.port.is_free() && (!self.is_drained() || self.fin == Fin::Wanted || self.is_behind())
    }
}
