//! `addr`: from its words to the use case, and the answer as text, JSON and an exit code.

mod json;
mod machine;
mod same;
mod text;
mod wrong;

use clap::ArgMatches;
use sockeye::End;
use sockeye::addr::{self, Into, Outcome, Request, System};
use sockeye::core::Fault;

use crate::exit::{self, Ended};
use crate::grammar::{read, refuse};
use crate::ui::columns::columns;
use crate::ui::output::Output;
use crate::ui::paint::Paint;
use crate::words::Words;

/// Where the answer goes, and how.
pub(crate) struct Sink<'a> {
    /// The sentences.
    pub(crate) words: &'a Words,
    /// Where to.
    pub(crate) stdout: &'a Output,
    /// Whether it is painted.
    pub(crate) paint: Paint,
}

/// Runs `addr` as it was typed.
pub(crate) fn run(sink: &Sink<'_>, matches: &ArgMatches) -> Result<Ended, Fault> {
    let outcome = addr::run(&request(matches).map_err(|fault| fault.doing("addr"))?, &System)?;
    let text = if read::has(matches, "json") { json::lines(&outcome) } else { sink.text(&outcome) };
    sink.stdout.push(text.as_bytes());
    Ok(match &outcome {
        Outcome::Invalid(_) => Ended::Told(exit::of_class(sockeye::core::fault::Class::Usage)),
        Outcome::Same(same) if !same.is_same() => Ended::Told(exit::FAILED),
        _ => Ended::Normally(End::Done),
    })
}

impl Sink<'_> {
    fn text(&self, outcome: &Outcome) -> String {
        let (words, paint) = (self.words, self.paint);
        match outcome {
            Outcome::Machine(machine) => machine::page(words, paint, machine),
            Outcome::About(about) => text::about(words, paint, about),
            Outcome::Invalid(wrong) => wrong::page(words, paint, wrong),
            Outcome::Same(found) => same::page(words, paint, found),
            Outcome::Split(split) => text::split(words, split),
            Outcome::Summary(summary) => text::summary(words, summary),
        }
    }
}

/// What the words and flags ask for.
fn request(matches: &ArgMatches) -> Result<Request, Fault> {
    if !read::values(matches, "record").is_empty() {
        return Err(refuse::usage("addr", "conflict", "--record"));
    }
    let words = read::values(matches, "ADDR");
    let split = read::value(matches, "split").map(|prefix| Into::Prefix(prefix.to_owned()));
    let pieces = read::number(matches, "split-into", "--split-into", 1)?.map(Into::Pieces);
    let (same, summarize) = (read::has(matches, "same"), read::has(matches, "summarize"));
    let ways = [split.is_some(), pieces.is_some(), same, summarize];
    if ways.iter().filter(|way| **way).count() > 1 {
        return Err(refuse::usage("addr", "conflict", "--same|--split|--split-into|--summarize"));
    }
    let most = match (same, summarize) {
        (true, _) => 2,
        (_, true) => usize::MAX,
        _ if split.is_some() || pieces.is_some() => 1,
        _ => 2,
    };
    if let Some(extra) = words.get(most) {
        return Err(refuse::usage("addr", "extra", extra));
    }
    let missing = || refuse::usage("addr", "missing", "ADDR");
    let mut words = words.into_iter();
    if summarize {
        let networks: Vec<String> = words.collect();
        return if networks.is_empty() { Err(missing()) } else { Ok(Request::Summarize(networks)) };
    }
    let first = words.next();
    if same {
        let (from, to) = first.zip(words.next()).ok_or_else(missing)?;
        return Ok(Request::Same { from, to });
    }
    if let Some(into) = split.or(pieces) {
        return Ok(Request::Split { network: first.ok_or_else(missing)?, into });
    }
    Ok(match first {
        None => Request::Machine,
        Some(address) => Request::About { address, mask: words.next() },
    })
}

/// Rows of a label and a text, the texts below each other.
pub(super) fn rows(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(label, _)| columns(label)).max().unwrap_or(0) + 2;
    let mut text = String::new();
    for (label, value) in rows {
        for (at, line) in value.lines().enumerate() {
            let label = if at == 0 { label.as_str() } else { "" };
            let gap = " ".repeat(width - columns(label));
            text.push_str(format!("  {label}{gap}{line}").trim_end());
            text.push('\n');
        }
    }
    text
}
