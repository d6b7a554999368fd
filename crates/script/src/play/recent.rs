//! The last messages that came and went, for a failure to show.

use std::collections::VecDeque;

use sockeye_core::{Direction, Tick};

use super::failure::{FRAME, FRAMES, Fate, Frame};

/// At most [`FRAMES`] frames. The memory of those that fall out serves again.
#[derive(Default)]
pub(super) struct Recent {
    frames: VecDeque<Kept>,
    next: u64,
}

struct Kept {
    number: u64,
    /// On a stream without framing: how many bytes of it had come with this one's last.
    upto: u64,
    frame: Frame,
}

impl Recent {
    /// Takes note of a message, and numbers it. `upto` is as in [`Recent::read`], 0 for whole messages.
    pub(super) fn push(
        &mut self,
        peer: u16,
        direction: Direction,
        at: Tick,
        payload: &[u8],
        upto: u64,
    ) -> u64 {
        let mut data = if self.frames.len() >= FRAMES {
            self.frames.pop_front().map(|kept| kept.frame.data).unwrap_or_default()
        } else {
            Vec::new()
        };
        data.clear();
        data.extend_from_slice(&payload[..payload.len().min(FRAME)]);
        let fate = if direction == Direction::Out { Fate::Sent } else { Fate::Waiting };
        let frame = Frame { peer, direction, at, data, size: payload.len(), fate };
        self.next += 1;
        self.frames.push_back(Kept { number: self.next, upto, frame });
        self.next
    }

    /// Says what became of a message.
    pub(super) fn settle(&mut self, number: u64, fate: Fate) {
        if let Some(kept) = self.frames.iter_mut().find(|kept| kept.number == number) {
            kept.frame.fate = fate;
        }
    }

    /// Says what became of the first `upto` bytes of a peer's stream, as far as nothing was said of them before.
    pub(super) fn read(&mut self, peer: u16, upto: u64, fate: Fate) {
        for kept in &mut self.frames {
            let frame = &mut kept.frame;
            let waits = frame.fate == Fate::Waiting && frame.direction == Direction::In;
            if waits && frame.peer == peer && kept.upto <= upto {
                frame.fate = fate;
            }
        }
    }

    /// A copy for a failure.
    pub(super) fn frames(&self) -> Vec<Frame> {
        self.frames.iter().map(|kept| kept.frame.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_and_their_beginnings_are_kept() {
        let mut recent = Recent::default();
        for _ in 0..100 {
            recent.push(0, Direction::In, Tick::ZERO, &[b'x'; 5000], 0);
        }
        let last = recent.push(0, Direction::In, Tick::ZERO, b"end", 0);
        recent.settle(last, Fate::Matched);
        recent.settle(1, Fate::Matched);
        let frames = recent.frames();
        assert_eq!((frames.len(), frames[0].data.len(), frames[0].size), (FRAMES, FRAME, 5000));
        assert_eq!((frames[FRAMES - 1].fate, frames[0].fate), (Fate::Matched, Fate::Waiting));
    }

    #[test]
    fn what_was_read_of_a_stream_is_settled_by_its_end() {
        let mut recent = Recent::default();
        recent.push(0, Direction::In, Tick::ZERO, b"one", 3);
        recent.push(1, Direction::In, Tick::ZERO, b"other", 5);
        recent.push(0, Direction::In, Tick::ZERO, b"two", 6);
        recent.read(0, 5, Fate::Matched);
        let fates: Vec<Fate> = recent.frames().iter().map(|frame| frame.fate).collect();
        assert_eq!(fates, [Fate::Matched, Fate::Waiting, Fate::Waiting]);
    }
}
