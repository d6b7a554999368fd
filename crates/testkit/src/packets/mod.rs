//! Packets of every protocol that `explain` knows, built byte by byte for tests: whole ones, and some with faults. They
//! are what programs that read captures are held against each other by. [`all`] is where to begin.

mod build;
mod link;
mod names;
mod network;
mod secure;
mod transport;

pub use build::{capture, checksum};

/// One packet.
#[derive(Clone, Debug)]
pub struct Packet {
    /// What it is, for messages of tests.
    pub name: String,
    /// Its bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
}

/// Every packet.
pub fn all() -> Vec<Packet> {
    let mut all = Vec::new();
    for part in [link::all(), network::all(), transport::all(), names::all(), secure::all()] {
        all.extend(part.into_iter().map(|(name, bytes)| Packet { name: name.to_owned(), bytes }));
    }
    all
}

/// A name and the bytes.
type Named = (&'static str, Vec<u8>);
