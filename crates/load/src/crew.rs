//! One thread of the generator: a single future that drives all of its connections. The order of a round: connections
//! that were woken have their turn, then what is due is sent, then the timer is set.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use sockeye_core::{Code, Fault};
use sockeye_net::dial::Target;

use crate::board::Board;
use crate::clock::{Clock, Timer};
use crate::desk::Desk;
use crate::line::Turn;
use crate::plan::Mode;
use crate::pour::TRAIN;
use crate::schedule::{Nanos, Schedule};
use crate::seat::{Seat, State};

/// How often a thread looks at what nobody wakes it for, in nanoseconds.
pub(crate) const GLANCE: Nanos = 10_000_000;

/// What is looked at more seldom where there are many connections: so much later for each, in nanoseconds.
const LOOK: Nanos = 10_000;

/// Messages that are due within this time, in nanoseconds, are sent together.
const GRAIN: Nanos = 20_000;

/// All connections of a thread.
pub(crate) struct Crew {
    pub(crate) desk: Desk,
    pub(crate) clock: Clock,
    /// Where connections go to, from one address of ours each.
    pub(crate) targets: Vec<Rc<Target>>,
    board: Arc<Board>,
    pub(crate) seats: Vec<Seat>,
    /// How many there are.
    count: u32,
    /// The number of the first of them among those of all threads.
    pub(crate) first: usize,
    timer: Timer,
    woken: Vec<u32>,
    /// Those to be opened.
    pub(crate) queue: VecDeque<u32>,
    pub(crate) dialling: usize,
    pub(crate) open: usize,
    pub(crate) settled: usize,
    /// Those that are to be opened anew after a while.
    pub(crate) resting: usize,
    /// Those that can take a message of the schedule.
    free: VecDeque<u32>,
    touched: Vec<u32>,
    /// Those that the clock is to wake before the next glance.
    alarms: BinaryHeap<Reverse<(Nanos, u32)>>,
    pub(crate) schedule: Option<Schedule>,
    glanced: Nanos,
    looked: Nanos,
}

impl Crew {
    pub(crate) fn new(
        desk: Desk,
        clock: Clock,
        targets: Vec<Rc<Target>>,
        seats: std::ops::Range<usize>,
    ) -> Result<Self, Fault> {
        let board = Arc::new(Board::default());
        let first = seats.start;
        let count = u32::try_from(seats.len()).unwrap_or(u32::MAX);
        let seats: Vec<Seat> = (0..count).map(|index| Seat::new(&board, index)).collect();
        let timer = Timer::new().map_err(|error| Fault::new(Code::Internal, "timer").detail(error))?;
        let connects = desk.plan.mode == Mode::Connect;
        Ok(Self {
            desk,
            clock,
            targets,
            board,
            count,
            first,
            timer,
            woken: Vec::new(),
            queue: if connects { VecDeque::new() } else { (0..count).collect() },
            dialling: 0,
            open: 0,
            settled: if connects { seats.len() } else { 0 },
            resting: 0,
            free: VecDeque::new(),
            touched: Vec::new(),
            alarms: BinaryHeap::new(),
            schedule: None,
            glanced: 0,
            looked: 0,
            seats,
        })
    }

    /// Whether each connection came about, or failed to.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled == self.seats.len()
    }

    /// Connections that are open.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }

    /// Begins to send; `schedule` if there is a rate.
    pub(crate) fn begin(&mut self, schedule: Option<Schedule>) {
        self.desk.sending = true;
        self.schedule = schedule;
        for index in 0..self.count {
            let seat = &mut self.seats[index as usize];
            match (&mut seat.state, &self.schedule) {
                (State::Open(_), None) => seat.waker.wake_by_ref(),
                (State::Open(_), Some(_)) => self.make_free(index),
                (State::Shut, Some(_)) if self.desk.plan.mode == Mode::Connect => self.make_free(index),
                (State::Shut, None) => self.queue.push_back(index),
                _ => {}
            }
        }
    }

    /// Sends no more; what waits for an answer still does. How many messages were due and were not sent.
    pub(crate) fn end(&mut self, now: Nanos) -> u64 {
        self.desk.sending = false;
        let held = |seat: &Seat| match &seat.state {
            State::Open(line) => line.behind() as u64,
            _ => 0,
        };
        let unsent = self
            .schedule
            .as_ref()
            .map_or(0, |schedule| schedule.behind(now) + self.seats.iter().map(held).sum::<u64>());
        self.schedule = None;
        self.queue.clear();
        unsent
    }

    /// Whether nothing waits, neither for an answer nor to be opened for one.
    pub(crate) fn is_quiet(&self) -> bool {
        self.desk.waiting == 0 && (self.desk.plan.mode != Mode::Connect || self.dialling == 0)
    }

    /// Whether all that was to be sent is.
    pub(crate) fn is_spent(&self) -> bool {
        let left = self.schedule.as_ref().is_none_or(|schedule| schedule.next().is_none());
        self.desk.allowance == 0 || (self.schedule.is_some() && left)
    }

    /// One round. `until`: when to be woken at the latest.
    pub(crate) fn round(&mut self, cx: &mut Context<'_>, until: Nanos) {
        let mut woken = std::mem::take(&mut self.woken);
        self.board.take(cx.waker(), &mut woken);
        for index in woken.drain(..) {
            self.seats[index as usize].mark.clear();
            self.turn(index);
        }
        self.woken = woken;
        let mut now = self.clock.now();
        while let Some(Reverse((_, index))) = self.alarms.peek().copied().filter(|next| next.0.0 <= now) {
            self.alarms.pop();
            // What has a later deadline by now was woken for nothing, and says so again.
            self.turn(index);
        }
        self.open_some(now);
        if now >= self.glanced + GLANCE {
            self.glance(now);
        }
        if self.schedule.is_some() {
            self.send_due(now);
            now = self.clock.now();
        }
        let due = self.next_due().map(|due| due.max(now - now % GRAIN + GRAIN));
        let alarm = self.alarms.peek().map_or(Nanos::MAX, |next| next.0.0);
        let at = due.unwrap_or(Nanos::MAX).min(alarm).min(self.glanced + GLANCE).min(until);
        if let Err(error) = self.timer.wake_at(cx, now, at) {
            // Without its timer it can only go on looking.
            drop(error);
            cx.waker().wake_by_ref();
        }
    }

    /// When the next message is due, if a connection can take it.
    fn next_due(&self) -> Option<Nanos> {
        let schedule = self.schedule.as_ref()?;
        if self.free.is_empty() { None } else { schedule.next() }
    }

    /// Has a connection woken at a time that comes before the next glance; a later one is seen to then.
    fn set_alarm(&mut self, index: u32, at: Option<Nanos>) {
        if let Some(at) = at.filter(|at| *at < self.glanced + GLANCE) {
            self.alarms.push(Reverse((at, index)));
        }
    }

    /// Gives a connection its turn.
    pub(crate) fn turn(&mut self, index: u32) {
        let seat = &mut self.seats[index as usize];
        let mut cx = Context::from_waker(&seat.waker);
        match &mut seat.state {
            State::Shut | State::Resting(_) => {}
            State::Dialling(dialling, began) => {
                let Poll::Ready(dialled) = dialling.as_mut().poll(&mut cx) else { return };
                let began = *began;
                self.dialled(index, began, dialled);
            }
            State::Open(_) if self.desk.plan.mode == Mode::OneWay => self.pour(index),
            State::Open(line) => {
                let clock = self.clock;
                let before = self.desk.heard;
                let mut ended = Ok(Turn::Waits);
                let has_room = line.waiting() < self.desk.plan.pipeline;
                if self.schedule.is_none() && has_room && self.desk.plan.mode == Mode::Exchange {
                    ended = line.refill(&mut cx, clock.now(), &mut self.desk).map(|()| Turn::Waits);
                }
                if ended.is_ok() {
                    ended = line.turn(&mut cx, || clock.now(), &mut self.desk);
                }
                let room = line.waiting() < self.desk.plan.pipeline;
                if self.desk.heard != before {
                    seat.failures = 0;
                }
                match ended {
                    Ok(Turn::Waits) => {}
                    Ok(Turn::Again) => seat.waker.wake_by_ref(),
                    Ok(Turn::Done) => return self.done(index),
                    Err(fault) => return self.down(index, fault.code),
                }
                let alarm = line.deadline();
                if room && self.schedule.is_some() {
                    self.make_free(index);
                }
                self.set_alarm(index, alarm);
            }
        }
    }

    /// Gives a connection that only sends its turn.
    fn pour(&mut self, index: u32) {
        let seat = &mut self.seats[index as usize];
        let State::Open(line) = &mut seat.state else { return };
        let wanted = if self.schedule.is_none() { usize::MAX } else { 0 };
        let before = self.desk.heard;
        let poured = line.pour(&mut Context::from_waker(&seat.waker), wanted, self.clock, &mut self.desk);
        if self.desk.heard != before {
            seat.failures = 0;
        }
        match poured {
            Err(fault) => self.down(index, fault.code),
            Ok(Turn::Again) => seat.waker.wake_by_ref(),
            Ok(_) if self.schedule.is_some() && line.behind() == 0 => self.make_free(index),
            Ok(_) => {}
        }
    }

    pub(crate) fn make_free(&mut self, index: u32) {
        let seat = &mut self.seats[index as usize];
        if !std::mem::replace(&mut seat.free, true) {
            self.free.push_back(index);
        }
    }

    /// Sends what is due, each message on the next connection that can take it.
    fn send_due(&mut self, mut now: Nanos) {
        if self.desk.plan.mode == Mode::OneWay {
            // What is due after the end is not sent: it would arrive, and not be counted here.
            now = now.min(self.desk.until.saturating_sub(1));
        }
        while let Some(index) = self.free.front().copied() {
            let connects = self.desk.plan.mode == Mode::Connect;
            let fits = match &self.seats[index as usize].state {
                State::Open(line) => line.waiting() < self.desk.plan.pipeline && line.behind() == 0,
                State::Shut => connects,
                State::Resting(_) | State::Dialling(..) => false,
            };
            if !fits {
                self.seats[index as usize].free = false;
                self.free.pop_front();
                continue;
            }
            let Some(due) = self.schedule.as_mut().and_then(|schedule| schedule.take(now)) else { break };
            if self.desk.plan.mode == Mode::OneWay {
                self.pour_due(index, now);
                continue;
            }
            self.free.pop_front();
            let seat = &mut self.seats[index as usize];
            if let State::Open(line) = &mut seat.state {
                line.put(due, now, &mut self.desk);
                self.touched.push(index);
                self.free.push_back(index);
            } else {
                seat.free = false;
                self.dial(index, now, due);
            }
        }
        let mut touched = std::mem::take(&mut self.touched);
        for index in touched.drain(..) {
            let seat = &mut self.seats[index as usize];
            let State::Open(line) = &mut seat.state else { continue };
            if let Err(fault) = line.flush(&mut Context::from_waker(&seat.waker)) {
                self.down(index, fault.code);
            }
        }
        self.touched = touched;
    }

    /// Sends, on one connection, one message that was taken from the schedule and as many that are due as may travel with it.
    fn pour_due(&mut self, index: u32, now: Nanos) {
        let mut wanted = 1;
        while wanted < TRAIN && self.schedule.as_mut().is_some_and(|schedule| schedule.take(now).is_some()) {
            wanted += 1;
        }
        self.free.rotate_left(1);
        let seat = &mut self.seats[index as usize];
        let State::Open(line) = &mut seat.state else { return };
        let mut cx = Context::from_waker(&seat.waker);
        if let Err(fault) = line.pour(&mut cx, wanted, self.clock, &mut self.desk) {
            self.down(index, fault.code);
        }
    }

    /// Looks at what nobody wakes it for: connections that have rested, answers that are overdue.
    fn glance(&mut self, now: Nanos) {
        self.glanced = now;
        let patience = Nanos::try_from(self.desk.plan.timeout.as_nanos()).unwrap_or(Nanos::MAX);
        let look =
            now >= self.looked + (patience / 16).clamp(GLANCE, 10 * GLANCE) + Nanos::from(self.count) * LOOK;
        if look {
            self.looked = now;
        }
        let plays = self.desk.plan.steps.is_some();
        if !look && !plays && self.resting == 0 {
            return;
        }
        for number in 0..self.count {
            let seat = &mut self.seats[number as usize];
            if plays && let State::Open(line) = &seat.state {
                let alarm = line.deadline();
                self.set_alarm(number, alarm);
            }
            let seat = &mut self.seats[number as usize];
            match &mut seat.state {
                State::Resting(until) if *until <= now => {
                    seat.state = State::Shut;
                    self.resting -= 1;
                    if self.schedule.is_some() && self.desk.plan.mode == Mode::Connect {
                        self.make_free(number);
                    } else if self.desk.sending || self.desk.from == Nanos::MAX {
                        self.queue.push_back(number);
                    }
                }
                State::Open(line) if look => {
                    if let Err(fault) = line.look(now, patience, &mut self.desk) {
                        self.down(number, fault.code);
                    } else {
                        let room = line.waiting() < self.desk.plan.pipeline;
                        if self.schedule.is_some() && room && self.desk.plan.mode != Mode::Connect {
                            self.make_free(number);
                        } else if self.schedule.is_none() && self.desk.sending {
                            // What was lost makes room for more.
                            self.seats[number as usize].waker.wake_by_ref();
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
