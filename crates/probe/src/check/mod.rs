//! Why can't I connect: the layers one after another, and a verdict that names who is to blame.
//!
//! [`ladder`] says which step may begin when, [`run()`] makes the steps with whatever [`Probes`] it is given, each ends in a
//! finding ([`Findings`]), and [`judge`] makes a [`Verdict`] of them. Only [`live`] asks the operating system.

mod finding;
pub mod ladder;
pub mod live;
mod rules;
pub mod run;
#[cfg(feature = "session")]
pub mod session;
mod verdict;
pub mod words;

pub use finding::{
    Around, Beside, Carrier, Connects, End, Findings, Goal, Leaving, Maybe, Page, Ping, Session, Sizes,
    Speech, Spoke, Timed, Transfer,
};
pub use ladder::Step;
pub use live::Live;
pub use rules::judge;
pub use run::{Probes, run};
#[cfg(feature = "session")]
pub use session::Talk;
pub use verdict::{Culprit, Evidence, FACTS, Layer, NEXTS, Sure, Verdict, Word};
