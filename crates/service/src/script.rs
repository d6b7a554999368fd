//! `script FILE`: the conversation in a file, from the other side: what it says a client sent is expected, and what the
//! client got is answered. A recording is such a file.
//!
//! A file of one session answers everybody with it; of several sessions, each caller gets the next not yet played that
//! begins as it does, and when all were played they begin again. Who says what is not in the file fails: the session ends
//! with an RST, and what differs is told. Peers that `listen` in the file are played as written.

use sockeye_core::{Code, Fault};
use sockeye_script::play::{Mock, Options, Pace, Reuse};

use crate::entry::{By, Choice, Entry, Example, Loads, Opt, Step};

pub(crate) const ENTRY: Entry = Entry {
    name: "script",
    options: &[
        Opt { long: "var", choice: Choice::Many("NAME=VALUE") },
        Opt { long: "pace", choice: Choice::Value("PACE") },
    ],
    words: "FILE",
    takes_rest: false,
    loads: Some(Loads {
        by: By::Word,
        example: "\
@frame line
peer c connect tcp://127.0.0.1:9000
c < \"220 ready\"
c > \"HELO me\"
c < \"250 hello\"
c > \"QUIT\"
c < \"221 bye\"
c <eof
",
    }),
    welcome: &[],
    examples: &[Example {
        args: &["hello.skt"],
        datagrams: false,
        framing: "line",
        whole: false,
        steps: &[
            Step::Expect(b"220 ready\n"),
            Step::Send(b"HELO me\n"),
            Step::Expect(b"250 hello\n"),
            Step::Send(b"QUIT\n"),
            Step::Expect(b"221 bye\n"),
            Step::ExpectEof,
        ],
    }],
    build: |given| {
        let [_] = given.words(1)? else {
            return Err(Fault::new(Code::Usage, "").arg("what", "missing").arg("name", "FILE"));
        };
        let Some(program) = &given.script else { return Err(Fault::new(Code::Internal, "")) };
        let options = Options {
            vars: given.vars()?,
            pace: given.value("pace").map_or(Ok(Pace::Fast), str::parse)?,
            seed: given.seed,
            ..Options::default()
        };
        let mock = Mock::new(program, options, Reuse::Again).map_err(|refusal| refusal.fault())?;
        Ok(Box::new(mock))
    },
};
