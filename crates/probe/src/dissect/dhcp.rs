//! DHCP for IPv4 (RFC 2131) and its options (RFC 2132).

use super::draft::{Draft, View, size};
use super::tree::{Bits, Layer, Protocol, Unit, Value, Wrong};

/// What options begin with (RFC 2131, section 3).
const COOKIE: u64 = 0x6382_5363;

pub(super) fn message(view: View<'_>) -> Layer {
    let mut draft = Draft::new(Protocol::Dhcp, view);
    let _whole = read(&mut draft);
    draft.finish()
}

fn read(draft: &mut Draft<'_>) -> Option<()> {
    let operation = draft.number("dhcp.operation", 1)?;
    draft.name(match operation {
        1 => Some("request"),
        2 => Some("reply"),
        _ => None,
    });
    let hardware = draft.number("dhcp.hardware-type", 1)?;
    draft.name((hardware == 1).then_some("Ethernet"));
    let length = size(draft.number("dhcp.hardware-length", 1)?);
    draft.number("dhcp.hops", 1)?;
    draft.hex("dhcp.transaction", 4)?;
    draft.number("dhcp.elapsed", 2)?;
    draft.unit(Unit::Seconds);
    let (range, _) = draft.take(2)?;
    draft.bits("dhcp.broadcast", range.start, 0, 1);
    if draft.bits("dhcp.reserved", range.start, 1, 15) != 0 {
        draft.flaw(Wrong::Reserved, "dhcp.reserved", range);
    }
    for key in ["dhcp.client-ip", "dhcp.your-ip", "dhcp.server-ip", "dhcp.relay-ip"] {
        draft.ipv4(key)?;
    }
    let (range, bytes) = draft.take(16)?;
    let used = length.min(16);
    let at = Bits::of(&(range.start..range.start + used));
    match (used, bytes.first_chunk()) {
        (0, _) => {}
        (6, Some(mac)) => draft.push("dhcp.client-mac", Value::Mac(*mac), at),
        _ => {
            let bytes = bytes.get(..used).unwrap_or_default().to_vec();
            draft.push("dhcp.client-hardware", Value::Bytes(bytes), at);
        }
    }
    padded(draft, "dhcp.server-name", 64)?;
    padded(draft, "dhcp.boot-file", 128)?;
    let at = draft.at();
    let cookie = draft.hex("dhcp.cookie", 4)?;
    if cookie != COOKIE {
        draft.flaw(Wrong::Value(cookie), "dhcp.cookie", at..at + 4);
        return None;
    }
    while draft.left() > 0 {
        let code = draft.peek(0, 1).and_then(|bytes| bytes.first().copied());
        draft.named("dhcp.option", code.and_then(option_name), option)?;
        if code == Some(255) {
            break;
        }
    }
    if draft.left() > 0 {
        let rest = draft.left();
        draft.bytes("dhcp.padding", rest)?;
    }
    draft.head_ends();
    Some(())
}

/// Text that zeros fill up; nothing but zeros is no text.
fn padded(draft: &mut Draft<'_>, key: &'static str, count: usize) -> Option<()> {
    let (range, bytes) = draft.take(count)?;
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    if !text.is_empty() {
        draft.push(key, Value::Text(text.to_vec()), Bits::of(&(range.start..range.start + text.len())));
    }
    Some(())
}

/// IANA "BOOTP Vendor Extensions and DHCP Options".
fn option_name(code: u8) -> Option<&'static str> {
    let name = match code {
        0 => "pad",
        1 => "subnet-mask",
        2 => "time-offset",
        3 => "router",
        6 => "domain-name-server",
        12 => "host-name",
        15 => "domain-name",
        26 => "interface-MTU",
        28 => "broadcast-address",
        33 => "static-route",
        42 => "NTP-servers",
        43 => "vendor-specific",
        44 => "NetBIOS-name-server",
        46 => "NetBIOS-node-type",
        47 => "NetBIOS-scope",
        50 => "requested-address",
        51 => "lease-time",
        52 => "overload",
        53 => "message-type",
        54 => "server-identifier",
        55 => "parameter-request-list",
        56 => "message",
        57 => "maximum-message-size",
        58 => "renewal-time",
        59 => "rebinding-time",
        60 => "vendor-class",
        61 => "client-identifier",
        66 => "TFTP-server",
        67 => "boot-file",
        77 => "user-class",
        81 => "client-FQDN",
        82 => "relay-agent-information",
        93 => "client-system",
        108 => "IPv6-only-preferred",
        114 => "captive-portal",
        119 => "domain-search",
        121 => "classless-static-route",
        249 => "classless-static-route-Microsoft",
        252 => "proxy-autodiscovery",
        255 => "end",
        _ => return None,
    };
    Some(name)
}

/// RFC 2132, section 9.6.
const fn message_name(number: u64) -> Option<&'static str> {
    match number {
        1 => Some("DISCOVER"),
        2 => Some("OFFER"),
        3 => Some("REQUEST"),
        4 => Some("DECLINE"),
        5 => Some("ACK"),
        6 => Some("NAK"),
        7 => Some("RELEASE"),
        8 => Some("INFORM"),
        _ => None,
    }
}

fn option(draft: &mut Draft<'_>) -> Option<()> {
    let code = draft.number("dhcp.option-code", 1)?;
    if code == 0 {
        let more = draft.rest().iter().take_while(|byte| **byte == 0).count();
        if more > 0 {
            draft.bytes("dhcp.option-padding", more)?;
        }
        return Some(());
    }
    if code == 255 {
        return Some(());
    }
    let length = size(draft.number("dhcp.option-length", 1)?);
    let end = draft.at() + length;
    match code {
        1 | 3 | 6 | 28 | 42 | 44 | 50 | 54 => {
            while draft.at() + 4 <= end {
                draft.ipv4(address_key(code))?;
            }
        }
        51 | 58 | 59 if length == 4 => {
            let seconds = draft.number("dhcp.time", 4)?;
            draft.unit(Unit::Seconds);
            draft.name((seconds == u64::from(u32::MAX)).then_some("infinity"));
        }
        53 if length == 1 => {
            let kind = draft.number("dhcp.message-type", 1)?;
            draft.name(message_name(kind));
        }
        26 | 57 if length == 2 => {
            draft.number("dhcp.size", 2)?;
            draft.unit(Unit::Bytes);
        }
        55 => {
            while draft.at() < end {
                let wanted = draft.number("dhcp.requested-option", 1)?;
                draft.name(u8::try_from(wanted).ok().and_then(option_name));
            }
        }
        12 | 15 | 56 | 60 | 66 | 67 | 114 | 252 if length > 0 => drop(draft.text(text_key(code), length)?),
        61 if length == 7 && draft.peek(0, 1) == Some(&[1]) => {
            draft.number("dhcp.hardware-type", 1)?;
            draft.name(Some("Ethernet"));
            draft.mac("dhcp.client-mac")?;
        }
        _ => {}
    }
    let rest = end.saturating_sub(draft.at());
    if rest > 0 {
        draft.bytes("dhcp.option-data", rest)?;
    }
    Some(())
}

const fn address_key(code: u64) -> &'static str {
    match code {
        1 => "dhcp.subnet-mask",
        3 => "dhcp.router",
        6 => "dhcp.dns-server",
        28 => "dhcp.broadcast-address",
        50 => "dhcp.requested-address",
        54 => "dhcp.server-identifier",
        _ => "dhcp.address",
    }
}

const fn text_key(code: u64) -> &'static str {
    match code {
        12 => "dhcp.host-name",
        15 => "dhcp.domain-name",
        60 => "dhcp.vendor-class",
        _ => "dhcp.text",
    }
}
