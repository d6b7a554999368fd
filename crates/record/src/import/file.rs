//! Packets out of a capture file: pcap (microseconds and nanoseconds) and pcapng, in either byte order.

use pcap_parser::nom::Err as NomErr;
use pcap_parser::pcap::{
    parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};
use pcap_parser::pcapng::{Block, PcapNGSlice};
use pcap_parser::{OptionCode, PcapBlockOwned};
use sockeye_core::Fault;

use super::bad;
use super::dissect::Link;

/// The most interfaces of one section of a pcapng file.
const INTERFACES: usize = 65_536;

/// The first four bytes of a pcapng file.
const SECTION: &[u8] = &[0x0a, 0x0d, 0x0d, 0x0a];

const SECOND: u64 = 1_000_000_000;

/// One packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When, in nanoseconds since 1970 began.
    pub at: u64,
    /// What it begins with.
    pub(super) link: Link,
    /// The number of that (tcpdump.org/linktypes.html).
    pub link_type: i32,
    /// What was captured of it.
    pub data: &'a [u8],
    /// How many bytes of it were not captured.
    pub missing: usize,
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// After a packet.
    Whole,
    /// Within one: its writer was killed, say.
    Within,
}

/// Hands `each` every packet. What follows a broken one cannot be found, and is not looked for.
pub(super) fn packets<'a>(bytes: &'a [u8], each: &mut dyn FnMut(Packet<'a>)) -> Result<End, Fault> {
    if bytes.is_empty() {
        return Err(bad("empty"));
    }
    if bytes.starts_with(SECTION) { pcapng(bytes, each) } else { pcap(bytes, each) }
}

fn pcap<'a>(bytes: &'a [u8], each: &mut dyn FnMut(Packet<'a>)) -> Result<End, Fault> {
    let (mut rest, header) = parse_pcap_header(bytes).map_err(|_| bad("unknown"))?;
    // The upper bits tell how long a frame's check sequence is, and more (draft-ietf-opsawg-pcap).
    let number = header.network.0 & 0xffff;
    let link = Link::of(number).ok_or_else(|| bad("link").arg("link", number))?;
    let parse = match (header.is_modified_format(), header.is_bigendian()) {
        (true, _) => parse_pcap_frame_modified,
        (false, true) => parse_pcap_frame_be,
        (false, false) => parse_pcap_frame,
    };
    let fraction = if header.is_nanosecond_precision() { 1 } else { 1000 };
    while !rest.is_empty() {
        let Ok((after, frame)) = parse(rest) else { return Ok(End::Within) };
        rest = after;
        let at = u64::from(frame.ts_sec) * SECOND + u64::from(frame.ts_usec) * fraction;
        let missing = (frame.origlen as usize).saturating_sub(frame.data.len());
        each(Packet { at, link, link_type: number, data: frame.data, missing });
    }
    Ok(End::Whole)
}

/// What a section says of one interface.
struct Interface {
    link: Option<Link>,
    number: i32,
    /// Parts of a second that a timestamp counts, and what is added to it, in seconds.
    resolution: u64,
    offset: i64,
}

fn pcapng<'a>(bytes: &'a [u8], each: &mut dyn FnMut(Packet<'a>)) -> Result<End, Fault> {
    let blocks = PcapNGSlice::from_slice(bytes).map_err(|_| bad("unknown"))?;
    let mut interfaces: Vec<Interface> = Vec::new();
    let (mut big, mut last) = (false, 0);
    for block in blocks {
        let block = match block {
            Ok(PcapBlockOwned::NG(block)) => block,
            Ok(_) => continue,
            Err(NomErr::Incomplete(_)) => return Ok(End::Within),
            Err(_) => return Err(bad("broken")),
        };
        match block {
            Block::SectionHeader(header) => {
                interfaces.clear();
                big = header.big_endian();
            }
            Block::InterfaceDescription(described) => {
                if interfaces.len() >= INTERFACES {
                    return Err(bad("broken"));
                }
                let option = |code: OptionCode| described.options.iter().find(|option| option.code == code);
                let number = described.linktype.0;
                interfaces.push(Interface {
                    link: Link::of(number),
                    number,
                    resolution: resolution(described.if_tsresol),
                    offset: option(OptionCode::IfTsoffset).map_or(0, |option| offset(&option.value, big)),
                });
            }
            Block::EnhancedPacket(packet) => {
                let interface = interfaces.get(packet.if_id as usize).ok_or_else(|| bad("broken"))?;
                let link = interface.link.ok_or_else(|| bad("link").arg("link", interface.number))?;
                let stamp = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                last = moment(stamp, interface);
                let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
                let missing = (packet.origlen as usize).saturating_sub(data.len());
                each(Packet { at: last, link, link_type: interface.number, data, missing });
            }
            Block::SimplePacket(packet) => {
                let interface = interfaces.first().ok_or_else(|| bad("broken"))?;
                let link = interface.link.ok_or_else(|| bad("link").arg("link", interface.number))?;
                let whole = packet.origlen as usize;
                let data = packet.data.get(..whole).unwrap_or(packet.data);
                let missing = whole.saturating_sub(data.len());
                each(Packet { at: last, link, link_type: interface.number, data, missing });
            }
            _ => {}
        }
    }
    Ok(End::Whole)
}

/// Parts of a second from `if_tsresol`: a power of ten, or with the highest bit of two. What no clock counts is taken for
/// microseconds.
fn resolution(code: u8) -> u64 {
    let power = u32::from(code & 0x7f);
    let parts = if code & 0x80 == 0 { 10_u64.checked_pow(power) } else { 1_u64.checked_shl(power) };
    parts.unwrap_or(1_000_000)
}

/// Seconds from `if_tsoffset`.
fn offset(value: &[u8], big: bool) -> i64 {
    let Some(bytes) = value.first_chunk() else { return 0 };
    if big { i64::from_be_bytes(*bytes) } else { i64::from_le_bytes(*bytes) }
}

/// Nanoseconds since 1970 began.
fn moment(stamp: u64, interface: &Interface) -> u64 {
    let nanos = u128::from(stamp) * u128::from(SECOND) / u128::from(interface.resolution);
    let nanos = i128::try_from(nanos).unwrap_or(i128::MAX / 2);
    u64::try_from(nanos + i128::from(interface.offset) * i128::from(SECOND)).unwrap_or(0)
}
