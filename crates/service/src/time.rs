//! `time` (RFC 868): seconds since 1900-01-01T00:00:00Z as 32 bits, big-endian, then the session closes. A datagram of
//! any content is answered. The number wraps on 2036-02-07T06:28:16Z, as the RFC has it.

use sockeye_core::{Conversation, Input, Outbox, Peer, Service, Tick};

use crate::entry::{Entry, Example, Step};
use crate::reflection::Reflection;

pub(crate) const ENTRY: Entry = Entry {
    name: "time",
    options: &[],
    words: "",
    takes_rest: false,
    loads: None,
    welcome: &[],
    examples: &[
        Example {
            args: &[],
            datagrams: false,
            framing: "",
            whole: false,
            steps: &[Step::ExpectSize(SIZE), Step::ExpectEof],
        },
        Example {
            args: &[],
            datagrams: true,
            framing: "",
            whole: false,
            steps: &[Step::Send(b""), Step::ExpectSize(SIZE)],
        },
    ],
    build: |given| {
        given.words(0)?;
        Ok(Box::new(Time))
    },
};

/// The answer, in bytes.
const SIZE: usize = 4;

/// Seconds from 1900 to 1970: 70 years with 17 leap days (RFC 868).
const FROM_1900_TO_1970: u64 = 2_208_988_800;

struct Time;

impl Service for Time {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Clock { datagrams: peer.datagrams, reflection: Reflection::of(peer) })
    }
}

struct Clock {
    datagrams: bool,
    reflection: Reflection,
}

impl Conversation for Clock {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { .. } if !self.datagrams => {
                out.message(&seconds(out.wall()));
                out.close();
            }
            Input::Message { data, .. } if self.datagrams && self.reflection.allows(data.len(), SIZE) => {
                out.message(&seconds(out.wall()));
            }
            Input::Stop => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

fn seconds(wall: u64) -> [u8; SIZE] {
    let [_, _, _, _, low @ ..] = (wall / 1_000_000_000 + FROM_1900_TO_1970).to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moments_of_the_rfc() {
        assert_eq!(u32::from_be_bytes(seconds(0)), 2_208_988_800);
        let may_1983 = 420_595_200_000_000_000;
        assert_eq!(u32::from_be_bytes(seconds(may_1983)), 2_629_584_000);
        let wrapped = 2_085_978_496_000_000_000;
        assert_eq!(u32::from_be_bytes(seconds(wrapped)), 0);
    }
}
