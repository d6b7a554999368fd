//! ARP (RFC 826): who has this address?

use super::draft::{Draft, View, size};
use super::tree::{Layer, Protocol, Wrong};

pub(super) fn packet(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Arp, view);
    let _whole = read(&mut draft);
    draft.finish()
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    let hardware = draft.number("arp.hardware-type", 2)?;
    draft.name((hardware == 1).then_some("Ethernet"));
    let protocol = draft.hex("arp.protocol-type", 2)?;
    draft.name(super::ethernet::ether_type(protocol));
    let at = draft.at();
    let hardware_size = draft.number("arp.hardware-size", 1)?;
    let protocol_size = draft.number("arp.protocol-size", 1)?;
    if hardware == 1 && hardware_size != 6 {
        draft.flaw(Wrong::Value(hardware_size), "arp.hardware-size", at..at + 1);
    }
    if protocol == 0x800 && protocol_size != 4 {
        draft.flaw(Wrong::Value(protocol_size), "arp.protocol-size", at + 1..at + 2);
    }
    let operation = draft.number("arp.operation", 2)?;
    draft.name(match operation {
        1 => Some("request"),
        2 => Some("reply"),
        3 => Some("reverse-request"),
        4 => Some("reverse-reply"),
        _ => None,
    });
    let hardware_known = (hardware, hardware_size) == (1, 6);
    let protocol_known = (protocol, protocol_size) == (0x800, 4);
    for (mac, other, ip, unknown) in [
        ("arp.sender-mac", "arp.sender-hardware", "arp.sender-ip", "arp.sender-protocol"),
        ("arp.target-mac", "arp.target-hardware", "arp.target-ip", "arp.target-protocol"),
    ] {
        if hardware_known {
            draft.mac(mac)?;
        } else if hardware_size > 0 {
            draft.bytes(other, size(hardware_size))?;
        }
        if protocol_known {
            draft.ipv4(ip)?;
        } else if protocol_size > 0 {
            draft.bytes(unknown, size(protocol_size))?;
        }
    }
    draft.head_ends();
    let end = draft.at();
    draft.close(end);
    Some(())
}
