//! IPv4 with options and fragments, IPv6 with extension headers, ICMP of both.

use super::Named;
use super::build::{Over, V4, V6_A, V6_B, ethernet, icmp, icmpv6, tcp, udp, v4, v6, v6_packet};

const ECHO: &[u8] = b"\x12\x34\x00\x07abcdefghijklmnopqrstuvwabcdefghi";

fn quoted(bytes: &[u8]) -> &[u8] {
    &bytes[..28]
}

fn v4_packets() -> Vec<Named> {
    let datagram = udp(Over::V4, (40_003, 50_003), b"hello");
    let with = |options: &[u8]| V4 { options, ..V4::default() }.frame(17, &datagram);
    let long = udp(Over::V4, (40_004, 50_004), &[b'x'; 64]);
    let fragment = |fragment, part: &[u8]| V4 { fragment, ..V4::default() }.frame(17, part);
    let mut short_length = v4(17, &datagram);
    short_length[16..18].copy_from_slice(&[0, 10]);
    let mut long_length = v4(17, &datagram);
    long_length[16..18].copy_from_slice(&[1, 0]);
    let mut no_length = v4(6, &tcp(Over::V4, (40_005, 50_005), 0x18, &[], b"segmented by the card, later"));
    no_length[16..18].copy_from_slice(&[0, 0]);
    let mut short_header = v4(17, &datagram);
    short_header[14] = 0x43;
    let mut version = v4(17, &datagram);
    version[14] = 0x75;
    let mut bad_sum = v4(17, &datagram);
    bad_sum[24] ^= 0x55;
    let mut reserved = V4 { fragment: 0xc000, ..V4::default() }.frame(17, &datagram);
    reserved[15] = 0;
    vec![
        ("classes of service", V4 { class: 0xb9, ttl: 1, ..V4::default() }.frame(17, &datagram)),
        ("congestion experienced", V4 { class: 0x2b, ..V4::default() }.frame(17, &datagram)),
        ("no-operations", with(&[1, 1, 1, 0])),
        ("a router alert", with(&[0x94, 4, 0, 0])),
        ("a recorded route", with(&[1, 7, 11, 12, 192, 0, 2, 9, 0, 0, 0, 0])),
        ("a source route that was taken", with(&[0x83, 7, 8, 203, 0, 113, 5, 0])),
        ("an option that nobody knows", with(&[0x5e, 6, 1, 2, 3, 4, 0, 0])),
        ("a first fragment", fragment(0x2000, &long[..40])),
        ("a middle fragment", fragment(0x2005, &long[40..64])),
        ("a last fragment", fragment(0x0008, &long[64..])),
        ("a length below the header", short_length),
        ("a length beyond the packet", long_length),
        ("no length", no_length),
        ("a header below five words", short_header),
        ("a version of its own", version),
        ("a wrong checksum of the header", bad_sum),
        ("a reserved bit", reserved),
        ("IPv4 in IPv4", v4(4, &V4 { ttl: 9, ..V4::default() }.around(17, &datagram))),
        ("IPv6 in IPv4", v4(41, &v6_packet(17, &udp(Over::V6, (40_006, 50_006), b"tunnel")))),
        ("a protocol that nobody knows", v4(253, b"experimental")),
    ]
}

fn icmp_packets() -> Vec<Named> {
    let lost = V4::default().around(17, &udp(Over::V4, (40_007, 33_434), b"lost on the way"));
    let lost_tcp = V4::default().around(6, &tcp(Over::V4, (40_008, 81), 2, &[2, 4, 5, 0xb4], b""));
    let error =
        |kind, code, head: [u8; 4], quote: &[u8]| v4(1, &icmp(kind, code, &[&head[..], quote].concat()));
    let mut bad = v4(1, &icmp(8, 0, ECHO));
    bad[36] ^= 1;
    vec![
        ("an echo request", v4(1, &icmp(8, 0, ECHO))),
        ("an echo reply", v4(1, &icmp(0, 0, ECHO))),
        ("a wrong checksum of ICMP", bad),
        ("port unreachable", error(3, 3, [0; 4], quoted(&lost))),
        ("host unreachable, quoting TCP", error(3, 1, [0; 4], quoted(&lost_tcp))),
        ("prohibited, quoting all", error(3, 13, [0; 4], &lost_tcp)),
        ("fragmentation needed", error(3, 4, [0, 0, 5, 0xdc], quoted(&lost))),
        ("time exceeded", error(11, 0, [0; 4], quoted(&lost))),
        ("a redirect", error(5, 1, [192, 0, 2, 254], quoted(&lost))),
        ("a parameter problem", error(12, 0, [20, 0, 0, 0], quoted(&lost))),
    ]
}

fn v6_packets() -> Vec<Named> {
    let datagram = udp(Over::V6, (40_009, 50_009), b"hello");
    let after = |next: u8, header: &[u8]| v6(next, &[header, &datagram].concat());
    let long = udp(Over::V6, (40_010, 50_010), &[b'y'; 64]);
    let fragment = |bits: [u8; 2], part: &[u8]| {
        v6(44, &[&[17, 0, bits[0], bits[1], 0, 0, 0x12, 0x34][..], part].concat())
    };
    let chain =
        [&[60, 0, 5, 2, 0, 0, 1, 0][..], &[17, 1, 1, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &datagram];
    let authentication = [&[17, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1][..], &[0xaa; 12], &datagram].concat();
    let routing = [&[17, 2, 2, 0, 0, 0, 0, 0][..], &V6_A, &datagram].concat();
    vec![
        ("UDP over IPv6", v6(17, &datagram)),
        ("hop-by-hop options", after(0, &[17, 0, 5, 2, 0, 0, 1, 0])),
        ("destination options", after(60, &[17, 0, 0x1e, 4, 1, 2, 3, 4])),
        ("one byte of padding", after(60, &[17, 0, 0, 0, 0, 1, 1, 0])),
        ("two headers in a row", v6(0, &chain.concat())),
        ("an authentication header", v6(51, &authentication)),
        ("a routing header", v6(43, &routing)),
        ("a first fragment of IPv6", fragment([0, 1], &long[..40])),
        ("a last fragment of IPv6", fragment([0, 40], &long[40..])),
        ("an atomic fragment", fragment([0, 0], &datagram)),
        ("nothing after the header", v6(59, b"")),
    ]
}

fn icmpv6_packets() -> Vec<Named> {
    let lost = v6_packet(17, &udp(Over::V6, (40_011, 33_435), b"lost on the way"));
    let error = |kind, code, head: [u8; 4]| v6(58, &icmpv6(kind, code, &[&head[..], &lost].concat()));
    let link = |kind: u8| [kind, 1, 0, 0, 0x5e, 0, 0x53, 1];
    let prefix = [
        &[3, 4, 64, 0xc0][..],
        &[0, 0, 0x0e, 0x10, 0, 0, 0x07, 0x08, 0, 0, 0, 0],
        &[0x20, 1, 0x0d, 0xb8, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    let servers = [&[25, 5, 0, 0, 0, 0, 2, 0x58][..], &V6_A, &V6_B].concat();
    let advertisement = [
        &[64, 0x88, 7, 8, 0, 0, 0x75, 0x30, 0, 0, 3, 0xe8][..],
        &link(1),
        &[5, 1, 0, 0, 0, 0, 5, 0xdc],
        &prefix.concat(),
        &servers,
    ];
    let mut bad = v6(58, &icmpv6(128, 0, ECHO));
    bad[57] ^= 0x80;
    vec![
        ("an echo request of IPv6", v6(58, &icmpv6(128, 0, ECHO))),
        ("an echo reply of IPv6", v6(58, &icmpv6(129, 0, ECHO))),
        ("a wrong checksum of ICMPv6", bad),
        ("no route", error(1, 0, [0; 4])),
        ("port unreachable of IPv6", error(1, 4, [0; 4])),
        ("packet too big", error(2, 0, [0, 0, 5, 0])),
        ("hop limit exceeded", error(3, 0, [0; 4])),
        ("a parameter problem of IPv6", error(4, 1, [0, 0, 0, 6])),
        ("a router solicitation", v6(58, &icmpv6(133, 0, &[&[0; 4][..], &link(1)].concat()))),
        ("a router advertisement", v6(58, &icmpv6(134, 0, &advertisement.concat()))),
        ("a neighbour solicitation", v6(58, &icmpv6(135, 0, &[&[0; 4][..], &V6_B, &link(1)].concat()))),
        (
            "a neighbour advertisement",
            v6(58, &icmpv6(136, 0, &[&[0x60, 0, 0, 0][..], &V6_B, &link(2)].concat())),
        ),
        ("a redirect of IPv6", v6(58, &icmpv6(137, 0, &[&[0; 4][..], &V6_A, &V6_B, &link(2)].concat()))),
    ]
}

pub(super) fn all() -> Vec<Named> {
    let mut odd = v6(17, &udp(Over::V6, (40_012, 50_012), b"odd"));
    odd[18..20].copy_from_slice(&[0, 200]);
    let version = ethernet(0x86dd, &[&[0x45][..], &v6_packet(59, b"")[1..]].concat());
    let odd = vec![("a length beyond the packet of IPv6", odd), ("IPv6 that is none", version)];
    [v4_packets(), icmp_packets(), v6_packets(), icmpv6_packets(), odd].concat()
}
