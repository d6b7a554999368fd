//! The highest rate that keeps a promise: which rate to try next, given what became of those before.
//!
//! It doubles or halves until there is one rate that holds and one that does not, and then halves the distance between
//! the two, on a logarithmic scale, until they are close.

use crate::figure::{FASTEST, SLOWEST};

/// The most rates that are tried.
pub const STEPS: usize = 16;

/// How near the rate that holds and the one that does not come to each other.
const CLOSE: f64 = 1.05;

/// A search that goes on.
#[derive(Clone, Debug)]
pub struct Search {
    next: f64,
    held: Option<f64>,
    broken: Option<f64>,
    steps: usize,
}

impl Search {
    /// A search that begins at `first` messages a second, or at the nearest rate there is.
    pub fn new(first: f64) -> Self {
        Self { next: first.clamp(SLOWEST, FASTEST), held: None, broken: None, steps: 0 }
    }

    /// The rate to try; `None` when enough is known.
    pub fn next(&self) -> Option<f64> {
        let close = matches!((self.held, self.broken), (Some(held), Some(broken)) if broken / held <= CLOSE);
        let out = self.next < SLOWEST || self.next > FASTEST;
        (self.steps < STEPS && !close && !out).then_some(self.next)
    }

    /// The rate that was tried keeps the promise.
    pub fn held(&mut self) {
        self.held = Some(self.held.map_or(self.next, |held| held.max(self.next)));
        self.go_on();
    }

    /// It does not.
    pub fn broke(&mut self) {
        self.broken = Some(self.broken.map_or(self.next, |broken| broken.min(self.next)));
        self.go_on();
    }

    /// The highest rate that is known to keep it.
    pub const fn best(&self) -> Option<f64> {
        self.held
    }

    fn go_on(&mut self) {
        self.steps += 1;
        self.next = match (self.held, self.broken) {
            (Some(held), Some(broken)) => round((held * broken).sqrt()),
            (Some(held), None) => held * 2.0,
            (None, Some(broken)) => broken / 2.0,
            (None, None) => self.next,
        };
    }
}

/// Three digits are enough, and easier to read.
pub fn round(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.log10().floor() - 2.0);
    if unit.is_finite() && unit > 0.0 { (rate / unit).round() * unit } else { rate }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: f64, limit: f64) -> (Option<f64>, usize) {
        let mut search = Search::new(first);
        let mut steps = 0;
        while let Some(rate) = search.next() {
            steps += 1;
            if rate <= limit { search.held() } else { search.broke() }
        }
        (search.best(), steps)
    }

    #[test]
    fn it_comes_close_from_above_and_below() {
        for limit in [37.0, 1234.0, 99_999.0, 5e6] {
            for first in [limit / 30.0, limit, limit * 30.0] {
                let (best, steps) = run(first, limit);
                let best = best.unwrap();
                assert!(best <= limit && best > limit / 1.06, "{best} {limit} {first}");
                assert!(steps <= STEPS);
            }
        }
    }

    #[test]
    fn nothing_that_holds_is_said_and_it_ends() {
        assert_eq!(run(1000.0, 0.0).0, None);
        let (best, steps) = run(1000.0, f64::INFINITY);
        assert!(best.is_some() && steps <= STEPS);
    }

    #[test]
    fn rates_are_rounded_to_three_digits() {
        assert!((round(12_345.0) - 12_300.0).abs() < 1e-6);
        assert!((round(0.987_6) - 0.988).abs() < 1e-9);
    }
}
