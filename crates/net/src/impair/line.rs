//! One direction of one session: a chain of stages, and what is under way. Pieces leave in the order in which the last
//! stage handed them on, each no earlier than the one before it.

use std::collections::VecDeque;

use sockeye_core::{Medium, Tick};

use super::piece::{Cut, Passed, Piece, Stage, Struck, What};
use super::trigger::Trigger;
use crate::layer::ws::socket::Sort;

/// What a piece counts besides its bytes, so that many empty ones are bounded too.
const WEIGHT: usize = 64;

/// How often one fault tells what it did, in one direction of one session. The last time it says `...`, and goes on in
/// silence.
const TOLD: u32 = 1024;

/// A direction with its faults.
pub(crate) struct Line {
    medium: Medium,
    stages: Vec<Slot>,
    way: VecDeque<Piece>,
    /// How far the first piece on its way has left already, in bytes.
    gone: usize,
    held: usize,
    room: usize,
    last: Tick,
    /// Nothing that comes after is let through any more.
    cut: bool,
    struck: Vec<Struck>,
}

/// One fault's place on a line.
struct Slot {
    name: &'static str,
    stage: Box<dyn Stage>,
    /// What is to arm it.
    trigger: Option<Box<Trigger>>,
    /// Bytes that passed before it was armed.
    passed: u64,
    told: u32,
}

impl Line {
    /// A line without faults yet, that holds `room` bytes and one piece more at most.
    pub(crate) const fn new(medium: Medium, room: usize) -> Self {
        Self {
            medium,
            stages: Vec::new(),
            way: VecDeque::new(),
            gone: 0,
            held: 0,
            room,
            last: Tick::ZERO,
            cut: false,
            struck: Vec::new(),
        }
    }

    /// Adds a fault after those that are there.
    pub(crate) fn add(&mut self, name: &'static str, stage: Box<dyn Stage>, trigger: Trigger) {
        let trigger = if trigger.is_none() { None } else { Some(Box::new(trigger)) };
        self.stages.push(Slot { name, stage, trigger, passed: 0, told: 0 });
    }

    /// Whether it does nothing at all.
    pub(crate) fn is_clean(&self) -> bool {
        self.stages.is_empty()
    }

    /// The session begins.
    pub(crate) fn begin(&mut self, now: Tick) {
        for at in 0..self.stages.len() {
            if self.stages[at].trigger.is_none() {
                let mut out = Passed::default();
                self.stages[at].stage.begin(now, 0, &mut out);
                self.follow(at, out);
            }
        }
    }

    /// Bytes come in: some of a stream, or one message or datagram.
    pub(crate) fn push(&mut self, now: Tick, bytes: &[u8], mark: Option<Sort>) {
        self.pass(0, Piece { at: now, what: What::Data(bytes.to_vec(), mark) });
    }

    /// The sender's end comes in.
    pub(crate) fn end(&mut self, now: Tick) {
        self.pass(0, Piece { at: now, what: What::End });
    }

    /// Lets stages go on whose time has come.
    pub(crate) fn wake(&mut self, now: Tick) {
        for at in 0..self.stages.len() {
            while self.stages[at].stage.due().is_some_and(|due| due <= now) {
                let mut out = Passed::default();
                self.stages[at].stage.wake(now, &mut out);
                self.follow(at, out);
            }
        }
    }

    /// What has arrived by now, if anything has.
    pub(crate) fn front(&self, now: Tick) -> Option<Arrived<'_>> {
        let piece = self.way.front().filter(|piece| piece.at <= now)?;
        Some(match &piece.what {
            What::Data(bytes, mark) => Arrived::Data(&bytes[self.gone..], *mark),
            What::End => Arrived::End,
            What::Cut(cut, ..) => Arrived::Cut(*cut),
        })
    }

    /// So many bytes of what is in front were taken; all of a message or datagram.
    pub(crate) fn take(&mut self, count: usize) {
        let Some(Piece { what: What::Data(bytes, _), .. }) = self.way.front() else { return };
        self.gone += count;
        if self.gone >= bytes.len() || self.medium.has_bounds() {
            self.held -= bytes.len() + WEIGHT;
            self.gone = 0;
            self.way.pop_front();
        }
    }

    /// The end, or the cut, in front was taken.
    pub(crate) fn take_end(&mut self) -> Option<Struck> {
        match self.way.pop_front().map(|piece| piece.what) {
            Some(What::Cut(_, name, detail)) => Some(Struck { name, detail }),
            _ => None,
        }
    }

    /// Whether more may be pushed.
    pub(crate) fn has_room(&self, now: Tick) -> bool {
        self.held() < self.room && self.stages.iter().all(|slot| slot.stage.busy() <= now)
    }

    /// Bytes that it holds.
    pub(crate) fn held(&self) -> usize {
        self.held + self.stages.iter().map(Slot::held).sum::<usize>()
    }

    /// Whether something is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.way.is_empty() && self.stages.iter().all(|slot| slot.stage.held() == 0)
    }

    /// The earliest time after `now` at which something changes by itself, if it does.
    pub(crate) fn due(&self, now: Tick) -> Option<Tick> {
        let stages = self.stages.iter().flat_map(|slot| [slot.stage.due(), Some(slot.stage.busy())]);
        let front = self.way.front().map(|piece| piece.at);
        stages.flatten().chain(front).filter(|at| *at > now).min()
    }

    /// What was done since this was last asked.
    pub(crate) fn struck(&mut self) -> Vec<Struck> {
        std::mem::take(&mut self.struck)
    }

    /// Takes a piece through the stages from this one on.
    fn pass(&mut self, from: usize, piece: Piece) {
        let mut going = vec![piece];
        for at in from..self.stages.len() {
            let mut out = Passed::default();
            for piece in going {
                self.stages[at].take(piece, &mut out);
            }
            self.note(at, out.details);
            going = out.pieces;
        }
        for piece in going {
            self.arrive(piece);
        }
    }

    /// Takes what one stage has handed on through those behind it.
    fn follow(&mut self, at: usize, out: Passed) {
        self.note(at, out.details);
        for piece in out.pieces {
            self.pass(at + 1, piece);
        }
    }

    fn note(&mut self, at: usize, details: Vec<String>) {
        let slot = &mut self.stages[at];
        for detail in details {
            slot.told = slot.told.saturating_add(1);
            if slot.told <= TOLD {
                let detail = if slot.told < TOLD { detail } else { "...".to_owned() };
                self.struck.push(Struck { name: slot.name, detail });
            }
        }
    }

    fn arrive(&mut self, mut piece: Piece) {
        if self.cut {
            return;
        }
        piece.at = piece.at.max(self.last);
        self.last = piece.at;
        match &piece.what {
            What::Data(bytes, _) if bytes.is_empty() && !self.medium.has_bounds() => return,
            What::Data(bytes, _) => self.held += bytes.len() + WEIGHT,
            What::End => {}
            What::Cut(..) => self.cut = true,
        }
        self.way.push_back(piece);
    }
}

impl Slot {
    /// What a piece becomes here: nothing else until the fault is armed.
    fn take(&mut self, piece: Piece, out: &mut Passed) {
        let Some(trigger) = self.trigger.as_deref_mut() else { return self.stage.take(piece, out) };
        let Piece { at, what: What::Data(mut bytes, mark) } = piece else {
            return out.pieces.push(piece);
        };
        let Some(before) = trigger.seek(&bytes) else {
            self.passed += bytes.len() as u64;
            return out.pass(at, What::Data(bytes, mark));
        };
        self.trigger = None;
        self.passed += before as u64;
        let rest = bytes.split_off(before);
        if before > 0 {
            out.pass(at, What::Data(bytes, mark));
        }
        self.stage.begin(at, self.passed, out);
        if before == 0 || !rest.is_empty() {
            self.stage.take(Piece { at, what: What::Data(rest, mark) }, out);
        }
    }

    fn held(&self) -> usize {
        self.stage.held() + self.trigger.as_deref().map_or(0, Trigger::held)
    }
}

/// What is in front of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived<'a> {
    /// Bytes of a stream, or one message or datagram.
    Data(&'a [u8], Option<Sort>),
    /// The sender's end.
    End,
    /// The connection's end.
    Cut(Cut),
}
