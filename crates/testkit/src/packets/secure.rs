//! TLS records.

use super::Named;
use super::build::{Over, short, tcp, v4};

fn record(kind: u8, version: u16, content: &[u8]) -> Vec<u8> {
    [&[kind][..], &version.to_be_bytes(), &short(content.len()), content].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &short(body.len()), body].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &short(data.len()), data].concat()
}

/// Something with two bytes of length before it.
fn counted(bytes: &[u8]) -> Vec<u8> {
    [&short(bytes.len())[..], bytes].concat()
}

fn random(first: u8) -> Vec<u8> {
    (0..32).map(|at| first.wrapping_add(at)).collect()
}

fn client_hello() -> Vec<u8> {
    let name = counted(&[&[0][..], &counted(b"www.example.com")].concat());
    let share = [&[0, 29][..], &counted(&random(0x80))].concat();
    let extensions = [
        extension(0x2a2a, &[]),
        extension(0, &name),
        extension(23, &[]),
        extension(10, &counted(&[0x11, 0xec, 0, 29, 0, 23, 0, 24])),
        extension(11, &[1, 0]),
        extension(16, &counted(b"\x02h2\x08http/1.1")),
        extension(13, &counted(&[4, 3, 8, 4, 4, 1, 5, 3])),
        extension(43, &[4, 3, 4, 3, 3]),
        extension(45, &[1, 1]),
        extension(51, &counted(&share)),
    ];
    let body = [
        &[3, 3][..],
        &random(1),
        &[32],
        &random(0x40),
        &counted(&[0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2b, 0xc0, 0x2f, 0xcc, 0xa8, 0, 0x9c, 0, 0x2f, 0, 0xff]),
        &[1, 0],
        &counted(&extensions.concat()),
    ];
    handshake(1, &body.concat())
}

fn server_hello() -> Vec<u8> {
    let share = [&[0, 29][..], &counted(&random(0x10))].concat();
    let extensions = [extension(51, &share), extension(43, &[3, 4])];
    let body = [&[3, 3][..], &random(3), &[32], &random(0x40), &[0x13, 1, 0], &counted(&extensions.concat())];
    handshake(2, &body.concat())
}

fn old_server_hello() -> Vec<u8> {
    let extensions = [extension(0xff01, &[0]), extension(16, &counted(b"\x02h2"))];
    let body = [&[3, 3][..], &random(5), &[0], &[0xc0, 0x2f, 0], &counted(&extensions.concat())];
    handshake(2, &body.concat())
}

pub(super) fn all() -> Vec<Named> {
    let sent = |number: u16, to_server: bool, bytes: &[u8]| {
        let ports = if to_server { (45_000 + number, 443) } else { (443, 45_000 + number) };
        v4(6, &tcp(Over::V4, ports, 0x18, &[], bytes))
    };
    let hello = client_hello();
    let flight =
        [record(22, 0x0303, &server_hello()), record(20, 0x0303, &[1]), record(23, 0x0303, &random(0x99))];
    let old = record(22, 0x0303, &[old_server_hello(), handshake(14, &[])].concat());
    vec![
        ("a ClientHello", sent(1, true, &record(22, 0x0301, &hello))),
        ("a ServerHello and what is encrypted", sent(2, false, &flight.concat())),
        ("a ServerHello of TLS 1.2", sent(3, false, &old)),
        ("an alert", sent(4, true, &record(21, 0x0303, &[2, 48]))),
        ("a warning", sent(5, true, &record(21, 0x0303, &[1, 0]))),
        ("application data", sent(6, true, &record(23, 0x0303, &random(7)))),
        (
            "a change of ciphers and what follows",
            sent(7, true, &[record(20, 0x0303, &[1]), record(22, 0x0303, &random(0x77))].concat()),
        ),
        ("a record that goes on", sent(8, true, &record(23, 0x0303, &[7; 400])[..100])),
    ]
}
