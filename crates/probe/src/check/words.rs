//! What a program's first bytes tell of it. A function of bytes: the bytes are the peer's, and may be made up.

/// Bytes that are kept of what a server says first.
pub const KEPT: usize = 512;

/// What seems to be spoken, as a word; `text` or `binary` where it is none of those known.
pub fn kind(bytes: &[u8]) -> &'static str {
    let begins = |mark: &[u8]| bytes.starts_with(mark);
    // An alert, or a handshake record of TLS (RFC 8446 section 5.1).
    if bytes.len() > 2 && matches!(bytes[0], 21 | 22) && bytes[1] == 3 {
        return "tls";
    }
    if begins(b"HTTP/") {
        return "http";
    }
    if begins(b"SSH-") {
        return "ssh";
    }
    if begins(b"220 ") || begins(b"220-") {
        let text = String::from_utf8_lossy(bytes).to_ascii_uppercase();
        return if text.contains("SMTP") { "smtp" } else { "ftp" };
    }
    if begins(b"* OK") {
        return "imap";
    }
    if begins(b"+OK") {
        return "pop3";
    }
    if begins(b"-ERR") || begins(b"-NOAUTH") || begins(b"-DENIED") {
        return "redis";
    }
    if begins(b"RFB 0") {
        return "vnc";
    }
    // A packet of MySQL (its length in three bytes, number 0) with protocol version 10.
    if bytes.len() > 5 && bytes[2] == 0 && bytes[3] == 0 && bytes[4] == 10 {
        return "mysql";
    }
    let is_odd = |byte: &u8| (*byte < 0x20 && !b"\t\r\n".contains(byte)) || *byte == 0x7f;
    if bytes.iter().any(is_odd) || bytes.utf8_chunks().any(|chunk| chunk.invalid().len() > 1) {
        return "binary";
    }
    "text"
}

/// Its first line, cut to what people read; to be escaped.
pub fn line(bytes: &[u8]) -> String {
    const SHOWN: usize = 80;
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_tell_who_speaks() {
        let table: &[(&[u8], &str)] = &[
            (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh"),
            (b"220 mail.example ESMTP\r\n", "smtp"),
            (b"220 FTP ready\r\n", "ftp"),
            (b"HTTP/1.1 400 Bad Request\r\n", "http"),
            (&[21, 3, 1, 0, 2, 2, 10], "tls"),
            (b"-ERR unknown command\r\n", "redis"),
            (b"hello\n", "text"),
            ("你好".as_bytes(), "text"),
            (&[0, 1, 2], "binary"),
            (b"", "text"),
        ];
        for (bytes, expected) in table {
            assert_eq!(kind(bytes), *expected);
        }
        assert_eq!(line(b"one\r\ntwo"), "one");
        assert_eq!(line("长".repeat(100).as_bytes()).chars().count(), 81);
    }
}
