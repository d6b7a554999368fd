//! A leg that its session has hung up: what it is owed is written, its FIN goes out, and what still comes is discarded for
//! a while. The leg may be opened again meanwhile.

use std::rc::Rc;
use std::task::{Context, Poll};

use sockeye_core::{Code, Direction, Kind, Leg, SessionId, Tick};

use crate::drive::closing::{FLUSH, LINGER, LINGER_BYTES};
use crate::drive::side::Side;
use crate::errno;
use crate::impair::Cut;
use crate::layer::ws::close;
use crate::world::{READ, World};

/// A leg on its way out.
pub(super) struct Parting {
    side: Side,
    stage: Stage,
    /// When it is given up.
    until: Tick,
    discarded: usize,
    /// The leg has been opened again: nothing is told of this one any more.
    is_superseded: bool,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What it is owed is written, then its FIN.
    Flushing,
    /// What still comes is discarded.
    Lingering,
    Over,
}

impl Parting {
    pub(super) fn new(mut side: Side, now: Tick) -> Self {
        side.finish();
        if let Some(socket) = side.port.socket() {
            socket.leave_with(close::NORMAL);
        }
        Self { side, stage: Stage::Flushing, until: now + FLUSH, discarded: 0, is_superseded: false }
    }

    pub(super) const fn leg(&self) -> Leg {
        self.side.leg
    }

    /// Whether something is still to be written. The leg is opened again only after that: the peer is to see one end
    /// before the next beginning.
    pub(super) fn is_flushing(&self) -> bool {
        self.stage == Stage::Flushing
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    pub(super) fn until(&self) -> Tick {
        self.held_back().map_or(self.until, |due| due.min(self.until))
    }

    /// Until when faults hold something back.
    fn held_back(&self) -> Option<Tick> {
        self.side.faults_due().filter(|_| self.is_flushing())
    }

    /// The leg is opened again, once this one has sent its end.
    pub(super) fn supersede(&mut self) {
        self.is_superseded = true;
        self.fall_silent();
    }

    /// What is discarded would be shown as the next connection's.
    fn fall_silent(&self) {
        if let Some(tap) = self.side.port.tap().filter(|_| self.is_superseded && !self.is_flushing()) {
            tap.mute();
        }
    }

    /// The session has failed: nobody waits for a peer that does not read.
    pub(super) fn hurry(&mut self, world: &Rc<World>) {
        self.side.queue.clear(world);
        self.until = self.until.min(world.clock.now() + LINGER);
    }

    /// Drops what waits.
    pub(super) fn forget(&mut self, world: &Rc<World>) {
        self.side.queue.clear(world);
        self.stage = Stage::Over;
    }

    /// Goes on as far as it goes.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>, world: &Rc<World>, id: SessionId, buffer: &mut [u8]) {
        let now = world.clock.now();
        match self.side.meet_faults(world, id).map(|(_, cut, _)| cut).filter(|_| self.is_flushing()) {
            Some(Cut::Close) => self.side.end_behind_cut(world),
            Some(Cut::Reset) => {
                self.side.port.abort();
                self.forget(world);
            }
            None => {}
        }
        if let Some(due) = self.held_back() {
            self.until = self.until.max(due + FLUSH);
        }
        if self.stage == Stage::Flushing {
            self.flush(cx, world, id, now);
        }
        while self.stage == Stage::Lingering {
            if !self.linger(cx, world, id, now, buffer) {
                break;
            }
        }
        if now >= self.until {
            self.forget(world);
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>, world: &Rc<World>, id: SessionId, now: Tick) {
        let before = self.side.bytes_out;
        match self.side.poll_flush(cx, world) {
            Poll::Pending => {
                if self.side.bytes_out != before {
                    self.until = now + FLUSH;
                }
            }
            Poll::Ready(Ok(finished)) => {
                if finished && self.side.port.has_fin() {
                    let (leg, farewell) = (self.side.leg, self.side.port.farewell());
                    world.show(id, Kind::HalfClosed { leg, direction: Direction::Out, farewell });
                }
                let ended = self.side.eof && self.side.port.socket().is_none();
                let is_over = ended || !self.side.port.is_connection() || self.side.port.is_stdio();
                self.stage = if is_over { Stage::Over } else { Stage::Lingering };
                self.until = now + LINGER;
                self.fall_silent();
            }
            Poll::Ready(Err(error)) => self.broke(&error, world, id),
        }
    }

    /// Reads once. Whether there may be more.
    fn linger(
        &mut self,
        cx: &mut Context<'_>,
        world: &Rc<World>,
        id: SessionId,
        now: Tick,
        buffer: &mut [u8],
    ) -> bool {
        if self.discarded > LINGER_BYTES || now >= self.until {
            self.stage = Stage::Over;
            return false;
        }
        let most = buffer.len().min(READ);
        match self.side.port.poll_last(cx, &mut buffer[..most]) {
            Poll::Pending => return false,
            Poll::Ready(Ok(0)) => {
                if self.side.port.has_fin() && self.side.port.socket().is_none() {
                    let (leg, direction) = (self.side.leg, Direction::In);
                    self.show(world, id, Kind::HalfClosed { leg, direction, farewell: None });
                }
                self.stage = Stage::Over;
            }
            Poll::Ready(Ok(count)) => self.discarded += count,
            Poll::Ready(Err(error)) => self.broke(&error, world, id),
        }
        true
    }

    fn broke(&mut self, error: &std::io::Error, world: &Rc<World>, id: SessionId) {
        if errno::running(error, "").code == Code::Reset {
            let kind = Kind::Reset { leg: self.side.leg, direction: Direction::In };
            if self.is_flushing() {
                world.show(id, kind);
            } else {
                self.show(world, id, kind);
            }
        }
        self.forget(world);
    }

    /// Shows what comes after our end.
    fn show(&self, world: &World, id: SessionId, kind: Kind<'_>) {
        if !self.is_superseded {
            world.show(id, kind);
        }
    }
}
