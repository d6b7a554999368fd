//! What streams without framing carried, waiting to be joined: either one piece that a client sends, or what servers
//! say while no client sends.

use std::time::Duration;

use sockeye_core::{SessionId, Tick};

use super::Speaker;

/// The most that is held, in all sessions together: 4 MiB.
pub(super) const MOST: usize = 4 << 20;

/// A piece is written once it is this long: 64 KiB.
const FULL: usize = 64 << 10;

/// What a client sends after a longer silence than this is a step of its own.
const PAUSE: Duration = Duration::from_millis(50);

/// What one side of a session said.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) session: SessionId,
    pub(super) speaker: Speaker,
    /// When its first bytes came.
    pub(super) at: Tick,
    /// When its last bytes came.
    pub(super) last: Tick,
    pub(super) bytes: Vec<u8>,
}

/// The pieces, in the order they began.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: Vec<Piece>,
    bytes: usize,
}

impl Pieces {
    /// Whether so many bytes of this session's side can be taken in before what is held is written.
    pub(super) fn has_room(&self, session: SessionId, at: Tick, speaker: Speaker, count: usize) -> bool {
        let own = self.pieces.iter().find(|piece| piece.session == session && piece.speaker == speaker);
        let fits = own.is_none_or(|piece| piece.bytes.len() < FULL) && self.bytes + count <= MOST;
        match speaker {
            _ if self.pieces.is_empty() => true,
            Speaker::Client => fits && own.is_some_and(|piece| at.since(piece.last) <= PAUSE),
            Speaker::Server => fits && self.pieces.iter().all(|piece| piece.speaker == Speaker::Server),
        }
    }

    /// Takes a piece in, joined with what the same side has said before.
    pub(super) fn push(&mut self, piece: Piece) {
        self.bytes += piece.bytes.len();
        let same = |other: &&mut Piece| other.session == piece.session && other.speaker == piece.speaker;
        match self.pieces.iter_mut().find(same) {
            Some(other) => {
                other.bytes.extend_from_slice(&piece.bytes);
                other.last = piece.last;
            }
            None => self.pieces.push(piece),
        }
    }

    /// All of them; none are left.
    pub(super) fn take(&mut self) -> Vec<Piece> {
        self.bytes = 0;
        std::mem::take(&mut self.pieces)
    }
}
