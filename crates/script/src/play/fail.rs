//! How a play fails: what it knows at that moment, and how its connections end.

use std::sync::Arc;

use sockeye_core::{Effect, Leg, Outbox, Tick};

use super::engine::{Ending, Play, Turn};
use super::failure::{Failure, Kind, Mismatch, Partial};
use super::score::word;
use super::station::{End, Link};
use crate::pattern::{Difference, Extent, Pattern, Verdict};
use crate::play::Spot;
use crate::program::Op;
use crate::vars::Vars;

impl Play {
    /// Fails the step at work, and says so to whoever plays it.
    pub(super) fn fail_turn(&mut self, now: Tick, at: usize, kind: Kind, out: &mut Outbox) -> Turn {
        self.fail_at(now, at, kind, out);
        Turn::Over
    }

    /// Fails the step at work over what happened with the peer at a station.
    pub(super) fn fail_at(&mut self, now: Tick, at: usize, kind: Kind, out: &mut Outbox) {
        let first = match self.stations[at].front() {
            Some(message) => &*message.data,
            None => self.stations[at].stream(),
        };
        let shows = matches!(kind, Kind::Unexpected | Kind::Leftover | Kind::TooEarly);
        let mismatch =
            (shows && !self.stations[at].is_empty()).then(|| Mismatch::new(b"", first, None, None));
        if shows {
            self.mark_wrong(at);
        }
        self.fail(now, at, kind, mismatch, out);
    }

    /// Fails the step at work: what waits does not match.
    pub(super) fn fail_differs(&mut self, now: Tick, at: usize, pattern: &Pattern, out: &mut Outbox) -> Turn {
        let station = &self.stations[at];
        let (actual, extent) = match station.front() {
            Some(message) => (&*message.data, Extent::Whole),
            None if station.end.is_some() => (station.stream(), Extent::Last),
            None => (station.stream(), Extent::Prefix),
        };
        let verdict = pattern.matches(actual, &self.vars, extent, &mut Vars::default());
        let (kind, mismatch) = match verdict {
            Verdict::Differs(Difference { at, expected, part }) => {
                (Kind::Differs, Some(Mismatch::new(&expected, actual, Some(at), Some(&part))))
            }
            // It matched, and what it captured could not be kept.
            _ => (Kind::TooMuch, None),
        };
        self.mark_wrong(at);
        self.fail(now, at, kind, mismatch, out);
        Turn::Over
    }

    /// Fails the `<never` at work: what it forbids has come.
    pub(super) fn fail_never(&mut self, now: Tick, at: usize, pattern: &Pattern, out: &mut Outbox) {
        let station = &self.stations[at];
        let mut captured = Vars::default();
        let mut matches = |data: &[u8]| {
            let verdict = pattern.matches(data, &self.vars, Extent::Whole, &mut captured);
            matches!(verdict, Verdict::Match { .. })
        };
        let found = station.waiting().find(|message| matches(&message.data));
        let (data, number) = found.map_or((station.stream(), None), |it| (&*it.data, Some(it.number)));
        let mismatch = Mismatch::new(b"", data, None, None);
        if let Some(number) = number {
            self.recent.settle(number, super::failure::Fate::Wrong);
        }
        self.fail(now, at, Kind::Forbidden, Some(mismatch), out);
    }

    /// Fails: a message waits that no step is left for. On a stream, what may come at any time is dropped first.
    pub(super) fn leftover(&mut self, now: Tick, at: usize, out: &mut Outbox) {
        self.drop_ignorable(at, out);
        let peer = self.peer_at(at);
        if self.is_over()
            || self.stations[at].is_empty()
            || self.may_be_ignorable(peer, self.stations[at].stream())
        {
            return;
        }
        // The last step of that peer is where its next one would have to stand.
        let score = Arc::clone(&self.score);
        let own = |op: &Op| !matches!(op, Op::Sleep(_) | Op::Repeat { .. } | Op::End { .. });
        let steps = &score.program.steps;
        self.index = steps.iter().rposition(|step| step.peer == peer && own(&step.op)).unwrap_or(steps.len());
        self.begun = None;
        self.fail_at(now, at, Kind::Leftover, out);
    }

    /// Why nothing more can come from a peer.
    pub(super) fn end_kind(&self, at: usize) -> Option<Kind> {
        self.stations[at].end.map(|end| match end {
            End::Eof => Kind::EarlyEof,
            End::Reset => Kind::EarlyReset,
            End::Lost(code) => Kind::Lost(code),
        })
    }

    /// The session was ended from outside.
    pub(super) fn abandon(&mut self) {
        let step = self.score.program.steps.get(self.index);
        let at = step.map_or(0, |step| self.station_of(step.peer));
        let failure = self.failure(self.before, at, Kind::Abandoned, None, None);
        self.conclude(self.before, Err(Box::new(failure)));
    }

    fn fail(&mut self, now: Tick, at: usize, kind: Kind, mismatch: Option<Mismatch>, out: &mut Outbox) {
        if self.is_over() {
            return;
        }
        let partial = partial(self.stations[at].leg, out);
        let failure = self.failure(now, at, kind, mismatch, partial);
        let fault = failure.fault();
        self.conclude(now, Err(Box::new(failure)));
        match self.ending {
            // Whoever plays it goes by the outcome.
            Ending::Settle => {
                self.hang_up(out);
                out.close();
            }
            // A mock that closed in good order could be taken for one that is content.
            Ending::Wait => {
                out.effect(Effect::Fail(Box::new(fault)));
                out.abort();
            }
            Ending::HandOver => out.fail(fault),
            // Whoever counts the rounds closes.
            Ending::Again => {}
        }
    }

    fn failure(
        &self,
        now: Tick,
        at: usize,
        kind: Kind,
        mismatch: Option<Mismatch>,
        partial: Option<Partial>,
    ) -> Failure {
        let program = &self.score.program;
        let step = program.steps.get(self.index);
        let peer = program.peers.get(usize::from(self.peer_at(at)));
        let place = step.map(|step| step.place).or(peer.map(|peer| peer.place));
        let station = self.stations.get(at);
        let since = match station.map(|station| station.link) {
            Some(Link::Opening(since)) => Some(since),
            _ => self.begun,
        };
        let patience = match step.and_then(|step| step.within) {
            Some((_, most)) => Some(most),
            None => self.effective_patience(),
        };
        Failure {
            spot: Spot::of(program, place.unwrap_or_default()),
            peer: peer.map(|peer| peer.name.clone()).unwrap_or_default(),
            op: step.map_or("", |step| word(&step.op)),
            side: self.score.side(),
            step: (self.steps + u64::from(self.begun.is_some())).clamp(1, self.score.all.max(1)),
            of: self.score.all,
            label: step.and_then(|step| step.label.clone()),
            kind,
            mismatch,
            elapsed: now.since(since.unwrap_or(now)),
            patience,
            state: station.map_or(super::failure::State::Never, super::station::Station::state),
            unread: station.map(super::station::Station::unread).unwrap_or_default(),
            partial,
            recent: self.recent.frames(),
            addresses: None,
            fault: None,
            seed: self.seed,
            at: now,
        }
    }

    fn mark_wrong(&mut self, at: usize) {
        let wrong = super::failure::Fate::Wrong;
        match self.stations[at].front().map(|message| message.number) {
            Some(number) => self.recent.settle(number, wrong),
            None => self.recent.read(self.peer_at(at), u64::MAX, wrong),
        }
    }
}

/// What has begun to come on a leg and is not whole yet.
fn partial(leg: Leg, out: &mut Outbox) -> Option<Partial> {
    out.to(leg);
    let framing = out.lane().framing;
    let unfinished = out.unfinished(leg)?;
    let want = framing.announced(&unfinished.first);
    let first = unfinished.first[..unfinished.first.len().min(64)].into();
    Some(Partial { have: unfinished.have, want, first, framing: framing.spec() })
}
