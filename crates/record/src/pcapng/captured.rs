//! Packets that were captured by somebody else, as they were: their file is whole in memory.

use super::{PROGRAM, block};

/// What a captured file says of itself; never translated.
const COMMENT: &str = "Captured by sockeye on the network. Frames are as they were from the IP header on; below it is what \
    the kernel says of the link. What network cards cut or join may be whole here.";

/// What stands before the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing: IPv4 or IPv6 (LINKTYPE_RAW).
    Raw,
    /// What Linux says of any interface (LINKTYPE_LINUX_SLL2).
    LinuxSll2,
}

impl Link {
    const fn number(self) -> u16 {
        match self {
            Self::Raw => block::RAW,
            Self::LinuxSll2 => 276,
        }
    }
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// When, in nanoseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// Bytes it had on the wire.
    pub length: usize,
    /// Those that were kept.
    pub bytes: Vec<u8>,
}

/// A pcapng file of packets from one interface. `about`: what they are of.
pub fn file(link: Link, name: &str, about: &str, packets: impl Iterator<Item = Captured>) -> Vec<u8> {
    let mut out = Vec::new();
    block::header(PROGRAM, &format!("{COMMENT} {about}"), &mut out);
    block::interface(link.number(), name, &mut out);
    for packet in packets {
        block::captured(packet.time, packet.length, &packet.bytes, &mut out);
    }
    out
}
