//! Close codes (RFC 6455, section 7.4, and IANA's registry "WebSocket Close Code Number").

use sockeye_core::event::Farewell;
use sockeye_core::{Code, Fault, Note};

/// We are done.
pub(crate) const NORMAL: u16 = 1000;
/// This end goes away: the server stops.
pub(crate) const GOING_AWAY: u16 = 1001;
/// What came breaks the protocol.
pub(crate) const PROTOCOL_ERROR: u16 = 1002;
/// A Close without a code. Never sent.
pub(crate) const NO_STATUS: u16 = 1005;
/// An end without a Close. Never sent.
pub(crate) const ABNORMAL: u16 = 1006;
/// Text that is not UTF-8.
pub(crate) const INVALID_DATA: u16 = 1007;
/// What came does not suit us, for a reason that no other code names.
pub(crate) const POLICY: u16 = 1008;
/// A message over our bound.
pub(crate) const TOO_BIG: u16 = 1009;
/// We failed.
pub(crate) const INTERNAL: u16 = 1011;

/// How the peer took its leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leave {
    pub(crate) code: u16,
    /// Its own words, at most 123 bytes. A peer's: never shown unescaped.
    pub(crate) reason: String,
}

impl Leave {
    /// Without words.
    pub(crate) const fn plain(code: u16) -> Self {
        Self { code, reason: String::new() }
    }

    /// The fault it stands for, if it is one.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let is_error = matches!(self.code, 1002 | 1003 | 1006..=1015 | 3000 | 3003 | 3008)
            || name(self.code) == "unknown";
        is_error.then(|| {
            let fault = Fault::new(Code::WsClosed, "").arg("code", self.code).arg("name", name(self.code));
            if self.reason.is_empty() { fault } else { fault.detail(&self.reason) }
        })
    }

    /// What a person is told of an end that only the two programs know the meaning of.
    pub(crate) fn note(&self) -> Option<Note> {
        (self.fault().is_none() && self.code >= 3000).then(|| {
            let note = Note::new("ws-closed").arg("code", self.code).arg("name", name(self.code));
            note.arg("reason", if self.reason.is_empty() { "-" } else { &self.reason })
        })
    }
}

/// What a code is called; never translated.
pub(crate) const fn name(code: u16) -> &'static str {
    match code {
        NORMAL => "normal",
        GOING_AWAY => "going-away",
        PROTOCOL_ERROR => "protocol-error",
        1003 => "unsupported-data",
        NO_STATUS => "no-status",
        ABNORMAL => "abnormal",
        INVALID_DATA => "invalid-data",
        POLICY => "policy-violation",
        TOO_BIG => "message-too-big",
        1010 => "extension-missing",
        INTERNAL => "internal-error",
        1012 => "service-restart",
        1013 => "try-again-later",
        1014 => "bad-gateway",
        1015 => "tls-failed",
        3000 => "unauthorized",
        3003 => "forbidden",
        3008 => "timeout",
        3001..=3999 => "registered",
        4000..=4999 => "private",
        _ => "unknown",
    }
}

/// The words of an end, for the event.
pub(crate) const fn farewell(code: u16, reason: &str) -> Farewell<'_> {
    Farewell { code, name: name(code), reason }
}

/// What we say when the session ends because of a fault.
pub(crate) const fn code_of(fault: Code) -> u16 {
    match fault {
        Code::Internal => INTERNAL,
        Code::Oversize | Code::WsOversize => TOO_BIG,
        Code::BadFrame | Code::Truncated => POLICY,
        Code::Idle | Code::Timeout => GOING_AWAY,
        _ => NORMAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_errors_news_or_neither() {
        let told = |code| {
            let leave = Leave::plain(code);
            (leave.fault().is_some(), leave.note().is_some())
        };
        for code in [NORMAL, GOING_AWAY, NO_STATUS] {
            assert_eq!(told(code), (false, false), "{code}");
        }
        for code in [1002, 1003, 1006, 1007, 1008, 1009, 1011, 1012, 3000, 3003, 1004, 2000, 5000] {
            assert_eq!(told(code), (true, false), "{code}");
        }
        for code in [3999, 4000, 4999] {
            assert_eq!(told(code), (false, true), "{code}");
        }
    }
}
