//! What comes in: connections, messages, ends, time.

use std::sync::Arc;

use sockeye_core::{Code, Direction, Endpoint, Input, Leg, Outbox, PEER, Place, Tick};

use super::engine::{Play, Stage};
use super::failure::{Fate, Kind};
use super::score::Act;
use super::station::{End, Link};
use crate::data::Unfit;
use crate::pattern::{Extent, Pattern, Verdict};
use crate::play::Part;
use crate::vars::Vars;

impl Play {
    pub(super) fn take(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            // Without a leg of its own, this is only where it begins.
            Input::Opened { leg: PEER } if self.score.part == Part::All => {}
            Input::Opened { leg } => self.opened(now, leg, out),
            Input::Listening { leg, url } => self.listening(now, leg, url, out),
            Input::Message { leg, data } => self.message(now, leg, data, out),
            Input::Shared(chunk) => self.message(now, PEER, chunk, out),
            Input::Eof { leg } => self.ended(leg, End::Eof),
            Input::Failed { leg, why } => return self.failed(now, leg, why, out),
            Input::Drained { leg } => {
                if let Some(at) = self.station_at(leg) {
                    self.stations[at].drained();
                }
            }
            Input::Timeout => self.bind_timed_out(now, out),
            Input::Stop => return self.stop(now, out),
            Input::Command(_) => return,
        }
        self.advance(now, out);
    }

    fn opened(&mut self, now: Tick, leg: Leg, out: &mut Outbox) {
        let Some(at) = self.station_at(leg) else { return };
        out.to(leg);
        let lane = out.lane();
        self.stations[at].open(lane);
        if self.begun.is_some() {
            // What a step waits for can only come from now on.
            self.begun = Some(now);
        }
    }

    fn listening(&mut self, now: Tick, leg: Leg, url: &str, out: &mut Outbox) {
        let Some(at) = self.station_at(leg) else { return };
        let score = Arc::clone(&self.score);
        if let Some(peer) = score.program.peers.get(usize::from(self.peer_at(at))) {
            let name = &peer.name;
            self.vars.set(&format!("{name}.url"), url.as_bytes());
            if let Ok(Endpoint { place: Place::Host { host, port, .. }, .. }) = url.parse() {
                self.vars.set(&format!("{name}.host"), host.to_string().as_bytes());
                self.vars.set(&format!("{name}.port"), port.to_string().as_bytes());
            }
        }
        if self.stage == Stage::Binding(at) {
            self.deadline = None;
            self.bind_from(now, at + 1, out);
        }
    }

    fn bind_timed_out(&mut self, now: Tick, out: &mut Outbox) {
        if let Stage::Binding(at) = self.stage
            && now.since(self.before) >= self.patience()
        {
            self.fail_at(now, at, Kind::Timeout, out);
        }
    }

    /// A message came, or some bytes of a stream.
    fn message(&mut self, now: Tick, leg: Leg, data: &[u8], out: &mut Outbox) {
        let Some(at) = self.station_at(leg) else { return };
        if self.stations[at].link == Link::Hung {
            return;
        }
        let peer = self.peer_at(at);
        let upto = self.stations[at].upto(data.len());
        let number = self.recent.push(peer, Direction::In, now, data, upto);
        if !self.stations[at].is_raw() && self.is_ignored(peer, data) {
            self.recent.settle(number, Fate::Ignored);
            return;
        }
        self.stations[at].push(number, data, out);
        self.forbid(now, at, out);
        let is_done = self.stage == Stage::Running && self.index > self.last_of(at);
        if is_done && !self.ending.goes_on() {
            self.leftover(now, at, out);
        }
    }

    /// A message came between two rounds: a step of the next one may look at it.
    pub(super) fn keep_message(&mut self, now: Tick, data: &[u8], out: &mut Outbox) {
        let upto = self.stations[0].upto(data.len());
        let peer = self.peer_at(0);
        let number = self.recent.push(peer, Direction::In, now, data, upto);
        if !self.stations[0].is_raw() && self.is_ignored(peer, data) {
            self.recent.settle(number, Fate::Ignored);
        } else {
            self.stations[0].push(number, data, out);
        }
    }

    fn ended(&mut self, leg: Leg, end: End) {
        if let Some(at) = self.station_at(leg)
            && self.stations[at].end != Some(End::Reset)
        {
            self.stations[at].end = Some(end);
        }
    }

    fn failed(&mut self, now: Tick, leg: Leg, why: &str, out: &mut Outbox) {
        let Some(at) = self.station_at(leg) else { return };
        let code = Code::of(why).unwrap_or(Code::Broken);
        match self.stations[at].link {
            _ if self.stage == Stage::Binding(at) => return self.fail_at(now, at, Kind::Listen(code), out),
            Link::Opening(_) => return self.fail_at(now, at, Kind::Connect(code), out),
            Link::Securing => return self.fail_at(now, at, Kind::Secure(code), out),
            Link::Hung => return,
            Link::Idle | Link::Open => {}
        }
        self.ended(leg, if code == Code::Reset { End::Reset } else { End::Lost(code) });
        self.advance(now, out);
        if leg == PEER && !self.is_over() {
            // Nothing more will be heard of it, so no step can wait any longer.
            let kind = self.end_kind(at).unwrap_or(Kind::Lost(code));
            self.fail_at(now, at, kind, out);
        }
    }

    /// The driver is stopping. A session in which nothing has happened yet ends; any other goes on to its end.
    fn stop(&mut self, now: Tick, out: &mut Outbox) {
        let is_fresh = self.steps == 0 && self.stations.iter().all(super::station::Station::is_empty);
        if self.score.part == Part::All || is_fresh || matches!(self.stage, Stage::Settling(_)) {
            if matches!(self.stage, Stage::Settling(_)) {
                self.conclude(now, Ok(()));
            } else {
                self.abandon();
            }
            self.hang_up(out);
            out.close();
        }
    }

    /// Whether a message may come at any time.
    pub(super) fn is_ignored(&self, peer: u16, data: &[u8]) -> bool {
        let mut captured = Vars::default();
        self.ignored(peer).any(|pattern| {
            let verdict = pattern.matches(data, &self.vars, Extent::Whole, &mut captured);
            matches!(verdict, Verdict::Match { .. })
        })
    }

    /// How many of a stream's first bytes may come at any time.
    pub(super) fn ignorable(&self, peer: u16, stream: &[u8]) -> Option<usize> {
        let mut captured = Vars::default();
        self.ignored(peer).find_map(|pattern| {
            match pattern.matches(stream, &self.vars, Extent::Prefix, &mut captured) {
                Verdict::Match { used } if used > 0 => Some(used),
                _ => None,
            }
        })
    }

    /// Whether a stream's first bytes may be the beginning of what may come at any time.
    pub(super) fn may_be_ignorable(&self, peer: u16, stream: &[u8]) -> bool {
        let mut captured = Vars::default();
        self.ignored(peer).any(|pattern| {
            pattern.matches(stream, &self.vars, Extent::Prefix, &mut captured) == Verdict::More
        })
    }

    fn ignored(&self, peer: u16) -> impl Iterator<Item = &Pattern> {
        let ignore = self.score.program.settings.ignore.iter();
        ignore.filter(move |(whose, _)| whose.is_none_or(|whose| whose == peer)).map(|(_, pattern)| pattern)
    }

    /// Fails if what came is what a `<never` that holds now forbids.
    pub(super) fn forbid(&mut self, now: Tick, at: usize, out: &mut Outbox) {
        let score = Arc::clone(&self.score);
        let at_work = (self.begun.is_some()).then_some(self.index);
        for index in self.nevers.iter().copied().chain(at_work) {
            let Some((step, Act::Never(pattern))) = score.at(index) else { continue };
            if self.station_of(step.peer) == at && self.has_forbidden(at, pattern) {
                self.index = index;
                return self.fail_never(now, at, pattern, out);
            }
        }
    }

    /// Whether something waits that matches.
    pub(super) fn has_forbidden(&self, at: usize, pattern: &Pattern) -> bool {
        let station = &self.stations[at];
        let mut captured = Vars::default();
        let mut matches = |data: &[u8], extent| {
            let verdict = pattern.matches(data, &self.vars, extent, &mut captured);
            matches!(verdict, Verdict::Match { .. })
        };
        if station.is_raw() {
            return !station.stream().is_empty() && matches(station.stream(), Extent::Prefix);
        }
        station.waiting().any(|message| matches(&message.data, Extent::Whole))
    }
}

/// An endpoint with its variables filled in.
pub(super) fn filled(endpoint: &str, vars: &Vars) -> Result<String, Unfit> {
    let mut filled = String::new();
    let mut rest = endpoint;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        let name = name.trim();
        let value = vars.get(name).ok_or_else(|| Unfit::Unset(name.into()))?;
        filled.push_str(before);
        filled.push_str(&String::from_utf8_lossy(value));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}
