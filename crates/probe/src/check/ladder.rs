//! Which step may begin when, and how much of the budget it has: a state machine without clocks or sockets.

use std::net::IpAddr;
use std::time::Duration;

use super::finding::{Carrier, Findings, Goal};
use super::run::{is_about_resolver, target};
use crate::path::Ended;

/// A step of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The name's addresses.
    Name,
    /// Source, route, network.
    Route,
    /// Who is beside us.
    Neighbour,
    /// An echo request.
    Ping,
    /// The routers on the way.
    Path,
    /// Connecting.
    Connect,
    /// Other ports.
    Around,
    /// Packets of full size.
    Size,
    /// TLS, other layers, and the first words.
    Session,
}

impl Step {
    /// Every step, from below.
    pub const ALL: &'static [Self] = &[
        Self::Name,
        Self::Route,
        Self::Neighbour,
        Self::Ping,
        Self::Path,
        Self::Connect,
        Self::Around,
        Self::Size,
        Self::Session,
    ];

    /// The word, never translated.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Route => "route",
            Self::Neighbour => "neighbour",
            Self::Ping => "ping",
            Self::Path => "path",
            Self::Connect => "connect",
            Self::Around => "around",
            Self::Size => "size",
            Self::Session => "session",
        }
    }

    /// The share of what is left of the budget that it may take, in percent. What follows needs the rest.
    const fn share(self) -> u32 {
        match self {
            Self::Name => 40,
            Self::Route | Self::Connect | Self::Neighbour | Self::Path | Self::Ping => 65,
            Self::Around => 50,
            Self::Size => 60,
            Self::Session => 100,
        }
    }
}

/// The steps of one check, begun and ended.
#[derive(Debug)]
pub struct Ladder {
    /// What was found so far.
    pub findings: Findings,
    goal: Goal,
    address: Option<IpAddr>,
    budget: Duration,
    begun: Vec<Step>,
    ended: Vec<Step>,
}

impl Ladder {
    /// A check of a goal, or of the address that was given instead of a name, within a budget.
    pub fn new(goal: Goal, address: Option<IpAddr>, budget: Duration) -> Self {
        Self { findings: Findings::default(), goal, address, budget, begun: Vec::new(), ended: Vec::new() }
    }

    /// The steps that can begin now, each with how long it may take.
    pub fn next(&mut self, elapsed: Duration) -> Vec<(Step, Duration)> {
        let left = self.budget.saturating_sub(elapsed);
        let new: Vec<Step> =
            Step::ALL.iter().copied().filter(|step| !self.begun.contains(step) && self.may(*step)).collect();
        self.begun.extend(&new);
        new.into_iter().map(|step| (step, left * step.share() / 100)).collect()
    }

    /// A step has ended; what it found is in the findings.
    pub fn ended(&mut self, step: Step) {
        self.ended.push(step);
    }

    /// Whether every step that was begun has ended. Ask after [`Ladder::next`].
    pub fn is_over(&self) -> bool {
        self.begun.len() == self.ended.len()
    }

    fn has_ended(&self, step: Step) -> bool {
        self.ended.contains(&step)
    }

    /// Whether a step can begin.
    fn may(&self, step: Step) -> bool {
        let has_address = target(&self.findings, self.address).is_some();
        let way = self.findings.way.as_ref().map(|way| &way.value);
        let leaves = self.has_ended(Step::Route) && has_address;
        let has_way = leaves && way.is_none_or(|way| way.answer.is_ok());
        let carrier = self.goal.carrier;
        let judged = self.findings.connects.as_ref().and_then(|connects| connects.value.judged());
        let ended = judged.map(|attempt| attempt.ended);
        match step {
            Step::Name => self.goal.name.is_some(),
            Step::Route => has_address && (self.goal.name.is_none() || self.has_ended(Step::Name)),
            Step::Neighbour => has_way && way.is_some_and(|way| way.first().is_some()),
            Step::Ping => has_way,
            // On a link of our own there are no routers.
            Step::Path => {
                has_way && carrier == Carrier::Tcp && way.is_some_and(|way| way.gateway().is_some())
            }
            Step::Connect => leaves && carrier != Carrier::Host && !is_about_resolver(&self.findings),
            Step::Around if carrier == Carrier::Host => {
                use super::finding::Ping;
                let pinged = self.findings.ping.as_ref().map(|ping| &ping.value);
                let is_resolver = is_about_resolver(&self.findings);
                self.has_ended(Step::Ping)
                    && has_way
                    && !is_resolver
                    && !matches!(pinged, Some(Ping::Answered(_)))
            }
            Step::Around => ended == Some(Ended::Silent) && carrier == Carrier::Tcp,
            // What is never cut by a router needs no looking.
            Step::Size => ended == Some(Ended::Connected) && way.is_some_and(|way| !way.is_local()),
            Step::Session => ended == Some(Ended::Connected) && carrier == Carrier::Tcp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Connects, Timed};
    use crate::path::Attempt;
    use sockeye_core::event::How;

    const BUDGET: Duration = Duration::from_secs(10);

    fn steps(next: &[(Step, Duration)]) -> Vec<Step> {
        next.iter().map(|(step, _)| *step).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "a finding is one that may be missing")]
    fn found<T>(value: T) -> Option<Timed<T>> {
        Some(Timed { value, how: How::Traced, at: Duration::ZERO, took: Duration::ZERO })
    }

    fn ladder(name: Option<&str>, port: Option<u16>, carrier: Carrier) -> Ladder {
        let goal = Goal { name: name.map(str::to_owned), port, carrier, ..Goal::default() };
        Ladder::new(goal, name.is_none().then(|| "10.0.0.1".parse().unwrap()), BUDGET)
    }

    fn connected(ladder: &mut Ladder, ended: Ended) {
        let to = "10.0.0.1:80".parse().unwrap();
        let attempt =
            Attempt { to, ttl: None, ended, icmp: None, local: None, mss: None, took: Duration::ZERO };
        ladder.findings.connects = found(Connects { used: vec![attempt], others: Vec::new() });
        ladder.ended(Step::Connect);
    }

    #[test]
    fn nothing_begins_before_a_name_has_an_address() {
        let mut ladder = ladder(Some("a.example"), Some(80), Carrier::Tcp);
        assert_eq!(ladder.next(Duration::ZERO), [(Step::Name, Duration::from_secs(4))]);
        assert_eq!(ladder.next(Duration::ZERO), []);
        ladder.findings.names = found(crate::names::Names::default());
        ladder.ended(Step::Name);
        assert_eq!(ladder.next(Duration::from_secs(1)), []);
        assert!(ladder.is_over(), "a name without addresses is the end");
    }

    #[test]
    fn steps_that_do_not_depend_on_each_other_begin_together() {
        let mut ladder = ladder(None, Some(80), Carrier::Tcp);
        assert_eq!(steps(&ladder.next(Duration::ZERO)), [Step::Route]);
        ladder.ended(Step::Route);
        assert_eq!(steps(&ladder.next(Duration::ZERO)), [Step::Ping, Step::Connect]);
        connected(&mut ladder, Ended::Connected);
        assert_eq!(ladder.next(Duration::from_secs(4)), [(Step::Session, Duration::from_secs(6))]);
        ladder.ended(Step::Ping);
        assert!(!ladder.is_over());
        ladder.ended(Step::Session);
        assert!(ladder.is_over());
    }

    #[test]
    fn only_silence_asks_other_ports() {
        for (ended, expected) in [(Ended::Silent, vec![Step::Around]), (Ended::Refused, vec![])] {
            let mut ladder = ladder(None, Some(80), Carrier::Tcp);
            ladder.next(Duration::ZERO);
            ladder.ended(Step::Route);
            ladder.next(Duration::ZERO);
            connected(&mut ladder, ended);
            assert_eq!(steps(&ladder.next(Duration::ZERO)), expected);
        }
    }

    #[test]
    fn a_spent_budget_leaves_no_time() {
        let mut ladder = ladder(None, Some(80), Carrier::Tcp);
        assert_eq!(ladder.next(BUDGET * 2), [(Step::Route, Duration::ZERO)]);
    }
}
