//! One end of an in-memory connection: what it still has to send, and what has come and was not read.

use std::collections::VecDeque;

use sockeye_core::{Address, Lane, Leg};

use crate::chunking::Cutter;

/// What travels between two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Some bytes of a stream.
    Bytes(Vec<u8>),
    /// One datagram.
    Datagram(Vec<u8>),
    /// The sender will send no more.
    Fin,
    /// The connection is cut.
    Reset,
}

/// Who reads and writes an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The test.
    Test,
    /// A leg of a session.
    Session(usize, Leg),
}

/// One end of a connection.
pub(crate) struct End {
    pub(crate) owner: Owner,
    /// The other end's place in the stage.
    pub(crate) far: usize,
    pub(crate) lane: Lane,
    pub(crate) out: VecDeque<Item>,
    pub(crate) inbox: VecDeque<Item>,
    /// Where the test says it calls from.
    pub(crate) remote: Option<Address>,
    pub(crate) reading: bool,
    pub(crate) relayed: Option<Leg>,
    pub(crate) wants_drained: bool,
    finished: bool,
}

impl End {
    pub(crate) fn new(owner: Owner, far: usize, lane: Lane) -> Self {
        Self {
            owner,
            far,
            lane,
            out: VecDeque::new(),
            inbox: VecDeque::new(),
            remote: None,
            reading: true,
            relayed: None,
            wants_drained: false,
            finished: false,
        }
    }

    /// Queues a message's bytes, already framed.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.finished {
            return;
        }
        if self.lane.medium.has_bounds() {
            self.out.push_back(Item::Datagram(bytes.to_vec()));
        } else if !bytes.is_empty() {
            self.out.push_back(Item::Bytes(bytes.to_vec()));
        }
    }

    /// Queues a FIN; datagrams know none.
    pub(crate) fn finish(&mut self) {
        if !self.finished && !self.lane.medium.is_datagrams() {
            self.out.push_back(Item::Fin);
        }
        self.finished = true;
    }

    /// Drops what is queued and cuts the connection.
    pub(crate) fn reset(&mut self) {
        self.out.clear();
        self.finished = true;
        if !self.lane.medium.is_datagrams() {
            self.out.push_back(Item::Reset);
        }
    }

    /// Bytes that came and were not read.
    pub(crate) fn unread(&self) -> usize {
        self.inbox.iter().map(Item::len).sum()
    }

    /// Bytes that were sent and not taken.
    pub(crate) fn waiting(&self) -> usize {
        self.out.iter().map(Item::len).sum()
    }

    /// What one read gives.
    pub(crate) fn read(&mut self, cutter: &mut Cutter) -> Option<Item> {
        let mut bytes = match self.inbox.pop_front()? {
            Item::Bytes(bytes) => bytes,
            other => return Some(other),
        };
        while cutter.joins()
            && let Some(Item::Bytes(_)) = self.inbox.front()
            && let Some(Item::Bytes(more)) = self.inbox.pop_front()
        {
            bytes.extend_from_slice(&more);
        }
        let rest = bytes.split_off(cutter.next(bytes.len()));
        if !rest.is_empty() {
            self.inbox.push_front(Item::Bytes(rest));
        }
        Some(Item::Bytes(bytes))
    }
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) | Self::Datagram(bytes) => bytes.len(),
            Self::Fin | Self::Reset => 0,
        }
    }
}
