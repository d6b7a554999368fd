//! Bytes that wait for a socket. Empty, without memory, for every session whose peer reads.

use std::collections::VecDeque;
use std::rc::Rc;

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
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len() && self.ends.is_empty()
    }

    /// How many bytes wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.at
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

    /// `count` bytes of [`Queue::front`] are written.
    pub(crate) fn written(&mut self, count: usize, world: &World) {
        world.shared.waits_no_longer(count);
        self.at += count;
        if self.ends.front() == Some(&self.at) {
            self.ends.pop_front();
        }
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
