//! One peer's session of a chat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sockeye_core::{Conversation, Effect, Input, Outbox, PEER, SessionId, Tick};

use super::desk::{Desk, Heard, News, Said, Standing};
use super::wording::Wording;

/// What a peer in line may say before it is read no further, in bytes and messages.
const KEPT_BYTES: usize = 64 * 1024;
const KEPT: usize = 1000;

/// The word that wakes a session to look at the desk.
pub(super) const WAKE: &str = "desk";

/// What all sessions of a chat share.
pub(super) struct Shared {
    desk: Mutex<Desk>,
    pub(super) wording: Wording,
}

impl Shared {
    pub(super) const fn new(desk: Desk, wording: Wording) -> Self {
        Self { desk: Mutex::new(desk), wording }
    }

    /// The desk. A session that panicked leaves it whole: each call finishes before anything else can fail.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Waiting,
    Talking,
    Gone,
}

/// A peer's session.
pub(super) struct Talker {
    shared: Arc<Shared>,
    session: SessionId,
    name: String,
    datagrams: bool,
    state: State,
    /// What was said while waiting in line.
    kept: Vec<Box<[u8]>>,
    kept_bytes: usize,
    paused: bool,
    /// What the peer said last, if the template wants it.
    message: String,
}

impl Talker {
    pub(super) const fn new(shared: Arc<Shared>, session: SessionId, name: String, datagrams: bool) -> Self {
        Self {
            shared,
            session,
            name,
            datagrams,
            state: State::New,
            kept: Vec::new(),
            kept_bytes: 0,
            paused: false,
            message: String::new(),
        }
    }

    fn come(&mut self) {
        let mut desk = self.shared.desk();
        desk.arrive(self.session, self.name.clone());
        let waits = desk.standing(self.session) == Some(Standing::Waiting);
        drop(desk);
        self.state = if waits { State::Waiting } else { State::Talking };
    }

    /// Keeps what a peer in line says. Datagrams cannot be left unread: those past the bound are lost.
    fn keep(&mut self, data: &[u8], out: &mut Outbox) {
        if self.paused && self.datagrams {
            return;
        }
        self.kept_bytes += data.len();
        self.kept.push(data.into());
        if !self.paused && (self.kept_bytes > KEPT_BYTES || self.kept.len() >= KEPT) {
            self.paused = true;
            out.effect(Effect::Read { leg: PEER, on: false });
        }
    }

    fn hear(&mut self, data: &[u8], out: &mut Outbox) {
        let shared = Arc::clone(&self.shared);
        let text = shared.wording.decode(data);
        let heard = shared.desk().heard(self.session, &text);
        // Who speaks is told before what is said.
        self.tell(out);
        let shown = if shared.wording.is_utf8() { data } else { text.as_bytes() };
        out.print(shown);
        if !shown.ends_with(b"\n") {
            out.print(b"\n");
        }
        if heard == Heard::Bye {
            return self.go(out);
        }
        if shared.wording.looks_back() {
            self.message = text.into_owned();
        }
    }

    /// Does what the desk has for this session, until it has no more.
    fn attend(&mut self, out: &mut Outbox) {
        loop {
            if self.state == State::Waiting {
                self.begin(out);
            }
            self.send_ready(out);
            if !self.tell(out) {
                return;
            }
        }
    }

    /// Hears what was said in line, once this peer is spoken to.
    fn begin(&mut self, out: &mut Outbox) {
        if self.shared.desk().standing(self.session) != Some(Standing::Talking) {
            return;
        }
        self.state = State::Talking;
        if std::mem::take(&mut self.paused) {
            out.effect(Effect::Read { leg: PEER, on: true });
        }
        self.kept_bytes = 0;
        for data in std::mem::take(&mut self.kept) {
            if self.state == State::Talking {
                self.hear(&data, out);
            }
        }
    }

    fn send_ready(&mut self, out: &mut Outbox) {
        while self.state == State::Talking {
            let Some(said) = self.shared.desk().next(self.session) else { return };
            match said {
                Said::Words(text) => self.say(&text, out),
                Said::Bye(word) => {
                    self.say_bye(&word, out);
                    self.go(out);
                }
            }
        }
    }

    fn say(&self, typed: &str, out: &mut Outbox) {
        let wording = &self.shared.wording;
        let built = wording.build(typed, &self.message, &self.name).and_then(|bytes| {
            let nothing = bytes.is_empty() && out.lane().is_cut_anywhere();
            if nothing { Err(sockeye_core::Note::new("chat-empty")) } else { Ok(bytes) }
        });
        match built {
            Ok(bytes) => out.message(&bytes),
            Err(note) => {
                out.note(note);
                self.shared.desk().unsaid(self.session);
            }
        }
    }

    /// The goodbye is sent as it is: whoever waits for it compares it, and a template would disguise it.
    fn say_bye(&self, word: &str, out: &mut Outbox) {
        match self.shared.wording.encode(word) {
            Ok(bytes) => out.message(&bytes),
            Err(note) => out.note(note),
        }
    }

    /// Those in line were told nothing so far, and are told nothing now.
    fn stop(&mut self, out: &mut Outbox) {
        if self.state == State::Talking {
            self.attend(out);
        }
        if self.state == State::Talking {
            let bye = self.shared.desk().bye().map(str::to_owned);
            if let Some(word) = bye {
                self.say_bye(&word, out);
            }
        }
        self.go(out);
    }

    fn go(&mut self, out: &mut Outbox) {
        self.leave();
        self.tell(out);
        out.close();
    }

    fn leave(&mut self) {
        if let State::Waiting | State::Talking = std::mem::replace(&mut self.state, State::Gone) {
            self.shared.desk().leave(self.session);
        }
    }

    /// Passes the desk's news on. Whether this session itself has something to do.
    fn tell(&self, out: &mut Outbox) -> bool {
        let news = self.shared.desk().news();
        let mut mine = false;
        for item in news {
            match item {
                News::Wake(session) if session == self.session => mine = true,
                News::Wake(session) => out.effect(Effect::Signal { session, word: WAKE.into() }),
                News::Note(note) => out.note(note),
            }
        }
        mine
    }
}

impl Conversation for Talker {
    fn handle(&mut self, _now: Tick, input: Input<'_>, out: &mut Outbox) {
        match input {
            Input::Opened { leg: PEER } => self.come(),
            Input::Message { leg: PEER, data } => match self.state {
                State::Waiting => self.keep(data, out),
                State::Talking => self.hear(data, out),
                State::New | State::Gone => {}
            },
            Input::Eof { leg: PEER } | Input::Failed { leg: PEER, .. } => return self.go(out),
            Input::Stop => return self.stop(out),
            _ => {}
        }
        if self.state != State::Gone {
            self.attend(out);
        }
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }
}

impl Drop for Talker {
    /// A session can end without a last word to it. Whoever is next in line is woken with the next news.
    fn drop(&mut self) {
        self.leave();
    }
}
