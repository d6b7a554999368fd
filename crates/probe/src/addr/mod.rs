//! Addresses and networks: pure arithmetic, of IPv4 and IPv6 alike. Read [`Network`] first, then [`read()`], which says
//! everything that is wrong with what was typed.

pub mod about;
pub mod divide;
mod network;
pub mod read;
pub mod same;
pub mod special;

pub use self::network::{Network, bits};
pub use self::read::{Given, read};
