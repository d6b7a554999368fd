//! A message on its way down: what each layer adds to it, and the bytes that a cable would carry. Read [`wrap`] first.
//!
//! Lengths, checksums, segments and fragments are real; what a message alone does not say (hardware addresses, sequence
//! numbers, the mask of a WebSocket frame) is an example. What TLS encrypts is not made up: those bytes are unknown, and
//! so are checksums over them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use crate::dissect::{Five, internet_checksum};

/// The most bytes of a message: a stream can carry more, and nobody would read it.
pub const MESSAGE_MAX: usize = 1 << 20;

/// The most a datagram can carry over IPv4, in bytes; over IPv6 it is twenty more.
pub const DATAGRAM_MAX: usize = 65_507;

/// The smallest MTU that is taken, in bytes (RFC 8200, section 5).
pub const MTU_MIN: usize = 1280;

/// The usual MTU of Ethernet, in bytes.
pub const MTU: usize = 1500;

/// Example hardware addresses, of the range for documentation (RFC 9542, section 2.1.2).
pub const MACS: [[u8; 6]; 2] = [[0, 0, 0x5e, 0, 0x53, 1], [0, 0, 0x5e, 0, 0x53, 2]];

/// An example of a WebSocket frame's mask. A real one is drawn anew for every frame (RFC 6455, section 5.3).
pub const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The first number of the stream in the examples.
const SEQUENCE: u32 = 1;

const TTL: u8 = 64;
const TCP: usize = 20;
const UDP: usize = 8;
const ETHERNET: usize = 14;

/// The shortest frame without its check sequence (IEEE 802.3).
const SHORTEST: usize = 60;

/// The most plaintext in a TLS record (RFC 8446, section 5.1).
const RECORD: usize = 16_384;

/// A TLS 1.3 record beyond its plaintext: five bytes of header, one for the inner type, sixteen that authenticate
/// (RFC 8446, section 5.2).
const RECORD_HEAD: usize = 5;
const RECORD_TAIL: usize = 17;

/// What wraps a message between framing and transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coat {
    /// A client's WebSocket frame.
    WebSocket,
    /// TLS 1.3 records.
    Tls,
}

/// What carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A message and its way.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long the message was before it was framed, in bytes.
    pub message: usize,
    /// How many bytes its framing puts before it; what else it adds is behind.
    pub head: usize,
    /// The message as its framing writes it, at most [`MESSAGE_MAX`].
    pub framed: Vec<u8>,
    /// What comes between, in the order it is put on.
    pub coats: Vec<Coat>,
    /// What carries it.
    pub carrier: Carrier,
    /// From where; of the same family as `to`.
    pub from: SocketAddr,
    /// To where.
    pub to: SocketAddr,
    /// The longest packet of the link, in bytes, at least [`MTU_MIN`].
    pub mtu: usize,
}

/// What one layer adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its word: `message`, `framing`, `websocket`, `tls`, `tcp`, `udp`, `ipv4`, `ipv6`, `ethernet`, `physical`.
    pub word: &'static str,
    /// Its place among the five layers.
    pub five: Five,
    /// Bytes it puts before each of its units.
    pub before: usize,
    /// Bytes it puts behind each of its units; of those that differ, the last one's.
    pub after: usize,
    /// How many units it makes: segments, fragments, records.
    pub units: usize,
    /// All bytes it adds.
    pub added: usize,
    /// All bytes there are then.
    pub total: usize,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its bytes, without preamble and check sequence, which no capture has. Unknown ones are zero.
    pub bytes: Vec<u8>,
    /// Which of them are not known.
    pub unknown: Vec<Range<usize>>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// Each layer, from the message outwards.
    pub steps: Vec<Step>,
    /// What goes over the link.
    pub frames: Vec<Frame>,
}

/// Bytes of which some may be unknown.
#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    unknown: Vec<Range<usize>>,
}

impl Content {
    fn piece(&self, range: Range<usize>) -> Self {
        let bytes = self.bytes.get(range.clone()).unwrap_or_default().to_vec();
        let shifted = self.unknown.iter().filter_map(|hole| {
            let (start, end) = (hole.start.max(range.start), hole.end.min(range.end));
            (start < end).then(|| start - range.start..end - range.start)
        });
        Self { bytes, unknown: shifted.collect() }
    }

    /// Puts known bytes before it.
    fn behind(self, mut head: Vec<u8>) -> Self {
        let by = head.len();
        head.extend_from_slice(&self.bytes);
        let unknown = self.unknown.into_iter().map(|hole| hole.start + by..hole.end + by).collect();
        Self { bytes: head, unknown }
    }
}

/// Wraps a message.
pub fn wrap(plan: &Plan) -> Wrapped {
    let mut steps = Vec::new();
    let first = plan.message.min(plan.framed.len());
    steps.push(step("message", Five::Application, (0, 0), 1, 0, first));
    let added = plan.framed.len() - first;
    let head = plan.head.min(added);
    steps.push(step("framing", Five::Application, (head, added - head), 1, added, plan.framed.len()));
    let mut content = Content { bytes: plan.framed.clone(), unknown: Vec::new() };
    for coat in &plan.coats {
        content = match coat {
            Coat::WebSocket => websocket(&content, &mut steps),
            Coat::Tls => tls(&content, &mut steps),
        };
    }
    let v6 = plan.to.is_ipv6();
    let packets = match plan.carrier {
        Carrier::Tcp => segments(plan, &content, v6, &mut steps),
        Carrier::Udp => fragments(plan, &content, v6, &mut steps),
    };
    let frames = frames(packets, v6, &mut steps);
    Wrapped { steps, frames }
}

fn step(
    word: &'static str,
    five: Five,
    (before, after): (usize, usize),
    units: usize,
    added: usize,
    total: usize,
) -> Step {
    Step { word, five, before, after, units, added, total }
}

/// A client's frame (RFC 6455, section 5.2): text where it is text, masked with the example mask.
fn websocket(content: &Content, steps: &mut Vec<Step>) -> Content {
    let length = content.bytes.len();
    let opcode =
        if content.unknown.is_empty() && std::str::from_utf8(&content.bytes).is_ok() { 1 } else { 2 };
    let mut head = vec![0x80 | opcode];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => head.push(0x80 | short),
        (_, Ok(medium)) => {
            head.push(0x80 | 0x7e);
            head.extend(medium.to_be_bytes());
        }
        _ => {
            head.push(0x80 | 0x7f);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head.extend(MASK);
    let bytes = content.bytes.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let before = head.len();
    let wrapped = Content { bytes, unknown: content.unknown.clone() }.behind(head);
    steps.push(step("websocket", Five::Application, (before, 0), 1, before, wrapped.bytes.len()));
    wrapped
}

fn tls(content: &Content, steps: &mut Vec<Step>) -> Content {
    let mut wrapped = Content::default();
    let mut units = 0;
    for chunk in content.bytes.chunks(RECORD) {
        let length = chunk.len() + RECORD_TAIL;
        // Outside it looks like TLS 1.2 (RFC 8446, section 5.1).
        wrapped.bytes.extend([23, 3, 3]);
        wrapped.bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        let start = wrapped.bytes.len();
        wrapped.bytes.resize(start + length, 0);
        wrapped.unknown.push(start..start + length);
        units += 1;
    }
    let added = units * (RECORD_HEAD + RECORD_TAIL);
    steps.push(step("tls", Five::Application, (RECORD_HEAD, RECORD_TAIL), units, added, wrapped.bytes.len()));
    wrapped
}

/// An IP packet without its header.
struct Payload {
    content: Content,
    /// The identification and the offset of a fragment in bytes, and whether more follow.
    fragment: Option<(usize, bool)>,
    protocol: u8,
}

fn ip_header(v6: bool) -> usize {
    if v6 { 40 } else { 20 }
}

/// Cuts a stream into segments of at most what the MTU leaves (RFC 9293, section 3.7.1).
fn segments(plan: &Plan, content: &Content, v6: bool, steps: &mut Vec<Step>) -> Vec<Content> {
    let room = plan.mtu.max(MTU_MIN) - ip_header(v6) - TCP;
    let length = content.bytes.len();
    let starts: Vec<usize> = (0..length.max(1)).step_by(room).collect();
    let last = starts.len() - 1;
    let segments = starts.iter().enumerate().map(|(at, start)| {
        let piece = content.piece(*start..(*start + room).min(length));
        let sequence = SEQUENCE.wrapping_add(u32::try_from(*start).unwrap_or(0));
        let mut head = Vec::with_capacity(TCP);
        head.extend(plan.from.port().to_be_bytes());
        head.extend(plan.to.port().to_be_bytes());
        head.extend(sequence.to_be_bytes());
        head.extend(1_u32.to_be_bytes());
        // Five words of header; ACK, and PSH where the message ends.
        head.extend([5 << 4, if at == last { 0x18 } else { 0x10 }]);
        head.extend(64_240_u16.to_be_bytes());
        head.extend([0; 4]);
        Payload { content: summed(plan, piece.behind(head), 6, 16), fragment: None, protocol: 6 }
    });
    let segments: Vec<Payload> = segments.collect();
    let count = segments.len();
    steps.push(step("tcp", Five::Transport, (TCP, 0), count, count * TCP, length + count * TCP));
    packets(plan, segments, v6, steps)
}

/// A datagram, cut into fragments where it is longer than the MTU (RFC 791, section 2.3; RFC 8200, section 4.5).
fn fragments(plan: &Plan, content: &Content, v6: bool, steps: &mut Vec<Step>) -> Vec<Content> {
    let length = UDP + content.bytes.len();
    let mut head = Vec::with_capacity(UDP);
    head.extend(plan.from.port().to_be_bytes());
    head.extend(plan.to.port().to_be_bytes());
    head.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    head.extend([0; 2]);
    let datagram = summed(plan, content.clone().behind(head), 17, 6);
    steps.push(step("udp", Five::Transport, (UDP, 0), 1, UDP, length));
    if length + ip_header(v6) <= plan.mtu.max(MTU_MIN) {
        return packets(plan, vec![Payload { content: datagram, fragment: None, protocol: 17 }], v6, steps);
    }
    let fragment_header = if v6 { 8 } else { 0 };
    let room = (plan.mtu.max(MTU_MIN) - ip_header(v6) - fragment_header) / 8 * 8;
    let pieces = (0..length).step_by(room).map(|start| {
        let end = (start + room).min(length);
        Payload { content: datagram.piece(start..end), fragment: Some((start, end < length)), protocol: 17 }
    });
    packets(plan, pieces.collect(), v6, steps)
}

/// Writes the checksum at `at`. Over bytes that are not known there is none.
fn summed(plan: &Plan, mut content: Content, protocol: u8, at: usize) -> Content {
    if !content.unknown.is_empty() {
        content.unknown.insert(0, at..at + 2);
        return content;
    }
    let sum = internet_checksum(plan.from.ip(), plan.to.ip(), protocol, &content.bytes);
    // RFC 768: a sum of zero is sent as ones.
    let sum = if sum == 0 && protocol == 17 { 0xffff } else { sum };
    write(&mut content.bytes, at, sum);
    content
}

fn write(bytes: &mut [u8], at: usize, number: u16) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&number.to_be_bytes());
    }
}

fn packets(plan: &Plan, payloads: Vec<Payload>, v6: bool, steps: &mut Vec<Step>) -> Vec<Content> {
    let count = payloads.len();
    let mut before = ip_header(v6);
    let packets: Vec<Content> = payloads
        .into_iter()
        .enumerate()
        .map(|(number, payload)| match (plan.from.ip(), plan.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => ipv4(number, payload, from.octets(), to.octets()),
            (from, to) => {
                let (head, payload) = ipv6(payload, six(from), six(to));
                before = head.len();
                payload.behind(head)
            }
        })
        .collect();
    let total = packets.iter().map(|packet| packet.bytes.len()).sum();
    let word = if v6 { "ipv6" } else { "ipv4" };
    steps.push(step(word, Five::Network, (before, 0), count, count * before, total));
    packets
}

const fn six(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

fn ipv4(number: usize, payload: Payload, from: [u8; 4], to: [u8; 4]) -> Content {
    let length = 20 + payload.content.bytes.len();
    // Fragments of one packet share their number; packets that must not be cut need none.
    let (identification, bits) = match payload.fragment {
        Some((offset, more)) => (1, (offset / 8) | if more { 0x2000 } else { 0 }),
        None => (number + 1, 0x4000),
    };
    let word = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
    let mut head = vec![0x45, 0];
    head.extend(word(length));
    head.extend(word(identification));
    head.extend(word(bits));
    head.extend([TTL, payload.protocol, 0, 0]);
    head.extend(from);
    head.extend(to);
    let sum = crate::dissect::header_checksum(&head);
    write(&mut head, 10, sum);
    payload.content.behind(head)
}

fn ipv6(payload: Payload, from: Ipv6Addr, to: Ipv6Addr) -> (Vec<u8>, Content) {
    let extension = payload.fragment.map_or_else(Vec::new, |(offset, more)| {
        let bits = u16::try_from(offset).unwrap_or(u16::MAX) | u16::from(more);
        let mut extension = vec![payload.protocol, 0];
        extension.extend(bits.to_be_bytes());
        extension.extend(1_u32.to_be_bytes());
        extension
    });
    let length = extension.len() + payload.content.bytes.len();
    let mut head = vec![0x60, 0, 0, 0];
    head.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    head.extend([if extension.is_empty() { payload.protocol } else { 44 }, TTL]);
    head.extend(from.octets());
    head.extend(to.octets());
    head.extend(extension);
    (head, payload.content)
}

/// Puts packets into Ethernet frames, padded where they are short, and says what the cable adds: preamble and its end,
/// check sequence, and the gap to the next frame (IEEE 802.3).
fn frames(packets: Vec<Content>, v6: bool, steps: &mut Vec<Step>) -> Vec<Frame> {
    let count = packets.len();
    let mut padding = 0;
    let mut added = 0;
    let mut total = 0;
    let frames = packets.into_iter().map(|packet| {
        let [to, from] = [MACS[1], MACS[0]];
        let kind: [u8; 2] = if v6 { [0x86, 0xdd] } else { [0x08, 0x00] };
        let mut frame = packet.behind([&to[..], &from, &kind].concat());
        padding = SHORTEST.saturating_sub(frame.bytes.len());
        frame.bytes.resize(frame.bytes.len() + padding, 0);
        added += ETHERNET + padding;
        total += frame.bytes.len();
        Frame { bytes: frame.bytes, unknown: frame.unknown }
    });
    let frames: Vec<Frame> = frames.collect();
    steps.push(step("ethernet", Five::Link, (ETHERNET, padding), count, added, total));
    steps.push(step("physical", Five::Physical, (8, 16), count, count * 24, total + count * 24));
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::{Layer, Protocol, Start, Value, dissect};
    use proptest::prelude::*;

    fn plan(length: usize, carrier: Carrier, v6: bool, coats: &[Coat]) -> Plan {
        let ends = if v6 {
            ("[2001:db8::1]:50000", "[2001:db8::7]:80")
        } else {
            ("192.0.2.1:50000", "192.0.2.7:80")
        };
        Plan {
            message: length,
            head: 0,
            framed: (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect(),
            coats: coats.to_vec(),
            carrier,
            from: ends.0.parse().unwrap(),
            to: ends.1.parse().unwrap(),
            mtu: MTU,
        }
    }

    /// The layers of a frame, and whether anything is wrong with one.
    fn whole(frame: &Frame) -> Vec<Layer> {
        let layers = dissect(&frame.bytes, Start::Ethernet, 0);
        for layer in layers.iter().flat_map(Layer::walk) {
            let mistakes = layer.flaws.iter().filter(|flaw| flaw.wrong.is_mistake());
            assert_eq!(mistakes.count(), 0, "{layer:?}");
        }
        layers
    }

    #[test]
    fn what_layers_add_comes_to_what_there_is() {
        for (length, carrier, v6, sizes) in [
            (5, Carrier::Tcp, false, &[60][..]),
            (5, Carrier::Udp, true, &[67]),
            (1460, Carrier::Tcp, false, &[1514]),
            (1461, Carrier::Tcp, false, &[1514, 60]),
            (1472, Carrier::Udp, false, &[1514]),
            (1473, Carrier::Udp, false, &[1514, 60]),
            (3000, Carrier::Udp, true, &[1510, 1510, 174]),
        ] {
            let wrapped = wrap(&plan(length, carrier, v6, &[]));
            let found: Vec<usize> = wrapped.frames.iter().map(|frame| frame.bytes.len()).collect();
            assert_eq!(found, sizes, "{length}");
            let mut total = length;
            for step in &wrapped.steps {
                total += step.added;
                assert_eq!(total, step.total, "{step:?}");
            }
            wrapped.frames.iter().for_each(|frame| drop(whole(frame)));
        }
    }

    #[test]
    fn what_is_encrypted_is_not_made_up() {
        let wrapped = wrap(&plan(5, Carrier::Tcp, false, &[Coat::WebSocket, Coat::Tls]));
        let frame = &wrapped.frames[0];
        // The TCP checksum, and what is in the record.
        assert_eq!(frame.unknown, [50..52, 59..59 + 5 + 6 + 17]);
        assert_eq!(frame.bytes[54..59], [23, 3, 3, 0, 28]);
    }

    #[test]
    fn a_websocket_frame_is_masked_and_says_its_length() {
        for (length, head) in [(5, 6), (126, 8), (70_000, 14)] {
            let wrapped = wrap(&plan(length, Carrier::Tcp, false, &[Coat::WebSocket]));
            let step = wrapped.steps.iter().find(|step| step.word == "websocket").unwrap();
            assert_eq!((step.before, step.total), (head, head + length));
        }
    }

    proptest! {
        #[test]
        fn what_is_wrapped_is_found_again(
            length in 0_usize..9000, udp: bool, v6: bool, mtu in MTU_MIN..9000,
        ) {
            let carrier = if udp { Carrier::Udp } else { Carrier::Tcp };
            let mut plan = plan(length, carrier, v6, &[]);
            // No port of a protocol, and nothing that looks like one.
            plan.to.set_port(60_000);
            plan.framed.iter_mut().for_each(|byte| *byte |= 0x80);
            plan.mtu = mtu;
            let mut found: Vec<u8> = Vec::new();
            for frame in &wrap(&plan).frames {
                let layers = whole(frame);
                let all: Vec<&Layer> = layers.iter().flat_map(Layer::walk).collect();
                for layer in all.iter().filter(|layer| layer.protocol == Protocol::Data) {
                    if let Some(Value::Bytes(bytes)) = layer.field("data.bytes").map(|field| &field.value) {
                        found.extend(bytes);
                    }
                }
                prop_assert!(frame.bytes.len() <= mtu + ETHERNET);
            }
            prop_assert_eq!(found, plan.framed);
        }
    }
}
