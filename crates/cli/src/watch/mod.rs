//! `watch`: from its words to the use case, and what happens as a live table, as lines or as JSON.

mod keys;
mod lines;
mod screen;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::ArgMatches;
use sockeye::core::{Fault, Note, SessionId};
use sockeye::probe::watch::{Event, Row};
use sockeye::watch::{Request, Show, Totals, Turn};
use sockeye::{End, Views};

use crate::grammar::{read, refuse};
use crate::ui::output::Output;
use crate::ui::paint::Paint;
use crate::words::Words;

/// How long the last word waits for what was told before to be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is written on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// A terminal that can be drawn on. Keys are read if stdin is one too.
    Drawn,
    /// Anything else: lines.
    Lines,
}

/// Whom `watch` talks to.
pub(crate) struct Desk<'a> {
    pub(crate) words: &'a Words,
    pub(crate) stdout: &'a Output,
    pub(crate) views: &'a Views,
    pub(crate) paint: Paint,
    pub(crate) surface: Surface,
}

impl Desk<'_> {
    /// Runs `watch` as it was typed.
    pub(crate) fn run(&self, matches: &ArgMatches) -> Result<End, Fault> {
        if !read::values(matches, "record").is_empty() {
            return Err(refuse::usage("watch", "conflict", "--record"));
        }
        let once = read::has(matches, "once");
        let request = Request {
            ports: read::values(matches, "port"),
            peers: read::values(matches, "peer"),
            states: read::values(matches, "state"),
            processes: read::values(matches, "process"),
            every: read::value(matches, "every").map(str::to_owned),
            once,
            time: read::value(matches, "timeout").map(str::to_owned),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        sockeye::on_next_signal(move |_| told.store(true, Ordering::Relaxed));
        let totals = if read::has(matches, "json") {
            let mut show = Objects { stdout: self.stdout, stop: &stop, begun: once };
            let totals = sockeye::watch::run(&request, &mut show)?;
            self.stdout.push(lines::totals_object("watched", &totals).as_bytes());
            return Ok(End::Done);
        } else if once {
            let width = (self.surface == Surface::Drawn).then(screen::size).flatten().map(|(width, _)| width);
            let mut show = Once { desk: self, width };
            sockeye::watch::run(&request, &mut show)?;
            return Ok(End::Done);
        } else if self.surface == Surface::Drawn {
            let mut screen =
                screen::Screen::open(self.words, self.stdout, self.paint, &stop, keys::Keys::open());
            sockeye::watch::run(&request, &mut screen)?
        } else {
            let mut show = lines::Lines {
                words: self.words,
                stdout: self.stdout,
                paint: self.paint,
                stop: &stop,
                views: self.views,
                begun: false,
            };
            sockeye::watch::run(&request, &mut show)?
        };
        // The terminal is itself again before more is said on it.
        self.stdout.finish(Some(PATIENCE));
        let note = Note::new("watch-totals")
            .arg("time", crate::sockets::brief(totals.age))
            .arg("opened", totals.opened)
            .arg("died", totals.died)
            .arg("missed", totals.missed);
        self.views.watcher.note(SessionId::default(), &note);
        Ok(End::Done)
    }
}

/// Whether the program was told to end. Whoever does not read makes it wait: what waits meanwhile is bounded elsewhere.
fn turn(stop: &AtomicBool, stdout: &Output) -> Turn {
    if stop.load(Ordering::Relaxed) {
        return Turn::End;
    }
    if stdout.is_full() {
        stdout.finish(None);
    }
    Turn::GoOn
}

/// One object an event.
struct Objects<'a> {
    stdout: &'a Output,
    stop: &'a AtomicBool,
    /// Whether it was told that the watch is on.
    begun: bool,
}

impl Show for Objects<'_> {
    fn event(&mut self, event: &Event) {
        self.stdout.push(lines::object(event).as_bytes());
    }

    fn missed(&mut self, at: Duration, count: u64) {
        self.stdout.push(lines::missed_object(at, count).as_bytes());
    }

    fn table(&mut self, _rows: &[&Row], totals: &Totals) {
        if !self.begun {
            self.begun = true;
            self.stdout.push(lines::totals_object("watching", totals).as_bytes());
        }
    }

    fn turn(&mut self) -> Turn {
        turn(self.stop, self.stdout)
    }
}

/// A line of each kind, for the test of the schema.
#[cfg(test)]
pub(crate) fn samples() -> Vec<String> {
    use sockeye::core::How;
    use sockeye::probe::sockets::{State, Timer};
    use sockeye::probe::watch::What;
    let event = |what| {
        let mut row = table::tests::row("127.0.0.1:80", State::Established);
        row.seen = Some(Duration::ZERO);
        row.socket.interface = 3;
        row.socket.congestion = Some("cubic".to_owned());
        row.socket.timer = Some((Timer::KeepAlive, Duration::from_secs(1)));
        lines::object(&Event { at: Duration::from_secs(1), how: How::Traced, what, row })
    };
    let totals = Totals::default();
    vec![
        event(What::Present),
        lines::totals_object("watching", &totals),
        event(What::Opened),
        event(What::Changed { from: None }),
        event(What::Died { last: Some(State::TimeWait) }),
        lines::missed_object(Duration::ZERO, 3),
        lines::totals_object("watched", &totals),
    ]
}

/// The table, once.
struct Once<'a> {
    desk: &'a Desk<'a>,
    width: Option<usize>,
}

impl Show for Once<'_> {
    fn event(&mut self, _event: &Event) {}

    fn missed(&mut self, _at: Duration, _count: u64) {}

    fn table(&mut self, rows: &[&Row], totals: &Totals) {
        let mut rows = rows.to_vec();
        table::Sort::State.sort(&mut rows);
        let text = table::text(self.desk.words, &rows, self.width, self.desk.paint);
        self.desk.stdout.push(text.join("\n").as_bytes());
        self.desk.stdout.push(b"\n");
        if totals.cut {
            self.desk.views.watcher.note(SessionId::default(), &Note::new("watch-cut"));
        }
    }

    fn turn(&mut self) -> Turn {
        Turn::End
    }
}
