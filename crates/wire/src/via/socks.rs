//! SOCKS 5 (RFC 1928), CONNECT alone, with or without user and password (RFC 1929).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use zeroize::Zeroizing;

use super::{Login, Opened, Place, Refusal, Target};
use crate::gate::{Gate, Handshake, Start};

/// The protocol's version, first in most messages.
const SOCKS: u8 = 5;
/// The version of RFC 1929's messages.
const LOGIN: u8 = 1;

const NO_LOGIN: u8 = 0x00;
const PASSWORD: u8 = 0x02;
/// The status of a login that is taken (RFC 1929 section 2).
const LOGIN_FITS: u8 = 0x00;
const NOTHING_FITS: u8 = 0xff;

/// The longest message of a proxy: the answer to CONNECT with a name of 255 bytes.
const MESSAGE_MAX: usize = 4 + 1 + 255 + 2;

/// A SOCKS proxy's answer, if it is not success (RFC 1928 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 1.
    GeneralFailure,
    /// 2.
    NotAllowed,
    /// 3.
    NetworkUnreachable,
    /// 4.
    HostUnreachable,
    /// 5.
    ConnectionRefused,
    /// 6.
    TtlExpired,
    /// 7.
    CommandNotSupported,
    /// 8.
    AddressNotSupported,
    /// A number without a meaning.
    Unassigned(u8),
}

impl Reply {
    const fn of(code: u8) -> Self {
        match code {
            1 => Self::GeneralFailure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressNotSupported,
            other => Self::Unassigned(other),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GeneralFailure => "general failure",
            Self::NotAllowed => "not allowed",
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ConnectionRefused => "connection refused",
            Self::TtlExpired => "TTL expired",
            Self::CommandNotSupported => "command unsupported",
            Self::AddressNotSupported => "address unsupported",
            Self::Unassigned(code) => return write!(f, "reply {code}"),
        })
    }
}

/// The client's side. Keeps at most 262 bytes of the proxy's.
pub struct Socks {
    target: Target,
    login: Option<Login>,
    held: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waiting for the choice of a method.
    Method,
    /// Waiting for word on the login.
    Login,
    /// Waiting for the answer to CONNECT.
    Connect,
    Over,
}

impl Socks {
    /// A client that wants to get to `target`. The login is given if the proxy asks for one.
    pub const fn new(target: Target, login: Option<Login>) -> Self {
        Self { target, login, held: Vec::new(), state: State::Method }
    }

    /// How many bytes the message under way has, as far as it is known by what has come of it.
    fn needed(&self) -> usize {
        match (self.state, self.held.as_slice()) {
            (State::Connect, [_, _, _, 1, ..]) => 4 + 4 + 2,
            (State::Connect, [_, _, _, 3, length, ..]) => 4 + 1 + usize::from(*length) + 2,
            (State::Connect, [_, _, _, 3]) => 5,
            (State::Connect, [_, _, _, 4, ..]) => 4 + 16 + 2,
            (State::Connect, [_, _, ..]) => 4,
            _ => 2,
        }
    }

    /// Checks what has come, byte by byte as far as it goes, so that a proxy which says no and closes is understood.
    fn check(&self, rest: &[u8]) -> Result<(), Refusal> {
        let version = match self.state {
            State::Login => LOGIN,
            _ => SOCKS,
        };
        match (self.state, self.held.as_slice()) {
            (State::Method, [first, ..]) if *first != version => {
                let all: Vec<u8> = self.held.iter().chain(rest).copied().take(crate::gate::SHOWN).collect();
                Err(Refusal::Foreign { kind: "SOCKS 5", start: Start::of(&all) })
            }
            (_, [first, ..]) if *first != version => Err(Refusal::Malformed { what: "wrong-version" }),
            (State::Connect, [_, code, ..]) if *code != 0 => Err(Refusal::Reply { reply: Reply::of(*code) }),
            (State::Connect, [_, _, _, kind, ..]) if !matches!(*kind, 1 | 3 | 4) => {
                Err(Refusal::Malformed { what: "unknown-address-type" })
            }
            _ => Ok(()),
        }
    }

    /// Takes a whole message.
    fn message(&mut self, out: &mut Vec<u8>) -> Result<Option<Opened>, Refusal> {
        let message = std::mem::take(&mut self.held);
        let said = message.get(1).copied().unwrap_or_default();
        match (self.state, said) {
            (State::Method, NO_LOGIN) | (State::Login, LOGIN_FITS) => self.connect(out),
            (State::Method, PASSWORD) => match &self.login {
                Some(login) => {
                    out.extend_from_slice(&log_in(login));
                    self.state = State::Login;
                }
                None => return Err(Refusal::Malformed { what: "method-not-offered" }),
            },
            (State::Method, NOTHING_FITS) => {
                return Err(Refusal::LoginNeeded { said: "no-acceptable-method".to_owned() });
            }
            (State::Method, _) => {
                return Err(Refusal::Malformed { what: "method-not-offered" });
            }
            (State::Login, status) => {
                return Err(Refusal::LoginRefused { said: format!("status {status}") });
            }
            (State::Connect, _) => return Ok(Some(Opened { bound: bound(&message[3..]) })),
            (State::Over, _) => return Err(Refusal::Over),
        }
        Ok(None)
    }

    /// Asks for the connection (RFC 1928 section 4).
    fn connect(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[SOCKS, 1, 0]);
        let port = match &self.target.0 {
            Place::Ip(address) => {
                match address.ip() {
                    IpAddr::V4(ip) => {
                        out.push(1);
                        out.extend_from_slice(&ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        out.push(4);
                        out.extend_from_slice(&ip.octets());
                    }
                }
                address.port()
            }
            Place::Name(name, port) => {
                out.push(3);
                append(name, out);
                *port
            }
        };
        out.extend_from_slice(&port.to_be_bytes());
        self.state = State::Connect;
    }

    fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<Gate<Opened>, Refusal> {
        let mut used = 0;
        while used < chunk.len() {
            if self.state == State::Over {
                return Err(Refusal::Over);
            }
            // One byte at a time: messages are short, and each byte may say how long they are.
            self.held.push(chunk[used]);
            used += 1;
            self.check(&chunk[used..])?;
            if self.held.len() < self.needed() {
                continue;
            }
            if let Some(outcome) = self.message(out)? {
                return Ok(Gate::Done { used, outcome });
            }
        }
        debug_assert!(self.held.len() <= MESSAGE_MAX, "no message is longer");
        Ok(Gate::More)
    }
}

/// The message with user and password (RFC 1929 section 2).
fn log_in(login: &Login) -> Zeroizing<Vec<u8>> {
    let mut message = Zeroizing::new(Vec::with_capacity(3 + 255 + 255));
    message.push(LOGIN);
    append(&login.user, &mut message);
    append(&login.password, &mut message);
    message
}

/// Appends a text of at most 255 bytes after its length.
fn append(text: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
}

/// The address after its kind, if it is one.
fn bound(bytes: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = match bytes {
        [1, a, b, c, d, port @ ..] => (Ipv4Addr::new(*a, *b, *c, *d).into(), port),
        [4, rest @ ..] => {
            let (ip, port) = rest.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*ip).into(), port)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(port.try_into().ok()?)))
}

impl Handshake for Socks {
    type Outcome = Opened;
    type Refusal = Refusal;

    fn start(&mut self, out: &mut Vec<u8>) {
        match self.login {
            Some(_) => out.extend_from_slice(&[SOCKS, 2, NO_LOGIN, PASSWORD]),
            None => out.extend_from_slice(&[SOCKS, 1, NO_LOGIN]),
        }
    }

    fn bytes(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<Gate<Opened>, Refusal> {
        let result = self.feed(chunk, out);
        if !matches!(result, Ok(Gate::More)) {
            self.state = State::Over;
            self.held = Vec::new();
        }
        result
    }

    fn end(&self) -> Refusal {
        if self.state == State::Over { Refusal::Over } else { Refusal::Ended }
    }

    fn held(&self) -> usize {
        self.held.len()
    }
}
