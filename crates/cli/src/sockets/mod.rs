//! Sockets of this machine in words and as JSON, for every verb that shows them.

pub(crate) mod json;

use std::net::SocketAddr;
use std::time::Duration;

use sockeye::probe::owners::Process;
use sockeye::probe::sockets::Socket;
use sockeye::probe::watch::Holder;

use crate::fault::safe;
use crate::words::Words;

/// Who holds a socket, in words. A process chooses its name, so it may hold anything.
pub(crate) fn holder(words: &Words, socket: &Socket, holder: &Holder) -> String {
    let uid = socket.uid.map(|uid| uid.to_string());
    match (holder, uid) {
        (Holder::Process { process, others: 0 }, _) => named(words, "socket-process", process, 0),
        (Holder::Process { process, others }, _) => named(words, "socket-processes", process, *others),
        (Holder::Listener(process), _) => named(words, "socket-listener", process, 0),
        (Holder::Hidden, Some(uid)) => words.say("socket-user", &[("uid", &uid)]),
        (Holder::Hidden, None) => words.plain("socket-hidden"),
        (Holder::Unseen, _) => "?".to_owned(),
        (Holder::Nobody, _) => "-".to_owned(),
    }
}

fn named(words: &Words, key: &str, process: &Process, others: usize) -> String {
    let (name, pid, others) = (safe(&process.name), process.pid.to_string(), others.to_string());
    words.say(key, &[("name", &name), ("pid", &pid), ("others", &others)])
}

/// A socket's own address, or its peer's: `*` where there is none.
pub(crate) fn address(address: SocketAddr) -> String {
    if address.port() == 0 && address.ip().is_unspecified() { "*".to_owned() } else { address.to_string() }
}

/// Bytes, as few characters as tell them: `9999`, `15k`, `1.5M`, in units of a thousand.
pub(crate) fn short(count: u64) -> String {
    if count < 10_000 {
        return count.to_string();
    }
    let units = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let Some((scale, unit)) = units.into_iter().find(|(scale, _)| count >= *scale) else {
        return count.to_string();
    };
    let (whole, tenth) = (count / scale, count % scale * 10 / scale);
    if whole < 10 { format!("{whole}.{tenth}{unit}") } else { format!("{whole}{unit}") }
}

/// A time of the network: `23µs`, `1.50ms`, `250ms`, `3.0s`.
pub(crate) fn brief(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros}µs"),
        1_000..10_000 => format!("{}.{:02}ms", micros / 1_000, micros % 1_000 / 10),
        10_000..1_000_000 => format!("{}ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{}.{}s", micros / 1_000_000, micros % 1_000_000 / 100_000),
        _ => format!("{}m{:02}s", micros / 60_000_000, micros % 60_000_000 / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_more_than_there_is() {
        let shown = |count| short(count);
        assert_eq!([shown(0), shown(9_999), shown(10_000), shown(1_234_567)], ["0", "9999", "10k", "1.2M"]);
        assert_eq!([shown(12_345), shown(4_500_000), shown(u64::MAX)], ["12k", "4.5M", "18446744T"]);
        let shown = |micros| brief(Duration::from_micros(micros));
        assert_eq!([shown(0), shown(23), shown(1_505), shown(250_000)], ["0µs", "23µs", "1.50ms", "250ms"]);
        assert_eq!([shown(3_000_000), shown(61_000_000)], ["3.0s", "1m01s"]);
    }
}
