//! HTTP CONNECT (RFC 9110 section 9.3.6), with Basic authentication (RFC 7617) if there is a login.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::{Login, Opened, Refusal, Target};
use crate::escape::{Shape, escape_bytes};
use crate::gate::{Gate, Handshake, Line, Pushed, Start};

/// The longest head of an answer, interim ones included, in bytes.
pub const HEAD_MAX: usize = 16 << 10;

/// How much of a status line a refusal shows, in bytes.
const LINE_SHOWN: usize = 200;

/// The client's side. Keeps one line, at most [`HEAD_MAX`] bytes of the proxy's.
pub struct Http {
    target: Target,
    login: Option<Login>,
    line: Line,
    /// How many bytes of heads are done with.
    read: usize,
    state: State,
}

enum State {
    /// Waiting for a status line.
    Status,
    /// Within the head of an answer.
    Head {
        status: u16,
        line: String,
    },
    Over,
}

impl Http {
    /// A client that wants to get to `target`. The login is given at once (RFC 7617 section 2.2 allows that).
    pub fn new(target: Target, login: Option<Login>) -> Self {
        Self { target, login, line: Line::new(HEAD_MAX), read: 0, state: State::Status }
    }

    /// Takes a line of the head with its end.
    fn line(&mut self, line: &[u8]) -> Result<Option<Opened>, Refusal> {
        let bare = Refusal::Malformed { what: "bare-lf" };
        let line = line.strip_suffix(b"\r\n").ok_or(bare)?;
        if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err(Refusal::Malformed { what: "cr-or-nul-within-a-line" });
        }
        match std::mem::replace(&mut self.state, State::Status) {
            State::Status => {
                let bad = Refusal::Malformed { what: "bad-status-line" };
                let status = status(line).ok_or(bad)?;
                let mut safe = String::new();
                escape_bytes(&line[..line.len().min(LINE_SHOWN)], Shape::Line, &mut safe);
                self.state = State::Head { status, line: safe };
                Ok(None)
            }
            State::Head { status, line: status_line } if line.is_empty() => {
                self.answered(status, status_line)
            }
            head @ State::Head { .. } => {
                field(line)?;
                self.state = head;
                Ok(None)
            }
            State::Over => Err(Refusal::Over),
        }
    }

    /// What an answer means whose head is whole.
    fn answered(&self, status: u16, line: String) -> Result<Option<Opened>, Refusal> {
        match (status, &self.login) {
            // RFC 9110 section 15.2: the answer proper follows.
            (100 | 102..=199, _) => Ok(None),
            (200..=299, _) => Ok(Some(Opened { bound: None })),
            (407, Some(_)) => Err(Refusal::LoginRefused { said: line }),
            (407, None) => Err(Refusal::LoginNeeded { said: line }),
            _ => Err(Refusal::Status { status, line }),
        }
    }

    fn feed(&mut self, chunk: &[u8]) -> Result<Gate<Opened>, Refusal> {
        let mut done = 0;
        while done < chunk.len() {
            if matches!(self.state, State::Over) {
                return Err(Refusal::Over);
            }
            let rest = &chunk[done..];
            // What is held of the line under way counts too.
            let room = HEAD_MAX - self.read - self.line.bytes().len();
            let pushed = self.line.push(&rest[..rest.len().min(room)]);
            if matches!(self.state, State::Status) && !self.line.may_begin(&["HTTP/1."]) {
                return Err(Refusal::Foreign { kind: "HTTP", start: Start::of(self.line.bytes()) });
            }
            match pushed {
                Pushed::Partial if self.read + self.line.bytes().len() < HEAD_MAX => return Ok(Gate::More),
                Pushed::Partial | Pushed::TooLong => return Err(Refusal::TooLong),
                Pushed::Whole { used } => done += used,
            }
            let line = self.line.take();
            self.read += line.len();
            if let Some(outcome) = self.line(&line)? {
                return Ok(Gate::Done { used: done, outcome });
            }
        }
        Ok(Gate::More)
    }
}

/// Reads `HTTP/1.1 200 Connection established` (RFC 9112 section 4). The reason, and the space before it, may be missing.
fn status(line: &[u8]) -> Option<u16> {
    let [minor, b' ', a, b, c, rest @ ..] = line.strip_prefix(b"HTTP/1.")? else { return None };
    let digits = [minor, a, b, c].iter().all(|byte| byte.is_ascii_digit());
    let ends = matches!(rest, [] | [b' ', ..]);
    let number = [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit.wrapping_sub(b'0')));
    (digits && ends && number >= 100).then_some(number)
}

/// Holds a field line to its grammar (RFC 9112 section 5): a token, then a colon. A folded line (section 5.2) and white space
/// before the colon (section 5.1) are what attacks on the borders of heads are made of.
fn field(line: &[u8]) -> Result<(), Refusal> {
    if matches!(line, [b' ' | b'\t', ..]) {
        return Err(Refusal::Malformed { what: "folded-line" });
    }
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    match line.iter().position(|byte| *byte == b':') {
        Some(colon) if colon > 0 && line[..colon].iter().all(token) => Ok(()),
        _ => Err(Refusal::Malformed { what: "bad-field" }),
    }
}

impl Handshake for Http {
    type Outcome = Opened;
    type Refusal = Refusal;

    fn start(&mut self, out: &mut Vec<u8>) {
        let target = &self.target;
        out.extend_from_slice(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").as_bytes());
        if let Some(login) = &self.login {
            let pair = Zeroizing::new(format!("{}:{}", login.user, *login.password));
            let basic = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
            out.extend_from_slice(b"Proxy-Authorization: Basic ");
            out.extend_from_slice(basic.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn bytes(&mut self, chunk: &[u8], _out: &mut Vec<u8>) -> Result<Gate<Opened>, Refusal> {
        let result = self.feed(chunk);
        if !matches!(result, Ok(Gate::More)) {
            self.state = State::Over;
            self.line.take();
        }
        result
    }

    fn end(&self) -> Refusal {
        if matches!(self.state, State::Over) { Refusal::Over } else { Refusal::Ended }
    }

    fn held(&self) -> usize {
        self.line.bytes().len()
    }
}
