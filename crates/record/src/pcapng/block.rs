//! The blocks of pcapng (draft-ietf-opsawg-pcapng), in little-endian order. Each is whole by itself, so a file that ends
//! after any of them is a good one.

use std::net::IpAddr;

/// IPv4 or IPv6 packets without anything before them (LINKTYPE_RAW).
pub(super) const RAW: u16 = 101;

/// Secrets of TLS, in the format of SSLKEYLOGFILE.
const TLS_KEYS: u32 = 0x544c_534b;

/// The longest text of an option: as much as a person reads.
const TEXT: usize = 1024;

/// Which way a packet went, as its block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    In = 1,
    Out = 2,
}

/// What a file begins with: who wrote it, and what is to be known of it.
pub(super) fn header(program: &str, comment: &str, to: &mut Vec<u8>) {
    block(0x0a0d_0d0a, to, |to| {
        to.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        to.extend_from_slice(&1_u16.to_le_bytes());
        to.extend_from_slice(&0_u16.to_le_bytes());
        // Its length is not known before its end.
        to.extend_from_slice(&u64::MAX.to_le_bytes());
        text(1, comment, to);
        text(4, program, to);
        end(to);
    });
}

/// Where packets of a link type come from. Times are nanoseconds.
pub(super) fn interface(link: u16, name: &str, to: &mut Vec<u8>) {
    block(1, to, |to| {
        to.extend_from_slice(&link.to_le_bytes());
        to.extend_from_slice(&[0; 2]);
        // Packets are never cut short for being long.
        to.extend_from_slice(&0_u32.to_le_bytes());
        text(2, name, to);
        option(9, &[9], to);
        end(to);
    });
}

/// One packet, at `time` nanoseconds since 1970-01-01T00:00:00Z.
pub(super) fn packet(time: u64, bound: Bound, packet: &[u8], comments: &[String], to: &mut Vec<u8>) {
    block(6, to, |to| {
        frame(time, packet.len(), packet, to);
        for comment in comments {
            text(1, comment, to);
        }
        option(2, &(bound as u32).to_le_bytes(), to);
        end(to);
    });
}

/// One packet that had `length` bytes, of which these were kept.
pub(super) fn captured(time: u64, length: usize, packet: &[u8], to: &mut Vec<u8>) {
    block(6, to, |to| frame(time, length.max(packet.len()), packet, to));
}

fn frame(time: u64, wire: usize, packet: &[u8], to: &mut Vec<u8>) {
    let [low, high] = [time & u64::from(u32::MAX), time >> 32];
    to.extend_from_slice(&0_u32.to_le_bytes());
    for half in [high, low] {
        to.extend_from_slice(&length(usize::try_from(half).unwrap_or(usize::MAX)).to_le_bytes());
    }
    for bytes in [packet.len(), wire] {
        to.extend_from_slice(&length(bytes).to_le_bytes());
    }
    padded(packet, to);
}

/// What an address is called.
pub(super) fn name(address: IpAddr, name: &str, to: &mut Vec<u8>) {
    let name = bounded(name);
    let (kind, octets) = match address {
        IpAddr::V4(ip) => (1_u16, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let record = [&octets[..], name.as_bytes(), b"\0"].concat();
    block(4, to, |to| {
        option(kind, &record, to);
        end(to);
    });
}

/// What reads a TLS connection, whose packets follow.
pub(super) fn secrets(line: &str, to: &mut Vec<u8>) {
    block(10, to, |to| {
        to.extend_from_slice(&TLS_KEYS.to_le_bytes());
        to.extend_from_slice(&length(line.len() + 1).to_le_bytes());
        padded(&[line.as_bytes(), b"\n"].concat(), to);
    });
}

/// A block of a kind, whose length stands at both its ends.
fn block(kind: u32, to: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend_from_slice(&kind.to_le_bytes());
    to.extend_from_slice(&[0; 4]);
    body(to);
    let total = length(to.len() - start + 4).to_le_bytes();
    to[start + 4..start + 8].copy_from_slice(&total);
    to.extend_from_slice(&total);
}

fn option(code: u16, value: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&code.to_le_bytes());
    to.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    padded(value, to);
}

fn text(code: u16, text: &str, to: &mut Vec<u8>) {
    option(code, bounded(text).as_bytes(), to);
}

/// The text as far as it is kept: without NUL, at a character's end.
fn bounded(text: &str) -> &str {
    let text = text.split('\0').next().unwrap_or_default();
    &text[..text.floor_char_boundary(TEXT)]
}

/// The end of options and records.
fn end(to: &mut Vec<u8>) {
    to.extend_from_slice(&[0; 4]);
}

/// Bytes, and zeros up to the next word.
fn padded(bytes: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(bytes);
    to.resize(to.len() + bytes.len().wrapping_neg() % 4, 0);
}

/// Lengths here are of single packets and lines.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_words_with_their_length_at_both_ends() {
        for data in [&b""[..], b"a", b"abcd", b"abcde"] {
            let mut out = Vec::new();
            packet(1 << 40, Bound::In, data, &["x".to_owned()], &mut out);
            let total = u32::from_le_bytes(out[4..8].try_into().unwrap()) as usize;
            assert_eq!((total, total % 4), (out.len(), 0));
            assert_eq!(out[out.len() - 4..], out[4..8]);
            assert_eq!(out[12..16], (1_u32 << 8).to_le_bytes());
        }
    }

    #[test]
    fn texts_are_bounded_at_a_character() {
        assert_eq!(bounded(&"界".repeat(1000)).len(), 1023);
        assert_eq!(bounded("a\0b"), "a");
    }
}
