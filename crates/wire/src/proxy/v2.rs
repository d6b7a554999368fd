//! Version 2: sixteen bytes of head, two addresses, and TLVs (section 2.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_core::Address;

use super::tlv::{self, Tlvs};
use super::{Carried, Command, Header, Refusal, Step, TooLong, V2_MAX, Version, v1};
use crate::gate::Start;

/// What every such header begins with.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and transport, length.
const HEAD: usize = 16;

/// A Unix address: the size of `sun_path`.
const UNIX: usize = 108;

pub(super) fn step(bytes: &[u8]) -> Result<Step, Refusal> {
    let [.., high, low] = bytes.get(..HEAD).unwrap_or_default() else { return Ok(Step::Need(HEAD)) };
    let total = HEAD + usize::from(u16::from_be_bytes([*high, *low]));
    if total > V2_MAX {
        return Err(Refusal::TooLong { version: Version::V2, max: V2_MAX });
    }
    Ok(if bytes.len() < total { Step::Need(total) } else { Step::Whole(Version::V2) })
}

/// Reads a whole header.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, Refusal> {
    let header = read(bytes).map_err(|what| Refusal::Malformed {
        version: Version::V2,
        what,
        start: Start::of(bytes),
    })?;
    match header {
        Some(header) => Ok(header),
        None => Err(Refusal::Checksum),
    }
}

/// `None`: the checksum does not fit.
fn read(bytes: &[u8]) -> Result<Option<Header>, &'static str> {
    let (head, body) = bytes.split_at_checked(HEAD).ok_or("head-cut")?;
    match head[12] {
        0x21 => {}
        // Whatever else it says counts for nothing (section 2.2, LOCAL).
        0x20 => return Ok(Some(Header::local())),
        command if command >> 4 == 2 => return Err("unknown-command"),
        _ => return Err("unknown-version"),
    }
    let carried = match head[13] {
        0x11 | 0x21 | 0x31 => Carried::Stream,
        0x12 | 0x22 | 0x32 => Carried::Datagrams,
        // Nothing is known of the addresses, so neither of where TLVs would begin.
        0x00 => return Ok(Some(Header { command: Command::Proxy, ..Header::local() })),
        _ => return Err("unknown-family"),
    };
    let size = match head[13] >> 4 {
        1 => 4 + 4 + 4,
        2 => 16 + 16 + 4,
        _ => UNIX + UNIX,
    };
    let (addresses, tlvs) = body.split_at_checked(size).ok_or("addresses-cut")?;
    let (source, destination) = match head[13] >> 4 {
        1 => ips(addresses, 4),
        2 => ips(addresses, 16),
        _ => (unix(&addresses[..UNIX])?, unix(&addresses[UNIX..])?),
    };
    let Some(tlvs) = Tlvs::read(tlvs, bytes)? else { return Ok(None) };
    let (source, destination) = (Some(source), Some(destination));
    Ok(Some(Header { command: Command::Proxy, carried, source, destination, tlvs }))
}

/// Two addresses of `size` bytes, then their ports.
fn ips(bytes: &[u8], size: usize) -> (Address, Address) {
    let (source, rest) = bytes.split_at(size);
    let (destination, ports) = rest.split_at(size);
    let address = |ip: &[u8], port: &[u8]| {
        let ip = match (<[u8; 4]>::try_from(ip), <[u8; 16]>::try_from(ip)) {
            (Ok(four), _) => IpAddr::V4(Ipv4Addr::from(four)),
            (_, Ok(sixteen)) => IpAddr::V6(Ipv6Addr::from(sixteen)),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        Address::Ip(SocketAddr::new(ip, u16::from_be_bytes([port[0], port[1]])))
    };
    (address(source, &ports[..2]), address(destination, &ports[2..]))
}

/// A path up to its first NUL, or an abstract name, which begins with one (unix(7)). One that is not UTF-8 is refused: a
/// path of other bytes could not be told on every system.
fn unix(bytes: &[u8]) -> Result<Address, &'static str> {
    let end = match bytes.first() {
        Some(0) => bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1),
        _ => bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()),
    };
    let path = std::str::from_utf8(&bytes[..end]).map_err(|_| "path-not-utf-8")?;
    Ok(Address::Unix((!path.is_empty()).then(|| path.into())))
}

pub(super) fn write(header: &Header, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let mut family = 0x00;
    let mut body = Vec::new();
    if header.command == Command::Proxy {
        family = addresses(header, &mut body);
    }
    if family != 0 {
        tlv::write(&header.tlvs, &mut body)?;
    }
    let command = match header.command {
        Command::Local => 0x20,
        Command::Proxy => 0x21,
    };
    let length = u16::try_from(body.len()).ok().filter(|_| HEAD + body.len() <= V2_MAX);
    let length = length.ok_or(TooLong)?;
    let start = out.len();
    out.extend_from_slice(SIGNATURE);
    out.extend_from_slice(&[command, family]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&body);
    if family != 0 && header.tlvs.checksum {
        tlv::seal(&mut out[start..]);
    }
    Ok(())
}

/// Appends both addresses; gives the byte of family and transport, 0 if they cannot be expressed.
fn addresses(header: &Header, body: &mut Vec<u8>) -> u8 {
    let transport = match header.carried {
        Carried::Stream => 1,
        Carried::Datagrams => 2,
    };
    if let Some((source, destination)) = v1::pair(header) {
        for address in [source, destination] {
            match address.ip() {
                IpAddr::V4(ip) => body.extend_from_slice(&ip.octets()),
                IpAddr::V6(ip) => body.extend_from_slice(&ip.octets()),
            }
        }
        for address in [source, destination] {
            body.extend_from_slice(&address.port().to_be_bytes());
        }
        return transport | if source.is_ipv4() { 0x10 } else { 0x20 };
    }
    let (Some(Address::Unix(source)), Some(Address::Unix(destination))) =
        (&header.source, &header.destination)
    else {
        return 0;
    };
    for path in [source, destination] {
        let path = path.as_ref().map_or(&[][..], |path| path.as_os_str().as_encoded_bytes());
        let mut field = [0; UNIX];
        let Some(room) = field.get_mut(..path.len()) else {
            body.clear();
            return 0;
        };
        room.copy_from_slice(path);
        body.extend_from_slice(&field);
    }
    transport | 0x30
}
