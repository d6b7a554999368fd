//! How the connections of a thread come about and end: dialled, a few at a time; closed when they are done; opened anew
//! after a while when they broke.

use std::rc::Rc;

use sockeye_core::limits::Handshakes;
use sockeye_core::{Code, Fault};
use sockeye_net::Conn;
use sockeye_net::channel::Channel;
use sockeye_net::dial::Options;

use crate::crew::Crew;
use crate::open::Open;
use crate::plan::Mode;
use crate::schedule::Nanos;
use crate::seat::State;

/// Connections that a thread opens at once, where they stand afterwards.
const OPENING: usize = 128;

/// The first wait before a connection is opened anew, and the longest.
const REST: (Nanos, Nanos) = (10_000_000, 1_000_000_000);

impl Crew {
    /// Opens connections that are to be, as many as may be opened at once.
    pub(crate) fn open_some(&mut self, now: Nanos) {
        let connects = self.desk.plan.mode == Mode::Connect;
        let most = if connects { usize::MAX } else { OPENING };
        while self.dialling < most {
            let Some(index) = self.queue.pop_front() else { return };
            if connects && self.schedule.is_none() && self.desk.allow(1) == 0 {
                continue;
            }
            self.dial(index, now, now);
        }
    }

    pub(crate) fn dial(&mut self, index: u32, now: Nanos, due: Nanos) {
        let plan = &self.desk.plan;
        let handshakes = Handshakes::default();
        let options =
            Options { timeout: Some(plan.timeout), handshakes, message: plan.max, ..Options::default() };
        let turn = (self.first + index as usize) % self.targets.len();
        let target = Rc::clone(&self.targets[turn]);
        let seat = &mut self.seats[index as usize];
        seat.due = due;
        seat.state = State::Dialling(Box::pin(async move { target.dial(options, &|_| ()).await }), now);
        self.dialling += 1;
        self.turn(index);
    }

    pub(crate) fn dialled(&mut self, index: u32, began: Nanos, dialled: Result<Conn, Fault>) {
        self.dialling -= 1;
        let now = self.clock.now();
        let seat = &mut self.seats[index as usize];
        if !std::mem::replace(&mut seat.settled, true) && self.desk.plan.mode != Mode::Connect {
            self.settled += 1;
        }
        match dialled {
            Ok(conn) => {
                self.desk.tally.connecting.saturating_record(now - began);
                let number = self.first as u64 + u64::from(index);
                let mut line = Box::new(Open::new(Channel::of(conn), &self.desk.plan, now, number));
                if self.desk.plan.mode == Mode::Connect {
                    line.put(seat.due, now, &mut self.desk);
                }
                seat.state = State::Open(line);
                self.open += 1;
                self.turn(index);
            }
            Err(fault) => {
                seat.state = State::Shut;
                let due = if self.desk.plan.mode == Mode::Connect { seat.due } else { now };
                if self.desk.counts(due) || self.desk.from == Nanos::MAX {
                    self.desk.tally.failed(fault.code, 1);
                }
                self.rest(index, now);
            }
        }
    }

    /// A connection broke, or is given up.
    pub(crate) fn down(&mut self, index: u32, code: Code) {
        let now = self.clock.now();
        let seat = &mut self.seats[index as usize];
        if let State::Open(line) = std::mem::replace(&mut seat.state, State::Shut) {
            self.open -= 1;
            line.give_up(code, now, &mut self.desk);
        }
        if code == Code::WrongAnswer {
            // Somebody is there, and talks.
            self.seats[index as usize].failures = 0;
        }
        self.rest(index, now);
    }

    /// Takes leave of whoever is still there, once nothing is waited for any more.
    pub(crate) fn part(&mut self) {
        for seat in &mut self.seats {
            if let State::Open(line) = std::mem::replace(&mut seat.state, State::Shut) {
                line.close(&self.desk.plan);
            }
        }
        self.open = 0;
    }

    /// A connection that failed is opened anew after a while.
    fn rest(&mut self, index: u32, now: Nanos) {
        let seat = &mut self.seats[index as usize];
        let wait = REST.0.saturating_mul(1 << seat.failures.min(16)).min(REST.1);
        seat.failures += 1;
        seat.state = State::Resting(now + wait);
        self.resting += 1;
    }

    /// A connection has carried its message and its answer.
    pub(crate) fn done(&mut self, index: u32) {
        let seat = &mut self.seats[index as usize];
        if let State::Open(line) = std::mem::replace(&mut seat.state, State::Shut) {
            self.open -= 1;
            line.close(&self.desk.plan);
        }
        match self.schedule {
            Some(_) => self.make_free(index),
            None => self.queue.push_back(index),
        }
    }
}
