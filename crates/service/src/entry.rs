//! How a service is described, once, for the command line, help, reference and tests.

use sockeye_core::{Fault, Service};
use sockeye_wire::charset::Charset;

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
    /// Where the welcome set answers with it.
    pub welcome: &'static [Welcome],
    /// Examples: shown as help and run as tests, in memory and on real sockets.
    pub examples: &'static [Example],
    /// Makes the service from what the command line or a file gave.
    pub build: fn(&Given) -> Result<Box<dyn Service>, Fault>,
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

/// What a service is made from.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Flags in the order given: the long name and its value, empty for [`Choice::Flag`].
    pub options: Vec<(String, String)>,
    /// Words in the order given.
    pub words: Vec<String>,
    /// How text is written on the wire.
    pub charset: Charset,
    /// What randomness is drawn from.
    pub seed: u64,
}

impl Given {
    /// Whether the flag was given.
    pub fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(name, _)| name == long)
    }

    /// The last value of the flag.
    pub fn value(&self, long: &str) -> Option<&str> {
        let last = self.options.iter().rev().find(|(name, _)| name == long);
        last.map(|(_, value)| value.as_str())
    }

    /// Every value of the flag, in order.
    pub fn values<'a>(&'a self, long: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(name, _)| name == long).map(|(_, value)| value.as_str())
    }
}

/// One example: what to type, and the conversation that follows.
pub struct Example {
    /// Flags and words of the service, as on a command line.
    pub args: &'static [&'static str],
    /// Whether the peer speaks over datagrams or a stream. Both are tested where both make sense.
    pub datagrams: bool,
    /// The framing of the listener, as users write it; empty for the transport's default.
    pub framing: &'static str,
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
    /// The peer sends FIN.
    Fin,
    /// The peer must see FIN.
    ExpectEof,
    /// The operator types this line.
    Operator(&'static str),
    /// These bytes must come out on stdout next.
    Print(&'static [u8]),
}
