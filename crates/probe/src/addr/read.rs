//! Addresses as people type them: `ADDR`, `ADDR/PREFIX`, `ADDR/MASK`, `ADDR MASK`, and everything that is wrong with one.
//!
//! Stricter than the C library's `inet_aton`, which reads `192.168.1` and `010.0.0.1` as other addresses than they look
//! (RFC 6943, section 3.1.1): what it would make of such text is told beside the mistake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::{Network, bits, number, ones};

/// The longest text that is looked at, in bytes.
pub const LONGEST: usize = 256;

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The address and its prefix: the whole address where none was given.
    pub network: Network,
    /// The zone of an IPv6 address (`fe80::1%eth0`, RFC 4007, section 11).
    pub zone: Option<String>,
    /// Whether a prefix or mask was given.
    pub extent: Extent,
}

/// How a network's size was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// It was not.
    None,
    /// As a number of bits.
    Prefix,
    /// As a mask.
    Mask,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// There is nothing.
    Empty,
    /// It is longer than any address.
    TooLong,
    /// It has neither dots nor colons enough to be an address.
    NoAddress,
    /// Another number of octets than four.
    Octets(usize),
    /// An octet, from 1, with its text.
    Octet(usize, String, OctetMistake),
    /// Another number of groups than eight, without `::`.
    Groups(usize),
    /// `::`, and still eight groups or more.
    NothingToFill(usize),
    /// `::` more than once: how many zeroes each stands for is not said.
    TwoGaps,
    /// Three colons or more in a row.
    Colons,
    /// A single colon at the beginning or at the end.
    LoneColon,
    /// A group, from 1, with its text.
    Group(usize, String, GroupMistake),
    /// Dots in an IPv6 address elsewhere than at its end.
    DotsNotLast(usize),
    /// `%` without a zone behind it.
    ZoneEmpty,
    /// A zone on an IPv4 address.
    ZoneOnV4,
    /// Brackets, which belong to URLs.
    Brackets,
    /// A prefix that is no number.
    PrefixNoNumber(String),
    /// A prefix that is longer than the address.
    PrefixRange(String, u8),
    /// A mask with a zero before a one; the prefix would have to be at least the first and less than the second.
    MaskHoles(Ipv4Addr),
    /// A wildcard where a mask stands; the mask, and its prefix.
    Wildcard(Ipv4Addr, u8),
    /// A mask that is itself no address.
    MaskBad(String),
    /// A mask of dots on an IPv6 address.
    MaskOnV6,
    /// Two sizes: a prefix and a mask.
    TwoExtents,
}

/// What is wrong with an octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OctetMistake {
    /// There is none between two dots.
    Empty,
    /// More than 255.
    TooLarge,
    /// A zero before other digits: some read it as octal. What they would read; `None` if that is no octal number.
    LeadingZero(Option<u32>),
    /// Something else than decimal digits.
    NotDecimal,
}

/// What is wrong with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupMistake {
    /// More than four digits.
    TooLong,
    /// Something else than hexadecimal digits.
    NotHex,
}

/// Reads an address, and a mask that stands behind it as a word of its own. Every mistake is told, not the first alone.
pub fn read(text: &str, mask: Option<&str>) -> Result<Given, Vec<Mistake>> {
    if text.len() > LONGEST || mask.is_some_and(|mask| mask.len() > LONGEST) {
        return Err(vec![Mistake::TooLong]);
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(vec![Mistake::Empty]);
    }
    let (body, slash) = match text.split_once('/') {
        Some((body, slash)) => (body, Some(slash)),
        None => (text, None),
    };
    let mut mistakes = Vec::new();
    let read = address(body, &mut mistakes);
    let is_v4 = read.as_ref().map_or_else(|| !body.contains(':'), |(address, _)| address.is_ipv4());
    if slash.is_some() && mask.is_some() {
        mistakes.push(Mistake::TwoExtents);
    }
    let size = slash.or(mask).map(|size| extent(size, is_v4, &mut mistakes));
    match (read, size) {
        (Some((address, zone)), size) if mistakes.is_empty() => {
            let (prefix, extent) = size.flatten().unwrap_or((bits(address), Extent::None));
            let network = Network::new(address, prefix).ok_or_else(|| vec![Mistake::NoAddress])?;
            Ok(Given { network, zone, extent })
        }
        _ => Err(mistakes),
    }
}

/// Reads a prefix (`24`, `/24`) or a mask (`255.255.255.0`) of this family alone.
pub fn read_prefix(text: &str, is_v4: bool) -> Result<u8, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    match extent(text.strip_prefix('/').unwrap_or(text), is_v4, &mut mistakes) {
        Some((prefix, _)) => Ok(prefix),
        None => Err(mistakes),
    }
}

/// What the C library's `inet_aton` makes of text: one to four parts, each decimal, octal (`0…`) or hexadecimal (`0x…`),
/// the last filling what is left. `None` if nothing.
pub fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(c_number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 32 - 8 * u32::try_from(first.len()).ok()?;
    if u64::from(*last) >= 1 << room {
        return None;
    }
    let head = first.iter().fold(0_u64, |sum, part| sum << 8 | u64::from(*part));
    let number = u32::try_from(head << room | u64::from(*last)).ok()?;
    Some(Ipv4Addr::from(number))
}

fn c_number(text: &str) -> Option<u32> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match hex {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    let plain = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    if plain { u32::from_str_radix(digits, radix).ok() } else { None }
}

fn address(text: &str, mistakes: &mut Vec<Mistake>) -> Option<(IpAddr, Option<String>)> {
    if text.starts_with('[') || text.ends_with(']') {
        mistakes.push(Mistake::Brackets);
        return None;
    }
    let (body, zone) = match text.split_once('%') {
        Some((body, zone)) => (body, Some(zone)),
        None => (text, None),
    };
    if zone.is_some_and(str::is_empty) {
        mistakes.push(Mistake::ZoneEmpty);
    }
    if body.contains(':') {
        let address = v6(body, mistakes)?;
        return Some((IpAddr::V6(address), zone.map(str::to_owned)));
    }
    if zone.is_some() {
        mistakes.push(Mistake::ZoneOnV4);
    }
    if !body.bytes().any(|byte| byte.is_ascii_digit()) || !body.contains('.') {
        mistakes.push(Mistake::NoAddress);
        return None;
    }
    Some((IpAddr::V4(v4(body, mistakes)?), None))
}

fn v4(text: &str, mistakes: &mut Vec<Mistake>) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = text.split('.').collect();
    let before = mistakes.len();
    if parts.len() != 4 {
        mistakes.push(Mistake::Octets(parts.len()));
    }
    let mut octets = [0; 4];
    for (at, part) in parts.iter().enumerate() {
        match octet(part) {
            Ok(value) => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet = value;
                }
            }
            Err(why) => mistakes.push(Mistake::Octet(at + 1, (*part).to_owned(), why)),
        }
    }
    (mistakes.len() == before).then(|| Ipv4Addr::from(octets))
}

/// An octet as RFC 6943, section 3.1.1 calls strict: decimal, no zero before other digits, at most 255.
fn octet(text: &str) -> Result<u8, OctetMistake> {
    if text.is_empty() {
        return Err(OctetMistake::Empty);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(OctetMistake::NotDecimal);
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(OctetMistake::LeadingZero(c_number(text)));
    }
    text.parse().map_err(|_| OctetMistake::TooLarge)
}

fn v6(text: &str, mistakes: &mut Vec<Mistake>) -> Option<Ipv6Addr> {
    let before = mistakes.len();
    if text.contains(":::") {
        mistakes.push(Mistake::Colons);
        return None;
    }
    let gaps = text.matches("::").count();
    if gaps > 1 {
        mistakes.push(Mistake::TwoGaps);
    }
    let lone_start = text.starts_with(':') && !text.starts_with("::");
    let lone_end = text.ends_with(':') && !text.ends_with("::");
    if lone_start || lone_end {
        mistakes.push(Mistake::LoneColon);
    }
    let (left, right) = text.split_once("::").map_or((text, None), |(left, right)| (left, Some(right)));
    let mut place = 1;
    let left = groups(left, right.is_none(), &mut place, mistakes);
    let right = right.map(|right| groups(right, true, &mut place, mistakes));
    let count = left.len() + right.as_ref().map_or(0, Vec::len);
    match (&right, count) {
        (None, 8) => {}
        (None, count) if !(lone_start || lone_end) => mistakes.push(Mistake::Groups(count)),
        (Some(_), 8..) if gaps == 1 => mistakes.push(Mistake::NothingToFill(count)),
        _ => {}
    }
    if mistakes.len() > before {
        return None;
    }
    let mut all = [0_u16; 8];
    let tail = right.unwrap_or_default();
    all.get_mut(..left.len())?.copy_from_slice(&left);
    all.get_mut(8_usize.checked_sub(tail.len())?..)?.copy_from_slice(&tail);
    Some(Ipv6Addr::from(all))
}

/// The groups of one side of `::`; the last of the address may be an IPv4 address, which is two.
fn groups(text: &str, is_end: bool, place: &mut usize, mistakes: &mut Vec<Mistake>) -> Vec<u16> {
    let mut found = Vec::new();
    let parts: Vec<&str> = text.split(':').collect();
    for (at, part) in parts.iter().enumerate() {
        if part.is_empty() {
            // The sides of `::`, and lone colons, which are told elsewhere.
            continue;
        }
        if part.contains('.') {
            if is_end && at + 1 == parts.len() {
                let octets = v4(part, mistakes).map_or([0; 4], |address| address.octets());
                found.push(u16::from_be_bytes([octets[0], octets[1]]));
                found.push(u16::from_be_bytes([octets[2], octets[3]]));
            } else {
                mistakes.push(Mistake::DotsNotLast(*place));
                found.push(0);
            }
        } else {
            found.push(group(part).unwrap_or_else(|why| {
                mistakes.push(Mistake::Group(*place, (*part).to_owned(), why));
                0
            }));
        }
        *place += 1;
    }
    found
}

fn group(text: &str) -> Result<u16, GroupMistake> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(GroupMistake::NotHex);
    }
    if text.len() > 4 {
        return Err(GroupMistake::TooLong);
    }
    u16::from_str_radix(text, 16).map_err(|_| GroupMistake::NotHex)
}

/// A prefix or a mask.
fn extent(text: &str, is_v4: bool, mistakes: &mut Vec<Mistake>) -> Option<(u8, Extent)> {
    let most = if is_v4 { 32 } else { 128 };
    if text.contains('.') {
        if !is_v4 {
            mistakes.push(Mistake::MaskOnV6);
            return None;
        }
        return mask(text, mistakes).map(|prefix| (prefix, Extent::Mask));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        mistakes.push(Mistake::PrefixNoNumber(text.to_owned()));
        return None;
    }
    let prefix = text.parse().ok().filter(|prefix| *prefix <= most);
    if prefix.is_none() {
        mistakes.push(Mistake::PrefixRange(text.to_owned(), most));
    }
    prefix.map(|prefix| (prefix, Extent::Prefix))
}

/// The prefix of a mask: ones, then zeroes (RFC 4632, section 5.1).
fn mask(text: &str, mistakes: &mut Vec<Mistake>) -> Option<u8> {
    let before = mistakes.len();
    let Some(mask) = v4(text, mistakes) else {
        mistakes.truncate(before);
        mistakes.push(Mistake::MaskBad(text.to_owned()));
        return None;
    };
    let number = number(IpAddr::V4(mask));
    let prefix = |mask: u128| {
        let zeroes = u8::try_from(mask.trailing_zeros().min(32)).unwrap_or(32);
        (mask == ones(32) & !ones(zeroes)).then_some(32 - zeroes)
    };
    if let Some(prefix) = prefix(number) {
        return Some(prefix);
    }
    let turned = ones(32) & !number;
    mistakes.push(match prefix(turned) {
        Some(prefix) => Mistake::Wildcard(Ipv4Addr::from(u32::try_from(turned).unwrap_or(0)), prefix),
        None => Mistake::MaskHoles(mask),
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<Mistake> {
        read(text, None).unwrap_err()
    }

    #[test]
    fn what_is_right_is_read() {
        for (text, mask, network, extent) in [
            ("192.168.1.7", None, "192.168.1.7/32", Extent::None),
            ("192.168.1.7/24", None, "192.168.1.7/24", Extent::Prefix),
            ("192.168.1.7/255.255.240.0", None, "192.168.1.7/20", Extent::Mask),
            ("192.168.1.7", Some("255.255.255.255"), "192.168.1.7/32", Extent::Mask),
            ("192.168.1.7", Some("0.0.0.0"), "192.168.1.7/0", Extent::Mask),
            ("192.168.1.7", Some("24"), "192.168.1.7/24", Extent::Prefix),
            ("2001:DB8::1/64", None, "2001:db8::1/64", Extent::Prefix),
            ("::ffff:1.2.3.4", None, "::ffff:1.2.3.4/128", Extent::None),
            ("1:2:3:4:5:6:1.2.3.4", None, "1:2:3:4:5:6:102:304/128", Extent::None),
            ("::", None, "::/128", Extent::None),
            ("1::", None, "1::/128", Extent::None),
            ("1:2:3:4:5:6:7::", None, "1:2:3:4:5:6:7:0/128", Extent::None),
        ] {
            let given = read(text, mask).unwrap();
            assert_eq!((given.network.to_string().as_str(), given.extent), (network, extent), "{text}");
        }
        assert_eq!(read("fe80::1%eth0/64", None).unwrap().zone.as_deref(), Some("eth0"));
    }

    #[test]
    fn each_bad_octet_is_named() {
        let octet = |at, text: &str, why| Mistake::Octet(at, text.to_owned(), why);
        let large = OctetMistake::TooLarge;
        assert_eq!(wrong("256.1.1"), [Mistake::Octets(3), octet(1, "256", large)]);
        assert_eq!(wrong("192.168.1"), [Mistake::Octets(3)]);
        assert_eq!(wrong("01.2.3.4"), [octet(1, "01", OctetMistake::LeadingZero(Some(1)))]);
        assert_eq!(wrong("1.2.3.09"), [octet(4, "09", OctetMistake::LeadingZero(None))]);
        assert_eq!(wrong("1.2.3.4.5"), [Mistake::Octets(5)]);
        let many = [
            octet(1, "300", large),
            octet(3, "", OctetMistake::Empty),
            octet(4, "x", OctetMistake::NotDecimal),
        ];
        assert_eq!(wrong("300.1..x"), many);
        assert_eq!(wrong("1.2.3.99999999999"), [octet(4, "99999999999", large)]);
        assert_eq!((wrong("hello"), wrong("")), (vec![Mistake::NoAddress], vec![Mistake::Empty]));
    }

    #[test]
    fn each_bad_group_is_named() {
        let group = |at, text: &str, why| Mistake::Group(at, text.to_owned(), why);
        assert_eq!(wrong("fe80::1::2"), [Mistake::TwoGaps]);
        assert_eq!(wrong("12345::"), [group(1, "12345", GroupMistake::TooLong)]);
        assert_eq!(wrong("1::g:2"), [group(2, "g", GroupMistake::NotHex)]);
        assert_eq!(wrong("1:2:3"), [Mistake::Groups(3)]);
        assert_eq!(wrong("1:2:3:4:5:6:7:8:9"), [Mistake::Groups(9)]);
        assert_eq!(wrong("1:2:3:4::5:6:7:8"), [Mistake::NothingToFill(8)]);
        assert_eq!(wrong(":1:2:3:4:5:6:7"), [Mistake::LoneColon]);
        assert_eq!(wrong("1:::2"), [Mistake::Colons]);
        assert_eq!(wrong("::1.2.3.4:5"), [Mistake::DotsNotLast(1)]);
        assert_eq!(wrong("::1.2.3"), [Mistake::Octets(3)]);
        assert_eq!(wrong("[::1]"), [Mistake::Brackets]);
        assert_eq!(wrong("fe80::1%"), [Mistake::ZoneEmpty]);
        assert_eq!(wrong("10.0.0.1%lo"), [Mistake::ZoneOnV4]);
    }

    #[test]
    fn prefixes_and_masks_are_held_to_their_rules() {
        assert_eq!(wrong("10.0.0.1/33"), [Mistake::PrefixRange("33".to_owned(), 32)]);
        assert_eq!(wrong("::1/129"), [Mistake::PrefixRange("129".to_owned(), 128)]);
        assert_eq!(wrong("10.0.0.1/"), [Mistake::PrefixNoNumber(String::new())]);
        assert_eq!(wrong("10.0.0.1/-1"), [Mistake::PrefixNoNumber("-1".to_owned())]);
        assert_eq!(wrong("10.0.0.1/255.0.255.0"), [Mistake::MaskHoles(Ipv4Addr::new(255, 0, 255, 0))]);
        assert_eq!(wrong("10.0.0.1/0.0.0.255"), [Mistake::Wildcard(Ipv4Addr::new(255, 255, 255, 0), 24)]);
        assert_eq!(wrong("10.0.0.1/255.256.0.0"), [Mistake::MaskBad("255.256.0.0".to_owned())]);
        assert_eq!(wrong("::1/255.0.0.0"), [Mistake::MaskOnV6]);
        assert_eq!(read("10.0.0.1/8", Some("255.0.0.0")), Err(vec![Mistake::TwoExtents]));
        assert_eq!(read_prefix("/26", true), Ok(26));
        assert!(read_prefix("/64", true).is_err());
    }

    #[test]
    fn what_the_c_library_would_read_is_known() {
        let read = |text: &str| inet_aton(text).map(|address| address.to_string());
        assert_eq!(read("192.168.1").as_deref(), Some("192.168.0.1"));
        assert_eq!(read("010.0.0.1").as_deref(), Some("8.0.0.1"));
        assert_eq!(read("0x7f.1").as_deref(), Some("127.0.0.1"));
        assert_eq!(read("3232235777").as_deref(), Some("192.168.1.1"));
        assert_eq!((read("256.1.1"), read("1.2.3.4.5"), read("08.1"), read("")), (None, None, None, None));
    }

    /// Whatever is typed: read as the standard library reads it, or refused with a reason.
    #[test]
    fn it_reads_what_the_standard_library_reads() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for _ in 0..60_000 {
            let alphabet = if next() % 2 == 0 { "0123456789." } else { "01abf::::." };
            let text: String = (0..next() % 16)
                .filter_map(|_| {
                    alphabet.chars().nth(usize::try_from(next() % alphabet.len() as u64).unwrap())
                })
                .collect();
            let ours = read(&text, None);
            match text.parse::<IpAddr>() {
                Ok(address) => assert_eq!(ours.unwrap().network, Network::host(address), "{text}"),
                Err(_) => assert!(!ours.unwrap_err().is_empty(), "{text}"),
            }
        }
    }
}
