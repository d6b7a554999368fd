//! One session as one hand-written future: no `select!`, channel or time-out of its own, and no buffer while it sleeps.
//!
//! A turn delivers letters, writes what is owed, and only then reads. With one leg and no operations asked for (the hot
//! path) a turn is one read, the conversation, and one write.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use sockeye_core::{
    Address, Code, Direction, Fault, Input, Kind, Leg, Machine, OPERATOR, PEER, Peer, SessionId, Tick,
};

use tokio::sync::mpsc::Receiver;

use crate::complaints::About;
use crate::drive::legs::Legs;
use crate::drive::port::{Got, Port};
use crate::drive::side::{Fin, Side};
use crate::drive::strict::Strict;
use crate::drive::who::{Told, Who};
use crate::errno;
use crate::guard::Slot;
use crate::metrics::Meter;
use crate::operator::Typed;
use crate::post::{Letter, Post};
use crate::world::{BLOCKED, Lent, READ, World};

/// After the peer's FIN, stdin still goes out until it is silent for this long. It may never end, so its end cannot be
/// waited for; but what is on its way when a peer ends its own side first must not be lost.
const SILENT: Duration = Duration::from_secs(1);

/// How often a leg that is not read, while another keeps the session open, is asked whether it was cut.
const LOOK: Duration = Duration::from_secs(1);

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The conversation goes on.
    Open,
    /// Nothing more is asked of the conversation; what is owed is written.
    Closing,
    /// Our FIN is out; what still comes is discarded.
    Lingering,
    /// Over.
    Over,
}

/// A session and everything it needs to run.
pub(crate) struct Session {
    pub(super) world: Rc<World>,
    pub(super) id: SessionId,
    pub(super) machine: Machine,
    pub(super) peer: Side,
    pub(super) others: Vec<Side>,
    pub(super) stage: Stage,
    pub(super) fault: Option<Box<Fault>>,
    post: Rc<Post>,
    idle: Option<Duration>,
    pub(super) last: Tick,
    pub(super) until: Tick,
    armed: Tick,
    pub(super) discarded: u32,
    /// Reads of the peer, and for it, that a relay passed on without the conversation.
    pub(super) passed_in: u64,
    pub(super) passed_out: u64,
    pub(super) prints: bool,
    /// Which of the services that read the operator's lines this session belongs to.
    pub(super) desk: Option<u8>,
    greeted: bool,
    who: Option<Box<Who>>,
    /// What the session holds, as the thread's books have it.
    pub(super) booked: usize,
    pub(super) strict: Option<Box<Strict>>,
    pub(super) legs: Option<Box<Legs>>,
    pub(super) meter: Option<Box<Meter>>,
    _slot: Option<Slot>,
}

/// What a turn came to.
pub(super) enum Turn {
    Again,
    Wait,
    Over,
}

pub(super) const NEVER: Tick = Tick(u64::MAX);

impl Session {
    /// A session over `port`, already connected. `idle` bounds the time in which nothing moves.
    pub(crate) fn new(
        world: &Rc<World>,
        id: SessionId,
        machine: Machine,
        port: Port,
        idle: Option<Duration>,
        slot: Option<Slot>,
    ) -> Self {
        let letters = Rc::new(Post::default());
        world.enroll(id, Rc::clone(&letters));
        Self {
            world: Rc::clone(world),
            id,
            machine,
            peer: Side::new(PEER, port),
            others: Vec::new(),
            stage: Stage::Open,
            fault: None,
            post: letters,
            idle,
            last: world.clock.now(),
            until: NEVER,
            armed: NEVER,
            discarded: 0,
            passed_in: 0,
            passed_out: 0,
            prints: false,
            desk: None,
            greeted: false,
            who: None,
            booked: 0,
            strict: Strict::new(&world.limits, world.clock.now()),
            legs: None,
            meter: world.shared.metrics.get().map(|_| Box::new(Meter::new(world.clock.now()))),
            _slot: slot,
        }
    }

    /// Says who the peer is, for faults and for processes.
    pub(crate) fn with(mut self, remote: Address) -> Self {
        self.who = Some(Box::new(Who { remote, told: None, subject: None }));
        self
    }

    /// Says what layers have told of it.
    pub(crate) fn told(mut self, told: Option<Told>) -> Self {
        if let Some(who) = &mut self.who {
            who.told = told.map(Box::new);
        }
        self
    }

    /// Says which of the services that read the operator's lines the session belongs to.
    pub(crate) fn at_desk(mut self, desk: Option<usize>) -> Self {
        self.desk = desk.and_then(|desk| u8::try_from(desk).ok());
        self
    }

    /// Says what faults of this session are about, where it is the only one.
    pub(crate) fn about(mut self, subject: String) -> Self {
        if let Some(who) = &mut self.who {
            who.subject = Some(subject);
        }
        self
    }

    pub(super) fn peer_info(&self) -> Peer {
        let told = self.who.as_deref().and_then(|who| who.told.as_deref());
        Peer {
            session: self.id,
            transport: self.peer.port.transport(),
            datagrams: self.machine.lane(PEER).medium.is_datagrams(),
            local: told.map_or_else(|| self.peer.port.local(), |told| told.local.clone()),
            remote: self.who.as_deref().map_or(Address::Unix(None), |who| who.remote.clone()),
            user: told.and_then(|told| told.user.clone()),
        }
    }

    /// Tells people why a server's session failed.
    pub(crate) fn complain(&self, fault: &Fault) {
        self.world.complain(About::Session, self.id, fault);
    }

    /// Adds a leg from the start: stdin, say.
    pub(crate) fn with_leg(mut self, leg: Leg, port: Port) -> Self {
        let mut side = Side::new(leg, port);
        side.partner = if leg == OPERATOR { PEER } else { leg };
        self.others.push(side);
        self
    }

    /// Takes the operator's words out of a session that is over. `None`: no more will come.
    pub(crate) fn take_operator(&mut self) -> Option<Receiver<Typed>> {
        let side = self.others.iter_mut().find(|side| side.leg == OPERATOR && !side.eof)?;
        match std::mem::replace(&mut side.port, Port::Gone) {
            Port::Operator(lines) => Some(lines),
            _ => None,
        }
    }

    /// The conversation of this session was told `Opened` already.
    pub(crate) fn greeted(mut self) -> Self {
        self.greeted = true;
        self
    }

    /// Does what the conversation asked for before the session had this future: the outbox is as it was left.
    pub(crate) fn catch_up(&mut self, cx: &mut Context<'_>, lent: &mut Lent) {
        self.apply(cx, lent);
    }

    pub(super) fn side(&mut self, leg: Leg) -> Option<&mut Side> {
        if leg == PEER {
            return Some(&mut self.peer);
        }
        self.others.iter_mut().find(|side| side.leg == leg)
    }

    fn turn(&mut self, cx: &mut Context<'_>, lent: &mut Lent) -> Turn {
        if !self.post.is_empty() {
            self.read_letters(cx, lent);
        }
        if self.is_over_its_share() {
            self.cut(cx, lent);
        }
        let all_parted = self.legs.is_none() || self.part_with_legs(cx, lent);
        if self.peer.faults.is_some() && self.greeted && matches!(self.stage, Stage::Open | Stage::Closing) {
            self.meet_faults(cx, lent);
        }
        match self.stage {
            Stage::Open => self.turn_open(cx, lent),
            Stage::Closing => self.turn_closing(cx),
            Stage::Lingering => self.turn_lingering(cx, lent),
            Stage::Over if all_parted => Turn::Over,
            Stage::Over => Turn::Wait,
        }
    }

    fn turn_open(&mut self, cx: &mut Context<'_>, lent: &mut Lent) -> Turn {
        if !self.greeted {
            self.greeted = true;
            let now = self.world.clock.now();
            self.machine.opened(now, &mut lent.out);
            self.apply(cx, lent);
            return Turn::Again;
        }
        let mut again = self.flush(PEER, cx, lent);
        for at in 0..self.others.len() {
            let leg = self.others[at].leg;
            again |= self.flush(leg, cx, lent);
        }
        if self.is_finished() {
            self.stage = Stage::Over;
            if self.peer.port.socket().is_some_and(|socket| socket.lingers()) {
                self.linger();
            }
            return Turn::Again;
        }
        again |= self.legs.is_some() && self.tell_listening(cx, lent);
        again |= self.stage == Stage::Open && (self.read_on(PEER, cx, lent) || self.open(PEER, cx, lent));
        for at in 0..self.others.len() {
            if self.stage != Stage::Open {
                break;
            }
            let leg = self.others[at].leg;
            again |= self.open(leg, cx, lent) || self.read_on(leg, cx, lent);
        }
        again |= self.stage == Stage::Open && self.tell_drained(cx, lent);
        if again || self.stage != Stage::Open { Turn::Again } else { Turn::Wait }
    }

    /// Writes what a leg is owed. Whether anything changed that a further turn may use.
    fn flush(&mut self, leg: Leg, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        let world = Rc::clone(&self.world);
        let Some(side) = self.side(leg) else { return false };
        if !side.owes() {
            return false;
        }
        let before = side.bytes_out;
        let outcome = side.poll_flush(cx, &world);
        let moved = side.bytes_out != before;
        if self.peer.faults.is_some() {
            self.tell_faults();
        }
        match outcome {
            Poll::Ready(Ok(finished)) => {
                if let Some(side) = self.side(leg).filter(|side| finished && side.port.has_fin()) {
                    let farewell = side.port.farewell();
                    world.show(self.id, Kind::HalfClosed { leg, direction: Direction::Out, farewell });
                }
                self.last = world.clock.now();
                true
            }
            Poll::Ready(Err(error)) => {
                self.broke(leg, &error, cx, lent);
                true
            }
            Poll::Pending => {
                if moved {
                    self.last = world.clock.now();
                }
                false
            }
        }
    }

    /// Tells the conversation of a leg that has taken all, if it wants to know. After the reads: an endless sender must
    /// hear that its peer has gone.
    fn tell_drained(&mut self, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        let mut sides = std::iter::once(&mut self.peer).chain(&mut self.others);
        let drained = |side: &&mut Side| side.wants_more && side.is_drained() && side.fin == Fin::Open;
        let Some(side) = sides.find(drained) else { return false };
        if self.world.is_held_up(self.prints) {
            self.arm(self.world.clock.now() + BLOCKED);
            return false;
        }
        side.wants_more = false;
        let (leg, now) = (side.leg, self.world.clock.now());
        self.machine.input(now, Input::Drained { leg }, &mut lent.out);
        self.apply(cx, lent);
        true
    }

    /// Reads a leg once, if it may be read.
    #[inline]
    pub(super) fn read(&mut self, leg: Leg, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        let Some(side) = self.side(leg) else { return false };
        if side.eof || !side.reading {
            return false;
        }
        let (partner, pass) = (side.partner, side.pass);
        if self.waits_for_partner(leg) {
            return false;
        }
        if self.world.is_held_up(self.prints) {
            self.arm(self.world.clock.now() + BLOCKED);
            return false;
        }
        if leg == PEER && self.machine.is_behind() {
            return self.resume(cx, lent);
        }
        let most = if leg == PEER { self.may_read() } else { Some(READ) };
        let (Some(most), Some(side)) = (most, self.side(leg)) else { return false };
        let (polled, pauses) = if side.bulk.is_on() {
            (self.poll_move(leg, most, cx, lent), false)
        } else {
            (side.poll_read(cx, &mut lent.buffer[..most]), side.pauses())
        };
        if self.peer.faults.is_some() {
            self.tell_faults();
        }
        let got = match polled {
            Poll::Pending if pauses => return false,
            Poll::Pending => return self.keep_alive(leg, cx, lent),
            Poll::Ready(got) => got,
        };
        let now = self.world.clock.now();
        let (before, sent) = (self.peer.bytes_in, self.peer.bytes_out);
        self.last = now;
        match got {
            Ok(Got::Bytes(count)) if pass => self.pass(leg, partner, count, cx, lent),
            Ok(Got::Moved(count)) => self.moved(leg, partner, count),
            Ok(got) => self.take(leg, got, now, cx, lent),
            Err(error) => self.broke(leg, &error, cx, lent),
        }
        if leg == PEER && self.strict.is_some() {
            self.keep_strict(before, now);
        }
        if leg == PEER && self.meter.is_some() {
            self.measure_read(now, sent);
        }
        true
    }

    /// Gives what was read to the conversation and does what it asks for.
    #[inline]
    fn take(&mut self, leg: Leg, got: Got, now: Tick, cx: &mut Context<'_>, lent: &mut Lent) {
        let outcome = match got {
            Got::Bytes(count) => {
                if let Some(side) = self.side(leg) {
                    side.bytes_in += count as u64;
                }
                if self.peer.pour.is_some() {
                    self.note_poured(leg, count);
                }
                self.machine.bytes(now, leg, &mut lent.buffer[..count], &mut lent.out)
            }
            Got::Datagram(count) => {
                if let Some(side) = self.side(leg) {
                    side.bytes_in += count as u64;
                }
                self.machine.datagram(now, leg, &mut lent.buffer[..count], &mut lent.out)
            }
            Got::Message(sort, mut data) => {
                self.mirror(leg, sort);
                if let Some(side) = self.side(leg) {
                    side.bytes_in += data.len() as u64;
                }
                self.machine.message(now, leg, &mut data, &mut lent.out)
            }
            Got::Line(mut line) => self.machine.datagram(now, leg, &mut line, &mut lent.out),
            Got::Eof => {
                if self.side(leg).is_some_and(|side| side.port.has_fin()) {
                    let direction = Direction::In;
                    self.world.show(self.id, Kind::HalfClosed { leg, direction, farewell: None });
                }
                if self.side(leg).is_some_and(|side| side.port.is_truncated()) {
                    self.world.show(self.id, Kind::TlsTruncated { leg });
                }
                self.pass_eof(leg);
                self.machine.eof(now, leg, &mut lent.out)
            }
            Got::Leave(leave) => {
                self.hear_leave(leg, &leave);
                self.pass_eof(leg);
                self.machine.eof(now, leg, &mut lent.out)
            }
            Got::Moved(_) => Ok(()),
            Got::Bad(fault) => Err(fault),
        };
        self.apply(cx, lent);
        match outcome {
            Err(fault) if leg != PEER && self.is_alone() => {
                let fault = fault.doing(self.subject(leg));
                self.lose_leg(leg, &fault, cx, lent);
            }
            Err(fault) => self.fail(*fault),
            Ok(()) => {}
        }
    }

    /// Goes on with what the peer sent, now that the answers so far are written.
    #[cold]
    fn resume(&mut self, cx: &mut Context<'_>, lent: &mut Lent) -> bool {
        let now = self.world.clock.now();
        let outcome = self.machine.resume(now, &mut lent.out);
        self.apply(cx, lent);
        if let Err(fault) = outcome {
            self.fail(*fault);
        }
        true
    }

    /// Whether nothing can happen any more: the peer's leg has ended both ways and no other leg is owed anything.
    fn is_finished(&self) -> bool {
        self.peer.is_done() && !self.others.iter().any(Side::owes)
    }

    /// A leg's socket failed.
    pub(super) fn broke(&mut self, leg: Leg, error: &io::Error, cx: &mut Context<'_>, lent: &mut Lent) {
        let fault = errno::running(error, &self.subject(leg));
        let world = Rc::clone(&self.world);
        if fault.code == Code::Reset {
            world.show(self.id, Kind::Reset { leg, direction: Direction::In });
        }
        // One of a conversation's own legs, of which there may be others.
        let is_own = leg != PEER && self.is_alone();
        let Some(side) = self.side(leg) else { return };
        let relayed = side.pass;
        side.queue.clear(&world);
        if side.port.is_process() && error.kind() == io::ErrorKind::BrokenPipe {
            // It has closed its stdin; what it still says is worth reading.
            side.fin = Fin::Sent;
            return;
        }
        if (side.port.is_stdio() || side.eof && side.port.socket().is_some())
            && error.kind() == io::ErrorKind::BrokenPipe
            && !is_own
        {
            // Nobody reads stdout any more, or a peer that has said its Close. That is an end, and no failure.
            side.port = Port::Gone;
            self.stage = Stage::Closing;
            return;
        }
        side.port = Port::Gone;
        side.eof = true;
        let why = fault.code.word();
        let now = world.clock.now();
        if relayed {
            // RST goes on as RST.
            self.abort_all();
            self.fault.get_or_insert(Box::new(fault));
            self.stage = Stage::Over;
            return;
        }
        if is_own {
            return self.lose_leg(leg, &fault, cx, lent);
        }
        self.machine.input(now, Input::Failed { leg, why }, &mut lent.out);
        self.apply(cx, lent);
        if leg == PEER {
            self.fault.get_or_insert(Box::new(fault));
            self.stage = if self.others.iter().any(Side::owes) { Stage::Closing } else { Stage::Over };
        } else if self.stage != Stage::Open {
            // The conversation ended the session over it.
            self.fault.get_or_insert(Box::new(fault));
        }
    }

    /// Tells the conversation that its peer is gone: the last it hears.
    pub(super) fn lose_peer(&mut self, why: Code, cx: &mut Context<'_>, lent: &mut Lent) {
        self.peer.queue.clear(&self.world);
        self.peer.port = Port::Gone;
        let now = self.world.clock.now();
        self.machine.input(now, Input::Failed { leg: PEER, why: why.word() }, &mut lent.out);
        self.apply(cx, lent);
    }

    /// The session has failed: what is owed is still written.
    pub(super) fn fail(&mut self, fault: Fault) {
        let subject = self.subject(PEER);
        self.fault.get_or_insert(Box::new(fault.doing(subject)));
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
        }
    }

    pub(super) fn subject(&self, leg: Leg) -> String {
        if leg != PEER
            && self.is_alone()
            && let Some(place) = self.place_of(leg)
        {
            return place;
        }
        let leg = if leg == PEER { String::new() } else { format!(" leg {leg}") };
        match self.who.as_deref() {
            Some(Who { subject: Some(subject), .. }) => format!("{subject}{leg}"),
            Some(Who { remote, .. }) => format!("{remote}{leg}"),
            None => format!("session {}{leg}", self.id),
        }
    }

    fn read_letters(&mut self, cx: &mut Context<'_>, lent: &mut Lent) {
        for (_, letter) in self.post.take() {
            let now = self.world.clock.now();
            match letter {
                Letter::Due => self.due(now, cx, lent),
                Letter::Cut if self.stage != Stage::Over => self.cut(cx, lent),
                _ if self.stage != Stage::Open => {}
                Letter::Command(line) => {
                    self.machine.input(now, Input::Command(&line), &mut lent.out);
                    self.apply(cx, lent);
                }
                Letter::Stop => {
                    self.machine.input(now, Input::Stop, &mut lent.out);
                    self.apply(cx, lent);
                    if matches!(self.peer.port, Port::Inlet(_)) && self.others.is_empty() {
                        // Datagrams leave nothing under way, but for what faults hold back.
                        self.stage = Stage::Closing;
                    }
                }
                Letter::Close => {
                    self.world.show(self.id, Kind::Timeout { what: "drain" });
                    self.stage = Stage::Closing;
                }
                Letter::Cut => {}
            }
        }
    }

    /// A time that was asked for has come, or an earlier one that no longer matters.
    fn due(&mut self, now: Tick, cx: &mut Context<'_>, lent: &mut Lent) {
        self.armed = NEVER;
        if self.stage != Stage::Open {
            return;
        }
        if self.machine.deadline().is_some_and(|deadline| deadline <= now) {
            self.machine.input(now, Input::Timeout, &mut lent.out);
            self.apply(cx, lent);
        }
        if let Some(stdio) = self.draining()
            && self.last + SILENT <= now
        {
            self.pass_eof(stdio);
        }
        if self.is_held_back() {
            self.last = now;
        }
        if let Some(idle) = self.idle
            && self.last + idle <= now
        {
            self.world.show(self.id, Kind::Timeout { what: "idle" });
            if matches!(self.peer.port, Port::Inlet(_)) {
                // A datagram peer that falls silent is forgotten; there is nothing to close.
                self.lose_peer(Code::Idle, cx, lent);
                self.stage = Stage::Over;
                return;
            }
            self.fail(Fault::new(Code::Idle, "").arg("after", sockeye_core::quantity::Span(idle)));
        }
        self.end_if_met(now);
        if self.stage == Stage::Open {
            self.look(cx, lent);
        }
    }

    /// Asks the timer for the earliest time that matters.
    fn arm_next(&mut self) {
        let mut next = match self.stage {
            Stage::Open => self.machine.deadline().unwrap_or(NEVER),
            Stage::Closing | Stage::Lingering => self.until,
            Stage::Over => NEVER,
        };
        if let Some(due) = self.peer.faults_due()
            && matches!(self.stage, Stage::Open | Stage::Closing)
        {
            next = next.min(due);
        }
        if self.stage == Stage::Open && self.draining().is_some() {
            next = next.min(self.last + SILENT);
        }
        if let Some(idle) = self.idle
            && self.stage == Stage::Open
        {
            next = next.min(self.last + idle);
        }
        if self.stage == Stage::Open {
            next = next.min(self.silent_until());
        }
        if let Some(strict) = self.strict.as_deref()
            && self.stage == Stage::Open
        {
            next = next.min(strict.next());
        }
        if self.stage == Stage::Open && self.is_deaf(&self.peer) {
            next = next.min(self.world.clock.now() + LOOK);
        }
        if self.legs.is_some() {
            next = next.min(self.parting_until());
        }
        self.arm(next);
    }

    pub(super) fn arm(&mut self, when: Tick) {
        if when < self.armed {
            self.armed = when;
            self.world.timer.arm(when, self.id);
        }
    }

    /// What the session came to.
    fn end(&mut self) -> Result<(), Box<Fault>> {
        self.pour_rest();
        self.measure_end();
        self.tell_faults();
        let totals = self.totals();
        if let Some(fault) = &self.fault {
            self.world.show(self.id, Kind::Error(fault));
        }
        self.world.show(self.id, Kind::Closed { totals });
        self.fault.take().map_or(Ok(()), Err)
    }
}

impl Future for Session {
    type Output = Result<(), Box<Fault>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        this.post.listen(cx.waker());
        let world = Rc::clone(&this.world);
        let lent = &mut *world.lent.borrow_mut();
        lent.out.reset();
        loop {
            match this.turn(cx, lent) {
                Turn::Again => {}
                Turn::Wait => {
                    if this.meter.is_some() {
                        this.measure();
                    }
                    this.arm_next();
                    return Poll::Pending;
                }
                Turn::Over => return Poll::Ready(this.end()),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for side in std::iter::once(&mut self.peer).chain(&mut self.others) {
            side.queue.clear(&self.world);
        }
        self.forget_legs();
        self.unbook();
        if std::thread::panicking() {
            self.world.front.fault(self.id, &Fault::new(Code::Internal, self.subject(PEER)));
        }
        self.world.forget(self.id);
    }
}
