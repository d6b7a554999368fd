//! The exit codes, named once. Scripts rely on them.

use sockeye::End;
use sockeye::config::FILE;
use sockeye::core::Fault;
use sockeye::core::fault::Class;

/// All went well, or a drain that was clean.
pub(crate) const OK: u8 = 0;

/// How the program ends where nothing more is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// As a use case that went well, or was stopped.
    Normally(End),
    /// With this code; what went wrong was told.
    Told(u8),
}

impl Ended {
    /// Its exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Normally(end) => of_end(end),
            Self::Told(code) => code,
        }
    }
}

/// An expectation failed.
pub(crate) const FAILED: u8 = of_class(Class::Verdict);

/// A file could not be read, or has mistakes.
pub(crate) const BAD_FILE: u8 = of_class(Class::File);

/// The exit code of what a fault comes to.
pub(crate) const fn of_class(class: Class) -> u8 {
    match class {
        Class::Verdict => 1,
        Class::Usage => 2,
        Class::File => 3,
        Class::Connect => 4,
        Class::Security => 5,
        Class::Timeout => 6,
        Class::Session => 7,
    }
}

/// The exit code of a fault. What would be a slip on the command line is a bad file when it stands in one.
pub(crate) fn of_fault(fault: &Fault) -> u8 {
    let in_file = !fault.value(FILE).is_empty();
    of_class(if in_file { Class::File } else { fault.code.class() })
}

/// The exit code of a program that ended without a fault: after a second signal N it is 128 + N, as shells count.
pub(crate) fn of_end(end: End) -> u8 {
    match end {
        End::Done | End::Stopped => OK,
        End::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye::core::Code;

    #[test]
    fn the_codes_that_scripts_rely_on() {
        let table = [
            (Code::Usage, 2),
            (Code::BadHex, 2),
            (Code::Uncharted, 2),
            (Code::DatagramTooLong, 2),
            (Code::NoFile, 3),
            (Code::UnknownKey, 3),
            (Code::Refused, 4),
            (Code::Taken, 4),
            (Code::PortUnreachable, 4),
            (Code::Timeout, 6),
            (Code::ConnectTimeout, 6),
            (Code::Reset, 7),
            (Code::Oversize, 7),
            (Code::EarlyFin, 7),
        ];
        for (code, exit) in table {
            assert_eq!(of_fault(&Fault::new(code, "")), exit, "{}", code.word());
        }
        assert_eq!(of_class(Class::Verdict), 1);
        assert_eq!(of_class(Class::Security), 5);
    }

    #[test]
    fn a_second_signal_counts_as_shells_count() {
        assert_eq!(of_end(End::Done), 0);
        assert_eq!(of_end(End::Signal(2)), 130);
        assert_eq!(of_end(End::Signal(15)), 143);
    }
}
