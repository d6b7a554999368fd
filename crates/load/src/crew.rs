//! One thread of the generator: a single future that drives all of its connections. The order of a round: connections
//! that were woken have their turn, then what is due is sent, then the timer is set.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sockeye_core::limits::Handshakes;
use sockeye_core::{Code, Fault};
use sockeye_net::Conn;
use sockeye_net::channel::Channel;
use sockeye_net::dial::{Options, Target};

use crate::board::{Board, Mark};
use crate::clock::{Clock, Timer};
use crate::desk::Desk;
use crate::line::{Line, Turn};
use crate::plan::Mode;
use crate::pour::TRAIN;
use crate::schedule::{Nanos, Schedule};

/// Connections that a thread opens at once, where they stand afterwards.
const OPENING: usize = 128;

/// How often a thread looks at what nobody wakes it for, in nanoseconds.
pub(crate) const GLANCE: Nanos = 10_000_000;

/// Messages that are due within this time, in nanoseconds, are sent together.
const GRAIN: Nanos = 20_000;

/// The first wait before a connection is opened anew, and the longest.
const REST: (Nanos, Nanos) = (10_000_000, 1_000_000_000);

/// How far apart the sequence numbers of two connections begin.
const NUMBERS: u64 = 10_000_000;

type Dialling = Pin<Box<dyn Future<Output = Result<Conn, Fault>>>>;

/// A connection's place.
struct Seat {
    mark: Arc<Mark>,
    waker: Waker,
    state: State,
    /// What a connection that is being opened is for.
    due: Nanos,
    /// Failures since the last right answer.
    failures: u32,
    /// Whether it is among those that can send.
    free: bool,
    /// Whether its first connection came about or failed.
    settled: bool,
}

enum State {
    /// Not open.
    Shut,
    /// Not to be opened before this time.
    Resting(Nanos),
    Dialling(Dialling, Nanos),
    Open(Box<Line>),
}

/// All connections of a thread.
pub(crate) struct Crew {
    pub(crate) desk: Desk,
    pub(crate) clock: Clock,
    target: Rc<Target>,
    board: Arc<Board>,
    seats: Vec<Seat>,
    /// How many there are.
    count: u32,
    /// The number of the first of them among those of all threads.
    first: usize,
    timer: Timer,
    woken: Vec<u32>,
    /// Those to be opened.
    queue: VecDeque<u32>,
    dialling: usize,
    open: usize,
    settled: usize,
    /// Those that can take a message of the schedule.
    free: VecDeque<u32>,
    touched: Vec<u32>,
    schedule: Option<Schedule>,
    glanced: Nanos,
    looked: Nanos,
}

impl Crew {
    pub(crate) fn new(
        desk: Desk,
        clock: Clock,
        target: Rc<Target>,
        seats: std::ops::Range<usize>,
    ) -> Result<Self, Fault> {
        let board = Arc::new(Board::default());
        let first = seats.start;
        let count = u32::try_from(seats.len()).unwrap_or(u32::MAX);
        let seats: Vec<Seat> = (0..count)
            .map(|index| {
                let mark = Mark::new(&board, index);
                let waker = Waker::from(Arc::clone(&mark));
                Seat { mark, waker, state: State::Shut, due: 0, failures: 0, free: false, settled: false }
            })
            .collect();
        let timer = Timer::new().map_err(|error| Fault::new(Code::Internal, "timer").detail(error))?;
        let connects = desk.plan.mode == Mode::Connect;
        Ok(Self {
            desk,
            clock,
            target,
            board,
            count,
            first,
            timer,
            woken: Vec::new(),
            queue: if connects { VecDeque::new() } else { (0..count).collect() },
            dialling: 0,
            open: 0,
            settled: if connects { seats.len() } else { 0 },
            free: VecDeque::new(),
            touched: Vec::new(),
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
            State::Open(line) => line.pour.behind() as u64,
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
        self.open_some(now);
        if now >= self.glanced + GLANCE {
            self.glance(now);
        }
        if self.schedule.is_some() {
            self.send_due(now);
            now = self.clock.now();
        }
        let due = self.next_due().map(|due| due.max(now - now % GRAIN + GRAIN));
        let at = due.unwrap_or(Nanos::MAX).min(self.glanced + GLANCE).min(until);
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

    /// Gives a connection its turn.
    fn turn(&mut self, index: u32) {
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
                if room && self.schedule.is_some() {
                    self.make_free(index);
                }
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
            Ok(_) if self.schedule.is_some() && line.pour.behind() == 0 => self.make_free(index),
            Ok(_) => {}
        }
    }

    /// Opens connections that are to be, as many as may be opened at once.
    fn open_some(&mut self, now: Nanos) {
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

    fn dial(&mut self, index: u32, now: Nanos, due: Nanos) {
        let plan = &self.desk.plan;
        let handshakes = Handshakes::default();
        let options =
            Options { timeout: Some(plan.timeout), handshakes, message: plan.max, ..Options::default() };
        let target = Rc::clone(&self.target);
        let seat = &mut self.seats[index as usize];
        seat.due = due;
        seat.state = State::Dialling(Box::pin(async move { target.dial(options, &|_| ()).await }), now);
        self.dialling += 1;
        self.turn(index);
    }

    fn dialled(&mut self, index: u32, began: Nanos, dialled: Result<Conn, Fault>) {
        self.dialling -= 1;
        let now = self.clock.now();
        let seat = &mut self.seats[index as usize];
        if !std::mem::replace(&mut seat.settled, true) && self.desk.plan.mode != Mode::Connect {
            self.settled += 1;
        }
        match dialled {
            Ok(conn) => {
                self.desk.tally.connecting.saturating_record(now - began);
                let number = (self.first as u64 + u64::from(index)) * NUMBERS;
                let mut line = Box::new(Line::new(Channel::of(conn), number));
                if self.desk.plan.mode == Mode::Connect {
                    line.put(seat.due, now, 1, &mut self.desk);
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
    fn down(&mut self, index: u32, code: Code) {
        let now = self.clock.now();
        let seat = &mut self.seats[index as usize];
        if let State::Open(line) = std::mem::replace(&mut seat.state, State::Shut) {
            self.open -= 1;
            line.give_up(code, now, &mut self.desk);
        }
        self.rest(index, now);
    }

    /// A connection that failed is opened anew after a while.
    fn rest(&mut self, index: u32, now: Nanos) {
        let seat = &mut self.seats[index as usize];
        let wait = REST.0.saturating_mul(1 << seat.failures.min(16)).min(REST.1);
        seat.failures += 1;
        seat.state = State::Resting(now + wait);
    }

    /// A connection has carried its message and its answer.
    fn done(&mut self, index: u32) {
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

    fn make_free(&mut self, index: u32) {
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
                State::Open(line) => line.waiting() < self.desk.plan.pipeline && line.pour.behind() == 0,
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
                line.put(due, now, 1, &mut self.desk);
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
        let look = now >= self.looked + (patience / 16).clamp(GLANCE, 10 * GLANCE);
        if look {
            self.looked = now;
        }
        for number in 0..self.count {
            let seat = &mut self.seats[number as usize];
            match &mut seat.state {
                State::Resting(until) if *until <= now => {
                    seat.state = State::Shut;
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
