//! Sockets: transports, limits and the tokio drivers that run conversations on them.

pub mod eyeballs;
pub mod front;
pub mod owner;

pub use front::Front;
