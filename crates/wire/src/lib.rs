//! What stands between bytes and the people who read and write them, and what two ends say before a session begins,
//! without I/O.
//!
//! [`charset`] turns text into bytes and back, [`mod@escape`] makes a peer's bytes safe to show, [`notation`] reads bytes
//! as people write them, [`mod@hexdump`] lays them out in columns, [`mod@certificate`] reads what certificates say. Start
//! with [`mod@escape`]: everything a peer says passes through it on its way to a terminal.
//!
//! The handshakes share one shape, [`gate`]: [`mod@proxy`] (whose connection this is), [`via`] (through a proxy) and
//! [`auth`] (who is there), which stands on [`scram`].

pub mod auth;
pub mod certificate;
pub mod charset;
pub mod dump;
pub mod escape;
pub mod gate;
pub mod hexdump;
pub mod notation;
pub mod proxy;
pub mod scram;
pub mod via;

pub use charset::{Charset, Decoder};
pub use escape::{Escaper, Shape, escape, escape_bytes};
pub use gate::{Gate, Handshake};
pub use hexdump::Hexdump;
