//! A socket as fields of a line of JSON, as `docs/sockets.schema.json` has it. Times are in seconds, sizes in bytes.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sockeye::probe::sockets::{Socket, TcpInfo, Timer};
use sockeye::probe::watch::Holder;

/// Fields by their names, in order.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// What is known of a socket. What is not known is left out.
pub(crate) fn fields(socket: &Socket, holder: &Holder) -> Fields {
    let mut fields: Fields = vec![
        ("protocol", json!(socket.protocol.name())),
        ("state", json!(socket.state.name())),
        ("local", json!(socket.local.to_string())),
    ];
    if socket.peer.port() != 0 {
        fields.push(("peer", json!(socket.peer.to_string())));
    }
    if socket.interface != 0 {
        fields.push(("interface", json!(socket.interface)));
    }
    let mut add = |name, value: Option<Value>| fields.extend(value.map(|value| (name, value)));
    add("uid", socket.uid.map(Value::from));
    add("inode", socket.inode.map(Value::from));
    add("owner", Some(json!(holder.word())));
    add("process", holder.process().map(|process| json!(process.name)));
    add("pid", holder.process().map(|process| json!(process.pid)));
    if let Holder::Process { others: others @ 1.., .. } = holder {
        add("others", Some(json!(others)));
    }
    add("receive_queue", Some(json!(socket.receive_queue)));
    add("send_queue", Some(json!(socket.send_queue)));
    add("timer", socket.timer.map(|(timer, left)| json!({ "for": waits(timer), "left": seconds(left) })));
    add("congestion", socket.congestion.as_ref().map(|name| json!(name)));
    // A listener has counted nothing.
    add("tcp", socket.tcp.as_ref().filter(|_| socket.peer.port() != 0).map(figures));
    fields
}

const fn waits(timer: Timer) -> &'static str {
    match timer {
        Timer::Retransmission => "retransmission",
        Timer::KeepAlive => "keep-alive",
        Timer::TimeWait => "time-wait",
        Timer::WindowProbe => "window-probe",
    }
}

pub(crate) fn seconds(time: Duration) -> Value {
    json!(time.as_secs_f64())
}

/// What the kernel counts of a connection; what an older one does not give is left out.
fn figures(info: &TcpInfo) -> Value {
    let some = |time: Duration| (!time.is_zero()).then(|| seconds(time));
    let number = |value: Option<u32>| value.map(Value::from);
    let long = |value: Option<u64>| value.map(Value::from);
    let time = |value: Option<Duration>| value.map(seconds);
    let all = [
        ("rtt", some(info.rtt)),
        ("rtt_variance", some(info.rtt_variance)),
        ("min_rtt", info.min_rtt.and_then(some)),
        ("rto", some(info.rto)),
        ("cwnd", number(Some(info.cwnd))),
        ("ssthresh", number(info.ssthresh)),
        ("mss", number(Some(info.send_mss))),
        ("path_mtu", number(Some(info.path_mtu))),
        ("unacked", number(Some(info.unacked))),
        ("sacked", number(Some(info.sacked))),
        ("lost", number(Some(info.lost))),
        ("retransmitted", number(Some(info.retransmitted))),
        ("total_retransmits", number(Some(info.total_retransmits))),
        ("timeouts", info.timeouts.map(Value::from)),
        ("bytes_sent", long(info.bytes_sent)),
        ("bytes_acked", long(info.bytes_acked)),
        ("bytes_received", long(info.bytes_received)),
        ("bytes_retransmitted", long(info.bytes_retransmitted)),
        ("unsent", number(info.unsent)),
        ("segments_out", number(info.segments_out)),
        ("segments_in", number(info.segments_in)),
        ("data_segments_out", number(info.data_segments_out)),
        ("data_segments_in", number(info.data_segments_in)),
        ("duplicates", number(info.duplicates)),
        ("out_of_order", number(info.out_of_order)),
        ("send_window", number(info.send_window)),
        ("receive_window", number(info.receive_window)),
        ("delivery_rate", long(info.delivery_rate)),
        ("pacing_rate", long(info.pacing_rate)),
        ("busy", time(info.busy)),
        ("window_limited", time(info.window_limited)),
        ("buffer_limited", time(info.buffer_limited)),
    ];
    let known = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(known.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use sockeye_testkit::schema;

    const SCHEMA: &str = include_str!("../../../../docs/sockets.schema.json");

    #[test]
    fn every_line_is_as_the_schema_says() {
        let mut seen = Vec::new();
        for line in crate::watch::samples().into_iter().chain(crate::port::samples()) {
            seen.extend(schema::check(SCHEMA, &line));
        }
        schema::names_all(SCHEMA, &seen);
    }
}
