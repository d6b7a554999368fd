//! DNS over UDP and TCP, and DHCP.

use super::Named;
use super::build::{MAC_A, Over, short, tcp, udp, v4, v6};

/// A name without compression.
fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap_or(63));
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

/// A message: flags, questions, and the three kinds of records.
fn message(flags: u16, questions: &[Vec<u8>], records: [&[Vec<u8>]; 3]) -> Vec<u8> {
    let mut bytes = [0x12, 0x34].to_vec();
    bytes.extend(flags.to_be_bytes());
    bytes.extend(short(questions.len()));
    for part in records {
        bytes.extend(short(part.len()));
    }
    bytes.extend(questions.concat());
    bytes.extend(records.iter().copied().flatten().flatten());
    bytes
}

fn question(text: &str, kind: u16) -> Vec<u8> {
    [&name(text)[..], &kind.to_be_bytes(), &[0, 1]].concat()
}

/// A record whose name points at the first question.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    [&[0xc0, 12][..], &kind.to_be_bytes(), &[0, 1, 0, 0, 0x0e, 0x10], &short(data.len()), data].concat()
}

fn reply(kind: u16, records: &[Vec<u8>]) -> Vec<u8> {
    message(0x8180, &[question("www.example.com", kind)], [records, &[], &[]])
}

fn from_server(bytes: &[u8]) -> Vec<u8> {
    v4(17, &udp(Over::V4, (53, 44_000), bytes))
}

fn to_server(bytes: &[u8]) -> Vec<u8> {
    v4(17, &udp(Over::V4, (44_000, 53), bytes))
}

/// `www.example.com` is at byte 12, so `example.com` is at 16.
const DOMAIN: [u8; 2] = [0xc0, 16];

fn replies() -> Vec<Named> {
    let soa = [
        &name("ns1.example.com")[..],
        &name("admin.example.com"),
        &[0, 0, 7, 0xe6],
        &[0, 0, 0x1c, 0x20],
        &[0, 0, 3, 0x84],
        &[0, 9, 0x3a, 0x80],
        &[0, 0, 1, 0x2c],
    ]
    .concat();
    let service = [
        &[0, 1, 0][..],
        &[0, 1, 0, 6, 2, b'h', b'2', 2, b'h', b'3'],
        &[0, 3, 0, 2, 1, 0xbb],
        &[0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2],
    ];
    let edns =
        [&[0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0][..], &[0, 12], &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
    let text = [&[5][..], b"hello", &[3], b"you"].concat();
    let missing = message(
        0x8183,
        &[question("nothere.example.com", 1)],
        [&[], &[record(6, &soa)], std::slice::from_ref(&edns)],
    );
    let both = [record(5, &name("cdn.example.net")), record(1, &[192, 0, 2, 5])];
    vec![
        ("addresses", from_server(&reply(1, &[record(1, &[192, 0, 2, 5]), record(1, &[192, 0, 2, 6])]))),
        ("an alias and its address", from_server(&reply(1, &both))),
        (
            "an address of IPv6",
            from_server(&reply(28, &[record(28, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9])])),
        ),
        ("name servers", from_server(&reply(2, &[record(2, &[&[3][..], b"ns1", &DOMAIN].concat())]))),
        (
            "mail servers",
            from_server(&reply(15, &[record(15, &[&[0, 10, 4][..], b"mail", &DOMAIN].concat())])),
        ),
        ("texts", from_server(&reply(16, &[record(16, &text)]))),
        ("an authority", from_server(&reply(6, &[record(6, &soa)]))),
        ("a pointer to a name", from_server(&reply(12, &[record(12, &name("host.example.com"))]))),
        (
            "a service",
            from_server(&reply(
                33,
                &[record(33, &[&[0, 1, 0, 2, 0x1f, 0x90][..], &name("s.example.com")].concat())],
            )),
        ),
        ("HTTPS", from_server(&reply(65, &[record(65, &service.concat())]))),
        ("who may certify", from_server(&reply(257, &[record(257, b"\x00\x05issueca.example")]))),
        ("a type that nobody knows", from_server(&reply(65_280, &[record(65_280, &[1, 2, 3, 4])]))),
        ("no such name", from_server(&missing)),
        (
            "an answer with options",
            from_server(&message(
                0x81a0,
                &[question("www.example.com", 1)],
                [&[record(1, &[192, 0, 2, 7])], &[], &[edns]],
            )),
        ),
        ("DNS over IPv6", v6(17, &udp(Over::V6, (53, 44_001), &reply(1, &[record(1, &[192, 0, 2, 5])])))),
    ]
}

fn queries() -> Vec<Named> {
    let query = message(0x0100, &[question("www.example.com", 1)], [&[], &[], &[]]);
    let with_length = |bytes: &[u8]| [&short(bytes.len())[..], bytes].concat();
    let over_tcp = |number: u16, bytes: &[u8]| v4(6, &tcp(Over::V4, (44_100 + number, 53), 0x18, &[], bytes));
    vec![
        ("a query", to_server(&query)),
        ("a query for the root", to_server(&message(0x0110, &[question("", 2)], [&[], &[], &[]]))),
        (
            "a query of another kind",
            to_server(&message(0x2000, &[question("example.com", 6)], [&[], &[], &[]])),
        ),
        ("a query over TCP", over_tcp(1, &with_length(&query))),
        ("two queries over TCP", over_tcp(2, &[with_length(&query), with_length(&query)].concat())),
        (
            "an answer that was cut",
            from_server(&message(0x8380, &[question("www.example.com", 16)], [&[], &[], &[]])),
        ),
    ]
}

fn dhcp(operation: u8, options: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![operation, 1, 6, 0, 0x39, 0x03, 0xf3, 0x26, 0, 4, 0x80, 0];
    bytes.extend([0; 4]);
    bytes.extend(if operation == 2 { [192, 0, 2, 100] } else { [0; 4] });
    bytes.extend(if operation == 2 { [192, 0, 2, 254] } else { [0; 4] });
    bytes.extend([0; 4]);
    bytes.extend(MAC_A);
    bytes.extend([0; 10]);
    bytes.extend([0; 64 + 128]);
    if operation == 2 {
        bytes[44..48].copy_from_slice(b"boot");
        bytes[108..115].copy_from_slice(b"pxe.img");
    }
    bytes.extend([0x63, 0x82, 0x53, 0x63]);
    bytes.extend(options.concat());
    bytes.push(255);
    bytes
}

fn dhcp_packets() -> Vec<Named> {
    let client = |bytes: &[u8]| v4(17, &udp(Over::V4, (68, 67), bytes));
    let server = |bytes: &[u8]| v4(17, &udp(Over::V4, (67, 68), bytes));
    let id = [&[61, 7, 1][..], &MAC_A].concat();
    let name = b"\x0c\x06laptop";
    let given: [&[u8]; 9] = [
        &[54, 4, 192, 0, 2, 254],
        &[51, 4, 0, 0, 0x0e, 0x10],
        &[58, 4, 0, 0, 7, 8],
        &[59, 4, 0, 0, 0x0c, 0x4e],
        &[1, 4, 255, 255, 255, 0],
        &[3, 4, 192, 0, 2, 254],
        &[6, 8, 192, 0, 2, 253, 192, 0, 2, 252],
        &[28, 4, 192, 0, 2, 255],
        b"\x0f\x0bexample.com",
    ];
    let with = |kind: u8| [&[53, 1, kind][..], &given.concat()].concat();
    vec![
        ("DISCOVER", client(&dhcp(1, &[&[53, 1, 1], &id, name, &[55, 4, 1, 3, 6, 15], &[57, 2, 5, 0xdc]]))),
        ("OFFER", server(&dhcp(2, &[&with(2)]))),
        (
            "REQUEST",
            client(&dhcp(
                1,
                &[
                    &[53, 1, 3],
                    &[50, 4, 192, 0, 2, 100],
                    &[54, 4, 192, 0, 2, 254],
                    b"\x3c\x08MSFT 5.0",
                    &[0, 0],
                ],
            )),
        ),
        ("ACK", server(&dhcp(2, &[&with(5), &[42, 4, 192, 0, 2, 251]]))),
        ("NAK", server(&dhcp(2, &[&[53, 1, 6], &[54, 4, 192, 0, 2, 254], b"\x38\x02no"]))),
    ]
}

pub(super) fn all() -> Vec<Named> {
    [queries(), replies(), dhcp_packets()].concat()
}
