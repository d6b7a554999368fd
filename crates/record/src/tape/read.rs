//! Reading a tape. It may come from a file that anybody has written to, so nothing of it is believed.

use std::ffi::OsString;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::path::PathBuf;

use sockeye_core::event::{Farewell, Totals};
use sockeye_core::tls::{Shown, Trust};
use sockeye_core::{Address, Code, Direction, Event, Fault, How, Kind, Note, SessionId, Side, Tick, Tls};

use super::{tag, word};

/// How many addresses, arguments, certificates or names stand in one record at most.
const MOST: u64 = 65_536;

/// A tape that is no tape, or ends within a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tape of version 1")]
pub struct Broken;

/// Reads a tape from its beginning.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    last: u64,
}

impl<'a> Reader<'a> {
    /// The reader of this tape.
    pub const fn new(tape: &'a [u8]) -> Self {
        Self { rest: tape, last: 0 }
    }

    /// Shows the next event to `see`; `None` at the end.
    pub fn next<R>(&mut self, see: impl FnOnce(&Event<'_>) -> R) -> Result<Option<R>, Broken> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (length, rest) = self.rest.split_first_chunk::<4>().ok_or(Broken)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Broken)?;
        let (record, rest) = rest.split_at_checked(length).ok_or(Broken)?;
        self.rest = rest;
        let mut body = Body(record);
        self.last = self.last.wrapping_add(body.signed()?.cast_unsigned());
        let session = SessionId(body.number()?);
        let how = how(body.byte()?)?;
        let at = Tick(self.last);
        body.kind(|kind| see(&Event { at, session, how, kind })).map(Some)
    }

    /// Shows every event to `see`.
    pub fn each(mut self, mut see: impl FnMut(&Event<'_>)) -> Result<(), Broken> {
        while self.next(&mut see)?.is_some() {}
        Ok(())
    }
}

const fn how(byte: u8) -> Result<How, Broken> {
    Ok(match byte {
        0 => How::Captured,
        1 => How::Traced,
        2 => How::Polled,
        3 => How::Inferred,
        4 => How::Simulated,
        5 => How::Synthetic,
        _ => return Err(Broken),
    })
}

/// What is left of a record.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn kind<R>(&mut self, see: impl FnOnce(Kind<'_>) -> R) -> Result<R, Broken> {
        let kind = match self.byte()? {
            tag::MESSAGE => {
                let (leg, direction) = (self.byte()?, self.direction()?);
                Kind::Message { leg, direction, data: self.0 }
            }
            tag::WIRE => {
                let (leg, direction) = (self.byte()?, self.direction()?);
                Kind::Wire { leg, direction, data: self.0 }
            }
            tag::LISTENING => Kind::Listening { url: self.text()?, service: self.text()? },
            tag::TLS_TRUNCATED => Kind::TlsTruncated { leg: self.byte()? },
            tag::AUTHENTICATED => {
                Kind::Authenticated { leg: self.byte()?, user: self.text()?, mechanism: self.text()? }
            }
            tag::SECRET => Kind::Secret { line: self.text()? },
            tag::FAULT => Kind::Fault {
                leg: self.byte()?,
                direction: self.direction()?,
                name: self.text()?,
                detail: self.text()?,
            },
            tag::HALF_CLOSED => {
                let (leg, direction) = (self.byte()?, self.direction()?);
                let farewell = if self.flag()? { Some(self.farewell()?) } else { None };
                Kind::HalfClosed { leg, direction, farewell }
            }
            tag::RESET => Kind::Reset { leg: self.byte()?, direction: self.direction()? },
            tag::TIMEOUT => Kind::Timeout { what: self.text()? },
            tag::CLOSED => Kind::Closed { totals: self.totals()? },
            tag::SAVED => Kind::Saved { id: self.number()? },
            other => return self.owned(other, see),
        };
        Ok(see(kind))
    }

    /// Kinds that hold what must be built anew.
    fn owned<R>(&mut self, tag: u8, see: impl FnOnce(Kind<'_>) -> R) -> Result<R, Broken> {
        Ok(match tag {
            tag::ACCEPTED => {
                let transport = self.text()?;
                let (local, remote) = (self.address()?, self.address()?);
                see(Kind::Accepted { transport, local: &local, remote: &remote })
            }
            tag::RESOLVED => {
                let name = self.text()?;
                let addresses = self.list(Self::address)?;
                see(Kind::Resolved { name, addresses: &addresses })
            }
            tag::CONNECTING => {
                let (leg, transport, remote) = (self.byte()?, self.text()?, self.address()?);
                see(Kind::Connecting { leg, transport, remote: &remote })
            }
            tag::CONNECTED => {
                let (leg, transport) = (self.byte()?, self.text()?);
                let (local, remote) = (self.address()?, self.address()?);
                see(Kind::Connected { leg, transport, local: &local, remote: &remote })
            }
            tag::TLS => {
                let leg = self.byte()?;
                see(Kind::Tls { leg, facts: &self.tls()? })
            }
            tag::UPGRADED => {
                let (leg, to) = (self.byte()?, self.text()?);
                see(Kind::Upgraded { leg, to, facts: &self.args()? })
            }
            tag::REFUSED => {
                let remote = self.address()?;
                see(Kind::Refused { remote: &remote, reason: self.text()? })
            }
            tag::NOTE => {
                let key = self.word()?;
                see(Kind::Note(&Note { key, args: self.args()? }))
            }
            tag::ERROR => see(Kind::Error(&self.fault()?)),
            _ => return Err(Broken),
        })
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let (byte, rest) = self.0.split_first().ok_or(Broken)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn flag(&mut self) -> Result<bool, Broken> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Broken),
        }
    }

    fn direction(&mut self) -> Result<Direction, Broken> {
        Ok(if self.flag()? { Direction::Out } else { Direction::In })
    }

    fn number(&mut self) -> Result<u64, Broken> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Broken);
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Broken)
    }

    fn signed(&mut self) -> Result<i64, Broken> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Broken> {
        T::try_from(self.number()?).map_err(|_| Broken)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Broken> {
        let length = self.small()?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Broken)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Broken)?;
        self.0 = rest;
        Ok(*array)
    }

    fn text(&mut self) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Broken)
    }

    fn owned_text(&mut self) -> Result<String, Broken> {
        self.text().map(str::to_owned)
    }

    fn perhaps(&mut self) -> Result<Option<String>, Broken> {
        if self.flag()? { self.owned_text().map(Some) } else { Ok(None) }
    }

    fn word(&mut self) -> Result<&'static str, Broken> {
        word::kept(self.text()?).ok_or(Broken)
    }

    fn list<T>(&mut self, one: impl Fn(&mut Self) -> Result<T, Broken>) -> Result<Vec<T>, Broken> {
        let count = self.number()?;
        // Each takes a byte at least, so what is claimed is bounded by what is there.
        if count > MOST || count > self.0.len() as u64 {
            return Err(Broken);
        }
        (0..count).map(|_| one(self)).collect()
    }

    fn args(&mut self) -> Result<Vec<(&'static str, String)>, Broken> {
        self.list(|body| Ok((body.word()?, body.owned_text()?)))
    }

    fn address(&mut self) -> Result<Address, Broken> {
        Ok(match self.byte()? {
            0 => Address::Ip(SocketAddr::V4(SocketAddrV4::new(self.array()?.into(), self.small()?))),
            1 => {
                let (ip, port) = (self.array()?.into(), self.small()?);
                Address::Ip(SocketAddr::V6(SocketAddrV6::new(ip, port, self.small()?, self.small()?)))
            }
            2 => Address::Unix(None),
            3 => Address::Unix(Some(path(self.bytes()?))),
            4 => Address::Stdio,
            5 => Address::Process(self.owned_text()?),
            _ => return Err(Broken),
        })
    }

    fn totals(&mut self) -> Result<Totals, Broken> {
        Ok(Totals {
            messages_in: self.number()?,
            messages_out: self.number()?,
            bytes_in: self.number()?,
            bytes_out: self.number()?,
        })
    }

    fn farewell(&mut self) -> Result<Farewell<'a>, Broken> {
        Ok(Farewell { code: self.small()?, name: self.word()?, reason: self.text()? })
    }

    fn tls(&mut self) -> Result<Tls, Broken> {
        Ok(Tls {
            version: self.owned_text()?,
            suite: self.owned_text()?,
            group: self.perhaps()?,
            alpn: self.perhaps()?,
            server_name: self.perhaps()?,
            resumed: self.flag()?,
            trust: match self.byte()? {
                0 => Trust::Chain,
                1 => Trust::Pin,
                2 => Trust::None,
                _ => return Err(Broken),
            },
            chain: self.list(Self::certificate)?,
        })
    }

    fn certificate(&mut self) -> Result<Shown, Broken> {
        Ok(Shown {
            subject: self.owned_text()?,
            issuer: self.owned_text()?,
            names: self.list(Self::owned_text)?,
            not_after: self.owned_text()?,
            days: self.signed()?,
            pin: self.owned_text()?,
        })
    }

    fn fault(&mut self) -> Result<Fault, Broken> {
        Ok(Fault {
            code: Code::of(self.text()?).ok_or(Broken)?,
            subject: self.owned_text()?,
            side: match self.byte()? {
                0 => Side::Here,
                1 => Side::Peer,
                2 => Side::Path,
                3 => Side::Unknown,
                _ => return Err(Broken),
            },
            args: self.args()?,
            detail: self.perhaps()?,
        })
    }
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from(String::from_utf8_lossy(bytes).into_owned()))
}
