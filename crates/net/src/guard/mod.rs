//! Who may come in. The order in which a newcomer is asked, each question once, the first "no" being the reason told:
//!
//! 1. `denied`: is the address allowed ([`cidr`])?
//! 2. `backoff`: where peers log in, has its source failed to too often ([`backoff`])?
//! 3. `sessions`: is there a place at all?
//! 4. `per-address`: has its source too many sessions?
//! 5. `rate`: do its connections come too fast ([`rate`])?
//! 6. `pending`: where handshakes come first, are too many under way ([`pending`])?
//! 7. When they are done: 3 and 4 again, and `max-sessions`, since others may have come in meanwhile.
//!
//! Questions that cost nothing to answer come first, and no answer takes memory that a flood could use up. A handshake
//! under way is no session: it counts as one when it is done, so that a port scan does not end a server that is to
//! serve once. Where a layer tells who the peer is (the PROXY protocol), only 6 is asked at first, and the rest of the
//! address that was told: see [`Pending::is_really`].

mod backoff;
mod cidr;
mod memory;
mod pending;
mod rate;
mod source;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockeye_core::{Address, Limits, Tick};
use tokio::sync::Notify;

use self::backoff::Backoff;
use self::pending::Lots;
use self::rate::Rate;
use self::source::Source;

/// Why somebody was turned away. The words stand in events, notes and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The address is not allowed.
    Denied,
    /// Its source failed to log in too often.
    Backoff,
    /// All places are taken.
    Sessions,
    /// Its source has all the places it may have.
    PerAddress,
    /// Its source connects too often.
    Rate,
    /// Too many handshakes are under way.
    Pending,
    /// All sessions that there were to be have begun.
    MaxSessions,
}

impl Reason {
    /// Every reason there is.
    pub(crate) const ALL: [Self; 7] = [
        Self::Denied,
        Self::Backoff,
        Self::Sessions,
        Self::PerAddress,
        Self::Rate,
        Self::Pending,
        Self::MaxSessions,
    ];

    /// The word, never translated.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Backoff => "backoff",
            Self::Sessions => "sessions",
            Self::PerAddress => "per-address",
            Self::Rate => "rate",
            Self::Pending => "pending",
            Self::MaxSessions => "max-sessions",
        }
    }
}

/// Counts the sessions and handshakes of one server, on all its threads: each question is asked, and each place taken,
/// under one lock, so that no bound is passed by one.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: Limits,
    /// So many sessions may begin, in all.
    most: Option<u64>,
    counts: Mutex<Counts>,
    /// Told whenever a place is given up.
    freed: Notify,
}

/// Who is in.
#[derive(Debug)]
struct Counts {
    live: usize,
    begun: u64,
    pending: usize,
    held: HashMap<Source, Held>,
    rate: Rate,
    backoff: Backoff,
    lots: Lots,
}

/// What a source has. Sources that have nothing are not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    sessions: usize,
    pending: usize,
}

/// Whether peers log in where one has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logins {
    /// They do, and who has failed to too often stays outside.
    Here,
    /// They do not.
    Nowhere,
}

/// A place in the server; given up when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    guard: Arc<Guard>,
    from: Option<Source>,
}

/// A place for the time of the handshakes; given up when dropped.
#[derive(Debug)]
pub(crate) struct Pending {
    guard: Arc<Guard>,
    from: Option<Source>,
    logins: Logins,
}

impl Guard {
    /// A guard that lets at most `most` sessions begin.
    pub(crate) fn new(limits: Limits, most: Option<u64>) -> Arc<Self> {
        let counts = Counts {
            live: 0,
            begun: 0,
            pending: 0,
            held: HashMap::new(),
            rate: Rate::new(limits.rate_per_address),
            backoff: Backoff::new(),
            lots: Lots::new(0),
        };
        Arc::new(Self { limits, most, counts: Mutex::new(counts), freed: Notify::new() })
    }

    /// Where chance begins.
    pub(crate) fn seed(&self, seed: u64) {
        self.counts().lots.begin_at(seed);
    }

    /// A place for a peer that has no handshakes to make.
    pub(crate) fn enter(self: &Arc<Self>, remote: &Address, now: Tick) -> Result<Slot, Reason> {
        let source = Source::of(remote);
        let mut counts = self.counts();
        self.ask(&mut counts, remote, Logins::Nowhere, now)?;
        self.begin(&mut counts, source)
    }

    /// A place for the time of the handshakes. `None`: a layer will tell who the peer is.
    pub(crate) fn greet(
        self: &Arc<Self>,
        remote: Option<&Address>,
        logins: Logins,
        now: Tick,
    ) -> Result<Pending, Reason> {
        let mut counts = self.counts();
        if let Some(remote) = remote {
            self.ask(&mut counts, remote, logins, now)?;
        }
        let from = remote.and_then(Source::of);
        if !self.has_share(&counts, from)
            || !pending::admits(&self.limits.pending, counts.pending, &mut counts.lots)
        {
            return Err(Reason::Pending);
        }
        counts.pending += 1;
        counts.hold(from, |held| held.pending += 1);
        Ok(Pending { guard: Arc::clone(self), from, logins })
    }

    /// Sessions that are open now.
    pub(crate) fn live(&self) -> usize {
        self.counts().live
    }

    /// Handshakes under way.
    pub(crate) fn pending(&self) -> usize {
        self.counts().pending
    }

    /// Sessions that began so far.
    pub(crate) fn begun(&self) -> u64 {
        self.counts().begun
    }

    /// Whether another session may begin at all.
    pub(crate) fn may_begin(&self) -> bool {
        self.most.is_none_or(|most| self.begun() < most)
    }

    /// Waits until somebody is gone: no session is open, and no handshake may become one any more.
    pub(crate) async fn all_ended(&self) {
        loop {
            let freed = self.freed.notified();
            let is_empty = {
                let counts = self.counts();
                // A handshake under way may still become a session, unless enough have begun.
                counts.live == 0 && (counts.pending == 0 || !self.has_begin(&counts))
            };
            if is_empty {
                return;
            }
            freed.await;
        }
    }

    /// A login from there has failed.
    pub(crate) fn failed(&self, remote: &Address, now: Tick) {
        if let Some(source) = Source::of(remote) {
            self.counts().backoff.failed(source, now);
        }
    }

    /// Whether who comes from there has to wait, because of logins that failed.
    pub(crate) fn is_barred(&self, remote: &Address, now: Tick) -> bool {
        self.counts().is_barred(Source::of(remote), now)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What depends on the address.
    fn ask(&self, counts: &mut Counts, remote: &Address, logins: Logins, now: Tick) -> Result<(), Reason> {
        if let Address::Ip(remote) = remote
            && !cidr::admits(&self.limits, remote.ip().to_canonical())
        {
            return Err(Reason::Denied);
        }
        let source = Source::of(remote);
        if logins == Logins::Here && counts.is_barred(source, now) {
            return Err(Reason::Backoff);
        }
        self.has_place(counts, source)?;
        match source {
            Some(source) if !counts.rate.admits(source, now) => Err(Reason::Rate),
            _ => Ok(()),
        }
    }

    fn has_place(&self, counts: &Counts, source: Option<Source>) -> Result<(), Reason> {
        if counts.live >= self.limits.sessions {
            return Err(Reason::Sessions);
        }
        let most = self.limits.sessions_per_address;
        if most != usize::MAX && source.is_some_and(|source| counts.held(source).sessions >= most) {
            return Err(Reason::PerAddress);
        }
        Ok(())
    }

    /// Whether the source may hold one more place among the pending.
    fn has_share(&self, counts: &Counts, source: Option<Source>) -> bool {
        source.is_none_or(|source| counts.held(source).pending < self.limits.pending.share())
    }

    fn has_begin(&self, counts: &Counts) -> bool {
        self.most.is_none_or(|most| counts.begun < most)
    }

    fn begin(self: &Arc<Self>, counts: &mut Counts, source: Option<Source>) -> Result<Slot, Reason> {
        if !self.has_begin(counts) {
            return Err(Reason::MaxSessions);
        }
        let from = source.filter(|_| self.limits.sessions_per_address != usize::MAX);
        counts.hold(from, |held| held.sessions += 1);
        counts.live += 1;
        counts.begun += 1;
        Ok(Slot { guard: Arc::clone(self), from })
    }
}

impl Counts {
    fn is_barred(&self, source: Option<Source>, now: Tick) -> bool {
        source.is_some_and(|source| self.backoff.is_barred(source, now))
    }

    fn held(&self, source: Source) -> Held {
        self.held.get(&source).copied().unwrap_or_default()
    }

    fn hold(&mut self, source: Option<Source>, change: impl FnOnce(&mut Held)) {
        let Some(source) = source else { return };
        let held = self.held.entry(source).or_default();
        change(held);
        if *held == Held::default() {
            self.held.remove(&source);
        }
    }
}

impl Pending {
    /// A layer has told who the peer is: the questions about the address are asked now.
    pub(crate) fn is_really(&mut self, remote: &Address, now: Tick) -> Result<(), Reason> {
        let mut counts = self.guard.counts();
        self.guard.ask(&mut counts, remote, self.logins, now)?;
        counts.hold(self.from.take(), |held| held.pending -= 1);
        let from = Source::of(remote);
        if !self.guard.has_share(&counts, from) {
            return Err(Reason::Pending);
        }
        counts.hold(from, |held| held.pending += 1);
        self.from = from;
        Ok(())
    }

    /// The handshakes are done: a place as a session.
    pub(crate) fn settle(self) -> Result<Slot, Reason> {
        let mut counts = self.guard.counts();
        self.guard.has_place(&counts, self.from)?;
        self.guard.begin(&mut counts, self.from)
    }
}

// Whoever waits for the last one is told once the place is free: it may wait on another thread, and look at once.

impl Drop for Pending {
    fn drop(&mut self) {
        let mut counts = self.guard.counts();
        counts.pending -= 1;
        counts.hold(self.from, |held| held.pending -= 1);
        drop(counts);
        self.guard.freed.notify_one();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.guard.counts();
        counts.live -= 1;
        counts.hold(self.from, |held| held.sessions -= 1);
        drop(counts);
        self.guard.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_core::Network;

    const NOW: Tick = Tick::ZERO;

    fn from(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    fn guard(limits: Limits) -> Arc<Guard> {
        Guard::new(limits, None)
    }

    #[test]
    fn a_place_is_free_again_when_its_session_ends() {
        let guard = guard(Limits { sessions: 1, ..Limits::default() });
        let slot = guard.enter(&from("127.0.0.1:1"), NOW).unwrap();
        assert_eq!(guard.enter(&from("127.0.0.2:1"), NOW).unwrap_err(), Reason::Sessions);
        drop(slot);
        assert!(guard.enter(&from("127.0.0.2:1"), NOW).is_ok());
        assert_eq!((guard.live(), guard.begun()), (0, 2));
    }

    #[test]
    fn one_source_takes_its_share_and_no_more() {
        let guard = guard(Limits { sessions_per_address: 1, ..Limits::default() });
        let _one = guard.enter(&from("127.0.0.1:1"), NOW).unwrap();
        assert_eq!(guard.enter(&from("127.0.0.1:2"), NOW).unwrap_err(), Reason::PerAddress);
        assert!(guard.enter(&from("127.0.0.2:2"), NOW).is_ok());
        let _six = guard.enter(&from("[2001:db8::1]:1"), NOW).unwrap();
        assert_eq!(guard.enter(&from("[2001:db8::2]:1"), NOW).unwrap_err(), Reason::PerAddress);
        assert!(guard.enter(&Address::Unix(None), NOW).is_ok());
    }

    #[test]
    fn the_questions_come_in_their_order() {
        let network = |text: &str| Network::list(text).unwrap();
        let limits = Limits {
            sessions: 1,
            sessions_per_address: 1,
            rate_per_address: 1,
            deny: network("192.0.2.9"),
            ..Limits::default()
        };
        let guard = guard(limits);
        for _ in 0..5 {
            guard.failed(&from("192.0.2.9:1"), NOW);
            guard.failed(&from("192.0.2.8:1"), NOW);
        }
        let refusal = |text: &str| guard.enter(&from(text), NOW).unwrap_err();
        let first = guard.enter(&from("192.0.2.7:1"), NOW).unwrap();
        assert_eq!(refusal("192.0.2.9:1"), Reason::Denied);
        let login = |text: &str| guard.greet(Some(&from(text)), Logins::Here, NOW).unwrap_err();
        assert_eq!(login("192.0.2.8:1"), Reason::Backoff);
        assert_eq!(refusal("192.0.2.8:1"), Reason::Sessions, "where nobody logs in, it does not matter");
        assert_eq!(refusal("192.0.2.7:2"), Reason::Sessions);
        drop(first);
        assert_eq!(refusal("192.0.2.7:2"), Reason::Rate);
        let unix = guard.enter(&Address::Unix(None), NOW);
        assert!(unix.is_ok(), "a Unix peer has no address to ask about");
    }

    #[test]
    fn a_handshake_is_no_session_until_it_is_done() {
        let guard = Guard::new(Limits::default(), Some(1));
        let remote = from("192.0.2.1:1");
        let scans: Vec<_> = (0..10).map(|_| guard.greet(Some(&remote), Logins::Here, NOW).unwrap()).collect();
        assert_eq!((guard.pending(), guard.live(), guard.begun()), (10, 0, 0));
        let late = guard.greet(Some(&remote), Logins::Here, NOW).unwrap();
        drop(scans);
        assert!(guard.may_begin());
        let two = guard.greet(Some(&remote), Logins::Here, NOW).unwrap();
        let slot = late.settle().unwrap();
        assert!(!guard.may_begin());
        assert_eq!(two.settle().unwrap_err(), Reason::MaxSessions);
        assert_eq!((guard.pending(), guard.live(), guard.begun()), (0, 1, 1));
        drop(slot);
        assert!(guard.counts().held.is_empty(), "nobody is kept who has nothing");
    }

    #[test]
    fn places_are_asked_for_again_when_handshakes_are_done() {
        let guard = guard(Limits { sessions_per_address: 1, sessions: 2, ..Limits::default() });
        let [a, b] = [0, 1].map(|_| guard.greet(Some(&from("192.0.2.1:1")), Logins::Here, NOW).unwrap());
        let _first = a.settle().unwrap();
        assert_eq!(b.settle().unwrap_err(), Reason::PerAddress);
        let [c, d] = [2, 3]
            .map(|last| guard.greet(Some(&from(&format!("192.0.2.{last}:1"))), Logins::Here, NOW).unwrap());
        let _second = c.settle().unwrap();
        assert_eq!(d.settle().unwrap_err(), Reason::Sessions);
    }

    #[test]
    fn one_source_cannot_hold_all_pending_places() {
        let guard = guard(Limits { pending: "8".parse().unwrap(), ..Limits::default() });
        let hog = from("192.0.2.1:1");
        let held: Vec<_> = (0..20).filter_map(|_| guard.greet(Some(&hog), Logins::Here, NOW).ok()).collect();
        assert_eq!(held.len(), 4);
        let others: Vec<_> = (2..9)
            .filter_map(|last| guard.greet(Some(&from(&format!("192.0.2.{last}:1"))), Logins::Here, NOW).ok())
            .collect();
        assert_eq!(others.len(), 4);
        assert_eq!(guard.greet(Some(&from("192.0.2.50:1")), Logins::Here, NOW).unwrap_err(), Reason::Pending);
        drop(held);
        assert!(guard.greet(Some(&from("192.0.2.50:1")), Logins::Here, NOW).is_ok());
    }

    #[test]
    fn an_address_that_a_layer_tells_is_asked_about_when_it_is_told() {
        let limits = Limits {
            deny: Network::list("192.0.2.9").unwrap(),
            pending: "4".parse().unwrap(),
            ..Limits::default()
        };
        let guard = guard(limits);
        let mut places: Vec<_> = (0..4).map(|_| guard.greet(None, Logins::Here, NOW).unwrap()).collect();
        assert_eq!(guard.greet(None, Logins::Here, NOW).unwrap_err(), Reason::Pending);
        assert_eq!(places[0].is_really(&from("192.0.2.9:1"), NOW), Err(Reason::Denied));
        let told = |at: usize| places[at].is_really(&from("192.0.2.1:1"), NOW);
        assert_eq!([1, 2, 3].map(told), [Ok(()), Ok(()), Err(Reason::Pending)]);
        drop(places);
        assert_eq!(guard.pending(), 0);
        assert!(guard.counts().held.is_empty());
    }
}
