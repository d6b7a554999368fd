//! The first bytes of a peer in a handshake: whether they are TLS at all, and what they seem to be if not. A function of
//! bytes.

use sockeye_wire::escape::{Shape, escape_bytes};

/// How many of them are kept.
const KEPT: usize = 96;

/// The record types of TLS (RFC 8446 section 5.1): change_cipher_spec, alert, handshake, application_data.
const RECORDS: std::ops::RangeInclusive<u8> = 20..=23;

/// A record that holds a handshake message, and the message that begins every connection.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// How a peer's bytes began.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    bytes: [u8; KEPT],
    len: usize,
    more: bool,
}

impl Default for First {
    fn default() -> Self {
        Self { bytes: [0; KEPT], len: 0, more: false }
    }
}

impl First {
    /// Takes what was read next.
    pub(super) fn push(&mut self, read: &[u8]) {
        let count = read.len().min(KEPT - self.len);
        self.bytes[self.len..self.len + count].copy_from_slice(&read[..count]);
        self.len += count;
        self.more |= count < read.len();
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether it can be TLS, as far as it goes.
    pub(super) fn may_be_tls(&self) -> bool {
        self.bytes().first().is_none_or(|byte| RECORDS.contains(byte))
            && self.bytes().get(1).is_none_or(|major| *major == 3)
    }

    /// Whether it is what a client begins with: from a server, our own bytes sent back.
    pub(super) fn is_client_hello(&self) -> bool {
        self.bytes().first() == Some(&HANDSHAKE) && self.bytes().get(5) == Some(&CLIENT_HELLO)
    }

    /// Whether a client of SSL 2 began, which later ones could pretend to be (RFC 5246 appendix E.2).
    pub(super) fn is_ssl2(&self) -> bool {
        matches!(self.bytes(), [first, _, CLIENT_HELLO, 0..=3, ..] if first & 0x80 != 0)
    }

    /// What it seems to be instead, as a word: for the sentence that says so.
    pub(super) fn kind(&self) -> &'static str {
        let bytes = self.bytes();
        let begins = |mark: &str| bytes.starts_with(mark.as_bytes());
        if begins("HTTP/") {
            return "http";
        }
        if is_request(bytes) {
            return "http-request";
        }
        if begins("SSH-") {
            return "ssh";
        }
        // Servers of mail and files greet so, and switch to TLS later, when asked to.
        if begins("220") || begins("* OK") || begins("+OK") {
            return "starttls";
        }
        let odd = |byte: &u8| (*byte < 0x20 && !matches!(byte, b'\t' | b'\r' | b'\n')) || *byte == 0x7f;
        if bytes.iter().any(odd) { "binary" } else { "text" }
    }

    /// The first line, escaped, with `…` where there is more.
    pub(super) fn text(&self) -> String {
        let bytes = self.bytes();
        let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        let mut text = String::new();
        escape_bytes(&bytes[..end], Shape::Line, &mut text);
        let rest = &bytes[end..];
        if self.more || rest.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
            text.push_str(" …");
        }
        text
    }
}

/// Whether it is a request of HTTP/1 or HTTP/2: a method in capitals, a space, and a target (RFC 9112 section 3).
fn is_request(bytes: &[u8]) -> bool {
    let Some(space) = bytes.iter().position(|byte| *byte == b' ') else { return false };
    let is_method = (3..=8).contains(&space) && bytes[..space].iter().all(u8::is_ascii_uppercase);
    is_method && matches!(bytes.get(space + 1), Some(b'/' | b'*' | b'h'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> First {
        let mut first = First::default();
        for byte in bytes {
            first.push(&[*byte]);
        }
        first
    }

    #[test]
    fn tls_is_told_from_all_else_by_two_bytes() {
        for bytes in [&b""[..], &[22], &[22, 3, 1, 2, 0, 1], &[21, 3, 3, 0, 2]] {
            assert!(first(bytes).may_be_tls(), "{bytes:?}");
        }
        for bytes in [&b"h"[..], &[22, b'x'], &[0x80, 46, 1, 3, 1], &[0], &[24, 3]] {
            assert!(!first(bytes).may_be_tls(), "{bytes:?}");
        }
        assert!(first(&[22, 3, 1, 2, 0, 1]).is_client_hello());
        assert!(!first(&[22, 3, 1, 2, 0, 2]).is_client_hello());
        assert!(first(&[0x80, 46, 1, 3, 1]).is_ssl2());
    }

    #[test]
    fn what_it_seems_to_be_and_how_it_began() {
        for (bytes, kind, text) in [
            (&b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n"[..], "http", "HTTP/1.1 400 Bad Request …"),
            (b"GET / HTTP/1.1\r\n", "http-request", "GET / HTTP/1.1"),
            (b"PRI * HTTP/2.0\r\n", "http-request", "PRI * HTTP/2.0"),
            (b"GETTING on", "text", "GETTING on"),
            (b"SSH-2.0-OpenSSH_9\r\n", "ssh", "SSH-2.0-OpenSSH_9"),
            (b"220 mail ready\r\n", "starttls", "220 mail ready"),
            ("你好\n".as_bytes(), "text", "你好"),
            (b"\x00\x01", "binary", "\\x00\\x01"),
            (b"\x1b[2J", "binary", "\\x1b[2J"),
        ] {
            let first = first(bytes);
            assert_eq!((first.kind(), first.text().as_str()), (kind, text), "{bytes:?}");
        }
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut first = First::default();
        first.push(&[b'x'; 4096]);
        assert_eq!(first.text(), format!("{} …", "x".repeat(KEPT)));
    }
}
