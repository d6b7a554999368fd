//! Carrying out what a conversation asked for, in order.

use std::rc::Rc;
use std::task::Context;

use sockeye_core::{Effect, Leg, Op, PEER};

use crate::drive::session::{Session, Stage};
use crate::drive::side::Fin;
use crate::leg;
use crate::post::Letter;
use crate::world::Lent;

impl Session {
    /// Does what the outbox holds and empties it. Without operations that is one write to the peer.
    #[inline]
    pub(super) fn apply(&mut self, cx: &mut Context<'_>, lent: &mut Lent) {
        if !lent.out.ops().is_empty() {
            self.apply_ops(lent);
        } else if !lent.out.bytes().is_empty() {
            let sent = self.peer.send(cx, lent.out.bytes(), &self.world);
            lent.out.reset();
            if let Err(error) = sent {
                self.broke(PEER, &error, cx, lent);
            }
        }
    }

    #[cold]
    fn apply_ops(&mut self, lent: &mut Lent) {
        let ops = lent.out.take_ops();
        let (mut leg, mut start, mut printed) = (PEER, 0, 0);
        for op in &ops {
            match op {
                Op::Own(end) => {
                    self.queue(leg, &lent.out.bytes()[start..*end]);
                    start = *end;
                }
                Op::Shared(chunk) => self.queue(leg, chunk),
                Op::To(to) => leg = *to,
                Op::Finish => {
                    if let Some(side) = self.side(leg) {
                        side.finish();
                    }
                }
                Op::Close => self.stage = Stage::Closing,
                Op::Abort => {
                    self.abort_all();
                    self.stage = Stage::Over;
                }
                Op::Print(end) => {
                    self.prints = true;
                    if let Some(desk) = self.desk {
                        self.world.shared.heard(usize::from(desk));
                    }
                    self.world.front.print(self.id, &lent.out.printed()[printed..*end]);
                    printed = *end;
                }
                Op::Effect(effect) => self.effect(effect),
            }
        }
        lent.out.give_back(ops);
        lent.out.reset();
    }

    /// Bytes between operations wait for the next flush: what belongs together leaves together.
    fn queue(&mut self, leg: Leg, bytes: &[u8]) {
        let world = Rc::clone(&self.world);
        let apart = self.machine.lane(leg).medium.has_bounds();
        let Some(side) = self.side(leg) else { return };
        if side.fin != Fin::Open || side.port.is_free() {
            return;
        }
        if apart {
            side.queue.push_datagram(bytes, &world);
        } else {
            side.queue.push(bytes, &world);
        }
    }

    fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Connect { leg, to } => self.connect(*leg, to),
            Effect::Listen { leg, at } => self.listen(*leg, at),
            Effect::Hang { leg } => self.hang(*leg),
            Effect::Cut { leg } => self.cut_leg(*leg),
            Effect::Secure { leg, with } => self.secure(*leg, with),
            Effect::Drained { leg } => {
                if let Some(side) = self.side(*leg) {
                    side.wants_more = true;
                }
            }
            Effect::Spawn { leg, command, framing } => {
                let opening = leg::spawn(&self.world, *leg, command, *framing, &self.peer_info());
                self.open_leg(*leg, opening);
            }
            Effect::Pour { into } => self.pour(*into),
            Effect::Relay { a, b } => self.relay(*a, *b),
            Effect::Read { leg, on } => {
                if let Some(side) = self.side(*leg) {
                    side.reading = *on;
                }
            }
            Effect::Signal { session, word } => {
                self.world.tell(*session, Letter::Command(word.clone()));
            }
            Effect::Note(note) => self.world.note(self.id, note),
            Effect::Fail(fault) => self.fail((**fault).clone()),
        }
    }
}
