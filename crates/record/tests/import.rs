//! Captures read: those in `captures/` (made by tcpdump, `captures/make.sh`), and packets made up here for what does not
//! happen on a loopback device.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on must fail; packets are small"
)]

use std::net::{IpAddr, SocketAddr};

use etherparse::PacketBuilder;
use sockeye_core::{Address, Code, Direction, Kind};
use sockeye_record::import::{self, Options, Summary};

/// What happened, a line each.
fn told(bytes: &[u8], options: &Options) -> (Vec<String>, Summary) {
    let mut lines = Vec::new();
    let summary = import::read(bytes, options, &mut |event| {
        let sign = |direction| if direction == Direction::In { '>' } else { '<' };
        let what = match event.kind {
            Kind::Accepted { transport, local: Address::Ip(local), remote: Address::Ip(remote) } => {
                format!("{transport} {remote} {local}")
            }
            Kind::Message { direction, data, .. } => format!("{} {}", sign(direction), data.escape_ascii()),
            Kind::HalfClosed { direction, .. } => format!("{} fin", sign(direction)),
            Kind::Reset { direction, .. } => format!("{} reset", sign(direction)),
            Kind::Error(fault) => format!("{} {}", fault.value("what"), fault.value("count")),
            Kind::Closed { .. } => format!("closed {}", event.how.word()),
            other => other.word().to_owned(),
        };
        lines.push(format!("{} {what}", event.session));
    });
    (lines, summary.unwrap())
}

fn all(bytes: &[u8]) -> Vec<String> {
    told(bytes, &Options::default()).0
}

/// A capture under construction: pcap of Ethernet, microseconds.
struct Capture {
    bytes: Vec<u8>,
    packets: u32,
}

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "10.0.0.2:7";

/// Flags of a segment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    Syn,
    SynAck,
    Ack,
    Fin,
    Rst,
}

impl Capture {
    fn new(link: u32) -> Self {
        let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
        bytes.extend(link.to_le_bytes());
        Self { bytes, packets: 0 }
    }

    fn packet(&mut self, data: &[u8], whole: usize) {
        self.packets += 1;
        for number in [self.packets, 0, data.len() as u32, whole as u32] {
            self.bytes.extend(number.to_le_bytes());
        }
        self.bytes.extend(data);
    }

    fn tcp(
        &mut self,
        (from, to): (&str, &str),
        flag: Flag,
        (sequence, ack): (u32, u32),
        data: &[u8],
    ) -> &mut Self {
        let bytes = segment((from, to), flag, (sequence, ack), data);
        self.packet(&bytes, bytes.len());
        self
    }

    fn handshake(&mut self) -> &mut Self {
        self.tcp((CLIENT, SERVER), Flag::Syn, (99, 0), b"")
            .tcp((SERVER, CLIENT), Flag::SynAck, (499, 100), b"")
            .tcp((CLIENT, SERVER), Flag::Ack, (100, 500), b"")
    }

    fn sends(&mut self, sequence: u32, data: &[u8]) -> &mut Self {
        self.tcp((CLIENT, SERVER), Flag::Ack, (sequence, 500), data)
    }

    fn answers(&mut self, sequence: u32, ack: u32, data: &[u8]) -> &mut Self {
        self.tcp((SERVER, CLIENT), Flag::Ack, (sequence, ack), data)
    }
}

/// A packet with an Ethernet header and a VLAN's.
fn segment((from, to): (&str, &str), flag: Flag, (sequence, ack): (u32, u32), data: &[u8]) -> Vec<u8> {
    let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let link = PacketBuilder::ethernet2([1; 6], [2; 6]).single_vlan(7.try_into().unwrap());
    let net = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => link.ipv6(from.octets(), to.octets(), 64),
        _ => unreachable!(),
    };
    let tcp = net.tcp(from.port(), to.port(), sequence, 1024);
    let tcp = match flag {
        Flag::Syn => tcp.syn(),
        Flag::SynAck => tcp.syn().ack(ack),
        Flag::Ack => tcp.ack(ack),
        Flag::Fin => tcp.fin().ack(ack),
        Flag::Rst => tcp.rst().ack(ack),
    };
    let mut bytes = Vec::new();
    tcp.write(&mut bytes, data).unwrap();
    bytes
}

fn udp(from: SocketAddr, to: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let link = PacketBuilder::ethernet2([1; 6], [2; 6]);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            link.ipv4(a.octets(), b.octets(), 64).udp(from.port(), to.port()).write(&mut bytes, data)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            link.ipv6(a.octets(), b.octets(), 64).udp(from.port(), to.port()).write(&mut bytes, data)
        }
        _ => unreachable!(),
    }
    .unwrap();
    bytes
}

#[test]
fn a_session_of_tcpdump_is_what_was_said_in_every_format() {
    let pcap = all(include_bytes!("captures/redis.pcap"));
    assert_eq!(pcap, all(include_bytes!("captures/redis-nanoseconds.pcap")));
    assert_eq!(pcap, all(include_bytes!("captures/redis.pcapng")));
    assert_eq!(
        pcap[1],
        r"1 > *3\r\n$3\r\nSET\r\n$8\r\ngreeting\r\n$12\r\nhello \xe4\xbd\xa0\xe5\xa5\xbd\r\n"
    );
    assert_eq!(pcap[2..6], [r"1 < +OK\r\n", "1 > fin", "1 < fin", "1 closed captured"]);
    assert_eq!(pcap.iter().filter(|line| line.ends_with("closed captured")).count(), 6);
}

#[test]
fn datagrams_and_streams_of_one_capture_are_told_apart() {
    let (lines, summary) = told(include_bytes!("captures/dns.pcap"), &Options::default());
    assert!(summary.flaws.is_empty() && summary.packets == 12, "{summary:?}");
    let [first, second] = &summary.flows[..] else { panic!("{summary:?}") };
    assert_eq!((first.transport, first.server.port(), first.sent, first.answered), ("udp", 25353, 34, 50));
    assert_eq!(
        (second.transport, second.server.port(), second.sent, second.answered),
        ("tcp", 25353, 36, 64)
    );
    assert_eq!(lines.iter().filter(|line| line.starts_with("1 <")).count(), 1, "not seen twice");
}

/// What tshark's `follow` says: of every stream, what the client sent and what the server did.
fn followed(text: &str) -> Vec<(String, String)> {
    let mut streams = Vec::new();
    for line in text.lines() {
        match line.strip_prefix('\t') {
            _ if line.starts_with("Follow:") => streams.push((String::new(), String::new())),
            Some(hex) => streams.last_mut().unwrap().1.push_str(hex),
            None if !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                streams.last_mut().unwrap().0.push_str(line);
            }
            None => {}
        }
    }
    streams
}

#[test]
fn streams_are_those_that_tshark_follows() {
    for (capture, follow) in [
        (&include_bytes!("captures/redis.pcap")[..], include_str!("captures/redis.follow")),
        (include_bytes!("captures/redis-mixed.pcap"), include_str!("captures/redis-mixed.follow")),
        (include_bytes!("captures/dns.pcap"), include_str!("captures/dns.follow")),
    ] {
        let wanted = followed(follow);
        let mut got = vec![(String::new(), String::new()); wanted.len()];
        import::read(capture, &Options::default(), &mut |event| {
            let Kind::Message { direction, data, .. } = event.kind else { return };
            let (sent, answered) = &mut got[usize::try_from(event.session.0 - 1).unwrap()];
            let side = if direction == Direction::In { sent } else { answered };
            side.extend(data.iter().map(|byte| format!("{byte:02x}")));
        })
        .unwrap();
        assert!(wanted.iter().all(|(sent, answered)| !sent.is_empty() && !answered.is_empty()));
        assert_eq!(got, wanted);
    }
}

#[test]
fn what_was_cut_off_is_named() {
    let (lines, summary) = told(include_bytes!("captures/redis-cut.pcap"), &Options::default());
    assert!(lines.contains(&"1 cut 22".to_owned()) && lines.contains(&"1 gap 22".to_owned()), "{lines:?}");
    assert!(summary.flaws.iter().all(|flaw| flaw.code == Code::FlawedCapture));
    let of_third: Vec<_> = summary.flaws.iter().filter(|flaw| flaw.subject.starts_with("flow 3 ")).collect();
    assert_eq!(of_third[0].value("count"), "6", "three packets, two bytes each");
}

#[test]
fn segments_out_of_order_and_twice_are_one_stream() {
    let mut capture = Capture::new(1);
    capture.handshake().sends(103, b"def").sends(100, b"ab").sends(100, b"abc").sends(103, b"def");
    capture.answers(500, 106, b"ok");
    capture.tcp((CLIENT, SERVER), Flag::Fin, (106, 502), b"");
    capture.tcp((SERVER, CLIENT), Flag::Fin, (502, 107), b"");
    let wanted = [
        "1 tcp 10.0.0.1:40000 10.0.0.2:7",
        "1 > ab",
        "1 > c",
        "1 > def",
        "1 < ok",
        "1 > fin",
        "1 < fin",
        "1 closed captured",
    ];
    assert_eq!(all(&capture.bytes), wanted);
}

#[test]
fn a_gap_is_told_and_not_papered_over() {
    let mut capture = Capture::new(1);
    capture.handshake().sends(100, b"ab").answers(500, 105, b"ok").sends(105, b"fg");
    let (lines, summary) = told(&capture.bytes, &Options::default());
    assert_eq!(lines[1..], ["1 > ab", "1 < ok", "1 gap 3", "1 > fg", "1 closed inferred"]);
    assert_eq!(summary.flaws[0].subject, "flow 1 tcp 10.0.0.1:40000 10.0.0.2:7");
}

#[test]
fn sessions_that_had_begun_are_read_from_where_the_capture_begins() {
    let mut capture = Capture::new(1);
    capture.answers(500, 100, b"late").sends(100, b"hi");
    capture.tcp((SERVER, CLIENT), Flag::Rst, (504, 102), b"");
    // Port 7 is a service's: its owner is the server, though it spoke first.
    let wanted = [
        "1 tcp 10.0.0.1:40000 10.0.0.2:7",
        "1 middle 1",
        "1 < late",
        "1 > hi",
        "1 < reset",
        "1 closed captured",
    ];
    assert_eq!(all(&capture.bytes), wanted);
}

#[test]
fn a_port_used_again_is_another_session_and_a_refused_one_is_none() {
    let mut capture = Capture::new(1);
    capture.handshake().sends(100, b"one");
    capture.tcp((CLIENT, SERVER), Flag::Syn, (9, 0), b"").tcp((CLIENT, SERVER), Flag::Syn, (9, 0), b"");
    capture.tcp((SERVER, CLIENT), Flag::SynAck, (7000, 10), b"");
    capture.tcp((CLIENT, SERVER), Flag::Ack, (10, 7001), b"two");
    capture.tcp((CLIENT, "10.0.0.2:8"), Flag::Syn, (1, 0), b"");
    capture.tcp(("10.0.0.2:8", CLIENT), Flag::Rst, (0, 2), b"");
    let lines = all(&capture.bytes);
    assert_eq!(lines[1..3], ["1 > one", "1 closed inferred"]);
    assert_eq!(lines[4..], ["2 > two", "2 closed inferred"]);
}

#[test]
fn other_links_and_ipv6_are_read() {
    let (six, other): (SocketAddr, SocketAddr) =
        ("[2001:db8::1]:5000".parse().unwrap(), "[2001:db8::2]:53".parse().unwrap());
    let packet = udp(six, other, b"ask");
    let raw = &packet[14..];
    let null = [&[30, 0, 0, 0], raw].concat();
    let sll = [&[0; 14][..], &[0x86, 0xdd], raw].concat();
    let sll2 = [&[0x86, 0xdd][..], &[0; 18], raw].concat();
    for (link, bytes) in
        [(1, &packet[..]), (101, raw), (229, raw), (0, &null), (108, &null), (113, &sll), (276, &sll2)]
    {
        let mut capture = Capture::new(link);
        capture.packet(bytes, bytes.len());
        let lines = all(&capture.bytes);
        assert_eq!(
            lines,
            ["1 udp [2001:db8::1]:5000 [2001:db8::2]:53", "1 > ask", "1 closed inferred"],
            "{link}"
        );
    }
}

#[test]
fn what_was_cut_off_of_a_reset_is_no_loss() {
    let reset = segment((SERVER, CLIENT), Flag::Rst, (0, 100), b"text");
    let mut capture = Capture::new(1);
    capture.tcp((CLIENT, SERVER), Flag::Syn, (99, 0), b"");
    capture.packet(&reset[..reset.len() - 2], reset.len());
    let (lines, summary) = told(&capture.bytes, &Options::default());
    assert!(lines.is_empty() && summary.flaws.is_empty(), "{lines:?}: {:?}", summary.flaws);
}

#[test]
fn big_endian_files_are_read() {
    let packet = udp("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:53".parse().unwrap(), b"");
    let mut bytes = vec![0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1];
    for number in [7, 9, packet.len() as u32, packet.len() as u32] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(&packet);
    let (lines, summary) = told(&bytes, &Options::default());
    assert_eq!(lines[1], "1 > ", "an empty datagram is one");
    assert_eq!(summary.began, Some(7_000_009_000));
    bytes.pop();
    assert_eq!(told(&bytes, &Options::default()).1.flaws[0].value("what"), "file");
}

#[test]
fn fragments_are_put_together_or_told() {
    let packet = udp("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:53".parse().unwrap(), &[b'x'; 40]);
    let (head, body) = packet[14..].split_at(20);
    let fragment = |offset: usize, part: &[u8], more: bool| {
        let mut head = head.to_vec();
        head[2..4].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
        head[6..8].copy_from_slice(&((offset / 8) as u16 | if more { 0x2000 } else { 0 }).to_be_bytes());
        [head, part.to_vec()].concat()
    };
    let (first, last) = (fragment(0, &body[..24], true), fragment(24, &body[24..], false));
    for parts in [vec![&first, &last], vec![&last, &first]] {
        let mut capture = Capture::new(101);
        for part in parts {
            capture.packet(part, part.len());
        }
        assert_eq!(all(&capture.bytes)[1], format!("1 > {}", "x".repeat(40)));
    }
    let mut capture = Capture::new(101);
    capture.packet(&last, last.len());
    let (lines, summary) = told(&capture.bytes, &Options::default());
    assert!(lines.is_empty() && summary.flaws[0].value("what") == "fragment", "{summary:?}");
}

#[test]
fn flows_are_taken_by_address_and_port() {
    let bytes = include_bytes!("captures/dns.pcap");
    let count = |options: Options| told(bytes, &options).0.iter().filter(|line| line.contains("> ")).count();
    for (peer, wanted) in [(":25353", 3), ("127.0.0.1", 3), ("127.0.0.1:1 ", 0), ("10.0.0.1", 0)] {
        assert_eq!(count(Options { peer: Some(peer.to_owned()), ..Options::default() }), wanted, "{peer}");
    }
}

#[test]
fn what_is_no_capture_is_refused() {
    let what = |bytes: &[u8]| {
        let fault = import::read(bytes, &Options::default(), &mut |_| {}).unwrap_err();
        assert_eq!(fault.code, Code::BadCapture);
        fault.value("what").to_owned()
    };
    assert_eq!(what(b""), "empty");
    assert_eq!(what(b"GET / HTTP/1.1\r\n\r\n"), "unknown");
    assert_eq!(what(&Capture::new(105).bytes), "link");
    let mut pcapng = include_bytes!("captures/redis.pcapng").to_vec();
    pcapng[4] = 1;
    assert_eq!(what(&pcapng), "unknown");
}

#[test]
fn encrypted_sessions_are_told() {
    let mut capture = Capture::new(1);
    capture.handshake().sends(100, &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]);
    assert_eq!(all(&capture.bytes)[1], "1 tls 1");
}
