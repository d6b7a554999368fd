//! `check`: from its words to the use case; the ladder as lines that come when they are found, and the verdict in one
//! sentence.

mod json;
mod text;
mod verdict;

use std::time::{Duration, Instant};

use clap::ArgMatches;
use sockeye::check::{self, EVERY, LEAST, Outcome, Plan, Request};
use sockeye::core::Fault;
use sockeye::{End, Views};

use crate::exit::{self, Ended};
use crate::fault::safe;
use crate::grammar::{read, refuse};
use crate::ui::output::Output;
use crate::ui::paint::Paint;
use crate::words::Words;

/// Where a check goes, and how.
pub(crate) struct Desk<'a> {
    /// The sentences.
    pub(crate) words: &'a Words,
    /// Where lines go.
    pub(crate) stdout: &'a Output,
    /// Who is told of faults.
    pub(crate) views: &'a Views,
    /// Whether stdout is painted.
    pub(crate) paint: Paint,
    /// How wide stdout is, if it is a screen.
    pub(crate) width: Option<usize>,
}

/// Runs `check` as it was typed.
pub(crate) fn run(desk: &Desk<'_>, matches: &ArgMatches) -> Result<Ended, Fault> {
    if !read::values(matches, "record").is_empty() {
        return Err(refuse::usage("check", "conflict", "--record"));
    }
    let params = read::params(matches);
    // All are understood before the first is asked anything.
    let plans = read::values(matches, "TARGET")
        .into_iter()
        .map(|target| check::plan(&Request { target, params: params.clone() }, desk.views))
        .collect::<Result<Vec<Plan>, Fault>>()?;
    let every =
        read::value(matches, "every").map(|value| sockeye::bounds::span("--every", value)).transpose()?;
    if every.is_some_and(|every| every < LEAST) {
        return Err(sockeye::bounds::bad_value("--every", read::value(matches, "every").unwrap_or_default()));
    }
    let is_json = read::has(matches, "json");
    if read::has(matches, "watch") || every.is_some() {
        watch(desk, &plans, every.unwrap_or(EVERY), is_json);
    }
    let mut failed = false;
    for (at, plan) in plans.iter().enumerate() {
        if at > 0 && !is_json {
            desk.stdout.push(b"\n");
        }
        failed |= !once(desk, plan, is_json, None).verdict.is_ok();
    }
    Ok(if failed { Ended::Told(exit::FAILED) } else { Ended::Normally(End::Done) })
}

/// One check of one target, told as it goes. `round`: which of a watch's, from 1.
fn once(desk: &Desk<'_>, plan: &Plan, is_json: bool, round: Option<u64>) -> Outcome {
    let page = text::Page::new(desk.words, desk.paint, plan.goal(), desk.width);
    if !is_json {
        desk.stdout.push(format!("{}\n", safe(plan.target())).as_bytes());
    }
    let outcome = plan.run(|step, findings| {
        let told = if is_json {
            json::step(plan.target(), step, findings, round)
        } else {
            page.step(step, findings)
        };
        desk.stdout.push(told.as_bytes());
    });
    let told = if is_json { json::verdict(&outcome, round) } else { verdict::sentence(desk, &outcome) };
    desk.stdout.push(told.as_bytes());
    outcome
}

/// Checks again and again, until a signal ends the program. People are told everything once, and then what changes.
fn watch(desk: &Desk<'_>, plans: &[Plan], every: Duration, is_json: bool) -> ! {
    let began = Instant::now();
    let mut before: Vec<Outcome> = Vec::new();
    let mut round = 0_u64;
    loop {
        round = round.saturating_add(1);
        let due = Instant::now() + every;
        for (at, plan) in plans.iter().enumerate() {
            let outcome = if is_json || before.len() <= at {
                once(desk, plan, is_json, Some(round))
            } else {
                plan.run(|_, _| {})
            };
            match before.get_mut(at) {
                Some(known) => {
                    let changes = check::changes(known, &outcome);
                    let told = if is_json {
                        json::changes(&outcome, &changes, round)
                    } else {
                        verdict::changes(desk, &outcome, &changes, began.elapsed())
                    };
                    desk.stdout.push(told.as_bytes());
                    *known = outcome;
                }
                None => before.push(outcome),
            }
        }
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
    }
}
