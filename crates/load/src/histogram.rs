//! Times, counted: HDR histograms (three significant digits) of nanoseconds, and how they are written down.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use crate::result::Second;

/// The longest time that is told apart from longer ones, in nanoseconds: 10 minutes.
pub const LONGEST: u64 = 600_000_000_000;

/// The most bytes of a histogram that is read back.
const ENCODED: usize = 4 << 20;

/// A histogram without times.
pub(crate) fn empty() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, LONGEST, 3) {
        Ok(histogram) => histogram,
        Err(_) => unreachable!("these bounds are constant, and fit"),
    }
}

/// What is told of some times, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// How many there are.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// Half are at most this.
    pub p50: f64,
    /// Nine of ten are at most this.
    pub p90: f64,
    /// Of a hundred, ninety-nine.
    pub p99: f64,
    /// Of a thousand, 999.
    pub p999: f64,
    /// Of ten thousand, 9,999.
    pub p9999: f64,
    /// The most.
    pub max: f64,
    /// All of it: an HdrHistogram of nanoseconds, compressed V2, base64.
    pub hdr: String,
}

impl Times {
    /// What is told of a histogram of nanoseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| seconds(histogram.value_at_quantile(quantile));
        if histogram.is_empty() {
            return Self { hdr: encode(histogram), ..Self::default() };
        }
        Self {
            count: histogram.len(),
            min: seconds(histogram.min()),
            mean: histogram.mean() / 1e9,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: seconds(histogram.max()),
            hdr: encode(histogram),
        }
    }

    /// The time that this share (0 to 1) of all is at most; `None` if what was written down cannot be read.
    pub fn at(&self, quantile: f64) -> Option<f64> {
        decode(&self.hdr).map(|histogram| seconds(histogram.value_at_quantile(quantile)))
    }

    /// The bars of a picture: for each of `count` bands, equally wide on a logarithmic scale, its upper end in seconds
    /// and how many times lie in it.
    pub fn bands(&self, count: usize) -> Vec<(f64, u64)> {
        let Some(histogram) = decode(&self.hdr).filter(|histogram| !histogram.is_empty()) else {
            return Vec::new();
        };
        let (least, most) = (histogram.min().max(1) as f64, histogram.max().max(2) as f64);
        let ratio = (most / least).max(1.000_001).powf(1.0 / count as f64);
        let mut bands: Vec<(f64, u64)> =
            (1..=count).map(|band| (least * ratio.powf(band as f64), 0)).collect();
        for step in histogram.iter_recorded() {
            let value = step.value_iterated_to() as f64;
            let at = bands.partition_point(|(end, _)| *end < value).min(count - 1);
            bands[at].1 += step.count_since_last_iteration();
        }
        bands.into_iter().map(|(end, times)| (end / 1e9, times)).collect()
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// The histogram, compressed V2, base64.
pub(crate) fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    STANDARD.encode(bytes)
}

/// What [`encode`] wrote; `None` for anything else.
pub(crate) fn decode(text: &str) -> Option<Histogram<u64>> {
    if text.len() > ENCODED {
        return None;
    }
    let bytes = STANDARD.decode(text).ok()?;
    let read: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).ok()?;
    // A foreign one may have other bounds; the sum of two needs the same.
    let mut histogram = empty();
    for step in read.iter_recorded() {
        histogram.saturating_record_n(step.value_iterated_to(), step.count_at_value());
    }
    Some(histogram)
}

/// The run as an HdrHistogram log (V2, version 1.3), an interval a second: what HdrHistogram's own tools plot. Empty if a
/// second's histogram cannot be read. `began`: when measuring did.
pub fn log(began: SystemTime, seconds: &[Second], comment: &str) -> Vec<u8> {
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let tag = Tag::new("latency");
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment(comment).with_start_time(began).with_max_value_divisor(1e6);
    let Ok(mut writer) = builder.begin_log_with(&mut log, &mut serializer) else { return Vec::new() };
    for second in seconds {
        let Some(histogram) = decode(&second.hdr) else { continue };
        let start = Duration::from_secs_f64(second.at.max(0.0));
        let length = Duration::from_secs_f64(second.length.max(0.0));
        // Writing to memory does not fail.
        let _ = writer.write_histogram(&histogram, start, length, tag);
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Histogram<u64> {
        let mut histogram = empty();
        (1..=1000).for_each(|number| histogram.saturating_record(number * 1_000_000));
        histogram
    }

    #[test]
    fn percentiles_are_those_of_the_numbers() {
        let times = Times::of(&some());
        for (told, is) in [(times.p50, 0.5), (times.p90, 0.9), (times.p99, 0.99), (times.max, 1.0)] {
            assert!((told - is).abs() <= is / 1000.0, "{told} {is}");
        }
        assert_eq!(times.count, 1000);
        assert!((times.at(0.75).unwrap() - 0.75).abs() < 0.001);
        assert_eq!(Times::of(&empty()).count, 0);
    }

    #[test]
    fn what_is_written_down_is_read_back_and_nothing_else_is() {
        let histogram = some();
        assert_eq!(decode(&encode(&histogram)).unwrap(), histogram);
        for bad in ["", "x", "AAAA", "HISTFAAAAA=="] {
            assert!(decode(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn bands_hold_everything() {
        let bands = Times::of(&some()).bands(40);
        assert_eq!(bands.len(), 40);
        assert_eq!(bands.iter().map(|(_, count)| count).sum::<u64>(), 1000);
        assert!(bands.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_log_has_a_line_a_second() {
        let mut second = Second { at: 3.0, length: 1.0, ..Second::default() };
        second.tell(&some());
        let log = String::from_utf8(log(SystemTime::UNIX_EPOCH, &[second.clone(), second], "load")).unwrap();
        let lines: Vec<&str> =
            log.lines().filter(|line| line.starts_with("Tag=latency,3.000,1.000,")).collect();
        assert!(log.starts_with("#load\n") && lines.len() == 2, "{log}");
    }

    #[test]
    fn a_longer_time_than_the_longest_counts_as_it() {
        let mut histogram = empty();
        histogram.saturating_record(u64::MAX);
        assert!(Times::of(&histogram).max >= 600.0);
    }
}
