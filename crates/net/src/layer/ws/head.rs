//! The head of an HTTP/1.1 message (RFC 9112, section 2), as far as an upgrade needs it: read within bounds, strictly,
//! and told apart from what is no HTTP at all. Nothing here is a web server.

use std::io;

use tokio::io::AsyncReadExt;

use crate::stream::Stream;

/// The longest head, in bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// The most fields of a head.
const FIELDS: usize = 64;

/// The longest method: what has no space in so many bytes is no request.
const METHOD: usize = 20;

/// Whose head is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Client,
    Server,
}

/// Why there is no head.
#[derive(Debug)]
pub(super) enum Unread {
    /// These bytes begin no HTTP message.
    Foreign(Vec<u8>),
    /// The peer ended after these bytes.
    Ended(Vec<u8>),
    /// HTTP, but not as it must be; in a library's or the RFC's own words.
    Malformed(&'static str),
    /// Over a bound.
    TooLong,
    /// The connection broke.
    Broken(io::Error),
}

/// Reads a head, and what came after it.
pub(super) async fn read(stream: &mut Stream, from: From) -> Result<(Vec<u8>, Vec<u8>), Unread> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 2048];
    loop {
        let count = stream.read(&mut chunk).await.map_err(Unread::Broken)?;
        if count == 0 {
            return Err(Unread::Ended(bytes));
        }
        let seen = bytes.len();
        bytes.extend_from_slice(&chunk[..count]);
        if let Some(end) = scan(&bytes, seen, from)? {
            let rest = bytes.split_off(end);
            return Ok((bytes, rest));
        }
    }
}

/// The head in these chunks, if they hold a whole one.
pub(super) fn gather<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    from: From,
) -> Result<Option<Vec<u8>>, Unread> {
    let mut bytes = Vec::new();
    for chunk in chunks {
        let seen = bytes.len();
        bytes.extend_from_slice(chunk);
        if let Some(end) = scan(&bytes, seen, from)? {
            bytes.truncate(end);
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// Where the head ends, if it is whole. Of `bytes`, `seen` were looked at before.
fn scan(bytes: &[u8], seen: usize, from: From) -> Result<Option<usize>, Unread> {
    let foreign = || Err(Unread::Foreign(bytes.to_vec()));
    if seen <= METHOD && !may_begin(bytes, from) {
        return foreign();
    }
    for at in seen.saturating_sub(1)..bytes.len() {
        let is_first_end = bytes[at] == b'\n' && !bytes[..at].contains(&b'\n');
        if is_first_end && !is_first_line(&bytes[..at], from) {
            return foreign();
        }
        let previous = at.checked_sub(1).map(|before| bytes[before]);
        if (bytes[at] == b'\n') != (previous == Some(b'\r')) {
            return Err(Unread::Malformed("CR LF"));
        }
        if bytes[..=at].ends_with(b"\r\n\r\n") {
            return if at < LONGEST { Ok(Some(at + 1)) } else { Err(Unread::TooLong) };
        }
    }
    if bytes.len() >= LONGEST { Err(Unread::TooLong) } else { Ok(None) }
}

/// Whether these first bytes can become a head of HTTP/1.
fn may_begin(bytes: &[u8], from: From) -> bool {
    match from {
        From::Server => bytes.iter().zip(b"HTTP/").all(|(got, wanted)| got == wanted),
        From::Client => {
            let start = &bytes[..bytes.len().min(METHOD + 1)];
            let method = start.split(|byte| *byte == b' ').next().unwrap_or(start);
            !method.is_empty()
                && method.len() <= METHOD
                && method.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-')
        }
    }
}

/// Whether this is a first line of HTTP, as it seems.
fn is_first_line(line: &[u8], from: From) -> bool {
    match from {
        From::Server => line.starts_with(b"HTTP/"),
        From::Client => line.windows(6).any(|part| part == b" HTTP/"),
    }
}

/// The fields of a head.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(headers: &[httparse::Header<'_>]) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
        Self(headers.iter().map(|it| (it.name.to_ascii_lowercase(), text(it.value))).collect())
    }

    /// Every value of a field; `name` is in lower case.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The field's value, if it stands there exactly once.
    pub(super) fn only<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether the field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The members of a list field (RFC 9110, section 5.6.1), over all its lines.
    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|member| !member.is_empty())
    }

    /// Whether a list field holds a token, in whatever case.
    pub(super) fn holds(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|member| member.eq_ignore_ascii_case(token))
    }
}

/// A request's head.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// As written, query included.
    pub(super) target: String,
    /// The `x` of HTTP/1.x.
    pub(super) minor: u8,
    pub(super) fields: Fields,
}

impl Request {
    pub(super) fn parse(head: &[u8]) -> Result<Self, Unread> {
        let mut space = [httparse::EMPTY_HEADER; FIELDS];
        let mut request = httparse::Request::new(&mut space);
        whole(request.parse(head))?;
        Ok(Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            minor: request.version.unwrap_or_default(),
            fields: Fields::of(request.headers),
        })
    }
}

/// An answer's head.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The words after the number.
    pub(super) reason: String,
    pub(super) fields: Fields,
}

impl Response {
    pub(super) fn parse(head: &[u8]) -> Result<Self, Unread> {
        let mut space = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut space);
        whole(response.parse(head))?;
        Ok(Self {
            status: response.code.unwrap_or_default(),
            reason: response.reason.unwrap_or_default().to_owned(),
            fields: Fields::of(response.headers),
        })
    }
}

fn whole(parsed: httparse::Result<usize>) -> Result<(), Unread> {
    match parsed {
        Ok(httparse::Status::Complete(_)) => Ok(()),
        Ok(httparse::Status::Partial) => Err(Unread::Malformed("CR LF")),
        Err(httparse::Error::TooManyHeaders) => Err(Unread::TooLong),
        Err(httparse::Error::HeaderName) => Err(Unread::Malformed("field name")),
        Err(httparse::Error::HeaderValue) => Err(Unread::Malformed("field value")),
        Err(httparse::Error::Version) => Err(Unread::Malformed("HTTP version")),
        Err(_) => Err(Unread::Malformed("first line")),
    }
}

/// Whether this is a token (RFC 9110, section 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans byte by byte, as the slowest peer would send it.
    fn drip(text: &[u8], from: From) -> Result<Option<usize>, Unread> {
        for end in 1..=text.len() {
            let found = scan(&text[..end], end - 1, from)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    #[test]
    fn a_head_ends_at_its_empty_line_however_it_is_cut() {
        let text = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
        assert_eq!(drip(text, From::Client).unwrap(), Some(text.len() - 4));
        assert_eq!(scan(text, 0, From::Client).unwrap(), Some(text.len() - 4));
        assert_eq!(drip(&text[..20], From::Client).unwrap(), None);
    }

    #[test]
    fn what_is_no_http_is_told_at_once() {
        for bytes in [
            &b"\x16\x03\x01\x02\x00"[..],
            b"hello\n",
            b"hello",
            b"SSH-2.0-x\r\n",
            b"GET /\r\n",
            b" GET",
            b"\r\n",
        ] {
            assert!(matches!(drip(bytes, From::Client), Err(Unread::Foreign(_))), "{bytes:?}");
        }
        for bytes in [&b"SSH-2.0-x\r\n"[..], b"GET / HTTP/1.1\r\n", b"\x15\x03", b"HT\n"] {
            assert!(matches!(drip(bytes, From::Server), Err(Unread::Foreign(_))), "{bytes:?}");
        }
        assert!(drip(b"HTTP/1.1 101 x\r\n\r\n", From::Server).unwrap().is_some());
    }

    #[test]
    fn a_lone_cr_or_lf_is_refused_and_so_is_what_never_ends() {
        for text in ["GET / HTTP/1.1\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost:\rh\r\n\r\n"] {
            assert!(matches!(drip(text.as_bytes(), From::Client), Err(Unread::Malformed(_))), "{text}");
        }
        let long = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(LONGEST));
        assert!(matches!(scan(long.as_bytes(), 0, From::Client), Err(Unread::TooLong)));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(FIELDS + 1));
        assert!(matches!(Request::parse(many.as_bytes()), Err(Unread::TooLong)));
    }

    #[test]
    fn fields_are_found_whatever_their_case_and_lines() {
        let head = b"GET /x HTTP/1.1\r\nConnection: keep-alive,\r\nCONNECTION: Upgrade\r\nHost:  h \r\n\r\n";
        let request = Request::parse(head).unwrap();
        assert!(request.fields.holds("connection", "upgrade"));
        assert_eq!((request.fields.only("host"), request.fields.only("connection")), (Some("h"), None));
        for bad in ["A : b", " folded: b", "A\0: b", "A"] {
            let head = format!("GET / HTTP/1.1\r\nHost: h\r\n{bad}\r\n\r\n");
            assert!(matches!(Request::parse(head.as_bytes()), Err(Unread::Malformed(_))), "{bad:?}");
        }
    }
}
