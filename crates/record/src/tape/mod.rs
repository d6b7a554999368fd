//! Events as bytes: what waits for the writer's thread, and what the store keeps. Compact, exact, and read back without
//! copying what peers said.
//!
//! A tape is a row of records, each its length (u32, little endian) and its body. Numbers in a body are LEB128; texts
//! have their length before them; the payload of a message stands as it is at the end of its record, so that a search for
//! bytes may look at the tape itself. The first record counts time from the driver's start, each other from the one
//! before, so a tape is read from its beginning.

mod read;
mod word;
mod write;

pub use read::{Broken, Reader};
pub use write::Writer;

/// The version of the format; it grows with every change that an older reader would not understand.
pub const VERSION: u32 = 1;

/// What a body begins with. Numbers are never used again for something else.
mod tag {
    pub(super) const LISTENING: u8 = 1;
    pub(super) const ACCEPTED: u8 = 2;
    pub(super) const RESOLVED: u8 = 3;
    pub(super) const CONNECTING: u8 = 4;
    pub(super) const CONNECTED: u8 = 5;
    pub(super) const TLS: u8 = 6;
    pub(super) const TLS_TRUNCATED: u8 = 7;
    pub(super) const UPGRADED: u8 = 8;
    pub(super) const AUTHENTICATED: u8 = 9;
    pub(super) const MESSAGE: u8 = 10;
    pub(super) const WIRE: u8 = 11;
    pub(super) const SECRET: u8 = 12;
    pub(super) const FAULT: u8 = 13;
    pub(super) const HALF_CLOSED: u8 = 14;
    pub(super) const RESET: u8 = 15;
    pub(super) const TIMEOUT: u8 = 16;
    pub(super) const REFUSED: u8 = 17;
    pub(super) const CLOSED: u8 = 18;
    pub(super) const NOTE: u8 = 19;
    pub(super) const ERROR: u8 = 20;
    pub(super) const SAVED: u8 = 21;
}

#[cfg(test)]
mod tests;
