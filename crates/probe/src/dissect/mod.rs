//! A packet taken apart: bytes in, a tree of layers out, each with its place in the models, its fields and what is wrong
//! with it. Read [`dissect`] first, then [`Layer`].
//!
//! Any bytes are taken, and what is there is shown even where a packet is cut off or lies about its lengths; nothing is
//! made up. Depth, fields and names are bounded. One packet is looked at by itself: fragments and streams are not put
//! together.

mod arp;
mod dhcp;
mod dns;
mod draft;
mod ethernet;
mod guess;
mod http;
mod icmp;
mod icmpv6;
mod ip;
mod ipv6;
mod keys;
mod neighbour;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod tree;
mod udp;

use std::net::IpAddr;

use draft::{Part, View};

pub use guess::{guess, is_likely};
pub use keys::KEYS;
pub use tree::{Bits, Field, Five, Flaw, Layer, Protocol, Unit, Value, Wrong};

/// What bytes begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// An Ethernet frame, from its destination address on.
    #[default]
    Ethernet,
    /// Linux's cooked capture (LINKTYPE_LINUX_SLL).
    Cooked,
    /// The same, version 2.
    Cooked2,
    /// The loopback device of BSDs (LINKTYPE_NULL).
    Null,
    /// ARP.
    Arp,
    /// IPv4 or IPv6, told by the first four bits.
    Ip,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// ICMP for IPv4.
    Icmp,
    /// ICMP for IPv6.
    Icmpv6,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// A DNS message, as in UDP.
    Dns,
    /// A DHCP message.
    Dhcp,
    /// HTTP/1.
    Http,
    /// TLS records.
    Tls,
}

impl Start {
    /// Those that a person can choose, by their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("ethernet", Self::Ethernet),
        ("arp", Self::Arp),
        ("ip", Self::Ip),
        ("ipv4", Self::Ipv4),
        ("ipv6", Self::Ipv6),
        ("icmp", Self::Icmp),
        ("icmpv6", Self::Icmpv6),
        ("tcp", Self::Tcp),
        ("udp", Self::Udp),
        ("dns", Self::Dns),
        ("dhcp", Self::Dhcp),
        ("http", Self::Http),
        ("tls", Self::Tls),
    ];

    /// The one of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, start)| *start)
    }

    /// Its word; empty for what only captures have.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| *word)
    }

    /// What a capture's link type stands for (tcpdump.org/linktypes.html).
    pub const fn of_link(number: i32) -> Option<Self> {
        match number {
            0 | 108 => Some(Self::Null),
            1 => Some(Self::Ethernet),
            12 | 14 | 101 => Some(Self::Ip),
            228 => Some(Self::Ipv4),
            229 => Some(Self::Ipv6),
            113 => Some(Self::Cooked),
            276 => Some(Self::Cooked2),
            _ => None,
        }
    }
}

impl Start {
    fn maker(self) -> fn(View<'_>) -> Layer {
        match self {
            Self::Ethernet => ethernet::frame,
            Self::Cooked => ethernet::cooked,
            Self::Cooked2 => ethernet::cooked2,
            Self::Null => ethernet::null,
            Self::Arp => arp::packet,
            Self::Ip => ip::either,
            Self::Ipv4 => ip::packet,
            Self::Ipv6 => ipv6::packet,
            Self::Icmp => icmp::message,
            Self::Icmpv6 => |view| icmpv6::message(view, None),
            Self::Tcp => |view| tcp::segment(view, None),
            Self::Udp => |view| udp::datagram(view, None),
            Self::Dns => dns::message,
            Self::Dhcp => dhcp::message,
            Self::Http => http::message,
            Self::Tls => tls::record,
        }
    }

    const fn part(self) -> Part {
        if matches!(self, Self::Http | Self::Tls) { Part::Stream } else { Part::Whole }
    }
}

/// The most layers that stand one after another at the outside.
const LAYERS: usize = 4096;

/// Takes a packet apart, as one layer from the outside, or several where several messages stand one after another; what
/// is behind them is data. `missing` is how many bytes at its end were not captured, as far as is known.
pub fn dissect(bytes: &[u8], start: Start, missing: usize) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut at = 0;
    while layers.len() < LAYERS {
        let whole = View::new(bytes, missing);
        let view = View { start: at, part: start.part(), ..whole };
        let make = if at == 0 || matches!(start, Start::Tls) { start.maker() } else { data };
        let layer = make(view);
        let end = layer.range.end;
        let stuck = end <= at;
        layers.push(layer);
        if stuck || end >= bytes.len() {
            break;
        }
        at = end;
    }
    layers
}

/// The checksum of a message of TCP, UDP or ICMPv6 (RFC 1071) that goes between these addresses, of one family. What is
/// in its place is to be zero.
pub fn internet_checksum(from: IpAddr, to: IpAddr, protocol: u8, message: &[u8]) -> u16 {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut head = Vec::with_capacity(40);
    for ip in [from, to] {
        match ip {
            IpAddr::V4(ip) => head.extend(ip.octets()),
            IpAddr::V6(ip) => head.extend(ip.octets()),
        }
    }
    head.extend(length);
    head.extend([0, 0, 0, protocol]);
    draft::checksum(&[&head, message])
}

/// The checksum of a header of IPv4, or of a message of ICMP.
pub fn header_checksum(bytes: &[u8]) -> u16 {
    draft::checksum(&[bytes])
}

/// Bytes that nothing is known about.
fn data(view: View<'_>) -> Layer {
    let mut draft = draft::Draft::new(Protocol::Data, view);
    let count = draft.left();
    if count > 0 {
        let _read = draft.bytes("data.bytes", count);
    }
    if view.missing > 0 {
        draft.cut(view.missing);
    }
    draft.head_ends();
    let mut layer = draft.finish();
    // An application's own bytes are what is carried; nothing was added.
    layer.head = 0;
    layer
}
