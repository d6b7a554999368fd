//! Who may come in: sessions at once in all and from one address, and new sessions a second from one address.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use sockeye_core::{Address, Limits, Tick};

/// How many addresses are remembered for the rate; the oldest windows are dropped beyond it.
const REMEMBERED: usize = 65_536;

/// Counts the sessions of one server.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: Limits,
    live: Cell<usize>,
    begun: Cell<u64>,
    addresses: RefCell<HashMap<IpAddr, usize>>,
    windows: RefCell<HashMap<IpAddr, (Tick, u32)>>,
}

/// A place in the server; given up when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    guard: Rc<Guard>,
    from: Option<IpAddr>,
}

impl Guard {
    pub(crate) fn new(limits: Limits) -> Rc<Self> {
        Rc::new(Self {
            limits,
            live: Cell::new(0),
            begun: Cell::new(0),
            addresses: RefCell::default(),
            windows: RefCell::default(),
        })
    }

    /// A place for a peer, or the word of the limit that refuses it.
    pub(crate) fn enter(self: &Rc<Self>, remote: &Address, now: Tick) -> Result<Slot, &'static str> {
        if self.live.get() >= self.limits.sessions {
            return Err("sessions");
        }
        let counts = self.limits.sessions_per_address != usize::MAX;
        let from = match remote {
            Address::Ip(ip) => Some(ip.ip().to_canonical()),
            _ => None,
        };
        if let Some(ip) = from {
            if counts
                && self.addresses.borrow().get(&ip).is_some_and(|n| *n >= self.limits.sessions_per_address)
            {
                return Err("per-address");
            }
            if !self.within_rate(ip, now) {
                return Err("rate");
            }
        }
        let from = from.filter(|_| counts);
        if let Some(ip) = from {
            *self.addresses.borrow_mut().entry(ip).or_default() += 1;
        }
        self.live.set(self.live.get() + 1);
        self.begun.set(self.begun.get() + 1);
        Ok(Slot { guard: Rc::clone(self), from })
    }

    /// Sessions that are open now.
    pub(crate) fn live(&self) -> usize {
        self.live.get()
    }

    /// Sessions that were let in so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.get()
    }

    fn within_rate(&self, ip: IpAddr, now: Tick) -> bool {
        let rate = self.limits.rate_per_address;
        if rate == 0 {
            return true;
        }
        let mut windows = self.windows.borrow_mut();
        let second = Duration::from_secs(1);
        if windows.len() >= REMEMBERED {
            windows.retain(|_, (since, _)| now.since(*since) < second);
        }
        let window = windows.entry(ip).or_insert((now, 0));
        if now.since(window.0) >= second {
            *window = (now, 0);
        }
        window.1 += 1;
        window.1 <= rate
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.guard.live.set(self.guard.live.get() - 1);
        let Some(ip) = self.from else { return };
        let mut addresses = self.guard.addresses.borrow_mut();
        if let Some(count) = addresses.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    #[test]
    fn a_place_is_free_again_when_its_session_ends() {
        let guard = Guard::new(Limits { sessions: 1, ..Limits::default() });
        let slot = guard.enter(&from("127.0.0.1:1"), Tick::ZERO).unwrap();
        assert_eq!(guard.enter(&from("127.0.0.2:1"), Tick::ZERO).unwrap_err(), "sessions");
        drop(slot);
        assert!(guard.enter(&from("127.0.0.2:1"), Tick::ZERO).is_ok());
    }

    #[test]
    fn one_address_takes_its_share_and_no_more() {
        let guard = Guard::new(Limits { sessions_per_address: 1, ..Limits::default() });
        let _one = guard.enter(&from("127.0.0.1:1"), Tick::ZERO).unwrap();
        assert_eq!(guard.enter(&from("127.0.0.1:2"), Tick::ZERO).unwrap_err(), "per-address");
        assert!(guard.enter(&from("127.0.0.2:2"), Tick::ZERO).is_ok());
    }

    #[test]
    fn the_rate_counts_one_second_at_a_time() {
        let guard = Guard::new(Limits { rate_per_address: 1, ..Limits::default() });
        assert!(guard.enter(&from("127.0.0.1:1"), Tick::ZERO).is_ok());
        assert_eq!(guard.enter(&from("127.0.0.1:2"), Tick(1)).unwrap_err(), "rate");
        assert!(guard.enter(&from("127.0.0.1:2"), Tick(1_000_000_000)).is_ok());
    }
}
