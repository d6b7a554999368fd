//! What came of a run, in every shape there is: text for people, and `junit`, `tap`, `json` and `html` for whoever reads
//! those. Each is a fold over [`Summary`]; none knows how files are played.

pub(crate) mod compare;
pub(crate) mod failure;
mod html;
mod json;
mod junit;
mod tap;
pub(crate) mod text;

use std::fs;
use std::path::Path;

use sockeye::bounds::bad_value;
use sockeye::core::{Code, Fault};
use sockeye::script::play::Failure;
use sockeye::test::{Report, Summary, Verdict};

use crate::fault::safe;
use crate::mistakes::{self, Look};
use crate::ui::output::Output;
use crate::words::Words;

/// The shape of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// JUnit's XML.
    Junit,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// One JSON object: `docs/test-report.schema.json`.
    Json,
    /// A page in a directory.
    Html,
}

/// A report that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    shape: Shape,
    /// The file or directory; `None`: stdout.
    to: Option<String>,
}

/// Every shape, by its word, and whether it may go to stdout.
const SHAPES: &[(&str, Shape, &str)] = &[
    ("junit", Shape::Junit, "junit=FILE"),
    ("tap", Shape::Tap, "tap"),
    ("json", Shape::Json, "json"),
    ("html", Shape::Html, "html=DIR"),
];

impl Target {
    /// Reads the values of `--report`. At most one of them goes to stdout.
    pub(crate) fn read(values: &[String]) -> Result<Vec<Self>, Fault> {
        let targets = values.iter().map(|value| Self::parse(value)).collect::<Result<Vec<_>, _>>()?;
        let mut loud = targets.iter().zip(values).filter(|(target, _)| target.takes_stdout());
        if let (Some((_, first)), Some((_, second))) = (loud.next(), loud.next()) {
            return Err(Fault::new(Code::Contradiction, "test").arg("name", first).arg("other", second));
        }
        Ok(targets)
    }

    fn parse(value: &str) -> Result<Self, Fault> {
        let known = || {
            let words: Vec<&str> = SHAPES.iter().map(|(_, _, usage)| *usage).collect();
            bad_value("--report", value).detail(words.join(", "))
        };
        let (word, to) = match value.split_once('=') {
            Some((_, "")) => return Err(known()),
            Some((word, to)) => (word, Some(to.to_owned())),
            None => (value, None),
        };
        let (_, shape, _) = SHAPES.iter().find(|(name, ..)| *name == word).ok_or_else(known)?;
        if to.is_none() && matches!(shape, Shape::Junit | Shape::Html) {
            return Err(known());
        }
        Ok(Self { shape: *shape, to })
    }

    /// Whether it goes to stdout.
    pub(crate) const fn takes_stdout(&self) -> bool {
        self.to.is_none()
    }

    /// Writes the report.
    pub(crate) fn write(&self, told: &Told<'_>, summary: &Summary, stdout: &Output) -> Result<(), Fault> {
        let told = &Told { look: Look::Plain, ..*told };
        let text = match self.shape {
            Shape::Junit => junit::text(told, summary)?,
            Shape::Tap => tap::text(told, summary),
            Shape::Json => json::text(told, summary),
            Shape::Html => html::text(told, summary)?,
        };
        let Some(to) = &self.to else {
            stdout.push(text.as_bytes());
            return Ok(());
        };
        let mut path = Path::new(to).to_owned();
        let folder =
            if self.shape == Shape::Html { Some(path.clone()) } else { path.parent().map(Into::into) };
        if self.shape == Shape::Html {
            path.push("index.html");
        }
        let made = folder.map_or(Ok(()), fs::create_dir_all);
        let unwritable =
            |error| Fault::new(Code::Unwritable, "test").arg("path", path.display()).detail(error);
        made.and_then(|()| fs::write(&path, text)).map_err(unwritable)
    }
}

/// How a run is told of.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    /// The sentences.
    pub(crate) words: &'a Words,
    /// What was typed besides files, to run one again: quoted for a shell.
    /// `None`: it cannot be run again by its name.
    pub(crate) rerun: Option<&'a str>,
    /// How mistakes in files are drawn.
    pub(crate) look: Look,
}

impl Told<'_> {
    /// The lines below a result's first.
    pub(crate) fn body(&self, report: &Report) -> Vec<String> {
        let mut lines = match &report.verdict {
            Verdict::Skipped => return Vec::new(),
            // What passed at last is told with how it failed before; all of it stands in the other reports' fields.
            Verdict::Passed => self.earlier(report),
            Verdict::Bad(bad) => {
                let text = mistakes::text(self.words, bad, self.look);
                return text.lines().map(|line| format!("  {line}")).collect();
            }
            Verdict::Failed(failure) => failure::lines(self.words, failure, Some(report)),
        };
        if let Some(command) = self.command(report).filter(|_| !lines.is_empty()) {
            lines.push(format!("  {}", self.words.say("test-rerun", &[("command", &command)])));
        }
        if !report.kept.is_empty() {
            let paths = safe(&report.kept.join(", "));
            lines.push(format!("  {}", self.words.say("test-kept", &[("paths", &paths)])));
        }
        lines
    }

    /// How the attempts before the last one failed, a line each.
    fn earlier(&self, report: &Report) -> Vec<String> {
        let line = |(number, failure): (usize, &Failure)| {
            let spot = safe(&failure.spot.to_string());
            let why = failure::sentence(self.words, failure);
            let number = (number + 1).to_string();
            let args = [("attempt", number.as_str()), ("spot", &spot), ("why", &why)];
            format!("  {}", self.words.say("test-earlier", &args))
        };
        report.earlier.iter().map(|failure| &**failure).enumerate().map(line).collect()
    }

    /// The command line that runs a file again.
    pub(crate) fn command(&self, report: &Report) -> Option<String> {
        let rerun = self.rerun?;
        let seed = match &report.verdict {
            Verdict::Failed(failure) if !rerun.contains("--seed") => format!(" --seed {}", failure.seed),
            _ => String::new(),
        };
        Some(format!("sockeye test {}{rerun}{seed}", shell(&report.file)))
    }
}

/// A word as a shell reads it. What could act on a terminal is written as `$'\x1b'`.
pub(crate) fn shell(word: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric()
            || "-_./=:,+@%".contains(c)
            || (!c.is_ascii() && safe(&c.to_string()) == c.to_string())
    };
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if safe(word) == word {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        format!("$'{}'", safe(&word.replace('\\', r"\\")).replace('\'', r"\'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_name_their_shape_and_their_place() {
        let read = |values: &[&str]| {
            Target::read(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
        };
        assert!(read(&["junit=a.xml", "tap", "json=b.json", "html=out"]).is_ok());
        for bad in [&["junit"][..], &["html"], &["tap="], &["xml=a"], &["tap", "json"], &[""]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(shell("a/b.skt"), "a/b.skt");
        assert_eq!(shell("你好.skt"), "你好.skt");
        assert_eq!(shell("it's here"), r"'it'\''s here'");
        assert_eq!(shell("a\x1bb'"), r"$'a\x1bb\''");
    }
}
