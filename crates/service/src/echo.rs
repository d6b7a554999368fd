//! `echo` (RFC 862): every message goes back as it came. The smallest service: read it first.

use sockeye_core::{Conversation, Input, Outbox, Peer, Reflex, Service, Tick};

use crate::entry::{Entry, Example, Step};
use crate::reflection::Reflection;

pub(crate) const ENTRY: Entry = Entry {
    name: "echo",
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
            steps: &[Step::Send(b"hello"), Step::Expect(b"hello"), Step::Fin, Step::ExpectEof],
        },
        Example {
            args: &[],
            datagrams: true,
            framing: "",
            whole: false,
            steps: &[Step::Send(b"one"), Step::Expect(b"one"), Step::Send(b""), Step::Expect(b"")],
        },
    ],
    build: |given| {
        given.words(0)?;
        Ok(Box::new(Echo))
    },
};

struct Echo;

impl Service for Echo {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Mirror { reflection: Reflection::of(peer) })
    }
}

struct Mirror {
    reflection: Reflection,
}

impl Conversation for Mirror {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } if self.reflection.allows(data.len(), data.len()) => {
                out.message(data);
            }
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }

    fn reflex(&self) -> Option<Reflex> {
        (self.reflection == Reflection::Free).then_some(Reflex::Echo)
    }
}
