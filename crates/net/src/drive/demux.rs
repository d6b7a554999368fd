//! All peers of one datagram socket: told apart by address, each with a conversation of its own, forgotten when idle.
//!
//! Most peers live here as a machine in a map. One whose conversation opens a leg (a relay, a process) gets a session
//! future of its own and is fed through an [`Inlet`]. One read may give several datagrams of a peer: the machine is given
//! one after the other, and answers that follow each other leave together ([`Outlet`]), at the latest when the turn ends.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use sockeye_core::{Address, Code, Direction, Effect, Fault, Input, Kind, Op, Outbox, PEER, SessionId, Tick};

use tokio::time::Sleep;

use crate::accept::Served;
use crate::complaints::About;
use crate::datagram::{Datagram, Received, Spans};
use crate::drive::outlet::{Gather, Outlet};
use crate::drive::peers::{Elsewhere, Known, Peers, show};
use crate::drive::port::{Inlet, Port, Way};
use crate::drive::session::Session;
use crate::drive::strict::Strict;
use crate::errno;
use crate::metrics::Meter;
use crate::plan::{Caller, Plan};
use crate::post::{Letter, Post};
use crate::tap::Tap;
use crate::world::{BLOCKED, Lent, World};

/// How much is taken before other tasks have their turn: reads, of which one with many datagrams counts for more.
const BURST: usize = 256;

/// How much is handed to sessions elsewhere before they have their turn, in datagrams and in KiB: with one more read, what
/// an [`Inlet`] holds.
const HANDED: usize = 128;

/// So many datagrams of one read cost about as much as a read.
const WEIGHT: usize = 16;

/// The demultiplexer of one socket.
pub(crate) struct Demux {
    plan: Rc<Plan>,
    socket: Rc<Datagram>,
    peers: Peers,
    post: Rc<Post>,
    outlet: Outlet,
    /// Whether the last turn had several reads, so that answers to one may well leave with those to the next.
    is_busy: bool,
    /// What this turn has handed to sessions elsewhere.
    handed: usize,
    stopping: bool,
    /// Whether a conversation has written to stdout.
    prints: bool,
    /// When to look again whether stdout can take more.
    pause: Option<Pin<Box<Sleep>>>,
}

/// The way to a peer that has a session of its own.
struct Apart {
    socket: Rc<Datagram>,
    to: Address,
    from: Rc<Cell<Option<IpAddr>>>,
    tap: Option<Tap>,
}

impl Way for Apart {
    fn train(&self, each: usize) -> usize {
        self.socket.train(each)
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8], each: usize) -> Poll<io::Result<usize>> {
        let count = if bytes.len() > each {
            ready!(self.socket.poll_send_train(cx, bytes, each, Some(&self.to), self.from.get()))?
        } else {
            ready!(self.socket.poll_send(cx, bytes, Some(&self.to), self.from.get()))?;
            bytes.len()
        };
        if count > each {
            bytes[..count].chunks(each).for_each(|sent| show(self.tap.as_ref(), Direction::Out, sent));
        } else {
            show(self.tap.as_ref(), Direction::Out, &bytes[..count]);
        }
        Poll::Ready(Ok(count))
    }
}

/// What a conversation's operations mean for its place in the map.
#[derive(PartialEq, Eq)]
enum After {
    Stay,
    Leave,
    Move,
}

impl Demux {
    pub(crate) fn new(plan: Rc<Plan>, socket: Datagram) -> Self {
        socket.hear_trains();
        let socket = Rc::new(socket);
        Self {
            plan,
            outlet: Outlet::new(Rc::clone(&socket)),
            socket,
            peers: Peers::default(),
            post: Rc::default(),
            is_busy: false,
            handed: 0,
            stopping: false,
            prints: false,
            pause: None,
        }
    }

    /// Whether nothing may be read because stdout is blocked. What comes meanwhile waits in the socket, or is lost there.
    fn is_paused(&mut self, cx: &mut Context<'_>) -> bool {
        while self.plan.world.is_held_up(self.prints) {
            let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(BLOCKED)));
            if pause.as_mut().poll(cx).is_pending() {
                return true;
            }
            self.pause = None;
        }
        self.pause = None;
        false
    }

    fn read_letters(&mut self, cx: &mut Context<'_>, lent: &mut Lent) {
        for (id, letter) in self.post.take() {
            let Some(at) = self.peers.find_session(id) else { continue };
            let Some(known) = self.peers.take(at) else { continue };
            let now = self.plan.world.clock.now();
            match letter {
                Letter::Due => self.due(at, known, now, cx, lent),
                Letter::Command(line) => {
                    let known = self.input(at, known, now, Input::Command(&line), cx, lent);
                    self.stay(at, known);
                }
                Letter::Stop => {
                    // Datagrams leave nothing under way.
                    let known = self.input(at, known, now, Input::Stop, cx, lent);
                    self.remove(at, known, None);
                }
                Letter::Close | Letter::Cut => self.remove(at, Some(known), None),
            }
        }
    }

    fn due(&mut self, at: usize, mut known: Box<Known>, now: Tick, cx: &mut Context<'_>, lent: &mut Lent) {
        known.armed = Tick(u64::MAX);
        let gone = if known.last + self.idle() <= now {
            Code::Idle
        } else if known.strict.as_deref().is_some_and(|strict| strict.met(now).is_some()) {
            // A datagram peer is forgotten; if it goes on it is a new one.
            self.plan.world.show(known.id, Kind::Timeout { what: "session" });
            Code::SessionTime
        } else {
            let is_due = known.machine.deadline().is_some_and(|deadline| deadline <= now);
            let known =
                if is_due { self.input(at, known, now, Input::Timeout, cx, lent) } else { Some(known) };
            return self.stay(at, known);
        };
        let gone = Input::Failed { leg: PEER, why: gone.word() };
        let known = self.input(at, known, now, gone, cx, lent);
        self.remove(at, known, None);
    }

    fn local(&self) -> Address {
        self.socket.local().unwrap_or(Address::Unix(None))
    }

    fn idle(&self) -> std::time::Duration {
        self.plan.idle.unwrap_or(self.plan.world.limits.datagram_idle)
    }

    /// Gives a conversation what is no datagram. `None`: it is here no longer.
    fn input(
        &mut self,
        at: usize,
        mut known: Box<Known>,
        now: Tick,
        input: Input<'_>,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) -> Option<Box<Known>> {
        let done = catch_unwind(AssertUnwindSafe(|| known.machine.input(now, input, &mut lent.out)));
        self.settle(at, known, done.map_err(|_| panicked()), cx, lent)
    }

    /// What one read has put into the lent buffer.
    fn take(&mut self, received: &Received, cx: &mut Context<'_>, lent: &mut Lent) {
        let now = self.plan.world.clock.now();
        let mut spans = received.spans();
        loop {
            let rest = spans.clone();
            let Some(span) = spans.next() else { return };
            let found = self.peers.find(&received.from);
            let Some(at) = found.or_else(|| self.welcome(&received.from, received.to, now, cx, lent)) else {
                continue;
            };
            if let Some(elsewhere) = self.peers.elsewhere(at) {
                let data = &lent.buffer[span];
                show(elsewhere.tap.as_ref(), Direction::In, data);
                elsewhere.asked.set(received.to);
                self.handed += data.len().div_ceil(1024).max(1);
                if !elsewhere.inlet.push(data) {
                    self.plan.world.dropped_in();
                }
            } else if let Some(mut known) = self.peers.take(at) {
                known.local = received.to;
                spans = rest;
                self.serve(at, known, &mut spans, now, cx, lent);
            }
        }
    }

    /// Gives a peer its datagrams, one after the other, as long as it stays here.
    fn serve(
        &mut self,
        at: usize,
        mut known: Box<Known>,
        spans: &mut Spans,
        now: Tick,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) {
        loop {
            let Lent { buffer, out } = &mut *lent;
            let world = &self.plan.world;
            let done = catch_unwind(AssertUnwindSafe(|| known.hear(spans, buffer, now, world, out)));
            let done = match done {
                Ok(Ok(())) if lent.out.is_empty() => break,
                Ok(Ok(())) => Ok(()),
                Ok(Err(fault)) => Err(*fault),
                Err(_) => Err(panicked()),
            };
            match self.settle(at, known, done, cx, lent) {
                Some(stays) => known = stays,
                None => return,
            }
        }
        if known.meter.is_some() {
            known.measure(&self.plan.world);
        }
        self.stay(at, Some(known));
    }

    /// Makes a conversation for a peer not seen before, and gives its place. `None`: turned away, or gone at once.
    fn welcome(
        &mut self,
        address: &Address,
        asked: Option<IpAddr>,
        now: Tick,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) -> Option<usize> {
        if self.stopping || !self.plan.guard.may_begin() {
            return None;
        }
        self.peers.sweep();
        let plan = Rc::clone(&self.plan);
        let slot = plan.enter(address)?;
        let id = World::number();
        let transport = self.socket.transport();
        let (local, remote) = (self.local(), address.clone());
        let to = match (&local, asked) {
            (Address::Ip(bound), Some(asked)) => &Address::Ip(SocketAddr::new(asked, bound.port())),
            (local, _) => local,
        };
        self.plan.world.show(id, Kind::Accepted { transport, local: to, remote: &remote });
        let machine = self.plan.begin(Caller { id, transport, local, remote, user: None });
        self.plan.world.enroll(id, Rc::clone(&self.post));
        let at = self.peers.seat(Box::new(Known {
            id,
            address: address.clone(),
            machine,
            local: None,
            last: now,
            armed: Tick(u64::MAX),
            bytes_in: 0,
            bytes_out: 0,
            slot: Some(slot),
            strict: Strict::new(&self.plan.world.limits, now),
            meter: self.plan.world.shared.metrics.get().map(|_| Box::new(Meter::new(now))),
            tap: self.plan.world.tap(id, PEER).map(Box::new),
        }));
        let known = self.peers.take(at)?;
        if let Some(faults) = &plan.faults {
            let session = self.separate(at, known);
            tokio::task::spawn_local(Served(session.impaired(faults)));
            return Some(at);
        }
        let known = self.input(at, known, now, Input::Opened { leg: PEER }, cx, lent);
        self.stay(at, known);
        self.peers.find(address)
    }

    /// Does what the conversation asked for. `None`: it is here no longer.
    fn settle(
        &mut self,
        at: usize,
        mut known: Box<Known>,
        done: Result<(), Fault>,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) -> Option<Box<Known>> {
        let after = match &done {
            Ok(()) if lent.out.ops().iter().any(needs_session) => After::Move,
            _ => self.apply(&mut known, cx, &mut lent.out),
        };
        let stays = match (done, after) {
            (Err(fault), _) => {
                self.remove(at, Some(known), Some(fault));
                None
            }
            (_, After::Leave) => {
                self.remove(at, Some(known), None);
                None
            }
            (_, After::Move) => {
                self.promote(at, known, cx, lent);
                None
            }
            (_, After::Stay) => {
                if known.meter.is_some() {
                    known.measure(&self.plan.world);
                }
                Some(known)
            }
        };
        lent.out.reset();
        stays
    }

    fn apply(&mut self, known: &mut Known, cx: &mut Context<'_>, out: &mut Outbox) -> After {
        let Self { plan, outlet, .. } = self;
        let (world, from, tap) = (&plan.world, known.local, known.tap.as_deref());
        let ops = out.take_ops();
        let (mut start, mut printed, mut after) = (0, 0, After::Stay);
        let mut sent = 0;
        for op in &ops {
            match op {
                Op::Own(end) => {
                    let data = &out.bytes()[start..*end];
                    sent += data.len();
                    show(tap, Direction::Out, data);
                    outlet.put(cx, &known.address, from, data, world);
                    start = *end;
                }
                Op::Shared(chunk) => {
                    sent += chunk.len();
                    show(tap, Direction::Out, chunk);
                    outlet.put(cx, &known.address, from, chunk, world);
                }
                Op::Print(end) => {
                    if let Some(desk) = plan.desk {
                        world.shared.heard(desk);
                    }
                    self.prints = true;
                    world.front.print(known.id, &out.printed()[printed..*end]);
                    printed = *end;
                }
                Op::Close | Op::Abort => after = After::Leave,
                Op::Effect(Effect::Signal { session, word }) => {
                    world.tell(*session, Letter::Command(word.clone()));
                }
                Op::Effect(Effect::Note(note)) => world.note(known.id, note),
                Op::Effect(Effect::Fail(fault)) => {
                    tell(world, known, (**fault).clone());
                    after = After::Leave;
                }
                // A datagram peer has no FIN, and no second leg here.
                Op::To(_) | Op::Finish | Op::Effect(_) => {}
            }
        }
        out.give_back(ops);
        known.bytes_out += sent as u64;
        after
    }

    /// Gives a peer a session future of its own, with what its conversation has just asked for.
    fn promote(&mut self, at: usize, known: Box<Known>, cx: &mut Context<'_>, lent: &mut Lent) {
        // What it says from now on goes past the outlet.
        self.outlet.leave(cx, &self.plan.world);
        let mut session = self.separate(at, known).greeted();
        session.catch_up(cx, lent);
        tokio::task::spawn_local(Served(session));
    }

    /// What a peer sends goes to this session from now on.
    fn separate(&mut self, at: usize, known: Box<Known>) -> Session {
        let known = *known;
        let asked = Rc::new(Cell::new(known.local));
        let tap = known.tap.map(|tap| *tap);
        let (socket, to, from) = (Rc::clone(&self.socket), known.address.clone(), Rc::clone(&asked));
        let way = Box::new(Apart { socket, to, from, tap: tap.clone() });
        let inlet = Rc::new(Inlet::new(self.socket.transport(), self.local(), way));
        let port = Port::Inlet(Rc::clone(&inlet));
        let idle = Some(self.idle());
        let session = Session::new(&self.plan.world, known.id, known.machine, port, idle, known.slot);
        let mut session = session.with(known.address.clone()).at_desk(self.plan.desk);
        session.strict = known.strict;
        session.meter = known.meter;
        let elsewhere = Elsewhere { address: known.address, inlet, asked, tap };
        self.peers.moves(at, known.id, Box::new(elsewhere));
        session
    }

    /// Ends a conversation, unless it is here no longer.
    fn remove(&mut self, at: usize, known: Option<Box<Known>>, fault: Option<Fault>) {
        let Some(mut known) = known else { return };
        self.peers.leaves(at, &known);
        let world = &self.plan.world;
        if let Some(fault) = fault {
            tell(world, &known, fault);
        }
        let totals = known.totals();
        known.measure(world);
        if let (Some(metrics), Some(meter)) = (world.shared.metrics.get(), &known.meter) {
            metrics.session_ended(meter, world.clock.now());
        }
        world.show(known.id, Kind::Closed { totals });
        drop(known.slot);
        world.forget(known.id);
    }

    /// Asks the timer for the peer's earliest time, and takes it back, unless it is here no longer.
    fn stay(&mut self, at: usize, known: Option<Box<Known>>) {
        let Some(mut known) = known else { return };
        let mut next = known.last + self.idle();
        if let Some(strict) = &known.strict {
            next = next.min(strict.next());
        }
        if let Some(deadline) = known.machine.deadline() {
            next = next.min(deadline);
        }
        if next < known.armed {
            known.armed = next;
            self.plan.world.timer.arm(next, known.id);
        }
        self.peers.give_back(at, known);
    }

    /// Reads until there is nothing more, or others are to have their turn.
    fn turn(&mut self, cx: &mut Context<'_>, world: &World, lent: &mut Lent) -> Poll<()> {
        let (mut taken, mut reads) = (0, 0);
        self.handed = 0;
        self.outlet.gather(if self.is_busy { Gather::Many } else { Gather::Few });
        while taken < BURST && self.handed <= HANDED {
            if !self.post.is_empty() {
                self.read_letters(cx, lent);
            }
            if !self.outlet.flush(cx) || self.is_paused(cx) {
                return Poll::Pending;
            }
            match self.socket.poll_recv(cx, &mut lent.buffer) {
                Poll::Pending => {
                    self.is_busy = reads > 1;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(received)) => {
                    reads += 1;
                    taken += 1 + received.count() / WEIGHT;
                    self.take(&received, cx, lent);
                    if !self.is_busy {
                        self.outlet.leave(cx, world);
                    }
                }
                // An ICMP error of an earlier answer: that peer is gone, the socket is not.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => taken += 1,
                Poll::Ready(Err(error)) => {
                    world.fault(SessionId::default(), &errno::running(&error, "receive"));
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
        self.is_busy = reads > 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Future for Demux {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.post.listen(cx.waker());
        let world = Rc::clone(&this.plan.world);
        let lent = &mut *world.lent.borrow_mut();
        lent.out.reset();
        this.stopping |= *this.plan.stop.borrow();
        let polled = this.turn(cx, &world, lent);
        this.outlet.leave(cx, &world);
        polled
    }
}

fn needs_session(op: &Op) -> bool {
    matches!(
        op,
        Op::Effect(
            Effect::Connect { .. }
                | Effect::Spawn { .. }
                | Effect::Read { .. }
                | Effect::Drained { .. }
                | Effect::Listen { .. }
                | Effect::Hang { .. }
                | Effect::Cut { .. }
                | Effect::Secure { .. }
        )
    )
}

fn tell(world: &Rc<World>, known: &Known, fault: Fault) {
    let fault = fault.doing(known.address.to_string());
    world.show(known.id, Kind::Error(&fault));
    world.complain(About::Session, known.id, &fault);
}

fn panicked() -> Fault {
    Fault::new(Code::Internal, "")
}
