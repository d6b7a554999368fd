//! `upper`: ASCII letters are raised and every other byte is kept, as Python's `bytes.upper` does.
//!
//! With `--unicode` the message is text in the listener's character set and all of it is raised (`straße` becomes
//! `STRASSE`). A letter whose capital the set lacks is kept. Bytes that are no text are kept in UTF-8, and become `?` in
//! other sets. On raw streams a character that is cut between two reads is put together again.

use sockeye_core::{Conversation, Input, Outbox, Peer, Service, Tick};
use sockeye_wire::charset::{Charset, Decoder};

use crate::entry::{Choice, Entry, Example, Opt, Step, Welcome};

pub(crate) const ENTRY: Entry = Entry {
    name: "upper",
    options: &[Opt { long: "unicode", choice: Choice::Flag }],
    words: "",
    takes_rest: false,
    loads: None,
    welcome: &[
        Welcome { endpoint: "tcp://127.0.0.1:8080", args: &[], terminal_only: false },
        Welcome { endpoint: "udp://127.0.0.1:8080", args: &[], terminal_only: false },
    ],
    examples: &[
        Example {
            args: &[],
            datagrams: false,
            framing: "",
            whole: false,
            steps: &[
                Step::Send("hello, 世界 é".as_bytes()),
                Step::Expect("HELLO, 世界 é".as_bytes()),
                Step::Fin,
                Step::ExpectEof,
            ],
        },
        Example {
            args: &[],
            datagrams: false,
            framing: "line",
            whole: false,
            steps: &[Step::Send(b"one\ntwo\n"), Step::Expect(b"ONE\nTWO\n")],
        },
        Example {
            args: &["--unicode"],
            datagrams: false,
            framing: "",
            whole: false,
            steps: &[Step::Send("straße é".as_bytes()), Step::Expect("STRASSE É".as_bytes())],
        },
        Example {
            args: &[],
            datagrams: true,
            framing: "",
            whole: false,
            steps: &[Step::Send(b"hello"), Step::Expect(b"HELLO"), Step::Send(b""), Step::Expect(b"")],
        },
    ],
    build: |given| {
        given.words(0)?;
        let charset = given.has("unicode").then_some(given.charset);
        Ok(Box::new(Upper { charset }))
    },
};

struct Upper {
    charset: Option<Charset>,
}

impl Service for Upper {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        match self.charset {
            None => Box::new(Bytes),
            Some(charset) if charset.is_utf8() => Box::new(Utf8 { tail: Vec::new() }),
            Some(charset) => Box::new(Text { charset, decoder: charset.decoder() }),
        }
    }
}

/// ASCII alone.
struct Bytes;

impl Conversation for Bytes {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => out.message_with(|to| {
                let start = to.len();
                to.extend_from_slice(data);
                to[start..].make_ascii_uppercase();
            }),
            Input::Eof { .. } => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

/// UTF-8, the bytes of which that are no text being kept.
struct Utf8 {
    /// The start of a character, at most three bytes.
    tail: Vec<u8>,
}

impl Conversation for Utf8 {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => {
                let parts = out.lane().is_cut_anywhere();
                self.tail.extend_from_slice(data);
                let cut = if parts { unfinished(&self.tail) } else { self.tail.len() };
                if cut > 0 || !parts {
                    out.message_with(|to| raise(&self.tail[..cut], to));
                }
                self.tail.drain(..cut);
                self.tail.shrink_to(4);
            }
            Input::Eof { .. } => {
                if !self.tail.is_empty() {
                    out.message(&self.tail);
                }
                out.close();
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

/// Where a character begins that the end of `bytes` cuts off; their length if none does.
fn unfinished(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    for at in (from..bytes.len()).rev() {
        if bytes[at] >= 0xc0 {
            let cut = matches!(std::str::from_utf8(&bytes[at..]), Err(error) if error.error_len().is_none());
            return if cut { at } else { bytes.len() };
        }
        if bytes[at] < 0x80 {
            break;
        }
    }
    bytes.len()
}

fn raise(bytes: &[u8], to: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars().flat_map(char::to_uppercase) {
            to.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
        to.extend_from_slice(chunk.invalid());
    }
}

/// Another character set, by way of Unicode.
struct Text {
    charset: Charset,
    decoder: Decoder,
}

impl Text {
    fn answer(&mut self, data: &[u8], last: bool, out: &mut Outbox) {
        let mut text = String::new();
        self.decoder.decode(data, last, &mut text);
        if text.is_empty() && out.lane().is_cut_anywhere() {
            return;
        }
        let raised = text.to_uppercase();
        if let Ok(bytes) = self.charset.encode(&raised) {
            out.message(&bytes);
            return;
        }
        // Some character has no place in the set: what the peer sent as no text, or a capital that the set lacks.
        let mut bytes = Vec::with_capacity(data.len());
        for character in text.chars() {
            let capital: String = character.to_uppercase().collect();
            let kept = String::from(character);
            let found = self.charset.encode(&capital).or_else(|_| self.charset.encode(&kept));
            bytes.extend_from_slice(found.as_deref().unwrap_or(b"?"));
        }
        out.message(&bytes);
    }
}

impl Conversation for Text {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { data, .. } => {
                let last = !out.lane().is_cut_anywhere();
                self.answer(data, last, out);
            }
            Input::Eof { .. } => {
                if out.lane().is_cut_anywhere() {
                    self.answer(b"", true, out);
                }
                out.close();
            }
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

    #[test]
    fn a_cut_character_waits_and_a_broken_one_does_not() {
        let bytes = "a世".as_bytes();
        assert_eq!(unfinished(&bytes[..2]), 1);
        assert_eq!(unfinished(&bytes[..3]), 1);
        assert_eq!(unfinished(bytes), 4);
        assert_eq!(unfinished(b"\x80\x80\x80"), 3);
        assert_eq!(unfinished(b"\xe4a"), 2);
    }

    #[test]
    fn what_is_no_text_is_kept() {
        let mut raised = Vec::new();
        raise(b"\xffa\xe4\xb8", &mut raised);
        assert_eq!(raised, b"\xffA\xe4\xb8");
    }
}
