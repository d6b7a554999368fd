//! Files of packets: those that were captured, as they were, and where none were, such as events make.

use sockeye_core::Fault;
use sockeye_probe::trace::capture::Frame;
use sockeye_record::Sink;
use sockeye_record::pcapng::captured::{Captured, Link, file};

use crate::recording::{About, Kind, Subject, open};

/// A pcapng file of frames.
pub(super) fn captured(frames: &[Frame], endpoint: &str) -> Vec<u8> {
    let packets = frames.iter().map(|frame| {
        let bytes = frame.cooked();
        let cut = usize::try_from(frame.length).unwrap_or(usize::MAX).saturating_sub(frame.data.len());
        Captured { time: frame.at.unwrap_or_default(), length: bytes.len().saturating_add(cut), bytes }
    });
    file(Link::LinuxSll2, "any", &format!("trace {endpoint}"), packets)
}

/// A file of packets that are made of events, and say so.
pub(super) fn synthetic(path: &str, endpoint: &str) -> Result<Box<dyn Sink>, Fault> {
    let subject = Subject::Client { endpoint: endpoint.to_owned() };
    let about = About { verb: "trace".to_owned(), subject, seed: None };
    open(Kind::Packets, path, &about)
}
