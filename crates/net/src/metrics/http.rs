//! The little HTTP/1.1 (RFC 9112) that metrics need: one request, one answer, then the connection closes. Pure bytes.

/// A request head is at most this long, in bytes.
pub(crate) const HEAD: usize = 8 * 1024;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The metrics.
    Metrics(Body),
    /// Something that is answered with this status, and why.
    Refused(Status, Body),
}

/// Whether the answer has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// GET.
    Sent,
    /// HEAD: only its length is told.
    Told,
}

/// A status that is no success (RFC 9110, section 15; RFC 6585, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// No HTTP/1 request.
    Bad,
    /// Another path.
    NotFound,
    /// Another method.
    Method,
    /// A head that is too long.
    TooLong,
    /// A version other than 1.0 and 1.1.
    Version,
    /// The metrics could not be written down.
    Failed,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Bad => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::Method => "405 Method Not Allowed",
            Self::TooLong => "431 Request Header Fields Too Large",
            Self::Version => "505 HTTP Version Not Supported",
            Self::Failed => "500 Internal Server Error",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Bad => "this is no HTTP/1.1 request; ask GET /metrics",
            Self::NotFound => "there is only /metrics here",
            Self::Method => "only GET and HEAD are answered",
            Self::TooLong => "a request head may have 8 KiB",
            Self::Version => "only HTTP/1.0 and HTTP/1.1 are spoken",
            Self::Failed => "the metrics could not be written down",
        }
    }
}

/// What these first bytes of a connection ask for; `None` if the head is not whole.
pub(crate) fn read(bytes: &[u8]) -> Option<Request> {
    let refused = |status| Some(Request::Refused(status, Body::Sent));
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if first.len() < bytes.len() && !first.ends_with(b"\r") {
        return refused(Status::Bad);
    }
    if !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        return if bytes.len() >= HEAD { refused(Status::TooLong) } else { None };
    }
    let Ok(line) = std::str::from_utf8(&first[..first.len() - 1]) else { return refused(Status::Bad) };
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return refused(Status::Bad);
    };
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    match version {
        "HTTP/1.0" | "HTTP/1.1" if is_token(method) => {}
        _ if version.starts_with("HTTP/") && is_token(method) => return refused(Status::Version),
        _ => return refused(Status::Bad),
    }
    let body = if method == "HEAD" { Body::Told } else { Body::Sent };
    Some(match (method, path(target)) {
        (_, None) => Request::Refused(Status::Bad, body),
        (_, Some(path)) if path != "/metrics" => Request::Refused(Status::NotFound, body),
        ("GET" | "HEAD", _) => Request::Metrics(body),
        _ => Request::Refused(Status::Method, body),
    })
}

/// The path of a request target: of one in origin form, or in absolute form as proxies send it (RFC 9112, section 3.2).
fn path(target: &str) -> Option<&str> {
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    path.starts_with('/').then(|| path.split('?').next().unwrap_or(path))
}

/// The whole answer with the metrics.
pub(crate) fn found(kind: &str, text: &str, body: Body) -> Vec<u8> {
    answer("200 OK", kind, "", text, body)
}

/// The whole answer with another status.
pub(crate) fn refused(status: Status, body: Body) -> Vec<u8> {
    let allow = if status == Status::Method { "Allow: GET, HEAD\r\n" } else { "" };
    let text = format!("{}\n", status.advice());
    answer(status.line(), "text/plain; charset=utf-8", allow, &text, body)
}

fn answer(status: &str, kind: &str, extra: &str, text: &str, body: Body) -> Vec<u8> {
    let length = text.len();
    let text = if body == Body::Sent { text } else { "" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{extra}\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{text}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: &str) -> Option<Status> {
        match read(request.as_bytes()) {
            Some(Request::Refused(status, _)) => Some(status),
            _ => None,
        }
    }

    #[test]
    fn the_metrics_are_asked_for_in_a_few_ways() {
        for (request, body) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Body::Sent),
            ("GET /metrics HTTP/1.0\r\n\r\n", Body::Sent),
            ("HEAD /metrics?a=b HTTP/1.1\r\n\r\n", Body::Told),
            ("GET http://127.0.0.1:9464/metrics HTTP/1.1\r\n\r\n", Body::Sent),
        ] {
            assert_eq!(read(request.as_bytes()), Some(Request::Metrics(body)), "{request}");
        }
    }

    #[test]
    fn everything_else_has_its_status() {
        for (request, wanted) in [
            ("GET / HTTP/1.1\r\n\r\n", Status::NotFound),
            ("GET /metrics/../x HTTP/1.1\r\n\r\n", Status::NotFound),
            ("POST /other HTTP/1.1\r\n\r\n", Status::NotFound),
            ("POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n", Status::Method),
            ("PRI * HTTP/2.0\r\n\r\n", Status::Version),
            ("GET /metrics HTTP/1.1\n", Status::Bad),
            ("GET metrics HTTP/1.1\r\n\r\n", Status::Bad),
            ("GET  /metrics HTTP/1.1\r\n\r\n", Status::Bad),
            ("get /metrics HTTP/1.1\r\n\r\n", Status::Bad),
            ("GET /metrics\r\n\r\n", Status::Bad),
            ("\r\n\r\n", Status::Bad),
            ("hello\n", Status::Bad),
            ("\u{16}\u{3}\u{1}\n", Status::Bad),
        ] {
            assert_eq!(status(request), Some(wanted), "{request:?}");
        }
    }

    #[test]
    fn a_head_is_waited_for_and_bounded() {
        let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..request.len() {
            assert_eq!(read(&request.as_bytes()[..end]), None);
        }
        let mut long = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(HEAD));
        long.truncate(HEAD - 1);
        assert_eq!(read(long.as_bytes()), None);
        long.push('x');
        assert_eq!(status(&long), Some(Status::TooLong));
        assert_eq!(status(&"x".repeat(HEAD)), Some(Status::TooLong));
    }

    #[test]
    fn answers_tell_their_length_and_close() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let told = text(found("text/plain", "four", Body::Told));
        assert!(told.contains("Content-Length: 4\r\n") && told.ends_with("Connection: close\r\n\r\n"));
        assert!(text(found("text/plain", "four", Body::Sent)).ends_with("\r\n\r\nfour"));
        assert!(text(refused(Status::Method, Body::Sent)).contains("\r\nAllow: GET, HEAD\r\n"));
        assert!(text(refused(Status::NotFound, Body::Sent)).starts_with("HTTP/1.1 404 Not Found\r\n"));
    }
}
