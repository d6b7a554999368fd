//! The PROXY protocol: a relay's first bytes tell the server who is behind it (HAProxy's proxy-protocol.txt, version 1
//! in section 2.1, version 2 in section 2.2).
//!
//! [`Reader`] is the server's side, [`Header::write`] the relay's. Whether a peer may be believed is not decided here:
//! anybody who reaches the port can send a header, so it is read only from relays one knows.

mod tlv;
mod v1;
mod v2;

use std::fmt;

use sockeye_core::Address;
use thiserror::Error;

use crate::gate::{Gate, Handshake, Start};

pub use tlv::{Ssl, Tlvs};

/// The longest header of version 1, CR LF included, in bytes (section 2.1).
pub const V1_MAX: usize = 107;

/// The longest header of version 2 that is taken, in bytes. The protocol would allow 65,551; TLVs of honest relays
/// take a few hundred.
pub const V2_MAX: usize = 4096;

/// Which header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The line of text.
    V1,
    /// The binary one.
    V2,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "1",
            Self::V2 => "2",
        })
    }
}

/// Which headers a [`Reader`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// This version alone.
    Only(Version),
    /// Whichever comes.
    Either,
}

/// Why the connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// For a client of the relay's.
    Proxy,
    /// By the relay for itself, as to see whether the server lives. In version 1 it is written `UNKNOWN`.
    Local,
}

/// What is relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// A stream: TCP or a Unix stream.
    Stream,
    /// Datagrams; version 1 cannot say so.
    Datagrams,
}

/// What a relay says of the connection it relays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose connection it is.
    pub command: Command,
    /// What is relayed.
    pub carried: Carried,
    /// Where the client comes from; `None` where the relay does not say, and the connection's own address counts.
    pub source: Option<Address>,
    /// Where the client went to.
    pub destination: Option<Address>,
    /// What version 2 adds.
    pub tlvs: Tlvs,
}

impl Header {
    /// A relay's own connection: no addresses.
    pub fn local() -> Self {
        Self {
            command: Command::Local,
            carried: Carried::Stream,
            source: None,
            destination: None,
            tlvs: Tlvs::default(),
        }
    }

    /// A stream relayed for a client.
    pub fn relayed(source: Address, destination: Address) -> Self {
        Self {
            command: Command::Proxy,
            source: Some(source),
            destination: Some(destination),
            ..Self::local()
        }
    }

    /// Appends the header. Addresses that the version cannot express (Unix sockets in version 1, processes) are left
    /// unsaid; one IPv4 and one IPv6 address become two of IPv6. On `Err` nothing was appended.
    pub fn write(&self, version: Version, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match version {
            Version::V1 => v1::write(self, out),
            Version::V2 => v2::write(self, out)?,
        }
        Ok(())
    }
}

/// The header would be longer than [`V2_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("over {V2_MAX} bytes")]
pub struct TooLong;

/// Why there is no header to go by.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The peer says something else.
    #[error("no header: {start}")]
    Absent {
        /// Its first bytes.
        start: Start,
    },
    /// A header, but not of a version that is taken here.
    #[error("header v{found}")]
    OtherVersion {
        /// The version that came.
        found: Version,
    },
    /// A header that breaks the rules.
    #[error("malformed v{version} header, {what}: {start}")]
    Malformed {
        /// Its version.
        version: Version,
        /// What is wrong: a word that never changes, as `bare-lf`.
        what: &'static str,
        /// Its first bytes.
        start: Start,
    },
    /// A header that is too long.
    #[error("v{version} header over {max}")]
    TooLong {
        /// Its version.
        version: Version,
        /// The most that is taken, in bytes.
        max: usize,
    },
    /// The header's CRC32c does not fit its bytes.
    #[error("wrong checksum")]
    Checksum,
    /// The stream ended within the header, or before it.
    #[error("ended after {got}")]
    Ended {
        /// How many had come.
        got: usize,
    },
    /// It was fed after it was done.
    #[error("already over")]
    Over,
}

/// Reads the header at the start of a connection. Keeps at most [`V2_MAX`] bytes; says nothing itself.
pub struct Reader {
    accept: Accept,
    held: Vec<u8>,
    over: bool,
}

/// What is to be done with the bytes that have come.
enum Step {
    /// Get as many as make this many.
    Need(usize),
    /// The header is whole.
    Whole(Version),
}

impl Reader {
    /// A reader that has seen nothing.
    pub const fn new(accept: Accept) -> Self {
        Self { accept, held: Vec::new(), over: false }
    }

    fn step(&self) -> Result<Step, Refusal> {
        let bytes = self.held.as_slice();
        let begins = |signature: &[u8]| {
            let seen = bytes.len().min(signature.len());
            bytes[..seen] == signature[..seen]
        };
        let (version, signature, next) = if bytes.is_empty() {
            return Ok(Step::Need(1));
        } else if begins(v1::SIGNATURE) {
            (Version::V1, v1::SIGNATURE, v1::step as fn(&[u8]) -> _)
        } else if begins(v2::SIGNATURE) {
            (Version::V2, v2::SIGNATURE, v2::step as fn(&[u8]) -> _)
        } else {
            return Err(Refusal::Absent { start: Start::of(bytes) });
        };
        if bytes.len() < signature.len() {
            return Ok(Step::Need(signature.len()));
        }
        match self.accept {
            Accept::Only(only) if only != version => Err(Refusal::OtherVersion { found: version }),
            _ => next(bytes),
        }
    }

    fn feed(&mut self, chunk: &[u8]) -> Result<Gate<Header>, Refusal> {
        let mut used = 0;
        loop {
            match self.step() {
                Ok(Step::Need(total)) => {
                    let taken = (total - self.held.len()).min(chunk.len() - used);
                    if taken == 0 {
                        return Ok(Gate::More);
                    }
                    self.held.extend_from_slice(&chunk[used..used + taken]);
                    used += taken;
                }
                Ok(Step::Whole(version)) => {
                    let parse = match version {
                        Version::V1 => v1::parse,
                        Version::V2 => v2::parse,
                    };
                    return Ok(Gate::Done { used, outcome: parse(&self.held)? });
                }
                Err(Refusal::Absent { .. }) => {
                    self.held.extend(&chunk[used..chunk.len().min(used + crate::gate::SHOWN)]);
                    return Err(Refusal::Absent { start: Start::of(&self.held) });
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }
}

impl Handshake for Reader {
    type Outcome = Header;
    type Refusal = Refusal;

    fn start(&mut self, _out: &mut Vec<u8>) {}

    fn bytes(&mut self, chunk: &[u8], _out: &mut Vec<u8>) -> Result<Gate<Header>, Refusal> {
        if self.over {
            return Err(Refusal::Over);
        }
        let result = self.feed(chunk);
        if !matches!(result, Ok(Gate::More)) {
            self.over = true;
            self.held = Vec::new();
        }
        result
    }

    fn end(&self) -> Refusal {
        if self.over { Refusal::Over } else { Refusal::Ended { got: self.held.len() } }
    }

    fn held(&self) -> usize {
        self.held.len()
    }
}
