//! What bytes that make no sense as Ethernet may be instead. Guesses are asked for, or given as a hint: they are never
//! taken for what is.

use super::draft::checksum;
use super::{Layer, Start, Wrong, dissect};

/// How much a layer that is whole and understood speaks for a beginning.
const UNDERSTOOD: i32 = 4;

/// The beginning that the bytes make most sense with, if any makes sense.
pub fn guess(bytes: &[u8]) -> Option<Start> {
    let rated = Start::ALL.iter().map(|(_, start)| (rate(bytes, *start), *start));
    // Of equals the first in the list, which goes from the outside inwards.
    let best = rated.rev().max_by_key(|(points, _)| *points)?;
    (best.0 > 0).then_some(best.1)
}

/// Whether these bytes make sense as Ethernet: what is within is known, and nothing about it is wrong at once.
pub fn is_likely(layers: &[Layer]) -> bool {
    layers.first().is_some_and(|layer| {
        layer.layers.first().is_some_and(|inner| inner.protocol != super::Protocol::Data && points(inner) > 0)
    })
}

fn rate(bytes: &[u8], start: Start) -> i32 {
    // Nothing about it tells either from the other, or from anything.
    if !is_possible(bytes, start) {
        return 0;
    }
    dissect(bytes, start, 0).iter().map(sum).sum()
}

fn sum(layer: &Layer) -> i32 {
    layer.walk().into_iter().map(points).sum()
}

/// What a layer says for itself: fields that are called something, less what is wrong.
fn points(layer: &Layer) -> i32 {
    if layer.protocol == super::Protocol::Data {
        return 0;
    }
    let wrong: i32 = layer
        .flaws
        .iter()
        .map(|flaw| match flaw.wrong {
            Wrong::Truncated { .. } => 1,
            Wrong::Checksum { .. } => 2,
            _ if flaw.wrong.is_mistake() => 4,
            _ => 0,
        })
        .sum();
    let right = layer.fields.iter().filter(|field| field.name.as_deref() == Some("correct")).count();
    let right = i32::try_from(right).unwrap_or(0) * 8;
    UNDERSTOOD + right - wrong
}

/// What a beginning must have, so that not everything is taken for one.
fn is_possible(bytes: &[u8], start: Start) -> bool {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let number = |at: usize| u16::from_be_bytes([byte(at), byte(at + 1)]);
    match start {
        Start::Ethernet => matches!(number(12), 0x0800 | 0x0806 | 0x8100 | 0x86dd | 0x88a8),
        Start::Arp => number(0) == 1 && number(2) == 0x0800 && (1..=4).contains(&number(6)),
        Start::Ip => matches!(byte(0) >> 4, 4 | 6) && (byte(0) >> 4 == 6 || byte(0) & 15 >= 5),
        Start::Icmp => bytes.len() >= 8 && checksum(&[bytes]) == 0 && byte(0) <= 18,
        Start::Tcp => {
            let header = usize::from(byte(12) >> 4) * 4;
            bytes.len() >= 20
                && (20..=bytes.len()).contains(&header)
                && byte(12) & 0x0e == 0
                && number(0) != 0
        }
        Start::Udp => bytes.len() >= 8 && usize::from(number(4)) == bytes.len(),
        Start::Dns => {
            bytes.len() >= 12 && (1..=4).contains(&number(4)) && byte(2) >> 3 & 15 <= 5 && byte(3) & 0x40 == 0
        }
        Start::Dhcp => bytes.get(236..240) == Some(&[0x63, 0x82, 0x53, 0x63]),
        Start::Http => super::http::looks_so(bytes),
        Start::Tls => super::tls::looks_so(bytes),
        Start::Ipv4 | Start::Ipv6 | Start::Icmpv6 | Start::Cooked | Start::Cooked2 | Start::Null => false,
    }
}
