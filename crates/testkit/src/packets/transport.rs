//! TCP with its options, UDP, and HTTP.

use super::Named;
use super::build::{Over, tcp, udp, v4, v6};

fn segment(number: u16, flags: u16, options: &[u8], data: &[u8]) -> Vec<u8> {
    v4(6, &tcp(Over::V4, (41_000 + number, 51_000 + number), flags, options, data))
}

fn tcp_packets() -> Vec<Named> {
    let syn = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7];
    let sack = [1, 1, 5, 18, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0];
    let stamps = [1, 1, 8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
    let mut bad = segment(20, 0x18, &[], b"a bit fell over");
    bad[54] ^= 1;
    let mut header = segment(21, 0x10, &[], b"");
    header[46] = 0x30;
    let mut beyond = segment(22, 0x10, &[], b"");
    beyond[46] = 0xf0;
    vec![
        ("a SYN", segment(1, 0x02, &syn, b"")),
        ("a SYN with ECN", segment(2, 0xc2, &[2, 4, 5, 0xb4], b"")),
        ("a SYN-ACK", segment(3, 0x12, &syn, b"")),
        ("an ACK", segment(4, 0x10, &stamps, b"")),
        ("data", segment(5, 0x18, &stamps, b"plain words of an application")),
        ("an odd count of data", segment(6, 0x18, &[], b"odd")),
        ("a FIN", segment(7, 0x11, &[], b"")),
        ("an RST", segment(8, 0x04, &[], b"")),
        ("urgent data", segment(9, 0x38, &[], b"!")),
        ("selective acknowledgments", segment(10, 0x10, &sack, b"")),
        ("a fast open cookie", segment(11, 0x02, &[34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1], b"early data")),
        ("a user timeout", segment(12, 0x10, &[28, 4, 0x80, 5], b"")),
        ("the end of options", segment(13, 0x10, &[1, 0, 0, 0], b"")),
        ("an option that nobody knows", segment(14, 0x10, &[253, 6, 0xf9, 0x89, 1, 2, 1, 1], b"")),
        ("reserved bits", segment(15, 0x0e10, &[], b"")),
        ("accurate ECN", segment(16, 0x01d0, &[], b"")),
        ("an option without a length", segment(17, 0x10, &[1, 1, 1, 2], b"")),
        ("an option of length zero", segment(18, 0x10, &[2, 0, 5, 0xb4], b"")),
        ("an option beyond the header", segment(19, 0x10, &[8, 10, 0, 0], b"")),
        ("a wrong checksum of TCP", bad),
        ("a TCP header below five words", header),
        ("a TCP header beyond the segment", beyond),
        ("TCP over IPv6", v6(6, &tcp(Over::V6, (41_023, 51_023), 0x18, &stamps, b"six"))),
    ]
}

fn udp_packets() -> Vec<Named> {
    let over = |data: &[u8]| v4(17, &udp(Over::V4, (42_001, 52_001), data));
    let mut bad = over(b"a bit fell over");
    bad[44] ^= 4;
    let mut none = over(b"no checksum");
    none[40..42].copy_from_slice(&[0, 0]);
    let mut short = over(b"short");
    short[38..40].copy_from_slice(&[0, 4]);
    let mut long = over(b"long");
    long[38..40].copy_from_slice(&[1, 0]);
    let mut six = v6(17, &udp(Over::V6, (42_002, 52_002), b"must have one"));
    six[60..62].copy_from_slice(&[0, 0]);
    vec![
        ("a datagram", over(b"hello")),
        ("an empty datagram", over(b"")),
        ("a wrong checksum of UDP", bad),
        ("a datagram without a checksum", none),
        ("a datagram over IPv6 without a checksum", six),
        ("a length of UDP below its header", short),
        ("a length of UDP beyond the packet", long),
    ]
}

fn http_packets() -> Vec<Named> {
    let web = |number: u16, to_server: bool, text: &[u8]| {
        let ports = if to_server { (43_000 + number, 80) } else { (80, 43_000 + number) };
        v4(6, &tcp(Over::V4, ports, 0x18, &[], text))
    };
    vec![
        ("a GET", web(1, true, b"GET /index.html?a=b HTTP/1.1\r\nHost: www.example\r\nAccept: */*\r\n\r\n")),
        ("a POST", web(2, true, b"POST /form HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\na=b&c")),
        ("a response", web(3, false, b"HTTP/1.1 200 OK\r\nServer: none\r\nContent-Length: 5\r\n\r\nhello")),
        ("not found", web(4, false, b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")),
        ("no reason", web(5, false, b"HTTP/1.1 204 \r\nDate: today\r\n\r\n")),
        ("a body that goes on", web(6, false, b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nbegin")),
    ]
}

pub(super) fn all() -> Vec<Named> {
    [tcp_packets(), udp_packets(), http_packets()].concat()
}
