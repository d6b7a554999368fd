//! Segments as they must have been where none could be captured: from this program's own calls, and from what the kernel
//! said of its end. Their numbers are counted from 0, and nothing is known of windows, options, or how data was cut.

use std::net::SocketAddr;

use super::flow::{End, Seen};
use super::segment::{Flags, Options, Segment};
use super::story::{Call, Heard, Polled};
use crate::sockets::State;

/// The segments behind calls at one end.
pub fn segments(
    own: End,
    client: SocketAddr,
    server: SocketAddr,
    calls: &[Heard],
    polled: &[Polled],
) -> Vec<Seen> {
    let when = |state: State| {
        let found = polled.iter().find(|polled| polled.end == own && polled.state == state);
        found.map(|polled| polled.at)
    };
    let mut guess = Guess { addresses: [client, server], next: [0; 2], seen: Vec::new() };
    let (ours, theirs) = (own, own.other());
    let (mut fin, mut their_fin) = (false, false);
    for (index, heard) in calls.iter().enumerate() {
        let at = heard.at;
        match &heard.call {
            Call::Connect(_) => guess.put(at, End::Client, Flags::SYN, 0),
            Call::Connected => {
                // The kernel knew before this program was told.
                let at = when(State::Established).map_or(at, |seen| seen.min(at));
                guess.put(at, End::Server, Flags::SYN.and(Flags::ACK), 0);
                guess.put(at, End::Client, Flags::ACK, 0);
            }
            Call::Accept => {
                guess.put(at, End::Client, Flags::SYN, 0);
                guess.put(at, End::Server, Flags::SYN.and(Flags::ACK), 0);
                guess.put(at, End::Client, Flags::ACK, 0);
            }
            Call::Failed(why) if why == "refused" => {
                guess.put(at, theirs, Flags::RST.and(Flags::ACK), 0);
            }
            Call::Failed(why) if why == "reset" => guess.put(at, theirs, Flags::RST, 0),
            Call::Send(bytes) => guess.put(at, ours, Flags::PSH.and(Flags::ACK), *bytes),
            Call::Receive(bytes) => guess.put(at, theirs, Flags::PSH.and(Flags::ACK), *bytes),
            Call::Shutdown if !fin => {
                fin = true;
                guess.put(at, ours, Flags::FIN.and(Flags::ACK), 0);
                if their_fin {
                    guess.put(at, theirs, Flags::ACK, 0);
                }
            }
            Call::ReceiveEnd if !their_fin => {
                their_fin = true;
                guess.put(at, theirs, Flags::FIN.and(Flags::ACK), 0);
                // Our own FIN may be the acknowledgement: no more is concluded than must have been.
                let is_answered = calls.iter().skip(index).any(|later| later.call == Call::Shutdown);
                if !is_answered || fin {
                    guess.put(at, ours, Flags::ACK, 0);
                }
            }
            _ => {}
        }
    }
    // In TIME-WAIT an end has the other's FIN, whether its program has read so far or not.
    if let Some(at) = when(State::TimeWait).filter(|_| fin && !their_fin) {
        guess.put(at, theirs, Flags::FIN.and(Flags::ACK), 0);
        guess.put(at, ours, Flags::ACK, 0);
    }
    guess.seen
}

struct Guess {
    addresses: [SocketAddr; 2],
    /// The next number of each end.
    next: [u32; 2],
    seen: Vec<Seen>,
}

impl Guess {
    fn put(&mut self, at: u64, from: End, flags: Flags, bytes: u64) {
        let segment = Segment {
            from: self.addresses[from.index()],
            to: self.addresses[from.other().index()],
            flags,
            seq: self.next[from.index()],
            ack: if flags.has(Flags::ACK) { self.next[from.other().index()] } else { 0 },
            window: 1,
            options: Options::default(),
            length: u32::try_from(bytes).unwrap_or(u32::MAX),
            head: Vec::new(),
            hops: 0,
        };
        self.next[from.index()] = segment.end();
        self.seen.push(Seen { at, segment });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::State;
    use crate::trace::Flow;

    fn told(calls: &[Call]) -> Flow {
        let (client, server) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let calls: Vec<Heard> = (0..).zip(calls).map(|(at, call)| Heard { at, call: call.clone() }).collect();
        Flow::of(client, server, &segments(End::Client, client, server, &calls, &[]))
    }

    #[test]
    fn calls_lead_to_the_states_that_segments_would() {
        let to = "127.0.0.1:2".parse().unwrap();
        let calls = [
            Call::Socket,
            Call::Connect(to),
            Call::Connected,
            Call::Send(5),
            Call::Receive(7),
            Call::Shutdown,
            Call::ReceiveEnd,
            Call::Close,
        ];
        let flow = told(&calls);
        assert_eq!(flow.states, [Some(State::TimeWait), Some(State::Closed)]);
        assert_eq!(flow.steps.len(), 8);
        assert!(flow.steps.iter().all(|step| step.marks.is_empty()));
        let refused = told(&[Call::Connect(to), Call::Failed("refused".to_owned())]);
        assert_eq!(refused.states, [Some(State::Closed); 2]);
        let (client, server) = ("127.0.0.1:1".parse().unwrap(), to);
        let calls = [Call::Connect(to), Call::Connected, Call::Shutdown];
        let calls: Vec<Heard> = (0..).zip(calls).map(|(at, call)| Heard { at, call }).collect();
        let waits = Polled { at: 9, end: End::Client, state: State::TimeWait, left: None, figures: None };
        let seen = segments(End::Client, client, server, &calls, &[waits]);
        assert_eq!(Flow::of(client, server, &seen).states, [Some(State::TimeWait), Some(State::Closed)]);
        let silent = told(&[Call::Connect(to), Call::Failed("timeout".to_owned())]);
        assert_eq!(silent.states, [Some(State::SynSent), None]);
    }
}
