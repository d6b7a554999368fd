//! What stands between bytes and the people who read and write them, without I/O.
//!
//! [`mod@certificate`] reads what certificates say, [`charset`] turns text into bytes and back, [`mod@escape`] makes a peer's bytes safe to show, [`notation`] reads bytes
//! as people write them, [`mod@hexdump`] lays them out in columns. Start with [`mod@escape`]: everything a peer says passes
//! through it on its way to a terminal.

pub mod certificate;
pub mod charset;
pub mod escape;
pub mod hexdump;
pub mod notation;

pub use charset::{Charset, Decoder};
pub use escape::{Escaper, Shape, escape, escape_bytes};
pub use hexdump::Hexdump;
