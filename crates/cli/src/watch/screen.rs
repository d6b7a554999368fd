//! The live table on a terminal: redrawn after each look and each key, on a screen of its own that is gone afterwards.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sockeye::probe::watch::{Event, Row, What};
use sockeye::watch::{Show, Totals, Turn};

use super::keys::{Key, Keys};
use super::lines;
use super::table::{self, Sort, clipped};
use crate::fault::safe;
use crate::sockets::{address, brief, holder};
use crate::ui::columns::columns;
use crate::ui::output::Output;
use crate::ui::paint::{Colour, Paint};
use crate::words::Words;

/// The last deaths that are kept to be shown.
const DEATHS: usize = 6;

/// Characters of a filter at the most.
const TYPED: usize = 100;

/// Terminals smaller than this are drawn as if they were not.
const SMALLEST: (usize, usize) = (20, 6);

/// The terminal's columns and lines.
pub(super) fn size() -> Option<(usize, usize)> {
    let (width, height) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some((usize::from(width.0), usize::from(height.0)))
}

/// The screen.
pub(super) struct Screen<'a> {
    words: &'a Words,
    stdout: &'a Output,
    paint: Paint,
    stop: &'a AtomicBool,
    keys: Keys,
    sort: Sort,
    /// What is typed to find rows by, and whether it is being typed.
    filter: String,
    typing: bool,
    /// The row at the top.
    top: usize,
    rows: Vec<Row>,
    totals: Totals,
    deaths: VecDeque<String>,
    /// The size it was drawn for.
    drawn: Option<(usize, usize)>,
}

impl<'a> Screen<'a> {
    /// Turns to a screen of its own (xterm, private mode 1049), and hides the cursor.
    pub(super) fn open(
        words: &'a Words,
        stdout: &'a Output,
        paint: Paint,
        stop: &'a AtomicBool,
        keys: Keys,
    ) -> Self {
        stdout.push(b"\x1b[?1049h\x1b[?25l");
        Self {
            words,
            stdout,
            paint,
            stop,
            keys,
            sort: Sort::Rate,
            filter: String::new(),
            typing: false,
            top: 0,
            rows: Vec::new(),
            totals: Totals::default(),
            deaths: VecDeque::new(),
            drawn: None,
        }
    }

    /// Does what a key says. Whether it ends the watch.
    fn press(&mut self, key: Key, page: usize) -> Turn {
        if self.typing {
            match key {
                Key::Enter => self.typing = false,
                Key::Escape => (self.typing, self.filter) = (false, String::new()),
                Key::Erase => drop(self.filter.pop()),
                Key::Typed(character) if self.filter.chars().count() < TYPED => self.filter.push(character),
                _ => {}
            }
            self.top = 0;
            return Turn::GoOn;
        }
        match key {
            Key::Typed('q') => return Turn::End,
            Key::Typed('s') => self.sort = self.sort.next(),
            Key::Typed('/') => self.typing = true,
            Key::Typed('j') | Key::Down => self.top += 1,
            Key::Typed('k') | Key::Up => self.top = self.top.saturating_sub(1),
            Key::PageDown | Key::Typed(' ') => self.top += page,
            Key::PageUp => self.top = self.top.saturating_sub(page),
            Key::Home | Key::Typed('g') => self.top = 0,
            Key::End | Key::Typed('G') => self.top = self.rows.len(),
            Key::Escape => self.filter.clear(),
            _ => {}
        }
        Turn::GoOn
    }

    /// Whether a row has what is looked for anywhere in it.
    fn has(&self, row: &Row) -> bool {
        let socket = &row.socket;
        let mut text = format!("{} {} ", socket.protocol.name(), socket.state.name());
        let _ = write!(text, "{} {} ", address(socket.local), address(socket.peer));
        text.push_str(&holder(self.words, socket, &row.holder));
        text.to_lowercase().contains(&self.filter.to_lowercase())
    }

    fn draw(&mut self) {
        // Whoever does not look misses pictures, and no more.
        if self.stdout.is_full() {
            return;
        }
        self.drawn = size();
        let (width, height) = self.drawn.unwrap_or((80, 24));
        let lines = self.picture(width.max(SMALLEST.0), height.max(SMALLEST.1));
        let mut text = String::from("\x1b[H");
        for (at, line) in lines.iter().take(height.max(1)).enumerate() {
            if at > 0 {
                text.push_str("\r\n");
            }
            text.push_str(line);
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J");
        self.stdout.push(text.as_bytes());
    }

    /// The lines of a picture.
    fn picture(&mut self, width: usize, height: usize) -> Vec<String> {
        let deaths = self.deaths.len().min(height / 4);
        let foot = if deaths > 0 { deaths + 2 } else { 1 };
        let room = height.saturating_sub(foot + 2).max(1);
        let mut rows: Vec<&Row> = self.rows.iter().filter(|row| self.has(row)).collect();
        self.sort.sort(&mut rows);
        let shown = rows.len();
        let top = self.top.min(shown.saturating_sub(room));
        let rows = rows.get(top..).unwrap_or_default();
        let rows = &rows[..rows.len().min(room)];
        let table = table::text(self.words, rows, Some(width), self.paint);
        let mut lines = vec![clipped(&self.head(shown), width)];
        lines.extend(table);
        self.top = top;
        lines.resize(height.saturating_sub(foot), String::new());
        if deaths > 0 {
            let rule = self.words.plain("watch-deaths");
            lines.push(self.paint.on(Colour::Dim, &clipped(&rule, width)));
            let last = self.deaths.iter().skip(self.deaths.len() - deaths);
            lines.extend(last.map(|line| clipped(line, width)));
        }
        lines.push(self.bottom(width));
        lines
    }

    fn head(&self, shown: usize) -> String {
        let totals = &self.totals;
        let numbers = [totals.opened, totals.died, totals.missed].map(|number| number.to_string());
        let [opened, died, missed] = &numbers;
        let args = [
            ("shown", shown.to_string()),
            ("sockets", totals.sockets.to_string()),
            ("time", brief(totals.age)),
        ];
        let mut all: Vec<(&str, &str)> = args.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend([("opened", opened.as_str()), ("died", died), ("missed", missed)]);
        let mut text = self.words.say("watch-head", &all);
        if totals.cut {
            text.push_str("  ");
            text.push_str(&self.words.plain("note-watch-cut"));
        }
        text
    }

    fn bottom(&self, width: usize) -> String {
        if self.typing {
            // The end of what is typed stays in sight.
            let room = width.saturating_sub(2);
            let filter = safe(&self.filter);
            let mut typed = filter.as_str();
            while columns(typed) > room {
                typed = typed.char_indices().nth(1).map_or("", |(at, _)| &typed[at..]);
            }
            return format!("/{typed}▏");
        }
        let sort = self.words.plain(self.sort.key());
        let mut text = if self.keys.is_open() {
            self.words.say("watch-keys", &[("sort", &sort)])
        } else {
            self.words.say("watch-sorted", &[("sort", &sort)])
        };
        if !self.filter.is_empty() {
            text = format!("/{}  {text}", safe(&self.filter));
        }
        self.paint.on(Colour::Dim, &clipped(&text, width))
    }
}

impl Show for Screen<'_> {
    fn event(&mut self, event: &Event) {
        if !matches!(event.what, What::Died { .. }) {
            return;
        }
        if self.deaths.len() >= DEATHS {
            self.deaths.pop_front();
        }
        self.deaths.push_back(lines::line(self.words, event, Paint(false)));
    }

    fn missed(&mut self, _at: Duration, _count: u64) {}

    fn table(&mut self, rows: &[&Row], totals: &Totals) {
        self.rows = rows.iter().map(|row| (*row).clone()).collect();
        self.totals = *totals;
        self.draw();
    }

    fn turn(&mut self) -> Turn {
        let (mut drawn_anew, page) = (size() != self.drawn, self.drawn.map_or(10, |(_, height)| height / 2));
        for key in self.keys.pressed() {
            drawn_anew = true;
            if self.press(key, page) == Turn::End {
                return Turn::End;
            }
        }
        if drawn_anew {
            self.draw();
        }
        if self.stop.load(Ordering::Relaxed) { Turn::End } else { Turn::GoOn }
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        self.stdout.push(b"\x1b[?25h\x1b[?1049l");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::table::tests::row;
    use crate::words::Language;
    use sockeye::probe::sockets::State;

    fn screen<'a>(words: &'a Words, stdout: &'a Output, stop: &'a AtomicBool) -> Screen<'a> {
        stdout.hold();
        let mut screen = Screen::open(words, stdout, Paint(false), stop, Keys::closed());
        screen.rows = (1..=60).map(|port| row(&format!("127.0.0.1:{port}"), State::Established)).collect();
        screen
    }

    #[test]
    fn pictures_are_never_larger_than_the_terminal() {
        let (words, stdout, stop) = (Words::new(Language::Zh), Output::stderr(), AtomicBool::new(false));
        let mut screen = screen(&words, &stdout, &stop);
        screen.deaths.extend((0..6).map(|_| "x".repeat(300)));
        for (width, height) in [(20, 6), (40, 10), (80, 24), (200, 50)] {
            for typing in [false, true] {
                screen.typing = typing;
                let lines = screen.picture(width, height);
                assert_eq!(lines.len(), height, "{width}x{height}");
                let widest = lines.iter().map(|line| columns(line)).max();
                assert!(widest <= Some(width), "{width}x{height}: {lines:?}");
            }
        }
    }

    #[test]
    fn keys_scroll_sort_filter_and_end() {
        let (words, stdout, stop) = (Words::new(Language::En), Output::stderr(), AtomicBool::new(false));
        let mut screen = screen(&words, &stdout, &stop);
        screen.sort = Sort::Port;
        let first = |screen: &mut Screen<'_>| screen.picture(120, 24)[2].clone();
        assert!(first(&mut screen).contains("127.0.0.1:1 "));
        screen.press(Key::Down, 10);
        screen.press(Key::Typed('j'), 10);
        assert!(first(&mut screen).contains("127.0.0.1:3 "));
        screen.press(Key::PageDown, 10);
        assert!(first(&mut screen).contains("127.0.0.1:13 "));
        screen.press(Key::End, 10);
        assert!(screen.picture(120, 24).iter().any(|line| line.contains("127.0.0.1:60 ")));
        screen.press(Key::Typed('k'), 10);
        assert!(
            !screen.picture(120, 24).iter().any(|line| line.contains("127.0.0.1:60 ")),
            "not beyond the end"
        );
        for key in "/.1:59".chars() {
            screen.press(Key::Typed(key), 10);
        }
        assert_eq!(screen.press(Key::Typed('q'), 10), Turn::GoOn, "typed");
        screen.press(Key::Erase, 10);
        screen.press(Key::Enter, 10);
        assert!(first(&mut screen).contains("127.0.0.1:59 "));
        assert_eq!(screen.rows.iter().filter(|row| screen.has(row)).count(), 1);
        screen.press(Key::Escape, 10);
        screen.press(Key::Home, 10);
        assert!(first(&mut screen).contains("127.0.0.1:1 "));
        screen.press(Key::Typed('s'), 10);
        assert_eq!(screen.sort, Sort::Peer);
        assert_eq!(screen.press(Key::Typed('q'), 10), Turn::End);
    }
}
