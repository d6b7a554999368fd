//! Questions and answers of the DNS (RFC 1035, RFC 3596): as much as asking for addresses needs. Functions of bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of an answer that are read; what UDP carries without EDNS is 512 (RFC 1035 section 4.2.1).
pub const ANSWER: usize = 4096;

/// Records of one answer that are read.
const RECORDS: usize = 128;

/// Pointers that one name may have (RFC 1035 section 4.1.4): more is a loop.
const POINTERS: usize = 16;

/// Bytes of a name in a message (RFC 1035 section 2.3.4), and of one label.
const NAME: usize = 255;
const LABEL: usize = 63;

const HEADER: usize = 12;
const INTERNET: u16 = 1;
const CNAME: u16 = 5;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Addresses of IPv4.
    A,
    /// Addresses of IPv6.
    Aaaa,
}

impl Kind {
    const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Aaaa => 28,
        }
    }
}

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The response code: 0 no error, 2 server failure, 3 no such name, 5 refused (RFC 1035 section 4.1.1).
    pub rcode: u8,
    /// Addresses, in the order of the answer.
    pub addresses: Vec<IpAddr>,
    /// The smallest time to live of the records that were used, in seconds.
    pub ttl: Option<u32>,
    /// The name that an alias leads to.
    pub alias: Option<String>,
    /// The answer did not fit (TC): there may be more.
    pub is_cut: bool,
    /// The server speaks for the zone itself (AA), and did not ask others.
    pub is_authoritative: bool,
}

/// A question for a name, with recursion wanted. `None`: this can be no name of the DNS.
pub fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut message = Vec::with_capacity(HEADER + name.len() + 6);
    message.extend(id.to_be_bytes());
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > NAME - 2 {
        return None;
    }
    for label in name.split('.') {
        let length =
            u8::try_from(label.len()).ok().filter(|length| (1..=LABEL).contains(&(*length as usize)))?;
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.number().to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    Some(message)
}

/// Reads the answer to a question. `None`: it is none to this question, or cannot be read.
pub fn reply(question: &[u8], bytes: &[u8]) -> Option<Reply> {
    let asked = question.get(HEADER..)?;
    let flags = bytes.get(2..4)?;
    // An answer (QR) of the same number to the same question, whatever case its letters have (RFC 1035 section 2.3.3).
    let is_answer = flags[0] & 0x80 != 0 && bytes.get(..2)? == question.get(..2)? && number(bytes, 4)? == 1;
    let repeated = bytes.get(HEADER..HEADER + asked.len())?;
    if !is_answer || !repeated.eq_ignore_ascii_case(asked) {
        return None;
    }
    let kind = number(asked, asked.len().checked_sub(4)?)?;
    let mut reply = Reply {
        rcode: flags[1] & 0x0f,
        is_cut: flags[0] & 2 != 0,
        is_authoritative: flags[0] & 4 != 0,
        ..Reply::default()
    };
    let mut at = HEADER + asked.len();
    for _ in 0..usize::from(number(bytes, 6)?).min(RECORDS) {
        let Some(next) = record(bytes, at, kind, &mut reply) else {
            // What was cut off says nothing against what came before.
            return reply.is_cut.then_some(reply);
        };
        at = next;
    }
    Some(reply)
}

/// Reads the record at `at`. Where the next begins.
fn record(bytes: &[u8], at: usize, wanted: u16, reply: &mut Reply) -> Option<usize> {
    let (_, at) = name(bytes, at)?;
    let kind = number(bytes, at)?;
    let class = number(bytes, at + 2)?;
    let ttl = u32::from_be_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?);
    let length = usize::from(number(bytes, at + 8)?);
    let data = bytes.get(at + 10..at + 10 + length)?;
    let mut used = true;
    match (kind == wanted, kind) {
        (true, 1) => reply.addresses.push(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
        (true, 28) => reply.addresses.push(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
        (_, CNAME) => reply.alias = Some(name(bytes, at + 10)?.0),
        _ => used = false,
    }
    if used && class == INTERNET {
        reply.ttl = Some(reply.ttl.map_or(ttl, |before| before.min(ttl)));
    }
    Some(at + 10 + length)
}

/// The name at `at`, with `.` between its labels, and where what follows it begins.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut end = None;
    let mut pointers = 0;
    loop {
        let length = *bytes.get(at)?;
        match length {
            0 => return Some((text, end.unwrap_or(at + 1))),
            0xc0.. => {
                end.get_or_insert(at + 2);
                at = usize::from(number(bytes, at)? & 0x3fff);
                pointers += 1;
                if pointers > POINTERS {
                    return None;
                }
            }
            64..0xc0 => return None,
            _ => {
                let label = bytes.get(at + 1..at + 1 + usize::from(length))?;
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&String::from_utf8_lossy(label));
                if text.len() > 4 * NAME {
                    return None;
                }
                at += 1 + usize::from(length);
            }
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(question: &[u8], flags: [u8; 2], count: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = question.to_vec();
        bytes[2..4].copy_from_slice(&flags);
        bytes[7] = count;
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn an_alias_and_its_address_are_read() {
        let question = question(7, "www.Example.org.", Kind::A).unwrap();
        let alias = b"\xc0\x0c\0\x05\0\x01\0\0\x02\x58\0\x06\x03web\xc0\x10";
        let address = b"\xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x02\0\x0b";
        let bytes = answer(&question, [0x85, 0x80], 2, &[&alias[..], address].concat());
        let reply = reply(&question, &bytes).unwrap();
        assert_eq!(reply.addresses, ["10.2.0.11".parse::<IpAddr>().unwrap()]);
        assert_eq!((reply.ttl, reply.alias.as_deref()), (Some(60), Some("web.Example.org")));
        assert!(reply.is_authoritative && !reply.is_cut);
    }

    #[test]
    fn only_an_answer_to_the_question_counts() {
        let asked = question(7, "a.example", Kind::Aaaa).unwrap();
        let other = question(7, "b.example", Kind::Aaaa).unwrap();
        let missing = answer(&asked, [0x81, 0x83], 0, b"");
        assert_eq!(reply(&asked, &missing).map(|reply| reply.rcode), Some(3));
        assert_eq!(reply(&other, &missing), None);
        assert_eq!(reply(&asked, &asked), None, "a question is no answer");
        let mut number = missing.clone();
        number[1] = 8;
        assert_eq!(reply(&asked, &number), None);
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        for bad in ["", ".", "a..b", &"x".repeat(64), &"x.".repeat(200)] {
            assert_eq!(question(1, bad, Kind::A), None, "{bad}");
        }
    }

    #[test]
    fn a_name_that_points_to_itself_ends() {
        let asked = question(7, "a.example", Kind::A).unwrap();
        let here = u8::try_from(asked.len()).unwrap();
        let bytes = answer(&asked, [0x81, 0x80], 1, &[0xc0, here, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]);
        assert_eq!(reply(&asked, &bytes), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(rest in prop::collection::vec(any::<u8>(), 0..600), count in any::<u8>()) {
            let asked = question(7, "a.example", Kind::A).unwrap();
            let _ = reply(&asked, &answer(&asked, [0x81, 0x80], count, &rest));
            let _ = reply(&asked, &rest);
        }
    }
}
