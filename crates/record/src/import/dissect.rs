//! What a packet carries: link layers off, IP headers off, fragments put together, and what is TCP or UDP then.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use etherparse::defrag::IpDefragBuf;
use etherparse::{
    EtherType, IpFragOffset, IpNumber, Ipv6FragmentHeader, Ipv6FragmentHeaderSlice, LaxIpPayloadSlice,
    LaxNetSlice, LaxSlicedPacket, TcpSlice, TransportSlice, UdpSlice,
};

use super::file::Packet;

/// How many packets may be in fragments at a time; the oldest makes place.
const PARTIAL: usize = 64;

/// What packets of an interface begin with (the numbers of tcpdump.org/linktypes.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// 1.
    Ethernet,
    /// 0, 108: the address family in four bytes, in some byte order.
    Null,
    /// 101, 228, 229, and what BSDs write in its place: no header at all.
    Raw,
    /// 113: "any" of Linux.
    Sll,
    /// 276: the same, younger.
    Sll2,
}

impl Link {
    pub(super) const fn of(number: i32) -> Option<Self> {
        match number {
            0 | 108 => Some(Self::Null),
            1 => Some(Self::Ethernet),
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            113 => Some(Self::Sll),
            276 => Some(Self::Sll2),
            _ => None,
        }
    }
}

/// What TCP or UDP carried from one place to another.
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) head: Head,
    pub(super) data: &'a [u8],
    /// How many bytes at its end were not captured.
    pub(super) missing: usize,
}

/// What stands before the data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Head {
    Udp,
    Tcp(Tcp),
}

/// What a TCP header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp {
    pub(super) sequence: u32,
    pub(super) ack: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
}

/// What a packet had in place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    /// It has been dealt with.
    None,
    /// It is neither TCP nor UDP, or no IP at all.
    Other,
    /// Not even its headers were captured.
    Cut,
    /// It belongs to a fragmented packet that cannot be put together.
    Fragment,
}

/// Takes packets apart. It remembers fragments: at most [`PARTIAL`] packets of 64 KiB.
#[derive(Default)]
pub(super) struct Dissector {
    partial: VecDeque<(Partial, IpDefragBuf)>,
}

/// Which packet a fragment belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Partial {
    from: IpAddr,
    to: IpAddr,
    identification: u32,
    protocol: IpNumber,
}

impl Dissector {
    /// Hands `each` what the packet carries.
    pub(super) fn packet(&mut self, packet: &Packet<'_>, each: &mut dyn FnMut(Segment<'_>)) -> Oddity {
        let Some(sliced) = slice(packet) else { return Oddity::Other };
        let (from, to, payload, fragment) = match &sliced.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                let at =
                    (u32::from(header.identification()), header.fragments_offset(), header.more_fragments());
                (header.source_addr().into(), header.destination_addr().into(), ip.payload(), Some(at))
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                let fragment = fragment_header(ip.extensions().first_header(), ip.extensions().slice());
                let at = fragment.map(|is| (is.identification, is.fragment_offset, is.more_fragments));
                (header.source_addr().into(), header.destination_addr().into(), ip.payload(), at)
            }
            _ => return Oddity::Other,
        };
        if payload.fragmented {
            let Some((identification, offset, more)) = fragment else { return Oddity::Fragment };
            if payload.incomplete {
                return Oddity::Fragment;
            }
            let partial = Partial { from, to, identification, protocol: payload.ip_number };
            return self.fragment(partial, offset, More::of(more), payload, each);
        }
        let missing = if payload.incomplete { packet.missing.max(1) } else { 0 };
        let (head, ports, data) = match &sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => tcp_segment(tcp),
            Some(TransportSlice::Udp(udp)) => udp_segment(udp),
            _ if matches!(payload.ip_number, IpNumber::TCP | IpNumber::UDP) => return Oddity::Cut,
            _ => return Oddity::Other,
        };
        each(Segment { from: (from, ports.0).into(), to: (to, ports.1).into(), head, data, missing });
        Oddity::None
    }

    /// How many packets are in fragments still.
    pub(super) fn unfinished(&self) -> usize {
        self.partial.len()
    }

    fn fragment(
        &mut self,
        partial: Partial,
        offset: IpFragOffset,
        more: More,
        payload: &LaxIpPayloadSlice<'_>,
        each: &mut dyn FnMut(Segment<'_>),
    ) -> Oddity {
        let mut oddity = Oddity::None;
        let at = self.partial.iter().position(|(known, _)| *known == partial).unwrap_or_else(|| {
            if self.partial.len() >= PARTIAL {
                self.partial.pop_front();
                oddity = Oddity::Fragment;
            }
            let buffer = IpDefragBuf::new(payload.ip_number, Vec::new(), Vec::new());
            self.partial.push_back((partial, buffer));
            self.partial.len() - 1
        });
        let Some((_, buffer)) = self.partial.get_mut(at) else { return Oddity::Fragment };
        if buffer.add(offset, more == More::Follow, payload.payload).is_err() {
            self.partial.remove(at);
            return Oddity::Fragment;
        }
        if !buffer.is_complete() {
            return oddity;
        }
        let Some((_, buffer)) = self.partial.remove(at) else { return oddity };
        let (bytes, _) = buffer.take_bufs();
        let carried = match partial.protocol {
            IpNumber::TCP => TcpSlice::from_slice(&bytes).ok().map(|tcp| tcp_segment(&tcp)),
            IpNumber::UDP => UdpSlice::from_slice(&bytes).ok().map(|udp| udp_segment(&udp)),
            _ => return Oddity::Other,
        };
        let Some((head, ports, data)) = carried else { return Oddity::Fragment };
        let (from, to) = ((partial.from, ports.0).into(), (partial.to, ports.1).into());
        each(Segment { from, to, head, data, missing: 0 });
        oddity
    }
}

/// The fragment header among the extension headers of IPv6 (RFC 8200, section 4), of which the last may be cut off. The
/// library's own iterator takes all of them for whole, and reads past the end of those that are not.
fn fragment_header(first: Option<IpNumber>, mut headers: &[u8]) -> Option<Ipv6FragmentHeader> {
    let mut kind = first?;
    while let [next, length, ..] = *headers {
        let size = match kind {
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                return Ipv6FragmentHeaderSlice::from_slice(headers).ok().map(|slice| slice.to_header());
            }
            // RFC 4302, section 2.2: in words of four bytes, two of them not counted.
            IpNumber::AUTHENTICATION_HEADER => (usize::from(length) + 2) * 4,
            _ => (usize::from(length) + 1) * 8,
        };
        headers = headers.get(size..)?;
        kind = IpNumber(next);
    }
    None
}

/// Whether more fragments follow one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Follow,
    Last,
}

impl More {
    const fn of(flag: bool) -> Self {
        if flag { Self::Follow } else { Self::Last }
    }
}

/// Takes the headers apart, as far as they were captured. `None`: there is nothing of the Internet in it, or it is seen
/// twice.
fn slice<'a>(packet: &Packet<'a>) -> Option<LaxSlicedPacket<'a>> {
    let data = packet.data;
    let be16 = |at: usize| Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?));
    match packet.link {
        Link::Ethernet => LaxSlicedPacket::from_ethernet(data).ok(),
        Link::Raw => LaxSlicedPacket::from_ip(data).ok(),
        // Whatever number a system gives to a family: what follows says its version by itself.
        Link::Null => LaxSlicedPacket::from_ip(data.get(4..)?).ok(),
        Link::Sll => {
            let (sort, device) = (be16(0)?, be16(2)?);
            let rest = data.get(16..).filter(|_| !is_echo(sort, device))?;
            Some(LaxSlicedPacket::from_ether_type(EtherType(be16(14)?), rest))
        }
        Link::Sll2 => {
            let (device, sort) = (be16(8)?, u16::from(*data.get(10)?));
            let rest = data.get(20..).filter(|_| !is_echo(sort, device))?;
            Some(LaxSlicedPacket::from_ether_type(EtherType(be16(0)?), rest))
        }
    }
}

/// "any" sees every packet of the loopback device twice, on its way out (4) and in: datagrams would double. 772 is the
/// loopback device's type (`ARPHRD_LOOPBACK`).
const fn is_echo(sort: u16, device: u16) -> bool {
    sort == 4 && device == 772
}

fn tcp_segment<'a>(tcp: &TcpSlice<'a>) -> (Head, (u16, u16), &'a [u8]) {
    let head = Tcp {
        sequence: tcp.sequence_number(),
        ack: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
    };
    (Head::Tcp(head), (tcp.source_port(), tcp.destination_port()), tcp.payload())
}

fn udp_segment<'a>(udp: &UdpSlice<'a>) -> (Head, (u16, u16), &'a [u8]) {
    (Head::Udp, (udp.source_port(), udp.destination_port()), udp.payload())
}
