//! Bytes that wait for a socket. Empty, without memory, for every session whose peer reads.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use crate::splice::Pipe;
use crate::world::World;

/// Written bytes at the front are dropped once they are this many and the larger part.
const COMPACT: usize = 64 * 1024;

/// What waits to be written to one leg.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    bytes: Vec<u8>,
    at: usize,
    /// Where each datagram ends; stays empty on streams.
    ends: VecDeque<usize>,
    /// Bytes that the kernel holds for us, which are older than all others here.
    pipe: Option<Box<Pipe>>,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len() && self.ends.is_empty() && self.pipe.is_none()
    }

    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.at + self.pipe.as_deref().map_or(0, Pipe::held)
    }

    /// Adds what is in a pipe. The queue must be empty: what is in a pipe goes first.
    pub(crate) fn hold(&mut self, pipe: Box<Pipe>, world: &World) {
        debug_assert!(self.is_empty(), "what the pipe holds would overtake what waits");
        world.shared.waits(pipe.held());
        self.pipe = Some(pipe);
    }

    /// The pipe, whose bytes go first.
    pub(crate) fn pipe(&mut self) -> Option<&mut Pipe> {
        self.pipe.as_deref_mut()
    }

    /// So many bytes have left the pipe. An empty one goes back to where it was lent from.
    pub(crate) fn piped(&mut self, count: usize, world: &World) {
        world.shared.waits_no_longer(count);
        if let Some(pipe) = self.pipe.take_if(|pipe| pipe.held() == 0) {
            world.pipes.give_back(*pipe);
        }
    }

    /// Puts what is in the pipe before the bytes that wait: its port takes no bytes from the kernel.
    pub(crate) fn copy_out(&mut self, world: &World) -> io::Result<()> {
        let Some(mut pipe) = self.pipe.take() else { return Ok(()) };
        let bytes = pipe.take()?;
        self.bytes.splice(self.at..self.at, bytes);
        world.pipes.give_back(*pipe);
        Ok(())
    }

    /// Adds bytes of a stream.
    pub(crate) fn push(&mut self, bytes: &[u8], world: &World) {
        world.shared.waits(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds one datagram, which may be empty.
    pub(crate) fn push_datagram(&mut self, bytes: &[u8], world: &World) {
        self.push(bytes, world);
        self.ends.push_back(self.bytes.len());
    }

    /// What to write next: all that waits, or one datagram.
    pub(crate) fn front(&self) -> &[u8] {
        let end = self.ends.front().copied().unwrap_or(self.bytes.len());
        &self.bytes[self.at..end]
    }

    /// How long the first datagram is; `None` on streams.
    #[inline]
    pub(crate) fn each(&self) -> Option<usize> {
        self.ends.front().map(|end| end - self.at)
    }

    /// The first datagrams that may travel together: as long as the first, but for a last one that is shorter, and at most
    /// `room` bytes. None of several is empty.
    pub(crate) fn train(&self, room: usize) -> &[u8] {
        let each = self.each().unwrap_or_default();
        let mut end = self.at + each;
        for next in self.ends.iter().skip(1) {
            let len = next - end;
            if !(1..=each).contains(&len) || next - self.at > room {
                break;
            }
            end = *next;
            if len < each {
                break;
            }
        }
        &self.bytes[self.at..end]
    }

    /// `count` bytes of [`Queue::front`] are written.
    pub(crate) fn written(&mut self, count: usize, world: &World) {
        let is_whole = self.ends.front() == Some(&(self.at + count));
        self.sent(count, usize::from(is_whole), world);
    }

    /// `count` bytes are written: so many whole datagrams, or bytes of a stream.
    pub(crate) fn sent(&mut self, count: usize, datagrams: usize, world: &World) {
        world.shared.waits_no_longer(count);
        self.at += count;
        self.ends.drain(..datagrams);
        if self.at == self.bytes.len() && self.ends.is_empty() {
            *self = Self::default();
        } else if self.at > COMPACT && self.at > self.bytes.len() / 2 {
            self.bytes.drain(..self.at);
            for end in &mut self.ends {
                *end -= self.at;
            }
            self.at = 0;
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self, world: &Rc<World>) {
        world.shared.waits_no_longer(self.len());
        *self = Self::default();
    }
}
