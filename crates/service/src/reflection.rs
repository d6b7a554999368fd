//! What keeps the small UDP services from being used against others, in one place.
//!
//! A datagram's source may be forged: an answer larger than its question would multiply an attacker's traffic, and an
//! answer to another small service would start an endless exchange (CERT advisory CA-1996-01). So off loopback a UDP
//! answer is never larger than its question, and a question that comes from the port of a small service gets none.

use sockeye_core::{Address, Peer};

/// The ports of echo, daytime, quote of the day, chargen and time (RFC 862, 867, 865, 864, 868).
const SMALL: [u16; 5] = [7, 13, 17, 19, 37];

/// How much may be sent back to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reflection {
    /// Anything: a stream, whose handshake proved the address, or a peer on this machine.
    Free,
    /// At most as much as was asked with.
    Bounded,
    /// Nothing: the peer's port is that of a small service.
    Mute,
}

impl Reflection {
    pub(crate) fn of(peer: &Peer) -> Self {
        match &peer.remote {
            Address::Ip(remote) if peer.datagrams && SMALL.contains(&remote.port()) => Self::Mute,
            remote if peer.datagrams && !remote.is_local() => Self::Bounded,
            _ => Self::Free,
        }
    }

    /// The longest answer to a question of `question` bytes, when one of `wanted` bytes would be given. `None`: none.
    pub(crate) fn bound(self, question: usize, wanted: usize) -> Option<usize> {
        match self {
            Self::Free => Some(wanted),
            Self::Bounded => Some(wanted.min(question)),
            Self::Mute => None,
        }
    }

    /// Whether a question of `question` bytes may have this whole answer.
    pub(crate) fn allows(self, question: usize, answer: usize) -> bool {
        self.bound(question, answer) == Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_core::SessionId;

    fn from(remote: &str, datagrams: bool) -> Reflection {
        let local = Address::Ip("127.0.0.1:7".parse().unwrap());
        let remote = Address::Ip(remote.parse().unwrap());
        Reflection::of(&Peer {
            session: SessionId(1),
            transport: "udp",
            datagrams,
            local,
            remote,
            user: None,
        })
    }

    #[test]
    fn off_loopback_no_answer_outgrows_its_question() {
        let far = from("192.0.2.1:4000", true);
        assert_eq!(far.bound(10, 512), Some(10));
        assert!(far.allows(4, 4) && !far.allows(3, 4));
        assert_eq!(from("127.0.0.1:4000", true).bound(0, 512), Some(512));
        assert_eq!(from("[::1]:4000", true).bound(0, 512), Some(512));
    }

    #[test]
    fn small_services_get_no_datagram() {
        for port in SMALL {
            assert_eq!(from(&format!("127.0.0.1:{port}"), true).bound(10, 10), None);
            assert_eq!(from(&format!("127.0.0.1:{port}"), false).bound(10, 10), Some(10));
        }
    }
}
