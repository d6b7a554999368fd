//! The text that Prometheus reads: exposition format 0.0.4.
//!
//! The library writes the younger OpenMetrics 1.0, which differs in three things: there a counter's family is named
//! without the `_total` of its samples, a unit has a line of its own (none is used here), and `# EOF` ends it. Readers of
//! 0.0.4 would take such a counter for something untyped.

use std::fmt::{self, Write as _};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::metrics::Snapshot;
use crate::metrics::histogram::Reading;

/// What the text says it is.
pub(crate) const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The snapshot, written down. `None` if the library cannot, which it does not say why.
pub(crate) fn write(snapshot: Snapshot) -> Option<String> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    let mut open = String::new();
    text::encode(&mut open, &registry).ok()?;
    Some(as_0_0_4(&open))
}

/// OpenMetrics 1.0 text as 0.0.4.
fn as_0_0_4(open: &str) -> String {
    let mut plain = String::with_capacity(open.len() + 512);
    let mut lines = open.lines().peekable();
    while let Some(line) = lines.next() {
        let described = |line: &str, what| {
            let (name, rest) = line.strip_prefix(what)?.split_once(' ')?;
            Some((name.to_owned(), rest.to_owned()))
        };
        if line == "# EOF" {
            continue;
        }
        // A family's help comes right before its type.
        if let Some((name, help)) = described(line, "# HELP ")
            && let Some((_, kind)) = lines.peek().and_then(|next| described(next, "# TYPE "))
        {
            lines.next();
            let total = if kind == "counter" { "_total" } else { "" };
            // Writing to a string does not fail.
            let _ = write!(plain, "# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}\n");
            continue;
        }
        plain.push_str(line);
        plain.push('\n');
    }
    plain
}

/// The labels of one sample.
type Labels<'a> = &'a [(&'a str, &'a str)];

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = &mut encoder;
        self.encode_sessions(all)?;
        self.encode_traffic(all)?;
        self.encode_door(all)?;
        let started = ConstGauge::new(self.started);
        let help = "When the server came into being, in seconds since 1970";
        one(all, "process_start_time_seconds", help, &started)?;
        let help = "Which version of sockeye this is; always 1";
        let version = [(&[("version", env!("CARGO_PKG_VERSION"))][..], ConstGauge::new(1_u64))];
        many(all, "sockeye_build_info", help, version.into_iter())
    }
}

impl Snapshot {
    fn encode_sessions(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = |value: usize| ConstGauge::new(value as u64);
        one(all, "sockeye_sessions_open", "Sessions that are open", &gauge(self.sessions_open))?;
        one(all, "sockeye_sessions", "Sessions that began", &ConstCounter::new(self.sessions))?;
        let help = "How long sessions lasted that are over";
        histogram(all, "sockeye_session_seconds", help, [(&[][..], &self.session_seconds)].into_iter())?;
        let help =
            "From a read that brought messages to the write of their answers, where those were made at once";
        histogram(all, "sockeye_service_seconds", help, [(&[][..], &self.service_seconds)].into_iter())?;
        one(all, "sockeye_waiting_bytes", "Bytes that wait to be written", &gauge(self.waiting))?;
        let help = "Bytes that sessions hold: waiting to be written to peers, or of messages not whole yet";
        one(all, "sockeye_held_bytes", help, &gauge(self.memory))
    }

    fn encode_traffic(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let totals = &self.totals;
        let counts = [("in", totals.messages_in), ("out", totals.messages_out)];
        counters(all, "sockeye_messages", "Messages from and to peers", counts)?;
        let help = "Bytes from and to peers, framing included";
        counters(all, "sockeye_bytes", help, [("in", totals.bytes_in), ("out", totals.bytes_out)])?;
        let help = "Datagrams from and to peers that were lost here: too many, or too fast";
        counters(all, "sockeye_datagrams_dropped", help, self.dropped)
    }

    fn encode_door(&self, all: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labels: Vec<_> = self.refused.iter().map(|(reason, _)| [("reason", reason.word())]).collect();
        let counts = self.refused.iter().map(|(_, count)| ConstCounter::new(*count));
        let samples = labels.iter().map(|labels| &labels[..]).zip(counts);
        many(all, "sockeye_refused", "Connections that were turned away", samples)?;
        let gauge = ConstGauge::new(self.pending as u64);
        one(all, "sockeye_pending_handshakes", "Connections whose handshakes are not done", &gauge)?;
        if self.handshakes.is_empty() {
            return Ok(());
        }
        let named = |(layer, outcome, _): &(_, _, _)| [("layer", *layer), ("outcome", *outcome)];
        let labels: Vec<_> = self.handshakes.iter().map(named).collect();
        let counts = self.handshakes.iter().map(|(_, _, count)| ConstCounter::new(*count));
        let samples = labels.iter().map(|labels| &labels[..]).zip(counts);
        many(all, "sockeye_handshakes", "Handshakes that have ended", samples)?;
        let labels: Vec<_> = self.handshake_seconds.iter().map(|(layer, _)| [("layer", *layer)]).collect();
        let readings = self.handshake_seconds.iter().map(|(_, reading)| reading);
        let samples = labels.iter().map(|labels| &labels[..]).zip(readings);
        histogram(all, "sockeye_handshake_seconds", "How long handshakes took", samples)
    }
}

/// A family of one sample without labels.
fn one(all: &mut DescriptorEncoder<'_>, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
    metric.encode(all.encode_descriptor(name, help, None, metric.metric_type())?)
}

/// A family of counters, one for each direction.
fn counters(
    all: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counts: [(&'static str, u64); 2],
) -> fmt::Result {
    let labels = counts.map(|(direction, _)| [("direction", direction)]);
    let samples =
        labels.iter().zip(counts).map(|(labels, (_, count))| (&labels[..], ConstCounter::new(count)));
    many(all, name, help, samples)
}

fn many<'a, M: EncodeMetric>(
    all: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (Labels<'a>, M)>,
) -> fmt::Result {
    let mut family: Option<MetricEncoder<'_>> = None;
    let mut all = Some(all);
    for (labels, metric) in samples {
        if let Some(all) = all.take() {
            family = Some(all.encode_descriptor(name, help, None, metric.metric_type())?);
        }
        if let Some(family) = &mut family {
            metric.encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn histogram<'a>(
    all: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (Labels<'a>, &'a Reading)>,
) -> fmt::Result {
    let mut family = all.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (labels, reading) in samples {
        let (sum, count, buckets) = (reading.sum, reading.count, &reading.buckets[..]);
        if labels.is_empty() {
            family.encode_histogram::<NoLabelSet>(sum, count, buckets, None)?;
        } else {
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, buckets, None)?;
        }
    }
    Ok(())
}
