//! The server's side.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Authenticated, GREETING, LINE_MAX, Mechanism, Reason, Refusal, Token, Users, VERSION};
use crate::gate::{Gate, Handshake, Line, Pushed, Start, trimmed};
use crate::scram::{self, Challenged, ChannelBinding, DecoySecret, Nonce, Variant};

/// What the lines of a client may begin with: the first word of each mechanism, and giving up.
const OPENINGS: &[&str] = &["SCRAM-SHA-256-PLUS ", "SCRAM-SHA-256 ", "BEARER ", "*\n", "*\r\n"];

/// Finds out who the client is. Keeps at most [`LINE_MAX`] bytes of the client's, and hashes nothing more than once
/// or twice: a client cannot make it work.
pub struct Server {
    users: Arc<Users>,
    secret: DecoySecret,
    binding: Option<ChannelBinding>,
    nonce: Nonce,
    line: Line,
    state: State,
}

enum State {
    /// The greeting is out.
    Greeted,
    /// The challenge is out.
    Challenged(Box<Challenged>, Mechanism),
    Over,
}

impl Server {
    /// A server that knows `users`. `binding` is what TLS gives for this connection; with one, SCRAM-SHA-256-PLUS is
    /// offered. `nonce` must be new and random; `secret` is one for all connections.
    ///
    /// A token goes over the wire as it is: whether a wire is fit for that is for the caller to judge, who leaves users
    /// with tokens out ([`Users::without`]) where it is not.
    pub fn new(
        users: Arc<Users>,
        secret: DecoySecret,
        nonce: Nonce,
        binding: Option<ChannelBinding>,
    ) -> Self {
        Self { users, secret, binding, nonce, line: Line::new(LINE_MAX), state: State::Greeted }
    }

    fn offers(&self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::ScramPlus => self.binding.is_some() && self.offers(Mechanism::Scram),
            // With no users at all something must be offered; nobody comes in by it.
            Mechanism::Scram => self.users.verifiers().next().is_some() || !self.offers(Mechanism::Bearer),
            Mechanism::Bearer => self.users.tokens().next().is_some(),
        }
    }

    /// Takes one line without its end.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Option<Authenticated>, Refusal> {
        let line = std::str::from_utf8(line).map_err(|_| Refusal::Malformed { what: "not-utf-8" })?;
        if line == "*" {
            return Err(Refusal::GaveUp);
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Greeted => self.choose(line, out),
            State::Challenged(challenged, mechanism) => {
                let name = Some(challenged.name().clone());
                let last = text(line)?;
                let (last, name) =
                    challenged.check(&last).map_err(|refusal| Refusal::Scram { refusal, name })?;
                out.extend_from_slice(format!("ok {}\n", BASE64_STANDARD.encode(last)).as_bytes());
                Ok(Some(Authenticated { name: Some(name), mechanism }))
            }
            State::Over => Err(Refusal::Over),
        }
    }

    /// Takes the client's first line: a mechanism and what it begins with.
    fn choose(&mut self, line: &str, out: &mut Vec<u8>) -> Result<Option<Authenticated>, Refusal> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mechanism =
            Mechanism::of(word).ok_or_else(|| Refusal::Foreign { start: Start::of(line.as_bytes()) })?;
        if !self.offers(mechanism) {
            return Err(Refusal::NotOffered { mechanism });
        }
        let variant = match mechanism {
            Mechanism::ScramPlus => Variant::Plus,
            Mechanism::Scram => Variant::Plain,
            Mechanism::Bearer => {
                let token = Token::parse(rest).map_err(|_| Refusal::Token)?;
                let name = self.users.bearer(&token).ok_or(Refusal::Token)?.clone();
                out.extend_from_slice(b"ok\n");
                return Ok(Some(Authenticated { name: Some(name), mechanism }));
            }
        };
        let server = scram::Server::open(&text(rest)?, self.binding.as_ref(), variant)
            .map_err(|refusal| Refusal::Scram { refusal, name: None })?;
        let verifier = self.users.verifier_or_decoy(server.name(), &self.secret);
        let (challenge, challenged) = server.challenge(verifier, &self.nonce);
        out.extend_from_slice(format!("+ {}\n", BASE64_STANDARD.encode(challenge)).as_bytes());
        self.state = State::Challenged(Box::new(challenged), mechanism);
        Ok(None)
    }

    fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<Gate<Authenticated>, Refusal> {
        let mut done = 0;
        while done < chunk.len() {
            if matches!(self.state, State::Over) {
                return Err(Refusal::Over);
            }
            let pushed = self.line.push(&chunk[done..]);
            if matches!(self.state, State::Greeted) && !self.line.may_begin(OPENINGS) {
                return Err(Refusal::Foreign { start: Start::of(self.line.bytes()) });
            }
            match pushed {
                Pushed::Partial => return Ok(Gate::More),
                Pushed::TooLong => return Err(Refusal::TooLong),
                Pushed::Whole { used } => done += used,
            }
            let line = self.line.take();
            if let Some(outcome) = self.line(trimmed(&line), out)? {
                return Ok(Gate::Done { used: done, outcome });
            }
        }
        Ok(Gate::More)
    }
}

/// The text in base64.
fn text(base64: &str) -> Result<String, Refusal> {
    let bytes = BASE64_STANDARD.decode(base64).map_err(|_| Refusal::Malformed { what: "not-base64" })?;
    String::from_utf8(bytes).map_err(|_| Refusal::Malformed { what: "base64-of-no-utf-8" })
}

impl Handshake for Server {
    type Outcome = Authenticated;
    type Refusal = Refusal;

    fn start(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(GREETING.as_bytes());
        out.extend_from_slice(VERSION.as_bytes());
        for mechanism in Mechanism::ALL.iter().filter(|mechanism| self.offers(**mechanism)) {
            out.push(b' ');
            out.extend_from_slice(mechanism.word().as_bytes());
        }
        out.push(b'\n');
    }

    fn bytes(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<Gate<Authenticated>, Refusal> {
        let result = self.feed(chunk, out);
        if !matches!(result, Ok(Gate::More)) {
            self.state = State::Over;
            self.line.take();
        }
        match &result {
            Err(Refusal::Over) | Ok(_) => {}
            Err(refusal) => out.extend_from_slice(Reason::line(refusal.reason()).as_bytes()),
        }
        result
    }

    fn end(&self) -> Refusal {
        match self.state {
            State::Over => Refusal::Over,
            State::Greeted | State::Challenged(..) => Refusal::Ended,
        }
    }

    fn held(&self) -> usize {
        self.line.bytes().len()
    }
}
