//! A file as it is written: what the formatter needs to write it again, and the reader to say what it means.

use crate::message::{Path, Span, Sum, Type};

/// One line, or several that a backslash joins.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) span: Span,
    pub(crate) item: Item,
    /// With its `#`, without the line's end.
    pub(crate) comment: Option<Box<str>>,
}

/// What a line says.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// Nothing, or a comment alone.
    Blank,
    Setting(Setting),
    Peer {
        name: Word,
        role: Word,
        endpoint: Word,
    },
    Include(Word),
    Step(Step),
    /// It could not be read.
    Broken,
}

/// A word, or quoted text that stands for one.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: Box<str>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Setting {
    Frame(Word),
    Enc(Word),
    Timeout(Word),
    Settle(Word),
    Seed(Word),
    Var(Word, Value),
    Ignore(Option<Word>, Vec<Node>),
}

/// The value of a variable.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Bare(Word),
    Data(Vec<Node>),
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) peer: Option<Word>,
    pub(crate) op: Op,
    pub(crate) modifiers: Vec<Modifier>,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Send(Vec<Node>),
    Match(Arrow, Vec<Node>),
    Eof,
    Reset,
    Connect,
    Close,
    Fin,
    Abort,
    StartTls(Vec<Word>),
    Sleep(Word),
    Repeat { times: Word, every: Option<Word> },
    End,
}

/// The arrows that have a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrow {
    Expect,
    Skip,
    Maybe,
    Never,
}

#[derive(Clone, Debug)]
pub(crate) enum Modifier {
    Within(Word),
    After(Word),
    As(Word),
    Like(Span, Vec<Node>),
}

/// A part of a message.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) span: Span,
    pub(crate) gap: Gap,
}

impl Node {
    /// Whether a variable stands in it, as text or alone.
    pub(crate) fn has_variable(&self) -> bool {
        match &self.kind {
            NodeKind::Text(pieces) => pieces.iter().any(|piece| matches!(piece, Piece::Variable(_))),
            NodeKind::Variable(_) => true,
            _ => false,
        }
    }
}

/// What stands before a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    Nothing,
    Space,
    /// A backslash and the end of a line.
    Break,
}

#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    Text(Vec<Piece>),
    /// Groups of digits in lower case, and the bytes they come to.
    Hex(Vec<Box<str>>, Vec<Option<u8>>),
    Base64(Vec<u8>),
    File(Word),
    Variable(Word),
    Number(Type, Amount),
    Sum(Sum, Option<Word>),
    Group(Word, Vec<Node>),
    Wild,
    Any(Option<Word>),
    Regex {
        source: Box<str>,
        flags: Box<str>,
    },
    Take(Word, TakeNode),
    Json(Vec<ClauseNode>),
}

/// A piece of quoted text.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Text(String),
    Byte(u8),
    Variable(Word),
}

/// A value: something, and something more or less.
#[derive(Clone, Debug)]
pub(crate) struct Amount {
    pub(crate) base: Term,
    pub(crate) plus: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum Term {
    /// As written, in lower case.
    Number(Word),
    Variable(Word),
    Rest,
    Group(Word),
}

#[derive(Clone, Debug)]
pub(crate) enum TakeNode {
    Number(Type, Bound),
    Bytes(Option<Amount>),
    Text,
}

#[derive(Clone, Debug)]
pub(crate) enum Bound {
    None,
    Is(Amount),
    Between(Word, Word),
}

#[derive(Clone, Debug)]
pub(crate) struct ClauseNode {
    pub(crate) path: Path,
    pub(crate) wish: WishNode,
    pub(crate) span: Span,
    pub(crate) gap: Gap,
}

#[derive(Clone, Debug)]
pub(crate) enum WishNode {
    There,
    /// JSON as written.
    Is(Word),
    Variable(Word),
    Take(Word),
}
