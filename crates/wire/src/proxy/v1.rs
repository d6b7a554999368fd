//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443` and CR LF (section 2.1).

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use sockeye_core::Address;

use super::{Command, Header, Refusal, Step, V1_MAX, Version};
use crate::gate::Start;

/// What every such line begins with.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";

pub(super) fn step(bytes: &[u8]) -> Result<Step, Refusal> {
    match bytes.last() {
        Some(b'\n') => Ok(Step::Whole(Version::V1)),
        _ if bytes.len() == V1_MAX => Err(Refusal::TooLong { version: Version::V1, max: V1_MAX }),
        _ => Ok(Step::Need(bytes.len() + 1)),
    }
}

/// Reads a line that ends with its first LF.
pub(super) fn parse(line: &[u8]) -> Result<Header, Refusal> {
    read(line).map_err(|what| Refusal::Malformed { version: Version::V1, what, start: Start::of(line) })
}

fn read(line: &[u8]) -> Result<Header, &'static str> {
    let line = line.strip_suffix(b"\r\n").ok_or("bare-lf")?;
    if line.contains(&b'\r') {
        return Err("bare-cr");
    }
    let words = &line[SIGNATURE.len()..];
    if words == b"UNKNOWN" || words.starts_with(b"UNKNOWN ") {
        return Ok(Header::local());
    }
    let words = std::str::from_utf8(words).map_err(|_| "not-utf-8")?;
    let mut words = words.split(' ');
    let ip: fn(&str) -> Option<IpAddr> = match words.next() {
        Some("TCP4") => |word| Ipv4Addr::from_str(word).ok().map(IpAddr::V4),
        Some("TCP6") => |word| Ipv6Addr::from_str(word).ok().map(IpAddr::V6),
        _ => return Err("unknown-family"),
    };
    let mut next = || words.next().unwrap_or("");
    let source = ip(next()).ok_or("bad-source")?;
    let destination = ip(next()).ok_or("bad-destination")?;
    let from = port(next()).ok_or("bad-source-port")?;
    let to = port(next()).ok_or("bad-destination-port")?;
    if words.next().is_some() {
        return Err("more-after-the-ports");
    }
    let address = |ip, port| Address::Ip(SocketAddr::new(ip, port));
    Ok(Header::relayed(address(source, from), address(destination, to)))
}

/// A port as section 2.1 writes it: decimal, without a leading zero or sign.
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain)
}

pub(super) fn write(header: &Header, out: &mut Vec<u8>) {
    let pair = match header.command {
        Command::Proxy => pair(header),
        Command::Local => None,
    };
    let Some((source, destination)) = pair else {
        out.extend_from_slice(b"PROXY UNKNOWN\r\n");
        return;
    };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.port(), destination.port());
    // Writing to memory does not fail.
    let _ = write!(out, "PROXY {family} {} {} {from} {to}\r\n", source.ip(), destination.ip());
}

/// Both addresses, of one family: IPv4 where both can be, else IPv6.
pub(super) fn pair(header: &Header) -> Option<(SocketAddr, SocketAddr)> {
    let (Some(Address::Ip(source)), Some(Address::Ip(destination))) = (&header.source, &header.destination)
    else {
        return None;
    };
    let canonical = |address: &SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (source, destination) = (canonical(source), canonical(destination));
    if source.is_ipv4() == destination.is_ipv4() {
        return Some((source, destination));
    }
    let wide = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    Some((wide(source), wide(destination)))
}
