//! One connection seen whole: its segments, the states of both ends, and the socket calls behind them.
//!
//! [`segment`] reads packets, [`machine`] is the state machine of one end, and [`flow`] folds the segments of a connection
//! into steps. All three are pure.

pub mod capture;
pub mod flow;
pub mod guess;
pub mod kernel;
pub mod look;
pub mod machine;
pub mod own;
pub mod segment;
pub mod story;

pub use flow::{Change, End, Flow, Mark, Seen, Step};
pub use segment::{Datagram, Flags, Icmp, Options, Packet, Segment};
pub use story::{Call, Event, Heard, Kind, Polled, Sources, Stage, Stamp, Story};

#[cfg(test)]
mod tests;
