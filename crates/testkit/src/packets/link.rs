//! Ethernet, its tags, LLC, and ARP.

use super::Named;
use super::build::{MAC_A, MAC_B, Over, V4, V4_A, V4_B, ethernet, short, tcp, udp};

fn arp(operation: u8, target: [u8; 6]) -> Vec<u8> {
    [&[0, 1, 8, 0, 6, 4, 0, operation][..], &MAC_A, &V4_A, &target, &V4_B].concat()
}

fn framed(to: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(kind, payload);
    frame[..6].copy_from_slice(&to);
    frame
}

fn with_length(payload: &[u8]) -> Vec<u8> {
    let mut frame = [&MAC_B[..], &MAC_A, &short(payload.len()), payload].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

pub(super) fn all() -> Vec<Named> {
    let packet = V4::default().around(17, &udp(Over::V4, (40_001, 50_001), b"tagged"));
    let segment = V4::default().around(6, &tcp(Over::V4, (40_002, 50_002), 0x18, &[], b"in a tag"));
    let twice = [&[0x00, 0x65, 0x81, 0x00, 0x20, 0x66, 0x08, 0x00][..], &segment].concat();
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &packet].concat();
    let foreign = [&[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0x00][..], &[1, 180, 0, 0]].concat();
    vec![
        ("an ARP request", framed([0xff; 6], 0x0806, &arp(1, [0; 6]))),
        ("an ARP reply", ethernet(0x0806, &arp(2, MAC_B))),
        (
            "ARP of another hardware",
            ethernet(0x0806, &[0, 6, 8, 0, 2, 4, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        ),
        ("a tag", ethernet(0x8100, &[&[0xb0, 0x64, 0x08, 0x00][..], &packet].concat())),
        ("two tags", ethernet(0x88a8, &twice)),
        ("SNAP", with_length(&snap)),
        ("SNAP of an organization", with_length(&foreign)),
        ("spanning tree", framed([1, 0x80, 0xc2, 0, 0, 0], 38, &[&[0x42, 0x42, 3][..], &[0; 35]].concat())),
        ("a type that nobody knows", ethernet(0x88b5, b"experimental")),
        ("a multicast frame", framed([1, 0, 0x5e, 0, 0, 1], 0x0800, &packet)),
        ("a trailer", [&ethernet(0x0800, &packet)[..], b"beyond"].concat()),
    ]
}
