//! Carrying out what conversations ask for, in the order a driver must: writes before the next read, effects after the
//! bytes that stand before them, and other sessions only when this one is done.

use sockeye_core::limits::DATAGRAM;
use sockeye_core::{
    Address, Code, Effect, Fault, Framing, Input, Lane, Leg, Machine, Op, Outbox, PEER, SessionId, Tick,
};

use super::end::{Item, Owner};
use super::{Caller, Stage, Target};

/// What is to happen as soon as the session at work is done.
pub(super) enum Pending {
    /// The peer's leg is there.
    Begin(usize),
    /// Another leg is there.
    Opened(usize, Leg, Lane),
    /// A leg is gone, or never came.
    Failed(usize, Leg, &'static str),
    /// A word for a session of this service.
    Command(SessionId, usize, Box<str>),
}

/// More steps than any test means to take: two services that answer each other for ever, for one.
const STEPS: usize = 20_000_000;

impl Stage {
    /// Runs until nothing more can happen.
    pub(super) fn settle(&mut self) {
        for _ in 0..STEPS {
            let moved = self.carry() || self.settle_pending() || self.read_once() || self.tell_drained();
            if !moved {
                return;
            }
        }
        panic!("the stage never came to rest");
    }

    /// Delivers `Timeout` to every session whose deadline has come.
    pub(super) fn due(&mut self) {
        for session in self.alive() {
            if self.sessions[session].machine.deadline().is_some_and(|at| at <= self.now) {
                self.input(session, Input::Timeout);
            }
        }
    }

    pub(super) fn input(&mut self, session: usize, input: Input<'_>) {
        self.step(session, |machine, now, out| {
            machine.input(now, input, out);
            Ok(())
        });
    }

    /// Lets one session take one input, and does what it asks for.
    pub(super) fn step(
        &mut self,
        session: usize,
        input: impl FnOnce(&mut Machine, Tick, &mut Outbox) -> Result<(), Box<Fault>>,
    ) {
        if self.sessions[session].over {
            return;
        }
        let result = input(&mut self.sessions[session].machine, self.now, &mut self.out);
        self.perform(session);
        if let Err(fault) = result
            && !self.sessions[session].over
        {
            self.fail(session, *fault);
        }
    }

    fn perform(&mut self, session: usize) {
        let ops = self.out.take_ops();
        let bytes = self.out.bytes().to_vec();
        let printed = self.out.printed().to_vec();
        self.out.reset();
        let (mut sent, mut shown, mut leg) = (0, 0, PEER);
        for op in &ops {
            match op {
                Op::Own(end) => {
                    self.write(session, leg, &bytes[sent..*end]);
                    sent = *end;
                }
                Op::Shared(chunk) => self.write(session, leg, chunk),
                Op::To(next) => leg = *next,
                Op::Finish => {
                    if let Some(end) = self.end_of(session, leg) {
                        self.ends[end].finish();
                    }
                }
                Op::Close => self.close(session),
                Op::Abort => self.abort(session),
                Op::Print(end) => {
                    self.printed.extend_from_slice(&printed[shown..*end]);
                    shown = *end;
                }
                Op::Effect(effect) => self.effect(session, effect),
            }
        }
        self.out.give_back(ops);
        self.check_waiting(session);
    }

    fn write(&mut self, session: usize, leg: Leg, bytes: &[u8]) {
        let Some(end) = self.end_of(session, leg) else { return };
        if self.ends[end].lane.medium.is_datagrams() && bytes.len() > DATAGRAM {
            let fault = Fault::new(Code::DatagramTooLong, "");
            self.fail(session, fault.arg("size", bytes.len()).arg("max", DATAGRAM));
            return;
        }
        self.ends[end].push(bytes);
    }

    fn check_waiting(&mut self, session: usize) {
        let max = self.limits.waiting_per_peer;
        let waiting = |end: &usize| self.ends[*end].waiting();
        let most = self.sessions[session].ends.iter().map(waiting).max().unwrap_or(0);
        if most > max && !self.sessions[session].over {
            self.faults.push(Fault::new(Code::Overflow, "").arg("waiting", most).arg("max", max));
            self.lose(session, Code::Overflow.word());
        }
    }

    fn effect(&mut self, session: usize, effect: &Effect) {
        match effect {
            // A script's own legs are for real sockets, and so is moving bytes in bulk.
            Effect::Pour { .. }
            | Effect::Listen { .. }
            | Effect::Hang { .. }
            | Effect::Cut { .. }
            | Effect::Secure { .. } => {}
            Effect::Connect { leg, to } => self.dial(session, *leg, to),
            Effect::Spawn { leg, command, framing } => self.spawn(session, *leg, command, *framing),
            Effect::Relay { a, b } => {
                for (one, other) in [(*a, *b), (*b, *a)] {
                    if let Some(end) = self.end_of(session, one) {
                        self.ends[end].relayed = Some(other);
                    }
                }
            }
            Effect::Read { leg, on } => {
                if let Some(end) = self.end_of(session, *leg) {
                    self.ends[end].reading = *on;
                }
            }
            Effect::Drained { leg } => {
                if let Some(end) = self.end_of(session, *leg) {
                    self.ends[end].wants_drained = true;
                }
            }
            Effect::Signal { session: to, word } => {
                if let Some(origin) = self.sessions[session].origin {
                    self.pending.push_back(Pending::Command(*to, origin, word.clone()));
                }
            }
            Effect::Note(note) => self.notes.push(note.clone()),
            Effect::Fail(fault) => self.fail(session, (**fault).clone()),
        }
    }

    fn dial(&mut self, session: usize, leg: Leg, to: &str) {
        let Some(at) = self.targets.iter().position(|(known, _)| known == to) else {
            self.pending.push_back(Pending::Failed(session, leg, Code::Refused.word()));
            return;
        };
        let datagrams = to.starts_with("udp:") || to.starts_with("unixgram:");
        let lane = if datagrams { Lane::DGRAM } else { Lane::stream(Framing::RAW) };
        let near = self.open_end(Owner::Session(session, leg), lane);
        self.sessions[session].ends.push(near);
        match self.targets[at].1 {
            Target::Test => {
                let far = self.open_end(Owner::Test, lane);
                self.ends[near].far = far;
                self.ends[far].far = near;
                self.calls.push((to.to_owned(), Caller(far)));
            }
            Target::Service(service) => {
                self.ends[near].remote = Some(Address::Ip(self.free_address()));
                self.accept(service, near);
            }
        }
        self.pending.push_back(Pending::Opened(session, leg, lane));
    }

    fn spawn(&mut self, session: usize, leg: Leg, command: &[String], framing: Framing) {
        let Some(conversation) = self.spawner.and_then(|spawner| spawner(command)) else {
            self.pending.push_back(Pending::Failed(session, leg, Code::CannotStart.word()));
            return;
        };
        let near = self.open_end(Owner::Session(session, leg), Lane::stream(framing));
        let raw = Lane::stream(Framing::RAW);
        let process = self.add_session(conversation, None, raw);
        let far = self.open_end(Owner::Session(process, PEER), raw);
        self.sessions[session].ends.push(near);
        self.join(process, far, near);
        self.pending.push_back(Pending::Begin(process));
        self.pending.push_back(Pending::Opened(session, leg, Lane::stream(framing)));
    }

    fn close(&mut self, session: usize) {
        self.sessions[session].over = true;
        for end in self.sessions[session].ends.clone() {
            self.ends[end].finish();
        }
    }

    fn abort(&mut self, session: usize) {
        self.sessions[session].over = true;
        for end in self.sessions[session].ends.clone() {
            self.ends[end].reset();
        }
    }

    fn fail(&mut self, session: usize, fault: Fault) {
        self.faults.push(fault);
        self.close(session);
    }

    /// Moves what was sent to where it is read, as far as readers have room.
    fn carry(&mut self) -> bool {
        let mut moved = false;
        for at in 0..self.ends.len() {
            let far = self.ends[at].far;
            if let Owner::Session(session, _) = self.ends[far].owner
                && self.sessions[session].over
            {
                moved |= !self.ends[at].out.is_empty();
                self.ends[at].out.clear();
                continue;
            }
            while let Some(item) = self.ends[at].out.front() {
                let full = self.ends[far].unread() >= self.window;
                if full && matches!(item, Item::Bytes(_)) {
                    break;
                }
                let Some(item) = self.ends[at].out.pop_front() else { break };
                if item == Item::Reset {
                    self.ends[far].inbox.clear();
                }
                self.ends[far].inbox.push_back(item);
                moved = true;
            }
        }
        moved
    }

    fn settle_pending(&mut self) -> bool {
        let Some(pending) = self.pending.pop_front() else { return false };
        match pending {
            Pending::Begin(session) => self.step(session, |machine, now, out| {
                machine.opened(now, out);
                Ok(())
            }),
            Pending::Opened(session, leg, lane) => self.step(session, |machine, now, out| {
                machine.leg_opened(now, leg, lane, out);
                Ok(())
            }),
            Pending::Failed(session, leg, why) => self.failed(session, leg, why),
            Pending::Command(to, origin, word) => {
                let at = usize::try_from(to.0).unwrap_or(0).wrapping_sub(1);
                if self.sessions.get(at).is_some_and(|session| session.origin == Some(origin)) {
                    self.input(at, Input::Command(&word));
                }
            }
        }
        true
    }

    fn tell_drained(&mut self) -> bool {
        let ready = |end: &super::End| end.wants_drained && end.out.is_empty();
        let Some(at) = self.ends.iter().position(ready) else { return false };
        self.ends[at].wants_drained = false;
        if let Owner::Session(session, leg) = self.ends[at].owner {
            self.input(session, Input::Drained { leg });
        }
        true
    }

    /// One read of one session; sessions take turns.
    fn read_once(&mut self) -> bool {
        let count = self.sessions.len();
        for step in 0..count {
            let session = (self.turn + step) % count;
            let ends = self.sessions[session].ends.clone();
            let Some(end) = ends.into_iter().find(|end| self.is_readable(session, *end)) else { continue };
            self.turn = session + 1;
            if let Some(item) = self.ends[end].read(&mut self.cutter)
                && let Owner::Session(_, leg) = self.ends[end].owner
            {
                self.take_in(session, leg, end, item);
            }
            return true;
        }
        false
    }

    /// Outputs are written before the next read. A relay looks at the opposite leg alone: looking at both could leave
    /// each waiting for the other.
    fn is_readable(&self, session: usize, end: usize) -> bool {
        let state = &self.ends[end];
        if self.sessions[session].over || !state.reading || state.inbox.is_empty() {
            return false;
        }
        match state.relayed {
            Some(other) => self.end_of(session, other).is_none_or(|other| self.ends[other].out.is_empty()),
            None => self.sessions[session].ends.iter().all(|end| self.ends[*end].out.is_empty()),
        }
    }

    fn take_in(&mut self, session: usize, leg: Leg, end: usize, item: Item) {
        let relay = self.ends[end].relayed.and_then(|other| self.end_of(session, other));
        let through = relay.filter(|other| self.ends[*other].lane == self.ends[end].lane);
        match (item, through) {
            (Item::Bytes(bytes) | Item::Datagram(bytes), Some(other)) => self.ends[other].push(&bytes),
            (Item::Bytes(mut bytes), None) => {
                self.step(session, |machine, now, out| machine.bytes(now, leg, &mut bytes, out));
                while !self.sessions[session].over && self.sessions[session].machine.is_behind() {
                    self.step(session, Machine::resume);
                }
            }
            (Item::Datagram(mut bytes), None) => {
                self.step(session, |machine, now, out| machine.datagram(now, leg, &mut bytes, out));
            }
            (Item::Fin, through) => {
                if let Some(other) = through {
                    self.ends[other].finish();
                }
                self.step(session, |machine, now, out| machine.eof(now, leg, out));
            }
            (Item::Reset, through) => {
                if let Some(other) = through {
                    self.ends[other].reset();
                }
                self.failed(session, leg, Code::Reset.word());
            }
        }
    }

    /// A leg is gone. With the peer the session is over, and the other legs with it.
    fn failed(&mut self, session: usize, leg: Leg, why: &'static str) {
        if leg == PEER {
            self.lose(session, why);
        } else {
            self.input(session, Input::Failed { leg, why });
        }
    }

    /// The peer is gone: nothing can be sent any more, but effects are still carried out.
    fn lose(&mut self, session: usize, why: &'static str) {
        if self.sessions[session].over {
            return;
        }
        self.abort(session);
        self.sessions[session].machine.input(self.now, Input::Failed { leg: PEER, why }, &mut self.out);
        self.perform(session);
    }
}
