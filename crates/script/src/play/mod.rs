//! Running a [`Program`]: a conversation that plays every peer of it, or one.
//!
//! [`begin`] checks what can be checked and gives a [`Play`], which a driver runs as any other conversation, and an
//! [`Outcome`], which tells what came of it: a failure is data, with everything a person needs to understand it. The same
//! play with its arrows turned is a mock ([`Side::Flipped`], [`mock`]); one that hands over to another conversation is a
//! [`Prologue`].

mod arrive;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod duet;
mod engine;
mod fail;
pub mod failure;
pub mod mock;
mod outcome;
pub mod prologue;
mod recent;
pub mod rounds;
mod score;
pub mod spot;
mod station;
mod steps;
#[cfg(test)]
mod tests;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sockeye_core::{Code, Fault};

use crate::program::Program;
use crate::vars::Vars;

pub use engine::Play;
pub use failure::Failure;
pub use mock::{Mock, Reuse};
pub use outcome::{Ended, Outcome};
pub use prologue::{Login, Prologue};
pub use rounds::{Comparing, Player, Rounds};
pub use score::{Refusal, Why};
pub use spot::Spot;

use engine::Ending;
use score::Score;

/// How a program is played.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose steps.
    pub part: Part,
    /// How fast.
    pub pace: Pace,
    /// Variables from outside; they win over those of the file.
    pub vars: Vars,
    /// How long something expected is waited for, in place of the file's `@timeout`. A step's own `within` wins. A peer that
    /// is played with its arrows turned is as patient as a server, unless this is set.
    pub patience: Option<Duration>,
    /// What randomness was drawn from, for the failure to tell.
    pub seed: u64,
}

impl Default for Options {
    /// Every peer, as fast as answers come.
    fn default() -> Self {
        Self { part: Part::All, pace: Pace::Fast, vars: Vars::default(), patience: None, seed: 0 }
    }
}

/// Whose steps are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every peer's, each on a leg of its own, opened as the program says: peer `i` is leg `i + 1`. The session's own leg
    /// is not used.
    All,
    /// One peer's alone, on [`PEER`](sockeye_core::PEER), which the driver has opened. Once its steps are done, the other
    /// end is waited for, and must say nothing more.
    Peer {
        /// An index of [`Program::peers`].
        index: u16,
        /// Which end.
        side: Side,
    },
}

/// Which end of a conversation is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one whose steps are written.
    AsWritten,
    /// The other one: what is written as sent is expected, and the other way round.
    Flipped,
}

/// How fast a program is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as answers come.
    Fast,
    /// No step that acts happens earlier after the one before it than its `after` says.
    Recorded,
    /// As recorded, so many times as fast.
    Scaled(f64),
}

impl Pace {
    /// How long to wait before a step that came so long after the one before it when it was recorded.
    fn of(self, after: Duration) -> Duration {
        match self {
            Self::Fast => Duration::ZERO,
            Self::Recorded => after,
            Self::Scaled(factor) => {
                Duration::try_from_secs_f64(after.as_secs_f64() / factor).unwrap_or_default()
            }
        }
    }
}

impl FromStr for Pace {
    type Err = Fault;

    /// `fast`, `recorded`, or how many times as fast: `2x`, `0.5x`.
    fn from_str(text: &str) -> Result<Self, Fault> {
        match text {
            "fast" => Ok(Self::Fast),
            "recorded" => Ok(Self::Recorded),
            _ => {
                let factor = text.strip_suffix('x').and_then(|factor| factor.parse().ok());
                let factor = factor.filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
                factor.map(Self::Scaled).ok_or_else(|| {
                    let fault = Fault::new(Code::BadValue, "").arg("name", "--pace").arg("value", text);
                    fault.detail("fast, recorded, 2x, 0.5x")
                })
            }
        }
    }
}

/// Makes a conversation of a program. A refusal says what cannot be played, before anything is opened.
pub fn begin(program: Arc<Program>, options: Options) -> Result<(Play, Outcome), Box<Refusal>> {
    let score = Arc::new(Score::new(program, options.part)?);
    let ending = if options.part == Part::All { Ending::Settle } else { Ending::Wait };
    Ok(Play::new(score, options, ending))
}
