//! `ask`: send messages, print the reply to each, and be done.

use std::time::Duration;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::limits::DATAGRAM;
use sockeye_core::quantity::Span;
use sockeye_core::{Code, Conversation, Fault, Framing, Input, Outbox, PEER, Tick};
use sockeye_net::End;
use sockeye_net::client::{self, Options};
use sockeye_net::transport::Role;
use sockeye_wire::charset::Charset;
use sockeye_wire::notation;

use crate::bounds::Bounds;
use crate::given::{self, Params};
use crate::secrets;
use crate::shown::Shown;
use crate::views::Views;

/// The whole budget unless told otherwise: connecting, asking, the last reply.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The silence that ends a raw reply unless told otherwise.
pub const QUIET: Duration = Duration::from_millis(200);

/// What to ask whom.
#[derive(Clone, Debug)]
pub struct Request {
    /// The endpoint, as written.
    pub endpoint: String,
    /// Endpoint parameters given as flags.
    pub params: Params,
    /// The messages: text, or bytes as `hex:…` and `b64:…`.
    pub messages: Vec<String>,
    /// Every message is hex, and replies are shown as a hex dump.
    pub hex: bool,
    /// Messages that make one reply where something marks messages; at least 1.
    pub replies: u64,
    /// The silence that ends a raw reply, once it has begun.
    pub quiet: Duration,
    /// Whether a raw reply that ends no line is ended, so that the next one is seen apart: for a person's screen.
    pub apart: bool,
    /// Bounds.
    pub bounds: Bounds,
}

/// Asks, and prints the replies.
pub fn run(request: &Request, views: &Views) -> Result<End, Fault> {
    let (mut endpoint, conversation) = plan(request, "ask")?;
    secrets::fill(&mut endpoint, &*views.watcher);
    let options = Options {
        verb: "ask",
        endpoint,
        limits: request.bounds.limits.clone(),
        front: views.front(),
        observer: views.observer.clone(),
    };
    client::run(options, conversation, None)?;
    Ok(End::Done)
}

/// Understands a request, with nothing opened yet. Without messages the conversation ends as soon as it stands.
pub(crate) fn plan(request: &Request, verb: &str) -> Result<(Endpoint, Box<dyn Conversation>), Fault> {
    let mut endpoint = given::endpoint(&request.endpoint, &request.params)?;
    let subject = format!("{verb} {}", endpoint.bare());
    let timeout = *endpoint.params.timeout.get_or_insert(TIMEOUT);
    let lane = given::lane(&endpoint, Role::Connect)?;
    let charset = given::charset(&endpoint)?;
    let mut messages = Vec::with_capacity(request.messages.len());
    for text in &request.messages {
        let checked = message(text, charset, request.hex, lane.framing, &endpoint.scheme);
        messages.push(checked.map_err(|fault| fault.doing(&subject))?);
    }
    let marked = given::is_marked(lane);
    let ask = Ask {
        messages: messages.into_iter(),
        reply: if marked { Reply::Messages(request.replies) } else { Reply::Until(request.quiet) },
        shown: Shown::new(charset, request.hex, marked),
        subject,
        timeout,
        heard: 0,
        silent_at: None,
        apart: request.apart,
        open: false,
    };
    Ok((endpoint, Box::new(ask)))
}

/// A message as it goes on the wire, checked before anything is opened.
fn message(
    text: &str,
    charset: Charset,
    hex: bool,
    framing: Framing,
    scheme: &str,
) -> Result<Vec<u8>, Fault> {
    let bytes = if hex {
        notation::hex(text)?
    } else if text.starts_with("hex:") || text.starts_with("b64:") {
        notation::parse(text)?
    } else {
        charset.encode(notation::literal(text))?.into_owned()
    };
    let mut framed = Vec::new();
    framing.wrap(&bytes, &mut framed)?;
    if scheme == "udp" && framed.len() > DATAGRAM {
        let fault = Fault::new(Code::DatagramTooLong, "");
        return Err(fault.arg("size", framed.len()).arg("max", DATAGRAM));
    }
    Ok(bytes)
}

/// What makes a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    /// This many messages.
    Messages(u64),
    /// All that comes until FIN, or until silence of this long after its first byte.
    Until(Duration),
}

/// The conversation: one message, its reply, the next.
struct Ask {
    messages: std::vec::IntoIter<Vec<u8>>,
    reply: Reply,
    shown: Shown,
    subject: String,
    /// From the driver's start, so that connecting is part of it.
    timeout: Duration,
    heard: u64,
    silent_at: Option<Tick>,
    apart: bool,
    /// Whether a raw reply was printed that has ended no line yet.
    open: bool,
}

impl Ask {
    fn next(&mut self, out: &mut Outbox) {
        self.heard = 0;
        self.silent_at = None;
        match self.messages.next() {
            Some(message) => {
                if self.apart && self.open {
                    out.print(b"\n");
                    self.open = false;
                }
                out.message(&message);
            }
            None => self.done(out),
        }
    }

    fn done(&mut self, out: &mut Outbox) {
        self.shown.end(out);
        out.close();
    }

    fn heard(&mut self, now: Tick, data: &[u8], out: &mut Outbox) {
        self.shown.message(data, out);
        self.heard += 1;
        self.open = matches!(self.reply, Reply::Until(_)) && data.last().is_some_and(|byte| *byte != b'\n');
        match self.reply {
            Reply::Messages(count) if self.heard >= count => self.next(out),
            Reply::Messages(_) => {}
            Reply::Until(quiet) => self.silent_at = Some(now + quiet),
        }
    }

    fn peer_finished(&mut self, out: &mut Outbox) {
        let whole = matches!(self.reply, Reply::Until(_)) && self.heard > 0;
        if whole && self.messages.len() == 0 {
            return self.done(out);
        }
        self.shown.end(out);
        out.fail(Fault::new(Code::EarlyFin, &self.subject));
    }

    fn time(&mut self, now: Tick, out: &mut Outbox) {
        if self.silent_at.is_some_and(|at| at <= now) {
            return self.next(out);
        }
        if now >= self.budget() {
            self.shown.end(out);
            let fault = Fault::new(Code::Timeout, &self.subject);
            out.fail(fault.arg("after", Span(self.timeout)));
        }
    }

    fn budget(&self) -> Tick {
        Tick::ZERO + self.timeout
    }
}

impl Conversation for Ask {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => self.next(out),
            Input::Message { leg: PEER, data } => self.heard(now, data, out),
            Input::Eof { leg: PEER } => self.peer_finished(out),
            Input::Timeout => self.time(now, out),
            Input::Stop => self.done(out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        Some(self.silent_at.map_or(self.budget(), |at| at.min(self.budget())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_core::{Effect, Lane, Machine, Op};

    struct Bench {
        machine: Machine,
        out: Outbox,
    }

    fn asking(messages: &[&str], lane: Lane, replies: u64) -> Ask {
        let marked = !lane.framing.is_raw();
        let messages: Vec<Vec<u8>> = messages.iter().map(|text| text.as_bytes().to_vec()).collect();
        Ask {
            messages: messages.into_iter(),
            reply: if marked { Reply::Messages(replies) } else { Reply::Until(QUIET) },
            shown: Shown::new(Charset::default(), false, marked),
            subject: "ask tcp://peer:1".to_owned(),
            timeout: TIMEOUT,
            heard: 0,
            silent_at: None,
            apart: false,
            open: false,
        }
    }

    fn start(messages: &[&str], lane: Lane, replies: u64) -> Bench {
        begin(asking(messages, lane, replies), lane)
    }

    fn begin(ask: Ask, lane: Lane) -> Bench {
        let mut bench = Bench { machine: Machine::new(Box::new(ask), lane, 1024), out: Outbox::new(|| 0) };
        bench.machine.opened(Tick::ZERO, &mut bench.out);
        bench
    }

    impl Bench {
        fn hear(&mut self, now: Tick, bytes: &[u8]) {
            self.machine.bytes(now, PEER, &mut bytes.to_vec(), &mut self.out).unwrap();
        }

        fn failed(&mut self) -> Option<Code> {
            self.out.take_ops().iter().find_map(|op| match op {
                Op::Effect(Effect::Fail(fault)) => Some(fault.code),
                _ => None,
            })
        }

        fn closed(&mut self) -> bool {
            self.out.take_ops().iter().any(|op| matches!(op, Op::Close))
        }
    }

    const RAW: Lane = Lane::stream(Framing::RAW);

    fn line() -> Lane {
        Lane::stream(Framing::parse("line").unwrap())
    }

    #[test]
    fn a_raw_reply_is_all_until_silence() {
        let mut bench = start(&["hi"], RAW, 1);
        assert_eq!(bench.out.bytes(), b"hi");
        bench.hear(Tick::ZERO, b"one ");
        let later = Tick::ZERO + Duration::from_millis(150);
        bench.hear(later, b"two");
        assert_eq!(bench.machine.deadline(), Some(later + QUIET));
        bench.machine.input(later + QUIET, Input::Timeout, &mut bench.out);
        assert_eq!(bench.out.printed(), b"one two");
        assert!(bench.closed());
    }

    #[test]
    fn raw_replies_stand_apart_for_a_person_and_pass_exactly_otherwise() {
        for (apart, printed) in [(false, &b"AB\nC"[..]), (true, b"A\nB\nC")] {
            let ask = Ask { apart, ..asking(&["a", "b", "c"], RAW, 1) };
            let mut bench = begin(ask, RAW);
            for (second, reply) in (0..).zip([&b"A"[..], b"B\n", b"C"]) {
                let now = Tick::ZERO + Duration::from_secs(second);
                bench.hear(now, reply);
                bench.machine.input(now + QUIET, Input::Timeout, &mut bench.out);
            }
            assert_eq!(bench.out.printed(), printed);
        }
    }

    #[test]
    fn a_framed_reply_is_one_message_and_then_the_next_is_asked() {
        let mut bench = start(&["a", "b"], line(), 1);
        bench.hear(Tick::ZERO, b"A\n");
        assert_eq!(bench.out.bytes(), b"a\nb\n");
        bench.hear(Tick::ZERO, b"B\n");
        assert_eq!(bench.out.printed(), b"A\nB\n");
        assert!(bench.closed());
    }

    #[test]
    fn more_messages_may_make_a_reply() {
        let mut bench = start(&["a"], line(), 2);
        bench.hear(Tick::ZERO, b"1\n");
        assert!(!bench.out.is_over());
        bench.hear(Tick::ZERO, b"2\n");
        assert!(bench.closed());
    }

    #[test]
    fn a_fin_ends_a_raw_reply_and_breaks_a_missing_one() {
        let mut bench = start(&["a"], RAW, 1);
        bench.hear(Tick::ZERO, b"x");
        bench.machine.eof(Tick::ZERO, PEER, &mut bench.out).unwrap();
        assert!(bench.closed());
        for (messages, lane, heard) in
            [(&["a"][..], RAW, &b""[..]), (&["a", "b"], RAW, b"x"), (&["a", "b"], line(), b"x\n")]
        {
            let mut bench = start(messages, lane, 1);
            bench.hear(Tick::ZERO, heard);
            bench.machine.eof(Tick::ZERO, PEER, &mut bench.out).unwrap();
            assert_eq!(bench.failed(), Some(Code::EarlyFin));
        }
    }

    #[test]
    fn the_budget_counts_from_the_start_and_holds_against_an_endless_peer() {
        let mut bench = start(&["a"], RAW, 1);
        assert_eq!(bench.machine.deadline(), Some(Tick::ZERO + TIMEOUT));
        let end = Tick::ZERO + TIMEOUT;
        bench.hear(end, b"x");
        assert_eq!(bench.machine.deadline(), Some(end));
        bench.machine.input(end, Input::Timeout, &mut bench.out);
        assert_eq!(bench.failed(), Some(Code::Timeout));
    }

    #[test]
    fn messages_are_checked_before_anything_is_opened() {
        let check = |text: &str, hex| message(text, Charset::default(), hex, Framing::DGRAM, "udp");
        assert_eq!(check("hex:0a ff", false).unwrap(), [0x0a, 0xff]);
        assert_eq!(check("0aff", true).unwrap(), [0x0a, 0xff]);
        assert_eq!(check("hex:0", false).unwrap_err().code, Code::BadHex);
        assert_eq!(check(&"x".repeat(DATAGRAM + 1), false).unwrap_err().code, Code::DatagramTooLong);
        assert!(check(&"x".repeat(DATAGRAM), false).is_ok());
    }
}
