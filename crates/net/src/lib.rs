//! Sockets: transports, limits and the tokio drivers that run conversations on them.

pub mod front;

pub use front::Front;
