//! `bench`: from its words to the use case, and what came of it as text, JSON, files and an exit code.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what people are shown has three digits, and is never negative"
)]

mod files;
mod first;
mod html;
mod screen;
mod text;

use clap::ArgMatches;
use sockeye::bench::{Closing, Outcome, Report, Request, Verify, merge};
use sockeye::core::{Code, Fault};
use sockeye::script::Unreadable;
use sockeye::{Bounds, End};

use crate::exit::{self, Ended};
use crate::grammar::{read, refuse};
use crate::mistakes;
use crate::test::{self, Desk};

/// The most bytes of a result that is read for `--merge`: a day of seconds has about so many.
const RESULT: u64 = 512 << 20;

/// Runs `bench` as it was typed.
pub(crate) fn run(desk: &Desk<'_>, matches: &ArgMatches) -> Result<Ended, Fault> {
    if !read::values(matches, "record").is_empty() {
        return Err(refuse::usage("bench", "conflict", "--record"));
    }
    let words: Vec<String> = read::value(matches, "ENDPOINT")
        .map(str::to_owned)
        .into_iter()
        .chain(read::values(matches, "MESSAGE"))
        .collect();
    let fail_if = read::values(matches, "fail-if");
    let outcome = if read::has(matches, "merge") {
        if words.is_empty() {
            return Err(refuse::usage("bench", "missing", "FILE"));
        }
        let reports = words.iter().map(|path| result(path)).collect::<Result<Vec<_>, _>>()?;
        merge(&reports, &fail_if).map_err(|fault| fault.doing("bench --merge"))?
    } else {
        let request = request(matches, &words, fail_if, desk.seed, desk.bounds.clone())?;
        let width = (desk.screen == test::Screen::Able).then(test::columns).flatten();
        let screen = screen::Screen::new(desk.words, desk.stderr.clone(), width);
        let outcome = sockeye::bench::run(&request, &screen, desk.views);
        screen.end();
        match outcome {
            Ok(outcome) => outcome,
            Err(Unreadable::Fault(fault)) => return Err(fault),
            Err(bad) => {
                let text = mistakes::text(desk.words, &bad, desk.look());
                desk.stderr.push(format!("{text}\n").as_bytes());
                return Ok(Ended::Told(exit::BAD_FILE));
            }
        }
    };
    if read::has(matches, "json") {
        desk.stdout.push(files::json(&outcome).as_bytes());
    } else {
        desk.stdout.push(text::result(desk.words, &outcome).as_bytes());
    }
    if let Some(path) = read::value(matches, "csv") {
        files::write(path, files::csv(&outcome.report).as_bytes())?;
    }
    if let Some(path) = read::value(matches, "hdr") {
        files::write(path, &sockeye::bench::hdr_log(&outcome.report))?;
    }
    if let Some(path) = read::value(matches, "html") {
        files::write(path, html::page(desk.words, &outcome)?.as_bytes())?;
    }
    Ok(ended(&outcome))
}

/// How the program ends: by the signal that ended the run, 1 if a condition is met, as an unanswered `ask` if nothing was
/// answered at all.
fn ended(outcome: &Outcome) -> Ended {
    if let Some(number) = outcome.signal {
        return Ended::Normally(End::Signal(number));
    }
    if outcome.has_failed() {
        return Ended::Told(exit::FAILED);
    }
    match outcome.nothing() {
        Some(code) => Ended::Told(exit::of_class(code.class())),
        None => Ended::Normally(End::Done),
    }
}

/// Reads a result that `--json` wrote.
fn result(path: &str) -> Result<Report, Fault> {
    let bad =
        |error: &dyn std::fmt::Display| Fault::new(Code::BadFile, "bench").arg("path", path).detail(error);
    let size = std::fs::metadata(path).map(|about| about.len());
    if size.is_ok_and(|size| size > RESULT) {
        return Err(bad(&"> 512 MiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Fault::new(Code::NoFile, "bench").arg("path", path),
        _ => bad(&error),
    })?;
    serde_json::from_str(&text).map_err(|error| bad(&error))
}

fn request(
    matches: &ArgMatches,
    words: &[String],
    fail_if: Vec<String>,
    seed: u64,
    bounds: Bounds,
) -> Result<Request, Fault> {
    let given = |id: &str| read::value(matches, id).map(str::to_owned);
    let number = |id: &str| read::number(matches, id, &format!("--{id}"), 0);
    let endpoint = words.first().cloned().ok_or_else(|| refuse::usage("bench", "missing", "ENDPOINT"))?;
    if let Some(extra) = words.get(2) {
        return Err(refuse::usage("bench", "extra", extra));
    }
    let vars = read::values(matches, "var");
    if !vars.is_empty() && read::value(matches, "script").is_none() {
        return Err(refuse::usage("bench", "missing", "--script"));
    }
    Ok(Request {
        endpoint,
        params: read::params(matches),
        message: words.get(1).cloned(),
        file: given("file"),
        script: given("script"),
        vars: test::variables(&vars)?,
        hex: read::has(matches, "hex"),
        size: given("size"),
        expect: given("expect"),
        verify: if read::has(matches, "no-verify") { Verify::Nothing } else { Verify::Bytes },
        mode: given("mode"),
        rate: given("rate"),
        connections: number("connections")?,
        pipeline: number("pipeline")?,
        threads: number("threads")?,
        duration: given("duration"),
        warmup: given("warmup"),
        requests: number("requests")?,
        fail_if,
        parting: if read::has(matches, "reset") { Closing::Reset } else { Closing::Fin },
        seed,
        bounds,
    })
}
