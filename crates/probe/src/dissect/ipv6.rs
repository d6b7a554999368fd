//! IPv6 (RFC 8200) and its extension headers, which are walked by hand and within bounds.

use super::data;
use super::draft::{Draft, Part, Pseudo, View, size};
use super::ip::{dscp, ecn, eights, payload, protocol};
use super::tree::{Bits, Layer, Protocol, Unit, Value, Wrong};

/// The fixed header, in bytes.
const HEADER: usize = 40;

pub(super) fn packet(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Ipv6, view);
    let _whole = read(&mut draft);
    draft.finish()
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    let start = draft.at();
    draft.take(4)?;
    let version = draft.bits("ipv6.version", start, 0, 4);
    if version != 6 {
        draft.flaw(Wrong::Version(version), "ipv6.version", start..start + 1);
        return None;
    }
    let class = draft.bits("ipv6.dscp", start, 4, 6);
    draft.name(dscp(class));
    let marks = draft.bits("ipv6.ecn", start, 10, 2);
    draft.name(ecn(marks));
    let label = draft.bits("ipv6.flow-label", start, 12, 20);
    if let Some(last) = draft.last() {
        last.value = Value::Hex(label, 5);
    }
    let length = draft.number("ipv6.payload-length", 2)?;
    draft.unit(Unit::Bytes);
    let number = draft.number("ipv6.next-header", 1)?;
    draft.name(protocol(number));
    draft.number("ipv6.hop-limit", 1)?;
    let source = draft.ipv6("ipv6.source")?;
    let destination = draft.ipv6("ipv6.destination")?;
    // Zero with hop-by-hop options is a jumbogram (RFC 2675), which nobody sends.
    if length > 0 || number != 0 {
        let (says, have) = (size(length), draft.left());
        if says > have && draft.view().is_whole() {
            let wrong = Wrong::Length { says: length, bound: have as u64 };
            draft.flaw(wrong, "ipv6.payload-length", start + 4..start + 6);
        }
        draft.close(start + HEADER + says);
    }
    draft.head_ends();
    draft.carry(|view| next(number, Pseudo::V6(source, destination), view));
    Some(())
}

/// What a header says comes next.
fn next(number: u64, pseudo: Pseudo, view: View<'_>) -> Layer {
    let (kind, read): (_, fn(&mut Draft<'_>, Pseudo) -> Option<()>) = match number {
        0 => ("hop-by-hop", options_header),
        43 => ("routing", routing),
        44 => ("fragment", fragment),
        51 => ("authentication", authentication),
        60 => ("destination-options", options_header),
        _ => return payload(number, Some(pseudo), view),
    };
    let mut draft = Draft::new(Protocol::Ipv6Extension, view);
    draft.kind(kind);
    let _whole = read(&mut draft, pseudo);
    draft.finish()
}

/// Reads what every extension header begins with: what comes next, and where this one ends.
fn beginning(draft: &mut Draft<'_>) -> Option<(u64, usize)> {
    let start = draft.at();
    let number = draft.number("ipv6-extension.next-header", 1)?;
    draft.name(protocol(number));
    let length = size(draft.number("ipv6-extension.length", 1)?);
    if let Some(last) = draft.last() {
        last.value = Value::Number((length as u64 + 1) * 8);
        last.unit = Some(Unit::Bytes);
    }
    let end = start + (length + 1) * 8;
    if end > draft.view().end && draft.view().is_whole() {
        let wrong = Wrong::Length { says: (end - start) as u64, bound: draft.view().len() as u64 };
        draft.flaw(wrong, "ipv6-extension.length", start + 1..start + 2);
    }
    Some((number, end))
}

fn options_header(draft: &mut Draft<'_>, pseudo: Pseudo) -> Option<()> {
    let (number, end) = beginning(draft)?;
    while draft.at() < end {
        let kind = draft.peek(0, 1).and_then(|bytes| bytes.first().copied());
        draft.named("ipv6-extension.option", kind.and_then(option_name), |draft| option(draft, end))?;
    }
    draft.head_ends();
    draft.carry(|view| next(number, pseudo, view));
    Some(())
}

/// IANA "Destination Options and Hop-by-Hop Options".
const fn option_name(kind: u8) -> Option<&'static str> {
    match kind {
        0 => Some("Pad1"),
        1 => Some("PadN"),
        5 => Some("router-alert"),
        0xc2 => Some("jumbo-payload"),
        0xc9 => Some("home-address"),
        _ => None,
    }
}

fn option(draft: &mut Draft<'_>, end: usize) -> Option<()> {
    let start = draft.at();
    let kind = draft.number("ipv6-extension.option-type", 1)?;
    if kind == 0 {
        return Some(());
    }
    let length = size(draft.number("ipv6-extension.option-length", 1)?);
    if draft.at() + length > end {
        draft.flaw(Wrong::Malformed, "ipv6-extension.option", start..end.min(draft.view().end));
        return None;
    }
    match (kind, length) {
        (_, 0) => {}
        (5, 2) => drop(draft.number("ipv6-extension.router-alert", 2)?),
        _ => drop(draft.bytes("ipv6-extension.option-data", length)?),
    }
    Some(())
}

fn routing(draft: &mut Draft<'_>, pseudo: Pseudo) -> Option<()> {
    let (number, end) = beginning(draft)?;
    draft.number("ipv6-extension.routing-type", 1)?;
    let left = draft.number("ipv6-extension.segments-left", 1)?;
    let rest = end.saturating_sub(draft.at());
    draft.bytes("ipv6-extension.data", rest)?;
    draft.head_ends();
    // While addresses are left, the checksum covers the last of them, not the one in the header (RFC 8200, section 8.1).
    draft.carry(|view| {
        let part = if left > 0 { Part::Fragment } else { view.part };
        next(number, pseudo, View { part, ..view })
    });
    Some(())
}

fn fragment(draft: &mut Draft<'_>, pseudo: Pseudo) -> Option<()> {
    let start = draft.at();
    let number = draft.number("ipv6-extension.next-header", 1)?;
    draft.name(protocol(number));
    draft.hex("ipv6-extension.reserved", 1)?;
    draft.take(2)?;
    let offset = draft.bits("ipv6-extension.fragment-offset", start + 2, 0, 13);
    eights(draft);
    if draft.bits("ipv6-extension.reserved-bits", start + 3, 5, 2) != 0 {
        draft.flaw(Wrong::Reserved, "ipv6-extension.reserved-bits", start + 3..start + 4);
    }
    let more = draft.bits("ipv6-extension.more-fragments", start + 3, 7, 1);
    draft.hex("ipv6-extension.identification", 4)?;
    if more == 1 || offset > 0 {
        draft.flaw(Wrong::Fragment, "ipv6-extension.fragment-offset", start + 2..start + 4);
    }
    draft.head_ends();
    draft.carry(|view| {
        // One that is no fragment at all ("atomic", RFC 6946) is whole.
        let part = if offset > 0 || more == 1 { Part::Fragment } else { view.part };
        let view = View { part, ..view };
        if offset > 0 { data(view) } else { next(number, pseudo, view) }
    });
    Some(())
}

/// RFC 4302, section 2: its length counts words of four bytes, two of them not.
fn authentication(draft: &mut Draft<'_>, pseudo: Pseudo) -> Option<()> {
    let start = draft.at();
    let number = draft.number("ipv6-extension.next-header", 1)?;
    draft.name(protocol(number));
    let (range, bytes) = draft.take(1)?;
    let total = (usize::from(*bytes.first()?) + 2) * 4;
    draft.push("ipv6-extension.length", Value::Number(total as u64), Bits::of(&range));
    draft.unit(Unit::Bytes);
    draft.hex("ipv6-extension.reserved", 2)?;
    draft.hex("ipv6-extension.spi", 4)?;
    draft.number("ipv6-extension.sequence", 4)?;
    let rest = (start + total).saturating_sub(draft.at());
    if rest > 0 {
        draft.bytes("ipv6-extension.icv", rest)?;
    }
    draft.head_ends();
    draft.carry(|view| next(number, pseudo, view));
    Some(())
}
