//! A conversation told by rules: what it does upon which input, each once. Inputs are told as lines: `opened 1`,
//! `message 1 hello`, `eof 1`, `failed 1 refused`, `listening 1`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockeye_core::{
    Code, Conversation, Effect, Event, Fault, Input, Kind, Leg, Limits, Note, Observer, Outbox, PEER,
    SessionId, Tick,
};
use sockeye_net::Front;
use sockeye_net::client::{self, Free};

/// Longer than any test takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a rule does. It is told where legs listen, by leg.
type Act = Box<dyn FnOnce(&mut Outbox, &HashMap<Leg, String>)>;

pub(crate) struct Rule(&'static str, Act);

/// Upon this line, do that.
pub(crate) fn on(line: &'static str, act: impl FnOnce(&mut Outbox, &HashMap<Leg, String>) + 'static) -> Rule {
    Rule(line, Box::new(act))
}

/// Sends a message on a leg.
pub(crate) fn say(out: &mut Outbox, leg: Leg, text: &str) {
    out.to(leg);
    out.message(text.as_bytes());
}

pub(crate) fn listen(out: &mut Outbox, leg: Leg, at: &str) {
    out.effect(Effect::Listen { leg, at: at.into() });
}

pub(crate) fn connect(out: &mut Outbox, leg: Leg, to: &str) {
    out.effect(Effect::Connect { leg, to: to.into() });
}

struct Ruled {
    rules: Vec<Rule>,
    urls: HashMap<Leg, String>,
    log: Arc<Mutex<Vec<String>>>,
    began: Option<Tick>,
}

impl Conversation for Ruled {
    fn handle(&mut self, now: Tick, input: Input<'_>, out: &mut Outbox) {
        self.began.get_or_insert(now);
        let line = match input {
            Input::Opened { leg: PEER } => "begin".to_owned(),
            Input::Opened { leg } => format!("opened {leg}"),
            Input::Listening { leg, url } => {
                self.urls.insert(leg, url.to_owned());
                format!("listening {leg}")
            }
            Input::Message { leg, data } => format!("message {leg} {}", String::from_utf8_lossy(data)),
            Input::Eof { leg } => format!("eof {leg}"),
            Input::Failed { leg, why } => format!("failed {leg} {why}"),
            Input::Timeout => {
                out.fail(Fault::new(Code::Timeout, "a rule").arg("after", "20s"));
                "timeout".to_owned()
            }
            other => panic!("{other:?}"),
        };
        self.log.lock().unwrap().push(line.clone());
        if let Some(at) = self.rules.iter().position(|rule| rule.0 == line) {
            let Rule(_, act) = self.rules.remove(at);
            act(out, &self.urls);
        }
    }

    fn deadline(&self) -> Option<Tick> {
        self.began.map(|began| began + PATIENCE)
    }
}

/// Keeps what is shown, as lines: `error [code] subject`, `wire 1 in hello`, `fin 1 out`, `reset 1 in`.
pub(crate) struct Eye {
    pub(crate) seen: Mutex<Vec<String>>,
    wants_wire: bool,
}

impl Eye {
    pub(crate) fn new(wants_wire: bool) -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), wants_wire })
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn begins(&self, start: &str) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.starts_with(start)).collect()
    }
}

impl Observer for Eye {
    fn event(&self, event: &Event<'_>) {
        let line = match event.kind {
            Kind::Error(fault) => format!("error {fault}"),
            Kind::Accepted { transport, local, remote } => format!("accepted {transport} {local} {remote}"),
            Kind::Connected { leg, transport, local, remote } => {
                format!("connected {leg} {transport} {local} {remote}")
            }
            Kind::Connecting { leg, .. } => format!("connecting {leg}"),
            Kind::Wire { leg, direction, data } => {
                format!("wire {leg} {} {}", direction.word(), String::from_utf8_lossy(data))
            }
            Kind::Secret { line } => format!("secret {} {line}", event.session),
            Kind::HalfClosed { leg, direction, .. } => format!("fin {leg} {}", direction.word()),
            Kind::Reset { leg, direction } => format!("reset {leg} {}", direction.word()),
            Kind::Tls { leg, facts } => format!("tls {leg} {}", facts.version),
            Kind::Closed { .. } => "closed".to_owned(),
            _ => return,
        };
        self.seen.lock().unwrap().push(line);
    }

    fn wants_wire(&self) -> bool {
        self.wants_wire
    }
}

/// Nobody.
pub(crate) struct Quiet;

impl Front for Quiet {
    fn listening(&self, _url: &str, _service: &str) {}

    fn print(&self, _session: SessionId, _payload: &[u8]) {}

    fn is_blocked(&self) -> bool {
        false
    }

    fn note(&self, _session: SessionId, _note: &Note) {}

    fn fault(&self, _session: SessionId, _fault: &Fault) {}
}

/// Runs the rules until one ends the session: what it was told, line by line, and how it ended.
pub(crate) fn play(rules: Vec<Rule>, eye: Option<Arc<Eye>>) -> (Vec<String>, Result<(), Fault>) {
    let log = Arc::<Mutex<Vec<String>>>::default();
    let conversation = Ruled { rules, urls: HashMap::new(), log: Arc::clone(&log), began: None };
    let free = Free {
        subject: "test".to_owned(),
        limits: Limits::default(),
        front: Arc::new(Quiet),
        observer: eye.map(|eye| eye as Arc<dyn Observer>),
        operator: None,
    };
    let outcome = client::play(free, Box::new(conversation));
    let log = log.lock().unwrap().clone();
    (log, outcome)
}

/// As [`play`], where all is to go well.
pub(crate) fn told(rules: Vec<Rule>, eye: Option<Arc<Eye>>) -> Vec<String> {
    let (log, outcome) = play(rules, eye);
    assert_eq!(outcome, Ok(()), "{log:#?}");
    log
}
