//! What Linux counts of a TCP connection: `struct tcp_info` (linux/tcp.h), read field by field from as many bytes as the
//! kernel gives. Every kernel appends to it, so what came later is optional.

use std::time::Duration;

/// Bytes that every kernel gives (2.6 and later).
const OLDEST: usize = 104;

/// A connection's figures. Times are of the kernel's own clock; bytes are payload unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// Linux's number of the state; see [`super::State::of_linux`].
    pub state: u8,
    /// Of the congestion control: 0 open, 1 disorder, 2 reduced, 3 recovery, 4 loss.
    pub congestion_state: u8,
    /// Retransmissions of the oldest unacknowledged segment, since it was last acknowledged.
    pub retransmits: u8,
    /// Unanswered probes of a closed window or of keep-alive.
    pub probes: u8,
    /// How often the retransmission time-out was doubled.
    pub backoff: u8,
    /// Agreed in the handshake: 1 timestamps, 2 SACK, 4 window scaling, 8 ECN, 16 ECN seen, 32 data in the SYN.
    pub options: u8,
    /// Shift of the windows the peer announces (RFC 7323, section 2).
    pub send_window_shift: u8,
    /// Shift of the windows announced to it.
    pub receive_window_shift: u8,
    /// Retransmission time-out (RFC 6298).
    pub rto: Duration,
    /// How long an acknowledgement may be delayed here.
    pub delayed_ack: Duration,
    /// Bytes of the largest segment sent.
    pub send_mss: u32,
    /// Bytes of the largest segment received, estimated.
    pub receive_mss: u32,
    /// Segments sent and not acknowledged. Of a listener: connections that wait for accept.
    pub unacked: u32,
    /// Segments the peer has by SACK. Of a listener: the longest that queue may be.
    pub sacked: u32,
    /// Segments thought lost.
    pub lost: u32,
    /// Retransmitted segments that are not acknowledged yet.
    pub retransmitted: u32,
    /// Time since data was sent.
    pub last_data_sent: Duration,
    /// Time since data came.
    pub last_data_received: Duration,
    /// Time since an acknowledgement came.
    pub last_ack_received: Duration,
    /// Bytes of the path's MTU.
    pub path_mtu: u32,
    /// Smoothed round-trip time; zero before the first measure.
    pub rtt: Duration,
    /// Its mean deviation.
    pub rtt_variance: Duration,
    /// Slow-start threshold in segments; none while there is none.
    pub ssthresh: Option<u32>,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// The MSS announced to the peer.
    pub announced_mss: u32,
    /// How many segments may come out of order before one is thought lost.
    pub reordering: u32,
    /// Round-trip time as the receiver estimates it; zero before the first.
    pub receiver_rtt: Duration,
    /// Bytes of the receive buffer's tuning.
    pub receive_space: u32,
    /// Segments retransmitted in all.
    pub total_retransmits: u32,
    /// Bytes a second the sender paces itself to (Linux 3.15).
    pub pacing_rate: Option<u64>,
    /// Bytes acknowledged by the peer; the SYN of the connecting side counts as one (Linux 4.1).
    pub bytes_acked: Option<u64>,
    /// Bytes received in order; the peer's FIN counts as one (4.1).
    pub bytes_received: Option<u64>,
    /// Segments sent (4.2).
    pub segments_out: Option<u32>,
    /// Segments received (4.2).
    pub segments_in: Option<u32>,
    /// Bytes written and not sent yet (4.6).
    pub unsent: Option<u32>,
    /// The shortest round-trip time of the last minutes; none where none was measured (4.6).
    pub min_rtt: Option<Duration>,
    /// Segments with data received (4.6).
    pub data_segments_in: Option<u32>,
    /// Segments with data sent (4.6).
    pub data_segments_out: Option<u32>,
    /// Bytes a second of the latest delivery (4.9).
    pub delivery_rate: Option<u64>,
    /// Whether that was held back by the program, not by the network.
    pub rate_limited_by_program: Option<bool>,
    /// Time with data under way (4.10).
    pub busy: Option<Duration>,
    /// Of it: held back by the peer's window (4.10).
    pub window_limited: Option<Duration>,
    /// Of it: held back by the send buffer (4.10).
    pub buffer_limited: Option<Duration>,
    /// Segments delivered, retransmitted ones among them (4.18).
    pub delivered: Option<u32>,
    /// Of them, those marked by ECN (4.18).
    pub delivered_marked: Option<u32>,
    /// Bytes sent, retransmitted ones among them (4.19).
    pub bytes_sent: Option<u64>,
    /// Of them, the retransmitted ones (4.19).
    pub bytes_retransmitted: Option<u64>,
    /// Duplicates the peer told of by D-SACK (4.19).
    pub duplicates: Option<u32>,
    /// Times segments were seen reordered (4.19).
    pub reordered: Option<u32>,
    /// Segments that came out of order (5.4).
    pub out_of_order: Option<u32>,
    /// Bytes of the window the peer announced (5.4).
    pub send_window: Option<u32>,
    /// Bytes of the window announced to it (6.2).
    pub receive_window: Option<u32>,
    /// Retransmission time-outs in all (6.7).
    pub timeouts: Option<u16>,
}

impl TcpInfo {
    /// Reads what the kernel gave. None where it is shorter than any kernel's.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < OLDEST {
            return None;
        }
        let field = Fields(bytes);
        let (byte, number) = (|at| field.byte(at).unwrap_or(0), |at| field.u32(at).unwrap_or(0));
        let micros = |at| Duration::from_micros(number(at).into());
        let millis = |at| Duration::from_millis(number(at).into());
        let long_micros = |at| field.u64(at).map(Duration::from_micros);
        Some(Self {
            state: byte(0),
            congestion_state: byte(1),
            retransmits: byte(2),
            probes: byte(3),
            backoff: byte(4),
            options: byte(5),
            send_window_shift: first_half(byte(6)),
            receive_window_shift: second_half(byte(6)),
            rto: micros(8),
            delayed_ack: micros(12),
            send_mss: number(16),
            receive_mss: number(20),
            unacked: number(24),
            sacked: number(28),
            lost: number(32),
            retransmitted: number(36),
            last_data_sent: millis(44),
            last_data_received: millis(52),
            last_ack_received: millis(56),
            path_mtu: number(60),
            rtt: micros(68),
            rtt_variance: micros(72),
            ssthresh: Some(number(76)).filter(|segments| *segments < INFINITE_SSTHRESH),
            cwnd: number(80),
            announced_mss: number(84),
            reordering: number(88),
            receiver_rtt: micros(92),
            receive_space: number(96),
            total_retransmits: number(100),
            pacing_rate: field.u64(104).filter(|rate| *rate != u64::MAX),
            bytes_acked: field.u64(120),
            bytes_received: field.u64(128),
            segments_out: field.u32(136),
            segments_in: field.u32(140),
            unsent: field.u32(144),
            min_rtt: field
                .u32(148)
                .filter(|rtt| *rtt != u32::MAX)
                .map(|rtt| Duration::from_micros(rtt.into())),
            data_segments_in: field.u32(152),
            data_segments_out: field.u32(156),
            delivery_rate: field.u64(160),
            rate_limited_by_program: field.u64(160).map(|_| byte(7) & limited_bit() != 0),
            busy: long_micros(168),
            window_limited: long_micros(176),
            buffer_limited: long_micros(184),
            delivered: field.u32(192),
            delivered_marked: field.u32(196),
            bytes_sent: field.u64(200),
            bytes_retransmitted: field.u64(208),
            duplicates: field.u32(216),
            reordered: field.u32(220),
            out_of_order: field.u32(224),
            send_window: field.u32(228),
            receive_window: field.u32(232),
            timeouts: field.u16(240),
        })
    }
}

/// `TCP_INFINITE_SSTHRESH`: slow start has had no reason to end.
const INFINITE_SSTHRESH: u32 = 0x7fff_ffff;

/// The first bit field of a byte, which C places by the machine's byte order.
const fn first_half(byte: u8) -> u8 {
    if cfg!(target_endian = "little") { byte & 0xf } else { byte >> 4 }
}

/// The second.
const fn second_half(byte: u8) -> u8 {
    if cfg!(target_endian = "little") { byte >> 4 } else { byte & 0xf }
}

/// `tcpi_delivery_rate_app_limited`, the first bit of its byte.
const fn limited_bit() -> u8 {
    if cfg!(target_endian = "little") { 1 } else { 0x80 }
}

/// Fields by their offsets.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_ne_bytes)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_ne_bytes)
    }

    fn u64(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_ne_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_kernel_does_not_give_is_absent() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(TcpInfo::parse(&bytes[..103]), None);
        let oldest = TcpInfo::parse(&bytes[..104]).unwrap();
        assert_eq!((oldest.bytes_acked, oldest.pacing_rate, oldest.timeouts), (None, None, None));
        assert_eq!(oldest.total_retransmits, u32::from_ne_bytes([100, 101, 102, 103]));
        let some = TcpInfo::parse(&bytes[..168]).unwrap();
        assert_eq!(some.bytes_acked, Some(u64::from_ne_bytes([120, 121, 122, 123, 124, 125, 126, 127])));
        assert!(some.delivery_rate.is_some() && some.busy.is_none());
        // Half of a field is no field.
        assert_eq!(TcpInfo::parse(&bytes[..127]).unwrap().bytes_acked, None);
        assert!(TcpInfo::parse(&bytes).unwrap().timeouts.is_some());
    }

    #[test]
    fn no_value_is_shown_for_what_was_never_measured() {
        let bytes = [0xff; 256];
        let info = TcpInfo::parse(&bytes).unwrap();
        assert_eq!((info.ssthresh, info.min_rtt, info.pacing_rate), (None, None, None));
    }

    #[test]
    fn any_length_is_read() {
        for length in 0..400 {
            assert_eq!(TcpInfo::parse(&vec![0x5a; length]).is_some(), length >= 104);
        }
    }
}
