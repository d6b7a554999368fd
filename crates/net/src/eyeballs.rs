//! Happy Eyeballs version 2 (RFC 8305) as a pure scheduler: which address is tried next, and when.
//!
//! It owns no socket and reads no clock, so every schedule is a test. [`dial`](crate::dial()) carries it out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use sockeye_core::Tick;

/// How long one attempt runs alone before the next begins (RFC 8305, section 8: 250 ms). So a first address that
/// swallows everything costs this much and no more.
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Addresses tried of one name at the most. A resolver's answer is somebody else's input.
pub const MOST: usize = 32;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Begin an attempt at this address, then ask again.
    Start(SocketAddr),
    /// Wait for an attempt to end, or for this moment if there is one, then ask again.
    Wait(Option<Tick>),
    /// Every address has failed.
    Lost,
}

/// The race between the addresses of one target.
#[derive(Debug)]
pub struct Race {
    waiting: VecDeque<SocketAddr>,
    running: usize,
    due: Option<Tick>,
}

impl Race {
    /// A race in this order. Put the addresses through [`interleave`] first.
    pub fn new(addresses: Vec<SocketAddr>) -> Self {
        Self { waiting: addresses.into(), running: 0, due: None }
    }

    /// What to do at `now`.
    pub fn step(&mut self, now: Tick) -> Step {
        if self.due.is_none_or(|due| now >= due)
            && let Some(address) = self.waiting.pop_front()
        {
            self.running += 1;
            self.due = Some(now + ATTEMPT_DELAY);
            return Step::Start(address);
        }
        match (self.running, self.waiting.is_empty()) {
            (0, _) => Step::Lost,
            (_, true) => Step::Wait(None),
            (_, false) => Step::Wait(self.due),
        }
    }

    /// An attempt has failed: the next one begins at once.
    pub fn failed(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.due = None;
    }
}

/// Orders addresses so that the families alternate, the first address's family first (RFC 8305, section 4), each
/// address once and [`MOST`] in all. Within a family the resolver's order (RFC 6724) stands.
pub fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = addresses.into_iter().collect();
    let Some(first) = addresses.first().copied() else { return addresses };
    let (mut lead, mut other) = (VecDeque::new(), VecDeque::new());
    for address in addresses.drain(..) {
        let family = if address.is_ipv4() == first.is_ipv4() { &mut lead } else { &mut other };
        if family.len() < MOST && !family.contains(&address) {
            family.push_back(address);
        }
    }
    while !(lead.is_empty() && other.is_empty()) {
        addresses.extend(lead.pop_front());
        addresses.extend(other.pop_front());
    }
    addresses.truncate(MOST);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    const V6A: &str = "[2001:db8::1]:1";
    const V6B: &str = "[2001:db8::2]:1";
    const V4A: &str = "192.0.2.1:1";
    const V4B: &str = "192.0.2.2:1";

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn start(text: &str) -> Step {
        Step::Start(text.parse().unwrap())
    }

    fn at(millis: u64) -> Tick {
        Tick::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn families_alternate_and_the_first_one_leads() {
        assert_eq!(interleave(addresses(&[V6A, V6B, V4A, V4B])), addresses(&[V6A, V4A, V6B, V4B]));
        assert_eq!(interleave(addresses(&[V4A, V4B, V6A])), addresses(&[V4A, V6A, V4B]));
        assert_eq!(interleave(addresses(&[V4A, V4A, V4B])), addresses(&[V4A, V4B]));
        assert_eq!(interleave(Vec::new()), Vec::new());
    }

    #[test]
    fn an_endless_answer_is_cut() {
        let many = (0..10_000u16).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(interleave(many).len(), MOST);
    }

    #[test]
    fn a_blackholed_first_address_costs_one_delay() {
        let mut race = Race::new(addresses(&[V6A, V4A]));
        assert_eq!(race.step(at(0)), start(V6A));
        assert_eq!(race.step(at(0)), Step::Wait(Some(at(250))));
        assert_eq!(race.step(at(249)), Step::Wait(Some(at(250))));
        assert_eq!(race.step(at(250)), start(V4A));
        assert_eq!(race.step(at(250)), Step::Wait(None));
    }

    #[test]
    fn a_failure_starts_the_next_at_once() {
        let mut race = Race::new(addresses(&[V6A, V4A, V6B]));
        assert_eq!(race.step(at(0)), start(V6A));
        race.failed();
        assert_eq!(race.step(at(1)), start(V4A));
        assert_eq!(race.step(at(2)), Step::Wait(Some(at(251))));
        race.failed();
        assert_eq!(race.step(at(3)), start(V6B));
        race.failed();
        assert_eq!(race.step(at(4)), Step::Lost);
    }

    #[test]
    fn the_race_is_lost_only_when_nothing_runs() {
        let mut race = Race::new(addresses(&[V6A, V4A]));
        assert_eq!(race.step(at(0)), start(V6A));
        assert_eq!(race.step(at(300)), start(V4A));
        race.failed();
        assert_eq!(race.step(at(301)), Step::Wait(None));
        race.failed();
        assert_eq!(race.step(at(302)), Step::Lost);
        assert_eq!(Race::new(Vec::new()).step(at(0)), Step::Lost);
    }
}
