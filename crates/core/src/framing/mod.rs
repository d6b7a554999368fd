//! Framings: how a byte stream is cut into messages, and messages joined into bytes. Without one, what a reader gets is
//! whatever the network happened to deliver ("sticky packets", 粘包).
//!
//! Each framing is one file with a type that implements [`Cutter`] and an [`Entry`] for the registry. To add one: the
//! file, its `mod` line, and its word in `framings!` below. Help, completions, `sockeye list framings`, the reference
//! and the conformance tests all iterate [`ALL`].

mod dgram;
mod line;
mod raw;

use crate::fault::{Code, Fault, nearest};

pub use dgram::Dgram;
pub use line::Line;
pub use raw::Raw;

/// What a framing finds at the start of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A message: `bytes[start..end]` is its payload, `used` bytes are done with.
    Message {
        /// Where the payload starts.
        start: usize,
        /// Where it ends.
        end: usize,
        /// How many bytes the frame took, at least 1.
        used: usize,
    },
    /// `used` bytes mean nothing (an empty SLIP frame, say) and are to be dropped.
    Skip {
        /// How many, at least 1.
        used: usize,
    },
    /// The frame is not whole. `seen` bytes need not be looked at again.
    More {
        /// What to pass as `seen` once more bytes are there.
        seen: usize,
    },
    /// This is no frame.
    Bad(BadFrame),
}

/// What is left when a stream ends within a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// A last message without its delimiter: `bytes[start..end]`.
    Message {
        /// Where the payload starts.
        start: usize,
        /// Where it ends.
        end: usize,
    },
    /// Nothing worth delivering.
    Nothing,
    /// A frame that announced more than came.
    Truncated,
    /// What is left is no frame.
    Bad(BadFrame),
}

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// A byte stands where the framing allows none like it (wrong magic, tail, escape, digit).
    Byte {
        /// Its offset from the start of the frame.
        at: usize,
    },
    /// The frame says it is longer than `max` allows, or is already.
    Oversize {
        /// Its payload's length, as far as known.
        size: u64,
    },
    /// The announced length is impossible: negative after `adj`, or no number.
    Length,
}

/// Cuts messages out of bytes and joins messages into bytes. Pure: all state is in the bytes and in `seen`.
pub trait Cutter {
    /// Looks for one whole frame at the start of `bytes` (never empty). `seen` is what the last [`Cut::More`] for the
    /// same frame said, 0 at first. `max` bounds the payload. May rearrange bytes of a whole frame in place
    /// (unescaping), and of nothing else.
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut;

    /// What `bytes` (never empty, no whole frame) are worth when nothing follows. Delimiters deliver what is left,
    /// lengths fail as truncated.
    fn rest(&self, bytes: &mut [u8], max: usize) -> Rest;

    /// Appends the frame of `message` to `to`. On `Err`, what was appended is dropped by the caller.
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable>;
}

/// The message cannot be carried by the framing: too long for its length field, or not of its fixed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unframeable;

/// One framing, described once for help, reference and tests.
pub struct Entry {
    /// The word it starts with, as in `line`; its sentence in the catalogue is `framing-NAME`.
    pub name: &'static str,
    /// How it is written, as in `fixed:N`.
    pub syntax: &'static str,
    /// Reads `text`, which starts with a word of this framing. `None`: not mine. `Some(None)`: mine, but bad.
    pub parse: fn(text: &str) -> Option<Option<Framing>>,
    /// Examples: shown as help and run as tests.
    pub examples: &'static [Example],
}

/// Bytes on the wire and the messages in them.
pub struct Example {
    /// The framing as a user writes it.
    pub spec: &'static str,
    /// The bytes.
    pub wire: &'static [u8],
    /// The messages they hold.
    pub messages: &'static [&'static [u8]],
}

macro_rules! framings {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// A framing with its parameters. Cheap to copy; one is kept by every session.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Framing { $(
            #[doc = concat!("See [`", stringify!($name), "`].")]
            $name($module::$name),
        )* }

        /// Every framing, in the order of the reference.
        pub const ALL: &[&Entry] = &[$(&$module::ENTRY),*];

        impl Framing {
            #[inline(always)]
            #[expect(clippy::inline_always, reason = "one jump a message on the hot path; measured")]
            fn dispatch_cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
                match self { $(Self::$name(cutter) => cutter.cut(bytes, seen, max),)* }
            }

            fn dispatch_rest(&self, bytes: &mut [u8], max: usize) -> Rest {
                match self { $(Self::$name(cutter) => cutter.rest(bytes, max),)* }
            }

            #[inline]
            fn dispatch_wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
                match self { $(Self::$name(cutter) => cutter.wrap(message, to),)* }
            }

            /// The framing as a user writes it.
            pub fn spec(&self) -> String {
                match self { $(Self::$name(cutter) => cutter.to_string(),)* }
            }
        }
    };
}

framings![raw::Raw, dgram::Dgram, line::Line];

impl Framing {
    /// No framing: the default on streams.
    pub const RAW: Self = Self::Raw(Raw);
    /// Datagrams: the default on datagram transports.
    pub const DGRAM: Self = Self::Dgram(Dgram);

    /// Reads a framing as users write it: `line`, `u16be,adj:-2`, `delim:0d0a`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        for entry in ALL {
            match (entry.parse)(text) {
                Some(Some(framing)) => return Ok(framing),
                Some(None) => {
                    return Err(Fault::new(Code::BadFraming, "")
                        .arg("value", text)
                        .arg("syntax", entry.syntax));
                }
                None => {}
            }
        }
        let word = text.split([':', ',']).next().unwrap_or(text);
        let near = nearest(word, ALL.iter().map(|entry| entry.name)).unwrap_or("");
        Err(Fault::new(Code::UnknownFraming, "").arg("name", word).arg("near", near))
    }

    /// Looks for one whole frame at the start of `bytes`; see [`Cutter::cut`].
    #[inline]
    pub fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        self.dispatch_cut(bytes, seen, max)
    }

    /// What is left when the stream has ended; see [`Cutter::rest`].
    pub fn rest(&self, bytes: &mut [u8], max: usize) -> Rest {
        self.dispatch_rest(bytes, max)
    }

    /// Appends the frame of `message` to `to`.
    #[inline]
    pub fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Fault> {
        self.dispatch_wrap(message, to).map_err(|Unframeable| self.unframeable(message.len()))
    }

    /// The framing's own bound on a message, if its parameters set one (`max:`).
    pub const fn max(&self) -> Option<usize> {
        None
    }

    /// Whether a message is what one read gave, so that bytes pass unchanged.
    pub const fn is_raw(&self) -> bool {
        matches!(self, Self::Raw(_))
    }

    /// Whether each message is one datagram.
    pub const fn is_dgram(&self) -> bool {
        matches!(self, Self::Dgram(_))
    }

    #[cold]
    fn unframeable(&self, size: usize) -> Fault {
        Fault::new(Code::Unframeable, "").arg("framing", self.spec()).arg("size", size)
    }
}
