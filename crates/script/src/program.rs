//! What a conversation file comes to, with everything that could be checked before it runs checked.

use std::sync::Arc;
use std::time::Duration;

use sockeye_core::Framing;
use sockeye_wire::Charset;

use crate::data::Data;
use crate::pattern::Pattern;

/// A conversation, ready to be run any number of times, on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The texts it was read from: the file itself, then what it includes.
    pub sources: Vec<Source>,
    /// What holds for all of it.
    pub settings: Settings,
    /// Who takes part, in the order they were named. At most 200.
    pub peers: Vec<Cast>,
    /// What happens, in order. Steps of different peers keep this order too.
    pub steps: Vec<Step>,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path, for people.
    pub path: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
    /// Where another text includes it; `None` for the file itself.
    pub included: Option<Place>,
}

/// Where the text that a place is in is included, by path and line: the innermost `include` first.
pub fn includes(sources: &[Source], place: Place) -> Vec<(Arc<str>, usize)> {
    let mut chain = Vec::new();
    let mut source = sources.get(usize::from(place.source));
    while let Some(at) = source.and_then(|source| source.included) {
        source = sources.get(usize::from(at.source));
        chain.extend(source.map(|source| (Arc::clone(&source.path), source.position(at.start).0)));
    }
    chain
}

/// Where something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Which of [`Program::sources`].
    pub source: u16,
    /// Where it begins, in bytes of the text.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

/// What holds for all of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How streams are cut, for peers whose endpoints do not say.
    pub frame: Option<Framing>,
    /// How text is written on the wire, for peers whose endpoints do not say.
    pub charset: Charset,
    /// How long something expected is waited for, unless its step says otherwise. Default 5 s.
    pub timeout: Duration,
    /// How long after the last step what nobody expected is still seen. Default 20 ms.
    pub settle: Duration,
    /// What may come at any time: of one peer, or of any.
    pub ignore: Vec<(Option<u16>, Pattern)>,
    /// Variables with their values, before anything is captured. Values from outside win.
    pub vars: Vec<(Box<str>, Box<[u8]>)>,
    /// What randomness was drawn from when it was recorded.
    pub seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frame: None,
            charset: Charset::default(),
            timeout: Duration::from_secs(5),
            settle: Duration::from_millis(20),
            ignore: Vec::new(),
            vars: Vec::new(),
            seed: None,
        }
    }
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The name that steps use.
    pub name: Box<str>,
    /// Which side of the connection it is.
    pub role: Role,
    /// Where, as written: an endpoint in which variables may stand as `{{name}}`.
    pub endpoint: Box<str>,
    /// Where it is named.
    pub place: Place,
}

/// Which side of a connection a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It connects.
    Connect,
    /// It listens, and one peer comes to it.
    Listen,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whose: an index of [`Program::peers`]. 0 for what belongs to nobody (`sleep`, `repeat`).
    pub peer: u16,
    /// What.
    pub op: Op,
    /// When it must happen, counted from when the step begins: no earlier than the first, no later than the second.
    pub within: Option<(Duration, Duration)>,
    /// How long after the step before it this one happened when it was recorded. Only a replay in the original time heeds
    /// it.
    pub after: Option<Duration>,
    /// What people call it.
    pub label: Option<Box<str>>,
    /// Where it is written.
    pub place: Place,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// `>`: send one message.
    Send(Data),
    /// `>` with `like`: send what it is like. Whoever plays the other side takes whatever matches.
    Say(Pattern),
    /// `<`: the next message must match.
    Expect(Pattern),
    /// `<~`: skip messages until one matches.
    Skip(Pattern),
    /// `<?`: the next message may match; if it does not, it is left for the next step, and so it is if none comes in time.
    Maybe(Pattern),
    /// `<never`: such a message must not come, for `within`, or until the next step ends.
    Never(Pattern),
    /// `<eof`: the peer must end its side, with nothing before it.
    Eof,
    /// `<reset`: the peer must cut the connection.
    Reset,
    /// `connect`: connect (or let the next peer in), where that is not to happen with the peer's first step.
    Connect,
    /// `close`: close the connection; it may be opened again.
    Close,
    /// `fin`: end our side. Reading goes on.
    Fin,
    /// `reset`: cut the connection.
    Abort,
    /// `starttls`: put TLS on the connection, with these parameters (`insecure`, `ca=ca.pem&sni=x`).
    StartTls(Box<str>),
    /// `sleep`: nothing happens for so long.
    Sleep(Duration),
    /// `repeat`: the steps up to `end` (the index of its [`Op::End`]) happen so many times, each beginning `every` after
    /// the one before at the earliest.
    Repeat {
        /// How often; 0 skips them.
        times: u64,
        /// The time from one beginning to the next.
        every: Duration,
        /// The index of the matching [`Op::End`].
        end: u32,
    },
    /// `end`: back to the [`Op::Repeat`] at this index.
    End {
        /// Its index.
        start: u32,
    },
}
