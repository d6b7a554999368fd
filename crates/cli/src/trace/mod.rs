//! `trace`: from its words to the use case, and what was seen as a ladder, JSON, files and an exit code.

mod html;
mod json;
mod rows;
mod svg;
mod text;

use clap::ArgMatches;
use sockeye::core::{Code, Fault};
use sockeye::trace::server::{Teller, Told};
use sockeye::trace::{Request, Until};
use sockeye::{End, ask};

use crate::grammar::{read, refuse};
use crate::test::{Desk, Screen};
use crate::ui::output::Output;
use crate::ui::paint::Paint;
use crate::words::Words;
use rows::Depth;
use text::{Ink, Look};

/// Runs `trace` as it was typed.
pub(crate) fn run(desk: &Desk<'_>, matches: &ArgMatches, stdout: Stdout) -> Result<End, Fault> {
    // Packets and events of a trace have files of their own.
    if !read::values(matches, "record").is_empty() {
        return Err(refuse::usage("trace", "conflict", "--record"));
    }
    let quiet = read::value(matches, "quiet").map(|value| sockeye::bounds::span("--quiet", value));
    let packets = read::value(matches, "pcapng").map(str::to_owned);
    let request = Request {
        ask: ask::Request {
            endpoint: read::value(matches, "ENDPOINT").unwrap_or_default().to_owned(),
            params: read::params(matches),
            messages: read::values(matches, "MESSAGE"),
            hex: read::has(matches, "hex"),
            replies: read::number(matches, "number", "--number", 1)?.unwrap_or(1),
            quiet: quiet.transpose()?.unwrap_or(ask::QUIET),
            apart: false,
            bounds: desk.bounds.clone(),
        },
        until: if read::has(matches, "wait") { Until::Closed } else { Until::Quiet },
        packets: packets.clone(),
    };
    let outcome = sockeye::trace::run(&request, desk.views)?;
    if read::has(matches, "json") {
        desk.stdout.push(json::lines(&outcome).as_bytes());
        if let Some(blind) = &outcome.blind {
            desk.stderr.push(format!("{}\n", text::blindness(desk.words, blind).join("\n")).as_bytes());
        }
    } else {
        let look = look(desk, matches, stdout);
        desk.stdout.push(text::page(desk.words, &outcome, look).as_bytes());
    }
    if let Some(path) = read::value(matches, "svg")
        && let Some(story) = outcome.stories.last()
    {
        write(path, svg::picture(desk.words, story, &outcome.endpoint)?.as_bytes())?;
    }
    if let Some(path) = read::value(matches, "html") {
        write(path, html::page(desk.words, &outcome)?.as_bytes())?;
    }
    if let (Some(path), Some(bytes)) = (&packets, outcome.pcapng()) {
        write(path, &bytes)?;
    }
    outcome.fault.map_or(Ok(End::Done), Err)
}

/// How wide the terminal on stdout is, in columns.
pub(crate) fn columns() -> Option<u16> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0)
}

/// What stdout is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stdout {
    /// Its columns, where it is a terminal.
    pub(crate) columns: Option<u16>,
    /// Whether it is painted.
    pub(crate) paint: Paint,
}

fn look(desk: &Desk<'_>, matches: &ArgMatches, stdout: Stdout) -> Look {
    Look {
        width: stdout.columns.map_or(80, usize::from),
        paint: stdout.paint,
        ink: if desk.screen == Screen::Dumb { Ink::Ascii } else { Ink::Lines },
        depth: if matches.get_count("verbose") > 0 { Depth::Absolute } else { Depth::Usual },
    }
}

/// Where `serve --trace` tells of its sessions, and how.
pub(crate) struct Page {
    words: Words,
    to: Output,
    look: Look,
    is_json: bool,
}

impl Page {
    /// Ladders go to stderr, as all that is no payload; with `--json` their lines go to stdout beside the events.
    pub(crate) fn of(desk: &Desk<'_>, matches: &ArgMatches, columns: Option<u16>) -> Self {
        let is_json = read::has(matches, "json");
        let to = if is_json { desk.stdout.clone() } else { desk.stderr.clone() };
        let look = look(desk, matches, Stdout { columns, paint: desk.paint });
        Self { words: desk.words.again(), to, look, is_json }
    }

    /// Tells of sessions as they end.
    pub(crate) fn teller(self) -> Teller {
        Box::new(move |told| {
            let text = if self.is_json {
                json::story(&told.story, told.session.0, told.blind.as_ref())
            } else {
                self.ladder(told)
            };
            self.to.push(text.as_bytes());
        })
    }

    fn ladder(&self, told: &Told) -> String {
        let mut text = String::new();
        for line in told.blind.iter().flat_map(|blind| text::blindness(&self.words, blind)) {
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(&text::ladder(&self.words, &told.story, self.look, &format!("#{}", told.session)));
        let missed = told.lost.dropped + told.lost.left_out;
        for (key, count) in [("trace-lost", missed), ("trace-untold", told.untold)] {
            if count > 0 {
                text.push_str(&self.words.say(key, &[("count", &count.to_string())]));
                text.push('\n');
            }
        }
        text
    }
}

/// Writes a file.
fn write(path: &str, bytes: &[u8]) -> Result<(), Fault> {
    std::fs::write(path, bytes)
        .map_err(|error| Fault::new(Code::Unwritable, "trace").arg("path", path).detail(error))
}
