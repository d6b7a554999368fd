//! Whether a peer that says nothing is still there: it is pinged when it has been silent for a while, and given up after
//! as much again. Pure; the socket sends the ping.

use std::time::Duration;

use sockeye_core::Tick;

/// What is known of a peer's life.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// When it was last heard, or pinged. `None`: nobody has waited for it yet.
    since: Option<Tick>,
    pinged: bool,
    /// It was heard since somebody last waited.
    fresh: bool,
}

/// What to do about silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing yet.
    Wait,
    /// Ask whether the peer is there.
    Ping,
    /// It is gone, after this much silence.
    Gone(Duration),
}

impl Pulse {
    /// The peer was heard.
    pub(super) const fn heard(&mut self) {
        self.fresh = true;
    }

    /// The wait begins anew, now that something else is waited for.
    pub(super) const fn restart(&mut self) {
        self.since = None;
    }

    /// Looks at the silence up to `now`: when nothing was there to be read. `asks`: whether a ping can still be sent.
    pub(super) fn look(&mut self, now: Tick, every: Duration, asks: Asks) -> Look {
        let since = match self.since {
            Some(since) if !self.fresh => since,
            _ => {
                *self = Self { since: Some(now), pinged: false, fresh: false };
                return Look::Wait;
            }
        };
        if now < since + every {
            return Look::Wait;
        }
        if self.pinged {
            return Look::Gone(every * 2);
        }
        if asks == Asks::No {
            return Look::Gone(every);
        }
        *self = Self { since: Some(now), pinged: true, fresh: false };
        Look::Ping
    }

    /// When there is something to do, if the peer stays silent.
    pub(super) fn due(&self, every: Duration) -> Option<Tick> {
        self.since.map(|since| since + every)
    }
}

/// Whether the peer can be asked: not after our Close, which is the last we say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn at(second: u64) -> Tick {
        Tick::ZERO + Duration::from_secs(second)
    }

    #[test]
    fn silence_is_asked_about_once_and_then_is_an_end() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.due(EVERY), None);
        assert_eq!(pulse.look(at(100), EVERY, Asks::Yes), Look::Wait);
        assert_eq!(pulse.due(EVERY), Some(at(130)));
        assert_eq!(pulse.look(at(129), EVERY, Asks::Yes), Look::Wait);
        assert_eq!(pulse.look(at(130), EVERY, Asks::Yes), Look::Ping);
        assert_eq!(pulse.due(EVERY), Some(at(160)));
        assert_eq!(pulse.look(at(159), EVERY, Asks::Yes), Look::Wait);
        assert_eq!(pulse.look(at(160), EVERY, Asks::Yes), Look::Gone(EVERY * 2));
    }

    #[test]
    fn any_sign_of_life_starts_anew() {
        let mut pulse = Pulse::default();
        pulse.look(at(0), EVERY, Asks::Yes);
        pulse.look(at(30), EVERY, Asks::Yes);
        pulse.heard();
        assert_eq!(pulse.look(at(70), EVERY, Asks::Yes), Look::Wait);
        assert_eq!(pulse.look(at(99), EVERY, Asks::Yes), Look::Wait);
        assert_eq!(pulse.look(at(100), EVERY, Asks::Yes), Look::Ping);
    }

    #[test]
    fn after_our_close_nobody_is_asked() {
        let mut pulse = Pulse::default();
        pulse.look(at(0), EVERY, Asks::No);
        assert_eq!(pulse.look(at(30), EVERY, Asks::No), Look::Gone(EVERY));
    }
}
