//! Neighbour discovery (RFC 4861): who has this address, and who is the router?

use super::draft::{Draft, size};
use super::tree::{Unit, Wrong};

/// Reads what is behind the checksum of a message of type 133 to 137.
pub(super) fn read(draft: &mut Draft<'_>, kind: u64) -> Option<()> {
    match kind {
        134 => router_advertisement(draft)?,
        135 => {
            draft.bytes("icmpv6.unused", 4)?;
            draft.ipv6("icmpv6.target")?;
        }
        136 => {
            let (range, _) = draft.take(4)?;
            draft.bits("icmpv6.router", range.start, 0, 1);
            draft.bits("icmpv6.solicited", range.start, 1, 1);
            draft.bits("icmpv6.override", range.start, 2, 1);
            draft.ipv6("icmpv6.target")?;
        }
        137 => {
            draft.bytes("icmpv6.unused", 4)?;
            draft.ipv6("icmpv6.target")?;
            draft.ipv6("icmpv6.redirected")?;
        }
        _ => drop(draft.bytes("icmpv6.unused", 4)?),
    }
    while draft.left() > 0 {
        let option = draft.peek(0, 1).and_then(|bytes| bytes.first().copied());
        draft.named("icmpv6.option", option.and_then(option_name), option_fields)?;
    }
    draft.head_ends();
    Some(())
}

/// RFC 4861, section 4.2; RFC 4191.
fn router_advertisement(draft: &mut Draft<'_>) -> Option<()> {
    draft.number("icmpv6.hop-limit", 1)?;
    let (range, _) = draft.take(1)?;
    draft.bits("icmpv6.managed", range.start, 0, 1);
    draft.bits("icmpv6.other-configuration", range.start, 1, 1);
    draft.bits("icmpv6.home-agent", range.start, 2, 1);
    let preference = draft.bits("icmpv6.preference", range.start, 3, 2);
    draft.name(match preference {
        0 => Some("medium"),
        1 => Some("high"),
        3 => Some("low"),
        _ => None,
    });
    draft.number("icmpv6.router-lifetime", 2)?;
    draft.unit(Unit::Seconds);
    draft.number("icmpv6.reachable-time", 4)?;
    draft.unit(Unit::Milliseconds);
    draft.number("icmpv6.retransmission-time", 4)?;
    draft.unit(Unit::Milliseconds);
    Some(())
}

/// IANA "IPv6 Neighbor Discovery Option Formats".
const fn option_name(kind: u8) -> Option<&'static str> {
    match kind {
        1 => Some("source-link-layer-address"),
        2 => Some("target-link-layer-address"),
        3 => Some("prefix-information"),
        4 => Some("redirected-header"),
        5 => Some("MTU"),
        14 => Some("nonce"),
        24 => Some("route-information"),
        25 => Some("recursive-DNS-server"),
        31 => Some("DNS-search-list"),
        _ => None,
    }
}

fn option_fields(draft: &mut Draft<'_>) -> Option<()> {
    let start = draft.at();
    let kind = draft.number("icmpv6.option-type", 1)?;
    let length = size(draft.number("icmpv6.option-length", 1)?);
    draft.unit(Unit::EightBytes);
    let stop = start + length * 8;
    if length == 0 {
        // RFC 4861, section 4.6: such a message is to be dropped.
        draft.flaw(Wrong::Length { says: 0, bound: 1 }, "icmpv6.option-length", start + 1..start + 2);
        return None;
    }
    if stop > draft.view().end {
        draft.cut(stop - draft.view().end);
    }
    match kind {
        1 | 2 if length == 1 => drop(draft.mac("icmpv6.link-address")?),
        3 if length == 4 => {
            draft.number("icmpv6.prefix-length", 1)?;
            let (range, _) = draft.take(1)?;
            draft.bits("icmpv6.on-link", range.start, 0, 1);
            draft.bits("icmpv6.autonomous", range.start, 1, 1);
            for key in ["icmpv6.valid-lifetime", "icmpv6.preferred-lifetime"] {
                let seconds = draft.number(key, 4)?;
                draft.unit(Unit::Seconds);
                draft.name((seconds == u64::from(u32::MAX)).then_some("infinity"));
            }
            draft.take(4)?;
            draft.ipv6("icmpv6.prefix")?;
        }
        5 if length == 1 => {
            draft.take(2)?;
            draft.number("icmpv6.link-mtu", 4)?;
            draft.unit(Unit::Bytes);
        }
        25 => {
            draft.take(2)?;
            draft.number("icmpv6.dns-lifetime", 4)?;
            draft.unit(Unit::Seconds);
            while draft.at() + 16 <= stop {
                draft.ipv6("icmpv6.dns-server")?;
            }
        }
        _ => {}
    }
    let rest = stop.saturating_sub(draft.at());
    if rest > 0 {
        draft.bytes("icmpv6.option-data", rest)?;
    }
    Some(())
}
