//! `reply`: automatic answers. Each `--on PATTERN=ANSWER` is tried in the order given and the first that matches
//! answers; `--default` answers when none does, and without it nothing is said.
//!
//! A pattern is one of:
//! - text: the whole message must equal it; it ends at the first `=`,
//! - `hex:` and bytes, likewise,
//! - `/regex/`: found anywhere in the message; it ends at the first `/=` (a `/` within is written `\/`).
//!
//! An answer is text or `hex:`. The text answer to a regex may use `$1`, `${1}` and `${name}`; `$$` is a dollar sign. Text
//! is written in the listener's character set, and a regex looks at the message as UTF-8. Messages are compared exactly
//! as they come: on raw streams with the line ending that most programs send, which `-F line` or `-F crlf` strips.

use std::sync::Arc;

use regex::bytes::Regex;
use sockeye_core::{Code, Conversation, Fault, Input, Outbox, Peer, Service, Tick};
use sockeye_wire::charset::Charset;
use sockeye_wire::notation;

use crate::entry::{Choice, Entry, Example, Opt, Step};

pub(crate) const ENTRY: Entry = Entry {
    name: "reply",
    options: &[
        Opt { long: "on", choice: Choice::Many("PATTERN=ANSWER") },
        Opt { long: "default", choice: Choice::Value("ANSWER") },
    ],
    words: "",
    takes_rest: false,
    loads: None,
    welcome: &[],
    examples: &[
        Example {
            args: &["--on", "PING=PONG", "--on", "/^(?<verb>\\w+) (.*)$/=$2 ${verb}", "--default", "what?"],
            datagrams: false,
            framing: "line",
            whole: false,
            steps: &[
                Step::Send(b"PING\nget book\n\n"),
                Step::Expect(b"PONG\nbook get\nwhat?\n"),
                Step::Fin,
                Step::ExpectEof,
            ],
        },
        Example {
            args: &["--on", "hex:01 02=hex:03"],
            datagrams: false,
            framing: "",
            whole: true,
            steps: &[Step::Send(b"\x01\x02"), Step::Expect(b"\x03")],
        },
        Example {
            args: &["--on", "你好=再见"],
            datagrams: true,
            framing: "",
            whole: false,
            steps: &[
                Step::Send("你好吗".as_bytes()),
                Step::Send("你好".as_bytes()),
                Step::Expect("再见".as_bytes()),
            ],
        },
    ],
    build: |given| {
        given.words(0)?;
        let charset = given.charset;
        let mut rules = Vec::new();
        for text in given.values("on") {
            rules.push(Rule::read(text, charset)?);
        }
        let default = given.value("default").map(|text| plain(text, charset)).transpose()?;
        if rules.is_empty() && default.is_none() {
            return Err(Fault::new(Code::Usage, "").arg("what", "missing").arg("name", "--on"));
        }
        Ok(Box::new(Reply { book: Arc::new(Book { rules, default, charset }) }))
    },
};

enum Rule {
    /// The whole message equals the first; the second is said.
    Whole(Vec<u8>, Vec<u8>),
    /// The regex is found; these bytes are said.
    Found(Regex, Vec<u8>),
    /// The regex is found; its groups are put into this text, which is then written in the character set.
    Filled(Regex, String),
}

impl Rule {
    fn read(text: &str, charset: Charset) -> Result<Self, Fault> {
        let bad = || Fault::new(Code::BadPattern, "").arg("value", text);
        let Some(rest) = text.strip_prefix('/') else {
            let (pattern, answer) = text.split_once('=').ok_or_else(bad)?;
            return Ok(Self::Whole(plain(pattern, charset)?, plain(answer, charset)?));
        };
        let (pattern, answer) = split_regex(rest).ok_or_else(bad)?;
        let regex = Regex::new(pattern).map_err(|error| bad().detail(error))?;
        if is_hex(answer) || !answer.contains('$') {
            return Ok(Self::Found(regex, plain(answer, charset)?));
        }
        charset.encode(answer)?;
        Ok(Self::Filled(regex, answer.to_owned()))
    }
}

/// Splits after the closing `/`, which is the first unescaped one that `=` follows.
fn split_regex(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'/' if text.as_bytes().get(at + 1) == Some(&b'=') => {
                return Some((&text[..at], &text[at + 2..]));
            }
            _ => {}
        }
    }
    None
}

fn is_hex(text: &str) -> bool {
    text.starts_with("hex:")
}

/// Bytes as a user writes them: `hex:`, or text in the character set.
fn plain(text: &str, charset: Charset) -> Result<Vec<u8>, Fault> {
    if is_hex(text) { notation::parse(text) } else { Ok(charset.encode(text)?.into_owned()) }
}

struct Book {
    rules: Vec<Rule>,
    default: Option<Vec<u8>>,
    charset: Charset,
}

impl Book {
    fn answer(&self, message: &[u8], out: &mut Outbox) {
        // Decoded once, and only when a regex is there to look at it.
        let mut text = None;
        for rule in &self.rules {
            match rule {
                Rule::Whole(whole, answer) if whole == message => return out.message(answer),
                Rule::Whole(..) => {}
                Rule::Found(regex, answer) => {
                    if regex.is_match(self.read(message, &mut text)) {
                        return out.message(answer);
                    }
                }
                Rule::Filled(regex, answer) => {
                    if let Some(groups) = regex.captures(self.read(message, &mut text)) {
                        return self.fill(&groups, answer, out);
                    }
                }
            }
        }
        if let Some(answer) = &self.default {
            out.message(answer);
        }
    }

    /// The message as UTF-8; what comes in UTF-8 is looked at as it is.
    fn read<'a>(&self, message: &'a [u8], text: &'a mut Option<String>) -> &'a [u8] {
        if self.charset.is_utf8() {
            return message;
        }
        text.get_or_insert_with(|| self.charset.decode(message).into_owned()).as_bytes()
    }

    fn fill(&self, groups: &regex::bytes::Captures<'_>, answer: &str, out: &mut Outbox) {
        if self.charset.is_utf8() {
            out.message_with(|to| groups.expand(answer.as_bytes(), to));
            return;
        }
        let mut filled = Vec::new();
        groups.expand(answer.as_bytes(), &mut filled);
        match self.charset.encode(&String::from_utf8_lossy(&filled)) {
            Ok(bytes) => out.message(&bytes),
            Err(fault) => out.fail(fault.doing("reply")),
        }
    }
}

struct Reply {
    book: Arc<Book>,
}

impl Service for Reply {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Self { book: Arc::clone(&self.book) })
    }
}

impl Conversation for Reply {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => self.book.answer(data, out),
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<Code> {
        Rule::read(text, Charset::default()).err().map(|fault| fault.code)
    }

    #[test]
    fn a_regex_ends_where_a_slash_meets_the_equals_sign() {
        assert_eq!(split_regex("a=b/=c/=d"), Some(("a=b", "c/=d")));
        assert_eq!(split_regex(r"a\/=b/=c"), Some((r"a\/=b", "c")));
        assert_eq!(split_regex(r"a/b/="), Some(("a/b", "")));
        assert_eq!(split_regex("a/b"), None);
    }

    #[test]
    fn what_is_no_rule_is_a_fault() {
        assert_eq!(code("PING"), Some(Code::BadPattern));
        assert_eq!(code("/(/=x"), Some(Code::BadPattern));
        assert_eq!(code("/x=y"), Some(Code::BadPattern));
        assert_eq!(code("hex:0=y"), Some(Code::BadHex));
        assert_eq!(code("="), None);
    }
}
