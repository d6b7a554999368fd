//! `receive`: one way. What comes is written to stdout, bytes alone, and nothing is answered.
//!
//! Raw bytes and datagrams come out exactly as they are; with a framing each message is one line.

use sockeye_core::{Conversation, Input, Outbox, Peer, Service, Tick};

use crate::entry::{Entry, Example, Step, Welcome};

pub(crate) const ENTRY: Entry = Entry {
    name: "receive",
    options: &[],
    words: "",
    takes_rest: false,
    welcome: &[Welcome { endpoint: "tcp://127.0.0.1:9999", args: &[], terminal_only: false }],
    examples: &[
        Example {
            args: &[],
            datagrams: false,
            framing: "",
            whole: false,
            steps: &[
                Step::Send("你好".as_bytes()),
                Step::Print("你好".as_bytes()),
                Step::Fin,
                Step::ExpectEof,
            ],
        },
        Example {
            args: &[],
            datagrams: false,
            framing: "line",
            whole: false,
            steps: &[
                Step::Send(b"one\ntwo"),
                Step::Print(b"one\n"),
                Step::Fin,
                Step::Print(b"two\n"),
                Step::ExpectEof,
            ],
        },
        Example {
            args: &[],
            datagrams: true,
            framing: "",
            whole: false,
            steps: &[Step::Send(b"one"), Step::Send(b"two"), Step::Print(b"onetwo")],
        },
    ],
    build: |given| {
        given.words(0)?;
        Ok(Box::new(Receive))
    },
};

struct Receive;

impl Service for Receive {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Self)
    }
}

impl Conversation for Receive {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => {
                out.print(data);
                let framing = out.lane().framing;
                if !framing.is_raw() && !framing.is_dgram() {
                    out.print(b"\n");
                }
            }
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}
