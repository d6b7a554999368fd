//! How a session ends: what is owed is written, our FIN goes out, and what still comes is discarded for a while.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use sockeye_core::{Code, Direction, Kind, OPERATOR, PEER};

use crate::drive::port::Port;
use crate::drive::session::{NEVER, Session, Stage, Turn};
use crate::drive::side::{Fin, Side};
use crate::errno;
use crate::world::Lent;

/// After our FIN a closed session still discards what comes, for this long and this much, so that unread input does not
/// turn the last answer into an RST.
pub(super) const LINGER: Duration = Duration::from_secs(1);
pub(super) const LINGER_BYTES: usize = 64 * 1024;

/// A closing session whose peer does not take the last bytes is given up after this long without progress: long enough
/// for one that was only held up, and bounded, since nobody else would end it.
pub(super) const FLUSH: Duration = Duration::from_mins(1);

/// What a fault of writing stdout is about.
const STDOUT: &str = "stdout";

impl Session {
    pub(super) fn turn_closing(&mut self, cx: &mut Context<'_>) -> Turn {
        let world = Rc::clone(&self.world);
        let now = world.clock.now();
        if self.until == NEVER {
            self.until = now + FLUSH;
            if self.is_alone() {
                self.hang_all();
            }
            // The operator's words are not the session's alone: another one may go on with them.
            self.others.retain(|side| side.owes() || side.leg == OPERATOR);
            self.peer.finish();
            self.part();
            if self.is_given_up() {
                self.peer.queue.clear(&world);
            }
        }
        if let Some(due) = self.peer.faults_due() {
            // What faults hold back is no fault of the peer's.
            self.until = self.until.max(due + FLUSH);
        }
        let (mut owed, given_up) = (false, self.is_given_up());
        let is_last = self.others.is_empty() && self.legs.is_none();
        let others = self.others.iter_mut().filter(|side| side.leg != OPERATOR);
        for side in std::iter::once(&mut self.peer).chain(others) {
            if side.leg != PEER {
                side.finish();
            }
            let before = side.bytes_out;
            if is_last && side.is_closed_by_dropping() {
                side.fin = Fin::Sent;
                world.show(
                    self.id,
                    Kind::HalfClosed { leg: side.leg, direction: Direction::Out, farewell: None },
                );
                continue;
            }
            match side.poll_flush(cx, &world) {
                // What TLS or a WebSocket has taken cannot be cleared: a peer that reads nothing would keep the session.
                Poll::Pending if given_up && side.leg == PEER => side.port = Port::Gone,
                Poll::Pending => owed = true,
                Poll::Ready(Ok(true)) if side.port.has_fin() => {
                    let (leg, direction, farewell) = (side.leg, Direction::Out, side.port.farewell());
                    let kind = Kind::HalfClosed { leg, direction, farewell };
                    world.show(self.id, kind);
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    if side.port.is_stdio() && error.kind() != io::ErrorKind::BrokenPipe {
                        self.fault.get_or_insert(Box::new(errno::running(&error, STDOUT)));
                    }
                    side.port = Port::Gone;
                }
            }
            if side.bytes_out != before {
                self.until = now + FLUSH;
            }
        }
        if !owed {
            self.others.retain(|side| side.leg == OPERATOR);
            if given_up {
                self.stage = Stage::Over;
                return Turn::Again;
            }
            self.linger();
            return Turn::Again;
        }
        if now >= self.until {
            self.stage = Stage::Over;
            return Turn::Again;
        }
        Turn::Wait
    }

    pub(super) fn turn_lingering(&mut self, cx: &mut Context<'_>, lent: &mut Lent) -> Turn {
        let late = self.world.clock.now() >= self.until;
        let spent = self.discarded as usize > LINGER_BYTES;
        let ended = self.peer.eof && self.peer.port.socket().is_none();
        if late || spent || ended || !self.peer.port.is_connection() || self.peer.port.is_stdio() {
            self.stage = Stage::Over;
            return Turn::Again;
        }
        match self.peer.port.poll_last(cx, &mut lent.buffer) {
            Poll::Pending => Turn::Wait,
            Poll::Ready(Ok(count)) if count > 0 => {
                self.discarded += u32::try_from(count).unwrap_or(u32::MAX / 2);
                Turn::Again
            }
            Poll::Ready(_) => {
                self.stage = Stage::Over;
                Turn::Again
            }
        }
    }

    /// Waits a while for the peer's end.
    pub(super) fn linger(&mut self) {
        self.until = self.world.clock.now() + LINGER;
        self.stage = Stage::Lingering;
    }

    /// Whether an RST of a leg could go unseen: it is not read, and something else keeps the session open.
    pub(super) fn is_deaf(&self, side: &Side) -> bool {
        let held =
            side.eof || !side.reading || side.pauses() || self.others.iter().any(|other| !other.is_drained());
        held && (!self.others.is_empty() || !side.reading || side.pauses()) && side.port.is_connection()
    }

    /// Looks whether a leg that is not read was cut.
    pub(super) fn look(&mut self, cx: &mut Context<'_>, lent: &mut Lent) {
        if self.is_deaf(&self.peer)
            && let Some(error) = self.peer.port.take_error()
        {
            self.broke(PEER, &error, cx, lent);
        }
    }

    /// Whether the session ends because its time is up: its peer is not waited for any longer.
    fn is_given_up(&self) -> bool {
        let is_late =
            |code| matches!(code, Code::Timeout | Code::Idle | Code::SessionTime | Code::FrameTimeout);
        self.fault.as_deref().is_some_and(|fault| is_late(fault.code))
    }
}
