//! All peers of one datagram socket: told apart by address, each with a conversation of its own, forgotten when idle.
//!
//! Most peers live here as a machine in a map. One whose conversation opens a leg (a relay, a process) gets a session
//! future of its own and is fed through an [`Inlet`].

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use sockeye_core::event::Totals;
use sockeye_core::{
    Address, Code, Direction, Effect, Fault, Input, Kind, Machine, Op, Outbox, PEER, SessionId, Tick,
};

use tokio::time::Sleep;

use crate::accept::Served;
use crate::complaints::About;
use crate::datagram::Datagram;
use crate::drive::port::{Inlet, Port};
use crate::drive::session::Session;
use crate::drive::strict::Strict;
use crate::errno;
use crate::guard::Slot;
use crate::metrics::Meter;
use crate::plan::{Caller, Plan};
use crate::post::{Letter, Post};
use crate::tap::Tap;
use crate::world::{BLOCKED, Lent, World};

/// Answers that wait for the socket; beyond it they are dropped, as a full socket buffer would.
const WAITING: usize = 4 << 20;

/// How many datagrams are taken before other tasks have their turn.
const BURST: usize = 256;

/// The demultiplexer of one socket.
pub(crate) struct Demux {
    plan: Rc<Plan>,
    socket: Rc<Datagram>,
    peers: HashMap<Address, Entry>,
    addresses: HashMap<SessionId, Address>,
    post: Rc<Post>,
    unsent: VecDeque<Unsent>,
    unsent_bytes: usize,
    sweep_at: usize,
    stopping: bool,
    /// Whether a conversation has written to stdout.
    prints: bool,
    /// When to look again whether stdout can take more.
    pause: Option<Pin<Box<Sleep>>>,
}

struct Unsent {
    to: Address,
    from: Option<IpAddr>,
    bytes: Box<[u8]>,
}

enum Entry {
    Here(Box<Known>),
    /// Has a session of its own; gone once nobody else holds the inlet.
    Elsewhere(Rc<Inlet>, Rc<Cell<Option<IpAddr>>>, Option<Tap>),
}

struct Known {
    id: SessionId,
    machine: Machine,
    /// Which of our addresses was asked last: answers leave from it.
    local: Option<IpAddr>,
    last: Tick,
    armed: Tick,
    bytes_in: u64,
    bytes_out: u64,
    slot: Option<Slot>,
    strict: Option<Box<Strict>>,
    meter: Option<Box<Meter>>,
    tap: Option<Box<Tap>>,
}

impl Known {
    /// What came and went so far.
    fn totals(&self) -> Totals {
        let (messages_in, messages_out) = self.machine.messages();
        Totals { messages_in, messages_out, bytes_in: self.bytes_in, bytes_out: self.bytes_out }
    }

    /// Tells the metrics, where there are any, what is new.
    fn measure(&mut self, world: &World) {
        let totals = self.totals();
        let (Some(metrics), Some(meter)) = (world.shared.metrics.get(), &mut self.meter) else { return };
        if let Some(after) = meter.answered(world.clock.now(), self.bytes_out) {
            metrics.answered(after);
        }
        meter.waits_no_longer();
        metrics.session(meter, totals);
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
        Self {
            plan,
            socket: Rc::new(socket),
            peers: HashMap::new(),
            addresses: HashMap::new(),
            post: Rc::default(),
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            sweep_at: 64,
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
            let Some(address) = self.addresses.get(&id).cloned() else { continue };
            let now = self.plan.world.clock.now();
            match letter {
                Letter::Due => self.due(&address, now, cx, lent),
                Letter::Command(line) => self.input(&address, now, Input::Command(&line), cx, lent),
                Letter::Stop => {
                    // Datagrams leave nothing under way.
                    self.input(&address, now, Input::Stop, cx, lent);
                    self.remove(&address, None);
                }
                Letter::Close | Letter::Cut => self.remove(&address, None),
            }
        }
    }

    fn due(&mut self, address: &Address, now: Tick, cx: &mut Context<'_>, lent: &mut Lent) {
        let Some(Entry::Here(known)) = self.peers.get_mut(address) else { return };
        known.armed = Tick(u64::MAX);
        if known.last + self.idle() <= now {
            let gone = Input::Failed { leg: PEER, why: Code::Idle.word() };
            self.input(address, now, gone, cx, lent);
            self.remove(address, None);
            return;
        }
        let Some(Entry::Here(known)) = self.peers.get(address) else { return };
        if known.strict.as_deref().is_some_and(|strict| strict.met(now).is_some()) {
            // A datagram peer is forgotten; if it goes on it is a new one.
            self.plan.world.show(known.id, Kind::Timeout { what: "session" });
            let gone = Input::Failed { leg: PEER, why: Code::SessionTime.word() };
            self.input(address, now, gone, cx, lent);
            self.remove(address, None);
            return;
        }
        if known.machine.deadline().is_some_and(|deadline| deadline <= now) {
            self.input(address, now, Input::Timeout, cx, lent);
        } else {
            self.arm(address);
        }
    }

    fn local(&self) -> Address {
        self.socket.local().unwrap_or(Address::Unix(None))
    }

    fn idle(&self) -> std::time::Duration {
        self.plan.idle.unwrap_or(self.plan.world.limits.datagram_idle)
    }

    fn input(
        &mut self,
        address: &Address,
        now: Tick,
        input: Input<'_>,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) {
        let Some(Entry::Here(known)) = self.peers.get_mut(address) else { return };
        let done = catch_unwind(AssertUnwindSafe(|| known.machine.input(now, input, &mut lent.out)));
        self.settle(address, done.map_err(|_| panicked()), cx, lent);
    }

    /// One datagram from `address` in the lent buffer.
    fn take(
        &mut self,
        address: &Address,
        local: Option<IpAddr>,
        count: usize,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) {
        let now = self.plan.world.clock.now();
        if let Some(Entry::Elsewhere(inlet, asked, tap)) = self.peers.get(address)
            && Rc::strong_count(inlet) > 1
        {
            show(tap.as_ref(), Direction::In, &lent.buffer[..count]);
            asked.set(local);
            if !inlet.push(&lent.buffer[..count]) {
                self.plan.world.dropped_in();
            }
            return;
        }
        if !matches!(self.peers.get(address), Some(Entry::Here(_)))
            && !self.welcome(address, local, now, cx, lent)
        {
            return;
        }
        match self.peers.get_mut(address) {
            Some(Entry::Here(known)) => {
                show(known.tap.as_deref(), Direction::In, &lent.buffer[..count]);
                if let Some(strict) = &mut known.strict {
                    if strict.waits(now).is_some() {
                        self.plan.world.dropped_in();
                        return;
                    }
                    strict.has_read(count, now);
                }
                known.last = now;
                known.local = local;
                known.bytes_in += count as u64;
                if let Some(meter) = &mut known.meter {
                    meter.asked(now, known.bytes_out);
                }
                let Lent { buffer, out } = lent;
                let data = &mut buffer[..count];
                let done = catch_unwind(AssertUnwindSafe(|| known.machine.datagram(now, PEER, data, out)));
                let done = match done {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(fault)) => Err(*fault),
                    Err(_) => Err(panicked()),
                };
                self.settle(address, done, cx, lent);
            }
            Some(Entry::Elsewhere(inlet, asked, tap)) => {
                show(tap.as_ref(), Direction::In, &lent.buffer[..count]);
                asked.set(local);
                inlet.push(&lent.buffer[..count]);
            }
            None => {}
        }
    }

    /// Makes a conversation for a peer not seen before. `false`: turned away.
    fn welcome(
        &mut self,
        address: &Address,
        asked: Option<IpAddr>,
        now: Tick,
        cx: &mut Context<'_>,
        lent: &mut Lent,
    ) -> bool {
        if self.stopping || !self.plan.guard.may_begin() {
            return false;
        }
        self.sweep();
        let plan = Rc::clone(&self.plan);
        let Some(slot) = plan.enter(address) else { return false };
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
        self.addresses.insert(id, address.clone());
        let known = Known {
            id,
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
        };
        self.peers.insert(address.clone(), Entry::Here(Box::new(known)));
        if let Some(faults) = &plan.faults
            && let Some(session) = self.separate(address)
        {
            tokio::task::spawn_local(Served(session.impaired(faults)));
            return true;
        }
        self.input(address, now, Input::Opened { leg: PEER }, cx, lent);
        true
    }

    /// Does what the conversation asked for.
    fn settle(&mut self, address: &Address, done: Result<(), Fault>, cx: &mut Context<'_>, lent: &mut Lent) {
        let needs_session = lent.out.ops().iter().any(|op| {
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
        });
        let after = match (&done, needs_session) {
            (Ok(()), true) => After::Move,
            _ => self.apply(address, cx, &mut lent.out),
        };
        match (done, after) {
            (Err(fault), _) => self.remove(address, Some(fault)),
            (_, After::Leave) => self.remove(address, None),
            (_, After::Move) => self.promote(address, cx, lent),
            (_, After::Stay) => {
                if let Some(Entry::Here(known)) = self.peers.get_mut(address)
                    && known.meter.is_some()
                {
                    known.measure(&self.plan.world);
                }
                self.arm(address);
            }
        }
        lent.out.reset();
    }

    fn apply(&mut self, address: &Address, cx: &mut Context<'_>, out: &mut Outbox) -> After {
        let Some(Entry::Here(known)) = self.peers.get_mut(address) else { return After::Stay };
        let (id, from, tap) = (known.id, known.local, known.tap.clone());
        let ops = out.take_ops();
        let (mut start, mut printed, mut after) = (0, 0, After::Stay);
        let mut sent = 0;
        for op in &ops {
            match op {
                Op::Own(end) => {
                    sent += end - start;
                    show(tap.as_deref(), Direction::Out, &out.bytes()[start..*end]);
                    self.send(cx, address, from, &out.bytes()[start..*end]);
                    start = *end;
                }
                Op::Shared(chunk) => {
                    sent += chunk.len();
                    show(tap.as_deref(), Direction::Out, chunk);
                    self.send(cx, address, from, chunk);
                }
                Op::Print(end) => {
                    if let Some(desk) = self.plan.desk {
                        self.plan.world.shared.heard(desk);
                    }
                    self.prints = true;
                    self.plan.world.front.print(id, &out.printed()[printed..*end]);
                    printed = *end;
                }
                Op::Close | Op::Abort => after = After::Leave,
                Op::Effect(Effect::Signal { session, word }) => {
                    self.plan.world.tell(*session, Letter::Command(word.clone()));
                }
                Op::Effect(Effect::Note(note)) => self.plan.world.note(id, note),
                Op::Effect(Effect::Fail(fault)) => {
                    self.tell(id, address, (**fault).clone());
                    after = After::Leave;
                }
                // A datagram peer has no FIN, and no second leg here.
                Op::To(_) | Op::Finish | Op::Effect(_) => {}
            }
        }
        out.give_back(ops);
        if let Some(Entry::Here(known)) = self.peers.get_mut(address) {
            known.bytes_out += sent as u64;
        }
        after
    }

    fn send(&mut self, cx: &mut Context<'_>, to: &Address, from: Option<IpAddr>, bytes: &[u8]) {
        if self.unsent.is_empty() {
            match self.socket.poll_send(cx, bytes, Some(to), from) {
                Poll::Ready(Ok(())) => return,
                Poll::Ready(Err(error)) => {
                    let fault = errno::running(&error, &format!("send to {to}"));
                    self.plan.world.fault(SessionId::default(), &fault);
                    return;
                }
                // A full Unix receiver does not say when it has room again, and others wait behind it.
                Poll::Pending if matches!(*self.socket, Datagram::Unix(_)) => {
                    return self.plan.world.dropped_out();
                }
                Poll::Pending => {}
            }
        }
        if self.unsent_bytes + bytes.len() <= WAITING {
            self.unsent_bytes += bytes.len();
            self.unsent.push_back(Unsent { to: to.clone(), from, bytes: bytes.into() });
        } else {
            self.plan.world.dropped_out();
        }
    }

    /// Writes what waits. `false`: the socket takes no more for now.
    fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(first) = self.unsent.front() {
            match self.socket.poll_send(cx, &first.bytes, Some(&first.to), first.from) {
                Poll::Pending => return false,
                Poll::Ready(_) => {
                    self.unsent_bytes -= first.bytes.len();
                    self.unsent.pop_front();
                }
            }
        }
        true
    }

    /// Gives a peer a session future of its own, with what its conversation has just asked for.
    fn promote(&mut self, address: &Address, cx: &mut Context<'_>, lent: &mut Lent) {
        let Some(session) = self.separate(address) else { return };
        let mut session = session.greeted();
        session.catch_up(cx, lent);
        tokio::task::spawn_local(Served(session));
    }

    /// Takes a peer out of the map: what it sends goes to this session from now on.
    fn separate(&mut self, address: &Address) -> Option<Session> {
        let Entry::Here(known) = self.peers.remove(address)? else { return None };
        self.addresses.remove(&known.id);
        let asked = Rc::new(Cell::new(known.local));
        let (socket, to, from) = (Rc::clone(&self.socket), address.clone(), Rc::clone(&asked));
        let tap = known.tap.map(|tap| *tap);
        let shown = tap.clone();
        let send = move |cx: &mut Context<'_>, bytes: &[u8]| {
            ready!(socket.poll_send(cx, bytes, Some(&to), from.get()))?;
            show(shown.as_ref(), Direction::Out, bytes);
            Poll::Ready(Ok(bytes.len()))
        };
        let inlet = Rc::new(Inlet::new(self.socket.transport(), self.local(), Box::new(send)));
        let port = Port::Inlet(Rc::clone(&inlet));
        let idle = Some(self.idle());
        let session = Session::new(&self.plan.world, known.id, known.machine, port, idle, known.slot);
        let mut session = session.with(address.clone()).at_desk(self.plan.desk);
        session.strict = known.strict;
        session.meter = known.meter;
        self.peers.insert(address.clone(), Entry::Elsewhere(inlet, asked, tap));
        Some(session)
    }

    /// Drops the entries of sessions that have ended elsewhere.
    fn sweep(&mut self) {
        if self.peers.len() < self.sweep_at {
            return;
        }
        self.peers.retain(|_, entry| match entry {
            Entry::Here(_) => true,
            Entry::Elsewhere(inlet, ..) => Rc::strong_count(inlet) > 1,
        });
        self.sweep_at = (self.peers.len() * 2).max(64);
    }

    fn remove(&mut self, address: &Address, fault: Option<Fault>) {
        let Some(Entry::Here(mut known)) = self.peers.remove(address) else { return };
        self.addresses.remove(&known.id);
        if let Some(fault) = fault {
            self.tell(known.id, address, fault);
        }
        let totals = known.totals();
        known.measure(&self.plan.world);
        if let (Some(metrics), Some(meter)) = (self.plan.world.shared.metrics.get(), &known.meter) {
            metrics.session_ended(meter, self.plan.world.clock.now());
        }
        self.plan.world.show(known.id, Kind::Closed { totals });
        drop(known.slot);
        self.plan.world.forget(known.id);
    }

    fn tell(&self, id: SessionId, address: &Address, fault: Fault) {
        let fault = fault.doing(address.to_string());
        self.plan.world.show(id, Kind::Error(&fault));
        self.plan.world.complain(About::Session, id, &fault);
    }

    /// Asks the timer for the peer's earliest time.
    fn arm(&mut self, address: &Address) {
        let idle = self.idle();
        let Some(Entry::Here(known)) = self.peers.get_mut(address) else { return };
        let mut next = known.last + idle;
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
        for _ in 0..BURST {
            if !this.post.is_empty() {
                this.read_letters(cx, lent);
            }
            if !this.flush(cx) || this.is_paused(cx) {
                return Poll::Pending;
            }
            match this.socket.poll_recv(cx, &mut lent.buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(received)) => {
                    this.take(&received.from, received.to, received.len, cx, lent);
                }
                // An ICMP error of an earlier answer: that peer is gone, the socket is not.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Poll::Ready(Err(error)) => {
                    world.fault(SessionId::default(), &errno::running(&error, "receive"));
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Shows a datagram to whoever wants to see it.
fn show(tap: Option<&Tap>, direction: Direction, data: &[u8]) {
    if let Some(tap) = tap {
        tap.datagram(direction, data);
    }
}

fn panicked() -> Fault {
    Fault::new(Code::Internal, "")
}
