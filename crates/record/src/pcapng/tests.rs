//! Packets as a reader of pcapng finds them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sockeye_core::event::Totals;
use sockeye_core::{How, Tick};

use super::*;

/// A writer into a file of its own.
struct Bench {
    writer: Writer,
    path: PathBuf,
    at: u64,
}

impl Bench {
    fn new(payload: Payload) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sockeye-pcapng-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let mut writer = Writer::new(Pages::create(path.to_str().unwrap()).unwrap(), payload);
        writer.start(1_000_000_000).unwrap();
        Self { writer, path, at: 0 }
    }

    fn tell(&mut self, session: u64, kind: Kind<'_>) {
        self.at += 1;
        let event = Event { at: Tick(self.at), session: SessionId(session), how: How::Traced, kind };
        self.writer.event(&event).unwrap();
    }

    fn accepted(&mut self, session: u64, transport: &str) {
        let (local, remote) = (ip("192.0.2.1:80"), ip("192.0.2.2:5000"));
        self.tell(session, Kind::Accepted { transport, local: &local, remote: &remote });
    }

    fn wire(&mut self, session: u64, direction: Direction, data: &[u8]) {
        self.tell(session, Kind::Wire { leg: PEER, direction, data });
    }

    /// The kinds of the blocks in the file, and what each holds.
    fn blocks(&mut self) -> Vec<(u32, Vec<u8>)> {
        let file = std::fs::read(&self.path).unwrap();
        let (mut at, mut blocks) = (0, Vec::new());
        while at < file.len() {
            let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
            let total = word(at + 4) as usize;
            assert_eq!(word(at + total - 4) as usize, total);
            blocks.push((word(at), file[at + 8..at + total - 4].to_vec()));
            at += total;
        }
        blocks
    }

    fn kinds(&mut self) -> Vec<u32> {
        self.blocks().into_iter().map(|(kind, _)| kind).collect()
    }

    /// The payloads of its packets that have one, as TCP or UDP carries them.
    fn payloads(&mut self) -> Vec<Vec<u8>> {
        let packets = self.blocks().into_iter().filter(|(kind, _)| *kind == PACKET);
        let payload = |block: Vec<u8>| {
            let length = u32::from_le_bytes(block[12..16].try_into().unwrap()) as usize;
            let packet = &block[20..20 + length];
            let sliced = etherparse::SlicedPacket::from_ip(packet).unwrap();
            match sliced.transport.unwrap() {
                etherparse::TransportSlice::Tcp(tcp) => tcp.payload().to_vec(),
                etherparse::TransportSlice::Udp(udp) => udp.payload().to_vec(),
                other => panic!("{other:?}"),
            }
        };
        packets.map(|(_, block)| payload(block)).filter(|payload| !payload.is_empty()).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.path);
    }
}

const HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const NAME: u32 = 4;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;

fn ip(text: &str) -> Address {
    Address::Ip(text.parse().unwrap())
}

#[test]
fn a_file_without_sessions_is_a_good_one() {
    let mut bench = Bench::new(Payload::Wire);
    bench.writer.end().unwrap();
    assert_eq!(bench.kinds(), [HEADER, INTERFACE]);
}

#[test]
fn names_and_the_handshake_stand_before_what_was_said() {
    let mut bench = Bench::new(Payload::Wire);
    let addresses = [ip("192.0.2.1:80")];
    bench.tell(1, Kind::Resolved { name: "app.example", addresses: &addresses });
    bench.tell(1, Kind::Resolved { name: "app.example", addresses: &addresses });
    bench.accepted(1, "tcp");
    bench.wire(1, Direction::In, b"hello");
    bench.writer.flush().unwrap();
    assert_eq!(bench.kinds(), [HEADER, INTERFACE, NAME, PACKET, PACKET, PACKET, PACKET]);
    assert_eq!(bench.payloads(), [b"hello"]);
}

#[test]
fn what_reads_a_handshake_stands_before_it() {
    let mut bench = Bench::new(Payload::Wire);
    bench.accepted(1, "tcp");
    bench.wire(1, Direction::Out, &[22, 3, 1, 0, 1]);
    bench.wire(1, Direction::In, &[22, 3, 3, 0, 2]);
    // Somebody else's words, and a flush, come between.
    bench.accepted(2, "tcp");
    bench.writer.flush().unwrap();
    bench.tell(1, Kind::Secret { line: "SERVER_HANDSHAKE_TRAFFIC_SECRET 00 01" });
    bench.wire(1, Direction::Out, &[23, 3, 3, 0, 3]);
    bench.writer.flush().unwrap();
    let kinds = bench.kinds();
    let secrets = kinds.iter().position(|kind| *kind == SECRETS).unwrap();
    assert_eq!(kinds[secrets..], [SECRETS, PACKET, PACKET]);
    let payloads = bench.payloads();
    assert_eq!(payloads.last().unwrap()[0], 23);
    assert_eq!(payloads[1][4], 2);
}

#[test]
fn a_handshake_that_goes_no_further_is_written_by_the_second_flush() {
    let mut bench = Bench::new(Payload::Wire);
    bench.accepted(1, "tcp");
    bench.wire(1, Direction::In, &[22, 3, 1, 0, 1]);
    bench.writer.flush().unwrap();
    assert!(bench.payloads().is_empty());
    bench.writer.flush().unwrap();
    assert_eq!(bench.payloads().len(), 1);
}

#[test]
fn messages_are_framed_again_where_only_they_are_known() {
    let mut bench = Bench::new(Payload::Messages { framing: Framing::parse("u16be").unwrap() });
    assert!(!bench.writer.wants_wire());
    bench.accepted(1, "tcp");
    bench.tell(1, Kind::Message { leg: PEER, direction: Direction::In, data: b"hi" });
    bench.wire(1, Direction::In, b"unseen");
    bench.writer.end().unwrap();
    assert_eq!(bench.payloads(), [b"\0\x02hi"]);
}

#[test]
fn nothing_is_kept_of_a_session_that_is_over() {
    let mut bench = Bench::new(Payload::Wire);
    let nowhere = ip("192.0.2.3:1");
    for session in 0..1000 {
        bench.accepted(session, "tcp");
        bench.tell(session, Kind::Connecting { leg: 1, transport: "tcp", remote: &nowhere });
        bench.wire(session, Direction::In, b"x");
        bench.tell(session, Kind::Closed { totals: Totals::default() });
    }
    assert!(bench.writer.flows.is_empty() && bench.writer.connecting.is_empty());
}

#[test]
fn what_is_said_after_an_end_breaks_no_numbers() {
    let mut bench = Bench::new(Payload::Wire);
    bench.accepted(1, "tcp");
    let direction = Direction::In;
    bench.tell(1, Kind::HalfClosed { leg: PEER, direction, farewell: None });
    bench.wire(1, Direction::In, b"too late");
    bench.wire(1, Direction::Out, b"not late");
    bench.tell(1, Kind::Reset { leg: PEER, direction });
    bench.wire(1, Direction::Out, b"too late");
    bench.writer.end().unwrap();
    assert_eq!(bench.payloads(), [b"not late"]);
}

#[test]
fn datagrams_longer_than_any_are_cut_short_and_say_so() {
    let mut bench = Bench::new(Payload::Wire);
    bench.accepted(1, "unixgram");
    bench.wire(1, Direction::In, &vec![b'x'; 200_000]);
    bench.writer.end().unwrap();
    assert_eq!(bench.payloads()[0].len(), sockeye_core::limits::DATAGRAM);
    let (_, block) = bench.blocks().pop().unwrap();
    assert!(block.windows(9).any(|bytes| bytes == b"cut short"));
}
