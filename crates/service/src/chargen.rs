//! `chargen` (RFC 864): on a stream, endless lines of 72 characters whose pattern moves on by one each line, as fast as
//! the reader takes them; what it sends is thrown away. A datagram of any content is answered with one of 0 to 512
//! characters, a random number of them.
//!
//! Each block is sent only when the one before is written: a reader that stops costs one block.

use sockeye_core::{Conversation, Input, Outbox, PEER, Peer, Service, SessionId, Tick};

use crate::entry::{Entry, Example, Step};
use crate::reflection::Reflection;

pub(crate) const ENTRY: Entry = Entry {
    name: "chargen",
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
            steps: &[Step::Expect(
                b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n\
                !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n",
            )],
        },
        Example {
            args: &[],
            datagrams: false,
            framing: "line",
            whole: false,
            steps: &[Step::Expect(
                b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\n",
            )],
        },
    ],
    build: |given| {
        given.words(0)?;
        Ok(Box::new(Chargen { seed: given.seed }))
    },
};

/// The printable characters of ASCII: space to tilde.
const FIRST: usize = 0x20;
const CHARACTERS: usize = 95;

/// Characters of a line, without its CRLF (RFC 864).
const LINE: usize = 72;

/// Lines of one block: near 16 KiB, so that a fast reader costs few calls.
const BLOCK: usize = 16 * 1024 / (LINE + 2);

/// The longest datagram, in bytes (RFC 864).
const DATAGRAM: u64 = 512;

struct Chargen {
    seed: u64,
}

impl Service for Chargen {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        if peer.datagrams {
            Box::new(Burst { reflection: Reflection::of(peer), state: seeded(self.seed, peer.session) })
        } else {
            Box::new(Flow { line: 0 })
        }
    }
}

/// The stream.
struct Flow {
    line: usize,
}

impl Flow {
    fn block(&mut self, out: &mut Outbox) {
        let start = self.line;
        self.line = (start + BLOCK) % CHARACTERS;
        let framing = out.lane().framing;
        if framing.is_raw() || framing.is_dgram() {
            out.message_with(|to| {
                for line in start..start + BLOCK {
                    to.extend(pattern(line).take(LINE));
                    to.extend_from_slice(b"\r\n");
                }
            });
        } else {
            for line in start..start + BLOCK {
                out.message_with(|to| to.extend(pattern(line).take(LINE)));
            }
        }
        out.more();
    }
}

impl Conversation for Flow {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } | Input::Drained { leg: PEER } => self.block(out),
            Input::Eof { .. } | Input::Stop => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

/// The datagrams.
struct Burst {
    reflection: Reflection,
    state: u64,
}

impl Conversation for Burst {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => {
                self.state = mixed(self.state);
                let wanted = usize::try_from(self.state % (DATAGRAM + 1)).unwrap_or(0);
                if let Some(size) = self.reflection.bound(data.len(), wanted) {
                    out.message_with(|to| to.extend(pattern(0).take(size)));
                }
            }
            Input::Stop => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

/// The pattern from where this line begins, without end.
fn pattern(line: usize) -> impl Iterator<Item = u8> {
    (line..).map(|at| u8::try_from(FIRST + at % CHARACTERS).unwrap_or(b' '))
}

fn seeded(seed: u64, session: SessionId) -> u64 {
    mixed(seed ^ mixed(session.0))
}

/// SplitMix64: enough to vary lengths, and the same for the same seed.
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
