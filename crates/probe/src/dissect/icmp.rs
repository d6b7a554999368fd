//! ICMP for IPv4 (RFC 792, RFC 1191).

use super::draft::{Draft, Part, Summed, View};
use super::tree::{Layer, Protocol, Unit};
use super::{data, ip};

pub(super) fn message(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Icmp, view);
    let _whole = read(&mut draft);
    draft.finish()
}

const fn type_name(kind: u64) -> Option<&'static str> {
    match kind {
        0 => Some("echo-reply"),
        3 => Some("destination-unreachable"),
        4 => Some("source-quench"),
        5 => Some("redirect"),
        8 => Some("echo-request"),
        9 => Some("router-advertisement"),
        10 => Some("router-solicitation"),
        11 => Some("time-exceeded"),
        12 => Some("parameter-problem"),
        13 => Some("timestamp-request"),
        14 => Some("timestamp-reply"),
        _ => None,
    }
}

/// IANA "ICMP Parameters".
const fn code_name(kind: u64, code: u64) -> Option<&'static str> {
    match (kind, code) {
        (3, 0) => Some("network-unreachable"),
        (3, 1) => Some("host-unreachable"),
        (3, 2) => Some("protocol-unreachable"),
        (3, 3) => Some("port-unreachable"),
        (3, 4) => Some("fragmentation-needed"),
        (3, 5) => Some("source-route-failed"),
        (3, 6) => Some("network-unknown"),
        (3, 7) => Some("host-unknown"),
        (3, 9) => Some("network-prohibited"),
        (3, 10) => Some("host-prohibited"),
        (3, 13) => Some("administratively-prohibited"),
        (5, 0) => Some("for-the-network"),
        (5, 1) => Some("for-the-host"),
        (11, 0) => Some("ttl-exceeded-in-transit"),
        (11, 1) => Some("fragment-reassembly-time-exceeded"),
        (12, 0) => Some("pointer-indicates-the-error"),
        _ => None,
    }
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    let kind = draft.number("icmp.type", 1)?;
    draft.name(type_name(kind));
    let code = draft.number("icmp.code", 1)?;
    draft.name(code_name(kind, code));
    let summed = Some(Summed { bytes: draft.view().bytes(), at: 2, pseudo: None });
    draft.checksum("icmp.checksum", 0, summed.filter(|_| draft.view().is_complete()))?;
    match kind {
        0 | 8 | 13 | 14 => {
            draft.number("icmp.identifier", 2)?;
            draft.number("icmp.sequence", 2)?;
            draft.head_ends();
            draft.carry(data);
            return Some(());
        }
        3 if code == 4 => {
            draft.bytes("icmp.unused", 2)?;
            draft.number("icmp.mtu", 2)?;
            draft.unit(Unit::Bytes);
        }
        5 => drop(draft.ipv4("icmp.gateway")?),
        12 => {
            draft.number("icmp.pointer", 1)?;
            draft.bytes("icmp.unused", 3)?;
        }
        3 | 4 | 11 => drop(draft.bytes("icmp.unused", 4)?),
        _ => {
            draft.carry(data);
            return Some(());
        }
    }
    draft.head_ends();
    draft.carry(|view| ip::packet(View { part: Part::Quote, ..view }));
    Some(())
}
