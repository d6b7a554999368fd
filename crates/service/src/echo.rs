//! `echo` (RFC 862): every message goes back as it came. The smallest service: read it first.

use sockeye_core::{Conversation, Input, Outbox, Peer, Service, Tick};

use crate::entry::{Entry, Example, Step};

pub(crate) const ENTRY: Entry = Entry {
    name: "echo",
    options: &[],
    words: "",
    takes_rest: false,
    welcome: &[],
    examples: &[
        Example {
            args: &[],
            datagrams: false,
            framing: "",
            steps: &[Step::Send(b"hello"), Step::Expect(b"hello"), Step::Fin, Step::ExpectEof],
        },
        Example {
            args: &[],
            datagrams: true,
            framing: "",
            steps: &[Step::Send(b"one"), Step::Expect(b"one"), Step::Send(b""), Step::Expect(b"")],
        },
    ],
    build: |_| Ok(Box::new(Echo)),
};

struct Echo;

impl Service for Echo {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

impl Conversation for Echo {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => out.message(data),
            Input::Eof { .. } | Input::Stop => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}
