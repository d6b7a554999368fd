//! `ping`: from its words to the use case; each answer as it comes and the figures at the end, as text or JSON, and an
//! exit code.

mod json;
mod plot;
mod text;

use clap::ArgMatches;
use sockeye::End;
use sockeye::core::Fault;
use sockeye::core::quantity::size;
use sockeye::ping::{Clock, Family, Moment, Request};

use self::plot::Plot;
use self::text::Seen;
use crate::exit::{self, Ended};
use crate::grammar::{read, refuse};
use crate::ui::output::Output;
use crate::ui::paint::Paint;
use crate::words::Words;

/// Where answers go, and how.
pub(crate) struct Sink<'a> {
    /// The sentences.
    pub(crate) words: &'a Words,
    /// Where to.
    pub(crate) stdout: &'a Output,
    /// Whether it is painted.
    pub(crate) paint: Paint,
}

/// Runs `ping` as it was typed: 0 if anything was answered, 1 if not.
pub(crate) fn run(sink: &Sink<'_>, matches: &ArgMatches, seed: u64) -> Result<Ended, Fault> {
    let request = request(matches, seed).map_err(|fault| fault.doing("ping"))?;
    let as_json = read::has(matches, "json");
    let mut watched = Seen { plot: Plot::default(), kernel: 0, way: None };
    let outcome = sockeye::ping::run(&request, |told| {
        match told.moment {
            Moment::Answer(answer) => {
                watched.plot.answered(answer.number, answer.trip);
                watched.kernel += u64::from(answer.clock == Clock::Kernel);
            }
            Moment::Silent { number } => watched.plot.missed(*number),
            Moment::Trouble(trouble) => watched.plot.missed(trouble.number),
            Moment::Begun(opening) => watched.way = opening.way,
        }
        let line = if as_json { json::line(told) } else { text::line(sink.words, sink.paint, told) };
        sink.stdout.push(line.as_bytes());
    })?;
    let end = if as_json {
        json::summary(&outcome)
    } else {
        text::summary(sink.words, sink.paint, &outcome, &watched)
    };
    sink.stdout.push(end.as_bytes());
    Ok(if outcome.is_answered() { Ended::Normally(End::Done) } else { Ended::Told(exit::FAILED) })
}

fn request(matches: &ArgMatches, seed: u64) -> Result<Request, Fault> {
    if !read::values(matches, "record").is_empty() {
        return Err(refuse::usage("ping", "conflict", "--record"));
    }
    let number = |id: &str, name: &str| read::number(matches, id, name, 0);
    let span = |id: &str, name: &str| {
        read::value(matches, id).map(|value| sockeye::bounds::span(name, value)).transpose()
    };
    let bytes = read::value(matches, "size").map(|value| size("--size", value)).transpose()?;
    let (tcp, udp) = (number("tcp", "--tcp")?, number("udp", "--udp")?);
    if tcp.is_some() && (udp.is_some() || bytes.is_some()) {
        return Err(refuse::usage("ping", "conflict", "--tcp"));
    }
    let family = match (read::has(matches, "flag-ping-four"), read::has(matches, "flag-ping-six")) {
        (true, true) => return Err(refuse::usage("ping", "conflict", "-4")),
        (true, false) => Some(Family::V4),
        (false, true) => Some(Family::V6),
        (false, false) => None,
    };
    let host = read::value(matches, "HOST").unwrap_or_default().to_owned();
    Ok(Request {
        host,
        tcp,
        udp,
        count: number("count", "--count")?,
        interval: span("interval", "--interval")?,
        size: bytes,
        family,
        budget: span("timeout", "--timeout")?,
        seed,
    })
}
