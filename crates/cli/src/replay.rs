//! `replay`: from its words to the use case. What came of each session is told as `test` tells of files.

use clap::ArgMatches;
use sockeye::bounds::bad_value;
use sockeye::core::Fault;
use sockeye::recording::Kind;
use sockeye::replay::{Request, Side, Then};
use sockeye::test::Summary;

use crate::exit::{self, Ended};
use crate::grammar::{read, refuse};
use crate::mistakes;
use crate::progress::Progress;
use crate::recording::Current;
use crate::report::{Told, text};
use crate::test::{Desk, ended, variables};

/// The sides, by the words of `--as`.
const SIDES: &[(&str, Side)] = &[("client", Side::Client), ("server", Side::Server)];

/// Runs `replay` as it was typed.
pub(crate) fn run(desk: &Desk<'_>, matches: &ArgMatches, recording: &Current) -> Result<Ended, Fault> {
    let request = request(desk, matches)?;
    let told = Told { words: desk.words, rerun: None, look: desk.look() };
    let progress = Progress::new(told, desk.paint, desk.stderr.clone(), None);
    // All clients of a recording are one session here, which is no conversation of one peer: packets and events of it can
    // be had, and a file would say what the recording says.
    let records = read::values(matches, "record");
    if request.side == Side::Client && records.iter().any(|to| is_conversation(to)) {
        return Err(refuse::usage("replay", "conflict", "--record store|FILE.skt"));
    }
    let about = || sockeye::replay::about(&request);
    let mut bad = None;
    let summary = recording.around(matches, desk.views, about, |views| {
        match sockeye::replay::run(&request, &progress, views) {
            Ok(summary) => Ok(Some(summary)),
            Err(unreadable) => {
                bad = Some(unreadable);
                Ok(None)
            }
        }
    })?;
    let Some(summary) = summary else {
        let Some(bad) = bad else { return Ok(Ended::Told(exit::BAD_FILE)) };
        if let sockeye::script::Unreadable::Fault(fault) = bad {
            return Err(fault);
        }
        let text = mistakes::text(desk.words, &bad, desk.look());
        desk.stderr.push(format!("{text}\n").as_bytes());
        return Ok(Ended::Told(exit::BAD_FILE));
    };
    Ok(finish(desk, &summary))
}

/// Whether a recording is of one peer's conversation.
fn is_conversation(to: &str) -> bool {
    matches!(Kind::of(to), Ok(Kind::Store | Kind::Script))
}

fn finish(desk: &Desk<'_>, summary: &Summary) -> Ended {
    desk.stderr.push(format!("{}\n", text::summary(desk.words, summary)).as_bytes());
    ended(summary)
}

fn request(desk: &Desk<'_>, matches: &ArgMatches) -> Result<Request, Fault> {
    let text = |id| read::value(matches, id).map(str::to_owned);
    let word = text("as").ok_or_else(|| refuse::usage("replay", "missing", "--as client|server"))?;
    let side = SIDES.iter().find(|(name, _)| *name == word);
    let (_, side) = side.ok_or_else(|| bad_value("--as", &word).detail("client, server"))?;
    let number = |value: &String| {
        let number = value.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| bad_value("--session", value).detail("1, 2, 3…"))
    };
    let sessions = read::values(matches, "session").iter().map(number).collect::<Result<_, _>>()?;
    let timeout = read::value(matches, "timeout").map(|value| sockeye::bounds::span("--timeout", value));
    let mut params = read::params(matches);
    // It is how long an answer is waited for, as in `test`.
    params.retain(|(name, _)| name != "timeout");
    Ok(Request {
        recording: text("RECORDING").unwrap_or_default(),
        store: text("store"),
        side: *side,
        endpoint: text("ENDPOINT"),
        params,
        pace: text("pace").map_or(Ok(sockeye::script::play::Pace::Fast), |pace| pace.parse())?,
        sessions,
        vars: variables(&read::values(matches, "var"))?,
        then: if read::has(matches, "loop") { Then::Again } else { Then::End },
        seed: desk.seed,
        timeout: timeout.transpose()?,
        bounds: desk.bounds.clone(),
    })
}
