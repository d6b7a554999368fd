//! How a run of tests gets on: a bar on a terminal that can draw one, and in any case a line as each file ends.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use sockeye::test::{Report, Verdict, Watch};

use crate::report::{Told, text};
use crate::ui::output::Output;
use crate::ui::paint::Paint;

/// How often a bar is drawn anew, a second.
const RATE: u8 = 10;

/// What a bar looks like; the numbers need no language.
const STYLE: &str = "{bar:24} {pos}/{len}  {msg}";

/// Files under way that a bar names.
const NAMED: usize = 3;

/// Who is told how a run gets on.
pub(crate) struct Progress<'a> {
    told: Told<'a>,
    paint: Paint,
    stderr: Output,
    bar: Option<ProgressBar>,
    under_way: Mutex<Vec<String>>,
}

impl<'a> Progress<'a> {
    /// Tells on `stderr`; with `width`, in columns, of a terminal on which a bar may be drawn.
    pub(crate) fn new(told: Told<'a>, paint: Paint, stderr: Output, width: Option<u16>) -> Self {
        let bar = width.map(|width| {
            let terminal = Terminal { output: stderr.clone(), width };
            let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal), RATE);
            let style = ProgressStyle::with_template(STYLE).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(None, target).with_style(style.progress_chars("━╸ "))
        });
        Self { told, paint, stderr, bar, under_way: Mutex::default() }
    }

    /// Takes the bar off the screen.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.stderr.push(format!("{text}\n").as_bytes())),
            None => self.stderr.push(format!("{text}\n").as_bytes()),
        }
    }

    fn name(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut names = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut names);
        if let Some(bar) = &self.bar {
            let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            bar.set_message(if names.len() > NAMED { format!("{shown}, …") } else { shown });
        }
    }
}

impl Watch for Progress<'_> {
    fn planned(&self, files: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(files as u64);
            bar.enable_steady_tick(Duration::from_millis(250));
        }
    }

    fn began(&self, file: &str) {
        let file = crate::fault::safe(file);
        self.name(|names| names.push(file));
    }

    fn ended(&self, report: &Report) {
        let file = crate::fault::safe(&report.file);
        self.name(|names| names.retain(|name| *name != file));
        if !matches!(report.verdict, Verdict::Skipped) {
            self.line(&text::report(&self.told, report, self.paint));
        }
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }
}

/// Stderr as the bar draws on it (ECMA-48 CUU, CUD, CUF, CUB, EL).
pub(crate) struct Terminal {
    /// Where it is.
    pub(crate) output: Output,
    /// How wide it is, in columns.
    pub(crate) width: u16,
}

impl Terminal {
    fn moved(&self, by: usize, to: char) -> io::Result<()> {
        if by > 0 { self.write_str(&format!("\x1b[{by}{to}")) } else { Ok(()) }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("width", &self.width).finish_non_exhaustive()
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        // It may have been made wider or narrower since.
        crate::test::columns().unwrap_or(self.width)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.write_str(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.output.push(s.as_bytes());
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\x1b[K")
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
