//! Promises about a run, as users write them: `p99>20ms`, `errors>0`, `rate<10k`. As a condition of failing
//! (`--fail-if`), or, with `=`, as one to keep (`--rate @p99=20ms`).

use std::fmt;
use std::time::Duration;

use sockeye_core::Fault;

use crate::figure::{self, bad};
use crate::result::Report;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// The latency that this share (0 to 1) of all is at most.
    Quantile(f64),
    /// The longest latency.
    Max,
    /// The mean latency.
    Mean,
    /// Messages without a right answer.
    Errors,
    /// The same, of a hundred.
    ErrorShare,
    /// Right answers a second.
    Rate,
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `>`
    Over,
    /// `>=`
    AtLeast,
    /// `<`
    Under,
    /// `<=`
    AtMost,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub metric: Metric,
    /// How it is compared.
    pub sign: Sign,
    /// What with: seconds, a number, a number of a hundred, or messages a second.
    pub value: f64,
    /// As it was written.
    pub text: String,
}

const SIGNS: &[(&str, Sign)] =
    &[(">=", Sign::AtLeast), ("<=", Sign::AtMost), (">", Sign::Over), ("<", Sign::Under)];

/// What a condition can be.
pub const SYNTAX: &str = "p50|p99|p99.9|max|mean >|>=|<|<= TIME, errors > N|N%, rate < N";

impl Condition {
    /// Reads `METRIC SIGN VALUE`; white space between them is allowed.
    pub fn parse(name: &str, text: &str) -> Result<Self, Fault> {
        let refused = || bad(name, text).detail(SYNTAX);
        let at = text.find(['<', '>']).ok_or_else(refused)?;
        let (metric, rest) = text.split_at(at);
        let (word, sign) = SIGNS.iter().find(|(word, _)| rest.starts_with(word)).ok_or_else(refused)?;
        Self::build(metric.trim(), *sign, rest[word.len()..].trim(), text).ok_or_else(refused)
    }

    /// Reads what is to be kept, `p99=20ms`, as the condition that breaks it.
    pub fn kept(name: &str, text: &str) -> Result<Self, Fault> {
        let refused = || bad(name, text).detail("@p99=20ms, @max=100ms, @errors=1%");
        let (metric, value) = text.split_once('=').ok_or_else(refused)?;
        let condition = Self::build(metric.trim(), Sign::Over, value.trim(), text).ok_or_else(refused)?;
        if condition.metric == Metric::Rate { Err(refused()) } else { Ok(condition) }
    }

    fn build(metric: &str, sign: Sign, value: &str, text: &str) -> Option<Self> {
        let metric = match metric {
            "max" => Metric::Max,
            "mean" => Metric::Mean,
            "errors" if value.ends_with('%') => Metric::ErrorShare,
            "errors" => Metric::Errors,
            "rate" => Metric::Rate,
            _ => {
                let percent = figure::plain(metric.strip_prefix('p')?)?;
                Metric::Quantile(Some(percent / 100.0).filter(|share| (0.0..=1.0).contains(share))?)
            }
        };
        let value = match metric {
            Metric::Errors => figure::plain(value)?,
            Metric::ErrorShare => figure::plain(value.strip_suffix('%')?)?,
            Metric::Rate => figure::rate("", value).ok()?,
            _ => figure::time("", value).ok().as_ref().map(Duration::as_secs_f64)?,
        };
        Some(Self { metric, sign, value, text: text.to_owned() })
    }

    /// What the run came to, in the unit of [`Condition::value`]. Latency is infinite where no answer came: a run in
    /// which nothing was answered keeps no promise.
    pub fn actual(&self, report: &Report) -> f64 {
        let latency = &report.latency;
        let failed: u64 = report.errors.values().sum();
        let time = |value: f64| if latency.count == 0 { f64::INFINITY } else { value };
        match self.metric {
            Metric::Quantile(quantile) => time(latency.at(quantile).unwrap_or(f64::INFINITY)),
            Metric::Max => time(latency.max),
            Metric::Mean => time(latency.mean),
            Metric::Errors => failed as f64,
            Metric::ErrorShare if failed == 0 => 0.0,
            Metric::ErrorShare => 100.0 * failed as f64 / (report.requests + failed) as f64,
            Metric::Rate => report.rate,
        }
    }

    /// Whether the condition is met.
    pub fn holds(&self, report: &Report) -> bool {
        let actual = self.actual(report);
        match self.sign {
            Sign::Over => actual > self.value,
            Sign::AtLeast => actual >= self.value,
            Sign::Under => actual < self.value,
            Sign::AtMost => actual <= self.value,
        }
    }

    /// Whether its value is a time.
    pub const fn is_time(&self) -> bool {
        matches!(self.metric, Metric::Quantile(_) | Metric::Max | Metric::Mean)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{Times, empty};

    fn report(millis: &[u64], errors: u64) -> Report {
        let mut histogram = empty();
        for time in millis {
            histogram.saturating_record(time * 1_000_000);
        }
        let mut report = Report { latency: Times::of(&histogram), rate: 500.0, ..Report::default() };
        report.requests = millis.len() as u64;
        if errors > 0 {
            report.errors.insert("timeout".to_owned(), errors);
        }
        report
    }

    fn holds(text: &str, report: &Report) -> bool {
        Condition::parse("--fail-if", text).unwrap().holds(report)
    }

    #[test]
    fn conditions_are_about_the_run() {
        let run = report(&[1, 2, 3, 4, 100], 5);
        for met in [
            "p50>2ms",
            "p99 > 20ms",
            "max>=99ms",
            "errors>0",
            "errors>49%",
            "rate<501",
            "p99.9>50ms",
            "mean>20ms",
        ] {
            assert!(holds(met, &run), "{met}");
        }
        for unmet in ["p50>4ms", "max>1s", "errors>5", "errors>50%", "rate<0.4k", "p0<500us"] {
            assert!(!holds(unmet, &run), "{unmet}");
        }
    }

    #[test]
    fn a_run_without_answers_keeps_no_promise() {
        assert!(holds("p99>1h", &report(&[], 3)));
        assert!(!holds("errors>1%", &report(&[], 0)));
    }

    #[test]
    fn what_is_kept_is_broken_by_more() {
        let kept = Condition::kept("--rate", "p99=20ms").unwrap();
        assert!(kept.holds(&report(&[21], 0)) && !kept.holds(&report(&[19], 0)));
        for bad in ["p99", "p99=", "rate=5", "=20ms", "p101=1s", "q9=1s"] {
            assert!(Condition::kept("--rate", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [
            "", "p99", "p99>", "p99>x", ">20ms", "p>1ms", "p99=1ms", "errors>x", "p99>20%", "foo>1", "p-1>1s",
        ] {
            assert!(Condition::parse("--fail-if", bad).is_err(), "{bad}");
        }
    }
}
