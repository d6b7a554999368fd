//! Headers around payloads, with lengths and checksums that are right.

/// The Internet checksum (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// A pcap file of packets of this link type, each with how many of its bytes were captured.
pub fn capture(link: u32, packets: &[(Vec<u8>, usize)]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(4_u16.to_le_bytes());
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(link.to_le_bytes());
    for (number, (bytes, captured)) in packets.iter().enumerate() {
        let captured = (*captured).min(bytes.len());
        file.extend(u32::try_from(1_700_000_000 + number).unwrap_or(0).to_le_bytes());
        file.extend(0_u32.to_le_bytes());
        file.extend(u32::try_from(captured).unwrap_or(0).to_le_bytes());
        file.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
        file.extend(&bytes[..captured]);
    }
    file
}

pub(super) fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes()
}

pub(super) const MAC_A: [u8; 6] = [0x00, 0x00, 0x5e, 0x00, 0x53, 0x01];
pub(super) const MAC_B: [u8; 6] = [0x00, 0x00, 0x5e, 0x00, 0x53, 0x02];
pub(super) const V4_A: [u8; 4] = [192, 0, 2, 1];
pub(super) const V4_B: [u8; 4] = [198, 51, 100, 7];
pub(super) const V6_A: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(super) const V6_B: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

pub(super) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = [&MAC_B[..], &MAC_A, &kind.to_be_bytes(), payload].concat();
    if frame.len() < 60 {
        frame.resize(60, 0);
    }
    frame
}

/// IPv4: class of service, identification, flags with offset, options, protocol.
pub(super) struct V4<'a> {
    pub(super) class: u8,
    pub(super) identification: u16,
    pub(super) fragment: u16,
    pub(super) ttl: u8,
    pub(super) options: &'a [u8],
}

impl Default for V4<'_> {
    fn default() -> Self {
        Self { class: 0, identification: 0x1234, fragment: 0x4000, ttl: 64, options: &[] }
    }
}

impl V4<'_> {
    pub(super) fn around(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let words = 5 + self.options.len().div_ceil(4);
        let mut packet = vec![0x40 | u8::try_from(words).unwrap_or(15), self.class];
        packet.extend(short(words * 4 + payload.len()));
        packet.extend(self.identification.to_be_bytes());
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([self.ttl, protocol, 0, 0]);
        packet.extend(V4_A);
        packet.extend(V4_B);
        packet.extend(self.options);
        packet.resize(words * 4, 0);
        let sum = checksum(&packet).to_be_bytes();
        packet[10..12].copy_from_slice(&sum);
        packet.extend(payload);
        packet
    }

    pub(super) fn frame(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        ethernet(0x0800, &self.around(protocol, payload))
    }
}

pub(super) fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    V4::default().frame(protocol, payload)
}

pub(super) fn v6_packet(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x6b, 0x9a, 0xbc, 0xde];
    packet.extend(short(payload.len()));
    packet.extend([next, 63]);
    packet.extend(V6_A);
    packet.extend(V6_B);
    packet.extend(payload);
    packet
}

pub(super) fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(0x86dd, &v6_packet(next, payload))
}

/// Which version carries a message, for its checksum.
#[derive(Clone, Copy)]
pub(super) enum Over {
    V4,
    V6,
}

/// Puts the checksum of a message in its place.
pub(super) fn summed(over: Over, protocol: u8, at: usize, mut message: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(0).to_be_bytes();
    let pseudo = match over {
        Over::V4 => [&V4_A[..], &V4_B, &length, &[0, 0, 0, protocol]].concat(),
        Over::V6 => [&V6_A[..], &V6_B, &length, &[0, 0, 0, protocol]].concat(),
    };
    let sum = checksum(&[&pseudo[..], &message].concat());
    let sum = if sum == 0 && protocol == 17 { 0xffff } else { sum };
    message[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    message
}

/// A TCP segment: ports, flags, options, data.
pub(super) fn tcp(over: Over, ports: (u16, u16), flags: u16, options: &[u8], data: &[u8]) -> Vec<u8> {
    let words = 5 + options.len().div_ceil(4);
    let mut segment = Vec::new();
    segment.extend(ports.0.to_be_bytes());
    segment.extend(ports.1.to_be_bytes());
    segment.extend(0x89ab_cdef_u32.to_be_bytes());
    segment.extend(if flags & 0x10 == 0 { 0_u32 } else { 0x1020_3040 }.to_be_bytes());
    let head = u16::try_from(words).unwrap_or(15) << 12 | flags;
    segment.extend(head.to_be_bytes());
    segment.extend(64_240_u16.to_be_bytes());
    segment.extend([0; 4]);
    segment.extend(options);
    segment.resize(words * 4, 0);
    segment.extend(data);
    summed(over, 6, 16, segment)
}

/// A UDP datagram.
pub(super) fn udp(over: Over, ports: (u16, u16), data: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(ports.0.to_be_bytes());
    datagram.extend(ports.1.to_be_bytes());
    datagram.extend(short(8 + data.len()));
    datagram.extend([0; 2]);
    datagram.extend(data);
    summed(over, 17, 6, datagram)
}

/// An ICMP message.
pub(super) fn icmp(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut message = [&[kind, code, 0, 0], rest].concat();
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    message
}

/// An ICMPv6 message.
pub(super) fn icmpv6(kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    summed(Over::V6, 58, 2, [&[kind, code, 0, 0], rest].concat())
}
