//! The client's side.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Authenticated, GREETING, LINE_MAX, Mechanism, Reason, Refusal, Token, VERSION, shown};
use crate::gate::{Gate, Handshake, Line, Pushed, Start, trimmed};
use crate::scram::{self, Binding, ChannelBinding, Expected, Name, Nonce, Password};

/// What a client comes with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A name and its password.
    Password(Name, Password),
    /// A token. It goes over the wire as it is: where nobody may listen, that is only on TLS whose certificate was checked,
    /// or within one machine. That is for the caller to see to.
    Token(Token),
}

/// Proves who the client is, and believes the server only once it has proved to know the password. Keeps at most
/// [`LINE_MAX`] bytes of the server's.
///
/// It hashes the password when the challenge comes, some tenths of a second and at most a few seconds: feed it where
/// nothing else waits.
pub struct Client {
    binding: Option<ChannelBinding>,
    line: Line,
    state: State,
}

enum State {
    /// Waiting for the greeting.
    New(Credential, Nonce),
    /// Waiting for the challenge.
    Named(Box<scram::Client>, Name, Mechanism),
    /// Waiting for the server's signature.
    Proved(Expected, Name, Mechanism),
    /// Waiting for the answer to the token.
    Shown,
    Over,
}

impl Client {
    /// A client with a credential. `binding` is what TLS gives for this connection; `nonce` must be new and random.
    pub fn new(credential: Credential, nonce: Nonce, binding: Option<ChannelBinding>) -> Self {
        Self { binding, line: Line::new(LINE_MAX), state: State::New(credential, nonce) }
    }

    /// What the server's next line may begin with.
    const fn openings(&self) -> &'static [&'static str] {
        match self.state {
            State::New(..) => &[GREETING, "no "],
            State::Named(..) => &["+ ", "no "],
            State::Proved(..) => &["ok ", "no "],
            State::Shown | State::Over => &["ok\n", "ok\r\n", "no "],
        }
    }

    /// Takes one line without its end.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Option<Authenticated>, Refusal> {
        let line = std::str::from_utf8(line).map_err(|_| Refusal::Malformed { what: "not-utf-8" })?;
        if let Some(word) = line.strip_prefix("no ") {
            let known = Reason::ALL.iter().copied().find(|reason| reason.word() == word);
            let bad = Refusal::Malformed { what: "unknown-reason" };
            return Err(known.map_or(bad, |reason| Refusal::Denied { reason }));
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::New(credential, nonce) => {
                self.greeted(line, credential, nonce, out)?;
                Ok(None)
            }
            State::Named(client, name, mechanism) => {
                let challenge = within(line, "+ ")?;
                let (last, expected) = client
                    .answer(&challenge)
                    .map_err(|refusal| Refusal::Scram { refusal, name: Some(name.clone()) })?;
                out.extend_from_slice(BASE64_STANDARD.encode(last).as_bytes());
                out.push(b'\n');
                self.state = State::Proved(expected, name, mechanism);
                Ok(None)
            }
            State::Proved(expected, name, mechanism) => {
                let last = within(line, "ok ")?;
                match expected.check(&last) {
                    Ok(()) => Ok(Some(Authenticated { name: Some(name), mechanism })),
                    Err(refusal) => Err(Refusal::Scram { refusal, name: Some(name) }),
                }
            }
            State::Shown => Ok(Some(Authenticated { name: None, mechanism: Mechanism::Bearer })),
            State::Over => Err(Refusal::Over),
        }
    }

    /// Takes the greeting and begins.
    fn greeted(
        &mut self,
        line: &str,
        credential: Credential,
        nonce: Nonce,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let words = line.strip_prefix(GREETING).unwrap_or_default();
        let (version, offered) = words.split_once(' ').unwrap_or((words, ""));
        if version != VERSION {
            return Err(Refusal::Version { version: shown(version) });
        }
        let offers = |wanted: Mechanism| offered.split(' ').any(|word| word == wanted.word());
        match credential {
            Credential::Token(token) if offers(Mechanism::Bearer) => {
                out.extend_from_slice(format!("{} ", Mechanism::Bearer).as_bytes());
                out.extend_from_slice(token.reveal().as_bytes());
                out.push(b'\n');
                self.state = State::Shown;
            }
            Credential::Password(name, password)
                if offers(Mechanism::Scram) || (self.binding.is_some() && offers(Mechanism::ScramPlus)) =>
            {
                let (mechanism, binding) = match self.binding {
                    Some(binding) if offers(Mechanism::ScramPlus) => {
                        (Mechanism::ScramPlus, Binding::Exporter(binding))
                    }
                    Some(_) => (Mechanism::Scram, Binding::Unoffered),
                    None => (Mechanism::Scram, Binding::None),
                };
                let client = scram::Client::new(&name, password, nonce, binding);
                let first = BASE64_STANDARD.encode(client.first());
                out.extend_from_slice(format!("{mechanism} {first}\n").as_bytes());
                self.state = State::Named(Box::new(client), name, mechanism);
            }
            Credential::Token(_) => return Err(nothing_in_common(Mechanism::Bearer, offered)),
            Credential::Password(..) => return Err(nothing_in_common(Mechanism::Scram, offered)),
        }
        Ok(())
    }

    /// Takes the bytes of one line: `Done` when it was whole, with an outcome if it was the last.
    fn step(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<Gate<Option<Authenticated>>, Refusal> {
        if matches!(self.state, State::Over) {
            return Err(Refusal::Over);
        }
        let pushed = self.line.push(chunk);
        if !self.line.may_begin(self.openings()) {
            return Err(match self.state {
                State::New(..) => Refusal::Foreign { start: Start::of(self.line.bytes()) },
                _ => Refusal::Malformed { what: "unexpected-word" },
            });
        }
        let used = match pushed {
            Pushed::Partial => return Ok(Gate::More),
            Pushed::TooLong => return Err(Refusal::TooLong),
            Pushed::Whole { used } => used,
        };
        let line = self.line.take();
        Ok(Gate::Done { used, outcome: self.line(trimmed(&line), out)? })
    }

    fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<Gate<Authenticated>, Refusal> {
        let mut done = 0;
        while done < chunk.len() {
            let waits = matches!(self.state, State::New(..) | State::Named(..));
            match self.step(&chunk[done..], out) {
                Ok(Gate::More) => return Ok(Gate::More),
                Ok(Gate::Done { used, outcome: None }) => done += used,
                Ok(Gate::Done { used, outcome: Some(outcome) }) => {
                    return Ok(Gate::Done { used: done + used, outcome });
                }
                Err(refusal) => {
                    // A server that waits is told; one that has said its last, or is none, is not.
                    if waits && !matches!(refusal, Refusal::Foreign { .. } | Refusal::Denied { .. }) {
                        out.extend_from_slice(b"*\n");
                    }
                    return Err(refusal);
                }
            }
        }
        Ok(Gate::More)
    }
}

fn nothing_in_common(wanted: Mechanism, offered: &str) -> Refusal {
    let offered = if offered.is_empty() { "nothing".to_owned() } else { shown(offered) };
    Refusal::NothingInCommon { wanted: wanted.word(), offered }
}

/// The text in the base64 after `word`.
fn within(line: &str, word: &str) -> Result<String, Refusal> {
    let base64 = line.strip_prefix(word).unwrap_or_default();
    let bytes = BASE64_STANDARD.decode(base64).map_err(|_| Refusal::Malformed { what: "not-base64" })?;
    String::from_utf8(bytes).map_err(|_| Refusal::Malformed { what: "base64-of-no-utf-8" })
}

impl Handshake for Client {
    type Outcome = Authenticated;
    type Refusal = Refusal;

    fn start(&mut self, _out: &mut Vec<u8>) {}

    fn bytes(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<Gate<Authenticated>, Refusal> {
        let result = self.feed(chunk, out);
        if !matches!(result, Ok(Gate::More)) {
            self.state = State::Over;
            self.line.take();
        }
        result
    }

    fn end(&self) -> Refusal {
        match self.state {
            State::Over => Refusal::Over,
            _ => Refusal::Ended,
        }
    }

    fn held(&self) -> usize {
        self.line.bytes().len()
    }
}
