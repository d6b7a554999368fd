//! Link layers: Ethernet II and IEEE 802.3, 802.1Q tags, LLC with SNAP, and what captures have in their place.

use super::draft::{Draft, View, size};
use super::tree::{Bits, Layer, Protocol, Value, Wrong};
use super::{arp, data, ip, ipv6};

/// From here on the two bytes are a type, below a length (IEEE 802.3, 3.2.6).
const TYPES: u64 = 0x600;

/// The shortest frame without its check sequence (IEEE 802.3, 4A.4.2): shorter payload is padded.
const SHORTEST: usize = 60;

/// What an EtherType is called (IANA "IEEE 802 Numbers").
pub(super) const fn ether_type(number: u64) -> Option<&'static str> {
    match number {
        0x0800 => Some("IPv4"),
        0x0806 => Some("ARP"),
        0x0842 => Some("Wake-on-LAN"),
        0x8035 => Some("RARP"),
        0x8100 => Some("802.1Q VLAN"),
        0x86dd => Some("IPv6"),
        0x8847 => Some("MPLS"),
        0x8863 => Some("PPPoE discovery"),
        0x8864 => Some("PPPoE session"),
        0x888e => Some("802.1X"),
        0x88a8 => Some("802.1ad service VLAN"),
        0x88cc => Some("LLDP"),
        0x88e5 => Some("MACsec"),
        0x88f7 => Some("PTP"),
        _ => None,
    }
}

pub(super) fn frame(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Ethernet, view);
    let _whole = read(&mut draft);
    draft.finish()
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    for key in ["ethernet.destination", "ethernet.source"] {
        let mac = draft.mac(key)?;
        draft.name(cast(mac));
    }
    follow(draft, ["ethernet.type", "ethernet.length"])?;
    padding(draft);
    Some(())
}

/// Whom a hardware address means, where that can be told.
const fn cast(mac: [u8; 6]) -> Option<&'static str> {
    match mac {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => Some("broadcast"),
        [first, ..] if first & 1 == 1 => Some("multicast"),
        _ => None,
    }
}

/// The type or length, and what follows it.
fn follow(draft: &mut Draft<'_>, [kind, length]: [&'static str; 2]) -> Option<()> {
    let at = draft.at();
    let number = u64::from(u16::from_be_bytes(
        *draft
            .peek(0, 2)
            .or_else(|| {
                draft.cut(2_usize.saturating_sub(draft.left()));
                None
            })?
            .first_chunk()?,
    ));
    if number >= TYPES {
        draft.hex(kind, 2)?;
        draft.name(ether_type(number));
        draft.head_ends();
        draft.carry(|view| by_type(number, view));
        return Some(());
    }
    draft.number(length, 2)?;
    draft.unit(super::Unit::Bytes);
    draft.head_ends();
    let (says, have) = (size(number), draft.left());
    if says > have && draft.view().is_whole() {
        draft.flaw(Wrong::Length { says: number, bound: have as u64 }, length, at..at + 2);
    }
    draft.carry(|view| {
        let end = view.end.min(view.start.saturating_add(says));
        let missing = says.saturating_sub(view.len());
        llc(View { end, missing, ..view })
    });
    Some(())
}

/// What is behind the packet: padding up to the shortest frame, and what lies beyond that.
fn padding(draft: &mut Draft<'_>) {
    let (start, left) = (draft.at(), draft.left());
    if left == 0 {
        return;
    }
    draft.tail(left);
    let used = start.saturating_sub(draft.view().start);
    let padding = SHORTEST.saturating_sub(used).min(left);
    for (key, count) in [("ethernet.padding", padding), ("ethernet.trailer", left - padding)] {
        if count > 0 {
            let _read = draft.bytes(key, count);
        }
    }
}

fn by_type(number: u64, view: View<'_>) -> Layer {
    match number {
        0x0800 => ip::packet(view),
        0x0806 => arp::packet(view),
        0x8100 | 0x9100 => vlan(view, None),
        0x88a8 => vlan(view, Some("802.1ad")),
        0x86dd => ipv6::packet(view),
        _ => data(view),
    }
}

fn vlan(view: View<'_>, kind: Option<&'static str>) -> Layer {
    let mut draft = Draft::new(Protocol::Vlan, view);
    if let Some(kind) = kind {
        draft.kind(kind);
    }
    let _whole = tag(&mut draft);
    let mut layer = draft.finish();
    // Padding behind is the frame's.
    if let Some(last) = layer.layers.last() {
        layer.range.end = last.range.end;
    }
    layer
}

fn tag(draft: &mut Draft<'_>) -> Option<()> {
    let (range, _) = draft.take(2)?;
    draft.bits("vlan.priority", range.start, 0, 3);
    draft.bits("vlan.drop-eligible", range.start, 3, 1);
    draft.bits("vlan.id", range.start, 4, 12);
    follow(draft, ["vlan.type", "vlan.length"])
}

fn llc(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Llc, view);
    let _whole = llc_fields(&mut draft);
    draft.finish()
}

fn llc_fields(draft: &mut Draft<'_>) -> Option<()> {
    let service = |number| match number {
        0x42 => Some("Spanning Tree"),
        0xaa => Some("SNAP"),
        0xe0 => Some("NetWare"),
        0xf0 => Some("NetBIOS"),
        0xfe => Some("ISO network layer"),
        _ => None,
    };
    let destination = draft.hex("llc.dsap", 1)?;
    draft.name(service(destination));
    let source = draft.hex("llc.ssap", 1)?;
    draft.name(service(source & 0xfe));
    let control = draft.peek(0, 1).and_then(<[u8]>::first).copied();
    // Unnumbered frames have one byte of control, the others two (IEEE 802.2, 5.2).
    let count = if control.is_none_or(|control| control & 3 == 3) { 1 } else { 2 };
    let control = draft.hex("llc.control", count)?;
    draft.name((control == 3).then_some("UI"));
    if (destination, source, control) != (0xaa, 0xaa, 3) {
        draft.carry(data);
        return Some(());
    }
    let organization = draft.hex("llc.oui", 3)?;
    let kind = draft.hex(if organization == 0 { "llc.type" } else { "llc.protocol" }, 2)?;
    draft.name(ether_type(kind).filter(|_| organization == 0));
    draft.head_ends();
    draft.carry(|view| if organization == 0 { by_type(kind, view) } else { data(view) });
    Some(())
}

pub(super) fn cooked(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Cooked, view);
    let _whole = cooked_fields(&mut draft);
    draft.finish()
}

fn cooked_fields(draft: &mut Draft<'_>) -> Option<()> {
    let sort = draft.number("cooked.direction", 2)?;
    draft.name(direction(sort));
    draft.number("cooked.device-type", 2)?;
    let length = draft.number("cooked.address-length", 2)?;
    address(draft, length)?;
    let kind = draft.hex("cooked.protocol", 2)?;
    draft.name(ether_type(kind));
    draft.head_ends();
    draft.carry(|view| by_type(kind, view));
    Some(())
}

/// Eight bytes, of which as many count as the length says.
fn address(draft: &mut Draft<'_>, length: u64) -> Option<()> {
    let (range, bytes) = draft.take(8)?;
    let count = size(length).min(8);
    let used = range.start..range.start + count;
    if let (6, Some(mac)) = (count, bytes.first_chunk()) {
        draft.push("cooked.address", Value::Mac(*mac), Bits::of(&used));
    } else if count > 0 {
        let bytes = bytes.get(..count).unwrap_or_default().to_vec();
        draft.push("cooked.address", Value::Bytes(bytes), Bits::of(&used));
    }
    Some(())
}

const fn direction(sort: u64) -> Option<&'static str> {
    match sort {
        0 => Some("to-us"),
        1 => Some("broadcast"),
        2 => Some("multicast"),
        3 => Some("to-another-host"),
        4 => Some("from-us"),
        _ => None,
    }
}

pub(super) fn cooked2(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Cooked, view);
    let _whole = cooked2_fields(&mut draft);
    draft.finish()
}

fn cooked2_fields(draft: &mut Draft<'_>) -> Option<()> {
    let kind = draft.hex("cooked.protocol", 2)?;
    draft.name(ether_type(kind));
    draft.hex("cooked.reserved", 2)?;
    draft.number("cooked.interface", 4)?;
    draft.number("cooked.device-type", 2)?;
    let sort = draft.number("cooked.direction", 1)?;
    draft.name(direction(sort));
    let length = draft.number("cooked.address-length", 1)?;
    address(draft, length)?;
    draft.head_ends();
    draft.carry(|view| by_type(kind, view));
    Some(())
}

pub(super) fn null(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Null, view);
    // The family has the byte order of the machine that captured; what follows says its version by itself.
    if draft.hex("null.family", 4).is_some() {
        draft.head_ends();
        draft.carry(ip::either);
    }
    draft.finish()
}
