//! `forward`: everything goes to another endpoint and back, byte for byte, FIN and RST included. This is what `proxy`
//! runs too.
//!
//! The peer is not read until the target is connected. Where the two sides travel differently (a stream and datagrams,
//! two framings), whole messages are handed over. Datagrams know no FIN: when the peer's stream ends, a target of
//! datagrams has a second for its last answers; when the target's stream ends, so does the session, and the peer's next
//! datagram begins another.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::endpoint::Endpoint;
use sockeye_core::{Code, Conversation, Effect, Fault, Input, Leg, Outbox, PEER, Peer, Service, Tick};

use crate::bridge::{Bridge, FAR};
use crate::entry::{Entry, Example};

pub(crate) const ENTRY: Entry = Entry {
    name: "forward",
    options: &[],
    words: "ENDPOINT",
    takes_rest: false,
    loads: None,
    welcome: &[],
    examples: &[Example {
        args: &["tcp://127.0.0.1:7788"],
        datagrams: false,
        framing: "",
        whole: false,
        steps: &[],
    }],
    build: |given| {
        let [target] = given.words(1)? else {
            return Err(Fault::new(Code::BadEndpoint, "").arg("endpoint", ""));
        };
        let shown = target.parse::<Endpoint>()?.bare().to_string();
        Ok(Box::new(Forward { target: Arc::from(target.as_str()), shown: Arc::from(shown) }))
    },
};

/// How long answers of a target of datagrams are waited for once the peer has ended.
const LINGER: Duration = Duration::from_secs(1);

struct Forward {
    target: Arc<str>,
    /// The target as faults name it.
    shown: Arc<str>,
}

impl Service for Forward {
    fn start(&self, _peer: &Peer) -> Box<dyn Conversation> {
        Box::new(Relay {
            target: Arc::clone(&self.target),
            shown: Arc::clone(&self.shown),
            bridge: Bridge::default(),
            ended: Ended::default(),
            until: None,
        })
    }
}

/// Which sides have sent their FIN.
#[derive(Default)]
struct Ended {
    peer: bool,
    target: bool,
}

struct Relay {
    target: Arc<str>,
    shown: Arc<str>,
    bridge: Bridge,
    ended: Ended,
    /// When to close, because a side of datagrams cannot end by itself.
    until: Option<Tick>,
}

impl Relay {
    fn ended(&mut self, now: Tick, from: Leg, out: &mut Outbox) {
        if from == PEER {
            self.ended.peer = true;
        } else {
            self.ended.target = true;
        }
        Bridge::finish(from, out);
        let endless = out.lane().medium.is_datagrams();
        if endless && from == PEER {
            self.until = Some(now + LINGER);
        }
        if endless && from != PEER || self.ended.peer && self.ended.target {
            out.close();
        }
    }

    fn failed(&self, leg: Leg, why: &str, out: &mut Outbox) {
        if leg == FAR && !self.bridge.is_open() {
            let code = Code::of(why).unwrap_or(Code::CannotConnect);
            out.fail(Fault::new(code, format!("forward {}", self.shown)));
        } else {
            out.abort();
        }
    }
}

impl Conversation for Relay {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => {
                Bridge::ask(Effect::Connect { leg: FAR, to: (*self.target).into() }, out);
            }
            Input::Opened { .. } => self.bridge.join(out),
            Input::Message { leg, data } => self.bridge.carry(leg, data, out),
            Input::Eof { leg } => self.ended(now, leg, out),
            Input::Failed { leg, why } => self.failed(leg, why, out),
            Input::Timeout => out.close(),
            // What is between the two sides is theirs to finish; the driver ends it when the drain is over.
            Input::Stop if !self.bridge.is_open() => out.close(),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Tick> {
        self.until
    }
}
