//! `test`: from its words to the use case, and what came of it as text, reports and an exit code.

use clap::ArgMatches;
use sockeye::bounds::bad_value;
use sockeye::core::{Fault, Note, SessionId};
use sockeye::recording::{About, Kind, Subject};
use sockeye::script::Vars;
use sockeye::test::format::{self, Formatted, Manner};
use sockeye::test::{MOST_JOBS, Request, Summary, Until, Verdict};
use sockeye::wire::notation;
use sockeye::{Bounds, End, Views};

use crate::exit::{self, Ended};
use crate::grammar::{read, refuse};
use crate::mistakes::{self, Look};
use crate::progress::Progress;
use crate::recording::Current;
use crate::report::{Target, Told, shell, text};
use crate::ui::output::Output;
use crate::ui::paint::Paint;
use crate::words::Words;

/// Words in the name of a variable whose value is nobody's business.
const SECRET: &[&str] = &["pass", "secret", "token", "key"];

/// Where results go, and how.
pub(crate) struct Desk<'a> {
    /// The sentences.
    pub(crate) words: &'a Words,
    /// For reports.
    pub(crate) stdout: &'a Output,
    /// For people.
    pub(crate) stderr: &'a Output,
    /// Who is shown the sessions.
    pub(crate) views: &'a Views,
    /// Whether stderr is a terminal that can draw.
    pub(crate) screen: Screen,
    /// Whether stderr is painted.
    pub(crate) paint: Paint,
    /// What randomness is drawn from.
    pub(crate) seed: u64,
    /// Bounds given as flags.
    pub(crate) bounds: Bounds,
}

/// What stderr is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// A terminal that can do more than print.
    Able,
    /// A terminal that cannot.
    Dumb,
    /// No terminal.
    None,
}

impl Desk<'_> {
    /// How mistakes in files are drawn.
    pub(crate) const fn look(&self) -> Look {
        look(self.screen, self.paint)
    }
}

/// How mistakes in files are drawn on stderr.
pub(crate) const fn look(screen: Screen, paint: Paint) -> Look {
    match screen {
        Screen::Dumb => Look::Ascii,
        _ if paint.0 => Look::Painted,
        _ => Look::Plain,
    }
}

/// How wide the terminal is, in columns.
pub(crate) fn columns() -> Option<u16> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| width.0)
}

/// Runs `test` as it was typed.
pub(crate) fn run(desk: &Desk<'_>, matches: &ArgMatches, recording: &Current) -> Result<Ended, Fault> {
    let paths = read::values(matches, "FILE");
    if read::has(matches, "fmt") || read::has(matches, "check") {
        return reformat(desk, matches, &paths);
    }
    let targets = Target::read(&read::values(matches, "report"))?;
    let events = read::has(matches, "json");
    if events && targets.iter().any(Target::takes_stdout) {
        return Err(refuse::usage("test", "conflict", "--json"));
    }
    let timeout = read::value(matches, "timeout").map(|value| sockeye::bounds::span("--timeout", value));
    let jobs =
        read::number(matches, "jobs", "--jobs", 0)?.map(|jobs| usize::try_from(jobs).unwrap_or(usize::MAX));
    if let Some(jobs) = jobs.filter(|jobs| !(1..=MOST_JOBS).contains(jobs)) {
        return Err(bad_value("--jobs", &jobs.to_string()).detail(format!("1…{MOST_JOBS}")));
    }
    let retries = read::number(matches, "retry", "--retry", 0)?.unwrap_or(0);
    let request = Request {
        paths,
        vars: variables(&read::values(matches, "var"))?,
        jobs,
        retries: u32::try_from(retries).map_err(|_| bad_value("--retry", &retries.to_string()))?,
        until: if read::has(matches, "fail-fast") { Until::FirstFailure } else { Until::All },
        seed: desk.seed,
        timeout: timeout.transpose()?,
        bounds: desk.bounds.clone(),
        artifacts: read::value(matches, "artifacts").map(str::to_owned),
    };
    let told = Told { words: desk.words, rerun: Some(&rerun(matches)), look: desk.look() };
    let width = (desk.screen == Screen::Able && !events).then(columns).flatten();
    let progress = Progress::new(told, desk.paint, desk.stderr.clone(), width);
    let paths = request.paths.join(" ");
    let about = || recorded(&read::values(matches, "record"), paths, desk.seed);
    let summary =
        recording.around(matches, desk.views, about, |views| sockeye::test::run(&request, &progress, views));
    progress.end();
    let summary = summary?;
    desk.stderr.push(format!("{}\n", text::summary(desk.words, &summary)).as_bytes());
    for target in &targets {
        target.write(&told, &summary, desk.stdout)?;
    }
    Ok(ended(&summary))
}

/// What a recording of a run is of. Files of many peers are no one conversation, so only what has no such shape is
/// written: packets and events.
fn recorded(targets: &[String], paths: String, seed: u64) -> Result<About, Fault> {
    for target in targets {
        if !matches!(Kind::of(target)?, Kind::Packets | Kind::Lines) {
            return Err(bad_value("--record", target).detail("FILE.pcapng, FILE.jsonl"));
        }
    }
    Ok(About { verb: "test".to_owned(), subject: Subject::Client { endpoint: paths }, seed: Some(seed) })
}

/// How the program ends after a run.
pub(crate) fn ended(summary: &Summary) -> Ended {
    let any = |wanted: fn(&Verdict) -> bool| summary.reports.iter().any(|report| wanted(&report.verdict));
    if any(|verdict| matches!(verdict, Verdict::Bad(_))) {
        return Ended::Told(exit::BAD_FILE);
    }
    if any(|verdict| matches!(verdict, Verdict::Failed(_))) {
        return Ended::Told(exit::FAILED);
    }
    match summary.signal {
        Some(number) => Ended::Normally(End::Signal(number)),
        // What was not run has not passed.
        None if any(|verdict| matches!(verdict, Verdict::Skipped)) => Ended::Told(exit::FAILED),
        None => Ended::Normally(End::Done),
    }
}

/// Reads `NAME=VALUE`s. A value may be written as bytes, `hex:…` or `b64:…`.
pub(crate) fn variables(values: &[String]) -> Result<Vars, Fault> {
    let mut vars = Vars::default();
    for value in values {
        let bad = || bad_value("--var", value).detail("NAME=VALUE");
        let (name, text) = value.split_once('=').filter(|(name, _)| is_name(name)).ok_or_else(bad)?;
        let is_bytes = text.starts_with("hex:") || text.starts_with("b64:");
        let bytes = if is_bytes { notation::parse(text)? } else { text.as_bytes().to_vec() };
        if !vars.set(name, &bytes) {
            return Err(bad());
        }
    }
    Ok(vars)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// What was typed besides files, as far as it decides what happens. A secret is left for the person to fill in.
fn rerun(matches: &ArgMatches) -> String {
    let mut words = Vec::new();
    for value in read::values(matches, "var") {
        let name = value.split('=').next().unwrap_or_default();
        let hidden = SECRET.iter().any(|word| name.to_ascii_lowercase().contains(word));
        let shown = if hidden { format!("{name}=…") } else { value.clone() };
        words.push(format!(" --var {}", shell(&shown)));
    }
    for (flag, id) in [("--timeout", "timeout"), ("--seed", "seed"), ("--max-message", "max-message")] {
        if let Some(value) = read::value(matches, id) {
            words.push(format!(" {flag} {}", shell(value)));
        }
    }
    words.concat()
}

/// `--fmt`: writes files the canonical way, or says which are not.
fn reformat(desk: &Desk<'_>, matches: &ArgMatches, paths: &[String]) -> Result<Ended, Fault> {
    if !read::has(matches, "fmt") {
        return Err(refuse::usage("test", "missing", "--fmt"));
    }
    let manner = if read::has(matches, "check") { Manner::Check } else { Manner::Write };
    let (mut changed, mut bad) = (0, 0);
    format::run(paths, manner, |path, formatted| match formatted {
        Formatted::Same => {}
        Formatted::Changed => {
            changed += 1;
            let note = match manner {
                Manner::Write => Note::new("formatted"),
                Manner::Check => Note::new("unformatted"),
            };
            desk.views.watcher.note(SessionId::default(), &note.arg("path", path));
        }
        Formatted::Bad(mistakes) => {
            bad += 1;
            let text = mistakes::text(desk.words, mistakes, desk.look());
            desk.stderr.push(format!("{text}\n").as_bytes());
        }
    })?;
    Ok(match (bad, changed, manner) {
        (1.., ..) => Ended::Told(exit::BAD_FILE),
        (_, 1.., Manner::Check) => Ended::Told(exit::FAILED),
        _ => Ended::Normally(End::Done),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_text_or_bytes() {
        let values = ["a=1=2", "b=hex:00ff", "c=", "名=好"].map(str::to_owned);
        let vars = variables(&values).unwrap();
        assert_eq!(vars.get("a"), Some(&b"1=2"[..]));
        assert_eq!((vars.get("b"), vars.get("c")), (Some(&[0, 255][..]), Some(&b""[..])));
        assert_eq!(vars.get("名"), Some("好".as_bytes()));
        for bad in ["a", "=1", "a b=1", "a=hex:0"] {
            assert!(variables(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
