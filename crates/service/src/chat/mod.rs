//! `chat`: the person at the terminal answers. What peers say goes to stdout, each message on a line of its own: exactly
//! as it came, with a newline if it has none, since most programs send without one. Who comes and goes is told on stderr.
//!
//! Typed lines go out without newline (framed, if the listener has a framing) to the peer last heard. `/to 3 hello` speaks
//! to one peer, `/who` lists them, `//x` sends `/x`. Lines typed while nobody is there are for the first that comes. When
//! stdin ends, the sessions go on until their peers leave.
//!
//! - `--turns`: one line each. Lines typed out of turn are held; what a peer says out of turn is shown at once.
//! - `--first server|client`: who opens. With `client`, lines are held until the peer has spoken, with or without `--turns`.
//! - `--one-at-a-time`: later peers wait in line, connected; what they say is kept. A FIN or RST frees the line.
//! - `--bye WORD`: said by either side, without its line ending, it is delivered and that session closes. The operator's is
//!   sent as typed, past the template. A server that is stopped says it too.
//! - `--on-connect FILE`: a conversation that each peer goes through first, written from this side. Only then is it there
//!   for the operator; who fails it is cut off, and the operator is told why.
//! - `--template`: builds what is sent from `typed`, `message` (last heard; empty if none) and `peer` (its address).
//!
//! On raw streams a message is what one read gave. Text is converted from and to the listener's character set, and bytes
//! that are no text in it are shown as U+FFFD; in UTF-8 they pass unchanged. Read [`desk`] first: it decides everything.

mod desk;
#[cfg(test)]
mod desk_tests;
mod talker;
mod typed;
mod wording;

use std::sync::Arc;

use sockeye_core::{Conversation, Fault, Order, Peer, Said, Service};
use sockeye_script::Program;
use sockeye_script::play::{Login, Options};

use crate::entry::{By, Choice, Entry, Example, Loads, Opt, Step, Welcome};
use crate::given::Given;
use desk::{Desk, First, News, Rules};
use talker::{Shared, Talker, WAKE};
use wording::Wording;

/// The course's UDP chat: what was said comes back with one name for another.
const COURSE: &str = r#"{{typed}},{{message|replace("sb","alexsb")}}"#;

pub(crate) const ENTRY: Entry = Entry {
    name: "chat",
    options: &[
        Opt { long: "turns", choice: Choice::Flag },
        Opt { long: "first", choice: Choice::OneOf(&["server", "client"]) },
        Opt { long: "one-at-a-time", choice: Choice::Flag },
        Opt { long: "bye", choice: Choice::Value("WORD") },
        Opt { long: "template", choice: Choice::Value("TEMPLATE") },
        Opt { long: "on-connect", choice: Choice::Value("FILE") },
        Opt { long: "var", choice: Choice::Many("NAME=VALUE") },
    ],
    words: "",
    takes_rest: false,
    loads: Some(Loads { by: By::Flag("on-connect"), example: "> \"name?\"\n< \"me\"\n> \"welcome\"\n" }),
    // Neither turns nor who is first: the person at the terminal keeps to either course's order, and to none.
    welcome: &[
        Welcome {
            endpoint: "tcp://127.0.0.1:8888",
            args: &["--one-at-a-time", "--bye", "byebye"],
            terminal_only: true,
        },
        Welcome {
            endpoint: "udp://127.0.0.1:8888",
            args: &["--template", COURSE, "--bye", "bye"],
            terminal_only: true,
        },
    ],
    examples: &[
        Example {
            args: &["--one-at-a-time", "--bye", "byebye"],
            datagrams: false,
            framing: "",
            whole: true,
            steps: &[
                Step::Send(b"hello"),
                Step::Print(b"hello\n"),
                Step::Operator("yes"),
                Step::Expect(b"yes"),
                Step::Send(b"byebye"),
                Step::Print(b"byebye\n"),
                Step::ExpectEof,
            ],
        },
        Example {
            args: &["--turns", "--first", "server", "--bye", "byebye"],
            datagrams: false,
            framing: "line",
            whole: false,
            steps: &[
                Step::Operator("one"),
                Step::Expect(b"one\n"),
                Step::Operator("three"),
                Step::Send(b"two\n"),
                Step::Print(b"two\n"),
                Step::Expect(b"three\n"),
                Step::Send(b"four\n"),
                Step::Print(b"four\n"),
                Step::Operator("byebye"),
                Step::Expect(b"byebye\n"),
                Step::ExpectEof,
            ],
        },
        Example {
            args: &["--template", COURSE, "--bye", "bye"],
            datagrams: true,
            framing: "",
            whole: false,
            steps: &[
                Step::Send(b"sb"),
                Step::Print(b"sb\n"),
                Step::Operator("hi"),
                Step::Expect(b"hi,alexsb"),
                Step::Operator("bye"),
                Step::Expect(b"bye"),
            ],
        },
        Example {
            args: &["--on-connect", "login.skt"],
            datagrams: false,
            framing: "line",
            whole: false,
            steps: &[
                Step::Expect(b"name?\n"),
                Step::Send(b"me\n"),
                Step::Expect(b"welcome\n"),
                Step::Send(b"hello\n"),
                Step::Print(b"hello\n"),
                Step::Operator("yes"),
                Step::Expect(b"yes\n"),
            ],
        },
    ],
    build: |given| {
        given.words(0)?;
        let rules = Rules {
            turns: given.has("turns"),
            first: given
                .value("first")
                .map(|side| if side == "server" { First::Server } else { First::Client }),
            one_at_a_time: given.has("one-at-a-time"),
            bye: given.value("bye").map(str::to_owned),
        };
        let wording = Wording::new(given.charset, given.value("template"))?;
        let login = given.script.as_ref().map(|program| login(program, given)).transpose()?;
        Ok(Box::new(Chat { shared: Arc::new(Shared::new(Desk::new(rules), wording)), login }))
    },
};

struct Chat {
    shared: Arc<Shared>,
    /// What each peer goes through before the operator hears of it.
    login: Option<Login>,
}

fn login(program: &Arc<Program>, given: &Given) -> Result<Login, Fault> {
    let options = Options { vars: given.vars()?, seed: given.seed, ..Options::default() };
    Login::new(program, options).map_err(|refusal| refusal.fault())
}

impl Service for Chat {
    fn start(&self, peer: &Peer) -> Box<dyn Conversation> {
        let name = peer.remote.to_string();
        let talker = Talker::new(Arc::clone(&self.shared), peer.session, name, peer.datagrams);
        match &self.login {
            Some(login) => Box::new(login.before(Box::new(talker)).0),
            None => Box::new(talker),
        }
    }

    fn reads_operator(&self) -> bool {
        true
    }

    fn operator(&self, said: Said<'_>, orders: &mut Vec<Order>) {
        let mut desk = self.shared.desk();
        if let Said::Line(line) = said {
            desk.typed(line);
        }
        orders.extend(desk.news().into_iter().map(|news| match news {
            News::Wake(session) => Order::Tell(session, WAKE.into()),
            News::Note(note) => Order::Note(note),
        }));
    }
}
