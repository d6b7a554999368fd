//! One leg as packets: a TCP connection made up around the bytes of a stream, or UDP around datagrams.

use std::net::{IpAddr, SocketAddr};

use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep, TcpHeader, TcpOptionElement};
use sockeye_core::Direction;

use super::block::{self, Bound};
use super::place::{Ends, Opener};

/// How many bytes a segment has at most: little overhead, and no more than any reader of packets takes.
const SEGMENT: usize = 32 * 1024;

/// The most that one UDP packet carries, in either family.
const DATAGRAM: usize = sockeye_core::limits::DATAGRAM;

/// Bytes of one direction that are acknowledged at once at the latest, so that no reader wonders about the window.
const UNACKNOWLEDGED: u32 = 128 * 1024;

/// The window, and by how many bits it is scaled up: the most there can be (RFC 7323 section 2.3).
const WINDOW: u16 = u16::MAX;
const SCALE: u8 = 14;

const HOPS: u8 = 64;

/// Notes that wait for the next packet.
const NOTES: usize = 8;

/// One leg.
pub(super) struct Flow {
    ends: Ends,
    opener: Opener,
    shape: Shape,
    /// What the next packet is to say.
    notes: Vec<String>,
    /// Its last packet, held back until it is known what reads it.
    pub(super) held: Held,
}

/// What may have to wait for secrets that come a moment later.
#[derive(Default)]
pub(super) struct Held {
    pub(super) blocks: Vec<u8>,
    /// It has been passed over once when all was to be written.
    pub(super) passed: bool,
}

enum Shape {
    Tcp(Tcp),
    Udp,
}

/// Both directions of a connection; [`index`] says which is which.
struct Tcp {
    next: [u32; 2],
    acknowledged: [u32; 2],
    begun: [bool; 2],
    ended: [bool; 2],
    cut: bool,
    shakes: Shakes,
}

/// Whether a TLS handshake is under way: what comes then may need secrets that are told right after it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shakes {
    No,
    Yes,
}

/// What a packet is, besides its payload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Syn,
    Data,
    Ack,
    Fin,
    Rst,
}

/// Where packets go, and when they are.
pub(super) struct Sheet<'a> {
    pub(super) time: u64,
    pub(super) to: &'a mut Vec<u8>,
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::In => 0,
        Direction::Out => 1,
    }
}

const fn other(direction: Direction) -> Direction {
    match direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
    }
}

impl Flow {
    /// The beginning of the `number`th leg of a file; `note` is what its first packet says.
    pub(super) fn new(ends: Ends, opener: Opener, number: u64, is_stream: bool, note: String) -> Self {
        // Numbers that differ tell legs with the same ends apart.
        let first = u32::try_from(number % 0xffff).unwrap_or(0).wrapping_mul(0x0001_0001);
        let next = [first, first ^ 0x8000_0000];
        let (begun, ended) = ([false; 2], [false; 2]);
        let tcp = Tcp { next, acknowledged: next, begun, ended, cut: false, shakes: Shakes::No };
        let shape = if is_stream { Shape::Tcp(tcp) } else { Shape::Udp };
        Self { ends, opener, shape, notes: vec![note], held: Held::default() }
    }

    /// What made-up addresses stand for.
    pub(super) fn names(&self) -> &[(IpAddr, String)] {
        &self.ends.names
    }

    /// Says something with the next packet.
    pub(super) fn note(&mut self, note: String) {
        if self.notes.len() < NOTES {
            self.notes.push(note);
        }
    }

    /// The three packets a connection begins with.
    pub(super) fn open(&mut self, sheet: &mut Sheet<'_>) {
        if let Shape::Tcp(_) = self.shape {
            let first = if self.opener == Opener::We { Direction::Out } else { Direction::In };
            self.tcp(sheet, first, Mark::Syn, &[]);
            self.tcp(sheet, other(first), Mark::Syn, &[]);
            self.tcp(sheet, first, Mark::Ack, &[]);
        }
    }

    /// What one read or write moved, or one datagram.
    pub(super) fn data(&mut self, sheet: &mut Sheet<'_>, direction: Direction, data: &[u8]) {
        match &mut self.shape {
            Shape::Udp => self.udp(sheet, direction, data),
            Shape::Tcp(tcp) => {
                if tcp.cut || tcp.ended[index(direction)] {
                    // Said after its end: no packet can carry it.
                    return;
                }
                if matches!(data, [22, 3, 0..=4, ..]) {
                    tcp.shakes = Shakes::Yes;
                }
                for part in data.chunks(SEGMENT) {
                    self.tcp(sheet, direction, Mark::Data, part);
                    self.acknowledge(sheet, direction);
                }
            }
        }
    }

    /// A direction has ended.
    pub(super) fn finish(&mut self, sheet: &mut Sheet<'_>, direction: Direction) {
        let Shape::Tcp(tcp) = &mut self.shape else { return };
        if tcp.cut || std::mem::replace(&mut tcp.ended[index(direction)], true) {
            return;
        }
        self.tcp(sheet, direction, Mark::Fin, &[]);
        self.tcp(sheet, other(direction), Mark::Ack, &[]);
    }

    /// The connection was cut.
    pub(super) fn cut(&mut self, sheet: &mut Sheet<'_>, direction: Direction) {
        let Shape::Tcp(tcp) = &mut self.shape else { return };
        if !std::mem::replace(&mut tcp.cut, true) {
            self.tcp(sheet, direction, Mark::Rst, &[]);
        }
    }

    /// TLS stands: all that reads it is known.
    pub(super) fn has_shaken(&mut self) {
        if let Shape::Tcp(tcp) = &mut self.shape {
            tcp.shakes = Shakes::No;
        }
    }

    /// Whether what comes may need secrets that are told right after it.
    pub(super) fn is_shaking(&self) -> bool {
        matches!(&self.shape, Shape::Tcp(tcp) if tcp.shakes == Shakes::Yes)
    }

    /// Acknowledges what came in one direction, if it is much.
    fn acknowledge(&mut self, sheet: &mut Sheet<'_>, direction: Direction) {
        let Shape::Tcp(tcp) = &self.shape else { return };
        let at = index(direction);
        if tcp.next[at].wrapping_sub(tcp.acknowledged[at]) >= UNACKNOWLEDGED {
            self.tcp(sheet, other(direction), Mark::Ack, &[]);
        }
    }

    fn route(&self, direction: Direction) -> (SocketAddr, SocketAddr) {
        match direction {
            Direction::In => (self.ends.remote, self.ends.local),
            Direction::Out => (self.ends.local, self.ends.remote),
        }
    }

    fn tcp(&mut self, sheet: &mut Sheet<'_>, direction: Direction, mark: Mark, data: &[u8]) {
        let (from, to) = self.route(direction);
        let Shape::Tcp(tcp) = &mut self.shape else { return };
        let (own, others) = (index(direction), index(other(direction)));
        let mut header = TcpHeader::new(from.port(), to.port(), tcp.next[own], WINDOW);
        header.syn = mark == Mark::Syn;
        header.fin = mark == Mark::Fin;
        header.rst = mark == Mark::Rst;
        header.psh = mark == Mark::Data;
        tcp.begun[own] = true;
        // The very first packet has nothing to acknowledge.
        if tcp.begun[others] {
            header.ack = true;
            header.acknowledgment_number = tcp.next[others];
            tcp.acknowledged[others] = tcp.next[others];
        }
        if mark == Mark::Syn {
            let options = [
                TcpOptionElement::MaximumSegmentSize(u16::try_from(SEGMENT).unwrap_or(u16::MAX)),
                TcpOptionElement::WindowScale(SCALE),
            ];
            // Two options of seven bytes fit.
            let _fits = header.set_options(&options);
        }
        let more = u32::from(matches!(mark, Mark::Syn | Mark::Fin));
        tcp.next[own] = tcp.next[own].wrapping_add(u32::try_from(data.len()).unwrap_or(0) + more);
        let mut bytes = Vec::with_capacity(data.len() + 80);
        let packet = carried(from.ip(), to.ip()).map(|packet| packet.tcp_header(header));
        if packet.is_some_and(|packet| packet.write(&mut bytes, data).is_ok()) {
            self.put(sheet, direction, &bytes);
        }
    }

    fn udp(&mut self, sheet: &mut Sheet<'_>, direction: Direction, data: &[u8]) {
        let (from, to) = self.route(direction);
        let fits = &data[..data.len().min(DATAGRAM)];
        if fits.len() < data.len() {
            // A Unix datagram may be longer than any of UDP.
            self.note(format!("cut short: {} bytes of {}", fits.len(), data.len()));
        }
        let mut bytes = Vec::with_capacity(fits.len() + 48);
        let packet = carried(from.ip(), to.ip()).map(|packet| packet.udp(from.port(), to.port()));
        if packet.is_some_and(|packet| packet.write(&mut bytes, fits).is_ok()) {
            self.put(sheet, direction, &bytes);
        }
    }

    fn put(&mut self, sheet: &mut Sheet<'_>, direction: Direction, packet: &[u8]) {
        let bound = if direction == Direction::In { Bound::In } else { Bound::Out };
        block::packet(sheet.time, bound, packet, &self.notes, sheet.to);
        self.notes.clear();
    }
}

/// A packet between two addresses of one family, which its payload is still to be put into.
fn carried(from: IpAddr, to: IpAddr) -> Option<PacketBuilderStep<IpHeaders>> {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Some(PacketBuilder::ipv4(from.octets(), to.octets(), HOPS)),
        (IpAddr::V6(from), IpAddr::V6(to)) => Some(PacketBuilder::ipv6(from.octets(), to.octets(), HOPS)),
        _ => None,
    }
}
