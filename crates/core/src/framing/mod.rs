//! Framings: how a byte stream is cut into messages, and messages joined into bytes. Without one, what a reader gets is
//! whatever the network happened to deliver ("sticky packets", 粘包).
//!
//! Each framing is one file with a type that implements [`Cutter`] and an [`Entry`] for the registry. To add one: the
//! file, its `mod` line, and its word in `framings!` below. Help, completions, `sockeye list framings`, the reference
//! and the conformance tests all iterate [`ALL`].

mod cobs;
mod crlf;
mod delim;
mod dgram;
mod field;
mod fixed;
mod length;
mod line;
mod mark;
mod nul;
mod raw;
mod slip;
mod wrap;

use crate::fault::{Code, Fault, nearest};

pub use cobs::Cobs;
pub use crlf::Crlf;
pub use delim::Delim;
pub use dgram::Dgram;
pub use field::Field;
pub use fixed::Fixed;
pub use length::Length;
pub use line::Line;
pub use mark::Mark;
pub use nul::Nul;
pub use raw::Raw;
pub use slip::Slip;
pub use wrap::Wrap;

/// The longest message any framing can be told to take, in bytes: 2 GiB.
pub const LONGEST: usize = 1 << 31;

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
    /// The frame is not whole.
    More {
        /// What to pass as `seen` once more bytes are there: these need not be looked at again.
        seen: usize,
        /// How many of the bytes to keep, from the first; all, unless some were unescaped in place.
        keep: usize,
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
    /// same frame said, 0 at first. `max` bounds the payload. May rearrange in place the bytes of a whole frame, and
    /// of an unfinished one whose [`Cut::More`] says how many to keep; of nothing that belongs to the next frame.
    fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut;

    /// What `bytes` (never empty, no whole frame) are worth when nothing follows; `seen` as for `cut`. Delimiters
    /// deliver what is left, lengths fail as truncated.
    fn rest(&self, bytes: &mut [u8], seen: usize, max: usize) -> Rest;

    /// Appends the frame of `message` to `to`. On `Err`, what was appended is dropped by the caller.
    fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable>;

    /// The whole frames at the start of `bytes` together, where [`Cutter::wrap`] would make each of them again out of its
    /// payload, byte for byte, and all of them are within `max`. `None`: look at one after the other.
    fn run(&self, _bytes: &[u8], _max: usize) -> Option<Run> {
        None
    }
}

/// Frames that lie one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many bytes they take.
    pub used: usize,
    /// How many they are, at least 1.
    pub messages: u64,
}

/// The message cannot be carried by the framing: too long for its length field, or not of its fixed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unframeable;

/// The parameters of a framing cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// One framing, described once for help, reference and tests.
pub struct Entry {
    /// Its name, as in `line`; its sentence in the catalogue is `framing-NAME`.
    pub name: &'static str,
    /// The words it is written with, for completion and "did you mean". Just its name, for most.
    pub words: &'static [&'static str],
    /// How it is written, as in `fixed:N`.
    pub syntax: &'static str,
    /// Reads `text`. `None`: it starts with a word of another framing.
    pub parse: fn(text: &str) -> Option<Result<Framing, Malformed>>,
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
            fn dispatch_cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
                match self { $(Self::$name(cutter) => cutter.cut(bytes, seen, max),)* }
            }

            fn dispatch_rest(&self, bytes: &mut [u8], seen: usize, max: usize) -> Rest {
                match self { $(Self::$name(cutter) => cutter.rest(bytes, seen, max),)* }
            }

            #[inline]
            fn dispatch_wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Unframeable> {
                match self { $(Self::$name(cutter) => cutter.wrap(message, to),)* }
            }

            #[inline]
            fn dispatch_run(&self, bytes: &[u8], max: usize) -> Option<Run> {
                match self { $(Self::$name(cutter) => cutter.run(bytes, max),)* }
            }

            /// The framing as a user writes it.
            pub fn spec(&self) -> String {
                match self { $(Self::$name(cutter) => cutter.to_string(),)* }
            }
        }
    };
}

framings![
    raw::Raw,
    dgram::Dgram,
    line::Line,
    crlf::Crlf,
    nul::Nul,
    delim::Delim,
    fixed::Fixed,
    wrap::Wrap,
    length::Length,
    cobs::Cobs,
    slip::Slip,
];

impl Framing {
    /// No framing: the default on streams.
    pub const RAW: Self = Self::Raw(Raw);
    /// Datagrams: the default on datagram transports.
    pub const DGRAM: Self = Self::Dgram(Dgram);

    /// Reads a framing as users write it: `line`, `u16be,adj:-2`, `delim:0d0a`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        for entry in ALL {
            match (entry.parse)(text) {
                Some(Ok(framing)) => return Ok(framing),
                Some(Err(Malformed)) => {
                    return Err(Fault::new(Code::BadFraming, "")
                        .arg("value", text)
                        .arg("syntax", entry.syntax));
                }
                None => {}
            }
        }
        let word = text.split([':', ',']).next().unwrap_or(text);
        let near = nearest(word, ALL.iter().flat_map(|entry| entry.words).copied()).unwrap_or("");
        Err(Fault::new(Code::UnknownFraming, "").arg("name", word).arg("near", near))
    }

    /// Looks for one whole frame at the start of `bytes`; see [`Cutter::cut`].
    #[inline]
    pub fn cut(&self, bytes: &mut [u8], seen: usize, max: usize) -> Cut {
        self.dispatch_cut(bytes, seen, max)
    }

    /// What is left when the stream has ended; see [`Cutter::rest`].
    pub fn rest(&self, bytes: &mut [u8], seen: usize, max: usize) -> Rest {
        self.dispatch_rest(bytes, seen, max)
    }

    /// Appends the frame of `message` to `to`.
    #[inline]
    pub fn wrap(&self, message: &[u8], to: &mut Vec<u8>) -> Result<(), Fault> {
        self.dispatch_wrap(message, to).map_err(|Unframeable| self.unframeable(message.len()))
    }

    /// The whole frames at the start of `bytes` together; see [`Cutter::run`].
    #[inline]
    pub fn run(&self, bytes: &[u8], max: usize) -> Option<Run> {
        self.dispatch_run(bytes, max)
    }

    /// The framing's own bound on a payload, in bytes, if its parameters set one (`max:`, `fixed:N`). It holds in place
    /// of the session's.
    pub const fn max(&self) -> Option<usize> {
        match self {
            Self::Length(length) => length.max(),
            Self::Fixed(fixed) => Some(fixed.size()),
            _ => None,
        }
    }

    /// How long the frame is that begins with `first`, in bytes, framing included. `None`: that is not known from what is
    /// there, or before its end. For people who wonder what is missing.
    pub fn announced(&self, first: &[u8]) -> Option<usize> {
        match self {
            Self::Length(length) => length.announced(first),
            Self::Fixed(fixed) => Some(fixed.size()),
            _ => None,
        }
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

/// What stands after `word` in `text`: nothing, or what a `:` or `,` begins. `None`: `text` starts with another word.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.strip_prefix(word).filter(|rest| rest.is_empty() || rest.starts_with([':', ',']))
}

/// Reads a framing without parameters.
fn plain(text: &str, word: &str, framing: Framing) -> Option<Result<Framing, Malformed>> {
    after(text, word).map(|rest| if rest.is_empty() { Ok(framing) } else { Err(Malformed) })
}

/// Reads a number that is digits alone, without a sign.
fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framing_is_small() {
        assert!(size_of::<Framing>() <= 48, "{}", size_of::<Framing>());
    }

    #[test]
    fn a_frame_says_how_long_it_will_be_as_soon_as_it_can() {
        for (spec, first, size) in [
            ("u32be", &b"\0\0\x01\x04..."[..], Some(264)),
            ("u32be", b"\0\0\x01", None),
            ("u16be,adj:-2,tail:0d0a", b"\0\x05", Some(7)),
            ("ascii4,magic:2323", b"##0003o", Some(9)),
            ("ascii4,magic:2323", b"#?", None),
            ("fixed:3", b"o", Some(3)),
            ("line", b"one", None),
        ] {
            assert_eq!(Framing::parse(spec).unwrap().announced(first), size, "{spec}");
        }
    }

    #[test]
    fn bad_parameters_show_the_syntax_and_bad_words_the_nearest() {
        for bad in [
            "line:1",
            "raw,x",
            "delim",
            "delim:",
            "delim:0",
            "delim:000102030405060708",
            "fixed",
            "fixed:0",
            "fixed:-1",
            "fixed:+1",
            "fixed:99999999999",
            "fixed:18446744073709551616",
            "wrap:02",
            "wrap::03",
            "wrap:02:03:04",
            "u8,",
            "u8:1",
            "u8,,",
            "u8,off",
            "u8,off:-1",
            "u8,off:65536",
            "u8,off:1,off:2",
            "u8,adj:--1",
            "u8,adj:3000000000",
            "u8,magic:",
            "u8,max:0",
            "u8,max:3g",
            "u8,max:1x",
            "u8,other:1",
            "ascii0",
            "ascii20,off:1",
            "slip,x",
            "cobs:1",
            "crlf:",
            "nul,",
        ] {
            let fault = Framing::parse(bad).unwrap_err();
            assert_eq!(fault.code, Code::BadFraming, "{bad}");
            assert!(!fault.value("syntax").is_empty(), "{bad}");
        }
        for (bad, near) in [("lime", "line"), ("u16bee,off:1", "u16be"), ("zebra", ""), ("asci4", "ascii4")] {
            let fault = Framing::parse(bad).unwrap_err();
            assert_eq!((fault.code, fault.value("near")), (Code::UnknownFraming, near), "{bad}");
        }
    }

    #[test]
    fn a_message_that_does_not_fit_is_refused() {
        for (spec, message) in [
            ("fixed:3", &b"four"[..]),
            ("u8", &[0; 256]),
            ("u8,adj:-1", &[0; 255]),
            ("u8,adj:+1", b""),
            ("u8,off:2", b"1"),
            ("ascii1", b"ten bytes."),
        ] {
            let fault = Framing::parse(spec).unwrap().wrap(message, &mut Vec::new()).unwrap_err();
            assert_eq!((fault.code, fault.value("framing")), (Code::Unframeable, spec));
        }
    }
}
