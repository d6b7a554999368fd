//! Bounds of one session that are off unless asked for: how long it may last, how fast it is read, and how long an
//! unfinished frame may take. A session without them holds one empty pointer.

use std::time::Duration;

use sockeye_core::{Limits, Tick};

use crate::drive::session::NEVER;

/// The bounds of one session, and where it stands with them.
#[derive(Debug)]
pub(crate) struct Strict {
    /// When the session is over.
    ends: Tick,
    /// How long a frame may take, and when the one that is not whole yet began.
    frame: Option<Duration>,
    began: Tick,
    /// Messages when that was.
    messages: u64,
    pace: Option<Pace>,
}

/// Which bound was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// The session has lasted as long as it may.
    Session,
    /// A frame was begun and not ended in time.
    Frame,
}

/// How fast a peer is read: a token bucket that holds one second's worth, kept as the time by which all that was read is
/// paid for.
#[derive(Clone, Copy, Debug)]
struct Pace {
    each_second: u32,
    paid: Tick,
}

impl Strict {
    /// The bounds that are asked for, if any are.
    pub(crate) fn new(limits: &Limits, now: Tick) -> Option<Box<Self>> {
        if limits.session_time.is_none() && limits.frame_time.is_none() && limits.rate.is_none() {
            return None;
        }
        Some(Box::new(Self {
            ends: limits.session_time.map_or(NEVER, |time| now + time),
            frame: limits.frame_time,
            began: NEVER,
            messages: 0,
            pace: limits.rate.map(|each_second| Pace { each_second: each_second.max(1), paid: now }),
        }))
    }

    /// The earliest time at which a bound may be met.
    pub(crate) fn next(&self) -> Tick {
        self.ends.min(self.frame_ends())
    }

    /// The bound that is met by now.
    pub(crate) fn met(&self, now: Tick) -> Option<Met> {
        if self.ends <= now {
            return Some(Met::Session);
        }
        (self.frame_ends() <= now).then_some(Met::Frame)
    }

    fn frame_ends(&self) -> Tick {
        match self.frame {
            Some(frame) if self.began != NEVER => self.began + frame,
            _ => NEVER,
        }
    }

    /// Something was read: whether a frame is now unfinished, and how many messages there were so far. A frame counts
    /// from the read that began it.
    pub(crate) fn framed(&mut self, is_unfinished: bool, messages: u64, now: Tick) {
        if !is_unfinished {
            self.began = NEVER;
        } else if self.began == NEVER || self.messages != messages {
            self.began = now;
        }
        self.messages = messages;
    }

    /// How many bytes one read may bring at most: a second's worth.
    pub(crate) fn chunk(&self) -> usize {
        self.pace.map_or(usize::MAX, |pace| pace.each_second as usize)
    }

    /// When the peer may be read again, if not now.
    pub(crate) fn waits(&self, now: Tick) -> Option<Tick> {
        self.pace.map(|pace| pace.paid).filter(|paid| *paid > now)
    }

    /// So many bytes were read.
    pub(crate) fn has_read(&mut self, bytes: usize, now: Tick) {
        let Some(pace) = &mut self.pace else { return };
        let cost = Duration::from_nanos(bytes as u64 * 1_000_000_000 / u64::from(pace.each_second));
        // What was not used within the last second is lost.
        let floor = Tick(now.0.saturating_sub(1_000_000_000));
        pace.paid = pace.paid.max(floor) + cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Tick {
        Tick::ZERO + Duration::from_millis(millis)
    }

    fn strict(limits: &Limits) -> Strict {
        *Strict::new(limits, at(0)).unwrap()
    }

    #[test]
    fn what_is_not_asked_for_costs_nothing() {
        assert!(Strict::new(&Limits::default(), at(0)).is_none());
    }

    #[test]
    fn a_session_lasts_so_long_and_no_longer() {
        let strict = strict(&Limits { session_time: Some(Duration::from_secs(3)), ..Limits::default() });
        assert_eq!(
            (strict.next(), strict.met(at(2999)), strict.met(at(3000))),
            (at(3000), None, Some(Met::Session))
        );
        assert_eq!((strict.chunk(), strict.waits(at(0))), (usize::MAX, None));
    }

    #[test]
    fn a_frame_counts_from_the_read_that_began_it() {
        let mut strict = strict(&Limits { frame_time: Some(Duration::from_secs(1)), ..Limits::default() });
        assert_eq!(strict.next(), NEVER);
        strict.framed(true, 0, at(100));
        strict.framed(true, 0, at(900));
        assert_eq!(
            (strict.next(), strict.met(at(1099)), strict.met(at(1100))),
            (at(1100), None, Some(Met::Frame))
        );
        // That one was ended, and the same read began another.
        strict.framed(true, 1, at(950));
        assert_eq!(strict.next(), at(1950));
        strict.framed(false, 2, at(1000));
        assert_eq!(strict.next(), NEVER);
    }

    #[test]
    fn a_peer_is_read_at_its_pace_and_not_faster() {
        let mut strict = strict(&Limits { rate: Some(1000), ..Limits::default() });
        let (mut read, mut now) = (0, at(0));
        while now < at(10_000) {
            if let Some(until) = strict.waits(now) {
                now = until;
                continue;
            }
            let count = strict.chunk().min(400);
            strict.has_read(count, now);
            read += count;
        }
        assert!((10_000..=11_500).contains(&read), "{read} bytes in 10 s at 1000 bytes/s");
    }

    #[test]
    fn silence_saves_up_one_second_and_no_more() {
        let mut strict = strict(&Limits { rate: Some(1000), ..Limits::default() });
        let now = at(60_000);
        let mut burst = 0;
        while strict.waits(now).is_none() {
            strict.has_read(100, now);
            burst += 100;
        }
        assert_eq!(burst, 1100);
    }
}
