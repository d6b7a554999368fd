//! What came of a run: plain data, which is also what `--json` writes and `--merge` reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sockeye_core::{Code, Fault};

use crate::histogram::{Times, decode, empty};
use crate::sample::{self, Sample};

/// The version of this shape.
pub const VERSION: u32 = 1;

/// The most seconds of a run that are told one by one: a day.
pub const SECONDS: usize = 86_400;

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// Where to, without parameters.
    pub endpoint: String,
    /// `exchange`, `connect`, `idle` or `one-way`.
    pub mode: String,
    /// The framing, as users write it.
    pub framing: String,
    /// Connections in all.
    pub connections: usize,
    /// Messages under way on one connection at most.
    pub pipeline: usize,
    /// Threads of the generator.
    pub threads: usize,
    /// Runs that were merged into this one.
    pub machines: usize,
    /// The rate that was asked for, messages a second; `None`: as fast as answers come.
    pub asked: Option<f64>,
    /// Bytes of a message, on average, without its frame.
    pub message_bytes: f64,
    /// How answers were verified: `echo`, `first`, `given`, `steps` or `none`.
    pub verified: String,
    /// When measuring began, seconds since 1970.
    pub began: f64,
    /// Seconds that were measured.
    pub elapsed: f64,
    /// Seconds before that, which count for nothing.
    pub warmup: f64,
    /// Whether it ended before its time: a signal, or nothing was answered any more.
    pub cut_short: bool,
    /// Right answers; one way, messages that were sent.
    pub requests: u64,
    /// Those a second.
    pub rate: f64,
    /// Bytes that went out.
    pub bytes_out: u64,
    /// Bytes that came in.
    pub bytes_in: u64,
    /// From when a message was to be sent to its answer.
    pub latency: Times,
    /// From when it was sent, where that is not the same.
    pub service: Option<Times>,
    /// How long connecting took, layers included.
    pub connecting: Times,
    /// Messages without a right answer, and connections that did not come about, by the word of what happened.
    pub errors: BTreeMap<String, u64>,
    /// The first of each class of errors.
    pub samples: Vec<Sample>,
    /// Where the steps are written that were played, if there were any: then a request is a round of them.
    pub steps_of: Option<String>,
    /// Messages that steps sent.
    pub messages_out: u64,
    /// Messages that came for steps.
    pub messages_in: u64,
    /// Messages that were due and could not be sent before the end.
    pub unsent: u64,
    /// Share of a processor that each thread of the generator used, 0 to 1.
    pub cpu: Vec<f64>,
    /// Whether the generator was at its own limit, so that the figures are about it.
    pub client_bound: bool,
    /// Memory of ours that connections take.
    pub memory: Option<Memory>,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// Rates that were tried, where one was searched.
    pub steps: Vec<Step>,
}

/// Resident memory of the generator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Bytes before the first connection.
    pub before: u64,
    /// Bytes with all of them.
    pub held: u64,
    /// Connections that stood then.
    pub connections: u64,
}

/// One second of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Second {
    /// When it began, in seconds from the beginning of measuring.
    pub at: f64,
    /// How long it was; the last may be shorter.
    pub length: f64,
    /// Right answers.
    pub requests: u64,
    /// Errors.
    pub errors: u64,
    /// Half of the latencies are at most this, in seconds.
    pub p50: f64,
    /// Of a hundred, ninety-nine.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// All latencies, as in [`Times::hdr`].
    pub hdr: String,
}

/// A rate that was tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Messages a second that were asked for.
    pub asked: f64,
    /// That were answered.
    pub rate: f64,
    /// What the promise is about: seconds, or a number. `None`: nothing was answered.
    pub actual: Option<f64>,
    /// Whether it was kept.
    pub held: bool,
    /// Whether the generator was at its own limit.
    pub client_bound: bool,
}

impl Second {
    /// What is told of the histogram of a second.
    pub(crate) fn tell(&mut self, histogram: &hdrhistogram::Histogram<u64>) {
        let times = Times::of(histogram);
        (self.p50, self.p99, self.max, self.hdr) = (times.p50, times.p99, times.max, times.hdr);
    }
}

impl Report {
    /// Every error.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Puts the runs of several machines together, as if they had been one: they are taken to have run at the same time.
    /// Fails on none, on another version, and where a histogram cannot be read.
    pub fn merge(reports: &[Self]) -> Result<Self, Fault> {
        let unreadable =
            |what: &str| Fault::new(Code::BadValue, "").arg("name", "--merge").arg("value", what);
        let Some(first) = reports.first() else { return Err(unreadable("")) };
        let mut merged = Self { steps: Vec::new(), ..first.clone() };
        for report in reports {
            if report.version != VERSION {
                return Err(unreadable("version").detail(report.version));
            }
        }
        for other in &reports[1..] {
            merged.connections += other.connections;
            merged.threads += other.threads;
            merged.machines += other.machines;
            merged.asked = merged.asked.zip(other.asked).map(|(one, two)| one + two);
            merged.elapsed = merged.elapsed.max(other.elapsed);
            merged.began = merged.began.min(other.began);
            merged.cut_short |= other.cut_short;
            merged.requests += other.requests;
            merged.rate += other.rate;
            merged.bytes_out += other.bytes_out;
            merged.bytes_in += other.bytes_in;
            merged.messages_out += other.messages_out;
            merged.messages_in += other.messages_in;
            sample::keep(&mut merged.samples, &other.samples);
            merged.unsent += other.unsent;
            merged.client_bound |= other.client_bound;
            merged.cpu.extend_from_slice(&other.cpu);
            merged.memory = merged.memory.zip(other.memory.clone()).map(|(one, two)| Memory {
                before: one.before + two.before,
                held: one.held + two.held,
                connections: one.connections + two.connections,
            });
            for (code, count) in &other.errors {
                *merged.errors.entry(code.clone()).or_default() += count;
            }
            if other.endpoint != merged.endpoint && !merged.endpoint.contains(&other.endpoint) {
                merged.endpoint = format!("{}, {}", merged.endpoint, other.endpoint);
            }
        }
        let sum = |pick: fn(&Self) -> Option<&Times>| -> Result<Times, Fault> {
            let mut all = empty();
            for times in reports.iter().filter_map(pick) {
                let one = decode(&times.hdr).ok_or_else(|| unreadable("hdr"))?;
                // Both have the bounds of `empty`.
                let _ = all.add(&one);
            }
            Ok(Times::of(&all))
        };
        merged.latency = sum(|report| Some(&report.latency))?;
        merged.connecting = sum(|report| Some(&report.connecting))?;
        merged.service = match &merged.service {
            Some(_) => Some(sum(|report| report.service.as_ref())?),
            None => None,
        };
        merged.seconds = together(reports).ok_or_else(|| unreadable("hdr"))?;
        Ok(merged)
    }
}

/// The same second of all runs, put together. `None`: a histogram cannot be read.
fn together(reports: &[Report]) -> Option<Vec<Second>> {
    let most = reports.iter().map(|report| report.seconds.len()).max().unwrap_or(0).min(SECONDS);
    let mut seconds = Vec::with_capacity(most);
    for index in 0..most {
        let mut whole = Second { at: index as f64, ..Second::default() };
        let mut all = empty();
        for second in reports.iter().filter_map(|report| report.seconds.get(index)) {
            whole.at = second.at;
            whole.length = whole.length.max(second.length);
            whole.requests += second.requests;
            whole.errors += second.errors;
            let _ = all.add(&decode(&second.hdr)?);
        }
        whole.tell(&all);
        seconds.push(whole);
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(millis: std::ops::Range<u64>, rate: f64) -> Report {
        let mut histogram = empty();
        millis.clone().for_each(|time| histogram.saturating_record(time * 1_000_000));
        let mut second = Second { length: 1.0, requests: histogram.len(), ..Second::default() };
        second.tell(&histogram);
        Report {
            version: VERSION,
            endpoint: "tcp://peer:1".to_owned(),
            connections: 10,
            threads: 1,
            machines: 1,
            requests: histogram.len(),
            rate,
            latency: Times::of(&histogram),
            connecting: Times::of(&empty()),
            errors: [("reset".to_owned(), 2)].into(),
            cpu: vec![0.5],
            seconds: vec![second],
            ..Report::default()
        }
    }

    #[test]
    fn merged_runs_are_one_run() {
        let (one, two) = (report(1..501, 100.0), report(501..1001, 150.0));
        let merged = Report::merge(&[one, two]).unwrap();
        assert_eq!(merged.latency, report(1..1001, 0.0).latency);
        assert_eq!((merged.requests, merged.connections, merged.machines), (1000, 20, 2));
        assert_eq!((merged.failed(), merged.cpu.len(), merged.seconds.len()), (4, 2, 1));
        assert!((merged.rate - 250.0).abs() < 1e-9 && (merged.seconds[0].p50 - 0.5).abs() < 0.001);
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report = report(1..10, 3.5);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }

    #[test]
    fn what_cannot_be_merged_is_refused() {
        assert!(Report::merge(&[]).is_err());
        let newer = Report { version: VERSION + 1, ..report(1..2, 1.0) };
        assert!(Report::merge(&[report(1..2, 1.0), newer]).is_err());
        let mut broken = report(1..2, 1.0);
        broken.latency.hdr = "x".to_owned();
        assert!(Report::merge(&[report(1..2, 1.0), broken]).is_err());
    }
}
