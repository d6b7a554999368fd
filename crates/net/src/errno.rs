//! What the system's errors mean to a person: from an `io::Error` to a fault's code.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use sockeye_core::quantity::Span;
use sockeye_core::{Code, Fault, Side};

/// The fault of a connection attempt that began `elapsed` ago.
pub fn connecting(error: &Error, subject: &str, elapsed: Duration) -> Fault {
    if let Some(fault) = error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        return fault.clone().doing(subject);
    }
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
    Fault::new(Code::ConnectTimeout, subject).arg("after", Span(after))
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

/// The fault of a session that breaks while it runs. On datagrams a refusal is an ICMP port unreachable. A layer says
/// what happened by an error with a fault in it.
pub fn running(error: &Error, subject: &str) -> Fault {
    if let Some(fault) = error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        return fault.clone().doing(subject);
    }
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
        ErrorKind::TimedOut => fault(Code::Broken).on(Side::Path).detail(error),
        _ if error.raw_os_error() == Some(libc::EMSGSIZE) => {
            fault(Code::DatagramTooLong).arg("max", sockeye_core::limits::DATAGRAM)
        }
        _ => fault(Code::Broken).detail(error),
    }
}

/// Whether the process or the machine has run out of something that comes back by itself.
pub(crate) fn is_exhausted(error: &Error) -> bool {
    let out_of = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| out_of.contains(&code))
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
}
