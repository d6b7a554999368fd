//! ICMP for IPv6 (RFC 4443). Neighbour discovery has a file of its own.

use super::draft::{Draft, Part, Pseudo, Summed, View};
use super::tree::{Layer, Protocol, Unit};
use super::{data, ip, neighbour};

pub(super) fn message(view: View<'_>, pseudo: Option<Pseudo>) -> Layer {
    let mut draft = Draft::new(Protocol::Icmpv6, view);
    let _whole = read(&mut draft, pseudo);
    draft.finish()
}

const fn type_name(kind: u64) -> Option<&'static str> {
    match kind {
        1 => Some("destination-unreachable"),
        2 => Some("packet-too-big"),
        3 => Some("time-exceeded"),
        4 => Some("parameter-problem"),
        128 => Some("echo-request"),
        129 => Some("echo-reply"),
        130 => Some("multicast-listener-query"),
        131 => Some("multicast-listener-report"),
        132 => Some("multicast-listener-done"),
        133 => Some("router-solicitation"),
        134 => Some("router-advertisement"),
        135 => Some("neighbour-solicitation"),
        136 => Some("neighbour-advertisement"),
        137 => Some("redirect"),
        143 => Some("multicast-listener-report-v2"),
        _ => None,
    }
}

/// IANA "ICMPv6 Parameters".
const fn code_name(kind: u64, code: u64) -> Option<&'static str> {
    match (kind, code) {
        (1, 0) => Some("no-route"),
        (1, 1) => Some("administratively-prohibited"),
        (1, 2) => Some("beyond-scope-of-source"),
        (1, 3) => Some("address-unreachable"),
        (1, 4) => Some("port-unreachable"),
        (1, 5) => Some("source-address-failed-policy"),
        (1, 6) => Some("reject-route"),
        (3, 0) => Some("hop-limit-exceeded-in-transit"),
        (3, 1) => Some("fragment-reassembly-time-exceeded"),
        (4, 0) => Some("erroneous-header-field"),
        (4, 1) => Some("unrecognized-next-header"),
        (4, 2) => Some("unrecognized-option"),
        _ => None,
    }
}

fn read(draft: &mut Draft<'_>, pseudo: Option<Pseudo>) -> Option<()> {
    let kind = draft.number("icmpv6.type", 1)?;
    draft.name(type_name(kind));
    let code = draft.number("icmpv6.code", 1)?;
    draft.name(code_name(kind, code));
    let bytes = draft.view().bytes();
    let whole = pseudo.filter(|_| draft.view().is_complete());
    let summed = whole.map(|pseudo| Summed { bytes, at: 2, pseudo: Some((pseudo, 58)) });
    draft.checksum("icmpv6.checksum", 0, summed)?;
    match kind {
        1 | 3 => drop(draft.bytes("icmpv6.unused", 4)?),
        2 => {
            draft.number("icmpv6.mtu", 4)?;
            draft.unit(Unit::Bytes);
        }
        4 => drop(draft.number("icmpv6.pointer", 4)?),
        128 | 129 => {
            draft.number("icmpv6.identifier", 2)?;
            draft.number("icmpv6.sequence", 2)?;
            draft.head_ends();
            draft.carry(data);
            return Some(());
        }
        133..=137 => return neighbour::read(draft, kind),
        _ => {
            draft.carry(data);
            return Some(());
        }
    }
    draft.head_ends();
    draft.carry(|view| ip::either(View { part: Part::Quote, ..view }));
    Some(())
}
