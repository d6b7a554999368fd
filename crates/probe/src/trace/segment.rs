//! What a packet says, as far as a trace shows it: TCP segments (RFC 9293), UDP datagrams (RFC 768), and ICMP's answers to
//! either (RFC 792, RFC 4443). Packets are foreign, may be cut short, and no byte of them is trusted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Payload bytes that are kept of each packet.
pub const HEAD: usize = 64;

/// Extension headers of IPv6 that are walked.
const EXTENSIONS: usize = 8;

/// Blocks of one SACK option: no more fit in a header (RFC 2018, section 3).
const BLOCKS: usize = 4;

/// The flags of a segment (RFC 9293, section 3.1; AE of RFC 9768).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(1);
    /// Sequence numbers begin here.
    pub const SYN: Self = Self(2);
    /// The connection is cut.
    pub const RST: Self = Self(4);
    /// Hand on what there is.
    pub const PSH: Self = Self(8);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(16);

    const NAMES: [(&'static str, u16); 9] = [
        ("AE", 256),
        ("CWR", 128),
        ("ECE", 64),
        ("URG", 32),
        ("SYN", 2),
        ("FIN", 1),
        ("RST", 4),
        ("PSH", 8),
        ("ACK", 16),
    ];

    /// Whether all of `flags` are set.
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Both sets of flags.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names of those that are set; never translated.
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMES.iter().filter(|(_, bit)| self.0 & bit != 0).map(|(name, _)| *name).collect()
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(" "))
    }
}

/// The options that a trace shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The longest segment its sender takes, in bytes (RFC 9293, section 3.7.1).
    pub mss: Option<u16>,
    /// By how many bits windows are shifted (RFC 7323, section 2).
    pub scale: Option<u8>,
    /// Whether SACK may be used (RFC 2018).
    pub sack_permitted: bool,
    /// What was received beyond a gap: first and past-the-last sequence number.
    pub sack: Vec<(u32, u32)>,
    /// The sender's time, and the peer's that it echoes (RFC 7323, section 3).
    pub timestamps: Option<(u32, u32)>,
}

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its sender.
    pub from: SocketAddr,
    /// Whom it is for.
    pub to: SocketAddr,
    /// Its flags.
    pub flags: Flags,
    /// Its sequence number, as on the wire.
    pub seq: u32,
    /// Its acknowledgement number, as on the wire; means something with ACK alone.
    pub ack: u32,
    /// Its window, as on the wire: not scaled.
    pub window: u16,
    /// Its options.
    pub options: Options,
    /// Bytes of payload.
    pub length: u32,
    /// The first bytes of the payload, at most [`HEAD`].
    pub head: Vec<u8>,
    /// Time to live, or hop limit.
    pub hops: u8,
}

impl Segment {
    /// How much of the sequence space it takes: payload, and one each for SYN and FIN (RFC 9293, section 3.4).
    pub fn space(&self) -> u32 {
        let marks = u32::from(self.flags.has(Flags::SYN)) + u32::from(self.flags.has(Flags::FIN));
        self.length.wrapping_add(marks)
    }

    /// The sequence number past its last.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.space())
    }
}

/// A UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its sender.
    pub from: SocketAddr,
    /// Whom it is for.
    pub to: SocketAddr,
    /// Bytes of payload.
    pub length: u32,
    /// The first bytes of the payload, at most [`HEAD`].
    pub head: Vec<u8>,
    /// Time to live, or hop limit.
    pub hops: u8,
}

/// What ICMP says about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// Who says it.
    pub from: IpAddr,
    /// To whom.
    pub to: IpAddr,
    /// The type: 3 is unreachable in IPv4, 1 in IPv6.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// The sender of the packet it is about.
    pub about_from: SocketAddr,
    /// Whom that packet was for.
    pub about_to: SocketAddr,
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram.
    Udp(Datagram),
    /// ICMP's answer to one of either.
    Icmp(Icmp),
}

impl Packet {
    /// Reads a packet that begins with its IP header and had `length` bytes on the wire, of which `bytes` were kept.
    /// `None`: it is none of these, a further fragment, or cut off within its headers.
    pub fn read(bytes: &[u8], length: usize) -> Option<Self> {
        let envelope = Envelope::read(bytes, length)?;
        let (from, to, hops) = (envelope.from, envelope.to, envelope.hops);
        match envelope.protocol {
            6 => segment(&envelope).map(Self::Tcp),
            17 => {
                let ports = ports(envelope.body)?;
                envelope.body.get(..8)?;
                let (length, head) = envelope.payload(8);
                let (from, to) = (SocketAddr::new(from, ports.0), SocketAddr::new(to, ports.1));
                Some(Self::Udp(Datagram { from, to, length, head, hops }))
            }
            1 | 58 => icmp(&envelope).map(Self::Icmp),
            _ => None,
        }
    }
}

/// The IP header's part.
struct Envelope<'a> {
    from: IpAddr,
    to: IpAddr,
    hops: u8,
    protocol: u8,
    /// What was kept behind the IP headers.
    body: &'a [u8],
    /// How long that was on the wire.
    length: usize,
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8], length: usize) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::four(bytes, length),
            6 => Self::six(bytes, length),
            _ => None,
        }
    }

    fn four(bytes: &'a [u8], length: usize) -> Option<Self> {
        let header = usize::from(bytes.first()? & 15) * 4;
        // A further fragment has no ports.
        if header < 20 || word(bytes, 6)? & 0x1fff != 0 {
            return None;
        }
        let address = |at: usize| -> Option<IpAddr> {
            let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(Ipv4Addr::from(octets).into())
        };
        // What is cut in pieces by the network card says 0.
        let total = Some(usize::from(word(bytes, 2)?)).filter(|total| *total > 0).unwrap_or(length);
        let body = bytes.get(header..)?;
        let length = total.checked_sub(header)?;
        Some(Self {
            from: address(12)?,
            to: address(16)?,
            hops: *bytes.get(8)?,
            protocol: *bytes.get(9)?,
            body: body.get(..length).unwrap_or(body),
            length,
        })
    }

    fn six(bytes: &'a [u8], length: usize) -> Option<Self> {
        let address = |at: usize| -> Option<IpAddr> {
            let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
            Some(Ipv6Addr::from(octets).into())
        };
        let total = Some(usize::from(word(bytes, 4)?)).filter(|total| *total > 0).map(|total| total + 40);
        let (mut protocol, mut at) = (*bytes.get(6)?, 40);
        for _ in 0..EXTENSIONS {
            let size = match protocol {
                0 | 43 | 60 => (usize::from(*bytes.get(at + 1)?) + 1) * 8,
                44 if word(bytes, at + 2)? >> 3 == 0 => 8,
                44 => return None,
                _ => break,
            };
            protocol = *bytes.get(at)?;
            at += size;
        }
        let body = bytes.get(at..)?;
        let length = total.unwrap_or(length).checked_sub(at)?;
        Some(Self {
            from: address(8)?,
            to: address(24)?,
            hops: *bytes.get(7)?,
            protocol,
            body: body.get(..length).unwrap_or(body),
            length,
        })
    }

    /// How long what follows `header` bytes is, and its first bytes.
    fn payload(&self, header: usize) -> (u32, Vec<u8>) {
        let kept = self.body.get(header..).unwrap_or_default();
        let length = self.length.saturating_sub(header);
        (u32::try_from(length).unwrap_or(u32::MAX), kept.iter().take(HEAD).copied().collect())
    }
}

fn segment(envelope: &Envelope<'_>) -> Option<Segment> {
    let bytes = envelope.body;
    let ports = ports(bytes)?;
    let control = word(bytes, 12)?;
    let header = usize::from(control >> 12) * 4;
    if header < 20 {
        return None;
    }
    let window = word(bytes, 14)?;
    let (length, head) = envelope.payload(header);
    Some(Segment {
        from: SocketAddr::new(envelope.from, ports.0),
        to: SocketAddr::new(envelope.to, ports.1),
        flags: Flags(control & 0x1ff),
        seq: long(bytes, 4)?,
        ack: long(bytes, 8)?,
        window,
        options: options(bytes.get(20..header).or_else(|| bytes.get(20..))?),
        length,
        head,
        hops: envelope.hops,
    })
}

/// Reads options as far as they make sense.
fn options(mut bytes: &[u8]) -> Options {
    let mut options = Options::default();
    while let Some((kind, rest)) = bytes.split_first() {
        if *kind == 0 {
            break;
        }
        if *kind == 1 {
            bytes = rest;
            continue;
        }
        let Some(size) = rest.first().map(|size| usize::from(*size)).filter(|size| *size >= 2) else { break };
        let Some(value) = bytes.get(2..size) else { break };
        match (kind, value.len()) {
            (2, 2) => options.mss = word(value, 0),
            (3, 1) => options.scale = value.first().copied(),
            (4, 0) => options.sack_permitted = true,
            (5, _) => {
                let blocks = value.chunks_exact(8).take(BLOCKS);
                options.sack = blocks.filter_map(|block| Some((long(block, 0)?, long(block, 4)?))).collect();
            }
            (8, 8) => options.timestamps = long(value, 0).zip(long(value, 4)),
            _ => {}
        }
        bytes = bytes.get(size..).unwrap_or_default();
    }
    options
}

fn icmp(envelope: &Envelope<'_>) -> Option<Icmp> {
    let (kind, code) = (*envelope.body.first()?, *envelope.body.get(1)?);
    let is_error = match envelope.protocol {
        1 => matches!(kind, 3 | 4 | 5 | 11 | 12),
        _ => kind < 128,
    };
    let quoted = envelope.body.get(8..).filter(|_| is_error)?;
    // As long as the packet was; what is quoted of it is less.
    let about = Envelope::read(quoted, usize::from(u16::MAX))?;
    if !matches!(about.protocol, 6 | 17) {
        return None;
    }
    let ports = ports(about.body)?;
    Some(Icmp {
        from: envelope.from,
        to: envelope.to,
        kind,
        code,
        about_from: SocketAddr::new(about.from, ports.0),
        about_to: SocketAddr::new(about.to, ports.1),
    })
}

fn ports(bytes: &[u8]) -> Option<(u16, u16)> {
    Some((word(bytes, 0)?, word(bytes, 2)?))
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A SYN as Linux sends it on loopback, from port 40000 to 9000.
    const SYN: &str = "4500003c1c464000400620743f00000100000000\
        9c402328 00000064 00000000 a002ffd7 fe300000 0204ffd7 0402080a 0000000a 00000000 01030307";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    #[test]
    fn a_syn_is_read_with_all_its_options() {
        let packet = bytes(SYN);
        let Some(Packet::Tcp(syn)) = Packet::read(&packet, packet.len()) else { panic!() };
        assert_eq!((syn.from.port(), syn.to.port(), syn.seq, syn.length), (40000, 9000, 100, 0));
        assert_eq!((syn.flags, syn.space(), syn.window), (Flags::SYN, 1, 65495));
        let options = Options {
            mss: Some(65495),
            scale: Some(7),
            sack_permitted: true,
            sack: Vec::new(),
            timestamps: Some((10, 0)),
        };
        assert_eq!(syn.options, options);
    }

    #[test]
    fn what_is_cut_off_or_a_fragment_is_no_packet() {
        let packet = bytes(SYN);
        for length in 0..36 {
            assert_eq!(Packet::read(&packet[..length], packet.len()), None, "{length}");
        }
        let mut fragment = packet.clone();
        fragment[7] = 1;
        assert_eq!(Packet::read(&fragment, packet.len()), None);
        // The options are cut, the rest is there.
        assert!(Packet::read(&packet[..44], packet.len()).is_some());
    }

    #[test]
    fn the_length_is_the_wires_where_less_was_kept() {
        let mut packet =
            bytes("450005dc000040004006000000000001000000029c40232800000001000000025010ffff00000000");
        packet.extend(b"hello");
        let Some(Packet::Tcp(data)) = Packet::read(&packet, 1500) else { panic!() };
        assert_eq!((data.length, &data.head[..]), (1460, &b"hello"[..]));
        packet[2..4].fill(0);
        let Some(Packet::Tcp(large)) = Packet::read(&packet, 9000) else { panic!() };
        assert_eq!(large.length, 8960);
    }

    #[test]
    fn icmp_tells_what_it_is_about() {
        let mut packet = bytes("45000038000000004001000001010101020202020301000000000000");
        packet.extend(bytes("45000028000000004011000002020202030303039c40232800140000"));
        let Some(Packet::Icmp(icmp)) = Packet::read(&packet, packet.len()) else { panic!() };
        assert_eq!((icmp.kind, icmp.code, icmp.from.to_string()), (3, 1, "1.1.1.1".to_owned()));
        assert_eq!(icmp.about_to, "3.3.3.3:9000".parse().unwrap());
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), first in prop_oneof![Just(0x45_u8), Just(0x60), any::<u8>()], protocol in prop_oneof![Just(6_u8), Just(17), Just(1), Just(58), Just(0), Just(44)]) {
            let mut bytes = bytes;
            for (at, byte) in [(0, first), (9, protocol), (6, if first == 0x60 { protocol } else { 0 }), (7, 0)] {
                if let Some(place) = bytes.get_mut(at) { *place = byte; }
            }
            let _packet = Packet::read(&bytes, bytes.len());
        }
    }
}
