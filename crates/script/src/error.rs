//! What is wrong with a conversation file. There are no sentences here: the command words each kind in both languages.

use std::fmt;
use std::sync::Arc;

use sockeye_core::Fault;

use crate::program::{Place, Source};

/// The byte order mark, which editors put at the beginning of a file.
pub(crate) const MARK: char = '\u{feff}';

/// The most errors of one file that are told.
pub const MOST: usize = 20;

/// What is wrong with a file and what it includes, in the order of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// The texts that places are in.
    pub sources: Vec<Source>,
    /// At least one, at most [`MOST`].
    pub list: Vec<Error>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where.
    pub place: Place,
    /// What.
    pub what: What,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Something else stands where one of these is wanted.
    Expected {
        /// What could stand here.
        wanted: Vec<Want>,
        /// What does; empty at the end of a line.
        found: Box<str>,
        /// The wanted word that is nearest to it.
        near: Option<Box<str>>,
    },
    /// A word that is none of what is known.
    Unknown {
        /// What it would be.
        noun: Noun,
        /// It.
        word: Box<str>,
        /// The known word that is nearest to it.
        near: Option<Box<str>>,
    },
    /// A name that is already given.
    Duplicate {
        /// What has it.
        noun: Noun,
        /// It.
        word: Box<str>,
        /// Where it was given first.
        first: Place,
    },
    /// A word that means something else, and can be no name.
    Reserved(Box<str>),
    /// A part of the endpoint, framing, charset, duration or parameter is wrong.
    Fault(Box<Fault>),
    /// A number that does not fit its type.
    Range {
        /// The number.
        value: Box<str>,
        /// The type.
        kind: Box<str>,
    },
    /// A regular expression that is none, with the library's own words.
    Regex(Box<str>),
    /// Something that is opened and not closed.
    Unclosed(Noun),
    /// An escape (`\q`) that is none.
    Escape(Box<str>),
    /// Hex or base64 that is none.
    Digits(Noun),
    /// A text has a character that the peer's charset lacks: the fault says which.
    Charset(Box<Fault>),
    /// A part that stands for more than one thing where a message is to be sent.
    Open(Box<str>),
    /// Something that must stand alone (`json(…)`), or at another step (`like`).
    Misplaced(Box<str>),
    /// Several peers take part, and the step does not say whose it is.
    Nameless,
    /// `repeat` without `end`, or `end` without `repeat`.
    Unpaired(&'static str),
    /// A checksum over itself.
    Circular,
    /// More than may be.
    Limit {
        /// Of what.
        noun: Noun,
        /// How much may be.
        most: u64,
    },
    /// A file that cannot be had, with the system's own words.
    Load {
        /// It.
        path: Box<str>,
        /// The words.
        words: Box<str>,
    },
    /// A file that includes itself, by itself or through others.
    Cycle(Box<str>),
    /// Bytes that are no UTF-8.
    Utf8,
}

/// What could stand somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// This word or sign.
    Word(&'static str),
    /// Something of this sort.
    Some(Noun),
}

/// A sort of thing in a conversation file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Noun {
    /// What a step does.
    Step,
    /// Somebody who takes part.
    Peer,
    /// The name of a peer, variable or group.
    Name,
    /// A setting (`@timeout`).
    Setting,
    /// What follows a step (`within`).
    Modifier,
    /// A message, or a part of one.
    Data,
    /// A pattern, or a part of one.
    Match,
    /// A type of what is captured.
    Type,
    /// A variable.
    Variable,
    /// A group of parts.
    Group,
    /// Quoted text.
    Text,
    /// A word.
    Word,
    /// A number.
    Number,
    /// A duration.
    Duration,
    /// An endpoint.
    Endpoint,
    /// A path.
    Path,
    /// A file.
    File,
    /// Hex digits.
    Hex,
    /// Base64.
    Base64,
    /// A regular expression.
    Regex,
    /// The flags of a regular expression.
    Flag,
    /// JSON.
    Json,
    /// A parameter of `starttls`.
    Parameter,
    /// Nesting of `repeat`, groups or `include`.
    Depth,
    /// The end of the line.
    End,
}

impl What {
    /// Its word, which does not change: the key of its sentence.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Expected { .. } => "expected",
            Self::Unknown { .. } => "unknown",
            Self::Duplicate { .. } => "duplicate",
            Self::Reserved(_) => "reserved",
            Self::Fault(_) => "fault",
            Self::Range { .. } => "range",
            Self::Regex(_) => "regex",
            Self::Unclosed(_) => "unclosed",
            Self::Escape(_) => "escape",
            Self::Digits(_) => "digits",
            Self::Charset(_) => "charset",
            Self::Open(_) => "open",
            Self::Misplaced(_) => "misplaced",
            Self::Nameless => "nameless",
            Self::Unpaired(_) => "unpaired",
            Self::Circular => "circular",
            Self::Limit { .. } => "limit",
            Self::Load { .. } => "load",
            Self::Cycle(_) => "cycle",
            Self::Utf8 => "utf8",
        }
    }

    /// The word that is probably meant.
    pub fn near(&self) -> Option<&str> {
        match self {
            Self::Expected { near, .. } | Self::Unknown { near, .. } => near.as_deref(),
            Self::Fault(fault) | Self::Charset(fault) => {
                Some(fault.value("near")).filter(|near| !near.is_empty())
            }
            _ => None,
        }
    }
}

impl Noun {
    /// Its word, which does not change: the key of its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Peer => "peer",
            Self::Name => "name",
            Self::Setting => "setting",
            Self::Modifier => "modifier",
            Self::Data => "data",
            Self::Match => "match",
            Self::Type => "type",
            Self::Variable => "variable",
            Self::Group => "group",
            Self::Text => "text",
            Self::Word => "word",
            Self::Number => "number",
            Self::Duration => "duration",
            Self::Endpoint => "endpoint",
            Self::Path => "path",
            Self::File => "file",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Regex => "regex",
            Self::Flag => "flag",
            Self::Json => "json",
            Self::Parameter => "parameter",
            Self::Depth => "depth",
            Self::End => "end",
        }
    }
}

impl Errors {
    /// What is to be said of a file whose bytes are no UTF-8.
    pub fn not_utf8(path: &str, bytes: &[u8]) -> Self {
        let (source, place) = lossy(path, bytes, 0);
        Self { sources: vec![source], list: vec![Error { place, what: What::Utf8 }] }
    }

    /// The text that a place is in.
    pub fn source(&self, place: Place) -> Option<&Source> {
        self.sources.get(usize::from(place.source))
    }
}

/// Bytes as text, as far as they are, and where in it they are not. Only the line that is shown is kept of what is long.
pub(crate) fn lossy(path: &str, bytes: &[u8], source: u16) -> (Source, Place) {
    const AFTER: usize = 1 << 10;
    let valid = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    let end = bytes.len().min(valid + AFTER);
    let start = u32::try_from(valid).unwrap_or(u32::MAX);
    // What stands there now is U+FFFD, of three bytes.
    let place = Place { source, start, end: start.saturating_add(3) };
    (Source::new(path, &String::from_utf8_lossy(&bytes[..end])), place)
}

impl Source {
    /// A text with its path.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: Arc::from(path), text: Arc::from(text), included: None }
    }

    /// The line and the column of a byte, both from 1; columns count characters.
    pub fn position(&self, at: u32) -> (usize, usize) {
        let mut at = (at as usize).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let line = memchr::memrchr(b'\n', before.as_bytes()).map_or(0, |end| end + 1);
        let lines = memchr::memchr_iter(b'\n', before.as_bytes()).count();
        // A byte order mark is no character that anybody sees.
        (lines + 1, before[line..].trim_start_matches(MARK).chars().count() + 1)
    }

    /// The line, without its end, that a byte is in.
    pub fn line(&self, at: u32) -> &str {
        let at = (at as usize).min(self.text.len());
        let (before, after) = self.text.as_bytes().split_at(at);
        let start = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', after).map_or(self.text.len(), |end| at + end);
        self.text.get(start..end).unwrap_or("").trim_end_matches('\r').trim_start_matches(MARK)
    }
}

impl fmt::Display for Errors {
    /// For logs and library users: places and words of kinds. People are shown the catalogue's sentences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.list.iter().enumerate() {
            if number > 0 {
                f.write_str("; ")?;
            }
            if let Some(source) = self.source(error.place) {
                let (line, column) = source.position(error.place.start);
                write!(f, "{}:{line}:{column} ", source.path)?;
            }
            write!(f, "[{}]", error.what.word())?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
