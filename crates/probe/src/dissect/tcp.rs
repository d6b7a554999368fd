//! TCP (RFC 9293) and its options.

use super::draft::{Draft, Part, Pseudo, Summed, View, size};
use super::tree::{Bits, Layer, Protocol, Unit, Value, Wrong};
use super::{data, dns, http, ip, tls};

/// The shortest header, in bytes.
const HEADER: usize = 20;

/// The flags of the second byte, the highest first (RFC 9293, section 3.1; RFC 3168).
const FLAGS: &[&str] =
    &["tcp.cwr", "tcp.ece", "tcp.urg", "tcp.ack", "tcp.psh", "tcp.rst", "tcp.syn", "tcp.fin"];

pub(super) fn segment(view: View<'_>, pseudo: Option<Pseudo>) -> Layer {
    let mut draft = Draft::new(Protocol::Tcp, view);
    let _whole = read(&mut draft, pseudo);
    draft.finish()
}

fn read(draft: &mut Draft<'_>, pseudo: Option<Pseudo>) -> Option<()> {
    let start = draft.at();
    let source = draft.number("tcp.source-port", 2)?;
    let destination = draft.number("tcp.destination-port", 2)?;
    draft.number("tcp.sequence", 4)?;
    draft.number("tcp.acknowledgment", 4)?;
    draft.take(2)?;
    let header = 4 * size(draft.bits("tcp.header-length", start + 12, 0, 4));
    ip::words(draft);
    if header < HEADER {
        let wrong = Wrong::Length { says: header as u64, bound: HEADER as u64 };
        draft.flaw(wrong, "tcp.header-length", start + 12..start + 13);
        return None;
    }
    if header > draft.view().len() && draft.view().is_whole() {
        let wrong = Wrong::Length { says: header as u64, bound: draft.view().len() as u64 };
        draft.flaw(wrong, "tcp.header-length", start + 12..start + 13);
    }
    if draft.bits("tcp.reserved", start + 12, 4, 3) != 0 {
        draft.flaw(Wrong::Reserved, "tcp.reserved", start + 12..start + 13);
    }
    draft.bits("tcp.ae", start + 12, 7, 1);
    for (bit, key) in FLAGS.iter().enumerate() {
        draft.bits(key, start + 13, bit, 1);
    }
    draft.number("tcp.window", 2)?;
    let bytes = draft.view().bytes();
    let whole = pseudo.filter(|_| draft.view().is_complete());
    let summed = whole.map(|pseudo| Summed { bytes, at: 16, pseudo: Some((pseudo, 6)) });
    draft.checksum("tcp.checksum", 0, summed)?;
    draft.number("tcp.urgent", 2)?;
    options(draft, start + header)?;
    draft.head_ends();
    let registered = if [source, destination].contains(&53) { Some(dns::in_stream as Make) } else { None };
    application(draft, registered);
    Some(())
}

/// Makes a layer of what is left.
type Make = fn(View<'_>) -> Layer;

/// By the registered port of DNS, and else by what the bytes look like.
fn application(draft: &mut Draft<'_>, registered: Option<Make>) {
    let make: Make = if let Some(make) = registered {
        make
    } else if tls::looks_so(draft.rest()) {
        tls::record
    } else if http::looks_so(draft.rest()) {
        http::message
    } else {
        data
    };
    // Several messages may be in one segment.
    loop {
        let before = draft.at();
        draft.carry(|view| {
            let part = if view.part == Part::Whole { Part::Stream } else { view.part };
            make(View { part, ..view })
        });
        if draft.at() == before || draft.left() == 0 {
            return;
        }
    }
}

const fn option_name(kind: u8) -> Option<&'static str> {
    match kind {
        0 => Some("end-of-options"),
        1 => Some("no-operation"),
        2 => Some("maximum-segment-size"),
        3 => Some("window-scale"),
        4 => Some("SACK-permitted"),
        5 => Some("SACK"),
        8 => Some("timestamps"),
        19 => Some("MD5-signature"),
        28 => Some("user-timeout"),
        29 => Some("TCP-AO"),
        30 => Some("multipath-TCP"),
        34 => Some("fast-open"),
        _ => None,
    }
}

fn options(draft: &mut Draft<'_>, end: usize) -> Option<()> {
    while draft.at() < end {
        let start = draft.at();
        let kind = draft.peek(0, 1).and_then(|bytes| bytes.first().copied());
        let next = draft.named("tcp.option", kind.and_then(option_name), |draft| option(draft, end));
        match next? {
            Next::More => {}
            Next::End => {
                let count = end.saturating_sub(draft.at());
                if count > 0 {
                    draft.bytes("tcp.option-padding", count)?;
                }
            }
            Next::Bad => {
                draft.flaw(Wrong::Malformed, "tcp.option", start..end.min(draft.view().end));
                draft.skip_to(end);
                return if draft.at() == end { Some(()) } else { None };
            }
        }
    }
    Some(())
}

/// What comes after an option.
enum Next {
    More,
    End,
    Bad,
}

/// RFC 9293, section 3.2; RFC 7323; RFC 2018; RFC 7413.
fn option(draft: &mut Draft<'_>, end: usize) -> Option<Next> {
    let start = draft.at();
    let kind = draft.number("tcp.option-kind", 1)?;
    match kind {
        0 => return Some(Next::End),
        1 => return Some(Next::More),
        _ if draft.at() >= end => return Some(Next::Bad),
        _ => {}
    }
    let length = size(draft.number("tcp.option-length", 1)?);
    let stop = start + length;
    if length < 2 || stop > end {
        return Some(Next::Bad);
    }
    if stop > draft.view().end {
        draft.cut(stop - draft.view().end);
        return None;
    }
    match (kind, length) {
        (2, 4) => {
            draft.number("tcp.mss", 2)?;
            draft.unit(Unit::Bytes);
        }
        (3, 3) => {
            let shift = draft.number("tcp.window-shift", 1)?;
            // RFC 7323, section 2.3.
            if shift > 14 {
                draft.flaw(Wrong::Value(shift), "tcp.window-shift", start + 2..start + 3);
            }
        }
        (5, _) => {
            while draft.at() + 8 <= stop {
                draft.number("tcp.sack-from", 4)?;
                draft.number("tcp.sack-to", 4)?;
            }
        }
        (8, 10) => {
            draft.number("tcp.timestamp", 4)?;
            draft.number("tcp.timestamp-echo", 4)?;
        }
        (28, 4) => {
            let (range, bytes) = draft.take(2)?;
            let minutes = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
            let number = super::draft::big(bytes) & 0x7fff;
            let seconds = if minutes { number * 60 } else { number };
            draft.push("tcp.user-timeout", Value::Number(seconds), Bits::of(&range));
            draft.unit(Unit::Seconds);
        }
        (34, 3..) => {
            draft.bytes("tcp.fast-open-cookie", length - 2)?;
        }
        _ => {}
    }
    let rest = stop.saturating_sub(draft.at());
    if rest > 0 {
        draft.bytes("tcp.option-data", rest)?;
    }
    Some(Next::More)
}
