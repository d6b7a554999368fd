//! The TCP state machine of one end (RFC 9293, section 3.10), driven by what is seen of a connection instead of by calls:
//! [`Machine::sends`] and [`Machine::receives`]. It sees segments alone, so what it tells is inferred.

use super::segment::{Flags, Segment};
use crate::sockets::State;

/// Ranges beyond a gap that are remembered. A peer chooses how many there are.
const RANGES: usize = 64;

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Machine {
    state: State,
    /// Whether it came from LISTEN: where a reset in SYN-RECEIVED leads back to.
    was_listening: bool,
    /// Past the last sequence number it sent.
    sent: Option<u32>,
    /// The first that its peer has not acknowledged.
    acknowledged: Option<u32>,
    /// Past its FIN, once that is sent.
    fin: Option<u32>,
    /// The next that it waits for.
    expected: Option<u32>,
    /// Past the peer's FIN, once that came, in order or not.
    peer_fin: Option<u32>,
    /// What came beyond a gap: first, and past the last.
    ahead: Vec<(u32, u32)>,
}

impl Machine {
    /// An end in a state to begin with: CLOSED, LISTEN, or any other where the beginning was not seen.
    pub const fn new(state: State) -> Self {
        Self {
            state,
            was_listening: matches!(state, State::Listen),
            sent: None,
            acknowledged: None,
            fin: None,
            expected: None,
            peer_fin: None,
            ahead: Vec::new(),
        }
    }

    /// Its state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// It sends a segment. Also what it acknowledges is known from here: it must have received that.
    pub fn sends(&mut self, segment: &Segment, walk: &mut Vec<State>) {
        if segment.flags.has(Flags::RST) {
            return self.go(State::Closed, walk);
        }
        if segment.flags.has(Flags::ACK) {
            self.catch_up(segment.ack, walk);
        }
        let (syn, fin) = (segment.flags.has(Flags::SYN), segment.flags.has(Flags::FIN));
        let end = segment.end();
        if syn && self.sent.is_none_or(|sent| after(end, sent)) {
            self.acknowledged = Some(segment.seq);
        }
        if self.sent.is_none_or(|sent| after(end, sent)) {
            self.sent = Some(end);
        }
        if syn {
            let answers = segment.flags.has(Flags::ACK);
            match self.state {
                State::Closed | State::Listen if !answers => self.go(State::SynSent, walk),
                // Whoever answers has heard a SYN, also where that was not seen.
                State::Listen | State::SynSent if answers => self.go(State::SynReceived, walk),
                _ => {}
            }
        }
        if fin {
            self.fin = Some(end);
            match self.state {
                State::Established | State::SynReceived => self.go(State::FinWait1, walk),
                State::CloseWait => self.go(State::LastAck, walk),
                _ => {}
            }
        }
    }

    /// A segment reaches it.
    pub fn receives(&mut self, segment: &Segment, walk: &mut Vec<State>) {
        if segment.flags.has(Flags::RST) {
            return self.is_reset(segment, walk);
        }
        let (syn, ack) = (segment.flags.has(Flags::SYN), segment.flags.has(Flags::ACK));
        if syn {
            match self.state {
                State::Listen | State::SynSent if !ack => self.go(State::SynReceived, walk),
                State::SynSent if ack && self.is_acknowledged_by(segment.ack) => {
                    self.go(State::Established, walk);
                }
                // Nobody is there, or it is none of this connection's.
                State::Closed | State::Listen | State::SynSent => return,
                _ => {}
            }
            self.expected.get_or_insert(segment.seq.wrapping_add(1));
        } else if matches!(self.state, State::Closed | State::Listen | State::SynSent) {
            return;
        }
        if ack {
            self.hears_ack(segment.ack, walk);
        }
        self.takes(segment);
        self.turns_on_fin(walk);
    }

    /// The time after TIME-WAIT is over, or its user gave up.
    pub fn ends(&mut self, walk: &mut Vec<State>) {
        self.go(State::Closed, walk);
    }

    /// Section 3.10.7.4, fifth: what an acknowledgement changes.
    fn hears_ack(&mut self, ack: u32, walk: &mut Vec<State>) {
        // What was never sent cannot be acknowledged.
        if self.sent.is_some_and(|sent| after(ack, sent)) {
            return;
        }
        if self.acknowledged.is_none_or(|before| after(ack, before)) {
            self.acknowledged = Some(ack);
        }
        if self.state == State::SynReceived && self.is_acknowledged_by(ack) {
            self.go(State::Established, walk);
        }
        if self.fin.is_some_and(|fin| !after(fin, ack)) {
            match self.state {
                State::FinWait1 => self.go(State::FinWait2, walk),
                State::Closing => self.go(State::TimeWait, walk),
                State::LastAck => self.go(State::Closed, walk),
                _ => {}
            }
        }
    }

    /// Whether an acknowledgement covers at least the SYN.
    fn is_acknowledged_by(&self, ack: u32) -> bool {
        match (self.acknowledged, self.sent) {
            (Some(first), Some(sent)) => !after(ack, sent) && (after(ack, first) || ack == sent),
            // Its own SYN was not seen.
            _ => true,
        }
    }

    /// Takes what a segment carries, in order or not.
    fn takes(&mut self, segment: &Segment) {
        let (from, to) = (segment.seq, segment.end());
        if segment.flags.has(Flags::FIN) {
            self.peer_fin.get_or_insert(to);
        }
        let expected = *self.expected.get_or_insert(from);
        if !after(to, expected) {
            return;
        }
        if after(from, expected) {
            if self.ahead.len() < RANGES {
                self.ahead.push((from, to));
            }
            return;
        }
        self.advance(to);
    }

    /// Everything up to here is there.
    fn advance(&mut self, to: u32) {
        let mut expected = to;
        while let Some(at) = self.ahead.iter().position(|(from, _)| !after(*from, expected)) {
            let (_, end) = self.ahead.swap_remove(at);
            if after(end, expected) {
                expected = end;
            }
        }
        self.expected = Some(expected);
    }

    /// It acknowledges up to `ack`, so it has all of that.
    fn catch_up(&mut self, ack: u32, walk: &mut Vec<State>) {
        if self.expected.is_none_or(|expected| after(ack, expected)) {
            self.advance(ack);
        }
        self.turns_on_fin(walk);
    }

    /// Section 3.10.7.4, eighth: the peer's FIN, once all before it is there.
    fn turns_on_fin(&mut self, walk: &mut Vec<State>) {
        let (Some(fin), Some(expected)) = (self.peer_fin, self.expected) else { return };
        if after(fin, expected) {
            return;
        }
        match self.state {
            State::SynReceived | State::Established => self.go(State::CloseWait, walk),
            State::FinWait1 => self.go(State::Closing, walk),
            State::FinWait2 => self.go(State::TimeWait, walk),
            _ => {}
        }
    }

    /// Section 3.10.7: a reset that is in place. One that is not is answered by a challenge, or by nothing (RFC 5961).
    fn is_reset(&mut self, segment: &Segment, walk: &mut Vec<State>) {
        let is_meant = match self.state {
            State::Closed | State::Listen => false,
            State::SynSent => segment.flags.has(Flags::ACK) && self.is_acknowledged_by(segment.ack),
            // Never before what is waited for, and no further than the largest window there is (2^30, RFC 7323).
            _ => self.expected.is_none_or(|expected| segment.seq.wrapping_sub(expected) < 1 << 30),
        };
        if is_meant {
            let back = self.state == State::SynReceived && self.was_listening;
            self.go(if back { State::Listen } else { State::Closed }, walk);
        }
    }

    fn go(&mut self, next: State, walk: &mut Vec<State>) {
        if self.state != next && leads(self.state, next) {
            self.state = next;
            walk.push(next);
        }
    }
}

/// Whether the diagram of RFC 9293 (figure 5) has an arrow from one state to another, or a reset, a refusal or a user who
/// gives up leads there.
pub fn leads(from: State, to: State) -> bool {
    use State::{
        CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived, SynSent,
        TimeWait,
    };
    if to == Closed {
        return from != Closed;
    }
    matches!(
        (from, to),
        (Closed, Listen | SynSent)
            | (Listen, SynReceived | SynSent)
            | (SynSent, SynReceived | Established)
            | (SynReceived, Established | FinWait1 | CloseWait | Listen)
            | (Established, FinWait1 | CloseWait)
            | (FinWait1, FinWait2 | Closing)
            | (FinWait2 | Closing, TimeWait)
            | (CloseWait, LastAck)
    )
}

/// Whether nothing more is to be seen of an end: CLOSED, or TIME-WAIT, which time alone ends.
pub const fn is_over(state: State) -> bool {
    matches!(state, State::Closed | State::TimeWait)
}

/// Whether sequence number `a` comes after `b` (RFC 9293, section 3.4: modulo 2^32).
pub(super) const fn after(a: u32, b: u32) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_around_zero() {
        assert!(after(1, 0) && after(0, u32::MAX) && after(5, u32::MAX - 5));
        assert!(!after(0, 1) && !after(7, 7) && !after(u32::MAX, 0));
    }
}
