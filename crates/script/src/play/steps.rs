//! What each step does, and what it waits for.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::{Direction, Effect, Endpoint, Outbox, PEER, Tick};

use super::arrive::filled;
use super::engine::{Play, Round, Turn};
use super::failure::{Fate, Kind};
use super::score::Act;
use super::station::{End, Link};
use crate::data::Unfit;
use crate::pattern::{Extent, Pattern, Verdict};
use crate::play::Side;
use crate::program::{Role, Step};
use crate::vars::Vars;

/// Bytes sent before all of them must be written: a peer that does not read makes the play wait, and costs no memory.
const OWED: usize = 64 << 10;

/// How long an optional message is waited for, unless its step says.
const OPTIONAL: Duration = Duration::from_millis(100);

/// What looking at what waits came to.
enum Look {
    /// It matches, and was taken.
    Taken,
    /// Nothing has come that would say.
    Nothing,
    /// It does not match, and never will.
    Wrong,
}

impl Play {
    /// Plays the step at work as far as it goes. It is called again whenever something happened.
    pub(super) fn perform(&mut self, now: Tick, step: &Step, act: Act<'_>, out: &mut Outbox) -> Turn {
        let next = self.index + 1;
        let at = self.station_of(step.peer);
        match act {
            Act::Pass => {
                self.pause += self.pace.of(step.after.unwrap_or_default());
                return Turn::Next(next);
            }
            Act::Repeat { times, end, .. } => return self.repeat(now, times, end),
            Act::End { start } => return self.again(now, start),
            Act::Sleep(time) => return self.sleep(now, time),
            _ => {}
        }
        if let Some(turn) = self.await_time(now, step, &act) {
            return turn;
        }
        let begun = *self.begun.get_or_insert(now);
        if let Some(turn) = self.await_link(now, at, &act, out) {
            return turn;
        }
        let begun = self.begun.unwrap_or(begun);
        match act {
            Act::Send(data) => {
                let mut built = std::mem::take(&mut self.built);
                built.clear();
                let outcome = data.build(&self.vars, &mut built);
                self.built = built;
                self.send(now, at, outcome, out)
            }
            Act::Sample(pattern) => {
                let mut built = std::mem::take(&mut self.built);
                built.clear();
                let outcome = pattern.sample(&self.vars, &mut built);
                if outcome.is_ok() {
                    // What it captures where it comes in, it sets where it goes out.
                    let mut captured = Vars::default();
                    pattern.matches(&built, &self.vars, Extent::Whole, &mut captured);
                    self.vars.merge(&captured);
                }
                self.built = built;
                self.send(now, at, outcome, out)
            }
            Act::Expect(pattern) => self.expect(now, at, begun, step, pattern, out),
            Act::Skip(pattern) => self.skip(now, at, begun, step, pattern, out),
            Act::Maybe(pattern) => self.maybe(now, at, begun, step, pattern, out),
            Act::Never(pattern) => self.never(now, at, begun, step, pattern, out),
            Act::Eof | Act::Reset => self.expect_end(now, at, begun, step, &act, out),
            Act::StartTls(with) => self.secure(now, at, with, out),
            Act::Fin => {
                out.to(self.stations[at].leg);
                out.finish();
                Turn::Next(next)
            }
            Act::Close | Act::Abort => self.hang(now, at, &act, out),
            Act::Connect | Act::Pass | Act::Repeat { .. } | Act::End { .. } | Act::Sleep(_) => {
                Turn::Next(next)
            }
        }
    }

    fn repeat(&mut self, now: Tick, times: u64, end: usize) -> Turn {
        if times == 0 {
            return Turn::Next(end + 1);
        }
        self.rounds.push(Round { start: self.index, left: times - 1, begun: now });
        Turn::Next(self.index + 1)
    }

    fn again(&mut self, now: Tick, start: usize) -> Turn {
        let score = Arc::clone(&self.score);
        let every = match score.at(start) {
            Some((_, Act::Repeat { every, .. })) => every,
            _ => Duration::ZERO,
        };
        let next = self.index + 1;
        match self.rounds.last_mut().filter(|round| round.start == start) {
            Some(round) if round.left > 0 => {
                let due = round.begun + every;
                if now < due {
                    return Turn::Wait(Some(due));
                }
                round.left -= 1;
                // The next round counts from when this one was due, so that rounds do not drift.
                round.begun = if every.is_zero() { now } else { due };
                Turn::Next(start + 1)
            }
            Some(_) => {
                self.rounds.pop();
                Turn::Next(next)
            }
            None => Turn::Next(next),
        }
    }

    fn sleep(&mut self, now: Tick, time: Duration) -> Turn {
        let until = *self.begun.get_or_insert(now) + time;
        if now < until { Turn::Wait(Some(until)) } else { Turn::Next(self.index + 1) }
    }

    /// Waits until it is time for what we do ourselves, where the time of the recording is heeded.
    fn await_time(&mut self, now: Tick, step: &Step, act: &Act<'_>) -> Option<Turn> {
        if self.begun.is_some() || !act.is_ours() {
            return None;
        }
        let due = self.before + self.pause + self.pace.of(step.after.unwrap_or_default());
        (now < due).then_some(Turn::Wait(Some(due)))
    }

    /// Opens the connection a step needs, and waits for it.
    fn await_link(&mut self, now: Tick, at: usize, act: &Act<'_>, out: &mut Outbox) -> Option<Turn> {
        let is_asked = matches!(act, Act::Connect);
        match self.stations[at].link {
            // The peer has ended the one there was: this is about another one.
            Link::Open if is_asked && self.is_over_there(at) => {
                if self.stations[at].is_empty() {
                    return Some(self.open(now, at, out));
                }
                Some(self.fail_turn(now, at, Kind::Leftover, out))
            }
            Link::Open => None,
            // On the session's own leg there is nothing to be done but to wait.
            Link::Idle if self.stations[at].leg == PEER => Some(Turn::Wait(None)),
            Link::Idle => Some(self.open(now, at, out)),
            Link::Hung if is_asked => Some(self.open(now, at, out)),
            Link::Hung => Some(self.fail_turn(now, at, Kind::Closed, out)),
            Link::Opening(since) => {
                let until = since + self.patience();
                if now < until {
                    return Some(Turn::Wait(Some(until)));
                }
                let kind = match self.role(at) {
                    Role::Listen => Kind::NeverCame,
                    Role::Connect => Kind::Timeout,
                };
                Some(self.fail_turn(now, at, kind, out))
            }
            Link::Securing => {
                let until = self.begun.unwrap_or(now) + self.patience();
                if now < until {
                    return Some(Turn::Wait(Some(until)));
                }
                Some(self.fail_turn(now, at, Kind::Timeout, out))
            }
        }
    }

    /// Whether the peer has ended a connection that can be opened again.
    fn is_over_there(&self, at: usize) -> bool {
        let station = &self.stations[at];
        station.leg != PEER && station.end.is_some()
    }

    fn role(&self, at: usize) -> Role {
        let peer = self.score.program.peers.get(usize::from(self.peer_at(at)));
        peer.map_or(Role::Connect, |peer| peer.role)
    }

    fn open(&mut self, now: Tick, at: usize, out: &mut Outbox) -> Turn {
        match self.role(at) {
            Role::Listen => self.listen(now, at, out),
            Role::Connect => {
                if let Some(to) = self.endpoint(now, at, out) {
                    self.stations[at].link = Link::Opening(now);
                    out.effect(Effect::Connect { leg: self.stations[at].leg, to });
                }
            }
        }
        if self.is_over() { Turn::Over } else { Turn::Wait(Some(now + self.patience())) }
    }

    /// Opens a peer's listener, or lets the next one in.
    pub(super) fn listen(&mut self, now: Tick, at: usize, out: &mut Outbox) {
        if let Some(url) = self.endpoint(now, at, out) {
            self.stations[at].link = Link::Opening(now);
            out.effect(Effect::Listen { leg: self.stations[at].leg, at: url });
        }
    }

    /// A peer's endpoint as it is to be opened. `None`: it cannot be, and the play is over.
    fn endpoint(&mut self, now: Tick, at: usize, out: &mut Outbox) -> Option<Box<str>> {
        let score = Arc::clone(&self.score);
        let peer = score.program.peers.get(usize::from(self.peer_at(at)))?;
        let filled = filled(&peer.endpoint, &self.vars).map_err(Kind::CannotBuild);
        let read = filled.and_then(|text| match text.parse::<Endpoint>() {
            Ok(endpoint) => Ok((text, endpoint)),
            Err(fault) => Err(Kind::BadEndpoint(Box::new(fault))),
        });
        match read {
            Ok((mut text, endpoint)) => {
                if let Some(frame) = score.program.settings.frame.filter(|_| endpoint.params.frame.is_none())
                {
                    text.push(if text.contains('?') { '&' } else { '?' });
                    text.push_str("frame=");
                    text.push_str(&frame.spec());
                }
                Some(text.into())
            }
            Err(kind) => {
                self.fail_at(now, at, kind, out);
                None
            }
        }
    }

    fn send(&mut self, now: Tick, at: usize, built: Result<(), Unfit>, out: &mut Outbox) -> Turn {
        if let Err(unfit) = built {
            return self.fail_turn(now, at, Kind::CannotBuild(unfit), out);
        }
        if let Some(kind @ (Kind::EarlyReset | Kind::Lost(_))) = self.end_kind(at) {
            return self.fail_turn(now, at, kind, out);
        }
        if self.stations[at].is_full {
            let until = self.begun.unwrap_or(now) + self.patience();
            if now < until {
                return Turn::Wait(Some(until));
            }
            return self.fail_turn(now, at, Kind::NotTaken, out);
        }
        let built = std::mem::take(&mut self.built);
        out.to(self.stations[at].leg);
        out.message(&built);
        self.recent.push(self.peer_at(at), Direction::Out, now, &built, 0);
        let station = &mut self.stations[at];
        station.owed += built.len() + 16;
        if station.owed > OWED {
            station.is_full = true;
            out.more();
        }
        self.built = built;
        if out.is_over() {
            // The framing cannot carry it, and the driver has been told.
            let kind = Kind::CannotBuild(Unfit::Long(self.built.len()));
            return self.fail_turn(now, at, kind, out);
        }
        Turn::Next(self.index + 1)
    }

    fn secure(&mut self, now: Tick, at: usize, with: &str, out: &mut Outbox) -> Turn {
        if self.has_asked {
            return Turn::Next(self.index + 1);
        }
        if !self.stations[at].is_empty() {
            return self.fail_turn(now, at, Kind::Unexpected, out);
        }
        self.has_asked = true;
        self.stations[at].link = Link::Securing;
        out.effect(Effect::Secure { leg: self.stations[at].leg, with: with.into() });
        let next = self.score.at(self.index + 1);
        if next.is_some_and(|(step, act)| matches!(act, Act::StartTls(_)) && self.station_of(step.peer) != at)
        {
            // Both ends are played here, and neither gets on without the other.
            return Turn::Next(self.index + 1);
        }
        Turn::Wait(Some(now + self.patience()))
    }

    fn hang(&mut self, now: Tick, at: usize, act: &Act<'_>, out: &mut Outbox) -> Turn {
        if matches!(act, Act::Close) && !self.stations[at].is_empty() {
            return self.fail_turn(now, at, Kind::Leftover, out);
        }
        let leg = self.stations[at].leg;
        self.stations[at].link = Link::Hung;
        match (leg, act) {
            (PEER, Act::Close) => {
                self.steps += 1;
                self.conclude(now, Ok(()));
                out.close();
                return Turn::Over;
            }
            (PEER, _) => {
                self.steps += 1;
                self.conclude(now, Ok(()));
                out.abort();
                return Turn::Over;
            }
            (_, Act::Close) => out.effect(Effect::Hang { leg }),
            _ => out.effect(Effect::Cut { leg }),
        }
        Turn::Next(self.index + 1)
    }

    fn expect(
        &mut self,
        now: Tick,
        at: usize,
        begun: Tick,
        step: &Step,
        pattern: &Pattern,
        out: &mut Outbox,
    ) -> Turn {
        let limits = self.limits(begun, step);
        match self.look(at, pattern, out) {
            Look::Taken => self.in_time(now, at, limits, out),
            Look::Wrong if self.is_lenient => {
                self.take_any(at, out);
                self.in_time(now, at, limits, out)
            }
            Look::Wrong => self.fail_differs(now, at, pattern, out),
            Look::Nothing => self.wait(now, at, limits, out),
        }
    }

    /// Takes the next message, whatever it is; of a stream without framing all that is there.
    fn take_any(&mut self, at: usize, out: &mut Outbox) {
        if self.stations[at].is_raw() {
            let count = self.stations[at].stream().len();
            self.read(at, count, Fate::Matched, out);
        } else if let Some(message) = self.stations[at].pop(out) {
            self.recent.settle(message.number, Fate::Matched);
        }
    }

    fn skip(
        &mut self,
        now: Tick,
        at: usize,
        begun: Tick,
        step: &Step,
        pattern: &Pattern,
        out: &mut Outbox,
    ) -> Turn {
        let limits = self.limits(begun, step);
        if self.stations[at].is_raw() {
            if let Some(used) = self.search(at, pattern, out) {
                self.read(at, used, Fate::Matched, out);
                return self.in_time(now, at, limits, out);
            }
            return self.wait(now, at, limits, out);
        }
        loop {
            match self.look(at, pattern, out) {
                Look::Taken => return self.in_time(now, at, limits, out),
                Look::Nothing => return self.wait(now, at, limits, out),
                Look::Wrong => {
                    if let Some(message) = self.stations[at].pop(out) {
                        self.recent.settle(message.number, Fate::Skipped);
                    }
                }
            }
        }
    }

    fn maybe(
        &mut self,
        now: Tick,
        at: usize,
        begun: Tick,
        step: &Step,
        pattern: &Pattern,
        out: &mut Outbox,
    ) -> Turn {
        let next = Turn::Next(self.index + 1);
        let (least, most) = step.within.unwrap_or((Duration::ZERO, OPTIONAL));
        let until = begun + most;
        match self.look(at, pattern, out) {
            Look::Taken => self.in_time(now, at, (least, Some(until)), out),
            Look::Wrong => next,
            Look::Nothing if now >= until || self.stations[at].end.is_some() => next,
            Look::Nothing => Turn::Wait(Some(until)),
        }
    }

    fn never(
        &mut self,
        now: Tick,
        at: usize,
        begun: Tick,
        step: &Step,
        pattern: &Pattern,
        out: &mut Outbox,
    ) -> Turn {
        if self.has_forbidden(at, pattern) {
            self.fail_never(now, at, pattern, out);
            return Turn::Over;
        }
        let Some((_, time)) = step.within else {
            if !self.nevers.contains(&self.index) {
                self.nevers.push(self.index);
            }
            return Turn::Next(self.index + 1);
        };
        let until = begun + time;
        if now >= until || self.stations[at].end.is_some() {
            return Turn::Next(self.index + 1);
        }
        Turn::Wait(Some(until))
    }

    fn expect_end(
        &mut self,
        now: Tick,
        at: usize,
        begun: Tick,
        step: &Step,
        act: &Act<'_>,
        out: &mut Outbox,
    ) -> Turn {
        self.drop_ignorable(at, out);
        let limits = self.limits(begun, step);
        let is_half = self.stations[at].is_raw()
            && self.stations[at].end.is_none()
            && self.may_be_ignorable(self.peer_at(at), self.stations[at].stream());
        if !self.stations[at].is_empty() && !is_half {
            return self.fail_turn(now, at, Kind::Unexpected, out);
        }
        match (act, self.stations[at].end) {
            (Act::Eof, Some(End::Eof)) | (Act::Reset, Some(End::Reset)) => self.in_time(now, at, limits, out),
            // Who has ended its side may still cut the connection.
            (Act::Reset, Some(End::Eof)) if limits.1.is_none_or(|until| now < until) => Turn::Wait(limits.1),
            _ => self.wait(now, at, limits, out),
        }
    }

    /// When what a step expects may come: how long after its beginning at the earliest, and until when.
    fn limits(&self, begun: Tick, step: &Step) -> (Duration, Option<Tick>) {
        match step.within {
            Some((least, most)) => (least, Some(begun + most)),
            None => (Duration::ZERO, self.effective_patience().map(|patience| begun + patience)),
        }
    }

    /// How long a step waits that does not say so itself. A mock waits as long as its driver lets it.
    pub(super) fn effective_patience(&self) -> Option<Duration> {
        let is_mock = self.score.side() == Side::Flipped;
        if is_mock { self.patience } else { Some(self.patience()) }
    }

    /// What was expected has come: was it time?
    fn in_time(
        &mut self,
        now: Tick,
        at: usize,
        (least, until): (Duration, Option<Tick>),
        out: &mut Outbox,
    ) -> Turn {
        if now.since(self.begun.unwrap_or(now)) < least {
            return self.fail_turn(now, at, Kind::TooEarly, out);
        }
        if until.is_some_and(|until| until < now) {
            return self.fail_turn(now, at, Kind::Timeout, out);
        }
        Turn::Next(self.index + 1)
    }

    /// What is expected has not come: can it still?
    fn wait(&mut self, now: Tick, at: usize, (_, until): (Duration, Option<Tick>), out: &mut Outbox) -> Turn {
        if let Some(kind) = self.end_kind(at) {
            return self.fail_turn(now, at, kind, out);
        }
        if until.is_some_and(|until| until <= now) {
            return self.fail_turn(now, at, Kind::Timeout, out);
        }
        Turn::Wait(until)
    }

    /// Compares what waits with what is expected, and takes it if it matches.
    fn look(&mut self, at: usize, pattern: &Pattern, out: &mut Outbox) -> Look {
        if self.stations[at].is_raw() {
            return self.look_at_stream(at, pattern, out);
        }
        let mut captured = Vars::default();
        let verdict = match self.stations[at].front() {
            None => return Look::Nothing,
            Some(message) => pattern.matches(&message.data, &self.vars, Extent::Whole, &mut captured),
        };
        if !matches!(verdict, Verdict::Match { .. }) {
            return Look::Wrong;
        }
        if let Some(message) = self.stations[at].pop(out) {
            self.recent.settle(message.number, Fate::Matched);
        }
        self.keep(&captured)
    }

    fn look_at_stream(&mut self, at: usize, pattern: &Pattern, out: &mut Outbox) -> Look {
        loop {
            let station = &self.stations[at];
            let is_empty = station.is_empty();
            let extent = if station.end.is_some() && !is_empty { Extent::Last } else { Extent::Prefix };
            let mut captured = Vars::default();
            match pattern.matches(station.stream(), &self.vars, extent, &mut captured) {
                Verdict::Match { used } => {
                    self.read(at, used, Fate::Matched, out);
                    return self.keep(&captured);
                }
                Verdict::More => {
                    self.stations[at].pace(true, out);
                    return Look::Nothing;
                }
                Verdict::Differs(_) if is_empty => return Look::Nothing,
                Verdict::Differs(_) => {}
            }
            let peer = self.peer_at(at);
            let Some(used) = self.ignorable(peer, self.stations[at].stream()) else {
                let is_half =
                    extent == Extent::Prefix && self.may_be_ignorable(peer, self.stations[at].stream());
                return if is_half { Look::Nothing } else { Look::Wrong };
            };
            self.read(at, used, Fate::Ignored, out);
        }
    }

    /// Looks for what matches in a stream and drops what stands before it. How many bytes match.
    fn search(&mut self, at: usize, pattern: &Pattern, out: &mut Outbox) -> Option<usize> {
        let station = &self.stations[at];
        let stream = station.stream();
        let extent = if station.end.is_some() { Extent::Last } else { Extent::Prefix };
        let mut captured = Vars::default();
        let mut from = 0;
        let mut found = None;
        while from < stream.len() {
            match pattern.matches(&stream[from..], &self.vars, extent, &mut captured) {
                Verdict::Match { used } => {
                    found = Some(used);
                    break;
                }
                Verdict::More => break,
                Verdict::Differs(_) => from += 1,
            }
        }
        self.read(at, from, Fate::Skipped, out);
        if found.is_some() {
            self.vars.merge(&captured);
        } else {
            self.stations[at].pace(true, out);
        }
        found
    }

    /// Drops what may come at any time from the beginning of a stream.
    pub(super) fn drop_ignorable(&mut self, at: usize, out: &mut Outbox) {
        while self.stations[at].is_raw()
            && let Some(used) = self.ignorable(self.peer_at(at), self.stations[at].stream())
        {
            self.read(at, used, Fate::Ignored, out);
        }
    }

    fn read(&mut self, at: usize, count: usize, fate: Fate, out: &mut Outbox) {
        let upto = self.stations[at].read(count, out);
        self.recent.read(self.peer_at(at), upto, fate);
    }

    fn keep(&mut self, captured: &Vars) -> Look {
        if self.vars.merge(captured) { Look::Taken } else { Look::Wrong }
    }
}
