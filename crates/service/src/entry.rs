//! How a service is described, once, for the command line, help, reference and tests. What a user gave for it is a
//! [`Given`].

use sockeye_core::{Fault, Service};

use crate::given::Given;

/// One service.
pub struct Entry {
    /// Its name; its sentence in the catalogue is `service-NAME`.
    pub name: &'static str,
    /// Its own flags; their sentences are `service-NAME-LONG`.
    pub options: &'static [Opt],
    /// Its own words, as usage shows them: `[TEXT]`; empty if it takes none.
    pub words: &'static str,
    /// Whether everything after the name belongs to the service, flags of `serve` included.
    pub takes_rest: bool,
    /// The conversation file it is given, if it is given one.
    pub loads: Option<Loads>,
    /// Where the welcome set answers with it.
    pub welcome: &'static [Welcome],
    /// Examples: shown as help and run as tests, in memory and on real sockets.
    pub examples: &'static [Example],
    /// Makes the service from what the command line or a file gave.
    pub build: fn(&Given) -> Result<Box<dyn Service>, Fault>,
}

impl Entry {
    /// The conversation file that was given, by path. Whoever touches files loads it into [`Given::script`].
    pub fn file<'a>(&self, given: &'a Given) -> Option<&'a str> {
        match self.loads.as_ref()?.by {
            By::Word => given.words.first().map(String::as_str),
            By::Flag(long) => given.value(long),
        }
    }
}

/// A conversation file that a service can be given.
pub struct Loads {
    /// How it is named.
    pub by: By,
    /// What is in the file that the examples name.
    pub example: &'static str,
}

/// How a service's file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By its first word.
    Word,
    /// By this flag.
    Flag(&'static str),
}

/// One flag of a service.
pub struct Opt {
    /// The long name, without dashes.
    pub long: &'static str,
    /// What it takes.
    pub choice: Choice,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing: it is there or not.
    Flag,
    /// One value, shown as this word.
    Value(&'static str),
    /// A value each time; it may be repeated.
    Many(&'static str),
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A place in the welcome set.
pub struct Welcome {
    /// The endpoint, as in `tcp://127.0.0.1:7788`.
    pub endpoint: &'static str,
    /// Flags and words given to the service, as on a command line.
    pub args: &'static [&'static str],
    /// Whether it takes part only when a person sits at a terminal.
    pub terminal_only: bool,
}

/// One example: what to type, and the conversation that follows.
pub struct Example {
    /// Flags and words of the service, as on a command line.
    pub args: &'static [&'static str],
    /// Whether the peer speaks over datagrams or a stream. Both are tested where both make sense.
    pub datagrams: bool,
    /// The framing of the listener, as users write it; empty for the transport's default.
    pub framing: &'static str,
    /// Whether each [`Step::Send`] must arrive as one read, because nothing else keeps the messages apart. Where this is
    /// false, the bytes may arrive cut up or joined in any way.
    pub whole: bool,
    /// What happens, in order.
    pub steps: &'static [Step],
}

/// One step of an example, from the side of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The peer sends these bytes (or this datagram).
    Send(&'static [u8]),
    /// These bytes (or this datagram) must come next.
    Expect(&'static [u8]),
    /// This many bytes (or a datagram this long) must come next, whatever they are.
    ExpectSize(usize),
    /// The peer sends FIN.
    Fin,
    /// The peer must see FIN, with nothing before it.
    ExpectEof,
    /// The operator types this line.
    Operator(&'static str),
    /// These bytes must come out on stdout next.
    Print(&'static [u8]),
}
