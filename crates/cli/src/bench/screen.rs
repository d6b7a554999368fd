//! How a load gets on: a bar with the rate as a line of small columns, on a terminal that can draw one. The steps of a
//! search are lines in any case: they are part of the result.

use std::cell::RefCell;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sockeye::bench::{Condition, Moment, Step, Watch};

use super::text::{actual, per_second, time};
use crate::progress::Terminal;
use crate::ui::output::Output;
use crate::words::Words;

/// How often the bar is drawn anew, a second.
const RATE: u8 = 10;

/// What the bar looks like; the numbers need no language.
const STYLE: &str = "{bar:12} {pos}/{len} s  {wide_msg}";

/// Seconds that the small columns show.
const SHOWN: usize = 32;

/// Small columns, by height.
const HEIGHTS: &[char] = &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Who is told how a load gets on.
pub(super) struct Screen<'a> {
    words: &'a Words,
    stderr: Output,
    bar: Option<ProgressBar>,
    rates: RefCell<Vec<f64>>,
    errors: RefCell<u64>,
}

impl<'a> Screen<'a> {
    /// Tells on `stderr`; with `width`, in columns, of a terminal on which a bar may be drawn.
    pub(super) fn new(words: &'a Words, stderr: Output, width: Option<u16>) -> Self {
        let bar = width.map(|width| {
            let terminal = Terminal { output: stderr.clone(), width };
            let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal), RATE);
            let style = ProgressStyle::with_template(STYLE).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(Some(0), target).with_style(style.progress_chars("━╸ "))
        });
        Self { words, stderr, bar, rates: RefCell::default(), errors: RefCell::default() }
    }

    /// Takes the bar off the screen.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        let line = format!("{text}\n");
        match &self.bar {
            Some(bar) => bar.suspend(|| self.stderr.push(line.as_bytes())),
            None => self.stderr.push(line.as_bytes()),
        }
    }
}

impl sockeye::bench::LoadWatch for Screen<'_> {
    fn moment(&self, moment: &Moment) {
        let Some(bar) = &self.bar else { return };
        match moment {
            Moment::Asking => bar.set_message(self.words.plain("bench-asking")),
            Moment::Opening => {
                self.rates.borrow_mut().clear();
                bar.set_length(0);
                bar.set_position(0);
                bar.set_message(self.words.plain("bench-opening"));
            }
            Moment::Warming(_) => bar.set_message(self.words.plain("bench-warming")),
            Moment::Waiting => bar.set_message(self.words.plain("bench-waiting")),
            Moment::Second(second, whole) => {
                let mut rates = self.rates.borrow_mut();
                let rate = second.requests as f64 / second.length.max(1e-3);
                rates.push(rate);
                *self.errors.borrow_mut() += second.errors;
                let errors = *self.errors.borrow();
                let failed = if errors > 0 {
                    format!("  {}", self.words.say("bench-live-errors", &[("count", &errors.to_string())]))
                } else {
                    String::new()
                };
                // A run by number has no length that could be told before.
                let known = *whole < 86_400.0;
                bar.set_length(if known { whole.ceil() as u64 } else { rates.len() as u64 });
                bar.set_position(rates.len() as u64);
                // What goes one way has no latency.
                let times = if second.p99 > 0.0 {
                    format!("  p50 {}  p99 {}", time(second.p50), time(second.p99))
                } else {
                    String::new()
                };
                bar.set_message(format!("{}{times}{failed}  {}", per_second(rate), sparkline(&rates)));
            }
        }
    }
}

impl Watch for Screen<'_> {
    fn trying(&self, rate: f64) {
        if let Some(bar) = &self.bar {
            bar.set_message(self.words.say("bench-trying", &[("rate", &per_second(rate))]));
        }
    }

    fn tried(&self, step: &Step, promise: &Condition) {
        let key = match (step.held, step.client_bound) {
            (true, _) => "bench-step-held",
            (false, false) => "bench-step-broken",
            (false, true) => "bench-step-client",
        };
        let metric = promise.text.split('=').next().unwrap_or_default();
        let (asked, rate) = (per_second(step.asked), per_second(step.rate));
        let actual = format!("{metric} {}", actual(promise, step.actual.unwrap_or(f64::INFINITY)));
        self.line(&self.words.say(key, &[("asked", &asked), ("rate", &rate), ("actual", &actual)]));
    }
}

/// The last values as small columns; the highest is full.
fn sparkline(values: &[f64]) -> String {
    let last = &values[values.len().saturating_sub(SHOWN)..];
    let most = last.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let height = |value: &f64| {
        let step = (value / most * HEIGHTS.len() as f64).ceil() as usize;
        HEIGHTS[step.clamp(1, HEIGHTS.len()) - 1]
    };
    last.iter().map(height).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_column_is_full() {
        assert_eq!(sparkline(&[0.0, 1.0, 4.0, 8.0]), "▁▁▄█");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[1.0; 100]).chars().count(), SHOWN);
    }
}
