//! `receive`: one way. What comes is written to stdout, bytes alone, and nothing is answered.
//!
//! Raw bytes and datagrams come out exactly as they are; with a framing each message is one line. Text that is written in
//! another character set comes out as UTF-8.

use sockeye_core::{Basin, Conversation, Effect, Input, Outbox, Peer, Service, Tick};
use sockeye_wire::charset::{Charset, Decoder};

use crate::entry::{Entry, Example, Step, Welcome};

pub(crate) const ENTRY: Entry = Entry {
    name: "receive",
    options: &[],
    words: "",
    takes_rest: false,
    loads: None,
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
        Ok(Box::new(Receive { charset: given.charset }))
    },
};

struct Receive {
    charset: Charset,
}

impl Service for Receive {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        if self.charset.is_utf8() {
            return Box::new(Bytes);
        }
        Box::new(Text { decoder: self.charset.decoder(), text: String::new() })
    }
}

/// Prints bytes.
struct Bytes;

/// Prints bytes of another character set as UTF-8.
struct Text {
    decoder: Decoder,
    text: String,
}

impl Text {
    fn print(&mut self, data: &[u8], last: bool, out: &mut Outbox) {
        self.text.clear();
        self.decoder.decode(data, last, &mut self.text);
        if !self.text.is_empty() {
            out.print(self.text.as_bytes());
        }
    }
}

/// What ends a message on stdout.
fn end(out: &mut Outbox) {
    let framing = out.lane().framing;
    if !framing.is_raw() && !framing.is_dgram() {
        out.print(b"\n");
    }
}

impl Conversation for Bytes {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => {
                out.print(data);
                end(out);
            }
            Input::Opened { .. } if out.lane().is_cut_anywhere() => {
                out.effect(Effect::Pour { into: Basin::Stdout });
            }
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

impl Conversation for Text {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => {
                let whole = !out.lane().is_cut_anywhere();
                self.print(data, whole, out);
                end(out);
            }
            Input::Eof { .. } | Input::Failed { .. } | Input::Stop => {
                self.print(&[], true, out);
                out.close();
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}
