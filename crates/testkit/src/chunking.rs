//! How the bytes of a stream arrive: as they were sent, cut up, or joined. A test that passes under all of these does
//! not depend on luck.

/// How a reader gets the bytes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// Each write is one read.
    Whole,
    /// Each byte is one read.
    Single,
    /// All that was written so far is one read.
    Joined,
    /// Reads of random length that ignore where writes ended; the same seed gives the same cuts.
    Random(u64),
}

/// The chunkings that a test of stream bytes should pass under.
pub const EVERY: &[Chunking] = &[
    Chunking::Whole,
    Chunking::Single,
    Chunking::Joined,
    Chunking::Random(1),
    Chunking::Random(2),
    Chunking::Random(3),
];

/// Decides the length of each read.
#[derive(Debug)]
pub(crate) struct Cutter {
    chunking: Chunking,
    state: u64,
}

impl Cutter {
    pub(crate) const fn new(chunking: Chunking) -> Self {
        let state = match chunking {
            Chunking::Random(seed) => seed,
            _ => 0,
        };
        Self { chunking, state }
    }

    /// Whether bytes of several writes may be one read.
    pub(crate) const fn joins(&self) -> bool {
        matches!(self.chunking, Chunking::Joined | Chunking::Random(_))
    }

    /// How many of `have` bytes (at least 1) the next read gives.
    pub(crate) fn next(&mut self, have: usize) -> usize {
        match self.chunking {
            Chunking::Whole | Chunking::Joined => have,
            Chunking::Single => 1,
            Chunking::Random(_) => {
                let bound = have.min(RANDOM_MAX) as u64;
                usize::try_from(self.random() % bound).unwrap_or(0) + 1
            }
        }
    }

    /// SplitMix64: small, seeded, and good enough to cut bytes.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The longest random read, in bytes: short, so that frames are cut often.
const RANDOM_MAX: usize = 13;
