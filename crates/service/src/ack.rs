//! `ack`: the first message is acknowledged with a text, then the session closes. On raw streams a message is what the
//! first read gave, so any client that sends and then waits is answered.
//!
//! On datagrams to close is to forget the peer, so every datagram is answered.

use std::sync::Arc;

use sockeye_core::{Conversation, Input, Outbox, Peer, Service, Tick};

use crate::entry::{Choice, Entry, Example, Opt, Step, Welcome};

/// "Message received", what the courses' server says.
const TEXT: &str = "消息已收到";

pub(crate) const ENTRY: Entry = Entry {
    name: "ack",
    options: &[Opt { long: "keep", choice: Choice::Flag }],
    words: "[TEXT]",
    takes_rest: false,
    loads: None,
    welcome: &[Welcome { endpoint: "tcp://127.0.0.1:7788", args: &[], terminal_only: false }],
    examples: &[
        Example {
            args: &[],
            datagrams: false,
            framing: "",
            whole: false,
            steps: &[Step::Send("你好".as_bytes()), Step::Expect(TEXT.as_bytes()), Step::ExpectEof],
        },
        Example {
            args: &["got it", "--keep"],
            datagrams: false,
            framing: "line",
            whole: false,
            steps: &[
                Step::Send(b"one\ntwo\n"),
                Step::Expect(b"got it\ngot it\n"),
                Step::Fin,
                Step::ExpectEof,
            ],
        },
        Example {
            args: &[],
            datagrams: true,
            framing: "",
            whole: false,
            steps: &[
                Step::Send(b"one"),
                Step::Expect(TEXT.as_bytes()),
                Step::Send(b"two"),
                Step::Expect(TEXT.as_bytes()),
            ],
        },
    ],
    build: |given| {
        let text = given.words(1)?.first().map_or(TEXT, String::as_str);
        let text = given.charset.encode(text)?.into_owned().into();
        Ok(Box::new(Ack { text, keep: given.has("keep") }))
    },
};

struct Ack {
    text: Arc<[u8]>,
    keep: bool,
}

impl Service for Ack {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Self { text: Arc::clone(&self.text), keep: self.keep })
    }
}

impl Conversation for Ack {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { .. } => {
                out.message(&self.text);
                if !self.keep {
                    out.close();
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
