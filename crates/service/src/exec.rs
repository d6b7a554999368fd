//! `exec`: one process a session, its stdin and stdout on the socket. The process and its group end with the session, and
//! the session ends with the process.
//!
//! - Raw streams: bytes pass unchanged, and the peer's FIN closes the process's stdin.
//! - With a framing, each message of the peer is a line to the process, and each line of the process is a message. A
//!   program that speaks the framing itself is run without `-F`.
//! - On datagrams each peer has a process of its own: each datagram is written to its stdin as it is, and what one read
//!   of its stdout gives is one datagram. Peers that fall silent are forgotten, and their process ends.

use std::sync::Arc;

use sockeye_core::{
    Code, Conversation, Effect, Fault, Framing, Input, Leg, Outbox, PEER, Peer, Service, Tick,
};

use crate::bridge::{Bridge, FAR};
use crate::entry::{Entry, Example, Step};

pub(crate) const ENTRY: Entry = Entry {
    name: "exec",
    options: &[],
    words: "CMD...",
    takes_rest: true,
    loads: None,
    welcome: &[],
    examples: &[
        Example {
            args: &["cat"],
            datagrams: false,
            framing: "",
            whole: false,
            steps: &[Step::Send(b"hello"), Step::Expect(b"hello"), Step::Fin, Step::ExpectEof],
        },
        Example {
            args: &["cat"],
            datagrams: false,
            framing: "crlf",
            whole: false,
            steps: &[Step::Send(b"one\r\ntwo\r\n"), Step::Expect(b"one\r\ntwo\r\n")],
        },
        Example {
            args: &["cat"],
            datagrams: true,
            framing: "",
            whole: true,
            steps: &[Step::Send(b"one"), Step::Expect(b"one")],
        },
    ],
    build: |given| {
        if given.words.is_empty() {
            return Err(Fault::new(Code::Usage, "").detail("CMD"));
        }
        Ok(Box::new(Exec { command: given.words.as_slice().into() }))
    },
};

/// A process's output is cut into lines.
const LINE: &str = "line";

struct Exec {
    command: Arc<[String]>,
}

impl Service for Exec {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Running { command: Arc::clone(&self.command), bridge: Bridge::default() })
    }
}

struct Running {
    command: Arc<[String]>,
    bridge: Bridge,
}

impl Running {
    fn spawn(&self, out: &mut Outbox) {
        let lane = out.lane();
        let bare = lane.framing.is_raw() || lane.framing.is_dgram();
        let framing = if bare { Ok(Framing::RAW) } else { Framing::parse(LINE) };
        match framing {
            Ok(framing) => {
                let command = self.command.to_vec().into();
                Bridge::ask(Effect::Spawn { leg: FAR, command, framing }, out);
            }
            Err(fault) => out.fail(fault),
        }
    }

    fn failed(&self, leg: Leg, why: &str, out: &mut Outbox) {
        if leg == FAR && !self.bridge.is_open() {
            let code = Code::of(why).unwrap_or(Code::CannotStart);
            let command = self.command.join(" ");
            out.fail(Fault::new(code, format!("exec {command}")).arg("command", command));
        } else {
            out.abort();
        }
    }
}

impl Conversation for Running {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => self.spawn(out),
            Input::Opened { .. } => self.bridge.join(out),
            Input::Message { leg, data } => self.bridge.carry(leg, data, out),
            // The process reads the end of its input, and what it still says is passed on.
            Input::Eof { leg: PEER } if self.bridge.is_open() => Bridge::finish(PEER, out),
            Input::Eof { .. } => out.close(),
            Input::Failed { leg, why } => self.failed(leg, why, out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}
