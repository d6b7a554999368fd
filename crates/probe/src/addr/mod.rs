//! Addresses and networks: pure arithmetic, of IPv4 and IPv6 alike.

mod network;

pub use self::network::{Network, bits};
