//! The system's errors in our words.

use std::io;

use sockeye_core::{Code, Fault, Side};

/// A socket that failed in the middle of a session.
pub(crate) fn session(error: &io::Error, subject: &str) -> Fault {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            Fault::new(Code::Reset, subject)
        }
        io::ErrorKind::ConnectionRefused => Fault::new(Code::PortUnreachable, subject),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Fault::new(Code::Unreachable, subject)
        }
        io::ErrorKind::TimedOut => Fault::new(Code::Broken, subject).on(Side::Path).detail(error),
        _ if error.raw_os_error() == Some(libc::EMSGSIZE) => {
            Fault::new(Code::DatagramTooLong, subject).arg("max", sockeye_core::limits::DATAGRAM)
        }
        _ => Fault::new(Code::Broken, subject).detail(error),
    }
}

/// Whether the process or the machine has run out of something that comes back by itself.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let out_of = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| out_of.contains(&code))
}
