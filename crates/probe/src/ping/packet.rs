//! Echo requests and what comes back, as bytes (RFC 792; RFC 4443): built, checked and read without any system.
//!
//! What is read comes from anywhere: each length is looked at, and what is cut off or strange is `None`.

use std::net::IpAddr;

/// The first bytes of a payload tell whose probe it is; a shorter payload has as many of them as fit.
pub const MARK: usize = 8;

/// Bytes of an ICMP header.
pub const HEADER: usize = 8;

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// ICMP.
    V4,
    /// ICMPv6.
    V6,
}

impl Family {
    /// That of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    const fn request(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    const fn reply(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }

    /// Whether an ICMP type tells of something that went wrong.
    pub const fn is_error(self, kind: u8) -> bool {
        match self {
            Self::V4 => matches!(kind, 3 | 4 | 11 | 12),
            Self::V6 => kind < 128,
        }
    }
}

/// An ICMP message that concerns a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A reply.
    Reply {
        /// Whose.
        ident: u16,
        /// To which.
        sequence: u16,
        /// What it brings back.
        payload: &'a [u8],
    },
    /// An error about a request of ours.
    Error {
        /// What it says.
        icmp: Icmp,
        /// Whose request.
        ident: u16,
        /// Which.
        sequence: u16,
    },
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Icmp {
    /// The type.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// What else it says: the MTU of "fragmentation needed" and "packet too big", in bytes.
    pub info: u32,
    /// Which protocol.
    pub is_v6: bool,
}

impl Icmp {
    /// The word of a type and code, for scripts and catalogues (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3).
    pub const fn word(self) -> &'static str {
        match (self.is_v6, self.kind, self.code) {
            (false, 3, 0) => "net-unreachable",
            (false, 3, 1) => "host-unreachable",
            (false, 3, 2) => "protocol-unreachable",
            (false, 3, 3) | (true, 1, 4) => "port-unreachable",
            (false, 3, 4) => "fragmentation-needed",
            (false, 3, 5) => "source-route-failed",
            (false, 3, 6) => "net-unknown",
            (false, 3, 7) => "host-unknown",
            (false, 3, 9) => "net-prohibited",
            (false, 3, 10) => "host-prohibited",
            (false, 3, 13) | (true, 1, 1) => "prohibited",
            (false, 4, _) => "source-quench",
            (false, 11, 0) | (true, 3, 0) => "hops-exceeded",
            (false, 11, 1) | (true, 3, 1) => "reassembly-exceeded",
            (false, 12, _) | (true, 4, _) => "parameter-problem",
            (true, 1, 0) => "no-route",
            (true, 1, 2) => "beyond-scope",
            (true, 1, 3) => "address-unreachable",
            (true, 1, 5) => "source-policy",
            (true, 1, 6) => "reject-route",
            (true, 2, _) => "packet-too-big",
            _ => "other",
        }
    }
}

/// The payload of every probe: the mark of this run, then bytes that count up, so that a changed one is noticed.
pub fn payload(mark: u64, size: usize) -> Vec<u8> {
    let mark = mark.to_be_bytes();
    (0..size)
        .map(|at| mark.get(at).copied().unwrap_or_else(|| u8::try_from(at & 0xff).unwrap_or(0)))
        .collect()
}

/// The first place where two payloads differ; also where one ends before the other.
pub fn difference(sent: &[u8], came: &[u8]) -> Option<usize> {
    let common = sent.iter().zip(came).position(|(sent, came)| sent != came);
    common.or_else(|| (sent.len() != came.len()).then(|| sent.len().min(came.len())))
}

/// An echo request with its checksum; of ICMPv6 that is left to the kernel, which knows the addresses it covers.
pub fn request(family: Family, ident: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + payload.len());
    packet.extend([family.request(), 0, 0, 0]);
    packet.extend(ident.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend(payload);
    if family == Family::V4 {
        let sum = checksum(&packet).to_be_bytes();
        packet[2..4].copy_from_slice(&sum);
    }
    packet
}

/// The Internet checksum (RFC 1071): 0 over what has a right one in it.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u64;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// The ICMP message in an IPv4 packet, as raw sockets give it (RFC 791, section 3.1), and the packet's TTL.
pub fn within_ipv4(packet: &[u8]) -> Option<(&[u8], u8)> {
    let first = *packet.first()?;
    let head = usize::from(first & 0xf) * 4;
    if first >> 4 != 4 || head < 20 || *packet.get(9)? != 1 {
        return None;
    }
    Some((packet.get(head..)?, *packet.get(8)?))
}

/// Reads an ICMP message. What is neither a reply nor an error about a request is `None`.
pub fn read(family: Family, message: &[u8]) -> Option<Message<'_>> {
    let head = message.get(..HEADER)?;
    let (kind, code) = (head[0], head[1]);
    if kind == family.reply() && code == 0 {
        let payload = message.get(HEADER..)?;
        return Some(Message::Reply { ident: pair(head, 4)?, sequence: pair(head, 6)?, payload });
    }
    if !family.is_error(kind) {
        return None;
    }
    let quoted = message.get(HEADER..)?;
    let inner = match family {
        Family::V4 => within_ipv4(quoted)?.0,
        // The next header is asked for right behind the fixed header: our requests have no extensions.
        Family::V6 => quoted.get(40..).filter(|_| quoted[0] >> 4 == 6 && quoted[6] == 58)?,
    };
    if *inner.first()? != family.request() {
        return None;
    }
    Some(Message::Error {
        icmp: Icmp { kind, code, info: mtu(family, head)?, is_v6: family == Family::V6 },
        ident: pair(inner, 4)?,
        sequence: pair(inner, 6)?,
    })
}

/// The MTU in the header of an error that has one (RFC 1191, section 4; RFC 4443, section 3.2).
fn mtu(family: Family, head: &[u8]) -> Option<u32> {
    Some(match (family, head[0], head[1]) {
        (Family::V4, 3, 4) => u32::from(pair(head, 6)?),
        (Family::V6, 2, _) => u32::from_be_bytes(head.get(4..8)?.try_into().ok()?),
        _ => 0,
    })
}

fn pair(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 1071, section 3.
    #[test]
    fn checksums_are_those_of_rfc_1071() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0xff]), !0xff00);
        assert_eq!(checksum(&[]), 0xffff);
        let packet = request(Family::V4, 0x1234, 7, &payload(0x0102_0304_0506_0708, 57));
        assert_eq!((checksum(&packet), packet.len()), (0, 65));
        assert_eq!(packet[..2], [8, 0]);
    }

    #[test]
    fn a_payload_is_marked_and_a_changed_one_is_noticed() {
        let sent = payload(0x0102_0304_0506_0708, 12);
        assert_eq!(sent, [1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11]);
        let mut came = sent.clone();
        assert_eq!(difference(&sent, &came), None);
        came[9] ^= 1;
        assert_eq!(difference(&sent, &came), Some(9));
        assert_eq!((difference(&sent, &sent[..5]), difference(&sent[..5], &sent)), (Some(5), Some(5)));
        assert_eq!((payload(1, 3), payload(1, 0)), (vec![0; 3], Vec::new()));
        assert_eq!(payload(0, 300)[299], 43);
    }

    fn reply(family: Family) -> Vec<u8> {
        let mut packet = request(family, 0xabcd, 0x0102, b"payload");
        packet[0] = family.reply();
        packet
    }

    /// An IPv4 header of 24 bytes, options and all, with a TTL of 61.
    fn in_ipv4(inner: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x46, 0, 0, 0, 0, 0, 0, 0, 61, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1];
        packet.extend(inner);
        packet
    }

    #[test]
    fn replies_are_read() {
        for family in [Family::V4, Family::V6] {
            let expected = Message::Reply { ident: 0xabcd, sequence: 0x0102, payload: b"payload" };
            assert_eq!(read(family, &reply(family)), Some(expected));
            // Our own requests come back too, on loopback.
            assert_eq!(read(family, &request(family, 1, 2, b"")), None);
        }
        let packet = in_ipv4(&reply(Family::V4));
        assert_eq!(within_ipv4(&packet).map(|(message, ttl)| (message.len(), ttl)), Some((15, 61)));
    }

    #[test]
    fn errors_name_the_request_they_are_about() {
        let mut error = vec![3, 4, 0, 0, 0, 0, 0x05, 0x14];
        error.extend(in_ipv4(&request(Family::V4, 0xabcd, 9, b"")));
        let icmp = Icmp { kind: 3, code: 4, info: 1300, is_v6: false };
        assert_eq!(read(Family::V4, &error), Some(Message::Error { icmp, ident: 0xabcd, sequence: 9 }));
        assert_eq!(icmp.word(), "fragmentation-needed");

        let mut error = vec![1, 3, 0, 0, 0, 0, 0, 0];
        let mut head = [0; 40];
        (head[0], head[6]) = (0x60, 58);
        error.extend(head);
        error.extend(request(Family::V6, 0xabcd, 9, b""));
        let icmp = Icmp { kind: 1, code: 3, info: 0, is_v6: true };
        assert_eq!(read(Family::V6, &error), Some(Message::Error { icmp, ident: 0xabcd, sequence: 9 }));
        assert_eq!(icmp.word(), "address-unreachable");
    }

    #[test]
    fn what_is_cut_off_or_not_about_us_is_nothing() {
        let mut error = vec![3, 1, 0, 0, 0, 0, 0, 0];
        error.extend(in_ipv4(&request(Family::V4, 1, 2, b"x")));
        for end in 0..error.len() - 1 {
            let whole_head = end >= HEADER + 24 + HEADER;
            assert_eq!(read(Family::V4, &error[..end]).is_some(), whole_head, "{end}");
            let _ = (read(Family::V6, &error[..end]), within_ipv4(&error[..end]));
        }
        let mut udp = error.clone();
        udp[HEADER + 9] = 17;
        assert_eq!(read(Family::V4, &udp), None);
        let mut seed = 1_u32;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..seed % 80)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    seed.to_be_bytes()[0]
                })
                .collect();
            seed = seed.wrapping_add(1);
            let _ = (read(Family::V4, &bytes), read(Family::V6, &bytes), within_ipv4(&bytes));
        }
    }
}
