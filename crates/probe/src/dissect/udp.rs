//! UDP (RFC 768).

use super::draft::{Draft, Part, Pseudo, Summed, View, size};
use super::tree::{Layer, Protocol, Unit, Wrong};
use super::{data, dhcp, dns};

const HEADER: usize = 8;

pub(super) fn datagram(view: View<'_>, pseudo: Option<Pseudo>) -> Layer {
    let mut draft = Draft::new(Protocol::Udp, view);
    let _whole = read(&mut draft, pseudo);
    draft.finish()
}

fn read(draft: &mut Draft<'_>, pseudo: Option<Pseudo>) -> Option<()> {
    let start = draft.at();
    let source = draft.number("udp.source-port", 2)?;
    let destination = draft.number("udp.destination-port", 2)?;
    let length = draft.number("udp.length", 2)?;
    draft.unit(Unit::Bytes);
    let (says, have) = (size(length), draft.view().len());
    let at = start + 4..start + 6;
    if says < HEADER {
        draft.flaw(Wrong::Length { says: length, bound: HEADER as u64 }, "udp.length", at);
        return None;
    }
    if says > have && draft.view().is_whole() {
        draft.flaw(Wrong::Length { says: length, bound: have as u64 }, "udp.length", at);
    }
    if !(says > have && draft.view().part == Part::Fragment) {
        draft.close(start + says);
    }
    let bytes = draft.view().bytes();
    let whole = pseudo.filter(|_| draft.view().is_complete());
    if draft.peek(0, 2) == Some(&[0, 0]) {
        draft.hex("udp.checksum", 2)?;
        // RFC 8200, section 8.1: over IPv6 it must be there, but for tunnels (RFC 6935).
        let is_needed = matches!(pseudo, Some(Pseudo::V6(..)));
        draft.name(Some(if is_needed { "illegal" } else { "absent" }));
        if is_needed {
            draft.flaw(Wrong::Value(0), "udp.checksum", start + 6..start + 8);
        }
    } else {
        let summed = whole.map(|pseudo| Summed { bytes, at: 6, pseudo: Some((pseudo, 17)) });
        draft.checksum("udp.checksum", 0xffff, summed)?;
    }
    draft.head_ends();
    draft.carry(|view| application(source, destination, view));
    Some(())
}

/// By the registered ports of either side.
fn application(source: u64, destination: u64, view: View<'_>) -> Layer {
    let has = |ports: &[u64]| ports.contains(&source) || ports.contains(&destination);
    if has(&[53, 5353, 5355]) {
        return dns::message(view);
    }
    if has(&[67, 68]) {
        return dhcp::message(view);
    }
    data(view)
}
