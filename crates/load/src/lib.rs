//! A load generator: messages to an endpoint in a closed loop or at a fixed rate, answers verified, latency told honestly.
//!
//! [`Plan`] says what to do, [`learn`] asks what answers are like, [`run()`] does it, [`Report`] is what came of it. What
//! needs no sockets stands apart and is tested by itself: messages ([`message`]), when they are due ([`schedule`]),
//! promises ([`promise`]), the search for a rate ([`search`]). The engine is one future a thread (`crew`), which drives
//! every connection of it (`line`, or `performer` where steps are played) without a task, a channel or an allocation a
//! message.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts and nanoseconds stay below 2^53, and figures have three digits"
)]

mod answers;
mod board;
mod clock;
mod crew;
mod desk;
pub mod dialogue;
pub mod figure;
pub mod histogram;
mod line;
pub mod message;
mod open;
mod opening;
mod pending;
mod performer;
pub mod plan;
mod pour;
pub mod probe;
pub mod promise;
mod reel;
pub mod result;
pub mod run;
pub mod sample;
pub mod schedule;
pub mod search;
mod seat;
mod shift;
mod sources;
mod tally;
mod usage;

pub use dialogue::Cast;
pub use plan::Plan;
pub use probe::{learn, reach};
pub use promise::Condition;
pub use result::Report;
pub use run::{Moment, Watch, run};
