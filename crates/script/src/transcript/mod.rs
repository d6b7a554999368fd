//! Conversations written down as they happen: events in, the text of a conversation file out. What is written passes
//! when it is played at once. Read [`Transcript`] first.
//!
//! The file is always written from the client's side, whoever recorded it: `>` is what the client sent, `<` what the
//! server answered. Events seen at one place have an order that holds for both ends: what the server had said when the
//! client's next message passed did not need that message, and what came after it may have. So the order of events is
//! the order of steps, with one freedom: on streams without framing, reads are joined as long as nobody sends.

mod cast;
mod page;
mod pieces;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sockeye_core::endpoint::{Endpoint, Host, Place};
use sockeye_core::{Direction, Event, Kind, PEER, SessionId, Tick};
use sockeye_wire::Charset;

use cast::{Cast, Session, Stage};
use page::Page;
use pieces::{Piece, Pieces};

/// What a transcript is told beforehand.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose events they are.
    pub subject: Subject,
    /// What the file begins with, as a comment: when it was recorded, by what. Lines; may be empty.
    pub title: String,
    /// What randomness was drawn from.
    pub seed: Option<u64>,
}

/// Whose events a transcript is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A client's (`connect`, `ask`): what it sends goes out.
    Client {
        /// What it connects to, with every parameter.
        endpoint: String,
    },
    /// A server's: what comes in is what clients send.
    Server {
        /// The endpoints it was told to listen on, with every parameter, in the order they are bound. What
        /// [`Kind::Listening`] says of a listener lacks its parameters; they are taken from here.
        endpoints: Vec<String>,
    },
    /// A relay's: seen on the side of its clients, and written against what it relays to.
    Proxy {
        /// What it relays to, with every parameter.
        target: String,
    },
    /// A capture's: as a server's, with endpoints made of the addresses.
    Capture,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

/// Writes a conversation file from events. It holds at most 4 MiB of messages, and forgets sessions
/// that have ended.
#[derive(Debug)]
pub struct Transcript {
    subject: Subject,
    head: Option<(String, Option<u64>)>,
    page: Page,
    cast: Cast,
    sessions: BTreeMap<SessionId, Session>,
    pieces: Pieces,
    /// A client has ended its side, which is not written yet: if the session is over with that, it has closed.
    ended: Option<(SessionId, Tick)>,
}

impl Transcript {
    /// A file without steps yet.
    pub fn new(options: Options) -> Self {
        let Options { subject, title, seed } = options;
        let cast = Cast::new(&subject);
        Self {
            subject,
            head: Some((title, seed)),
            page: Page::default(),
            cast,
            sessions: BTreeMap::new(),
            pieces: Pieces::default(),
            ended: None,
        }
    }

    /// Takes an event in, and appends to `out` what can be written by now: whole lines.
    pub fn event(&mut self, event: &Event<'_>, out: &mut String) {
        self.begin(out);
        let (id, at) = (event.session, event.at);
        match event.kind {
            Kind::Listening { url, .. } => self.cast.listening(url),
            Kind::Accepted { transport, local, remote } => {
                self.flush(out);
                self.sessions.insert(id, self.cast.accepted(transport, local, remote, at));
            }
            Kind::Connected { leg: PEER, .. } if matches!(self.subject, Subject::Client { .. }) => {
                self.connected(id, at, out);
            }
            Kind::Tls { leg: PEER, facts } => {
                let text = format!("tls: {} {} trust={}", facts.version, facts.suite, facts.trust.word());
                self.fact(id, &text, Session::secured, out);
            }
            Kind::TlsTruncated { leg: PEER } => self.remark(id, "tls-truncated", out),
            Kind::Upgraded { leg: PEER, to, facts } => {
                let facts: Vec<_> = facts.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                let text = format!("upgraded: {to}{}", facts.concat());
                self.fact(id, &text, |session| session.upgraded(to, event.kind), out);
            }
            Kind::Authenticated { leg: PEER, user, mechanism } => {
                let text = format!("authenticated: {user} {mechanism}");
                self.fact(id, &text, |session| session.authenticated(user), out);
            }
            Kind::Message { leg: PEER, direction, data } => {
                self.message(id, at, self.speaker(direction), data, out);
            }
            Kind::Fault { leg: PEER, direction, name, detail } => {
                let sign = sign(self.speaker(direction));
                self.remark(id, &format!("{sign} fault: {name} {detail}"), out);
            }
            Kind::HalfClosed { leg: PEER, direction, .. } => {
                self.half_closed(id, at, self.speaker(direction), out);
            }
            Kind::Reset { leg: PEER, direction } => self.reset(id, at, self.speaker(direction), out),
            Kind::Timeout { what } => self.timeout(id, what, out),
            Kind::Error(fault) => {
                self.flush(out);
                self.remark(id, &format!("error: {fault}"), out);
            }
            Kind::Closed { .. } => self.closed(id, at, out),
            _ => {}
        }
    }

    /// Appends what waited to be joined with more, so that nothing is lost if the program ends here.
    pub fn flush(&mut self, out: &mut String) {
        for piece in self.pieces.take() {
            let sign = sign(piece.speaker);
            self.step(piece.session, piece.at, out, |page, charset| page.data(sign, &piece.bytes, charset));
        }
        if let Some((id, at)) = self.ended.take() {
            self.step(id, at, out, |page, _| page.word("fin"));
        }
    }

    /// Appends what is left. Nothing may follow.
    pub fn end(&mut self, out: &mut String) {
        self.begin(out);
        self.flush(out);
        let waiting: Vec<_> = self.waiting(None);
        for id in waiting {
            self.enter(id, out);
        }
    }

    fn begin(&mut self, out: &mut String) {
        if let Some((title, seed)) = self.head.take() {
            Page::head(&title, seed, out);
        }
    }

    const fn speaker(&self, direction: Direction) -> Speaker {
        match (&self.subject, direction) {
            (Subject::Client { .. }, Direction::Out) => Speaker::Client,
            (Subject::Client { .. }, Direction::In) | (_, Direction::Out) => Speaker::Server,
            (_, Direction::In) => Speaker::Client,
        }
    }

    /// A client's connection stands, perhaps not the first of its session.
    fn connected(&mut self, id: SessionId, at: Tick, out: &mut String) {
        self.flush(out);
        let Some(session) = self.sessions.get_mut(&id) else {
            self.sessions.insert(id, self.cast.connected(at));
            return;
        };
        if session.stage == Stage::Open {
            if !session.is_over() {
                self.step(id, at, out, |page, _| page.word("close"));
            }
            self.step(id, at, out, |page, _| page.word("connect"));
            if let Some(session) = self.sessions.get_mut(&id) {
                session.reopened();
            }
        }
    }

    fn message(&mut self, id: SessionId, at: Tick, speaker: Speaker, data: &[u8], out: &mut String) {
        if let Some((ended, _)) = self.ended
            && (ended != id || speaker == Speaker::Server)
        {
            self.flush(out);
        }
        let Some(session) = self.sessions.get(&id) else { return };
        if session.is_raw && data.is_empty() {
            return;
        }
        if !session.is_raw {
            self.flush(out);
            self.step(id, at, out, |page, charset| page.data(sign(speaker), data, charset));
            return;
        }
        if !self.pieces.has_room(id, at, speaker, data.len()) {
            self.flush(out);
        }
        self.pieces.push(Piece { session: id, speaker, at, last: at, bytes: data.to_vec() });
    }

    fn half_closed(&mut self, id: SessionId, at: Tick, speaker: Speaker, out: &mut String) {
        self.flush(out);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match speaker {
            Speaker::Client if !session.ends.fin => {
                session.ends.fin = true;
                self.ended = Some((id, at));
            }
            Speaker::Server if !session.ends.eof && !session.is_draining => {
                session.ends.eof = true;
                self.step(id, at, out, |page, _| page.word("<eof"));
            }
            _ => {}
        }
    }

    fn reset(&mut self, id: SessionId, at: Tick, speaker: Speaker, out: &mut String) {
        self.flush(out);
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.ends.cut) else { return };
        session.ends.cut = true;
        let word = if speaker == Speaker::Client { "reset" } else { "<reset" };
        self.step(id, at, out, |page, _| page.word(word));
    }

    /// A deadline of ours has passed. What follows a drain is the program's end, and no part of the conversation.
    fn timeout(&mut self, id: SessionId, what: &str, out: &mut String) {
        self.flush(out);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.is_draining |= what == "drain";
        }
        self.remark(id, &format!("timeout: {what}"), out);
    }

    fn closed(&mut self, id: SessionId, at: Tick, out: &mut String) {
        let closes = self.ended.is_some_and(|(ended, _)| ended == id)
            && self.sessions.get(&id).is_some_and(|session| !session.ends.eof);
        if closes {
            self.ended = None;
        }
        self.flush(out);
        let Some(session) = self.sessions.get(&id) else { return };
        if session.is_ready() && session.is_stream && !session.is_over() {
            let words: &[&str] =
                if session.stage == Stage::Open { &["close"] } else { &["connect", "close"] };
            for word in words {
                self.step(id, at, out, |page, _| page.word(word));
            }
        }
        if let Some(session) = self.sessions.remove(&id) {
            self.cast.leave(&session);
        }
    }

    /// Something is known about a session now: it goes into the file's endpoint if there is time, and into a comment.
    fn fact(&mut self, id: SessionId, text: &str, learn: impl FnOnce(&mut Session), out: &mut String) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        learn(session);
        self.remark(id, text, out);
    }

    /// Writes a comment, or keeps it until the session has a name.
    fn remark(&mut self, id: SessionId, text: &str, out: &mut String) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.name() {
            Some(name) => Page::comment(&format!("{name} {text}"), out),
            None => session.remember(text),
        }
    }

    /// Writes a step of a session, after all that was connected before it.
    fn step(&mut self, id: SessionId, at: Tick, out: &mut String, write: impl FnOnce(&mut Page, Charset)) {
        for other in self.waiting(Some(id)) {
            self.enter(other, out);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.stage == Stage::Waiting {
            self.cast.enter(session, &mut self.page, out);
        }
        let Some(name) = session.name() else { return };
        self.page.begin(&name);
        write(&mut self.page, session.charset);
        self.page.end(at, out);
        session.stage = Stage::Open;
    }

    /// The sessions that stand and have not said anything, without `but`.
    fn waiting(&self, but: Option<SessionId>) -> Vec<SessionId> {
        let waits = |session: &Session| session.stage == Stage::Waiting && session.is_ready();
        self.sessions
            .iter()
            .filter(|(id, session)| Some(**id) != but && waits(session))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Lets a session connect, though it has not said anything.
    fn enter(&mut self, id: SessionId, out: &mut String) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let at = session.at;
        self.cast.enter(session, &mut self.page, out);
        let Some(name) = session.name() else { return };
        if session.stage == Stage::Waiting {
            self.page.begin(&name);
            self.page.word("connect");
            self.page.end(at, out);
            session.stage = Stage::Open;
        }
    }
}

/// A listener's endpoint as a client writes it, who reaches it at `local`.
pub fn as_client(listener: &Endpoint, local: Option<SocketAddr>) -> Endpoint {
    let mut endpoint = listener.clone();
    if let (Some(local), Place::Host { host, port, .. }) = (local, &mut endpoint.place) {
        (*host, *port) = (Host::Ip(local.ip()), local.port());
    }
    endpoint.params = cast::of_client(listener);
    endpoint
}

const fn sign(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Client => ">",
        Speaker::Server => "<",
    }
}

#[cfg(test)]
mod tests;
