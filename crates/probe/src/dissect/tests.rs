//! Whole packets, cut and broken ones: what is found, what is said to be wrong, and that nothing makes it panic or run
//! away.

use proptest::prelude::*;
use sockeye_testkit::packets;

use super::{Flaw, Layer, Protocol, Start, Value, Wrong, dissect};

fn packet(name: &str) -> Vec<u8> {
    let all = packets::all();
    all.into_iter().find(|packet| packet.name == name).unwrap_or_else(|| panic!("no packet is {name}")).bytes
}

fn layers(bytes: &[u8]) -> Vec<Layer> {
    dissect(bytes, Start::Ethernet, 0)
}

fn flaws(bytes: &[u8]) -> Vec<Flaw> {
    layers(bytes).iter().flat_map(Layer::walk).flat_map(|layer| layer.flaws.clone()).collect()
}

/// What is wrong, in words.
fn wrongs(name: &str) -> Vec<(&'static str, &'static str)> {
    flaws(&packet(name)).iter().map(|flaw| (flaw.wrong.word(), flaw.key)).collect()
}

/// The protocols of a packet, from the outside.
fn protocols(name: &str) -> Vec<&'static str> {
    layers(&packet(name)).iter().flat_map(Layer::walk).map(|layer| layer.protocol.word()).collect()
}

#[test]
fn layers_are_found_in_one_another() {
    for (name, found) in [
        ("an ARP request", &["ethernet", "arp"][..]),
        ("two tags", &["ethernet", "vlan", "vlan", "ipv4", "tcp", "data"]),
        ("SNAP", &["ethernet", "llc", "ipv4", "udp", "data"]),
        ("two headers in a row", &["ethernet", "ipv6", "ipv6-extension", "ipv6-extension", "udp", "data"]),
        ("port unreachable", &["ethernet", "ipv4", "icmp", "ipv4", "udp", "data"]),
        ("two queries over TCP", &["ethernet", "ipv4", "tcp", "dns", "dns"]),
        ("a ServerHello and what is encrypted", &["ethernet", "ipv4", "tcp", "tls", "tls", "tls"]),
        ("ACK", &["ethernet", "ipv4", "udp", "dhcp"]),
        ("a POST", &["ethernet", "ipv4", "tcp", "http"]),
    ] {
        assert_eq!(protocols(name), found, "{name}");
    }
}

#[test]
fn what_layers_add_and_carry_is_all_there_is() {
    for packet in packets::all() {
        for layer in layers(&packet.bytes).iter().flat_map(Layer::walk) {
            let carried: usize = layer.layers.iter().map(|inner| inner.range.len()).sum();
            if layer.layers.is_empty() || layer.protocol == Protocol::Tls {
                continue;
            }
            let own = layer.added();
            assert!(own + carried <= layer.range.len(), "{}: {layer:?}", packet.name);
            let is_frame = layer.protocol == Protocol::Ethernet;
            assert!(!is_frame || own + carried == layer.range.len(), "{}: {own} {carried}", packet.name);
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (name, wrong) in [
        ("a wrong checksum of TCP", &[("checksum", "tcp.checksum")][..]),
        ("a wrong checksum of ICMP", &[("checksum", "icmp.checksum")]),
        ("a wrong checksum of the header", &[("checksum", "ipv4.checksum")]),
        ("a reserved bit", &[("reserved", "ipv4.reserved")]),
        ("reserved bits", &[("reserved", "tcp.reserved")]),
        ("IPv6 that is none", &[("version", "ipv6.version")]),
        ("a header below five words", &[("length", "ipv4.header-length")]),
        ("a length of UDP below its header", &[("length", "udp.length")]),
        ("an option of length zero", &[("malformed", "tcp.option")]),
        ("port unreachable", &[("unverified", "udp.checksum"), ("quote", "")]),
        ("a middle fragment", &[("fragment", "ipv4.fragment-offset")]),
        ("a last fragment of IPv6", &[("fragment", "ipv6-extension.fragment-offset")]),
        ("an atomic fragment", &[]),
        ("a body that goes on", &[("continues", "")]),
        ("a GET", &[]),
        ("a SYN", &[]),
    ] {
        assert_eq!(wrongs(name), wrong, "{name}");
    }
}

#[test]
fn the_right_checksum_is_said() {
    let mut bytes = packet("a datagram");
    let right = u16::from_be_bytes([bytes[40], bytes[41]]);
    bytes[41] ^= 0xff;
    let found = right ^ 0xff;
    assert_eq!(flaws(&bytes)[0].wrong, Wrong::Checksum { found, right });
}

#[test]
fn every_cut_is_said_and_no_field_is_made_up() {
    for packet in packets::all() {
        let whole = layers(&packet.bytes);
        let whole: Vec<_> = whole.iter().flat_map(Layer::walk).collect();
        for cut in 1..packet.bytes.len() {
            let part = dissect(&packet.bytes[..cut], Start::Ethernet, packet.bytes.len() - cut);
            let part: Vec<_> = part.iter().flat_map(Layer::walk).collect();
            for layer in &part {
                assert!(layer.range.end <= cut, "{} {cut}: {layer:?}", packet.name);
            }
            // What is shown of the outer layers is what the whole packet shows, for as far as it goes.
            for (part, whole) in part.iter().zip(&whole).take(2) {
                for (field, other) in part.fields.iter().zip(&whole.fields) {
                    let same = field.key == other.key && (field.value == other.value || field.at != other.at);
                    let checked = field.key.ends_with("checksum");
                    assert!(same || checked, "{} {cut}: {field:?} {other:?}", packet.name);
                }
            }
        }
    }
}

#[test]
fn quotes_within_quotes_have_an_end() {
    // Each ICMP error quotes one that quotes one more.
    let mut inner = vec![0; 8];
    for _ in 0..100 {
        let mut outer = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
        outer.extend([3, 1, 0, 0, 0, 0, 0, 0]);
        outer.extend(&inner);
        let length = u16::try_from(outer.len()).unwrap().to_be_bytes();
        outer[2..4].copy_from_slice(&length);
        inner = outer;
    }
    let layers = dissect(&inner, Start::Ip, 0);
    let all = layers.iter().flat_map(Layer::walk).collect::<Vec<_>>();
    assert!(all.len() < 40);
    assert!(all.iter().any(|layer| layer.flaws.iter().any(|flaw| flaw.wrong == Wrong::Deep)));
}

#[test]
fn counts_that_lie_cost_nothing() {
    // 65,535 records are said to follow.
    let mut bytes = vec![0, 1, 0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    bytes.extend(vec![0; 65_000]);
    let layer = &dissect(&bytes, Start::Dns, 0)[0];
    assert!(layer.fields.len() <= 4200, "{}", layer.fields.len());
    assert!(layer.flaws.iter().any(|flaw| matches!(flaw.wrong, Wrong::Many { .. })));
}

#[test]
fn text_of_strangers_is_kept_as_it_came() {
    let layers = dissect(b"GET /\x1b[2J HTTP/1.1\r\nHost: \xff\r\n\r\n", Start::Http, 0);
    assert_eq!(layers[0].field("http.target").unwrap().value, Value::Text(b"/\x1b[2J".to_vec()));
    assert_eq!(layers[0].field("http.header").unwrap().value, Value::Text(b"Host: \xff".to_vec()));
}

/// Everything about layers that must always hold.
fn check(bytes: &[u8], start: Start, missing: usize) {
    let mut fields = 0;
    for layer in dissect(bytes, start, missing).iter().flat_map(Layer::walk) {
        assert!(layer.range.start <= layer.range.end && layer.range.end <= bytes.len(), "{layer:?}");
        let mut open: Vec<_> = layer.fields.iter().collect();
        while let Some(field) = open.pop() {
            fields += 1;
            assert!(field.at.bytes().end <= bytes.len(), "{field:?}");
            let _shown = field.value.to_string();
            open.extend(&field.fields);
        }
    }
    // A layer of few bytes has few fields: nothing is read twice without an end.
    assert!(fields <= 64 + bytes.len() * 40, "{fields} fields of {} bytes", bytes.len());
    let _guess = super::guess(bytes);
}

fn starts() -> impl Strategy<Value = Start> {
    let all: Vec<Start> = Start::ALL.iter().map(|(_, start)| *start).collect();
    prop::sample::select([all, vec![Start::Cooked, Start::Cooked2, Start::Null]].concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), start in starts(), missing: u16) {
        check(&bytes, start, usize::from(missing));
    }

    #[test]
    fn no_broken_packet_makes_it_panic(
        number: prop::sample::Index,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut: prop::sample::Index,
    ) {
        let all = packets::all();
        let mut bytes = all[number.index(all.len())].bytes.clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check(&bytes, Start::Ethernet, 0);
        let cut = cut.index(bytes.len());
        check(&bytes[..cut], Start::Ethernet, bytes.len() - cut);
        // What is inside, taken for any other thing.
        for (_, start) in Start::ALL {
            check(&bytes[14.min(bytes.len())..], *start, 0);
        }
    }
}
