//! Faults on purpose at work in a session: between its peer's port and everything else. What the faults do is decided in
//! [`crate::impair`]; here lines are fed, emptied when their time comes, and obeyed when they cut the connection. A
//! session without faults holds one empty pointer.

use std::io;
use std::task::{Context, Poll, ready};

use sockeye_core::{Code, Direction, Input, Kind, Medium, PEER, Tick};

use crate::drive::port::{Got, Port};
use crate::drive::queue::Queue;
use crate::drive::session::{Session, Stage};
use crate::drive::side::{Fin, Side};
use crate::impair::{Arrived, Cut, Impairments, Line, Struck};
use crate::world::{Lent, World};

/// How much of a stream goes onto a line at once, in bytes.
const CHUNK: usize = 16 * 1024;

/// How often the socket is read before others have their turn, while nothing that was read has arrived.
const READS: usize = 16;

/// Both directions of a session with faults.
pub(crate) struct Impaired {
    up: Line,
    down: Line,
    medium: Medium,
    /// When the turn under way began: all in it happens at once.
    now: Tick,
    /// The peer's end was read; what it was, until that has arrived.
    ended: bool,
    end: Option<Got>,
    finish: Finish,
}

/// Where our end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    /// Not asked for.
    Open,
    /// On its way.
    UnderWay,
    /// It has arrived, and goes out.
    Arrived,
}

impl Impaired {
    fn new([mut up, mut down]: [Line; 2], medium: Medium, now: Tick) -> Self {
        up.begin(now);
        down.begin(now);
        Self { up, down, medium, now, ended: false, end: None, finish: Finish::Open }
    }

    /// Bytes that are under way.
    pub(super) fn held(&self) -> usize {
        self.up.held() + self.down.held()
    }

    /// Whether something is under way to the peer.
    pub(super) fn owes(&self) -> bool {
        !self.down.is_empty()
    }

    /// Whether it is for the faults that the peer is not read.
    pub(super) fn pauses(&self) -> bool {
        self.ended || !self.up.has_room(self.now)
    }

    /// The earliest time at which something changes by itself. Not compared with a clock but with the last turn, so that
    /// nothing that has become due since is forgotten.
    fn due(&self) -> Option<Tick> {
        self.up.due(self.now).into_iter().chain(self.down.due(self.now)).min()
    }

    /// How the connection is to end, if a line says so now. A line that has nothing left but that comes first.
    fn cut(&mut self) -> Option<(Direction, Cut, Struck)> {
        for (direction, line) in [(Direction::Out, &mut self.down), (Direction::In, &mut self.up)] {
            if let Some(Arrived::Cut(cut)) = line.front(self.now)
                && let Some(struck) = line.take_end()
            {
                return Some((direction, cut, struck));
            }
        }
        None
    }

    /// Reads from the line, and onto it as much as there is.
    pub(super) fn poll_read(
        &mut self,
        port: &mut Port,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Got>> {
        for _ in 0..READS {
            if let Some(got) = self.arrived(buffer) {
                return Poll::Ready(Ok(got));
            }
            if is_cut(&self.up, self.now) {
                break;
            }
            if self.pauses() {
                return Poll::Pending;
            }
            let most = if self.medium == Medium::Bytes { buffer.len().min(CHUNK) } else { buffer.len() };
            match ready!(port.poll_read(cx, &mut buffer[..most]))? {
                Got::Bytes(count) | Got::Datagram(count) => self.up.push(self.now, &buffer[..count], None),
                Got::Message(sort, data) => self.up.push(self.now, &data, Some(sort)),
                end => {
                    self.ended = true;
                    self.end = Some(end);
                    self.up.end(self.now);
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn arrived(&mut self, buffer: &mut [u8]) -> Option<Got> {
        match self.up.front(self.now)? {
            Arrived::Data(bytes, Some(sort)) => {
                let got = Got::Message(sort, bytes.to_vec());
                self.up.take(usize::MAX);
                Some(got)
            }
            Arrived::Data(bytes, None) => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                self.up.take(count);
                Some(if self.medium == Medium::Bytes { Got::Bytes(count) } else { Got::Datagram(count) })
            }
            Arrived::End => {
                self.up.take_end();
                self.end.take()
            }
            Arrived::Cut(_) => None,
        }
    }

    /// Puts what waits onto the line, as far as it goes.
    fn fill(&mut self, queue: &mut Queue, port: &mut Port, world: &World) {
        while !queue.is_empty() && self.down.has_room(self.now) {
            let front = queue.front();
            let count = if self.medium.has_bounds() { front.len() } else { front.len().min(CHUNK) };
            let mark = port.socket().and_then(|socket| socket.sort());
            self.down.push(self.now, &front[..count], mark);
            queue.written(count, world);
        }
    }

    /// Writes what has arrived. Whether all of it is written.
    fn drain(&mut self, port: &mut Port, cx: &mut Context<'_>, out: &mut u64) -> Poll<io::Result<()>> {
        loop {
            match self.down.front(self.now) {
                Some(Arrived::Data(bytes, mark)) => {
                    let count = ready!(write(port, cx, bytes, mark))?;
                    if count == 0 && !bytes.is_empty() {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    *out += count as u64;
                    self.down.take(count);
                }
                Some(Arrived::End) => {
                    self.down.take_end();
                    self.finish = Finish::Arrived;
                }
                Some(Arrived::Cut(_)) | None => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Whether all that came before a cut has left the line.
fn is_cut(line: &Line, now: Tick) -> bool {
    matches!(line.front(now), Some(Arrived::Cut(_)))
}

/// Writes some of it, marked as it was when it was put onto the line.
fn write(
    port: &mut Port,
    cx: &mut Context<'_>,
    bytes: &[u8],
    mark: Option<crate::layer::ws::socket::Sort>,
) -> Poll<io::Result<usize>> {
    if mark.is_none() {
        return port.poll_write(cx, bytes);
    }
    let kept = port.socket().map(|socket| socket.sorted(mark));
    let written = port.poll_write(cx, bytes);
    if let (Some(socket), Some(kept)) = (port.socket(), kept) {
        socket.sorted(kept);
    }
    written
}

impl Side {
    /// As [`Side::poll_flush`], by way of the faults.
    #[cold]
    pub(super) fn poll_flush_impaired(
        &mut self,
        cx: &mut Context<'_>,
        world: &World,
    ) -> Poll<io::Result<bool>> {
        let Self { port, queue, faults, bytes_out, fin, .. } = self;
        let Some(faults) = faults.as_deref_mut() else { return Poll::Ready(Ok(false)) };
        loop {
            faults.fill(queue, port, world);
            if *fin == Fin::Wanted && queue.is_empty() && faults.finish == Finish::Open {
                faults.finish = Finish::UnderWay;
                faults.down.end(faults.now);
            }
            ready!(faults.drain(port, cx, bytes_out))?;
            if queue.is_empty() || !faults.down.has_room(faults.now) {
                break;
            }
        }
        if is_cut(&faults.down, faults.now) {
            // The next turn sees to it.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if port.has_unsent() {
            ready!(port.poll_flush(cx))?;
        }
        if *fin == Fin::Wanted && faults.finish == Finish::Arrived {
            ready!(port.poll_finish(cx))?;
            *fin = Fin::Sent;
            return Poll::Ready(Ok(true));
        }
        if queue.is_empty() && !faults.owes() && *fin != Fin::Wanted {
            Poll::Ready(Ok(false))
        } else {
            Poll::Pending
        }
    }
}

impl Session {
    /// Puts the faults of a listener between the peer and this session.
    pub(crate) fn impaired(mut self, impairments: &Impairments) -> Self {
        let medium = self.machine.lane(PEER).medium;
        let lines = impairments.begin(medium, self.world.limits.waiting_per_peer / 2);
        if lines.iter().any(|line| !line.is_clean()) {
            self.peer.faults = Some(Box::new(Impaired::new(lines, medium, self.last)));
        }
        self
    }

    /// Lets faults go on by now, tells what they did, and ends the session if they say so.
    #[cold]
    pub(super) fn meet_faults(&mut self, cx: &mut Context<'_>, lent: &mut Lent) {
        let Some(faults) = self.peer.faults.as_deref_mut() else { return };
        faults.now = self.world.clock.now();
        faults.up.wake(faults.now);
        faults.down.wake(faults.now);
        let cut = faults.cut();
        self.tell_faults();
        let Some((direction, cut, struck)) = cut else { return };
        self.tell_fault(direction, &struck);
        match cut {
            Cut::Close => self.close_by_fault(direction, struck.name, cx, lent),
            Cut::Reset => {
                for side in std::iter::once(&self.peer).chain(&self.others) {
                    side.port.abort();
                }
                self.world.show(self.id, Kind::Reset { leg: PEER, direction: Direction::Out });
                self.lose_peer(Code::Reset, cx, lent);
                self.stage = Stage::Over;
            }
        }
    }

    fn close_by_fault(&mut self, direction: Direction, name: &str, cx: &mut Context<'_>, lent: &mut Lent) {
        let why = if name == "timeout" { Code::Timeout } else { Code::Broken };
        let now = self.world.clock.now();
        self.machine.input(now, Input::Failed { leg: PEER, why: why.word() }, &mut lent.out);
        self.apply(cx, lent);
        if direction == Direction::Out {
            // All before the cut is written, and nothing behind it ever is.
            self.peer.queue.clear(&self.world);
            self.peer.faults = None;
        } else if let Some(faults) = self.peer.faults.as_deref_mut() {
            faults.ended = true;
        }
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
        }
    }

    /// Tells what faults have done since this was last called.
    pub(super) fn tell_faults(&mut self) {
        let Some(faults) = self.peer.faults.as_deref_mut() else { return };
        for (direction, struck) in
            [(Direction::In, faults.up.struck()), (Direction::Out, faults.down.struck())]
        {
            for struck in &struck {
                self.tell_fault(direction, struck);
            }
        }
    }

    fn tell_fault(&self, direction: Direction, struck: &Struck) {
        let (leg, name, detail) = (PEER, struck.name, struck.detail.as_str());
        self.world.show(self.id, Kind::Fault { leg, direction, name, detail });
    }

    /// Whether faults hold something back, so that the peer's silence is none.
    pub(super) fn is_held_back(&self) -> bool {
        self.faults_due().is_some()
    }

    /// When faults have something to do.
    pub(super) fn faults_due(&self) -> Option<Tick> {
        self.peer.faults.as_deref().and_then(Impaired::due)
    }
}
