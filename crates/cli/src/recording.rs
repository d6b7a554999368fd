//! `--record`: from its flags to a recording around a use case.

use std::sync::{Arc, OnceLock};

use clap::ArgMatches;
use sockeye::core::{Fault, quantity};
use sockeye::recording::{About, Keep, Recording, Request, Stopper, Sync, WhenFull};
use sockeye::{End, Views, sessions};

use crate::grammar::read;

/// The recording of this run, for whatever ends the program early.
#[derive(Clone, Default)]
pub(crate) struct Current(Arc<OnceLock<Stopper>>);

impl Current {
    /// Runs `act` while it is recorded, if the command line says so. `about` is asked only then.
    pub(crate) fn around(
        &self,
        matches: &ArgMatches,
        views: &Views,
        about: impl FnOnce() -> Result<About, Fault>,
        act: impl FnOnce(&Views) -> Result<End, Fault>,
    ) -> Result<End, Fault> {
        let request = request(matches)?;
        if request.targets.is_empty() {
            return act(views);
        }
        let recording = Recording::start(&request, &about()?, views)?;
        // There is one verb a run.
        let _ = self.0.set(recording.stopper());
        let ended = act(recording.views());
        recording.finish();
        ended
    }

    /// Writes what is left of the recording, if there is one.
    pub(crate) fn finish(&self) {
        if let Some(stopper) = self.0.get() {
            stopper.finish();
        }
    }
}

/// What the flags ask for.
pub(crate) fn request(matches: &ArgMatches) -> Result<Request, Fault> {
    Ok(Request {
        targets: read::values(matches, "record"),
        store: read::value(matches, "store").map(str::to_owned),
        sync: if read::has(matches, "durable") { Sync::Machine } else { Sync::Program },
        when_full: if read::has(matches, "record-lossy") { WhenFull::Drop } else { WhenFull::Hold },
        keep: Keep {
            age: read::value(matches, "keep-age")
                .map(|value| sessions::age("--keep-age", value))
                .transpose()?,
            size: read::value(matches, "keep-size")
                .map(|value| quantity::size("--keep-size", value))
                .transpose()?,
        },
    })
}
