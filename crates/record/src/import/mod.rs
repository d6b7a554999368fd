//! Captures of other programs (tcpdump, Wireshark) read as if the sessions in them had been recorded here: pcap and
//! pcapng in, events out. TCP is put together again, UDP is told apart by addresses. Read [`read`] first.
//!
//! What is missing in a capture is told, never made up: packets that were cut short, holes in a stream, sessions that
//! began before the capture did. A file is hostile until shown otherwise; what it can make this hold is bounded by
//! [`FILE_MAX`], [`FLOWS_MAX`] and [`HELD_MAX`].

mod dissect;
mod file;
mod flow;
mod half;

use sockeye_core::{Code, Event, Fault};
use sockeye_script::Transcript;
use sockeye_script::transcript::{self, Subject};

pub use file::Packet;

use dissect::{Dissector, Oddity};
use flow::Flows;

/// The longest capture that is read: 1 GiB.
pub const FILE_MAX: usize = 1 << 30;

/// The most flows that are told apart; what more there is, is counted.
pub const FLOWS_MAX: usize = 100_000;

/// The most bytes of one direction of a flow that wait for something before them: 16 MiB. Beyond, what they wait for is
/// given up.
pub const HELD_MAX: usize = 16 << 20;

/// The most flaws that are listed; what more there is, is counted.
pub const FLAWS_MAX: usize = 1000;

/// What of a capture is wanted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Flows with this in an address of either end: an address, a port (`:6379`), or both.
    pub peer: Option<String>,
    /// What a transcript begins with, as a comment.
    pub title: String,
}

/// What there was in a capture.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// When its first packet was captured, in nanoseconds since 1970 began (UTC); tick 0 of the events.
    pub began: Option<u64>,
    /// Packets in it.
    pub packets: u64,
    /// Packets that are neither TCP nor UDP.
    pub other: u64,
    /// What was told apart, in the order it began, whether it was wanted or not.
    pub flows: Vec<Flow>,
    /// What makes what was read less than what happened. At most [`FLAWS_MAX`].
    pub flaws: Vec<Fault>,
    /// How many more flaws there are.
    pub more_flaws: u64,
}

/// One connection, or what went to and fro between two UDP ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its number, from 1; also that of its session.
    pub number: u64,
    /// `tcp` or `udp`.
    pub transport: &'static str,
    /// Who began it, as far as can be told.
    pub client: std::net::SocketAddr,
    /// Who was asked.
    pub server: std::net::SocketAddr,
    /// Bytes that the client sent.
    pub sent: u64,
    /// Bytes that the server sent.
    pub answered: u64,
}

/// Reads a capture, and hands `sink` what happened in the order it was captured, seen from the servers' side:
/// `Accepted`, then messages (what one packet brought, in the order of its stream), ends, and `Closed`. A session is a
/// flow, and its number the flow's. Flaws come as `Error` events where they are found.
///
/// Fails with [`Code::BadCapture`] if it is no capture, is longer than [`FILE_MAX`], or of a network that is not known.
pub fn read(bytes: &[u8], options: &Options, sink: &mut dyn FnMut(&Event<'_>)) -> Result<Summary, Fault> {
    if bytes.len() > FILE_MAX {
        return Err(bad("large").arg("max", FILE_MAX));
    }
    let mut summary = Summary::default();
    let mut flows = Flows::new(options, sink);
    let mut dissector = Dissector::default();
    let whole = file::packets(bytes, &mut |packet| {
        let began = *summary.began.get_or_insert(packet.at);
        summary.packets += 1;
        flows.moment(packet.at.saturating_sub(began));
        match dissector.packet(&packet, &mut |segment| flows.segment(&segment)) {
            Oddity::None => {}
            Oddity::Other => summary.other += 1,
            Oddity::Cut => flows.flaw(None, "cut", 1),
            Oddity::Fragment => flows.flaw(None, "fragment", 1),
        }
    })?;
    for _ in 0..dissector.unfinished() {
        flows.flaw(None, "fragment", 1);
    }
    if whole == file::End::Within {
        flows.flaw(None, "file", 1);
    }
    flows.end();
    flows.into_summary(&mut summary);
    Ok(summary)
}

/// Hands `each` every packet of a capture, as it was captured. Gives whether the file ends after a packet, and not within
/// one. Fails as [`read`] does.
pub fn packets<'a>(bytes: &'a [u8], each: &mut dyn FnMut(Packet<'a>)) -> Result<bool, Fault> {
    if bytes.len() > FILE_MAX {
        return Err(bad("large").arg("max", FILE_MAX));
    }
    Ok(file::packets(bytes, each)? == file::End::Whole)
}

/// Whether bytes begin as a capture does.
pub fn is_capture(bytes: &[u8]) -> bool {
    const BEGINNINGS: &[[u8; 4]] = &[
        [0x0a, 0x0d, 0x0d, 0x0a],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xcd, 0x34],
        [0x34, 0xcd, 0xb2, 0xa1],
    ];
    BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning))
}

/// Reads a capture as the text of a conversation file, written from the clients' side.
pub fn transcript(bytes: &[u8], options: &Options) -> Result<(String, Summary), Fault> {
    let title = options.title.clone();
    let options_of_file = transcript::Options { subject: Subject::Capture, title, seed: None };
    let mut file = Transcript::new(options_of_file);
    let mut text = String::new();
    let summary = read(bytes, options, &mut |event| file.event(event, &mut text))?;
    file.end(&mut text);
    Ok((text, summary))
}

/// A capture that cannot be read: why, as the catalogue knows it.
fn bad(what: &'static str) -> Fault {
    Fault::new(Code::BadCapture, "").arg("what", what)
}
