//! IPv4 (RFC 791), and what both versions of IP have in common.

use super::draft::{Draft, Part, Pseudo, Summed, View, size};
use super::tree::{Layer, Protocol, Unit, Wrong};
use super::{data, icmp, icmpv6, ipv6, tcp, udp};

/// The shortest header, in bytes.
const HEADER: usize = 20;

/// What a number of IANA's "Protocol Numbers" is called.
pub(super) const fn protocol(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("hop-by-hop options"),
        1 => Some("ICMP"),
        2 => Some("IGMP"),
        4 => Some("IPv4"),
        6 => Some("TCP"),
        17 => Some("UDP"),
        41 => Some("IPv6"),
        43 => Some("routing header"),
        44 => Some("fragment header"),
        47 => Some("GRE"),
        50 => Some("ESP"),
        51 => Some("AH"),
        58 => Some("ICMPv6"),
        59 => Some("no-next-header"),
        60 => Some("destination options"),
        89 => Some("OSPF"),
        112 => Some("VRRP"),
        132 => Some("SCTP"),
        _ => None,
    }
}

/// What the two bits of ECN say (RFC 3168, section 5).
pub(super) const fn ecn(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("not-ECT"),
        1 => Some("ECT(1)"),
        2 => Some("ECT(0)"),
        3 => Some("CE"),
        _ => None,
    }
}

/// What a class of service is called (IANA "Differentiated Services Field Codepoints").
pub(super) fn dscp(number: u64) -> Option<String> {
    match number {
        0 => Some("CS0".to_owned()),
        46 => Some("EF".to_owned()),
        44 => Some("VOICE-ADMIT".to_owned()),
        1 => Some("LE".to_owned()),
        8 | 16 | 24 | 32 | 40 | 48 | 56 => Some(format!("CS{}", number / 8)),
        10..=38 if number.is_multiple_of(2) => Some(format!("AF{}{}", number / 8, number % 8 / 2)),
        _ => None,
    }
}

/// IP of the version that its first bits say.
pub(super) fn either(view: View<'_>) -> Layer {
    match view.bytes().first() {
        Some(first) if first >> 4 == 6 => ipv6::packet(view),
        _ => packet(view),
    }
}

/// What IP carries.
pub(super) fn payload(number: u64, pseudo: Option<Pseudo>, view: View<'_>) -> Layer {
    match number {
        1 => icmp::message(view),
        4 => packet(view),
        6 => tcp::segment(view, pseudo),
        17 => udp::datagram(view, pseudo),
        41 => ipv6::packet(view),
        58 => icmpv6::message(view, pseudo),
        _ => data(view),
    }
}

pub(super) fn packet(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Ipv4, view);
    let _whole = read(&mut draft);
    draft.finish()
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    let start = draft.at();
    draft.take(1)?;
    let version = draft.bits("ipv4.version", start, 0, 4);
    if version != 4 {
        draft.flaw(Wrong::Version(version), "ipv4.version", start..start + 1);
        return None;
    }
    let header = 4 * size(draft.bits("ipv4.header-length", start, 4, 4));
    words(draft);
    if header < HEADER {
        let wrong = Wrong::Length { says: header as u64, bound: HEADER as u64 };
        draft.flaw(wrong, "ipv4.header-length", start..start + 1);
        return None;
    }
    draft.take(1)?;
    let class = draft.bits("ipv4.dscp", start + 1, 0, 6);
    draft.name(dscp(class));
    let marks = draft.bits("ipv4.ecn", start + 1, 6, 2);
    draft.name(ecn(marks));
    length(draft, start, header)?;
    draft.hex("ipv4.identification", 2)?;
    draft.take(2)?;
    if draft.bits("ipv4.reserved", start + 6, 0, 1) == 1 {
        draft.flaw(Wrong::Reserved, "ipv4.reserved", start + 6..start + 7);
    }
    draft.bits("ipv4.dont-fragment", start + 6, 1, 1);
    let more = draft.bits("ipv4.more-fragments", start + 6, 2, 1) == 1;
    let offset = 8 * draft.bits("ipv4.fragment-offset", start + 6, 3, 13);
    eights(draft);
    draft.number("ipv4.ttl", 1)?;
    let number = draft.number("ipv4.protocol", 1)?;
    draft.name(protocol(number));
    let whole = draft.view().whole.get(start..start + header).filter(|_| start + header <= draft.view().end);
    draft.checksum("ipv4.checksum", 0, whole.map(|bytes| Summed { bytes, at: 10, pseudo: None }))?;
    let source = draft.ipv4("ipv4.source")?;
    let destination = draft.ipv4("ipv4.destination")?;
    options(draft, start + header)?;
    if more || offset > 0 {
        draft.flaw(Wrong::Fragment, "ipv4.fragment-offset", start + 6..start + 8);
    }
    draft.head_ends();
    let pseudo = Pseudo::V4(source, destination);
    draft.carry(|view| {
        let part = if more || offset > 0 { Part::Fragment } else { view.part };
        let view = View { part, ..view };
        if offset > 0 { data(view) } else { payload(number, Some(pseudo), view) }
    });
    Some(())
}

/// A length in words of four bytes is shown in bytes.
pub(super) fn words(draft: &mut Draft<'_>) {
    scaled(draft, 4);
}

/// The same in eights.
pub(super) fn eights(draft: &mut Draft<'_>) {
    scaled(draft, 8);
}

fn scaled(draft: &mut Draft<'_>, by: u64) {
    if let Some(last) = draft.last()
        && let super::Value::Number(number) = &mut last.value
    {
        *number *= by;
    }
    draft.unit(Unit::Bytes);
}

/// Reads the total length, and ends the packet there.
fn length(draft: &mut Draft<'_>, start: usize, header: usize) -> Option<()> {
    let total = draft.number("ipv4.total-length", 2)?;
    draft.unit(Unit::Bytes);
    let (says, have) = (size(total), draft.view().len());
    let at = start + 2..start + 4;
    if says < header {
        // A network card that cuts segments itself (TSO) is handed packets without a length.
        draft.flaw(Wrong::Length { says: total, bound: header as u64 }, "ipv4.total-length", at);
        return if says == 0 { Some(()) } else { None };
    }
    if says > have && draft.view().is_whole() {
        draft.flaw(Wrong::Length { says: total, bound: have as u64 }, "ipv4.total-length", at);
    }
    draft.close(start + says);
    Some(())
}

fn options(draft: &mut Draft<'_>, end: usize) -> Option<()> {
    while draft.at() < end {
        let start = draft.at();
        let kind = draft.peek(0, 1).and_then(|bytes| bytes.first().copied());
        let more = draft.named("ipv4.option", kind.and_then(option_name), |draft| option(draft, end));
        match more? {
            Next::More => {}
            Next::End => {
                let count = end.saturating_sub(draft.at()).min(draft.left());
                if count > 0 {
                    draft.bytes("ipv4.option-padding", count)?;
                }
                return if draft.at() == end { Some(()) } else { None };
            }
            Next::Bad => {
                draft.flaw(Wrong::Malformed, "ipv4.option", start..end.min(draft.view().end));
                draft.skip_to(end);
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

const fn option_name(kind: u8) -> Option<&'static str> {
    match kind {
        0 => Some("end-of-options"),
        1 => Some("no-operation"),
        7 => Some("record-route"),
        68 => Some("timestamp"),
        130 => Some("security"),
        131 => Some("loose-source-route"),
        136 => Some("stream-id"),
        137 => Some("strict-source-route"),
        148 => Some("router-alert"),
        _ => None,
    }
}

fn option(draft: &mut Draft<'_>, end: usize) -> Option<Next> {
    let start = draft.at();
    let kind = draft.number("ipv4.option-type", 1)?;
    match kind {
        0 => return Some(Next::End),
        1 => return Some(Next::More),
        _ if draft.at() >= end => return Some(Next::Bad),
        _ => {}
    }
    let length = size(draft.number("ipv4.option-length", 1)?);
    if length < 2 || start + length > end {
        return Some(Next::Bad);
    }
    let stop = start + length;
    match kind {
        7 | 131 | 137 if length >= 3 => {
            draft.number("ipv4.option-pointer", 1)?;
            while draft.at() + 4 <= stop {
                draft.ipv4("ipv4.option-route")?;
            }
        }
        148 if length == 4 => {
            draft.number("ipv4.router-alert", 2)?;
        }
        _ => {}
    }
    let rest = stop.saturating_sub(draft.at());
    if rest > 0 {
        draft.bytes("ipv4.option-data", rest)?;
    }
    Some(Next::More)
}
