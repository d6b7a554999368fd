//! The operator's desk: who is there, whose turn it is, and which typed line goes to whom. Pure; the sessions and the
//! operator call it, and it answers with [`News`] and lines. Peers are numbered as sessions are everywhere.
//!
//! Lines wait in one list, in the order typed. With one peer at a time they are for whoever is spoken to when their turn
//! comes: a line typed after a goodbye is for the next caller, as in a program that reads its lines one by one. With
//! several peers each line is for the peer it was typed to, and is dropped, with a note, when that peer leaves first.

use std::cmp::Reverse;
use std::collections::VecDeque;

use sockeye_core::{Note, SessionId};

use super::typed::Typed;

/// Typed lines that may wait, and their bytes.
const LINES: usize = 1000;
const BYTES: usize = 1 << 20;

/// How the conversation goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// Whether one says one line, then the other.
    pub(super) turns: bool,
    /// Who says the first line; `None`: whoever does.
    pub(super) first: Option<First>,
    /// Whether later peers wait in line.
    pub(super) one_at_a_time: bool,
    /// The word that ends a session, from either side.
    pub(super) bye: Option<String>,
}

/// Who says the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    Server,
    Client,
}

/// Something for others than the session at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// This session has something to do.
    Wake(SessionId),
    /// The operator is to be told.
    Note(Note),
}

/// How a peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// In line.
    Waiting,
    /// Spoken to.
    Talking,
    /// The goodbye is said; the session is about to close.
    Leaving,
}

/// What a peer's words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Words.
    Words,
    /// The goodbye.
    Bye,
}

/// A line to send now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Words, for the template.
    Words(Box<str>),
    /// The goodbye: sent as typed, then the session closes.
    Bye(Box<str>),
}

/// Who may speak, as far as typed lines are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Anybody,
    Ours,
    Theirs,
}

#[derive(Debug)]
struct Caller {
    session: SessionId,
    name: String,
    standing: Standing,
    turn: Turn,
    /// When it was heard last, counted in messages; 0 for never.
    heard: u64,
    ready: VecDeque<Box<str>>,
}

#[derive(Debug)]
struct Held {
    to: Option<SessionId>,
    text: Box<str>,
}

/// The desk of one chat.
#[derive(Debug)]
pub(super) struct Desk {
    rules: Rules,
    callers: Vec<Caller>,
    heard: u64,
    speaker: Option<SessionId>,
    held: VecDeque<Held>,
    held_bytes: usize,
    news: Vec<News>,
}

impl Desk {
    pub(super) const fn new(rules: Rules) -> Self {
        Self {
            rules,
            callers: Vec::new(),
            heard: 0,
            speaker: None,
            held: VecDeque::new(),
            held_bytes: 0,
            news: Vec::new(),
        }
    }

    // What sessions call.

    /// A peer is there.
    pub(super) fn arrive(&mut self, session: SessionId, name: String) {
        let busy = self.rules.one_at_a_time && !self.callers.is_empty();
        let standing = if busy { Standing::Waiting } else { Standing::Talking };
        let (turn, ready) = (self.first_turn(), VecDeque::new());
        self.callers.push(Caller { session, name, standing, turn, heard: 0, ready });
        let note = if busy { Note::new("chat-waits") } else { Note::new("chat-came") };
        self.note_on(self.callers.len() - 1, note);
        if !busy {
            self.claim(session);
        }
        self.pump();
    }

    /// How a peer stands; `None` for one that left.
    pub(super) fn standing(&self, session: SessionId) -> Option<Standing> {
        self.find(session).map(|at| self.callers[at].standing)
    }

    /// A peer that is spoken to has said something.
    pub(super) fn heard(&mut self, session: SessionId, text: &str) -> Heard {
        let Some(at) = self.find(session) else { return Heard::Words };
        self.heard += 1;
        let several = self.talking().count() > 1;
        let caller = &mut self.callers[at];
        caller.heard = self.heard;
        caller.turn = if self.rules.turns { Turn::Ours } else { Turn::Anybody };
        if several && self.speaker != Some(session) {
            self.speaker = Some(session);
            self.note_on(at, Note::new("chat-speaker"));
        }
        if self.is_bye(text) {
            self.callers[at].standing = Standing::Leaving;
            return Heard::Bye;
        }
        self.pump();
        Heard::Words
    }

    /// The next line to send to a peer.
    pub(super) fn next(&mut self, session: SessionId) -> Option<Said> {
        let at = self.find(session)?;
        let text = self.callers[at].ready.pop_front()?;
        Some(if self.is_bye(&text) { Said::Bye(text) } else { Said::Words(text) })
    }

    /// A line that was to be sent could not be: it is the operator's turn again.
    pub(super) fn unsaid(&mut self, session: SessionId) {
        if let Some(at) = self.find(session) {
            let caller = &mut self.callers[at];
            if self.rules.turns && caller.standing == Standing::Talking {
                caller.turn = Turn::Ours;
            }
            self.pump();
        }
    }

    /// A peer has left, or is about to be closed.
    pub(super) fn leave(&mut self, session: SessionId) {
        let Some(at) = self.find(session) else { return };
        let caller = self.callers.remove(at);
        let waited = caller.standing == Standing::Waiting;
        let count = self.waiting();
        let note = if waited { Note::new("chat-waiter-went") } else { Note::new("chat-went") };
        self.note(about(&caller, note).arg("count", count));
        self.take_back(caller);
        if !waited && self.rules.one_at_a_time {
            self.promote();
        }
    }

    // What the operator does.

    /// A line was typed.
    pub(super) fn typed(&mut self, line: &str) {
        if self.is_bye(line) {
            return self.say(None, line);
        }
        match Typed::read(line) {
            Typed::Say(text) => self.say(None, text),
            Typed::To(number, text) => match self.standing(SessionId(number)) {
                Some(Standing::Talking) => self.say(Some(SessionId(number)), text),
                Some(Standing::Waiting) => self.note(Note::new("chat-not-yet").arg("number", number)),
                _ => self.note(Note::new("chat-nobody").arg("number", number)),
            },
            Typed::Who => self.who(),
            Typed::Unknown(line) => self.note(Note::new("chat-unknown-command").arg("line", line)),
        }
    }

    // For both.

    /// What others are to be told or woken for, since the last call.
    pub(super) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The word that ends a session.
    pub(super) fn bye(&self) -> Option<&str> {
        self.rules.bye.as_deref()
    }

    fn is_bye(&self, text: &str) -> bool {
        self.rules.bye.as_deref() == Some(text.trim_end_matches(['\r', '\n']))
    }

    const fn first_turn(&self) -> Turn {
        match (self.rules.turns, self.rules.first) {
            (_, Some(First::Client)) => Turn::Theirs,
            (true, Some(First::Server)) => Turn::Ours,
            _ => Turn::Anybody,
        }
    }

    fn say(&mut self, to: Option<SessionId>, text: &str) {
        if self.held.len() >= LINES || self.held_bytes + text.len() > BYTES {
            return self.note(Note::new("chat-full").arg("count", self.held.len()));
        }
        let to = if self.rules.one_at_a_time { to } else { to.or_else(|| self.addressee()) };
        let before = self.held.len();
        self.held_bytes += text.len();
        self.held.push_back(Held { to, text: text.into() });
        self.pump();
        // Told once: who pipes many lines in knows that they wait.
        if before == 0 && !self.held.is_empty() {
            self.note(Note::new("chat-held"));
        }
    }

    /// Who a plain line is for among several: the peer last heard, or the first one if none was.
    fn addressee(&self) -> Option<SessionId> {
        let latest = self.talking().max_by_key(|caller| (caller.heard, Reverse(caller.session)));
        latest.map(|caller| caller.session)
    }

    /// Lines typed before anybody was there are for the first that comes.
    fn claim(&mut self, session: SessionId) {
        if !self.rules.one_at_a_time {
            for held in self.held.iter_mut().filter(|held| held.to.is_none()) {
                held.to = Some(session);
            }
        }
    }

    /// Hands every held line over whose turn has come.
    fn pump(&mut self) {
        let mut at = 0;
        while at < self.held.len() {
            let Some(to) = self.taker(self.held[at].to) else {
                at += 1;
                continue;
            };
            let Some(held) = self.held.remove(at) else { return };
            self.held_bytes -= held.text.len();
            let bye = self.is_bye(&held.text);
            let caller = &mut self.callers[to];
            if self.rules.turns {
                caller.turn = Turn::Theirs;
            }
            if bye {
                caller.standing = Standing::Leaving;
            }
            caller.ready.push_back(held.text);
            if caller.ready.len() == 1 {
                self.news.push(News::Wake(caller.session));
            }
        }
    }

    /// Who takes a line now.
    fn taker(&self, to: Option<SessionId>) -> Option<usize> {
        let able = |caller: &Caller| caller.standing == Standing::Talking && caller.turn != Turn::Theirs;
        let meant = |caller: &Caller| match to {
            Some(session) => caller.session == session,
            None => self.rules.one_at_a_time,
        };
        self.callers.iter().position(|caller| meant(caller) && able(caller))
    }

    /// What a peer that left did not get any more.
    fn take_back(&mut self, caller: Caller) {
        let mut lost = 0;
        if self.rules.one_at_a_time {
            for text in caller.ready.into_iter().rev() {
                self.held_bytes += text.len();
                self.held.push_front(Held { to: None, text });
            }
        } else {
            lost += caller.ready.len();
        }
        let (for_it, rest): (VecDeque<Held>, _) =
            self.held.drain(..).partition(|held| held.to == Some(caller.session));
        self.held = rest;
        self.held_bytes -= for_it.iter().map(|held| held.text.len()).sum::<usize>();
        lost += for_it.len();
        if lost > 0 {
            self.note(Note::new("chat-unsent").arg("number", caller.session).arg("count", lost));
        }
    }

    /// The next in line is spoken to.
    fn promote(&mut self) {
        if let Some(caller) = self.callers.first_mut()
            && caller.standing == Standing::Waiting
        {
            caller.standing = Standing::Talking;
            let session = caller.session;
            self.news.push(News::Wake(session));
            self.note_on(0, Note::new("chat-next"));
        }
        self.pump();
    }

    fn who(&mut self) {
        if self.callers.is_empty() {
            self.note(Note::new("chat-who-nobody"));
        }
        for at in 0..self.callers.len() {
            let waits = self.callers[at].standing == Standing::Waiting;
            self.note_on(at, if waits { Note::new("chat-who-waits") } else { Note::new("chat-who-talks") });
        }
    }

    fn talking(&self) -> impl Iterator<Item = &Caller> {
        self.callers.iter().filter(|caller| caller.standing == Standing::Talking)
    }

    fn waiting(&self) -> usize {
        self.callers.iter().filter(|caller| caller.standing == Standing::Waiting).count()
    }

    fn find(&self, session: SessionId) -> Option<usize> {
        self.callers.iter().position(|caller| caller.session == session)
    }

    /// A note about a peer, with how many wait in line.
    fn note_on(&mut self, at: usize, note: Note) {
        let note = about(&self.callers[at], note).arg("count", self.waiting());
        self.note(note);
    }

    fn note(&mut self, note: Note) {
        self.news.push(News::Note(note));
    }
}

fn about(caller: &Caller, note: Note) -> Note {
    note.arg("number", caller.session).arg("peer", &caller.name)
}
