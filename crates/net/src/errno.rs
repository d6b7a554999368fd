//! What the system's errors mean to a person: from an `io::Error` to a fault's code.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use sockeye_core::{Code, Fault};

/// The fault of a connection attempt that began `elapsed` ago.
pub fn connecting(error: &Error, subject: &str, elapsed: Duration) -> Fault {
    let fault = |code| Fault::new(code, subject);
    match error.kind() {
        ErrorKind::ConnectionRefused => fault(Code::Refused),
        ErrorKind::NotFound => fault(Code::Refused).detail(error),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => fault(Code::Reset),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            fault(Code::Unreachable).detail(error)
        }
        ErrorKind::PermissionDenied => fault(Code::Denied).arg("address", target(subject)),
        ErrorKind::TimedOut => timed_out(subject, elapsed),
        _ => fault(Code::CannotConnect).detail(error),
    }
}

/// The fault of a connection that did not come about within `after`.
pub fn timed_out(subject: &str, after: Duration) -> Fault {
    Fault::new(Code::ConnectTimeout, subject).arg("after", seconds(after))
}

/// The fault of binding `address`; who has it is asked only where that is the matter.
pub fn binding(error: &Error, subject: &str, address: &str, owner: impl FnOnce() -> String) -> Fault {
    let fault = |code| Fault::new(code, subject);
    match error.kind() {
        ErrorKind::AddrInUse => fault(Code::Taken).arg("owner", owner()),
        ErrorKind::PermissionDenied => fault(Code::Denied).arg("address", address),
        ErrorKind::AddrNotAvailable => fault(Code::NotOurs).arg("address", address),
        _ => fault(Code::CannotConnect).detail(error),
    }
}

/// The fault of a session that breaks while it runs. On datagrams a refusal is an ICMP port unreachable.
pub fn running(error: &Error, subject: &str) -> Fault {
    let fault = |code| Fault::new(code, subject);
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            fault(Code::Reset)
        }
        ErrorKind::ConnectionRefused => fault(Code::PortUnreachable),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            fault(Code::Unreachable).detail(error)
        }
        ErrorKind::PermissionDenied => fault(Code::Denied).arg("address", target(subject)),
        _ => fault(Code::Broken).detail(error),
    }
}

/// Of several addresses that failed, the fault that tells most: an answer before silence, silence before no way.
pub(crate) fn most_telling(faults: Vec<Fault>) -> Option<Fault> {
    faults.into_iter().min_by_key(|fault| match fault.code {
        Code::Refused | Code::PortUnreachable => 0,
        Code::Reset => 1,
        Code::ConnectTimeout => 2,
        Code::Denied => 3,
        Code::Unreachable => 4,
        _ => 5,
    })
}

/// `connect tcp://x:1` is about `tcp://x:1`.
fn target(subject: &str) -> &str {
    subject.split_once(' ').map_or(subject, |(_, target)| target)
}

/// Seconds with at most three decimals, as users write them: `0.25s`, `10s`.
fn seconds(duration: Duration) -> String {
    let millis = duration.as_millis();
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_more_than_silence() {
        let fault = |code| Fault::new(code, "");
        let list = vec![fault(Code::Unreachable), fault(Code::ConnectTimeout), fault(Code::Refused)];
        assert_eq!(most_telling(list).map(|fault| fault.code), Some(Code::Refused));
        assert_eq!(most_telling(Vec::new()), None);
    }

    #[test]
    fn durations_read_as_users_write_them() {
        assert_eq!(seconds(Duration::from_millis(250)), "0.25s");
        assert_eq!(seconds(Duration::from_secs(10)), "10s");
        assert_eq!(seconds(Duration::from_micros(10)), "0s");
    }
}
