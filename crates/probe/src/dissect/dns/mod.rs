//! DNS messages (RFC 1035, section 4), as in UDP and, behind a length, in TCP.

mod name;
mod records;

use super::draft::{Draft, View, size};
use super::tree::{Layer, Protocol, Unit, Wrong};

/// The header, in bytes.
const HEADER: u64 = 12;

pub(super) fn message(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Dns, view);
    let _whole = read(&mut draft);
    draft.finish()
}

/// RFC 7766, section 8: two bytes of length before each message.
pub(super) fn in_stream(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Dns, view);
    let _whole = read_behind_length(&mut draft);
    draft.finish()
}

fn read_behind_length(draft: &mut Draft<'_>) -> Option<()> {
    let start = draft.at();
    let length = draft.number("dns.length", 2)?;
    draft.unit(Unit::Bytes);
    if length < HEADER {
        draft.flaw(Wrong::Length { says: length, bound: HEADER }, "dns.length", start..start + 2);
    }
    draft.close(start + 2 + size(length));
    read(draft)
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    let start = draft.at();
    draft.hex("dns.id", 2)?;
    draft.take(2)?;
    let reply = draft.bits("dns.response", start + 2, 0, 1);
    let kind = if reply == 1 { "response" } else { "query" };
    draft.name(Some(kind));
    draft.kind(kind);
    let opcode = draft.bits("dns.opcode", start + 2, 1, 4);
    draft.name(opcode_name(opcode));
    // What only a reply has a say in is nothing in a query (RFC 1035, section 4.1.1).
    for (key, first, always) in [
        ("dns.authoritative", 5, false),
        ("dns.truncated", 6, true),
        ("dns.recursion-desired", 7, true),
        ("dns.recursion-available", 8, false),
        ("dns.reserved", 9, true),
        ("dns.authentic", 10, true),
        ("dns.checking-disabled", 11, true),
    ] {
        if always || reply == 1 {
            draft.bits(key, start + 2, first, 1);
        }
    }
    if reply == 1 {
        let code = draft.bits("dns.rcode", start + 2, 12, 4);
        draft.name(rcode_name(code));
    }
    let mut counts = [0; 4];
    for (count, key) in
        counts.iter_mut().zip(["dns.questions", "dns.answers", "dns.authorities", "dns.additionals"])
    {
        *count = draft.number(key, 2)?;
    }
    let [questions, counts @ ..] = counts;
    let message = Message { start };
    for _ in 0..questions {
        draft.group("dns.question", |draft| message.question(draft))?;
    }
    for (count, key) in counts.into_iter().zip(["dns.answer", "dns.authority", "dns.additional"]) {
        for _ in 0..count {
            draft.group(key, |draft| message.record(draft))?;
        }
    }
    draft.head_ends();
    Some(())
}

/// A message whose records are read.
#[derive(Clone, Copy)]
struct Message {
    /// Where it begins, which pointers count from.
    start: usize,
}

/// IANA "DNS OpCodes".
const fn opcode_name(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("standard-query"),
        1 => Some("inverse-query"),
        2 => Some("status"),
        4 => Some("notify"),
        5 => Some("update"),
        _ => None,
    }
}

/// IANA "DNS RCODEs".
const fn rcode_name(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("NOERROR"),
        1 => Some("FORMERR"),
        2 => Some("SERVFAIL"),
        3 => Some("NXDOMAIN"),
        4 => Some("NOTIMP"),
        5 => Some("REFUSED"),
        _ => None,
    }
}
