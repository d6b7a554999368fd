//! The conversation of `connect` and `nc`: what the operator says goes to the peer, what the peer says is printed.

use std::time::Duration;

use sockeye_core::limits::DATAGRAM;
use sockeye_core::{
    Basin, Code, Conversation, Effect, Fault, Input, Leg, Note, OPERATOR, Outbox, PEER, Tick,
};
use sockeye_wire::charset::Charset;
use sockeye_wire::notation;

use crate::bounds::bad_value;
use crate::shown::Shown;

/// How long answers are waited for once nothing more will be asked, where our end cannot be told without ending theirs:
/// on datagrams in all, on messages of a stream (a WebSocket's Close) since the last one.
const LINGER: Duration = Duration::from_secs(1);

/// What ends a line that is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eol {
    /// LF.
    Lf,
    /// CR LF.
    Crlf,
    /// CR.
    Cr,
    /// A zero byte.
    Nul,
    /// Nothing.
    #[default]
    None,
}

impl Eol {
    /// Every word of `--eol`.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("lf", Self::Lf), ("crlf", Self::Crlf), ("cr", Self::Cr), ("nul", Self::Nul), ("none", Self::None)];

    /// Reads a word of `--eol`.
    pub fn parse(word: &str) -> Result<Self, Fault> {
        let known = Self::WORDS.iter().find(|(name, _)| *name == word);
        known.map(|(_, eol)| *eol).ok_or_else(|| {
            let words: Vec<&str> = Self::WORDS.iter().map(|(name, _)| *name).collect();
            bad_value("--eol", word).detail(words.join(", "))
        })
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
            Self::Cr => "\r",
            Self::Nul => "\0",
            Self::None => "",
        }
    }
}

/// What the end of the operator's words means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEof {
    /// FIN; reading goes on. Datagrams linger.
    Finish,
    /// The end of both directions, once the peer has nothing more to say for a while.
    Linger,
    /// Nothing; reading goes on.
    Stay,
    /// FIN, and the session ends after this long.
    FinishAndQuit(Duration),
}

/// How to talk.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Manner {
    /// Added to every message of the operator.
    pub(crate) eol: Eol,
    /// How text is written on the wire.
    pub(crate) charset: Charset,
    /// The operator types hex.
    pub(crate) hex: bool,
    /// Each message is a datagram.
    pub(crate) datagrams: bool,
    /// The operator's messages are pieces, cut nowhere in particular: a character may be split over two.
    pub(crate) pieces: bool,
    /// A person types: what cannot be sent is told, and the session goes on.
    pub(crate) forgiving: bool,
    /// What the end of the operator's words means.
    pub(crate) at_eof: AtEof,
    /// How long words that are on their way are waited for once the peer will send no more.
    pub(crate) patience: Duration,
    /// Where the operator's words come from: [`OPERATOR`], or a leg opened on stdin.
    pub(crate) from: Leg,
}

/// One session of it.
pub(crate) struct Talk {
    manner: Manner,
    shown: Shown,
    deadline: Option<Tick>,
    /// The operator says no more.
    is_said: bool,
    /// The peer will send no more.
    peer_is_done: bool,
    bytes: Vec<u8>,
    /// The first bytes of a character whose rest is in the next piece; at most 3.
    split: Vec<u8>,
}

impl Talk {
    pub(crate) fn new(manner: Manner, shown: Shown) -> Self {
        Self {
            manner,
            shown,
            deadline: None,
            is_said: false,
            peer_is_done: false,
            bytes: Vec::new(),
            split: Vec::new(),
        }
    }

    fn said(&mut self, data: &[u8], out: &mut Outbox) {
        match self.encode(data) {
            Ok(()) => out.message(&self.bytes),
            Err(fault) if self.manner.forgiving => out.note(not_sent(&fault)),
            Err(fault) => out.fail(fault),
        }
    }

    /// Puts what the operator said into `bytes` as it goes on the wire.
    fn encode(&mut self, data: &[u8]) -> Result<(), Fault> {
        self.bytes.clear();
        let charset = self.manner.charset;
        if self.manner.hex {
            self.bytes.extend(notation::hex(text(data, Charset::default())?)?);
        } else if charset.is_utf8() {
            self.bytes.extend_from_slice(data);
        } else if self.manner.pieces {
            self.split.extend_from_slice(data);
            let whole = whole(&self.split);
            self.bytes.extend_from_slice(&charset.encode(text(&self.split[..whole], charset)?)?);
            self.split.drain(..whole);
        } else {
            self.bytes.extend_from_slice(&charset.encode(text(data, charset)?)?);
        }
        self.bytes.extend_from_slice(&charset.encode(self.manner.eol.text())?);
        if self.manner.datagrams && self.bytes.len() > DATAGRAM {
            let fault = Fault::new(Code::DatagramTooLong, "");
            return Err(fault.arg("size", self.bytes.len()).arg("max", DATAGRAM));
        }
        Ok(())
    }

    fn opened(&self, out: &mut Outbox) {
        if self.shown.is_exact() && out.lane().is_cut_anywhere() {
            out.effect(Effect::Pour { into: Basin::Stdout });
        }
        if self.manner.from != OPERATOR {
            out.effect(Effect::Connect { leg: self.manner.from, to: "-".into() });
        }
    }

    fn no_more(&mut self, now: Tick, out: &mut Outbox) {
        self.is_said = true;
        if let Err(fault) = text(&self.split, self.manner.charset) {
            return out.fail(fault);
        }
        if self.peer_is_done {
            return self.end(out);
        }
        match self.manner.at_eof {
            AtEof::Finish if self.manner.datagrams => self.deadline = Some(now + LINGER),
            AtEof::Finish => out.finish(),
            AtEof::Linger => self.deadline = Some(now + LINGER),
            AtEof::Stay => {}
            AtEof::FinishAndQuit(after) => {
                if !self.manner.datagrams {
                    out.finish();
                }
                self.deadline = Some(now + after);
            }
        }
    }

    fn end(&mut self, out: &mut Outbox) {
        self.shown.end(out);
        out.close();
    }
}

impl Conversation for Talk {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Message { leg: PEER, data } => {
                if self.is_said && self.manner.at_eof == AtEof::Linger {
                    self.deadline = Some(now + LINGER);
                }
                self.shown.message(data, out);
            }
            Input::Message { leg, data } if leg == self.manner.from => self.said(data, out),
            Input::Opened { leg: PEER } => self.opened(out),
            Input::Eof { leg } if leg == self.manner.from => self.no_more(now, out),
            Input::Eof { leg: PEER } if !self.is_said && !self.manner.patience.is_zero() => {
                self.peer_is_done = true;
                self.deadline = Some(now + self.manner.patience);
            }
            Input::Eof { leg: PEER } | Input::Timeout | Input::Stop => self.end(out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        self.deadline
    }
}

/// What was typed, as text. Bytes that are no text cannot be converted.
fn text(data: &[u8], charset: Charset) -> Result<&str, Fault> {
    std::str::from_utf8(data).map_err(|error| {
        let byte = data[error.valid_up_to()];
        Fault::new(Code::Uncharted, "")
            .arg("character", format!("\\x{byte:02x}"))
            .arg("charset", charset.name())
    })
}

/// How many bytes of `data` are not the beginning of a character that may still come whole.
fn whole(data: &[u8]) -> usize {
    match std::str::from_utf8(data) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => data.len(),
    }
}

/// Tells why a line was not sent.
fn not_sent(fault: &Fault) -> Note {
    let note = match fault.code {
        Code::BadHex => Note::new("bad-hex"),
        Code::DatagramTooLong => Note::new("datagram-too-long"),
        _ => Note::new("not-in-charset"),
    };
    fault.args.iter().fold(note, |note, (name, value)| note.arg(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_core::{Framing, Lane, Machine, Medium, Op};

    struct Bench {
        machine: Machine,
        out: Outbox,
    }

    fn bench(lane: Lane, change: impl FnOnce(&mut Manner)) -> Bench {
        let mut manner = Manner {
            eol: Eol::None,
            charset: Charset::default(),
            hex: false,
            datagrams: lane.medium.is_datagrams(),
            pieces: false,
            forgiving: false,
            at_eof: AtEof::Finish,
            patience: Duration::ZERO,
            from: OPERATOR,
        };
        change(&mut manner);
        let shown = Shown::new(manner.charset, false, !lane.framing.is_raw());
        let talk = Talk::new(manner, shown);
        let mut bench = Bench { machine: Machine::new(Box::new(talk), lane, 1024), out: Outbox::new(|| 0) };
        bench.machine.opened(Tick::ZERO, &mut bench.out);
        bench
    }

    impl Bench {
        fn say(&mut self, data: &[u8]) {
            self.machine.input(Tick::ZERO, Input::Message { leg: OPERATOR, data }, &mut self.out);
        }

        fn eof(&mut self) {
            self.machine.input(Tick::ZERO, Input::Eof { leg: OPERATOR }, &mut self.out);
        }
    }

    const RAW: Lane = Lane::stream(Framing::RAW);

    #[test]
    fn a_typed_line_ends_as_asked() {
        let mut bench = bench(RAW, |manner| manner.eol = Eol::Crlf);
        bench.say(b"HELO");
        assert_eq!(bench.out.bytes(), b"HELO\r\n");
    }

    #[test]
    fn the_end_of_stdin_is_a_fin_and_reading_goes_on() {
        let mut bench = bench(RAW, |_| {});
        bench.eof();
        let ops = bench.out.take_ops();
        assert!(matches!(ops[..], [Op::Effect(Effect::Pour { into: Basin::Stdout }), Op::Finish]), "{ops:?}");
        bench.machine.bytes(Tick::ZERO, PEER, &mut b"late".to_vec(), &mut bench.out).unwrap();
        assert_eq!(bench.out.printed(), b"late");
    }

    #[test]
    fn messages_of_a_stream_are_waited_for_until_it_is_quiet() {
        let lane = Lane { framing: Framing::DGRAM, medium: Medium::Messages };
        let mut bench = bench(lane, |manner| manner.at_eof = AtEof::Linger);
        bench.say(b"one");
        bench.eof();
        assert!(!bench.out.is_over());
        let later = Tick::ZERO + Duration::from_millis(900);
        bench.machine.message(later, PEER, &mut b"ONE".to_vec(), &mut bench.out).unwrap();
        assert_eq!(bench.machine.deadline(), Some(later + LINGER));
        bench.machine.input(later + LINGER, Input::Timeout, &mut bench.out);
        assert_eq!((bench.out.printed(), bench.out.is_over()), (&b"ONE\n"[..], true));
    }

    #[test]
    fn words_on_their_way_are_sent_after_the_peers_fin() {
        let patience = Duration::from_millis(100);
        let mut bench = bench(RAW, |manner| manner.patience = patience);
        bench.machine.eof(Tick::ZERO, PEER, &mut bench.out).unwrap();
        assert!(!bench.out.is_over());
        assert_eq!(bench.machine.deadline(), Some(Tick::ZERO + patience));
        bench.say(b"late");
        bench.eof();
        assert_eq!((bench.out.bytes(), bench.out.is_over()), (&b"late"[..], true));
    }

    #[test]
    fn an_empty_line_is_an_empty_datagram_and_the_end_lingers() {
        let mut bench = bench(Lane::DGRAM, |_| {});
        bench.say(b"");
        assert!(matches!(bench.out.take_ops()[..], [Op::Own(0)]));
        bench.eof();
        assert_eq!(bench.machine.deadline(), Some(Tick::ZERO + LINGER));
    }

    #[test]
    fn what_cannot_be_sent_fails_a_pipe_and_is_told_to_a_person() {
        let gbk = Charset::parse("gbk").unwrap();
        for forgiving in [false, true] {
            let mut bench = bench(RAW, |manner| {
                manner.charset = gbk;
                manner.forgiving = forgiving;
            });
            bench.say("\u{1f600}".as_bytes());
            assert_eq!(bench.out.is_over(), !forgiving);
            assert!(bench.out.bytes().is_empty());
        }
    }

    #[test]
    fn text_is_converted_both_ways() {
        let gbk = Charset::parse("gbk").unwrap();
        let mut bench = bench(RAW, |manner| manner.charset = gbk);
        bench.say("你好".as_bytes());
        assert_eq!(bench.out.bytes(), b"\xc4\xe3\xba\xc3");
        for byte in [0xc4, 0xe3] {
            bench.machine.bytes(Tick::ZERO, PEER, &mut [byte], &mut bench.out).unwrap();
        }
        assert_eq!(bench.out.printed(), "你".as_bytes());
    }

    #[test]
    fn the_end_of_a_line_is_text_too() {
        let mut bench = bench(RAW, |manner| {
            manner.charset = Charset::parse("utf-16be").unwrap();
            manner.eol = Eol::Crlf;
        });
        bench.say("你".as_bytes());
        assert_eq!(bench.out.bytes(), b"\x4f\x60\0\r\0\n");
    }

    #[test]
    fn a_character_split_over_two_pieces_is_sent_whole() {
        let gbk = Charset::parse("gbk").unwrap();
        let mut bench = bench(RAW, |manner| {
            manner.charset = gbk;
            manner.pieces = true;
        });
        for byte in "你\n".as_bytes() {
            bench.say(&[*byte]);
        }
        assert_eq!(bench.out.bytes(), b"\xc4\xe3\n");
        bench.say(b"\xe4");
        bench.eof();
        assert!(bench.out.is_over());
    }

    #[test]
    fn a_framed_message_is_a_line_of_output() {
        let mut bench = bench(Lane::stream(Framing::parse("line").unwrap()), |_| {});
        bench.machine.bytes(Tick::ZERO, PEER, &mut b"one\ntwo\n".to_vec(), &mut bench.out).unwrap();
        assert_eq!(bench.out.printed(), b"one\ntwo\n");
    }
}
