//! Faults on purpose: what a bad network does to the traffic between a peer and us. One fault is one file here and one
//! word in [`ALL`].
//!
//! Everything in this folder is a pure state machine: bytes, datagrams and ticks go in, pieces with the tick of their
//! release come out, and chance is drawn from a seed. A [`Spec`] is what `--fault` says; [`Impairments`] are all of one
//! listener; a `Line` is one direction of one session, a chain of `Stage`s and what is under way. The driver's half
//! is `drive/impaired.rs`.
//!
//! On a stream nothing is lost, made up or put out of order, whatever is asked for, except by an end that was asked for
//! (`limit`, `reset`, `timeout`). What would be lost comes later, as it does on TCP.

mod bandwidth;
mod corrupt;
mod dup;
mod latency;
mod limit;
mod line;
mod loss;
mod piece;
mod reorder;
mod reset;
mod slicer;
mod slow_close;
mod spec;
#[cfg(test)]
mod tests;
mod timeout;
mod trigger;

use std::cell::Cell;

use sockeye_core::fault::nearest;
use sockeye_core::{Code, Fault, Medium, Note};

pub(crate) use line::{Arrived, Line};
use piece::Build;
pub(crate) use piece::{Cut, Struck};
pub use spec::Spec;

use crate::chance::Chance;

/// Every fault, in the order `list` shows them.
pub const ALL: &[&Entry] = &[
    &latency::ENTRY,
    &bandwidth::ENTRY,
    &loss::ENTRY,
    &dup::ENTRY,
    &reorder::ENTRY,
    &corrupt::ENTRY,
    &slicer::ENTRY,
    &slow_close::ENTRY,
    &timeout::ENTRY,
    &limit::ENTRY,
    &reset::ENTRY,
];

/// The keys that every fault takes after its value, as they are written.
pub const KEYS: &[&str] = &["dir=up|down|both", "p=0..1", "on=/REGEX/", "after=SIZE"];

/// One fault.
pub struct Entry {
    /// Its word; its sentence in the catalogue is [`Entry::key`].
    pub name: &'static str,
    /// How it is written, without keys.
    pub syntax: &'static str,
    /// What it can be done to.
    pub fits: &'static [Medium],
    /// What comes near to it elsewhere.
    pub instead: &'static [&'static str],
    /// Faults as users write them. Tests run them.
    pub examples: &'static [&'static str],
    /// Reads the value, which is empty if there is none.
    read: fn(&str) -> Option<Box<Build>>,
}

impl Entry {
    /// The key of its sentence in the catalogue.
    pub fn key(&self) -> String {
        format!("fault-{}", self.name)
    }
}

/// The fault of this name.
pub fn find(name: &str) -> Result<&'static Entry, Fault> {
    ALL.iter().copied().find(|entry| entry.name == name).ok_or_else(|| {
        let near = nearest(name, ALL.iter().map(|entry| entry.name)).unwrap_or_default();
        Fault::new(Code::UnknownFault, "").arg("name", name).arg("near", near)
    })
}

/// Which way traffic goes: seen from the peer, as in a network, up is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the peer to us.
    Up,
    /// From us to the peer.
    Down,
}

/// The faults of one listener, and where their chance begins.
pub struct Impairments {
    specs: Vec<Spec>,
    seed: u64,
    sessions: Cell<u64>,
}

impl Impairments {
    /// These faults, in this order.
    pub const fn new(specs: Vec<Spec>, seed: u64) -> Self {
        Self { specs, seed, sessions: Cell::new(0) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// What people are told when the listener is ready: the faults and the seed, and what is not what its name says.
    pub(crate) fn announce(&self, medium: Medium) -> Vec<Note> {
        if self.is_empty() {
            return Vec::new();
        }
        let faults: Vec<&str> = self.specs.iter().map(Spec::text).collect();
        let mut notes = vec![Note::new("faults").arg("faults", faults.join(" ")).arg("seed", self.seed)];
        if !medium.is_datagrams() && self.specs.iter().any(|spec| spec.name() == loss::ENTRY.name) {
            notes.push(Note::new("loss-delays"));
        }
        notes
    }

    /// Whether all of them mean something there; `scheme` is how people call it.
    pub fn fit(&self, medium: Medium, scheme: &str) -> Result<(), Fault> {
        self.specs.iter().try_for_each(|spec| spec.fit(medium, scheme))
    }

    /// Both directions, up and down, of the next session. Each holds at most `room` bytes. Sessions are numbered from 1
    /// as they begin, so that the same traffic has the same faults when it is run again.
    pub(crate) fn begin(&self, medium: Medium, room: usize) -> [Line; 2] {
        let session = self.sessions.get() + 1;
        self.sessions.set(session);
        [Way::Up, Way::Down].map(|way| self.line(medium, session, way, room))
    }

    fn line(&self, medium: Medium, session: u64, way: Way, room: usize) -> Line {
        let mut line = Line::new(medium, room);
        for (index, spec) in (0..).zip(&self.specs) {
            // Whether a connection has it is one draw for both directions.
            let has = spec.share.hits(&mut Chance::of(&[self.seed, session, index]));
            if has && spec.goes(way) {
                let direction = 1 + way as u64;
                let chance = Chance::of(&[self.seed, session, index, direction]);
                line.add(spec.name(), spec.build(medium, chance), spec.trigger(medium));
            }
        }
        line
    }
}
