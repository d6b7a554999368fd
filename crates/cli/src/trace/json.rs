//! A trace for programs: one object a line, versioned. Keys, states and words of how things are known are never
//! translated; times are seconds since the connection's first line.

use serde_json::{Map, Value, json};
use sockeye::core::How;
use sockeye::json::{VERSION, guarded};
use sockeye::trace::{Blind, Call, Datagram, End, Event, EventKind, Outcome, Segment, Step, Story, TcpInfo};
use sockeye::wire::notation::to_hex;

/// Every line of an outcome.
pub(super) fn lines(outcome: &Outcome) -> String {
    let mut text = String::new();
    for (number, story) in (1..).zip(&outcome.stories) {
        text.push_str(&self::story(story, number, outcome.blind.as_ref()));
    }
    let end = json!({
        "dropped": outcome.lost.dropped,
        "left_out": outcome.lost.left_out,
        "failed": outcome.fault.as_ref().map(|fault| fault.code.word()),
    });
    text.push_str(&line(0, 0, How::Traced, "trace-end", &end));
    text
}

/// The lines of one connection. `number`: which attempt, or which session of a server.
pub(super) fn story(story: &Story, number: u64, blind: Option<&Blind>) -> String {
    let start = story.start();
    let [client, server] = story.flow.addresses.map(|address| address.to_string());
    let blind = blind.map(|blind| match blind {
        Blind::Rights => "rights".to_owned(),
        Blind::System => "system".to_owned(),
        Blind::Other(error) => error.clone(),
    });
    let head = json!({
        "client": client,
        "server": server,
        "own": story.own.word(),
        "not_captured": blind,
        "began": seconds(start),
        "client_isn": story.flow.bases[0],
        "server_isn": story.flow.bases[1],
    });
    let mut text = line(0, number, story.how, "connection", &head);
    for event in &story.events {
        let (kind, fields) = fields(story, event);
        text.push_str(&line(event.at.saturating_sub(start), number, event.how, kind, &fields));
    }
    let state = |end: End| {
        let last = story.last(end);
        let (state, how) = (last.map(|(state, _)| state.name()), last.map(|(_, how)| how.word()));
        json!({ "state": state, "how": how })
    };
    let end = json!({
        "client": state(End::Client),
        "server": state(End::Server),
        "figures": story.figures.as_ref().map(figures),
    });
    let over = story.events.iter().map(|event| event.at).max().unwrap_or(start);
    text.push_str(&line(over.saturating_sub(start), number, How::Polled, "connection-end", &end));
    text
}

/// A line, with what every line has first.
fn line(at: u64, session: u64, how: How, kind: &str, fields: &Value) -> String {
    let fields = fields.to_string();
    let fields = fields.strip_prefix('{').filter(|rest| *rest != "}");
    let fields = fields.map_or_else(|| "}".to_owned(), |rest| format!(",{rest}"));
    let (t, how) = (seconds(at), how.word());
    let head =
        format!("{{\"v\":{VERSION},\"t\":{t},\"session\":{session},\"how\":\"{how}\",\"kind\":\"{kind}\"");
    format!("{}\n", guarded(&format!("{head}{fields}")))
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "a fraction of a microsecond, in a day")]
fn seconds(nanoseconds: u64) -> Value {
    json!(nanoseconds as f64 / 1e9)
}

fn fields(story: &Story, event: &Event) -> (&'static str, Value) {
    match &event.kind {
        EventKind::Call(end, call) => ("call", self::call(*end, call)),
        EventKind::Segment(index) => {
            ("segment", story.flow.steps.get(*index).map_or(Value::Null, |step| segment(story, step)))
        }
        EventKind::Became(change, step) => {
            let (from, to) = (change.from.name(), change.to.name());
            let segment = step.map(|step| step + 1);
            ("state", json!({ "end": change.end.word(), "from": from, "state": to, "segment": segment }))
        }
        EventKind::Is(end, state, left) => {
            let left = left.map(|left| left.as_secs_f64());
            ("state", json!({ "end": end.word(), "state": state.name(), "ends_in": left }))
        }
        EventKind::Stamped(end, stage, byte) => {
            ("write", json!({ "end": end.word(), "stage": stage.word(), "byte": byte }))
        }
        EventKind::Datagram(from, datagram) => ("datagram", self::datagram(*from, datagram)),
        EventKind::SavedSyn(syn) => {
            let (window, ttl) = (syn.window, syn.hops);
            ("saved-syn", json!({ "window_raw": window, "ttl": ttl, "options": options(syn) }))
        }
        EventKind::Icmp(icmp) => {
            let (from, about) = (icmp.from.to_string(), icmp.about_to.to_string());
            ("icmp", json!({ "from": from, "type": icmp.kind, "code": icmp.code, "about": about }))
        }
    }
}

fn call(end: End, call: &Call) -> Value {
    let mut value = json!({ "end": end.word(), "call": call.name() });
    let (name, field): (&str, Value) = match call {
        Call::Bind(address) | Call::Connect(address) => ("address", address.to_string().into()),
        Call::Listen(backlog) => ("backlog", json!(backlog)),
        Call::Send(bytes) | Call::Receive(bytes) => ("bytes", (*bytes).into()),
        Call::ReceiveEnd => ("bytes", 0.into()),
        Call::Connected => ("result", "ok".into()),
        Call::Failed(why) => ("result", why.as_str().into()),
        Call::Socket | Call::Accept | Call::Shutdown | Call::Close => return value,
    };
    value[name] = field;
    value
}

fn segment(story: &Story, step: &Step) -> Value {
    let segment = &step.segment;
    let number = story.flow.steps.iter().position(|other| std::ptr::eq(other, step));
    let mut value = json!({
        "segment": number.map(|number| number + 1),
        "from": step.from.word(),
        "flags": segment.flags.names(),
        "length": segment.length,
    });
    if story.how == How::Captured {
        value["seq"] = step.seq.into();
        value["ack"] = json!(step.ack);
        value["seq_absolute"] = segment.seq.into();
        value["ack_absolute"] = json!(step.ack.map(|_| segment.ack));
        value["window"] = step.window.into();
        value["window_raw"] = segment.window.into();
        value["ttl"] = segment.hops.into();
        value["options"] = options(segment);
        value["marks"] = step.marks.iter().map(|mark| mark.word()).collect();
        data(&mut value, &segment.head);
    }
    value
}

fn options(segment: &Segment) -> Value {
    let options = &segment.options;
    let mut value = Map::new();
    value.extend(options.mss.map(|mss| ("mss".to_owned(), mss.into())));
    value.extend(options.scale.map(|scale| ("window_scale".to_owned(), scale.into())));
    if options.sack_permitted {
        value.insert("sack_permitted".to_owned(), true.into());
    }
    if !options.sack.is_empty() {
        value.insert("sack".to_owned(), json!(options.sack));
    }
    value.extend(options.timestamps.map(|both| ("timestamps".to_owned(), json!(both))));
    Value::Object(value)
}

fn datagram(from: End, datagram: &Datagram) -> Value {
    let mut value = json!({ "from": from.word(), "length": datagram.length, "ttl": datagram.hops });
    data(&mut value, &datagram.head);
    value
}

/// The first bytes of a payload: text, or hex where they are none.
fn data(value: &mut Value, head: &[u8]) {
    if head.is_empty() {
        return;
    }
    match std::str::from_utf8(head) {
        Ok(text) => value["text"] = text.into(),
        Err(_) => value["hex"] = to_hex(head).into(),
    }
}

fn figures(info: &TcpInfo) -> Value {
    json!({
        "rtt": info.rtt.as_secs_f64(),
        "rtt_variance": info.rtt_variance.as_secs_f64(),
        "min_rtt": info.min_rtt.map(|rtt| rtt.as_secs_f64()),
        "rto": info.rto.as_secs_f64(),
        "cwnd": info.cwnd,
        "ssthresh": info.ssthresh,
        "send_mss": info.send_mss,
        "path_mtu": info.path_mtu,
        "retransmits": info.total_retransmits,
        "bytes_acked": info.bytes_acked,
        "bytes_received": info.bytes_received,
        "segments_out": info.segments_out,
        "segments_in": info.segments_in,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::text::tests::story as sample;
    use sockeye::trace::{Icmp, TcpOptions};
    use sockeye_testkit::schema;

    const SCHEMA: &str = include_str!("../../../../docs/trace.schema.json");

    /// Lines of every kind.
    fn samples() -> String {
        let mut told = sample();
        let syn = told.flow.steps[0].segment.clone();
        let at = told.start();
        let datagram = Datagram { from: syn.from, to: syn.to, length: 2, head: vec![0xff, 0], hops: 64 };
        let icmp = Icmp {
            from: syn.to.ip(),
            to: syn.from.ip(),
            kind: 3,
            code: 3,
            about_from: syn.from,
            about_to: syn.to,
        };
        assert_ne!(syn.options, TcpOptions::default());
        for kind in
            [EventKind::Datagram(End::Client, datagram), EventKind::Icmp(icmp), EventKind::SavedSyn(syn)]
        {
            told.events.push(Event { at, how: How::Captured, kind });
        }
        let outcome = Outcome {
            endpoint: String::new(),
            protocol: sockeye::trace::Protocol::Tcp,
            stories: vec![told],
            blind: None,
            lost: sockeye::trace::Lost::default(),
            frames: Vec::new(),
            fault: None,
        };
        lines(&outcome)
    }

    #[test]
    fn every_line_is_as_the_schema_says() {
        let seen = schema::check(SCHEMA, &samples());
        schema::names_all(SCHEMA, &seen);
    }
}
