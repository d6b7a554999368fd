//! A connection's place, whether there is one or not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use sockeye_core::Fault;
use sockeye_net::Conn;

use crate::board::{Board, Mark};
use crate::open::Open;
use crate::schedule::Nanos;

/// A connection that is being opened.
pub(crate) type Dialling = Pin<Box<dyn Future<Output = Result<Conn, Fault>>>>;

/// A connection's place.
pub(crate) struct Seat {
    pub(crate) mark: Arc<Mark>,
    pub(crate) waker: Waker,
    pub(crate) state: State,
    /// What a connection that is being opened is for.
    pub(crate) due: Nanos,
    /// Failures since the last right answer.
    pub(crate) failures: u32,
    /// Whether it is among those that can send.
    pub(crate) free: bool,
    /// Whether its first connection came about or failed.
    pub(crate) settled: bool,
}

/// How a place is.
pub(crate) enum State {
    /// Not open.
    Shut,
    /// Not to be opened before this time.
    Resting(Nanos),
    /// Being opened since then.
    Dialling(Dialling, Nanos),
    Open(Box<Open>),
}

impl Seat {
    /// A place that is not open, of this number on the board.
    pub(crate) fn new(board: &Arc<Board>, index: u32) -> Self {
        let mark = Mark::new(board, index);
        let waker = Waker::from(Arc::clone(&mark));
        Self { mark, waker, state: State::Shut, due: 0, failures: 0, free: false, settled: false }
    }
}
