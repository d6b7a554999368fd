//! `discard` (RFC 863): whatever comes is thrown away, and nothing is ever sent.

use sockeye_core::{Basin, Conversation, Effect, Input, Outbox, Peer, Reflex, Service, Tick};

use crate::entry::{Entry, Example, Step};

pub(crate) const ENTRY: Entry = Entry {
    name: "discard",
    options: &[],
    words: "",
    takes_rest: false,
    loads: None,
    welcome: &[],
    examples: &[Example {
        args: &[],
        datagrams: false,
        framing: "",
        whole: false,
        steps: &[Step::Send(b"into the void"), Step::Fin, Step::ExpectEof],
    }],
    build: |given| {
        given.words(0)?;
        Ok(Box::new(Discard))
    },
};

struct Discard;

impl Service for Discard {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

impl Conversation for Discard {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { .. } if out.lane().is_cut_anywhere() => {
                out.effect(Effect::Pour { into: Basin::Nowhere });
            }
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }

    fn reflex(&self) -> Option<Reflex> {
        Some(Reflex::Drop)
    }
}
